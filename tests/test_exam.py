"""The examination questions for lecturers: every number of the solutions is computed a second time."""

import math
import re

import build
import numpy as np
import pytest

EXAM = build.ROOT / "docs" / "exam"
LESSONS = [f"{number:02}" for number in range(1, 18)]


def db(error):
    return -10 * math.log10(error)


def tikhonov():
    factor = 0.1**2 / (0.1**2 + 0.01)
    bias, variance = ((1 - factor) * 0.05) ** 2, (0.01 * factor / 0.1) ** 2
    weights = np.geomspace(1e-4, 10, 100_001)
    factors = 0.01 / (0.01 + weights)
    errors = ((1 - factors) * 0.05) ** 2 + (0.01 * factors / 0.1) ** 2
    yield from [(1 / 1.01, "0.990"), (bias, "0.000625"), (variance, "0.0025"), (bias + variance, "0.003125")]
    yield from [
        (weights[errors.argmin()], "0.04"),
        (errors.min(), "0.0020"),
        (1 / math.sqrt(64 * 64), "0.016"),
    ]


def neighbours():
    counts = np.arange(1, 50)
    errors = 0.01 / counts + (0.002 * counts) ** 2
    assert counts[errors.argmin()] == 11
    yield from [(errors[9], "0.001400"), (errors[10], "0.001393"), (db(errors.min()) - db(0.01), "8.6")]
    yield from [(10 * math.log10(11), "10.4"), (1e6 * math.exp(-2 * 0.1**2 / (0.4 * 0.1) ** 2), "3.7")]
    assert 100 * math.exp(-12.5) < 1e-3


def averages():
    weights = 0.01 * 0.99 ** np.arange(10_000)
    assert math.isclose(weights.sum(), 1)
    yield from [(weights[:100].sum(), "0.634"), (1 / (weights**2).sum(), "199"), (db(0.003), "25.2")]
    yield from [(0.001 + 0.002 * (weights**2).sum(), "0.00101"), (db(0.001 + 0.002 / 199), "30.0")]


def back_projection():
    spectrum = np.linspace(1e-4, 1, 100_001)
    gain = spectrum / (spectrum**2 + 0.0025)
    yield from [((0.1 * 0.1 / (0.1**2 + 0.0025)) ** 2, "0.64"), (spectrum[gain.argmax()], "0.05")]
    yield from [(gain.max(), "10"), (0.01 * gain.max(), "0.1"), (1 / 64, "0.0156")]
    assert (spectrum / (spectrum**2 + 1 / 64)).max() <= 4 + 1e-9


def descent():
    values, signal = np.array([1, 0.01]), np.array([1, 0.05])

    def parts(steps):
        share = 1 - (1 - 0.1 * values) ** steps
        return (((1 - share) * signal) ** 2).sum(), ((share * 0.1) ** 2).sum()

    yield from [(0.9**20, "0.1216"), (0.999**20, "0.9802"), (0.999**200, "0.8186")]
    yield from zip(parts(20), ("0.01718", "0.00772"), strict=True)
    yield from zip(parts(200), ("0.00168", "0.01033"), strict=True)
    yield from [(sum(parts(20)), "0.0249"), (sum(parts(200)), "0.0120"), (sum(parts(10**6)), "0.02")]
    errors = [((0.999**t * 0.05) ** 2 + ((1 - 0.999**t) * 0.1) ** 2) for t in range(1000)]
    yield np.argmin(errors), "223"


def shrinkage():
    factors = np.linspace(0, 1, 100_001)
    for level, best, reported, true in ((0.1, "0.8", "0.008", "0.008"), (0.2, "0.2", "0.008", "0.026")):
        risk = (1 - factors) ** 2 * 0.05 - level**2 + 2 * level**2 * factors
        a = factors[risk.argmin()]
        yield from [(a, best), (risk.min(), reported), ((1 - a) ** 2 * 0.04 + a**2 * 0.01, true)]


def recorrupted():
    noise, z = np.random.default_rng(0).standard_normal((2, 10**6))
    given, target = noise + 0.5 * 1.5 * z, noise - 1.5 * z / 0.5
    assert abs((given * target).mean() / (given**2).mean() + 0.8) < 0.01
    yield from [(1 + 0.25, "1.25"), (1 + 1 / 0.25, "5"), ((1 - 2.25) / (1 + 0.25 * 2.25), "-0.8")]


def edges():
    t = np.linspace(-20, 20, 400_001)
    slope = np.exp(-(t**2) / (2 * 1.3**2))
    curvature = np.gradient(slope, t)
    assert math.isclose(0.5 * (slope**2).sum() / (curvature**2).sum(), 1.3**2, rel_tol=1e-4)
    large, small = math.sqrt(0.5 * 0.002 / 0.0025), math.sqrt(0.5 * 0.003 / 0.006)
    yield from [(large, "0.63"), (small, "0.50"), (large / small, "1.26"), (1 + 8 * 2, "17")]


def recurrence():
    def narrower(variance, scale):
        return scale**2 * (variance / scale**2) - variance / scale**2

    assert math.isclose(narrower(4, 3), 4 * 8 / 9)
    yield from [(math.sqrt(narrower(4, 2)), "1.73"), (math.sqrt(narrower(5, 2)), "1.94")]


def posterior():
    patches = np.array([0.2, 0.8])

    def weights(sigma):
        likelihood = np.exp(-((0.4 - patches) ** 2) / (2 * sigma**2))
        return likelihood, likelihood / likelihood.sum()

    wide, narrow = weights(0.3), weights(0.1)
    mean = wide[1] @ patches
    yield from zip(wide[0], ("0.801", "0.411"), strict=True)
    yield from zip(wide[1], ("0.661", "0.339"), strict=True)
    yield from zip(narrow[0], ("0.1353", "0.0003"), strict=True)
    yield from zip(narrow[1], ("0.9975", "0.0025"), strict=True)
    yield from [(mean, "0.404"), (narrow[1] @ patches, "0.2015"), (mean + 0.1 * (0.4 - mean) / 0.3, "0.4024")]


def reach_and_layers():
    yield from [(64 / (math.sqrt(2) * math.pi * s), reach) for s, reach in ((3, "4.8"), (20, "0.72"))]
    yield 64 / (math.sqrt(2) * math.pi * 2), "7.2"
    for share, layers in ((0.70, ("0.586", "0.300")), (0.72, ("0.576", "0.305"))):
        mixing = np.array([[share, 1 - share], [0.35, 0.65]])
        yield np.linalg.det(mixing), f"{share - 0.35:.2f}"
        yield from zip(np.linalg.solve(mixing, [0.5, 0.4]), layers, strict=True)


def low_rank():
    rng = np.random.default_rng(0)
    B, A, target = rng.standard_normal((6, 2)), rng.standard_normal((2, 9)), rng.standard_normal((6, 9))
    G = B @ A - target  # of half the squared distance
    step = 1e-6 * np.eye(6, 2)
    difference = ((B + step) @ A - target) ** 2 - ((B - step) @ A - target) ** 2
    assert math.isclose(difference.sum() / 4e-6, (G @ A.T)[[0, 1], [0, 1]].sum(), rel_tol=1e-5)
    yield from [(64 * 576, "36864"), (4 * (64 + 576), "2560")]


def norms():
    yield from [((0.5 - 0.2) / 0.2, "1.5"), ((0.5 - 0.4) / 0.1, "1.0"), ((0.5 - 0.3) / 0.5, "0.4")]
    yield from [(0.2 / math.sqrt(0.5 * 0.04 + 0.5 * 0.01), "1.26"), (math.log(2), "0.693")]
    yield from [(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), "0.325"), (30.7 - 26.7, "4")]


def meta():
    def after(theta, rate):
        return theta - rate * 2 * theta

    for rate, second, first in ((0.3, "0.32", "0.8"), (0.8, "0.72", "-1.2")):
        move = 1e-6
        yield (after(1 + move, rate) ** 2 - after(1 - move, rate) ** 2) / (2 * move), second
        yield 2 * after(1, rate), first


def generators():
    yield 0.05**2 + 0.1**2 * 784 / 98, "0.0825"
    rng = np.random.default_rng(0)
    for m, share, root in ((392, "0.501", "0.071"), (98, "0.0179", "0.013")):
        yield m**2 / (784 * (784 - m - 1)), share
        yield 0.1 * m / math.sqrt(784 * (784 - m - 1)), root
        inverse = np.linalg.pinv(rng.standard_normal((m, 784)) / math.sqrt(m))
        assert math.isclose((inverse**2).sum() / 784, m**2 / (784 * (784 - m - 1)), rel_tol=0.05)


def draws():
    x = 0.5 + math.sqrt(0.02) * np.random.default_rng(0).standard_normal((2, 10**6))
    clean = 0.5 + 0.5 * (x[0] - 0.5)
    noise = (x[1] - 0.5) / math.sqrt(0.02)
    assert abs((clean + 0.05 * noise).var() - 0.0075) < 1e-4
    assert abs((clean + 0.05 * (x[0] - clean) / 0.1).var() - 0.01125) < 1e-4
    yield from [(0.01 + 0.05**2, "0.0125"), (0.01**2 / 0.02, "0.005"), (0.005 + 0.0025, "0.0075")]
    yield from [(0.75**2 * 0.02, "0.01125"), (10 * math.log10(2 / 1.1), "2.6")]


def one_weight_for_two():
    def error(theta, b):
        return (0.1 * theta) ** 2 + (b * theta - 0.5) ** 2

    theta = 1 - 10 * 2 * 0.1**2
    yield from [(theta, "0.8"), (error(0, 0.4), "0.25"), (2 * 0.1**2, "0.02")]
    for b, trained, adapted, held_out in ((0.4, "0.02", "0.0388", "0.04"), (-0.4, "0.82", "0.6788", "3.24")):
        yield from [(error(1, b), trained), (error(theta, b), adapted), ((b - 0.5) ** 2 / 0.25, held_out)]
        assert math.isclose(error(0.8**200, b), 0.25, abs_tol=1e-9)


SOLUTIONS = [
    tikhonov, neighbours, averages, back_projection, descent, shrinkage, recorrupted, edges, recurrence,
    posterior, reach_and_layers, low_rank, norms, meta, generators, draws, one_weight_for_two,
]  # fmt: skip


def text(lesson):
    return (EXAM / f"{lesson}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson, solution", [*zip(LESSONS, SOLUTIONS, strict=True)], ids=LESSONS)
def test_numbers_of_the_solutions(lesson, solution):
    printed = text(lesson).partition("### Solution")[2].replace("{,}", "")
    numbers = set(re.findall(r"-?\d+(?:\.\d+)?", printed))
    for value, number in solution():
        assert number in numbers, f"the solution does not say {number}"
        unit = 10.0 ** -len(number.partition(".")[2])
        assert abs(value - float(number)) <= 0.51 * unit, (number, value)


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_has_two_questions_with_solutions_and_ten_points(lesson):
    compute, judge = text(lesson).split("## To judge\n")
    assert "## To compute\n" in compute and "**Half right:**" in judge
    task, solution = compute.split("### Solution\n")
    parts = re.findall(r"^\d\. ", task, re.MULTILINE)
    assert parts == re.findall(r"^\d\. ", solution, re.MULTILINE) and len(parts) >= 3
    for points in (task, judge.split("### Solution\n")[1]):
        assert sum(map(int, re.findall(r"\((\d+) points?\)", points))) == 10
    assert f"[{lesson}]({lesson}.md)" in (EXAM / "README.md").read_text(encoding="utf-8")
