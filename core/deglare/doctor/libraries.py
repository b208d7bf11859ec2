"""Heavy libraries, each asked in a process of its own: a crash there is an answer too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from deglare.doctor.check import Check, run

PATIENCE_S = 60.0
"""A probe that has not answered by then is broken: importing a large library from a cold disk takes a third of it."""


@dataclass(frozen=True)
class Remedy:
    """What to do about a library that is not installed, and about one that is and does not work."""

    missing: str
    broken: str


@dataclass(frozen=True)
class Probe:
    """A question for a library, asked in a process of its own: a crash there is an answer too."""

    name: str
    """Its name in `deglare.doctor.probes`."""
    remedies: Mapping[str, Remedy]
    """What to do, for every line the probe reports."""
    is_required: bool = False
    """Whether the first line is required; the others never are."""


NO_GPU = Remedy("nothing to do without an NVIDIA GPU; with one, update its driver", "update the driver of the GPU")

LLVM = "it only speeds up comparisons: install LLVM 15 or newer and set DRJIT_LIBLLVM_PATH to its library"

SECOND_RENDERER = "nothing to do unless you want a second renderer: pip install pyrender"

PROBES = (
    Probe(
        "torch",
        {"torch": Remedy("pip install torch", "reinstall it: pip install --force-reinstall torch"), "CUDA": NO_GPU},
        is_required=True,
    ),
    Probe(
        "open3d",
        {
            "open3d ray casting": Remedy(
                "pip install open3d",
                "install the system library it names (Debian: libusb-1.0-0, libgl1 and libgomp1)",
            )
        },
    ),
    Probe(
        "pyrender_egl",
        {
            "pyrender EGL": Remedy(
                SECOND_RENDERER,
                "install the system's EGL (Debian: libegl1, libgl1 and libgl1-mesa-dri), or do without: "
                "open3d casts rays instead",
            )
        },
    ),
    Probe(
        "pyrender_osmesa",
        {
            "pyrender OSMesa": Remedy(
                SECOND_RENDERER,
                "nothing to do while EGL works; without it install OSMesa (Debian: libosmesa6) and the PyOpenGL that "
                "speaks it, which pyrender does not ask for: pip install --no-deps 'PyOpenGL>=3.1.10'",
            )
        },
    ),
    Probe(
        "mitsuba",
        {
            "mitsuba scalar": Remedy(
                "only comparisons in the tests need it: pip install mitsuba",
                "reinstall it: pip install --force-reinstall mitsuba",
            )
        },
    ),
    Probe("mitsuba_llvm", {"mitsuba llvm": Remedy("only comparisons in the tests need it: pip install mitsuba", LLVM)}),
    Probe(
        "onnxruntime",
        {
            "onnxruntime": Remedy(
                "only ONNX files need it: pip install 'deglare[onnx]'",
                "reinstall it: pip install --force-reinstall onnxruntime",
            )
        },
    ),
    Probe(
        "openvino",
        {
            "openvino": Remedy(
                "networks run without it, three times slower on a CPU: pip install 'deglare[fast]'",
                "reinstall it: pip install --force-reinstall openvino",
            )
        },
    ),
    Probe("av", {"av": Remedy("only reading videos needs it: pip install av", "reinstall it: pip install -U av")}),
)


def ask(probe: Probe) -> list[Check]:
    """Run one probe; -P keeps a file of the current folder from posing as a library."""
    command = [sys.executable, "-P", "-m", "deglare.doctor.probes", probe.name]
    return listen(probe, command, PATIENCE_S)


def listen(probe: Probe, command: Sequence[str], patience_s: float) -> list[Check]:
    """Run a command that prints a JSON line for every answer; what it leaves unanswered is broken."""
    answers: dict[str, Check] = {}
    said, cause = run(command, patience_s)
    for line in said.splitlines():
        for check in _parse(line, probe):
            answers[check.name] = check
    checks = [answers.get(name) or _unanswered(name, cause, remedy) for name, remedy in probe.remedies.items()]
    return [replace(checks[0], is_required=probe.is_required), *checks[1:]]


def _parse(line: str, probe: Probe) -> list[Check]:
    """The check in a line; lines that libraries print beside them hold none."""
    try:
        said = json.loads(line)
        name, status, detail = said["name"], said["status"], str(said["detail"])
    except (ValueError, TypeError, KeyError):
        return []
    if name not in probe.remedies or status not in ("ok", "missing", "broken"):
        return []
    remedies = {"ok": "", "missing": probe.remedies[name].missing, "broken": probe.remedies[name].broken}
    return [Check(name, status, detail, remedies[status])]


def _unanswered(name: str, cause: str, remedy: Remedy) -> Check:
    return Check(name, "broken", cause or "no answer", remedy.broken)
