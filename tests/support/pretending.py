"""Pretends to be ``deglare video``: tells how far it is as the pipeline does, and waits for whoever tests it.

It works until a file ``go`` lies beside the clip; then it is done. A clip called ``stubborn`` does not let itself be
stopped. What it makes is a copy of the run that ``--from`` names.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from deglare.footage.telling import STAGES, Teller, accounted

PRETEND = (sys.executable, "-P", __file__)


def end(number: int, frame: Any) -> None:
    """As ``deglare video`` takes SIGTERM."""
    raise KeyboardInterrupt


def main(file: Path, words: list[str]) -> int:
    """Work on a clip."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN if file.stem == "stubborn" else end)
    out = Path(words[words.index("--out") + 1])
    teller = Teller(out / "video" / "progress.json", tuple(name for name in STAGES if name != "fit"))
    teller.estimates = {"decode": 10.0, "choose": 30.0}
    with (file.parent / "begun").open("a") as begun:
        begun.write(" ".join(words) + "\n")
    with accounted(teller):
        with teller.stage("decode") as progress:
            progress(1, 4)
        with teller.stage("choose") as progress:
            while not (file.parent / "go").exists():
                progress(1, 2)
                time.sleep(0.01)
        if "--from" in words:
            finish(Path(words[words.index("--from") + 1]), out)
        teller.end("done", "cameras are believed for all 12 frames")
    return 0


def finish(source: Path, out: Path) -> None:
    """A run with its verdict and its results; what lies in those is not looked at."""
    shutil.copytree(source, out, dirs_exist_ok=True)
    (out / "results" / "colmap").mkdir(parents=True)
    for name in ("depth.mp4", "mesh.glb", "mesh.ply", "transforms.json"):
        (out / "results" / name).write_bytes(name.encode())
    for name in ("cameras.txt", "points3D.txt"):
        (out / "results" / "colmap" / name).write_text("# nothing\n")
    (out / "results" / "colmap" / "images.txt").write_text("# images\n1 1 0 0 0 0 0 0 1 000.jpg\n\n")
    poses = "".join(f"{number} {0.1 * number} 0 0 0 0 0 1\n" for number in range(12))
    (out / "results" / "poses_tum.txt").write_text(f"# time tx ty tz\n{poses}")
    (out / "video" / "verdict.json").write_text(json.dumps(VERDICT))
    (out / "video" / "alignment.json").write_text('{"before": 0.15, "after": 0.0619}')


VERDICT = {
    "outcome": "whole",
    "headline": "cameras are believed for all 12 frames",
    "reasons": [],
    "advice": ["give --focal or --fov if you know it"],
    "notes": [],
    "frames": 12,
    "registered": 12,
    "believed": [f"{number:03d}" for number in range(12)],
    "spacing": 0.03,
    "measures": {},
    "focal": {"px": 60.0, "px_run": 60.0, "fov_deg": 77.3, "radial": 0.0, "origin": "given"},
    "scale": {"spread": 0.08, "error": 0.01, "teachers": ["deep", "deeper"]},
}


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
