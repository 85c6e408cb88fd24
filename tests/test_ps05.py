"""Problem set 05: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps05
from dil_course.networks import deep_decoder
from dil_course.signals import picture, psnr

BANK = AnswerBank("ps05_when_to_stop")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: windowed variance


def over_windows(outputs, window, of=lambda part: part.var(dim=0, correction=0).mean(), first=None):
    """The loop over iterations, with one place to change for each wrong answer."""
    return torch.stack([of(outputs[end - window : end]) for end in range(first or window, len(outputs) + 1)])


right("windowed_variance")(over_windows)


@right("windowed_variance")
def by_sums_of_squares(outputs, window):
    one = torch.zeros_like(outputs[:1])
    sums, squares = torch.cat([one, outputs]).cumsum(0), torch.cat([one, outputs**2]).cumsum(0)
    mean, mean_square = ((total[window:] - total[:-window]) / window for total in (sums, squares))
    return (mean_square - mean**2).mean((1, 2, 3))


@right("windowed_variance")
def numpy_list(outputs, window):
    values = outputs.numpy()
    return [float(np.var(values[i : i + window], axis=0).mean()) for i in range(len(values) - window + 1)]


@right("windowed_variance")
def changing_its_input(outputs, window):
    result = over_windows(outputs, window)
    outputs.zero_()
    return result


def growing(outputs, window):
    return torch.stack(
        [
            outputs[max(0, end - window) : end].var(dim=0, correction=0).mean()
            for end in range(1, len(outputs) + 1)
        ]
    )


def squared_changes(part):
    return part.diff(dim=0).square().mean()


WRONG["windowed_variance"] = {
    "divides by window - 1": lambda outputs, window: over_windows(
        outputs, window, lambda part: part.var(dim=0).mean()
    ),
    "the standard deviation": lambda outputs, window: over_windows(
        outputs, window, lambda part: part.std(dim=0, correction=0).mean()
    ),
    "over the pixels, not": lambda outputs, window: over_windows(
        outputs, window, lambda part: part[-1].var(correction=0)
    ),
    "averaged first": lambda outputs, window: over_windows(
        outputs, window, lambda part: part.mean((1, 2, 3)).var(correction=0)
    ),
    "adds the variances": lambda outputs, window: over_windows(
        outputs, window, lambda part: part.var(dim=0, correction=0).sum()
    ),
    "the mean square, not": lambda outputs, window: over_windows(
        outputs, window, lambda part: part.square().mean()
    ),
    "squared change": lambda outputs, window: over_windows(outputs, window, squared_changes),
    "one too short": lambda outputs, window: over_windows(outputs, window - 1),
    "one too long": lambda outputs, window: over_windows(outputs, window + 1),
    "the last window is missing": lambda outputs, window: over_windows(outputs, window)[:-1],
    "not full": growing,
    "do not overlap": lambda outputs, window: over_windows(outputs, window)[::window],
    "has the shape": lambda outputs, window: outputs.unfold(0, window, 1).var(-1, correction=0),
    "the opposite sign": lambda outputs, window: -over_windows(outputs, window),
    "stops with TypeError": lambda outputs: outputs,
    "returns None": lambda outputs, window: print(over_windows(outputs, window)),
}


# Task 2: the expected error


def error_of(
    t, eta, eigenvalues, signal, sigma, of=lambda left, x, s: (left * x) ** 2 + s**2 * (1 - left) ** 2
):
    """The sum over modes, with one place to change for each wrong answer."""
    return of((1 - eta * eigenvalues) ** t, signal, sigma).sum()


right("expected_error")(error_of)


@right("expected_error")
def step_by_step(t, eta, eigenvalues, signal, sigma):
    """The mean of f and its variance, each followed over the steps."""
    mean, share = torch.zeros_like(signal), torch.zeros_like(signal)
    for _ in range(t):
        mean, share = mean - eta * eigenvalues * (mean - signal), share - eta * eigenvalues * (share - 1)
    return float(((mean - signal) ** 2 + sigma**2 * share**2).sum())


@right("expected_error")
def as_matrices_in_numpy(t, eta, eigenvalues, signal, sigma):
    left = np.linalg.matrix_power(np.eye(len(signal)) - eta * np.diag(eigenvalues.numpy()), t)
    came = np.eye(len(signal)) - left
    return np.sum((left @ signal.numpy()) ** 2) + sigma**2 * np.trace(came @ came.T)


def formula(of):
    return lambda t, eta, eigenvalues, signal, sigma: error_of(t, eta, eigenvalues, signal, sigma, of)


WRONG["expected_error"] = {
    "this is the bias alone": formula(lambda left, x, s: (left * x) ** 2),
    "this is the variance alone": formula(lambda left, x, s: s**2 * (1 - left) ** 2),
    "there from the start": formula(lambda left, x, s: (left * x) ** 2 + s**2),
    "the noise leaves": formula(lambda left, x, s: (left * x) ** 2 + s**2 * left**2 * torch.ones_like(x)),
    "the two factors are exchanged": formula(lambda left, x, s: ((1 - left) * x) ** 2 + s**2 * left**2),
    "added before they are squared": formula(lambda left, x, s: (s * (1 - left) - left * x) ** 2),
    "the factors are not squared": formula(lambda left, x, s: left * x**2 + s**2 * (1 - left)),
    "the noise's factor is not squared": formula(lambda left, x, s: (left * x) ** 2 + s**2 * (1 - left)),
    "1 - left^2 is not": formula(lambda left, x, s: (left * x) ** 2 + s**2 * (1 - left**2)),
    "sigma is not squared": formula(lambda left, x, s: (left * x) ** 2 + s * (1 - left) ** 2),
    "the mean over the modes": lambda *given: error_of(*given) / len(given[2]),
    "one step too many": lambda t, *given: error_of(t + 1, *given),
    "the step size is missing": lambda t, eta, *given: error_of(t, 1.0, *given),
    "after 0 steps the estimate is still 0": lambda t, *given: error_of(t, *given) * (t > 0),
    "has the shape": lambda t, eta, eigenvalues, signal, sigma: ((1 - eta * eigenvalues) ** t * signal) ** 2,
    "times what is asked for": lambda *given: 2 * error_of(*given),
    "nan or infinity": lambda t, eta, eigenvalues, signal, sigma: error_of(
        t, eta, eigenvalues / eigenvalues * eigenvalues, signal, sigma
    ),
}


# Task 3: the best moment


def moment(eta, eigenvalue, q):
    return math.log(q) / math.log(1 - eta * eigenvalue)


@right("best_moment")
def closed_form(eta, eigenvalue, x, sigma):
    return moment(eta, eigenvalue, sigma**2 / (x**2 + sigma**2))


@right("best_moment")
def by_ratio(eta, eigenvalue, x, sigma):
    return -np.log1p((x / sigma) ** 2) / np.log1p(-eta * eigenvalue)


right("best_moment")(lambda *given: round(closed_form(*given), 1))


@right("best_moment")
def by_golden_section(eta, eigenvalue, x, sigma):
    low, high, share = 0.0, 500.0, (math.sqrt(5) - 1) / 2
    while high - low > 0.02:
        a, b = high - share * (high - low), low + share * (high - low)
        first, second = (error_of(t, eta, torch.tensor(eigenvalue), x, sigma) for t in (a, b))
        low, high = (low, b) if first <= second else (a, high)
    return (low + high) / 2


@pytest.mark.parametrize("seed", range(8))
def test_best_moment_by_trying_whole_and_half_steps_is_refused_with_every_seed(seed):
    for number in (round, math.floor, math.ceil, lambda t: round(2 * t) / 2, lambda t: max(t, 1.0)):
        assert ps05.best_moment(lambda *given, n=number: n(closed_form(*given)), seed=seed) == 0
    assert ps05.best_moment(lambda eta, *given: closed_form(0.3, *given), seed=seed) == 0


@right("best_moment")
def by_bisection_of_the_slope(eta, eigenvalue, x, sigma):
    low, high = 0.0, 1e4
    for _ in range(100):
        t = (low + high) / 2
        q = (1 - eta * eigenvalue) ** t
        low, high = (t, high) if q * x**2 > (1 - q) * sigma**2 else (low, t)
    return torch.tensor(t)


WRONG["best_moment"] = {
    "this is q itself": lambda eta, eigenvalue, x, sigma: sigma**2 / (x**2 + sigma**2),
    "are exchanged": lambda eta, eigenvalue, x, sigma: moment(eta, eigenvalue, x**2 / (x**2 + sigma**2)),
    "both parts are equal": lambda eta, eigenvalue, x, sigma: moment(eta, eigenvalue, sigma / (x + sigma)),
    "as small as the noise": lambda eta, eigenvalue, x, sigma: moment(eta, eigenvalue, sigma / x),
    "a sum is missing": lambda eta, eigenvalue, x, sigma: moment(eta, eigenvalue, sigma**2 / x**2),
    "small steps only": lambda eta, eigenvalue, x, sigma: math.log(1 + x**2 / sigma**2) / (eta * eigenvalue),
    "the step size is missing": lambda eta, eigenvalue, x, sigma: closed_form(1, eigenvalue, x, sigma),
    "the opposite sign": lambda *given: -closed_form(*given),
    "is rounded": lambda *given: round(closed_form(*given)),
    "your numbers are others": lambda *given: closed_form(*given) + 1,
    "stops with ValueError": lambda eta, eigenvalue, x, sigma: math.log(-x),
    "expected numbers": lambda *given: {"t": closed_form(*given)},
}


# Task 4: the largest width


@right("largest_width")
def by_building_decoders(share, side, scales, channels):
    k = 1
    while (
        sum(p.numel() for p in deep_decoder(channels, k + 1, scales).parameters())
        <= share * channels * side**2
    ):
        k += 1
    return k, sum(p.numel() for p in deep_decoder(channels, k, scales).parameters())


@right("largest_width")
def by_the_quadratic_formula(share, side, scales, channels):
    a, b, c = scales + 1, 2 * (scales + 1) + channels, channels - share * channels * side**2
    k = math.floor((-b + math.sqrt(b**2 - 4 * a * c)) / (2 * a))
    return torch.tensor([k, counted(k, scales, channels)])


def widest(weights, numbers=lambda share, side, channels: share * channels * side**2):
    """A right search with one place to change for each wrong answer."""

    def answer(share, side, scales, channels):
        fitting = [k for k in range(1, 700) if weights(k, scales, channels) <= numbers(share, side, channels)]
        return max(fitting), weights(max(fitting), scales, channels)

    return answer


def counted(k, scales, channels):
    return (scales + 1) * (k * k + 2 * k) + channels * k + channels


right("largest_width")(widest(counted))

WRONG["largest_width"] = {
    "one channel too many": lambda *given: (
        one_more := widest(counted)(*given)[0] + 1,
        counted(one_more, *given[2:]),
    ),
    "not their count": lambda *given: (widest(counted)(*given)[0], given[0] * given[3] * given[1] ** 2),
    "are exchanged": lambda *given: widest(counted)(*given)[::-1],
    "one layer is missing": widest(lambda k, scales, channels: counted(k, scales - 1, channels)),
    "batch norm's weights": widest(
        lambda k, scales, channels: counted(k, scales, channels) - 2 * k * (scales + 1)
    ),
    "one channel too few": lambda share, *given: widest(counted)(share * (1 - 1e-9), *given),
    "the last layer is not counted": widest(lambda k, scales, channels: (scales + 1) * (k * k + 2 * k)),
    "the share is forgotten": widest(counted, lambda share, side, channels: channels * side**2),
    "pixels are counted": widest(counted, lambda share, side, channels: share * side**2),
    "3x3 convolutions": widest(
        lambda k, scales, channels: counted(k, scales, channels) + 8 * k * k * (scales + 1)
    ),
    "only one layer": widest(lambda k, scales, channels: counted(k, 0, channels)),
    "expected 2 things, (k, weights)": lambda *given: widest(counted)(*given)[0],
    "the last layer's bias": widest(lambda k, scales, channels: counted(k, scales, channels) - channels),
    "each convolution has a bias": widest(
        lambda k, scales, channels: counted(k, scales, channels) + (scales + 1) * k
    ),
    "weights, your function says": widest(lambda k, scales, channels: counted(k, scales, channels) - k),
    "weights: too many": lambda *given: (900, counted(900, *given[2:])),
    "a wider one fits, too": lambda *given: (2, counted(2, *given[2:])),
    "stops with NameError": lambda *given: width,  # noqa: F821
}


# Task 5: coverage


def share_of(inside):
    return lambda mean, spread, truth, z: inside(truth - mean, spread, z).double().mean()


right("coverage")(share_of(lambda error, spread, z: error.abs() <= z * spread))
right("coverage")(share_of(lambda error, spread, z: (error / spread) ** 2 <= z**2))


@right("coverage")
def number_by_number(mean, spread, truth, z):
    triples = list(
        zip(mean.flatten().tolist(), spread.flatten().tolist(), truth.flatten().tolist(), strict=True)
    )
    return sum(m - z * s <= t <= m + z * s for m, s, t in triples) / len(triples)


@right("coverage")
def numpy_in_place(mean, spread, truth, z):
    truth -= mean
    spread *= z
    return np.mean(np.abs(truth.numpy()) <= spread.numpy())


WRONG["coverage"] = {
    "the share outside": share_of(lambda error, spread, z: error.abs() > z * spread),
    "errors below the mean": share_of(lambda error, spread, z: error <= z * spread),
    "errors above the mean": share_of(lambda error, spread, z: -error <= z * spread),
    "exactly z spreads away": share_of(lambda error, spread, z: error.abs() < z * spread),
    "the first channel only": share_of(lambda error, spread, z: error.abs()[:, :1] <= z * spread[:, :1]),
    "z is forgotten": share_of(lambda error, spread, z: error.abs() <= spread),
    "taken as a variance": share_of(lambda error, spread, z: error.abs() <= z * spread.sqrt()),
    "the error is squared": share_of(lambda error, spread, z: error**2 <= z * spread),
    "one spread for the whole picture": share_of(lambda error, spread, z: error.abs() <= z * spread.mean()),
    "on both sides together": share_of(lambda error, spread, z: error.abs() <= z * spread / 2),
    "all channels of a pixel": share_of(lambda error, spread, z: (error.abs() <= z * spread).all(1)),
    "this counts": lambda mean, spread, truth, z: ((truth - mean).abs() <= z * spread).sum(),
    "in per cent": lambda mean, spread, truth, z: 100 * ((truth - mean).abs() <= z * spread).double().mean(),
    "one number is asked for: the mean": lambda mean, spread, truth, z: (truth - mean).abs() <= z * spread,
    "stops with RuntimeError": lambda mean, spread, truth, z: ((truth - mean).abs() <= z * spread).mean(),
}


# Task 6: causes

right("causes")(dict(BANK.causes))
right("causes")({"C": "room for the noise", "B": "average too slow", "A": "window too short", "D": 3})

BANK.add_wrong_causes("window")


def test_what_a_student_is_told_of_the_decoder_is_so():
    for channels, width, scales in ((1, 5, 2), (3, 16, 3), (3, 9, 4)):
        assert ps05._decoder_weights(width, scales, channels) == sum(
            p.numel() for p in deep_decoder(channels, width, scales).parameters()
        )


def test_formula_of_the_expected_error_is_the_mean_of_simulated_runs():
    draw = torch.Generator().manual_seed(0)
    eigenvalues, signal, eta, sigma = torch.tensor([1.0, 0.3, 0.02]), torch.tensor([2.0, -1.0, 0.5]), 0.6, 0.7
    noisy = signal + sigma * torch.randn(20_000, 3, generator=draw)
    f = torch.zeros_like(noisy)
    for t in range(1, 31):
        f = f - eta * eigenvalues * (f - noisy)
        if t in (1, 5, 30):
            assert ((f - signal) ** 2).sum(1).mean().item() == pytest.approx(
                error_of(t, eta, eigenvalues, signal, sigma).item(), rel=0.02
            )


def test_best_moment_is_the_least_of_the_expected_error():
    eta, eigenvalue, x, sigma = 0.3, 0.01, 2.0, 0.7
    errors = [
        error_of(t, eta, torch.tensor([eigenvalue]).double(), torch.tensor([x]), sigma).item()
        for t in range(2000)
    ]
    assert abs(errors.index(min(errors)) - closed_form(eta, eigenvalue, x, sigma)) < 1


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps05.failing_run(letter) for letter in "ABC"}


def qualities(run):
    """PSNR of the estimate, of the output at the stop, of the best output."""
    x = picture("coffee", 48)
    outputs = [psnr(output[None], x) for output in run["outputs"]]
    return psnr(run["estimate"], x), outputs[run["stop"] - 1], max(outputs)


def level(run):
    return run["loss"][run["stop"] - 1] / run["sigma"] ** 2


def test_rules_watched_to_the_end_with_the_windows_that_the_refutations_say(runs):
    assert [len(run["outputs"]) - len(run["variances"]) + 1 for run in (runs["A"], runs["B"])] == [2, 40]
    assert runs["C"]["variances"] is None and runs["C"]["stop"] == len(runs["C"]["outputs"]) == 150
    for letter, window in (("A", 2), ("B", 40)):
        mine = over_windows(runs[letter]["outputs"], window)
        assert runs[letter]["stop"] == int(mine.argmin()) + window
        assert runs[letter]["variances"] == pytest.approx(mine.tolist(), rel=1e-3)


def test_run_a_stops_at_a_false_rest_and_a_longer_window_would_not(runs):
    returned, at_the_stop, best = qualities(runs["A"])
    assert at_the_stop < best - 4 and returned < 27
    longer = int(over_windows(runs["A"]["outputs"], 40).argmin()) + 40
    assert psnr(runs["A"]["outputs"][longer - 1 : longer], picture("coffee", 48)) > best - 0.5


def test_run_b_stops_well_and_returns_an_average_that_lags(runs):
    returned, at_the_stop, best = qualities(runs["B"])
    assert at_the_stop > best - 0.5 and returned < at_the_stop - 8


def test_run_c_has_learned_the_noise_and_its_average_is_better_than_its_output(runs):
    returned, at_the_stop, best = qualities(runs["C"])
    assert level(runs["C"]) < 0.7 and runs["C"]["weights"] > 3 * 48 * 48
    assert at_the_stop < best - 3 and at_the_stop < returned < 27
    assert min(level(runs["A"]), level(runs["B"])) > 0.9  # not 'room for the noise'


def test_no_run_had_too_small_a_learning_rate_and_none_is_as_it_should_be(runs):
    assert min(qualities(run)[2] for run in runs.values()) > 27
    assert max(qualities(run)[0] for run in runs.values()) < 27
    assert qualities(ps05._run("nothing", 150))[0] > 30


def test_a_student_who_changes_a_run_does_not_change_the_next():
    run = ps05.failing_run("A")
    run["outputs"][0] += 1
    run["loss"].clear()
    again = ps05.failing_run("A")
    assert again["outputs"][0].max() <= 1 and len(again["loss"]) == 150


def test_noise_of_the_mystery_is_white_and_stronger_where_it_is_bright():
    y, x = ps05.mystery()
    n = (y - x) / (0.03 + 0.15 * x)
    assert n.std() == pytest.approx(1, abs=0.03)
    assert abs((n[..., 1:] * n[..., :-1]).mean()) < 0.05
    assert (y - x)[x > 0.6].std() > 2 * (y - x)[x < 0.2].std()
    assert torch.equal(ps05.mystery(3)[0], ps05.mystery(3)[0]) and not torch.equal(ps05.mystery(3)[0], y)


def test_an_error_that_divides_by_the_eigenvalues_fails_at_a_mode_that_the_model_cannot_reach(capsys):
    def answer(t, eta, eigenvalues, signal, sigma):
        left = (1 - eta * eigenvalues) ** t
        fitted = (1 - left) / eigenvalues
        return ((left * signal) ** 2 + (sigma * eigenvalues * fitted) ** 2).sum()

    assert ps05.expected_error(answer) == 0
    assert "nan" in capsys.readouterr().out
