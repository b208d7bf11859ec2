"""What a worker process gets of a value."""

from multiprocessing import Pipe
from typing import TypeVar

Value = TypeVar("Value")


def sent_to_a_worker(value: Value) -> Value:
    """The value as it arrives in another process."""
    here, there = Pipe(duplex=False)
    with here, there:
        there.send(value)
        return here.recv()
