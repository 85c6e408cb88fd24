"""Checks of problem set 02: internal statistics."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import shared_noise, with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.from_scratch import non_local_means
from dil_course.signals import nearest, patches, picture, places

__all__ = [
    "CAUSES",
    "causes",
    "distance_map",
    "error_of_mean",
    "failing_run",
    "find_copy",
    "forged",
    "noise_distance",
    "three_pictures",
    "vote_weights",
]


def __dir__():
    return __all__


def _gray(name, side=64):
    return picture(name, side).mean(1, keepdim=True)


def _distances(y, row, column, reach, size, of=lambda difference: difference.square().mean()):
    """What `of` says of the difference between the patch about (row, column) and the patches about its
    neighbours.
    """
    half, shifts = size // 2, range(-reach, reach + 1)

    def cut(row, column):
        return y[..., row - half : row - half + size, column - half : column - half + size]

    return torch.stack(
        [
            torch.stack([of(cut(row + down, column + right) - cut(row, column)) for right in shifts])
            for down in shifts
        ]
    )


@task(points=2)
def distance_map(answer, seed):
    """Task 1: `answer(y, row, column, reach, size)` holds the mean squared differences to all patches within
    reach.
    """
    cells = (
        "cut one patch with y[..., top : top + size, left : left + size]",
        "two loops over the shifts, from -reach to reach",
        "rows from row - size // 2 to row + size // 2",
    )
    draw = runtime.generator(seed, "distance map")
    for channels, row, column, reach, size in ((3, 9, 11, 3, 5), (1, 12, 8, 4, 3)):
        y = torch.rand(1, channels, 20, 22, generator=draw, dtype=torch.float64)
        right = _distances(y, row, column, reach, size)
        with_ = functools.partial(_distances, y, row, column, reach, size)

        mistakes = with_hints(
            (
                ("can two patches differ in every pixel, and have the same mean?", "square, then mean"),
                {
                    "this is the mean absolute difference": with_(lambda difference: difference.abs().mean()),
                    "this is the square of the mean difference": with_(
                        lambda difference: difference.mean() ** 2
                    ),
                    "the mean difference is taken off first": with_(
                        lambda difference: difference.var(correction=0)
                    ),
                },
            ),
            (
                (
                    "the pixel in the middle of the patch is at (row, column)",
                    "rows from row - size // 2 to row + size // 2, this one too",
                ),
                {
                    "your patch begins at the pixel, and should have it in its middle": _distances(
                        y, row + size // 2, column + size // 2, reach, size
                    ),
                    "the last row and column of each patch are missing": with_(
                        lambda difference: difference[..., :-1, :-1].square().mean()
                    ),
                },
            ),
            (
                ("what does `size` say?", "compare squares of size x size pixels"),
                {"this compares single pixels": _distances(y, row, column, reach, 1)},
            ),
            (
                ("`row` counts from the top", "y[..., rows, columns]"),
                {
                    "rows and columns of y are exchanged": _distances(y.mT, row, column, reach, size),
                    "row and column are exchanged": _distances(y.mT, row, column, reach, size).mT,
                },
            ),
            (
                (
                    "a patch has all channels",
                    "y[..., rows, columns] keeps the channels; the mean is over all of its numbers",
                ),
                {
                    "the channels are averaged first": _distances(
                        y.mean(1, keepdim=True), row, column, reach, size
                    ),
                    "this looks at the first channel only": _distances(y[:, :1], row, column, reach, size),
                    "this looks at the last channel only": _distances(y[:, -1:], row, column, reach, size),
                },
            ),
        )
        given = call(answer, y, row, column, reach, size)
        match(f"{channels} channels, size {size}", given, right, mistakes, cells)
    y = torch.rand(1, 2, 9, 9, generator=draw, dtype=torch.float64)  # the outermost patches end with y
    match("up to the border", call(answer, y, 4, 4, 2, 5), _distances(y, 4, 4, 2, 5), {}, cells)


@task(points=3)
def noise_distance(answer, seed):
    """Task 2: `answer(sigma, numbers)` is mean and standard deviation of the mean squared difference of two
    noisy copies.
    """
    draw = runtime.generator(seed, "noise distance")
    for numbers in (25, 27, 9, 1):
        sigma = 0.3 + 0.5 * torch.rand((), generator=draw).item()
        mean, spread = 2 * sigma**2, 2 * sigma**2 * math.sqrt(2 / numbers)
        both = (
            "what is the variance of the difference of two independent numbers?",
            "2 sigma^2: the variances add",
        )
        square = (
            "the square of a Gaussian number of variance v has the variance 2 v^2",
            "the mean of n of them has 2 v^2 / n, with v = 2 sigma^2",
        )
        mistakes = with_hints(
            (
                both,
                {
                    "only one of the two copies is noisy here": (mean / 2, spread / 2),
                    "the mean is that of one noisy copy": (mean / 2, spread),
                },
            ),
            (("a difference of noises is a noise", *both), {"two noises cancel here": (0.0, spread)}),
            (
                ("the mean of the squares, not their sum", *both),
                {"the mean is a sum over the patch": (mean * numbers, spread * numbers)},
            ),
            (("the mean first", "return mean, spread"), {"spread and mean are exchanged": (spread, mean)}),
            (
                square,
                {
                    f"the spread {says}": (mean, wrong)
                    for says, wrong in {
                        "is the variance, not the standard deviation": spread**2,
                        "does not fall with the size of the patch": spread * math.sqrt(numbers),
                        "falls with n, and should with its root": spread / math.sqrt(numbers),
                        "lacks the root of 2": spread / math.sqrt(2),
                        "is that of a mean of Gaussian numbers, not of their squares": (
                            math.sqrt(2 / numbers) * sigma
                        ),
                        "takes one noisy copy": spread / 2,
                    }.items()
                },
            ),
        )
        given = call(answer, sigma, numbers)
        if isinstance(given, tuple | list):
            given = torch.cat([tensor(value).reshape(-1) for value in parts(given, "mean, spread")])
            if given.numel() == 2:
                mistakes |= with_hints(
                    (square, {"the mean is right, the spread is not yet": (mean, given[1].item())}),
                    (both, {"the spread is right, the mean is not yet": (given[0].item(), spread)}),
                )
        hints = ("write the difference of the two noises in one pixel as a number of its own", *both)
        right = torch.tensor([mean, spread], dtype=torch.float64)
        match(f"{numbers} numbers, sigma {sigma:.2f}", given, right, mistakes, hints)


@task(points=2)
def vote_weights(answer, seed):
    """Task 3: `answer(squared, sigma, strength)` are the weights of non-local means, adding up to one."""
    draw = runtime.generator(seed, "votes")
    # In the second case the patch itself is alone below 2 sigma^2.
    for shape, strength, least in (((7,), 0.8, 0.5), ((12,), 1.7, 2.5), ((3, 5), 1.2, 0.5)):
        sigma = 0.1 + 0.2 * torch.rand((), generator=draw).item()
        squared = sigma**2 * (least + 4 * torch.rand(shape, generator=draw, dtype=torch.float64))
        squared.view(-1)[0 if len(shape) == 1 else 7] = 0  # the patch itself
        excess, h = (squared - 2 * sigma**2).clamp(min=0), strength * sigma

        votes = torch.exp(-excess / h**2)

        def share(exponent):
            return torch.exp(-exponent) / torch.exp(-exponent).sum()

        noise = ("noise alone makes two equal patches differ by 2 sigma^2", "max(d^2 - 2 sigma^2, 0)")
        mistakes = {
            "the weights do not add up to one": (
                votes,
                "a mean needs weights that add up to one",
                "divide by their sum",
            ),
            # Divided by their sum, weights do not change when 2 sigma^2 is taken off all distances.
            "what noise alone makes is not taken off, or taken off without the max(..., 0)": (
                share(squared / h**2),
                "a distance below 2 sigma^2 is as good as zero: all such patches get the same weight",
                *noise,
            ),
            "only one sigma^2 is taken off": (share((squared - sigma**2).clamp(min=0) / h**2), *noise),
            "the square of h is missing": (
                share(excess / h),
                "a mean square is divided by a square",
                "h^2, with h = strength sigma",
            ),
            "strength is not squared": (
                share(excess / (strength * sigma**2)),
                "h^2, with h = strength sigma",
                "(strength * sigma) ** 2",
            ),
            "strength is missing": (
                share(excess / sigma**2),
                "h = strength sigma",
                "(strength * sigma) ** 2",
            ),
            "sigma is missing": (
                share(excess / strength**2),
                "h = strength sigma",
                "(strength * sigma) ** 2",
            ),
            "the less alike, the more weight": (share(-excess / h**2), "who should vote most?", "exp(-...)"),
            "all your weights are alike": (
                torch.full_like(squared, 1 / squared.numel()),
                "print what is left of the distances after the subtraction: is it zero everywhere?",
                "`squared` holds d^2 already, and only 2 sigma^2 is taken off",
            ),
            **with_hints(
                (
                    (
                        "its distance is 0. What does the formula say of that?",
                        "the same rule for all patches",
                    ),
                    {
                        f"the patch itself has {vote}": weights / weights.sum()
                        for vote, weights in {
                            "no vote": votes * (squared > 0),
                            "only the vote of the best other one": votes.clamp(max=votes[squared > 0].max()),
                        }.items()
                    },
                )
            ),
            "there is a 2 too many under the fraction": (
                share(excess / (2 * h**2)),
                "no 2 here: the formula is no bell curve's",
                "h^2",
            ),
        }
        if len(shape) == 2:
            mistakes |= {
                f"each {line} of the map adds up to one": (
                    torch.softmax(-excess / h**2, axis),
                    "the next cell hands your function a map: all of its weights together add up to one",
                    "weights / weights.sum() does it for every shape",
                )
                for line, axis in {"row": 1, "column": 0}.items()
            }
        hints = (*noise, "exp(-excess / h^2), divided by the sum of all")
        match(
            f"{squared.numel()} patches, strength {strength}",
            call(answer, squared, sigma, strength),
            share(excess / h**2),
            mistakes,
            hints,
        )


@task(points=2)
def error_of_mean(answer, seed):
    """Task 4: `answer(differences, weights, sigma)` is the expected squared error of a weighted mean of noisy
    neighbours.
    """
    draw = runtime.generator(seed, "neighbours")
    for count in (6, 11):
        sigma = 0.2 + 0.2 * torch.rand((), generator=draw).item()
        delta = torch.randn(count, generator=draw, dtype=torch.float64)
        weights = torch.rand(count, generator=draw, dtype=torch.float64)
        weights = weights / weights.sum()
        bias, left = (weights * delta).sum(), weights.square().sum()
        parts_of_it = (
            "the error is a fixed part and a random part. Write down both",
            "(sum w delta)^2 + sigma^2 sum w^2",
        )
        mistakes = with_hints(
            (
                (
                    "neighbours differ from the pixel. What does that do to the mean, and to its square?",
                    *parts_of_it,
                ),
                {
                    "the fixed part is not squared": bias + sigma**2 * left,
                    "the fixed part is missing": sigma**2 * left,
                    "this takes all weights for equal in the fixed part": delta.mean() ** 2 + sigma**2 * left,
                },
            ),
            (
                ("one neighbour too bright, one too dark: add up first, then square the sum", *parts_of_it),
                {
                    "differences of opposite sign cannot cancel here": (weights * delta**2).sum()
                    + sigma**2 * left,
                    "the differences are squared one by one, and then added": (weights * delta).square().sum()
                    + sigma**2 * left,
                },
            ),
            (
                (
                    "independent noises cancel in part: the variance of a number times w is w^2 sigma^2",
                    *parts_of_it,
                ),
                {
                    "the random part is missing": bias**2,
                    "this takes all weights for equal in the random part": bias**2 + sigma**2 / count,
                    "the noise is not reduced at all": bias**2 + sigma**2,
                    "sigma is not squared": bias**2 + sigma * left,
                    "fixed and random part are added before they are squared": (bias + sigma * left.sqrt())
                    ** 2,
                },
            ),
        )
        hints = ("the mean is sum w (x + delta + n). Take x away", *parts_of_it)
        match(
            f"{count} neighbours",
            call(answer, delta, weights, sigma),
            bias**2 + sigma**2 * left,
            mistakes,
            hints,
        )


def forged(seed=0):
    """A gray photograph in which a square was copied to another place, then noise was added.

    Returns:
        y (1,1,56,56); and (down, right), from the upper one of the two places to the lower one.
    """
    names = ("camera", "astronaut", "chelsea", "coins")
    x, draw = _gray(names[seed % len(names)], 56).clone(), runtime.generator(seed, "forged")
    side = 18
    while True:
        (top, left), (low, across) = torch.randint(0, 56 - side + 1, (2, 2), generator=draw).tolist()
        # A flat square would have copies everywhere, so that nobody could find the one.
        if (
            low - top >= side
            and abs(across - left) >= 3
            and x[..., top : top + side, left : left + side].std() > 0.08
        ):
            break
    x[..., low : low + side, across : across + side] = x[..., top : top + side, left : left + side].clone()
    return x + 3 / 255 * torch.randn(x.shape, generator=draw), (low - top, across - left)


def _offsets_of(y, size, apart):
    """For each patch the distance of its nearest neighbour (N,), and the offset (N,2) to it."""
    rows, corners = patches(y, size), places(y, size)
    distances, found = nearest(rows, rows, 1, apart, corners, corners)
    return distances[:, 0], corners[found[:, 0]] - corners


def _hidden_forgeries(seed):
    """What task 5 is marked on: three of (y, size, apart, (down, right)).

    `forged` tells its truth, so these are others, each with a trap. The first one holds copied strips, lower
    than a patch of `size` but with more patches of 3 or 5 pixels than the copy has; its lower place lies to
    the left, in the others to the right. The second holds a larger copy, but nearer than `apart`, and one
    patch that comes again exactly. The third is so thin that no patch larger than 4 fits. Film grain sees to
    it that a flat place is not its own copy.
    """
    draw = runtime.generator(seed, "hidden forgeries")

    def number(low, high):
        return int(torch.randint(low, high + 1, (), generator=draw))

    def photograph(height, width):
        x = _gray(("camera", "astronaut", "chelsea", "coins")[number(0, 3)], 56)[..., :height, :width]
        return 0.8 * x + 0.2 * torch.rand(x.shape, generator=draw)

    def paste(x, top, left, low, across, height, width):
        x[..., low : low + height, across : across + width] = x[
            ..., top : top + height, left : left + width
        ].clone()

    def noisy(x, level=3):
        return x + level / 255 * torch.randn(x.shape, generator=draw)

    x, top, across = photograph(48, 48), number(8, 14), number(0, 16)
    low, left = number(top + 12, 28), number(across + 3, 36)
    paste(x, 0, 0, 40, 0, 8, 48)
    x[..., [40, 47], :] = (x[..., [40, 47], :] + 0.5) % 1  # so that the strips are 6 high, not 8
    paste(x, top, left, low, across, 12, 12)
    yield noisy(x), 7, 10, (low - top, across - left)

    x, top, left = photograph(56, 44), number(24, 28), number(0, 12)
    low, across = number(top + 12, 44), number(left + 16, 32)
    paste(x, 0, 0, 12, number(1, 4), 12, 40)
    paste(x, top, left, low, across, 12, 12)
    y = noisy(x)
    paste(y, 0, 37, 17, 0, 7, 7)
    yield y, 7, 16, (low - top, across - left)

    x, left = photograph(4, 56), number(0, 12)
    across = number(left + 22, 34)
    paste(x, 0, left, 1, across, 3, 22)
    yield noisy(x, 1), 3, 10, (1, across - left)


@task(points=3)
def find_copy(answer, seed):
    """Task 5: `answer(y, size, apart)` is the offset (down, right) between a square and its copy."""
    for y, size, apart, (down, right) in _hidden_forgeries(seed):
        given = call(answer, y, size, apart)
        try:
            given = tuple(int(value) for value in given)
        except Exception as problem:  # whatever it is that these values cannot do
            raise Wrong(
                "there is no answer yet" if given is ... else "expected two whole numbers, (down, right)",
                "return down, right",
            ) from problem
        if given != (down, right):
            _refuse_offset(given, y, size, apart, (down, right))


def _refuse_offset(given, y, size, apart, right):
    most = (
        "look at the offset of every patch from its nearest neighbour. Which offset comes most often?",
        "torch.unique(..., dim=0, return_counts=True)",
    )
    itself = ("what does `apart` do?", f"nearest(..., apart=apart) needs both places; here apart is {apart}")
    distances, offsets = _offsets_of(y, size, apart)
    offsets = offsets.double()
    closest = offsets[distances.argmin()].tolist()
    below = offsets[(offsets[:, 0] > 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] > 0))]
    if given == (0, 0):
        raise Wrong("a patch has found itself, or one that nearly covers it", *itself)
    short = ()
    if len(given) == 2 and max(map(abs, given)) < apart:
        short = (f"your offset {given} is shorter than `apart`", *itself)
    if short and apart > 10:  # this picture has a larger copy that near; means were told on the first one
        raise Wrong(*short)
    mistakes = {
        "this is the way back: from the lower place to the upper one": (
            (-right[0], -right[1]),
            "each patch of the copy points back. Both directions come equally often",
            "change the sign of an offset that points up",
        ),
        "down and right are exchanged": (
            right[::-1],
            "which column of `places` counts rows?",
            "return down, right",
        ),
        "the sign of one of the two is lost": (
            (right[0], abs(right[1])),
            "a copy can lie below and to the left",
            "change both signs, or none",
        ),
        "this is the offset of the two patches that are most alike": (
            closest if closest > [0, 0] else [-value for value in closest],
            "one pair can be alike by chance, all patches of a square cannot",
            *most,
        ),
        "this is a mean of offsets": (below.mean(0), "one wrong neighbour moves a mean", *most),
        "this is a median of offsets, each coordinate by itself": (
            below.median(0).values,
            "rows and columns belong together",
            *most,
        ),
    }
    for says, (offset, *hints) in mistakes.items():
        if given == tuple(int(value) for value in offset):
            raise Wrong(says, *hints)
    if short:
        raise Wrong(*short)
    raise Wrong(f"the copy does not lie at the offset {given}: try your function on ps02.forged(0)", *most)


CAUSES = {
    "strength far too large": "the method was given a strength of 100 where 0.8 is good",
    "sigma too small": "the method was given a third of sigma",
    "patches of one pixel": "pixels are compared without their surroundings",
    "noise that neighbours share": "the method is given the right sigma, but the noise is not white",
    "reach too small": "only the nearest neighbours of a pixel are asked",
    "nothing": "the run is as it should be",
}


def _run(fault):
    x, sigma = _gray("camera"), 20 / 255
    white = fault != "noise that neighbours share"
    noise = (torch.randn if white else shared_noise)(
        x.shape, generator=runtime.generator(0, "noise of task 6")
    )
    y = x + sigma * noise / noise.std()
    told = sigma / 3 if fault == "sigma too small" else sigma
    strength = 100.0 if fault == "strength far too large" else 0.8
    patch = 1 if fault == "patches of one pixel" else 5

    def votes(row, column, reach=6):
        """The weights (13,13) of the pixels about (row, column), before they are divided by their sum."""
        margin = reach + patch // 2
        squared = _distances(
            torch.nn.functional.pad(y, [margin] * 4, mode="reflect"),
            row + margin,
            column + margin,
            reach,
            patch,
        )
        return torch.exp(-(squared - 2 * told**2).clamp(min=0) / (strength * told) ** 2)

    return {
        "truth": x,
        "y": y,
        "sigma": sigma,
        "estimate": non_local_means(y, told, patch, strength=strength),
        "votes": votes,
    }


@failing(
    _run,
    A="patches of one pixel",
    B="strength far too large",
    C="noise that neighbours share",
    D="sigma too small",
)
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    Non-local means on a noisy gray photograph.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y and estimate (1,1,64,64), sigma (the true standard deviation of the noise), and
        `votes`, a function: votes(row, column) is the map (13,13) of the weights with which the pixels about
        it were averaged.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    share = "compute (sum of votes)^2 / sum of votes^2 in a flat place, such as (10, 10)"
    refutations = {
        "strength far too large": (
            "its votes are not all the same",
            "print the smallest and the largest of votes(row, column) at an edge",
        ),
        "sigma too small": ("in a flat place many pixels vote", share),
        ("B", "patches of one pixel"): (
            "its votes do not depend on the pixels at all",
            "print the smallest and the largest of votes(row, column)",
        ),
        "patches of one pixel": (
            "pixels with almost the same value get different votes",
            "beside votes(row, column), show y there: do equal values mean equal votes?",
        ),
        "noise that neighbours share": (
            "the noise of neighbours is not alike",
            "compute the correlation of y - truth with itself, one pixel to the right",
        ),
        "reach too small": ("votes come from 13 x 13 pixels", "print the shape of votes(row, column)"),
        "nothing": (
            "a good run reaches 27.8 dB here, and this one stays below 25.5",
            "compute psnr(estimate, truth)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def three_pictures(seed=0):
    """The open question's noisy pictures {name: y (1,1,64,64)}, sigma, and the truths {name: x}, to judge and
    not to choose.
    """
    sigma, truths = 20 / 255, {name: _gray(name) for name in ("brick", "camera", "chelsea")}
    draw = runtime.generator(seed, "three pictures")
    return (
        {name: x + sigma * torch.randn(x.shape, generator=draw) for name, x in truths.items()},
        sigma,
        truths,
    )
