"""What the surfaces of a rendered room are like: the list in ``scene.json`` whose places are the surface numbers.

::

    scene.json    {"surfaces": [{"material": "glossy", "f0": 0.06, "roughness": 0.008}, ...], ...}

``f0`` is the share of light that is mirrored at normal incidence, ``roughness`` the GGX alpha. A ``scene.json`` without
``surfaces`` is somebody else's and says nothing here.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import numpy as np
from jaxtyping import Float32

from deglare.data.files import read_json
from deglare.errors import DataError

SCENE_FILE = "scene.json"


def listed_roughness(path: Path) -> Float32[np.ndarray, " s"] | None:
    """GGX alpha by surface number, NaN where a surface mirrors nothing; None where no surfaces are listed.

    The file is read once in a process, however many frames ask for it.
    """
    if not path.is_file():
        return None
    found = path.stat()
    return _read_once(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1024)
def _read_once(path: Path, _changed_ns: int, _size: int) -> Float32[np.ndarray, " s"] | None:
    content = read_json(path)
    if not isinstance(content, dict) or "surfaces" not in content:
        return None
    surfaces = content["surfaces"]
    if not isinstance(surfaces, list):
        raise DataError(f"'surfaces' in {path} should be a list: render the room again, or move the file away")
    alphas = [_roughness(surface, f"surface {number} in {path}") for number, surface in enumerate(surfaces)]
    roughness = np.array(alphas, dtype=np.float32)
    roughness.setflags(write=False)
    return roughness


def _roughness(surface: object, what: str) -> float:
    """NaN where nothing is mirrored, or where a mirror says nothing of its roughness."""
    f0, roughness = (surface.get("f0"), surface.get("roughness")) if isinstance(surface, dict) else (None, None)
    if not _is_share(f0) or not (roughness is None or _is_share(roughness)):
        raise DataError(
            f"{what} needs f0, and a roughness if it has one, from 0 to 1: render the room again, or move the file away"
        )
    return float("nan") if f0 == 0 or roughness is None else float(roughness)


def _is_share(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
