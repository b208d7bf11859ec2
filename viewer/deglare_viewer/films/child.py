"""The process that works on one clip: in a group of its own, stopped gently and then for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from threading import Event, Timer
from typing import IO

from deglare_viewer.films.film import Film

ATTENDED = (sys.executable, "-P", "-m", "deglare_viewer.films.attended")
GRACE_S = 8.0
"""Between being asked to stop and being made to."""


class Child:
    """A process at work; it begins at once."""

    def __init__(self, film: Film, line: list[str], grace_s: float = GRACE_S) -> None:
        """Start a line of words; what it says goes into the clip's log."""
        self.film, self.began, self._grace_s = film, time.monotonic(), grace_s
        self.is_stopped = False
        """Whether somebody asked it to stop."""
        self._ended = Event()
        with film.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own module, and no shell)
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                cwd=film.root,
            )

    @property
    def pid(self) -> int:
        """Of the process, and on POSIX of its group."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to stop, and make it stop if it has not after a while; returns at once."""
        if self.is_stopped:
            return
        self.is_stopped = True
        self._hang_up()
        self._signal(signal.SIGTERM)
        clock = Timer(self._grace_s, self.kill)
        clock.daemon = True
        clock.start()

    def kill(self) -> None:
        """End it now, with all that it started."""
        if not self._ended.is_set():
            self._signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def wait(self) -> int:
        """Until it has ended; whoever of its group is left is ended too. Returns its status."""
        status = self._process.wait()
        if sys.platform != "win32":
            self._signal(signal.SIGKILL)
        self._ended.set()
        self._hang_up()
        return status

    def wait_ended(self, seconds: float) -> bool:
        """Whether `wait` has returned, at the latest after so many seconds."""
        return self._ended.wait(seconds)

    def _hang_up(self) -> None:
        pipe: IO[bytes] | None = self._process.stdin
        if pipe is not None:
            with suppress(OSError):
                pipe.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)
