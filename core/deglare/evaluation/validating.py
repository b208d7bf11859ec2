"""A network in training, measured on sequences that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isnan

from deglare.data.comparable import comparable_frames
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import Protocol
from deglare.fusion.detection import Detection
from deglare.fusion.mining import Look, mined_mask
from deglare.losses.triplet import TripletRule
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.teachers import NetworkTeacher
from deglare.types import DepthMap, Rgb
from deglare.types import Sequence as Frames

KEPT = 32
"""Predictions of a sequence that are kept: frames are compared with those around them."""

Predicted = Callable[[int], tuple[Rgb, DepthMap]]
"""Colour and predicted depth of a frame, by its place in its sequence."""


def validated(network: DepthNetwork, sequences: Sequence[Frames], rule: TripletRule | None = None) -> dict[str, float]:
    """The seven metrics, unaligned, as means over frames with depth; and how well a mask finds what is reflective.

    Precision, recall and coverage of the mask are over the pixels of all frames that say what is reflective, in
    sequences with poses; what has no pixels is left out.

    Args:
        network: In evaluation mode.
        sequences: Some of them with depth.
        rule: What is mined with the network's depth; nothing if not given.
    """
    teacher, meter = NetworkTeacher(network, device=network.device), Meter(Protocol("validation", resamples=0))
    found = Detection()
    for sequence in sequences:
        predicted = _predicting(sequence, teacher)
        for number, frame in enumerate(sequence):
            truth = frame.depth()
            if truth is not None:
                meter.add(sequence.name, frame.name, predicted(number)[1], truth)
            if rule is not None:
                found += mined_at(sequence, number, predicted, rule)
    rows = {row.metric: row.value for row in meter.report().rows if row.region == "all"}
    shares = {f"mined_{name}": getattr(found, name) for name in ("precision", "recall", "coverage")}
    return rows | {name: share for name, share in shares.items() if not isnan(share)}


def mined_at(sequence: Frames, number: int, predicted: Predicted, rule: TripletRule) -> Detection:
    """One frame's mask against what it says is reflective; empty where it says nothing, or poses are not known."""
    frame = sequence[number]
    labels = frame.labels() if sequence.has_poses else None
    if labels is None:
        return Detection()
    poses = [one.world_T_cam for one in sequence if one.world_T_cam is not None]
    near = [one for one in comparable_frames(poses, number) if sequence[one].camera == frame.camera]
    target, *others = (Look(*predicted(one), poses[one]) for one in (number, *near))
    return Detection.of(mined_mask(target, others, frame.camera, rule), labels.reflective)


def _predicting(sequence: Frames, teacher: NetworkTeacher) -> Predicted:
    @lru_cache(KEPT)
    def predicted(number: int) -> tuple[Rgb, DepthMap]:
        rgb = sequence[number].rgb()
        return rgb, teacher.predict(rgb)

    return predicted
