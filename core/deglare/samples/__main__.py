"""Render the sample scene again: ``python -m deglare.samples [FOLDER]``."""

import sys
from pathlib import Path

from deglare.rooms.dataset import SceneRequest, write_scenes
from deglare.rooms.shooting import ShootSettings
from deglare.samples import FRAMES, SEED, SIZE_HW, sample_scene_path

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else sample_scene_path()
write_scenes([SceneRequest(folder, SEED, ShootSettings(FRAMES, SIZE_HW))])
