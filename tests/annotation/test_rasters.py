import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deglare.annotation.actions import erase, paint, points_of, polygon, radius_of, stroke, surface_of
from deglare.annotation.rasters import STEPS, brush
from deglare.annotation.rasters import polygon as fill
from deglare.errors import RequestError

SIZE = (18, 24)
places = st.lists(st.tuples(st.integers(-200, 500), st.integers(-200, 500)), min_size=1, max_size=6)


def naive_brush(points: np.ndarray, radius: int) -> np.ndarray:
    """Every pixel beside every segment, in exact integers of Python."""
    mask = np.zeros(SIZE, dtype=bool)
    pairs = list(zip(points[:-1].tolist(), points[1:].tolist(), strict=True)) or [(points[0].tolist(),) * 2]
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            mask[y, x] = any(near(16 * x, 16 * y, a, b, radius) for a, b in pairs)
    return mask


def near(x: int, y: int, a: list[int], b: list[int], radius: int) -> bool:
    dx, dy = b[0] - a[0], b[1] - a[1]
    along, length = (x - a[0]) * dx + (y - a[1]) * dy, dx * dx + dy * dy
    if 0 < along < length:
        return ((x - a[0]) * dy - (y - a[1]) * dx) ** 2 <= radius * radius * length
    return min((x - p[0]) ** 2 + (y - p[1]) ** 2 for p in (a, b)) <= radius * radius


@settings(max_examples=40)
@given(points=places, radius=st.integers(1, 120))
def test_a_brush_paints_exactly_the_pixels_within_its_radius(points: list[tuple[int, int]], radius: int) -> None:
    given_points = np.array(points, dtype=np.int64)
    assert np.array_equal(brush(given_points, radius, SIZE), naive_brush(given_points, radius))


def naive_fill(points: list[tuple[int, int]]) -> np.ndarray:
    """Crossings to the right of every pixel, counted one by one."""
    mask = np.zeros(SIZE, dtype=bool)
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            x, y, inside = column * STEPS, row * STEPS, False
            for (ax, ay), (bx, by) in edges:
                if (ay <= y) != (by <= y):
                    (px, py), (qx, qy) = ((ax, ay), (bx, by)) if ay < by else ((bx, by), (ax, ay))
                    inside ^= (x - px) * (qy - py) < (y - py) * (qx - px)
            mask[row, column] = inside
    return mask


@settings(max_examples=40)
@given(points=st.lists(st.tuples(st.integers(-80, 450), st.integers(-80, 350)), min_size=3, max_size=7))
def test_a_polygon_fills_exactly_the_pixels_with_an_odd_number_of_crossings(points: list[tuple[int, int]]) -> None:
    assert np.array_equal(fill(np.array(points, dtype=np.int64), SIZE), naive_fill(points))


def test_polygons_that_share_an_edge_share_no_pixel_and_leave_none_out() -> None:
    left = fill(np.array([[0, 0], [8, 0], [15, 17], [0, 17]]) * STEPS, SIZE)
    right = fill(np.array([[8, 0], [23, 0], [23, 17], [15, 17]]) * STEPS, SIZE)
    both = fill(np.array([[0, 0], [23, 0], [23, 17], [0, 17]]) * STEPS, SIZE)
    assert not np.any(left & right) and np.array_equal(left | right, both)


def test_a_dot_of_radius_two_is_a_disc_of_thirteen_pixels() -> None:
    dot = brush(np.array([[12, 10]]) * STEPS, 2 * STEPS, SIZE)
    assert dot.sum() == 13 and dot[8:13, 12].all() and dot[10, 10:15].all()


def test_strokes_are_kept_in_sixteenths_of_a_pixel() -> None:
    action = paint([[1.03, 2.0], [3.5, 4.26]], 2.51, "screen")
    assert action.body == {"points": [[1.0, 2.0], [3.5, 4.25]], "radius": 2.5, "surface": "screen"}
    assert points_of(action).tolist() == [[16, 32], [56, 68]] and radius_of(action) == 40 and surface_of(action) == 3


def test_a_stroke_from_a_page_is_the_stroke_that_it_names() -> None:
    triangle: list[list[float]] = [[0, 0], [5, 0], [0, 5]]
    assert stroke({"kind": "erase", "points": [[1, 1]], "radius": 3}) == erase([[1, 1]], 3.0)
    assert stroke({"kind": "polygon", "points": triangle, "surface": None}) == polygon(triangle, None)
    assert stroke({"kind": "paint", "points": [[1, 1]], "radius": 3, "surface": "wet"}) == paint([[1, 1]], 3.0, "wet")


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"kind": "paint", "points": [], "radius": 3, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1]], "radius": 0, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1]], "radius": True, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1]], "radius": float("nan"), "surface": "wet"},
        {"kind": "paint", "points": [[1, float("nan")]], "radius": 3, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1, 1]], "radius": 3, "surface": "wet"},
        {"kind": "paint", "points": [[1, "x"]], "radius": 3, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1]] * 20_001, "radius": 3, "surface": "wet"},
        {"kind": "paint", "points": [[1, 1]], "radius": 3, "surface": "matte"},
        {"kind": "polygon", "points": [[1, 1], [2, 2]], "surface": "wet"},
        {"kind": "drop table", "points": [[1, 1]], "radius": 3},
    ],
)
def test_what_is_no_stroke_is_refused(value: object) -> None:
    with pytest.raises(RequestError):
        stroke(value)
