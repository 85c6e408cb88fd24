"""The engine: as fast as it may be, the same fit as the textbook's loop."""

import math
import statistics
import subprocess
import sys

import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import adapt_super_resolution, tune_by_sure
from dil_course.fitting import Engine, engine, run
from dil_course.from_scratch import (
    deep_image_prior,
    deep_red,
    dip_sure,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    recorrupted2recorrupted,
    sgld_dip,
    unsure,
    zero_shot_noise2noise,
    zero_shot_sr,
)
from dil_course.networks import Denoiser, SkipNetwork, conv_decoder, small_skip_network
from dil_course.signals import Downsample, add_gaussian, enlarge, picture, psnr

CLEAN = picture("coffee", 48)


def noisy(seed):
    return add_gaussian(CLEAN, 25 / 255, seed=seed)


def fitted(fast, seed, iterations=120, average=0.99):
    return run(
        deep_image_prior(noisy(seed), iterations=iterations, seed=seed, fast=fast), average=average
    ).estimate


def test_first_iterations_agree_with_the_textbook_to_rounding():
    # Later, roundings grow into other runs: no two summation orders agree for long.
    for step, plain in zip(
        *(deep_image_prior(noisy(0), iterations=4, fast=fast) for fast in (True, False)), strict=True
    ):
        torch.testing.assert_close(step.estimate, plain.estimate, atol=2e-3, rtol=0)
        torch.testing.assert_close(step.loss, plain.loss, atol=1e-4, rtol=0)


def test_quality_is_the_textbooks():
    differences = [psnr(fitted(True, seed), CLEAN) - psnr(fitted(False, seed), CLEAN) for seed in range(5)]
    assert abs(statistics.mean(differences)) < 0.3, differences


@pytest.mark.parametrize("fast", [True, False])
def test_same_seed_same_numbers_twice(fast):
    assert torch.equal(fitted(fast, 3, iterations=25), fitted(fast, 3, iterations=25))


@pytest.fixture
def in_bfloat16(monkeypatch):
    """As on a processor that computes in bfloat16; others do it too, slowly."""
    monkeypatch.setattr(engine, "has_bfloat16", lambda device: True)


def test_bfloat16_keeps_picture_loss_weights_and_norms_in_float32(in_bfloat16):
    network = small_skip_network()
    kinds = {}
    network.body.up[0][0].register_forward_hook(
        lambda layer, given, made: kinds.update(convolution=made.dtype)
    )
    step = next(deep_image_prior(noisy(0), network=network, iterations=1))
    assert kinds["convolution"] == torch.bfloat16
    assert step.estimate.dtype == step.loss.dtype == torch.float32
    assert {value.dtype for value in network.state_dict().values()} <= {torch.float32, torch.int64}
    # A picture computed in bfloat16 would take at most 256 values between 1/2 and 1, and fewer elsewhere.
    assert step.estimate.unique().numel() > 1000


def test_bfloat16_fits_as_well(in_bfloat16):
    best = psnr(fitted(True, 0), CLEAN)
    assert best > psnr(noisy(0), CLEAN) + 6
    assert abs(best - psnr(fitted(False, 0), CLEAN)) < 0.7


@pytest.mark.parametrize("name", ["dip_sure", "unsure"])
def test_what_takes_a_divergence_by_a_small_step_never_leaves_float32(name, in_bfloat16):
    make, method = FITS[name]
    network, kinds = make(), set()
    network.layers[0].register_forward_hook(lambda layer, given, made: kinds.add(made.dtype))
    next(method(noisy(0), network=network, iterations=1))
    assert kinds == {torch.float32}


def test_textbook_path_never_leaves_float32(in_bfloat16):
    assert not Engine(small_skip_network(), 0.01, fast=False).bfloat16


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="page faults are counted and mended on Linux only"
)
def test_memory_is_kept_from_iteration_to_iteration():
    script = """
import resource
from itertools import pairwise
from statistics import median
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import SkipNetwork
from dil_course.signals import picture
network = SkipNetwork(width=32, scales=4)
steps = deep_image_prior(picture("coffee", 128), network=network, iterations=12, fast=FAST)
faults = [resource.getrusage(resource.RUSAGE_SELF).ru_minflt for step in steps]
# the median, because a busy system may take pages away now and then
print(int(median(after - before for before, after in pairwise(faults[3:]))))
"""
    counts = {}
    for fast in (True, False):
        command = [sys.executable, "-c", script.replace("FAST", str(fast))]
        counts[fast] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if counts[False] < 200:
        pytest.skip("this C library keeps memory by itself")
    assert counts[True] < counts[False] / 5, counts


def test_the_derivative_in_a_risk_is_never_taken_in_bfloat16(in_bfloat16):
    assert deep_image_prior(noisy(0)).engine.bfloat16 and not dip_sure(noisy(0), 25 / 255).engine.bfloat16


def test_a_float64_network_stays_one():
    network = SkipNetwork(width=4, scales=1, input_channels=2).double()
    assert Engine(network, 0.01)(torch.rand(1, 2, 8, 8, dtype=torch.float64)).dtype == torch.float64


def test_picture_of_any_network_comes_back_in_float32(in_bfloat16):
    network = torch.nn.Conv2d(2, 1, 3)  # nothing in it leaves autocast
    assert Engine(network, 0.01)(torch.rand(1, 2, 8, 8)).dtype == torch.float32


class Returns(torch.nn.Module):
    """A skip network of which the caller makes something else in the end."""

    input_channels, output_channels, scales, reduction = 3, 3, 1, 1

    def __init__(self, change):
        super().__init__()
        self.network, self.change = SkipNetwork(3, 3, width=4, scales=1, skip=2), change

    def forward(self, x):
        return self.change(self.network(x))


@pytest.mark.parametrize("change, error, words", [
    (lambda x: x[:, :1], ValueError, r"makes \(1, 1, 16, 16\)"),
    (lambda x: x.mean((2, 3), keepdim=True), ValueError, r"makes \(1, 3, 1, 1\)"),
    (lambda x: x[..., 1:-1, 1:-1], ValueError, r"must be \(1, 3, 16, 16\)"),
    (lambda x: x[0], ValueError, r"makes \(3, 16, 16\)"),
    (lambda x: x * 1j, TypeError, "complex64"), (lambda x: (x, x), TypeError, "tuple"),
    (lambda x: None, TypeError, "None"),
    (lambda x: x.detach().numpy(), TypeError, "ndarray"),
])  # fmt: skip
def test_a_network_that_makes_something_else_is_refused(change, error, words):
    # (1,1,H,W) or (1,3,1,1) would be stretched over a target of three channels without a word.
    with pytest.raises(error, match=words):
        Engine(Returns(change), 0.01)(torch.rand(1, 3, 16, 16))


def test_a_decoder_may_make_larger_pictures():
    assert Engine(conv_decoder(3, 4, 2), 0.01)(torch.rand(1, 4, 8, 8)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    "rate, error", [(math.nan, ValueError), (-1, ValueError), ("x", TypeError), (None, TypeError)]
)
def test_learning_rate_is_looked_at_whenever_it_is_set(rate, error):
    fitting = Engine(SkipNetwork(width=4, scales=1), 0.01)
    with pytest.raises(error, match="learning_rate"):
        fitting.learning_rate = rate
    assert fitting.learning_rate == 0.01


def test_a_complex_loss_is_refused():
    with pytest.raises(TypeError, match="real 0-d tensor .* complex64"):
        next(deep_image_prior(noisy(0), iterations=1, loss=lambda estimate: estimate.sum() * 1j))


def test_a_network_that_works_in_place_leaves_its_input_alone():
    z = -torch.rand(1, 3, 8, 8)
    before = z.clone()
    Engine(torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Conv2d(3, 3, 1)), 0.01)(z)
    assert torch.equal(z, before)


# The mode of the network


class Normed(torch.nn.Module):
    """A small network with batch norm for all methods that map an image to one."""

    input_channels = output_channels = channels = 3
    scales = 1

    def __init__(self):
        super().__init__()
        with runtime.seeded(0):
            first, last = torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Conv2d(6, 3, 1)
            self.layers = torch.nn.Sequential(first, torch.nn.BatchNorm2d(6), torch.nn.ReLU(), last)

    def forward(self, x, sigma=None):
        return torch.sigmoid(self.layers(x))


def skip():
    with runtime.seeded(0):
        return small_skip_network(3, 3)


FITS = {
    "deep_image_prior": (skip, deep_image_prior),
    "sgld_dip": (skip, sgld_dip),
    "deep_red": (skip, lambda y, **given: deep_red(y, lambda x: 0.9 * x, every=2, **given)),
    "dip_sure": (Normed, lambda y, **given: dip_sure(y, 25 / 255, **given)),
    "unsure": (Normed, unsure),
    "noise2noise": (Normed, lambda y, **given: noise2noise(y, noisy(1), **given)),
    "recorrupted2recorrupted": (Normed, lambda y, **given: recorrupted2recorrupted(y, 25 / 255, **given)),
    "noise2void": (Normed, noise2void),
    "noise2self": (Normed, noise2self),
    "noise2fast": (Normed, noise2fast),
    "zero_shot_noise2noise": (Normed, zero_shot_noise2noise),
    "zero_shot_sr": (Normed, lambda y, **given: zero_shot_sr(y, every=2, **given)),
}


@pytest.mark.parametrize(("make", "method"), FITS.values(), ids=FITS)
def test_a_network_is_fitted_in_training_mode_whatever_mode_it_comes_in(make, method):
    usual, asleep, interrupted = make(), make().eval(), make()
    first, second, third = (
        method(noisy(0), network=network, iterations=5) for network in (usual, asleep, interrupted)
    )
    for a, b, c in zip(first, second, third, strict=True):
        assert torch.equal(a.loss, b.loss) and torch.equal(a.estimate, b.estimate)
        assert torch.equal(a.loss, c.loss) and torch.equal(a.estimate, c.estimate)
        interrupted.eval()  # to look at an image of it, between two iterations
    assert usual.training and all(module.training for module in asleep.modules())


def test_layers_that_the_caller_froze_in_a_network_in_training_mode_stay_frozen():
    network = Normed()
    network.layers[1].eval()
    before = network.layers[1].running_mean.clone()
    list(noise2noise(noisy(0), noisy(1), network=network, iterations=3))
    assert not network.layers[1].training and torch.equal(network.layers[1].running_mean, before)


def test_a_network_that_is_adapted_stays_in_evaluation_mode():
    with runtime.seeded(0):
        denoiser = Denoiser(3, width=4, depth=3)
    for step in tune_by_sure(noisy(0), denoiser, 25 / 255, what="all", iterations=3):
        assert not any(module.training for module in step.network.modules())
    network = Normed().eval()
    A = Downsample(2)
    y = A(CLEAN)
    with torch.no_grad():
        expected = network(enlarge(y, A))
    means = network.layers[1].running_mean.clone()
    given = dict(noise=0.01, iterations=3)  # with noise there is no correction at the end
    steps = zero_shot_sr(y, A, network, every=5, trained=True, **given)
    torch.testing.assert_close(next(steps).estimate, expected)
    list(steps)
    assert torch.equal(network.layers[1].running_mean, means) and not network.training
    torch.testing.assert_close(next(adapt_super_resolution(y, A, Normed(), **given)).estimate, expected)


def test_a_mode_is_kept_through_all_calls_of_the_engine():
    z = torch.rand(1, 3, 8, 8)
    network = Normed()
    asleep = Engine(network, 0.01, training=False)
    assert not network.training
    network.train()
    means = network.layers[1].running_mean.clone()
    asleep(z)
    assert torch.equal(network.layers[1].running_mean, means)
    Engine(network, 0.01)(z)
    assert network.training and not torch.equal(network.layers[1].running_mean, means)
