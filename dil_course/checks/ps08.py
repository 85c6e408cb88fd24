"""Checks of problem set 08: zero-shot super-resolution."""

import math

import torch

from dil_course import runtime
from dil_course.checks.tasks import Wrong, call, choose, failing, match, task, tensor
from dil_course.fitting import Engine
from dil_course.from_scratch.zero_shot_sr import pair, reconstruction_error, restore, turn, turn_back
from dil_course.networks import ResidualNetwork
from dil_course.signals import BlurDownsample, Downsample, enlarge, gaussian_kernel, luma, picture

KERNELS = {
    f"{angle} degrees, {width}": gaussian_kernel(11, (width, 0.6), angle=angle)
    for angle in (0, 45, 90, 135)
    for width in (1.2, 2.0)
}


@task(points=3)
def training_pair(answer, seed):
    """Task 1: `answer(y, A, top, left, side, number)` is (son, father), a window of both, turned."""
    draw = runtime.generator(seed, "pairs")
    for A, sides, top, left, side, number in (
        (Downsample(2), (48, 52), 5, 12, 15, 5),
        (Downsample(3), (60, 54), 12, 4, 14, 1),
    ):
        y = torch.rand(1, 2, *sides, generator=draw, dtype=torch.float64)

        def cut(x, first=top, second=left, size=side):
            return x[..., first : first + size, second : second + size]

        def both(son, father, number=number):
            return torch.stack([turn(son, number), turn(father, number)])

        son, scale = enlarge(A(y), A), A.scale
        look = "show both windows side by side: do their edges lie in the same places?"
        mistakes = {
            "son and father are exchanged": (
                both(cut(y), cut(son)),
                "which of the two is the network's input, and which is what it should become?",
                "return son, father",
            ),
            "neither window is turned": (
                both(cut(son), cut(y), 0),
                "what is `number` for?",
                "turn(window, number), for both",
            ),
            "your son is turned, your father is not": (
                torch.stack([turn(cut(son), number), cut(y)]),
                look,
                "turn both",
            ),
            "your father is turned, your son is not": (
                torch.stack([cut(son), turn(cut(y), number)]),
                look,
                "turn both",
            ),
            "son and father are turned by different numbers": (
                torch.stack([turn(cut(son), number), turn_back(cut(y), number)]),
                look,
                "the same `number` for both",
            ),
            "you take y itself as the son, and enlarge it": (
                both(cut(enlarge(y, A)), cut(y)),
                "the truth for an enlarged y is what we look for. Nobody has it",
                "go down first: A(y) is the son, and y its father",
            ),
            "your son was never shrunk": (
                both(cut(y), cut(y)),
                "what can a network learn from a father that equals his son?",
                "A(y), enlarged",
            ),
            "the window is cut before A shrinks it": (
                both(enlarge(A(cut(y, size=side - side % scale)), A), cut(y, size=side - side % scale)),
                "A looks at neighbours, and at the window's border they are gone",
                "shrink and enlarge the whole picture first, then cut",
            ),
            "your father lies elsewhere than your son": (
                both(cut(son), cut(y, top * scale, left * scale)),
                look,
                "the enlarged son is as large as y: the same rows and columns in both",
            ),
            "your son lies elsewhere than your father": (
                both(cut(son, top // scale, left // scale), cut(y)),
                look,
                "the same rows and columns in both",
            ),
            "rows and columns of the window are exchanged": (
                both(cut(son, left, top), cut(y, left, top)),
                "`top` counts rows",
                "x[..., rows, columns]",
            ),
        }
        given = call(answer, y, A, top, left, side, number)
        given = (
            list(given)
            if isinstance(given, tuple | list) or (isinstance(given, torch.Tensor) and given.ndim)
            else [given]
        )
        if len(given) != 2:
            raise Wrong(
                "expected two windows",
                "what does the network get, and what should it make of that?",
                "return son, father",
            )
        given = [tensor(window) for window in given]
        if given[0].shape != given[1].shape:
            shapes = f"your son has the shape {tuple(given[0].shape)} and your father {tuple(given[1].shape)}"
            raise Wrong(
                shapes,
                "a window of the small son shows more of the scene",
                "enlarge the son before you cut: enlarge(A(y), A)",
            )
        hints = (
            "first the whole son: enlarge(A(y), A)",
            "then the same window of son and y",
            "then turn both by `number`",
        )
        match(f"scale {scale}, turn {number}", torch.stack(given), both(cut(son), cut(y)), mistakes, hints)


def commuting(A, side, same):
    """The turns for which `same(A, x, number)` holds for a random picture x of side x side pixels."""
    x = torch.rand(1, 1, side, side, generator=runtime.generator(0, "turned"), dtype=torch.float64)
    return [number for number in range(8) if same(A, x, number)]


def agree(a, b):
    return a.shape == b.shape and bool((a - b).abs().max() < 1e-6)


@task(points=3)
def allowed_turns(answer, seed):
    """Task 2: `answer(A, side)` lists the turns, 0 to 7, which commute with A on square pictures."""
    draw = runtime.generator(seed, "kernels")
    width = 1.4 + torch.rand((), generator=draw).item()
    crooked = gaussian_kernel(7, 1.3) * (1 + torch.rand(7, 7, generator=draw))
    cases = {
        "bicubic, scale 2": Downsample(2),
        "bicubic, scales 2 and 3": Downsample((2, 3)),
        "kernel along the rows": BlurDownsample(gaussian_kernel(9, (width, 0.7)), 2),
        "kernel at 45 degrees": BlurDownsample(gaussian_kernel(9, (width, 0.7), angle=45), 3),
        "kernel at 20 degrees": BlurDownsample(gaussian_kernel(9, (width, 0.7), angle=20), 2),
        "kernel without symmetry": BlurDownsample(crooked / crooked.sum(), 3),
    }
    for name, A in cases.items():
        right = commuting(A, 24, lambda A, x, number: agree(A(turn(x, number)), turn(A(x), number)))
        test = (
            "take one random picture, and compare A(turn(x, number)) with turn(A(x), number)",
            "same shape, and largest difference below 1e-6",
        )
        mistakes = {
            "you allow every turn": (
                range(8),
                "does a picture of one single value tell two kernels apart?",
                *test,
            ),
            "you allow only number 0": ([0], "which turns leave the kernel as it is?", *test),
            "you undo the turn on one side": (
                commuting(A, 24, lambda A, x, number: agree(A(turn(x, number)), turn_back(A(x), number))),
                "turned first and turned last: by the same number, in the same direction",
                *test,
            ),
            "you leave out the mirrors": (
                [number for number in right if number < 4],
                "numbers above 3 mirror as well",
                *test,
            ),
        }
        given = call(answer, A, 24)
        try:
            given = sorted({int(number) for number in given})
        except Exception as problem:  # whatever it is that these values cannot do
            raise Wrong(
                "there is no answer yet" if given is ... else "expected a list of numbers from 0 to 7",
                "such as [0, 4]",
            ) from problem
        if given == right:
            continue
        if not set(given) <= set(range(8)):
            raise Wrong(f"{given} holds a number that is no turn", "the turns are numbered from 0 to 7")
        for says, (numbers, *hints) in mistakes.items():
            if given == list(numbers):
                raise Wrong(f"{name}: {says}", *hints)
        extra, missing = sorted(set(given) - set(right)), sorted(set(right) - set(given))
        if extra:
            raise Wrong(f"{name}: turn {extra[0]} does not commute with this A, and you allow it", *test)
        raise Wrong(f"{name}: turn {missing[0]} commutes with this A, and you leave it out", *test)


@task(points=2)
def rounds_needed(answer, seed):
    """Task 3: `answer(q, share)` counts the rounds of back-projection that bring the misfit of a wave down to
    a share of its start.
    """
    draw = runtime.generator(seed, "waves")
    chance = torch.rand(4, generator=draw).tolist()
    cases = (
        (0.4 + 0.05 * chance[0], 0.0031),
        (0.05 + 0.03 * chance[1], 0.2),
        (1.5 + 0.2 * chance[2], 0.021),
        (0.8 + 0.1 * chance[3], 0.0031),
    )
    for q, share in cases:
        left, hint = (
            abs(1 - q),
            "do the first two rounds by hand: which part of the misfit is left after each?",
        )
        exact = math.log(share) / math.log(left)
        right = math.ceil(exact)
        mistakes = {
            "this is one round too few: the misfit is not there yet": (
                right - 1,
                "round up: a part of a round does not exist",
                "math.ceil",
            ),
            "this is one round too many": (
                right + 1,
                "try one round fewer: is the misfit there already?",
                "math.ceil, and nothing added",
            ),
            "this is no whole number of rounds": (exact, "half a round does not exist", "math.ceil"),
            "this counts until the energy of the misfit is down, not the misfit": (
                math.ceil(exact / 2),
                "the misfit itself, not its square",
                "left^t <= share",
            ),
            "a round leaves 1 - q of the misfit, and you leave q": (
                math.ceil(math.log(share) / math.log(q)) if q < 1 else 0,
                hint,
                "misfit <- misfit - q misfit",
            ),
            "this takes each round to leave exp(-q)": (
                math.ceil(-math.log(share) / q),
                hint,
                "1 - q and exp(-q) agree for very small q only",
            ),
            "this takes away the same amount in each round": (
                math.ceil((1 - share) / q),
                hint,
                "a share of what is left, not of the start",
            ),
        }
        hints = (
            hint,
            "after t rounds (1 - q)^t of the misfit is left. For q above 1 its sign changes in each round",
            "take logarithms of abs(1 - q)^t <= share",
        )
        match(
            f"q = {q:.2f}, share {share}",
            call(answer, q, share),
            torch.tensor(float(right)),
            mistakes,
            hints,
            tolerance=1e-9,
        )


@task(points=2)
def psnr_of_shift(answer, seed):
    """Task 4: `answer(scale, amplitude, period)` is the PSNR of a wave that was sampled at the corners of its
    blocks.
    """
    draw = runtime.generator(seed, "shifts")
    for scale, period in ((3, 22.0), (2, 9.0), (4, 31.0)):
        amplitude = 0.1 + 0.3 * torch.rand((), generator=draw).item()
        decibels = lambda mean_square: -10 * math.log10(mean_square)  # noqa: E731
        error = lambda shift, size=amplitude, p=period: 2 * size**2 * math.sin(math.pi * shift / p) ** 2  # noqa: E731
        right, shift = decibels(error((scale - 1) / 2)), (scale - 1) / 2
        where = (
            "number the pixels of a block: 0, ..., scale - 1. Where is the block's centre?",
            "at (scale - 1) / 2, and the sample was taken at 0",
        )
        mean = (
            "the mean of cos^2 over whole periods is 1/2",
            "cos(a) - cos(a - b) is a wave of amplitude 2 sin(b / 2)",
        )
        mistakes = {
            "you shift by half a block": (decibels(error(scale / 2)), *where),
            "you shift by a block less one pixel": (decibels(error(scale - 1)), *where),
            "you shift by half a pixel whatever the scale": (
                decibels(error(0.5)) if scale != 2 else math.inf,
                *where,
            ),
            "this takes half of the mean square": (decibels(error(shift) / 2), *mean),
            "this takes twice the mean square": (decibels(error(shift) * 2), *mean),
            "the sine is not squared": (
                decibels(2 * amplitude**2 * math.sin(math.pi * shift / period)),
                "an error squared: amplitude and sine",
                *mean,
            ),
            "the amplitude is not squared": (
                decibels(error(shift) / amplitude),
                "an error squared: amplitude and sine",
                *mean,
            ),
            "the sign of the PSNR is wrong": (
                -right,
                "small errors have a large PSNR",
                "-10 log10 of the mean square",
            ),
            "this is the mean square, not the PSNR": (error(shift), "in decibels, please", "-10 log10 of it"),
            "this has 20 where 10 belongs": (
                2 * right,
                "20 goes with the root of the mean square",
                "-10 log10 of the mean square",
            ),
            "your angle is in degrees or without pi": (
                decibels(error(shift / math.pi)),
                "one period is an angle of 2 pi",
                *mean,
            ),
        }
        mistakes = {says: case for says, case in mistakes.items() if math.isfinite(case[0])}
        hints = (*where, "mean square 2 a^2 sin^2(pi d / p), with d the shift")
        match(
            f"scale {scale}, period {period}",
            call(answer, scale, amplitude, period),
            torch.tensor(right),
            mistakes,
            hints,
            tolerance=2e-3,
        )


def weights_of(A, shape=(36, 36)):
    """The weights with which a number far from the border of A(x) is made from x."""
    dot = torch.zeros_like(A(torch.zeros(1, 1, *shape, dtype=torch.float64)))
    dot[..., dot.shape[-2] // 2, dot.shape[-1] // 2] = 1
    return A.adjoint(dot)


@task(points=2)
def noise_of_son(answer, seed):
    """Task 5: `answer(A, sigma)` is the standard deviation of the noise in A(y), for white noise of standard
    deviation sigma in y.
    """
    draw = runtime.generator(seed, "noise")
    width = 0.8 + torch.rand((), generator=draw).item()
    for name, A in {
        "bicubic, scale 2": Downsample(2),
        "bicubic, scales 2 and 3": Downsample((2, 3)),
        "kernel at 30 degrees": BlurDownsample(gaussian_kernel(9, (width, 0.5), angle=30), 2),
    }.items():
        sigma, weights, numbers = (
            0.05 + 0.1 * torch.rand((), generator=draw).item(),
            weights_of(A),
            math.prod(A.scales),
        )
        dot = torch.zeros(1, 1, 36, 36, dtype=torch.float64)
        dot[..., 18, 18] = 1
        norm = weights.square().sum().sqrt()
        think = (
            "one number of the son is a weighted sum of independent numbers. What is its variance?",
            "sigma^2 times the sum of the squared weights",
        )
        mistakes = {
            "this is the variance, not the standard deviation": (
                (sigma * norm) ** 2,
                "which of the two is asked for?",
                "take the root",
            ),
            "this adds the weights, and not their squares": (sigma, *think),
            "this adds the absolute weights": (sigma * weights.abs().sum(), *think),
            "this is the share of the noise, without sigma": (
                norm,
                "twice the noise in y is twice the noise in the son",
                "times sigma",
            ),
            "sigma is squared, and nothing else is": (
                sigma**2 * norm,
                "standard deviations scale with sigma",
                "sigma times the root of the sum of squares",
            ),
            "the root over the sum of squares is missing": (
                sigma * norm**2,
                *think,
                "then take the root of it all",
            ),
            "this takes each number of the son for a plain mean over its block": (
                sigma / math.sqrt(numbers),
                "does A weigh all pixels of a block alike, and no others?",
                *think,
            ),
            "this divides by the number of pixels in a block": (
                sigma / numbers,
                "a mean of n independent numbers has sigma / sqrt(n)",
                *think,
            ),
            "this is what one pixel of y does to the whole son, not what all of y do to one pixel": (
                sigma * A(dot).square().sum().sqrt(),
                "a column of A, or a row?",
                "the weights of one number of the son: A.adjoint of a dot",
            ),
            "this is the largest weight": (sigma * weights.max(), *think),
        }
        hints = (
            *think,
            "A.adjoint of a dot holds the weights of that number of the son. Keep away from the border",
        )
        match(
            f"{name}, sigma {sigma:.3f}",
            call(answer, A, sigma),
            sigma * norm,
            mistakes,
            hints,
            tolerance=0.01,
        )


CAUSES = {
    "noisy y, clean sons": "y has noise, and its sons have almost none, so the network learns to sharpen noise",
    "sons not shrunk": "the network was shown fathers that are as sharp as they are",
    "wrong kernel": "another camera made y than the A that the run was told",
    "only sons turned": "the windows of sons are turned and flipped, those of their fathers are not",
    "windows too small": "a window shows less of the picture than the network needs to see",
    "too few iterations": "the run was stopped before the network had learned",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations):
    x, draw = luma(picture("astronaut", 96)), runtime.generator(0, "windows")
    told = Downsample(2)
    y = (
        BlurDownsample(gaussian_kernel(11, (2.2, 0.7), angle=45), 2)(x)
        if fault == "wrong kernel"
        else told(x)
    )
    if fault == "noisy y, clean sons":
        y = y + 10 / 255 * torch.randn(y.shape, generator=runtime.generator(0, "noise of task 6"))
    son, father = pair(y, told)
    if fault == "sons not shrunk":
        son = father
    with runtime.seeded(0):
        engine = Engine(ResidualNetwork(1, 16, 6), 3e-3)
    losses, errors, windows = [], [], []
    for iteration in range(1, iterations + 1):
        top, left, number = (int(torch.randint(0, end, (), generator=draw)) for end in (25, 25, 8))
        numbers = (number, 0 if fault == "only sons turned" else number)
        windows.append(
            [
                turn(z[..., top : top + 24, left : left + 24], n)
                for z, n in zip((son, father), numbers, strict=True)
            ]
        )
        loss = (engine(windows[-1][0]) - windows[-1][1]).abs().mean()
        engine.learning_rate = 3e-3 * min(1, iteration / 50)
        engine.update(loss)
        losses.append(loss.item())
        if iteration % 20 == 0:
            errors.append(reconstruction_error(engine, y, told))
    estimate = restore(engine, y, told, range(8), corrected=False)
    parts = {"truth": x, "y": y, "A": told, "estimate": estimate, "bicubic": enlarge(y, told)}
    return parts | {"windows": windows, "loss": losses, "errors": errors}


@failing(
    _run,
    A="noisy y, clean sons",
    B="sons not shrunk",
    C="wrong kernel",
    D="only sons turned",
)
def failing_run(letter, iterations=200):
    """One of the runs of task 6: zero-shot super-resolution x2 of a small gray photograph, and something is
    wrong with it.

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run.

    Returns:
        Dictionary: truth (1,1,96,96), y (1,1,48,48), A (what the run was told), estimate and bicubic
            (1,1,96,96), windows
        (pairs of a son and a father (1,1,24,24), as the network got them), and the lists loss (one entry an
        iteration) and errors (the reconstruction error, one entry every 20 iterations).
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    show, told = "show a few of its windows, son beside father", "compute A(truth) - y, and show it"
    refutations = {
        ("C", "noisy y, clean sons"): ("A(truth) - y is no noise: one sees the face in it", told),
        "noisy y, clean sons": ("its y has no noise: A(truth) equals y", told),
        "sons not shrunk": ("its sons are less sharp than their fathers", show),
        ("A", "wrong kernel"): ("what A(truth) leaves of y is grain, and no edges", told),
        "wrong kernel": ("its A explains the truth exactly", told),
        "only sons turned": ("its sons and fathers look the same way", show),
        "windows too small": (
            "its windows have 24 pixels a side, and the network looks 6 pixels far",
            "print the shape of a window",
        ),
        "too few iterations": ("a run twice as long gains nothing", "failing_run(letter, iterations=400)"),
        "nothing": (
            "a good run of 200 iterations gains 0.7 dB over bicubic, and this one less than 0.25",
            "compute psnr(estimate, truth) and psnr(bicubic, truth)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def mystery(seed=0):
    """The open question's small picture (1,1,48,48), made by one of KERNELS; and the truth (1,1,96,96) and
    the kernel's name, to judge.
    """
    names = list(KERNELS)
    name = names[int(torch.randint(0, len(names), (), generator=runtime.generator(seed, "mystery")))]
    x = luma(picture(("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")[seed % 6], 96))
    return BlurDownsample(KERNELS[name], 2)(x), x, name
