"""Strategies that decide at every pixel: predicted or projected depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool

from deglare.errors import RequestError
from deglare.fusion.evidence import Evidence, Needs, needed_level
from deglare.fusion.labels import Labels, only_predicted, switched
from deglare.fusion.multiview import is_consistent


@dataclass(frozen=True)
class Predicted:
    """Predicted depth alone, as in self-teaching."""

    @property
    def needs(self) -> Needs:
        """No mesh."""
        return Needs(projected=False)

    def fuse(self, evidence: Evidence) -> Labels:
        """Pixels without prediction are dropped, even where there is projected depth."""
        return only_predicted(evidence.predicted)


@dataclass(frozen=True)
class Projected:
    """Projected depth wherever there is any."""

    @property
    def needs(self) -> Needs:
        """Nothing more."""
        return Needs()

    def fuse(self, evidence: Evidence) -> Labels:
        """Everywhere."""
        return switched(evidence, np.ones(evidence.predicted.size_hw, dtype=bool))


@dataclass(frozen=True)
class ByUncertainty:
    """3D Distillation's own: projected depth where the uncertainty reaches a threshold."""

    alpha_m: float | None = 0.4
    """Threshold in metres, as published; None chooses it by ``quantile``."""
    quantile: float = 0.95
    """Share of the sequence's pixels whose uncertainty lies below the threshold, where it is chosen."""

    def __post_init__(self) -> None:
        if self.alpha_m is not None:
            require_at_least_zero(self.alpha_m, "alpha")
        require_share(self.quantile, "quantile")

    @property
    def needs(self) -> Needs:
        """An uncertainty, and its quantile."""
        return Needs(uncertainty=True, sigma_quantile=self.quantile if self.alpha_m is None else None)

    def wanted(self, evidence: Evidence) -> Bool[np.ndarray, "h w"]:
        """A pixel exactly at the threshold is replaced."""
        uncertainty, alpha = evidence.needed_uncertainty(), self.alpha_m
        if alpha is None:
            alpha = needed_level(evidence.levels.sigma_m, "quantile of uncertainty")
        wanted = uncertainty.sigma_m >= np.float32(alpha)
        wanted &= uncertainty.valid
        return wanted

    def fuse(self, evidence: Evidence) -> Labels:
        """Where it is `wanted`."""
        return switched(evidence, self.wanted(evidence), evidence.needed_uncertainty().valid)


@dataclass(frozen=True)
class ByRelativeUncertainty:
    """The same with a threshold that grows with depth: for scenes much smaller or larger than a room."""

    alpha: float = 0.15
    """Uncertainty as a share of the predicted depth."""

    def __post_init__(self) -> None:
        require_at_least_zero(self.alpha, "alpha")

    @property
    def needs(self) -> Needs:
        """An uncertainty."""
        return Needs(uncertainty=True)

    def fuse(self, evidence: Evidence) -> Labels:
        """A pixel exactly at the threshold is replaced."""
        uncertainty = evidence.needed_uncertainty()
        with np.errstate(all="ignore"):  # holes may hold anything
            wanted = uncertainty.sigma_m >= evidence.predicted.metres * np.float32(self.alpha)
        wanted &= uncertainty.valid
        return switched(evidence, wanted, uncertainty.valid)


@dataclass(frozen=True)
class ByDifference:
    """Projected depth where the prediction lies well behind it, as glare does. One network will do."""

    share: float = 0.25
    """Of the projected depth."""

    def __post_init__(self) -> None:
        require_at_least_zero(self.share, "the share")

    @property
    def needs(self) -> Needs:
        """Nothing more."""
        return Needs()

    def fuse(self, evidence: Evidence) -> Labels:
        """Where nothing is projected nothing can be compared: the prediction stays, and is counted."""
        with np.errstate(all="ignore"):  # holes may hold anything
            wanted = evidence.predicted.metres > evidence.needed_projected().metres * np.float32(1 + self.share)
        wanted |= ~evidence.has_projected
        return switched(evidence, wanted)


@dataclass(frozen=True)
class ByViews:
    """Projected depth where predicted depths of neighbouring views do not agree. One network will do."""

    most_px: float = 1.0
    """A pixel that is taken to a neighbour and back must return within less than this distance."""
    most_relative: float = 0.01
    """And with less than this share of difference in depth."""

    def __post_init__(self) -> None:
        require_at_least_zero(self.most_px, "the distance in pixels")
        require_at_least_zero(self.most_relative, "the difference of depth")

    @property
    def needs(self) -> Needs:
        """Neighbours: two, one before and one after, as published."""
        return Needs(neighbours=True)

    def fuse(self, evidence: Evidence) -> Labels:
        """Every neighbour must agree; a pixel that one of them does not see fails."""
        if evidence.camera is None or not evidence.neighbours:
            raise RequestError("comparing views needs the frame's camera and at least one neighbour: give both")
        agrees = evidence.predicted.valid.copy()
        for neighbour in evidence.neighbours:
            agrees &= is_consistent(evidence.predicted, evidence.camera, neighbour, self.most_px, self.most_relative)
        return switched(evidence, ~agrees)


@dataclass(frozen=True)
class ByMask:
    """Projected depth where a mask says so: mined as triplet mining does, or painted."""

    @property
    def needs(self) -> Needs:
        """A mask."""
        return Needs(mask=True)

    def fuse(self, evidence: Evidence) -> Labels:
        """Inside the mask."""
        return switched(evidence, evidence.needed_mask())


@dataclass(frozen=True)
class ByMaskAndUncertainty:
    """A mask beside the uncertainty: projected depth where one of them says so, or where both do."""

    how: Literal["union", "intersection"] = "union"
    alpha_m: float | None = 0.4
    """As in `ByUncertainty`."""
    quantile: float = 0.95

    def __post_init__(self) -> None:
        if self.how not in ("union", "intersection"):
            raise RequestError(f"a mask and uncertainty by '{self.how}' is none: choose union or intersection")
        _ = self.by_uncertainty  # which refuses a threshold or quantile out of range

    @property
    def by_uncertainty(self) -> ByUncertainty:
        """The other half."""
        return ByUncertainty(self.alpha_m, self.quantile)

    @property
    def needs(self) -> Needs:
        """A mask, an uncertainty, and its quantile."""
        return replace(self.by_uncertainty.needs, mask=True)

    def fuse(self, evidence: Evidence) -> Labels:
        """Where the uncertainty is unknown the mask alone decides of a union."""
        mask, sigma = evidence.needed_mask(), evidence.needed_uncertainty()
        unsure = self.by_uncertainty.wanted(evidence)
        if self.how == "union":
            return switched(evidence, mask | unsure, sigma.valid | mask)
        return switched(evidence, mask & unsure, sigma.valid | ~mask)


def require_at_least_zero(value: float, what: str) -> None:
    """Raise a `RequestError` unless a setting is a number of at least 0; infinity is one."""
    if not value >= 0:  # true for NaN too
        raise RequestError(f"{what} is {value:g}: it must be at least 0")


def require_share(value: float, what: str) -> None:
    """Raise a `RequestError` unless a setting lies between 0 and 1."""
    if not 0 <= value <= 1:
        raise RequestError(f"the {what} is {value:g}: it is a share from 0 to 1")
