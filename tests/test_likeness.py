"""The measures of generated images against closed forms, and the copy that most of them cannot see."""

import math
import zlib

import pytest
import torch
from scipy.stats import wasserstein_distance

from dil_course.signals import (
    coherence,
    completeness,
    copied_share,
    diversity,
    field_complexity,
    neighbour_field,
    patches,
    picture,
    sliced_wasserstein,
)

X = picture("coffee", 40)
NOISE = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))


def shifted(x, rows=11, columns=17):
    return x.roll((rows, columns), (-2, -1))


def test_the_source_is_perfect_and_nothing_new():
    assert coherence(X, X) == completeness(X, X) == sliced_wasserstein(X, X) == 0
    assert (neighbour_field(X, X) == 0).all() and copied_share(X, X) == 1


def test_a_part_is_coherent_and_not_complete():
    part = X[..., 8:28, 4:30]
    assert coherence(part, X) == 0
    assert completeness(part, X) > 0.02
    assert coherence(X, part) == completeness(part, X)
    assert (neighbour_field(part, X, size=7) == torch.tensor([8, 4])).all()


def test_distances_of_constant_images_are_their_difference():
    dark, light = torch.full((1, 3, 20, 24), 0.25), torch.full((1, 3, 16, 16), 0.75)
    assert coherence(dark, light) == completeness(dark, light) == pytest.approx(0.5)


def test_distances_agree_with_brute_force():
    a, b = X[..., :12, :12], X[..., 20:34, 20:34]
    gaps = torch.cdist(patches(a, 5).double(), patches(b, 5).double()) / math.sqrt(75)
    assert coherence(a, b, size=5) == pytest.approx(float(gaps.amin(1).mean()), rel=1e-5)
    assert completeness(a, b, size=5) == pytest.approx(float(gaps.amin(0).mean()), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_constant_that_is_added_moves_each_projection_by_the_sum_of_its_direction(channels):
    x = X[:, :channels]
    # A random unit vector of D values sums to sqrt(D) times its first one, in the mean of absolute values.
    size = channels * 25
    first = math.exp(math.lgamma(size / 2) - math.lgamma((size + 1) / 2)) / math.sqrt(math.pi)
    expected = 0.1 * math.sqrt(size) * first
    distance = sliced_wasserstein(x + 0.1, x, size=5, projections=4000)
    assert distance == pytest.approx(expected, rel=0.04)


def test_a_repeated_image_has_the_same_distribution_of_patches():
    tile = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    small, large = tile.repeat(1, 1, 2, 2)[..., :12, :12], tile.repeat(1, 1, 4, 4)[..., :20, :20]
    assert sliced_wasserstein(small, large, size=5) < 1e-5  # 8 x 8 places once, and four times
    assert sliced_wasserstein(small, 0.5 * large, size=5) > 0.05


def test_the_sliced_distance_counts_how_often_patches_occur():
    half = torch.zeros(1, 1, 24, 24)
    half[..., 12:] = 1
    quarter = half.roll(6, -1)
    quarter[..., :6] = 0
    assert sliced_wasserstein(half, quarter) > 0.1


@pytest.mark.parametrize("side", [4, 8, 16])
def test_the_sliced_distance_of_single_values_is_their_wasserstein_distance(side):
    # Patches of one value have two directions, up and down, along which the distance is the same.
    source, sample = X[:, :1, :8, :8], X[:, :1, 20 : 20 + side, 20 : 20 + side]
    expected = pytest.approx(wasserstein_distance(sample.flatten(), source.flatten()), rel=1e-4)
    assert sliced_wasserstein(sample, source, size=1, projections=20) == expected
    assert sliced_wasserstein(source, sample, size=1, projections=20) == expected


def test_another_seed_takes_other_directions():
    values = [sliced_wasserstein(X, NOISE, projections=8, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_diversity():
    assert diversity(X.repeat(3, 1, 1, 1), X) == pytest.approx(0, abs=1e-9)
    two = torch.cat([torch.zeros_like(X), torch.ones_like(X)])
    assert diversity(two, X) == pytest.approx(0.5 / float(X.std(correction=0)), rel=1e-5)
    draw = torch.Generator().manual_seed(2)
    noise = 0.5 + float(X.std()) * torch.randn(200, 3, 20, 20, generator=draw)
    assert diversity(noise, X) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", ["coffee", "gravel", "rocket"])
def test_a_circular_shift_scores_as_the_source_and_is_exposed_as_a_copy(name):
    x = picture(name, 48)
    copy = shifted(x)
    fresh = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
    assert coherence(copy, x) < 0.3 * coherence(fresh, x)
    assert completeness(copy, x) < 0.3 * completeness(fresh, x)
    assert sliced_wasserstein(copy, x) < 0.3 * sliced_wasserstein(fresh, x)
    assert field_complexity(copy, x) < 0.25 * field_complexity(fresh, x)
    # Two rows and two columns of the 46 x 46 patches lie across the seams.
    assert copied_share(copy, x) == pytest.approx((44 / 46) ** 2, abs=0.02)
    assert copied_share(fresh, x) < 0.05


def test_a_shift_of_a_periodic_image_scores_perfectly_and_compresses_to_nothing():
    tile = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    source = tile.repeat(1, 1, 2, 2)[..., :46, :46]  # each patch of 7 x 7 of the periodic image once
    copy = shifted(tile).repeat(1, 1, 2, 2)[..., :46, :46]
    assert coherence(copy, source) == completeness(copy, source) == 0
    assert sliced_wasserstein(copy, source) < 1e-5
    offsets = neighbour_field(copy, source, size=7)
    assert set(map(tuple, offsets.reshape(-1, 2).tolist())) == {(-11, -17), (29, -17), (-11, 23), (29, 23)}
    assert field_complexity(copy, source, size=7) < 0.03


def test_the_field_of_a_wide_image_has_rows_columns_and_their_bytes():
    wide = NOISE[..., :30, :]
    sample = torch.cat([wide[..., 5:17, :10], wide[..., :12, 25:33]], dim=-1)
    field = neighbour_field(sample, wide)
    assert field.shape == (10, 16, 2)
    assert (field[:, :8] == torch.tensor([5, 0])).all() and (field[:, 10:] == torch.tensor([0, 15])).all()
    content = torch.cat([field[..., 0].flatten(), field[..., 1].flatten()]).short().numpy().tobytes()
    assert field_complexity(sample, wide) == len(zlib.compress(content, 9)) / len(content)
    # Of 28 x 38 patches, those in two rows and two columns lie across the seams of a shift.
    assert copied_share(shifted(wide), wide) == pytest.approx(26 * 36 / (28 * 38), abs=0.002)


def test_smaller_parts_make_a_more_complex_field():
    draw = torch.Generator().manual_seed(4)
    source = torch.rand(1, 3, 64, 64, generator=draw)

    def mosaic(side):
        count = 60 // side
        corners = torch.randint(0, 65 - side, (count, count, 2), generator=draw).tolist()
        rows = [[source[..., r : r + side, c : c + side] for r, c in row] for row in corners]
        return torch.cat([torch.cat(row, -1) for row in rows], -2)

    complexities = [field_complexity(mosaic(side), source) for side in (60, 30, 10, 5)]
    assert complexities == sorted(complexities)
    assert complexities[-1] > 5 * complexities[0]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "float tensor", lambda: coherence(X.numpy(), X)),
        (ValueError, "one picture", lambda: completeness(X[0], X)),
        (ValueError, "must be equal", lambda: coherence(X[:, :1], X)),
        (TypeError, "float32", lambda: coherence(X.double(), X)),
        (ValueError, "size", lambda: coherence(X, X, size=41)),
        (ValueError, "projections", lambda: sliced_wasserstein(X, X, projections=0)),
        (ValueError, "at least two", lambda: diversity(X, X)),
        (ValueError, "constant", lambda: diversity(X.repeat(2, 1, 1, 1), 0 * X)),
    ],
)
def test_wrong_inputs_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()
