"""Reflective surfaces, marked by people: once, safely, and in a form that others can use.

`open_annotations` opens what is kept of a run or sequence; `Annotations` takes tags, strokes, undo, redo and decisions
on proposals, each on the disk before it is answered. `carry_frame` takes a mask to every frame that sees the surface.
`compare` and `settle` bring two annotators together, `subset_of`, `export_subset` and `import_subset` others' tools.
"""

from deglare.annotation.actions import TAGS, Action, stroke
from deglare.annotation.agreement import AgreementReport, compare, second_pass, settle
from deglare.annotation.carrying import Carried, CarryRule, Drawn, Slack, carry
from deglare.annotation.carrying_mesh import carry_faces, faces_under
from deglare.annotation.exporting import FORMS, export_subset
from deglare.annotation.frames import MESH, KnownFrames, KnownMesh
from deglare.annotation.importing import import_into, import_subset
from deglare.annotation.masks import SURFACE_CODES
from deglare.annotation.queue import Apart, Queued, queue
from deglare.annotation.replaying import FrameState, Proposal
from deglare.annotation.salvaging import salvage
from deglare.annotation.store import SETTLED, Annotations
from deglare.annotation.subset import Subset, SubsetFrame, subset_hash, subset_of
from deglare.annotation.suspects import SuspectRule, Suspicion, suspects
from deglare.annotation.working import (
    carry_frame,
    carry_mesh,
    disagreements,
    next_frames,
    open_annotations,
    start_from_uncertainty,
    suspects_of,
    withdraw_carried,
)

__all__ = [
    "FORMS",
    "MESH",
    "SETTLED",
    "SURFACE_CODES",
    "TAGS",
    "Action",
    "AgreementReport",
    "Annotations",
    "Apart",
    "Carried",
    "CarryRule",
    "Drawn",
    "FrameState",
    "KnownFrames",
    "KnownMesh",
    "Proposal",
    "Queued",
    "Slack",
    "Subset",
    "SubsetFrame",
    "SuspectRule",
    "Suspicion",
    "carry",
    "carry_faces",
    "carry_frame",
    "carry_mesh",
    "compare",
    "disagreements",
    "export_subset",
    "faces_under",
    "import_into",
    "import_subset",
    "next_frames",
    "open_annotations",
    "queue",
    "salvage",
    "second_pass",
    "settle",
    "start_from_uncertainty",
    "stroke",
    "subset_hash",
    "subset_of",
    "suspects",
    "suspects_of",
    "withdraw_carried",
]
