"""Noise: its mean, its spread, and the same numbers from the same seed."""

import math

import pytest
import torch
from skimage.restoration import estimate_sigma as estimate_sigma_of_skimage

from dil_course.signals import (
    add_correlated,
    add_gaussian,
    add_poisson,
    add_salt_and_pepper,
    compress_jpeg,
    estimate_sigma,
    gaussian_kernel,
    picture,
    psnr,
)
from dil_course.signals.corruptions import corrupt

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
    for neighbours in (
        noise[..., 1:] * noise[..., :-1],
        noise[..., 1:, :] * noise[..., :-1, :],
        noise[:, 1:] * noise[:, :-1],
    ):
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


@pytest.mark.parametrize(
    "noisy", [lambda seed: add_gaussian(GRAY, 0.1, seed), lambda seed: add_poisson(GRAY, 10, seed)]
)
def test_seed_decides_and_nothing_else_changes(noisy):
    state, before = torch.get_rng_state(), GRAY.clone()
    assert torch.equal(noisy(1), noisy(1)) and not torch.equal(noisy(1), noisy(2))
    assert noisy(1).dtype == GRAY.dtype
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(GRAY, before)


def test_black_stays_black_in_poisson_noise():
    assert not add_poisson(torch.zeros(1, 1, 8, 8), 10).any()


NOISES = {
    "gaussian": lambda x: add_gaussian(x, 0.1, seed=3),
    "correlated": lambda x: add_correlated(x, 0.1, gaussian_kernel(3, 0.7), seed=3),
    "poisson": lambda x: add_poisson(x, 30, seed=3),
    "salt and pepper": lambda x: add_salt_and_pepper(x, 0.5, seed=3),
}


@pytest.mark.parametrize("noisy", NOISES.values(), ids=NOISES)
def test_each_image_of_a_batch_gets_noise_of_its_own(noisy):
    x = GRAY.repeat(3, 1, 1, 1)
    noise = noisy(x) - x
    assert noise.shape == x.shape
    parts = noise.flatten(1) - noise.flatten(1).mean(1, keepdim=True)
    spread = parts.square().mean(1).sqrt()
    for i, j in ((0, 1), (0, 2), (1, 2)):
        correlation = (parts[i] * parts[j]).mean() / (spread[i] * spread[j])
        assert abs(correlation) < 6 / math.sqrt(GRAY[0, 0].numel())
    torch.testing.assert_close(spread, spread.mean().expand(3), rtol=0.02, atol=0)


# Of seed 3 on a gray image of 3 x 4 pixels, before batches were allowed.
BEFORE = {
    "gaussian": [0.2526723, 0.4389282, 0.5342606, 0.4598356, 0.4017632, 0.34627],
    "correlated": [0.3000083, 0.3813367, 0.5202649, 0.4497626, 0.3528815, 0.3473677],
    "poisson": [0.3666667, 0.5, 0.2, 0.5, 0.4, 0.2],
    "salt and pepper": [1.0, 1.0, 0.4, 0.4, 0.4, 1.0],
}


@pytest.mark.parametrize("name", NOISES)
def test_the_numbers_of_one_image_stay(name):
    small = torch.full((1, 1, 3, 4), 0.4)
    torch.testing.assert_close(
        NOISES[name](small).flatten()[:6], torch.tensor(BEFORE[name]), atol=1e-6, rtol=0
    )


def test_sigma_of_a_batch_is_of_all_images_together():
    y = torch.cat([add_gaussian(GRAY, sigma, seed) for seed, sigma in ((1, 0.05), (2, 0.05), (3, 0.05))])
    assert estimate_sigma(y) == pytest.approx(0.05, rel=0.02)
    first, second = add_gaussian(GRAY, 0.02, 4), add_gaussian(GRAY, 0.08, 5)
    assert estimate_sigma(first) < estimate_sigma(torch.cat([first, second])) < estimate_sigma(second)


def test_sigma_is_of_all_channels_together():
    y = torch.cat(
        [add_gaussian(GRAY[:, :1], sigma, seed) for seed, sigma in ((1, 0.01), (2, 0.1), (3, 0.1))], 1
    )
    assert estimate_sigma(y) == pytest.approx(0.047, rel=0.03)  # 1/3 + 2/3 P(|n| < 0.319) = 1/2


def test_jpeg_of_a_batch_is_that_of_its_images():
    x = torch.cat([picture(name, 40) for name in ("coffee", "astronaut")])
    assert torch.equal(compress_jpeg(x, 20), torch.cat([compress_jpeg(each, 20) for each in x.split(1)]))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: add_gaussian(GRAY, 25), "25 / 255"),
        (lambda: add_gaussian(GRAY, 1.5), "1.5 / 255"),
        (lambda: add_correlated(GRAY, 5, gaussian_kernel(3, 1.0)), "5 / 255"),
        (lambda: add_salt_and_pepper(GRAY, 10), "10 / 100"),
        (lambda: add_poisson(GRAY - 1, 10), r"\(x \+ 1\) / 2"),
        (lambda: compress_jpeg(GRAY - 1, 10), r"\(x \+ 1\) / 2"),
        (lambda: add_poisson(255 * GRAY, 10), "divide 8-bit"),
        (lambda: add_poisson(GRAY + 0.7, 10), "clamp"),
        (lambda: compress_jpeg(GRAY, 0.5), "1 to 95"),
        (lambda: add_gaussian(torch.cat([GRAY, 255 * GRAY]), 0.1), "divide 8-bit"),
    ],
)
def test_another_scale_is_refused_with_the_likely_fix(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: add_gaussian(GRAY, -0.1), ValueError),
        (lambda: add_gaussian(GRAY, math.nan), ValueError),
        (lambda: add_gaussian(GRAY, 25), ValueError),
        (lambda: add_gaussian(GRAY, "0.1"), TypeError),
        (lambda: add_gaussian(GRAY[0], 0.1), ValueError),
        (lambda: add_gaussian((255 * GRAY).byte(), 0.1), TypeError),
        (lambda: add_gaussian(255 * GRAY, 0.1), ValueError),
        (lambda: add_gaussian(GRAY / 0, 0.1), ValueError),
        (lambda: add_gaussian(GRAY, 0.1, seed=-1), ValueError),
        (lambda: add_gaussian(GRAY, 0.1, seed=0.5), TypeError),
        (lambda: add_poisson(GRAY, 0), ValueError),
        (lambda: add_poisson(GRAY, math.inf), ValueError),
        (lambda: add_poisson(GRAY - 1, 10), ValueError),
        (lambda: add_poisson(3 * GRAY, 10), ValueError),
    ],
)
def test_bad_arguments_are_refused(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("compress", [lambda x: compress_jpeg(x, 50), lambda x: corrupt(x, "jpeg", 1)])
def test_a_side_that_jpeg_cannot_hold_is_refused(compress):
    with pytest.raises(ValueError, match="at most 65500 pixels a side, got 1x65501"):
        compress(torch.zeros(1, 1, 1, 65501))


@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_salt_and_pepper_hits_whole_pixels_half_of_them_white(share):
    y = add_salt_and_pepper(GRAY, share)
    black, white = (y == 0).all(dim=1).double().mean().item(), (y == 1).all(dim=1).double().mean().item()
    spread = 5 * math.sqrt(share / 2 / y[0, 0].numel()) + 1e-12
    assert black == pytest.approx(share / 2, abs=spread) and white == pytest.approx(share / 2, abs=spread)
    assert ((y == GRAY).all(dim=1) | (y == 0).all(dim=1) | (y == 1).all(dim=1)).all()


@pytest.mark.parametrize("name", ["camera", "coffee"])
def test_jpeg_loses_more_at_lower_quality_and_has_blocks(name):
    x = picture(name, 64)
    losses = [psnr(compress_jpeg(x, quality), x) for quality in (5, 20, 80)]
    assert losses == sorted(losses) and losses[0] < 30 < losses[2]
    y = compress_jpeg(x, 5)
    assert y.shape == x.shape and y.min() >= 0 and y.max() <= 1
    jumps = (y[..., 1:] - y[..., :-1]).abs().mean(dim=(0, 1, 2))
    assert jumps[7::8].mean() > 1.5 * jumps[3::8].mean(), "the borders of the blocks stand out"


def test_share_and_quality_are_checked():
    with pytest.raises(ValueError, match="share"):
        add_salt_and_pepper(GRAY, 1.5)
    with pytest.raises(ValueError, match="quality"):
        compress_jpeg(GRAY, 100)


def test_correlated_noise_has_the_asked_spread_and_its_kernels_correlation():
    x, kernel = torch.zeros(1, 1, 512, 512), gaussian_kernel(5, 0.7)
    noise = add_correlated(x, 0.1, kernel, seed=3)
    assert noise.std().item() == pytest.approx(0.1, rel=0.01)
    beside = (noise * noise.roll(1, -1)).mean().item() / 0.01
    expected = ((kernel[:, 1:] * kernel[:, :-1]).sum() / kernel.square().sum()).item()
    assert beside == pytest.approx(expected, abs=0.01)
    alone = torch.zeros(3, 3)
    alone[1, 1] = 2.0  # a kernel of one pixel leaves the noise white, whatever its weight
    torch.testing.assert_close(add_correlated(x, 0.1, alone, seed=3), add_gaussian(x, 0.1, seed=3))


@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee", "chelsea"])
@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_sigma_is_estimated_on_photographs_as_scikit_image_does(name, sigma):
    y = add_gaussian(picture(name, 256), sigma / 255, seed=1)
    reference = sum(estimate_sigma_of_skimage(channel.numpy()) for channel in y[0]) / y.shape[1]
    assert estimate_sigma(y) == pytest.approx(sigma / 255, rel=0.15)
    assert estimate_sigma(y) == pytest.approx(reference, rel=0.1)


def test_sigma_is_exact_on_flat_pictures_and_ramps_and_too_low_where_neighbours_share_noise():
    ramp = torch.linspace(0, 1, 301).expand(1, 1, 301, 301)
    assert estimate_sigma(add_gaussian(ramp, 0.05)) == pytest.approx(0.05, rel=0.02)
    assert estimate_sigma(ramp) < 1e-6
    assert estimate_sigma(add_correlated(ramp, 0.05, gaussian_kernel(5, 0.7))) < 0.6 * 0.05


def test_dots_in_a_few_cells_hardly_move_the_estimate_of_sigma():
    y = add_gaussian(torch.zeros(1, 1, 300, 300), 0.05)
    y[..., ::10, ::10] += 1  # one cell of 25: the median of |d| / sigma rises from 0.674 to 0.707
    assert estimate_sigma(y) == pytest.approx(0.05 * 0.707 / 0.6745, rel=0.03)


@pytest.mark.parametrize(
    "call",
    [
        lambda: estimate_sigma(torch.zeros(1, 1, 1, 8)),
        lambda: estimate_sigma(torch.zeros(3, 8, 8)),
        lambda: add_correlated(torch.zeros(1, 1, 4, 4), 0.1, gaussian_kernel(5, 1.0)),
        lambda: add_correlated(torch.zeros(1, 1, 8, 8), -0.1, gaussian_kernel(3, 1.0)),
    ],
)
def test_wrong_arguments_of_the_two_are_refused(call):
    with pytest.raises(ValueError):
        call()
