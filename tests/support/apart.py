"""Work in a process of its own: a library that dies there takes no test with it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

from deglare.processes import start_worker

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class AloneDiedError(Exception):
    """The process ended without an answer."""


def alone(work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """What ``work`` returns or raises in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=start_worker) as pool:
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool as error:
            raise AloneDiedError from error
