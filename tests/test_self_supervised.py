"""Self-supervised denoising: masks hide what they say, pairs are independent, and methods learn, or break.

Every method breaks where theory says that it must.
"""

import itertools

import pytest
import torch
from torch.nn import functional as F

from dil_course import runtime
from dil_course.fitting import run
from dil_course.fitting.stopping import HeldOut
from dil_course.from_scratch import (
    blind,
    calibrate,
    dip_sure,
    held_out,
    neighbor2neighbor,
    noise2fast,
    noise2noise,
    noise2self,
    noise2void,
    non_local_means,
    recorrupted2recorrupted,
    self2self,
    zero_shot_noise2noise,
)  # fmt: skip
from dil_course.from_scratch.self_supervised import blind_spot, subsampling
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt
from dil_course.networks import PartialUNet, conv_decoder, small_skip_network
from dil_course.networks.partial import PartialConvolution
from dil_course.signals import add_correlated, add_gaussian, gaussian_kernel, picture, psnr

SIGMA = 25 / 255
X = picture("coffee", 64)
Y, OTHER = add_gaussian(X, SIGMA, seed=0), add_gaussian(X, SIGMA, seed=100)
SMALL = Y[..., :32, :32].clone()

METHODS = {
    "noise2noise": lambda y, **settings: noise2noise(y, y.roll(1, -1), **settings),
    "recorrupted2recorrupted": lambda y, **settings: recorrupted2recorrupted(y, SIGMA, **settings),
    "noise2void": noise2void,
    "noise2self": noise2self,
    "neighbor2neighbor": neighbor2neighbor,
    "zero_shot_noise2noise": zero_shot_noise2noise,
    "noise2fast": noise2fast,
    "self2self": self2self,
    "dip_sure": lambda y, **settings: dip_sure(y, SIGMA, **settings),
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def network(channels=3):
    with runtime.seeded(0):
        return small_skip_network(channels, channels)


def forgetful(**settings):
    with runtime.seeded(0):
        return PartialUNet(3, width=8, scales=2, **settings)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


# What all methods share


@each_method
def test_same_seed_gives_the_same_numbers_and_leaves_the_global_ones_alone(method):
    before = torch.get_rng_state()
    runs = [[step.estimate for step in method(Y, seed=seed, iterations=3)] for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(*runs[:2], strict=True))
    assert not torch.equal(runs[0][-1], runs[2][-1])


@each_method
@pytest.mark.parametrize(("y", "settings", "error"), [
    (Y[0], {}, ValueError),
    ((255 * Y.clamp(0, 1)).byte(), {}, TypeError),
    (255 * Y, {}, ValueError),
    (Y * float("nan"), {}, ValueError),
    (Y[..., :3, :3], {}, ValueError),
    (Y, {"iterations": 0}, ValueError),
    (Y, {"iterations": 2.5}, TypeError),
    (Y, {"learning_rate": -1.0}, ValueError),
    (Y, {"seed": "a"}, TypeError),
], ids=["3-d", "bytes", "0-255", "nan", "tiny", "no iterations", "2.5 iterations", "rate",
"seed"])  # fmt: skip
def test_bad_input_is_refused_before_any_compute(method, y, settings, error):
    with pytest.raises(error):
        method(y, **settings)


@pytest.mark.parametrize("call", [
    lambda: noise2noise(Y, OTHER[..., :32]),
    lambda: noise2void(Y, share=0),
    lambda: recorrupted2recorrupted(Y, -1),
    lambda: recorrupted2recorrupted(Y, SIGMA, alpha=0),
    lambda: self2self(Y, keep=0),
    lambda: neighbor2neighbor(Y, gamma=-1),
    lambda: noise2fast(torch.full((1, 1, 64, 64), 0.5)),
    lambda: noise2self(Y, network=network(1)),
    lambda: calibrate(non_local_means, Y, []),
    lambda: PartialUNet(dropout=1.0),
])  # fmt: skip
def test_bad_settings_are_refused(call):
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize(
    "method",
    [method for name, method in METHODS.items() if name not in ("zero_shot_noise2noise", "self2self")],
)
def test_a_network_for_other_channels_is_refused(method):
    with pytest.raises(ValueError, match="1 to 1 channels"):
        method(Y, network=network(1))


@each_method
def test_gray_and_odd_sides_work(method):
    y = add_gaussian(picture("camera", 67), SIGMA)[..., :65, :]
    assert [step.estimate.shape for step in method(y, iterations=2)] == [y.shape] * 2


@each_method
def test_random_streams_are_each_methods_own_and_none_is_that_of_the_noise(method, monkeypatch):
    purposes, made = [], runtime.generator

    def recorded(seed, purpose, device="cpu"):
        purposes.append(purpose)
        return made(seed, purpose, device)

    monkeypatch.setattr(runtime, "generator", recorded)
    next(iter(method(Y, iterations=1)))
    assert len(set(purposes)) == len(purposes) and "noise" not in purposes


@pytest.mark.parametrize("method", [noise2self, neighbor2neighbor, noise2fast])
def test_only_the_loss_has_a_gradient(method):
    made, calls = network(), []
    made.register_forward_pre_hook(lambda module, given: calls.append(torch.is_grad_enabled()))
    list(itertools.islice(method(Y, network=made), 17))
    assert calls.count(True) == 17, "one image an iteration is fitted, the others are only shown"


# Pairs


def test_noise2noise_predicts_the_other_picture_both_ways():
    first, second = itertools.islice(
        noise2noise(Y, OTHER, network=network(), learning_rate=1e-12, fast=False), 2
    )
    torch.testing.assert_close(first.loss, (network()(Y) - OTHER).square().mean())
    torch.testing.assert_close(second.loss, (network()(OTHER) - Y).square().mean())


@pytest.mark.parametrize(("factor", "alpha"), [(1, 0.5), (2, 0.5), (0.5, 0.3)])
def test_recorrupted_noises_are_uncorrelated_only_for_the_right_sigma(factor, alpha):
    n, z = (torch.randn(1, 1, 1000, 1000, generator=draw(seed), dtype=torch.float64) for seed in (0, 1))
    a, b = recorrupt(n, factor * z, alpha)
    assert (a * b).mean().item() == pytest.approx(1 - factor**2, abs=0.02)
    assert a.var().item() == pytest.approx(1 + (alpha * factor) ** 2, rel=0.01)
    assert b.var().item() == pytest.approx(1 + (factor / alpha) ** 2, rel=0.01)


def test_recorrupted_loss_is_to_the_target_with_the_noise_taken_the_other_way():
    made, sources = network(), []
    made.register_forward_pre_hook(lambda module, given: sources.append(given[0].clone()))
    for step in recorrupted2recorrupted(Y, SIGMA, alpha=0.5, network=made, iterations=3, fast=False):
        z = (sources[-1] - Y) / 0.5
        assert z.std().item() == pytest.approx(SIGMA, rel=0.05)
        torch.testing.assert_close(step.loss, (step.estimate - (Y - z / 0.5)).square().mean())
    assert not torch.allclose(sources[0], sources[1]), "z is drawn anew"


# Hidden pixels

DISTINCT = torch.arange(40 * 44.0).reshape(1, 1, 40, 44) / 2000


def test_strangers_are_neighbours_and_never_the_pixel_itself():
    seen = set()
    for seed in range(40):
        taken = (2000 * blind_spot.strangers(DISTINCT, draw(seed))).round().long()[0, 0]
        row, column = taken // 44, taken % 44
        down, right = row - torch.arange(40)[:, None], column - torch.arange(44)
        assert (down.abs() <= 5).all() and (right.abs() <= 5).all()
        assert not ((down == 0) & (right == 0)).any()
        seen |= set(
            zip(down[10:30, 10:30].flatten().tolist(), right[10:30, 10:30].flatten().tolist(), strict=True)
        )
    assert len(seen) == 11 * 11 - 1


def test_hidden_pixels_are_as_many_as_asked_for_and_at_least_one():
    share = torch.cat(
        [blind_spot.hide(Y, 0.015, draw(seed)).float().mean()[None] for seed in range(50)]
    ).mean()
    assert share.item() == pytest.approx(0.015, rel=0.05)
    assert blind_spot.hide(Y, 1e-6, draw()).sum() >= 1


def test_grids_cover_every_pixel_once():
    total = sum(blind_spot.grid(Y[..., :41, :43], phase).int() for phase in range(16))
    assert total.shape == (1, 1, 41, 43) and (total == 1).all()


def test_neighbour_mean_does_not_see_the_pixel():
    y = Y.clone().requires_grad_()
    blind_spot.neighbour_mean(y)[0, 1, 20, 30].backward()
    assert (
        y.grad[0, 1, 20, 30] == 0 and y.grad[0, 1].sum().item() == pytest.approx(1) and not y.grad[0, 0].any()
    )
    assert y.grad[0, 1, 20, 29].item() == pytest.approx(2 * y.grad[0, 1, 19, 29].item())


def test_loss_is_taken_at_hidden_pixels_and_inputs_hide_them(monkeypatch):
    masks, inputs = [], []
    monkeypatch.setattr(blind_spot, "masked_mean", lambda x, mask: (masks.append(mask), (x * mask).sum())[1])
    made = network()
    made.register_forward_pre_hook(lambda module, given: inputs.append(given[0].clone()))
    list(noise2self(Y, network=made, iterations=80, fast=False))
    assert not any((mask & held_out(Y)).any() for mask in masks), "the held-out grid is never learned from"
    assert len({tuple(mask[0, 0, :4, :4].flatten().tolist()) for mask in masks}) == 15
    for given in inputs:
        changed = (given != Y).any(1)[0]
        assert changed.float().mean().item() == pytest.approx(1 / 16, abs=0.005)


@pytest.mark.parametrize("method", [noise2self, noise2void])
def test_masked_loss_does_not_feel_the_other_pixels(method, monkeypatch):
    given = []
    original = blind_spot.masked_mean
    monkeypatch.setattr(
        blind_spot, "masked_mean", lambda x, mask: (given.append((x.detach(), mask)), original(x, mask))[1]
    )
    loss = next(iter(method(Y, fast=False))).loss
    squares, mask = given[0]
    torch.testing.assert_close(loss, squares[mask.expand_as(squares)].mean())


@pytest.mark.parametrize("method", [noise2self, noise2void])
def test_the_pixels_that_are_judged_are_those_that_were_hidden_and_no_others(method, monkeypatch):
    masks, inputs, made = [], [], network(1)
    original = blind_spot.masked_mean
    monkeypatch.setattr(blind_spot, "masked_mean", lambda x, mask: (masks.append(mask), original(x, mask))[1])
    distinct = DISTINCT.flatten()[torch.randperm(DISTINCT.numel(), generator=draw())].reshape(DISTINCT.shape)
    made.register_forward_pre_hook(
        lambda module, given: inputs.append(given[0].clone()) if torch.is_grad_enabled() else None
    )
    list(method(distinct, network=made, iterations=20, fast=False))
    assert len(masks) == len(inputs) == 20 and all(mask.any() for mask in masks)
    assert all(torch.equal(given != distinct, mask) for given, mask in zip(inputs, masks, strict=True))


def test_noise2self_estimate_is_blind():
    made = network()
    with torch.no_grad():
        for weights in made.parameters():
            weights.requires_grad_(False)
    steps = noise2self(Y, network=network(), iterations=200, learning_rate=1e-12, fast=False)
    estimate = list(steps)[-1].estimate
    torch.testing.assert_close(estimate, blind(made)(Y), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "denoiser",
    [lambda y: y, lambda y: non_local_means(y, SIGMA), lambda y: F.avg_pool2d(y, 3, 1, 1)],
    ids=["identity", "nlm", "box"],
)
def test_blind_denoiser_does_not_see_the_pixel_it_guesses(denoiser):
    poked = SMALL.clone()
    poked[..., 13, 18] += 0.3
    f = blind(denoiser)
    assert torch.equal(f(SMALL)[..., 13, 18], f(poked)[..., 13, 18])
    assert not torch.equal(denoiser(SMALL)[..., 13, 18], denoiser(poked)[..., 13, 18])
    assert not torch.equal(f(SMALL), f(poked))


@pytest.mark.parametrize("seed", range(3))
def test_calibration_curve_is_the_true_error_plus_the_variance(seed):
    y = add_gaussian(X, SIGMA, seed=seed)
    values = [0.2, 0.5, 0.8, 1.2, 2.0]

    def denoiser(y, strength):
        return non_local_means(y, SIGMA, strength=strength)

    chosen, errors = calibrate(denoiser, y, values)
    truth = [(blind(lambda y, v=v: denoiser(y, v))(y) - X).square().mean().item() for v in values]
    assert all(
        abs(error - true - SIGMA**2) < 0.06 * SIGMA**2 for error, true in zip(errors, truth, strict=True)
    )
    assert abs(values.index(chosen) - truth.index(min(truth))) <= 1


def test_held_out_pixels_are_predicted_anew_every_sixteen_iterations():
    grid, shown = held_out(Y).expand_as(Y), [step.estimate for step in noise2self(Y, iterations=34)]
    changes = [i + 1 for i in range(1, 34) if not torch.equal(shown[i][grid], shown[i - 1][grid])]
    assert changes == [17, 33]


def test_held_out_grid_can_stop_the_run():
    result = run(noise2self(Y, iterations=500), truth=X, stop=HeldOut(Y, held_out(Y), patience=80))
    assert "held-out" in result.why
    assert psnr(result.estimate, X) > max(result.history["psnr_average"]) - 0.5


# Pixels taken apart


def test_quarters_diagonals_and_chequerboard_are_what_a_plain_loop_makes():
    y = DISTINCT[..., :6, :8]
    quarters = subsampling.quarters(y)
    black, white = subsampling.chequerboard(y)
    for row, column in itertools.product(range(3), range(4)):
        cell = y[0, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert [quarter[0, 0, row, column] for quarter in quarters] == cell.flatten().tolist()
        one, two = subsampling.diagonals(y)
        assert one[0, 0, row, column] == pytest.approx(((cell[0, 1] + cell[1, 0]) / 2).item())
        assert two[0, 0, row, column] == pytest.approx(((cell[0, 0] + cell[1, 1]) / 2).item())
    for row in range(6):
        assert black[0, 0, row].tolist() == [
            y[0, 0, row, column].item() for column in range(8) if (row + column) % 2 == 0
        ]
        assert white[0, 0, row].tolist() == [
            y[0, 0, row, column].item() for column in range(8) if (row + column) % 2 == 1
        ]


def test_diagonals_are_the_papers_convolutions():
    kernels = torch.tensor([[[[0, 0.5], [0.5, 0]]], [[[0.5, 0], [0, 0.5]]]])
    for mine, kernel in zip(subsampling.diagonals(Y), kernels, strict=True):
        torch.testing.assert_close(mine, F.conv2d(Y, kernel.expand(3, 1, 2, 2), stride=2, groups=3))


def test_noise_network_has_the_papers_number_of_weights():
    assert sum(weights.numel() for weights in subsampling.noise_network(3).parameters()) == 22_275


def test_neighbours_of_a_cell_touch(monkeypatch):
    taken = []
    original = subsampling.two_of_each_cell
    monkeypatch.setattr(
        subsampling, "two_of_each_cell", lambda y, pairs: (taken.append(pairs), original(y, pairs))[1]
    )
    list(neighbor2neighbor(Y, iterations=3))
    for a, b in taken:
        assert ((a // 2 - b // 2).abs() + (a % 2 - b % 2).abs() == 1).all()
    assert len({(int(i), int(j)) for i, j in taken[0].flatten(1).T}) == 8
    pair = original(DISTINCT, torch.stack([torch.zeros(20, 22).long(), torch.full((20, 22), 3)]))
    assert torch.equal(pair[0], DISTINCT[..., ::2, ::2]) and torch.equal(pair[1], DISTINCT[..., 1::2, 1::2])


def test_neighbor2neighbor_loss_is_the_papers_and_its_price_rises(monkeypatch):
    taken, original = [], subsampling.two_of_each_cell
    monkeypatch.setattr(
        subsampling, "two_of_each_cell", lambda y, pairs: (taken.append(pairs), original(y, pairs))[1]
    )
    f, gamma = network(), 3.0
    for step in neighbor2neighbor(
        Y, gamma=gamma, iterations=3, network=network(), learning_rate=1e-12, fast=False
    ):
        with torch.no_grad():
            (g1, g2), (f1, f2) = original(Y, taken[-1]), original(f(Y), taken[-1])
            expected = F.mse_loss(f(g1), g2) + gamma * step.iteration / 3 * F.mse_loss(f(g1) - g2, f1 - f2)
        torch.testing.assert_close(step.loss, expected, rtol=1e-3, atol=0)


def test_zero_shot_noise2noise_loss_is_the_papers_and_its_rate_is_halved_once(monkeypatch):
    with runtime.seeded(0):
        made = subsampling.noise_network(3)

    def halves(y):
        kernels = torch.tensor([[[0, 0.5], [0.5, 0]], [[0.5, 0], [0, 0.5]]])
        return [F.conv2d(y, kernel.expand(3, 1, 2, 2), stride=2, groups=3) for kernel in kernels]

    def f(y):
        return y - made(y)

    with torch.no_grad():
        (y1, y2), (d1, d2) = halves(Y), halves(f(Y))
        residual = F.mse_loss(f(y1), y2) + F.mse_loss(f(y2), y1)
        expected = (residual + F.mse_loss(f(y1), d1) + F.mse_loss(f(y2), d2)) / 2
        estimate = f(Y)
    rates, original = [], subsampling.Descent

    def recorded(engine, *rest):
        for step in original(engine, *rest):
            rates.append(engine.learning_rate)
            yield step

    monkeypatch.setattr(subsampling, "Descent", recorded)
    steps = list(zero_shot_noise2noise(Y, network=made, iterations=4, learning_rate=1e-3, fast=False))
    torch.testing.assert_close(steps[0].loss, expected)
    torch.testing.assert_close(steps[0].estimate, estimate)
    assert rates == [1e-3, 1e-3, 5e-4, 5e-4]


def test_noise2fast_learns_both_halves_along_rows_and_columns_by_cross_entropy():
    f = network()
    stretched = (Y - Y.min()) / (Y.max() - Y.min())
    halves = [
        subsampling.chequerboard(stretched),
        [half.mT for half in subsampling.chequerboard(stretched.mT)],
    ]
    with torch.no_grad():
        expected = [F.binary_cross_entropy(f(pair[i]), pair[1 - i]).item() for pair in halves for i in (0, 1)]
        estimate = Y.min() + (Y.max() - Y.min()) * f(stretched)
    steps = list(noise2fast(Y, network=network(), iterations=30, learning_rate=1e-12, fast=False))
    nearest = [min(range(4), key=lambda i: abs(expected[i] - step.loss.item())) for step in steps]
    assert all(
        step.loss.item() == pytest.approx(expected[i], rel=1e-5)
        for step, i in zip(steps, nearest, strict=True)
    )
    assert set(nearest) == {0, 1, 2, 3}
    torch.testing.assert_close(steps[0].estimate, estimate)


def test_noise2fast_ends_a_hundred_iterations_after_its_best():
    steps = list(noise2fast(Y, iterations=600))
    misfits = [(step.estimate - Y).square().mean().item() for step in steps]
    assert len(steps) == misfits.index(min(misfits)) + 1 + subsampling.PATIENCE < 600


# Self2Self


def test_partial_convolution_is_an_ordinary_one_where_all_is_known():
    convolution = PartialConvolution(3, 5)
    x = torch.rand(1, 3, 9, 9, generator=draw())
    result, known = convolution(x, torch.ones_like(x))
    torch.testing.assert_close(result, convolution.convolution(x))
    assert (known == 1).all()


def test_partial_convolution_makes_up_for_missing_numbers():
    convolution = PartialConvolution(1, 1)
    torch.nn.init.constant_(convolution.convolution.weight, 1 / 9)
    torch.nn.init.zeros_(convolution.convolution.bias)
    known = (torch.rand(1, 1, 12, 12, generator=draw()) < 0.5).float()
    result, seen = convolution(torch.full((1, 1, 12, 12), 0.7), known)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(result[inside], 0.7 * seen[inside])
    single = torch.zeros(1, 1, 5, 5)
    single[..., 2, 3] = 1
    assert torch.equal(convolution(single, single)[1], F.max_pool2d(single, 3, 1, 1)), (
        "known as soon as one of the window is"
    )
    nothing, unseen = convolution(torch.ones(1, 1, 5, 5), torch.zeros(1, 1, 5, 5))
    assert not nothing.any() and not unseen.any()


def test_network_never_sees_missing_numbers_and_forgets_anew_each_time():
    made, known = forgetful(), (torch.rand(Y.shape, generator=draw()) < 0.7).float()
    once, again, other = (
        made(y, known, draw(seed)) for y, seed in ((Y, 1), (Y + 5 * (1 - known), 1), (Y, 2))
    )
    assert torch.equal(once, again) and not torch.equal(once, other)


def test_forgetting_drops_the_asked_share_and_keeps_the_mean():
    x = forgetful(dropout=0.3)._forget(torch.ones(1, 8, 64, 64), draw())
    assert set(x.unique().tolist()) == {0.0, x.max().item()} and x.max().item() == pytest.approx(1 / 0.7)
    assert (x == 0).float().mean().item() == pytest.approx(0.3, abs=0.015)
    assert x.mean().item() == pytest.approx(1, abs=0.02)


def test_self2self_is_judged_at_dropped_numbers_alone():
    seen = {}
    made = forgetful(dropout=0)
    made.register_forward_hook(lambda module, given, output: seen.update(kept=given[1], output=output))
    step = next(iter(self2self(Y, keep=0.6, network=made, fast=False)))
    dropped = seen["kept"] == 0
    assert dropped.float().mean().item() == pytest.approx(0.4, abs=0.02)
    torch.testing.assert_close(step.loss, (seen["output"] - Y)[dropped].square().mean().detach())


def test_masks_do_not_depend_on_what_the_network_forgets():
    masks = []
    for dropout in (0, 0.3):
        made = forgetful(dropout=dropout)
        made.register_forward_hook(lambda module, given, output: masks.append(given[1].clone()))
        list(self2self(Y, network=made, iterations=3))
    assert all(torch.equal(a, b) for a, b in zip(masks[:3], masks[3:], strict=True))
    assert not torch.equal(masks[0], masks[1])


@pytest.mark.parametrize(("name", "seed"), [("page", 0), ("shepp_logan_phantom", 0), ("retina", 6)])
def test_self2self_does_not_turn_black_or_white(name, seed):
    x = picture(name, 64)
    *_, last = itertools.islice(self2self(add_gaussian(x, SIGMA, seed=seed), seed=seed), 30)
    constant = x.mean((2, 3), keepdim=True).expand_as(x)
    assert psnr(last.estimate, x) > psnr(constant, x) - 1  # white, black or one channel full: 3 to 20 dB less


# Claims

ITERATIONS = {
    "noise2void": 200,
    "neighbor2neighbor": 80,
    "noise2fast": 150,
    "self2self": 250,
    "zero_shot_noise2noise": 150,
    "dip_sure": 200,
}


def gain(method, add, seed):
    """Decibels over the noisy picture."""
    y, other = add(X, SIGMA, seed=seed), add(X, SIGMA, seed=seed + 100)
    given = {"iterations": ITERATIONS.get(method, 120), "seed": seed}
    steps = noise2noise(y, other, **given) if method == "noise2noise" else METHODS[method](y, **given)
    return psnr(run(steps).estimate, X) - psnr(y, X)


def add_shared(x, sigma, seed):
    return add_correlated(x, sigma, gaussian_kernel(5, 0.7), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("method", METHODS)
def test_every_method_denoises_and_noise_that_neighbours_share_breaks_it(method, seed):
    white, shared = gain(method, add_gaussian, seed), gain(method, add_shared, seed)
    assert white > 4
    # Two pictures stay independent; and a run of Self2Self this short has learned neither noise.
    assert shared > 3 if method in ("noise2noise", "self2self") else shared < white / 2


@pytest.mark.slow
def test_self2self_learns_shared_noise_in_a_longer_run():
    falls = []
    for add in (add_gaussian, add_shared):
        x = picture("astronaut", 32)
        history = run(self2self(add(x, SIGMA, seed=0), iterations=1500), truth=x).history["psnr_average"]
        falls.append(max(history) - history[-1])
    assert falls[1] > falls[0] + 0.5


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2])
@pytest.mark.parametrize("seed", range(2))
def test_recorrupted_pairs_need_the_right_sigma(factor, seed):
    y = add_gaussian(X, SIGMA, seed=seed)
    right, wrong = (
        psnr(run(recorrupted2recorrupted(y, told, iterations=120, seed=seed)).estimate, X)
        for told in (SIGMA, factor * SIGMA)
    )
    assert wrong < right - 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_loss_without_mask_falls_into_the_identity(seed):
    y = add_gaussian(X, SIGMA, seed=seed)
    copied = run(
        self2self(y, keep=1, network=forgetful(dropout=0), iterations=600, learning_rate=3e-3, seed=seed),
        average=0,
    )
    assert psnr(copied.estimate, X) < psnr(y, X) + 1.5
    assert psnr(run(self2self(y, iterations=300, seed=seed)).estimate, X) > psnr(y, X) + 4


# What a caller may bring along


class Changed(torch.nn.Module):
    """A small network of which the caller makes something else in the end."""

    input_channels, output_channels, scales = 3, 3, 1

    def __init__(self, change):
        super().__init__()
        self.layer, self.change = torch.nn.Conv2d(3, 3, 1), change

    def forward(self, x):
        return self.change(self.layer(x))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:, :1],
        lambda x: x.mean((2, 3), keepdim=True),
        lambda x: x[..., 1:-1, 1:-1],
        lambda x: (x, x),
    ],
)
@pytest.mark.parametrize("method", [method for name, method in METHODS.items() if name != "self2self"])
def test_a_network_that_makes_something_else_is_refused_at_the_first_step(method, change):
    with pytest.raises((TypeError, ValueError), match="^network"):
        next(iter(method(SMALL, network=Changed(change), iterations=2)))


@pytest.mark.parametrize("method", [noise2noise, zero_shot_noise2noise, neighbor2neighbor, noise2fast])
def test_a_network_that_works_in_place_does_not_change_y(method):
    y, own = SMALL - 0.3, {"other": SMALL} if method is noise2noise else {}
    before, change = y.clone(), Changed(torch.sigmoid)
    change.layer = torch.nn.Sequential(torch.nn.ReLU(inplace=True), change.layer)
    list(method(y, network=change, iterations=2, **own))
    assert torch.equal(y, before)


def test_a_decoder_is_no_network_for_a_picture():
    with pytest.raises(ValueError, match="4 times larger"):
        noise2noise(Y, OTHER, network=conv_decoder(3, 3, 2))


def test_self2self_asks_for_a_network_that_is_told_what_is_missing():
    with pytest.raises(TypeError, match="PartialUNet"):
        self2self(Y, network=network())
    with pytest.raises(ValueError, match="1 to 1 channels"):
        self2self(Y, network=PartialUNet(1, 8, 1))


@pytest.mark.parametrize(
    "change, words", [(lambda x: torch.sigmoid(x) + 1, "sigmoid"), (lambda x: x * float("nan"), "NaN")]
)
def test_noise2fast_says_what_its_cross_entropy_cannot_take(change, words):
    with pytest.raises(ValueError, match=f"the network's output.*{words}"):
        next(iter(noise2fast(SMALL, network=Changed(change), iterations=2)))


def test_noise2self_keeps_its_own_picture():
    def estimates(change):
        for step in noise2self(SMALL, iterations=3):
            yield step.estimate.clone()
            change(step.estimate)

    runs = list(estimates(lambda x: None)), list(estimates(lambda x: x.zero_()))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_calibrate_does_not_count_for_ever():
    with pytest.raises(TypeError, match="values"):
        calibrate(non_local_means, Y, itertools.count(1))
