"""Checks of problem set 06: SURE, the risk without ground truth."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import shared_noise
from dil_course.checks.tasks import call, choose, failing, match, task
from dil_course.fitting.risks import probe
from dil_course.networks import small_skip_network
from dil_course.signals import picture


def gray(name, side=48):
    return picture(name, side).mean(1, keepdim=True)


@task(points=2)
def filter_divergence(answer, seed):
    """Task 1: `answer(kernel, shape)` is the divergence of f(y) = 2 k*y - k*(k*y) on pictures (1,C,H,W) of
    this shape.
    """
    draw = runtime.generator(seed, "kernels")
    for size, shape in ((3, (1, 1, 9, 10)), (5, (1, 3, 12, 14))):
        kernel = 0.1 + torch.rand(size, size, generator=draw, dtype=torch.float64)
        kernel = 1.2 * kernel / kernel.sum()
        middle, twice, numbers, pixels = (
            kernel[size // 2, size // 2],
            (kernel * kernel.flip(0, 1)).sum(),
            math.prod(shape),
            math.prod(shape[-2:]),
        )
        once = (
            "how much does one output pixel change with its own input pixel? For k*y that is one weight of "
            "the kernel",
            "2 k(0) - (k*k)(0)",
        )
        again = (
            "put a single bright pixel into k*(k*y). What comes back at its own place?",
            "it leaves with the weight k(t), and comes back with k(-t). Add up over t",
            "(kernel * kernel.flip(0, 1)).sum()",
        )
        count = (
            "the divergence adds up one derivative for each number of the picture",
            "how many numbers are there? All channels count",
        )
        mistakes = {
            "this is one pixel's part": (2 * middle - twice, *count),
            "this adds up over the weights of the kernel, not over the picture": (
                size**2 * (2 * middle - twice),
                *count,
            ),
            "this adds up all derivatives of each output pixel": (
                numbers * (2 * kernel.sum() - kernel.sum() ** 2),
                "the divergence takes the derivative by the same pixel alone",
                *once,
            ),
            "filtering twice is not squaring the middle weight": (numbers * (2 * middle - middle**2), *again),
            "light that leaves by t has to come back by -t": (
                numbers * (2 * middle - kernel.square().sum()),
                *again,
            ),
            "one k*y is lost": (
                numbers * (middle - twice),
                "the filter is linear: so is the divergence",
                *once,
            ),
            "the second filtering is left out": (numbers * 2 * middle, *again),
            "the second filtering has the wrong sign": (
                numbers * (2 * middle + twice),
                "look at the signs in f",
                *once,
            ),
            "this takes the kernel's corner for its middle": (
                numbers * (2 * kernel[0, 0] - twice),
                "which weight does a pixel give itself?",
                *once,
            ),
        }
        if shape[1] > 1:
            mistakes["this counts one channel"] = (pixels * (2 * middle - twice), *count)
        match(
            f"{size}x{size} kernel, {shape[1]} channels",
            call(answer, kernel, shape),
            numbers * (2 * middle - twice),
            mistakes,
            (*once, again[1]),
        )


@task(points=2)
def probe_divergence(answer, seed):
    """Task 2: `answer(f, y, probes, epsilon)` is the mean over the probes of b.(f(y + epsilon b) - f(y)) /
    epsilon.
    """
    draw = runtime.generator(seed, "probes")
    for channels, count, epsilon in ((1, 3, 1e-3), (3, 4, 1e-4)):
        y = torch.rand(1, channels, 7, 9, generator=draw, dtype=torch.float64)
        probes = probe(torch.zeros(count, channels, 7, 9, dtype=torch.float64), draw)
        slope = 0.5 + torch.rand(1, channels, 7, 9, generator=draw, dtype=torch.float64)

        def f(y, slope=slope):
            return 0.2 + slope * torch.tanh(y + 0.3 * y.roll(1, -1) - 0.2 * y.roll(1, -2))

        steps, average = f(y + epsilon * probes) - f(y), probes.mean(0, keepdim=True)
        each = (probes * steps).sum((1, 2, 3)) / epsilon
        change = (
            "how does f(y) answer to a small step along b?",
            "(f(y + epsilon * b) - f(y)) / epsilon",
            "and of this, the inner product with b",
        )
        several = (
            "each probe gives its own number; each is right in the mean",
            "average over the probes: over the first axis",
        )
        mistakes = {
            "the step's length is not divided out": (
                each.mean() * epsilon,
                "half as long a step should give the same derivative",
                *change[1:],
            ),
            "the step's length is divided out twice": (
                each.mean() / epsilon,
                "once is enough: b itself is not small",
                *change[1:],
            ),
            "f(y) is not taken away": (
                (probes * f(y + epsilon * probes)).sum((1, 2, 3)).mean() / epsilon,
                *change,
            ),
            "the step has the length of b, not epsilon": (
                (probes * (f(y + probes) - f(y))).sum((1, 2, 3)).mean(),
                "a derivative needs a small step",
                *change[1:],
            ),
            "this is the mean over the pixels": (
                each.mean() / y.numel(),
                "the divergence is a sum over the pixels",
                "sum, not mean, within a probe",
            ),
            "the probes are added up": (each.sum(), *several),
            "this uses the first probe only": (each[0], *several),
            "the probes are averaged before f sees them": (
                (average * (f(y + epsilon * average) - f(y))).sum() / epsilon,
                "the mean of many random signs is nearly zero: no probe at all",
                *several,
            ),
            "the inner product with b is missing": (
                steps.sum((1, 2, 3)).mean() / epsilon,
                "which pixel's change belongs to which input pixel? b is the label that tells them apart",
                *change[1:],
            ),
            "this is the squared length of the change": (
                steps.square().sum((1, 2, 3)).mean() / epsilon**2,
                "that mixes all derivatives. b picks those of the same pixel",
                *change[1:],
            ),
            "this is minus the divergence": (
                -each.mean(),
                "f after the step, minus f before it",
                *change[1:],
            ),
        }
        given = call(answer, f, y, probes, epsilon)
        match(f"{channels} channels, {count} probes", given, each.mean(), mistakes, change, tolerance=2e-3)


@task(points=3)
def residual_risk(answer, seed):
    """Task 3: `answer(residual, divergence, sigma)` is SURE of f(y) = y - residual; the divergence is the
    residual's.
    """
    draw = runtime.generator(seed, "residuals")
    for channels in (3, 1):
        sigma = 0.3 + 0.2 * torch.rand((), generator=draw).item()
        residual = (
            sigma
            * (0.8 + torch.rand((), generator=draw).item())
            * torch.randn(1, channels, 8, 9, generator=draw, dtype=torch.float64)
        )
        numbers = residual.numel()
        share = 0.2 + 0.15 * torch.rand((), generator=draw).item()
        divergence, misfit, variance = share * numbers, residual.square().mean(), sigma**2
        right = misfit + variance - 2 * variance * share
        turn = (
            "f(y) = y - r(y). What is the divergence of y -> y?",
            "div f = n - div r, with n numbers in the picture",
            "put that into SURE, and collect sigma^2",
        )
        scale = (
            "f(y) - y is the residual, up to its sign. All three terms are means over the numbers of the "
            "picture",
            "mean of r^2, and div r / n",
        )
        mistakes = {
            "this takes the residual's divergence for that of f": (
                misfit - variance + 2 * variance * share,
                *turn,
            ),
            "the price has the wrong sign": (
                misfit + variance + 2 * variance * share,
                "a residual that follows the noise is good. Should it cost?",
                *turn[1:],
            ),
            "the constant has the wrong sign": (
                misfit - variance - 2 * variance * share,
                "y's own divergence is n: what does it add?",
                *turn[1:],
            ),
            "the constant is missing": (
                misfit - 2 * variance * share,
                "what is the error of f(y) = y? Its residual is zero",
                *turn[1:],
            ),
            "the constant is twice too large": (
                misfit + 2 * variance * (1 - share),
                "SURE takes sigma^2 off: the distance to y counts y's own noise, too",
                *turn[1:],
            ),
            "the price lacks the factor 2": (
                misfit + variance - variance * share,
                "the cross term of a square comes twice",
                *turn[1:],
            ),
            "the price of f lacks the factor 2": (
                misfit - variance * share,
                "the cross term of a square comes twice",
                *turn[1:],
            ),
            "sigma is not squared": (
                misfit + sigma - 2 * sigma * share,
                "the noise's variance is sigma^2",
                scale[1],
            ),
            "the divergence is not divided by n": (misfit + variance - 2 * variance * divergence, *scale),
            "the squares are added up, and the rest is a mean": (
                misfit * numbers + variance - 2 * variance * share,
                *scale,
            ),
            "this is n times what is asked for": (right * numbers, *scale),
            "the root is taken": (
                right.abs().sqrt(),
                "a mean squared error is asked for, and its estimate may be negative",
                "leave the root out",
            ),
            "this is the distance to y alone": (misfit, "f(y) = y would be perfect", *turn[:2]),
        }
        if channels > 1:
            mistakes["this counts the pixels, and forgets that each has several channels"] = (
                misfit + variance - 2 * variance * divergence / (numbers / channels),
                *scale,
            )
        match(f"{channels} channels", call(answer, residual, divergence, sigma), right, mistakes, turn)


def least(c, price, misfit=lambda size, t: size.clamp(max=t).square().sum(), counted=None):
    """The t among 0 and all |c| at which misfit(|c|, t) + price * (how many of `counted` are above t) is
    least.
    """
    size = c.abs().flatten()
    counted = size if counted is None else counted.flatten()
    candidates = torch.cat([torch.zeros_like(size[:1]), size.sort().values])
    risks = torch.stack([misfit(size, t) + price * (counted > t).sum() for t in candidates])
    return candidates[risks.argmin()]


def thresholds(c, sigma):
    """What is right, and what the mistakes of task 4 would choose."""
    return least(c, 2 * sigma**2), {
        "nothing is denoised: survivors cost nothing here": least(c, 0.0),
        "no coefficient survives: each of them costs too much here": c.abs().max(),
        "this is the threshold for a picture of noise alone: it does not look at the numbers": sigma
        * math.sqrt(2 * math.log(c.numel())),
        "a survivor costs half of what it should": least(c, sigma**2),
        "sigma is not squared": least(c, 2 * sigma),
        "this is the distance of a hard threshold": least(
            c, 2 * sigma**2, lambda size, t: size[size <= t].square().sum()
        ),
        "the distance is not squared": least(c, 2 * sigma**2, lambda size, t: size.clamp(max=t).sum()),
        "negative survivors are forgotten": least(c, 2 * sigma**2, counted=c),
    }


@task(points=3)
def sure_threshold(answer, seed):
    """Task 4: `answer(c, sigma)` is the soft threshold with the least SURE, for the coefficients c of a noisy
    picture.
    """
    draw = runtime.generator(seed, "coefficients")
    for shape in ((9, 11), (12, 13)):
        for _ in range(200):  # until each mistake leads to another threshold
            sigma = 0.3 + 0.2 * torch.rand((), generator=draw).item()
            signal = (
                4
                * sigma
                * torch.randn(shape, generator=draw, dtype=torch.float64)
                * (torch.rand(shape, generator=draw) < 0.3)
            )
            c = signal + sigma * torch.randn(shape, generator=draw, dtype=torch.float64)
            right, wrong = thresholds(c, sigma)
            values = (
                torch.stack(
                    [torch.as_tensor(value, dtype=torch.float64) for value in (right, *wrong.values())]
                )
                .sort()
                .values
            )
            if values.diff().min() > 0.01 * right:
                break
        size = c.abs()
        terms = (
            "what does the threshold change in a number that it kills? And in a survivor?",
            "(f(c) - c)^2 is min(|c|, t)^2, and the divergence is the number of survivors",
            "sum of min(|c|, t)^2, plus 2 sigma^2 for each |c| > t: least over t = 0 and all t = |c|",
        )
        hints = {
            "nothing is denoised: survivors cost nothing here": (
                "the distance to the noisy numbers is least if nothing happens. What is the price?",
                *terms[1:],
            ),
            "no coefficient survives: each of them costs too much here": (
                "is one term a sum, and the other a mean?",
                *terms[1:],
            ),
            "this is the threshold for a picture of noise alone: it does not look at the numbers": (
                "sigma sqrt(2 log n) is what the largest of n noises reaches. SURE can do better",
                *terms[1:],
            ),
            "a survivor costs half of what it should": ("the factor 2 of the cross term", terms[2]),
            "sigma is not squared": ("the noise's variance is sigma^2", terms[2]),
            "this is the distance of a hard threshold": (
                "a soft threshold moves the survivors, too. By how much?",
                *terms[1:],
            ),
            "the distance is not squared": ("squared distances, please", *terms[1:]),
            "negative survivors are forgotten": ("-5 survives a threshold of 1", "count abs(c) > t"),
        }
        mistakes = {says: (value, *hints[says]) for says, value in wrong.items()}
        mistakes["this is the risk at the best threshold, not the threshold"] = (
            size.clamp(max=right).square().sum() - c.numel() * sigma**2 + 2 * sigma**2 * (size > right).sum(),
            "return the t",
            "candidates[risks.argmin()]",
        )
        mistakes["this is a place in a list, not a threshold"] = (
            (size < right).sum(),
            "argmin says where. What stands there?",
            "candidates[risks.argmin()]",
        )
        match(f"{c.numel()} coefficients", call(answer, c, sigma), right, mistakes, terms, tolerance=1e-3)


@task(points=3)
def photon_risk(answer, seed):
    """Task 5: `answer(output, y, slopes, seen, peak, sigma)` is the mean over the seen numbers of (f - y)^2 -
    v + 2 v f'.
    """
    draw = runtime.generator(seed, "photons")
    for channels, peak in ((1, 2.5), (3, 4.0)):
        shape = (1, channels, 9, 8)
        sigma = 0.4 + 0.2 * torch.rand((), generator=draw).item()
        clean, output = torch.rand(2, *shape, generator=draw, dtype=torch.float64)
        seen = torch.rand(1, 1, *shape[-2:], generator=draw) < 0.6
        y = seen * (
            torch.poisson(peak * clean, generator=draw) / peak
            + sigma * torch.randn(shape, generator=draw, dtype=torch.float64)
        )
        slopes = 0.1 + 0.8 * y.clamp(0, 1) + 0.2 * torch.rand(shape, generator=draw, dtype=torch.float64)
        at = seen.expand(shape)

        def risk(v, where=at, constant=1, factor=2, output=output, y=y, slopes=slopes):
            return ((output - y).square() - constant * v + factor * v * slopes)[where].mean()

        v = y / peak + sigma**2
        noise = (
            "how noisy is one pixel? Photons and electronics are independent: their variances add",
            "a count of mean m has the variance m. Divided by peak: m / peak^2, and m is about peak y",
            "v = y / peak + sigma^2, for each pixel by itself",
        )
        holes = (
            "what does y say about a hidden pixel?",
            "a mean over the seen numbers alone: ...[seen.expand_as(y)].mean()",
        )
        price = (
            "SURE, with each pixel's own variance in place of sigma^2",
            "(f - y)^2 - v + 2 v f', for each pixel",
        )
        mistakes = {
            "this judges the hidden pixels, too": (risk(v, torch.ones_like(at)), *holes),
            "this judges the hidden pixels alone": (risk(v, ~at), *holes),
            "hidden pixels count as pixels without an error": (
                risk(v) * at.sum() / at.numel(),
                "hide more pixels: should the error fall?",
                *holes,
            ),
            "this is the sum over the seen pixels": (risk(v) * at.sum(), "a mean is asked for", holes[1]),
            "one variance is used for all pixels": (
                risk(v[at].mean()),
                "a bright pixel counts more photons than a dark one, and is noisier",
                *noise[1:],
            ),
            "the photons' variance is missing": (risk(torch.full_like(y, sigma**2)), *noise),
            "the electronics' variance is missing": (risk(y / peak), *noise),
            "the electronics' sigma is not squared": (
                risk(y / peak + sigma),
                "variances add, not standard deviations",
                *noise[1:],
            ),
            "the photons' variance is not divided by peak": (
                risk(y + sigma**2),
                "more photons, less noise",
                *noise[1:],
            ),
            "the photons' variance is multiplied by peak": (
                risk(y * peak + sigma**2),
                "more photons, less noise",
                *noise[1:],
            ),
            "the photons' variance is divided by peak twice": (
                risk(y / peak**2 + sigma**2),
                "y is a count that was divided by peak already",
                *noise[1:],
            ),
            "the variance is taken from f(y), not from y": (
                risk(output / peak + sigma**2),
                "f may be wrong. What has the mean x, whatever f does?",
                *noise[1:],
            ),
            "the factor 2 is missing": (risk(v, factor=1), "the cross term of a square comes twice", *price),
            "the variance is not taken off": (
                risk(v, constant=0),
                "the distance to y counts y's own noise, too",
                *price,
            ),
            "the price of letting noise through is missing": (
                risk(v, factor=0),
                "f(y) = y would be perfect",
                *price,
            ),
            "the price has the wrong sign": (
                risk(v, factor=-2),
                "a large slope lets noise through. Should that pay?",
                *price,
            ),
        }
        if channels > 1:
            mistakes["this divides by the seen pixels, and forgets that each has several channels"] = (
                risk(v) * channels,
                *holes,
            )
            mistakes["this judges the first channel only"] = (
                ((output - y).square() - v + 2 * v * slopes)[:, :1][seen].mean(),
                "a colour pixel has three numbers",
                *holes[1:],
            )
        match(
            f"{channels} channels, peak {peak:g}",
            call(answer, output, y, slopes, seen, peak, sigma),
            risk(v),
            mistakes,
            (*price, noise[2]),
        )


CAUSES = {
    "sigma too large": "SURE was told twice the sigma that there is",
    "sigma too small": "SURE was told half of the sigma that there is",
    "epsilon too small": "the probe's step was so short that rounding swallows it",
    "input without y": "the network is fed a fixed random z, and not y",
    "wrong sign": "SURE takes the price of the divergence off, and should add it",
    "noise that neighbours share": "SURE is told the right sigma, but the noise is no white noise",
    "nothing": "the run is as it should be",
}


@functools.cache
def _run(fault, iterations=160):
    x, sigma, draw = gray("camera"), 25 / 255, runtime.generator(0, "runs of task 6")
    noise = shared_noise if fault == "noise that neighbours share" else torch.randn
    y = x + sigma * noise(x.shape, generator=draw)
    told = sigma * {"sigma too large": 2, "sigma too small": 0.5}.get(fault, 1)
    epsilon = 1e-12 if fault == "epsilon too small" else 1e-3
    price = -2 if fault == "wrong sign" else 2
    with runtime.seeded(0):
        network = small_skip_network(1, 1, width=12, skip=2)
    z = torch.rand(x.shape, generator=draw)

    def f(y):
        return network(z if fault == "input without y" else y)

    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    kept = {"said": [], "error": [], "divergence": []}
    for _ in range(iterations):
        b, output = probe(y, draw), f(y)
        divergence = (b * (f(y + epsilon * b) - output)).mean() / epsilon
        risk = (output - y).square().mean() - told**2 + price * told**2 * divergence
        optimizer.zero_grad()
        risk.backward()
        optimizer.step()
        for name, value in zip(kept, (risk, (output - x).square().mean(), divergence), strict=True):
            kept[name].append(value.item())

    def final(y):
        with torch.no_grad():
            return f(y)

    return kept | {"truth": x, "y": y, "sigma": sigma, "f": final, "estimate": final(y)}


@failing(
    _run,
    A="input without y",
    B="sigma too large",
    C="epsilon too small",
    D="wrong sign",
)
def failing_run(letter):
    """One of the runs of task 6: a small network is fitted to a noisy gray photograph by SURE, and something
    is wrong with it.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y and estimate (1,1,48,48); sigma, the true standard deviation of the noise; f, the
            network at
        the end as a function of y; and three lists, a number an iteration: `said`, the value of SURE,
        `error`, the mean squared error that it should have estimated, and `divergence`, the measured
        divergence divided by the number of pixels.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    share = "compute the share of the noise in the estimate: the mean of (estimate - truth) * noise, divided by the mean of noise^2"
    listed = "print the last ten numbers of `divergence`"
    refutations = {
        "sigma too large": (
            "too high a price drives the divergence below zero, and here it never gets there",
            listed,
        ),
        ("D", "sigma too large"): (
            "the divergence grows, as if it were wanted. A high price makes it fall",
            listed,
        ),
        "sigma too small": (
            "a low price leaves a part of the noise in the estimate, and the divergence is that part",
            share,
            listed,
        ),
        ("B", "sigma too small"): (
            "the share of the noise in the estimate is negative. A low price leaves noise in",
            share,
        ),
        ("D", "sigma too small"): (
            "there is more noise in the estimate than in y. A low price leaves at most all of it",
            share,
        ),
        "epsilon too small": ("the divergence that was measured is not zero", listed),
        ("A", "epsilon too small"): (
            "the output does not change with y at all, however long the step is",
            "compare f(y) with f(1 - y)",
        ),
        "input without y": ("the output changes if y does", "compare f(y) with f(1 - y)"),
        "wrong sign": ("what is rewarded grows, and here the divergence does not grow above one", listed),
        ("B", "wrong sign"): ("the divergence falls below zero. With the wrong sign it would grow", listed),
        "noise that neighbours share": (
            "the noise of neighbours is not alike",
            "compute the correlation of y - truth with itself, one pixel to the right",
        ),
        "nothing": (
            "a good run reaches 26 dB here, and this one stays below 24",
            "compute psnr(estimate, truth)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def three_pictures(seed=0):
    """The open question's noisy pictures {name: y (1,1,64,64)}, sigma, and the truths {name: x}, to judge and
    not to choose.
    """
    sigma, draw = 20 / 255, runtime.generator(seed, "three pictures")
    truths = {
        "camera": gray("camera", 64),
        "grass": gray("grass", 64),
        "camera, shared noise": gray("camera", 64),
    }
    kinds = {"camera, shared noise": shared_noise}
    noisy = {
        name: x + sigma * kinds.get(name, torch.randn)(x.shape, generator=draw) for name, x in truths.items()
    }
    return noisy, sigma, truths
