"""What decides the labels of a run, and nothing else: not speed, not pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from deglare.errors import RequestError
from deglare.fusion.estimators import Crop, Ensemble, UncertaintyConfig
from deglare.fusion.strategies import Blend, ByUncertainty, Strategy
from deglare.geometry import volume_settings
from deglare.geometry.volume_settings import VolumeSettings
from deglare.networks.disparity import INDOOR, MetricRange

LATER = {"later": True}
"""Marks a field that came after runs had been made: at its default it is not written, so that they stay current."""

Weights = Literal["none", "incidence", "incidence+certainty"]
"""How much the vote of a pixel counts: all alike; by the cosine of incidence; also by how sure its depth is."""


@dataclass(frozen=True)
class MeshSettings:
    """How frames become one surface. The defaults had the least Sq Rel on rooms of rooms-v1 val, with `Blend`."""

    every: int = 3
    """Every n-th frame is fused, from the first."""
    volume: VolumeSettings = field(default_factory=lambda: VolumeSettings(with_colour=True))
    engine: Literal["votes", "open3d"] = "votes"
    """Our own, or the published one, which takes neither weights nor tau."""
    weights: Weights = "incidence+certainty"
    tau: float = 0.35
    """Share of the votes that must call a place solid; below one half the surface leans to the nearer votes: glare only
    ever pushes depth away. What is not glare comes some centimetres too near for it."""
    scraps_m2: float = field(default=0.0, metadata=LATER)
    """Pieces of the surface that are smaller than this, in square metres, are left out; 0 keeps all."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise RequestError(f"every {self.every}-th frame cannot be fused: give 1 or more")
        if self.engine == "open3d" and (self.weights != "none" or self.tau != 0.5):
            raise RequestError("Open3D's volume takes no weights and no tau: leave them out, or take the other engine")
        if not 0 < self.tau < 1:
            raise RequestError(f"tau is {self.tau:g}, but it is a share between 0 and 1")
        if not (math.isfinite(self.scraps_m2) and self.scraps_m2 >= 0):
            raise RequestError(f"scraps of less than {self.scraps_m2:g} m2 cannot be left out: give 0 or an area")

    @property
    def weighs_certainty(self) -> bool:
        """Whether it looks at the uncertainty."""
        return self.weights == "incidence+certainty"


@dataclass(frozen=True)
class LabelSettings:
    """All of it."""

    longest_side: int = 384
    """Frames with a longer side, in pixels, are made smaller."""
    uncertainty: UncertaintyConfig | None = None
    """None: the spread of several teachers; of one, against itself through crops, which says more than its mirror image
    and takes five looks at a frame in place of two."""
    base: str | None = None
    """The teacher whose depth is fused to a mesh and mended by it; the first if not given."""
    mesh: MeshSettings = field(default_factory=MeshSettings)
    projector: Literal["raycast", "pyrender"] = "raycast"
    projected_range: MetricRange = INDOOR
    """Nearest and farthest projected depth that is believed."""
    strategy: Strategy = field(default_factory=Blend)
    mine: bool = False
    """Whether the mask of triplet mining is written, if the strategy does not go by it already."""

    def __post_init__(self) -> None:
        if self.longest_side < 32:
            raise RequestError(f"frames of at most {self.longest_side} pixels show nothing: give 32 or more")

    def uncertainty_of(self, teachers: int) -> UncertaintyConfig:
        """The one that was chosen, or the one that suits the number of teachers."""
        if self.uncertainty is not None:
            return self.uncertainty
        return Ensemble() if teachers > 1 else Crop()


PUBLISHED = LabelSettings(
    mesh=MeshSettings(
        every=10,
        volume=replace(volume_settings.PUBLISHED, with_colour=True),
        engine="open3d",
        weights="none",
        tau=0.5,
    ),
    strategy=ByUncertainty(0.4),
)
"""As 3D Distillation does it: an ordinary TSDF truncated at 1 m, and 0.4 m of spread between the teachers."""
