"""What is known about one frame of an opened run, as strategies take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deglare.data.files import read_png16
from deglare.fusion.evidence import Evidence, Needs, Neighbour
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.inspection.layers import metres_of, sigma_of
from deglare.types import inverse_rigid

if TYPE_CHECKING:
    from deglare.inspection.run import InspectedRun


def evidence_of(run: InspectedRun, name: str, needs: Needs, teacher: str | None = None) -> Evidence:
    """As far as a strategy looks at it, but for levels. The depth to be mended is the base's, or another teacher's."""
    looks_at_sigma = needs.uncertainty or needs.sigma_quantile is not None
    return Evidence(
        metres_of(run.predicted_mm(name, teacher)),
        metres_of(run.depth_mm(name, "projected")) if needs.projected else None,
        uncertainty_of(run, name) if looks_at_sigma else None,
        camera=run.camera,
        neighbours=_neighbours(run, name, teacher) if needs.neighbours else (),
        mask=run.mined(name) if needs.mask else None,
        projected_range=run.projected_range,
    )


def uncertainty_of(run: InspectedRun, name: str) -> UncertaintyMap:
    """The spread of the teachers in one frame."""
    return sigma_of(run.read(run.folder.layer("uncertainty", name), read_png16))


def _neighbours(run: InspectedRun, name: str, teacher: str | None) -> tuple[Neighbour, ...]:
    """The frames before and after; one at either end."""
    place = run.names.index(name)
    others = [run.names[other] for other in (place - 1, place + 1) if 0 <= other < len(run.names)]
    return tuple(
        Neighbour(
            metres_of(run.predicted_mm(other, teacher)),
            run.camera,
            inverse_rigid(run.poses[other]) @ run.poses[name],
        )
        for other in others
    )
