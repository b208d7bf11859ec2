"""``deglare prepare``: the training triples of some sequences, by the paper's rule."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError


def prepare(
    sources: Positional[tuple[Path, ...]],
    out: Path,
    format: str = "auto",
    every: int = 10,
    step_cm: tuple[float, float] = (5.0, 10.0),
    turn_deg: float = 3.0,
    reach: int = 60,
) -> Result:
    """Write training triples: every 10th frame with one before and one after, 5 to 10 cm and at most 3 degrees away.

    Each line of the file is {"scene", "target", "previous", "next"}, by frame name.

    Args:
        sources: Sequences with poses, or folders that hold sequences.
        out: The JSON lines file to write.
        format: The format, where looking does not tell.
        every: Every n-th frame is a target.
        step_cm: How far the camera must have moved, and may have moved, in centimetres.
        turn_deg: How far the camera may have turned, in degrees.
        reach: How many frames to look back, and ahead.
    """
    from deglare.data.preparing import prepare_triples
    from deglare.data.triples import TripleRule, write_triples

    rule = TripleRule(every, step_cm[0] / 100, step_cm[1] / 100, turn_deg, reach)
    if out.is_dir():
        raise RequestError(f"{out} is a folder: name the file to write, such as {out / 'triples.jsonl'}")
    with bar("prepare", "scene") as progress:
        prepared = prepare_triples(sources, rule, format, progress)
    say(f"{len(prepared.lines)} triples of {prepared.targets} targets in {len(prepared.scenes)} scenes")
    for reason, count in prepared.lost.most_common():
        say(f"  {count:6d} targets without: {reason}")
    for reason, count in prepared.dropped.most_common():
        say(f"  {count:6d} frames left out: {reason}")
    for path, why in prepared.unreadable.items():
        say(f"  {path} left out: {why}")
    result: Result = {
        "ok": bool(prepared.lines),
        "triples": len(prepared.lines),
        "targets": prepared.targets,
        "scenes": len(prepared.scenes),
        "lost": dict(prepared.lost),
        "dropped": dict(prepared.dropped),
        "unreadable": prepared.unreadable,
    }
    if not prepared.lines:
        say(f"no triples, so {out} is not written; deglare check says more about a sequence")
        return result
    write_triples(out, prepared.lines)
    return {**result, "out": str(out)}
