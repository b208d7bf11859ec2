"""Finished runs for whatever shows them."""

from __future__ import annotations

from pathlib import Path

from glare import TEACHERS, write_glare_wall

from deglare.cli.label import REPORT
from deglare.data.opening import open_sequence
from deglare.data.run_folder import RunFolder
from deglare.evaluation.runs import report_runs
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import ByUncertainty


def make_glare_run(folder: Path, name: str = "glare") -> Path:
    """A wall with a wandering highlight: 12 frames of 64x96 pixels, two teachers that fall for it, and a report."""
    source = write_glare_wall(folder / "wall")
    settings = LabelSettings(mesh=MeshSettings(every=2), strategy=ByUncertainty())
    run = label(open_sequence(source), TEACHERS, folder / name, settings).run
    report_runs({name: run}).write(RunFolder(folder / name).root / REPORT)
    return folder / name
