"""Layers of a run as pictures, one colour range for all of its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deglare.data.files import read_png8, read_png16, read_rgb
from deglare.errors import RequestError
from deglare.fusion.showing import ERROR_LIMIT_M, SIGMA_LIMIT_M
from deglare.inspection.layers import metres_of, sigma_of
from deglare.inspection.run import InspectedRun
from deglare.inspection.survey import survey
from deglare.pictures import (
    DepthRange,
    Picture,
    amount_picture,
    depth_picture,
    error_picture,
    mask_over,
    source_picture,
)
from deglare.types import DepthMap

DEPTHS = ("predicted", "projected", "fused", "truth")
ERRORS = {"error": "fused", "error-predicted": "predicted", "error-projected": "projected"}
"""Signed error of a layer of depth against the truth."""
PAINTED = ("rgb", *DEPTHS, "uncertainty", "reflective", "source", *ERRORS)

_NEEDS: tuple[tuple[Callable[[str], bool], Callable[[InspectedRun], bool], str], ...] = (
    (lambda layer: layer in ("fused", "source", "error"), lambda run: run.has_fused, "labels"),
    (lambda layer: layer == "truth" or layer in ERRORS, lambda run: run.has_truth, "true depth"),
    (lambda layer: layer == "reflective", lambda run: run.has_regions, "reflective masks"),
)


@dataclass(frozen=True, eq=False)
class Painter:
    """Paints frames of one run."""

    run: InspectedRun
    shown: DepthRange
    teacher: str | None = None
    """Whose prediction; the base if not given."""

    @classmethod
    def of(cls, run: InspectedRun, teacher: str | None = None, shown: DepthRange | None = None) -> Painter:
        """With the colour range of the run, for which many frames are looked at unless it is given."""
        run.teacher(teacher)
        return cls(run, shown or survey(run).shown, teacher)

    def paint(self, frame: str, layer: str) -> Picture:
        """One layer of one frame."""
        require_layer(self.run, layer)
        if layer in DEPTHS:
            depth = depth_of(self.run, frame, layer, self.teacher)
            return depth_picture(depth.metres, depth.valid, self.shown)
        if layer in ERRORS:
            return self._error(frame, ERRORS[layer])
        return {"rgb": self._rgb, "uncertainty": self._sigma, "reflective": self._marked, "source": self._source}[
            layer
        ](frame)

    def title(self, layer: str) -> str:
        """The layer with what its colours mean."""
        if layer in DEPTHS:
            return f"{layer}, {self.shown.near_m:.2f} to {self.shown.far_m:.2f} m"
        if layer in ERRORS:
            return f"error of {ERRORS[layer]}, to {ERROR_LIMIT_M:g} m (red: too far)"
        return f"uncertainty, to {SIGMA_LIMIT_M:g} m" if layer == "uncertainty" else layer

    def _error(self, frame: str, layer: str) -> Picture:
        depth, truth = depth_of(self.run, frame, layer, self.teacher), depth_of(self.run, frame, "truth")
        return error_picture(depth.metres - truth.metres, depth.valid & truth.valid, ERROR_LIMIT_M)

    def _rgb(self, frame: str) -> Picture:
        return self.run.read(self.run.folder.color(frame), read_rgb)

    def _sigma(self, frame: str) -> Picture:
        steps = self.run.read(self.run.folder.layer("uncertainty", frame), read_png16)
        return amount_picture(sigma_of(steps).sigma_m, SIGMA_LIMIT_M)

    def _marked(self, frame: str) -> Picture:
        regions = self.run.regions(frame)
        rgb = self._rgb(frame)
        return rgb if regions is None else mask_over(rgb, regions > 0)

    def _source(self, frame: str) -> Picture:
        return source_picture(self.run.read(self.run.folder.layer("source", frame), read_png8))


def depth_of(run: InspectedRun, frame: str, layer: str, teacher: str | None = None) -> DepthMap:
    """One of `DEPTHS` of a frame, in metres; a `RequestError` where the run has none."""
    require_layer(run, layer)
    if layer == "predicted":
        return metres_of(run.predicted_mm(frame, teacher))
    return metres_of(run.depth_mm(frame, "depth" if layer == "truth" else layer))


def require_layer(run: InspectedRun, layer: str) -> None:
    """A `RequestError` that says why, where the run has no such layer."""
    if layer not in PAINTED:
        raise RequestError(f"there is no layer '{layer[:40]}': choose one of {', '.join(PAINTED)}")
    for needed, has, missing in _NEEDS:
        if needed(layer) and not has(run):
            raise RequestError(f"{run.name} has no {missing}, so there is no layer '{layer}' to show")
