"""Reflection-aware triplet mining (ICLR 2025): on mined pixels two syntheses must differ, elsewhere one must fit.

A mirrored lamp moves between views as if it lay behind the floor, so matching puts the floor there, and the nearly
vanishing disparity of that place makes two images alike that ought not to be: the source as seen from the target, and
the target as seen from the source, compared at the same pixel although they belong to two cameras. ::

    positive = P(target, source seen from target)               what self-supervision minimises
    negative = P(source seen from target, target seen from source)
    mined    = negative - positive <= delta, where both are seen
    loss     = mean of  max(positive - negative + delta, 0)  on mined pixels, of  positive  elsewhere

The mask and the margin share delta, so the hinge is at work on all mined pixels and on no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.errors import RequestError
from deglare.geometry.warping import is_seen, sample
from deglare.losses.fixed_target import Target, error_to
from deglare.losses.log_depth import upsampled
from deglare.losses.photometric import photometric_error
from deglare.losses.reprojection import UNSEEN, Views
from deglare.losses.view_synthesis import Epipolar, epipolar, places_at

QUARTILES = (0.25, 0.75)
WHISKER = 1.5
"""Tukey's, in spans between the quartiles."""

WHOLLY = 0.99
"""All pixels that one was interpolated from are seen."""


@dataclass(frozen=True)
class TripletRule:
    """Which pixels are mined, and what pulls at them."""

    delta: Literal["q1", "fixed", "quantile", "q1q3", "iqr"] = "q1"
    """The margin, of each image: the first quartile of negative - positive; a fixed one; another quantile; the first
    quartile of the negative less the third of the positive; or the first quartile less 1.5 spans of the quartiles."""
    value: float = 0.0
    """The margin of "fixed", the share of "quantile"."""
    derotate: bool = False
    """Turn the target seen from the source back by the rotation between the cameras, so that only their distance
    tells the two apart. Not in the paper."""
    detach_negative: bool = False
    """Let no gradient into the source's depth."""
    positive_on_mask: bool = True
    """Whether mined pixels are still asked to fit, beside being asked to differ."""

    def __post_init__(self) -> None:
        if self.delta == "quantile" and not 0 <= self.value <= 1:
            raise RequestError(f"a quantile is a share from 0 to 1, not {self.value:g}: --method.rule.value 0.05")


DETECTOR = TripletRule("quantile", 0.05)
"""A mask to look at: four to five times more precise than the one that trains well."""


class Compared(NamedTuple):
    """The two errors of every pixel, of the source that fits best there."""

    positive: Float[Tensor, "b 1 h w"]
    negative: Float[Tensor, "b 1 h w"]
    seen: Bool[Tensor, "b 1 h w"]
    """In both directions."""
    counted: Bool[Tensor, "b 1 h w"]
    """Pixels that have a say at all."""

    @property
    def gap(self) -> Float[Tensor, "b 1 h w"]:
        """Small where the two syntheses are as like each other as they are like the target; no gradient."""
        return (self.negative - self.positive).detach()


class TripletScale(NamedTuple):
    """What one scale gives."""

    loss: Float[Tensor, ""]
    mined: Bool[Tensor, "b 1 h w"]
    delta: Float[Tensor, "b 1 1 1"]


class Geometry(NamedTuple):
    """Between a target and one source, but for depth."""

    forth: Epipolar
    """From the target's pixels into the source."""
    back: Epipolar
    turned: Float[Tensor, "b 2 h w"] | None
    """Where the target's rays, infinitely far, lie in the source; only to derotate."""


def triplet_scales(
    views: Views,
    disparities: Sequence[Float[Tensor, "b 1 _ _"]],
    source_disparities: Sequence[Float[Tensor, "b s 1 _ _"]],
    rule: TripletRule,
    still: Float[Tensor, "b s h w"] | None = None,
    ignore_unseen: bool = False,
) -> list[TripletScale]:
    """The loss of every scale, finest first.

    Args:
        views: What was seen from where.
        disparities: Of the target in 1/m.
        source_disparities: Of each source, at the same scales.
        rule: What is mined.
        still: Errors of unwarped sources: pixels that fit best without any motion are left alone, if not mined.
        ignore_unseen: Whether a source that does not see a pixel is left out there, see `reprojection_loss`.
    """
    geometry, target = geometries(views, rule), Target.of(views.target)
    return [
        triplet_scale(compared(views, target, geometry, ours, theirs, rule, ignore_unseen), rule, still)
        for ours, theirs in zip(disparities, source_disparities, strict=True)
    ]


def geometries(views: Views, rule: TripletRule) -> list[Geometry]:
    """What the poses give, once for all scales. The way back follows no gradient into a learned pose."""
    size_hw = (views.target.shape[2], views.target.shape[3])
    found = []
    for pose in views.source_T_target.unbind(1):
        forth = epipolar(pose, views.K, views.K, size_hw)
        back = epipolar(torch.linalg.inv(pose.detach().double()).to(pose.dtype), views.K, views.K, size_hw)
        far = forth.at_infinity.detach()
        found.append(Geometry(forth, back, far[:, :2] / far[:, 2:].clamp(min=1e-6) if rule.derotate else None))
    return found


def compared(
    views: Views,
    target: Target,
    geometry: Sequence[Geometry],
    disparity: Float[Tensor, "b 1 _ _"],
    source_disparities: Float[Tensor, "b s 1 _ _"],
    rule: TripletRule,
    ignore_unseen: bool = False,
) -> Compared:
    """Both errors under one scale's disparities; the source is chosen by the positive."""
    full = upsampled(disparity, (views.target.shape[2], views.target.shape[3]))
    pairs = [
        _pair(views.target, target, source, between, full, theirs, rule)
        for source, between, theirs in zip(views.sources.unbind(1), geometry, source_disparities.unbind(1), strict=True)
    ]
    positives, negatives, forth, back = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
    if ignore_unseen:
        positives = positives.masked_fill(~forth, UNSEEN)
    positive, best = positives.min(dim=1, keepdim=True)
    counted = forth.any(1, keepdim=True) if ignore_unseen else torch.ones_like(positive, dtype=torch.bool)
    return Compared(positive, negatives.gather(1, best), (forth & back).gather(1, best), counted)


def _pair(
    image: Float[Tensor, "b 3 h w"],
    target: Target,
    source: Float[Tensor, "b 3 h w"],
    between: Geometry,
    disparity: Float[Tensor, "b 1 h w"],
    source_disparity: Float[Tensor, "b 1 _ _"],
    rule: TripletRule,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positive, negative, and whether the source sees the target's pixels, and the other way round."""
    size_hw = (image.shape[2], image.shape[3])
    theirs = upsampled(source_disparity.detach() if rule.detach_negative else source_disparity, size_hw)
    there, z_there = places_at(between.forth, disparity)
    here, z_here = places_at(between.back, theirs)
    forth, back, sees_back = sample(source, there), sample(image, here), is_seen(here, z_here, size_hw)
    if between.turned is not None:
        back, sees_back = sample(back, between.turned), sample(sees_back.float(), between.turned) > WHOLLY
    return error_to(target, forth), photometric_error(forth, back), is_seen(there, z_there, size_hw), sees_back


def triplet_scale(found: Compared, rule: TripletRule, still: Float[Tensor, "b s h w"] | None = None) -> TripletScale:
    """Mine, and weigh."""
    delta = delta_of(found, rule)
    mined = (found.gap <= delta) & found.seen
    positive = found.positive if rule.positive_on_mask else found.positive.detach()
    pushed = (positive - found.negative + delta).clamp(min=0)
    fitted = found.positive if still is None else torch.minimum(found.positive, still.amin(1, keepdim=True))
    errors = torch.where(mined, pushed, fitted)
    return TripletScale((errors * found.counted).sum() / found.counted.sum().clamp(min=1), mined, delta)


@torch.no_grad()
def delta_of(found: Compared, rule: TripletRule) -> Float[Tensor, "b 1 1 1"]:
    """The margin of every image, over the pixels that both views see; 0 where there is none."""
    if rule.delta == "fixed":
        return found.gap.new_full((len(found.gap), 1, 1, 1), rule.value)
    margins = []
    for gap, positive, negative, seen in zip(found.gap, found.positive, found.negative, found.seen, strict=True):
        if not seen.any():
            margins.append(gap.new_zeros(()))
        elif rule.delta == "q1q3":
            margins.append(quantile(negative[seen], QUARTILES[0]) - quantile(positive[seen], QUARTILES[1]))
        elif rule.delta == "iqr":
            first, third = (quantile(gap[seen], share) for share in QUARTILES)
            margins.append(first - WHISKER * (third - first))
        else:
            margins.append(quantile(gap[seen], QUARTILES[0] if rule.delta == "q1" else rule.value))
    return torch.stack(margins)[:, None, None, None]


def quantile(values: Float[Tensor, " n"], share: float) -> Float[Tensor, ""]:
    """The smallest value that at least this share of them does not exceed; exact, for any number of them."""
    rank = min(max(int(-(-share * len(values) // 1)), 1), len(values))
    return values.kthvalue(rank).values
