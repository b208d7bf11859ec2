"""The tab of annotations in a browser: tagged by key, painted, carried; nothing is lost when the server dies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from marking import DESK, Marker, Mortal, marking_app

from deglare.annotation import MESH, KnownMesh, open_annotations, stroke
from deglare.annotation.actions import points_of, radius_of
from deglare.annotation.rasters import brush, polygon
from deglare.data.run_folder import RunFolder
from deglare.geometry.mesh_files import read_mesh
from deglare.geometry.raycasting import RayCaster
from deglare_viewer.app import Options, make_app
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE_HW = (64, 96)
STROKES = 60

BRUSH_ON_A_BOARD = """async () => {
  const {createMeshView} = await import('/studio/static/mesh_view.js');
  const {createBeat} = await import('/studio/static/store.js');
  const {seenFaces} = await import('/studio/static/mesh_brush.js');
  const [positions, faces] = [[], []];
  function square(cells, half, z) {
    const first = positions.length / 3;
    const at = (i) => (2 * i / cells - 1) * half;
    for (let i = 0; i <= cells; i++) for (let j = 0; j <= cells; j++) positions.push(at(i), at(j), z);
    for (let i = 0; i < cells; i++) for (let j = 0; j < cells; j++) {
      const [a, d] = [first + i * (cells + 1) + j, first + (i + 1) * (cells + 1) + j];
      faces.push(a, a + 1, d + 1, a, d + 1, d);
    }
  }
  square(20, 0.5, 2);
  square(60, 3, 4);
  const canvas = document.body.appendChild(document.createElement('canvas'));
  Object.assign(canvas.style, {width: '400px', height: '300px', display: 'block'});
  const {signal} = new AbortController();
  const poses = [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]];
  const manifest = {poses, camera: {fx: 200, fy: 200, cx: 199.5, cy: 149.5}, size_hw: [300, 400]};
  const host = {frame: () => 0, ahead: () => 2, restored: () => {}, moved: () => {}};
  const view = createMeshView(canvas, {manifest, beat: createBeat(signal), signal}, host);
  const arrays = {
    positions: Float32Array.from(positions), faces: Uint32Array.from(faces),
    normals: new Int8Array(positions.length), colours: new Uint8Array(positions.length).fill(128),
  };
  view.load(arrays, true);
  const painted = new Set();
  seenFaces(arrays, view.sight()).under([0, 150], [400, 150], 4, (face) => painted.add(face));
  const middles = [];
  for (let i = 0; i < faces.length; i += 3) {
    const mean = (axis) => [0, 1, 2].reduce((sum, k) => sum + positions[3 * faces[i + k] + axis], 0) / 3;
    middles.push([0, 1, 2].map(mean));
  }
  return {painted: [...painted], middles};
}"""
"""A board before a wall, both of small triangles, and a brush that goes along the middle row of the picture."""


@pytest.fixture
def run(glare_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(glare_folder, tmp_path / "glare"))


@pytest.fixture
def here(page: Page, serve: Callable[[Any], str], run: Path) -> Marker:
    return Marker(page, serve(marking_app(run))).open()


def test_a_key_tags_the_frame_and_the_next_of_the_queue_comes(here: Marker, run: Path) -> None:
    here.until("desk.now.queue.length > 0")
    first, queue = here.frame, here.ask("desk.now.queue")
    expected = next(frame for frame in queue if frame != first)
    here.key("1").until(f"desk.counted.frame === '{expected}'")
    here.key("2").until(f"desk.counted.frame !== '{expected}'").saved()
    with open_annotations(run, read_only=True) as kept:
        assert kept.tags("ann") == {first: "reflective", expected: "not-reflective"}
    here.key("Control+z").until(f"desk.counted.frame === '{expected}' && !desk.now.tags['{expected}']")
    for _ in range(12):
        here.key("3")
    here.saved()
    assert len(here.ask("Object.keys(desk.now.tags)")) == 12
    assert "Every frame is tagged" in here.page.locator(".note").inner_text()


def test_a_stroke_is_there_after_a_reload_and_is_undone_and_redone(here: Marker) -> None:
    assert here.pixels() == 0
    here.paint((20, 20), (60, 24)).saved()
    painted = here.pixels()
    assert painted > 200
    here.key("6").key("p")
    for corner in ((70, 40), (90, 40), (90, 60), (70, 60)):
        here.page.mouse.click(*here.place(*corner))
    here.key("Enter").saved()
    assert here.pixels() == painted + 400 and here.ask("desk.picture.mask()[50 * 96 + 80]") == 2
    frame = here.frame
    here.open()
    here.page.evaluate(f"{DESK}.acts.go('{frame}')")  # it is in no queue any more
    here.until(f"desk.frames.get('{frame}')?.state && desk.picture.mask().filter(Boolean).length === {painted + 400}")
    here.key("Control+z").saved().until(f"desk.picture.mask().filter(Boolean).length === {painted}")
    here.key("Control+z").until("!desk.picture.mask().some(Boolean)")
    here.key("Control+Shift+z").key("Control+Shift+z").saved()
    here.until(f"desk.picture.mask().filter(Boolean).length === {painted + 400}")
    here.key("e").paint((75, 50), (85, 50)).saved()
    assert here.pixels() < painted + 400


@pytest.fixture
def mortal(run: Path) -> Iterator[Mortal]:
    server = Mortal(run)
    server.start()
    yield server
    server.kill()


def test_nothing_is_lost_when_the_server_is_killed_between_strokes(page: Page, mortal: Mortal, run: Path) -> None:
    here = Marker(page, mortal.address).open()
    here.paint((20, 12), (60, 12)).saved()
    first = here.pixels()
    mortal.kill()
    here.paint((20, 32), (60, 32))
    page.locator(".saved.bad").wait_for()
    assert "not saved" in here.said and "still running" in here.said and here.pixels() > first
    here.paint((20, 52), (60, 52))
    both = here.pixels()
    mortal.start()
    here.saved()
    assert here.pixels() == both
    mortal.kill()
    frame = here.frame
    here.key("1")
    page.locator(".saved.bad").wait_for()
    mortal.start()
    here.open()  # a page that is loaded anew knows what was not saved
    here.saved()
    with open_annotations(run, read_only=True) as kept:
        assert (kept.state("ann", frame).surfaces > 0).sum() == both
        assert [entry.action.kind for entry in kept.log("ann", frame)] == ["paint", "paint", "paint", "tag"]


def test_a_mask_is_carried_and_proposals_are_accepted_and_rejected(here: Marker, run: Path) -> None:
    here.paint((30, 20), (60, 40)).saved()
    origin = here.frame
    here.key("c").until("desk.now.waiting.size > 3")
    here.key("w").until(f"desk.now.frame !== '{origin}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    taken = here.frame
    here.key("a").until(f"desk.now.frame !== '{taken}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    left = here.frame
    here.key("x").until(f"desk.now.frame !== '{left}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    here.key("Shift+A").until("desk.now.waiting.size === 0").saved()
    with open_annotations(run, read_only=True) as kept:
        assert kept.state("ann", taken).surfaces.any() and not kept.state("ann", left).surfaces.any()
        assert len([name for name in kept.frames.names if kept.state("ann", name).surfaces.any()]) > 4


def test_the_page_marks_the_same_pixels_as_the_server(here: Marker) -> None:
    rng = np.random.default_rng(3)
    strokes: list[dict[str, Any]] = []
    for number in range(STROKES):
        points = (rng.integers(-160, 1700, (int(rng.integers(3, 7)), 2)) / 16).tolist()
        kind = ("paint", "erase", "polygon")[number % 3]
        more: dict[str, Any] = {"surface": "wet"} if kind == "polygon" else {"radius": float(rng.integers(1, 200)) / 16}
        strokes.append({"kind": kind, "points": points, **more, **({"surface": "wet"} if kind == "paint" else {})})
    seen = here.page.evaluate(
        """async (strokes) => {
          const {applyStroke} = await import('/studio/static/annotate_rasters.js');
          return strokes.map((stroke) => {
            const mask = new Uint8Array(64 * 96);
            applyStroke(mask, [64, 96], stroke, 1);
            return Array.from(mask);
          });
        }""",
        strokes,
    )
    for sent, shown in zip(strokes, seen, strict=True):
        action = stroke(sent)
        points = points_of(action)
        kept = polygon(points, SIZE_HW) if action.kind == "polygon" else brush(points, radius_of(action), SIZE_HW)
        assert np.array_equal(np.array(shown).reshape(SIZE_HW) > 0, kept), sent


def test_two_people_mark_blindly_are_compared_and_settled(here: Marker, run: Path, chromium: Browser) -> None:
    here.paint((30, 20), (60, 20)).saved()
    frame = here.frame
    here.key("1").saved()
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    other = Marker(context.new_page(), here.address).open("bob")
    other.page.get_by_label("second pass over the frames of").select_option("ann")
    other.until(f"desk.counted.frame === '{frame}'")
    assert other.pixels() == 0
    other.paint((30, 24), (60, 24)).key("1").saved()
    other.page.get_by_role("button", name="compare two annotators").click()
    other.page.locator(".agree tbody tr").first.wait_for()
    assert other.page.locator(".agree tbody th").all_inner_texts() == ["any surface", "glossy"]
    other.page.locator(".choices button", has_text="bob").first.click()
    other.page.get_by_role("button", name="keep, rest as ann").click()
    other.page.locator(".differing .done").wait_for()
    context.close()
    with open_annotations(run, read_only=True) as kept:
        settled = kept.state("settled", frame)
    assert settled.tag == "reflective" and settled.surfaces.any()


def test_a_studio_for_reading_shows_marks_and_takes_none(page: Page, serve: Callable[[Any], str], run: Path) -> None:
    with open_annotations(run) as kept:
        kept.do("ann", "003", stroke({"kind": "paint", "points": [[30, 30]], "radius": 5, "surface": "wet"}))
    here = Marker(page, serve(marking_app(run, is_read_only=True))).open(None)
    here.until("desk.picture.mask().some(Boolean)")
    assert here.frame == "003", "a reader begins where something is marked"
    before = here.pixels()
    here.paint((10, 10), (50, 50)).key("1")
    assert here.pixels() == before and here.ask("desk.saving.standing().waiting") == 0
    assert page.get_by_role("button", name="carry to other frames").is_disabled()


def test_the_tab_stands_in_the_studio_and_fits_its_window(page: Page, serve: Callable[[Any], str], run: Path) -> None:
    page.set_default_timeout(60_000)
    page.goto(serve(make_app(RunTable([run]), Options())))
    page.get_by_role("tab", name="Annotate").click()
    page.locator(".who input").fill("ann")
    page.keyboard.press("Enter")
    page.wait_for_function(f"{DESK}.counted.count > 0")
    for width, height in ((1280, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight + 4")
        for box in (one.bounding_box() for one in page.locator(".dg-annotate button:visible").all()):
            assert box and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
    page.keyboard.press("2")
    page.locator(".saved.good", has_text="saved").wait_for()
    assert page.locator(".dg-mount").count() and "deglare.annotator" in page.evaluate("Object.keys(localStorage)")


def on_mesh(here: Marker, *places: tuple[float, float], button: Any = "left") -> None:
    """A line over the mesh, through shares of its canvas."""
    box = here.page.locator(".dg-annotate canvas.mesh").bounding_box()
    assert box is not None
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in places]
    here.page.mouse.move(*at[0])
    here.page.mouse.down(button=button)
    for one in at[1:]:
        here.page.mouse.move(*one, steps=5)
    here.page.mouse.up(button=button)


def test_the_mesh_is_painted_on_undone_kept_and_carried_to_the_frames_that_see_it(here: Marker, run: Path) -> None:
    here.key("m").until("desk.mesh.isReady()")
    on_mesh(here, (0.4, 0.4), (0.6, 0.45))
    here.saved()
    painted = here.ask("desk.mesh.count()")
    assert painted > 5
    here.key("9")
    on_mesh(here, (0.45, 0.6), (0.55, 0.6))
    here.saved()
    both = here.ask("desk.mesh.count()")
    assert both > painted
    here.key("Control+z").saved().until(f"desk.mesh.count() === {painted}")
    here.key("Control+Shift+z").saved().until(f"desk.mesh.count() === {both}")
    on_mesh(here, (0.5, 0.5), (0.7, 0.4), button="right")
    assert here.ask("desk.mesh.view().follows()") is False and here.ask("desk.mesh.count()") == both
    here.open()
    here.key("m").until(f"desk.mesh.isReady() && desk.mesh.count() === {both}")
    here.key("c").until("desk.now.waiting.size > 3").saved()
    here.key("w").until("!desk.mesh.isOpen() && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    mesh = read_mesh(RunFolder(run).mesh)
    with open_annotations(run, read_only=True, mesh=lambda: KnownMesh.of(mesh)) as kept:
        marks = kept.state("ann", MESH).surfaces[0]
        assert np.count_nonzero(marks) == both and set(np.unique(marks)) == {0, 1, 5}
        caster, manifest = RayCaster(mesh, threads=1), RunFolder(run).manifest()
        for frame in kept.waiting("ann"):
            pose = manifest.poses[frame]
            assert pose is not None
            triangles = caster.hit(manifest.camera, pose).triangles
            seen = np.where(triangles >= 0, marks[triangles], 0)
            assert np.mean(kept.state("ann", frame).proposals[0].surfaces == seen) > 0.999  # pinholes are closed


def test_only_faces_that_are_seen_are_painted(here: Marker) -> None:
    found = here.page.evaluate(BRUSH_ON_A_BOARD)
    x, y, z = np.array(found["middles"]).T
    assert set(np.round(z, 3)) == {2.0, 4.0} and set(found["painted"]) <= set(range(len(x)))
    painted = np.isin(np.arange(len(x)), found["painted"])
    board = z < 3
    near = (np.abs(x / z) < 0.55) & (np.abs(y / z) < 0.02)  # the brush goes along the middle row
    hidden = ~board & (np.abs(x / z) < 0.24) & (np.abs(y / z) < 0.24)
    assert painted[board & near & (np.abs(x) < 0.45)].all() and not painted[hidden].any()
    assert painted[~board & near & (np.abs(x / z) > 0.28) & (np.abs(x / z) < 0.5)].all()


def test_a_stroke_over_a_proposal_mends_it_and_one_undo_opens_it_again(here: Marker, run: Path) -> None:
    here.paint((30, 20), (60, 40)).saved()
    origin = here.frame
    here.key("c").until("desk.now.waiting.size > 3")
    here.key("w").until(f"desk.now.frame !== '{origin}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    frame, offered = here.frame, here.ask("desk.frames.get(desk.now.frame).proposals[0].mask.filter(Boolean).length")
    here.key("e").paint((44, 28), (46, 34))
    here.paint((20, 50), (24, 50))  # the next stroke, perhaps before the first is answered, is a stroke
    here.saved().until("desk.frames.get(desk.now.frame).proposals.length === 0")
    left = here.pixels()
    assert 0 < left < offered and not here.ask(f"desk.now.waiting.has('{frame}')")
    with open_annotations(run, read_only=True) as kept:
        state = kept.state("ann", frame)
        assert np.count_nonzero(state.surfaces) == left and state.by_hand.any() and not state.proposals
        assert [one.action.kind for one in kept.log("ann", frame)] == ["propose", "mend", "erase"]
    here.key("Control+z").key("Control+z").saved()
    here.until("desk.frames.get(desk.now.frame).proposals.length === 1")
    assert here.frame == frame and here.pixels() == 0
