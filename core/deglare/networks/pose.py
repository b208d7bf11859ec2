"""How the camera moved between two frames, learned from the frames alone; translation is up to a scale."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from deglare.errors import RequestError
from deglare.geometry.projection import invert
from deglare.networks.resnet import RESNET18_WIDTHS, ResNetEncoder

SMALL_MOTION = 0.01
"""Outputs are scaled by this, so that a fresh network starts near standing still."""

MEAN, STD = 0.45, 0.225
POSE_CNN_LAYERS = ((16, 7), (32, 5), (64, 3), (128, 3), (256, 3), (256, 3), (256, 3))
"""Output channels and kernel of each strided convolution."""


class PoseNet(nn.Module):
    """ResNet-18 over two frames and Monodepth2's pose decoder, which speaks of two frames and is asked about one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(in_channels=6)
        self.decoder = nn.Sequential(
            nn.Conv2d(RESNET18_WIDTHS[-1], 256, 1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 12, 1),
        )

    def forward(self, earlier: Float[Tensor, "b 3 h w"], later: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 4 4"]:
        """``later_T_earlier`` of two images in [0, 1]."""
        pair = (torch.cat([earlier, later], dim=1) - MEAN) / STD
        return _moved(self.decoder(self.encoder(pair)[-1])[:, :6])


class PoseCNN(nn.Module):
    """Seven strided convolutions: a tenth of the weights."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 6
        for out_channels, kernel in POSE_CNN_LAYERS:
            layers += [nn.Conv2d(channels, out_channels, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
            channels = out_channels
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 6, 1))

    def forward(self, earlier: Float[Tensor, "b 3 h w"], later: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 4 4"]:
        """``later_T_earlier`` of two images in [0, 1]."""
        return _moved(self.layers(torch.cat([earlier, later], dim=1)))


POSE_NETWORKS: dict[str, type[PoseNet] | type[PoseCNN]] = {"posenet": PoseNet, "posecnn": PoseCNN}


def build_pose(name: str) -> PoseNet | PoseCNN:
    """A pose network with random weights."""
    if name not in POSE_NETWORKS:
        raise RequestError(f"there is no pose network '{name}': choose {' or '.join(POSE_NETWORKS)}")
    return POSE_NETWORKS[name]()


def source_T_target(
    network: nn.Module,
    target: Float[Tensor, "b 3 h w"],
    source: Float[Tensor, "b 3 h w"],
    source_is_earlier: Bool[Tensor, " b"],
) -> Float[Tensor, "b 4 4"]:
    """The pose that a warp needs. The network sees the earlier frame first; its answer is inverted if need be."""
    first = source_is_earlier[:, None, None, None]
    later_T_earlier = network(torch.where(first, source, target), torch.where(first, target, source))
    return torch.where(source_is_earlier[:, None, None], invert(later_T_earlier), later_T_earlier)


def rigid_from(axis_angle: Float[Tensor, "b 3"], translation: Float[Tensor, "b 3"]) -> Float[Tensor, "b 4 4"]:
    """A rigid transform from an axis times an angle in radians (Rodrigues), and a translation."""
    angle = torch.linalg.vector_norm(axis_angle, dim=1)[:, None, None]
    x, y, z = axis_angle.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).unflatten(1, (3, 3))
    sine = torch.sinc(angle / math.pi)  # sin(a) / a, which is 1 at a = 0
    versine = torch.sinc(angle / (2 * math.pi)).square() / 2  # (1 - cos(a)) / a^2
    turned = torch.eye(3, dtype=x.dtype, device=x.device) + sine * cross + versine * _matmul(cross, cross)
    return functional.pad(torch.cat([turned, translation[:, :, None]], dim=2), (0, 0, 0, 1)) + _corner(turned)


def initialise_from_depth_encoder(pose: PoseNet, conv1: Float[Tensor, "o 3 7 7"]) -> None:
    """Start the first layer as an image network's, halved: two equal frames give what one image gave."""
    with torch.no_grad():
        pose.encoder.conv1.weight.copy_(torch.cat([conv1, conv1], dim=1) / 2)


def _moved(motion: Float[Tensor, "b 6 h w"]) -> Float[Tensor, "b 4 4"]:
    """Mean over the image, in float32 even under autocast: a rotation is no place for bfloat16."""
    mean = SMALL_MOTION * motion.float().mean((2, 3))
    return rigid_from(mean[:, :3], mean[:, 3:])


def _matmul(a: Float[Tensor, "b 3 3"], b: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3 3"]:
    """The matrix product, unrounded by autocast and TF32."""
    return (a[:, :, :, None] * b[:, None]).sum(2)


def _corner(like: Tensor) -> Float[Tensor, "4 4"]:
    """Zeros with a one in the lower right corner."""
    corner = torch.zeros(4, 4, dtype=like.dtype, device=like.device)
    corner[3, 3] = 1
    return corner
