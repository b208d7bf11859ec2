"""``deglare demo``: from nothing to a picture of the failure, in a minute, without a network or a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.types import DepthMap, Sequence

FRAMES, SIZE_HW = 16, (144, 192)
APART = 2
"""A frame is matched with the frames this many before and after it: some 14 cm."""
ERROR_LIMIT_M = 2.0


def demo(out: Path = Path("deglare-demo")) -> Result:
    """Render a small glossy room, check it, and show where the photometric loss goes wrong and by how much.

    For every frame the depth is taken at which the photometric loss of its neighbours is smallest: what a network
    trained on that loss is taught. Compared with the exact depth, region by region, it is too far on reflections.
    The same line again goes on where it stopped.

    Args:
        out: The folder that gets the room, the depth, the report and the pictures.
    """
    from deglare.data.check import check_sequence
    from deglare.data.files import write_image
    from deglare.data.posed_folder import read_posed_folder
    from deglare.evaluation.comparing import evaluate
    from deglare.rooms.dataset import use_one_thread

    room = out / "room"
    use_one_thread()
    _render(room)
    sequence = read_posed_folder(room)
    with bar("check") as progress:
        checked = check_sequence(sequence, progress=progress)
    say(checked.verdict)
    predicted = _photometric(sequence, out / "predicted" / "photometric")
    report = evaluate(predicted, sequence[APART:-APART], "rooms")
    for name in ("report.json", "report.csv", "report.md"):
        report.write(out / name)
    write_image(out / "contact_sheet.png", _sheet(sequence, predicted))
    say(report.summary())
    medians = _lesson(sequence, predicted)
    say(f"look at {out / 'contact_sheet.png'}")
    return {"ok": checked.ok, "out": str(out), "frames": len(predicted), "median_error_m": medians}


def _render(room: Path) -> None:
    from deglare.rooms.dataset import SceneRequest, write_scenes
    from deglare.rooms.lighting import LightingSettings
    from deglare.rooms.shooting import ShootSettings
    from deglare.samples import SEED

    settings = ShootSettings(FRAMES, SIZE_HW, lighting=LightingSettings(texel_m=0.12, directions=48))
    with bar("render") as progress:
        write_scenes([SceneRequest(room, SEED, settings)], progress=progress)


def _photometric(sequence: Sequence, folder: Path) -> dict[str, DepthMap]:
    """Depth by frame name for all frames with a neighbour on each side; kept on disk as 16-bit PNG."""
    from deglare.data.files import read_depth, write_depth
    from deglare.losses.sweep import photometric_depth

    depths = {}
    with bar("match") as progress:
        for number in range(APART, len(sequence) - APART):
            path = folder / f"{sequence[number].name}.png"
            if not path.is_file():
                neighbours = [sequence[number - APART], sequence[number + APART]]
                write_depth(path, photometric_depth(sequence[number], neighbours))
            depths[sequence[number].name] = read_depth(path)
            progress(len(depths), len(sequence) - 2 * APART)
    return depths


def _sheet(sequence: Sequence, predicted: dict[str, DepthMap]) -> np.ndarray:
    """The frames with most reflection: colour, mask, true depth, photometric depth, error."""
    from deglare.pictures import DepthRange, depth_picture, error_picture, mask_over, sheet
    from deglare.rooms.contact import most_reflective

    rows, captions = [], []
    chosen = most_reflective(sequence[APART:-APART], 4)
    truths = [frame.depth() for frame in chosen]
    shown = DepthRange.of(truth.metres[truth.valid] for truth in truths if truth is not None)
    for frame, truth in zip(chosen, truths, strict=True):
        labels, depth = frame.labels(), predicted[frame.name]
        if truth is None or labels is None:
            continue
        rgb, both = frame.rgb(), truth.valid & depth.valid
        rows.append(
            [
                rgb,
                mask_over(rgb, labels.reflective),
                depth_picture(truth.metres, truth.valid, shown),
                depth_picture(depth.metres, depth.valid, shown),
                error_picture(depth.metres - truth.metres, both, ERROR_LIMIT_M),
            ]
        )
        captions.append(f"frame {frame.name}\n{shown.near_m:.1f} to\n{shown.far_m:.1f} m")
    error = f"error, red = too far ({ERROR_LIMIT_M:.0f} m)"
    return sheet(rows, ("colour", "reflective", "true depth", "what the loss prefers", error), captions)


def _lesson(sequence: Sequence, predicted: dict[str, DepthMap]) -> dict[str, float]:
    """The median error in metres on highlights and on everything that mirrors little."""
    errors: dict[str, list[np.ndarray]] = {"highlight": [], "rest": []}
    for frame in sequence:
        truth, labels = frame.depth(), frame.labels()
        if frame.name not in predicted or truth is None or labels is None:
            continue
        error = predicted[frame.name].metres - truth.metres
        errors["highlight"].append(error[labels.highlight])
        errors["rest"].append(error[~labels.reflective])
    medians = {region: round(float(np.median(np.concatenate(parts))), 3) for region, parts in errors.items()}
    say(
        f"half of the highlight pixels are put {medians['highlight']:+.2f} m or more too far, of the rest "
        f"{medians['rest']:+.2f} m: to the loss a shiny floor is as deep as the window mirrored in it"
    )
    return medians
