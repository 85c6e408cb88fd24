"""Patches and their nearest neighbours against brute force."""

import numpy as np
import pytest
import torch

from dil_course.signals import Downsample, centres, nearest, patches, picture, places, recurrence

X = picture("coffee", 16)
GRAY = X.mean(1, keepdim=True)


@pytest.mark.parametrize(("x", "size"), [(X, 5), (X[..., :9], 4), (GRAY, 1), (GRAY, 16)])
def test_every_window_is_a_row_and_its_place_says_which(x, size):
    rows, where = patches(x, size), places(x, size)
    assert rows.shape == ((x.shape[-2] - size + 1) * (x.shape[-1] - size + 1), x.shape[1] * size * size)
    assert where.shape == (len(rows), 2) and len(set(map(tuple, where.tolist()))) == len(rows)
    for row, (top, left) in zip(rows, where.tolist(), strict=True):
        assert torch.equal(row, x[0, :, top : top + size, left : left + size].flatten())


@pytest.mark.parametrize("block", [1, 1000, 2**21])
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("apart", [0, 3])
def test_nearest_is_brute_force(block, k, apart, monkeypatch):
    monkeypatch.setattr(recurrence, "BLOCK", block)
    rows, where = patches(X, 3), places(X, 3)
    some = torch.arange(0, len(rows), 9)
    distances, indices = nearest(rows[some], rows, k, apart, where[some], where)
    assert distances.shape == indices.shape == (len(some), k)
    for query, found, which in zip(some, distances, indices, strict=True):
        expected = (rows[query] - rows).double().square().mean(1).sqrt()
        expected[(where[query] - where).abs().amax(1) < apart] = torch.inf
        torch.testing.assert_close(found.double(), expected.sort().values[:k], atol=1e-6, rtol=0)
        torch.testing.assert_close(expected[which], found.double(), atol=1e-6, rtol=0)


def test_patches_that_differ_little_from_a_large_common_value_are_told_apart():
    draw = torch.Generator().manual_seed(0)
    rows = 1e6 + 1e-3 * torch.rand(40, 9, generator=draw, dtype=torch.float64)
    _, indices = nearest(rows, rows)
    assert torch.equal(indices[:, 0], torch.arange(40))


def test_a_patch_is_its_own_neighbour_unless_it_is_left_out():
    rows, where = patches(X, 5), places(X, 5)
    distances, indices = nearest(rows, rows)
    assert distances.max() < 1e-6 and torch.equal(indices[:, 0], torch.arange(len(rows)))
    _, indices = nearest(rows, rows, apart=5, query_places=where, database_places=where)
    assert (where - where[indices[:, 0]]).abs().amax(1).min() >= 5


def test_a_repeated_picture_has_every_patch_again():
    twice = torch.cat([GRAY, GRAY], dim=-1)
    rows, where = patches(twice, 5), places(twice, 5)
    inside = where[:, 1] < 12  # whole windows of the left copy
    distances, indices = nearest(rows[inside], rows, 1, 5, where[inside], where)
    assert distances.max() < 1e-6


@pytest.mark.parametrize("size", [3, 4])
def test_across_scales_no_patch_is_found_at_its_own_place(size):
    x = picture("camera", 32)
    half = Downsample(2)(x)
    rows, where, small, corners = patches(x, size), places(x, size), patches(half, size), places(half, size)
    middles = centres(x, size), centres(half, size, scale=2)
    distances, indices = nearest(rows, small, 1, 1.5 * size, *middles)

    def pixels(corner, side):
        top, left = corner
        return {(row, column) for row in range(top, top + side) for column in range(left, left + side)}

    parents = [pixels((2 * row, 2 * column), 2 * size) for row, column in corners.tolist()]
    own = 0
    for query in range(0, len(rows), 7):
        here = pixels(where[query].tolist(), size)
        everywhere = (rows[query] - small).double().square().mean(1).sqrt()
        expected = everywhere.clone()
        expected[[bool(here & parent) for parent in parents]] = torch.inf
        torch.testing.assert_close(distances[query, 0].double(), expected.min(), atol=1e-6, rtol=0)
        assert not here & parents[indices[query, 0]]
        own += bool(here & parents[everywhere.argmin()])
    assert own > 3  # without `apart` some would be found at their own place


def test_centres_lie_in_the_middle_of_what_a_patch_was_made_from():
    assert centres(GRAY, 5)[0].tolist() == [2.5, 2.5]
    assert centres(GRAY, 5, scale=2)[-1].tolist() == [2 * 11 + 5, 2 * 11 + 5]
    torch.testing.assert_close(centres(GRAY, 3), places(GRAY, 3) + 1.5)


def test_where_all_is_left_out_the_distance_is_infinite():
    rows, where = patches(GRAY, 3), places(GRAY, 3)
    distances, _ = nearest(rows[:2], rows, 1, 100, where[:2], where)
    assert torch.isinf(distances).all()


def test_a_small_integer_of_numpy_is_a_size_like_any_other():
    wide = torch.zeros(1, 1, 9, 300)
    assert places(wide, np.uint8(5)).shape == (5 * 296, 2) and patches(wide, np.uint8(5)).shape == (
        5 * 296,
        25,
    )


ROWS, WHERE = patches(GRAY, 3), places(GRAY, 3)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "float tensor", lambda: patches(X.numpy(), 3)),
        (ValueError, "one picture", lambda: patches(X[0], 3)),
        (ValueError, "size", lambda: patches(X, 0)),
        (ValueError, "must fit", lambda: patches(X, 17)),
        (ValueError, "4407 GB", lambda: patches(torch.zeros(1, 1, 2048, 2048), 1024)),
        (TypeError, "size", lambda: places(X, 3.0)),
        (ValueError, "must fit", lambda: centres(X, 17)),
        (ValueError, "scale", lambda: centres(X, 3, 0)),
        (TypeError, "scale", lambda: centres(X, 3, "2")),
        (TypeError, "queries", lambda: nearest(ROWS.numpy(), ROWS)),
        (TypeError, "database", lambda: nearest(ROWS, ROWS.long())),
        (ValueError, "queries", lambda: nearest(X, ROWS)),
        (ValueError, "one size", lambda: nearest(ROWS[:, :4], ROWS)),
        (ValueError, "NaN or infinite", lambda: nearest(ROWS / 0, ROWS)),
        (ValueError, "too large to be squared", lambda: nearest(1e30 * ROWS, ROWS)),
        (TypeError, "places", lambda: nearest(ROWS, ROWS, 1, 3, WHERE.to_sparse(), WHERE)),
        (ValueError, "query_places.*NaN", lambda: nearest(ROWS, ROWS, 1, 3, WHERE * torch.nan, WHERE)),
        (ValueError, "more than the database", lambda: nearest(ROWS, ROWS[:3], k=4)),
        (ValueError, "k", lambda: nearest(ROWS, ROWS, k=0)),
        (TypeError, "places", lambda: nearest(ROWS, ROWS, apart=3)),
        (ValueError, "database_places", lambda: nearest(ROWS, ROWS, 1, 3, WHERE, WHERE[1:])),
        (ValueError, "apart", lambda: nearest(ROWS, ROWS, 1, -1, WHERE, WHERE)),
    ],
)
def test_wrong_inputs_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()
