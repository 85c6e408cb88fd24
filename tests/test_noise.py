"""Noise: its mean, its spread, and the same numbers from the same seed."""

import math

import pytest
import torch

from dil_course.signals import add_gaussian, add_poisson

GRAY = torch.full((1, 3, 200, 200), 0.4)


@pytest.mark.parametrize("sigma", [0, 0.01, 25 / 255, 1])
def test_gaussian_mean_and_standard_deviation(sigma):
    noise = add_gaussian(GRAY, sigma) - GRAY
    error = sigma / math.sqrt(noise.numel())  # of the mean; five of them never happen by chance
    assert abs(noise.mean()) <= 5 * error + 1e-7
    assert abs(noise.std() - sigma) <= 5 * error + 1e-7


def test_gaussian_noise_is_white_and_not_clipped():
    noise = add_gaussian(GRAY, 1.0) - GRAY
    assert noise.min() < -3 and noise.max() > 3
    for neighbours in (noise[..., 1:] * noise[..., :-1], noise[..., 1:, :] * noise[..., :-1, :], noise[:, 1:] * noise[:, :-1]):
        assert abs(neighbours.mean()) < 5 / math.sqrt(neighbours.numel())


@pytest.mark.parametrize("peak", [0.5, 10, 1000])
@pytest.mark.parametrize("brightness", [0.1, 1.0])
def test_poisson_mean_and_variance(peak, brightness):
    y = add_poisson(torch.full_like(GRAY, brightness), peak).double()
    variance = brightness / peak
    assert y.mean().item() == pytest.approx(brightness, abs=5 * math.sqrt(variance / y.numel()))
    # The variance of a sample variance is (mu4 - variance^2) / n; a Poisson count has mu4 = c + 3 c^2.
    spread = math.sqrt((brightness * peak + 2 * (brightness * peak) ** 2) / y.numel()) / peak**2
    assert y.var().item() == pytest.approx(variance, abs=5 * spread)
    torch.testing.assert_close(y * peak, (y * peak).round(), atol=1e-3, rtol=0)  # Whole photons.


@pytest.mark.parametrize("noisy", [lambda seed: add_gaussian(GRAY, 0.1, seed), lambda seed: add_poisson(GRAY, 10, seed)])
def test_seed_decides_and_nothing_else_changes(noisy):
    state, before = torch.get_rng_state(), GRAY.clone()
    assert torch.equal(noisy(1), noisy(1)) and not torch.equal(noisy(1), noisy(2))
    assert noisy(1).dtype == GRAY.dtype
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(GRAY, before)


def test_black_stays_black_in_poisson_noise():
    assert not add_poisson(torch.zeros(1, 1, 8, 8), 10).any()


@pytest.mark.parametrize("call, error", [
    (lambda: add_gaussian(GRAY, -0.1), ValueError), (lambda: add_gaussian(GRAY, math.nan), ValueError),
    (lambda: add_gaussian(GRAY, 25), ValueError), (lambda: add_gaussian(GRAY, "0.1"), TypeError),
    (lambda: add_gaussian(GRAY[0], 0.1), ValueError), (lambda: add_gaussian((255 * GRAY).byte(), 0.1), TypeError),
    (lambda: add_gaussian(255 * GRAY, 0.1), ValueError), (lambda: add_gaussian(GRAY / 0, 0.1), ValueError),
    (lambda: add_gaussian(GRAY, 0.1, seed=-1), ValueError), (lambda: add_gaussian(GRAY, 0.1, seed=0.5), TypeError),
    (lambda: add_poisson(GRAY, 0), ValueError), (lambda: add_poisson(GRAY, math.inf), ValueError),
    (lambda: add_poisson(GRAY - 1, 10), ValueError), (lambda: add_poisson(3 * GRAY, 10), ValueError),
])  # fmt: skip
def test_bad_arguments_are_refused(call, error):
    with pytest.raises(error):
        call()
