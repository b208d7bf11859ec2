"""Can this sequence be read, does it hold together, and can a network be trained on it?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64

from deglare.data.agreement import agreement, edge_match
from deglare.data.convention import (
    DepthView,
    relative_pose,
    reprojection_mm,
    require_convention,
    require_depth_range,
    steps_and_turns,
)
from deglare.data.folders import spread
from deglare.data.report import CheckReport, Reprojection, Spread
from deglare.data.triples import TripleRule, find_triples
from deglare.errors import DataError
from deglare.progress import Progress, quiet
from deglare.types import DepthMap, Frame, Rgb, Rigid, Sequence

FRAMES_FOR_EDGES = 30
CONVENTION_PAIRS = 20
LARGE_REPROJECTION_MM = 40.0
LONGEST_STEP_M = 2.0


@dataclass
class _Findings:
    """What is collected while the frames go by."""

    shares: list[float] = field(default_factory=list)
    depths_m: list[float] = field(default_factory=list)
    depth_sizes: dict[tuple[int, int], str] = field(default_factory=dict)
    apart_mm: list[tuple[float, str, str]] = field(default_factory=list)
    inverse_mm: list[float] = field(default_factory=list)
    identity_mm: list[float] = field(default_factory=list)
    matches: list[Float64[np.ndarray, "s s"]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def add_depth(self, frame: Frame, depth: DepthMap) -> None:
        self.depth_sizes.setdefault(depth.size_hw, frame.name)
        self.shares.append(float(depth.valid.mean()))
        if depth.valid.any():
            self.depths_m.extend(float(d) for d in np.percentile(depth.metres[depth.valid], (5, 25, 50, 75, 95)))

    def add_pair(self, a: DepthView, b: DepthView, names: tuple[str, str]) -> None:
        stated = reprojection_mm(a, b, relative_pose(a.world_T_cam, b.world_T_cam))
        if stated is not None:
            self.apart_mm.append((stated, *names))
        inverse = reprojection_mm(a, b, b.world_T_cam @ np.linalg.inv(a.world_T_cam))
        identity = reprojection_mm(a, b, np.eye(4))
        self.inverse_mm += [] if inverse is None else [inverse]
        self.identity_mm += [] if identity is None else [identity]


def check_sequence(
    sequence: Sequence, rule: TripleRule | None = None, most_frames: int | None = None, progress: Progress = quiet
) -> CheckReport:
    """Decode the frames, compare neighbours, and say what the data is good for.

    Args:
        sequence: What to check.
        rule: Which frames make a training triple.
        most_frames: Decode about this many frames, evenly spread, in pairs of neighbours; None decodes all.
        progress: Called after each frame.
    """
    found = _look(sequence, most_frames, progress)
    poses: list[Rigid | None] = [frame.world_T_cam for frame in sequence]
    steps, turns = steps_and_turns(list(sequence.frames))
    reprojection = _reprojection(found)
    report = CheckReport(
        name=sequence.name,
        source_format=sequence.source_format,
        frames=len(sequence),
        frames_read=len(_chosen(len(sequence), most_frames)),
        frames_with_pose=sum(pose is not None for pose in poses),
        dropped=sequence.dropped,
        notes=sequence.notes,
        image_size_hw=sequence[0].camera.size_hw,
        depth_size_hw=next(iter(found.depth_sizes), None),
        depth_share=Spread.of(found.shares),
        depth_m=Spread.of(found.depths_m),
        step_m=Spread.of(steps),
        turn_deg=Spread.of(turns),
        path_m=float(steps.sum()) if len(steps) else None,
        reprojection=reprojection,
        edges=agreement(found.matches),
        depth_is_registered=sequence.depth_is_registered,
        triples=find_triples(poses, rule) if any(pose is not None for pose in poses) else None,
        problems=tuple(_problems(sequence, found)),
    )
    return _with_warnings(report)


def _chosen(count: int, most: int | None) -> list[int]:
    """Frame numbers to decode: all, or neighbours in pairs, evenly spread."""
    if most is None or most >= count:
        return list(range(count))
    starts = spread(range(count - 1), max(1, most // 2))
    return sorted({i for start in starts for i in (start, start + 1)})


def _look(sequence: Sequence, most_frames: int | None, progress: Progress) -> _Findings:
    found, chosen = _Findings(), _chosen(len(sequence), most_frames)
    for_edges = set(spread(chosen, FRAMES_FOR_EDGES))
    last: tuple[int, DepthView] | None = None
    for done, index in enumerate(chosen, start=1):
        frame, view = sequence[index], None
        images = _decoded(frame, found)
        if images is not None:
            rgb, depth, view = images
            if depth is not None and index in for_edges:
                match = edge_match(rgb, depth)
                found.matches += [] if match is None else [match]
            if view is not None and last is not None and last[0] == index - 1:
                found.add_pair(last[1], view, (sequence[index - 1].name, frame.name))
        last = None if view is None else (index, view)
        progress(done, len(chosen))
    return found


def _decoded(frame: Frame, found: _Findings) -> tuple[Rgb, DepthMap | None, DepthView | None] | None:
    """Colour and depth of a frame; None, and a note, where they are damaged."""
    try:
        rgb, depth = frame.rgb(), frame.depth()
        frame.labels()
        view = None if depth is None else DepthView.of_depth(frame, depth)
    except DataError as error:
        found.damaged.append(str(error))
        return None
    if depth is not None:
        found.add_depth(frame, depth)
    return rgb, depth, view


def _reprojection(found: _Findings) -> Reprojection | None:
    if not found.apart_mm:
        return None
    apart = [mm for mm, _, _ in found.apart_mm]
    worst, a, b = max(found.apart_mm)
    inverse, identity = (float(np.median(mm)) if mm else None for mm in (found.inverse_mm, found.identity_mm))
    return Reprojection(
        median_mm=float(np.median(apart)),
        p95_mm=float(np.percentile(apart, 95)),
        worst_mm=worst,
        worst_pair=(a, b),
        pairs=len(apart),
        inverse_mm=inverse,
        identity_mm=identity,
    )


def _problems(sequence: Sequence, found: _Findings) -> list[str]:
    """Why the data cannot be used, the worst first."""
    problems = list[str]()
    if found.damaged:
        problems.append(f"{len(found.damaged)} frames cannot be decoded, the first: {found.damaged[0]}")
    if len(found.depth_sizes) > 1:
        (a, name_a), (b, name_b) = list(found.depth_sizes.items())[:2]
        problems.append(f"depth is {a[1]}x{a[0]} in frame {name_a} but {b[1]}x{b[0]} in frame {name_b}")
    try:
        if found.depths_m:
            require_depth_range(float(np.median(found.depths_m)), sequence.name)
        if not problems:
            require_convention(sequence, CONVENTION_PAIRS)
    except DataError as error:
        problems.append(str(error))
    return problems


def _with_warnings(report: CheckReport) -> CheckReport:
    """What is odd but no reason to refuse the data."""
    warnings = list[str]()
    fit = report.reprojection
    if fit is not None and fit.median_mm > LARGE_REPROJECTION_MM:
        warnings.append(
            f"depth of neighbouring frames is {fit.median_mm:.0f} mm apart under these poses: "
            "expect blurred meshes; are depth and poses in the same unit, and is the camera the right one?"
        )
    if report.step_m is not None and report.step_m.median > LONGEST_STEP_M:
        warnings.append(f"the camera jumps {report.step_m.median:.3g} m a frame: are the poses in millimetres?")
    if report.depth_share is not None and report.depth_share.median == 0:
        warnings.append("most depth images are empty")
    if report.depth_is_registered and report.edges is not None and report.edges.is_clear and not report.edges.agrees:
        warnings.append(
            f"colour lies {report.edges.shift_xy} pixels (right, down) from depth: they do not seem registered"
        )
    return replace(report, warnings=tuple(warnings))
