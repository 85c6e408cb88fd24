"""Draining a run: the average, the history, and every way in which a run can end."""

import asyncio
import math
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from dil_course.fitting import Step, live, run, watch
from dil_course.fitting.run import Recorder
from dil_course.from_scratch import deep_image_prior, dip_sure, zero_shot_sr
from dil_course.networks import ResidualNetwork, small_skip_network
from dil_course.signals import Blur, add_gaussian, gaussian_kernel, picture, psnr

TRUTH = picture("camera", 16)


@pytest.fixture(autouse=True)
def never_interrupted(monkeypatch):
    """Interrupts of other tests are not remembered. (The room's name `run` is the function.)"""
    monkeypatch.setattr(sys.modules["dil_course.fitting.run"], "_last_interrupt", -math.inf)


def steps(total=100, broken_at=None, problem=None, value=torch.nan):
    """A method without a network: estimates that wander about the truth, the same on every call."""
    generator = torch.Generator().manual_seed(0)
    for iteration in range(1, total + 1):
        estimate = (TRUTH + 0.2 * torch.randn(TRUTH.shape, generator=generator)).clamp(0, 1)
        if iteration == broken_at:
            if problem:
                raise problem
            estimate = torch.full_like(TRUTH, value)
        yield Step(iteration, total, estimate.mean(), estimate)


@pytest.mark.parametrize(("iteration", "seconds", "words"), [
    (25, 5, "5.0 iterations/s, 15 s left"),
    (90, 45, "2.0 iterations/s, 5 s left"),
    (40, 400, "0.1 iterations/s, 10 min left"),
    (100, 50, "2.0 iterations/s, 0 s left"),
])  # fmt: skip
def test_the_time_left_is_that_of_the_iterations_to_come(iteration, seconds, words, monkeypatch):
    monkeypatch.setattr(live.time, "perf_counter", lambda: 1000.0 + seconds)
    step = Step(iteration, 100, torch.tensor(0.5), TRUTH)
    recorder = SimpleNamespace(step=step, history={"loss": [0.7, 0.5]}, started=1000.0)
    assert live.progress(recorder) == f"iteration {iteration}/100, loss 0.5000, {words}"


def run_watch(*arguments, **options):
    return asyncio.run(watch(*arguments, **options))


both = pytest.mark.parametrize("drain", [run, run_watch], ids=["run", "watch"])


@both
def test_estimate_is_the_moving_average_of_a_short_run(drain):
    average = None
    for step in steps(12):
        weight = step.iteration / (step.iteration + 10)
        average = step.estimate if average is None else weight * average + (1 - weight) * step.estimate
    torch.testing.assert_close(drain(steps(12)).estimate, average)


@both
def test_estimate_is_the_moving_average(drain):
    # 1200 steps: longer than the warm-up i / (i + 10), after which each step weighs a hundredth.
    average = None
    for step in steps(1200):
        weight = min(0.99, step.iteration / (step.iteration + 10))
        average = step.estimate if average is None else weight * average + (1 - weight) * step.estimate
    result = drain(steps(1200))
    torch.testing.assert_close(result.estimate, average, atol=1e-6, rtol=0)
    assert result.iteration == 1200 and result.why == "finished 1200 iterations" and result.seconds > 0
    assert psnr(result.estimate, TRUTH) > psnr(step.estimate, TRUTH) + 15, (
        "averaging quiets independent errors"
    )


def test_run_and_watch_give_the_same_numbers():
    a, b = run(steps(), TRUTH), run_watch(steps(), TRUTH, TRUTH)
    assert torch.equal(a.estimate, b.estimate) and a.history == b.history
    assert [iteration for iteration, _ in a.snapshots] == [iteration for iteration, _ in b.snapshots]


@both
def test_truth_changes_only_the_curves(drain):
    with_truth, without = drain(steps(), TRUTH), drain(steps())
    assert torch.equal(with_truth.estimate, without.estimate) and with_truth.iteration == without.iteration
    assert set(without.history) == {"iteration", "loss"}
    assert with_truth.history["psnr_average"][-1] == pytest.approx(psnr(with_truth.estimate, TRUTH))


def test_average_of_zero_takes_the_last_estimate():
    *_, last = steps()
    torch.testing.assert_close(run(steps(), average=0).estimate, last.estimate)


@pytest.mark.parametrize("total", [1, 7, 199, 700, 1000])
def test_history_and_snapshots_are_bounded(total):
    result = run(steps(total), TRUTH)
    iterations = result.history["iteration"]
    assert iterations[0] == 1 and iterations[-1] == total and iterations == sorted(set(iterations))
    assert min(total, 150) <= len(iterations) <= 401
    assert all(len(values) == len(iterations) for values in result.history.values())
    assert 1 <= len(result.snapshots) <= 25 and result.snapshots[0][0] == 1
    assert result.snapshots[-1][0] == result.iteration
    assert all(array.dtype == "uint8" and array.shape == (16, 16) for _, array in result.snapshots)


@both
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("total, broken_at", [(100, 50), (1000, 503), (100, 100)])
def test_diverging_run_ends_with_its_last_good_estimate(drain, value, total, broken_at, capsys):
    result = drain(steps(total, broken_at, value=value))
    assert result.iteration < broken_at and torch.isfinite(result.estimate).all()
    # The estimate is the average of that very iteration.
    short = [step for step in steps(total) if step.iteration <= result.iteration]
    assert torch.equal(result.estimate, run(iter(short)).estimate)
    assert "diverged" in result.why and f"last good one, of iteration {result.iteration}" in result.why
    assert result.why in capsys.readouterr().out, "the run must say so"


def spiking(spikes, total=200, saturated=False):
    """A run that goes well, but at some iterations its loss jumps, or its estimate is all black."""
    for iteration in range(1, total + 1):
        bad = iteration in spikes
        estimate = torch.zeros_like(TRUTH) if bad and saturated else TRUTH
        yield Step(iteration, total, torch.tensor(11.0 if bad and not saturated else 1.0), estimate)


@both
@pytest.mark.parametrize("saturated", [False, True], ids=["loss", "black"])
def test_only_five_alarms_in_a_row_end_a_run(drain, saturated):
    for spikes in ((20, 50, 90, 130, 170, 190), (20, 21, 22, 23, 60, 61, 62, 63)):
        assert drain(spiking(spikes, saturated=saturated)).why == "finished 200 iterations"
    result = drain(spiking(range(40, 60), saturated=saturated))
    assert "diverged: at iteration 44" in result.why and result.iteration == 39


@pytest.mark.parametrize("share", [0.6, 0.98])
def test_an_image_that_is_mostly_black_is_no_alarm(share):
    dark = TRUTH.clamp(0.1, 0.9).masked_fill(torch.arange(256).reshape(1, 1, 16, 16) < share * 256, 0.0)
    assert run(Step(i, 30, torch.tensor(1.0), dark) for i in range(1, 31)).why == "finished 30 iterations"


def test_alarms_are_counted_on_after_a_crash():
    recorder = Recorder()
    for step in list(spiking(range(10, 60)))[:12]:
        assert not recorder.observe(step)
    resumed = Recorder()
    resumed.load_state_dict(recorder.state_dict())
    ended = [resumed.observe(step) for step in list(spiking(range(10, 60)))[12:14]]
    assert ended == [False, True] and resumed.result().iteration == 9


def test_a_loss_of_ten_times_the_first_is_no_alarm_yet():
    losses = [1.0, *[9.9] * 30]
    steps = (Step(i, 31, torch.tensor(loss), TRUTH) for i, loss in enumerate(losses, start=1))
    assert run(steps).why == "finished 31 iterations"


@both
def test_first_step_not_finite_is_an_error(drain):
    with pytest.raises(ValueError, match="first step"):
        drain(steps(10, 1))


@both
@pytest.mark.parametrize("method", ["prior", "prior of a blur", "SURE", "zero-shot"])
def test_a_network_that_breaks_in_the_middle_leaves_the_last_good_estimate(drain, method):
    # There the operator or the risk is the first to meet the NaN, and refuses it.
    y = add_gaussian(picture("camera", 32), 25 / 255)
    network = (
        ResidualNetwork(1, 8)
        if method == "zero-shot"
        else small_skip_network(*((1, 1) if method == "SURE" else (1,)))
    )
    calls = []

    def broken(module, inputs, output):
        calls.append(1)
        return output * (torch.nan if len(calls) > 30 else 1)

    network.register_forward_hook(broken)
    settings = {"network": network, "iterations": 40}
    make = {
        "prior": lambda: deep_image_prior(y, **settings),
        "prior of a blur": lambda: deep_image_prior(y, Blur(gaussian_kernel(5, 1.0)), **settings),
        "SURE": lambda: dip_sure(y, 25 / 255, **settings),
        "zero-shot": lambda: zero_shot_sr(y, every=5, **settings),
    }
    result = drain(make[method]())
    assert "diverged" in result.why and "last good one" in result.why and 1 <= result.iteration < 40
    assert torch.isfinite(result.estimate).all()


@pytest.mark.parametrize("name", ["astronaut", "rocket", "hubble_deep_field"])
def test_too_large_a_learning_rate_is_noticed(name):
    # Dark pictures too: there the sigmoid can sink into black, where the loss looks harmless.
    y = add_gaussian(picture(name, 64), 25 / 255)
    result = run(deep_image_prior(y, learning_rate=10, iterations=60))
    assert "diverged" in result.why and result.iteration < 60
    assert torch.isfinite(result.estimate).all()


@pytest.mark.parametrize(
    "drain, problem",
    [(run, KeyboardInterrupt), (run_watch, KeyboardInterrupt), (run_watch, asyncio.CancelledError)],
)
def test_interrupt_keeps_the_estimate(drain, problem):
    result = drain(steps(100, 40, problem()))
    assert result.iteration == 39 and "interrupted at iteration 39" in result.why
    assert torch.equal(result.estimate, run(step for step in steps() if step.iteration < 40).estimate)
    with pytest.raises(problem):
        drain(steps(100, 1, problem()))  # Nothing to keep yet.


@pytest.mark.parametrize(
    "drain, problem",
    [(run, KeyboardInterrupt), (run_watch, KeyboardInterrupt), (run_watch, asyncio.CancelledError)],
)
def test_a_second_interrupt_soon_after_is_meant_for_the_cell(drain, problem, monkeypatch):
    drain(steps(100, 40, problem()))
    with pytest.raises(problem):
        drain(steps(100, 40, problem()))
    moment = time.perf_counter()
    monkeypatch.setattr(time, "perf_counter", lambda: moment + 2.5)
    assert drain(steps(100, 40, problem())).iteration == 39, "later, it is meant for the next run"


@both
def test_used_up_generator_is_an_error(drain):
    with pytest.raises(ValueError, match="used before"):
        drain(iter(()))


@both
@pytest.mark.parametrize("options, error", [
    ({"truth": TRUTH[..., 1:]}, ValueError), ({"truth": 255 * TRUTH}, ValueError),
    ({"truth": TRUTH.numpy()}, TypeError),
    ({"average": 1}, ValueError), ({"average": -0.1}, ValueError), ({"average": "0.9"}, TypeError),
])  # fmt: skip
def test_bad_arguments_are_refused(drain, options, error):
    with pytest.raises(error):
        drain(steps(), **options)


@both
@pytest.mark.parametrize("loss", [torch.tensor(1j), torch.tensor(1.0, device="meta"), torch.ones(2), None])
def test_a_loss_that_is_no_real_number_is_refused(drain, loss):
    with pytest.raises(TypeError, match="loss: expected a number"):
        drain([Step(1, 1, loss, TRUTH)])


def test_without_a_front_end_watch_prints_ten_lines_and_the_end(capsys):
    run_watch(steps(1000), TRUTH)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11 and lines[-1] == "finished 1000 iterations"
    assert [int(line.split("%")[0]) for line in lines[:-1]] == list(range(10, 101, 10))
    assert all("loss" in line and "dB" in line and "s left" in line for line in lines[:-1])


def test_stop_button_ends_the_run_and_leaves_a_slider(monkeypatch):
    views = []

    class Pressed(live.WidgetView):
        def update(self, recorder):
            super().update(recorder)
            views.append(self)
            if recorder.step.iteration == 30:
                self.stop.click()

    monkeypatch.setattr(live, "has_front_end", lambda: True)
    monkeypatch.setattr(live, "WidgetView", Pressed)
    result = run_watch(steps(), TRUTH, TRUTH)
    assert result.iteration == 30 and result.why == "stopped by you at iteration 30"
    slider = views[0].box.children[1]
    shown = views[0].picture.value
    slider.index = 0
    assert slider.options[0] == 1 and slider.options[-1] <= 30 and views[0].picture.value != shown
