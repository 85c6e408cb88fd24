"""The deep image prior: the same numbers as a loop by hand, and a picture that gets better."""

import math

import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import bp_dip, deep_image_prior, dip_tv
from dil_course.networks import SkipNetwork, small_skip_network
from dil_course.signals import Blur, Downsample, Identity, Mask, add_gaussian, gaussian_kernel, picture, psnr

CLEAN = picture("chelsea", 36)
MASK = torch.rand(1, 1, 36, 36, generator=torch.Generator().manual_seed(0)) > 0.5
MODELS = {
    "denoising": Identity(),
    "inpainting": Mask(MASK),
    "deblurring": Blur(gaussian_kernel(5, 1.0)),
    "x2": Downsample(2),
}
each_model = pytest.mark.parametrize("A", MODELS.values(), ids=MODELS)


def by_hand(y, A, iterations, learning_rate, input_noise, seed):
    """The method in its plainest form, written apart from the library."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = small_skip_network(3)
    generator = runtime.generator(seed, "z")
    z = 0.1 * torch.rand(1, 16, 36, 36, generator=generator)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    for _ in range(iterations):
        estimate = network(z + input_noise * torch.randn(1, 16, 36, 36, generator=generator))
        loss = (A(estimate) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach(), estimate.detach()


@each_model
@pytest.mark.parametrize(
    "settings",
    [
        dict(learning_rate=0.01, input_noise=1 / 30, seed=0),
        dict(learning_rate=0.003, input_noise=0.1, seed=5),
    ],
)
def test_equals_the_loop_by_hand_bit_for_bit(A, settings):
    y = A(add_gaussian(CLEAN, 0.1))
    for step, (loss, estimate) in zip(
        deep_image_prior(y, A, iterations=6, fast=False, **settings),
        by_hand(y, A, 6, **settings),
        strict=True,
    ):
        assert torch.equal(step.loss, loss) and torch.equal(step.estimate, estimate), step.iteration
        assert step.total == 6 and not step.estimate.requires_grad


@each_model
def test_defaults_are_the_papers(A):
    y = A(CLEAN)
    step = next(iter(deep_image_prior(y, A)))  # The engine's speed-ups begin with the first update.
    loss, estimate = next(by_hand(y, A, 1, learning_rate=0.01, input_noise=1 / 30, seed=0))
    assert torch.equal(step.loss, loss) and torch.equal(step.estimate, estimate)


@each_model
def test_loss_compares_in_the_space_of_the_observation(A):
    y = A(CLEAN)
    for step in deep_image_prior(y, A, iterations=3):
        torch.testing.assert_close(step.loss, (A(step.estimate) - y).square().mean())


def test_hidden_pixels_are_filled_in_not_fitted_to_zero():
    # In y hidden pixels are zero. A loss without the mask would fit them, and the hidden half would go black.
    A = MODELS["inpainting"]
    result = run(deep_image_prior(A(CLEAN), A, iterations=150))
    hidden = ~MASK.expand_as(CLEAN)
    assert (result.estimate - CLEAN)[hidden].square().mean() < 0.1 * CLEAN[hidden].square().mean()


def test_same_seed_same_numbers_and_nothing_else_touched():
    y = add_gaussian(CLEAN, 0.1)
    before, state = y.clone(), torch.get_rng_state()
    first, again, other = (run(deep_image_prior(y, iterations=5, seed=seed)).estimate for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(y, before) and torch.equal(torch.get_rng_state(), state)


def test_a_network_of_ones_own_is_fitted_in_place():
    network = SkipNetwork(3, input_channels=4, width=8, scales=2)
    before = network.to_picture.weight.detach().clone()
    assert run(deep_image_prior(CLEAN, network=network, iterations=2)).estimate.shape == CLEAN.shape
    assert not torch.equal(network.to_picture.weight, before)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_denoises(seed):
    x = picture("coffee", 64)
    y = add_gaussian(x, 25 / 255, seed)
    result = run(deep_image_prior(y, iterations=250, seed=seed))  # Measured: 10.5 dB better on each seed.
    assert psnr(result.estimate, x) > psnr(y, x) + 8


@pytest.mark.parametrize("size", [(32, 32), (33, 45)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_from_the_smallest_on(size, channels):
    y = torch.rand(1, channels, *size)
    assert run(deep_image_prior(y, iterations=1)).estimate.shape == y.shape


@pytest.mark.parametrize("y, error, words", [
    (CLEAN[0], ValueError, "one picture"), (CLEAN.repeat(2, 1, 1, 1), ValueError, "one picture"),
    (CLEAN[:, :0], ValueError, "one picture"),
    ((255 * CLEAN).byte(), TypeError, "float tensor"), (CLEAN.numpy(), TypeError, "float tensor"),
    (None, TypeError, "float tensor"),
    (255 * CLEAN, ValueError, "divide 8-bit"), (CLEAN / 0, ValueError, "NaN"),
    (CLEAN[..., :1, :1], ValueError, "too few"),
    (CLEAN[..., :31], ValueError, "too few"), (torch.zeros(1, 1, 4000, 4000), ValueError, "max_side"),
])  # fmt: skip
def test_bad_observations_are_refused_at_the_call(y, error, words):
    with pytest.raises(error, match=words):
        deep_image_prior(y)


@pytest.mark.parametrize("options, error", [
    ({"iterations": -1}, ValueError), ({"iterations": 0}, ValueError), ({"iterations": 10.0}, TypeError),
    ({"seed": -1}, ValueError),
    ({"learning_rate": 0}, ValueError), ({"learning_rate": -0.1}, ValueError),
    ({"learning_rate": math.nan}, ValueError),
    ({"learning_rate": "0.01"}, TypeError), ({"input_noise": math.nan}, ValueError),
    ({"input_noise": -1}, ValueError),
    ({"A": Mask(MASK[..., 1:])}, ValueError), ({"A": Mask(MASK.expand(-1, 2, -1, -1))}, ValueError),
    ({"seed": 0.5}, TypeError),
    ({"A": Blur(torch.ones(37, 1))}, ValueError),
    ({"network": SkipNetwork(3, width=4, scales=6)}, ValueError),
])  # fmt: skip
def test_bad_arguments_are_refused_at_the_call(options, error):
    with pytest.raises(error):
        deep_image_prior(CLEAN, **options)


@pytest.mark.parametrize("seed", range(3))
def test_network_input_holds_nothing_of_the_noise_of_the_same_seed(seed):
    noise = add_gaussian(torch.zeros(1, 1, 64, 64), 1.0, seed=seed).flatten()
    z = torch.rand(32, 64 * 64, generator=runtime.generator(seed, "z"))
    correlations = torch.corrcoef(torch.cat([noise[None], z]))[0, 1:]
    assert correlations.abs().max() < 5 / 64  # five standard errors


def test_a_network_of_other_channels_is_refused():
    with pytest.raises(ValueError, match="3 channels"):
        deep_image_prior(CLEAN[:, :1], network=small_skip_network(3))


class Model:
    """A forward model of the caller's."""

    def __init__(self, forward, adjoint=lambda y: y):
        self.forward, self.adjoint = forward, adjoint

    def __call__(self, x):
        return self.forward(x)


@pytest.mark.parametrize("A", [
    Model(lambda x: x[:, :1]), Model(lambda x: x.mean((2, 3), keepdim=True)), Model(lambda x: x.mean()),
    Model(lambda x: x[..., 1:]),
    Model(lambda x: None), Model(lambda x: x.numpy()), Model(lambda x: x * 1j),
    Model(lambda x: x, adjoint=lambda y: None),
], ids=["gray", "pooled", "scalar", "smaller", "None", "numpy", "complex", "no adjoint"])  # fmt: skip
@pytest.mark.parametrize(
    "method", [deep_image_prior, dip_tv, lambda y, A: bp_dip(y, A, pinv=lambda r: r)], ids=["DIP", "TV", "BP"]
)
def test_a_forward_model_that_does_not_make_y_is_refused_at_the_call(method, A):
    with pytest.raises((TypeError, ValueError), match=r"A\(x\)|A\.adjoint"):
        method(CLEAN, A)


def test_a_network_of_reduction_zero_is_refused():
    network = small_skip_network(3)
    network.reduction = 0
    with pytest.raises(ValueError, match="network.reduction"):
        deep_image_prior(CLEAN, network=network)


@pytest.mark.parametrize(
    "z",
    [
        torch.rand(1, 16, *CLEAN.shape[-2:]).requires_grad_() * 1.0,
        torch.nn.Parameter(torch.rand(1, 16, *CLEAN.shape[-2:])),
    ],
)
def test_the_given_input_is_fixed_also_where_it_is_part_of_a_graph(z):
    assert len(list(deep_image_prior(CLEAN, z=z, iterations=2))) == 2
    assert not z.is_leaf or z.grad is None
