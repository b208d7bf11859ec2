"""``deglare check``: can this data be read and trained on, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.errors import DataError, RequestError

if TYPE_CHECKING:
    from deglare.data.report import CheckReport, Reprojection


def check(
    source: Positional[Path], format: str = "auto", frames: int | None = None, picture: Path | None = None
) -> Result:
    """Say whether a sequence can be read and trained on, and if not, why.

    Decodes every frame, compares depth of neighbouring frames under the poses, and counts the training triples.
    Exit status 2: the data cannot be used.

    Args:
        source: A posed folder, a ScanNet scene or .sens file, a 7-Scenes or TUM sequence, or a folder of images.
        format: The format, where looking does not tell.
        frames: Decode about this many frames instead of all.
        picture: Also draw frames, depth and the camera path into this PNG file.
    """
    from deglare.data.check import check_sequence
    from deglare.data.opening import open_sequence
    from deglare.data.picture import write_contact_sheet

    if frames is not None and frames < 2:
        raise RequestError("--frames must be at least 2: neighbours are compared")
    if picture is not None and picture.suffix.lower() != ".png":
        raise RequestError(f"{picture} should end in .png: the picture is written as PNG")
    try:
        sequence = open_sequence(source, format)
    except DataError as error:
        say(f"{source} cannot be used: {error}")
        return {"ok": False, "wrong_request": True, "source": str(source), "why": str(error)}
    with bar("check") as progress:
        report = check_sequence(sequence, most_frames=frames, progress=progress)
    for line in report_lines(report):
        say(line)
    result = _result(source, report)
    if picture is not None and report.ok:
        write_contact_sheet(picture, sequence, report.verdict)
        result["picture"] = str(picture)
    return result


def report_lines(report: CheckReport) -> Iterator[str]:
    """The report for a person, a fact a line."""
    read = "" if report.frames_read == report.frames else f", {report.frames_read} of them decoded"
    yield f"{report.name}: {report.frames} frames ({report.source_format}){read}, {report.frames_with_pose} with poses"
    for reason, count in report.dropped.items():
        yield f"  left out        {count}: {reason}"
    yield f"  images          {_size(report.image_size_hw)}"
    if report.depth_size_hw is not None and report.depth_share is not None:
        share = report.depth_share
        yield (
            f"  depth           {_size(report.depth_size_hw)}, on {share.median:.0%} of pixels "
            f"({share.low:.0%} to {share.high:.0%})"
        )
    if report.depth_m is not None:
        yield f"  depth range     {report.depth_m.low:.2f} to {report.depth_m.high:.2f} m"
    if report.step_m is not None and report.turn_deg is not None:
        step, turn = report.step_m, report.turn_deg
        yield f"  step            {step.median * 100:.1f} cm ({step.low * 100:.1f} to {step.high * 100:.1f}) a frame"
        yield f"  turn            {turn.median:.1f} degrees ({turn.low:.1f} to {turn.high:.1f}) a frame"
        yield f"  path            {report.path_m:.1f} m"
    if report.reprojection is not None:
        yield f"  reprojection    {_reprojection(report.reprojection)}"
    if report.depth_size_hw is not None:
        yield f"  colour on depth {_agreement(report)}"
    if report.triples is not None:
        yield f"  triples         {len(report.triples)} of {report.triples.targets} targets"
        for reason, count in report.triples.lost.items():
            yield f"    {count:4d}          {reason}"
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"warning: {warning}" for warning in report.warnings)
    yield from (f"problem: {problem}" for problem in report.problems[1:])
    yield report.verdict


def _size(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"


def _reprojection(fit: Reprojection) -> str:
    others = [("poses inverted", fit.inverse_mm), ("no motion", fit.identity_mm)]
    compared = ", ".join(f"{mm:.0f} mm with {name}" for name, mm in others if mm is not None)
    return (
        f"{fit.median_mm:.1f} mm, 95 % below {fit.p95_mm:.1f}, worst {fit.worst_mm:.1f} "
        f"({fit.worst_pair[0]} to {fit.worst_pair[1]}), {fit.pairs} pairs; {compared}"
    )


def _agreement(report: CheckReport) -> str:
    edges = report.edges
    stated = "one camera" if report.depth_is_registered else "two cameras, not registered"
    if edges is None:
        return f"{stated}; there are no edges in depth to compare"
    if not edges.is_clear:
        return f"{stated}; their edges match nowhere clearly"
    right, down = edges.shift_xy
    return f"{stated}; their edges match best {right} pixels to the right and {down} down"


def _result(source: Path, report: CheckReport) -> Result:
    """The report for machines."""
    facts = asdict(report)
    triples = report.triples
    if triples is not None:
        facts["triples"] = {"targets": triples.targets, "found": len(triples), "lost": dict(triples.lost)}
    why = report.problems[0] if report.problems else None
    head: Result = {
        "ok": report.ok,
        "wrong_request": not report.ok,
        "source": str(source),
        "why": why,
        "verdict": report.verdict,
    }
    return {**head, "trainable": report.is_trainable, **facts}
