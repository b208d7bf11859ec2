"""The studio element in a browser: what hands and keys do, what is read off it, and what it says when things fail."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from glare import WALL_M
from PIL import Image
from visiting import STUDIO, Visit

from deglare.inspection.run import InspectedRun

SIZE_HW = (64, 96)
PANES = ("rgb", "predicted", "projected", "fused", "uncertainty", "reflective", "source", "error")

Opens = Callable[..., Visit]


@pytest.fixture
def here(visit: Opens, glare_folder: Path) -> Visit:
    """The run with the wandering highlight, at a frame in its middle."""
    return visit(glare_folder, frame="005", strategy="labelled")


def in_highlight(folder: Path, name: str = "005") -> tuple[int, int]:
    """A pixel well inside the highlight."""
    regions = InspectedRun.open(folder).layers(name).regions
    assert regions is not None
    rows, columns = np.nonzero(regions == 2)
    return int(np.median(columns)), int(np.median(rows))


def click(here: Visit, pane: str, x: int, y: int, **how: Any) -> None:
    left, top = here.place(pane, x, y, SIZE_HW)
    here.page.mouse.move(left, top)
    if how.get("shift"):
        here.page.keyboard.down("Shift")
    here.page.mouse.click(left, top)
    if how.get("shift"):
        here.page.keyboard.up("Shift")


def text_of(colour: list[int] | None) -> str:
    """As JavaScript writes an array."""
    return ",".join(map(str, colour or []))


def test_the_hand_reads_metres_in_every_pane_at_once(here: Visit, glare_folder: Path) -> None:
    x, y = in_highlight(glare_folder)
    here.page.mouse.move(*here.place("uncertainty", x, y, SIZE_HW))
    here.until(f"state.hover?.x === {x} && state.hover?.y === {y}")
    layers = InspectedRun.open(glare_folder).layers("005")
    here.page.wait_for_function("document.querySelector('[data-pane=rgb] .value').textContent !== ''")
    assert here.corner("rgb") == f"{x}, {y}"
    assert here.corner("predicted") == f"{layers.predicted.metres[y, x]:.2f} m" == "4.00 m"
    assert here.corner("projected") == f"{layers.projected.metres[y, x]:.2f} m"
    assert here.corner("uncertainty").endswith(" 0.50 m")
    assert here.corner("reflective") == "highlight"
    assert here.corner("source").startswith("blended")
    assert here.corner("error").endswith(" m")


def test_a_click_pins_the_point_and_lists_every_depth_of_it(here: Visit, glare_folder: Path) -> None:
    x, y = in_highlight(glare_folder)
    click(here, "rgb", x, y)
    here.until(f"state.pinned?.x === {x} && state.pinned?.y === {y}")
    rows = here.page.locator(".values tr")
    rows.first.wait_for()
    said = [" ".join(row.split()) for row in rows.all_inner_texts()]
    assert said[0].startswith("predicteddeep 4.00 m") or said[0].startswith("predicted deep 4.00 m")
    assert "+2.00" in said[0]
    assert any(line.startswith("truth 2.00 m") for line in said)
    assert "highlight" in here.page.locator(".facts").inner_text()


def test_the_loss_along_the_ray_is_put_into_one_sentence(here: Visit, glare_folder: Path) -> None:
    click(here, "predicted", 20, 50)
    sentence = here.page.locator(".why:not(.empty) .sentence")
    sentence.wait_for()
    assert sentence.inner_text().endswith(".")
    assert here.page.locator(".why .patches figure").count() == 2
    assert "truth 2.00 m" in " ".join(here.page.locator(".why .key").inner_text().split())


def test_the_marks_along_the_ray_follow_the_threshold(here: Visit, glare_folder: Path) -> None:
    x, y = in_highlight(glare_folder)
    click(here, "rgb", x, y)
    mark = here.page.locator(".why .key .fused b")
    mark.wait_for()
    here.page.locator(".fuse select").select_option("predicted")
    here.page.locator(".why .key .fused b", has_text="4.00 m").wait_for()
    here.page.locator(".fuse select").select_option("projected")
    here.page.locator(".why .key .fused b", has_text=f"{here.value('projected', x, y):.2f} m").wait_for()


def test_shift_click_measures_between_two_points_by_each_depth(here: Visit) -> None:
    click(here, "rgb", 10, 40)
    here.until("state.pinned")
    click(here, "rgb", 70, 40, shift=True)
    here.until("state.second")
    measure = here.page.locator(".measure")
    measure.wait_for()
    assert f"truth {60 / 60 * WALL_M:.2f} m" in " ".join(
        measure.inner_text().split()
    )  # 60 pixels at a focal length of 60
    here.page.locator("[data-pane=rgb] .tag").wait_for()


def test_a_pin_stays_on_its_surface_from_frame_to_frame(here: Visit) -> None:
    click(here, "rgb", 60, 20)
    here.until("state.pinned?.seen")
    x = here.ask("state.pinned.x")
    here.press("ArrowRight").until("state.shown === 6")
    moved = here.ask("state.pinned")
    assert moved["x"] == pytest.approx(x - 0.06 / WALL_M * 60, abs=1)  # the camera went 6 cm to the right
    assert moved["y"] == pytest.approx(20, abs=1)


def test_a_row_of_the_table_leads_to_its_frame_and_pixel(here: Visit) -> None:
    click(here, "rgb", 60, 20)
    row = here.page.locator(".views tbody tr").nth(1)
    row.wait_for()
    name = row.locator("td").first.inner_text()
    row.click()
    here.until(f"state.shown === {int(name)}")
    assert here.ask("state.pinned.seen")
    here.page.locator(f".place:has-text('frame {name}')").wait_for()


def test_tables_sort_by_any_column(here: Visit) -> None:
    click(here, "rgb", 60, 20)
    here.page.locator(".views tbody tr").nth(1).wait_for()
    for _ in range(2):
        here.page.locator(".views th button", has_text="predicted").click()
    shown = [float(text) for text in here.page.locator(".views td:nth-child(2)").all_inner_texts()]
    assert shown == sorted(shown)


def test_the_slider_moves_labels_colours_and_numbers(here: Visit, glare_folder: Path) -> None:
    x, y = in_highlight(glare_folder)
    here.page.locator(".fuse select").select_option("uncertainty")
    slider = here.page.locator(".fuse input[type=range]")
    slider.fill("0.3")  # the spread in the highlight is half a metre
    here.until(f"state.alpha === 0.3 && studio.value('source', {x}, {y}) === 2")
    taken, share = here.pixel("source", x, y), here.page.locator(".number", has_text="projected").inner_text()
    assert here.value("fused", x, y) == here.value("projected", x, y)
    slider.fill("0.49")
    here.press("]", "]").until(f"studio.value('source', {x}, {y}) === 1")
    here.page.locator(".number", has_text="projected").wait_for(state="hidden")
    assert share.split()[-1] == "%"
    assert here.pixel("source", x, y) != taken
    assert here.value("fused", x, y) == here.value("predicted", x, y) == 4.0


def test_a_click_on_the_curves_sets_the_threshold(here: Visit) -> None:
    here.until("state.mostAlpha")
    box = here.page.locator(".curves canvas").last.bounding_box()
    assert box is not None
    here.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    here.until("state.strategy === 'uncertainty' && state.alpha > 0.1 && state.alpha < state.mostAlpha")


def test_arrows_walk_and_the_newest_frame_is_the_one_that_stays(here: Visit) -> None:
    here.press("Home", *["ArrowRight"] * 7, "ArrowLeft").until("state.shown === 6 && studio.drawn.frame === 6")
    layers = here.ask("[studio.value('truth', 3, 3), state.frame]")
    assert layers == [WALL_M, 6]
    here.press("End").until("studio.drawn.frame === 11")
    here.press("Shift+ArrowLeft").until("studio.drawn.frame === 1")


def test_the_bars_scrub_and_the_worst_frame_has_the_tallest(here: Visit) -> None:
    box = here.page.locator(".bars").bounding_box()
    assert box is not None
    here.page.mouse.click(box["x"] + box["width"] * 2.5 / 12, box["y"] + box["height"] / 2)
    here.until("studio.drawn.frame === 2")
    worst = here.ask("fetch('/studio/glare/manifest').then((r) => r.json()).then((m) => m.bars.values)")
    here.press("g").until(f"studio.drawn.frame === {int(np.argmax(worst))}")


def test_space_plays_and_stops(here: Visit) -> None:
    here.press("Space").until("studio.drawn.frame > 6")
    here.press("Space")
    assert here.ask("state.playing") is False


def test_the_wheel_keeps_the_pixel_under_the_hand(here: Visit) -> None:
    left, top = here.place("fused", 70, 20, SIZE_HW)
    here.page.mouse.move(left, top)
    for _ in range(6):
        here.page.mouse.wheel(0, -120)
    here.until("state.zoom > 3")
    here.page.mouse.move(left + 0.01, top)
    here.until("state.hover")
    hover = here.ask("state.hover")
    assert (hover["x"], hover["y"]) == (70, 20)
    here.press("0").until("state.zoom === 1")


def test_a_double_click_fills_the_grid_with_one_pane_and_pins_nothing(here: Visit) -> None:
    here.page.mouse.dblclick(*here.place("error", 40, 30, SIZE_HW))
    here.until("state.alone === 'error'")
    assert here.ask("state.pinned") is None
    here.page.locator("[data-pane=rgb]").wait_for(state="hidden")
    assert [one for one in PANES if here.page.locator(f"[data-pane={one}]").is_visible()] == ["error"]
    here.press("8").until("state.alone === ''")


def test_where_nothing_is_mined_there_is_no_pane_and_it_is_said_how_to_get_one(here: Visit) -> None:
    assert [one for one in (*PANES, "mined") if here.page.locator(f"[data-pane={one}]").is_visible()] == list(PANES)
    here.press("9")
    assert here.ask("state.alone") == ""
    for strategy in ("mask", "union", "intersection"):
        option = here.page.locator(f".fuse option[value={strategy}]")
        assert option.is_disabled() and "nothing mined yet" in option.inner_text()
        assert "mine reflections" in (option.get_attribute("title") or "")
    here.set({"strategy": "mask"})
    assert here.ask("state.strategy") == "labelled"
    here.page.locator(".top .message", has_text="deglare label with --mine").wait_for()
    here.page.get_by_role("button", name="mine reflections").click()
    (event,) = here.events("mine")
    assert event == {"kind": "mine", "run": "glare"}


def test_what_is_mined_has_a_pane_beside_the_uncertainty(visit: Opens, random_folder: Path) -> None:
    here, layers = visit(random_folder, frame="000", strategy="mask"), InspectedRun.open(random_folder).layers("000")
    unsure, mined = (here.page.locator(f"[data-pane={pane}]").bounding_box() for pane in ("uncertainty", "mined"))
    assert unsure is not None and mined is not None
    assert mined["y"] == unsure["y"] and 0 < mined["x"] - unsure["x"] - unsure["width"] < 8
    assert not here.page.get_by_role("button", name="mine reflections").is_visible()
    assert layers.mined is not None
    wanted = layers.mined & layers.predicted.valid & (layers.projected_mm >= 100) & (layers.projected_mm <= 10_000)
    for y, x in np.random.default_rng(4).integers(0, (48, 64), (30, 2)).tolist():
        assert here.value("mined", x, y) == layers.mined[y, x]
        if layers.predicted.valid[y, x]:
            assert (here.value("source", x, y) == 2) == wanted[y, x]
    here.press("9").until("state.alone === 'mined'")
    here.page.locator("[data-pane=rgb]").wait_for(state="hidden")


def test_a_border_pulled_aside_swipes_one_pane_over_the_other(here: Visit, glare_folder: Path) -> None:
    x, y = 90, 32
    own = here.pixel("rgb", x, y)
    box = here.page.locator("[data-pane=rgb]").bounding_box()
    assert box is not None
    start = box["x"] + box["width"] + 2, box["y"] + box["height"] / 2
    here.page.mouse.move(*start)
    here.page.mouse.down()
    here.page.mouse.move(start[0] - box["width"] / 2, start[1], steps=4)
    here.page.mouse.up()
    here.until("state.swipe?.pane === 'rgb' && state.swipe.over === 'predicted'")
    here.until(f"String(studio.pixel('rgb', {x}, {y})) === String(studio.pixel('predicted', {x}, {y}))")
    assert here.pixel("rgb", x, y) != own
    assert here.pixel("rgb", 5, y) != here.pixel("predicted", 5, y)
    here.press("Escape").until(f"String(studio.pixel('rgb', {x}, {y})) === '{text_of(own)}'")


def test_a_click_on_the_mesh_pins_the_surface_in_the_frame(here: Visit) -> None:
    canvas = here.page.locator(".mesh canvas")
    here.page.wait_for_function("document.querySelector('.mesh .note').textContent === ''")
    shown = Image.open(io.BytesIO(canvas.screenshot()))
    assert np.ptp(np.asarray(shown.convert("L"))[: shown.height // 2]) > 20  # the wall's texture, nothing over it
    box = canvas.bounding_box()
    assert box is not None
    here.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # as the frame sees it
    here.until("state.pinned")
    pinned = here.ask("state.pinned")
    assert (pinned["x"], pinned["y"]) == (pytest.approx(47.5, abs=2), pytest.approx(31.5, abs=2))
    assert pinned["xyz"][2] == pytest.approx(WALL_M, abs=0.6)


def test_another_run_is_shown_while_it_is_compared(visit: Opens, glare_folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(glare_folder, tmp_path / "other"))
    shutil.rmtree(other / "predicted" / "deep")
    shutil.copytree(other / "predicted" / "deeper", other / "predicted" / "deep")
    x, y = in_highlight(glare_folder)
    here = visit(glare_folder, other, frame="005", x=x, y=y, compare="other")
    here.until("state.comparedName === 'other' && state.pinned")
    assert here.corner("predicted") == "4.00 m"
    here.page.keyboard.down("c")
    here.page.locator("[data-pane=predicted] .value", has_text="5.00 m").wait_for()
    assert "other" in here.page.locator("[data-pane=predicted] .title").inner_text()
    here.page.keyboard.up("c")
    here.page.locator("[data-pane=predicted] .value", has_text="4.00 m").wait_for()
    assert "other" not in here.page.locator("[data-pane=predicted] .title").inner_text()


def test_another_teacher_shows_its_own_depth(visit: Opens, random_folder: Path) -> None:
    run = InspectedRun.open(random_folder)
    one, two = (run.layers("000", teacher).predicted.metres for teacher in ("one", "two"))
    y, x = np.unravel_index(np.argmax(np.where((one > 1) & (two > 1), np.abs(one - two), 0)), one.shape)
    here = visit(random_folder, frame="000", strategy="predicted")
    before = here.pixel("predicted", int(x), int(y))
    here.page.locator(".top select").first.select_option("two")
    here.until(f"studio.value('predicted', {x}, {y}) > 0 && state.teacher === 'two'")
    here.until(f"String(studio.pixel('predicted', {x}, {y})) !== '{text_of(before)}'")
    assert here.value("predicted", int(x), int(y)) == pytest.approx(float(two[y, x]), abs=5e-4)


def test_labels_are_written_only_after_a_yes(here: Visit) -> None:
    here.page.locator(".fuse select").select_option("difference")
    here.page.get_by_text("apply to the run").click()
    here.page.get_by_role("button", name="cancel").click()
    assert here.events("apply") == []
    here.page.get_by_text("apply to the run").click()
    here.page.get_by_role("button", name="write labels").click()
    here.page.wait_for_function("window.events.some((event) => event.kind === 'apply')")
    (event,) = here.events("apply")
    assert event == {"kind": "apply", "run": "glare", "strategy": "difference", "alpha": 0.25, "teacher": "deep"}


def test_a_kept_failure_carries_the_whole_view(here: Visit) -> None:
    click(here, "rgb", 60, 20)
    here.until("state.pinned")
    here.press("k")
    (event,) = here.events("keep")
    assert event["view"] == {"run": "glare", "frame": "005", "strategy": "labelled", "x": 60, "y": 20}


def test_the_address_opens_the_same_view_again(here: Visit) -> None:
    click(here, "rgb", 60, 20)
    here.set({"strategy": "uncertainty", "alpha": 0.35, "panes": "fused", "zoom": 2, "cx": 0.6, "cy": 0.4})
    here.page.wait_for_url("**zoom=2**")
    before = {key: here.state[key] for key in ("frame", "alpha", "strategy", "alone", "zoom", "cx", "cy")}
    query = {key: values[0] for key, values in parse_qs(urlsplit(here.page.url).query).items()}
    assert query["panes"] == "fused"
    here.page.reload()
    here.until("studio.drawn?.count > 0 && state.pinned")
    assert {key: here.state[key] for key in before} == before
    assert (here.ask("state.pinned.x"), here.ask("state.pinned.y")) == (60, 20)


def test_a_view_of_nonsense_opens_something_sensible_and_says_so(visit: Opens, glare_folder: Path) -> None:
    here = visit(glare_folder, frame="<b>", x="-3", y="1e9", alpha="nan", strategy="eval", panes="../..", zoom="-1")
    assert (here.ask("state.frame"), here.ask("state.zoom"), here.ask("state.pinned")) == (0, 1, None)
    assert "no frame <b>" in here.page.locator(".message").inner_text()


def test_a_visitor_without_a_wish_begins_where_it_hurts(visit: Opens, glare_folder: Path) -> None:
    here = visit(glare_folder)
    here.until("state.pinned")
    assert here.value("regions", here.ask("state.pinned.x"), here.ask("state.pinned.y")) == 2


def test_without_truth_the_last_pane_shows_what_fusion_moved(visit: Opens, glare_folder: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copytree(glare_folder, tmp_path / "plain"))
    for layer in ("depth", "regions", "specular"):
        shutil.rmtree(plain / layer)
    here = visit(plain, frame="005")
    assert here.page.locator("[data-pane=error] .title").inner_text().endswith("moved by fusion")
    assert "Annotate" in here.page.locator("[data-pane=reflective] .missing").inner_text()
    assert here.value("error", 40, 5) == pytest.approx(
        here.ask("studio.value('fused', 40, 5) - studio.value('predicted', 40, 5)")
    )


def test_keys_are_left_alone_where_somebody_writes(here: Visit) -> None:
    here.page.evaluate("document.body.append(document.createElement('input'))")
    here.page.locator("body > input").focus()
    here.page.keyboard.type("g k]0")
    assert here.page.locator("body > input").input_value() == "g k]0"
    assert here.ask("state.frame") == 5
    assert here.events("keep") == []


def test_question_mark_lists_the_keys(here: Visit) -> None:
    here.press("?")
    assert here.page.get_by_role("dialog").inner_text().startswith("Keys and hands")
    here.press("Escape")
    assert here.page.get_by_role("dialog").count() == 0


def test_a_lost_graphics_context_comes_back(here: Visit) -> None:
    before = here.pixel("predicted", 20, 20)
    here.page.evaluate("""() => {
      const gl = document.querySelector('canvas.picture').getContext('webgl2');
      const extension = gl.getExtension('WEBGL_lose_context');
      extension.loseContext();
      setTimeout(() => extension.restoreContext(), 50);
    }""")
    here.until("studio.pixel('predicted', 20, 20) === null")
    here.until(f"String(studio.pixel('predicted', 20, 20)) === '{text_of(before)}'")


def test_a_browser_without_webgl2_is_told(page: Any, visit: Opens, glare_folder: Path) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    here = visit(glare_folder, frame="005", waits=False)
    here.page.get_by_role("alert").wait_for()
    assert "WebGL2" in here.page.get_by_role("alert").inner_text()
    assert "WebGL2" in here.events("failed")[0]["error"]


def test_a_run_that_goes_while_it_is_open_gets_a_sentence(visit: Opens, glare_folder: Path, tmp_path: Path) -> None:
    gone = Path(shutil.copytree(glare_folder, tmp_path / "going"))
    here = visit(gone, frame="000")
    shutil.rmtree(gone)
    here.press("End")
    here.page.locator(".message.shown").wait_for()
    assert "going is gone" in here.page.locator(".message").inner_text()


def test_a_server_that_stops_answering_gets_a_sentence(here: Visit) -> None:
    here.page.route("**/frames/**", lambda route: route.abort())
    here.press("End")
    here.page.locator(".message.shown").wait_for()
    assert "deglare app" in here.page.locator(".message").inner_text()
    here.page.unroute("**/frames/**")
    here.press("Home").until("studio.drawn.frame === 0")
    assert here.page.locator(".message.shown").count() == 0


def test_a_run_that_is_not_there_gets_a_sentence(visit: Opens, glare_folder: Path) -> None:
    here = visit(glare_folder, run="nothing", waits=False)
    here.page.get_by_role("alert").wait_for()
    assert "no such run" in here.page.get_by_role("alert").inner_text()


def test_what_was_taken_down_listens_to_nothing_any_more(here: Visit) -> None:
    here.page.evaluate(f"() => {{ window.taken = {STUDIO}; {STUDIO}.destroy(); }}")
    here.press("ArrowRight")
    assert here.page.evaluate("window.taken.state.frame") == 5
    assert here.page.locator(".deglare-studio").count() == 0
    assert here.page.evaluate("document.getElementById('studio').studio === undefined")


def test_written_labels_are_shown_after_a_reload_of_the_run(visit: Opens, glare_folder: Path, tmp_path: Path) -> None:
    from deglare.data.run_folder import RunFolder
    from deglare.fusion.relabelling import relabel
    from deglare.fusion.strategies import Projected

    changing = Path(shutil.copytree(glare_folder, tmp_path / "changing"))
    here = visit(changing, frame="005", strategy="labelled")
    x, y = in_highlight(glare_folder)
    assert here.value("source", x, y) == 3
    relabel(RunFolder(changing), Projected())
    here.page.evaluate(f"() => {STUDIO}.reload()")
    here.until(f"studio.value('source', {x}, {y}) === 2")
