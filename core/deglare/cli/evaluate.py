"""``deglare eval``: depth metrics by region, with intervals and a protocol card."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from deglare.annotation.importing import import_subset
from deglare.annotation.scoring import has_excluded, on_subset, scored_on
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError
from deglare.evaluation import Protocol, Scene, measure, protocol_named, scenes_of
from deglare.evaluation.folders import frame_names
from deglare.evaluation.protocol import Alignment
from deglare.evaluation.report import WRITERS
from deglare.evaluation.tally import Averaging


def evaluate(
    truth: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="SOURCE [SOURCE ...]")],
    predicted: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR [DIR ...]")] = (),
    model: str | None = None,
    protocol: str = "rooms",
    uncertainty: tuple[Path, ...] = (),
    alignment: Alignment | None = None,
    averaging: Averaging | None = None,
    only: Path | None = None,
    subset: Path | None = None,
    every: int = 1,
    unit_m: float = 0.001,
    out: Path | None = None,
    picture: Path | None = None,
) -> dict[str, object]:
    """Compare folders of 16-bit depth PNGs, or a network, with true depth, by region.

    Files and frames are matched by name. A folder of folders is one scene each, with the truth
    under the same name; or name several folders, each with its truth, in the same order.

    Args:
        truth: anything that can be opened as a sequence with depth; for a network also folders that hold some.
        predicted: folders of depth PNGs, ours or anyone's.
        model: instead of folders, a network by name, a checkpoint, a .onnx file or hf:NAME.
        protocol: rooms, scannet, 7scenes, nyu or kitti.
        uncertainty: folders of 16-bit PNGs in millimetres, one for each of ``--predicted``; gives AUSE and AURG.
        alignment: instead of the protocol's own.
        averaging: instead of the protocol's own.
        only: text file that names a subset of frames: scene/frame, scene frame or frame, one a line.
        subset: an annotated subset (what deglare export subset wrote): its frames alone, its masks as regions; numbers
            are without the truth that it excludes, and with it beside them.
        every: compare every n-th frame only.
        unit_m: metres of one step in the predicted PNGs.
        out: writes the report as .json, .csv or .md.
        picture: writes bars by region and the worst frames as .png.
    """
    _require_writable(out, picture)
    if (model is None) == (not predicted) or every < 1:
        raise RequestError("give either --predicted or --model, and every 1st frame or fewer")
    chosen = _protocol(protocol, alignment, averaging)
    scenes = _scenes(predicted, truth, uncertainty, unit_m) if model is None else _scenes_of_model(model, truth)
    scenes = [replace(scene, truth=scene.truth[::every]) for scene in scenes]
    marks = None if subset is None else import_subset(subset)
    every_truth = scenes
    if marks is not None:
        chosen, scenes = scored_on(chosen, marks), on_subset(scenes, marks)
    names = () if only is None else frame_names(only)
    with bar("compare") as progress:
        meter = measure(scenes, chosen, only=names, progress=progress)
    report, with_excluded = meter.report(), None
    say(report.summary())
    if marks is not None and has_excluded(marks):
        with_excluded = measure(on_subset(every_truth, marks, leaves_out=False), chosen, only=names).report()
        say(f"with the truth that the subset excludes:\n{with_excluded.summary()}")
    say("\n".join(f"note: {note}" for note in report.notes))
    say(report.protocol.card())
    if out is not None:
        report.write(out)
    if picture is not None:
        from deglare.evaluation.picture import write_picture

        write_picture(picture, report, meter.worst)
    beside = {} if with_excluded is None else {"with_excluded": with_excluded.to_json()}
    return {**report.to_json(), **beside}


def _protocol(name: str, alignment: Alignment | None, averaging: Averaging | None) -> Protocol:
    """The named protocol with what the user changed, and the command that was given."""
    chosen = protocol_named(name)
    changed = replace(chosen, alignment=alignment or chosen.alignment, averaging=averaging or chosen.averaging)
    label = name if changed == chosen else f"{name} (changed)"
    return replace(changed, name=label, command=shlex.join(["deglare", *sys.argv[1:]]))


def _scenes(
    predicted: tuple[Path, ...], truth: tuple[Path, ...], uncertainty: tuple[Path, ...], unit_m: float
) -> list[Scene]:
    """Pair predictions, truth and uncertainty, scene by scene."""
    from deglare.data.opening import open_sequence

    if not predicted or len(predicted) != len(truth) or len(uncertainty) not in (0, len(predicted)):
        raise RequestError(
            f"{len(predicted)} predicted, {len(truth)} truth and {len(uncertainty)} uncertainty folders do not pair "
            "up: give as many of each, in the same order"
        )
    if unit_m <= 0:
        raise RequestError(f"a unit of {unit_m} m is not a length: 0.001 is millimetres")
    scenes: list[Scene] = []
    for index, (folder, source) in enumerate(zip(predicted, truth, strict=True)):
        found = scenes_of(folder, source)
        for name, depth, where in found:
            sigma = None
            if uncertainty:
                sigma = uncertainty[index] if depth == folder else uncertainty[index] / name
            scenes.append(Scene.of_folder(name, depth, open_sequence(where), sigma, unit_m))
    return _named_apart(scenes)


def _scenes_of_model(name: str, truth: tuple[Path, ...]) -> list[Scene]:
    """A network on every sequence; exact arithmetic, since its numbers are what is asked for."""
    from deglare.data.opening import find_sequences, open_sequence
    from deglare.networks.teachers import load_model

    teacher = load_model(name)
    sequences = [open_sequence(path) for source in truth for path in find_sequences(source)]
    return _named_apart([Scene(one.name, one, lambda frame: teacher.predict(frame.rgb())) for one in sequences])


def _named_apart(scenes: list[Scene]) -> list[Scene]:
    """Scenes of one name would be one scene to the intervals: number them."""
    names = [scene.name for scene in scenes]
    return [
        scene if names.count(scene.name) == 1 else replace(scene, name=f"{scene.name}#{index}")
        for index, scene in enumerate(scenes, start=1)
    ]


def _require_writable(out: Path | None, picture: Path | None) -> None:
    """Say before the work what cannot be written after it."""
    if out is not None and out.suffix.lower() not in (".json", *WRITERS):
        raise RequestError(f"--out writes .json, .csv or .md, not '{out.name}'")
    if picture is not None and picture.suffix.lower() != ".png":
        raise RequestError(f"--picture writes .png, not '{picture.name}'")
