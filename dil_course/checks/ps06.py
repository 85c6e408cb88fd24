"""Checks of problem set 06: SURE, the risk without ground truth."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import shared_noise, with_hints
from dil_course.checks.tasks import call, choose, close, failing, match, task, tensor
from dil_course.fitting.risks import probe
from dil_course.networks import small_skip_network
from dil_course.signals import picture

__all__ = [
    "CAUSES",
    "causes",
    "failing_run",
    "filter_divergence",
    "photon_risk",
    "probe_divergence",
    "residual_risk",
    "sure_threshold",
    "three_pictures",
]


def __dir__():
    return __all__


def _gray(name, side=48):
    return picture(name, side).mean(1, keepdim=True)


@task(points=2)
def filter_divergence(answer, seed):
    """Task 1: `answer(kernel, shape)` is the divergence of f(y) = 2 k*y - k*(k*y) on pictures (1,C,H,W) of
    this shape.
    """
    draw = runtime.generator(seed, "kernels")
    # Three kernels: the middle weight is the median or the largest of all three for hardly any seed.
    for size, shape in ((3, (1, 1, 9, 10)), (5, (1, 3, 12, 14)), (7, (1, 2, 16, 15))):
        kernel = 0.1 + torch.rand(size, size, generator=draw, dtype=torch.float64)
        kernel = 1.2 * kernel / kernel.sum()
        middle, twice = kernel[size // 2, size // 2], (kernel * kernel.flip(0, 1)).sum()
        numbers, pixels = math.prod(shape), math.prod(shape[-2:])
        once = (
            "how much does an output pixel change with its own input pixel? For k*y it is one weight of k",
            "2 k(0) - (k*k)(0)",
        )
        again = (
            "put a single bright pixel into k*(k*y). What comes back at its own place?",
            "it leaves with the weight k(t), and comes back with k(-t). Add up over t",
            "(kernel * kernel.flip(0, 1)).sum()",
        )
        count = (
            "the divergence adds up one derivative for each number of the image",
            "how many numbers are there? All channels count",
        )
        mistakes = with_hints(
            (
                count,
                {
                    "this is one pixel's part": 2 * middle - twice,
                    "this adds up over the weights of the kernel, not over the picture": size**2
                    * (2 * middle - twice),
                    "this counts one channel": pixels * (2 * middle - twice),
                },
            ),
            (
                once,
                {
                    "this adds up all derivatives of each output pixel": numbers
                    * (2 * kernel.sum() - kernel.sum() ** 2),
                    "one k*y is lost": numbers * (middle - twice),
                    "the second filtering has the wrong sign": numbers * (2 * middle + twice),
                    "this takes the kernel's corner for its middle": numbers * (2 * kernel[0, 0] - twice),
                },
            ),
            (
                again,
                {
                    "filtering twice is not squaring the middle weight": numbers * (2 * middle - middle**2),
                    "light that leaves by t has to come back by -t": numbers
                    * (2 * middle - kernel.square().sum()),
                    "the second filtering is left out": numbers * 2 * middle,
                },
            ),
        )
        given, right = call(answer, kernel, torch.Size(shape)), numbers * (2 * middle - twice)
        match(f"{size}x{size} kernel, {shape[1]} channels", given, right, mistakes, (*once, again[1]))


@task(points=2)
def probe_divergence(answer, seed):
    """Task 2: `answer(f, y, probes, epsilon)` is the mean over the probes of b.(f(y + epsilon b) - f(y)) /
    epsilon.
    """
    draw = runtime.generator(seed, "probes")
    for channels, count, epsilon in ((1, 3, 1e-3), (3, 4, 1e-4), (2, 3, 0.4)):
        y = torch.rand(1, channels, 7, 9, generator=draw, dtype=torch.float64)
        probes = probe(torch.zeros(count, channels, 7, 9, dtype=torch.float64), draw)
        slope = 0.5 + torch.rand(1, channels, 7, 9, generator=draw, dtype=torch.float64)
        slope *= 1 - 2 * (torch.rand(slope.shape, generator=draw) < 0.25)  # of either sign

        def angle(y):
            return y + 0.9 * y.roll(1, -1) - 0.8 * y.roll(1, -2)

        def f(y, slope=slope):
            return 0.2 + slope * torch.sin(angle(y))

        def by_steps(epsilon, y=y, probes=probes):
            return (probes * (f(y + epsilon * probes) - f(y))).sum((1, 2, 3)) / epsilon

        each, order = by_steps(epsilon).sort()
        probes = probes[order]  # sorted, so that the first one is not the median of all
        steps, average = f(y + epsilon * probes) - f(y), probes.mean(0, keepdim=True)
        change = (
            "how does f(y) answer to a small step along b?",
            "(f(y + epsilon * b) - f(y)) / epsilon",
            "and of this, the inner product with b",
        )
        several = (
            "each probe gives its own number; each is right in the mean",
            "average over the probes: over the first axis",
        )
        mistakes = with_hints(
            (
                ("half as long a step should give the same derivative", *change[1:]),
                {
                    "the step's length is not divided out": each.mean() * epsilon,
                    "the step's length is divided out twice": each.mean() / epsilon,
                    "the step has the length of b, not epsilon": by_steps(1).mean(),
                },
            ),
            (
                change,
                {
                    "f(y) is not taken away": (probes * f(y + epsilon * probes)).sum() / epsilon / count,
                    "this is the exact divergence, without any probe": (slope * torch.cos(angle(y))).sum(),
                    "the inner product with b is missing": steps.sum() / epsilon / count,
                    "this is the squared length of the change": steps.square().sum() / epsilon**2 / count,
                },
            ),
            (
                ("the divergence is a sum over the pixels", "sum, not mean, within a probe"),
                {"this is the mean over the pixels": each.mean() / y.numel()},
            ),
            (several, {"the probes are added up": each.sum(), "this uses the first probe only": each[0]}),
            (
                ("the mean of many random signs is nearly zero: no probe at all", *several),
                {"the probes are averaged before f sees them": by_steps(epsilon, probes=average).sum()},
            ),
            (
                (
                    "a long step gives another number than a short one. How long is yours?",
                    "the step is epsilon * b, and the change is divided by epsilon",
                ),
                {"your result does not depend on epsilon": by_steps(1e-6).mean()},
            ),
        )
        given = tensor(call(answer, f, y, probes, epsilon))
        # A central difference estimates the same, with a step of epsilon to either side or in all.
        central = [(by_steps(step) + by_steps(-step)).mean() / 2 for step in (epsilon, epsilon / 2)]
        if given.numel() == 1:
            central = [value for value in central if close(given.reshape(()), value, 2e-3)]
        right = central[0] if given.numel() == 1 and central else each.mean()
        match(f"{channels} channels, {count} probes", given, right, mistakes, change, tolerance=2e-3)


def _cut(right):
    """The mistakes where an unbiased estimate is below zero."""
    hints = (
        "the estimate is right on average. Can its value for one noisy image be negative?",
        "return the value as the formula gives it, whatever its sign",
    )
    return with_hints((hints, {"your estimate stops at zero": 0, "the sign is lost": -right}))


@task(points=3)
def residual_risk(answer, seed):
    """Task 3: `answer(residual, divergence, sigma)` is SURE of f(y) = y - residual; the divergence is the
    residual's.
    """
    draw = runtime.generator(seed, "residuals")
    # (channels, size of the residual, div r / n at least): then an estimate below zero, a divergence below
    # zero and one above n, and the network that returns zero.
    cases = (3, 1, 0.2), (1, 1, 0.2), (2, 0.2, 0.8), (1, 1, -0.4), (2, 2, 1.2), (1, 0, 0)
    for channels, strength, least in cases:
        sigma = 0.3 + 0.2 * torch.rand((), generator=draw).item()
        size = strength * sigma * (0.8 + torch.rand((), generator=draw).item())
        residual = size * torch.randn(1, channels, 8, 9, generator=draw, dtype=torch.float64)
        numbers = residual.numel()
        share = least + (0.15 * torch.rand((), generator=draw).item() if least else 0)
        divergence, misfit, variance = share * numbers, residual.square().mean(), sigma**2
        term = 2 * variance * share
        right = misfit + variance - term
        turn = ("div f = n - div r, with n numbers in the picture", "put that into SURE, and collect sigma^2")
        scale = "All three terms are means over the numbers of the picture: mean of r^2, and div r / n"
        sign = ("r may fall where y rises, or rise faster than y", "take the divergence as it comes")
        hints = ("f(y) = y - r(y). What is the divergence of y -> y?", *turn)
        mistakes = with_hints(
            (hints, {"this takes the residual's divergence for that of f": misfit - variance + term}),
            (
                ("a residual that follows the noise is good. Should that raise the risk?", *turn),
                {"the divergence term has the wrong sign": misfit + variance + term},
            ),
            (
                ("what is the error of f(y) = y? Its residual is zero", *turn),
                {
                    "the constant has the wrong sign": misfit - variance - term,
                    "the constant is missing": misfit - term,
                    "the constant is twice too large": misfit + 2 * variance - term,
                    "this is the distance to y alone": misfit,
                },
            ),
            (
                ("the cross term of a square comes twice", *turn),
                {
                    "the divergence term lacks the factor 2": misfit + variance - term / 2,
                    "the divergence term of f lacks the factor 2": misfit - term / 2,
                },
            ),
            (
                ("the noise's variance is sigma^2", scale),
                {"sigma is not squared": misfit + sigma - 2 * sigma * share},
            ),
            (
                ("f(y) - y is the residual, up to its sign", scale),
                {
                    "the divergence is not divided by n": right + term - term * numbers,
                    "the squares are added up, and the rest is a mean": right - misfit + misfit * numbers,
                    "this is n times what is asked for": right * numbers,
                    "this counts the pixels, and forgets that each has several channels": right
                    + term
                    - term * channels,
                },
            ),
        )
        if right < 0:
            mistakes = _cut(right)
        if share > 1:
            mistakes = with_hints((sign, {"a divergence above n counts as n": right + term - 2 * variance}))
        if share < 0:
            mistakes = with_hints(
                (
                    sign,
                    {
                        "a divergence below zero counts as zero": right + term,
                        "the divergence has lost its sign": right + 2 * term,
                    },
                )
            )
        match(f"{channels} channels", call(answer, residual, divergence, sigma), right, mistakes, hints)


def _risks(c, price, misfit=lambda size, t: size.minimum(t).square(), counted=None, candidates=None):
    """0 and all |c| as candidates t, and for each the sum of misfit(|c|, t) plus price * (how many of
    `counted` are above t).
    """
    size = c.abs().flatten()
    counted = size if counted is None else counted.flatten()
    candidates = torch.cat([size.new_zeros(1), size if candidates is None else candidates])
    t = candidates[:, None]
    return candidates, misfit(size, t).sum(1) + price * (counted > t).sum(1)


def _least(*given, **kinds):
    candidates, risks = _risks(*given, **kinds)
    return candidates[risks.argmin()]


_TERMS = (
    "(f(c) - c)^2 is min(|c|, t)^2, and the divergence is the number of survivors",
    "sum of min(|c|, t)^2, plus 2 sigma^2 for each |c| > t: least over t = 0 and all t = |c|",
)
_MEANS = ("is one term a sum, and the other a mean?", *_TERMS)
_ALL = ("the least can stand at either end, too: where all is signal, and where all is noise", _TERMS[1])
_ARGMIN = ("argmin says where. What stands there, and what is asked for?", "candidates[risks.argmin()]")


def _thresholds(c, sigma):
    """What is right, and the mistakes of task 4: {what it looks like: (what it would choose, hints)}."""
    price, size = 2 * sigma**2, c.abs().flatten()
    universal = sigma * math.sqrt(2 * math.log(c.numel()))
    hard = _least(c, price, lambda size, t: size.square() * (size <= t))
    return _least(c, price), {
        "nothing is denoised: survivors cost nothing here": (
            _least(c, 0.0),
            "the distance to c is least if nothing happens. What does the divergence add?",
            *_TERMS,
        ),
        "survivors cost next to nothing here": (_least(c, price / c.numel()), *_MEANS),
        "no coefficient survives: each of them costs too much here": (size.max(), *_MEANS),
        "this is the threshold for pure noise: it does not look at the coefficients": (
            universal,
            "sigma sqrt(2 log n) is what the largest of n noises reaches. SURE can do better",
            *_TERMS,
        ),
        "a survivor costs half of what it should": (
            _least(c, sigma**2),
            "the cross term of a square comes twice",
            _TERMS[1],
        ),
        "sigma is not squared": (_least(c, 2 * sigma), "the noise's variance is sigma^2", _TERMS[1]),
        "this is the distance of a hard threshold": (
            hard,
            "a soft threshold moves the survivors, too. By how much?",
            *_TERMS,
        ),
        "the distance is not squared": (
            _least(c, price, torch.minimum),
            "SURE adds up squared distances",
            *_TERMS,
        ),
        "negative survivors are forgotten": (
            _least(c, price, counted=c),
            "-5 survives a threshold of 1",
            "count abs(c) > t",
        ),
        "negative coefficients are not tried as thresholds": (
            _least(c, price, candidates=c[c > 0]),
            "a coefficient of -2 is killed by t = 2",
            "try all abs(c)",
        ),
    }


def _sparse(shape, draw):
    """Sparse coefficients with noise, drawn until each mistake leads to another threshold and rounding to
    none.
    """
    while True:
        sigma = 0.3 + 0.2 * torch.rand((), generator=draw).item()
        signal = 4 * sigma * torch.randn(shape, generator=draw, dtype=torch.float64)
        signal *= torch.rand(shape, generator=draw) < 0.3
        c = signal + sigma * torch.randn(shape, generator=draw, dtype=torch.float64)
        right, wrong = _thresholds(c, sigma)
        values = torch.tensor([right, *(value for value, *_ in wrong.values())], dtype=torch.float64)
        first, second = _risks(c, 2 * sigma**2)[1].sort().values[:2]
        if values.sort().values.diff().min() > 0.01 * right and second > first * (1 + 1e-5):
            return c, sigma


def _at_the_ends(draw):
    """Coefficients whose best threshold is 0, the smallest of them, and twice the largest, in this order.

    The last one is above sigma sqrt(2 log n).
    """
    for shape, smallest, largest in (
        ((2, 3, 4, 5), 3, 9),
        ((1, 1, 12, 10), 3, 9),
        ((40,), 0.2, 0.9),
        ((1, 2), 1.2, 1.35),
    ):
        sigma = 0.3 + 0.2 * torch.rand((), generator=draw).item()
        size = smallest + (largest - smallest) * torch.rand(shape, generator=draw, dtype=torch.float64)
        if shape == (1, 1, 12, 10):
            size[..., 3, 4] = 0.05
        yield sigma * size * (1 - 2 * (torch.rand(shape, generator=draw) < 0.5)), sigma


@task(points=3)
def sure_threshold(answer, seed):
    """Task 4: `answer(c, sigma)` is the soft threshold with the least SURE, for the coefficients c of a noisy
    picture.
    """
    draw = runtime.generator(seed, "coefficients")
    for c, sigma in (*(_sparse(shape, draw) for shape in ((9, 11), (12, 13))), *_at_the_ends(draw)):
        right, mistakes = _thresholds(c, sigma)
        candidates, risks = _risks(c, 2 * sigma**2)
        size, next_best = c.abs().flatten(), candidates[risks.where(candidates != right, math.inf).argmin()]
        given = tensor(call(answer, c, sigma))
        if right == 0:
            mistakes = with_hints((_ALL, {"t = 0 was not tried": next_best}))
        elif right == size.max():
            mistakes = with_hints((_ALL, {"the largest |c| was not tried": next_best}))
        elif right == size.min():
            equal = "which coefficients become 0, by the statement? Those of size t or less"
            mistakes = {"a coefficient of size t counts as a survivor here": (0, equal)}
        mistakes |= with_hints(
            (
                _ARGMIN,
                {
                    "this is the risk at the best threshold, not the threshold": risks.min()
                    - c.numel() * sigma**2,
                    "this is a place in a list, not a threshold": (size < right).sum(),
                },
            ),
            (("which t kills a coefficient of -2?", "try all abs(c)"), {"a threshold below zero": -right}),
        )
        if given.numel() == 1 and close(given.reshape(()), right, 0.02):
            mistakes["this is near the best threshold, and not exactly it"] = (
                given.reshape(()),
                "between two neighbouring |c|, does SURE rise or fall with t? So which t can be the best?",
                "no grid is needed: try t = 0 and t = |c| for each coefficient",
            )
        hints = ("what does the threshold change in a coefficient that it kills? In a survivor?", *_TERMS)
        match(f"{c.numel()} coefficients", given, right, mistakes, hints, tolerance=1e-6)


@task(points=3)
def photon_risk(answer, seed):
    """Task 5: `answer(output, y, slopes, seen, peak, sigma)` is the mean over the seen numbers of (f - y)^2 -
    v + 2 v f'.
    """
    draw = runtime.generator(seed, "photons")
    # At last an output close to y that does not follow it: the estimate falls below zero.
    for channels, peak, follows in ((1, 2.5, 1), (3, 4.0, 1), (2, 8.0, 0.05)):
        shape = (1, channels, 9, 8)
        sigma = 0.4 + 0.2 * torch.rand((), generator=draw).item()
        clean, output = torch.rand(2, *shape, generator=draw, dtype=torch.float64)
        seen = torch.rand(1, 1, *shape[-2:], generator=draw) < 0.6
        y = seen * (
            torch.poisson(peak * clean, generator=draw) / peak
            + sigma * torch.randn(shape, generator=draw, dtype=torch.float64)
        )
        slopes = 0.1 + 0.8 * y.clamp(0, 1) + 0.2 * torch.rand(shape, generator=draw, dtype=torch.float64)
        if follows < 1:
            output, slopes = y + follows * (output - y), follows * slopes
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
        terms = (
            "SURE, with each pixel's own variance in place of sigma^2",
            "(f - y)^2 - v + 2 v f', for each pixel",
        )
        seen_only = ((output - y).square() - v + 2 * v * slopes)[:, :1][seen].mean()
        mistakes = with_hints(
            (
                holes,
                {
                    "this judges the hidden pixels, too": risk(v, torch.ones_like(at)),
                    "this judges the hidden pixels alone": risk(v, ~at),
                    "hidden pixels count as pixels without an error": risk(v) * at.sum() / at.numel(),
                    "this is the sum over the seen pixels": risk(v) * at.sum(),
                    "this divides by the seen pixels, and forgets that each has several channels": risk(v)
                    * channels,
                    "this judges the first channel only": seen_only,
                },
            ),
            (
                noise,
                {
                    "the photons' variance is missing": risk(torch.full_like(y, sigma**2)),
                    "the electronics' variance is missing": risk(y / peak),
                    "the electronics' sigma is not squared": risk(y / peak + sigma),
                    "the photons' variance is not divided by peak": risk(y + sigma**2),
                    "the photons' variance is multiplied by peak": risk(y * peak + sigma**2),
                    "the photons' variance is divided by peak twice": risk(y / peak**2 + sigma**2),
                    "one variance is used for all pixels": risk(v[at].mean()),
                    "the standard deviation is taken for the variance": risk(v.abs().sqrt()),
                },
            ),
            (
                ("which number has the mean x, whatever f does? And still, if it is cut off?", *noise[1:]),
                {
                    "the variance is taken from f(y), not from y": risk(output / peak + sigma**2),
                    "a negative y counts as zero in its variance": risk(y.clamp(min=0) / peak + sigma**2),
                    "a negative variance counts as zero": risk(v.clamp(min=0)),
                    "a negative variance has lost its sign": risk(v.abs()),
                },
            ),
            (
                terms,
                {
                    "the factor 2 is missing": risk(v, factor=1),
                    "the variance is not taken off": risk(v, constant=0),
                    "the divergence term is missing": risk(v, factor=0),
                    "the divergence term has the wrong sign": risk(v, factor=-2),
                },
            ),
        )
        if risk(v) < 0:
            mistakes = _cut(risk(v))
        match(
            f"{channels} channels, peak {peak:g}",
            call(answer, output, y, slopes, seen, peak, sigma),
            risk(v),
            mistakes,
            (*terms, noise[2]),
        )


CAUSES = {
    "sigma too large": "SURE was told twice the sigma that there is",
    "sigma too small": "SURE was told half of the sigma that there is",
    "epsilon too small": "the probe's step was so short that rounding swallows it",
    "input without y": "the network is fed a fixed random z, and not y",
    "wrong sign": "SURE subtracts the divergence term, and should add it",
    "noise that neighbours share": "SURE is told the right sigma, but the noise is no white noise",
    "nothing": "the run is as it should be",
}


@functools.cache
def _run(fault, iterations=160):
    x, sigma, draw = _gray("camera"), 25 / 255, runtime.generator(0, "runs of task 6")
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


@failing(_run, A="input without y", B="sigma too large", C="epsilon too small", D="wrong sign")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    A small network is fitted to a noisy gray photograph by SURE.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y and estimate (1,1,48,48); sigma, the true standard deviation of the noise; f, the
        network at the end as a function of y; and three lists, a number an iteration: `said`, the value of
        SURE, `error`, the mean squared error that it should have estimated, and `divergence`, the measured
        divergence divided by the number of pixels.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    share = (
        "compute the share of the noise in the estimate: the mean of (estimate - truth) * noise, divided by "
        "the mean of noise^2"
    )
    listed = "print the last ten numbers of `divergence`"
    refutations = {
        "sigma too large": (
            "too large a sigma drives the divergence below zero, and here it never gets there",
            listed,
        ),
        ("D", "sigma too large"): (
            "the divergence grows, as if it were wanted. Too large a sigma makes it fall",
            listed,
        ),
        "sigma too small": (
            "too small a sigma leaves a part of the noise in the estimate, and the divergence is that part",
            share,
            listed,
        ),
        ("B", "sigma too small"): (
            "the share of the noise in the estimate is negative. Too small a sigma leaves noise in",
            share,
        ),
        ("D", "sigma too small"): (
            "there is more noise in the estimate than in y. Too small a sigma leaves at most all of it",
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
        "camera": _gray("camera", 64),
        "grass": _gray("grass", 64),
        "camera, shared noise": _gray("camera", 64),
    }
    kinds = {"camera, shared noise": shared_noise}
    noisy = {
        name: x + sigma * kinds.get(name, torch.randn)(x.shape, generator=draw) for name, x in truths.items()
    }
    return noisy, sigma, truths
