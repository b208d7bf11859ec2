"""The whole studio in a browser: the page around the element, and everything that goes through Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from open_runs import make_glare_run
from visiting import Visit

from deglare.data.files import read_png16
from deglare.data.run_folder import RunFolder
from deglare.inspection.failures import kept
from deglare.inspection.run import InspectedRun
from deglare_viewer.app import Options, make_app
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

IN_APP = "document.querySelector('.dg-mount')?.studio"
SIZE_HW = (64, 96)
HARMLESS = ("No available adapters", "BabylonJS", "svelte-i18n", "WebGL: INVALID", "GPU stall", "GL Driver Message")
"""What Gradio's own page and drawing in software say on the console."""

Enter = Callable[..., Visit]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report. Not to be changed."""
    return make_glare_run(tmp_path_factory.mktemp("app"))


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(original, tmp_path / "glare"))


@pytest.fixture
def heard() -> dict[str, list[str]]:
    """What the page asked of others, and what it complained about."""
    return {"outside": [], "complaints": []}


@pytest.fixture
def enter(page: Page, serve: Callable[[Any], str], heard: dict[str, list[str]]) -> Enter:
    """Opens the studio on some runs at a view."""

    def open_(*runs: Path, waits: bool = True, **view: object) -> Visit:
        address = serve(make_app(RunTable(runs)))
        listen(page, address, heard)
        return Visit(page, address, IN_APP).open(waits=waits, **view)

    return open_


def listen(page: Page, address: str, heard: dict[str, list[str]]) -> None:
    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            heard["outside"].append(request.url)

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in HARMLESS):
            heard["complaints"].append(message.text)

    page.on("request", asked)
    page.on("console", said)


@pytest.fixture
def here(enter: Enter, run: Path) -> Visit:
    """In the middle of a run of our own."""
    return enter(run, run="glare", frame="005", strategy="labelled")


def in_highlight(folder: Path, name: str = "005") -> tuple[int, int]:
    """A pixel well inside the highlight."""
    regions = InspectedRun.open(folder).layers(name).regions
    assert regions is not None
    rows, columns = np.nonzero(regions == 2)
    return int(np.median(columns)), int(np.median(rows))


def click(here: Visit, pane: str, x: int, y: int) -> None:
    here.page.mouse.click(*here.place(pane, x, y, SIZE_HW))


def address_of(here: Visit) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(here.page.url).query).items()}


def test_the_studio_opens_at_the_first_run_without_a_word_to_anybody_else(
    enter: Enter, run: Path, heard: dict[str, list[str]]
) -> None:
    here = enter(run)
    look_below(here)
    here.page.locator("#dg-breakdown .main-svg").first.wait_for()
    here.page.get_by_role("tab", name="Results").click()
    column(here, "#dg-own", 0).first.wait_for()
    assert heard == {"outside": [], "complaints": []}
    assert here.page.locator("#dg-run input").input_value() == "glare"


def test_a_click_reads_every_depth_of_the_pixel(here: Visit, run: Path) -> None:
    x, y = in_highlight(run)
    click(here, "rgb", x, y)
    here.page.locator(".values tr").first.wait_for()
    said = [" ".join(row.split()) for row in here.page.locator(".values tr").all_inner_texts()]
    assert any("predicted" in line and "4.00 m" in line for line in said)
    assert any(line.startswith("truth 2.00 m") for line in said)
    here.until(f"state.pinned?.x === {x}")
    here.page.wait_for_function("new URLSearchParams(location.search).get('x') !== null")
    assert (address_of(here)["x"], address_of(here)["y"]) == (str(x), str(y))


def test_the_slider_moves_the_labels_in_the_page_alone(here: Visit, run: Path) -> None:
    x, y = in_highlight(run)
    here.page.locator("#dg-breakdown .main-svg").first.wait_for()  # the page itself has asked for all it wants
    here.page.locator(".fuse select").select_option("uncertainty")
    asked: list[str] = []
    here.page.on("request", lambda request: asked.append(request.url))
    here.set({"alpha": 0.2}).until(f"Math.abs(studio.value('fused', {x}, {y}) - 4.0) > 0.5")
    here.set({"alpha": 1.5}).until(f"Math.abs(studio.value('fused', {x}, {y}) - 4.0) < 0.01")
    assert not [url for url in asked if "gradio_api" in url]


def test_a_pick_on_the_mesh_pins_the_surface(here: Visit) -> None:
    canvas = here.page.locator("canvas[aria-label^=Mesh]")
    here.page.wait_for_function(
        "!document.querySelector('canvas[aria-label^=Mesh]').parentElement.textContent.includes('Loading')"
    )
    box = canvas.bounding_box()
    assert box is not None
    here.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    here.until("state.pinned?.xyz")
    assert here.ask("state.pinned.xyz[2]") == pytest.approx(2.0, abs=0.3)


def test_a_permalink_opens_the_same_view_again(enter: Enter, run: Path) -> None:
    view = {"frame": "007", "x": 30, "y": 20, "strategy": "uncertainty", "alpha": 0.25, "panes": "error", "zoom": 2}
    here = enter(run, run="glare", **view)
    here.until("state.pinned?.x === 30 && state.pinned?.y === 20")
    state = here.state
    assert (state["frame"], state["strategy"], state["alone"]) == (7, "uncertainty", "error")
    assert state["alpha"] == 0.25 and state["zoom"] == 2


def look_below(here: Visit) -> None:
    """What is slow to make waits until somebody scrolls there."""
    here.page.locator("#dg-frames").scroll_into_view_if_needed()


def column(here: Visit, table: str, number: int) -> Any:
    """The cells of one column of a table."""
    return here.page.locator(f"{table} tbody tr > :nth-child({number + 1})")


def numbers(here: Visit, table: str, number: int) -> list[float]:
    return [float(text) for text in column(here, table, number).all_inner_texts() if text[-1].isdigit()]


def test_the_worst_frames_come_first_and_a_row_leads_there(here: Visit) -> None:
    look_below(here)
    column(here, "#dg-frames", 1).nth(5).wait_for()
    errors = numbers(here, "#dg-frames", 1)
    assert errors == sorted(errors, reverse=True) and len(errors) >= 6
    name = column(here, "#dg-frames", 0).first.inner_text().strip()
    here.set({"frame": "000"}).until("state.shown === 0")
    column(here, "#dg-frames", 0).first.click()
    here.until(f"state.shown === {int(name)}")


def test_frames_sort_by_another_column_when_its_head_is_clicked(here: Visit) -> None:
    look_below(here)
    column(here, "#dg-frames", 5).nth(5).wait_for()
    for order in (True, False):
        here.page.locator("#dg-frames thead button").nth(5).click()
        wait_until(here.page, lambda order=order: is_sorted(numbers(here, "#dg-frames", 5), order))


def is_sorted(values: list[float], downwards: bool) -> bool:
    return len(values) >= 6 and values == sorted(values, reverse=downwards)


def test_the_breakdown_is_cut_by_what_one_chooses(here: Visit) -> None:
    look_below(here)
    here.page.locator("#dg-breakdown .xtick text").first.wait_for()
    before = here.page.locator("#dg-breakdown .xtick text").all_inner_texts()
    here.page.locator("#dg-by label", has_text="distance").click()
    here.page.wait_for_function("document.querySelector('#dg-breakdown .xtick text')?.textContent.includes(' m')")
    assert here.page.locator("#dg-breakdown .xtick text").all_inner_texts() != before


def test_a_failure_is_kept_with_a_note_opened_again_and_removed(here: Visit, run: Path) -> None:
    x, y = in_highlight(run)
    click(here, "rgb", x, y)
    here.until("state.pinned")
    here.press("k")
    row = here.page.locator(".dg-kept-row")
    row.wait_for()
    row.locator("input").fill("a hole in the wall")
    row.locator("input").press("Enter")
    here.page.wait_for_function("document.querySelector('.dg-kept-row input')?.value === 'a hole in the wall'")
    wait_until(here.page, lambda: [one.note for one in kept(InspectedRun.open(run))] == ["a hole in the wall"])
    (failure,) = kept(InspectedRun.open(run))
    assert (failure.view.frame, failure.view.x, failure.view.y) == ("005", x, y)
    here.set({"frame": "001"}).until("state.shown === 1")
    row.locator("a").click()
    here.until(f"state.shown === 5 && state.pinned?.x === {x}")
    assert f"frame=005&x={x}&y={y}" in (row.locator("a").get_attribute("href") or "")
    row.locator("button").click()
    here.page.locator("text=Nothing is kept yet").wait_for()
    assert kept(InspectedRun.open(run)) == []


def test_apply_writes_the_labels_and_the_page_shows_them(here: Visit, run: Path) -> None:
    x, y = in_highlight(run)
    before = read_png16(run / "fused" / "005.png")
    here.page.locator(".fuse select").select_option("predicted")
    here.page.get_by_role("button", name="apply to the run").click()
    here.page.locator("dialog[open] button", has_text="write").click()
    here.page.locator("#dg-said", has_text="labels of 12 frames are written").wait_for()
    after = read_png16(run / "fused" / "005.png")
    assert not np.array_equal(before, after) and after[y, x] == 4000
    assert RunFolder(run).manifest().stages["fuse"].settings["strategy"]["kind"] == "Predicted"
    here.set({"strategy": "labelled"}).until(f"Math.abs(studio.value('fused', {x}, {y}) - 4.0) < 0.001")


def test_reflections_are_mined_on_request_and_then_there_is_a_pane_and_three_more_rules(here: Visit, run: Path) -> None:
    before = read_png16(run / "fused" / "005.png")
    here.page.get_by_role("button", name="mine reflections").click()
    here.page.locator("#dg-said", has_text="reflections of 12 frames are mined").wait_for()
    here.page.locator("[data-pane=mined]").wait_for()
    here.page.get_by_role("button", name="mine reflections").wait_for(state="hidden")
    here.page.locator(".fuse select").select_option("mask")
    here.until("state.strategy === 'mask' && studio.drawn.strategy === 'mask'")
    layers = InspectedRun.open(run).layers("005")
    assert layers.mined is not None and layers.mined.any()
    y, x = (int(place[0]) for place in np.nonzero(layers.mined))
    assert here.value("mined", x, y) == 1
    here.page.locator(".finds", has_text="mined").wait_for()
    assert np.array_equal(before, read_png16(run / "fused" / "005.png"))


def test_what_is_seen_can_be_saved(here: Visit) -> None:
    here.page.locator(".dg-download").first.wait_for()
    here.press("ArrowRight").until("state.shown === 6")
    here.page.wait_for_function("document.querySelector('.dg-download a').href.includes('name=006')")
    with here.page.expect_download() as saving:
        here.page.locator(".dg-download a").first.click()
    assert saving.value.suggested_filename == "glare_006_fused.png"
    saved = saving.value.path()
    assert saved.read_bytes().startswith(b"\x89PNG")


def test_another_run_is_chosen_above(enter: Enter, run: Path, original: Path, tmp_path: Path) -> None:
    other = shutil.copytree(original, tmp_path / "other")
    here = enter(run, other, run="glare", frame="005")
    here.page.locator("#dg-run input").click()
    here.page.locator("[data-testid=dropdown-option]", has_text="other").click()
    here.page.wait_for_function("new URLSearchParams(location.search).get('run') === 'other'")
    here.until("studio.drawn?.count > 0")


def test_two_visitors_see_their_own_frame(here: Visit, chromium: Browser) -> None:
    page = chromium.new_page()
    other = Visit(page, here.address, IN_APP).open(run="glare", frame="002")
    here.set({"frame": "009"}).until("state.shown === 9")
    assert other.ask("state.shown") == 2
    assert page.evaluate("new URLSearchParams(location.search).get('frame')") in ("002", None)
    page.close()


def test_results_stand_beside_the_papers(here: Visit) -> None:
    here.page.get_by_role("tab", name="Results").click()
    own = here.page.locator("#dg-own")
    column(here, "#dg-own", 0).filter(has_text="predicted/deep").first.wait_for()
    assert here.page.locator("text=3D Distillation").count() > 0
    before = own.inner_text()
    here.page.locator("#dg-region label", has_text="reflective").first.click()
    wait_until(here.page, lambda: own.inner_text() != before)
    here.page.get_by_role("tab", name="Inspect").click()
    here.set({"frame": "006"}).until("state.shown === 6")
    assert here.ask("state.frame") == 6


def test_a_training_is_followed_while_it_goes_on(
    page: Page, serve: Callable[[Any], str], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deglare_viewer.panels.training.EVERY_S", 0.5)
    training = write_training(tmp_path / "night", steps=4, done=2)
    address = serve(make_app(RunTable([run]), Options(trainings=(training,))))
    page.goto(address)
    page.get_by_role("tab", name="Results").click()
    legend = page.locator(".dg-trainings .legend")
    legend.filter(has_text="night").filter(has_text="step 2 of 4").wait_for()
    chart = page.locator(".dg-trainings figure").filter(has_text="precision of the mined mask")
    wait_until(page, lambda: chart.locator(".reading").inner_text() == "0.3")
    assert ink_of(chart) > 200
    write_training(training, steps=4, done=4)
    legend.filter(has_text="4 steps").wait_for()
    wait_until(page, lambda: chart.locator(".reading").inner_text() == "0.5")
    chart.locator("canvas").hover(position={"x": 36, "y": 60})
    wait_until(page, lambda: chart.locator(".reading").inner_text() == "step 1: 0.2")


def write_training(folder: Path, steps: int, done: int) -> Path:
    """As ``deglare train`` leaves it after some steps."""
    folder.mkdir(exist_ok=True)
    settings = {"settings": {"network": "small", "steps": steps}, "method": {"name": "triplet"}}
    (folder / "config.json").write_text(json.dumps(settings))
    for name, key in (("losses", "loss"), ("validation", "mined_precision")):
        lines = [json.dumps({"step": step, key: 0.1 + step / 10}) for step in range(1, done + 1)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def ink_of(chart: Locator) -> int:
    """How many pixels of a chart are drawn on."""
    count = "(canvas) => { const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
    return chart.locator("canvas").evaluate(
        f"{count} return data.filter((value, i) => i % 4 === 3 && value).length; }}"
    )


def test_a_run_that_cannot_be_opened_says_why(enter: Enter, run: Path) -> None:
    (run / "run.json").write_text("{")
    here = enter(run, waits=False)
    here.page.locator("text=is damaged").first.wait_for()
    assert str(run.parent) not in here.page.content()


def test_where_no_run_is_open_the_page_says_what_to_do(enter: Enter) -> None:
    here = enter(waits=False)
    here.page.locator("text=deglare demo").first.wait_for()


def test_a_run_that_vanishes_while_it_is_open_gets_a_sentence(here: Visit, run: Path) -> None:
    shutil.rmtree(run)
    here.set({"frame": "011"})
    here.page.locator("text=is gone").first.wait_for()


def wait_until(page: Page, is_true: Callable[[], bool]) -> None:
    """For what lies on disk or is read in pieces; the page's own patience bounds it."""
    for _ in range(600):
        if is_true():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came true")
