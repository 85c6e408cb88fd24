"""Problem set 06: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import functools
import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course import runtime
from dil_course.checks import ps06
from dil_course.fitting.risks import probe, pure, sure
from dil_course.from_scratch import non_local_means
from dil_course.signals import Blur, estimate_sigma, psnr

BANK = AnswerBank("ps06_sure")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: a divergence by hand


def by_hand(kernel, shape, first=2, second=1, back=lambda kernel: kernel.flip(0, 1)):
    middle = kernel[len(kernel) // 2, len(kernel) // 2]
    return math.prod(shape) * (first * middle - second * (kernel * back(kernel)).sum())


right("filter_divergence")(by_hand)


@right("filter_divergence")
def by_its_answer_to_one_bright_pixel(kernel, shape):
    half, n = kernel.shape[0] // 2, math.prod(shape)
    dot = np.zeros((4 * half + 1, 4 * half + 1))
    dot[2 * half, 2 * half] = 1
    kernel = kernel.numpy()

    def k(y):
        return sum(
            kernel[half + a, half + b] * np.roll(y, (a, b), (0, 1))
            for a in range(-half, half + 1)
            for b in range(-half, half + 1)
        )

    return n * (2 * k(dot) - k(k(dot)))[2 * half, 2 * half]


@right("filter_divergence")
def by_its_waves(kernel, shape):
    """The divergence is the sum of the eigenvalues, one for each wave."""
    waves = torch.fft.fft2(
        torch.nn.functional.pad(kernel, (0, shape[-1] - len(kernel), 0, shape[-2] - len(kernel)))
    )
    half = len(kernel) // 2
    down, across = torch.fft.fftfreq(shape[-2])[:, None], torch.fft.fftfreq(shape[-1])
    waves = waves * torch.exp(2j * math.pi * half * (down + across))
    kernel *= 0  # in place: the check must not mind
    return [shape[1] * (2 * waves - waves**2).real.sum().item()]


@right("filter_divergence")
def by_the_trace_of_its_jacobian(kernel, shape):
    rim = [len(kernel) // 2] * 4

    def k(y):
        wrapped = torch.nn.functional.pad(y, rim, mode="circular")
        return torch.nn.functional.conv2d(wrapped, kernel[None, None])

    y = torch.zeros(1, 1, *shape[-2:], dtype=kernel.dtype)
    jacobian = torch.autograd.functional.jacobian(lambda y: 2 * k(y) - k(k(y)), y)
    return shape[:2].numel() * jacobian.view(y.numel(), -1).trace()  # as y.shape, it can count


@right("filter_divergence")
def by_a_loop_over_channels(kernel, shape):
    twice = np.einsum("ij,ij", kernel.numpy(), kernel.numpy()[::-1, ::-1])
    flat = kernel.flatten()
    return np.float32(sum(shape[2] * shape[3] * (2 * flat[len(flat) // 2] - twice) for _ in range(shape[1])))


WRONG["filter_divergence"] = {
    "one number is asked for: the sum": lambda k, s: by_hand(k, (1,)).expand(s),
    "your numbers are others than asked for": lambda k, s: by_hand(k / k.sum(), s),
    "this is one pixel's part": lambda k, s: by_hand(k, (1, 1, 1, 1)),
    "over the weights of the kernel, not over the picture": lambda k, s: by_hand(k, k.shape),
    "this adds up all derivatives of each output pixel": lambda k, s: (
        math.prod(s) * (2 * k.sum() - k.sum() ** 2)
    ),
    "filtering twice is not squaring the middle weight": lambda k, s: (
        math.prod(s) * (1 - (1 - k[len(k) // 2, len(k) // 2]) ** 2)
    ),
    "light that leaves by t has to come back by -t": lambda k, s: by_hand(k, s, back=lambda k: k),
    "one k*y is lost": lambda k, s: by_hand(k, s, first=1),
    "the second filtering is left out": lambda k, s: by_hand(k, s, second=0),
    "the second filtering has the wrong sign": lambda k, s: by_hand(k, s, second=-1),
    "this takes the kernel's corner for its middle": lambda k, s: (
        math.prod(s) * (2 * k[0, 0] - (k * k.flip(0, 1)).sum())
    ),
    "this counts one channel": lambda k, s: by_hand(k, s[2:]) if s[1] > 1 else by_hand(k, s),
    "times what is asked for": lambda k, s: 2 * by_hand(k, s),
    "your function returns None": lambda k, s: None,
}


# Task 2: the same by a probe


def looped(f, y, probes, epsilon):
    estimates = []
    for b in probes:
        estimates.append(torch.sum(b * (f(y + epsilon * b) - f(y))).item() / epsilon)
    return np.mean(estimates)


right("probe_divergence")(looped)
right("probe_divergence")(
    lambda f, y, probes, e: ((f(y + e * probes) - f(y)) * probes).flatten(1).sum(1).mean() / e
)
right("probe_divergence")(lambda f, y, probes, e: (looped(f, y, probes, e) + looped(f, y, probes, -e)) / 2)


@right("probe_divergence")
def with_y_as_the_first_of_one_batch(f, y, probes, e):
    outputs = f(torch.cat([y, y + e * probes]))
    return torch.einsum("nchw,nchw->n", probes, outputs[1:] - outputs[:1]).mean() / e


def differentiated(f, y, probes, e):
    return sum((b * torch.func.jvp(f, (y,), (b[None],))[1]).sum() for b in probes) / len(probes)


@right("probe_divergence")
def by_the_two_ends_of_one_step(f, y, probes, e):
    ends = [torch.stack([f(y + sign * e / 2 * b)[0] for b in probes]) for sign in (1, -1)]
    return torch.tensordot(probes, ends[0] - ends[1], dims=4) / (e * len(probes))


WRONG["probe_divergence"] = {
    "your numbers are others than asked for": lambda f, y, probes, e: (
        (probes * (f(y + e * probes) - f(y)))[:, :-1].sum() / e / len(probes)
        if y.shape[1] > 1
        else np.median([looped(f, y, probes[i : i + 1], e) for i in range(len(probes))])
    ),
    "your result is 2 times what is asked for": lambda f, y, probes, e: (
        looped(f, y, probes, e) + looped(f, y, probes, -e)
    ),
    "the step's length is not divided out": lambda f, y, probes, e: looped(f, y, probes, e) * e,
    "the step's length is divided out twice": lambda f, y, probes, e: looped(f, y, probes, e) / e,
    "f(y) is not taken away": lambda f, y, probes, e: (probes * f(y + e * probes)).sum() / e / len(probes),
    "the step has the length of b, not epsilon": lambda f, y, probes, e: looped(f, y, probes, 1.0),
    "this is the mean over the pixels": lambda f, y, probes, e: (
        (probes * (f(y + e * probes) - f(y))).mean() / e
    ),
    "the probes are added up": lambda f, y, probes, e: looped(f, y, probes, e) * len(probes),
    "this uses the first probe only": lambda f, y, probes, e: looped(f, y, probes[:1], e),
    "the probes are averaged before f sees them": lambda f, y, probes, e: looped(
        f, y, probes.mean(0, keepdim=True), e
    ),
    "the inner product with b is missing": lambda f, y, probes, e: (
        (f(y + e * probes) - f(y)).sum() / e / len(probes)
    ),
    "this is the squared length of the change": lambda f, y, probes, e: (
        ((f(y + e * probes) - f(y)) / e).square().sum() / len(probes)
    ),
    "your result has the opposite sign": lambda f, y, probes, e: -looped(f, y, probes, e),
    "your function stops with": lambda f, y, probes: 0,
    "your result does not depend on epsilon": differentiated,
    "this is the exact divergence, without any probe": lambda f, y, probes, e: (
        torch.autograd.functional.jacobian(f, y).view(y.numel(), -1).trace()
    ),
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", [1e-3, 1e-4])
def test_a_step_of_its_own_in_place_of_epsilon_is_refused_whatever_the_seed(seed, step):
    assert ps06.probe_divergence(lambda f, y, probes, e: looped(f, y, probes, step), seed=seed) == 0


@pytest.mark.parametrize("seed", range(6))
def test_absolute_changes_are_no_divergence(seed):
    """They are where each output pixel follows its own input pixel most: so the check's function does not."""
    answer = lambda f, y, probes, e: (f(y + e * probes) - f(y)).abs().sum() / e / len(probes)  # noqa: E731
    assert ps06.probe_divergence(answer, seed=seed) == 0


# Task 3: a network that returns the noise


def collected(r, divergence, sigma, constant=1, price=2):
    return r.square().mean() + constant * sigma**2 - price * sigma**2 * divergence / r.numel()


right("residual_risk")(collected)


@right("residual_risk")
def by_the_divergence_of_f(r, divergence, sigma):
    n = r.numel()
    return np.array(((r.numpy() ** 2).sum() + 2 * sigma**2 * (n - divergence)) / n - sigma**2)


@right("residual_risk")
def by_one_sum_over_the_numbers(r, divergence, sigma):
    values = r.flatten().tolist()
    return torch.tensor(
        [sum(v * v + sigma**2 * (1 - 2 * divergence / len(values)) for v in values) / len(values)],
        dtype=torch.float32,
    )


@right("residual_risk")
def by_moments(r, divergence, sigma):
    square = r.var(unbiased=False) + r.mean() ** 2
    return [[float(square) + sigma**2 * (1 - 2 * divergence / math.prod(r.shape))]]


WRONG["residual_risk"] = {
    "a divergence above n counts as n": lambda r, d, s: collected(r, min(d, r.numel()), s),
    "your numbers are others than asked for": lambda r, d, s: collected(r - r.mean(), d, s),
    "this takes the residual's divergence for that of f": lambda r, d, s: collected(r, d, s, -1, -2),
    "the divergence term has the wrong sign": lambda r, d, s: collected(r, d, s, 1, -2),
    "the constant has the wrong sign": lambda r, d, s: collected(r, d, s, -1, 2),
    "the constant is missing": lambda r, d, s: collected(r, d, s, 0, 2),
    "the constant is twice too large": lambda r, d, s: collected(r, d, s, 2, 2),
    "the divergence term lacks the factor 2": lambda r, d, s: collected(r, d, s, 1, 1),
    "the divergence term of f lacks the factor 2": lambda r, d, s: collected(r, d, s, 0, 1),
    "sigma is not squared": lambda r, d, s: collected(r, d, s**0.5),
    "the divergence is not divided by n": lambda r, d, s: collected(r, d * r.numel(), s),
    "the squares are added up, and the rest is a mean": lambda r, d, s: (
        collected(r, d, s) - r.square().mean() + r.square().sum()
    ),
    "this is n times what is asked for": lambda r, d, s: collected(r, d, s) * r.numel(),
    "your result is the square root of": lambda r, d, s: abs(collected(r, d, s)) ** 0.5,
    "this is the distance to y alone": lambda r, d, s: collected(r, d, s, 0, 0),
    "forgets that each has several channels": lambda r, d, s: collected(r, d * r.shape[1], s),
    "one number is asked for: the mean": lambda r, d, s: r**2 + s**2 - 2 * s**2 * d / r.numel(),
    "your estimate stops at zero": lambda r, d, s: collected(r, d, s).clamp(min=0),
    "the sign is lost": lambda r, d, s: collected(r, d, s).abs(),
    "a divergence below zero counts as zero": lambda r, d, s: collected(r, max(d, 0), s),
    "the divergence has lost its sign": lambda r, d, s: collected(r, abs(d), s),
}


# Task 4: the threshold that SURE chooses


def tried(
    c,
    sigma,
    price=2,
    misfit=lambda v, t: min(abs(v), t) ** 2,
    survives=lambda v, t: abs(v) > t,
    pick=lambda risk, t: t,
    candidates=lambda values: [0.0, *map(abs, values)],
):
    """A loop over all candidates."""
    values = c.flatten().tolist()
    risks = {
        t: sum(misfit(v, t) + price * sigma**2 * survives(v, t) for v in values) for t in candidates(values)
    }
    best = min(risks, key=risks.get)
    return pick(risks[best] - len(values) * sigma**2, best)


right("sure_threshold")(tried)


@right("sure_threshold")
def by_sorting(c, sigma):
    size = np.sort(np.abs(c.numpy()).ravel())
    killed = np.arange(1, len(size) + 1)  # the t = size[i] kills i + 1 numbers
    risks = np.cumsum(size**2) + (len(size) - killed) * (size**2 + 2 * sigma**2)
    return size[risks.argmin()] if risks.min() < 2 * sigma**2 * len(size) else 0.0


@right("sure_threshold")
def by_a_search_in_32_bits(c, sigma):
    size = c.float().abs()

    def risk(t):
        return size.clamp(max=float(t)).square().sum() + 2 * sigma**2 * (size > t).sum()

    return min([torch.tensor(0.0), *size.flatten().unbind()], key=risk)


@right("sure_threshold")
def by_a_table(c, sigma):
    c = c.flatten()
    t = torch.cat([c.abs(), c.new_zeros(1)])[:, None]
    shrunk = c.sign() * (c.abs() - t).clamp(min=0)
    risks = (shrunk - c).square().mean(1) - sigma**2 + 2 * sigma**2 * (shrunk != 0).double().mean(1)
    return t[risks.argmin()].float()


@right("sure_threshold")
def by_shrinking_with_each(c, sigma):
    def risk(t):
        left = torch.nn.functional.softshrink(c, t)
        return ((left - c) ** 2).mean() + 2 * sigma**2 * (left != 0).double().mean() - sigma**2

    return [min({0.0} | set(c.abs().flatten().tolist()), key=risk)]


WRONG["sure_threshold"] = {
    "survivors cost next to nothing here": lambda c, s: tried(c, s, price=2 / c.numel()),
    "a threshold below zero": lambda c, s: -tried(c, s),
    "survivors cost nothing here": lambda c, s: tried(c, s, price=0),
    "no coefficient survives": lambda c, s: tried(c, s, price=2 * c.numel()),
    "this is the threshold for pure noise": lambda c, s: s * np.sqrt(2 * np.log(c.numel())),
    "a survivor costs half of what it should": lambda c, s: tried(c, s, price=1),
    "sigma is not squared": lambda c, s: tried(c, s, price=2 / s),
    "this is the distance of a hard threshold": lambda c, s: tried(
        c, s, misfit=lambda v, t: v**2 * (abs(v) <= t)
    ),
    "the distance is not squared": lambda c, s: tried(c, s, misfit=lambda v, t: min(abs(v), t)),
    "negative survivors are forgotten": lambda c, s: tried(c, s, survives=lambda v, t: v > t),
    "this is the risk at the best threshold": lambda c, s: tried(c, s, pick=lambda risk, t: risk),
    "this is a place in a list": lambda c, s: c.abs().flatten().sort().values.tolist().index(tried(c, s)),
    "your numbers are others": lambda c, s: 1.03 * tried(c, s),
    "t = 0 was not tried": lambda c, s: tried(c, s, candidates=lambda values: [abs(v) for v in values]),
    "the largest |c| was not tried": lambda c, s: tried(
        c, s, candidates=lambda values: [0.0, *sorted(map(abs, values))[:-1]]
    ),
    "negative coefficients are not tried as thresholds": lambda c, s: tried(
        c, s, candidates=lambda values: [0.0, *(v for v in values if v > 0)]
    ),
    "a coefficient of size t counts as a survivor": lambda c, s: tried(
        c, s, survives=lambda v, t: abs(v) >= t
    ),
    "this is near the best threshold, and not exactly it": lambda c, s: tried(
        c, s, candidates=lambda values: np.linspace(0, max(map(abs, values)), 2000).tolist()
    ),
    "your result has the shape": lambda c, s: c.abs() > tried(c, s),
}


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_above_that_for_pure_noise_are_to_be_tried_whatever_the_seed(seed):
    def answer(c, sigma):
        largest = sigma * math.sqrt(2 * math.log(c.numel()))
        return tried(
            c, sigma, candidates=lambda values: [0.0, *(abs(v) for v in values if abs(v) <= largest)]
        )

    assert ps06.sure_threshold(answer, seed=seed) == 0


@pytest.mark.parametrize("seed", range(40))
def test_median_of_the_probes_is_not_taken_for_the_first_one(seed, capsys):
    answer = lambda f, y, probes, e: np.median([looped(f, y, b[None], e) for b in probes])  # noqa: E731
    assert ps06.probe_divergence(answer, seed=seed) == 0
    assert "first probe" not in capsys.readouterr().out


# Task 5: photons and holes


def judged(
    output, y, slopes, seen, peak, sigma, constant=1, factor=2, v=lambda y, peak, sigma: y / peak + sigma**2
):
    at, v = seen.expand_as(y), v(y, peak, sigma)
    return ((output - y) ** 2 - constant * v + factor * v * slopes)[at].mean()


right("photon_risk")(judged)


@right("photon_risk")
def pixel_by_pixel(output, y, slopes, seen, peak, sigma):
    terms = []
    for channel, row, column in np.ndindex(*y.shape[1:]):
        if seen[0, 0, row, column]:
            f, value, slope = (picture[0, channel, row, column].item() for picture in (output, y, slopes))
            terms.append((f - value) ** 2 + (value / peak + sigma**2) * (2 * slope - 1))
    return sum(terms) / len(terms)


@right("photon_risk")
def by_masked_sums(output, y, slopes, seen, peak, sigma):
    output, y, slopes, seen = (value.numpy() for value in (output, y, slopes, seen))
    counts = y * peak
    risk = (output - y) ** 2 + (counts / peak**2 + sigma**2) * (2 * slopes - 1)
    return (risk * seen).sum() / (seen.sum() * y.shape[1])


def with_v(v):
    return lambda *given: judged(*given, v=v)


def with_seen(change):
    return lambda output, y, slopes, seen, *rest: judged(output, y, slopes, change(seen), *rest)


@right("photon_risk")
def by_channels_of_the_living_pixels(output, y, slopes, seen, peak, sigma):
    output, y, slopes = (value[0][:, seen[0, 0]] for value in (output, y, slopes))
    variance = y / peak + sigma**2
    return np.mean(
        [
            (((f - z) ** 2 - v + 2 * v * d).mean()).item()
            for f, z, v, d in zip(output, y, variance, slopes, strict=True)
        ]
    )


@right("photon_risk")
def by_a_mean_without_nan(output, y, slopes, seen, peak, sigma):
    variance = torch.where(seen, y / peak + sigma**2, torch.nan)
    return ((output - y) ** 2 + variance * (2 * slopes - 1)).nanmean().reshape(1, 1)


WRONG["photon_risk"] = {
    "your numbers are others than asked for": lambda *given: judged(*given, constant=2),
    "a negative variance counts as zero": with_v(lambda y, p, s: (y / p + s**2).clamp(min=0)),
    "a negative variance has lost its sign": with_v(lambda y, p, s: (y / p + s**2).abs()),
    "the standard deviation is taken": with_v(lambda y, p, s: (y / p + s**2).abs().sqrt()),
    "one number is asked for: the mean": lambda o, y, d, seen, p, s: (
        (o - y) ** 2 + (y / p + s**2) * (2 * d - 1)
    )[seen.expand_as(y)],
    "this judges the hidden pixels, too": with_seen(torch.ones_like),
    "this judges the hidden pixels alone": with_seen(torch.logical_not),
    "hidden pixels count as pixels without an error": lambda *given: (
        judged(*given) * given[3].double().mean()
    ),
    "this is the sum over the seen pixels": lambda *given: (
        judged(*given) * given[3].sum() * given[1].shape[1]
    ),
    "one variance is used for all pixels": lambda o, y, d, seen, *rest: judged(
        o, y, d, seen, *rest, v=lambda y, p, s: torch.full_like(y, (y[seen.expand_as(y)] / p).mean() + s**2)
    ),
    "the photons' variance is missing": with_v(lambda y, p, s: s**2 + 0 * y),
    "the electronics' variance is missing": with_v(lambda y, p, s: y / p),
    "the electronics' sigma is not squared": with_v(lambda y, p, s: y / p + s),
    "the photons' variance is not divided by peak": with_v(lambda y, p, s: y + s**2),
    "the photons' variance is multiplied by peak": with_v(lambda y, p, s: y * p + s**2),
    "the photons' variance is divided by peak twice": with_v(lambda y, p, s: y / p**2 + s**2),
    "the variance is taken from f(y), not from y": lambda *given: judged(
        *given, v=lambda y, p, s: given[0] / p + s**2
    ),
    "the factor 2 is missing": lambda *given: judged(*given, factor=1),
    "the variance is not taken off": lambda *given: judged(*given, constant=0),
    "the divergence term is missing": lambda *given: judged(*given, factor=0),
    "the divergence term has the wrong sign": lambda *given: judged(*given, factor=-2),
    "this divides by the seen pixels, and forgets": lambda *given: judged(*given) * given[1].shape[1],
    "this judges the first channel only": lambda o, y, d, *rest: judged(o[:, :1], y[:, :1], d[:, :1], *rest),
    "your result has the shape": lambda o, y, d, seen, p, s: (o - y) ** 2,
    "a negative y counts as zero in its variance": with_v(lambda y, p, s: y.clamp(min=0) / p + s**2),
    "your estimate stops at zero": lambda *given: judged(*given).clamp(min=0),
    "the sign is lost": lambda *given: judged(*given).abs(),
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {"D": "wrong sign", "C": "epsilon too small", "B": "sigma too large", "A": "input without y", "E": 3}
)

BANK.add_wrong_causes("sigma")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps06.failing_run(letter) for letter in "ABCD"}


def noise_and_share(run):
    noise = run["y"] - run["truth"]
    return noise, (((run["estimate"] - run["truth"]) * noise).mean() / noise.square().mean()).item()


def neighbours_alike(noise):
    return torch.corrcoef(torch.stack([noise[..., 1:].flatten(), noise[..., :-1].flatten()]))[0, 1].item()


def test_a_good_run_is_good_and_none_of_these_is(runs):
    good = ps06._run("nothing")
    assert psnr(good["estimate"], good["truth"]) > 26
    assert max(psnr(run["estimate"], run["truth"]) for run in runs.values()) < 24


def test_only_run_a_does_not_look_at_y(runs):
    reacts = {
        letter: (run["f"](1 - run["y"]) - run["f"](run["y"])).abs().max().item()
        for letter, run in runs.items()
    }
    assert reacts.pop("A") == 0 and min(reacts.values()) > 0.02
    assert set(runs["A"]["divergence"]) == {0.0} and noise_and_share(runs["A"])[1] > 0.3


def test_run_c_looks_at_y_and_measures_no_divergence(runs):
    assert set(runs["C"]["divergence"]) == {0.0}
    true = sure(
        runs["C"]["f"],
        runs["C"]["y"],
        1.0,
        b=probe(runs["C"]["y"], runtime.generator(0, "probe")),
        epsilon=1e-2,
    )
    without = (runs["C"]["estimate"] - runs["C"]["y"]).square().mean() - 1
    assert abs(true - without) > 1e-5


def test_divergence_is_rewarded_in_d_and_overpriced_in_b(runs):
    assert max(runs["B"]["divergence"][-10:]) < -0.5 and noise_and_share(runs["B"])[1] < -0.5
    assert min(runs["D"]["divergence"][-10:]) > 1.3 and noise_and_share(runs["D"])[1] > 1.2
    assert all(value != 0 for letter in "BD" for value in runs[letter]["divergence"])


def test_a_small_sigma_leaves_the_part_of_the_noise_that_its_divergence_says():
    run = ps06._run("sigma too small")
    share = noise_and_share(run)[1]
    assert 0.5 < share < 1 and share == pytest.approx(run["divergence"][-1], abs=0.1)


def test_noise_of_the_failing_runs_is_white_and_as_strong_as_they_say(runs):
    for run in runs.values():
        noise = run["y"] - run["truth"]
        assert abs(neighbours_alike(noise)) < 0.06 and noise.std().item() == pytest.approx(
            run["sigma"], rel=0.04
        )
    shared = ps06._run("noise that neighbours share")
    assert neighbours_alike(shared["y"] - shared["truth"]) > 0.5


def test_said_and_error_are_those_of_the_run():
    good = ps06._run("nothing")
    assert all(len(good[name]) == 160 for name in ("said", "error", "divergence"))
    gaps = [said - error for said, error in zip(good["said"][-40:], good["error"][-40:], strict=True)]
    assert abs(sum(gaps) / 40) < 0.15 * good["sigma"] ** 2


# Are the numbers of the tasks what their names say?


def test_divergence_by_hand_is_the_trace_of_the_jacobian():
    kernel = torch.rand(3, 3, dtype=torch.float64)
    kernel /= kernel.sum()
    k, shape = Blur(kernel), (1, 1, 7, 8)
    jacobian = torch.func.jacrev(lambda y: 2 * k(y) - k(k(y)))(
        torch.rand(shape, dtype=torch.float64)
    ).reshape(56, 56)
    assert jacobian.trace().item() == pytest.approx(by_hand(kernel, shape).item(), rel=1e-5)


def test_residual_risk_is_sure_of_what_is_left():
    y = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    b = probe(y, torch.Generator().manual_seed(0))
    r = 0.3 * torch.tanh(y)
    said = sure(lambda y: y - 0.3 * torch.tanh(y), y, 0.2, b=b, epsilon=1e-5)
    assert said.item() == pytest.approx(
        collected(r, (b * b * 0.3 * (1 - torch.tanh(y) ** 2)).sum(), 0.2).item(), rel=1e-4
    )


def test_photon_risk_is_pure_where_all_pixels_are_seen():
    y = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    said = pure(lambda y: y**2, y, peak=20, sigma=0.1, b=torch.ones_like(y), epsilon=1e-6)
    assert said.item() == pytest.approx(
        judged(y**2, y, 2 * y, torch.ones(1, 1, 8, 8, dtype=torch.bool), 20, 0.1).item(), rel=1e-4
    )


def test_photon_risk_is_right_in_the_mean():
    draw, x = (
        torch.Generator().manual_seed(0),
        torch.tensor([0.1, 0.5, 0.9]).repeat(100_000).view(1, 1, -1, 3),
    )
    y = torch.poisson(30 * x, generator=draw) / 30 + 0.1 * torch.randn(x.shape, generator=draw)
    f, slope = 0.7 * y + 0.1 * y**2, 0.7 + 0.2 * y
    said = judged(f, y, slope, torch.ones_like(y, dtype=torch.bool), 30, 0.1)
    assert said.item() == pytest.approx((f - x).square().mean().item(), rel=0.02)


def test_threshold_of_sure_is_near_the_best_one():
    draw = torch.Generator().manual_seed(0)
    clean = 5 * torch.randn(64, 64, generator=draw) * (torch.rand(64, 64, generator=draw) < 0.1)
    c = clean + torch.randn(64, 64, generator=draw)
    error = lambda t: (c.sign() * (c.abs() - t).clamp(min=0) - clean).square().mean().item()  # noqa: E731
    assert error(by_sorting(c, 1.0)) < 1.01 * min(error(t) for t in torch.linspace(0, 4, 200))


@pytest.mark.parametrize("seed", [0, 2357])
def test_mistakes_of_task_4_lead_to_other_thresholds(seed):
    draw = runtime.generator(seed, "coefficients of a test")
    signal, noise = torch.randn(2, 200, generator=draw, dtype=torch.float64)
    c = 4 * signal * (torch.rand(200, generator=draw) < 0.3) + noise
    chosen, wrong = ps06._thresholds(c, 1.0)
    assert chosen.item() == pytest.approx(tried(c, 1.0)) and 0 < chosen < c.abs().max()
    assert wrong["nothing is denoised: survivors cost nothing here"][0] == 0


# What the open question's answer says


def alarms(z, chosen, told, risk):
    """The warning signs of the answer, from what is known without the truth."""
    removed = z - chosen
    return {
        "SURE below zero": risk < 0,
        "noise left": estimate_sigma(chosen) > told,
        "removed noise alike": max(neighbours_alike(removed), neighbours_alike(removed.mT)) > 0.14,
    }


def test_claims_of_the_open_question():
    noisy, sigma, truths = ps06.three_pictures(0)
    losses, signs = {}, {}
    for name, z in noisy.items():
        b = probe(z, runtime.generator(0, "probe"))
        for kind, told in {
            "right": sigma,
            "estimated": estimate_sigma(z),
            "half": sigma / 2,
            "twice": 2 * sigma,
        }.items():
            denoisers = [
                functools.partial(non_local_means, sigma=told, strength=s, reach=4)
                for s in (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
            ]
            outputs = [f(z) for f in denoisers]
            risks = [
                sure(f, z, told, b=b, output=output).item()
                for f, output in zip(denoisers, outputs, strict=True)
            ]
            chosen = outputs[risks.index(min(risks))]
            reached = [psnr(output, truths[name]) for output in outputs]
            if kind == "right":
                best = max(reached)
            losses[name, kind] = best - psnr(chosen, truths[name])
            signs[name, kind] = alarms(z, chosen, told, min(risks))
            # The harm is in the denoiser, at every strength.
            assert kind != "twice" or max(reached) < best - 0.8
            assert kind != "half" or max(reached) > best - 0.4  # the harm is in the choice
    shared = "camera, shared noise"
    assert max(losses[name, kind] for name in ("camera", "grass") for kind in ("right", "estimated")) < 0.7
    assert (
        losses["camera", "half"] > 4 and losses["camera", "twice"] > 2 and losses[shared, "estimated"] > 1.5
    )
    assert not any(
        any(signs[name, kind].values()) for name in ("camera", "grass") for kind in ("right", "estimated")
    )
    assert (
        all(signs[name, "twice"]["SURE below zero"] for name in noisy)
        and signs[shared, "right"]["SURE below zero"]
    )
    assert signs["camera", "half"]["noise left"] and signs["grass", "half"]["noise left"]
    assert signs[shared, "half"]["removed noise alike"] and signs[shared, "estimated"]["removed noise alike"]
    assert estimate_sigma(noisy[shared]) < 0.5 * sigma and estimate_sigma(noisy["grass"]) > 1.1 * sigma
