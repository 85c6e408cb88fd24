"""Problem set 02: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps02
from dil_course.from_scratch import non_local_means
from dil_course.signals import nearest, patches, places, psnr

BANK = AnswerBank("ps02_internal_statistics")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: how alike are the neighbours


def looped(y, row, column, reach, size, of=lambda d: (d**2).mean(), half=None):
    """Two loops, with one place to change for each wrong answer."""
    half = size // 2 if half is None else half
    cut = lambda a, b: y[..., a - half : a - half + size, b - half : b - half + size]  # noqa: E731
    shifts = range(-reach, reach + 1)
    return torch.tensor(
        [[of(cut(row + down, column + across) - cut(row, column)) for across in shifts] for down in shifts]
    )


right("distance_map")(looped)


@right("distance_map")
def by_a_box_filter(y, row, column, reach, size):
    y, half = y.numpy(), size // 2
    result = np.zeros((2 * reach + 1, 2 * reach + 1))
    here = y[..., row - half : row + half + 1, column - half : column + half + 1].copy()
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            there = y[
                ...,
                row + down - half : row + down + half + 1,
                column + across - half : column + across + half + 1,
            ]
            result[reach + down, reach + across] = np.mean((there - here) ** 2)
    return result


@right("distance_map")
def by_unfold(y, row, column, reach, size):
    start = reach + size // 2
    region = y[..., row - start : row + start + 1, column - start : column + start + 1]
    rows = patches(region, size)
    y += 1  # in place: the check must not mind
    return ((rows - rows[len(rows) // 2]) ** 2).mean(1).view(2 * reach + 1, -1).float()


WRONG["distance_map"] = {
    "times what is asked for, in all its numbers": lambda *given: looped(*given, of=lambda d: (d**2).sum()),
    "your result is the square root of": lambda *given: looped(*given).sqrt(),
    "this is the mean absolute difference": lambda *given: looped(*given, of=lambda d: d.abs().mean()),
    "this is the square of the mean difference": lambda *given: looped(*given, of=lambda d: d.mean() ** 2),
    "the channels are averaged first": lambda y, *given: looped(y.mean(1, keepdim=True), *given),
    "your numbers are others than asked for": lambda y, *given: looped(
        torch.nn.functional.pad(y[..., :-1, :-1], (0, 1, 0, 1)), *given
    ),
    "your patch begins at the pixel": lambda *given: looped(*given, half=0),
    "this compares single pixels": lambda y, row, column, reach, size: looped(y, row, column, reach, 1),
    "turned by 180 degrees": lambda *given: looped(*given).flip(0, 1),
    "has rows and columns exchanged": lambda *given: looped(*given).T,
    "the last row and column of each patch": lambda *given: looped(
        *given, of=lambda d: (d[..., :-1, :-1] ** 2).mean()
    ),
    "the mean difference is taken off": lambda *given: looped(*given, of=lambda d: d.var(correction=0)),
    "row and column are exchanged": lambda y, row, column, *rest: looped(y, column, row, *rest),
    "the last channel only": lambda y, *given: looped(y[:, -1:], *given),
    "rows and columns of y are exchanged": lambda y, row, column, reach, size: looped(
        y.mT, row, column, reach, size
    ),
    "this looks at the first channel only": lambda y, row, column, reach, size: looped(
        y[:, :1], row, column, reach, size
    ),
    "your result has the shape": lambda *given: looped(*given)[1:],
    "your function returns None": lambda *given: None,
}


# Task 2: how near can noise come


@right("noise_distance")
def by_variances(sigma, numbers):
    return 2 * sigma**2, 2 * sigma**2 * math.sqrt(2 / numbers)


right("noise_distance")(lambda sigma, numbers: np.array([2, math.sqrt(8 / numbers)]) * sigma**2)
right("noise_distance")(
    lambda sigma, numbers: [torch.tensor(2 * sigma**2), torch.tensor([8 * sigma**4 / numbers]).sqrt()]
)

WRONG["noise_distance"] = {
    "only one of the two copies is noisy here": lambda s, n: (s**2, s**2 * math.sqrt(2 / n)),
    "the mean is that of one noisy copy": lambda s, n: (s**2, 2 * s**2 * math.sqrt(2 / n)),
    "two noises cancel here": lambda s, n: (0.0, 2 * s**2 * math.sqrt(2 / n)),
    "the mean is a sum over the patch": lambda s, n: (2 * n * s**2, 2 * n * s**2 * math.sqrt(2 / n)),
    "the variance, not the standard deviation": lambda s, n: (2 * s**2, 8 * s**4 / n),
    "the spread does not fall": lambda s, n: (2 * s**2, 2 * s**2 * math.sqrt(2)),
    "falls with n, and should with its root": lambda s, n: (2 * s**2, 2 * s**2 * math.sqrt(2) / n),
    "the spread lacks the root of 2": lambda s, n: (2 * s**2, 2 * s**2 / math.sqrt(n)),
    "a mean of Gaussian numbers, not of their squares": lambda s, n: (
        2 * s**2,
        math.sqrt(2) * s / math.sqrt(n),
    ),
    "the spread takes one noisy copy": lambda s, n: (2 * s**2, s**2 * math.sqrt(2 / n)),
    "spread and mean are exchanged": lambda s, n: by_variances(s, n)[::-1],
    "your result has the shape ()": lambda s, n: 2 * s**2,
    "the mean is right, the spread": lambda s, n: (2 * s**2, 4 * s**2 * math.sqrt(2 / n)),
    "the spread is right, the mean": lambda s, n: (math.sqrt(2) * s, 2 * s**2 * math.sqrt(2 / n)),
    "your result has the shape (5,)": lambda s, n: (2 * s**2, [2 * s**2 * math.sqrt(2 / n), 1, 2, 3]),
    "your numbers are others": lambda s, n: (2 * s, 2 * s * math.sqrt(2 / n)),
    "expected 2 things, (mean, spread)": lambda s, n: [2 * s**2],
}


# Task 3: who votes


def voting(squared, sigma, strength, noise=2.0, h=None):
    weights = torch.exp(-(squared - noise * sigma**2).clamp(min=0) / (h or (strength * sigma) ** 2))
    return weights / weights.sum()


def shared_among(weights):
    return weights / weights.sum()


right("vote_weights")(lambda *given: voting(*given))


@right("vote_weights")
def by_softmax(squared, sigma, strength):
    squared -= 2 * sigma**2
    exponents = -squared.clamp(min=0) / strength**2 / sigma**2
    return torch.softmax(exponents.flatten(), dim=0).view_as(squared).tolist()


right("vote_weights")(
    lambda d, s, c: (
        np.exp(-np.maximum(d.numpy() / s**2 - 2, 0) / c**2)
        / np.exp(-np.maximum(d.numpy() / s**2 - 2, 0) / c**2).sum()
    )
)

WRONG["vote_weights"] = {
    "do not add up to one": lambda d, s, c: torch.exp(-(d - 2 * s**2).clamp(min=0) / (c * s) ** 2),
    "each row of the map adds up to one": lambda d, s, c: torch.softmax(
        -(d - 2 * s**2).clamp(min=0) / (c * s) ** 2, -1
    ),
    "each column of the map adds up to one": lambda d, s, c: torch.softmax(
        -(d - 2 * s**2).clamp(min=0) / (c * s) ** 2, 0
    ),
    "what noise alone makes is not taken off, or": lambda d, s, c: voting(d, s, c, noise=0),
    "only one sigma^2 is taken off": lambda d, s, c: voting(d, s, c, noise=1),
    "the square of h is missing": lambda d, s, c: voting(d, s, c, h=c * s),
    "strength is not squared": lambda d, s, c: voting(d, s, c, h=c * s**2),
    "strength is missing": lambda d, s, c: voting(d, s, c, h=s**2),
    "sigma is missing": lambda d, s, c: voting(d, s, c, h=c**2),
    "the less alike, the more weight": lambda d, s, c: voting(d, s, c, h=-((c * s) ** 2)),
    "all your weights are alike": lambda d, s, c: torch.softmax(
        -(d**2 - 2 * s).clamp(min=0).flatten() / (c * s) ** 2, 0
    ).view_as(d),
    "the patch itself has no vote": lambda d, s, c: shared_among(voting(d, s, c) * (d > 0)),
    "only the vote of the best other one": lambda d, s, c: shared_among(
        torch.where(d > 0, voting(d, s, c), voting(d, s, c)[d > 0].max())
    ),
    "your numbers are others": lambda d, s, c: shared_among(torch.exp(-(d - 2 * s**2).abs() / (c * s) ** 2)),
    "there is a 2 too many": lambda d, s, c: voting(d, s, c, h=2 * (c * s) ** 2),
    "your result holds nan": lambda d, s, c: voting(d, s, c) / 0,
}


# Task 4: what a mean gains, and what it costs


def bias_and_noise(differences, weights, sigma):
    return (weights * differences).sum() ** 2 + sigma**2 * (weights**2).sum()


right("error_of_mean")(bias_and_noise)
right("error_of_mean")(lambda d, w, s: float(np.dot(w, d)) ** 2 + float(s * np.linalg.norm(w)) ** 2)


@right("error_of_mean")
def by_all_pairs(differences, weights, sigma):
    total = 0.0
    for i, (a, u) in enumerate(zip(differences.tolist(), weights.tolist(), strict=True)):
        for j, (b, v) in enumerate(zip(differences.tolist(), weights.tolist(), strict=True)):
            total += u * v * (a * b + sigma**2 * (i == j))
    return torch.tensor([total], dtype=torch.float32)


WRONG["error_of_mean"] = {
    "the fixed part is not squared": lambda d, w, s: (w * d).sum() + s**2 * (w**2).sum(),
    "the fixed part is missing": lambda d, w, s: s**2 * (w**2).sum(),
    "the random part is missing": lambda d, w, s: (w * d).sum() ** 2,
    "the differences are squared one by one": lambda d, w, s: ((w * d) ** 2).sum() + s**2 * (w**2).sum(),
    "differences of opposite sign cannot cancel": lambda d, w, s: (w * d**2).sum() + s**2 * (w**2).sum(),
    "for equal in the random part": lambda d, w, s: (w * d).sum() ** 2 + s**2 / len(w),
    "for equal in the fixed part": lambda d, w, s: d.mean() ** 2 + s**2 * (w**2).sum(),
    "the noise is not reduced at all": lambda d, w, s: (w * d).sum() ** 2 + s**2 * w.sum(),
    "added before they are squared": lambda d, w, s: ((w * d).sum() + s * (w**2).sum().sqrt()) ** 2,
    "sigma is not squared": lambda d, w, s: (w * d).sum() ** 2 + s * (w**2).sum(),
    "your result is the square root of": lambda d, w, s: bias_and_noise(d, w, s).sqrt(),
    "your result has the shape": lambda d, w, s: (w * d) ** 2 + s**2 * w**2,
}


# Task 5: find the forgery


def voted(y, size, apart):
    offsets = ps02._offsets_of(y, size, apart)[1]
    offsets = torch.where(offsets[:, :1] < 0, -offsets, offsets)
    values, counts = offsets.unique(dim=0, return_counts=True)
    return tuple(values[counts.argmax()].tolist())


def nearest_pair(y, size, apart):
    distances, offsets = ps02._offsets_of(y, size, apart)
    offset = offsets[distances.argmin()]
    return offset if offset[0] > 0 else -offset


right("find_copy")(voted)


@right("find_copy")
def by_a_histogram(y, size, apart):
    rows, corners = patches(y, size), places(y, size)
    _, found = nearest(rows, rows, 1, apart, corners, corners)
    histogram = np.zeros((64, 128), dtype=int)
    for down, across in (corners[found[:, 0]] - corners).tolist():
        if down > 0:
            histogram[down, across + 64] += 1
    down, across = np.unravel_index(histogram.argmax(), histogram.shape)
    return np.array([down, across - 64])


WRONG["find_copy"] = {
    "this is the way back": lambda *given: [-value for value in voted(*given)],
    "down and right are exchanged": lambda *given: voted(*given)[::-1],
    "the sign of one of the two is lost": lambda *given: [abs(value) for value in voted(*given)],
    "a patch has found itself, or one that nearly covers it": lambda y, size, apart: (0, 0),
    "your offset (0, 1) is shorter than `apart`": lambda y, size, apart: (0, 1),
    "the two patches that are most alike": nearest_pair,
    "the copy does not lie at the offset (40, 0)": lambda y, size, apart: voted(y, min(size, 3), apart),
    "this is a mean of offsets": lambda *given: below(*given).mean(0).int(),
    "this is a median of offsets": lambda *given: below(*given).median(0).values.int(),
    "the copy does not lie at the offset (40, 40)": lambda y, size, apart: (40, 40),
    "expected two whole numbers": lambda y, size, apart: "down",
    "stops with TypeError": lambda y, size: (0, 0),
    "your offset (12, ": lambda y, size, apart: voted(y, size, 10),
    "stops with ValueError: size=7": lambda y, size, apart: voted(y, 7, apart),
    "the copy does not lie at the offset (99, 99)": lambda y, size, apart: next(
        (
            truth
            for forgery, truth in map(ps02.forged, range(12))
            if forgery.shape == y.shape and torch.allclose(forgery, y)
        ),
        (99, 99),
    ),
}


@right("find_copy")
def by_counting_equal_windows(y, size, apart):
    """For each offset, in how many windows the two places differ by the noise alone."""
    height, width, counts = *y.shape[-2:], {}
    for down in range(height - size + 1):
        for across in range(size - width, width - size + 1):
            if max(down, abs(across)) >= apart and (down or across > 0):
                lower = y[..., down:, max(across, 0) : width + min(across, 0)]
                upper = y[..., : height - down, max(-across, 0) : width - max(across, 0)]
                windows = torch.nn.functional.avg_pool2d((lower - upper) ** 2, size, 1)
                counts[down, across] = int((windows < 6 * (3 / 255) ** 2).sum())
    return max(counts, key=counts.get)


@pytest.mark.parametrize("seed", range(4))
def test_signs_of_the_hidden_forgeries_do_not_depend_on_the_seed(seed):
    offsets = [offset for *_, offset in ps02._hidden_forgeries(seed)]
    assert [right > 0 for _, right in offsets] == [False, True, True] and min(down for down, _ in offsets) > 0


def below(y, size, apart):
    offsets = ps02._offsets_of(y, size, apart)[1].double()
    return offsets[(offsets[:, 0] > 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] > 0))]


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "sigma too small",
        "C": "noise that neighbours share",
        "B": "strength far too large",
        "A": "patches of one pixel",
        "E": 3,
    }
)

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps02.failing_run(letter) for letter in "ABCD"}


def voters(run, row, column):
    votes = run["votes"](row, column)
    return (votes.sum() ** 2 / votes.square().sum()).item()


def test_a_good_run_is_good_and_none_of_these_is(runs):
    good = ps02._run("nothing")
    assert psnr(good["estimate"], good["truth"]) == pytest.approx(27.8, abs=0.1)
    assert max(psnr(run["estimate"], run["truth"]) for run in runs.values()) < 25.5


def test_votes_are_those_of_the_estimate(runs):
    for run in runs.values():
        for row, column in ((10, 10), (24, 42)):
            votes = run["votes"](row, column)
            mean = (votes * run["y"][0, 0, row - 6 : row + 7, column - 6 : column + 7]).sum() / votes.sum()
            assert votes.shape == (13, 13) and mean.item() == pytest.approx(
                run["estimate"][0, 0, row, column].item(), abs=1e-5
            )


def test_only_the_votes_of_run_b_are_all_the_same(runs):
    assert voters(runs["B"], 24, 42) == pytest.approx(169, abs=0.5)
    assert max(voters(runs[letter], 24, 42) for letter in "ACD") < 100


def test_only_in_run_d_nobody_votes_in_a_flat_place(runs):
    assert voters(runs["D"], 10, 10) < 2
    assert min(voters(runs[letter], 10, 10) for letter in "ABC") > 40


def test_only_in_run_a_equal_values_mean_equal_votes(runs):
    for letter, run in runs.items():
        votes, values = run["votes"](10, 10).flatten(), run["y"][0, 0, 4:17, 4:17].flatten()
        others = (torch.arange(169) != 84).nonzero()[:, 0]
        order = values[others].argsort()
        jumps = votes[others][order].diff().abs().mean()
        assert jumps < 0.05 if letter in "AB" else (jumps > 0.2 or voters(run, 10, 10) < 2)


def test_only_run_c_has_noise_that_neighbours_share(runs):
    noise = {letter: run["y"] - run["truth"] for letter, run in runs.items()}
    alike = {
        letter: torch.corrcoef(torch.stack([n[..., 1:].flatten(), n[..., :-1].flatten()]))[0, 1].item()
        for letter, n in noise.items()
    }
    assert alike.pop("C") > 0.5 and max(map(abs, alike.values())) < 0.05
    assert all(n.std().item() == pytest.approx(20 / 255, rel=0.03) for n in noise.values())


# Are the numbers of the tasks what their formulas say?


@pytest.mark.parametrize("numbers", [9, 49])
def test_noise_distance_is_that_of_simulated_patches(numbers):
    draw, sigma = torch.Generator().manual_seed(0), 0.4
    a, b = (sigma * torch.randn(40_000, numbers, generator=draw) for _ in range(2))
    measured = (a - b).square().mean(1)
    mean, spread = by_variances(sigma, numbers)
    assert measured.mean().item() == pytest.approx(mean, rel=0.01) and measured.std().item() == pytest.approx(
        spread, rel=0.02
    )


def test_error_of_a_mean_is_that_of_simulated_means():
    draw, sigma = torch.Generator().manual_seed(0), 0.3
    delta, weights = torch.randn(5, generator=draw), torch.tensor([0.4, 0.3, 0.1, 0.1, 0.1])
    means = ((delta + sigma * torch.randn(100_000, 5, generator=draw)) * weights).sum(1)
    assert means.square().mean().item() == pytest.approx(
        bias_and_noise(delta, weights, sigma).item(), rel=0.02
    )


def test_every_forgery_can_be_found():
    seeds = [*range(12), *range(4 * 2357, 4 * 2357 + 3)]
    assert [seed for seed in seeds if voted(ps02.forged(seed)[0], 7, 10) != ps02.forged(seed)[1]] == []


def test_votes_of_the_third_task_are_those_of_the_library():
    """A pixel far from the border, by the two answers and by the library's own method."""
    y, sigma = ps02.failing_run("C")["y"], 20 / 255
    weights = voting(looped(y, 30, 40, 6, 5), sigma, 0.8)
    mean = (weights * y[0, 0, 24:37, 34:47]).sum()
    assert mean.item() == pytest.approx(non_local_means(y, sigma)[0, 0, 30, 40].item(), abs=1e-5)
