"""A frame as bytes: what comes out of them is what is on disk, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from screened_wall import ScreenedWall

from deglare.data.files import read_depth, read_png8, read_png16, read_rgb, read_uncertainty, write_image
from deglare.data.run_folder import read_run
from deglare.errors import DataError, RequestError
from deglare.inspection.layers import packed
from deglare.inspection.run import InspectedRun
from deglare.inspection.wire import packed_arrays, unpacked_arrays


@pytest.mark.parametrize("teacher", [None, "deep", "deeper"])
def test_bytes_hold_every_layer_as_its_file_has_it(glare_run: InspectedRun, teacher: str | None) -> None:
    folder, name = glare_run.folder, "004"
    fields, arrays = unpacked_arrays(packed(glare_run.layers(name, teacher)))
    assert (fields["h"], fields["w"]) == (64, 96)
    assert list(arrays) == ["rgb", "predicted", "projected", "uncertainty", "fused", "source", "truth", "regions"]
    np.testing.assert_array_equal(arrays["rgb"].reshape(64, 96, 3), read_rgb(folder.color(name)))
    files = {
        "predicted": folder.predicted(teacher or "deep", name),
        "truth": folder.layer("depth", name),
        **{layer: folder.layer(layer, name) for layer in ("projected", "uncertainty", "fused")},
    }
    for layer, path in files.items():
        assert arrays[layer].dtype == np.dtype("<u2")
        np.testing.assert_array_equal(arrays[layer].reshape(64, 96), read_png16(path))
    np.testing.assert_array_equal(arrays["source"].reshape(64, 96), read_png8(folder.layer("source", name)))
    highlight = read_png8(folder.layer("specular", name)) == 255
    assert highlight.any()
    np.testing.assert_array_equal(arrays["regions"].reshape(64, 96), np.where(highlight, 2, 0))


def test_every_array_begins_at_a_multiple_of_four_bytes_from_the_first(glare_run: InspectedRun) -> None:
    data = packed(glare_run.layers(3))
    length = int.from_bytes(data[:4], "little")
    fields, _ = unpacked_arrays(data)
    assert length % 4 == 0 and all(layer["offset"] % 4 == 0 for layer in fields["layers"])
    last = fields["layers"][-1]
    assert len(data) == 4 + length + last["offset"] + last["bytes"] + -last["bytes"] % 4


def test_metres_are_those_of_the_readers(glare_run: InspectedRun) -> None:
    layers, folder = glare_run.layers("004"), glare_run.folder
    for depth, path in (
        (layers.predicted, folder.predicted("deep", "004")),
        (layers.truth, folder.layer("depth", "004")),
    ):
        assert depth is not None
        np.testing.assert_array_equal(depth.metres, read_depth(path).metres)
        np.testing.assert_array_equal(depth.valid, read_depth(path).valid)
    np.testing.assert_array_equal(layers.uncertainty.sigma_m, read_uncertainty(folder.layer("uncertainty", "004")))


def test_layers_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    run = InspectedRun.open(ScreenedWall(has_truth=False).made().write(tmp_path / "run"))
    _, arrays = unpacked_arrays(packed(run.layers(0)))
    assert list(arrays) == ["rgb", "predicted", "projected", "uncertainty", "fused", "source"]


def test_no_depth_is_zero_whatever_its_code(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    steps = read_png16(folder / "depth" / "002.png")
    steps[:, :7] = 65535
    write_image(folder / "depth" / "002.png", steps)
    layers = InspectedRun.open(folder).layers(2)
    assert layers.truth is not None and layers.truth_mm is not None
    assert not layers.truth_mm[:, :7].any() and not layers.truth.valid[:, :7].any() and layers.truth.valid[:, 7:].all()


def test_uncertainty_keeps_its_code_for_unknown(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    steps = read_png16(folder / "uncertainty" / "002.png")
    steps[3] = 65535
    write_image(folder / "uncertainty" / "002.png", steps)
    layers = InspectedRun.open(folder).layers(2)
    assert (layers.uncertainty_mm[3] == 65535).all()
    assert np.isnan(layers.uncertainty.sigma_m[3]).all() and not layers.uncertainty.valid[3].any()


def test_a_highlight_begins_at_half_of_the_light(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    share = np.tile(np.arange(96, dtype=np.uint8) + 80, (72, 1))  # 127 is below one half of 255, 128 is not
    write_image(folder / "specular" / "002.png", share)
    run = InspectedRun.open(folder)
    regions = run.layers(2).regions
    assert regions is not None
    assert (regions[30, :48] == 1).all() and (regions[30, 48:] == 2).all() and (regions[5, :48] == 0).all()
    labels = next(frame.labels() for frame in read_run(folder) if frame.name == "002")
    assert labels is not None and labels.highlight is not None
    np.testing.assert_array_equal(regions == 2, labels.highlight)


@pytest.mark.parametrize("path", ["color/002.jpg", "predicted/near/002.png", "fused/002.png", "regions/002.png"])
def test_a_file_that_is_deleted_while_the_run_is_open_is_named(
    wall_folder: Path, copy_of: Callable[[Path], Path], path: str
) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    assert run.has_regions
    (folder / path).unlink()
    with pytest.raises(DataError, match=f"^{path} of wall is gone: .*deleted while it was open"):
        run.layers(2)
    run.layers(3)


def test_a_damaged_file_is_named(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    run, path = InspectedRun.open(folder), folder / "projected" / "002.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="damaged or cut short"):
        run.layers(2)


def test_a_file_of_another_size_is_named(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    write_image(folder / "fused" / "002.png", np.ones((10, 20), dtype=np.uint16))
    with pytest.raises(DataError, match=r"fused/002\.png of wall is 20x10 but the run's frames are 96x72"):
        run.layers(2)


@pytest.mark.parametrize(
    "frame, teacher, said", [(9, None, "no frame 9"), ("nothing", None, "no frame"), (0, "x", "none of")]
)
def test_what_is_not_there_is_one_sentence(wall_run: InspectedRun, frame, teacher, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        wall_run.layers(frame, teacher)


def test_points_and_triangles_travel_too() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "positions": rng.normal(size=(7, 3)).astype(np.float32),
        "normals": rng.integers(-127, 127, (7, 3)).astype(np.int8),
        "faces": rng.integers(0, 7, (5, 3)).astype(np.uint32),
        "weights": rng.integers(0, 9, 7).astype(np.uint8),
    }
    fields, found = unpacked_arrays(packed_arrays({"vertices": 7, "legend": None}, arrays))
    assert fields["vertices"] == 7 and fields["legend"] is None
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
