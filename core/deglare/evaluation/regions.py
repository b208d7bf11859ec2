"""Which regions each pixel lies in: reflective or not, highlight by roughness, boundary, material, distance, angle.

Regions overlap, so a pixel carries one code that names all of its regions at once, and a small table says which codes
belong to which region. Sums by code are then sums by region after one little matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32, Float64, Shaped, UInt8, UInt16

from deglare.errors import DataError, RequestError
from deglare.types import HIGHLIGHT_SHARE, DepthMap, Material, SurfaceLabels

REFLECTIVE, HIGHLIGHT, BOUNDARY = 1, 2, 4
MATERIAL_SHIFT, DISTANCE_SHIFT = 3, 6
MATERIALS = 8
"""Places for materials in a code: `Material` has fewer, higher codes in a file are an error."""
MAX_BINS, MAX_COMBINED = 256, 1023
"""Bins of distance, roughness or angle, which are counted in 8 bits, and bins of all three, whose codes fit 16."""


@dataclass(frozen=True)
class RegionRule:
    """How regions are cut; part of the protocol."""

    depth_edges_m: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0)
    """Distance bins: near edge included, far edge not."""
    highlight_share: float = HIGHLIGHT_SHARE
    """At least this share of the light is mirrored."""
    roughness_edges: tuple[float, ...] = (0.01, 0.03)
    """Cuts of highlights by the GGX alpha of their surface: one bin below, bins between, one from the last cut on, each
    with its lower edge. Screens, mirrors and glass are left out where the material is known, being smooth as a matter
    of course. Empty: highlights are not told apart."""
    boundary_jump: float = 0.1
    """Neighbours (left-right, up-down) whose depths differ by more than this share of the nearer one."""
    boundary_width_px: int = 2
    """Pixels on either side of such a jump that belong to the boundary."""
    angle_edges_deg: tuple[float, ...] = ()
    """Bins of the angle between the ray and the normal of the true surface, near edge included, far edge not. Empty:
    angles are not told apart."""

    def __post_init__(self) -> None:
        edges = self.depth_edges_m
        if len(edges) < 2 or any(a >= b for a, b in pairwise(edges)):
            raise RequestError(f"distance bins need at least two rising edges in metres, not {edges}")
        alphas = (0.0, *self.roughness_edges, np.inf)
        if not all(a < b for a, b in pairwise(alphas)):  # false for NaN too
            raise RequestError(f"roughness bins need rising edges above 0, not {self.roughness_edges}")
        angles = self.angle_edges_deg
        if len(angles) == 1 or not all(a < b for a, b in pairwise(angles)):
            raise RequestError(f"bins of angles need at least two rising edges in degrees, or none, not {angles}")
        bins = len(edges) + 1, len(self.alphas) + 1, len(angles) + 1
        if max(bins) > MAX_BINS or math.prod(bins) > MAX_COMBINED:
            raise RequestError(
                f"{len(edges)} edges of distance, {len(self.roughness_edges)} of roughness and {len(angles)} of angles "
                "cut too finely: name fewer of them"
            )
        if self.boundary_jump <= 0 or self.boundary_width_px < 1:
            raise RequestError("a boundary needs a jump above 0 and a width of at least one pixel")

    @property
    def names(self) -> tuple[str, ...]:
        """Every region, in the order of tables."""
        return tuple(name for names in self.kinds.values() for name in names)

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The regions by what tells them apart."""
        surfaces = ("all", "reflective", "non-reflective", "highlight", "reflective, no highlight", "boundary")
        return {
            "region": (*surfaces, *self._roughness_names),
            "material": tuple(m.name.lower() for m in Material),
            "distance": tuple(f"{near:g}-{far:g} m" for near, far in pairwise(self.depth_edges_m)),
            "angle": tuple(f"{least:g}-{most:g} degrees" for least, most in pairwise(self.angle_edges_deg)),
        }

    @property
    def alphas(self) -> tuple[float, ...]:
        """Lower edges of the roughness bins."""
        return (0.0, *self.roughness_edges) if self.roughness_edges else ()

    @property
    def roughness_step(self) -> int:
        """How many codes there are without a roughness, and how many each bin of roughness adds."""
        return (len(self.depth_edges_m) + 1) << DISTANCE_SHIFT

    @property
    def angle_step(self) -> int:
        """How many codes there are without an angle, and how many each bin of angles adds."""
        return self.roughness_step * (len(self.alphas) + 1)

    @property
    def _roughness_names(self) -> tuple[str, ...]:
        """Highlights on surfaces from the smoothest to the roughest."""
        edges = self.roughness_edges
        if not edges:
            return ()
        between = (f"{low:g}-{high:g}" for low, high in pairwise(edges))
        return tuple(
            f"highlight on gloss, roughness {cut}" for cut in (f"< {edges[0]:g}", *between, f">= {edges[-1]:g}")
        )


@dataclass(frozen=True)
class Known:
    """What is known about the surfaces of a frame."""

    labels: bool = False
    share: bool = False
    material: bool = False
    roughness: bool = False
    """Of highlights, so the share is known too."""
    angle: bool = False

    @classmethod
    def of(cls, labels: SurfaceLabels | None, has_angle: bool = False) -> Known:
        """The layers that are there."""
        if labels is None:
            return cls(angle=has_angle)
        has_share = labels.specular_share is not None
        has_roughness = has_share and labels.roughness is not None
        return cls(True, has_share, labels.material is not None, has_roughness, has_angle)


@dataclass(frozen=True, eq=False)
class RegionMap:
    """One code a pixel, and which codes make up each region. The last code lies in no region."""

    codes: UInt16[np.ndarray, "h w"]
    names: tuple[str, ...]
    members: Float64[np.ndarray, "r c"]
    """1 where the code belongs to the region, else 0."""

    def mask(self, name: str) -> Bool[np.ndarray, "h w"]:
        """The pixels of one region."""
        return self.members[self.names.index(name)].astype(bool)[self.codes]


def regions_of(
    truth: DepthMap,
    labels: SurfaceLabels | None = None,
    rule: RegionRule | None = None,
    angle_deg: Float32[np.ndarray, "h w"] | None = None,
) -> dict[str, Bool[np.ndarray, "h w"]]:
    """Masks by name. A region of which nothing is known in this frame has an empty mask."""
    regions = region_map(truth, truth.valid, labels, rule or RegionRule(), angle_deg)
    return {name: regions.mask(name) for name in regions.names}


def region_map(
    truth: DepthMap,
    eligible: Bool[np.ndarray, "h w"],
    labels: SurfaceLabels | None,
    rule: RegionRule,
    angle_deg: Float32[np.ndarray, "h2 w2"] | None = None,
) -> RegionMap:
    """Codes of the pixels that are ``eligible`` for comparison; the others get the code outside every region.

    Args:
        truth: Tells distance and boundary.
        eligible: Pixels that are compared.
        labels: What is known about the surfaces.
        rule: How regions are cut.
        angle_deg: Between the ray and the normal, as `deglare.geometry.incidence.incidence_degrees` gives it; NaN is
            unknown. Where the rule has no bins of angles it says nothing.
    """
    codes = boundary_of(truth, rule.boundary_jump, rule.boundary_width_px).view(np.uint8) * np.uint16(BOUNDARY)
    codes |= _bins(truth.metres, rule.depth_edges_m) * np.uint16(1 << DISTANCE_SHIFT)
    known = Known.of(labels, angle_deg is not None)
    if angle_deg is not None:
        _require_size([angle_deg], truth.size_hw)
        codes += _bins(angle_deg, rule.angle_edges_deg) * np.uint16(rule.angle_step)
    if labels is not None:
        parts = (labels.reflective, labels.specular_share, labels.material, labels.roughness)
        _require_size([part for part in parts if part is not None], truth.size_hw)
        codes |= labels.reflective.view(np.uint8)
        if labels.specular_share is not None:
            highlight = labels.specular_share >= rule.highlight_share
            codes |= highlight.view(np.uint8) * np.uint16(HIGHLIGHT)
            if labels.roughness is not None:
                gloss = highlight if labels.material is None else highlight & (labels.material == Material.GLOSSY)
                codes[gloss] += _bins(labels.roughness[gloss], rule.alphas) * np.uint16(rule.roughness_step)
        if labels.material is not None:
            codes |= _known_materials(labels.material) * np.uint16(1 << MATERIAL_SHIFT)
    members = _members(rule, known)
    np.copyto(codes, members.shape[1] - 1, where=~eligible)
    return RegionMap(codes, rule.names, members)


def boundary_of(truth: DepthMap, jump: float, width_px: int) -> Bool[np.ndarray, "h w"]:
    """Pixels within ``width_px`` of a depth discontinuity between two valid neighbours, by rows and columns."""
    z, valid = truth.metres, truth.valid
    reach = z * np.float32(1 + jump)
    edge = np.zeros(z.shape, dtype=bool)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        step = (z[near] > reach[far]) | (z[far] > reach[near])
        step &= valid[near]
        step &= valid[far]
        edge[near] |= step
        edge[far] |= step
    return _grown(edge, width_px - 1)


def _grown(mask: Bool[np.ndarray, "h w"], by_px: int) -> Bool[np.ndarray, "h w"]:
    """The mask with a square border of ``by_px`` pixels around it."""
    for axis in (0, 1):
        source, target = mask, mask.copy()
        for shift in range(1, by_px + 1):
            ahead, behind = (np.s_[shift:], np.s_[:-shift]) if axis == 0 else (np.s_[:, shift:], np.s_[:, :-shift])
            target[ahead] |= source[behind]
            target[behind] |= source[ahead]
        mask = target
    return mask


def _bins(values: Float32[np.ndarray, "*n"], edges: tuple[float, ...]) -> UInt8[np.ndarray, "*n"]:
    """How many edges lie at or below each value: 0 is below the first or NaN, len(edges) is above the last."""
    bins = np.zeros(values.shape, dtype=np.uint8)
    for edge in edges:
        bins += (values >= np.float32(edge)).view(np.uint8)
    return bins


def _known_materials(material: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    if material.size and material.max() > max(Material):
        raise DataError(f"material {material.max()} is unknown: codes run from 0 to {max(Material)}")
    return material


def _require_size(parts: list[Shaped[np.ndarray, "..."]], size_hw: tuple[int, int]) -> None:
    for part in parts:
        if part.shape != size_hw:
            raise DataError(f"labels are {part.shape} but depth is {size_hw}: resize both together")


@lru_cache(maxsize=64)
def _members(rule: RegionRule, known: Known) -> Float64[np.ndarray, "r c"]:
    """Which codes belong to which region; what is not known in a frame has no codes."""
    step, angles = rule.roughness_step, len(rule.angle_edges_deg)
    roughnesses = len(rule.alphas) + 1 if known.roughness or known.angle else 1
    codes = np.arange(step * roughnesses * (angles + 1 if known.angle else 1))
    reflective, highlight = codes & REFLECTIVE > 0, codes & HIGHLIGHT > 0
    material, distance = codes >> MATERIAL_SHIFT & MATERIALS - 1, codes % step >> DISTANCE_SHIFT
    roughness, angle = codes % rule.angle_step // step, codes // rule.angle_step
    rows = [
        np.ones_like(reflective),
        reflective & known.labels,
        ~reflective & known.labels,
        highlight & known.share,
        reflective & ~highlight & known.share,
        codes & BOUNDARY > 0,
        *((roughness == i) & known.roughness for i in range(1, len(rule.alphas) + 1)),
        *((material == m) & known.material for m in Material),
        *(distance == i for i in range(1, len(rule.depth_edges_m))),
        *(angle == i for i in range(1, angles)),
    ]
    members = np.pad(np.stack(rows).astype(np.float64), ((0, 0), (0, 1)))
    members.setflags(write=False)
    return members
