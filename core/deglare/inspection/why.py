"""Why depth is wrong at a pixel: what the photometric loss says along its ray, on the user's own images.

On a highlight the loss is least at the depth of the mirrored lamp, behind the surface: that is what a network learns
that is trained with it. Patches of the frames that the loss compares show that the wrong depth matches better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deglare.data.files import read_rgb
from deglare.geometry.projection import stack_intrinsics
from deglare.inspection.patches import as_url, landing, patch_around
from deglare.inspection.points import require_pixel
from deglare.inspection.run import FrameId, InspectedRun
from deglare.inspection.sources import sources_of
from deglare.losses.pixel_sweep import RayErrors, error_at_pixel
from deglare.losses.sweep import UNSEEN, Sweep, best_depth, sweep_depths
from deglare.types import Camera, Rgb, Rigid

SWEEP = Sweep(near_m=0.4, far_m=10.0, steps=128, window=9)

SURFACE = ("truth", "projected", "fused", "predicted")
"""Where the surface is, the most trusted first."""


@dataclass(frozen=True)
class Patches:
    """What the sources show where the pixel would lie at one depth."""

    what: str
    """``surface`` or ``minimum``."""
    metres: float
    images: tuple[str, ...]
    """One a source, as URLs that hold them."""


@dataclass(frozen=True)
class LossCurve:
    """The loss along one pixel's ray."""

    depths_m: tuple[float, ...]
    """With equal steps of inverse depth, near to far."""
    errors: tuple[float | None, ...]
    """None where no source sees the point."""
    best_m: float | None
    """Where the loss is least; None where no source sees the pixel at any depth."""
    marks: dict[str, float | None]
    """Depths of the layers."""
    sources: tuple[tuple[int, str], ...]
    """Number and name of the frames that were compared."""
    target: str
    """The patch around the pixel, as a URL that holds it."""
    patches: tuple[Patches, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        at = [{"what": one.what, "metres": one.metres, "images": list(one.images)} for one in self.patches]
        return {
            "depths_m": list(self.depths_m),
            "errors": list(self.errors),
            "best_m": self.best_m,
            "marks": self.marks,
            "sources": [{"frame": frame, "name": name} for frame, name in self.sources],
            "patches": {"target": self.target, "at": at},
        }


@dataclass(frozen=True, eq=False)
class _Views:
    """A frame and those that it is compared with."""

    camera: Camera
    target: Rgb
    sources: tuple[Rgb, ...]
    source_T_target: tuple[Rigid, ...]

    @classmethod
    def of(cls, run: InspectedRun, name: str, others: tuple[int, ...]) -> _Views:
        """Decode them."""
        target, *sources = (
            run.read(run.folder.color(one), read_rgb) for one in (name, *(run.names[other] for other in others))
        )
        poses = (run.cam_T_world[other] @ run.poses[name] for other in others)
        return cls(run.camera, target, tuple(sources), tuple(poses))

    def errors(self, depths_m: Float[Tensor, "d"], xy: tuple[int, int]) -> RayErrors:
        """Along the ray of a pixel."""
        poses = torch.from_numpy(np.stack(self.source_T_target)).float()
        sources, K = torch.stack([_image(one) for one in self.sources]), stack_intrinsics([self.camera])[0]
        return error_at_pixel(_image(self.target), sources, poses, K, depths_m, xy, SWEEP.window)

    def patches(self, what: str, xy: tuple[int, int], metres: float) -> Patches:
        """Around where the pixel would lie."""
        places = [landing(self.camera, pose, xy, metres) for pose in self.source_T_target]
        cut = (patch_around(rgb, place) for rgb, place in zip(self.sources, places, strict=True))
        return Patches(what, metres, tuple(as_url(one) for one in cut))


def loss_curve(run: InspectedRun, frame: FrameId, x: int, y: int, teacher: str | None = None) -> LossCurve:
    """Follow the ray of one pixel through the frames that training would compare its frame with.

    Args:
        run: Holds the frames.
        frame: Name or number.
        x: Column of the pixel.
        y: Row of the pixel.
        teacher: Whose prediction is marked; the base if not given.
    """
    name = run.frame(frame)
    require_pixel(run, x, y)
    marks = _marks(run, name, run.teacher(teacher), (y, x))
    others = sources_of(run, run.names.index(name))
    views = _Views.of(run, name, others)
    depths = sweep_depths(SWEEP.near_m, SWEEP.far_m, SWEEP.steps)
    found = views.errors(depths, (x, y))
    errors = zip(found.errors.tolist(), found.seen.tolist(), strict=True)
    best_m = _best(found, depths)
    surface_m = next((marks[kind] for kind in SURFACE if marks[kind] is not None), None)
    shown = {"surface": surface_m, "minimum": best_m}
    return LossCurve(
        depths_m=tuple(round(depth, 4) for depth in depths.tolist()),
        errors=tuple(round(error, 5) if seen else None for error, seen in errors),
        best_m=best_m,
        marks=marks,
        sources=tuple((other, run.names[other]) for other in others),
        target=as_url(patch_around(views.target, np.array([x, y], dtype=np.float64))),
        patches=tuple(views.patches(what, (x, y), m) for what, m in shown.items() if m is not None),
    )


def _best(found: RayErrors, depths_m: Float[Tensor, "d"]) -> float | None:
    """Where the error is least, between the steps; None where the pixel is never seen."""
    if not bool(found.seen.any()):
        return None
    errors = found.errors.masked_fill(~found.seen, UNSEEN)
    return round(float(best_depth(errors[:, None, None], depths_m)[0]), 4)


def _marks(run: InspectedRun, name: str, teacher: str, at: tuple[int, int]) -> dict[str, float | None]:
    """What the layers on disk say, in metres."""
    steps = {
        "predicted": run.predicted_mm(name, teacher),
        "projected": run.depth_mm(name, "projected"),
        "fused": run.depth_mm(name, "fused") if run.has_fused else None,
        "truth": run.depth_mm(name, "depth") if run.has_truth else None,
    }
    return {layer: None if mm is None or not mm[at] else int(mm[at]) / 1000 for layer, mm in steps.items()}


def _image(rgb: Rgb) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1) / 255
