"""All tests, each folder of them in a process of its own.

    python tests/run.py [--jobs 2] [--only FOLDER ...] [what pytest takes]

OpenGL, Ray, OpenVINO, Open3D and a browser each leave threads and signal handlers behind in the process that used
them. In processes of their own they cannot meet, a crash names its folder, and two folders are tested at a time, after
those of the browser.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ALONE = "browser"
"""A browser that draws in software wants every core, and waits for pictures."""

FIRST = ("cli", "fusion", "training", "inspection", "rooms", "networks")
"""The long ones, so that no core waits for one of them at the end."""

NOTHING_FOUND = 5
SUMMARY = re.compile(r"^(=+ )?\d+ \w+.* in [\d.]+s")
COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?|deselected|xfailed|xpassed)")


@dataclass(frozen=True)
class Part:
    """What came of one process."""

    name: str
    status: int
    output: str
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether all that was found passed."""
        return self.status in (0, NOTHING_FOUND)

    @property
    def counts(self) -> Counter[str]:
        """Passed, failed, skipped and so on, from pytest's summary."""
        found = [COUNTED.findall(line) for line in self.output.splitlines() if SUMMARY.search(line)]
        return Counter({what.removesuffix("s"): int(number) for number, what in (found or [[]])[-1]})

    def __str__(self) -> str:
        what = told(self.counts) or "nothing"
        if self.status < 0:
            what = f"killed by {signal.Signals(-self.status).name}"
        elif not self.is_sound and not self.counts["failed"]:
            what += f", yet it ended with status {self.status}"
        return f"{self.name:12} {what}, {self.seconds:.0f} s"


def parts_of(tests: Path) -> dict[str, list[Path]]:
    """The folders that hold tests, and the files beside them as one more."""
    folders = sorted({path.parent for path in tests.glob("*/**/test_*.py")})
    parts: dict[str, list[Path]] = {"tests": sorted(tests.glob("test_*.py"))}
    for folder in folders:
        name = folder.relative_to(tests).parts[0]
        parts.setdefault(name, [tests / name])
    return dict(sorted(parts.items(), key=lambda part: (part[0] not in FIRST, part[0])))


def tested(name: str, paths: Sequence[Path], options: Sequence[str]) -> Part:
    """Run pytest on one part."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *options, *map(str, paths)]
    with tempfile.TemporaryFile() as file:
        status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, cwd=TESTS.parent).returncode
        file.seek(0)
        output = file.read().decode(errors="replace")
    return Part(name, status, output, time.monotonic() - began)


def all_parts(parts: dict[str, list[Path]], jobs: int, options: Sequence[str]) -> Iterator[Part]:
    """Every part as it ends."""
    if ALONE in parts:
        yield tested(ALONE, parts[ALONE], options)
    with ThreadPoolExecutor(jobs) as pool:
        waited = [pool.submit(tested, name, paths, options) for name, paths in parts.items() if name != ALONE]
        for future in as_completed(waited):
            yield future.result()


def told(counts: Counter[str]) -> str:
    """As pytest would say it."""
    return ", ".join(f"{number} {what}" for what, number in counts.items())


def main() -> int:
    """Run them, show what failed, and end with one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", nargs="+", metavar="FOLDER")
    own, options = parser.parse_known_args()
    parts = parts_of(TESTS)
    if unknown := set(own.only or ()) - set(parts):
        parser.error(f"there is no folder {', '.join(sorted(unknown))}: choose among {', '.join(parts)}")
    began, total, unsound = time.monotonic(), Counter[str](), []
    for part in all_parts({name: parts[name] for name in own.only or parts}, own.jobs, options):
        if not part.is_sound:
            unsound.append(part.name)
            print(part.output)
        print(part, flush=True)
        total += part.counts
    failed = f"; not sound: {', '.join(unsound)}" if unsound else ""
    print(f"{told(total)} in {time.monotonic() - began:.0f} s{failed}")
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
