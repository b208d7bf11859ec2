"""Clips that visitors bring: taken in, planned, worked through one at a time, stopped, found again, deleted."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bringing import CLIPS, at, bringing, go, pretended, small_clip, taken, until

from deglare import data, footage, geometry
from deglare.errors import DataError, RequestError
from deglare_viewer.films import filming
from deglare_viewer.films.child import ATTENDED
from deglare_viewer.films.film import Film, Wishes, names_of, plain
from deglare_viewer.films.filming import DAY_S, Filming, UnknownFilmError
from deglare_viewer.films.standing import progress_of
from deglare_viewer.films.takeaway import taken as take_away
from deglare_viewer.films.telling import kept_words, path_length_m, told
from deglare_viewer.lanes import BusyError
from deglare_viewer.panels.video import ids_in, own_runs
from deglare_viewer.sessions import RunTable

SAYING = [
    *Path(footage.__file__).parent.glob("*.py"),
    *Path(geometry.__file__).parent.glob("poses_*.py"),
    *Path(data.__file__).parent.glob("video*.py"),
]
"""Modules whose sentences a visitor may read."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals to a group of processes")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_clip(tmp_path_factory.mktemp("clips") / "hall.mp4")


@pytest.fixture
def films(tmp_path: Path, glare: Path) -> Iterator[Filming]:
    """Clips of a studio, with a run that pretended work copies."""
    films = pretended(tmp_path / "uploads", RunTable([glare]), extra=("--from", str(glare)))
    yield films
    films.close()


@pytest.mark.parametrize(
    ("given", "shown", "file"),
    [
        ("hall.mp4", "hall.mp4", "hall.mp4"),
        ("My Hall (2).MOV", "My Hall (2).MOV", "my-hall-2.mov"),
        ("../../etc/évil.webm", "évil.webm", "vil.webm"),
        ("C:\\clips\\hall.avi", "hall.avi", "hall.avi"),
        ("日本.mkv", "日本.mkv", "run.mkv"),
        ("a\x00b\n.m4v", "ab.m4v", "a-b.m4v"),
    ],
)
def test_a_clip_keeps_its_name_for_people_and_gets_a_plain_one_on_disk(given: str, shown: str, file: str) -> None:
    assert names_of(given) == (shown, file)


@pytest.mark.parametrize("name", ["hall.txt", "hall", ".mp4", "", "hall.mp4.exe", "hall.m3u8", "x/.mov", "hall.mp4/"])
def test_only_videos_are_taken_by_their_names(name: str) -> None:
    with pytest.raises(RequestError, match="no video"):
        names_of(name)


def test_the_plan_is_there_before_anything_begins(films: Filming, clip: Path) -> None:
    film = taken(films, clip)
    said = told(films, film.id)
    rows = dict(said["plan"]["rows"])
    assert said["state"] == "planned" and said["name"] == "hall.mp4" and said["kept"] == "deleted in 24 hours"
    assert rows["clip"].startswith("128 x 96 pixels, 1.0 s, 10.0 frames a second")
    assert "s on this machine" in rows["time"] and rows["memory"].endswith("GB") and "small" in rows["depth by"]
    assert "expect" in said["plan"]["expect"].lower() and "--" not in json.dumps(said)
    assert not film.run.exists()


def test_other_wishes_change_the_plan_at_once(films: Filming, clip: Path) -> None:
    film = taken(films, clip)
    half = told(films, film.id, Wishes(seconds=0.5, fov_deg=60.0))
    assert dict(half["plan"]["rows"])["used"].startswith("0 to 0.5 s, about 5 frames")
    with pytest.raises(RequestError, match="focal length and the field of view say the same"):
        told(films, film.id, Wishes(focal_px=100.0, fov_deg=60.0))
    with pytest.raises(RequestError, match="before 9 s: start earlier"):
        told(films, film.id, Wishes(start_s=9.0))
    assert films.film(film.id).wishes == Wishes(seconds=0.5, fov_deg=60.0)


def test_wishes_become_flags() -> None:
    assert Wishes().flags() == ["--start", "0.0", "--seconds", "120.0"]
    assert Wishes(focal_px=500, fits=True).flags()[:2] == ["--focal", "500.0"]
    assert Wishes(fits=True).flags()[-1] == "--fit" and Wishes(fits=True).settings().fit is not None
    for seconds in (float("nan"), float("inf"), 1e5):
        with pytest.raises(RequestError):
            Wishes(seconds=seconds)


def test_sentences_lose_the_flags_of_the_command_line() -> None:
    assert plain("give --focal or --fov if you know it") == "give the focal length or the field of view if you know it"
    assert plain("with it (--teachers hf:a/b fetches it) depth is sharper") == "with it depth is sharper"


def test_no_sentence_of_the_work_shows_a_flag_on_the_page() -> None:
    said = [text for path in SAYING for text in sentences_of(path.read_text("utf-8"))]
    flags = [text for text in said if re.search(r"--[a-z]", text)]
    assert len(flags) > 5
    assert [plain(text) for text in flags if re.search(r"--[a-z]", plain(text))] == []


def sentences_of(source: str) -> list[str]:
    """Every string of a module but its documentation; what is put in is a 9."""
    tree = ast.parse(source)
    documented = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(p.value) if isinstance(p, ast.Constant) else "9" for p in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {node} & (documented | inside):
            found.append(node.value)
    return found


NO_CLIPS = {
    "a text": b"hello, this is no video at all" * 9,
    "nothing": b"",
    "a playlist": b"#EXTM3U\nfile:///etc/passwd\n" * 4,
    "half of its header": b"\x00\x00\x00\x20ftypisom" + b"\x00" * 40,
}


@pytest.mark.parametrize("what", NO_CLIPS)
def test_what_is_no_video_is_one_sentence_and_leaves_nothing(films: Filming, tmp_path: Path, what: str) -> None:
    (tmp_path / "x.mp4").write_bytes(NO_CLIPS[what])
    with pytest.raises(DataError) as refused:
        taken(films, tmp_path / "x.mp4", "My clip.mp4")
    said = str(refused.value)
    assert "My clip.mp4" in said and str(tmp_path) not in said and "\n" not in said
    assert list(films.folder.iterdir()) == []


def test_a_clip_that_is_cut_short_is_one_sentence(films: Filming, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:400])
    with pytest.raises(DataError) as refused:
        taken(films, tmp_path / "cut.mp4")
    assert str(tmp_path) not in str(refused.value) and list(films.folder.iterdir()) == []


def test_work_goes_on_in_a_process_of_its_own_and_tells_how_far_it_is(films: Filming, clip: Path) -> None:
    film = taken(films, clip)
    films.start(film.id)
    at(films, film, "working", "choose")
    until(lambda: told(films, film.id)["count"] == "1 of 2")
    said = told(films, film.id)
    assert said["stages"][said["now"]] == "choosing sharp frames"
    assert (
        0 < said["share"] < 1
        and said["left"].startswith("about")
        and "fitting a network to the clip" not in said["stages"]
    )
    go(film)
    at(films, film, "done")
    said = told(films, film.id)
    assert (said["outcome"], said["can_look"]) == ("whole", True)
    rows = dict(said["rows"])
    assert rows["path"].startswith("1.1 m") and "as you gave it" in rows["lens"] and "8 %" in rows["metres"]
    assert rows["depth"].endswith("off by 15 % there before, 6 % after")
    assert said["advice"] == ["Give the focal length or the field of view if you know it."]
    assert {one["name"] for one in said["files"]} >= {"depth.mp4", "depth_png.zip", "mesh.glb", "colmap.zip"}


def test_clips_are_worked_through_one_after_the_other_and_know_their_place(films: Filming, clip: Path) -> None:
    first, second, third = (taken(films, clip) for _ in range(3))
    for film in (first, second, third):
        films.start(film.id)
    assert [films.standing(film.id).place for film in (second, third)] == [1, 2]
    assert told(films, third.id)["state"] == "waiting"
    films.stop(second.id)
    assert films.standing(second.id).state == "planned" and films.standing(third.id).place == 1
    go(third)
    at(films, first, "working", "choose")
    go(first)
    at(films, third, "done")
    assert films.standing(first.id).state == "done"


def test_a_queue_that_is_full_says_so(films: Filming, clip: Path) -> None:
    for _ in range(filming.MOST_WAITING + 1):
        films.start(taken(films, clip).id)
    last = taken(films, clip)
    with pytest.raises(BusyError, match="clips wait already"):
        films.start(last.id)
    assert films.standing(last.id).state == "planned"


def test_work_that_is_stopped_keeps_what_is_done_and_goes_on_in_the_same_folder(films: Filming, clip: Path) -> None:
    film = taken(films, clip)
    told(films, film.id, Wishes(fov_deg=70.0))
    films.start(film.id)
    at(films, film, "working", "choose")
    with pytest.raises(RequestError, match="has begun"):
        films.plan_again(film.id, Wishes())
    films.stop(film.id)
    at(films, film, "stopped")
    assert told(films, film.id)["now"] == 1 and progress_of(film)["state"] == "stopped"
    films.start(film.id)
    at(films, film, "working", "choose")
    go(film)
    at(films, film, "done")
    begun = (film.root / "begun").read_text().splitlines()
    assert len(begun) == 2 and begun[0] == begun[1] and "--fov 70.0" in begun[0]
    with pytest.raises(RequestError, match="upload it again"):
        films.plan_again(film.id, Wishes())


@posix
def test_work_that_does_not_stop_is_ended_after_a_while(tmp_path: Path, clip: Path) -> None:
    films = pretended(tmp_path / "uploads", RunTable(), grace_s=0.2)
    film = taken(films, clip, "stubborn.mp4")
    films.start(film.id)
    at(films, film, "working", "choose")
    films.stop(film.id)
    assert films.standing(film.id).state == "stopping"
    at(films, film, "stopped")


@posix
def test_work_that_is_ended_from_outside_says_so_and_can_be_tried_again(films: Filming, clip: Path) -> None:
    film = taken(films, clip)
    films.start(film.id)
    at(films, film, "working", "choose")
    child = films._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    at(films, film, "failed")
    assert "memory" in str(told(films, film.id)["error"])
    go(film)
    films.start(film.id)
    at(films, film, "done")


def test_the_studios_end_stops_the_work_and_its_next_beginning_finds_it(
    tmp_path: Path, glare: Path, clip: Path
) -> None:
    films = pretended(tmp_path / "uploads", RunTable(), extra=("--from", str(glare)))
    film, waiting = taken(films, clip), taken(films, clip)
    told(films, film.id, Wishes(fov_deg=70.0))
    for one in (film, waiting):
        films.start(one.id)
    at(films, film, "working", "choose")
    films.close()
    assert progress_of(film)["state"] == "stopped" and not (waiting.root / "begun").exists()
    (films.folder / "stranger").mkdir()
    again = pretended(films.folder, RunTable(), extra=("--from", str(glare)))
    again.begin()
    assert again.standing(film.id).state == "stopped" and again.standing(waiting.id).state == "planned"
    assert again.film(film.id).wishes.fov_deg == 70.0 and again.film(film.id).facts == film.facts
    go(film)
    again.start(film.id)
    at(again, film, "done")
    again.close()


@posix
def test_work_ends_when_whoever_started_it_is_gone(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "run"
    line = [*ATTENDED, "video", str(clip), "--out", str(out), "--teachers", "monodepth2-small"]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        until(lambda: (out / "video" / "progress.json").is_file())
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) != 0
    assert json.loads((out / "video" / "progress.json").read_text())["state"] != "done"


def test_a_clip_is_deleted_with_its_work_and_its_run(films: Filming, clip: Path) -> None:
    film, other = taken(films, clip), taken(films, clip)
    films.start(film.id)
    at(films, film, "working", "choose")
    films.delete(film.id)
    assert not film.root.exists() and other.root.is_dir()
    with pytest.raises(UnknownFilmError, match="not here any more"):
        films.film(film.id)
    go(other)
    films.start(other.id)
    at(films, other, "done")
    run = films.open(other.id)
    films.delete(other.id)
    assert run not in films.table.ids and not other.root.exists()


def test_after_a_day_everything_of_a_clip_is_gone(tmp_path: Path, clip: Path) -> None:
    later = [0.0]
    films = pretended(tmp_path / "uploads", RunTable(), clock=lambda: time.time() + later[0])
    old, busy = taken(films, clip), taken(films, clip)
    films.start(busy.id)
    at(films, busy, "working", "choose")
    later[0] = DAY_S - 60
    films.sweep()
    assert old.root.is_dir() and told(films, old.id)["kept"] == "deleted in 1 minutes"
    later[0] = DAY_S + 60
    outside = tmp_path / "private"
    outside.mkdir()
    (films.folder / ("0" * 32)).symlink_to(outside)
    (films.folder / ("1" * 32)).mkdir()
    films.sweep()
    assert not old.root.exists() and busy.root.is_dir() and outside.is_dir()
    assert not (films.folder / ("1" * 32)).exists()
    films.close()
    films.sweep()
    assert not busy.root.exists()


def test_a_studio_that_is_full_drops_what_nobody_began_with_and_says_when_it_cannot(
    films: Filming, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filming, "MOST_KEPT", 2)
    begun, idle = taken(films, clip), taken(films, clip)
    films.start(begun.id)
    newest = taken(films, clip)
    assert not idle.root.exists()
    films.start(newest.id)
    with pytest.raises(BusyError, match="keeps 2 clips"):
        taken(films, clip)
    monkeypatch.setattr(filming, "FREE_BYTES", 1 << 62)
    with pytest.raises(BusyError, match="disk is full"):
        taken(films, clip)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(DAY_S, "deleted in 24 hours"), (3601, "deleted in 2 hours"), (3600, "deleted in 60 minutes")],
)
def test_how_long_a_clip_is_kept_is_said_in_words(seconds: float, words: str) -> None:
    assert kept_words(seconds) == words


def finished(films: Filming, clip: Path, name: str = "hall.mp4") -> Film:
    film = taken(films, clip, name)
    go(film)
    films.start(film.id)
    at(films, film, "done")
    return film


def test_a_run_is_there_for_whoever_brought_the_clip_and_listed_for_nobody(films: Filming, clip: Path) -> None:
    film, other = finished(films, clip), finished(films, clip, "kitchen.mov")
    run = films.open(film.id)
    assert run == films.open(film.id) and film.id in run
    assert [one.id for one in films.table.listing()] == ["glare"] and films.table.first() == "glare"
    assert len(films.table.run(run).names) == 12
    seen = films.table.unlisted(run)
    assert seen is not None and seen.name == "hall" and films.table.unlisted("glare") is None
    kept = json.dumps({"ids": [film.id, "nobody", None, 7, "../x"], "names": {}})
    assert own_runs(films, ids_in(kept)) == [run] and films.open(other.id) != run
    for nonsense in (None, 7, "", "{", "[]", "x" * 9000, json.dumps({"ids": "x"}), "[" * 3000):
        assert own_runs(films, ids_in(nonsense)) == []


def test_what_is_taken_away_is_whole(films: Filming, clip: Path) -> None:
    film = finished(films, clip)
    path, kind = take_away(film, "mesh.glb")
    assert (path.read_bytes(), kind) == (b"mesh.glb", "model/gltf-binary")
    with zipfile.ZipFile(take_away(film, "depth_png.zip")[0]) as depth:
        assert {"predicted/deep/003.png", "fused/003.png"} <= set(depth.namelist())
        assert depth.read("fused/003.png") == (film.run / "fused" / "003.png").read_bytes()
    with zipfile.ZipFile(take_away(film, "colmap.zip")[0]) as colmap:
        assert set(colmap.namelist()) == {
            "sparse/0/cameras.txt",
            "sparse/0/images.txt",
            "sparse/0/points3D.txt",
            "images/000.jpg",
        }
    with zipfile.ZipFile(take_away(film, "transforms.zip")[0]) as nerf:
        assert {"results/transforms.json", "color/000.jpg", "fused/000.png"} <= set(nerf.namelist())
    assert path_length_m(film) == pytest.approx(1.1)


def test_a_clip_without_cameras_shows_its_depth_and_the_reasons(films: Filming, clip: Path) -> None:
    film = finished(films, clip)
    for name in ("run.json", "video/alignment.json"):
        (film.run / name).unlink()
    for name in ("mesh.glb", "mesh.ply", "poses_tum.txt", "transforms.json"):
        (film.run / "results" / name).unlink()
    verdict = json.loads((film.run / "video" / "verdict.json").read_text())
    verdict |= {
        "outcome": "none",
        "reasons": ["the frames tell too little"],
        "believed": [],
        "focal": None,
        "scale": None,
    }
    (film.run / "video" / "verdict.json").write_text(json.dumps(verdict))
    said = told(films, film.id)
    assert (said["outcome"], said["can_look"]) == ("none", False)
    assert "cannot be opened there" in said["notes"][0]
    assert said["reasons"] == ["The frames tell too little."] and len(said["rows"]) == 1
    assert "depth.mp4" in {one["name"] for one in said["files"]}
    with pytest.raises(RequestError, match="no run to look at"):
        films.open(film.id)


def test_a_visitor_brings_a_clip_and_everything_else_by_its_id(glare: Path, clip: Path, tmp_path: Path) -> None:
    with bringing(glare, tmp_path / "uploads") as client:
        mine = client.post(f"{CLIPS}?name=hall.mp4", content=clip.read_bytes()).json()
        other = client.post(f"{CLIPS}?name=hall.mp4", content=clip.read_bytes()).json()
        assert mine["state"] == "planned" and mine["id"] != other["id"]
        at_mine = f"{CLIPS}/{mine['id']}"
        assert dict(client.get(f"{at_mine}?plans=true&seconds=0.5").json()["plan"]["rows"])["used"].startswith(
            "0 to 0.5"
        )
        assert client.get(f"{at_mine}?plans=true&fov=900").status_code == 400
        assert client.get(f"{at_mine}/files/depth.mp4").status_code == 400
        assert client.post(f"{at_mine}/start").json()["state"] in ("working", "waiting")
        assert client.post(f"{CLIPS}/{other['id']}/start").json()["place"] == 1
        assert client.post(f"{CLIPS}/{other['id']}/stop").json()["state"] == "planned"
        (tmp_path / "uploads" / mine["id"] / "go").touch()
        until(lambda: client.get(at_mine).json()["state"] == "done")
        film = client.get(f"{at_mine}/files/depth.mp4", headers={"Range": "bytes=0-4"})
        assert (film.status_code, film.content) == (206, b"depth")
        saved = client.get(f"{at_mine}/files/mesh.ply")
        assert (
            saved.content == b"mesh.ply"
            and 'attachment; filename="hall_mesh.ply"' in saved.headers["content-disposition"]
        )
        assert [one["id"] for one in client.get("/studio/runs").json()["runs"]] == ["glare"]
        assert client.post(f"{at_mine}/delete").json()["state"] == "deleted"
        assert client.get(at_mine).status_code == 404 and client.get(f"{CLIPS}/{other['id']}").status_code == 200


def test_the_tab_is_there_only_where_clips_can_be_brought(glare: Path, tmp_path: Path) -> None:
    with bringing(glare, tmp_path / "uploads") as client:
        tabs = [one for one in client.get("/config").json()["components"] if one["type"] == "tabitem"]
        labels = [one["props"]["label"] for one in tabs]
        assert labels[0] == "Inspect" and "Video" in labels
        assert not (tmp_path / "uploads").exists()
