"""Networks that teach while others learn: they stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from deglare.errors import RequestError
from deglare.geometry.resizing import resize_disparity, resize_image
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.disparity import disparity_of
from deglare.networks.teachers import NetworkTeacher, load_model


@dataclass(frozen=True, eq=False)
class Frozen:
    """A network of ours that does not learn."""

    network: DepthNetwork

    @classmethod
    def load(cls, name: str, flag: str) -> Frozen:
        """A checkpoint, or a network that ships; a `RequestError` where it is none, or none was named."""
        if not name:
            raise RequestError(f"this method needs a teacher: {flag} NETWORK.safetensors")
        teacher = load_model(name)
        if not isinstance(teacher, NetworkTeacher):
            raise RequestError(
                f"{name} is no network of ours and cannot teach during training: write its depth as labels first"
            )
        return cls(teacher.network.requires_grad_(False))

    @torch.no_grad()
    def disparity(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """What it sees in colours as they were recorded, at its own size, brought to theirs; in 1/m."""
        self.network.eval()
        size_hw = (rgb.shape[2], rgb.shape[3])
        sigmoid = self.network(resize_image(rgb, self.network.recipe.size_hw or size_hw))[0].float()
        return resize_disparity(disparity_of(sigmoid, self.network.recipe.depth_range), size_hw)

    def depth_m(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """The same in metres."""
        return 1 / self.disparity(rgb)
