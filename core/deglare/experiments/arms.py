"""The ways to teach a student that are compared: the paper's own, its ablation, and what goes beyond it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from deglare.errors import RequestError
from deglare.fusion.settings import PUBLISHED, LabelSettings, MeshSettings
from deglare.fusion.strategies import (
    Blend,
    ByDifference,
    ByMask,
    ByMaskAndUncertainty,
    ByUncertainty,
    ByViews,
    Predicted,
    Projected,
    Strategy,
)

SELF_SUPERVISED = "self-supervised"
"""No arm: the teacher itself."""

SELF_TEACHING, DISTILLED = "self-teaching", "distill3d"
LONGER, TRIPLET, TRIPLET_DISTILLED = "longer", "triplet", "triplet-distilled"
Fusion = Literal["published", "robust", "robust-half"]
Table = Literal["ablation", "beyond", "triplet"]
Views = Literal["selfsup", "triplet"]


@dataclass(frozen=True)
class Arm:
    """One way."""

    name: str
    title: str
    """In tables."""
    strategy: Strategy
    fusion: Fusion = "published"
    ensemble: bool = True
    """Whether all networks make the uncertainty, or one does, against its mirror image."""
    layer: Literal["fused", "projected", "predicted"] = "fused"
    mirrors: bool = False
    """Whether mirrors and glare holes in large planes are closed by their plane."""
    low_resolution: bool = False
    normals: float = 0.0
    after: str | None = None
    """The arm whose student takes its own teacher's place: another round."""
    views: Views | None = None
    """No student: the teacher goes on learning from views, by photometric error alone or with mined triplets."""
    pair: bool = False
    """The student has no labels on disk: of two teachers that went on so, one is believed where the mask is."""
    mined_base: bool = False
    """The teacher whose depth is fused went on with mined triplets; the others are asked how sure it is, as ever."""
    everywhere: bool = False
    """For every network; otherwise for the first one only."""
    table: Table | None = None
    """Beside the main table."""
    paper: str | None = None
    """Its row in the paper's ablation."""


PUBLISHED_SWITCH = ByUncertainty(0.4)
ROBUST = Blend()

_LISTED = (
    Arm(
        SELF_TEACHING,
        "self-teaching",
        Predicted(),
        layer="predicted",
        everywhere=True,
        table="ablation",
        paper="predicted only (self-teaching)",
    ),
    Arm("projected", "projected only", Projected(), layer="projected", table="ablation", paper="projected only"),
    Arm(
        "projected-low",
        "projected, low-res training",
        Projected(),
        layer="projected",
        low_resolution=True,
        table="ablation",
        paper="projected, low-res training 128x96",
    ),
    Arm("difference", "fused by difference", ByDifference(), table="ablation", paper="fused by difference"),
    Arm("multiview", "fused by multiview", ByViews(), table="ablation", paper="fused by multiview"),
    Arm(
        DISTILLED,
        "3D Distillation, as published (0.4 m)",
        PUBLISHED_SWITCH,
        everywhere=True,
        table="ablation",
        paper="fused by uncertainty (3D Distillation)",
    ),
    Arm("quantile", "3D Distillation, threshold by quantile", ByUncertainty(None, 0.9), table="beyond"),
    Arm(
        "published-one",
        "3D Distillation, one teacher, by quantile",
        ByUncertainty(None, 0.9),
        ensemble=False,
        table="beyond",
    ),
    Arm("robust", "robust fusion, blended", ROBUST, "robust", everywhere=True, table="beyond"),
    Arm("robust-one", "robust fusion, one teacher", ROBUST, "robust", ensemble=False, table="beyond"),
    Arm("robust-half", "robust fusion, tau 0.5", ROBUST, "robust-half", table="beyond"),
    Arm("robust-both", "robust fusion, blended by gap too", Blend("both"), "robust", table="beyond"),
    Arm(
        "agreed",
        "robust fusion, blended as far as both agree",
        Blend("agreed"),
        "robust",
        everywhere=True,
        table="beyond",
    ),
    Arm(
        "agreed-one",
        "robust fusion, as far as both agree, one teacher",
        Blend("agreed"),
        "robust",
        ensemble=False,
        table="beyond",
    ),
    Arm("robust-projected", "robust fusion, projected only", Projected(), "robust", layer="projected", table="beyond"),
    Arm(
        "mirrors",
        "robust fusion, mirrors closed, blended by gap too",
        Blend("both"),
        "robust",
        mirrors=True,
        table="beyond",
    ),
    Arm(
        "mirrors-one",
        "robust fusion, mirrors closed, one teacher",
        Blend("both"),
        "robust",
        ensemble=False,
        mirrors=True,
        table="beyond",
    ),
    Arm("normals", "robust fusion, with normals", ROBUST, "robust", normals=0.2, table="beyond"),
    Arm("rounds", "robust fusion, second round", ROBUST, "robust", after="robust", table="beyond"),
    Arm(
        "rounds-one",
        "robust fusion, one teacher, second round",
        ROBUST,
        "robust",
        ensemble=False,
        after="robust-one",
        table="beyond",
    ),
    Arm(
        "agreed-rounds",
        "robust fusion, as far as both agree, second round",
        Blend("agreed"),
        "robust",
        after="agreed",
        everywhere=True,
        table="beyond",
    ),
    Arm(LONGER, "self-supervised, for as much longer", Predicted(), views="selfsup", everywhere=True, table="triplet"),
    Arm(TRIPLET, "triplet mining, end to end", Predicted(), views="triplet", everywhere=True, table="triplet"),
    Arm(TRIPLET_DISTILLED, "triplet mining, distilled", Predicted(), pair=True, table="triplet"),
    Arm("mined", "fused by the mined mask", ByMask(), table="triplet"),
    Arm(
        "triplet-3d",
        "3D Distillation of a triplet-trained teacher",
        PUBLISHED_SWITCH,
        mined_base=True,
        table="triplet",
    ),
    Arm(
        "triplet-union",
        "a triplet-trained teacher, by uncertainty or mined mask",
        ByMaskAndUncertainty("union"),
        mined_base=True,
        table="triplet",
    ),
    Arm(
        "triplet-intersection",
        "a triplet-trained teacher, by uncertainty and mined mask",
        ByMaskAndUncertainty("intersection"),
        mined_base=True,
        table="triplet",
    ),
    Arm(
        "triplet-robust",
        "robust fusion of a triplet-trained teacher",
        ROBUST,
        "robust",
        mined_base=True,
        table="triplet",
    ),
)

ARMS: dict[str, Arm] = {arm.name: arm for arm in _LISTED}


def arms_named(names: tuple[str, ...]) -> tuple[Arm, ...]:
    """Some of `ARMS`, in their own order, with those that others come after; all of them if none is named."""
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise RequestError(f"there is no arm '{unknown[0][:40]}': choose among {', '.join(ARMS)}")
    wanted = set(names or ARMS)
    wanted |= {after for name in wanted if (after := ARMS[name].after) is not None}
    return tuple(sorted((ARMS[name] for name in wanted), key=_place))


def mesh_of(fusion: Fusion, every: int) -> MeshSettings:
    """How frames become a surface."""
    if fusion == "published":
        return replace(PUBLISHED.mesh, every=every)
    own = LabelSettings().mesh
    return replace(own, every=every, tau=0.5 if fusion == "robust-half" else own.tau)


def _place(arm: Arm) -> tuple[bool, int]:
    """Second rounds come last."""
    return arm.after is not None, list(ARMS).index(arm.name)
