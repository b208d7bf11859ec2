"""What the page computes is what Python computes: labels to the pixel, colours to the shade."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visiting import Visit

from deglare.data.run_folder import LabelSource
from deglare.fusion.detection import Detection
from deglare.fusion.settings_files import strategy_named
from deglare.inspection.fusing import fused_of
from deglare.inspection.layers import metres_of
from deglare.inspection.run import InspectedRun
from deglare.pictures import DepthRange, amount_picture, depth_picture, error_picture, mask_over

SWITCHES = [
    *(("uncertainty", alpha) for alpha in (0.0, 0.1, 0.4, 0.7, 1.499, 2.0)),
    *(("uncertainty-relative", alpha) for alpha in (0.0, 0.05, 0.1, 0.15, 0.5)),
    *(("difference", alpha) for alpha in (0.0, 0.1, 0.25, 1.0)),
    ("mask", None),
    *((how, alpha) for how in ("union", "intersection") for alpha in (0.0, 0.4, 0.7, 2.0)),
    ("predicted", None),
    ("projected", None),
]
BLENDS = ["blend", "blend-gap", "blend-both", "blend-agreed"]

FUSE = """async ([run, frame, strategy, alpha]) => {
  const {overHttp} = await import('/studio/static/source.js');
  const {fuse} = await import('/studio/static/fuse.js');
  const source = overHttp('', run);
  const manifest = await source.manifest();
  const layers = await source.layers(frame, manifest.base);
  const rule = {strategy, alpha: alpha ?? 0, levels: manifest.levels, range_m: manifest.projected_range_m};
  const {mm, source: from} = fuse(layers, rule);
  const bytes = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const text = (array) => btoa(String.fromCharCode(...bytes(array)));
  return [text(mm), text(from)];
}"""


def fused_in_page(visit: Visit, frame: int, strategy: str, alpha: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres and sources as the page's own module makes them."""
    mm, source = (base64.b64decode(text) for text in visit.page.evaluate(FUSE, ["random", frame, strategy, alpha]))
    return np.frombuffer(mm, "<u2").reshape(48, 64), np.frombuffer(source, np.uint8).reshape(48, 64)


def fused_in_python(run: InspectedRun, frame: int, strategy: str, alpha: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The same by `deglare.fusion`, in millimetres."""
    found = fused_of(run, frame, strategy_named(strategy, alpha))
    assert found is not None
    return np.where(found.depth.valid, found.depth.metres * 1000, 0), found.source


@pytest.mark.parametrize("strategy", sorted({name for name, _ in SWITCHES}))
def test_a_switch_takes_the_same_pixels_as_in_python(
    strategy: str, visit: Callable[..., Visit], random_folder: Path
) -> None:
    here, run = visit(random_folder, frame="000"), InspectedRun.open(random_folder)
    for frame in range(2):
        for alpha in (alpha for name, alpha in SWITCHES if name == strategy):
            mm, source = fused_in_page(here, frame, strategy, alpha)
            wanted_mm, wanted_source = fused_in_python(run, frame, strategy, alpha)
            np.testing.assert_array_equal(source, wanted_source)
            np.testing.assert_array_equal(mm, np.rint(wanted_mm))


@pytest.mark.parametrize("strategy", BLENDS)
def test_a_blend_is_the_same_to_a_millimetre(strategy: str, visit: Callable[..., Visit], random_folder: Path) -> None:
    here, run = visit(random_folder, frame="000"), InspectedRun.open(random_folder)
    for frame in range(2):
        mm, source = fused_in_page(here, frame, strategy, None)
        wanted_mm, wanted_source = fused_in_python(run, frame, strategy, None)
        np.testing.assert_array_equal(source, wanted_source)
        assert np.abs(mm - wanted_mm).max() < 1


def test_panes_and_numbers_show_what_was_fused(visit: Callable[..., Visit], random_folder: Path) -> None:
    here, run = visit(random_folder, frame="001", strategy="difference", alpha=0.25), InspectedRun.open(random_folder)
    wanted_mm, wanted_source = fused_in_python(run, 1, "difference", 0.25)
    for y, x in np.random.default_rng(1).integers(0, (48, 64), (40, 2)).tolist():
        assert here.value("source", x, y) == wanted_source[y, x]
        assert (here.value("fused", x, y) or 0) == pytest.approx(wanted_mm[y, x] / 1000, abs=5e-4)


def test_colours_are_those_of_the_pictures(visit: Callable[..., Visit], random_folder: Path) -> None:
    here = visit(random_folder, frame="000", strategy="labelled")
    pictures = pictures_of(
        InspectedRun.open(random_folder), here.ask("fetch('/studio/random/manifest').then((r) => r.json())")
    )
    for pane, picture in pictures.items():
        here.set({"panes": pane})
        here.until(f"state.alone === '{pane}' && studio.pixel('{pane}', 1, 1)")
        for y, x in np.random.default_rng(2).integers(0, (48, 64), (60, 2)).tolist():
            red, green, blue, _ = here.pixel(pane, x, y) or (-9, -9, -9, 0)
            drawn = np.array((red, green, blue))
            assert np.abs(drawn - picture[y, x]).max() <= 2, (pane, x, y)


def pictures_of(run: InspectedRun, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    """The panes as `deglare.pictures` draws them."""
    layers, fused = run.layers("000"), fused_of(run, "000")
    assert fused is not None and layers.truth is not None
    assert layers.regions is not None and layers.mined is not None
    shown = DepthRange(*manifest["range_m"])
    depths = {"predicted": layers.predicted, "projected": layers.projected, "fused": fused.depth}
    both = fused.depth.valid & layers.truth.valid
    reflective, highlight = layers.regions == 1, layers.regions == 2
    return {
        "rgb": layers.rgb,
        **{name: depth_picture(depth.metres, depth.valid, shown) for name, depth in depths.items()},
        "uncertainty": amount_picture(layers.uncertainty.known_m, 0.6),
        "mined": mask_over(layers.rgb, layers.mined),
        "reflective": np.where(highlight[..., None], strongly_tinted(layers.rgb), mask_over(layers.rgb, reflective)),
        "error": error_picture(fused.depth.metres - layers.truth.metres, both, 1.0),
    }


def strongly_tinted(rgb: np.ndarray) -> np.ndarray:
    """Highlights stand out from what is reflective beside them."""
    return 0.15 * rgb + 0.85 * np.array((255, 64, 160))


def test_colour_maps_are_those_of_matplotlib(visit: Callable[..., Visit], random_folder: Path) -> None:
    from matplotlib import colormaps

    here = visit(random_folder, frame="000")
    script = """async () => {
      const {MAPS} = await import('/studio/static/colours.js');
      return JSON.stringify(Object.fromEntries(Object.entries(MAPS).map(([name, map]) => [name, [...map]])));
    }"""
    for name, values in json.loads(here.page.evaluate(script)).items():
        wanted = colormaps[name](np.arange(256), bytes=True)[:, :3]
        np.testing.assert_array_equal(np.reshape(values, (256, 3)), wanted)


def test_numbers_of_the_frame_are_the_mean_relative_errors(visit: Callable[..., Visit], random_folder: Path) -> None:
    here, run = visit(random_folder, frame="000", strategy="projected"), InspectedRun.open(random_folder)
    fused, layers = fused_of(run, "000", strategy_named("projected", None)), run.layers("000")
    assert fused is not None and layers.truth is not None and layers.regions is not None
    known = fused.depth.valid & layers.truth.valid & layers.predicted.valid
    for name, inside in {"all": known, "reflective": known & (layers.regions > 0)}.items():
        before, after = (
            float(np.mean(np.abs(depth.metres - layers.truth.metres)[inside] / layers.truth.metres[inside]))
            for depth in (metres_of(run.predicted_mm("000", run.base)), fused.depth)
        )
        shown = here.page.locator(".number", has_text=name).inner_text().split()
        assert [float(word) for word in shown if word[0].isdigit()] == pytest.approx([before, after], abs=6e-4)


@pytest.mark.parametrize(("strategy", "alpha"), [("mask", None), ("uncertainty", 0.4), ("intersection", 0.7)])
def test_the_frame_says_how_well_the_mask_and_the_rule_find_what_is_reflective(
    strategy: str, alpha: float | None, visit: Callable[..., Visit], random_folder: Path
) -> None:
    view = {"strategy": strategy} | ({} if alpha is None else {"alpha": alpha})
    here, run = visit(random_folder, frame="001", **view), InspectedRun.open(random_folder)
    fused, layers = fused_of(run, "001", strategy_named(strategy, alpha)), run.layers("001")
    assert fused is not None and layers.regions is not None and layers.mined is not None
    for name, mask in {"mined": layers.mined, "rule": fused.source == LabelSource.PROJECTED}.items():
        found = Detection.of(mask, layers.regions > 0)
        said = here.page.locator(".finds", has_text=name).inner_text().replace("%", " ").split()
        assert [float(word) for word in said if word[0].isdigit()] == pytest.approx(
            [100 * found.precision, 100 * found.recall], abs=0.51
        )
