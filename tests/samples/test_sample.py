import numpy as np

import deglare
from deglare.data.files import read_json
from deglare.rooms.dataset import content_hash
from deglare.rooms.shooting import ShootSettings, prepare_shoot, shots
from deglare.rooms.subsets import MANIFEST
from deglare.samples import FRAMES, SEED, SIZE_HW, sample_scene_path


def test_the_sample_opens_and_shows_reflections() -> None:
    sequence = deglare.open_sample()
    assert len(sequence) == FRAMES and sequence.has_poses and sequence.has_depth
    labels = sequence[0].labels()
    assert labels is not None and labels.highlight is not None
    assert labels.highlight.mean() > 0.02


def test_the_sample_is_what_its_manifest_says_and_small_enough_to_ship() -> None:
    folder = sample_scene_path()
    manifest = read_json(folder / MANIFEST)
    assert isinstance(manifest, dict) and manifest["content"] == content_hash(folder)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 12_000_000


def test_the_sample_is_what_today_s_code_renders() -> None:
    shoot = prepare_shoot(SEED, ShootSettings(FRAMES, SIZE_HW))
    rendered = next(iter(shots(shoot)))
    shipped = deglare.open_sample()[0]
    depth = shipped.depth()
    assert depth is not None and shipped.world_T_cam is not None
    np.testing.assert_allclose(shipped.world_T_cam, rendered.world_T_cam, atol=1e-9)
    np.testing.assert_allclose(depth.metres, rendered.depth.metres, atol=6e-4)
    difference = np.abs(shipped.rgb().astype(int) - rendered.rgb.astype(int))
    assert difference.mean() < 2.5  # JPEG
