"""Checks of problem set 02: internal statistics."""

import math

import torch

from dil_course import runtime
from dil_course.checks.tasks import Wrong, call, choose, failing, match, task, tensor
from dil_course.from_scratch import non_local_means
from dil_course.signals import nearest, patches, picture, places


def gray(name, side=64):
    return picture(name, side).mean(1, keepdim=True)


def distances(y, row, column, reach, size, of=lambda difference: difference.square().mean()):
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
    draw = runtime.generator(seed, "distance map")
    for channels, row, column, reach, size in ((3, 9, 11, 3, 5), (1, 12, 8, 4, 3)):
        y = torch.rand(1, channels, 20, 22, generator=draw, dtype=torch.float64)
        right = distances(y, row, column, reach, size)
        centre = (
            "the pixel in the middle of the patch is at (row, column)",
            "rows from row - size // 2 to row + size // 2",
        )
        mistakes = {
            "this adds the squares up": (
                distances(y, row, column, reach, size, lambda difference: difference.square().sum()),
                "a larger patch would have larger distances. Is that wanted?",
                "the mean, not the sum",
            ),
            "the root is taken": (
                right.sqrt(),
                "mean squared differences are asked for",
                "leave the root out",
            ),
            "this is the mean absolute difference": (
                distances(y, row, column, reach, size, lambda difference: difference.abs().mean()),
                "differences count by their squares",
                "square, then mean",
            ),
            "this is the square of the mean difference": (
                distances(y, row, column, reach, size, lambda difference: difference.mean() ** 2),
                "can two patches differ in every pixel, and have the same mean?",
                "first square, then mean",
            ),
            "your patch begins at the pixel, and should have it in its middle": (
                distances(y, row + size // 2, column + size // 2, reach, size),
                *centre,
            ),
            "this compares single pixels": (
                distances(y, row, column, reach, 1),
                "what does `size` say?",
                "compare squares of size x size pixels",
            ),
            "this is the map of the shifts the other way": (
                right.flip(0, 1),
                "the first row belongs to the patches that lie `reach` rows higher",
                "the patch about (row + down, column + right), for down and right from -reach to reach",
            ),
            "rows and columns of the map are exchanged": (
                right.mT,
                "the first index counts shifts down",
                "the outer loop is over rows",
            ),
            "the patch moves in the wrong picture: rows and columns of y are exchanged": (
                distances(y.mT, row, column, reach, size),
                "`row` counts from the top",
                "y[..., rows, columns]",
            ),
        }
        if channels > 1:
            mistakes["this looks at the first channel only"] = (
                distances(y[:, :1], row, column, reach, size),
                "a patch has all colours",
                "y[..., rows, columns] keeps the channels; the mean is over all of its numbers",
            )
        hints = (
            "cut one patch with y[..., top : top + size, left : left + size]",
            "two loops over the shifts, from -reach to reach",
            centre[1],
        )
        match(
            f"{channels} channels, size {size}",
            call(answer, y, row, column, reach, size),
            right,
            mistakes,
            hints,
        )


@task(points=3)
def noise_distance(answer, seed):
    """Task 2: `answer(sigma, numbers)` is mean and standard deviation of the mean squared difference of two
    noisy copies.
    """
    draw = runtime.generator(seed, "noise distance")
    for numbers in (25, 27, 9):
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
        mistakes = {
            "only one of the two copies is noisy here": ((mean / 2, spread / 2), *both),
            "the mean is that of one noisy copy": ((mean / 2, spread), *both),
            "two noises cancel here": ((0.0, spread), "a difference of noises is a noise", *both),
            "the mean is a sum over the patch": (
                (mean * numbers, spread * numbers),
                "the mean of the squares, not their sum",
                *both,
            ),
            "the second number is the variance, not the standard deviation": ((mean, spread**2), *square),
            "the spread does not fall with the size of the patch": (
                (mean, 2 * sigma**2 * math.sqrt(2)),
                *square,
            ),
            "the spread falls with n, and should with its root": (
                (mean, 2 * sigma**2 * math.sqrt(2) / numbers),
                *square,
            ),
            "the spread lacks the root of 2": ((mean, 2 * sigma**2 / math.sqrt(numbers)), *square),
            "the spread is that of a mean of Gaussian numbers, not of their squares": (
                (mean, math.sqrt(2) * sigma / math.sqrt(numbers)),
                *square,
            ),
            "the spread takes one noisy copy": ((mean, spread / 2), *square),
            "spread and mean are exchanged": ((spread, mean), "the mean first", "return mean, spread"),
        }
        given = call(answer, sigma, numbers)
        if isinstance(given, tuple | list):
            given = torch.stack([tensor(value).reshape(-1)[:1].sum() for value in given]) if given else given
        hints = (
            "write the difference of the two noises in one pixel as a number of its own",
            *both,
            *square,
        )[:3]
        match(
            f"{numbers} numbers, sigma {sigma:.2f}",
            given,
            torch.tensor([mean, spread], dtype=torch.float64),
            mistakes,
            hints,
        )


@task(points=2)
def vote_weights(answer, seed):
    """Task 3: `answer(squared, sigma, strength)` are the weights of non-local means, adding up to one."""
    draw = runtime.generator(seed, "votes")
    for count, strength in ((7, 0.8), (12, 1.7)):
        sigma = 0.1 + 0.2 * torch.rand((), generator=draw).item()
        squared = sigma**2 * (0.5 + 4 * torch.rand(count, generator=draw, dtype=torch.float64))
        squared[0] = 0  # the patch itself
        excess, h = (squared - 2 * sigma**2).clamp(min=0), strength * sigma

        def share(exponent):
            return torch.exp(-exponent) / torch.exp(-exponent).sum()

        noise = ("noise alone makes two equal patches differ by 2 sigma^2", "max(d^2 - 2 sigma^2, 0)")
        mistakes = {
            "the weights do not add up to one": (
                torch.exp(-excess / h**2),
                "a mean needs weights that add up to one",
                "divide by their sum",
            ),
            "what noise alone makes is not taken off": (share(squared / h**2), *noise),
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
            "the distances are squared once more": (
                share((squared**2 - 2 * sigma**2).clamp(min=0) / h**2),
                "`squared` holds d^2 already",
                *noise,
            ),
            "there is a 2 too many under the fraction": (
                share(excess / (2 * h**2)),
                "no 2 here: the formula is no bell curve's",
                "h^2",
            ),
        }
        hints = (*noise, "exp(-excess / h^2), divided by the sum of all")
        match(
            f"{count} patches, strength {strength}",
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
        parts = (
            "the error is a fixed part and a random part. Write down both",
            "(sum w delta)^2 + sigma^2 sum w^2",
        )
        mistakes = {
            "the fixed part is not squared": (bias + sigma**2 * left, "squared error, please", *parts),
            "the fixed part is missing": (
                sigma**2 * left,
                "neighbours are not quite the same. What does that do to the mean?",
                *parts,
            ),
            "the random part is missing": (bias**2, "how noisy is a weighted mean of noisy numbers?", *parts),
            "differences of opposite sign cannot cancel here": (
                (weights * delta**2).sum() + sigma**2 * left,
                "one neighbour too bright, one too dark",
                *parts,
            ),
            "this takes all weights for equal in the random part": (
                bias**2 + sigma**2 / count,
                "one neighbour with all the weight: how noisy is that mean?",
                *parts,
            ),
            "this takes all weights for equal in the fixed part": (
                delta.mean() ** 2 + sigma**2 * left,
                "who has little weight does little harm",
                *parts,
            ),
            "the noise is not reduced at all": (
                bias**2 + sigma**2,
                "independent noises cancel in part",
                *parts,
            ),
            "sigma is not squared": (
                bias**2 + sigma * left,
                "the variance of a number times w is w^2 sigma^2",
                *parts,
            ),
            "this is the root of it": (
                (bias**2 + sigma**2 * left).sqrt(),
                "the squared error is asked for",
                *parts,
            ),
        }
        hints = ("the mean is sum w (x + delta + n). Take x away", *parts)
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
    x, draw = gray(names[seed % len(names)], 56).clone(), runtime.generator(seed, "forged")
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


def offsets_of(y, size, apart):
    """Where the nearest neighbour of each patch lies, from the patch: (N,2)."""
    rows, corners = patches(y, size), places(y, size)
    found = nearest(rows, rows, 1, apart, corners, corners)[1][:, 0]
    return corners[found] - corners


@task(points=3)
def find_copy(answer, seed):
    """Task 5: `answer(y, size, apart)` is the offset (down, right) between a square and its copy."""
    for number in (4 * seed, 4 * seed + 1, 4 * seed + 2):
        y, (down, right) = forged(number)
        given = call(answer, y, 7, 10)
        try:
            given = tuple(int(value) for value in given)
        except Exception as problem:  # whatever it is that these values cannot do
            raise Wrong(
                "there is no answer yet" if given is ... else "expected two whole numbers, (down, right)",
                "return down, right",
            ) from problem
        most = (
            "look at the offset of every patch from its nearest neighbour. Which offset comes most often?",
            "torch.unique(..., dim=0, return_counts=True)",
        )
        offsets = offsets_of(y, 7, 10).double()
        below = offsets[(offsets[:, 0] > 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] > 0))]
        mistakes = {
            "this is the way back: from the lower place to the upper one": (
                (-down, -right),
                "each patch of the copy points back. Both directions come equally often",
                "change the sign of an offset that points up",
            ),
            "down and right are exchanged": (
                (right, down),
                "which column of `places` counts rows?",
                "return down, right",
            ),
            "the sign of one of the two is lost": (
                (abs(down), abs(right)),
                "a copy can lie below and to the left",
                "change both signs, or none",
            ),
            "a patch has found itself, or one that nearly covers it": (
                (0, 0),
                "what does `apart` do?",
                "nearest(..., apart=apart) needs both places",
            ),
            "this is a mean of offsets": (
                tuple(below.mean(0).int().tolist()),
                "one wrong neighbour moves a mean",
                *most,
            ),
            "this is a median of offsets, each coordinate by itself": (
                tuple(below.median(0).values.int().tolist()),
                "rows and columns belong together",
                *most,
            ),
        }
        if given == (down, right):
            continue
        for says, (offset, *hints) in mistakes.items():
            if given == tuple(offset):
                raise Wrong(says, *hints)
        if len(given) == 2 and max(map(abs, given)) < 10:
            raise Wrong(
                f"in forged({number}) your offset {given} is shorter than `apart`",
                *mistakes["a patch has found itself, or one that nearly covers it"][1:],
            )
        raise Wrong(f"in forged({number}) the copy does not lie at the offset {given}", *most)


CAUSES = {
    "strength far too large": "the method was told a strength of 100 where 0.8 is good",
    "sigma too small": "the method was told a third of sigma",
    "patches of one pixel": "pixels are compared without their surroundings",
    "noise that neighbours share": "the method is told the right sigma, but the noise is no white noise",
    "reach too small": "only the nearest neighbours of a pixel are asked",
    "nothing": "the run is as it should be",
}


def _run(fault):
    x, sigma = gray("camera"), 20 / 255
    noise = torch.randn(x.shape, generator=runtime.generator(0, "noise of task 6"))
    if fault == "noise that neighbours share":
        noise = torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(noise, [1] * 4, mode="circular"), 3, stride=1
        )
    y = x + sigma * noise / noise.std()
    told = sigma / 3 if fault == "sigma too small" else sigma
    strength = 100.0 if fault == "strength far too large" else 0.8
    patch = 1 if fault == "patches of one pixel" else 5

    def votes(row, column, reach=6):
        """The weights (13,13) of the pixels about (row, column), before they are divided by their sum."""
        margin = reach + patch // 2
        squared = distances(
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
    """One of the runs of task 6: non-local means on a noisy gray photograph, and something is wrong with it.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y and estimate (1,1,64,64), sigma (the true standard deviation of the noise), and
            `votes`, a
        function: votes(row, column) is the map (13,13) of the weights with which the pixels about it were
            averaged.
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
    sigma, truths = 20 / 255, {name: gray(name) for name in ("brick", "camera", "chelsea")}
    draw = runtime.generator(seed, "three pictures")
    return (
        {name: x + sigma * torch.randn(x.shape, generator=draw) for name, x in truths.items()},
        sigma,
        truths,
    )
