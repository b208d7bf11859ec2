"""What has to be said beside a number before it can be compared with another: the protocol and its card."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Bool

from deglare.errors import RequestError
from deglare.evaluation.regions import RegionRule
from deglare.evaluation.tally import Averaging
from deglare.types import DepthMap

Alignment = Literal["none", "median", "median-sequence", "lsq-depth", "lsq-disparity"]
Crop = Literal["none", "eigen", "garg"]

ALIGNMENTS: dict[str, str] = {
    "none": "none: absolute depth",
    "median": "each image times median(truth) / median(predicted)",
    "median-sequence": "one factor a scene: the median over its images of median(truth) / median(predicted)",
    "lsq-depth": "each image by least squares, scale and shift of depth",
    "lsq-disparity": "each image by least squares, scale and shift of 1/depth",
}

CROPS: dict[str, tuple[float, float, float, float]] = {
    "none": (0.0, 1.0, 0.0, 1.0),
    "eigen": (45 / 480, 471 / 480, 41 / 640, 601 / 640),
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}
"""Top, bottom, left, right as shares of the height and width, rounded down to whole pixels."""


@dataclass(frozen=True)
class Protocol:
    """Everything that changes a number without changing the prediction."""

    name: str = "custom"
    alignment: Alignment = "none"
    min_depth_m: float = 0.1
    max_depth_m: float = 10.0
    """Truth outside the range (ends excluded) is not compared; aligned predictions are clamped to it."""
    crop: Crop = "none"
    size_hw: tuple[int, int] | None = None
    """Comparison resolution; None is each truth's own."""
    averaging: Averaging = "images"
    regions: RegionRule = field(default_factory=RegionRule)
    resamples: int = 1000
    """Bootstrap resamples; 0 gives no intervals."""
    seed: int = 0
    frames_sha256: str | None = None
    """Hash of the sorted names (scene/frame) that were compared."""
    subset_sha256: str | None = None
    """Hash of the annotated subset whose frames and masks were used, where one was."""
    version: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.min_depth_m < self.max_depth_m < np.inf:
            raise RequestError(
                f"the depth range {self.min_depth_m:g} to {self.max_depth_m:g} m is empty: give 0 < min < max"
            )
        if self.alignment not in ALIGNMENTS:
            raise RequestError(f"there is no alignment '{self.alignment}': choose {', '.join(ALIGNMENTS)}")
        if self.crop not in CROPS:
            raise RequestError(f"there is no crop '{self.crop}': choose {', '.join(CROPS)}")
        if self.averaging not in ("images", "pixels"):
            raise RequestError(f"there is no averaging '{self.averaging}': choose images or pixels")
        if self.size_hw is not None and min(self.size_hw) < 1:
            raise RequestError(f"a comparison at {self.size_hw} pixels (height, width) is empty")

    def eligible(self, truth: DepthMap) -> Bool[np.ndarray, "h w"]:
        """Pixels of the truth that are compared: valid, inside the depth range and inside the crop."""
        inside = truth.valid & (truth.metres > np.float32(self.min_depth_m))
        inside &= truth.metres < np.float32(self.max_depth_m)
        if self.crop != "none":
            inside &= crop_mask(self.crop, truth.size_hw)
        return inside

    def card(self) -> str:
        """The protocol as text, one line for each thing that a reader needs to know."""
        size = "the truth's own" if self.size_hw is None else f"{self.size_hw[1]}x{self.size_hw[0]}"
        rule = self.regions
        lines = {
            "protocol": self.name,
            "truth": f"valid and {self.min_depth_m:g} m < depth < {self.max_depth_m:g} m",
            "alignment": ALIGNMENTS[self.alignment],
            "order": f"align, clamp to {self.min_depth_m:g}-{self.max_depth_m:g} m, measure",
            "crop": _crop_text(self.crop),
            "resolution": f"{size}; predictions resized bilinearly in disparity, truth and labels never mixed",
            "averaging": AVERAGING_TEXT[self.averaging],
            "highlight": f"specular share >= {rule.highlight_share:g}",
            "roughness": _roughness_text(rule.roughness_edges),
            "boundary": f"within {rule.boundary_width_px} px of neighbours whose depths differ by more than "
            f"{100 * rule.boundary_jump:g} %",
            **_angle_line(rule.angle_edges_deg),
            "intervals": f"95 %, percentile bootstrap, {self.resamples} resamples, seed {self.seed}"
            if self.resamples
            else "none",
            "AUSE, AURG": "areas of each image's curves over 50 removal steps, then the mean over images",
            "frames": f"sha256 {self.frames_sha256}" if self.frames_sha256 else "not hashed",
            **({} if self.subset_sha256 is None else {"subset": f"sha256 {self.subset_sha256}"}),
            "version": self.version or "not recorded",
            "command": self.command or "not recorded",
        }
        return "\n".join(f"{key:<11}{value}" for key, value in lines.items())


AVERAGING_TEXT = {
    "images": "metrics of each image, then the mean over the images that have the region",
    "pixels": "pooled: every pixel of every image weighs the same",
}


def _roughness_text(edges: tuple[float, ...]) -> str:
    if not edges:
        return "not told apart"
    return f"highlights cut at GGX alpha {', '.join(f'{edge:g}' for edge in edges)} of their surface"


def _angle_line(edges: tuple[float, ...]) -> dict[str, str]:
    """A line only where angles are told apart."""
    if not edges:
        return {}
    cuts = ", ".join(f"{edge:g}" for edge in edges)
    return {"angle": f"between the ray and the normal of the truth's surface, cut at {cuts} degrees"}


def _crop_text(crop: Crop) -> str:
    top, bottom, left, right = CROPS[crop]
    return (
        crop
        if crop == "none"
        else f"{crop}: rows {top:.4f}-{bottom:.4f} and columns {left:.4f}-{right:.4f} of the size"
    )


@lru_cache(maxsize=16)
def crop_mask(crop: Crop, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The pixels inside a published crop; Eigen's is rows 45:471, columns 41:601 of 480x640."""
    h, w = size_hw
    top, bottom, left, right = (int(share * side + 1e-6) for share, side in zip(CROPS[crop], (h, h, w, w), strict=True))
    mask = np.zeros(size_hw, dtype=bool)
    mask[top:bottom, left:right] = True
    mask.setflags(write=False)
    return mask


KITTI_BINS = RegionRule(depth_edges_m=(0.0, 10.0, 20.0, 40.0, 80.0))

PROTOCOLS: dict[str, Protocol] = {
    "rooms": Protocol("rooms"),
    "scannet": Protocol("scannet", size_hw=(480, 640)),
    "7scenes": Protocol("7scenes", alignment="median", size_hw=(480, 640)),
    "nyu": Protocol("nyu", alignment="median", crop="eigen", size_hw=(480, 640)),
    "kitti": Protocol("kitti", alignment="median", min_depth_m=1e-3, max_depth_m=80.0, crop="garg", regions=KITTI_BINS),
}


def protocol_named(name: str) -> Protocol:
    """A published protocol by name."""
    if name not in PROTOCOLS:
        raise RequestError(f"there is no protocol '{name}': choose {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
