"""The whole examination."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from deglare.doctor import libraries, machine
from deglare.doctor.check import Check


def examine() -> list[Check]:
    """Ask everything. Takes as long as importing the libraries takes."""
    with ThreadPoolExecutor(max_workers=min(4, machine.cores())) as pool:
        answers = [pool.submit(libraries.ask, probe) for probe in libraries.PROBES]
        found = [check() for check in machine.CHECKS]
        return [*found, *(check for answer in answers for check in answer.result())]


def is_healthy(checks: Iterable[Check]) -> bool:
    """Whether everything that is required works."""
    return all(check.status == "ok" for check in checks if check.is_required)
