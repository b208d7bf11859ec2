"""Networks compiled for the processor with OpenVINO: nearly the same depth, several times sooner."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.disparity import depth_of
from deglare.networks.teachers import NetworkTeacher, Precision
from deglare.types import Rgb

if TYPE_CHECKING:
    from openvino import CompiledModel, Model

Arithmetic = Literal["fp32", "bf16"]

HINTS: dict[Arithmetic, str] = {"fp32": "f32", "bf16": "bf16"}
CONVERTED: dict[Arithmetic, float] = {"fp32": 1e-4, "bf16": 2e-2}
"""How far from torch the median pixel of a compiled network's depth may be, relative; wrong conversions are beyond."""

KEPT_SIZES = 4
"""Compiled networks that a teacher keeps, one for each size of image."""

TELEMETRY = "openvino_telemetry"


class CompiledTeacher(NetworkTeacher):
    """A network of ours, frozen and compiled for the CPU.

    The first image of a size takes seconds longer: the network is compiled for that size and compared with torch. The
    last few sizes are kept.

    Args:
        network: Put in evaluation mode and on the CPU.
        name: The network's own, unless given.
        size_hw: As for `NetworkTeacher`.
        precision: "fp32" differs from torch by rounding; "bf16" by some thousandths of the depth and is faster, on
            processors that have it; "auto" chooses.
        threads: As many as torch uses, unless given.
    """

    def __init__(
        self,
        network: DepthNetwork,
        name: str | None = None,
        size_hw: tuple[int, int] | None = None,
        precision: Precision = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(network, name, size_hw, "cpu")
        self.precision: Arithmetic = available_precision(precision)
        self.threads = threads or torch.get_num_threads()
        self._compiled: dict[tuple[int, int], CompiledModel] = {}

    @property
    def arithmetic(self) -> str:
        """What the network is computed in."""
        return f"openvino {self.precision}"

    def sigmoid(self, images: Float[Tensor, "b 3 h w"]) -> Float32[Tensor, "b 1 h w"]:
        """What the network says about images of a size that it takes, one by one."""
        return run(self._compiled_for((images.shape[2], images.shape[3])), images)

    def _compiled_for(self, size_hw: tuple[int, int]) -> CompiledModel:
        if size_hw not in self._compiled:
            fresh = compile_network(self.network, size_hw, self.precision, self.threads)
            while len(self._compiled) >= KEPT_SIZES:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[size_hw] = fresh
        return self._compiled[size_hw]


@dataclass(frozen=True)
class Difference:
    """How far one depth is from another over all pixels of some images."""

    median: float
    """Relative to the other depth, like `p99`."""
    p99: float
    worst_m: float
    """The largest, in metres."""


def difference_from_torch(teacher: CompiledTeacher, rgbs: Sequence[Rgb]) -> Difference:
    """Compare a compiled teacher with the network that it was made of, on images of any sizes."""
    if not rgbs:
        raise RequestError("a difference needs at least one image: give some")
    exact = NetworkTeacher(teacher.network, size_hw=teacher.size_hw)
    found = np.concatenate([teacher.predict(rgb).metres.ravel() for rgb in rgbs])
    return difference(found, np.concatenate([exact.predict(rgb).metres.ravel() for rgb in rgbs]))


def difference(found_m: Float[np.ndarray, "n"], exact_m: Float[np.ndarray, "n"]) -> Difference:
    """The difference of two depths in metres, both positive."""
    apart = np.abs(found_m - exact_m)
    median, p99 = np.percentile(apart / exact_m, (50, 99))
    return Difference(float(median), float(p99), float(apart.max()))


def available_precision(precision: Precision) -> Arithmetic:
    """What "auto" means on this processor; a `RequestError` for bf16 where it would only be emulated."""
    has_bf16 = "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "auto":
        return "bf16" if has_bf16 else "fp32"
    if precision == "bf16" and not has_bf16:
        raise RequestError("this processor has no bf16 arithmetic: choose the precision 'fp32' or 'auto'")
    return precision


def compile_network(
    network: DepthNetwork, size_hw: tuple[int, int], precision: Arithmetic, threads: int
) -> CompiledModel:
    """A program from one image (1 3 h w in [0, 1]) to its sigmoid disparity (1 1 h w).

    It is run on noise, and a `RequestError` is raised if its depth is not torch's.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # processes side by side would all be pinned to the same cores
    }
    compiled = _openvino().Core().compile_model(_converted(network, size_hw), "CPU", settings)
    _require_converted(compiled, network, size_hw, precision)
    return compiled


def run(compiled: CompiledModel, images: Float[Tensor, "b 3 h w"]) -> Float32[Tensor, "b 1 h w"]:
    """Sigmoid disparities; several threads may run one program."""
    request = compiled.create_infer_request()
    return torch.cat([torch.from_numpy(request.infer([one.numpy()])[0].copy()) for one in images.float().split(1)])


class _FinestScale(nn.Module):
    """The one output that predicting needs; the coarser ones are not computed then."""

    def __init__(self, network: DepthNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        return self.network(image)[0]


def _converted(network: DepthNetwork, size_hw: tuple[int, int]) -> Model:
    example = torch.zeros(1, 3, *size_hw)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad(), _nothing_reported():
        warnings.simplefilter("ignore")  # the tracer's own, about itself
        # torch.export gives the same program, in seconds where this takes tenths of them
        program = torch.jit.trace(_FinestScale(network).eval(), example, check_trace=False)
        model = _openvino().convert_model(program, example_input=example)
    model.reshape([1, 3, *size_hw])
    return model


def _require_converted(
    compiled: CompiledModel, network: DepthNetwork, size_hw: tuple[int, int], precision: Arithmetic
) -> None:
    noise = torch.from_numpy(np.random.default_rng(0).random((1, 3, *size_hw), dtype=np.float32))
    with torch.inference_mode():
        sigmoids = run(compiled, noise), network(noise)[0].float()
    found, exact = (depth_of(sigmoid, network.recipe.depth_range).numpy().ravel() for sigmoid in sigmoids)
    median = difference(found, exact).median
    if not median <= CONVERTED[precision]:
        raise RequestError(
            f"the network compiled in {precision} differs from torch by {median:.2g} of the depth, more than "
            f"{CONVERTED[precision]:g}: choose the precision 'fp32', or the runtime 'torch'"
        )


def _openvino() -> Any:
    try:
        with _nothing_reported():
            import openvino
    except ImportError as error:
        raise RequestError(
            "the compiled runtime needs openvino: pip install 'deglare[fast]', or choose the runtime 'torch'"
        ) from error
    return openvino


@contextmanager
def _nothing_reported() -> Iterator[None]:
    """Keep openvino from sending usage statistics, which it does when it is imported and when it converts.

    It does without where the package that sends them is missing, and so that is what it is shown.
    """
    before = sys.modules.get(TELEMETRY)
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType] - an import of it fails
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(TELEMETRY, None)
        else:
            sys.modules[TELEMETRY] = before
