"""Rules for the margin of triplet mining, as detectors of reflections, on runs whose truth is known.

    python assets/scripts/mining_rules.py RUNS OUT.json [--teacher monodepth2-small] [--every 5]

RUNS holds what ``deglare label ROOMS --out RUNS`` leaves, of rooms that ``deglare rooms`` rendered. Every n-th frame is
mined under each rule, with depth as the network predicted it and with true depth: precision and recall against
highlights and against all that is reflective, and the share of the image. Beside them, on highlights, the errors that
plain self-supervision and mining minimise: one that is smaller under true depth leads out of the hole.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deglare.data.comparable import comparable_frames
from deglare.data.files import read_depth, read_rgb, write_json
from deglare.data.run_folder import MANIFEST, RunFolder
from deglare.evaluation.report import aligned_table
from deglare.fusion.detection import Detection
from deglare.fusion.mining import Look, compared_of, mined_mask, reflective_of
from deglare.losses.triplet import TripletRule
from deglare.processes import use_one_thread

RULES = {
    "fixed 0": TripletRule("fixed", 0.0),
    "quantile 0.05": TripletRule("quantile", 0.05),
    "q1 (first quartile)": TripletRule("q1"),
    "q1q3": TripletRule("q1q3"),
    "iqr (Tukey)": TripletRule("iqr"),
    "fixed 0, derotated": TripletRule("fixed", 0.0, derotate=True),
    "quantile 0.05, derotated": TripletRule("quantile", 0.05, derotate=True),
}
TRUTHS = ("highlight", "reflective")


def main() -> None:
    """Mine, count, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--teacher", default="monodepth2-small")
    parser.add_argument("--every", type=int, default=5)
    asked = parser.parse_args()
    use_one_thread()
    runs = [RunFolder(path.parent) for path in sorted(asked.runs.glob(f"*/{MANIFEST}"))]
    found: dict[str, dict[str, Any]] = {}
    for name, layer in {"predicted": f"predicted/{asked.teacher}", "true": "depth"}.items():
        found[name] = counted(runs, layer, asked.every)
        sys.stdout.write(f"\nunder {name} depth\n\n{table(found[name])}\n")
    write_json(asked.out, {"teacher": asked.teacher, "every": asked.every, "runs": len(runs), "depth": found})


def counted(runs: list[RunFolder], layer: str, every: int) -> dict[str, Any]:
    """Over all runs."""
    detected = {(rule, truth): Detection() for rule in RULES for truth in TRUTHS}
    errors: list[tuple[float, float]] = []
    for run in runs:
        camera, names = run.manifest().camera, list(run.manifest().poses)
        for number in range(0, len(names), every):
            looks, truths = looked(run, number, layer), reflective_of(run, names[number])
            if len(looks) < 2 or set(truths) < set(TRUTHS):
                continue
            for name, rule in RULES.items():
                mask = mined_mask(looks[0], looks[1:], camera, rule)
                for truth, pixels in truths.items():
                    detected[name, truth] += Detection.of(mask, pixels)
            pair = compared_of(looks[0], looks[1:], camera, RULES["fixed 0"])
            seen = torch.from_numpy(truths["highlight"]) & pair.seen[0, 0]
            if seen.any():
                positive, negative = pair.positive[0, 0][seen], pair.negative[0, 0][seen]
                errors.append((float(positive.mean()), float((positive - negative).mean())))
    means = np.mean(errors, axis=0) if errors else (float("nan"), float("nan"))
    rules = {
        rule: {truth: scores(detected[rule, truth]) for truth in TRUTHS}
        | {"coverage": round(detected[rule, "highlight"].coverage, 4)}
        for rule in RULES
    }
    shares = {truth: round(one.true / max(one.pixels, 1), 4) for truth in TRUTHS if (one := detected["fixed 0", truth])}
    errors_found = {"positive": float(means[0]), "positive_less_negative": float(means[1])}
    return {"rules": rules, "shares": shares, "frames": len(errors), **errors_found}


def looked(run: RunFolder, number: int, layer: str) -> list[Look]:
    """A frame, then those it is compared with."""
    poses = {name: pose for name, pose in run.manifest().poses.items() if pose is not None}
    names, numbers = list(poses), (number, *comparable_frames(list(poses.values()), number))
    paths = {names[one]: run.root / layer / f"{names[one]}.png" for one in numbers}
    return [Look(read_rgb(run.color(name)), read_depth(path), poses[name]) for name, path in paths.items()]


def scores(found: Detection) -> dict[str, float]:
    """Rounded."""
    return {"precision": round(found.precision, 4), "recall": round(found.recall, 4)}


def table(found: dict[str, Any]) -> str:
    """Markdown."""
    heads = ["rule", "precision, highlight", "recall, highlight", "precision, reflective", "recall, reflective"]
    lines = [[*heads, "share of the image"]]
    for rule, row in found["rules"].items():
        numbers = [row[truth][kind] for truth in TRUTHS for kind in ("precision", "recall")]
        lines.append([rule, *(f"{number:.2f}" for number in numbers), f"{row['coverage']:.3f}"])
    shares = ", ".join(f"{truth} {share:.1%}" for truth, share in found["shares"].items())
    errors = f"E+ {found['positive']:.4f}, E+ - E- {found['positive_less_negative']:+.4f}"
    return f"{aligned_table(lines, left=1)}\n\nof all pixels: {shares}; on highlights {errors}"


if __name__ == "__main__":
    main()
