"""What is known of a frame and of a run, as the page reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from deglare.annotation import Annotations, FrameState
    from deglare_viewer.annotating.books import Book


def state_json(frame: str, state: FrameState) -> dict[str, Any]:
    """One frame as one annotator has it; masks as `deglare.annotation.masks.to_json` has them."""
    from deglare.annotation.masks import to_json

    proposals = [
        {"seq": one.seq, "origin": one.origin, "visible_share": one.visible_share, "mask": to_json(one.surfaces)}
        for one in state.proposals
    ]
    return {
        "frame": frame,
        "tag": state.tag,
        "mask": to_json(state.surfaces),
        "excluded": runs_of(state.excluded),
        "proposals": proposals,
        "last_seq": state.last_seq,
        "can_undo": state.can_undo,
        "can_redo": state.can_redo,
        "is_marked": state.is_marked,
    }


def runs_of(mask: np.ndarray) -> str | None:
    """Packed runs; None where no pixel is set."""
    from deglare.annotation.rle import encoded

    return encoded(mask) if mask.any() else None


def overview_json(book: Book, annotations: Annotations, annotator: str) -> dict[str, Any]:
    """What the page knows of a run before it asks for a frame. Others' tags are not in it: a second pass is blind."""
    from deglare.annotation import MESH, SETTLED, SURFACE_CODES, TAGS

    run = book.run
    return {
        "run": run.name,
        "version": run.version,
        "frames": list(annotations.frames.names),
        "size_hw": list(run.camera.size_hw),
        "surfaces": SURFACE_CODES,
        "tags_there_are": list(TAGS),
        "tags": annotations.tags(annotator),
        "looked_at": sorted(annotations.looked_at(annotator)),
        "waiting": list(annotations.waiting(annotator)),
        "annotators": [one for one in annotations.annotators() if one != SETTLED],
        "settled": sorted(annotations.looked_at(SETTLED)),
        "lost": sum(annotations.lost().values()),
        "has_truth": run.has_truth,
        "mesh": MESH if run.folder.mesh.is_file() else None,
        "refusal": book.refusal,
    }
