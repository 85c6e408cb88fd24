"""Problem set 11: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank
from torch.nn import functional as F

from dil_course.checks import ps11
from dil_course.signals import Fourier, psnr, stacked_rank

BANK = AnswerBank("ps11_beyond_images")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: what a mask and its turns see


def views(mask, turns, opposite=True, roll=True):
    """Masks (V,S,S) of all that is seen, one for each turn, with a few places to change for wrong ones."""

    def turned(mask, k):
        for _ in range(k % 4):
            mask = torch.rot90(mask, 1, (-2, -1))
            mask = mask.roll(1, -2) if roll and mask.shape[-1] % 2 == 0 else mask
        return mask

    seen = mask[0, 0] > 0
    seen = seen | turned(seen, 2) if opposite else seen
    return torch.stack([turned(seen, k) for k in turns])


right("dimensions_seen")(lambda mask, turns: views(mask, turns).any(0).sum())


@right("dimensions_seen")
def by_a_set_of_frequencies(mask, turns):
    side = mask.shape[-1]
    seen = set()
    for row, column in mask[0, 0].nonzero().tolist():
        u, v = row - side // 2, column - side // 2
        for k in turns:
            for _ in range(k):
                u, v = v, -u
            seen |= {(u % side, v % side), (-u % side, -v % side)}
            for _ in range(4 - k):
                u, v = v, -u
    return len(seen)


@right("dimensions_seen")
def by_numpy_with_the_corner_first(mask, turns):
    seen = np.fft.ifftshift(mask[0, 0].numpy()) > 0
    places = np.arange(len(seen))
    all_of = np.zeros_like(seen)
    for k in turns:
        here = seen.T[:, -places] if k % 2 else seen
        all_of |= here | here[-places][:, -places]
    return float(np.count_nonzero(all_of))


@right("dimensions_seen")
def by_what_noise_leaves(mask, turns):
    """The coefficients of one random image, put back: those that are not zero are seen."""
    x, total = torch.rand(mask.shape, dtype=torch.float64), 0
    A = Fourier(mask)
    for k in turns:
        view = A.adjoint(A(x.rot90(k, (-2, -1)))).rot90(-k, (-2, -1))
        total = total + torch.fft.fft2(view).abs()
    return [int((total > 1e-9).sum())]


def matrix_rank(mask, turns):
    moves = [lambda x, k=k: x.rot90(k, (-2, -1)) for k in turns if k]
    return stacked_rank(Fourier(mask), moves, mask.shape[-1])


@pytest.mark.parametrize("turns", [(0,), (0, 1), (0, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("side", [9, 12])
def test_what_is_counted_is_the_rank(side, turns):
    for seed in range(3):
        mask = (torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(seed)) < 0.2).float()
        counted = int((ps11._dimensions(mask, turns) > 0).sum())
        assert counted == matrix_rank(mask, turns) == by_what_noise_leaves(mask, turns)[0]


WRONG["dimensions_seen"] = {
    "without their opposites": lambda mask, turns: views(mask, turns, opposite=False).any(0).sum(),
    "twice the number of measured coefficients": lambda mask, turns: 2 * mask.sum(),
    "twice the number of frequencies that are seen": lambda mask, turns: 2 * views(mask, turns).any(0).sum(),
    "of the unturned image alone": lambda mask, turns: views(mask, (0,)).sum(),
    "what is seen of several turns is counted several times": lambda mask, turns: views(mask, turns).sum(),
    "every one of the turns": lambda mask, turns: views(mask, turns).all(0).sum(),
    "not about the zero frequency": lambda mask, turns: views(mask, turns, roll=False).any(0).sum(),
    "and your turns go about the middle": lambda mask, turns: (
        torch.stack([views(mask, (0,))[0].rot90(k) for k in turns]).any(0).sum()
    ),
    "your function is right for small masks": matrix_rank,
    "your function returns None": lambda mask, turns: None,
    "your numbers are others": lambda mask, turns: mask.numel(),
}


# Task 2: a split that does not leak


def split(mask, inner, count, generator, choose=lambda n, g: torch.randperm(n, generator=g), mirrored=True):
    width = mask.shape[-1]
    measured = {column - width // 2 for column in range(width) if mask[0, 0, 0, column]}
    groups = sorted({abs(u) if mirrored else u for u in measured if abs(u) > inner})
    held = torch.zeros_like(mask)
    for number in choose(len(groups), generator)[:count].tolist():
        u = groups[number]
        for column in {u, -u} & measured if mirrored else {u}:
            held[..., column + width // 2] = 1
    return mask - held, held


right("split_without_leak")(split)
right("split_without_leak")(lambda *given: np.stack([part.numpy() > 0 for part in split(*given)]))
right("split_without_leak")(lambda *given: (part.bool() for part in split(*given)))


@right("split_without_leak")
def by_scores(mask, inner, count, generator):
    """The smallest of random numbers that a column and its opposite share."""
    width = mask.shape[-1]
    u = (torch.arange(width) - width // 2).abs()
    scores = torch.rand(width, generator=generator)[u]
    scores[(mask[0, 0, 0] == 0) | (u <= inner)] = 2
    held = mask * torch.isin(scores, scores.unique()[:count])
    return mask * (1 - held), held


@right("split_without_leak")
def by_multinomial(mask, inner, count, generator):
    width, columns = mask.shape[-1], mask[0, 0, 0]
    u = (torch.arange(width) - width // 2).abs()
    weights = torch.zeros(width).index_add(0, u, columns).clamp(max=1)
    weights[: inner + 1] = 0
    chosen = torch.multinomial(weights, count, generator=generator)
    held = (mask.bool() & torch.isin(u, chosen)).to(mask)
    return mask - held, held


def with_centre(mask, inner, count, generator):
    return split(mask, -1, count, generator)


def pixels(mask, inner, count, generator):
    held = mask * (torch.rand(mask.shape, generator=generator) < 0.2)
    return mask - held, held


def changed(change):
    """A split, with a change to its two masks."""
    return lambda mask, *given: change(mask, *split(mask, *given))


WRONG["split_without_leak"] = {
    "the split leaks": lambda *given: split(*given, mirrored=False),
    "lines of the centre are held out": with_centre,
    "takes parts of a column": pixels,
    "fitted and held out are exchanged": lambda *given: split(*given)[::-1],
    "some lines are both fitted and held out": lambda mask, *given: (mask, split(mask, *given)[1]),
    "some measured lines are in neither": changed(
        lambda mask, fitted, held: (fitted * (torch.arange(mask.shape[-1]) != mask.shape[-1] // 2), held)
    ),
    "there are lines in your masks that were never measured": changed(
        lambda mask, fitted, held: (fitted, 1 - fitted)
    ),
    "nothing is held out": lambda mask, *given: (mask, 0 * mask),
    "in place of 2": lambda mask, inner, count, g: split(mask, inner, count + 1, g),
    "another split the second time": lambda mask, inner, count, g: split(
        mask, inner, count, torch.Generator().manual_seed(torch.seed() % 2**31)
    ),
    "the same whatever the generator": lambda *given: split(*given, choose=lambda n, g: torch.arange(n)),
    "were never held out": lambda *given: split(
        *given, choose=lambda n, g: 1 + torch.randperm(n - 1, generator=g)
    ),
    "other numbers than 0 and 1": lambda *given: [2 * part for part in split(*given)],
    "your fitted has the shape": lambda *given: [part[..., 0, :] for part in split(*given)],
    "expected 2 things, (fitted, held_out)": lambda *given: split(*given)[0],
    "your function returns None": lambda *given: None,
}


# Task 3: Fourier features as a kernel


def gaussian(a, b, scale):
    return torch.exp(-2 * math.pi**2 * scale**2 * torch.cdist(a, b) ** 2)


def ridge_regression(places, values, queries, scale, ridge, kernel=gaussian, diagonal=None):
    gram = kernel(places, places, scale)
    gram = gram + (ridge * torch.eye(len(places)).to(gram) if diagonal is None else diagonal)
    return kernel(queries, places, scale) @ torch.linalg.solve(gram, values)


right("predicted")(ridge_regression)


@right("predicted")
def by_numpy(places, values, queries, scale, ridge):
    places, queries = places.float().numpy(), queries.float().numpy()

    def k(a, b):
        return np.prod(np.exp(-0.5 * (2 * np.pi * scale * (a[:, None] - b[None])) ** 2), -1)

    weights = np.linalg.inv(k(places, places) + ridge * np.eye(len(places))) @ values.numpy()
    return (k(queries, places) @ weights).tolist()


@right("predicted")
def by_features_on_a_grid(places, values, queries, scale, ridge):
    """Ridge regression on the features themselves: the Gaussian over b by a sum over a fine grid."""
    b = torch.linspace(-6, 6, 241, dtype=torch.float64)
    weights = torch.exp(-(b**2) / 2)
    weights = weights / weights.sum()

    def kernel(x, z):
        return math.prod(
            (
                (2 * math.pi * scale * b * (x[:, None, None, axis] - z[None, :, None, axis])).cos() * weights
            ).sum(-1)
            for axis in range(x.shape[1])
        )

    return ridge_regression(places, values, queries, scale, ridge, lambda x, z, s: kernel(x, z))[:, None]


@right("predicted")
def query_by_query(places, values, queries, scale, ridge):
    inverse = torch.linalg.inv(gaussian(places, places, scale) + ridge * torch.eye(len(places)))
    for query in queries:
        yield (inverse @ values) @ gaussian(places, query[None], scale)[:, 0]


def other(kernel):
    """The regression with another function of the squared distance and the scale."""
    return lambda *given: ridge_regression(
        *given, kernel=lambda a, b, scale: kernel(torch.cdist(a, b) ** 2, scale)
    )


def first_coordinate(places, values, queries, scale, ridge):
    return ridge_regression(places[:, :1], values, queries[:, :1], scale, ridge)


WRONG["predicted"] = {
    "grows wider with the scale": other(lambda d2, s: torch.exp(-d2 / 2 / s**2)),
    "2 pi is missing in the phase": other(lambda d2, s: torch.exp(-(s**2) * d2 / 2)),
    "2 pi is not squared": other(lambda d2, s: torch.exp(-math.pi * s**2 * d2)),
    "the scale is not squared": other(lambda d2, s: torch.exp(-2 * math.pi**2 * s * d2)),
    "is half of what it should be": other(lambda d2, s: torch.exp(-(math.pi**2) * s**2 * d2)),
    "is twice what it should be": other(lambda d2, s: torch.exp(-4 * math.pi**2 * s**2 * d2)),
    "takes the distance, not its square": other(
        lambda d2, s: torch.exp(-2 * math.pi**2 * s**2 * d2.clamp(min=0).sqrt())
    ),
    "that of one frequency": other(lambda d2, s: torch.cos(2 * math.pi * s * d2.sqrt())),
    "looks at the first coordinate only": first_coordinate,
    "and solves nothing": lambda p, v, q, s, r: gaussian(q, p, s) @ v,
    "this is a weighted mean": lambda p, v, q, s, r: gaussian(q, p, s) @ v / gaussian(q, p, s).sum(1),
    "there is no ridge": lambda *given: ridge_regression(*given, diagonal=0),
    "multiplied by the number of places": lambda p, v, q, s, r: ridge_regression(p, v, q, s, r * len(p)),
    "your ridge is squared": lambda p, v, q, s, r: ridge_regression(p, v, q, s, r**2),
    "added to every entry": lambda p, v, q, s, r: (
        gaussian(q, p, s) @ torch.linalg.pinv(gaussian(p, p, s) + r) @ v
    ),
    "you predict at the places": lambda p, v, q, s, r: ridge_regression(p, v, p, s, r),
    "your function stops with": lambda p, v, q, s, r: gaussian(p, q, s) @ v,
    "your function returns None": lambda *given: None,
}


# Task 4: the lag


@right("best_lag")
def by_a_loop(y, known, lags):
    best = None
    for lag in lags:
        both = known[lag:] * known[:-lag]
        gap = y[lag:] - y[:-lag]
        error = ((gap - (gap * both).sum() / both.sum()) ** 2 * both).sum() / both.sum()
        if best is None or error < best[0]:
            best = error, lag
    return best[1]


@right("best_lag")
def by_gaps_that_are_nan(y, known, lags):
    y = np.where(known.numpy() > 0, y.numpy(), np.nan)
    return lags[np.argmin([np.nanstd(y[lag:] - y[:-lag]) for lag in lags])]


@right("best_lag")
def by_the_known_places(y, known, lags):
    places = set(known.nonzero()[:, 0].tolist())

    def varies(lag):
        gaps = [(y[t] - y[t - lag]).item() for t in places if t - lag in places]
        return sum(d * d for d in gaps) / len(gaps) - (sum(gaps) / len(gaps)) ** 2

    return torch.tensor([min(lags, key=varies)])


@right("best_lag")
def by_correlations(y, known, lags):
    """All lags at once by Fourier transforms without wrapping: (a - b)^2 = a^2 - 2 a b + b^2."""
    y, known = y.numpy(), known.numpy()

    def products(a, b):
        return np.fft.irfft(np.fft.rfft(a, 512).conj() * np.fft.rfft(b, 512), 512)

    count = products(known, known).round().clip(min=1)
    squares = products(known, y**2) + products(y**2, known) - 2 * products(y, y)
    means = (products(known, y) - products(y, known)) / count
    return lags[np.argmin((squares / count - means**2)[list(lags)])]


def scored(score, pick=min):
    return lambda y, known, lags: pick(lags, key=lambda lag: float(score(y, known, lag)))


def apart(y, known, lag):
    return (y[lag:] - y[:-lag])[known[lag:] * known[:-lag] > 0]


right("best_lag")(scored(lambda *given: apart(*given).std()))


WRONG["best_lag"] = {
    "gaps count as if they were samples": scored(lambda y, k, lag: (y[lag:] - y[:-lag]).var(correction=0)),
    "the second sample of some of your pairs": scored(
        lambda y, k, lag: (y[lag:] - y[:-lag])[k[lag:] > 0].var(correction=0)
    ),
    "a constant difference counts": scored(lambda *given: apart(*given).square().mean()),
    "this looks at the mean difference alone": scored(lambda *given: apart(*given).mean().abs()),
    "this adds the differences": scored(lambda *given: (apart(*given) - apart(*given).mean()).square().sum()),
    "your signal goes round in a circle": scored(
        lambda y, k, lag: (y - y.roll(lag))[k * k.roll(lag) > 0].var(correction=0)
    ),
    "this is the worst lag": scored(lambda *given: apart(*given).var(correction=0), max),
    "this is the place in the list": lambda y, known, lags: lags.index(by_a_loop(y, known, lags)),
    "your numbers are others": lambda y, known, lags: by_a_loop(y, known, lags) + 1,
    "your function returns None": lambda y, known, lags: None,
}


# Task 5: the exclusion loss


def squashed(g):
    return torch.tanh(g / 2)


def layers(
    a,
    b,
    levels,
    squash=squashed,
    end=lambda p: p.mean() ** 0.25,
    half=lambda x: F.avg_pool2d(x, 2),
    axes=(-2, -1),
    share=True,
):
    total = 0
    for _ in range(levels):
        for axis in axes:
            total = total + end(squash(a.diff(dim=axis)) ** 2 * squash(b.diff(dim=axis)) ** 2)
        a, b = half(a), half(b)
    return total / (len(axes) * levels) if share else total


right("exclusion")(layers)


@right("exclusion")
def by_slices(a, b, levels):
    """As the paper's code writes it, for one channel."""
    losses = []
    for _ in range(levels):
        for axis in (2, 3):
            p, q = (
                2 * torch.sigmoid(x.narrow(axis, 1, x.shape[axis] - 1) - x.narrow(axis, 0, x.shape[axis] - 1))
                - 1
                for x in (a, b)
            )
            losses.append(torch.mean(p**2 * q**2) ** 0.25)
        a, b = (F.interpolate(x, scale_factor=0.5, mode="area") for x in (a, b))
    return sum(losses) / len(losses)


@right("exclusion")
def by_numpy_arrays(a, b, levels):
    a, b, total = a[0, 0].float().numpy(), b[0, 0].float().numpy(), []
    for _ in range(levels):
        for axis in (0, 1):
            product = np.tanh(np.diff(a, axis=axis) / 2) * np.tanh(np.diff(b, axis=axis) / 2)
            total.append(np.sqrt(np.sqrt(np.mean(product**2))))
        a, b = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) for x in (a, b))
    return np.mean(total)


@right("exclusion")
def by_recursion(a, b, levels):
    def sum_of(a, b, levels):
        if not levels:
            return 0
        here = sum(
            (squashed(torch.diff(a, dim=d)) * squashed(torch.diff(b, dim=d))).norm() ** 0.5
            / torch.diff(a, dim=d).numel() ** 0.25
            for d in (-2, -1)
        )
        return here + sum_of(F.avg_pool2d(a, 2), F.avg_pool2d(b, 2), levels - 1)

    return [sum_of(a, b, levels) / (2 * levels)]


def padded(a, b, levels):
    terms = []
    for _ in range(levels):
        for axis in (-2, -1):
            p, q = (x.diff(dim=axis, append=x.narrow(axis, -1, 1)) for x in (a, b))
            terms.append((squashed(p) ** 2 * squashed(q) ** 2).mean() ** 0.25)
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return sum(terms) / len(terms)


def two_means(a, b, levels):
    terms = []
    for _ in range(levels):
        for axis in (-2, -1):
            p, q = (squashed(x.diff(dim=axis)).square().mean() for x in (a, b))
            terms.append((p * q) ** 0.25)
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return sum(terms) / len(terms)


WRONG["exclusion"] = {
    "your root is a square root": lambda *given: layers(*given, end=lambda p: p.mean().sqrt()),
    "there is no fourth root": lambda *given: layers(*given, end=torch.mean),
    "the fourth root of each pixel": lambda *given: layers(*given, end=lambda p: (p**0.25).mean()),
    "your steps are not squared": lambda *given: layers(*given, end=lambda p: p.sqrt().mean() ** 0.25),
    "you multiply two means": two_means,
    "this is a sum over the pixels": lambda *given: layers(*given, end=lambda p: p.sum() ** 0.25),
    "your steps are not squashed": lambda *given: layers(*given, squash=lambda g: g),
    "this is tanh(g), not tanh(g / 2)": lambda *given: layers(*given, squash=torch.tanh),
    "this is the sigmoid alone": lambda *given: layers(*given, squash=torch.sigmoid),
    "this adds up levels and directions": lambda *given: layers(*given, share=False),
    "or all levels look at the full size": lambda *given: layers(*given, half=lambda x: x),
    "you halve by leaving out pixels": lambda *given: layers(*given, half=lambda x: x[..., ::2, ::2]),
    "halved before the first level": lambda a, b, n: layers(F.avg_pool2d(a, 2), F.avg_pool2d(b, 2), n),
    "this looks at steps down only": lambda *given: layers(*given, axes=(-2,)),
    "this looks at steps across only": lambda *given: layers(*given, axes=(-1,)),
    "a zero more at the border": padded,
    "compares the first image with itself": lambda a, b, n: layers(a, a, n),
    "compares the second image with itself": lambda a, b, n: layers(b, b, n),
    "your function returns None": lambda *given: None,
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")({letter: f" {cause}. " for letter, cause in reversed(BANK.causes.items())} | {"E": 3})

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps11.failing_run(letter) for letter in "ABCD"}


def quality(run):
    return psnr(run["estimate"], run["truth"])


def test_a_good_run_predicts_the_picture_and_none_of_these_does(runs):
    assert quality(ps11._run("nothing", 150)) > 28
    assert max(quality(run) for run in runs.values()) < 26


def test_only_the_places_of_run_a_are_pixels_and_only_run_c_has_low_frequencies(runs):
    ranges = {
        letter: (run["places"].min().item(), run["places"].max().item()) for letter, run in runs.items()
    }
    assert ranges.pop("A") == (0, 31) and set(ranges.values()) == {(-1, 1)}
    scales = {letter: run["B"].std().item() for letter, run in runs.items()}
    assert scales.pop("C") < 0.3 and all(2.5 < scale < 3.5 for scale in scales.values())


def test_runs_a_and_d_have_fitted_what_they_were_given(runs):
    assert max(runs[letter]["loss"][-1] for letter in "AD") < 1e-4 < min(runs[x]["loss"][-1] for x in "BC")


def test_only_run_b_is_dark_where_pixels_are_missing(runs):
    shares = {}
    for letter, run in runs.items():
        known = run["mask"] > 0
        shares[letter] = (run["estimate"][~known].mean() / run["estimate"][known].mean()).item()
    assert shares.pop("B") < 0.1 and all(0.9 < share < 1.1 for share in shares.values())


def test_only_the_estimate_of_run_d_lies_on_its_side(runs):
    gains = {letter: psnr(run["estimate"], run["truth"].mT) - quality(run) for letter, run in runs.items()}
    assert gains.pop("D") > 10 and max(gains.values()) < -0.3


@pytest.mark.parametrize("letter", "BC")  # the others have a loss of nearly zero already
def test_a_run_twice_as_long_gains_nothing(letter):
    assert quality(ps11.failing_run(letter, 300)) < 26.5


@pytest.mark.parametrize("length", [1, 2, 4, 8, 16, 32, 64])
def test_gaps_are_a_quarter_of_the_signal_and_inside_of_it(length):
    mask = ps11.gaps(length, 1)[0, 0, 0]
    assert (mask == 0).sum() == 256 and mask[:length].all() and mask[-length:].all()
    assert not torch.equal(mask, ps11.gaps(length, 2)[0, 0, 0])


# Wrong answers that get no diagnosis of their own, or that know only one size.
ALSO_WRONG = {
    "sides of 16 only": (
        "dimensions_seen",
        lambda m, t: views(m, t).any(0).sum() if len(m.mT) == 16 else 112,
    ),
    "even sides only": ("dimensions_seen", lambda m, t: by_even_sides(m, t)),
    "four columns of the centre": ("split_without_leak", lambda m, i, c, g: split(m, 2, 2, g)),
    "one coordinate": (
        "predicted",
        lambda p, *given: ridge_regression(p, *given) if p.shape[1] < 2 else None,
    ),
    "lags up to 30": ("best_lag", lambda y, k, lags: by_a_loop(y, k, range(5, 20))),
    "three levels": ("exclusion", lambda a, b, n: layers(a, b, 3) if n == 3 else layers(a, b, 1)),
    "max pooling": ("exclusion", lambda *given: layers(*given, half=lambda x: F.max_pool2d(x, 2))),
}


def by_even_sides(mask, turns):
    seen = mask[0, 0] > 0
    seen = seen | seen.flip((0, 1)).roll((1, 1), (0, 1))
    return torch.stack([seen.rot90(k).roll(k % 2, 0) for k in turns]).any(0).sum()


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps11, task)(answer, seed=seed) == 0
