"""A finished run against the truth it holds: every teacher, projected depth and labels, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deglare.data.files import read_json, write_json
from deglare.data.run_folder import RunFolder, read_run
from deglare.errors import DataError
from deglare.evaluation.comparing import Scene, measure
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import Protocol
from deglare.evaluation.report import Report, aligned_table
from deglare.progress import Progress, quiet

FORMAT = "deglare-run-report-1"
PROJECTED, FUSED, PREDICTED = "projected", "fused", "predicted"
REGIONS = ("all", "reflective", "non-reflective", "highlight")
METRICS = ("abs_rel", "sq_rel", "bias")


@dataclass(frozen=True)
class RunReport:
    """Reports by layer: ``predicted/TEACHER``, ``projected``, ``fused``."""

    layers: Mapping[str, Report]

    def table(self, metrics: Iterable[str] = METRICS, regions: Iterable[str] = REGIONS) -> str:
        """Layers down, regions across, metric after metric, as Markdown."""
        first = next(iter(self.layers.values()))
        shown = [region for region in regions if region in first.regions]
        lines = [["metric", "depth", *shown]]
        for metric in metrics:
            for layer, report in self.layers.items():
                lines.append([metric, layer, *(f"{report.value(region, metric):.4f}" for region in shown)])
        return aligned_table(lines, left=2)

    def to_json(self) -> dict[str, object]:
        """Plain dicts, lists and numbers."""
        layers = [{"layer": layer, **report.to_json()} for layer, report in self.layers.items()]
        return {"format": FORMAT, "layers": layers}

    def write(self, path: Path) -> None:
        """Write JSON."""
        write_json(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> RunReport:
        """Read it back; anything else is a `DataError`."""
        value = read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("layers"), list):
            raise DataError(f"{path} is not the report of a run: label again")
        return cls({str(report.get("layer")): Report.from_json(report) for report in value["layers"]})


def layer_folders(run: RunFolder) -> dict[str, Path]:
    """Every layer of depth that a run holds, in the order of the pipeline."""
    teachers = run.manifest().stages["predict"].settings["teachers"] if "predict" in run.manifest().stages else []
    folders = {f"{PREDICTED}/{one['name']}": run.root / PREDICTED / one["name"] for one in teachers}
    folders |= {layer: run.root / layer for layer in (PROJECTED, FUSED)}
    return {layer: folder for layer, folder in folders.items() if folder.is_dir()}


def report_runs(
    runs: Mapping[str, RunFolder], protocol: Protocol | str = "rooms", *, progress: Progress = quiet
) -> RunReport:
    """Compare the layers that all of some runs hold with the truth in them; intervals are over runs.

    Args:
        runs: By name of the scene.
        protocol: Or the name of one of `PROTOCOLS`.
        progress: Told how many layers are compared.
    """
    folders = {name: layer_folders(run) for name, run in runs.items()}
    layers = [layer for layer in next(iter(folders.values())) if all(layer in found for found in folders.values())]
    meters: dict[str, Meter] = {}
    for done, layer in enumerate(layers, start=1):
        scenes = [_scene(name, run, folders[name][layer], layer) for name, run in runs.items()]
        meters[layer] = measure(scenes, protocol)
        progress(done, len(layers))
    return RunReport({layer: meter.report() for layer, meter in meters.items()})


def _scene(name: str, run: RunFolder, folder: Path, layer: str) -> Scene:
    """The uncertainty belongs to predicted depth; of labels and projected depth nobody has said how sure they are."""
    sigma = run.root / "uncertainty" if layer.startswith(PREDICTED) else None
    return Scene.of_folder(name, folder, read_run(run.root), sigma)
