"""Depth networks: encoders, decoders, the pose net, published checkpoints, and teachers of every kind.

`build` makes a network of ours, `load_network` reads one, `load_model` gives whatever predicts depth. Torch is only
imported when one of these is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deglare.networks.alignment import disparity_fitted, median_scaled
    from deglare.networks.building import NETWORKS, build
    from deglare.networks.checkpoints import load_network, save_network
    from deglare.networks.depth_network import DepthNetwork, Recipe
    from deglare.networks.disparity import INDOOR, KITTI, MetricRange, depth_of, disparity_of, sigmoid_of
    from deglare.networks.export import export_onnx
    from deglare.networks.pose import build_pose, source_T_target
    from deglare.networks.teachers import NetworkTeacher, Teacher, load_model

PLACES = {
    "alignment": ("disparity_fitted", "median_scaled"),
    "building": ("NETWORKS", "build"),
    "checkpoints": ("load_network", "save_network"),
    "depth_network": ("DepthNetwork", "Recipe"),
    "disparity": ("INDOOR", "KITTI", "MetricRange", "depth_of", "disparity_of", "sigmoid_of"),
    "export": ("export_onnx",),
    "pose": ("build_pose", "source_T_target"),
    "teachers": ("NetworkTeacher", "Teacher", "load_model"),
}

__all__ = [
    "INDOOR",
    "KITTI",
    "NETWORKS",
    "DepthNetwork",
    "MetricRange",
    "NetworkTeacher",
    "Recipe",
    "Teacher",
    "build",
    "build_pose",
    "depth_of",
    "disparity_fitted",
    "disparity_of",
    "export_onnx",
    "load_model",
    "load_network",
    "median_scaled",
    "save_network",
    "sigmoid_of",
    "source_T_target",
]


def __getattr__(name: str) -> object:
    for module, names in PLACES.items():
        if name in names:
            return getattr(import_module(f"deglare.networks.{module}"), name)
    raise AttributeError(f"deglare.networks has no '{name}'")
