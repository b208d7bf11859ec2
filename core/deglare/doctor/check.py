"""One line of the report, and the running of programs that may hang or crash."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
    """What to do; empty where all is well."""
    is_required: bool = False
    """Without it nothing works; everything else is optional."""


def run(command: Sequence[str], patience_s: float) -> tuple[str, str]:
    """What a command printed, and why it failed; an empty reason where it did not."""
    try:
        done = subprocess.run(  # noqa: S603 (our own command lines)
            command, capture_output=True, text=True, errors="replace", timeout=patience_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return said.decode(errors="replace") if isinstance(said, bytes) else said, f"no answer in {patience_s:.0f} s"
    except OSError as error:
        return "", f"does not start: {error.strerror}"
    return done.stdout, _reason(done.returncode, done.stderr)


def _reason(status: int, errors: str) -> str:
    """Why a process ended as it did, in a few words."""
    if status == 0:
        return ""
    if status < 0:
        return f"crashed with {_signal_name(-status)}"
    lines = errors.strip().splitlines() or [f"exit status {status}"]
    return lines[-1][:200]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
