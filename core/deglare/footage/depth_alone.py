"""Depth frame by frame, where cameras are not believed: pictures and predictions, nothing that needs poses."""

from __future__ import annotations

from collections.abc import Sequence

from deglare.data.files import write_depth
from deglare.footage.predicting import Predicting
from deglare.footage.workplace import Workplace, copy_whole


def write_alone(place: Workplace, predicting: Predicting, names: Sequence[str]) -> None:
    """Write ``color`` and ``predicted`` of some frames beside those of the run, where they are not yet."""
    for name in names:
        color = place.run.color(name)
        paths = [place.run.predicted(teacher.name, name) for teacher in predicting.teachers]
        if all(path.is_file() for path in (color, *paths)):
            continue
        for path, depth in zip(paths, predicting.by_teacher(name), strict=True):
            write_depth(path, depth)
        copy_whole(place.color(name), color)
