from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deglare.data.files import write_image, write_text
from deglare.data.tum import LONGEST_WAIT_S, _pose, _Timed, read_tum
from deglare.errors import DataError

RGB_TIMES = [10.0, 10.033, 10.066, 10.5]
TRUTH = [(9.999, 0.0), (10.03, 0.1), (10.08, 0.2), (10.3, 0.3)]
"""Times of the poses, and the x of each."""


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    folder = tmp_path / "rgbd_dataset_freiburg3_office"
    for time in RGB_TIMES:
        write_image(folder / "rgb" / f"{time:.3f}.png", np.zeros((480, 640, 3), dtype=np.uint8))
        write_image(folder / "depth" / f"{time:.3f}.png", np.full((480, 640), 10_000, dtype=np.uint16))
    write_text(folder / "rgb.txt", "# color\n" + "".join(f"{t:.3f} rgb/{t:.3f}.png\n" for t in RGB_TIMES))
    write_text(folder / "depth.txt", "".join(f"{t + 0.01:.3f} depth/{t:.3f}.png\n" for t in RGB_TIMES[:2]))
    write_text(folder / "groundtruth.txt", "# truth\n" + "".join(f"{t} {x} 2 3 0 0 0 1\n" for t, x in TRUTH))
    return folder


def test_images_take_the_pose_and_depth_nearest_in_time(tum: Path) -> None:
    sequence = read_tum(tum)
    assert [f.time_s for f in sequence] == [10.0, 10.033, 10.066]
    assert [f.world_T_cam[0, 3] for f in sequence if f.world_T_cam is not None] == [0.0, 0.1, 0.2]
    assert [f.load_depth is not None for f in sequence] == [True, True, False]
    assert sequence.dropped == {"no pose within 0.02 s": 1}
    assert sequence.notes == ("2 of 3 frames have depth",)


def test_depth_has_five_thousand_steps_a_metre(tum: Path) -> None:
    depth = read_tum(tum)[0].depth()
    assert depth is not None
    assert depth.metres[0, 0] == pytest.approx(2.0)


@given(
    times=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    asked=st.floats(-0.1, 1.1),
)
def test_the_nearest_entry_is_that_of_a_search_through_all(times: list[float], asked: float) -> None:
    times = sorted(times)
    found = _Timed(np.array(times), [str(i) for i in range(len(times))]).nearest(asked)
    best = min(abs(t - asked) for t in times)
    if best > LONGEST_WAIT_S:
        assert found is None
    else:
        assert found is not None
        assert abs(times[int(found)] - asked) == best


@settings(max_examples=50)
@given(axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1), angle=st.floats(-3, 3))
def test_a_quaternion_turns_as_rodrigues_says(axis: tuple[float, float, float], angle: float) -> None:
    unit = np.array(axis) / np.linalg.norm(axis)
    q = [*(unit * np.sin(angle / 2)), np.cos(angle / 2)]
    pose = _pose("1 2 3 " + " ".join(repr(float(x)) for x in q), Path("g.txt"))
    v = np.array([0.3, -0.5, 0.7])
    by_formula = v * np.cos(angle) + np.cross(unit, v) * np.sin(angle) + unit * (unit @ v) * (1 - np.cos(angle))
    assert np.allclose(pose[:3, :3] @ v, by_formula, atol=1e-9)
    assert pose[:3, 3].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("series", "fx"), [("freiburg1", 517.3), ("freiburg2", 520.9), ("freiburg3", 535.4)])
def test_the_camera_follows_from_the_name_of_the_folder(tum: Path, series: str, fx: float) -> None:
    renamed = tum.rename(tum.parent / f"rgbd_dataset_{series}_desk")
    sequence = read_tum(renamed)
    assert sequence[0].camera.fx == fx
    assert any("undistorted" in note for note in sequence.notes) == (series != "freiburg3")


def test_an_unknown_camera_is_one_clear_error_and_a_stated_one_mends_it(tum: Path) -> None:
    renamed = tum.rename(tum.parent / "office")
    with pytest.raises(DataError, match=r"fr1, fr2 or fr3.*camera\.json"):
        read_tum(renamed)
    write_text(renamed / "K.txt", "500 0 320 0 500 240 0 0 1")
    assert read_tum(renamed)[0].camera.fx == 500


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "rgb/../../secret.png"])
def test_a_list_cannot_lead_out_of_its_folder(tum: Path, path: str) -> None:
    write_text(tum / "rgb.txt", f"10.0 {path}\n")
    with pytest.raises(DataError, match="outside of that folder: refused"):
        read_tum(tum)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("groundtruth.txt", "10.0 1 2 3 0 0 0 0\n", "length 0"),
        ("groundtruth.txt", "10.0 1 2 3 0 0 0\n", "holds 6 numbers"),
        ("groundtruth.txt", "10.0 1 2 three 0 0 0 1\n", "'three' is not a number"),
        ("groundtruth.txt", "10.0\n", "line 1 has a time and nothing else"),
        ("rgb.txt", "# nothing\n", "has no image"),
        ("rgb.txt", "ten rgb/10.000.png\n", "line 1: 'ten' is not a number"),
        ("rgb.txt", "10.0 rgb/none.png\n", r"no file .*none\.png"),
    ],
)
def test_damaged_lists_are_one_sentence(tum: Path, file: str, text: str, message: str) -> None:
    write_text(tum / file, text)
    with pytest.raises(DataError, match=message):
        read_tum(tum)


def test_a_pose_that_is_not_finite_is_counted(tum: Path) -> None:
    write_text(tum / "groundtruth.txt", "10.0 nan 2 3 0 0 0 1\n10.03 1 2 3 0 0 0 1\n10.066 1 2 3 nan 0 0 1\n")
    assert read_tum(tum).dropped == {"no pose within 0.02 s": 1, "pose not finite (lost tracking)": 2}
