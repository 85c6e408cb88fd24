"""The guided filter equals a plain loop over windows, keeps the guide's edges, and refuses wrong input."""

import numpy as np
import pytest
import torch

from dil_course.from_scratch import guided_filter
from dil_course.signals import add_gaussian, picture, psnr

X = picture("astronaut", 48)


def by_hand(y, guide, radius, epsilon):
    """Window by window, each by numpy's ridge regression of the centred pixels."""
    height, width, total, count = *y.shape[1:], np.zeros(y.shape), np.zeros(y.shape[1:])
    fits = {}
    for row in range(height):
        for column in range(width):
            window = np.s_[
                :,
                max(0, row - radius) : row + radius + 1,
                max(0, column - radius) : column + radius + 1,
            ]
            g, p = guide[window].reshape(len(guide), -1), y[window].reshape(len(y), -1)
            centred, size = g - g.mean(1, keepdims=True), g.shape[1]
            ridge = centred @ centred.T / size + epsilon * np.eye(len(guide))
            slope = np.linalg.solve(ridge, centred @ (p - p.mean(1, keepdims=True)).T / size)
            fits[row, column] = slope, p.mean(1) - slope.T @ g.mean(1)
    for row, column in fits:
        for r in range(max(0, row - radius), min(height, row + radius + 1)):
            for c in range(max(0, column - radius), min(width, column + radius + 1)):
                slope, offset = fits[r, c]
                total[:, row, column] += slope.T @ guide[:, row, column] + offset
                count[row, column] += 1
    return total / count


def test_it_is_the_mean_of_the_fits_of_all_windows():
    y, guide = add_gaussian(X, 0.1)[..., :13, :11].double(), X[..., :13, :11].double()
    ours = guided_filter(y, guide, radius=2, epsilon=1e-3)
    np.testing.assert_allclose(ours[0].numpy(), by_hand(y[0].numpy(), guide[0].numpy(), 2, 1e-3), atol=1e-9)


def test_a_gray_guide_leads_a_colour_image_and_the_defaults_are_those_of_the_docstring():
    y, guide = add_gaussian(X, 0.1)[..., :13, :11].double(), X[:, :1, :13, :11].double()
    by_loop = by_hand(y[0].numpy(), guide[0].numpy(), 4, 1e-3)
    np.testing.assert_allclose(guided_filter(y, guide)[0].numpy(), by_loop, atol=1e-9)


def test_an_affine_function_of_the_guide_is_returned():
    y = 0.2 + 0.5 * X.flip(1)
    torch.testing.assert_close(guided_filter(y, X, 4, 1e-8), y, atol=2e-3, rtol=0)


def test_a_flat_guide_gives_the_mean_of_the_means():
    y = add_gaussian(X, 0.1)
    box = torch.nn.AvgPool2d(5, 1, 2, count_include_pad=False)
    torch.testing.assert_close(guided_filter(y, torch.full_like(X, 0.5), 2), box(box(y)))


@pytest.mark.parametrize("seed", range(3))
def test_the_flash_takes_most_of_the_noise_away(seed):
    y = add_gaussian(0.7 * X, 40 / 255, seed=seed)
    assert psnr(guided_filter(y, X**0.6, 8, 1e-3), 0.7 * X) > psnr(y, 0.7 * X) + 10
    assert psnr(guided_filter(y, X.flip(3), 8, 1e-3), 0.7 * X) < psnr(y, 0.7 * X) + 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"guide": X[..., :40]}, "guide"),
        ({"guide": X.double()}, "float"),
        ({"guide": X * torch.nan}, "guide"),
        ({"guide": 255 * X}, "guide"),
        ({"radius": 0}, "radius"),
        ({"radius": 24}, "radius"),
        ({"epsilon": 0}, "epsilon"),
        ({"y": 255 * X}, "255"),
    ],
)
def test_wrong_input_is_refused(change, says):
    with pytest.raises((TypeError, ValueError), match=says):
        guided_filter(**{"y": X, "guide": X} | change)
