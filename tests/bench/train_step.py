"""Training steps of Monodepth2: ours beside its own recipe written the obvious way, with the same network.

    python tests/bench/train_step.py [--size 192 144] [--batch 12] [--rounds 5] [--device cpu] [--network NAME]

Both take known poses, float32 and Adam, and take turns; ours keeps its weights channels last and fuses Adam, as the
trainer does. The recipe computes, as the published trainer does, for every scale and source a warp by matrices and a
photometric error, and for every scale the identity errors anew. Both must give the same loss to a millionth before
anything is timed.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from deglare.losses.reprojection import Views, reprojection_loss, tie_break_noise
from deglare.networks import build, disparity_of
from deglare.networks.disparity import INDOOR

Loss = Callable[[Views, list[Tensor], Tensor], Tensor]


class Ssim(nn.Module):
    """Monodepth2's layer: five pooled images a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.pad = nn.AvgPool2d(3, 1), nn.ReflectionPad2d(1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = self.pad(x), self.pad(y)
        mu_x, mu_y = self.pool(x), self.pool(y)
        sigma_x = self.pool(x**2) - mu_x**2
        sigma_y = self.pool(y**2) - mu_y**2
        sigma_xy = self.pool(x * y) - mu_x * mu_y
        above = (2 * mu_x * mu_y + 0.01**2) * (2 * sigma_xy + 0.03**2)
        below = (mu_x**2 + mu_y**2 + 0.01**2) * (sigma_x + sigma_y + 0.03**2)
        return torch.clamp((1 - above / below) / 2, 0, 1)


def recipe(views: Views, disparities: list[Tensor], noise: Tensor) -> Tensor:
    """The published loss, scale by scale and source by source."""
    ssim = Ssim()
    target, (height, width) = views.target, views.target.shape[2:]
    batch = len(target)
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([u.flatten(), v.flatten(), torch.ones_like(u).flatten()]).to(target)
    pixels = pixels.expand(batch, 3, -1)
    K = torch.eye(4).to(target).repeat(batch, 1, 1)
    K[:, :3, :3] = views.K
    inverse_K = torch.linalg.inv(K)

    def reprojection(predicted: Tensor) -> Tensor:
        l1 = (target - predicted).abs().mean(1, True)
        return 0.85 * ssim(predicted, target).mean(1, True) + 0.15 * l1

    total = torch.zeros((), device=target.device)
    for scale, disparity in enumerate(disparities):
        depth = 1 / functional.interpolate(disparity, [height, width], mode="bilinear", align_corners=False)
        errors = []
        for source in range(views.sources.shape[1]):
            points = depth.view(batch, 1, -1) * (inverse_K[:, :3, :3] @ pixels)
            points = torch.cat([points, torch.ones_like(points[:, :1])], 1)
            seen = (K @ views.source_T_target[:, source])[:, :3] @ points
            xy = (seen[:, :2] / (seen[:, 2:] + 1e-7)).view(batch, 2, height, width).permute(0, 2, 3, 1)
            grid = (xy / torch.tensor([width - 1, height - 1]).to(target) - 0.5) * 2
            warped = functional.grid_sample(views.sources[:, source], grid, padding_mode="border", align_corners=True)
            errors.append(reprojection(warped))
        still = torch.cat([reprojection(views.sources[:, s]) for s in range(views.sources.shape[1])], 1) + noise
        total = total + torch.cat([still, torch.cat(errors, 1)], 1).min(1).values.mean()
        image = functional.avg_pool2d(target, 2**scale)
        normal = disparity / (disparity.mean(2, True).mean(3, True) + 1e-7)
        along_x = (normal[..., :-1] - normal[..., 1:]).abs()
        along_y = (normal[..., :-1, :] - normal[..., 1:, :]).abs()
        along_x = along_x * torch.exp(-(image[..., :-1] - image[..., 1:]).abs().mean(1, True))
        along_y = along_y * torch.exp(-(image[..., :-1, :] - image[..., 1:, :]).abs().mean(1, True))
        total = total + 1e-3 * (along_x.mean() + along_y.mean()) / 2**scale
    return total / len(disparities)


def ours(views: Views, disparities: list[Tensor], noise: Tensor) -> Tensor:
    """The loss as it is trained with."""
    return reprojection_loss(views, disparities, noise=noise).total


def example(batch: int, size_hw: tuple[int, int], device: str) -> Views:
    """Smooth images, and poses of a few centimetres."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(3 * batch, 3, size_hw[0] // 8, size_hw[1] // 8, generator=generator)
    frames = functional.interpolate(frames, size=size_hw, mode="bilinear").view(batch, 3, 3, *size_hw)
    poses = torch.eye(4).repeat(batch, 2, 1, 1)
    poses[:, 0, 0, 3], poses[:, 1, 0, 3], poses[:, 1, 2, 3] = -0.07, 0.07, 0.03
    K = torch.tensor([[0.9 * size_hw[1], 0, size_hw[1] / 2], [0, 0.9 * size_hw[1], size_hw[0] / 2], [0, 0, 1]])
    return Views(*(t.to(device) for t in (frames[:, 0], frames[:, 1:], poses, K.expand(batch, 3, 3))))


class Stepper:
    """A network in training under one of the losses."""

    def __init__(self, network: nn.Module, loss: Loss, views: Views, fused: bool) -> None:
        self.network, self.loss, self.views = network, loss, views
        self.optimiser = torch.optim.Adam(network.parameters(), 1e-4, fused=fused)
        size_hw = (views.target.shape[2], views.target.shape[3])
        self.noise = tie_break_noise(2, size_hw, torch.Generator().manual_seed(1)).to(views.target)

    def disparities(self) -> list[Tensor]:
        return [disparity_of(sigmoid, INDOOR) for sigmoid in self.network(self.views.target)]

    def step(self) -> float:
        """One step; returns its loss."""
        self.optimiser.zero_grad()
        loss = self.loss(self.views, self.disparities(), self.noise)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def loss_alone(self) -> None:
        """Forwards and backwards through the loss, not the network."""
        with torch.no_grad():
            disparities = self.disparities()
        self.loss(self.views, [d.requires_grad_() for d in disparities], self.noise).backward()


def seconds(work: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=(192, 144))
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="monodepth2")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    height, width = -(-asked.size[1] // 32) * 32, -(-asked.size[0] // 32) * 32
    views = example(asked.batch, (height, width), asked.device)
    torch.manual_seed(0)
    network = build(asked.network).to(asked.device)
    theirs = Stepper(copy.deepcopy(network), recipe, views, fused=False)
    mine = Stepper(network.to(memory_format=torch.channels_last), ours, views, fused=True)
    first, second = mine.step(), theirs.step()
    assert abs(first - second) < 1e-6, f"losses differ: {first} and {second}"
    times: dict[str, list[float]] = {"ours": [], "recipe": [], "ours, loss": [], "recipe, loss": []}
    for _ in range(asked.rounds):
        times["recipe"].append(seconds(theirs.step, asked.device))
        times["ours"].append(seconds(mine.step, asked.device))
        times["recipe, loss"].append(seconds(theirs.loss_alone, asked.device))
        times["ours, loss"].append(seconds(mine.loss_alone, asked.device))
    rate = {name: asked.batch / statistics.median(one) for name, one in times.items()}
    print(
        f"{asked.network} at {width}x{height}, batch {asked.batch}, {asked.device}, {torch.get_num_threads()} threads"
    )
    print(f"equal losses: {first:.7f} and {second:.7f}")
    for name in ("", ", loss"):
        ratio = rate[f"ours{name}"] / rate[f"recipe{name}"]
        what = "whole step" if not name else "network forward, loss and its gradient"
        print(
            f"{what}: ours {rate[f'ours{name}']:.2f}, recipe {rate[f'recipe{name}']:.2f} samples/s, ratio {ratio:.2f}"
        )
    if asked.json:
        result = {"name": "train_step", "ratio": rate["ours"] / rate["recipe"], "unit": "samples/s"}
        print(json.dumps(result | {"ours": rate["ours"], "baseline": rate["recipe"]}))


if __name__ == "__main__":
    main()
