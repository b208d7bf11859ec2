import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deglare.data import files
from deglare.data.posed_folder import read_posed_folder
from deglare.errors import DataError, RequestError
from deglare.rooms.dataset import (
    SPLITS,
    SceneRequest,
    content_hash,
    is_written,
    scene_requests,
    write_scene,
    write_scenes,
)
from deglare.rooms.furnish import furnish
from deglare.rooms.lighting import LightingSettings
from deglare.rooms.render import blur_by_roughness
from deglare.rooms.shooting import ShootSettings, prepare_shoot, shots
from deglare.rooms.subsets import MANIFEST, subset_of, write_subsets

SEED = 3


def write(folder: Path, settings: ShootSettings, seed: int = SEED) -> str:
    """Write one scene and return the hash of its content."""
    write_scenes([SceneRequest(folder, seed, settings)])
    return content_hash(folder)


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def known(layer: np.ndarray | None) -> np.ndarray:
    """A layer that must be there."""
    assert layer is not None
    return layer


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, tiny: ShootSettings) -> Path:
    """One scene that tests may read and must not change."""
    folder = tmp_path_factory.mktemp("rooms") / "scene"
    write(folder, tiny)
    return folder


def test_the_splits_are_fixed_and_share_no_seed(tmp_path: Path, tiny: ShootSettings) -> None:
    seeds = {name: [r.seed for r in scene_requests(tmp_path, name, None, tiny)] for name in SPLITS}
    assert seeds["train"] == list(range(1_000_000, 1_000_240))
    assert seeds["val"] == list(range(2_000_000, 2_000_032))
    assert seeds["test"] == list(range(3_000_000, 3_000_032))
    assert [r.folder.name for r in scene_requests(tmp_path, "val", 2, tiny)] == ["val_0000", "val_0001"]


@pytest.mark.parametrize(("split", "scenes"), [("vali", 1), ("val", 0), ("val", 33), ("train", -1)])
def test_rooms_that_a_split_does_not_have_are_refused(tmp_path: Path, tiny: ShootSettings, split, scenes) -> None:
    with pytest.raises(RequestError, match="split"):
        scene_requests(tmp_path, split, scenes, tiny)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    written: Path, tmp_path: Path, tiny: ShootSettings
) -> None:
    assert write(tmp_path / "again", tiny) == content_hash(written)
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (written / MANIFEST).read_bytes()
    assert write(tmp_path / "other", tiny, seed=SEED + 1) != content_hash(written)


def test_frames_do_not_depend_on_how_many_threads_render_them(threads: Callable[[int], None]) -> None:
    settings = ShootSettings(frames=1, size_hw=(190, 190), lighting=LightingSettings(texel_m=0.5, directions=4))
    shoot, seen = prepare_shoot(SEED, settings), []
    for count in (1, 2):
        threads(count)
        seen.append(next(shots(shoot)))
    assert np.array_equal(seen[0].rgb, seen[1].rgb)
    assert np.array_equal(seen[0].depth.metres, seen[1].depth.metres)
    one, two = (known(shot.labels.specular_share) for shot in seen)
    assert np.array_equal(one, two)


def test_neither_light_nor_blur_depends_on_threads_to_the_last_bit(
    make_room, add_lamp, light, threads: Callable[[int], None]
) -> None:
    room = make_room((6.0, 6.0, 2.6))
    add_lamp(room, (0.7, 0.3, 2.5))
    generator = torch.Generator().manual_seed(0)
    mirrored = torch.rand(1, 300, 320, 3, generator=generator)
    sigma, surface = 2 + torch.rand(1, 300, 320, generator=generator), torch.zeros(1, 300, 320, dtype=torch.long)
    baked, blurred = [], []
    for count in (1, 2):
        threads(count)
        baked.append(light(room, LightingSettings(texel_m=0.1, directions=3)).lightmaps.texels)
        blurred.append(blur_by_roughness(mirrored, sigma, surface))
    assert baked[0].numel() > 32768  # torch sums fewer numbers with one thread
    assert torch.equal(baked[0], baked[1])
    assert torch.equal(blurred[0], blurred[1])


def test_a_scene_can_be_read_back_as_a_posed_folder(written: Path, tiny: ShootSettings) -> None:
    sequence = read_posed_folder(written)
    assert len(sequence) == 3
    assert dict(sequence.dropped) == {}
    assert sequence.has_poses
    assert sequence.has_depth
    for frame, shot in zip(sequence, shots(prepare_shoot(SEED, tiny)), strict=True):
        depth, labels = frame.depth(), frame.labels()
        assert depth is not None
        assert labels is not None
        assert frame.world_T_cam is not None
        assert frame.camera == tiny.camera
        np.testing.assert_allclose(depth.metres, shot.depth.metres, atol=0.5001e-3)
        assert depth.valid.all()
        np.testing.assert_allclose(frame.world_T_cam, shot.world_T_cam, atol=1e-12)
        assert np.array_equal(labels.reflective, shot.labels.reflective)
        share = known(shot.labels.specular_share)
        np.testing.assert_allclose(known(labels.specular_share), share, atol=1 / 255)
        assert np.array_equal(known(labels.material), known(shot.labels.material))
        assert np.array_equal(known(labels.surface_id), known(shot.labels.surface_id))
        assert np.abs(frame.rgb().astype(int) - shot.rgb).mean() < 6  # JPEG


def test_the_manifest_names_every_surface_and_frame(written: Path) -> None:
    told = manifest(written)
    room = furnish(SEED)
    assert told["seed"] == SEED
    assert [s["material"] for s in told["surfaces"]] == [s.finish.material.name.lower() for s in room.surfaces]
    assert sorted(told["frames"]) == ["000000", "000001", "000002"]
    assert told["path_m"] == pytest.approx(2 * 0.07, abs=0.04)
    for name, facts in told["frames"].items():
        labels = read_posed_folder(written)[int(name)].labels()
        assert labels is not None
        assert facts["reflective"] == pytest.approx(labels.reflective.mean(), abs=1e-6)
        assert facts["highlight"] == pytest.approx((known(labels.specular_share) >= 0.5).mean(), abs=0.01)
        assert facts["subset"] == subset_of(facts["highlight"])


def test_the_hash_in_the_manifest_holds_and_notices_a_changed_byte(tmp_path: Path, tiny: ShootSettings) -> None:
    folder = tmp_path / "scene"
    write(folder, tiny)
    assert manifest(folder)["content"] == content_hash(folder)
    picture = folder / "depth" / "000001.png"
    changed = bytearray(picture.read_bytes())
    changed[-20] ^= 1
    picture.write_bytes(changed)
    assert manifest(folder)["content"] != content_hash(folder)


def test_a_run_that_stops_half_way_leaves_no_half_scene_and_goes_on_to_the_same_bytes(
    written: Path, tmp_path: Path, tiny: ShootSettings
) -> None:
    request = SceneRequest(tmp_path / "scene", SEED, tiny)
    writing = write_scene(request)
    assert isinstance(writing, Generator)
    next(writing)
    next(writing)
    writing.close()
    assert not request.folder.exists()
    assert not is_written(request)
    assert write_scenes([request]) == 1
    assert content_hash(request.folder) == content_hash(written)
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]
    assert write_scenes([request]) == 0


KILLED_RUN = """
import sys
from pathlib import Path
from deglare.rooms.dataset import SceneRequest, write_scenes
from deglare.rooms.lighting import LightingSettings
from deglare.rooms.shooting import ShootSettings
lighting = LightingSettings(texel_m=0.5, directions=6)
write_scenes([SceneRequest(Path(sys.argv[1]), 3, ShootSettings(frames=400, size_hw=(24, 32), lighting=lighting))])
"""


def test_a_process_that_is_killed_leaves_no_half_scene(written: Path, tmp_path: Path, tiny: ShootSettings) -> None:
    folder = tmp_path / "scene"
    process = subprocess.Popen([sys.executable, "-c", KILLED_RUN, str(folder)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".scene.unfinished/color/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob(".scene.unfinished/color/*.jpg"))
    assert not folder.exists()
    assert write(folder, tiny) == content_hash(written)
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


def test_a_folder_made_with_other_settings_is_refused(written: Path, tiny: ShootSettings) -> None:
    with pytest.raises(RequestError, match=r"other settings: choose another --out or remove it$"):
        is_written(SceneRequest(written, SEED, replace(tiny, frames=4)))
    with pytest.raises(RequestError, match="other seed"):
        write_scenes([SceneRequest(written, SEED + 1, tiny)])
    assert is_written(SceneRequest(written, SEED, tiny))


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path, tiny: ShootSettings) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "thesis.tex").write_text("precious")
    with pytest.raises(RequestError, match="something else than a room"):
        write(tmp_path / "scene", tiny)
    assert (tmp_path / "scene" / "thesis.tex").read_text() == "precious"
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RequestError, match="something else than a room"):
        write(tmp_path / "file", tiny)


def test_a_damaged_manifest_is_a_data_error(tmp_path: Path, tiny: ShootSettings) -> None:
    folder = tmp_path / "scene"
    folder.mkdir()
    (folder / MANIFEST).write_text('{"seed": 3')
    with pytest.raises(DataError, match="not JSON"):
        is_written(SceneRequest(folder, SEED, tiny))
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(RequestError, match="other seed and settings"):
        is_written(SceneRequest(folder, SEED, tiny))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path, tiny: ShootSettings) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match=r"^cannot write .*Permission denied"):
            write(tmp_path / "scene", tiny)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "No space left on device")])
def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_no_scene(
    tmp_path: Path, tiny: ShootSettings, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    flushed = iter(range(5))

    def full(_: int) -> None:
        if next(flushed, None) is None:
            raise error

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=f"^cannot write .*: {error.strerror}") as raised:
        write(tmp_path / "scene", tiny)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "scene").exists()


def test_two_workers_write_what_one_does(written: Path, tmp_path: Path, tiny: ShootSettings) -> None:
    requests = [SceneRequest(tmp_path / str(seed), seed, tiny) for seed in (SEED, SEED + 1)]
    told: list[tuple[int, int]] = []
    assert write_scenes(requests, workers=2, progress=lambda done, total: told.append((done, total))) == 2
    assert content_hash(requests[0].folder) == content_hash(written)
    assert (requests[0].folder / MANIFEST).read_bytes() == (written / MANIFEST).read_bytes()
    assert told == [(0, 6), (3, 6), (6, 6)]


def test_progress_counts_frames_and_what_was_there_before(tmp_path: Path, tiny: ShootSettings) -> None:
    request = SceneRequest(tmp_path / "scene", SEED, tiny)
    told: list[tuple[int, int]] = []
    write_scenes([request], progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    told.clear()
    write_scenes([request], progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


@pytest.mark.parametrize(
    ("highlight", "subset"),
    [(1.0, "reflection"), (0.02, "reflection"), (0.0199, "between"), (0.002, "between"), (0.0019, "no-reflection")],
)
def test_the_subset_of_a_frame_follows_from_its_highlights(highlight: float, subset: str) -> None:
    assert subset_of(highlight) == subset


def test_lists_of_subsets_name_each_frame_once_and_leave_out_those_between(tmp_path: Path) -> None:
    for scene, subsets in {"b": ["reflection", "between"], "a": ["no-reflection", "reflection"]}.items():
        frames = {f"{number:06d}": {"subset": subset} for number, subset in enumerate(subsets)}
        files.write_json(tmp_path / scene / MANIFEST, {"frames": frames})
    files.write_json(tmp_path / ".c.unfinished" / MANIFEST, {"frames": {"000000": {"subset": "reflection"}}})
    assert write_subsets(tmp_path) == {"reflection": 2, "no-reflection": 1}
    assert (tmp_path / "reflection.txt").read_text() == "a 000001\nb 000000\n"
    assert (tmp_path / "no-reflection.txt").read_text() == "a 000000\n"


@pytest.mark.parametrize("content", [[], {}, {"frames": []}, {"frames": {"000000": {}}}])
def test_a_scene_file_that_is_not_ours_is_refused_by_name(tmp_path: Path, content: object) -> None:
    files.write_json(tmp_path / "scan" / MANIFEST, content)
    with pytest.raises(DataError, match=r"scan.*is not the manifest of a room"):
        write_subsets(tmp_path)
