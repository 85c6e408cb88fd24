"""Non-local means against its definition and scikit-image's, what it gains, and what it refuses."""

import numpy as np
import pytest
import torch
from skimage.restoration import denoise_nl_means

from dil_course.from_scratch import non_local_means
from dil_course.signals import add_gaussian, picture, psnr

SIGMA = 25 / 255
X = picture("coffee", 48)
Y = add_gaussian(X, SIGMA)


@pytest.mark.parametrize("patch", [1, 3, 4, 5])
def test_agrees_with_the_formula_written_pixel_by_pixel(patch):
    y, reach, h = Y[..., :12, :14], 2, 0.7 * SIGMA
    estimate = non_local_means(y, SIGMA, patch=patch, reach=reach, strength=0.7)
    margin, before = reach + patch, (patch - 1) // 2
    around = np.pad(y[0].double().numpy(), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")

    def window(row, column):
        top, left = row + margin - before, column + margin - before
        return around[:, top : top + patch, left : left + patch]

    for row, column in ((0, 0), (5, 6), (11, 13), (3, 13)):
        total = weights = 0
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                squared = ((window(row, column) - window(row + down, column + right)) ** 2).mean()
                weight = np.exp(-max(squared - 2 * SIGMA**2, 0) / h**2)
                total = total + weight * around[:, row + down + margin, column + right + margin]
                weights += weight
        np.testing.assert_allclose(estimate[0, :, row, column].numpy(), total / weights, atol=1e-5)


@pytest.mark.parametrize("name", ["coffee", "camera"])
def test_agrees_with_scikit_image(name):
    # Its fast mode sums over 4x4 pixels where it is told 5, and divides by 25. So its h of 0.8 sigma is our
    # 0.8 * 5/4 for a 4x4 patch. It also drops weights below exp(-5) and computes a fast, rough exp: that is
    # the tolerance.
    y = add_gaussian(picture(name, 64), SIGMA)
    settings = dict(
        patch_size=5, patch_distance=6, h=0.8 * SIGMA, sigma=SIGMA, channel_axis=0 if y.shape[1] > 1 else None
    )
    array = y[0].squeeze(0).double().numpy()
    theirs = torch.from_numpy(denoise_nl_means(array, **settings)).reshape(y.shape).float()
    differences = {
        strength: (non_local_means(y, SIGMA, patch=4, reach=6, strength=strength) - theirs)
        .square()
        .mean()
        .sqrt()
        .item()
        for strength in (0.9, 1.0, 1.1)
    }
    assert differences[1.0] < 1.5e-3
    assert min(differences[0.9], differences[1.1]) > 2 * differences[1.0]


def test_a_constant_picture_stays():
    flat = torch.full((1, 3, 24, 20), 0.3)
    torch.testing.assert_close(non_local_means(flat, SIGMA), flat)


def test_weights_sum_to_one():
    torch.testing.assert_close(
        non_local_means(Y + 0.2, SIGMA), non_local_means(Y, SIGMA) + 0.2, atol=1e-5, rtol=0
    )


def test_turning_and_mirroring_the_picture_turns_and_mirrors_the_result():
    torch.testing.assert_close(non_local_means(Y.flip(-1).mT, SIGMA), non_local_means(Y, SIGMA).flip(-1).mT)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["coffee", "camera"])
def test_gains_over_the_noise(name, seed):
    x = picture(name, 64)
    y = add_gaussian(x, SIGMA, seed=seed)
    assert psnr(non_local_means(y, SIGMA), x) > psnr(y, x) + 5


def test_where_everything_recurs_the_noise_goes_as_with_a_mean_over_all_copies():
    tile = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x = tile.repeat(1, 1, 10, 10)
    y = add_gaussian(x, 0.02)
    gain = psnr(non_local_means(y, 0.02, reach=8, strength=3.0), x, shave=10) - psnr(y, x, shave=10)
    assert 12.5 < gain < 14.5  # 25 copies are in reach: 10 log10(25) = 14 dB


def test_strength_decides_how_much_is_averaged():
    changes = [
        (non_local_means(Y, SIGMA, strength=strength) - Y).square().mean().item()
        for strength in (0.1, 0.5, 1.0, 2.0)
    ]
    assert changes == sorted(changes)
    strong = non_local_means(Y, SIGMA, strength=1000.0)
    pixels = torch.nn.functional.pad(Y, (6, 6, 6, 6), mode="reflect")
    torch.testing.assert_close(
        strong, torch.nn.functional.avg_pool2d(pixels, 13, stride=1), atol=1e-3, rtol=0
    )


def test_h_stands_in_for_strength_times_sigma_and_then_sigma_is_only_subtracted():
    torch.testing.assert_close(
        non_local_means(Y, SIGMA, strength=3.0, h=0.7 * SIGMA), non_local_means(Y, SIGMA, strength=0.7)
    )
    tiny = non_local_means(Y, 1e-6, h=0.1)
    torch.testing.assert_close(non_local_means(Y, 0, h=0.1), tiny)
    assert not torch.allclose(non_local_means(Y, SIGMA, h=0.1), tiny, atol=1e-2)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "float tensor", lambda: non_local_means(Y.numpy(), SIGMA)),
        (TypeError, "float tensor", lambda: non_local_means((255 * X).byte(), SIGMA)),
        (ValueError, "one picture", lambda: non_local_means(Y[0], SIGMA)),
        (ValueError, "divide 8-bit values", lambda: non_local_means(255 * Y, SIGMA)),
        (ValueError, "NaN or infinite", lambda: non_local_means(Y / 0, SIGMA)),
        (ValueError, "sigma", lambda: non_local_means(Y, 0)),
        (ValueError, "sigma", lambda: non_local_means(Y, 25)),
        (TypeError, "sigma", lambda: non_local_means(Y, "25")),
        (ValueError, "patch", lambda: non_local_means(Y, SIGMA, patch=0)),
        (TypeError, "patch", lambda: non_local_means(Y, SIGMA, patch=5.0)),
        (ValueError, "reach", lambda: non_local_means(Y, SIGMA, reach=0)),
        (ValueError, "strength", lambda: non_local_means(Y, SIGMA, strength=0)),
        (ValueError, "too few", lambda: non_local_means(Y[..., :8], SIGMA)),
        (ValueError, "h", lambda: non_local_means(Y, 0, h=0)),
    ],
)
def test_wrong_inputs_are_refused(error, match, call):
    with pytest.raises(error, match=match):
        call()
