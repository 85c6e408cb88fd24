"""Checks of problem set 11: priors beyond photographs, and what they can add to the data."""

import functools
import math

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.fitting import Engine
from dil_course.networks import FourierFeatures, coordinates
from dil_course.signals import line_mask, luma, picture

__all__ = [
    "CAUSES",
    "best_lag",
    "causes",
    "dimensions_seen",
    "exclusion",
    "failing_run",
    "gaps",
    "predicted",
    "split_without_leak",
]


def __dir__():
    return __all__


def _opposite(mask):
    """Where the opposite frequencies stand, in a mask (...,S,S) with the zero frequency in the corner."""
    return mask.flip((-2, -1)).roll((1, 1), (-2, -1))


def _turned(mask, k):
    """The frequencies of an image after k quarter turns, in a mask with the zero frequency in the corner."""
    for _ in range(k % 4):
        mask = mask.mT.flip(-1).roll(1, -1)  # (u, v) becomes (v, -u)
    return mask


def _dimensions(mask, turns, opposite=_opposite, turned=_turned, centred=False):
    """How many frequencies are seen, their opposites among them; the functions are there for mistakes."""
    seen = mask[0, 0] > 0
    seen = seen if centred else torch.fft.ifftshift(seen)
    return sum(turned(seen | opposite(seen), k) for k in turns)


@task(points=3)
def dimensions_seen(answer, seed):
    """Task 1: `answer(mask, turns)` is the number of real dimensions of an image that a Fourier mask sees, of
    the image turned by each of the `turns`.
    """
    draw = runtime.generator(seed, "masks")

    def scattered(side):
        return (torch.rand(1, 1, side, side, generator=draw) < 0.15).float()

    def lines(side):
        columns = torch.zeros(side)
        columns[torch.randperm(side, generator=draw)[: side // 4]] = 1
        return columns.expand(1, 1, side, side).clone()

    for mask, turns in (
        (scattered(22), (0,)),
        (scattered(19), (0,)),
        (scattered(21), (0, 1)),
        (lines(20), (0, 2)),
        (scattered(24), (0, 1, 2, 3)),
        (line_mask(48, 48, 4, seed=seed), (0, 1)),
    ):
        _look_at_dimensions(answer, mask, turns)


def _look_at_dimensions(answer, mask, turns):
    side, measured = mask.shape[-1], int(mask.sum())
    think = (
        "the coefficients of opposite frequencies of a real image are conjugate: how many numbers do they "
        "share?",
        "a dimension for each frequency that is measured, or whose opposite is, before or after a turn",
    )
    seen = _dimensions(mask, turns)
    right = float((seen > 0).sum())
    alone = _dimensions(mask, turns[:1])
    plain = _dimensions(mask, turns, opposite=lambda seen: seen)

    def rot90(seen, k):
        return seen.rot90(k, (-2, -1))

    about = _dimensions(mask, turns, lambda seen: rot90(seen, 2), rot90, centred=True)
    half = _dimensions(mask, turns, turned=rot90, opposite=lambda s: _centred(_opposite, s), centred=True)
    where = (
        "where is the zero frequency? If the side is even, the first row is its own opposite",
        "flip and roll: the zero frequency, at side // 2, has to stay in its place",
    )
    mistakes = with_hints(
        (think, {"this counts frequencies that are measured, without their opposites": (plain > 0).sum()}),
        (
            think,
            {
                "this is twice the number of measured coefficients": 2 * measured,
                "this is twice the number of frequencies that are seen": 2 * right,
            },
        ),
        (
            ("what are `turns` for?", "the turned image is seen through the same mask", think[1]),
            {"this is what the mask sees of the unturned image alone": (alone > 0).sum()},
        ),
        (
            ("which frequencies are seen both before and after a turn?", think[1]),
            {
                "what is seen of several turns is counted several times": seen.sum(),
                "what is measured of several turns is counted several times": plain.sum(),
            },
        ),
        (
            ("one of the views is enough to see a frequency", "union, not intersection"),
            {"this counts what is seen of every one of the turns": (seen == len(turns)).sum()},
        ),
        (
            where,
            {
                "you turn the mask about the middle of the array, not about the zero frequency": (
                    about > 0
                ).sum(),
                "your opposites are right, and your turns go about the middle of the array": (half > 0).sum(),
            },
        ),
    )
    try:
        given = call(answer, mask, turns)
    except Wrong:
        if side < 33:
            raise
        raise Wrong(
            f"your function is right for small masks, and stops at one of {side} x {side} pixels",
            "a matrix of that size is large, and `stacked_rank` refuses it. Count frequencies instead",
            *think,
        ) from None
    match(f"{side} x {side}, turns {turns}", given, torch.tensor(right), mistakes, think, tolerance=1e-9)


def _centred(change, mask):
    return torch.fft.fftshift(change(torch.fft.ifftshift(mask)))


@task(points=3)
def split_without_leak(answer, seed):
    """Task 2: `answer(mask, inner, count, generator)` is (fitted, held_out), two masks of whole columns."""
    for width, inner, count in ((32, 2, 2), (27, 1, 3), (24, 0, 2)):
        draw = runtime.generator(seed, f"lines {width}")
        # The first column of an even width is its own opposite. Pairs, and columns that have lost theirs.
        numbers = torch.arange(inner + 1, (width - 1) // 2 + 1)
        numbers = numbers[torch.randperm(len(numbers), generator=draw)]
        columns = torch.zeros(width)
        columns[width // 2 - inner : width // 2 + inner + 1] = 1
        columns[width // 2 + numbers[:4]] = 1
        columns[width // 2 - numbers[2:6]] = 1
        columns[0] = 1 - width % 2
        mask = columns.expand(1, 1, 20, width).clone()
        distances = (columns.nonzero()[:, 0] - width // 2).abs().tolist()
        groups = {distance for distance in distances if distance > inner}
        _look_at_split(answer, mask, inner, count, groups, seed)


def _look_at_split(answer, mask, inner, count, groups, seed):
    height, width = mask.shape[-2:]

    def ask(number):
        generator = torch.Generator().manual_seed(1000 * seed + number)
        given = parts(call(answer, mask, inner, count, generator), "fitted, held_out")
        return [
            _columns_of(part, name, mask) for part, name in zip(given, ("fitted", "held_out"), strict=True)
        ]

    drawn = []
    for number in range(60):
        fitted, held = ask(number)
        drawn.append(_held_groups(fitted, held, mask[0, 0, 0] > 0, inner, count, groups))
    if not all(torch.equal(a, b) for a, b in zip(ask(0), ask(0), strict=True)):
        raise Wrong(
            "the same generator draws another split the second time",
            "a split that nobody can repeat is no experiment: which generator do you draw from?",
            "torch.randperm(n, generator=generator)",
        )
    if len(set(drawn)) == 1 or set().union(*drawn) != groups:
        missing = sorted(groups - set().union(*drawn))
        raise Wrong(
            "your split is the same whatever the generator"
            if len(set(drawn)) == 1
            else f"in 60 draws, the lines at the frequencies +-{missing} were never held out",
            "each line outside of the inner ones may be drawn",
            "torch.randperm(n, generator=generator), over pairs of lines",
        )
    print(f"split of {int(mask[0, 0, 0].sum())} of {width} lines: 60 draws, none leaks")


def _columns_of(part, name, mask):
    """The columns (W,) of a mask, true or false."""
    part = tensor(part)
    part = part.reshape(mask.shape) if part.numel() == mask.numel() else part
    if part.shape != mask.shape:
        raise Wrong(
            f"your {name} has the shape {tuple(part.shape)}, expected {tuple(mask.shape)}",
            "two masks like the one that came: (1,1,H,W)",
        )
    if not ((part == 0) | (part == 1)).all():
        raise Wrong(f"your {name} holds other numbers than 0 and 1", "a mask: 1 where a line is in it")
    if (part != part[..., :1, :]).any():
        raise Wrong(
            f"your {name} takes parts of a column",
            "a scanner reads whole lines, which are columns here. Neighbours along a line tell of each other",
            "draw numbers of columns, and set mask[..., column]",
        )
    return part[0, 0, 0] > 0


def _held_groups(fitted, held, measured, inner, count, groups):
    """The absolute frequencies of the lines that are held out, where the split is a right one."""
    numbers = torch.arange(len(measured)) - len(measured) // 2
    rules = ("every measured line is in one of the two masks, and in one only", "held_out = mask - fitted")
    if (fitted & held).any():
        raise Wrong("some lines are both fitted and held out: whoever fits them knows the answers", *rules)
    if ((fitted | held) & ~measured).any():
        raise Wrong("there are lines in your masks that were never measured", *rules)
    if (measured & ~fitted & ~held).any():
        raise Wrong("some measured lines are in neither mask", *rules)
    if not held.any():
        raise Wrong("nothing is held out", "what shall the estimate be tested on?", *rules)
    out = {abs(int(number)) for number in numbers[held]}
    kept = {abs(int(number)) for number in numbers[fitted]}
    centre = {number for number in kept | out if number <= inner}
    if centre & out and not centre & kept and len(kept) == count:
        raise Wrong("fitted and held out are exchanged", "most lines are fitted", "return fitted, held_out")
    if centre & out:
        raise Wrong(
            "lines of the centre are held out",
            "without them the fit knows not even the mean of the image",
            "keep the columns with |u| <= inner, u = column - W // 2",
        )
    if out & kept:
        raise Wrong(
            "the split leaks: a line is held out whose opposite is fitted, at the frequencies "
            f"+-{max(out & kept)}",
            "what does the line at -u of a real image tell of the line at u?",
            "draw |u|, and hold out both columns, W // 2 + u and W // 2 - u",
            result=b"leak",
        )
    if len(out) != count:
        says = f"you hold out {len(out)} in place of {count}, where a line and its opposite count as one"
        raise Wrong(says, "a pair counts as one, and so does a line whose opposite was not measured")
    return frozenset(out)


def _kernel(a, b, scale):
    """exp(-2 pi^2 scale^2 d^2) for the distances d of the places a (N,D) and b (M,D), (N,M)."""
    return torch.exp(-2 * math.pi**2 * scale**2 * (a[:, None] - b[None]).square().sum(-1))


def _regression(kernel, places, values, queries, ridge):
    gram = kernel(places, places) + ridge * torch.eye(len(places), dtype=places.dtype)
    return kernel(queries, places) @ torch.linalg.solve(gram, values)


@task(points=3)
def predicted(answer, seed):
    """Task 3: `answer(places, values, queries, scale, ridge)` is what ridge regression on infinitely many
    Fourier features predicts.
    """
    draw = runtime.generator(seed, "places")
    for count, dimensions, scale, ridge in ((9, 1, 1.7, 0.05), (14, 2, 0.6, 0.02), (7, 1, 4.0, 0.3)):
        places, queries = (
            torch.rand(number, dimensions, generator=draw, dtype=torch.float64) for number in (count, 5)
        )
        values = torch.rand(count, generator=draw, dtype=torch.float64) - 0.3
        _look_at_prediction(answer, places, values, queries, scale, ridge)


def _look_at_prediction(answer, places, values, queries, scale, ridge):
    def with_kernel(kernel, ridge=ridge):
        return _regression(kernel, places, values, queries, ridge)

    def of(function, axes=slice(None)):
        """The regression with another function of the squared distance."""
        return with_kernel(lambda a, b: function((a[:, None, axes] - b[None, :, axes]).square().sum(-1)))

    def right_kernel(a, b):
        return _kernel(a, b, scale)

    rate, near = 2 * math.pi**2 * scale**2, right_kernel(queries, places)
    mean = (
        "cos cos + sin sin = cos(2 pi b (v - w)). What is its mean over a Gaussian b of standard deviation "
        "`scale`?",
        "the mean of cos(t b) over a Gaussian of standard deviation s is exp(-s^2 t^2 / 2), here with t = "
        "2 pi d",
    )
    solve = ("k(q, X) (K + ridge I)^-1 values", "torch.linalg.solve(K + ridge * torch.eye(N), values)")
    mistakes = with_hints(
        (
            mean,
            {
                "your kernel grows wider with the scale": of(lambda d2: torch.exp(-d2 / (2 * scale**2))),
                "2 pi is missing in the phase of your kernel": of(lambda d2: torch.exp(-(scale**2) * d2 / 2)),
                "2 pi is not squared in your kernel": of(lambda d2: torch.exp(-math.pi * scale**2 * d2)),
                "the scale is not squared in your kernel": of(lambda d2: torch.exp(-rate / scale * d2)),
                "the exponent of your kernel is half of what it should be": of(
                    lambda d2: torch.exp(-rate / 2 * d2)
                ),
                "the exponent of your kernel is twice what it should be": of(
                    lambda d2: torch.exp(-2 * rate * d2)
                ),
                "your kernel takes the distance, not its square": of(lambda d2: torch.exp(-rate * d2.sqrt())),
                "your kernel is that of one frequency, b = scale": of(
                    lambda d2: torch.cos(2 * math.pi * scale * d2.sqrt())
                ),
            },
        ),
        (
            ("a distance has all coordinates in it", *mean[1:]),
            {"your kernel looks at the first coordinate only": of(lambda d2: torch.exp(-rate * d2), [0])},
        ),
        (
            solve,
            {
                "this weighs the values by the kernel, and solves nothing": near @ values,
                "this is a weighted mean of the values": near @ values / near.sum(1),
                "there is no ridge": with_kernel(right_kernel, 1e-12),
                "your ridge is multiplied by the number of places": with_kernel(
                    right_kernel, ridge * len(places)
                ),
                "your ridge is squared": with_kernel(right_kernel, ridge**2),
                "the ridge is added to every entry of K, not to its diagonal": near
                @ torch.linalg.pinv(right_kernel(places, places) + ridge)
                @ values,
                "you predict at the places, not at the queries": right_kernel(places, places)
                @ torch.linalg.solve(
                    right_kernel(places, places) + ridge * torch.eye(len(places), dtype=places.dtype), values
                ),
            },
        ),
    )
    given = call(answer, places, values, queries, scale, ridge)
    match(
        f"{len(places)} places, scale {scale}",
        given,
        with_kernel(right_kernel),
        mistakes,
        (*mean, solve[0]),
        tolerance=2e-3,
    )


def _lag(y, known, lags, score=np.var, seen="both", circular=False, worst=False):
    """The best lag of task 4, with a few places to change for mistakes."""
    y, known, scores = y.numpy(), known.numpy() > 0, []
    for lag in lags:
        if circular:
            later, earlier, a, b = y, np.roll(y, lag), known, np.roll(known, lag)
        else:
            later, earlier, a, b = y[lag:], y[:-lag], known[lag:], known[:-lag]
        pairs = {"both": a & b, "one": a, "all": slice(None)}[seen]
        scores.append(score((later - earlier)[pairs]))
    return lags[int(np.argmax(scores) if worst else np.argmin(scores))]


def _lag_mistakes(y, known, lags):
    def lag_by(**places):
        return _lag(y, known, lags, **places)

    pairs = ("compare only pairs of which both samples are known", "known[lag:] * known[:-lag]")
    constant = ("does a drift of the baseline change what you compute?", "subtract the mean difference first")
    return with_hints(
        (pairs, {"gaps count as if they were samples": lag_by(seen="all")}),
        (pairs, {"the second sample of some of your pairs is not known": lag_by(seen="one")}),
        (
            constant,
            {
                "a constant difference counts here, as in the lesson": lag_by(score=lambda d: np.mean(d**2)),
                "this looks at the mean difference alone": lag_by(score=lambda d: abs(np.mean(d))),
            },
        ),
        (
            ("the longer the lag, the fewer pairs there are", "mean, not sum"),
            {
                "this adds the differences, so that few pairs look good": lag_by(
                    score=lambda d: d.size * np.var(d)
                )
            },
        ),
        (
            (
                "what does the last sample have to do with the first?",
                "y[lag:] and y[:-lag], without torch.roll",
            ),
            {"your signal goes round in a circle": lag_by(circular=True)},
        ),
        (("argmin or argmax?",), {"this is the worst lag": lag_by(worst=True)}),
        (
            ("lags[...] of it", "the list of lags does not begin with 0"),
            {"this is the place in the list, not the lag": list(lags).index(lag_by())},
        ),
    )


@functools.cache
def _signal_with_gaps(period, slope, wrong, seed):
    """Beats on a slope, drawn until the mistakes that begin with `wrong` lead to lags of their own."""
    lags, draw = range(5, 4 * period), runtime.generator(seed, f"signal of {period}")
    for _ in range(2000):  # a few dozen are enough
        beat = torch.rand(period, generator=draw, dtype=torch.float64)
        y = 0.3 * beat.repeat(5) + torch.linspace(0.1, 0.1 + slope, 5 * period, dtype=torch.float64)
        y = y + 0.02 * torch.randn(len(y), generator=draw, dtype=torch.float64)
        known = torch.ones(len(y), dtype=torch.float64)
        for start in torch.randint(3, len(y) - 12, (period // 5,), generator=draw).tolist():
            known[start : start + 8] = 0
        if min((known[lag:] * known[:-lag]).sum() for lag in lags) < 3:
            continue
        right, mistakes = _lag(y * known, known, lags), _lag_mistakes(y * known, known, lags)
        if _lag(y * known, known, lags, score=lambda d: np.var(d, ddof=1)) != right:
            continue  # whether a variance divides by one less is no question here
        missed = [lag for lag, *_ in mistakes.values() if lag != right]
        caught = [says for says, (lag, *_) in mistakes.items() if lag != right and says.startswith(wrong)]
        if len(caught) == len(wrong) and len(set(missed)) == len(missed):
            return y * known, known, lags
    raise RuntimeError(f"no signal of period {period} tells the mistakes {wrong} from what is right")


@task(points=2)
def best_lag(answer, seed):
    """Task 4: `answer(y, known, lags)` is the lag at which known samples resemble known samples most,
    up to a constant."""
    for period, slope, *wrong in (
        (17, 0.0, "this adds", "this looks"),
        (23, 1.2, "your signal", "a constant"),
        (31, 0.2, "gaps count", "the second"),
    ):
        y, known, lags = _signal_with_gaps(period, slope, tuple(wrong), seed)
        right, mistakes = _lag(y, known, lags), _lag_mistakes(y, known, lags)
        hints = (
            "for each lag, the variance of the differences of y[lag:] and y[:-lag]",
            "over the pairs of which both are known",
            "then the lag with the least of these",
        )
        match(
            f"period {period}",
            call(answer, y, known, lags),
            torch.tensor(float(right)),
            mistakes,
            hints,
            tolerance=1e-9,
        )


def _steps(x):
    return x.diff(dim=-2), x.diff(dim=-1)


def _half(x):
    return avg_pool2d(x, 2)


def _fourth_root(p, q, squash):
    return (squash(p).square() * squash(q).square()).mean() ** 0.25


def _exclusion(a, b, levels, squash=lambda g: torch.tanh(g / 2), term=_fourth_root, half=_half, steps=_steps):
    """The loss of task 5; each function stands there to be replaced by a mistake."""
    terms = []
    for _ in range(levels):
        terms += [term(p, q, squash) for p, q in zip(steps(a), steps(b), strict=True)]
        a, b = half(a), half(b)
    return torch.stack(terms).mean()


@task(points=2)
def exclusion(answer, seed):
    """Task 5: `answer(a, b, levels)` is the exclusion loss of two gray images."""
    draw = runtime.generator(seed, "layers")
    for sides, levels in (((24, 16), 1), ((16, 24), 3), ((20, 12), 2)):
        a, b = (6 * torch.rand(1, 1, *sides, generator=draw, dtype=torch.float64) for _ in range(2))
        _look_at_exclusion(answer, a, b, levels)


def _look_at_exclusion(answer, a, b, levels):
    def changed(**places):
        return _exclusion(a, b, levels, **places)

    right = changed()
    root = ("where is the mean, and where is the root? Read the formula from inside", "(...).mean() ** 0.25")
    size = ("the formula has tanh(g / 2): what does it do to large steps?", "torch.tanh(difference / 2)")
    between = ("between two levels both images are halved by means over 2 x 2 pixels", "avg_pool2d(a, 2)")
    directions = ("down with down, across with across", "a.diff(dim=-2) and b.diff(dim=-2)")
    mistakes = with_hints(
        (
            root,
            {
                "your root is a square root": changed(
                    term=lambda p, q, s: (s(p).square() * s(q).square()).mean().sqrt()
                ),
                "there is no fourth root": changed(
                    term=lambda p, q, s: (s(p).square() * s(q).square()).mean()
                ),
                "you take the fourth root of each pixel, and then the mean": changed(
                    term=lambda p, q, s: ((s(p) * s(q)).square() ** 0.25).mean()
                ),
                "your steps are not squared": changed(
                    term=lambda p, q, s: (s(p) * s(q)).abs().mean() ** 0.25
                ),
                "you multiply two means, in place of the mean of the products": changed(
                    term=lambda p, q, s: (s(p).square().mean() * s(q).square().mean()) ** 0.25
                ),
                "this is a sum over the pixels": changed(
                    term=lambda p, q, s: (s(p).square() * s(q).square()).sum() ** 0.25
                ),
            },
        ),
        (
            size,
            {
                "your steps are not squashed": changed(squash=lambda g: g),
                "this is tanh(g), not tanh(g / 2)": changed(squash=torch.tanh),
                "this is the sigmoid alone": changed(squash=torch.sigmoid),
            },
        ),
        (
            ("a mean over levels and both directions", "divide by 2 levels"),
            {"this adds up levels and directions": 2 * levels * right},
        ),
        (
            between,
            {
                "this is the first level only, or all levels look at the full size": changed(
                    half=lambda x: x
                ),
                "you halve by leaving out pixels": changed(half=lambda x: x[..., ::2, ::2]),
                "your images are halved before the first level": _exclusion(_half(a), _half(b), levels),
            },
        ),
        (
            directions,
            {
                "this looks at steps down only": changed(steps=lambda x: [x.diff(dim=-2)]),
                "this looks at steps across only": changed(steps=lambda x: [x.diff(dim=-1)]),
            },
        ),
        (
            ("the last row has no row below it", "torch.diff, without padding"),
            {
                "your steps have a zero more at the border": changed(
                    steps=lambda x: (
                        x.diff(dim=-2, append=x[..., -1:, :]),
                        x.diff(dim=-1, append=x[..., -1:]),
                    )
                ),
                "your steps go round in a circle": changed(
                    steps=lambda x: (x.roll(-1, -2) - x, x.roll(-1, -1) - x)
                ),
            },
        ),
        (
            ("which of the two images is a?", "steps of a times steps of b"),
            {
                "this compares the first image with itself": _exclusion(a, a, levels),
                "this compares the second image with itself": _exclusion(b, b, levels),
            },
        ),
    )
    hints = (root[0], size[1], between[1])
    match(f"{levels} levels", call(answer, a, b, levels), right, mistakes, hints)


def gaps(length, seed=0):
    """A mask (1,1,1,1024) for the ECG: 1 where a sample is known. A quarter of the samples are missing, in
    blocks of `length`, a power of 2 up to 64; the first and the last block are known.
    """
    blocks = torch.ones(1024 // length)
    drawn = torch.randperm(len(blocks) - 2, generator=runtime.generator(seed, f"gaps of {length}"))
    blocks[1 + drawn[: len(blocks) // 4]] = 0
    return blocks.repeat_interleave(length).reshape(1, 1, 1, 1024)


CAUSES = {
    "scale too small": "the frequencies in B are too low for the detail of the image",
    "scale too large": "the frequencies in B are so high that pixels which are not seen are left to chance",
    "places in pixels": "the network was given rows and columns in pixels, not from -1 to 1",
    "rows and columns exchanged": "the values were laid out column by column, and the places row by row",
    "holes count as zeros": "the loss compares all pixels with y, also those that are not known",
    "too few iterations": "the run was stopped before the network had learned",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations):
    side, x = 32, luma(picture("camera", 32))
    mask = (torch.rand(1, 1, side, side, generator=runtime.generator(0, "known pixels")) < 0.5).float()
    y, places = mask * x, coordinates(side, side)
    if fault == "places in pixels":
        places = (places + 1) / 2 * (side - 1)
    target, weights = (y.mT, mask.mT) if fault == "rows and columns exchanged" else (y, mask)
    if fault == "holes count as zeros":
        weights = torch.ones_like(mask)
    with runtime.seeded(0):
        network = FourierFeatures(scale={"scale too small": 0.2, "scale too large": 30}.get(fault, 3))
        engine = Engine(network, 3e-3)
    losses = []
    for _ in range(iterations):
        estimate = engine(places)
        loss = (weights * (estimate - target)).square().sum() / weights.sum()
        engine.update(loss)
        losses.append(loss.item())
    shown = {"truth": x, "y": y, "mask": mask, "places": places, "B": network.B.clone()}
    return shown | {"estimate": estimate.detach(), "loss": losses}


@failing(
    _run,
    A="places in pixels",
    B="holes count as zeros",
    C="scale too small",
    D="rows and columns exchanged",
)
def failing_run(letter, iterations=150):
    """One of the runs of task 6, with which something is wrong.

    A network on Fourier features is fitted to half of the pixels of a small photograph, and predicts the
    others.

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run.

    Returns:
        Dictionary: truth, y (0 where a pixel is not known), mask and estimate, all (1,1,32,32); places
        (1,2,32,32), as the network got them; B (64,2), the frequencies; and the list loss.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    std = "print r['B'].std()"
    refutations = {
        "scale too small": ("its B has the standard deviation of a good run, 3", std),
        "scale too large": ("its B has no larger standard deviation than that of a good run, 3", std),
        "places in pixels": ("its places lie between -1 and 1", "print r['places'].min() and .max()"),
        "rows and columns exchanged": (
            "its estimate is nearer to the truth than to the truth with rows and columns exchanged",
            "compute psnr(r['estimate'], r['truth'].mT), too",
        ),
        "holes count as zeros": (
            "its estimate is as bright where pixels are missing as where they are known",
            "compare the mean of the estimate over the known pixels with that over the others",
        ),
        "too few iterations": ("a run twice as long gains nothing", "failing_run(letter, iterations=300)"),
        "nothing": (
            "a good run of 150 iterations reaches more than 28 dB, and this one less than 26",
            "compute psnr(estimate, truth)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
