"""Risks without truth: each is right in the mean, for a filter, a threshold and a network."""

import math

import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.fitting.risks import divergence, esure, gsure, probe, pure, sure
from dil_course.from_scratch import dip_sure
from dil_course.networks import small_skip_network
from dil_course.signals import (
    Blur,
    Downsample,
    Mask,
    add_correlated,
    add_gaussian,
    add_poisson,
    gaussian_kernel,
    picture,
    psnr,
)

SIGMA = 25 / 255
X = picture("coffee", 32).double()
KERNEL = gaussian_kernel(5, 0.8).double()


def soft(y, threshold=0.1):
    return 0.5 + torch.sign(y - 0.5) * ((y - 0.5).abs() - threshold).clamp(min=0)


with runtime.seeded(0):
    SMALL = small_skip_network(3, 3, width=12, skip=2).double().requires_grad_(False)
DENOISERS = {"filter": Blur(KERNEL), "soft": soft, "network": lambda y: y + 0.5 * (SMALL(y) - y)}
each_denoiser = pytest.mark.parametrize("f", DENOISERS.values(), ids=DENOISERS)


def differences(risk, error, observe, draws=200):
    """Estimated less true error, over many draws of the noise."""
    values = [risk(observe(seed)).item() - error(observe(seed)).item() for seed in range(draws)]
    return torch.tensor(values, dtype=torch.float64)


def assert_unbiased(values, term):
    """Mean zero within four standard errors, so small against `term` that a wrong factor would be seen."""
    error = values.std() / math.sqrt(len(values))
    assert error < 0.03 * term, f"too few draws: {error:.2g} of {term:.2g}"
    assert values.mean().abs() < 4 * error, f"{values.mean():.3g} is more than four times {error:.2g}"


def noisy(seed):
    return add_gaussian(X, SIGMA, seed=seed)


@each_denoiser
def test_sure_is_the_true_error_in_the_mean(f):
    term = 2 * SIGMA**2 * divergence(f, noisy(0), probes=20).item() / X.numel()
    assert_unbiased(
        differences(lambda y: sure(f, y, SIGMA), lambda y: (f(y) - X).square().mean(), noisy), term
    )


@each_denoiser
def test_esure_is_the_true_error_of_the_noisier_input(f):
    w = 0.05 * torch.randn(X.shape, generator=torch.Generator().manual_seed(1), dtype=X.dtype)
    term = 2 * SIGMA**2 * divergence(f, noisy(0) + w, probes=20).item() / X.numel()
    assert_unbiased(
        differences(lambda y: esure(f, y, w, SIGMA), lambda y: (f(y + w) - X).square().mean(), noisy), term
    )


@pytest.mark.parametrize("f", [DENOISERS["filter"], DENOISERS["network"]], ids=["filter", "network"])
@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_pure_is_the_true_error_for_photons(f, sigma):
    def observe(seed):
        return add_poisson(X.clamp(0, 1), 50, seed=seed) + sigma * torch.randn(
            X.shape, generator=runtime.generator(seed, "read-out"), dtype=X.dtype
        )

    y = observe(0)
    variance = y / 50 + sigma**2
    b = probe(y)
    term = 2 * (variance * b * (f(y + 1e-3 * b) - f(y)) / 1e-3).mean().abs().item()
    assert_unbiased(
        differences(lambda y: pure(f, y, 50, sigma), lambda y: (f(y) - X).square().mean(), observe), term
    )


def test_pure_tells_bright_pixels_from_dark_ones_where_one_sigma_does_not():
    bright = (X.median() < X).double()

    def f(y):
        return bright * y + (1 - bright) * Blur(KERNEL)(y)

    values = {"pure": [], "sure": []}
    for seed in range(60):
        y = add_poisson(X.clamp(0, 1), 30, seed=seed)
        truth = (f(y) - X).square().mean().item()
        values["pure"].append(pure(f, y, 30).item() / truth)
        values["sure"].append(sure(f, y, math.sqrt(X.mean().item() / 30)).item() / truth)
    means = {name: sum(ratios) / 60 for name, ratios in values.items()}
    assert abs(means["pure"] - 1) < 0.03 < 0.08 < abs(means["sure"] - 1)


HOLES = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.6).double()
OPERATORS = {
    "mask": (Mask(HOLES), None),
    "blur": (Blur(gaussian_kernel(3, 0.4)), None),
    "tame blur": (Blur(gaussian_kernel(5, 1.0)), 0.1),
    "downsample": (Downsample(2), None),
}


@pytest.mark.parametrize(("A", "epsilon"), OPERATORS.values(), ids=OPERATORS)
def test_gsure_is_the_true_error_in_what_the_operator_sees(A, epsilon):
    W = A.pinv if epsilon is None else lambda r: A.pinv(r, epsilon=epsilon)

    def f(y):  # neither linear nor blind to what A does not see
        return torch.tanh(1.5 * Blur(KERNEL)(A.adjoint(y))) + 0.1

    def observe(seed):
        return add_gaussian(A(X), SIGMA, seed=seed)

    y, b = observe(0), probe(observe(0))
    term = 2 * SIGMA**2 * (W(b) * W(A(f(y + 1e-3 * b) - f(y))) / 1e-3).mean().abs().item()
    assert_unbiased(
        differences(
            lambda y: gsure(f, y, A, SIGMA, W), lambda y: W(A(f(y) - X)).square().mean(), observe, 300
        ),
        term,
    )
    if epsilon is None:
        assert gsure(f, y, A, SIGMA, b=b) == gsure(f, y, A, SIGMA, W, b=b)


def test_gsure_does_not_judge_the_null_space():
    A, b = Mask(HOLES), probe(X)
    y = A(noisy(0))
    values = [
        gsure(lambda y, hidden=hidden: A(Blur(KERNEL)(y)) + (1 - HOLES) * hidden, y, A, SIGMA, b=b)
        for hidden in (0.0, 7.0)
    ]
    assert values[0] == values[1]


def test_divergence_is_the_trace_of_the_jacobian():
    y = X[..., :8, :8]
    for f in (soft, torch.sin, Blur(gaussian_kernel(3, 0.6))):
        jacobian = torch.autograd.functional.jacobian(f, y).reshape(y.numel(), y.numel())
        assert divergence(f, y, epsilon=1e-6, probes=2000).item() == pytest.approx(
            jacobian.trace().item(), rel=0.03
        )


def test_divergence_of_a_network_is_the_trace_of_its_jacobian():
    y = X[..., :8, :8]
    with runtime.seeded(0):
        f = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv2d(6, 3, 3, padding=1)
        ).double()
    jacobian = torch.autograd.functional.jacobian(f, y).reshape(y.numel(), y.numel())
    symmetric = (jacobian + jacobian.T) / 2
    # Of b^T J b for random signs, the variance is twice the sum of squares of the symmetric part, without its
    # diagonal.
    error = math.sqrt(2 * (symmetric.square().sum() - symmetric.diagonal().square().sum()).item() / 1000)
    assert error < 0.1 * jacobian.trace().abs()
    assert divergence(f, y, epsilon=1e-6, probes=1000).item() == pytest.approx(
        jacobian.trace().item(), abs=4 * error
    )


def test_the_smallest_step_of_32_bit_numbers_still_gives_the_divergence():
    y = noisy(0).float().clamp(0, 1)
    assert divergence(lambda y: 0.9 * y, y, epsilon=2e-6).item() == pytest.approx(0.9 * y.numel(), rel=0.02)


def test_closed_forms_of_filter_and_threshold():
    y = noisy(0)
    assert divergence(Blur(KERNEL), y, probes=200).item() == pytest.approx(
        KERNEL[2, 2].item() * y.numel(), rel=0.02
    )
    survivors = ((y - 0.5).abs() > 0.1).sum().item()
    assert divergence(soft, y, epsilon=1e-8).item() == pytest.approx(survivors, rel=1e-3)
    expected = (soft(y) - y).square().mean() - SIGMA**2 + 2 * SIGMA**2 * survivors / y.numel()
    assert sure(soft, y, SIGMA, epsilon=1e-8).item() == pytest.approx(expected.item(), rel=1e-3)


def test_wrong_sigma_biases_sure_as_the_formula_says():
    y, b, f = noisy(0), probe(X), Blur(KERNEL)
    share = (b * f(b)).mean()
    for wrong in (0.5, 2):
        off = (sure(f, y, wrong * SIGMA, b) - sure(f, y, SIGMA, b)).item()
        assert off == pytest.approx(((wrong**2 - 1) * SIGMA**2 * (2 * share - 1)).item(), rel=1e-6)


def test_noise_that_neighbours_share_makes_sure_too_low():
    f = Blur(KERNEL)
    values = differences(
        lambda y: sure(f, y, SIGMA),
        lambda y: (f(y) - X).square().mean(),
        lambda seed: add_correlated(X, SIGMA, gaussian_kernel(5, 0.7), seed),
        30,
    )
    assert values.mean() < -0.2 * SIGMA**2


def test_a_probe_of_the_noise_makes_sure_right_where_neighbours_share_it():
    kernel, f, probes = gaussian_kernel(5, 0.7), Blur(KERNEL), iter(range(1000, 2000))

    def like_the_noise():
        return add_correlated(torch.zeros_like(X), 1, kernel, next(probes))

    b = like_the_noise()
    values = differences(
        lambda y: sure(f, y, SIGMA, like_the_noise()),
        lambda y: (f(y) - X).square().mean(),
        lambda seed: add_correlated(X, SIGMA, kernel, seed),
    )
    assert_unbiased(values, 2 * SIGMA**2 * (b * f(b)).mean().item())


def test_sure_has_a_gradient_and_a_network_with_a_fixed_input_has_no_divergence():
    weight = torch.tensor(0.5, requires_grad=True, dtype=torch.float64)
    y = noisy(0)
    sure(lambda y: weight * y, y, SIGMA, probe(y)).backward()
    # SURE of w y is (w - 1)^2 mean y^2 - sigma^2 + 2 sigma^2 w.
    assert weight.grad.item() == pytest.approx((-y.square().mean() + 2 * SIGMA**2).item(), rel=1e-6)
    assert divergence(lambda y: SMALL(0 * y), y) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("coffee", 0), ("chelsea", 1)])
def test_sure_holds_its_peak_where_the_plain_loss_collapses(name, seed):
    x = picture(name, 64)
    y = add_gaussian(x, SIGMA, seed=seed)
    plain = run(
        dip_sure(
            y, SIGMA, iterations=200, seed=seed, risk=lambda f, y, b, output: (output - y).square().mean()
        ),
        truth=x,
    ).history["psnr"]
    stein = run(dip_sure(y, SIGMA, iterations=400, seed=seed), truth=x).history["psnr_average"]
    assert max(plain) - plain[-1] > 3
    assert max(stein) - stein[-1] < 0.5  # so small a picture; 128 px stay within 0.3 (lesson 06)
    assert stein[-1] > max(plain) + 2


@pytest.mark.slow
def test_gsure_and_pure_train_a_network():
    x = picture("coffee", 64)
    A = Blur(gaussian_kernel(9, 1.0))
    y = add_gaussian(A(x), 20 / 255)
    settings = dict(iterations=300, A=A, pinv=lambda r: A.pinv(r, epsilon=0.1))
    assert psnr(run(dip_sure(y, 20 / 255, **settings)).estimate, x) > psnr(y, x) + 4
    counts = add_poisson(x, 30)
    risk = lambda f, y, b, output: pure(f, y, 30, b=b, output=output)  # noqa: E731
    assert psnr(run(dip_sure(counts, 0.0, iterations=300, risk=risk)).estimate, x) > psnr(counts, x) + 6


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2])
def test_a_wrong_sigma_costs_decibels(factor):
    x = picture("coffee", 64)
    y = add_gaussian(x, SIGMA)
    right, wrong = (
        psnr(run(dip_sure(y, told, iterations=200)).estimate, x) for told in (SIGMA, factor * SIGMA)
    )
    assert wrong < right - 1


def test_extra_noise_is_fresh_and_never_reaches_the_target():
    y = add_gaussian(picture("coffee", 32), SIGMA)
    seen = []

    def risk(f, y, b, output):
        seen.append((y, output))
        assert torch.equal(f(y), output), "one iteration sees one draw of the extra noise"
        return (output - y).square().mean()

    list(dip_sure(y, SIGMA, extra_noise=0.1, iterations=3, risk=risk))
    assert all(torch.equal(target, y) for target, _ in seen)
    plain = next(iter(dip_sure(y, SIGMA)))
    noisier = next(iter(dip_sure(y, SIGMA, extra_noise=0.1)))
    assert not torch.equal(plain.estimate, noisier.estimate)


class FixedInput(torch.nn.Module):
    """A network as the deep image prior has it: it is never shown y."""

    input_channels, output_channels, scales = 3, 3, 2

    def __init__(self):
        super().__init__()
        with runtime.seeded(0):
            self.network, self.z = small_skip_network(3, 3), torch.rand(1, 3, 32, 32)

    def forward(self, y):
        return self.network(self.z)


def test_sure_of_a_fixed_input_is_the_training_loss_and_falls_below_the_true_error():
    x = X.float()
    y = add_gaussian(x, SIGMA)
    for step in dip_sure(y, SIGMA, network=FixedInput(), iterations=120, fast=False):
        assert step.loss.item() == pytest.approx(
            (step.estimate - y).square().mean().item() - SIGMA**2, abs=1e-6
        )
    assert step.loss < -0.4 * SIGMA**2 < 0.4 * SIGMA**2 < (step.estimate - x).square().mean()


def test_dip_sure_minimises_gsure_of_a_function_of_y_with_fresh_probes():
    x = X.float()
    A = Blur(gaussian_kernel(5, 1.0))
    y, probes = add_gaussian(A(x), SIGMA), []

    def W(r):
        return A.pinv(r, epsilon=0.1)

    def risk(f, y, b, output):
        assert not torch.equal(f(y + 0.1 * b), output), "the network is shown y"
        probes.append(b)
        return gsure(f, y, A, SIGMA, W, b, output=output)

    own = [step.loss for step in dip_sure(y, SIGMA, A, W, iterations=3, fast=False)]
    assert own == [step.loss for step in dip_sure(y, SIGMA, A, W, iterations=3, fast=False, risk=risk)]
    assert not torch.equal(probes[0], probes[1])


class NoInverse:
    """A forward model of a reader's own, with no more than methods must have."""

    def __call__(self, x):
        return x

    def adjoint(self, y):
        return y


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: sure(soft, X[0], SIGMA), ValueError, "y: expected one picture"),
    (lambda: sure(soft, X, -1.0), ValueError, "sigma"),
    (lambda: sure(soft, X, "a"), TypeError, "sigma"),
    (lambda: sure(lambda y: y[..., :16], X, SIGMA), ValueError, "A\\(f\\(y\\)\\)"),
    (lambda: sure(soft, X, SIGMA, b=torch.ones(1, 3, 16, 16)), ValueError, "b is"),
    (lambda: sure(soft, X, SIGMA, epsilon=0), ValueError, "epsilon"),
    (lambda: esure(soft, X, X[..., :16], SIGMA), ValueError, "w is"),
    (lambda: gsure(soft, X, NoInverse(), SIGMA), TypeError, "NoInverse has no pinv"),
    (lambda: pure(soft, X, 0), ValueError, "peak"),
    (lambda: divergence(soft, X, probes=0), ValueError, "probes"),
    (lambda: sure(soft, X, SIGMA, b=torch.full_like(X, math.nan)), ValueError, "b: .* NaN"),
    (lambda: pure(soft, X, 30, b=torch.full_like(X, math.nan)), ValueError, "b: .* NaN"),
    (lambda: pure(soft, X.float(), 30, sigma=1e18), ValueError, "sigma"),
    (lambda: pure(torch.sqrt, torch.zeros_like(X), 30), ValueError, "f\\(y \\+ epsilon b\\): .* NaN"),
    (lambda: divergence(torch.sqrt, torch.zeros_like(X)), ValueError, "f\\(y \\+ epsilon b\\): .* NaN"),
    (lambda: sure(soft, X.half(), 1e6), TypeError, "y: expected float32 or float64"),
    (lambda: divergence(soft, X.bfloat16()), TypeError, "y: expected float32 or float64"),
    (lambda: divergence(soft, X.float(), epsilon=1e-9), ValueError, "epsilon"),
    (lambda: sure(soft, X.float(), SIGMA, epsilon=1e-12), ValueError, "epsilon"),
    (lambda: dip_sure(X.float(), -1), ValueError, "sigma"),
    (lambda: dip_sure(X.float(), SIGMA, extra_noise=-1), ValueError, "extra_noise"),
    (lambda: dip_sure(X.float(), SIGMA, network=small_skip_network(1, 1)), ValueError, "1 to 1 channels"),
    (lambda: dip_sure(X[..., :8].float(), SIGMA), ValueError, "too few"),
])  # fmt: skip
def test_bad_input_is_refused_before_any_compute(call, error, message):
    with pytest.raises(error, match=message):
        call()
