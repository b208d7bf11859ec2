"""Who predicts depth of a clip: the best that is on this machine, or whom the user names; nothing is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from deglare.data.files import read_depth, write_depth
from deglare.errors import RequestError
from deglare.fusion.many import loaded
from deglare.networks.building import NETWORKS
from deglare.networks.teachers import TRANSFORMERS_PREFIX, Runtime, Teacher, load_model
from deglare.types import DepthMap, RelativeDepth, Rgb

FOUNDATION = "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"
FOUNDATION_NAME = "depth-anything-v2-indoor-small"
FOUNDATION_FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
SHIPPED = ("monodepth2-small", "hrdepth-small", "monovit-small")

EXPECT_FOUNDATION = (
    "Depth Anything V2 (metric, indoor, small) is on this machine: it learned from very many pictures, expect sharp "
    "depth whose scale is right to about a tenth"
)
EXPECT_SHIPPED = (
    "small networks that ship with deglare predict depth: they learned from rendered rooms, expect the shape of "
    "the room, soft edges, and a scale that may be off by a third or more; with Depth Anything V2 on this machine "
    f"(--teachers {TRANSFORMERS_PREFIX}{FOUNDATION} fetches it) depth is sharper"
)
EXPECT_OTHERS = "depth is only as good as the networks that were named, and the scale of the room is theirs"


@dataclass(frozen=True)
class Choice:
    """Teachers by name, and what a person is told about them."""

    names: tuple[str, ...]
    expect: str


def chosen_teachers(names: Sequence[str] = ()) -> Choice:
    """Those that were named; else the foundation model where it lies on disk, else the shipped networks."""
    if names:
        return Choice(tuple(names), expectation_of(names))
    if foundation_on_disk() is not None:
        return Choice((FOUNDATION_NAME,), EXPECT_FOUNDATION)
    return Choice(SHIPPED, EXPECT_SHIPPED)


def expectation_of(names: Sequence[str]) -> str:
    """What to expect of teachers that were named."""
    if all(name in NETWORKS for name in names):
        return EXPECT_SHIPPED
    return EXPECT_FOUNDATION if FOUNDATION_NAME in names else EXPECT_OTHERS


def foundation_on_disk() -> Path | None:
    """The folder of the foundation model in the cache of the hub; looks at files, asks no network."""
    if find_spec("transformers") is None or find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(FOUNDATION, name) for name in FOUNDATION_FILES]
    paths = [Path(one) for one in found if isinstance(one, str)]
    return paths[0].parent if len(paths) == len(FOUNDATION_FILES) else None


def load_teachers(names: tuple[str, ...], runtime: Runtime, device: str) -> tuple[Teacher, ...]:
    """The networks themselves."""
    return tuple(_loaded(name, runtime, device) for name in names)


def _loaded(name: str, runtime: Runtime, device: str) -> Teacher:
    """One of them; the one in the hub's cache gets a name that says what it is."""
    if name != FOUNDATION_NAME:
        return loaded((name,), runtime, device)[0]
    folder = foundation_on_disk()
    if folder is None:
        raise RequestError(
            f"{FOUNDATION_NAME} is not on this machine: --teachers {TRANSFORMERS_PREFIX}{FOUNDATION} fetches it"
        )
    teacher = load_model(f"{TRANSFORMERS_PREFIX}{folder}", device=device)
    teacher.name = FOUNDATION_NAME
    return teacher


class KeptTeacher:
    """A teacher whose depth is kept on disk: what was predicted once is read.

    Args:
        teacher: Metric; one that gives relative depth sets no scale.
        folder: Gets a folder for the teacher, and a 16-bit PNG in millimetres for every picture it sees.
    """

    def __init__(self, teacher: Teacher, folder: Path) -> None:
        self.teacher, self.name = teacher, teacher.name
        self.fingerprint = getattr(teacher, "fingerprint", None)
        self.folder = folder / f"{self.name}-{hashlib.sha256(repr(self.fingerprint).encode()).hexdigest()[:12]}"

    def predict(self, rgb: Rgb) -> DepthMap:
        """Read it, or predict and write it; either way depth is in whole millimetres."""
        path = self.folder / f"{picture_digest(rgb)}.png"
        if not path.is_file():
            write_depth(path, _metric(self.teacher.predict(rgb), self.name))
        return read_depth(path)


def averaged(depths: Sequence[DepthMap]) -> DepthMap:
    """The geometric mean; valid where all are."""
    valid = np.logical_and.reduce([depth.valid for depth in depths])
    logs = [np.log(np.where(valid, depth.metres, np.float32(1))) for depth in depths]
    return DepthMap(np.exp(np.mean(logs, axis=0)).astype(np.float32), valid)


def _metric(depth: DepthMap | RelativeDepth, name: str) -> DepthMap:
    if isinstance(depth, RelativeDepth):
        raise RequestError(f"{name} predicts relative depth, which says nothing about metres: name a metric teacher")
    return depth


def picture_digest(rgb: Rgb) -> str:
    """What tells pictures apart."""
    return hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()[:32]
