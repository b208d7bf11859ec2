"""Cameras, poses and a scene whose every pixel is known by formula."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.geometry import planes
from deglare.geometry.projection import invert, transform, unproject

Pose = Callable[..., Tensor]


@pytest.fixture(scope="session")
def pose() -> Pose:
    """A rigid transform from an axis-angle vector in radians and a translation in metres."""

    def build(turn: tuple[float, ...] = (0, 0, 0), move: tuple[float, ...] = (0, 0, 0)) -> Tensor:
        x, y, z = turn
        generator = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        matrix = np.eye(4)
        matrix[:3, :3] = torch.linalg.matrix_exp(torch.tensor(generator)).numpy()
        matrix[:3, 3] = move
        return torch.tensor(matrix)[None]

    return build


@dataclass(frozen=True)
class TexturedPlane:
    """A plane in the world whose colour is a smooth function of the place."""

    normal: Tensor
    offset_m: Tensor
    waves_per_m: float = 1.0

    def depth(self, world_T_cam: Tensor, K: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Z-depth by formula."""
        normal_cam, offset = planes.transform_plane(self.normal, self.offset_m, invert(world_T_cam))
        return planes.plane_depth(normal_cam, offset, K, size_hw)

    def image(self, world_T_cam: Tensor, K: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """What the camera sees, by formula."""
        places = transform(unproject(self.depth(world_T_cam, K, size_hw), K), world_T_cam)
        angles = 2 * torch.pi * self.waves_per_m * places
        shifts = torch.tensor([0.3, 1.1, 2.0], dtype=angles.dtype)[:, None, None]
        return 0.5 + 0.25 * torch.sin(angles + shifts) + 0.25 * torch.cos(angles.flip(1) * 0.7)


@dataclass(frozen=True)
class TwoViews:
    """Two cameras that look at one textured plane; all in float64."""

    plane: TexturedPlane
    K: Tensor
    size_hw: tuple[int, int]
    world_T_target: Tensor
    world_T_source: Tensor

    def __post_init__(self) -> None:
        assert float(self.depth("target").min()) > 0.5
        assert float(self.depth("source").min()) > 0.5

    def depth(self, view: str) -> Tensor:
        return self.plane.depth(getattr(self, f"world_T_{view}"), self.K, self.size_hw)

    def image(self, view: str) -> Tensor:
        return self.plane.image(getattr(self, f"world_T_{view}"), self.K, self.size_hw)


@pytest.fixture(scope="session")
def two_views(pose: Pose) -> TwoViews:
    """A slanted wall two metres away, an off-centre principal point, a step of 8 cm and a small turn."""
    normal = torch.nn.functional.normalize(torch.tensor([[0.3, -0.2, 1.0]], dtype=torch.float64))
    K = torch.tensor([[[150.0, 0, 84.3], [0, 160, 61.8], [0, 0, 1]]], dtype=torch.float64)
    plane = TexturedPlane(normal, torch.tensor([2.0], dtype=torch.float64))
    return TwoViews(
        plane, K, (120, 152), pose((0.1, -0.05, 0.02), (0.2, 0.1, -0.1)), pose((0.07, -0.03, 0.05), (0.26, 0.07, -0.06))
    )


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return str(request.param)
