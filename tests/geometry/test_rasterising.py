"""How a platform for OpenGL is found; each question in a Python of its own, since the answer lasts for a process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.rasterising import MOST_VERTICES, PLATFORM, Rasteriser

pytest.importorskip("pyrender")

OPEN = """
import os, sys
import numpy as np
from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.rasterising import PLATFORM, Rasteriser
try:
    Rasteriser(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))).close()
except RequestError as error:
    sys.exit(str(error))
print(os.environ[PLATFORM])
"""


def answer(before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Open and close a projector in a new process without a display."""
    kept = {name: value for name, value in os.environ.items() if name not in (PLATFORM, "DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run([sys.executable, "-c", before + OPEN], capture_output=True, text=True, env=kept | environment)


def test_without_a_display_a_platform_is_chosen_or_the_reasons_are_told() -> None:
    done = answer()
    if done.returncode:
        pytest.skip(done.stderr)
    assert done.stdout.strip() in ("egl", "osmesa")


def test_where_egl_does_not_start_osmesa_is_tried_and_where_neither_does_one_line_says_what_to_install() -> None:
    done = answer(EGL_DEVICE_ID="99")  # no machine has so many: EGL cannot start
    if done.returncode == 0:
        assert done.stdout.strip() == "osmesa"
        return
    (line,) = done.stderr.strip().splitlines()
    assert "egl (Invalid device ID" in line and "osmesa (" in line
    for wanted in ("libegl1", "libosmesa6", "PyOpenGL", "'raycast'"):
        assert wanted in line


def test_a_platform_that_the_user_has_set_is_the_only_one_tried() -> None:
    done = answer(**{PLATFORM: "egl", "EGL_DEVICE_ID": "99"})
    (line,) = done.stderr.strip().splitlines()
    assert f"{PLATFORM}=egl (Invalid device ID" in line and "libegl1" in line and "osmesa" not in line.lower()


def test_a_platform_that_pyrender_does_not_know_is_refused_with_those_it_knows() -> None:
    (line,) = answer(**{PLATFORM: "teapot"}).stderr.strip().splitlines()
    assert "teapot" in line and "egl, osmesa" in line


def test_opengl_that_was_imported_too_early_is_told() -> None:
    (line,) = answer("import OpenGL.platform").stderr.strip().splitlines()
    assert f"set {PLATFORM}=egl and start again" in line


def test_a_mesh_of_more_vertices_than_float32_can_number_is_refused() -> None:
    endless = np.broadcast_to(np.zeros(3, dtype=np.float32), (MOST_VERTICES + 1, 3))
    with pytest.raises(RequestError, match="16777216 vertices"):
        Rasteriser(Mesh(endless, np.zeros((1, 3), dtype=np.int32)))
