"""Problem set 04: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps04
from dil_course.signals import picture, psnr

BANK = AnswerBank("ps04_dip_for_inverse_problems")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: explain the data exactly


def mended(estimate, y, A):
    return estimate + A.pinv(y - A(estimate))


right("consistent")(mended)
right("consistent")(lambda e, y, A: A.pinv(y) + (e - A.pinv(A(e))))
right("consistent")(lambda e, y, A: mended(e, y, A)[0].numpy())


@right("consistent")
def by_the_matrix_of_a(estimate, y, A):
    pixels = estimate[0, 0].numel()
    units = torch.eye(pixels, dtype=torch.float64).view(pixels, 1, 1, *estimate.shape[-2:])
    matrix = torch.stack([A(unit).flatten() for unit in units], 1)
    change = torch.linalg.pinv(matrix) @ (y - A(estimate)).flatten(2)[0].T
    estimate += change.T.view_as(estimate)  # in place: the check must not mind
    return estimate.float()


WRONG["consistent"] = {
    "by the adjoint": lambda e, y, A: e + A.adjoint(y - A(e)),
    "the residual has the wrong sign": lambda e, y, A: e + A.pinv(A(e) - y),
    "the estimate is gone": lambda e, y, A: A.pinv(y),
    "already explains counts twice": lambda e, y, A: e + A.pinv(y),
    "but y never came in": lambda e, y, A: e - A.pinv(A(e)),
    "only the correction": lambda e, y, A: A.pinv(y - A(e)),
    "half of the way": lambda e, y, A: e + 0.5 * A.pinv(y - A(e)),
    "the estimate, unchanged": lambda e, y, A: e,
    "not the picture": lambda e, y, A: A(mended(e, y, A)),
    "clipped to [0, 1]": lambda e, y, A: mended(e, y, A).clamp(0, 1),
    "stops with AttributeError": lambda e, y, A: torch.where(A.mask > 0, y, e),
    "stops with RuntimeError": lambda e, y, A: e + y,
    "returns None": lambda e, y, A: print(e.shape),
    "nan or infinity": lambda e, y, A: e / torch.zeros_like(e),
}


# Task 2: how bad does the truth look?


def power_filter(K, epsilon):
    return K.abs() ** 2 / (K.abs() ** 2 + epsilon) ** 2


right("truth_loss")(lambda K, sigma, epsilon: sigma**2 * power_filter(K, epsilon).mean())
right("truth_loss")(
    lambda K, s, e: float(np.mean(np.abs(s * np.conj(K.numpy()) / (np.abs(K.numpy()) ** 2 + e)) ** 2))
)
right("truth_loss")(
    lambda K, s, e: s**2 * torch.fft.ifft2(K.conj() / (K * K.conj() + e)).abs().square().sum()
)


WRONG["truth_loss"] = {
    "the least-squares loss": lambda K, s, e: s**2,
    "the filter is not squared": lambda K, s, e: s**2 * (K.abs() / (K.abs() ** 2 + e)).mean(),
    "its divisor is not": lambda K, s, e: s**2 * (K.abs() ** 2 / (K.abs() ** 2 + e)).mean(),
    "noise meets K once": lambda K, s, e: s**2 * (K.abs() ** 2 * power_filter(K, e)).mean(),
    "epsilon does nothing": lambda K, s, e: s**2 * power_filter(K, 0).mean(),
    "epsilon is squared": lambda K, s, e: s**2 * power_filter(K, e**2).mean(),
    "for sigma in place of sigma squared": lambda K, s, e: s * power_filter(K, e).mean(),
    "your result is the square root of": lambda K, s, e: s * power_filter(K, e).mean().sqrt(),
    "a sum over all frequencies": lambda K, s, e: s**2 * power_filter(K, e).sum(),
    "divides a mean by a mean": lambda K, s, e: (
        s**2 * (K.abs() ** 2).mean() / ((K.abs() ** 2).mean() + e) ** 2
    ),
    "the square of a mean": lambda K, s, e: (s * (K.abs() / (K.abs() ** 2 + e)).mean()) ** 2,
    "only the real part": lambda K, s, e: s**2 * power_filter(K.real, e).mean(),
    "the weakest frequency alone": lambda K, s, e: s**2 * power_filter(K, e).max(),
    "a complex number was squared": lambda K, s, e: s**2 * ((K.conj() / (K.abs() ** 2 + e)) ** 2).mean(),
    "times what is asked for": lambda K, s, e: 2 * s**2 * power_filter(K, e).mean(),
    "one number is asked for: the mean": lambda K, s, e: s**2 * power_filter(K, e),
}


# Task 3: waiting for a frequency


def first_time(factor):
    return math.ceil(math.log(0.01) / math.log(abs(factor)))


def two(k, epsilon, ls=lambda k: 1 - k * k, bp=lambda p: 1 - p * p, wait=first_time):
    return wait(ls(k)), wait(bp(k * k / (k * k + epsilon)))


right("waits")(lambda k, epsilon: two(k, epsilon))
right("waits")(lambda k, epsilon: np.array(two(k, epsilon), dtype=np.float32))


@right("waits")
def in_single_precision(k, epsilon):
    k = torch.tensor(k)
    p = k * k / (k * k + epsilon)
    return torch.ceil(math.log(0.01) / torch.log(1 - torch.stack([k * k, p * p])))


@right("waits")
def by_waiting(k, epsilon):
    counts = []
    for weight in (1.0, k / (k * k + epsilon)):
        x, t = 0.0, 0
        while abs(x - 1) > 0.01:
            x, t = x - k * weight * weight * (k * x - k), t + 1
        counts.append(t)
    return torch.tensor(counts)


WRONG["waits"] = {
    "back-projection counts A^+ A once": lambda k, e: two(k, e, bp=lambda p: 1 - p),
    "least squares counts A once": lambda k, e: two(k, e, ls=lambda k: 1 - k),
    "both operators are counted once": lambda k, e: two(k, e, lambda k: 1 - k, lambda p: 1 - p),
    "the two numbers are exchanged": lambda k, e: two(k, e)[::-1],
    "epsilon is forgotten": lambda k, e: (two(k, e)[0], 1),
    "the last iteration is missing": lambda k, e: two(k, e, wait=lambda f: int(math.log(0.01) / math.log(f))),
    "one iteration too many": lambda k, e: [t + 1 for t in two(k, e)],
    "no whole numbers": lambda k, e: two(k, e, wait=lambda f: math.log(0.01) / math.log(f)),
    "rounds to the nearest": lambda k, e: two(k, e, wait=lambda f: round(math.log(0.01) / math.log(f))),
    "1 % of the squared error": lambda k, e: two(
        k, e, wait=lambda f: math.ceil(math.log(0.01) / math.log(f * f))
    ),
    "an exponential stands for the power": lambda k, e: two(
        k, e, wait=lambda f: math.ceil(math.log(100) / (1 - f))
    ),
    "twice too large": lambda k, e: two(k, e, lambda k: 1 - 2 * k * k, lambda p: 1 - 2 * p * p),
    "that of least squares in both": lambda k, e: (two(k, e)[0],) * 2,
    "expected two numbers, got 1": lambda k, e: two(k, e)[1],
    "least squares is right, back-projection is not": lambda k, e: (two(k, e)[0], two(k, e * e)[1]),
    "back-projection is right, least squares is not": lambda k, e: (min(two(k, e)[0], 500), two(k, e)[1]),
    "stops with ZeroDivisionError": lambda k, e: two(k, e, wait=lambda f: 1 / 0),
    "your numbers are others": lambda k, e: (100, 10),
}


# Task 4: what the scanner did not measure


def turned(mask):
    return torch.flip(mask, (0, 1)).roll((1, 1), (0, 1))


def decibels(power):
    return -10 * torch.log10(power.mean())


right("zero_filled")(lambda c, mask: decibels(c.abs() ** 2 * ((mask + turned(mask)) == 0)))


@right("zero_filled")
def wave_by_wave(c, mask):
    (height, width), lost = c.shape, 0.0
    for row in range(height):
        for column in range(width):
            if not mask[row, column] and not mask[-row % height, -column % width]:
                lost += abs(c[row, column].item()) ** 2
    return -10 * math.log10(lost / height / width)


@right("zero_filled")
def by_a_real_reconstruction(c, mask):
    known = ((mask + turned(mask)) > 0) * c
    pictures = [torch.fft.ifft2(torch.fft.ifftshift(waves), norm="ortho").real for waves in (c, known)]
    return psnr(pictures[1][None, None], pictures[0][None, None])


WRONG["zero_filled"] = {
    "opposite frequencies are counted as lost": lambda c, m: decibels(c.abs() ** 2 * (1 - m)),
    "the PSNR of A^T y": lambda c, m: decibels(c.abs() ** 2 * (1 - (m + turned(m)) / 2) ** 2),
    "the opposite is off by one": lambda c, m: decibels(c.abs() ** 2 * (1 - m) * (1 - m.flip((0, 1)))),
    "lost if one of the two is missing": lambda c, m: decibels(c.abs() ** 2 * (1 - m * turned(m))),
    "what was measured, not what was lost": lambda c, m: decibels(c.abs() ** 2 * torch.maximum(m, turned(m))),
    "a sum, not a mean": lambda c, m: -10 * (c.abs() ** 2 * (1 - m) * (1 - turned(m))).sum().log10(),
    "over lost frequencies only": lambda c, m: decibels(c.abs()[(m + turned(m)) == 0] ** 2),
    "10 log10, not 20": lambda c, m: 2 * decibels(c.abs() ** 2 * (1 - m) * (1 - turned(m))),
    "the opposite sign": lambda c, m: -decibels(c.abs() ** 2 * (1 - m) * (1 - turned(m))),
    "not in decibels": lambda c, m: (c.abs() ** 2 * (1 - m) * (1 - turned(m))).mean(),
    "sizes are added": lambda c, m: -20 * (c.abs() * (1 - m) * (1 - turned(m))).mean().log10(),
    "another base": lambda c, m: -10 * (c.abs() ** 2 * (1 - m) * (1 - turned(m))).mean().log(),
    "the peak is 255": lambda c, m: decibels(c.abs() ** 2 * (1 - m) * (1 - turned(m)) / 255**2),
    "your result has the shape": lambda c, m: c.abs() ** 2,
}


# Task 5: when did the patient move?


def centres(sinogram, weigh=True, middle=True):
    p = sinogram[0, 0].double()
    rows = torch.arange(len(p)) - (len(p) // 2 if middle else 0)
    return (rows[:, None] * p).sum(0) / (p.sum(0) if weigh else 1)


def residual(c, angles, unit=math.pi / 180, waves=(torch.cos, torch.sin)):
    theta = unit * torch.tensor(angles).double()
    columns = torch.stack([wave(theta) for wave in waves], 1)
    return (c - columns @ (torch.linalg.pinv(columns) @ c)).abs()


right("moved")(lambda sinogram, angles: residual(centres(sinogram), angles).argmax())
right("moved")(
    lambda s, a: int(
        residual(centres(s, middle=False), a, waves=(torch.cos, torch.sin, torch.ones_like)).argmax()
    )
)


@right("moved")
def by_pairs_of_angles(s, a):
    """The pair of angles whose sinusoid most others agree with, and then the angle farthest from it."""
    c, theta = centres(s).numpy(), np.radians(a)
    columns, best = np.stack([np.cos(theta), np.sin(theta)], 1), (np.inf, None)
    for i in range(len(c)):
        for j in range(i):
            if abs(np.sin(theta[i] - theta[j])) > 0.3:
                far = np.abs(columns @ np.linalg.solve(columns[[i, j]], c[[i, j]]) - c)
                best = min(best, (np.median(far), int(far.argmax())))
    return best[1]


@right("moved")
def leave_each_angle_out(sinogram, angles):
    c, theta = centres(sinogram).numpy(), np.radians(angles)
    columns = np.stack([np.cos(theta), np.sin(theta)], 1)
    misfits = []
    for i in range(len(theta)):
        kept = np.arange(len(theta)) != i
        solution = np.linalg.lstsq(columns[kept], c[kept], rcond=None)[0]
        misfits.append(np.sum((columns[kept] @ solution - c[kept]) ** 2))
    return np.argmin(misfits)


def inner_outlier(c, angles):
    """Compares each angle with its two neighbours: blind at both ends."""
    a = torch.tensor(angles)
    share = (a[1:-1] - a[:-2]) / (a[2:] - a[:-2])
    return (c[1:-1] - (1 - share) * c[:-2] - share * c[2:]).abs().argmax() + 1


@pytest.mark.parametrize("seed", range(8))
def test_another_centre_or_even_angles_are_refused_with_every_seed(seed):
    for row in (-1, -0.5, 0.5, 1):
        assert ps04.moved(lambda s, a, row=row: residual(centres(s) + row, a).argmax(), seed=seed) == 0
    for says in (
        "taken for evenly spaced",
        "counted from their mean",
        "compares each angle with its neighbours",
        "the brightest row",
        "a parabola",
    ):
        answer = next(answer for phrase, answer in WRONG["moved"].items() if says in phrase)
        assert ps04.moved(answer, seed=seed) == 0


def test_a_scan_that_is_shown_in_public_is_not_asked_for():
    shown = [ps04.scan(seed)[1] for seed in range(12)]
    hidden, _ = ps04._hidden_scans(torch.Generator().manual_seed(0))
    assert not any(s.shape == t.shape and torch.allclose(s, t) for s in shown for t, _ in hidden)


WRONG["moved"] = {
    "the angle in degrees": lambda s, a: a[residual(centres(s), a).argmax()],
    "counts angles from 1": lambda s, a: residual(centres(s), a).argmax() + 1,
    "the best fit, not the worst": lambda s, a: residual(centres(s), a).argmin(),
    "a column with an odd factor": lambda s, a: (s[0, 0].sum(0) - s[0, 0].sum(0).mean()).abs().argmax(),
    "not divided by their sums": lambda s, a: residual(centres(s, weigh=False), a).argmax(),
    "farthest out": lambda s, a: (centres(s) - centres(s).mean()).abs().argmax(),
    "at its first angle": lambda s, a: centres(s).diff().abs().argmax(),
    "at its second angle": lambda s, a: centres(s).diff().abs().argmax() + 1,
    "into cos and sin in degrees": lambda s, a: residual(centres(s), a, unit=1).argmax(),
    "the angles are doubled": lambda s, a: residual(centres(s), a, unit=math.pi / 90).argmax(),
    "counted from (side - 1) / 2": lambda s, a: residual(
        centres(s, middle=False) - (s.shape[2] - 1) / 2, a
    ).argmax(),
    "counted from their mean": lambda s, a: residual(centres(s) - centres(s).mean(), a).argmax(),
    "taken for evenly spaced": lambda s, a: residual(
        centres(s), range(0, 180 * len(a), 180), math.pi / 180 / len(a)
    ).argmax(),
    "counted from row 0": lambda s, a: residual(centres(s, middle=False), a).argmax(),
    "only the cosine": lambda s, a: residual(centres(s), a, waves=(torch.cos,)).argmax(),
    "compares each angle with its neighbours": lambda s, a: inner_outlier(centres(s), a),
    "the brightest row of each column": lambda s, a: residual(
        s[0, 0].argmax(0).double() - s.shape[2] // 2, a
    ).argmax(),
    "a parabola through the centres": lambda s, a: np.abs(
        centres(s).numpy() - np.polyval(np.polyfit(a, centres(s).numpy(), 2), a)
    ).argmax(),
    "the first one, your function says 5": lambda s, a: 5,
    "your function says 0": lambda s, a: 0,
    "expected one index, got 16 numbers": lambda s, a: residual(centres(s), a),
    "stops with IndexError": lambda s, a: a[100],
}


# Task 6: causes

right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "A looks aside",
        "C": "holes taken for black",
        "B": "loss amplifies noise",
        "A": "kernel too wide",
        "E": 3,
    }
)

BANK.add_wrong_causes("blur")


# Is the evidence in the failing runs what the causes and the refutations say?


# As long as the evidence needs; a run begins like a shorter one.
LENGTHS = {"A": 120, "B": 60, "C": 60, "D": 200}


@pytest.fixture(scope="module")
def runs():
    return {letter: ps04.failing_run(letter, iterations) for letter, iterations in LENGTHS.items()}


def at_the_truth(run):
    """Mean square of A(x) - y, and the loss of x, in units of sigma squared."""
    x = picture("coffee", 48)
    return [
        float(value) / run["sigma"] ** 2
        for value in ((run["A"](x) - run["y"]).square().mean(), run["loss_of"](x))
    ]


def gain_when_moved(run):
    x, estimate = picture("coffee", 48), run["estimate"]
    return max(psnr(estimate.roll((a, b), (2, 3)), x) for a in range(-4, 5) for b in range(-4, 5)) - psnr(
        estimate, x
    )


def test_only_the_a_of_run_b_explains_the_truth(runs):
    assert at_the_truth(runs["B"])[0] == pytest.approx(1, abs=0.05)
    assert min(at_the_truth(runs[letter])[0] for letter in "ACD") > 3


def test_only_the_loss_of_run_b_enlarges_the_noise(runs):
    assert at_the_truth(runs["B"])[1] > 1e4
    assert all(
        at_the_truth(runs[letter])[1] == pytest.approx(at_the_truth(runs[letter])[0]) for letter in "ACD"
    )


def test_only_run_c_has_holes_and_its_a_leaves_pictures_alone(runs):
    black = {letter: float((run["y"] == 0).float().mean()) for letter, run in runs.items()}
    assert black.pop("C") > 0.25 and max(black.values()) < 0.01
    assert torch.equal(runs["C"]["A"](picture("coffee", 48)), picture("coffee", 48))


def test_only_the_estimate_of_run_d_is_good_in_another_place(runs):
    assert gain_when_moved(runs["D"]) > 2
    assert gain_when_moved(runs["A"]) == 0


def test_y_is_in_its_range(runs):
    assert all(run["y"].min() > -0.1 and run["y"].max() < 1.1 for run in runs.values())


def test_no_run_comes_near_a_good_one():
    assert max(ps04._run("nothing", 100)["psnr"]) > 28


def test_a_run_twice_as_long_gains_nothing(runs):
    for run in runs.values():
        half = len(run["psnr"]) // 2
        assert max(run["psnr"][half:]) < max(run["psnr"][:half]) < 27


def test_the_same_seed_gives_the_same_scan_and_only_one_angle_is_out_of_line():
    for seed in range(20):
        _, sinogram, angles, index = ps04.scan(seed)
        assert torch.equal(sinogram, ps04.scan(seed)[1])
        assert angles == sorted(angles) and angles[0] >= 0 and angles[-1] < 180
        far = residual(centres(sinogram), angles)
        assert far.argmax() == index and far[index] > 1.3 * far[torch.arange(len(angles)) != index].max()
