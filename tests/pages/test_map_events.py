"""What a map's browser part says is checked, and a lasso holds the same images in Python."""

import json
import math

import numpy as np
import pytest

from pages.components.map import inside
from pages.components.map.map_events import ViewState, heard, state

SAID = {
    "move": 7, "clicked": 5, "lasso": [[0, 0], [1, 0], [1, 1]], "view": [0, 1, 0, 1],
    "shown": [2, -1], "place": {"move": 7, "at": [0.5, 0.25]},
}  # fmt: skip
AROUND = {"ids": np.array([5, 9]), "groups": 3, "dimensions": 2, "before": 6}


def test_what_a_browser_says_is_taken():
    result = heard(SAID, **AROUND)
    assert result == (5, [(0, 0), (1, 0), (1, 1)], [0, 1, 0, 1], [-1, 2], (0.5, 0.25))
    nothing = dict.fromkeys(SAID)
    assert heard(nothing, **AROUND) == (None, None, None, None, None)
    assert heard(SAID, **(AROUND | {"before": 7})).place is None  # it is known already
    three = heard(SAID | {"view": [1, 2, 3]}, **(AROUND | {"dimensions": 3}))
    assert (three.view, three.lasso, three.place) == ([1, 2, 3], None, None)
    assert heard(SAID | {"clicked": 77}, **AROUND, clicked=77).clicked == 77  # the page's own


@pytest.mark.parametrize(
    "lie",
    [
        {"clicked": 6}, {"clicked": "5"}, {"clicked": 5.0}, {"clicked": True}, {"clicked": [5]},
        {"clicked": 10**400}, {"lasso": []}, {"lasso": [[0, 0], [1, 1]]},
        {"lasso": [[0, 0]] * 201}, {"lasso": [[0, 0, 0]] * 3}, {"lasso": "abc"},
        {"lasso": [[0, math.nan]] * 3}, {"lasso": [[0, 1e10]] * 3}, {"lasso": {"a": 1}},
        {"view": [1, 0, 0, 1]}, {"view": [0, 1, 0, math.inf]}, {"view": [0, 1, 0]},
        {"view": "0101"},
        {"view": [0, 1, 0, None]}, {"view": [0, 1, 0, "9" * 5000]}, {"shown": [3]},
        {"shown": [-2]}, {"shown": [0.5]}, {"shown": [0] * 99}, {"shown": 1}, {"shown": [[0]]},
        {"place": [1, 2]}, {"place": {"move": 7}}, {"place": {"move": 7, "at": [1]}},
        {"place": {"move": 7, "at": [1, -1e300]}}, {"place": 3}, {"place": {"at": [1, 2]}},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(lie):
    assert heard(SAID | lie, **AROUND) is None
    missing = {k: v for k, v in SAID.items() if k not in lie}
    assert heard(missing, **AROUND) is None


def test_a_camera_has_a_direction_and_is_near():
    for eye in ([0, 0, 0], [1e3, 0, 0], [1, 2], [1, 2, math.nan]):
        assert heard(SAID | {"view": eye}, **(AROUND | {"dimensions": 3})) is None


def test_what_a_page_has_from_an_address_never_breaks_the_map():
    around = {"groups": 3, "dimensions": 2}

    def sent(*values):
        return state(ViewState(*values), **around)

    corners = [(0, 0), (1, 0), (0, 1)]
    assert sent(np.int64(4), corners, (0, 1, 0, 1), [1]) == (4, corners, [0, 1, 0, 1], [1], None)
    assert sent(None, [(0, 0)], [math.nan] * 4, [99]) == ViewState()
    assert sent(None, (), (1, 2), ()) == ViewState()
    json.dumps(sent(np.int32(1), np.eye(3)[:, :2], np.arange(4.0) % 2, np.array([0])))


def test_inside_is_even_odd_and_shares_edges_fairly():
    square = [(0, 0), (2, 0), (2, 2), (0, 2)]
    points = np.array([(1, 1), (3, 1), (-1, 1), (1, 3), (1, -1)])
    assert inside(points, square).tolist() == [True, False, False, False, False]
    assert inside(points, square[::-1]).tolist() == inside(points, square).tolist()
    assert inside(points, [*square, square[0]]).tolist() == inside(points, square).tolist()
    assert inside(np.zeros((0, 2)), square).tolist() == []
    assert not inside(points, []).any()
    assert not inside(points, [(1, 1)]).any()
    assert not inside(points, [(0, 0), (2, 2)]).any()
    twice = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
    assert inside(np.array([(2, 2), (0.5, 2)]), twice).tolist() == [False, True]
    # Tiles that share edges and corners hold every point once.
    grid = np.stack(np.meshgrid(np.arange(0, 2, 0.25), np.arange(0, 2, 0.25)), -1).reshape(-1, 2)
    tiles = [[(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)] for x in range(2) for y in range(2)]
    assert (np.sum([inside(grid, tile) for tile in tiles], 0) == 1).all()


def test_inside_sees_the_points_as_the_browser_does():
    point = np.array([[0.1, 0.5]])  # in single precision it lies a little to the right of 0.1
    edge = 0.1 + 1e-10
    assert inside(point, [(edge, 0), (1, 0), (1, 1), (edge, 1)]).all()
