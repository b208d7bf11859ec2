"""Any encoder of timm that gives features at 1/2 to 1/32, behind the same decoders."""

from __future__ import annotations

import difflib
from typing import Any, cast

from jaxtyping import Float
from torch import Tensor, nn

from deglare.errors import RequestError

REDUCTIONS = (2, 4, 8, 16, 32)


class TimmEncoder(nn.Module):
    """A feature pyramid of timm's.

    Args:
        name: A model of timm's own list, with or without a tag: "mobilenetv2_100", "resnet18.tv_in1k".
        pretrained: Fetch timm's weights; otherwise random ones, and nothing is fetched.
    """

    def __init__(self, name: str, pretrained: bool = False) -> None:
        super().__init__()
        self.name = name
        self.body = _pyramid(name, pretrained)
        self.channels = tuple(int(width) for width in self.body.feature_info.channels())
        self.mean, self.std = (tuple(self.body.pretrained_cfg[key]) for key in ("mean", "std"))

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of an image that is already normalised."""
        return self.body(image)


def timm_weights(name: str) -> dict[str, Tensor]:
    """The pretrained weights of a whole timm model, its classifier included."""
    return _created(name, pretrained=True).state_dict()


def _pyramid(name: str, pretrained: bool) -> Any:
    import timm

    if not timm.is_model(name):  # also keeps out "hf-hub:" and "local-dir:", which a checkpoint may name
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise RequestError(f"timm has no encoder '{name}'{hint}")
    body = cast(Any, _created(name, pretrained, features_only=True))
    reductions = tuple(body.feature_info.reduction())
    if reductions != REDUCTIONS:
        raise RequestError(
            f"the encoder '{name}' gives features at 1/{', 1/'.join(map(str, reductions))}, but the decoders need "
            f"1/2, 1/4, 1/8, 1/16 and 1/32: choose a convolutional one such as resnet18 or mobilenetv2_100"
        )
    return body


def _created(name: str, pretrained: bool, features_only: bool = False) -> nn.Module:
    import timm

    try:
        return timm.create_model(name, pretrained=pretrained, features_only=features_only)
    except (OSError, RuntimeError, AttributeError) as error:  # no network, no such weights, no pyramid
        first = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        wanted = "weights of" if pretrained else "encoder"
        raise RequestError(f"timm cannot give the {wanted} '{name}': {first}. A local file needs no network") from error
