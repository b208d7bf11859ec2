import subprocess
import sys

import numpy as np
import pytest

from deglare.errors import RequestError
from deglare.evaluation import PROTOCOLS, Protocol, RegionRule, protocol_named
from deglare.evaluation.protocol import crop_mask
from deglare.types import DepthMap


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert mask.sum() == len(rows) * len(columns)
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def test_eigens_crop_is_the_published_one() -> None:
    assert box(crop_mask("eigen", (480, 640))) == (45, 471, 41, 601)
    assert box(crop_mask("eigen", (240, 320))) == (22, 235, 20, 300)


def test_gargs_crop_is_the_published_one() -> None:
    # 0.40810811 * 375 = 153.04, 0.99189189 * 375 = 371.96, 0.03594771 * 1242 = 44.65, 0.96405229 * 1242 = 1197.35
    assert box(crop_mask("garg", (375, 1242))) == (153, 371, 44, 1197)


def test_the_ends_of_the_depth_range_are_not_compared() -> None:
    truth = DepthMap(np.array([[0.1, 0.11, 9.99, 10.0, 5.0]], dtype=np.float32), np.array([[True] * 4 + [False]]))
    assert Protocol().eligible(truth).tolist() == [[False, True, True, False, False]]


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_every_card_says_what_a_reader_needs(name: str) -> None:
    card = protocol_named(name).card()
    words = ("alignment", "order", "crop", "resolution", "averaging", "highlight", "roughness", "boundary", "intervals")
    assert all(f"\n{word}" in card for word in (*words, "frames", "command"))
    assert card.startswith(f"protocol   {name}\n")


def test_the_card_says_where_roughness_is_cut() -> None:
    card = Protocol(regions=RegionRule(roughness_edges=(0.004, 0.02))).card()
    assert "\nroughness  highlights cut at GGX alpha 0.004, 0.02 of their surface\n" in card


def test_the_card_says_where_angles_are_cut_if_they_are() -> None:
    card = Protocol(regions=RegionRule(angle_edges_deg=(0, 45, 90))).card()
    assert "\nangle      between the ray and the normal of the truth's surface, cut at 0, 45, 90 degrees\n" in card
    assert "\nangle" not in Protocol().card()


def test_the_presets_align_and_crop_as_published() -> None:
    stated = {name: (p.alignment, p.crop, p.max_depth_m) for name, p in PROTOCOLS.items()}
    assert stated == {
        "rooms": ("none", "none", 10.0),
        "scannet": ("none", "none", 10.0),
        "7scenes": ("median", "none", 10.0),
        "nyu": ("median", "eigen", 10.0),
        "kitti": ("median", "garg", 80.0),
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"min_depth_m": 2.0, "max_depth_m": 1.0},
        {"min_depth_m": 0.0},
        {"max_depth_m": float("nan")},
        {"size_hw": (0, 4)},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict) -> None:
    with pytest.raises(RequestError):
        Protocol(**settings)


def test_words_that_mean_nothing_are_refused_without_type_checks_too() -> None:
    code = """
from deglare.errors import RequestError
from deglare.evaluation import Protocol
for setting in ({"alignment": "mean"}, {"crop": "centre"}, {"averaging": "scenes"}):
    try:
        Protocol(**setting)
    except RequestError as error:
        print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [line.split("'")[1] for line in out.splitlines()] == ["mean", "centre", "scenes"]


def test_an_unknown_protocol_lists_those_that_exist() -> None:
    with pytest.raises(RequestError, match="rooms, scannet, 7scenes, nyu, kitti"):
        protocol_named("scanet")
