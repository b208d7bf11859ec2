"""How large an experiment is: networks, sizes, steps and rooms that belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from deglare.errors import RequestError
from deglare.rooms.lighting import LightingSettings
from deglare.rooms.shooting import ShootSettings
from deglare.training.settings import TrainSettings

SMALL_NETWORKS = ("monodepth2-small", "hrdepth-small", "monovit-small")
NETWORKS = ("monodepth2", "hrdepth", "monovit")
MOBILE = "mobilenetv2_100"


@dataclass(frozen=True)
class RoomCounts:
    """Rooms of a split."""

    rooms: int
    shoot: ShootSettings
    every: int = 1
    """Every n-th frame is a target, or is measured."""


@dataclass(frozen=True)
class Scale:
    """Everything that grows together."""

    name: str
    networks: tuple[str, ...]
    """From the weakest to the strongest; the first one is taken apart in the ablation."""
    ensemble: tuple[str, ...]
    """Whose spread is the uncertainty."""
    size: tuple[int, int]
    """Width and height in pixels, of training and of labels."""
    low_size: tuple[int, int]
    """The same for the ablation that trains at low resolution."""
    teacher_steps: int
    student_steps: int
    students: Literal["fresh", "teacher"]
    """What a student begins as: a fresh network, as published, or its teacher. A fresh one that is trained too briefly
    learns neither the teacher's holes nor their cure."""
    longer_steps: int
    """For which teachers go on where they are compared with triplet mining, which begins there; at a quarter of the
    rate."""
    train: RoomCounts
    val: RoomCounts
    test: RoomCounts
    fuse_every: int
    """Every n-th frame of a training sequence goes into the mesh."""
    batch: int = 12
    learning_rate: float = 1e-4
    encoder_rate: float | None = None
    """Of encoders that start from ImageNet."""
    precision: Literal["32", "bf16"] = "32"
    encoder: str | None = None
    """In place of convolutional networks' own, where first weights are given."""
    weights: str | None = None
    """First weights of convolutional encoders: "imagenet" or a file; random if not given."""
    transformer_weights: str | None = None
    """Those of MonoViT's encoder: a file."""
    transformer_batch: int | None = None
    """MonoViT's batch, where it is another one."""
    checkpoint_every: int = 500

    def longer(self, network: str, seed: int) -> TrainSettings:
        """The settings of a teacher that goes on by itself."""
        return going_on(self.training(network, self.longer_steps, seed), self.learning_rate / 4)

    def student(self, network: str, seed: int, size: tuple[int, int] | None = None) -> TrainSettings:
        """The settings of a student."""
        fresh = self.training(network, self.student_steps, seed, size)
        return fresh if self.students == "fresh" else going_on(fresh, self.learning_rate / 2)

    def training(self, network: str, steps: int, seed: int, size: tuple[int, int] | None = None) -> TrainSettings:
        """The settings of one training."""
        is_transformer = network.startswith("monovit")
        weights = self.transformer_weights if is_transformer else self.weights
        return TrainSettings(
            steps=steps,
            network=network,
            encoder=self.encoder if weights and not is_transformer else None,
            weights=weights,
            size=size or self.size,
            batch=self.transformer_batch or self.batch if is_transformer else self.batch,
            learning_rate=self.learning_rate,
            encoder_rate=self.encoder_rate if weights else None,
            precision=self.precision,
            seed=seed,
        )


def going_on(fresh: TrainSettings, rate: float) -> TrainSettings:
    """The same training from weights of a network that was trained before, at another rate for all of it."""
    return replace(fresh, encoder=None, weights=None, encoder_rate=None, learning_rate=rate)


def _shoot(frames: int, width: int, height: int, lighting: LightingSettings | None = None) -> ShootSettings:
    return ShootSettings(frames=frames, size_hw=(height, width), lighting=lighting or LightingSettings())


DIM = LightingSettings(texel_m=0.5, directions=6)

SCALES: dict[str, Scale] = {
    "tiny": Scale(
        "tiny",
        networks=("monodepth2-small",),
        ensemble=SMALL_NETWORKS,
        size=(64, 64),
        low_size=(32, 32),
        teacher_steps=4,
        student_steps=6,
        students="fresh",
        longer_steps=4,
        train=RoomCounts(2, _shoot(8, 64, 48, DIM)),
        val=RoomCounts(2, _shoot(6, 64, 48, DIM)),
        test=RoomCounts(2, _shoot(6, 64, 48, DIM)),
        fuse_every=2,
        batch=4,
        learning_rate=4e-4,
        checkpoint_every=2,
    ),
    "small": Scale(
        "small",
        networks=SMALL_NETWORKS,
        ensemble=SMALL_NETWORKS,
        size=(128, 96),
        low_size=(64, 64),
        teacher_steps=3000,
        student_steps=800,
        students="teacher",
        longer_steps=600,
        train=RoomCounts(48, _shoot(24, 256, 192)),
        val=RoomCounts(12, _shoot(90, 384, 288), every=5),
        test=RoomCounts(12, _shoot(90, 384, 288), every=5),
        fuse_every=1,
        learning_rate=4e-4,
        encoder_rate=2e-4,
        precision="bf16",
        encoder=MOBILE,
        checkpoint_every=100,
    ),
    "full": Scale(
        "full",
        networks=NETWORKS,
        ensemble=NETWORKS,
        size=(384, 288),
        low_size=(128, 96),
        teacher_steps=74_000,
        student_steps=74_000,
        students="fresh",
        longer_steps=37_000,
        train=RoomCounts(240, _shoot(90, 384, 288)),
        val=RoomCounts(32, _shoot(90, 384, 288), every=5),
        test=RoomCounts(32, _shoot(90, 384, 288), every=5),
        fuse_every=3,
        weights="imagenet",
        transformer_batch=8,
    ),
}
"""``full`` trains as long as published: 41 epochs of 240 rooms. Frames of a room are 7 cm apart, about as far as every
tenth frame of a video is."""


def scale_named(name: str) -> Scale:
    """One of `SCALES`."""
    if name not in SCALES:
        raise RequestError(f"there is no scale '{name[:40]}': choose {', '.join(SCALES)}")
    return SCALES[name]
