"""Problem set 08: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps08
from dil_course.from_scratch.zero_shot_sr import turn, turn_back
from dil_course.signals import BlurDownsample, Downsample, enlarge, psnr

BANK = AnswerBank("ps08_zero_shot_super_resolution")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: a father and his son


def cut(x, top, left, side):
    return x[..., top : top + side, left : left + side]


@right("training_pair")
def as_in_the_lesson(y, A, top, left, side, number):
    return tuple(turn(cut(x, top, left, side), number) for x in (enlarge(A(y), A), y))


@right("training_pair")
def turned_as_a_whole_and_cut_from_copies(y, A, top, left, side, number):
    son = enlarge(A(y.float()), A).numpy()[..., top : top + side, left : left + side]
    father = y.numpy()[..., top : top + side, left : left + side]
    flip = (lambda x: x[..., ::-1]) if number > 3 else (lambda x: x)
    return [flip(np.rot90(x, number % 4, (-2, -1))).copy() for x in (son, father)]


@right("training_pair")
def by_an_interpolation_of_its_own(y, A, top, left, side, number):
    small = A(y)
    son = torch.nn.functional.interpolate(small, size=y.shape[-2:], mode="bicubic", antialias=True)
    y -= y.mean() - y.mean()  # in place: the check must not mind
    return torch.stack([turn(cut(son, top, left, side), number), turn(cut(y, top, left, side), number)])


right("training_pair")(lambda *given: np.stack([window.numpy() for window in as_in_the_lesson(*given)]))
right("training_pair")(lambda *given: (window for window in as_in_the_lesson(*given)))


@right("training_pair")
def both_in_one_batch(y, A, top, left, side, number):
    both = torch.cat([enlarge(A(y), A), y]).narrow(-2, top, side).narrow(-1, left, side)
    both = both.rot90(number % 4, (-2, -1))
    return (both.flip(-1) if number > 3 else both).split(1)


@right("training_pair")
def channel_by_channel_turned_by_hand(y, A, top, left, side, number):
    def turned(window):
        for _ in range(number % 4):
            window = window.mT.flip(-2)
        return window.flip(-1)[0] if number > 3 else window[0]

    son = torch.cat([enlarge(A(y[:, [channel]]), A) for channel in range(y.shape[1])], 1)
    rows, columns = torch.arange(top, top + side)[:, None], torch.arange(left, left + side)
    return turned(son[..., rows, columns]), turned(y[..., rows, columns])


def window_first(y, A, t, l, s, n):
    y = cut(y, t, l, s)
    return turn(enlarge(A(y), A), n), turn(y, n)


def son_cut_first(y, A, t, l, s, n):
    small = cut(A(y), t // A.scale, l // A.scale, s // A.scale)
    return turn(enlarge(small, A), n), turn(cut(y, t, l, s), n)


WRONG["training_pair"] = {
    "your numbers are others than asked for": lambda y, A, t, l, s, n: as_in_the_lesson(
        y, A, t + 1, l + 1, s, n
    ),
    "your result is turned by 180 degrees": lambda y, A, t, l, s, n: tuple(
        window.flip((-2, -1)) for window in as_in_the_lesson(y, A, t, l, s, n)
    ),
    "your result has the shape": lambda y, A, t, l, s, n: as_in_the_lesson(y, A, t, l, s + 1, n),
    "son and father are exchanged": lambda *given: as_in_the_lesson(*given)[::-1],
    "neither window is turned": lambda y, A, t, l, s, n: (cut(enlarge(A(y), A), t, l, s), cut(y, t, l, s)),
    "your son is turned, your father is not": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(A(y), A), t, l, s), n),
        cut(y, t, l, s),
    ),
    "your father is turned, your son is not": lambda y, A, t, l, s, n: (
        cut(enlarge(A(y), A), t, l, s),
        turn(cut(y, t, l, s), n),
    ),
    "turned by different numbers": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(A(y), A), t, l, s), n),
        turn_back(cut(y, t, l, s), n),
    ),
    "you take y itself as the son": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(y, A), t, l, s), n),
        turn(cut(y, t, l, s), n),
    ),
    "your son was never shrunk": lambda y, A, t, l, s, n: (
        turn(cut(y, t, l, s), n),
        turn(cut(y, t, l, s), n),
    ),
    "your father lies elsewhere": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(A(y), A), t, l, s), n),
        turn(cut(y, t * A.scale, l * A.scale, s), n),
    ),
    "your son lies elsewhere": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(A(y), A), t // A.scale, l // A.scale, s), n),
        turn(cut(y, t, l, s), n),
    ),
    "rows and columns of the window are exchanged": lambda y, A, t, l, s, n: as_in_the_lesson(
        y, A, l, t, s, n
    ),
    "your son has the shape": lambda y, A, t, l, s, n: (cut(A(y), t, l, s // 2), cut(y, t, l, s)),
    "the window is cut before A shrinks it": window_first,
    "your son is cut before it is enlarged": son_cut_first,
    "the whole images are turned first": lambda y, A, t, l, s, n: (
        cut(turn(enlarge(A(y), A), n), t, l, s),
        cut(turn(y, n), t, l, s),
    ),
    "your windows are turned in the wrong direction": lambda y, A, t, l, s, n: (
        turn_back(cut(enlarge(A(y), A), t, l, s), n),
        turn_back(cut(y, t, l, s), n),
    ),
    "your windows are turned, and not mirrored": lambda y, A, t, l, s, n: as_in_the_lesson(
        y, A, t, l, s, n % 4
    ),
    "another camera than A made your son": lambda y, A, t, l, s, n: (
        turn(cut(enlarge(Downsample(A.scale)(y), A), t, l, s), n),
        turn(cut(y, t, l, s), n),
    ),
    "expected 2 things, (son, father)": lambda y, A, t, l, s, n: cut(y, t, l, s),
    "your function returns None": lambda y, A, t, l, s, n: (None, None),
    "your function stops with": lambda y: y,
}


# Task 2: what may be turned


def agree(a, b):
    return a.shape == b.shape and bool((a - b).abs().max() < 1e-6)


def tried(A, side, same=lambda A, x, n: agree(A(turn(x, n)), turn(A(x), n)), x=None):
    """The loop with one place to change for each wrong answer."""
    x = torch.rand(1, 1, side, side, dtype=torch.float64) if x is None else x
    return [number for number in range(8) if same(A, x, number)]


right("allowed_turns")(tried)
right("allowed_turns")(lambda A, side: np.array(tried(A, side)[::-1]))
right("allowed_turns")(lambda A, side: set(tried(A, side)) | {0})


@right("allowed_turns")
def by_many_pictures(A, side):
    allowed = torch.ones(8, dtype=torch.bool)
    for _ in range(3):
        x = torch.randn(1, 1, side, side)
        for n in range(8):
            a, b = A(turn(x, n)), turn(A(x), n)
            allowed[n] &= a.shape == b.shape and torch.allclose(a, b, atol=1e-4)
    return allowed.nonzero().flatten()


right("allowed_turns")(lambda A, side: (float(n) for n in tried(A, side)))


@right("allowed_turns")
def by_the_answer_to_a_square_of_four_pixels(A, side):
    """It looks the same after each turn: so A of it has the symmetries of the kernel."""
    x = torch.zeros(1, 1, side, side)
    x[..., side // 2 - 1 : side // 2 + 1, side // 2 - 1 : side // 2 + 1] = 1
    return tried(A, side, x=x)


@right("allowed_turns")
def by_single_dots(A, side):
    """A dictionary, of which the keys count."""
    allowed = dict.fromkeys(range(8))
    for place in (0, side + 2, 5 * side + 3, side * side - 2):
        x = torch.eye(side * side)[place].view(1, 1, side, side)
        allowed = {n: None for n in allowed if agree(A(turn(x, n)), turn(A(x), n))}
    return allowed


WRONG["allowed_turns"] = {
    "turn 0 commutes with this A": lambda A, side: tried(A, side)[1:],
    "you allow every turn": lambda A, side: range(8),
    "you allow only number 0": lambda A, side: [0],
    "you undo the turn on one side": lambda A, side: tried(
        A, side, lambda A, x, n: agree(A(turn(x, n)), turn_back(A(x), n))
    ),
    "you leave out the mirrors": lambda A, side: [n for n in tried(A, side) if n < 4],
    "turn 5 does not commute": lambda A, side: (
        sorted({*tried(A, side), 5}) if isinstance(A, BlurDownsample) else tried(A, side)
    ),
    "turn 2 commutes with this A, and you leave it out": lambda A, side: [
        n for n in tried(A, side) if n != 2
    ],
    "8 is a number that is no turn": lambda A, side: [n + 1 for n in tried(A, side)],
    "0.5 is a number that is no turn": lambda A, side: [n + 0.5 for n in tried(A, side)],
    "got True and False": lambda A, side: [n in tried(A, side) for n in range(8)],
    "expected a list of numbers from 0 to 7": lambda A, side: 3,
    "your function stops with": lambda A, side: [A(torch.rand(1, 1, side + 1, side))],
}


@pytest.mark.parametrize("seed", range(6))
def test_a_loose_tolerance_is_refused_whatever_the_seed(seed):
    def alike(A, x, number):
        a, b = A(turn(x, number)), turn(A(x), number)
        return a.shape == b.shape and (a - b).abs().max() < 0.02

    assert ps08.allowed_turns(lambda A, side: tried(A, side, alike), seed=seed) == 0


# Task 3: how many rounds


@right("rounds_needed")
def by_the_formula(q, share):
    return math.ceil(math.log(share) / math.log(abs(1 - q)))


@right("rounds_needed")
def by_doing_it(q, share):
    misfit, rounds = 1.0, 0
    while abs(misfit) > share:
        misfit, rounds = misfit - q * misfit, rounds + 1
    return rounds


right("rounds_needed")(lambda q, share: torch.tensor([np.ceil(np.log10(share) / np.log10(np.abs(1 - q)))]))

right("rounds_needed")(lambda q, share: math.floor(math.log(share**2) / math.log((1 - q) ** 2)) + 1)


right("rounds_needed")(lambda q, share: np.flatnonzero(np.abs(1 - q) ** np.arange(999) <= share)[0])
right("rounds_needed")(lambda q, share: -math.floor(-math.log(share, abs(1 - q))))


def by_doing_it_without_abs(q, share):
    misfit, rounds = 1.0, 0
    while misfit > share:
        misfit, rounds = misfit - q * misfit, rounds + 1
    return rounds


WRONG["rounds_needed"] = {
    "your numbers are others than asked for": lambda q, share: min(by_the_formula(q, share), 20),
    "your result has the opposite sign": lambda q, share: -by_the_formula(q, share),
    "one round too few": lambda q, share: by_the_formula(q, share) - 1,
    "one round too many": lambda q, share: by_the_formula(q, share) + 1,
    "no whole number of rounds": lambda q, share: math.log(share) / math.log(abs(1 - q)),
    "until the energy of the misfit is down": lambda q, share: math.ceil(
        math.log(share) / math.log((1 - q) ** 2)
    ),
    "and you leave q": lambda q, share: math.ceil(math.log(share) / math.log(q)),
    "this takes each round to leave exp(-q)": lambda q, share: math.ceil(-math.log(share) / q),
    "the same amount in each round": lambda q, share: math.ceil((1 - share) / q),
    "your function gives no number for q above 1": lambda q, share: math.ceil(
        math.log(share) / math.log(1 - q)
    ),
    "this stops when the misfit changes its sign": by_doing_it_without_abs,
    "your function returns None": lambda q, share: None,
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("whole", [round, int, lambda exact: max(2, math.ceil(exact))])
def test_rounding_another_way_is_refused_whatever_the_seed(whole, seed):
    answer = lambda q, share: whole(math.log(share) / math.log(abs(1 - q)))  # noqa: E731
    assert ps08.rounds_needed(answer, seed=seed) == 0


@pytest.mark.parametrize("answer", [
    lambda q, share: np.ceil(np.log(share) / np.log(1 - q)),
    lambda q, share: torch.log(torch.tensor(share)).div(torch.log(torch.tensor(1 - q))).ceil(),
])  # fmt: skip
def test_a_hint_speaks_of_q_above_1_where_a_logarithm_is_nan(answer, capsys):
    assert ps08.rounds_needed(answer) == 0
    assert "your function gives no number for q above 1" in capsys.readouterr().out


# Task 4: half a pixel


def decibels(mean_square):
    return -10 * math.log10(mean_square)


def wave_error(shift, amplitude, period):
    return 2 * amplitude**2 * math.sin(math.pi * shift / period) ** 2


@right("psnr_of_shift")
def by_half_angles(scale, amplitude, period):
    return decibels(wave_error((scale - 1) / 2, amplitude, period))


@right("psnr_of_shift")
def by_a_mean_over_many_columns(scale, amplitude, period):
    c = np.arange(100_000) / 100_000 * period
    difference = amplitude * (
        np.cos(2 * np.pi * c / period) - np.cos(2 * np.pi * (c - (scale - 1) / 2) / period)
    )
    return -10 * np.log10(np.mean(difference**2))


@right("psnr_of_shift")
def by_one_minus_cosine(scale, amplitude, period):
    return -10 * torch.log10(
        torch.tensor(amplitude**2 * (1 - math.cos(math.pi * (scale - 1) / period)), dtype=torch.float64)
    )


right("psnr_of_shift")(lambda s, a, p: round(by_half_angles(s, a, p), 2))


WRONG["psnr_of_shift"] = {
    "to half the angle": lambda s, a, p: decibels(wave_error((s - 1) / 4, a, p)),
    "your numbers are others than asked for": lambda s, a, p: round(by_half_angles(s, a, p)),
    "your logarithm has another base": lambda s, a, p: -10 * math.log(wave_error((s - 1) / 2, a, p)),
    "you shift by half a block": lambda s, a, p: decibels(wave_error(s / 2, a, p)),
    "twice the shift, or to twice the angle": lambda s, a, p: decibels(wave_error(s - 1, a, p)),
    "this is an approximation for short shifts": lambda s, a, p: decibels(
        0.5 * (a * 2 * math.pi / p * (s - 1) / 2) ** 2
    ),
    "half a pixel whatever the scale": lambda s, a, p: decibels(wave_error(0.5, a, p)),
    "this takes half of the mean square": lambda s, a, p: decibels(wave_error((s - 1) / 2, a, p) / 2),
    "this takes twice the mean square": lambda s, a, p: decibels(2 * wave_error((s - 1) / 2, a, p)),
    "the sine is not squared": lambda s, a, p: decibels(2 * a**2 * math.sin(math.pi * (s - 1) / 2 / p)),
    "the amplitude is not squared": lambda s, a, p: decibels(wave_error((s - 1) / 2, a, p) / a),
    "your result has the opposite sign": lambda s, a, p: -decibels(wave_error((s - 1) / 2, a, p)),
    "this is the mean square, not the PSNR": lambda s, a, p: wave_error((s - 1) / 2, a, p),
    "your result is 2 times what is asked for": lambda s, a, p: 2 * decibels(wave_error((s - 1) / 2, a, p)),
    "your angle is in degrees or without pi": lambda s, a, p: decibels(
        2 * a**2 * math.sin((s - 1) / 2 / p) ** 2
    ),
    "math domain error": lambda s, a, p: decibels(-wave_error((s - 1) / 2, a, p)),
}


@pytest.mark.parametrize("seed", range(6))
def test_an_approximation_of_the_sine_gets_one_verdict_whatever_the_seed(seed):
    """The second one is right to 2e-6 of the mean square for periods of 20 and more."""

    def approximated(terms):
        return lambda s, a, p: decibels(2 * a**2 * terms(math.pi * (s - 1) / 2 / p))

    assert ps08.psnr_of_shift(approximated(lambda x: x**2), seed=seed) == 0
    assert ps08.psnr_of_shift(approximated(lambda x: x**2 - x**4 / 3), seed=seed) == 0


# Task 5: why a son is cleaner than his father


@right("noise_of_son")
def by_the_weights(A, sigma):
    return sigma * ps08._weights_of(A).square().sum().sqrt()


@right("noise_of_son")
def by_simulation(A, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, (1, 400, 48, 48))
    return A(torch.from_numpy(noise))[..., 4:-4, 4:-4].std().item()


@right("noise_of_son")
def by_the_matrix(A, sigma):
    units = torch.eye(36 * 36, dtype=torch.float32).view(1, -1, 36, 36)
    rows = A(units)
    return sigma * rows[0, :, rows.shape[-2] // 2, rows.shape[-1] // 2].norm()


@right("noise_of_son")
def by_the_gradient_of_one_number(A, sigma):
    x = torch.zeros(1, 1, 40, 36, requires_grad=True)
    small = A(x)
    small[0, 0, small.shape[-2] // 2, small.shape[-1] // 2].backward()
    return sigma * x.grad.norm()


@right("noise_of_son")
def by_a_stack_of_basis_images(A, sigma):
    noise = A(torch.eye(36 * 36, dtype=torch.float64).view(-1, 1, 36, 36)).square().sum(0).sqrt()
    return sigma * noise[0, noise.shape[-2] // 2, noise.shape[-1] // 2]


@right("noise_of_son")
def by_there_and_back(A, sigma):
    dot = torch.zeros_like(A(torch.zeros(1, 1, 60, 60)))
    dot[..., dot.shape[-2] // 2, dot.shape[-1] // 2] = 1
    return [(sigma**2 * A(A.adjoint(dot))[dot > 0]).sqrt()]


def column(A):
    dot = torch.zeros(1, 1, 36, 36, dtype=torch.float64)
    dot[..., 18, 18] = 1
    return A(dot)


WRONG["noise_of_son"] = {
    "your numbers are others than asked for": lambda A, s: s * ps08._weights_of(A).std(),
    "your result is 255 times what is asked for": lambda A, s: 255 * s * ps08._weights_of(A).norm(),
    "your result is the square of what is asked for": lambda A, s: s**2 * ps08._weights_of(A).square().sum(),
    "this adds the weights, and not their squares": lambda A, s: s * ps08._weights_of(A).sum(),
    "this adds the absolute weights": lambda A, s: s * ps08._weights_of(A).abs().sum(),
    "without sigma": lambda A, s: ps08._weights_of(A).norm(),
    "sigma is squared, and nothing else is": lambda A, s: s**2 * ps08._weights_of(A).norm(),
    "the root over the sum of squares is missing": lambda A, s: s * ps08._weights_of(A).square().sum(),
    "this is right for a plain mean over each block": lambda A, s: s / math.sqrt(A.scales[0] * A.scales[1]),
    "this divides by the number of pixels in a block": lambda A, s: s / (A.scales[0] * A.scales[1]),
    "what one pixel of y does to the whole son": lambda A, s: s * column(A).norm(),
    "this is the largest weight": lambda A, s: s * ps08._weights_of(A).max(),
    "this holds at the border only": lambda A, s: s * ps08._weights_of(A, border=True).norm(),
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {"D": "only sons turned", "C": "wrong kernel", "B": "sons not shrunk", "A": "noisy y, clean sons", "E": 3}
)

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps08.failing_run(letter) for letter in "ABCD"}


def gain(run):
    return psnr(run["estimate"], run["truth"]) - psnr(run["bicubic"], run["truth"])


def left(run):
    """What the told camera leaves of y at the truth: its root mean square, and the correlation of neighbours
    in it.
    """
    rest = run["A"](run["truth"]) - run["y"]
    neighbours = torch.stack([rest[..., 1:].flatten(), rest[..., :-1].flatten()])
    return rest.square().mean().sqrt().item(), torch.corrcoef(neighbours)[0, 1].item()


def test_a_good_run_gains_and_none_of_these_does(runs):
    good = ps08._run("nothing", 200)
    assert gain(good) == pytest.approx(0.7, abs=0.1)
    assert max(gain(run) for run in runs.values()) < 0.25
    assert sum(gain(run) < -0.5 for run in runs.values()) == 2


def test_only_run_a_has_noise_and_only_run_c_another_camera(runs):
    assert left(runs["A"])[0] == pytest.approx(10 / 255, rel=0.05) and abs(left(runs["A"])[1]) < 0.1
    assert left(runs["C"])[0] > 0.02 and left(runs["C"])[1] > 0.3
    assert max(left(runs[letter])[0] for letter in "BD") < 1e-6


def test_only_the_sons_of_run_b_equal_their_fathers(runs):
    assert all(torch.equal(son, father) for son, father in runs["B"]["windows"])
    assert not any(torch.equal(son, father) for letter in "ACD" for son, father in runs[letter]["windows"])


def test_only_the_windows_of_run_d_are_turned_apart(runs):
    def alike(son, father):
        return [((turn(son, number) - father) ** 2).mean().item() for number in range(8)]

    upright = {
        letter: sum(np.argmin(alike(*pair)) == 0 for pair in run["windows"]) for letter, run in runs.items()
    }
    assert upright.pop("D") < 60 and min(upright.values()) > 190
    assert all(pair[0].shape[-2:] == (24, 24) for run in runs.values() for pair in run["windows"])


@pytest.mark.parametrize("letter", "ABCD")
def test_a_run_twice_as_long_gains_nothing(letter, runs):
    assert gain(ps08.failing_run(letter, 400)) < 0.25


def test_the_mystery_is_made_by_the_kernel_that_it_names():
    for seed in range(6):
        y, truth, name = ps08.mystery(seed)
        assert torch.equal(BlurDownsample(ps08.KERNELS[name], 2)(truth), y)
    assert len({ps08.mystery(seed)[2] for seed in range(6)}) > 3


def test_weights_of_a_number_in_the_middle_add_up_to_one():
    for scale in (2, 3, (2, 3)):
        assert ps08._weights_of(Downsample(scale)).sum().item() == pytest.approx(1)
