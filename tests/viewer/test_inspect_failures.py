"""The notebook over a sequence of ScanNet, which it labels first: colour is larger than depth, as there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deglare.data.files import write_depth, write_image
from deglare.geometry.resampling import resize_truth
from deglare.inspection.failures import kept
from deglare.inspection.run import InspectedRun
from deglare.samples import open_sample

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'deglare[notebooks]'")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'deglare[notebooks]'")
nbclient: Any = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
nbformat: Any = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install nbformat")

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "inspect_failures.ipynb"
FRAMES, PATIENCE_S = 6, 1800


def write_scene(root: Path) -> Path:
    """Frames of the bundled scene as the official exporter of ScanNet leaves them."""
    for index, frame in enumerate(open_sample()[10 : 10 + FRAMES]):
        depth, (height, width) = frame.depth(), frame.camera.size_hw
        assert depth is not None and frame.world_T_cam is not None
        half = (height // 2, width // 2)
        for name, camera in (("color", frame.camera), ("depth", frame.camera.resized(half))):
            matrix = np.eye(4)
            matrix[:3, :3] = camera.matrix
            (root / "intrinsic").mkdir(parents=True, exist_ok=True)
            np.savetxt(root / "intrinsic" / f"intrinsic_{name}.txt", matrix)
        write_image(root / "color" / f"{index}.jpg", frame.rgb())
        write_depth(root / "depth" / f"{index}.png", resize_truth(depth, half))
        (root / "pose").mkdir(exist_ok=True)
        np.savetxt(root / "pose" / f"{index}.txt", frame.world_T_cam)
    return root


def test_a_sequence_of_scannet_is_labelled_and_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a kernel draws into its notebook where nobody says otherwise
    write_scene(tmp_path / "scans" / "scene0000_00")
    text = NOTEBOOK.read_text("utf-8")
    changes = {
        "WHAT = None": "WHAT = 'scans/scene0000_00'",
        r"(\"monodepth2-small\", \"hrdepth-small\", \"monovit-small\")": r"(\"monodepth2-small\", \"hrdepth-small\")",
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    notebook = nbformat.reads(text, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=PATIENCE_S, resources=where).execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    said = "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout")
    assert "scene0000_00: 6 frames" in said and "true depth: True - reflective masks: False" in said
    assert "Abs Rel of monodepth2-small" in said and "seen by" in said and "None" not in said
    shown = [kind for one in outputs for kind in one.get("data", {})]
    assert shown.count("image/png") == 4 and shown.count("application/vnd.jupyter.widget-view+json") == 2
    run = InspectedRun.open(tmp_path / "inspected" / "scene0000_00")
    assert [one.note for one in kept(run)] == ["looks like a hole"] and run.has_truth
