"""What can be asked of the machine at once."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from deglare import __version__
from deglare.doctor.check import Check, run

LEAST_MEMORY_GB = 4.0

LEAST_DISK_GB = 2.0


def python() -> Check:
    """The interpreter."""
    is_new_enough = sys.version_info >= (3, 11)
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    return _claim("Python", is_new_enough, detail, "deglare needs Python 3.11 or newer", is_required=True)


def version() -> Check:
    """The package itself, and where it is imported from."""
    return Check("deglare", "ok", f"{__version__} at {Path(__file__).parents[1]}", is_required=True)


def packages() -> Check:
    """Whether everything that deglare depends on is installed."""
    names = [re.split(r"[ ;<>=!~\[]", line)[0] for line in _requirements() if "extra ==" not in line]
    absent = [name for name in names if not _is_installed(name)]
    if absent:
        return Check("packages", "missing", ", ".join(absent), f"pip install {' '.join(absent)}", is_required=True)
    return Check("packages", "ok", f"all {len(names)} that are required", is_required=True)


def processor() -> Check:
    """How many cores this process may use."""
    return Check("processor", "ok", f"{cores()} of {os.cpu_count()} cores may be used")


def memory() -> Check:
    """Main memory, or what the container may use of it."""
    total = memory_gb()
    if total is None:
        return Check("memory", "ok", "not told by this system")
    remedy = f"rendering and training want {LEAST_MEMORY_GB:.0f} GB: use smaller images and batches"
    return _claim("memory", total >= LEAST_MEMORY_GB, f"{total:.1f} GB", remedy)


def disk() -> Check:
    """Free space where runs are written by default."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    remedy = f"free some space or work in another folder: a run wants {LEAST_DISK_GB:.0f} GB"
    return _claim("disk", free >= LEAST_DISK_GB, f"{free:.1f} GB free in {Path.cwd()}", remedy)


def writing() -> Check:
    """Whether files can be written here."""
    try:
        with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
            file.write(b"deglare")
            file.flush()
    except OSError as error:
        return Check(
            "writing", "broken", f"{error.strerror} in {Path.cwd()}", "work in a folder of yours, or pass --out"
        )
    return Check("writing", "ok", f"files can be written in {Path.cwd()}")


def chromium() -> Check:
    """A browser for the tests that drive the app."""
    remedy = "only the browser tests need it: pip install playwright && playwright install chromium"
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return _program("Chromium", [*filter(None, map(shutil.which, names)), *_playwright_browsers()], "--version", remedy)


def ffmpeg() -> Check:
    """The command line tool; reading videos does not need it."""
    remedy = "nothing needs it while av works; your system's package is called ffmpeg"
    return _program("ffmpeg", [*filter(None, [shutil.which("ffmpeg")])], "-version", remedy)


CHECKS = (python, version, packages, processor, memory, disk, writing, chromium, ffmpeg)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gb() -> float | None:
    """Main memory in 10^9 bytes, or the container's limit where that is lower; None where the system does not tell."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        text = limit.read_text().strip() if limit.is_file() else ""
        total = min(total, int(text)) if text.isdigit() else total
    return total / 1e9


def _claim(name: str, holds: bool, detail: str, remedy: str, is_required: bool = False) -> Check:
    return Check(name, "ok" if holds else "broken", detail, "" if holds else remedy, is_required)


def _program(name: str, found: Sequence[str], flag: str, remedy: str) -> Check:
    """Whether the first of the programs found starts."""
    if not found:
        return Check(name, "missing", "not found", remedy)
    said, cause = run([found[0], flag], patience_s=10)
    if cause:
        return Check(name, "broken", f"{found[0]}: {cause}", remedy)
    return Check(name, "ok", f"{said.splitlines()[0][:80] if said else 'starts'} at {found[0]}")


def _playwright_browsers() -> list[str]:
    """Where playwright keeps the browsers it has downloaded."""
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return sorted(map(str, folder.glob("chromium*/chrome-*/*chrom*"))) if folder.is_dir() else []


def _requirements() -> list[str]:
    try:
        return metadata.requires("deglare") or []
    except metadata.PackageNotFoundError:  # run from a bare checkout
        return []


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
