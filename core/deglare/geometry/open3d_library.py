"""Open3D, imported when it is needed, or one sentence that says what it lacks."""

from __future__ import annotations

import importlib
from typing import Any

from deglare.errors import RequestError

SYSTEM_LIBRARIES = "libusb-1.0-0 libgl1 libgomp1"
"""Debian's names of what Open3D's wheel expects to find on the system."""


def load_open3d(purpose: str) -> Any:
    """The module. ``purpose`` begins the sentence that is said where there is none: "casting rays"."""
    try:
        return importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        raise RequestError(f"{purpose} needs open3d ({error}): pip install open3d") from error
    except (ImportError, OSError) as error:
        raise RequestError(
            f"{purpose} needs open3d, which lacks a system library ({error}): install it "
            f"(Debian, Ubuntu: apt-get install {SYSTEM_LIBRARIES})"
        ) from error
