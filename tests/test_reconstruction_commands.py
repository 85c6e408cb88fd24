"""The commands behind lesson 17: what the networks are trained on, and what the judges of runs may see."""

import importlib.util
import sys
import types

import build
import numpy as np
import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import adapt_by_splitting, adapt_reconstruction
from dil_course.networks import UnrolledNetwork
from dil_course.signals import Fourier, line_mask, phantoms, psnr, split_lines


def command(room):
    """The module of training/reconstruction.py or benchmarks/reconstruction.py, which share a name."""
    sys.path.insert(0, str(build.ROOT / room))
    try:
        spec = importlib.util.spec_from_file_location(
            f"{room}_reconstruction", build.ROOT / room / "reconstruction.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(build.ROOT / room))


TRAINING, BENCHMARK = command("training"), command("benchmarks")


class Seen(UnrolledNetwork):
    """Notes, in this order, the data and the mask of each call."""

    notes = []

    def forward(self, y, A):
        self.notes.append((y.detach().clone(), A.mask[:1].clone()))
        return super().forward(y, A)


def seen(*sizes):
    with runtime.seeded(0):
        network = Seen(*sizes)
    Seen.notes.clear()
    return network.eval()


# Training


def test_scans_of_the_training_have_lines_and_noise_of_their_own():
    x = phantoms(4, 16, 96)
    y, A = TRAINING.measured(x, 7)
    assert A.mask.shape == (4, 1, 16, 96)
    for number in range(4):
        assert torch.equal(A.mask[number], line_mask(16, 96, 4, seed=7 + number)[0])
    noise = y - A(x)
    assert not (noise * (1 - A.mask)).any()
    measured = noise[(A.mask > 0).expand_as(noise)]
    assert measured.std().item() == pytest.approx(TRAINING.SIGMA, rel=0.1) and TRAINING.SIGMA == 0.01
    assert torch.equal(y, TRAINING.measured(x, 7)[0])
    assert not torch.equal(noise[0, :, :, 48], (lambda y, A: y - A(x))(*TRAINING.measured(x, 8))[0, :, :, 48])


def test_the_relative_error_is_a_mean_over_the_images_of_a_batch():
    made, wanted = torch.rand(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    each = [abs(a - b).sum() / abs(b).sum() for a, b in zip(made.numpy(), wanted.numpy(), strict=True)]
    assert TRAINING.relative(made, wanted).item() == pytest.approx(np.mean(each))


def test_windows_lie_in_their_pictures_and_some_are_mirrored():
    height, width = TRAINING.HEIGHT + 3, TRAINING.WIDTH + 5
    x = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    tops, turned = set(), set()
    draw = np.random.default_rng(0)
    for window in (one for _ in range(10) for one in TRAINING.windows([x], draw)):
        steps = window[0].diff(dim=-1)
        turned.add(int(steps[0, 0]))
        assert (steps == steps[0, 0]).all() and (window[0].diff(dim=-2) == width).all()
        tops.add(divmod(int(window.min()), width))
    assert turned == {-1, 1}
    assert {top for top, _ in tops} == set(range(4)) and {left for _, left in tops} == set(range(6))


@pytest.mark.parametrize("loss", ["supervised", "joint"])
def test_no_phantom_or_mask_of_the_training_is_one_of_the_testing(loss, monkeypatch):
    seeds, losses = [], []
    monkeypatch.setattr(
        TRAINING, "phantoms", lambda *sizes, seed: seeds.append(seed) or phantoms(*sizes, seed=seed)
    )
    monkeypatch.setattr(TRAINING, "SETTINGS", {"steps": 1, "width": 4, "depth": 2})
    scans, measured, update = [], TRAINING.measured, TRAINING.Engine.update
    monkeypatch.setattr(TRAINING, "measured", lambda *given: scans.append(measured(*given)) or scans[-1])
    monkeypatch.setattr(
        TRAINING.Engine, "update", lambda self, value: losses.append(value.item()) or update(self, value)
    )
    arguments = ["reconstruction.py", "phantoms", loss, "--fresh", "--iterations", "3"]
    monkeypatch.setattr(sys, "argv", arguments)
    TRAINING.main()
    first = 10_000 * (11 if loss == "joint" else 1)
    assert seeds == [first + 4 * iteration for iteration in (1, 2, 3)]
    assert TRAINING.BATCH * 1800 < TRAINING.TESTED == 10_000
    with runtime.seeded(0), torch.no_grad():
        estimate = UnrolledNetwork(1, 4, 2)(*scans[0])
    (y, A), x = scans[0], phantoms(4, TRAINING.HEIGHT, TRAINING.WIDTH, seed=seeds[0])
    wanted = TRAINING.relative(estimate, x)
    if loss == "joint":
        wanted = wanted + TRAINING.relative(A(estimate), y)
    assert losses[0] == pytest.approx(wanted.item(), rel=1e-4)


# The benchmark


def held_out_scan():
    x = phantoms(1, 16, 48, seed=3)
    y, A = BENCHMARK.measured(x, 1, acceleration=2)
    return x, y, A, *split_lines(A.mask, 0.25)


def test_scans_of_the_benchmark_have_noise_where_they_are_measured():
    x, y, A, *_ = held_out_scan()
    noise = y - A(x)
    assert torch.equal(A.mask, line_mask(16, 48, 2, seed=1)) and not (noise * (1 - A.mask)).any()
    assert noise[(A.mask > 0).expand_as(noise)].std().item() == pytest.approx(0.01, rel=0.1)
    other, B = BENCHMARK.measured(x, 2, acceleration=2)
    assert not torch.equal(noise[..., 24], (other - B(x))[..., 24])  # the middle line is always measured


@pytest.mark.parametrize("method", [adapt_reconstruction, adapt_by_splitting])
def test_a_run_that_is_watched_never_sees_its_held_out_lines_and_its_result_has_all(method):
    (x, y, A, fit, held_out), network = held_out_scan(), seen(2, 6, 3)
    options = types.SimpleNamespace(iterations=3)
    errors, results, best = BENCHMARK.watched(method, y, A, network, x, options)
    whole = [mask for data, mask in Seen.notes if torch.equal(mask, A.mask)]
    assert len(whole) == len(results) == len(errors) == 3
    for data, mask in Seen.notes:
        assert torch.equal(mask, A.mask) or not ((data != 0) * held_out).any() and not (mask * held_out).any()
    with torch.no_grad():
        missed = held_out * (A(network(y * fit, Fourier(fit))) - y)
        torch.testing.assert_close(results[0], network(y, A))
    assert errors[0] == pytest.approx((missed.abs().sum() / (held_out * y).abs().sum()).item(), rel=1e-4)
    assert best == max(psnr(result.clamp(0, 1), x) for result in results)
    first = 0.9 * results[0].clamp(0, 1) + 0.05
    *_, best = BENCHMARK.watched(method, y, A, network, first, options)
    assert best == pytest.approx(psnr(results[0].clamp(0, 1), first))
    steps = method(y * fit, Fourier(fit), network, iterations=3, learning_rate=BENCHMARK.RATES[method])
    for step, result in zip(steps, results, strict=True):
        torch.testing.assert_close(step.network(y, A), result)


@pytest.mark.parametrize("leak", [False, True])
def test_the_judge_s_lines_are_in_the_input_with_the_leak_alone_and_never_in_the_loss(leak, monkeypatch):
    (x, y, A, fit, held_out), networks = held_out_scan(), []
    monkeypatch.setattr(BENCHMARK, "trained", lambda name: networks.append(seen(2, 6, 3)) or networks[-1])
    options = types.SimpleNamespace(iterations=2)
    errors, curve = BENCHMARK.judged(y, A, "name", leak, x, options)
    assert all(bool(((data != 0) * held_out).any()) == leak for data, _ in Seen.notes)
    assert all(torch.equal(mask, A.mask if leak else fit) for _, mask in Seen.notes)
    network = seen(2, 6, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=BENCHMARK.RATES[adapt_reconstruction])
    for error, value in zip(errors, curve, strict=True):
        estimate = network(*((y, A) if leak else (y * fit, Fourier(fit))))
        missed = held_out * (A(estimate) - y)
        wanted = missed.square().sum() / (held_out * y).square().sum()
        assert error == pytest.approx(wanted.item(), rel=1e-4)
        assert value == pytest.approx(psnr(estimate.detach().clamp(0, 1), x), rel=1e-4)
        optimizer.zero_grad()
        ((fit * (A(estimate) - y)).abs().sum() / (fit * y).abs().sum()).backward()
        optimizer.step()


TINY = types.SimpleNamespace(masks=1, iterations=1)


def test_the_benchmark_stops_at_the_least_error_and_not_at_the_best_image(monkeypatch, capsys):
    x = phantoms(1, 16, 48)
    monkeypatch.setattr(BENCHMARK, "images", lambda: {"one": x})
    monkeypatch.setattr(BENCHMARK, "trained", lambda name: seen(1, 4, 2))
    monkeypatch.setattr(BENCHMARK, "judged", lambda *given: ([0.9, 0.2, 0.5], [5.0, 6.0, 9.0]))
    BENCHMARK.stopping(TINY)
    shown = capsys.readouterr().out
    assert shown.count("| 0.90 | 2 | 6.00 | 9.00 |") == 4
    assert "leak True: within 0.3 dB of the best in 0 of 2, largest 3.00" in shown
    ends = [0.9 * x, 0.5 * x, x]
    monkeypatch.setattr(BENCHMARK, "watched", lambda *given: ([0.9, 0.2, 0.5], ends, 99.0))
    BENCHMARK.table({"one": x}, TINY)
    shown = capsys.readouterr().out
    assert shown.count(f"| {BENCHMARK.both(ends[1], x)} (2) | 99.00") == 8
    assert "stopped within 0.3 dB of the best of the run: 0 of 8" in shown
    with torch.no_grad():
        gain = psnr(ends[1], x) - BENCHMARK.score(seen(1, 4, 2)(*BENCHMARK.measured(x, 0)), x)
    [line] = [line for line in shown.splitlines() if line.startswith("phantoms_joint, splitting")]
    assert f"{gain:.2f}" in line and ("in 1 of 1" if gain > 0 else "in 0 of 1") in line
