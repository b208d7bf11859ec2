"""Make the finished run that ships with the package: python assets/scripts/bundle_run.py [FOLDER]

The three small networks predict the sample scene; what they say is rounded as the archive keeps it, and the run is
labelled from that, so that unpacking gives the same run again. Run it after the scene, the networks or the label
pipeline have changed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from deglare.cli.label import REPORT, SMALL
from deglare.cli.terminal import bar, say
from deglare.data.run_folder import RunFolder
from deglare.evaluation.runs import report_runs
from deglare.fusion.labelling import label
from deglare.geometry.resizing import resize_disparity, resize_image
from deglare.inspection.bundled import ARCHIVE, NAME
from deglare.inspection.packing import Disparity, disparity_of_steps, stamp_of_scene, steps_of, write_packed
from deglare.networks.disparity import INDOOR, disparity_of
from deglare.networks.teachers import NetworkTeacher, as_image, load_model
from deglare.samples import open_sample, sample_scene_path
from deglare.types import DepthMap, Rgb


@dataclass
class Remembering:
    """A teacher that says again what it once said of each image, rounded."""

    name: str
    fingerprint: str
    disparity: dict[bytes, np.ndarray] = field(default_factory=dict)

    def predict(self, rgb: Rgb) -> DepthMap:
        """At the size of the image."""
        small = torch.from_numpy(self.disparity[rgb.tobytes()])[None, None]
        return DepthMap.of_positive((1 / resize_disparity(small, rgb.shape[:2]))[0, 0].numpy())


def remembering(name: str) -> tuple[Remembering, Disparity]:
    """A network's predictions of every frame, rounded as they will be kept."""
    teacher = load_model(name)
    if not isinstance(teacher, NetworkTeacher) or teacher.size_hw is None:
        raise SystemExit(f"{name} is not a network that is shipped")
    images = [frame.rgb() for frame in open_sample()]
    with torch.inference_mode():
        small = [
            disparity_of(teacher.sigmoid(resize_image(as_image(one)[None], teacher.size_hw)), INDOOR)[0, 0].numpy()
            for one in images
        ]
    kept = disparity_of_steps(steps_of(np.stack(small), INDOOR), INDOOR)
    said = {image.tobytes(): one for image, one in zip(images, kept, strict=True)}
    return Remembering(name, teacher.fingerprint, said), kept


def main(folder: Path) -> None:
    """Label, report and pack."""
    teachers, kept = zip(*(remembering(name) for name in SMALL), strict=True)
    run = label(open_sample(), teachers, folder, announce=bar).run
    report_runs({NAME: run}).write(RunFolder(folder).root / REPORT)
    path = sample_scene_path().parent / ARCHIVE
    write_packed(path, dict(zip(SMALL, kept, strict=True)), INDOOR, folder, stamp_of_scene(sample_scene_path()))
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch) / NAME)
