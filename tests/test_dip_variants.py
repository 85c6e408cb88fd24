"""BP-DIP, DIP + TV, DeepRED, SGLD-DIP and decoders: each follows its formula, and is not the plain method."""

import math

import numpy as np
import pytest
import torch
from skimage.restoration import denoise_nl_means

from dil_course import runtime
from dil_course.fitting import Step, run
from dil_course.from_scratch import (
    Posterior,
    bp_dip,
    deep_image_prior,
    deep_red,
    dip_sure,
    dip_tv,
    sgld_dip,
    total_variation,
)
from dil_course.networks import conv_decoder, deep_decoder, small_skip_network
from dil_course.signals import (
    Blur,
    Downsample,
    Fourier,
    Mask,
    Radon,
    add_gaussian,
    gaussian_kernel,
    line_mask,
    picture,
    psnr,
)

X = picture("coffee", 32)
SIGMA = 25 / 255
Y = add_gaussian(X, SIGMA)


def first(steps):
    return next(iter(steps))


@pytest.mark.parametrize("A", [Blur(gaussian_kernel(5, 0.8)), Downsample(2)])
def test_back_projection_loss_is_the_misfit_seen_in_the_picture(A):
    y = A(Y)
    step = first(bp_dip(y, A))
    torch.testing.assert_close(step.loss, A.pinv(A(step.estimate) - y).square().mean())
    tame = first(bp_dip(y, A, pinv=lambda r: 0.5 * A.pinv(r)))
    torch.testing.assert_close(tame.loss, step.loss / 4)


def test_tame_pseudo_inverse_is_tikhonovs():
    A, epsilon = Blur(gaussian_kernel(5, 1.0)), 0.01
    x = A.pinv(Y, epsilon=epsilon)
    # x = A^T (A A^T + epsilon)^-1 y solves (A^T A + epsilon) x = A^T y.
    torch.testing.assert_close(A.adjoint(A(x)) + epsilon * x, A.adjoint(Y), atol=1e-5, rtol=0)
    assert x.norm() < A.pinv(Y).norm()


def test_back_projection_is_least_squares_where_the_operator_only_selects():
    A = Mask(torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.5)
    for bp, ls in zip(
        bp_dip(A(Y), A, iterations=3, fast=False),
        deep_image_prior(A(Y), A, iterations=3, fast=False),
        strict=True,
    ):
        torch.testing.assert_close(bp.estimate, ls.estimate)


def test_total_variation_counts_jumps():
    x = torch.zeros(1, 1, 4, 5)
    x[..., 2:] = 1  # one jump of 1 in each of 4 rows of 5 pixels
    assert total_variation(x).item() == pytest.approx(4 / (4 * 4))
    assert total_variation(x.mT).item() == pytest.approx(4 / (4 * 4))
    assert total_variation(torch.full((1, 3, 4, 4), 0.3)).item() == 0


def test_total_variation_is_paid_for():
    step = first(dip_tv(Y, weight=0.3))
    torch.testing.assert_close(
        step.loss, (step.estimate - Y).square().mean() + 0.3 * total_variation(step.estimate)
    )
    plain, priced = (run(dip_tv(Y, weight=weight, iterations=150)).estimate for weight in (0.0, 0.1))
    assert total_variation(priced) < 0.8 * total_variation(plain)


def test_deep_red_is_the_plain_method_until_its_denoiser_is_called():
    calls = []

    def denoiser(x):
        calls.append(x)
        return x.mean() + 0 * x

    red = list(deep_red(Y, denoiser, every=4, iterations=9, fast=False))
    plain = list(deep_image_prior(Y, learning_rate=0.008, iterations=9, fast=False))
    for i in range(4):
        assert torch.equal(red[i].estimate, plain[i].estimate)
    assert len(calls) == 2 and torch.equal(calls[0], red[3].estimate)
    # x = (D(f) + f) / 2 and u = f - x, with beta = mu; so the target is x - u = D(f).
    target = calls[0].mean() + 0 * Y
    expected = (red[4].estimate - Y).square().mean() + 0.5 * (red[4].estimate - target).square().mean()
    torch.testing.assert_close(red[4].loss, expected)
    assert not torch.equal(red[5].estimate, plain[5].estimate)


def test_deep_red_follows_its_three_formulas_from_call_to_call():
    inputs, mu, beta = [], 0.3, 0.9

    def denoiser(x):
        inputs.append(x.clone())
        return 0.7 * x + 0.1

    steps = list(deep_red(Y, denoiser, mu=mu, beta=beta, every=2, iterations=9, fast=False))
    x, u = steps[1].estimate, torch.zeros_like(Y)
    for call, step in enumerate(steps[1:8:2]):
        f = step.estimate
        torch.testing.assert_close(inputs[call], x, msg="the denoiser is given x, not f and not f + u")
        x = (beta * (0.7 * x + 0.1) + mu * (f + u)) / (beta + mu)
        u = u + f - x
        for later in steps[2 * call + 2 : 2 * call + 4]:  # until the next call
            misfit = (later.estimate - Y).square().mean()
            torch.testing.assert_close(later.loss, misfit + mu * (later.estimate - (x - u)).square().mean())
    assert len(inputs) == 4


def nlm(x):
    array = x[0].permute(1, 2, 0).numpy()
    array = denoise_nl_means(
        array, h=0.8 * SIGMA, sigma=SIGMA, patch_size=5, patch_distance=6, channel_axis=-1
    )
    return torch.from_numpy(array).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("seed", range(2))
def test_deep_red_and_total_variation_hold_the_fall_after_the_peak(seed):
    y = add_gaussian(X, SIGMA, seed=seed)
    settings = dict(iterations=400, seed=seed)
    plain = psnr(run(deep_image_prior(y, **settings)).estimate, X)
    assert psnr(run(deep_red(y, nlm, **settings)).estimate, X) > plain + 1
    assert psnr(run(dip_tv(y, weight=0.05, **settings)).estimate, X) > plain + 1


def test_weights_walk_by_the_noise_that_was_asked_for():
    def network():
        with runtime.seeded(0):
            return small_skip_network(3)

    still, moved = network(), network()
    next(steps := sgld_dip(Y, network=still, weight_noise=0, fast=False, iterations=2))
    next(walk := sgld_dip(Y, network=moved, weight_noise=3, fast=False, iterations=2))
    before = [parameter.detach().clone() for parameter in moved.parameters()]
    reference = [parameter.detach().clone() for parameter in still.parameters()]
    for a, b in zip(
        before, reference, strict=True
    ):  # The noise comes when the caller asks for the next step.
        if b.ndim < 4:
            assert torch.equal(a, b)
    difference = torch.cat([(a - b).flatten() for a, b in zip(before, reference, strict=True) if b.ndim == 4])
    spread = 3 * 0.01
    assert difference.std().item() == pytest.approx(spread, rel=5 / math.sqrt(2 * difference.numel()))
    assert abs(difference.mean()) < 5 * spread / math.sqrt(difference.numel())
    assert not torch.equal(next(steps).estimate, next(walk).estimate)


def test_dip_sure_fits_a_network_of_the_size_of_the_image_where_y_is_smaller():
    A = Downsample(2)
    assert first(dip_sure(A(Y), SIGMA, A)).estimate.shape == Y.shape


@pytest.mark.parametrize("A", [Blur(gaussian_kernel(7, 1.5)), Downsample(2)], ids=["blur", "smaller"])
def test_extra_noise_of_dip_sure_is_noise_of_y_and_comes_through_the_adjoint(A):
    y, seen = A(Y), []
    network = small_skip_network(3, 3, width=12, skip=2)
    network.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    first(dip_sure(y, SIGMA, A, extra_noise=0.2, network=network, iterations=1, seed=5))
    w = 0.2 * torch.randn(y.shape, generator=runtime.generator(5, "probe"))
    torch.testing.assert_close(seen[0], A.adjoint(y + w))


@pytest.mark.parametrize("method", [deep_image_prior, sgld_dip])
def test_each_kind_of_random_numbers_has_a_stream_of_its_own(method, monkeypatch):
    purposes, made = [], runtime.generator

    def recorded(seed, purpose, device="cpu"):
        purposes.append(purpose)
        return made(seed, purpose, device)

    monkeypatch.setattr(runtime, "generator", recorded)
    first(method(Y, iterations=1))
    assert len(set(purposes)) == len(purposes) and "noise" not in purposes


def test_walk_keeps_the_estimate_from_settling():
    spreads = []
    for weight_noise in (0.0, 2.0):
        posterior = Posterior(burn_in=60)
        run(sgld_dip(Y, weight_noise=weight_noise, iterations=120), stop=posterior)
        spreads.append(posterior.spread.mean().item())
    assert spreads[1] > 1.2 * spreads[0]


def test_posterior_is_numpys_mean_and_standard_deviation():
    posterior = Posterior(burn_in=5, every=3)
    assert posterior.spread is None
    steps = list(deep_image_prior(Y, iterations=20))
    result = run(iter(steps), stop=posterior)
    taken = np.stack([step.estimate.numpy() for step in steps[5::3]])
    assert posterior.pictures == 5 and result.iteration == 18 and "5 pictures" in result.why
    np.testing.assert_allclose(result.estimate, taken.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(posterior.spread, taken.std(axis=0, ddof=1), atol=1e-6)


def test_deep_decoder_has_the_papers_number_of_weights():
    # k (k + 1) for each 1x1 convolution and its batch norm's scale and shift, and the last layer: table 1 has
    # k = 64, 6 layers.
    k = 64
    weights = sum(parameter.numel() for parameter in deep_decoder(3, width=k, scales=5).parameters())
    assert weights == 6 * (k * k + 2 * k) + 3 * k + 3


@pytest.mark.parametrize("make", [deep_decoder, conv_decoder])
@pytest.mark.parametrize("channels, scales", [(1, 2), (3, 3)])
def test_decoders_enlarge_and_every_part_learns(make, channels, scales):
    with runtime.seeded(0):
        network = make(channels, width=12, scales=scales)
    made = network(torch.rand(1, 12, 4, 6))
    assert made.shape == (1, channels, 4 * network.reduction, 6 * network.reduction)
    assert 0 <= made.min() < made.max() <= 1
    (made * torch.rand_like(made)).sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.any()
        for parameter in network.parameters()
        if parameter.ndim == 4
    )


@pytest.mark.parametrize("seed", range(2))
def test_narrow_deep_decoder_needs_no_stopping_where_the_skip_network_does(seed):
    y = add_gaussian(X, SIGMA, seed=seed)
    falls = []
    for make, noise in (
        (lambda: deep_decoder(width=8, scales=3), 0),
        (lambda: small_skip_network(3), 1 / 30),
    ):
        with runtime.seeded(seed):
            network = make()
        history = run(
            deep_image_prior(y, network=network, input_noise=noise, iterations=900, seed=seed), truth=X
        ).history["psnr_average"]
        falls.append(max(history) - history[-1])
    assert falls[0] < 0.5 < falls[1]


def test_network_input_can_be_given():
    z = torch.rand(1, 3, 32, 32)
    with runtime.seeded(0):
        network = small_skip_network(3, input_channels=3)
        expected = network(z).detach()
    with runtime.seeded(0):
        network = small_skip_network(3, input_channels=3)
    assert torch.equal(first(deep_image_prior(Y, network=network, z=z, input_noise=0)).estimate, expected)
    with pytest.raises(ValueError, match="z is"):
        deep_image_prior(Y, network=network, z=z[..., :16])


def test_decoder_says_which_sides_it_can_make():
    with pytest.raises(ValueError, match="multiples of 8"):
        deep_image_prior(picture("coffee", 36), network=deep_decoder(scales=3))


@pytest.mark.parametrize(
    "A", [Radon(32, range(0, 180, 6)), Fourier(line_mask(32, 32, 3))], ids=["Radon", "Fourier"]
)
def test_other_modalities_are_restored(A):
    x = picture("camera", 32)
    y = add_gaussian(A(x), 0.01) if isinstance(A, Radon) else A(x)
    result = run(deep_image_prior(y, A, iterations=250), truth=x)
    assert psnr(result.estimate, x) > psnr(A.pinv(y), x) + 2


@pytest.mark.parametrize("call, message", [
    (lambda: dip_tv(Y, weight=-1), "weight"),
    (lambda: deep_red(Y, nlm, mu=0), "mu"),
    (lambda: deep_red(Y, nlm, every=0), "every"),
    (lambda: sgld_dip(Y, weight_noise=-1), "weight_noise"),
    (lambda: Posterior(burn_in=-1), "burn_in"),
    (lambda: deep_decoder(width=0), "width"),
])  # fmt: skip
def test_bad_settings_are_refused_before_any_compute(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class WithoutInverse:
    """The least that a forward model has."""

    def __call__(self, x):
        return x

    def adjoint(self, y):
        return y


@pytest.mark.parametrize(
    "call",
    [lambda A, **given: bp_dip(Y, A, **given), lambda A, **given: dip_sure(Y, SIGMA, A, **given)],
    ids=["BP-DIP", "DIP-SURE"],
)
def test_a_forward_model_without_pinv_is_refused_unless_one_is_given(call):
    with pytest.raises(TypeError, match="pinv"):
        call(WithoutInverse())
    first(call(WithoutInverse(), pinv=lambda r: r))


def test_dip_sure_refuses_a_forward_model_without_adjoint_picture():
    A = WithoutInverse()
    A.adjoint = lambda y: None
    with pytest.raises(TypeError, match=r"A\.adjoint"):
        dip_sure(Y, SIGMA, A, pinv=lambda r: r)


def test_numpys_small_whole_numbers_do_not_overflow():
    rule = Posterior(np.uint8(200), every=np.uint8(3))
    for iteration in range(255, 300):
        rule.observe(Step(iteration, 300, 0.1, Y), Y)
    assert rule.pictures == 15
