"""Arrays that were decoded, kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np


class ArrayCache:
    """The arrays that were asked for last, up to a number of bytes. Several threads may use one.

    Two threads that ask for the same array at once may both make it: that costs time, not truth.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def bytes_held(self) -> int:
        """How much is kept now."""
        return self._bytes

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of a key, made where it is not kept. It must not be written to."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        array = make()
        array.setflags(write=False)
        with self._lock:
            self._put(key, array)
        return array

    def _put(self, key: Hashable, array: np.ndarray) -> None:
        if key in self._arrays or array.nbytes > self.max_bytes:
            return
        self._arrays[key] = array
        self._bytes += array.nbytes
        while self._bytes > self.max_bytes:
            self._bytes -= self._arrays.popitem(last=False)[1].nbytes
