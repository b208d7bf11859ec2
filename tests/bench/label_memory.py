"""The most memory that `label` holds, by the number of frames: it should not grow with them.

    python tests/bench/label_memory.py [--frames 50 500 2000] [--side 128] [--json]

The bundled scene is walked up and down until there are enough frames, each under a name of its own, and labelled with
one small network, its mirror image and the default fusion, in a process of its own. What Python, the libraries and the
compiled network hold before the first frame is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile

import torch
from label import walked

from deglare import load_model
from deglare.fusion.estimators import Flip
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings

TEACHER = "monodepth2-small"


def memory_of(frames: int, side: int) -> tuple[float, float]:
    """The most that a process held before and while it labelled some frames, in MB."""
    command = [sys.executable, __file__, "--frames", str(frames), "--side", str(side), "--alone"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    before, after = json.loads(done.stdout.splitlines()[-1])
    return before, after


def label_alone(frames: int, side: int) -> None:
    """In a process of its own: print what `memory_of` reads."""
    torch.set_num_threads(1)
    sequence, teacher = walked(frames), load_model(TEACHER, runtime="auto")
    with tempfile.TemporaryDirectory() as folder:
        label(walked(2), [teacher], f"{folder}/first", LabelSettings(longest_side=side, uncertainty=Flip()), threads=1)
        before = held_mb()
        label(sequence, [teacher], f"{folder}/run", LabelSettings(longest_side=side, uncertainty=Flip()), threads=1)
    print(json.dumps([before, held_mb()]))


def held_mb() -> float:
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Label each number of frames and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[50, 500, 2000])
    parser.add_argument("--side", type=int, default=128, help="the longer side of the frames")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.alone:
        label_alone(options.frames[0], options.side)
        return
    print(f"{'frames':>8}{'MB at most':>12}{'MB with two':>13}")
    found = {}
    for frames in options.frames:
        before, after = memory_of(frames, options.side)
        found[frames] = after
        print(f"{frames:8d}{after:12.0f}{before:13.0f}", flush=True)
    if options.json:
        first, last = min(found), max(found)
        ratio = found[first] / found[last]
        print(
            json.dumps(
                {"name": "label_memory", "ratio": ratio, "ours": found[last], "baseline": found[first], "unit": "MB"}
            )
        )


if __name__ == "__main__":
    main()
