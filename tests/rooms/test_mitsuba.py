"""The same rooms through Mitsuba 3, a path tracer that shares no line with ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from apart import AloneDiedError, alone

from deglare.errors import RequestError
from deglare.rooms import mitsuba as reference
from deglare.rooms.furnish import furnish
from deglare.rooms.lighting import bake
from deglare.rooms.render import render
from deglare.rooms.scene import Finish, Surface
from deglare.rooms.shooting import ShootSettings, specular_share
from deglare.rooms.tensors import to_tensors
from deglare.rooms.trajectory import walk
from deglare.types import Camera, Material, Rigid

pytestmark = pytest.mark.mitsuba

OLDEST_LLVM = 15
SAMPLES = 128


@pytest.fixture(scope="module", autouse=True)
def newest_llvm() -> Iterator[None]:
    """Mitsuba takes the newest LLVM there is: it finds the oldest by itself."""
    versions = {path: re.search(r"\d+", path.name) for path in Path("/usr/lib").glob("*/libLLVM*.so*")}
    fit = {str(path): int(found[0]) for path, found in versions.items() if found and int(found[0]) >= OLDEST_LLVM}
    with pytest.MonkeyPatch.context() as patch:
        if fit:
            patch.setenv("DRJIT_LIBLLVM_PATH", max(fit, key=lambda path: fit[path]))
        yield


@dataclass(frozen=True)
class Compared:
    """One view by both: light (h x w), depth, and where which surface is."""

    ours: np.ndarray
    theirs: np.ndarray
    depth_m: np.ndarray
    reference_depth_m: np.ndarray
    share: np.ndarray
    is_matte: np.ndarray


def compare(room, scene, camera: Camera, world_T_cam: Rigid, brightest: float = 4.0) -> Compared:
    seen = render(scene, camera, torch.tensor(world_T_cam[None], dtype=torch.float32))
    try:
        twin = alone(reference.reference_view, room, camera, world_T_cam, SAMPLES)
    except RequestError as error:
        pytest.skip(str(error))
    except AloneDiedError:
        pytest.skip("Mitsuba dies with the LLVM of this machine: install a newer one, libllvm19 does")
    surface = seen.surface[0].numpy()
    return Compared(
        seen.radiance[0].mean(-1).numpy(),
        twin.radiance.clip(max=brightest).mean(-1),
        seen.depth_m[0].numpy(),
        twin.depth_m,
        specular_share(seen)[0].numpy(),
        (scene.f0.numpy()[surface] == 0) & (scene.emission.numpy()[surface] == 0),
    )


@pytest.fixture(scope="module")
def furnished_view() -> Compared:
    """A view of a furnished room with highlights, lit as carefully as the data set is."""
    seed = 2_000_001
    room = reference.without_patterns(furnish(seed))
    pose = walk(room, np.random.default_rng([seed, 1]), 90)[24]
    return compare(room, bake(to_tensors(room)), ShootSettings(size_hw=(144, 192)).camera, pose)


def test_depth_is_the_same_to_a_millimetre(furnished_view: Compared) -> None:
    apart = np.abs(furnished_view.depth_m - furnished_view.reference_depth_m)
    assert (apart > 1e-3).mean() < 1e-3  # a ray along a silhouette falls to either side
    assert np.median(apart) < 2e-5


def test_matte_surfaces_are_as_bright(furnished_view: Compared) -> None:
    matte = furnished_view.is_matte & (furnished_view.share < 0.01)
    assert matte.mean() > 0.2
    assert furnished_view.ours[matte].sum() == pytest.approx(furnished_view.theirs[matte].sum(), rel=0.05)


def test_highlights_of_a_furnished_room_are_as_bright(furnished_view: Compared) -> None:
    glare = furnished_view.share > 0.5
    assert glare.sum() > 100
    assert furnished_view.ours[glare].mean() == pytest.approx(furnished_view.theirs[glare].mean(), rel=0.1)


@pytest.fixture(scope="module", params=[0.01, 0.06])
def one_highlight(request: pytest.FixtureRequest, make_room, add_lamp, light, look) -> Compared:
    """One lamp over a dark floor of some roughness: all the light there is one highlight."""
    room = make_room((5.0, 6.0, 2.6), 0.02, faces={4: Surface(0, (0.02, 0.02, 0.02), 1.0, polished(request.param))})
    add_lamp(room, (0.4, 0.3, 2.51), 0.15, 30.0)
    camera = ShootSettings(size_hw=(96, 128)).camera
    return compare(room, light(room), camera, look((-1.6, -0.5, 1.5), 22, -48))


def polished(roughness: float) -> Finish:
    return Finish(Material.GLOSSY, 0.06, roughness)


def centroid(image: np.ndarray) -> np.ndarray:
    """The mean place (x, y) of all light above a fifth of the brightest."""
    weight = np.maximum(image - 0.2 * image.max(), 0)
    y, x = np.indices(image.shape)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def test_a_highlight_lies_at_the_same_place(one_highlight: Compared) -> None:
    assert one_highlight.share.max() > 0.9
    assert np.linalg.norm(centroid(one_highlight.ours) - centroid(one_highlight.theirs)) < 0.5


def test_a_highlight_is_as_bright(one_highlight: Compared) -> None:
    glare = one_highlight.ours > 0.2 * one_highlight.ours.max()
    assert one_highlight.ours[glare].mean() == pytest.approx(one_highlight.theirs[glare].mean(), rel=0.1)
    assert one_highlight.ours.sum() == pytest.approx(one_highlight.theirs.sum(), rel=0.1)
