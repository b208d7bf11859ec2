"""Annotations of a run or any other sequence: opened, and what a run knows put to use for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from deglare.annotation.carrying import Carried, CarryRule, DepthOf, Drawn, carry
from deglare.annotation.carrying_mesh import carry_faces
from deglare.annotation.frames import MESH, KnownFrames, KnownMesh
from deglare.annotation.masks import Surfaces
from deglare.annotation.queue import Apart, Queued, disagreement, from_uncertainty, queue
from deglare.annotation.store import FILE, Annotations
from deglare.annotation.suspects import SuspectRule, suspects
from deglare.data.files import read_depth, read_uncertainty
from deglare.data.folders import spread
from deglare.data.opening import open_sequence
from deglare.data.run_folder import Manifest, RunFolder, looks_like_run, read_run
from deglare.errors import DataError, RequestError
from deglare.fusion.threads import in_order, usable_threads
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import RayCaster
from deglare.progress import Progress, quiet
from deglare.types import DepthMap, Rigid, Sequence

UNSURE_QUANTILE = 0.95
"""A run's threshold for masks to start from, without truth: the uncertainty that so much of it stays below."""

FRAMES_FOR_LEVEL = 60

FROM_UNCERTAINTY, FROM_MESH = "uncertainty", "the mesh"


def annotations_file(root: Path) -> Path:
    """Where the annotations of a run or sequence lie."""
    return (root if root.is_dir() else root.parent) / FILE


def open_annotations(
    root: Path,
    sequence: Sequence | None = None,
    path: Path | None = None,
    read_only: bool = False,
    mesh: Callable[[], KnownMesh] | None = None,
) -> Annotations:
    """Open the annotations of a run or any other sequence.

    Args:
        root: Of the run or sequence.
        sequence: As it was opened, if it was.
        path: Of the file, where it does not lie with the sequence.
        read_only: Look, also in a folder that nobody may write to.
        mesh: To be painted on, if any is: the run's, or one with fewer triangles.
    """
    if sequence is None:
        sequence = read_run(root) if looks_like_run(root) else open_sequence(root)
    frames = KnownFrames.of(sequence)
    frames.mesh = mesh
    return Annotations(path or annotations_file(root), frames, read_only=read_only)


def carry_frame(
    annotations: Annotations,
    annotator: str,
    run: RunFolder,
    frame: str,
    rule: CarryRule | None = None,
    progress: Progress = quiet,
) -> tuple[Carried, ...]:
    """Carry what an annotator marked in a frame to all others through the run's surface, and propose it there.

    What a hand decided there stays; carried again, the new proposals take the place of those that still wait, and those
    of frames that see none of it any more are withdrawn.
    """
    manifest = run.manifest()
    poses = _posed(manifest)
    if frame not in poses:
        raise RequestError(f"frame {frame} of {run.root.name} has no pose: masks are carried between frames with poses")
    depth_of = projected(run)
    drawn = Drawn(annotations.state(annotator, frame).surfaces, depth_of(frame), manifest.camera, poses[frame])
    carried = carry(drawn, {name: one for name, one in poses.items() if name != frame}, depth_of, rule, progress)
    return propose_carried(annotations, annotator, origin_of(frame), carried)


def carry_mesh(
    annotations: Annotations,
    annotator: str,
    run: RunFolder,
    mesh: Mesh,
    caster: RayCaster | None = None,
    rule: CarryRule | None = None,
    progress: Progress = quiet,
) -> tuple[Carried, ...]:
    """Carry what an annotator marked on a mesh to all frames that see it, and propose it there.

    Args:
        annotations: Opened with that mesh.
        annotator: Who marked it, and is asked.
        run: Of the frames.
        mesh: Of the same scene.
        caster: Of the mesh, if there is one already.
        rule: What counts as seeing it.
        progress: Told how many frames that may see it are done.
    """
    manifest = run.manifest()
    marks = annotations.state(annotator, MESH).surfaces[0]
    carried = carry_faces(mesh, marks, manifest.camera, _posed(manifest), caster, rule, progress)
    return propose_carried(annotations, annotator, origin_of(MESH), carried)


def withdraw_carried(annotations: Annotations, annotator: str, frame: str) -> tuple[str, ...]:
    """Take back what waits of what was carried from a frame, or from the mesh; the frames where something did."""
    origin = origin_of(frame)
    stale = tuple(
        name
        for name in annotations.waiting(annotator)
        if any(one.origin == origin for one in annotations.state(annotator, name).proposals)
    )
    propose_carried(annotations, annotator, origin, ())
    return stale


def origin_of(frame: str) -> str:
    """What proposals say that they come from."""
    return FROM_MESH if frame == MESH else f"frame {frame}"


def propose_carried(
    annotations: Annotations, annotator: str, origin: str, carried: Iterable[Carried]
) -> tuple[Carried, ...]:
    """Offer what was carried to the annotator; the parts that say something new.

    What waits from the same origin in frames that nothing was carried to now is withdrawn.
    """
    found = {one.frame: one for one in carried}
    sizes = annotations.frames.sizes_hw
    surfaces = {name: np.zeros(sizes[name], dtype=np.uint8) for name in annotations.waiting(annotator)}
    surfaces |= {name: one.surfaces for name, one in found.items()}
    shares = {name: one.visible_share for name, one in found.items()}
    return tuple(found[name] for name in annotations.propose(annotator, origin, surfaces, shares))


def projected(run: RunFolder) -> DepthOf:
    """The fused surface as each frame sees it."""

    def depth_of(name: str) -> DepthMap:
        return read_depth(run.layer("projected", name))

    return depth_of


def disagreements(run: RunFolder, progress: Progress = quiet) -> dict[str, float]:
    """How far predicted and projected depth disagree in every frame of a run."""
    manifest, depth_of = run.manifest(), projected(run)
    if "mesh" not in manifest.stages:
        raise DataError(f"{run.root.name} has no mesh yet: label it first, or tag frames in order")
    base, names = str(manifest.stages["mesh"].settings["base"]), tuple(_posed(manifest))

    def look(name: str) -> float:
        return disagreement(read_depth(run.predicted(base, name)), depth_of(name))

    found: dict[str, float] = {}
    for name, score in zip(names, in_order(look, names, usable_threads()), strict=True):
        found[name] = score
        progress(len(found), len(names))
    return found


def next_frames(
    annotations: Annotations,
    run: RunFolder,
    scores: dict[str, float] | None = None,
    apart: Apart | None = None,
    most: int = 200,
) -> tuple[Queued, ...]:
    """Frames that nobody has looked at, the most worthwhile first; ``scores`` as `disagreements` gave them."""
    found = disagreements(run) if scores is None else scores
    return queue(found, _posed(run.manifest()), annotations.looked_at(), apart, most)


def unsure_level(run: RunFolder) -> float:
    """The uncertainty in metres that most of a run stays below."""
    names = spread(tuple(run.manifest().poses), FRAMES_FOR_LEVEL)
    known = [
        sigma[np.isfinite(sigma)][::16] for sigma in (read_uncertainty(run.layer("uncertainty", n)) for n in names)
    ]
    values = np.concatenate(known)
    if not len(values):
        raise DataError(f"{run.root.name} knows no uncertainty: masks to start from need two teachers")
    return max(float(np.quantile(values, UNSURE_QUANTILE)), 1e-3)


def start_from_uncertainty(
    annotations: Annotations,
    annotator: str,
    run: RunFolder,
    frames: Iterable[str],
    surface: str = "glossy",
    threshold_m: float | None = None,
) -> tuple[str, ...]:
    """Propose what the teachers are unsure of in some frames; the frames where there is something new."""
    level = unsure_level(run) if threshold_m is None else threshold_m
    masks: dict[str, Surfaces] = {
        name: from_uncertainty(read_uncertainty(run.layer("uncertainty", name)), level, surface) for name in frames
    }
    return annotations.propose(annotator, FROM_UNCERTAINTY, masks)


def suspects_of(
    annotations: Annotations, annotator: str, run: RunFolder, frame: str, rule: SuspectRule | None = None
) -> UInt8[np.ndarray, "h w"]:
    """`Suspicion` codes of a frame, within what the annotator marked."""
    path = run.layer("depth", frame)
    if not path.is_file():
        raise RequestError(f"frame {frame} of {run.root.name} has no true depth: nothing to suspect")
    return suspects(read_depth(path), projected(run)(frame), annotations.state(annotator, frame).surfaces > 0, rule)


def _posed(manifest: Manifest) -> dict[str, Rigid]:
    return {name: pose for name, pose in manifest.poses.items() if pose is not None}
