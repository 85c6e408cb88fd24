"""Zero-shot super-resolution: nothing shifts, its parts are what they say, and it beats interpolation."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import linregress

from dil_course import runtime
from dil_course.fitting import Engine, run
from dil_course.from_scratch import zero_shot_sr
from dil_course.from_scratch.zero_shot_sr import (
    pair,
    restore,
    some_fathers,
    stalls,
    turn,
    turn_back,
    turns_of,
    window,
)
from dil_course.networks import ResidualNetwork
from dil_course.signals import BlurDownsample, Downsample, Identity, enlarge, gaussian_kernel, picture, psnr

zssr = sys.modules[zero_shot_sr.__module__]  # the file, whose name is also that of its function
SHORT = {"iterations": 40, "every": 10, "side": 24}


def small_network(channels=1, seed=0):
    with runtime.seeded(seed):
        return ResidualNetwork(channels, 8, 4)


def last(steps):
    *_, step = steps
    return step


def operators(scale):
    return [Downsample(scale)] + [
        BlurDownsample(gaussian_kernel(size, 0.7 * scale), scale) for size in (4, 5, 8, 9)
    ]


def centre(x):
    """Centre of mass (row, column) of what stands out of the ground."""
    x = x[0, 0].double() - x.double().median()
    x = x.where(x > 0.05 * x.max(), torch.zeros_like(x))
    return [float((x.sum(1 - axis) * torch.arange(x.shape[axis])).sum() / x.sum()) for axis in (0, 1)]


def dot(height, width, row, column, size):
    """A soft dot on a gray ground."""
    rows, columns = torch.arange(height)[:, None] - row, torch.arange(width)[None] - column
    return 0.2 + 0.7 * torch.exp(-(rows**2 + columns**2) / (2 * size**2))[None, None]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_dot_and_a_ramp_are_not_shifted(scale):
    side = 32 * scale
    place = (side / 2 - 0.5, side / 2 - 0.5)
    x = dot(side, side, *place, size=1.5 * scale)
    ramp = torch.linspace(0.2, 0.8, side).expand(1, 1, side, side).contiguous()
    for A in operators(scale):
        estimate = run(zero_shot_sr(A(x), A, network=small_network(), **SHORT)).estimate
        assert centre(estimate) == pytest.approx(place, abs=0.05)
        estimate = run(zero_shot_sr(A(ramp), A, network=small_network(), **SHORT)).estimate
        inside = slice(4 * scale, -4 * scale)  # blurs wrap around: the ramp's ends are no ramp
        shift = (estimate - ramp)[..., inside, inside].mean() / (0.6 / (side - 1))
        assert abs(shift) < 0.05


@pytest.mark.parametrize("scale", [2, 3, 4, 1.5, (2, 3)])
def test_a_son_lies_on_its_father(scale):
    father = dot(61, 55, 30, 27, size=5.0)
    for A in [Downsample(scale)] if not isinstance(scale, int) else operators(scale):
        son, same = pair(father, A)
        assert son.shape == father.shape and same is father
        # Margins are cut to whole pixels of the son, so a scale that is no whole number may be off by a
        # rounding.
        assert centre(son) == pytest.approx(centre(father), abs=0.05 if isinstance(scale, int) else 0.2)


@pytest.mark.parametrize("A", operators(2)[1:], ids=lambda A: f"kernel of {A.blur.kernel.shape[-1]}")
def test_a_son_is_made_with_the_kernel_itself(A):
    father = picture("coffee", 64)
    inside = (..., slice(12, -12), slice(12, -12))
    enlarged, same = pair(father, A)
    assert same is father and torch.allclose(enlarged[inside], enlarge(A(father), A)[inside], atol=1e-6)
    assert not torch.allclose(enlarged[inside], pair(father, Downsample(2))[0][inside], atol=1e-2)


def test_turns_commute_with_the_operator_and_can_be_undone():
    for A, count in ((Downsample(2), 8), (Downsample((2, 3)), 4), (BlurDownsample(torch.rand(3, 4), 2), 1)):
        turns, x = turns_of(A), torch.rand(1, 3, 12, 18)
        assert len(turns) == count
        results = [turn(x, number) for number in turns]
        assert len({tuple(result.flatten().tolist()) for result in results}) == count, "all are different"
        for number in turns:
            torch.testing.assert_close(turn_back(turn(x, number), number), x)
            torch.testing.assert_close(A(turn(x, number)), turn(A(x), number))


def test_windows_are_the_same_of_both_and_prefer_what_is_missing():
    father = picture("camera", 96)
    father[..., :64] = 0.5  # two thirds are flat: at random, two windows of five would hold nothing to learn
    son = enlarge(Downsample(2)(father), Downsample(2))
    draw, empty = np.random.default_rng(0), 0
    for _ in range(200):
        a, b = window([(son, father)], 24, tuple(range(8)), draw)
        empty += float((a - b).abs().mean()) < 1e-3
        assert psnr(a, b) > 20, "the same place, turned alike"
    assert empty < 40


def test_the_rate_falls_when_the_errors_do_not():
    line = np.linspace(1, 0.5, 9)
    assert not stalls(list(line[:4])), "too few to tell"
    assert not stalls(list(line)), "falls steadily"
    assert stalls(list(line) + [0.5, 0.5001, 0.4999, 0.5, 0.5001]), "came to rest"
    assert stalls(list(line[::-1])), "grows"


@pytest.mark.parametrize("seed", range(3))
def test_it_stalls_where_the_slope_is_not_clearly_below_its_standard_error(seed):
    draw, verdicts = np.random.default_rng(seed), []
    for slope in np.linspace(-1.5, 0.5, 40):
        errors = list(0.5 + 0.01 * (slope * np.arange(9) + draw.standard_normal(9)))
        line = linregress(range(5), errors[-5:])
        verdicts.append(stalls(errors))
        assert verdicts[-1] == (-1.5 * line.slope <= line.stderr)
    assert 5 < sum(verdicts) < 35


def test_a_run_that_stalls_ends_before_its_time():
    # Noise: there is nothing to learn.
    y = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    step = last(zero_shot_sr(y, network=small_network(), iterations=600, every=4, side=16))
    assert step.iteration < 600 and step.total == 600


def test_the_correction_explains_the_data():
    x = picture("coffee", 64)
    for A in operators(2):
        y = A(x)
        misfits = [
            float((A(restore(small_network(3), y, A, corrected=corrected)) - y).square().mean().sqrt())
            for corrected in (False, True)
        ]
        assert misfits[1] < 0.3 * misfits[0]


@pytest.mark.parametrize("name", ["text", "gravel", "coffee"])
def test_it_beats_interpolation_and_the_correction_alone(name):
    x, A = picture(name, 96), Downsample(2)
    corrected = restore(torch.nn.Identity(), A(x), A).clamp(0, 1)
    for seed in (0, 1, 2):
        with runtime.seeded(seed):
            network = ResidualNetwork(x.shape[1], 16, 6)
        estimate = run(zero_shot_sr(A(x), A, network=network, iterations=150, side=32, seed=seed)).estimate
        gain, learned = (
            psnr(estimate, x, shave=2) - psnr(other, x, shave=2)
            for other in (enlarge(A(x), A).clamp(0, 1), corrected)
        )
        assert gain > 0.5 and learned > 0.1, (seed, gain, learned)


def test_the_right_kernel_beats_the_assumed_one():
    x = picture("chelsea", 96)
    A = BlurDownsample(gaussian_kernel(11, (2.5, 0.8), angle=45), 2)
    y = A(x).clamp(0, 1)
    right, assumed = (
        run(zero_shot_sr(y, told, iterations=150, side=32)).estimate for told in (A, Downsample(2))
    )
    assert psnr(right, x) > psnr(assumed, x) + 0.5


@pytest.mark.parametrize(
    "scale, shape", [(2, (33, 29)), (3, (25, 40)), (1.5, (33, 31)), ((2, 3), (26, 32)), (1, (18, 18))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_any_scale_and_size(scale, shape, channels):
    A, y = Downsample(scale), torch.rand(1, channels, *shape)
    step = last(zero_shot_sr(y, A, network=small_network(channels), iterations=12, every=5, side=24))
    assert step.estimate.shape == A.adjoint(y).shape and step.iteration == 12
    assert step.estimate.min() >= 0 and step.estimate.max() <= 1


def test_the_first_father_is_the_newest_and_the_others_are_smaller_versions_of_any():
    fathers = [torch.full((1, 1, side, side), float(side)) for side in (40, 60, 80)]
    sides = []
    for seed in range(20):
        first, *others = some_fathers(fathers, np.random.default_rng(seed))
        assert first is fathers[-1] and len(others) == 7
        for other in others:
            father = fathers[round((other.mean().item() - 40) / 20)]
            assert father.shape[-1] / 2 <= other.shape[-1] <= father.shape[-1]
            sides.append((father.shape[-1], other.shape[-1] / father.shape[-1]))
    assert {side for side, _ in sides} == {40, 60, 80}
    assert np.mean([shrunk for _, shrunk in sides]) == pytest.approx(0.75, abs=0.05)


def test_steps_of_the_scale_have_equal_ratios_and_each_result_is_a_father_of_the_next(monkeypatch):
    seen, made = [], [torch.full((1, 1, 30, 30), value) for value in (0.2, 1.3, 1.4)]

    def learn(y, fathers, A, engine, draw, **settings):
        seen.append((list(fathers), A.scales, engine.learning_rate))
        yield 1, torch.zeros(()), made[len(seen) - 1]

    monkeypatch.setattr(zssr, "_learn", learn)
    y, A = picture("camera", 64), Downsample((8, 2))
    *_, last = zero_shot_sr(y, A, small_network(), gradual=3, iterations=5, learning_rate=0.02)
    scales = [scale for _, pair, _ in seen for scale in pair]
    assert scales == pytest.approx([2, 2 ** (1 / 3), 4, 2 ** (2 / 3), 8, 2])
    assert [len(fathers) for fathers, _, _ in seen] == [1, 2, 3] and all(f[0] is y for f, _, _ in seen)
    assert torch.equal(seen[2][0][1], made[0]) and torch.equal(seen[2][0][2], made[1].clamp(0, 1))
    assert [rate for _, _, rate in seen] == [0.02] * 3 and last.total == 15
    assert last.estimate.max() == 1, "clamped"


def asymmetric():
    """A convolution that no turn leaves as it is."""
    network = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
    torch.nn.init.normal_(network.weight, generator=torch.Generator().manual_seed(0))
    return network.requires_grad_(False)


@pytest.mark.parametrize("turns", [tuple(range(8)), (0, 2, 4, 6), (0,)], ids=len)
def test_the_mean_over_turns_of_a_convolution_is_that_with_the_mean_of_its_turned_kernels(turns):
    y, A, network = picture("camera", 24), Downsample(2), asymmetric()
    made = restore(network, y, A, turns, corrected=False)
    network.weight.copy_(torch.stack([turn_back(network.weight, number) for number in turns]).mean(0))
    torch.testing.assert_close(made, network(enlarge(y, A)), atol=1e-5, rtol=1e-5)


def test_half_of_the_windows_are_of_the_first_pair():
    pairs = [(torch.full((1, 1, 20, 20), float(i)),) * 2 for i in range(5)]
    draw = np.random.default_rng(0)
    drawn = [int(window(pairs, 9, (0,), draw)[0].mean()) for _ in range(1000)]
    assert drawn.count(0) / 1000 == pytest.approx(0.5 + 0.5 / 5, abs=0.05)
    assert all(drawn.count(i) / 1000 == pytest.approx(0.5 / 5, abs=0.03) for i in range(1, 5))


@pytest.mark.parametrize("A", operators(2), ids=lambda A: type(A).__name__)
def test_a_constant_father_has_a_constant_son_up_to_the_border(A):
    son, _ = pair(torch.full((1, 1, 24, 30), 0.6), A)
    torch.testing.assert_close(son, torch.full_like(son, 0.6))


def test_the_correction_is_ten_steps_of_back_projection():
    y, A, network = picture("camera", 24), Downsample(2), asymmetric()
    x = restore(network, y, A, corrected=False)
    for _ in range(10):
        x = x + enlarge(y - A(x), A)
    torch.testing.assert_close(restore(network, y, A), x)


def test_pairs_are_drawn_anew_and_from_the_seed(monkeypatch):
    drawn, some = [], zssr.some_fathers
    monkeypatch.setattr(zssr, "some_fathers", lambda *given: (drawn.append(1), some(*given))[1])
    runs = []
    for seed in (0, 0, 1):
        steps = zero_shot_sr(
            picture("camera", 32), network=small_network(), seed=seed, iterations=25, every=10, side=16
        )
        runs.append([step.loss.item() for step in steps])
    assert len(drawn) == 3 * 3, "at iterations 1, 11 and 21"
    assert runs[0] == runs[1] and runs[0][0] != runs[2][0], "the network is the same, the windows are not"


def test_all_turns_are_used_at_the_end_and_one_before(monkeypatch):
    calls = []

    def restored(network, y, A, turns=(0,), corrected=True):
        calls.append((turns, corrected))
        return enlarge(y, A)

    monkeypatch.setattr(zssr, "restore", restored)
    list(zero_shot_sr(picture("camera", 32), network=small_network(), iterations=65, every=10, side=24))
    assert calls == [((0,), True)] * 2 + [(tuple(range(8)), True)], "looks at every 28th, and at the last"


def test_the_rate_rises_over_fifty_iterations_and_falls_by_one_and_a_half(monkeypatch):
    rates, update = [], Engine.update
    monkeypatch.setattr(
        Engine, "update", lambda engine, loss: (rates.append(engine.learning_rate), update(engine, loss))
    )
    monkeypatch.setattr(zssr, "stalls", lambda errors: len(errors) >= 6)
    settings = dict(iterations=200, every=10, side=16, learning_rate=3e-5)
    steps = list(zero_shot_sr(picture("camera", 24), network=small_network(), **settings))
    assert rates[:50] == pytest.approx([3e-5 * i / 50 for i in range(1, 51)])
    assert rates[50:60] == pytest.approx([3e-5] * 10) and rates[60:70] == pytest.approx([2e-5] * 10)
    # 3e-5 / 1.5^3 is the first below the least rate, 9e-6: the run ends with iteration 80.
    assert len(steps) == 80 and rates[79] == pytest.approx(3e-5 / 1.5**2)


def test_gradual_scales_make_fathers_and_keep_the_size():
    y = picture("camera", 32)
    steps = list(zero_shot_sr(y, Downsample(2), network=small_network(), gradual=3, **SHORT))
    assert len(steps) == 120 == steps[-1].total and [step.iteration for step in steps] == list(range(1, 121))
    assert all(step.estimate.shape == (1, 1, 64, 64) for step in steps)


def test_noise_reaches_the_sons_and_switches_the_correction_off():
    y = picture("camera", 48)
    draw = np.random.default_rng(0)
    clean, noisy = pair(y, Downsample(2))[0], pair(y, Downsample(2), 0.1, draw)[0]
    small = Downsample(2)(noisy - clean)
    assert 0.05 < float(small.std()) < 0.11, "about the noise that was added to the son"
    A = Downsample(2)
    corrected, plain = (
        last(zero_shot_sr(y, A, network=small_network(), noise=noise, **SHORT)).estimate
        for noise in (0.0, 0.05)
    )
    assert psnr(A(corrected), y) > psnr(A(plain), y) + 3


def test_same_seed_same_result_and_the_run_takes_it_as_it_is():
    y = picture("camera", 32)
    first, again = (run(zero_shot_sr(y, seed=3, **SHORT)) for _ in range(2))
    other = run(zero_shot_sr(y, seed=4, **SHORT))
    assert torch.equal(first.estimate, again.estimate) and not torch.equal(first.estimate, other.estimate)
    assert torch.equal(first.estimate, last(zero_shot_sr(y, seed=3, **SHORT)).estimate), (
        "not averaged with earlier ones"
    )


Y = torch.rand(1, 3, 24, 24)


@pytest.mark.parametrize("call, error, says", [
    (lambda: zero_shot_sr(torch.rand(1, 3, 12, 40)), ValueError, "too few"),
    (lambda: zero_shot_sr(Y, Downsample(4)), ValueError, "its own smaller version"),
    (lambda: zero_shot_sr(torch.rand(1, 1, 1200, 20)), ValueError, "too many"),
    (lambda: zero_shot_sr(255 * Y), ValueError, "divide 8-bit"),
    (lambda: zero_shot_sr(Y.numpy()), TypeError, "float tensor"),
    (lambda: zero_shot_sr(Y, Identity()), TypeError, "Downsample"),
    (lambda: zero_shot_sr(Y, 2), TypeError, "Downsample"),
    (lambda: zero_shot_sr(Y, network=small_network(1)), ValueError, "channels"),
    (lambda: zero_shot_sr(Y, iterations=0), ValueError, "iterations"),
    (lambda: zero_shot_sr(Y, noise=-1), ValueError, "noise"),
    (lambda: zero_shot_sr(Y, side=4), ValueError, "side"),
    (lambda: zero_shot_sr(Y, learning_rate="fast"), TypeError, "learning_rate"),
    (lambda: zero_shot_sr(Y, BlurDownsample(gaussian_kernel(3, 1), 2), gradual=2), ValueError, "gradual"),
    (lambda: ResidualNetwork(depth=1), ValueError, "depth"),
    (lambda: ResidualNetwork(width=2.5), TypeError, "width"),
])  # fmt: skip
def test_bad_arguments_are_refused_before_any_compute(call, error, says):
    with pytest.raises(error, match=says):
        call()


HALF = Downsample(2)


class Model:
    """A forward model of the caller's, whose methods return what the test says."""

    scales = (2, 2)

    def __init__(self, forward=HALF, adjoint=HALF.adjoint):
        self.forward, self.adjoint = forward, adjoint

    def __call__(self, x):
        return self.forward(x)


@pytest.mark.parametrize("A", [
    Model(lambda x: None), Model(lambda x: x), Model(lambda x: Downsample(2)(x).numpy()),
    Model(adjoint=lambda y: None),
], ids=["None", "size", "numpy", "adjoint"])  # fmt: skip
def test_a_forward_model_that_does_not_make_y_is_refused(A):
    with pytest.raises((TypeError, ValueError), match=r"A\(x\)|A\.adjoint"):
        zero_shot_sr(Y, A)


def test_numpys_small_whole_numbers_are_as_pythons():
    runs = [last(zero_shot_sr(Y, side=side, iterations=4, every=2)).estimate for side in (16, np.uint8(16))]
    assert torch.equal(*runs)
