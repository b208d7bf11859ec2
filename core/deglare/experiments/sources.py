"""What is trained and measured on: rooms that are rendered where they are missing, or sequences that somebody has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from deglare.data.files import read_json, read_text
from deglare.data.opening import find_sequences, open_sequence
from deglare.data.run_folder import hash_of
from deglare.errors import DataError, RequestError
from deglare.experiments.steps import Done, Result, Tools, one_thread
from deglare.rooms.dataset import DATASET, scene_requests, write_scenes
from deglare.rooms.shooting import ShootSettings
from deglare.rooms.subsets import MANIFEST, write_subsets

ALL, REFLECTION, NO_REFLECTION = "all", "reflection", "no-reflection"
SUBSETS = (ALL, REFLECTION, NO_REFLECTION)
ROOM_S, FRAME_S, FRAME_PIXELS = 8.0, 0.2, 384 * 288
"""What a room takes to be lit, and a frame of that many pixels to be rendered, on one core."""


@runtime_checkable
class Source(Protocol):
    """Sequences of one split: a `Work` that makes sure they are there, and says where."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that decides what the frames are."""
        ...

    @property
    def seconds(self) -> float:
        """What making them takes."""
        ...

    @property
    def protocol(self) -> str:
        """How depth is compared here, a name of `PROTOCOLS`."""
        ...

    @property
    def frames(self) -> int:
        """About how many there are, for guesses."""
        ...

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Make what is missing."""
        ...

    def scenes(self, tools: Tools) -> list[Path]:
        """Where the sequences lie."""
        ...

    def subsets(self, tools: Tools) -> dict[str, frozenset[str]]:
        """Frames of a subset as scene/frame, for each subset that is known."""
        ...


@dataclass(frozen=True)
class Rooms:
    """The first rooms of a split of rooms-v1."""

    split: str
    rooms: int
    shoot: ShootSettings

    @property
    def settings(self) -> Mapping[str, Any]:
        """Seeds follow from the split."""
        return {"dataset": DATASET, "split": self.split, "rooms": self.rooms, "shoot": asdict(self.shoot)}

    @property
    def seconds(self) -> float:
        """Light, then frames."""
        height, width = self.shoot.size_hw
        return self.rooms * (ROOM_S + self.shoot.frames * FRAME_S * height * width / FRAME_PIXELS)

    @property
    def protocol(self) -> str:
        """Absolute depth at its own size."""
        return "rooms"

    @property
    def frames(self) -> int:
        """All of them."""
        return self.rooms * self.shoot.frames

    def folder(self, tools: Tools) -> Path:
        """Named by what decides the frames, so that rooms of two kinds may lie side by side."""
        height, width = self.shoot.size_hw
        return tools.rooms / f"{self.split}_{width}x{height}_{self.shoot.frames}"

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Render the rooms that are not there."""
        requests = scene_requests(self.folder(tools), self.split, self.rooms, self.shoot, tools.device)
        with one_thread(), tools.announce("render") as progress:
            new = write_scenes(requests, tools.threads if tools.device == "cpu" else 1, progress)
        write_subsets(self.folder(tools))
        return {"new": new, "content": hash_of([_content_of(request.folder) for request in requests])}

    def scenes(self, tools: Tools) -> list[Path]:
        """In the order of their seeds."""
        return [one.folder for one in scene_requests(self.folder(tools), self.split, self.rooms, self.shoot)]

    def subsets(self, tools: Tools) -> dict[str, frozenset[str]]:
        """By the share of highlight pixels, as `deglare rooms` lists them."""
        return _subsets_in({name: self.folder(tools) / f"{name}.txt" for name in (REFLECTION, NO_REFLECTION)})


@dataclass(frozen=True)
class Given:
    """Sequences on disk."""

    split: str
    paths: tuple[Path, ...]
    protocol: str = "rooms"
    lists: tuple[tuple[str, Path], ...] = ()
    """A file for each subset that is known: ``scene frame`` or ``scene/frame`` a line."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Names, not places; frames are looked at when they are used."""
        return {
            "split": self.split,
            "scenes": [path.name for path in self.paths],
            "subsets": {name: sorted(frames) for name, frames in _subsets_in(dict(self.lists)).items()},
        }

    @property
    def seconds(self) -> float:
        """Opening them."""
        return 0.1 * len(self.paths)

    @property
    def frames(self) -> int:
        """A guess that opens nothing."""
        return 1500 * len(self.paths)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Open each one, so that what cannot be read is said before hours of work."""
        frames = 0
        with tools.announce("open") as progress:
            for number, path in enumerate(self.paths, start=1):
                sequence = open_sequence(path)
                if not sequence.has_poses:
                    raise DataError(f"{path} has frames without poses: labels need to know where each was taken")
                frames += len(sequence)
                progress(number, len(self.paths))
        return {"frames": frames}

    def scenes(self, tools: Tools) -> list[Path]:
        """As given."""
        return list(self.paths)

    def subsets(self, tools: Tools) -> dict[str, frozenset[str]]:
        """As listed."""
        return _subsets_in(dict(self.lists))


def given_folder(root: Path, protocol: str = "rooms") -> dict[str, Given]:
    """``root/train``, ``root/val`` and ``root/test`` hold sequences, and lists of subsets beside them."""
    found: dict[str, Given] = {}
    for split in ("train", "val", "test"):
        if (root / split).is_dir():
            lists = _lists({name: root / split / f"{name}.txt" for name in (REFLECTION, NO_REFLECTION)})
            found[split] = Given(split, tuple(find_sequences(root / split)), protocol, lists)
    return _with_train_and_val(found, root, "folders train and val, with sequences in them")


def given_scannet(root: Path) -> dict[str, Given]:
    """ScanNet as it is extracted: ``scannetv2_train.txt`` and ``scannetv2_val.txt`` name scenes in ``scans``.

    Those of ``scannetv2_test.txt`` lie in ``scans_test``. Subsets are listed in ``reflection_val.txt``,
    ``no-reflection_val.txt`` and ``reflection_test.txt``, where there are any: the published lists are not public.
    """
    found: dict[str, Given] = {}
    for split in ("train", "val", "test"):
        listed = root / f"scannetv2_{split}.txt"
        if listed.is_file():
            folder = root / ("scans_test" if split == "test" else "scans")
            lists = _lists({name: root / f"{name}_{split}.txt" for name in (REFLECTION, NO_REFLECTION)})
            paths = tuple(folder / name for name in read_text(listed).split())
            found[split] = Given(split, tuple(map(_scan, paths)), "scannet", lists)
    return _with_train_and_val(found, root, "scannetv2_train.txt and scannetv2_val.txt, beside scans")


def given_seven_scenes(root: Path) -> dict[str, Given]:
    """7-Scenes as it is extracted: ``chess/TrainSplit.txt`` and ``chess/TestSplit.txt``, and so on.

    Nothing is chosen by validation there: its test sequences serve as val.
    """
    train, val = (_sequences_of(root, file) for file in ("TrainSplit.txt", "TestSplit.txt"))
    found = {"train": Given("train", train, "7scenes"), "val": Given("val", val, "7scenes")} if train and val else {}
    return _with_train_and_val(found, root, "scenes with TrainSplit.txt and TestSplit.txt, and their seq-NN folders")


def _sequences_of(root: Path, listing: str) -> tuple[Path, ...]:
    """The sequences that a scene's list numbers, in lines such as ``sequence3``."""
    found: list[Path] = []
    for path in sorted(root.glob(f"*/{listing}")):
        for line in read_text(path).split():
            number = line.removeprefix("sequence")
            if not number.isdecimal():
                raise DataError(f"{path} has a line '{line[:40]}': lines are sequence1, sequence2 and so on")
            found.append(path.parent / f"seq-{int(number):02d}")
    return tuple(found)


def _scan(path: Path) -> Path:
    """The folder of a scan, or the .sens file in it."""
    sens = path / f"{path.name}.sens"
    return sens if sens.is_file() else path


def _lists(paths: Mapping[str, Path]) -> tuple[tuple[str, Path], ...]:
    return tuple((name, path) for name, path in paths.items() if path.is_file())


def _with_train_and_val(found: dict[str, Given], root: Path, wanted: str) -> dict[str, Given]:
    if not {"train", "val"} <= set(found):
        raise RequestError(f"{root} is not laid out as expected: it should hold {wanted}")
    return found


def _subsets_in(paths: Mapping[str, Path]) -> dict[str, frozenset[str]]:
    """Frames as scene/frame."""
    found: dict[str, frozenset[str]] = {}
    for name, path in paths.items():
        lines = (line.split("#")[0].split() for line in read_text(path).splitlines())
        found[name] = frozenset("/".join(line) for line in lines if line)
    return found


def _content_of(folder: Path) -> object:
    manifest = read_json(folder / MANIFEST)
    return manifest.get("content") if isinstance(manifest, dict) else None
