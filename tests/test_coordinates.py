"""Implicit representations against closed forms and through the deep image prior; signals of one row."""

import math

import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import FourierFeatures, Siren, coordinates, signal_skip_network
from dil_course.signals import Mask, add_gaussian, ecg, psnr


def test_coordinates_are_rows_then_columns_and_of_a_signal_its_columns():
    z = coordinates(3, 5)
    assert z[0, 0, :, 0].tolist() == [-1, 0, 1] and z[0, 1, 0].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert coordinates(1, 3).tolist() == [[[[-1, 0, 1]]]]


def test_siren_begins_with_the_papers_variances():
    with runtime.seeded(0):
        network = Siren(3, 2, width=256, depth=5, frequency=30)
    first, *others = [layer.weight for layer in (*network.sines, network.to_picture)]
    assert first.abs().max() <= 1 / 2 and first.var().item() == pytest.approx(1 / (3 * 2**2), rel=0.1)
    for weight in others:  # U(-b, b) with b^2 = 6 / n / omega^2 has variance b^2 / 3
        assert weight.var().item() == pytest.approx(2 / 256 / 30**2, rel=0.1)
    z, variances = coordinates(32, 32), []
    for layer in network.sines:
        z = torch.sin(30 * layer(z))
        variances.append(z.var().item())
    # The sine of a normal variable of variance v has the variance (1 - e^-2v) / 2, and 2 of that, with the
    # biases' 30^2 / (3 * 256), is the next layer's v.
    variance = 0.5
    for _ in range(50):
        variance = (1 - math.exp(-2 * (2 * variance + 30**2 / (3 * 256)))) / 2
    assert variances == pytest.approx([variance] * 5, rel=0.05)


def test_fourier_features_have_a_gaussian_kernel_whose_width_the_scale_sets():
    with runtime.seeded(0):
        network = FourierFeatures(features=1024, scale=3)
    assert network.B.shape == (1024, 2) and network.B.std().item() == pytest.approx(3, rel=0.05)
    features = network.features(coordinates(1, 33).expand(1, 2, 1, 33) / 2)[0, :, 0]
    distance = (torch.arange(33) - 16) / 64 * math.sqrt(2)  # in sides of the picture, along the diagonal
    kernel = features[:, 16] @ features / 1024
    torch.testing.assert_close(kernel, torch.exp(-2 * (math.pi * 3 * distance) ** 2), atol=0.08, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 3])
def test_a_frequency_counts_periods_per_side(scale):
    network = FourierFeatures(input_channels=1, features=1)
    network.B.fill_(scale)
    cosine, sine = network.features(coordinates(1, 101))[0, :, 0]
    place = torch.linspace(0, 1, 101)
    torch.testing.assert_close(cosine, torch.cos(2 * math.pi * scale * place), atol=1e-4, rtol=0)
    torch.testing.assert_close(sine, torch.sin(2 * math.pi * scale * place), atol=1e-4, rtol=0)


@pytest.mark.parametrize("make", [Siren, FourierFeatures])
def test_each_pixel_depends_on_its_own_place_and_every_weight_learns(make):
    with runtime.seeded(0):
        network = make(3)
    z = coordinates(4, 6)
    made = network(z)
    assert made.shape == (1, 3, 4, 6)
    torch.testing.assert_close(network(z[..., 2:3, 1:4]), made[..., 2:3, 1:4])
    (made * torch.rand_like(made)).sum().backward()
    assert all(parameter.grad.any() for parameter in network.parameters())


def test_sirens_values_from_minus_one_to_one_are_brought_to_0_1():
    network = Siren(1)
    for value, expected in ((-1, 0), (0, 0.5), (1, 1), (1.5, 1.25)):
        torch.nn.init.zeros_(network.to_picture.weight)
        torch.nn.init.constant_(network.to_picture.bias, value)
        assert (network(coordinates(2, 3)) == expected).all()


def test_the_frequencies_stay_as_they_were_drawn_and_are_saved_with_the_weights():
    network = FourierFeatures()
    assert "B" in network.state_dict() and "B" not in dict(network.named_parameters())
    with torch.no_grad():
        for weights in network.body.parameters():
            weights.mul_(100)
    made = network(coordinates(8, 8))
    assert made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("make", [Siren, FourierFeatures])
def test_phases_keep_all_digits_under_autocast(make):
    network, z = make(), coordinates(8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        made = network(z)
    assert torch.equal(made, network(z))


def test_without_frequencies_the_places_themselves_are_mapped():
    z = coordinates(4, 4)
    assert torch.equal(FourierFeatures(features=0).features(z), z)


@pytest.mark.parametrize("make", [lambda: Siren(1, 1, frequency=20), lambda: FourierFeatures(1, 1, scale=5)])
def test_every_other_sample_of_the_ecg_gives_the_rest(make):
    x = ecg()[..., :256]
    seen = (torch.arange(256) % 2 == 0).float()[None, None, None]
    with runtime.seeded(0):
        network = make()
    steps = deep_image_prior(seen * x, Mask(seen), network, 150, 0.002, input_noise=0, z=coordinates(1, 256))
    *_, last = steps
    error = ((last.estimate - x) ** 2 * (1 - seen)).sum() / (1 - seen).sum()
    assert error.sqrt() < 0.03  # of a range of 1; the values that are 0 where nothing is seen are at 0.3


def test_a_signal_goes_through_the_deep_image_prior():
    x = ecg()[..., :256]
    y = add_gaussian(x, 0.05, seed=0)
    result = run(deep_image_prior(y, iterations=60))
    assert result.estimate.shape == x.shape and psnr(result.estimate, x) > psnr(y, x) + 2
    with pytest.raises(ValueError, match="too few"):
        deep_image_prior(y[..., :31], network=signal_skip_network(), iterations=1)
