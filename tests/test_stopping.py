"""Stopping rules: each lands where its idea says, in run and in watch, and none sees the truth."""

import asyncio

import numpy as np
import pytest
import torch

from dil_course.fitting import Step, run, watch
from dil_course.fitting.stopping import Discrepancy, HeldOut, LeastRisk, WindowedVariance
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import Fourier, Identity, Mask, add_gaussian, line_mask, picture, psnr, split_lines

SIGMA = 25 / 255


def fitting(x, y, total=400, rest=150):
    """A run whose outputs come to x until iteration `rest`, then go on to y."""
    for i in range(1, total + 1):
        if i <= rest:
            estimate = x * (1 - 0.97**i)
        else:
            estimate = x + (y - x) * (1 - 0.98 ** (i - rest))
        yield Step(i, total, torch.mean((estimate - y) ** 2), estimate)


@pytest.fixture
def pair():
    x = picture("coffee", 32)
    return x, add_gaussian(x, SIGMA, seed=1)


def test_windowed_variance_stops_where_the_outputs_rest(pair):
    rule = WindowedVariance(window=20, patience=60)
    result = run(fitting(*pair), stop=rule)
    assert 140 <= result.iteration <= 165
    assert result.estimate is rule.estimate
    assert result.history["iteration"][-1] == result.iteration + 60
    assert f"iteration {result.iteration}" in result.why and "variance" in result.why


def test_windowed_variance_is_that_of_the_outputs_not_of_their_average(pair):
    steps, rule = list(fitting(*pair, total=30)), WindowedVariance(window=20)
    run(steps, stop=rule)
    outputs = np.stack([step.estimate.numpy() for step in steps])  # 32 x 32 pixels: copies are not smaller
    variances = {i: outputs[i - 20 : i].var(axis=0).mean() for i in range(20, 31)}
    assert rule.iteration == min(variances, key=variances.get)
    assert rule.least == pytest.approx(min(variances.values()), rel=1e-4)


def test_discrepancy_stops_at_the_first_average_that_the_noise_explains(pair):
    x, y = pair
    misfits = [float((average - y).square().mean().sqrt()) for average in averages(fitting(x, y))]
    expected = next(i for i, misfit in enumerate(misfits, start=1) if misfit <= SIGMA * 1.05)
    assert run(fitting(x, y), stop=Discrepancy(y, Identity(), SIGMA * 1.05)).iteration == expected


def averages(steps):
    average = None
    for step in steps:
        weight = min(0.99, step.iteration / (step.iteration + 10))
        average = step.estimate if average is None else average.lerp(step.estimate, 1 - weight)
        yield average


def test_held_out_pixels_choose_the_average_that_predicts_them_best(pair):
    x, y = pair
    held_out = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    noise = torch.where(
        held_out.bool(), x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)), y
    )
    errors = [float((held_out * (average - noise)).square().sum()) for average in averages(fitting(x, y))]
    result = run(fitting(x, y), stop=HeldOut(noise, held_out, patience=100))
    assert result.iteration == 1 + errors.index(min(errors))
    assert result.history["iteration"][-1] == result.iteration + 100


@pytest.mark.parametrize(
    "rule", [WindowedVariance(20, 10**6), Discrepancy(torch.zeros(1, 3, 32, 32), Identity(), 1e-9)]
)
def test_rule_that_never_fires_leaves_a_whole_run(rule, pair):
    result = run(fitting(*pair), stop=rule)
    assert result.history["iteration"][-1] == 400
    assert result.estimate is rule.estimate


def test_watch_takes_the_same_rules(pair, capsys):
    live = asyncio.run(watch(fitting(*pair), stop=WindowedVariance(20, 60)))
    plain = run(fitting(*pair), stop=WindowedVariance(20, 60))
    assert torch.equal(live.estimate, plain.estimate) and live.why == plain.why


def test_truth_changes_no_choice(pair):
    x, y = pair
    assert (
        run(fitting(x, y), truth=x, stop=WindowedVariance(20, 60)).iteration
        == run(fitting(x, y), stop=WindowedVariance(20, 60)).iteration
    )


def test_snapshots_end_with_the_chosen_estimate(pair):
    result = run(fitting(*pair), stop=WindowedVariance(20, 60))
    iterations = [iteration for iteration, _ in result.snapshots]
    assert iterations == sorted(set(iterations)) and iterations[-1] == result.iteration


@pytest.mark.parametrize("seed", range(3))
def test_real_runs_stop_within_one_decibel_of_their_peak(seed):
    x = picture("coffee", 48)
    y = add_gaussian(x, SIGMA, seed=seed)
    result = run(deep_image_prior(y, iterations=300, seed=seed), truth=x, stop=WindowedVariance())
    assert psnr(result.estimate, x) > max(result.history["psnr_average"]) - 1


def test_held_out_rule_stops_a_real_run_near_its_peak():
    x = picture("coffee", 48)
    y = add_gaussian(x, SIGMA, seed=0)
    held_out = (torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    A = Mask(1 - held_out)
    result = run(deep_image_prior(A(y), A, iterations=300), truth=x, stop=HeldOut(y, held_out))
    assert psnr(result.estimate, x) > max(result.history["psnr_average"]) - 1


def test_held_out_coefficients_are_compared_in_the_fourier_plane(pair):
    x, _ = pair
    mask = line_mask(32, 32, 2)
    _, held_out = split_lines(mask)
    A = Fourier(mask)
    measured = A(x)
    rule = HeldOut(measured, held_out, A=A)
    shifted = x + 0.1 * torch.cos(torch.arange(32.0))
    rule.observe(Step(1, 2, 0.0, shifted), shifted)
    assert rule.least == pytest.approx(float((held_out * (A(shifted) - measured)).square().sum()), rel=1e-5)
    assert rule.least > 0
    rule.observe(Step(2, 2, 0.0, x), x)
    assert rule.iteration == 2 and rule.least == 0
    with pytest.raises(ValueError, match="the average"):
        HeldOut(measured, held_out).observe(Step(1, 2, 0.0, x), x)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="window"):
        WindowedVariance(window=1)
    with pytest.raises(ValueError, match="sigma"):
        Discrepancy(torch.zeros(1, 1, 8, 8), Identity(), 0)
    with pytest.raises(ValueError, match="held out"):
        HeldOut(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    for channels in (1, 3):  # its error would be summed three times, or be weighed by colour
        with pytest.raises(ValueError, match="held_out is .* one channel of y"):
            HeldOut(torch.zeros(1, channels, 8, 8), torch.ones(1, 3, 8, 8))


def test_rule_serves_one_run_only_and_must_be_a_rule(pair):
    rule = WindowedVariance(20, 60)
    run(fitting(*pair), stop=rule)
    with pytest.raises(ValueError, match="make a new one"):
        run(fitting(*pair), stop=rule)
    with pytest.raises(TypeError, match="WindowedVariance"):
        run(fitting(*pair), stop=WindowedVariance)  # the parentheses are missing


def test_a_run_shorter_than_the_window_uses_the_rule_up_too(pair):
    rule, short = WindowedVariance(40, 100), list(fitting(*pair, total=3))
    assert torch.equal(run(short, stop=rule).estimate, run(short).estimate), "it has nothing to choose yet"
    with pytest.raises(ValueError, match="make a new one"):
        run(fitting(*pair), stop=rule)


def test_a_rule_without_a_reason_is_refused_before_compute(pair):
    class Silent:
        iteration = estimate = None

        def observe(self, step, average):
            self.iteration, self.estimate = step.iteration, average

    steps = fitting(*pair)
    with pytest.raises(TypeError, match="observe, iteration, estimate and why"):
        run(steps, stop=Silent())
    assert next(steps).iteration == 1


def test_least_risk_refuses_steps_without_a_network(pair):
    x, y = pair
    with pytest.raises(TypeError, match="these have none: take WindowedVariance"):
        run(fitting(x, y), stop=LeastRisk(y, SIGMA))


def judged(y, weights, every=5, patience=1000, seed=0, total=30):
    """What LeastRisk does with networks that shrink their input by `weights[i]` from iteration i on."""
    rule, calls = LeastRisk(y, SIGMA, every=every, patience=patience, seed=seed), []
    for i in range(1, total + 1):
        weight = weights[max(j for j in weights if j <= i)]

        def network(x, sigma, weight=weight, i=i, calls=calls):
            calls.append((i, x.clone(), sigma))
            return weight * x

        ended = rule.observe(Step(i, total, 1.0, network(y, SIGMA), network=network), None)
        if ended:
            break
    return rule, [call for call in calls if not torch.equal(call[1], y)], i


def test_least_risk_is_the_mean_of_sure_over_the_same_probes_at_each_look(pair):
    x, y = pair
    rule, calls, _ = judged(y, {1: 0.9})
    looks = {}
    for iteration, given, sigma in calls:
        looks.setdefault(iteration, []).append(given)
        assert sigma == SIGMA
    assert list(looks) == [1, 5, 10, 15, 20, 25, 30]
    assert all(torch.equal(a, b) for look in looks.values() for a, b in zip(looks[1], look, strict=True))
    assert len(looks[1]) == 8 and len({tuple(given.flatten().tolist()) for given in looks[1]}) == 8
    # SURE of 0.9 y is (0.1)^2 mean y^2 - sigma^2 + 2 sigma^2 0.9, for any probe.
    expected = 0.01 * y.square().mean().item() - SIGMA**2 + 1.8 * SIGMA**2
    assert rule.least == pytest.approx(expected, rel=1e-3) and rule.first == pytest.approx(expected, rel=1e-3)
    others = [given for _, given, _ in judged(y, {1: 0.9}, seed=1)[1]]
    assert not torch.equal(looks[1][0], others[0])


def test_least_risk_keeps_the_estimate_of_the_best_network_and_waits(pair):
    x, y = pair
    rule, _, end = judged(y, {1: 0.5, 8: 0.95, 12: 0.7}, patience=10)
    assert rule.iteration == 10 and torch.equal(rule.estimate, 0.95 * y) and end == 20
    assert rule.first > rule.least and "iteration 10" in rule.why


def test_small_whole_numbers_of_numpy_do_not_overflow(pair):
    x, y = pair
    network = lambda y, sigma: y  # noqa: E731
    steps = [Step(i, 300, torch.tensor(1.0), x, network=network) for i in (1, 300)]
    assert run(steps, stop=LeastRisk(y, SIGMA, every=np.uint8(5), patience=np.uint8(200))).iteration == 1
    for rule in (
        HeldOut(y, torch.ones(1, 1, 32, 32), np.uint8(50)),
        WindowedVariance(np.uint8(20), np.uint8(200)),
    ):
        run(fitting(x, y), stop=rule)
