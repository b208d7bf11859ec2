"""From the video to the frames that are kept: decoded once, followed from each to the next, spaced by motion."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image

from deglare.data.files import read_json, read_rgb, write_image, write_json
from deglare.data.video import VideoLimits, decode_video
from deglare.data.video_facts import VideoRequest
from deglare.footage.ledger import remove
from deglare.footage.plan import MOST_LOOKED_AT, Plan, shrunk_to
from deglare.footage.workplace import Identity, Workplace
from deglare.fusion.importing import resized_rgb
from deglare.fusion.staging import Announce, Key
from deglare.fusion.threads import in_order
from deglare.geometry.poses_choosing import chosen_frames, ways_of
from deglare.geometry.poses_flow import Flow, flow_between, sharpness_of
from deglare.types import Rgb

LOOK_SIDE = 320
"""Longest side at which the motion of the picture is measured."""


@dataclass(frozen=True)
class Kept:
    """The frames that are kept, in order."""

    names: tuple[str, ...]
    times_s: tuple[float, ...]
    spacing: float
    """Way of the picture between them, as a share of the longest side."""
    way: float
    """Of the whole clip, as a share of the longest side."""
    is_cut: bool
    """Whether the clip moved too far for so few frames: what comes after the last one is left out."""
    looked_at: int
    note: str | None
    """What cut the decoding short."""
    working_hw: tuple[int, int]
    run_hw: tuple[int, int]

    @classmethod
    def from_json(cls, value: Any) -> Kept:
        """Read back."""
        found = dict(value)
        for name in ("names", "times_s", "working_hw", "run_hw"):
            found[name] = tuple(found[name])
        return cls(**found)


@dataclass(frozen=True)
class Cutting:
    """Decoding and choosing, for one clip."""

    place: Workplace
    video: Path
    identity: Identity
    plan: Plan
    most_frames: int
    spacing: float
    run_side: int
    threads: int
    announce: Announce
    limits: VideoLimits | None = None

    def decode(self) -> Key:
        """Write every frame that is looked at; begun again where it was cut off, for a video is read from its start."""
        plan, ledger = self.plan, self.place.ledger
        wanted = {
            "start_s": plan.start_s,
            "end_s": plan.stop_s,
            "step_s": plan.step_s,
            "longest_side": max(plan.working_hw),
        }
        key = Key("decode", wanted, self.identity.sha256)
        with self.announce("decode") as progress:
            if ledger.is_current(key, self._decoded) and (self._pictures.is_dir() or self._kept.is_file()):
                progress(1, 1)
                return key
            ledger.begin(key, self._decoded, self._pictures)
            remove(self._pictures)
            self._pictures.mkdir(parents=True)
            request = VideoRequest(
                "", "", **wanted, max_frames=MOST_LOOKED_AT, expected=plan.looked_at, threads=self.threads
            )
            found = decode_video(self.video, self._pictures, request, self.limits, progress)
            write_json(self._decoded, {"times_s": found.times_s, "note": found.note})
            ledger.finish(key)
        return key

    def choose(self, decoded: Key) -> tuple[Key, Kept]:
        """Keep sharp frames that are spaced by motion; the others are removed."""
        ledger = self.place.ledger
        settings = {"most_frames": self.most_frames, "spacing": self.spacing, "run_side": self.run_side}
        key = Key.after("choose", settings, decoded)
        outputs = (self._kept, self.place.root / "frames", self.place.root / "color")
        if ledger.is_current(key, *outputs):
            remove(self._pictures)  # a kill may have left them
            with self.announce("choose") as progress:
                progress(1, 1)
            return key, Kept.from_json(read_json(self._kept))
        if not self._pictures.is_dir():  # chosen from once: the others are gone
            ledger.forget("decode")
            self.decode()
        ledger.begin(key, *outputs)
        kept = self._chosen()
        for name in kept.names:
            self._keep(name)
        write_json(self._kept, vars(kept))
        ledger.finish(key)
        remove(self._pictures)
        return key, kept

    def _chosen(self) -> Kept:
        facts: Mapping[str, Any] = read_json(self._decoded)  # type: ignore[assignment]
        times_s = [float(time_s) for time_s in facts["times_s"]]
        paths = [self._pictures / f"{number:06d}.jpg" for number in range(len(times_s))]
        flows, sharpness = list[Flow](), [sharpness_of(small_grey(paths[0]))]
        with self.announce("choose") as progress:
            for flow, sharp in in_order(_motion, pairwise(map(small_grey, paths)), self.threads):
                flows.append(flow)
                sharpness.append(sharp)
                progress(len(sharpness), len(paths))
        ways = ways_of(flows)
        chosen = chosen_frames(ways, sharpness, self.most_frames, self.spacing)
        working_hw = read_rgb(paths[0]).shape[:2]
        return Kept(
            names=tuple(f"{number:06d}" for number in chosen.kept),
            times_s=tuple(times_s[number] for number in chosen.kept),
            spacing=chosen.spacing,
            way=float(ways[-1]),
            is_cut=chosen.is_cut,
            looked_at=len(paths),
            note=facts["note"],
            working_hw=(working_hw[0], working_hw[1]),
            run_hw=shrunk_to((working_hw[0], working_hw[1]), self.run_side),
        )

    def _keep(self, name: str) -> None:
        source, frame = self._pictures / f"{name}.jpg", self.place.frame(name)
        frame.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, frame)
        rgb = read_rgb(source)
        write_image(self.place.color(name), resized_rgb(rgb, shrunk_to((rgb.shape[0], rgb.shape[1]), self.run_side)))

    @property
    def _pictures(self) -> Path:
        return self.place.root / "decoded"

    @property
    def _decoded(self) -> Path:
        return self.place.root / "decoded.json"

    @property
    def _kept(self) -> Path:
        return self.place.root / "chosen.json"


def _motion(pair: tuple[np.ndarray, np.ndarray]) -> tuple[Flow, float]:
    """From one frame to the next, and how sharp that is."""
    return flow_between(*pair), sharpness_of(pair[1])


def small_grey(path: Path) -> Float32[np.ndarray, "h w"]:
    """A small grey picture in [0, 1]."""
    return shrunk_grey(read_rgb(path), LOOK_SIDE)


def shrunk_grey(rgb: Rgb, longest_side: int) -> Float32[np.ndarray, "h2 w2"]:
    """Grey in [0, 1], averaged down."""
    height, width = shrunk_to((rgb.shape[0], rgb.shape[1]), longest_side)
    grey = Image.fromarray(rgb).convert("L").resize((width, height), Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float32) / np.float32(255)
