"""Scores: against closed forms and against scikit-image."""

import math

import numpy as np
import pytest
import skimage
import torch

from dil_course.signals import add_gaussian, luma, picture, psnr, ssim

CLEAN = picture("astronaut", 64)
NOISY = add_gaussian(CLEAN, 0.1)


@pytest.mark.parametrize("error", [0.5, 0.1, 1e-3])
def test_psnr_of_a_constant_error_has_peak_one(error):
    gray = torch.full((1, 3, 9, 7), 0.25, dtype=torch.float64)
    assert psnr(gray + error, gray) == pytest.approx(-20 * math.log10(error))


def test_psnr_of_equal_pictures_is_infinite():
    assert psnr(CLEAN, CLEAN) == math.inf


def test_psnr_does_not_clip():
    white = torch.ones(1, 1, 4, 4)
    assert psnr(white + 1, white) == pytest.approx(0)


@pytest.mark.parametrize("shave", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_scores_equal_scikit_image(shave, channels):
    clean, noisy = CLEAN[:, :channels], NOISY[:, :channels]
    inside = slice(shave, 64 - shave)
    a, b = (x[0, :, inside, inside].permute(1, 2, 0).double().numpy() for x in (clean, noisy))
    assert psnr(noisy, clean, shave) == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(a, b, data_range=1), abs=1e-9
    )
    settings = dict(
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=2
    )
    assert ssim(noisy, clean, shave) == pytest.approx(
        skimage.metrics.structural_similarity(a, b, **settings), abs=1e-9
    )


def test_shave_leaves_the_border_out():
    spoiled = CLEAN.clone()
    spoiled[..., :2, :] = spoiled[..., -2:, :] = 0
    spoiled[..., :2] = spoiled[..., -2:] = 0
    assert psnr(spoiled, CLEAN) < psnr(spoiled, CLEAN, shave=1) < psnr(spoiled, CLEAN, shave=2) == math.inf


@pytest.mark.parametrize("score", [psnr, ssim])
@pytest.mark.parametrize("shape", [(20, 33), (33, 20)])
def test_shave_cuts_each_side_of_pictures_that_are_not_square(score, shape):
    clean, noisy = (x[..., : shape[0], : shape[1]] for x in (CLEAN, NOISY))
    inside = (..., slice(4, shape[0] - 4), slice(4, shape[1] - 4))
    assert score(noisy, clean, shave=4) == pytest.approx(score(noisy[inside], clean[inside]), abs=1e-9)


def test_ssim_of_equal_pictures_is_one_and_falls_with_noise():
    assert ssim(CLEAN, CLEAN) == pytest.approx(1)
    assert ssim(add_gaussian(CLEAN, 0.3), CLEAN) < ssim(NOISY, CLEAN) < 1


@pytest.mark.parametrize("score", [psnr, ssim])
@pytest.mark.parametrize("shave", [0, 3])
def test_the_score_of_a_batch_is_the_mean_of_its_images_scores(score, shave):
    clean = torch.cat([picture(name, 32) for name in ("astronaut", "coffee", "chelsea")])
    noisy = torch.cat([add_gaussian(x, s) for x, s in zip(clean.split(1), (0.02, 0.1, 0.3), strict=True)])
    each = [score(a, b, shave) for a, b in zip(noisy.split(1), clean.split(1), strict=True)]
    assert score(noisy, clean, shave) == pytest.approx(sum(each) / 3, abs=1e-9)
    assert score(noisy[:1], clean[:1], shave) == each[0]


def test_one_equal_image_makes_the_psnr_of_a_batch_infinite():
    assert psnr(torch.cat([CLEAN, NOISY]), torch.cat([CLEAN, CLEAN])) == math.inf


def test_luma_of_a_batch_is_that_of_its_images():
    x = torch.cat([CLEAN, NOISY])
    torch.testing.assert_close(luma(x), torch.cat([luma(CLEAN), luma(NOISY)]))


@pytest.mark.parametrize("call", [lambda x: psnr(NOISY, x), lambda x: ssim(NOISY, x), luma])
def test_a_truth_on_the_scale_from_minus_one_is_refused(call):
    with pytest.raises(ValueError, match=r"write \(x \+ 1\) / 2"):
        call(2 * CLEAN - 1)
    call(add_gaussian(0.1 * CLEAN, 0.1, seed=2))  # dark and noisy is no other scale


def test_luma_equals_scikit_image():
    wanted = skimage.color.rgb2ycbcr(CLEAN[0].permute(1, 2, 0).double().numpy())[..., 0] / 255
    np.testing.assert_allclose(luma(CLEAN)[0, 0].numpy(), wanted, atol=1e-6)


def test_luma_of_black_white_and_gray_pictures():
    assert luma(torch.zeros(1, 3, 1, 1)).item() == pytest.approx(16 / 255)
    assert luma(torch.ones(1, 3, 1, 1)).item() == pytest.approx(235 / 255)
    assert torch.equal(luma(CLEAN[:, :1]), CLEAN[:, :1])


def test_a_small_integer_of_numpy_shaves_as_a_number_of_python_does():
    wide = torch.zeros(1, 1, 300, 300)
    assert psnr(wide + 0.1, wide, shave=np.uint8(4)) == pytest.approx(20)
    assert (
        psnr(
            torch.nn.functional.pad(wide, [100] * 4, value=1),
            torch.zeros(1, 1, 500, 500),
            shave=np.uint8(100),
        )
        == math.inf
    )


@pytest.mark.parametrize(
    "values", [torch.full((1, 1, 4, 4), 1e39, dtype=torch.float64), torch.full((1, 1, 4, 4), 3e37)]
)
def test_values_that_are_too_large_are_not_said_to_be_infinite(values):
    with pytest.raises(ValueError, match="too large to be added up"):
        psnr(values, torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("score", [psnr, ssim])
def test_noise_may_leave_the_scale_but_not_the_truth(score):
    assert score(1e6 * CLEAN, CLEAN) < 0.1, "a run that diverges"
    with pytest.raises(ValueError, match="truth.*divide by 255"):
        score(255 * NOISY, 255 * CLEAN)
    with pytest.raises(ValueError, match="x.*divide by 255"):
        luma(255 * CLEAN)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: psnr(CLEAN, CLEAN[:, :1]), ValueError),
        (lambda: psnr(CLEAN[0], CLEAN[0]), ValueError),
        (lambda: psnr(CLEAN, CLEAN.numpy()), TypeError),
        (lambda: psnr(CLEAN / 0, CLEAN), ValueError),
        (lambda: psnr(CLEAN, CLEAN, shave=32), ValueError),
        (lambda: psnr(CLEAN, CLEAN, shave=-1), ValueError),
        (lambda: psnr((255 * CLEAN).byte(), CLEAN), TypeError),
        (lambda: luma(CLEAN[:, :2]), ValueError),
        (lambda: ssim(CLEAN[..., :10], CLEAN[..., :10]), ValueError),
        (lambda: ssim(CLEAN, CLEAN, shave=27), ValueError),
    ],
)
def test_bad_arguments_are_refused(call, error):
    with pytest.raises(error):
        call()
