"""Ways to find out how sure depth is, by name: `UNCERTAINTIES`. Each is a frozen config that builds itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from deglare.errors import RequestError
from deglare.fusion.uncertainty import CROP_SHARE, Estimate, crop_spread, flip_spread, predict_all, spread
from deglare.networks.teachers import Teacher
from deglare.training.snapshots import load_snapshot, snapshots
from deglare.types import Rgb


@runtime_checkable
class Uncertain(Protocol):
    """Networks at work, that say of one image after the other how deep it is and how sure that is."""

    def estimate(self, rgb: Rgb) -> Estimate:
        """Depth of each teacher, and one uncertainty, at the size of the image."""
        ...


@runtime_checkable
class UncertaintyConfig(Protocol):
    """The settings of one way: a frozen dataclass."""

    def build(self, teachers: Sequence[Teacher]) -> Uncertain:
        """Set to work on the teachers whose depth is asked for."""
        ...


@dataclass(frozen=True)
class Ensemble:
    """The spread of several networks, as published for three."""

    ddof: int = 0
    """Squares are divided by n - ddof."""

    def build(self, teachers: Sequence[Teacher]) -> Uncertain:
        """Needs more teachers than ``ddof``, and at least two."""
        if len(teachers) < 2 or not 0 <= self.ddof < len(teachers):
            raise RequestError(
                f"the spread of an ensemble needs two teachers and more than ddof, not {len(teachers)} with ddof "
                f"{self.ddof}: name more, or choose 'flip', which needs one"
            )
        return EnsembleAtWork(tuple(teachers), self.ddof)


@dataclass(frozen=True)
class Flip:
    """A network against itself in the mirror: `flip_spread`. Twice the time of a prediction."""

    def build(self, teachers: Sequence[Teacher]) -> Uncertain:
        """Needs one teacher."""
        return FlipAtWork(_only(teachers, "flip"))


@dataclass(frozen=True)
class Crop:
    """A network against itself through four crops: `crop_spread`. Five times the time of a prediction.

    Of what one network alone can say, this points best at its errors.
    """

    share: float = CROP_SHARE
    """Sides of a crop, as a share of the frame's."""

    def build(self, teachers: Sequence[Teacher]) -> Uncertain:
        """Needs one teacher."""
        return CropAtWork(_only(teachers, "crop"), self.share)


@dataclass(frozen=True)
class Snapshots:
    """The spread of the checkpoints that one training left."""

    run: Path | None = None
    """The folder of the training."""
    ddof: int = 0
    """Squares are divided by n - ddof."""

    def build(self, teachers: Sequence[Teacher]) -> Uncertain:
        """Needs one teacher, whose depth is given; it takes no part in the spread, being one of them as a rule."""
        teacher = _only(teachers, "snapshots")
        if self.run is None:
            raise RequestError("the spread of snapshots needs the folder of their training: name it as its run")
        places = snapshots(self.run)
        if len(places) < 2:
            raise RequestError(
                f"a spread needs two checkpoints but {self.run} kept {len(places)}: train with --keep 3, or choose "
                "'flip', which needs one network"
            )
        return SnapshotsAtWork(teacher, EnsembleAtWork(tuple(load_snapshot(place) for place in places), self.ddof))


UNCERTAINTIES: dict[str, UncertaintyConfig] = {
    "ensemble": Ensemble(),
    "flip": Flip(),
    "crop": Crop(),
    "snapshots": Snapshots(),
}


@dataclass(frozen=True, eq=False)
class EnsembleAtWork:
    """Several networks; all their depths are given."""

    teachers: tuple[Teacher, ...]
    ddof: int

    def estimate(self, rgb: Rgb) -> Estimate:
        """One pass through each."""
        depths = tuple(predict_all(teacher, [rgb])[0] for teacher in self.teachers)
        return Estimate(depths, spread(depths, self.ddof))


@dataclass(frozen=True, eq=False)
class FlipAtWork:
    """One network."""

    teacher: Teacher

    def estimate(self, rgb: Rgb) -> Estimate:
        """Two passes."""
        return flip_spread(self.teacher, rgb)


@dataclass(frozen=True, eq=False)
class CropAtWork:
    """One network."""

    teacher: Teacher
    share: float

    def estimate(self, rgb: Rgb) -> Estimate:
        """Five passes."""
        return crop_spread(self.teacher, rgb, self.share)


@dataclass(frozen=True, eq=False)
class SnapshotsAtWork:
    """The network whose depth is given, and those whose spread is."""

    teacher: Teacher
    ensemble: EnsembleAtWork

    def estimate(self, rgb: Rgb) -> Estimate:
        """One pass through each."""
        return Estimate(tuple(predict_all(self.teacher, [rgb])), self.ensemble.estimate(rgb).uncertainty)


def _only(teachers: Sequence[Teacher], name: str) -> Teacher:
    if len(teachers) != 1:
        raise RequestError(f"the uncertainty '{name}' is that of one teacher, not of {len(teachers)}: name one")
    return teachers[0]
