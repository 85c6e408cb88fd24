"""The correction filter: y as bicubic downsampling would have made it, for another kernel."""

import pytest
import torch

from dil_course.adaptation import correction_filter
from dil_course.adaptation.correction_filter import bicubic_kernel
from dil_course.networks import trained
from dil_course.signals import (
    BlurDownsample,
    Downsample,
    add_gaussian,
    enlarge,
    gaussian_kernel,
    picture,
    psnr,
)

KERNELS = {"slanted": gaussian_kernel(15, (2.5, 0.8), angle=45), "round": gaussian_kernel(13, 1.6)}


@pytest.mark.parametrize("scale", [2, 3])
def test_the_bicubic_kernel_is_that_of_downsample_away_from_the_borders(scale):
    x = picture("astronaut", 48)
    mine, usual = BlurDownsample(bicubic_kernel(scale), scale)(x), Downsample(scale)(x)
    torch.testing.assert_close(mine[..., 3:-3, 3:-3], usual[..., 3:-3, 3:-3], atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [2, 3])
def test_where_the_image_is_made_of_bicubic_kernels_the_corrected_input_is_exact(scale):
    kernel = gaussian_kernel(7, 1.0)
    kernel[3, 5] += 0.1  # no symmetry about the centre: its spectrum is complex
    bicubic, A = BlurDownsample(bicubic_kernel(scale), scale), BlurDownsample(kernel / kernel.sum(), scale)
    # Sides of their own, an odd one, and values on both sides of [0,1].
    x = bicubic.adjoint(3 * torch.randn(1, 1, 18, 15, generator=torch.Generator().manual_seed(0)).double())
    corrected = correction_filter(A(x), A, epsilon=1e-12)
    torch.testing.assert_close(corrected, bicubic(x), atol=1e-4, rtol=0)
    assert (A(x) - bicubic(x)).abs().max() > 0.003


def test_a_bicubic_input_stays_as_it_is():
    A = BlurDownsample(bicubic_kernel(2), 2)
    y = A(picture("chelsea", 48))
    torch.testing.assert_close(correction_filter(y, A), y, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_a_corrected_input_is_nearer_to_a_bicubic_one_and_brings_back_the_networks_quality(name, kernel):
    x, A, network = picture(name, 96), BlurDownsample(kernel, 2), trained("super_resolution")
    y, wanted = A(x), Downsample(2)(x)
    corrected = correction_filter(y, A)
    assert psnr(corrected, wanted, shave=3) > psnr(y, wanted, shave=3) + 10
    with torch.no_grad():
        before, after = (psnr(network(enlarge(z, A)).clamp(0, 1), x, shave=6) for z in (y, corrected))
    assert after > before + 4


def test_with_noise_epsilon_keeps_the_filter_from_amplifying_it():
    x, A, network = picture("chelsea", 96), BlurDownsample(KERNELS["slanted"], 2), trained("super_resolution")
    y = add_gaussian(A(x), 2 / 255)
    with torch.no_grad():
        exact, safe = (
            psnr(network(enlarge(correction_filter(y, A, epsilon), A)).clamp(0, 1), x, shave=6)
            for epsilon in (1e-6, 1e-3)
        )
    assert safe > exact + 5


def test_it_refuses_what_it_cannot_correct():
    y, A = torch.rand(1, 1, 12, 12), BlurDownsample(gaussian_kernel(5, 1.0), 2)
    with pytest.raises(TypeError, match="expected BlurDownsample"):
        correction_filter(y, Downsample(2))
    for epsilon in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="epsilon"):
            correction_filter(y, A, epsilon)
    with pytest.raises(ValueError, match="larger than the picture"):
        correction_filter(y, BlurDownsample(gaussian_kernel(31, 5.0), 2))
