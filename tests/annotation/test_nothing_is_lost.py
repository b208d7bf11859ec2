import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import annotating
import numpy as np
import pytest
from annotating import NAMES, dot, frames, in_process, noise

from deglare.annotation import Annotations, salvage, stroke
from deglare.errors import LabelError, RequestError

FIRST, SECOND = NAMES[:2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "annotations" / "annotations.sqlite"


def start_painting(path: Path, annotator: str) -> subprocess.Popen[str]:
    command = [sys.executable, annotating.__file__, "paint", str(path), annotator]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_strokes(painter: subprocess.Popen[str], count: int) -> list[int]:
    """Numbers in the log of the next strokes that were answered."""
    assert painter.stdout is not None
    return [int(painter.stdout.readline().split()[1]) for _ in range(count)]


def kill(painter: subprocess.Popen[str]) -> list[int]:
    """Numbers of the strokes that were answered up to the end."""
    painter.send_signal(signal.SIGKILL)
    rest = painter.communicate()[0].splitlines()
    return [int(line.split()[1]) for line in rest if len(line.split()) == 2]


def all_seqs(annotations: Annotations, annotator: str) -> list[int]:
    return sorted(entry.seq for name in NAMES for entry in annotations.log(annotator, name))


@pytest.mark.parametrize("strokes", [1, 17, 60])
def test_a_program_killed_at_any_moment_loses_no_stroke_that_was_answered(path: Path, strokes: int) -> None:
    painter = start_painting(path, "ann")
    answered = read_strokes(painter, strokes) + kill(painter)
    with Annotations(path, frames()) as found:
        kept = all_seqs(found, "ann")
        assert kept == list(range(1, len(kept) + 1)) and set(answered) <= set(kept)
        assert len(kept) - max(answered) in (0, 1)  # the one that was on the disk, but not answered yet
        assert found.state("ann", FIRST).surfaces.any()
        assert found.tag("ann", FIRST, "reflective").tag == "reflective"


def test_a_program_killed_while_it_makes_the_file_leaves_one_that_opens(path: Path) -> None:
    painter = start_painting(path, "ann")
    while not path.exists():
        assert painter.poll() is None
    answered = kill(painter)
    with Annotations(path, frames()) as found:
        assert set(answered) <= set(all_seqs(found, "ann"))
        assert found.tag("ann", FIRST, "reflective").tag == "reflective"


def test_two_programs_that_paint_at_once_lose_nothing_of_each_other(path: Path) -> None:
    painters = {name: start_painting(path, name) for name in ("ann", "bob")}
    answered = {name: read_strokes(painter, 25) for name, painter in painters.items()}
    for name, painter in painters.items():
        answered[name] += kill(painter)
    with Annotations(path, frames()) as found:
        kept = {name: all_seqs(found, name) for name in painters}
    assert all(set(answered[name]) <= set(kept[name]) for name in painters)
    assert sorted(kept["ann"] + kept["bob"]) == list(range(1, len(kept["ann"]) + len(kept["bob"]) + 1))


def test_two_windows_of_one_annotator_see_and_take_back_each_others_strokes(path: Path) -> None:
    with Annotations(path, frames()) as left, Annotations(path, frames()) as right:
        left.do("ann", FIRST, stroke(dot(5, 5)))
        right.do("ann", FIRST, stroke(dot(20, 5, "wet")))
        assert set(np.unique(left.state("ann", FIRST).surfaces)) == {0, 1, 5}
        assert left.undo("ann") == FIRST and right.undo("ann") == FIRST and right.undo("ann") is None
        assert not right.state("ann", FIRST).surfaces.any()
        assert left.redo("ann") == FIRST
        assert set(np.unique(right.state("ann", FIRST).surfaces)) == {0, 1}


def test_threads_may_share_one_store(path: Path) -> None:
    with Annotations(path, frames()) as one, ThreadPoolExecutor(4) as pool:
        work = [pool.submit(one.do, f"ann {n % 4}", NAMES[n % 3], stroke(dot(n, 5))) for n in range(32)]
        assert sorted(done.result().last_seq for done in work)[-1] == 32
        assert sum(len(all_seqs(one, name)) for name in one.annotators()) == 32


def test_a_full_disk_is_said_and_costs_only_the_stroke_that_did_not_fit(path: Path) -> None:
    answered, said, seen = in_process("fill_the_disk", path)
    assert answered > 20 and "full" in said and "make room" in said and len(said.splitlines()) == 1
    assert seen == answered
    with Annotations(path, frames()) as found:
        assert all_seqs(found, "ann") == list(range(1, answered + 1))
        assert np.array_equal(found.state("ann", FIRST).surfaces, noise(answered - 1))
        assert found.tag("ann", FIRST, "waste").last_seq == answered + 1


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that nobody in particular may look into, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_read_only_folder_is_said_and_can_still_be_looked_at(public_folder: Path, is_cut_off: bool) -> None:
    path = public_folder / "annotations.sqlite"
    one = Annotations(path, frames())
    one.tag("ann", FIRST, "reflective")
    if is_cut_off:  # as a killed program leaves it: what was written last lies beside the file
        kept = [(place, place.read_bytes()) for place in public_folder.iterdir() if not place.name.endswith("-shm")]
        one.close()
        for place, content in kept:
            place.write_bytes(content)
    else:
        one.close()
    for place in public_folder.iterdir():
        place.chmod(0o444)
    public_folder.chmod(0o555)
    there, new, tag = in_process("as_nobody", path)
    assert "may not be" in there and "may not be opened here" in new and tag == "reflective"
    assert all(len(said.splitlines()) == 1 for said in (there, new))


def test_somebody_who_writes_for_too_long_is_said_and_nothing_is_half_done(path: Path) -> None:
    with Annotations(path, frames(), wait_s=0.05) as one:
        one.tag("ann", FIRST, "reflective")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LabelError, match="somebody else has been writing"):
            one.tag("ann", FIRST, "waste")
        assert one.tags("ann") == {FIRST: "reflective"}
        other.execute("ROLLBACK")
        other.close()
        assert one.tag("ann", FIRST, "waste").tag == "waste"


def test_a_newer_schema_is_refused(path: Path) -> None:
    Annotations(path, frames()).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(LabelError, match="newer than 1: update deglare"):
        Annotations(path, frames())


def test_somebody_elses_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LabelError, match="somebody else's"):
        Annotations(path, frames())
    assert path.read_bytes() == before


def painted(path: Path, strokes: int = 120) -> None:
    with Annotations(path, frames()) as one:
        for number in range(strokes):
            one.do("ann", NAMES[number % 6], stroke(dot(number % 32, number % 24)))


@pytest.mark.parametrize("at, length, least", [(0, 60, 120), (0, 4096, 120), (20_000, 3000, 60)])
def test_a_damaged_file_is_refused_and_what_can_be_read_is_salvaged(
    path: Path, tmp_path: Path, at: int, length: int, least: int
) -> None:
    painted(path)
    content = bytearray(path.read_bytes())
    content[at : at + length] = b"\xa7" * length
    path.write_bytes(bytes(content))
    with pytest.raises(LabelError, match="damaged"):
        Annotations(path, frames())
    found = salvage(path, tmp_path / "mended.sqlite")
    assert found.kept >= least and path.read_bytes() == bytes(content)
    with Annotations(tmp_path / "mended.sqlite", frames()) as mended:
        assert len(all_seqs(mended, "ann")) == found.kept
        assert mended.state("ann", FIRST).surfaces.any()


def test_a_row_that_is_not_as_it_was_written_is_known_by_its_digest(path: Path, tmp_path: Path) -> None:
    painted(path, 5)
    path.write_bytes(path.read_bytes().replace(b'"radius":2.0', b'"radius":9.0', 1))
    with Annotations(path, frames()) as one, pytest.raises(LabelError, match="damaged at action"):
        [one.state("ann", name) for name in NAMES]
    assert salvage(path, tmp_path / "mended.sqlite").kept == 4


def test_salvage_writes_over_nothing_and_says_where_there_is_nothing(path: Path, tmp_path: Path) -> None:
    painted(path, 1)
    with pytest.raises(RequestError, match="in the way"):
        salvage(path, path)
    empty = tmp_path / "empty.sqlite"
    empty.write_bytes(b"x" * 9000)
    with pytest.raises(LabelError, match="nothing of"):
        salvage(empty, tmp_path / "mended.sqlite")
    with pytest.raises(LabelError, match="damaged, or no file of annotations"):
        Annotations(empty, frames())


def test_a_file_that_cannot_be_made_leaves_no_folder_behind(path: Path) -> None:
    with pytest.raises(LabelError):
        Annotations(path.with_name("x" * 300), frames())
    assert not path.parent.exists()
    path.parent.mkdir()
    with pytest.raises(LabelError):
        Annotations(path.with_name("x" * 300), frames())
    assert path.parent.is_dir()
