"""Checks of problem set 08: zero-shot super-resolution."""

import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.fitting import Engine
from dil_course.from_scratch.zero_shot_sr import pair, reconstruction_error, restore, turn, turn_back
from dil_course.networks import ResidualNetwork
from dil_course.signals import BlurDownsample, Downsample, enlarge, gaussian_kernel, luma, picture

__all__ = [
    "CAUSES",
    "KERNELS",
    "allowed_turns",
    "causes",
    "failing_run",
    "mystery",
    "noise_of_son",
    "psnr_of_shift",
    "rounds_needed",
    "training_pair",
]


def __dir__():
    return __all__


KERNELS = {
    f"{angle} degrees, {width}": gaussian_kernel(11, (width, 0.6), angle=angle)
    for angle in (0, 45, 90, 135)
    for width in (1.2, 2.0)
}


@task(points=3)
def training_pair(answer, seed):
    """Task 1: `answer(y, A, top, left, side, number)` is (son, father), a window of both, turned."""
    draw = runtime.generator(seed, "pairs")
    slanted = BlurDownsample(gaussian_kernel(9, (1.5, 0.6), angle=45), 2)
    # A divides the side of the first window: whoever cuts it first gets a result, and the result tells.
    for A, channels, sides, top, left, side, number in (
        (Downsample(2), 2, (48, 52), 5, 12, 16, 5),
        (Downsample(3), 2, (60, 54), 12, 4, 14, 1),
        (slanted, 1, (40, 44), 3, 8, 15, 6),
    ):
        y = torch.rand(1, channels, *sides, generator=draw, dtype=torch.float64)
        given = parts(call(answer, y, A, top, left, side, number), "son, father")
        given = [tensor(window) for window in given]
        if given[0].shape != given[1].shape:
            raise Wrong(
                f"your son has the shape {tuple(given[0].shape)} and your father {tuple(given[1].shape)}",
                "a window of the small son shows more of the scene",
                "enlarge the son before you cut: enlarge(A(y), A)",
            )
        hints = (
            "first the whole son: enlarge(A(y), A)",
            "then the same window of son and y",
            "then turn both by `number`",
        )
        right, mistakes = _pairs(y, A, top, left, side, number)
        match(f"scale {A.scale}, turn {number}", torch.stack(given), right, mistakes, hints)


def _pairs(y, A, top, left, side, number):
    """What is right in task 1, and the table of mistakes."""

    def cut(x, first=top, second=left, size=side):
        return x[..., first : first + size, second : second + size]

    def turned(son, father, son_by=number, father_by=number):
        return torch.stack([turn(son, son_by), turn(father, father_by)])

    son, scale = enlarge(A(y), A), A.scale
    windows, back = (cut(son), cut(y)), number if number > 3 else -number % 4  # mirrors are their own inverse
    look = "show both windows side by side: do their edges lie in the same places?"
    whole = "shrink and enlarge the whole image first, then cut"
    mistakes = with_hints(
        (
            (
                "which of the two is the network's input, and which is what it should become?",
                "return son, father",
            ),
            {"son and father are exchanged": turned(*windows[::-1])},
        ),
        (
            (look, "turn(window, number), with the same `number` for both"),
            {
                "neither window is turned": turned(*windows, 0, 0),
                "your son is turned, your father is not": turned(*windows, number, 0),
                "your father is turned, your son is not": turned(*windows, 0, number),
                "your windows are turned in the wrong direction": turned(*windows, back, back),
                "son and father are turned by different numbers": turned(*windows, number, back),
                "your windows are turned, and not mirrored": turned(*windows, number % 4, number % 4),
            },
        ),
        (
            ("after a turn, other rows and columns hold the window", "cut first, then turn the window"),
            {"the whole images are turned first": torch.stack([cut(turn(x, number)) for x in (son, y)])},
        ),
        (
            ("which larger image do we know? Only that of the son", "A(y), enlarged, is the son"),
            {
                "you take y itself as the son, and enlarge it": turned(cut(enlarge(y, A)), cut(y)),
                "your son was never shrunk": turned(cut(y), cut(y)),
            },
        ),
        (
            (look, "the enlarged son is as large as y: x[..., rows, columns], the same for both"),
            {
                "your father lies elsewhere than your son": turned(
                    cut(son), cut(y, top * scale, left * scale)
                ),
                "your son lies elsewhere than your father": turned(
                    cut(son, top // scale, left // scale), cut(y)
                ),
                "rows and columns of the window are exchanged": turned(
                    cut(son, left, top), cut(y, left, top)
                ),
            },
        ),
    )
    if side % scale == 0:
        small = cut(A(y), top // scale, left // scale, side // scale)
        mistakes |= with_hints(
            (
                ("A looks at neighbours, and at the window's border they are gone", whole),
                {"the window is cut before A shrinks it": turned(enlarge(A(cut(y)), A), cut(y))},
            ),
            (
                (
                    "interpolation looks at neighbours, and the window may begin between two of its pixels",
                    whole,
                ),
                {"your son is cut before it is enlarged": turned(enlarge(small, A), cut(y))},
            ),
        )
    if isinstance(A, BlurDownsample):
        mistakes |= with_hints(
            (
                (
                    "not every camera shrinks by bicubic interpolation. What does A do?",
                    "A(y) is the small image",
                ),
                {
                    "another camera than A made your son": turned(
                        cut(enlarge(Downsample(scale)(y), A)), cut(y)
                    )
                },
            )
        )
    return turned(*windows), mistakes


def _commuting(A, side, other_turn=turn):
    """The turns for which A(turn(x, number)) is other_turn(A(x), number), for a random x of side x side
    pixels.
    """
    x = torch.rand(1, 1, side, side, generator=runtime.generator(0, "turned"), dtype=torch.float64)
    pairs = [(A(turn(x, number)), other_turn(A(x), number)) for number in range(8)]
    return [number for number, (a, b) in enumerate(pairs) if a.shape == b.shape and torch.allclose(a, b)]


def _turns(given):
    """The numbers of the turns that were listed, sorted."""
    try:
        numbers = list(given)
    except TypeError as problem:
        raise Wrong("expected a list of numbers from 0 to 7", "such as [0, 4]") from problem
    if any("bool" in str(getattr(number, "dtype", type(number))) for number in numbers):
        raise Wrong(
            "expected the numbers of the turns, got True and False",
            "which number belongs to each True?",
            "[number for number in range(8) if ...]",
        )
    for number in tensor(numbers).flatten().tolist():
        if number not in range(8):
            raise Wrong(
                f"{number:g} is a number that is no turn", "the turns are numbered from 0 to 7, without gaps"
            )
    return sorted({int(number) for number in tensor(numbers).flatten()})


@task(points=3)
def allowed_turns(answer, seed):
    """Task 2: `answer(A, side)` lists the turns, 0 to 7, which commute with A on square pictures."""
    draw = runtime.generator(seed, "kernels")
    width = 1.4 + torch.rand((), generator=draw).item()
    crooked = gaussian_kernel(7, 1.3) * (1 + torch.rand(7, 7, generator=draw))
    uneven = gaussian_kernel(7, 1.3) * (1 + 0.1 * torch.rand(7, 7, generator=draw))
    test = (
        "take one random picture, and compare A(turn(x, number)) with turn(A(x), number)",
        "same shape, and a largest difference that is rounding only: below 1e-5",
    )
    for name, A, side in (
        ("bicubic, scale 2", Downsample(2), 24),
        ("bicubic, scales 2 and 3", Downsample((2, 3)), 30),
        ("kernel along the rows", BlurDownsample(gaussian_kernel(9, (width, 0.7)), 2), 24),
        ("kernel at 45 degrees", BlurDownsample(gaussian_kernel(9, (width, 0.7), angle=45), 3), 36),
        ("kernel at 20 degrees", BlurDownsample(gaussian_kernel(9, (width, 0.7), angle=20), 2), 24),
        ("kernel without symmetry", BlurDownsample(crooked / crooked.sum(), 3), 24),
        ("kernel that is nearly round", BlurDownsample(uneven / uneven.sum(), 2), 24),
    ):
        given, right = _turns(call(answer, A, side)), _commuting(A, side)
        if given == right:
            continue
        for says, numbers, *hints in (
            (
                "you allow every turn",
                range(8),
                "does an image of one single value tell two kernels apart?",
                *test,
            ),
            ("you allow only number 0", [0], "which turns leave the kernel as it is?", *test),
            (
                "you undo the turn on one side",
                _commuting(A, side, turn_back),
                "turned first and turned last: by the same number, in the same direction",
                *test,
            ),
            (
                "you leave out the mirrors",
                [number for number in right if number < 4],
                "numbers above 3 mirror as well",
                *test,
            ),
        ):
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
    # The share lies a part of a round before or after a whole one, so that rounding to the nearest fails.
    for q, right, part in (
        (0.4 + 0.05 * chance[0], 13, 0.25),
        (0.05 + 0.03 * chance[1], 24, 0.75),
        (0.3, 1, 0.4),
        (1.5 + 0.2 * chance[2], 8, 0.3),
        (0.8 + 0.1 * chance[3], 3, 0.7),
    ):
        left, exact = abs(1 - q), right - 1 + part
        share = left**exact
        two = "do the first two rounds by hand: which part of the misfit is left after each?"
        whole = ("is the misfit there, after so many rounds? And after one fewer?", "round up: math.ceil")
        above = (
            "for q above 1 the misfit changes its sign in each round. What does that mean for |r|?",
            "|1 - q| of it is left: abs(1 - q)",
        )
        mistakes = with_hints(
            (
                whole,
                {
                    "this is one round too few: the misfit is not there yet": right - 1,
                    "this is one round too many": right + 1,
                    "this is no whole number of rounds": exact,
                },
            )
        )
        if q < 1:
            mistakes |= with_hints(
                (
                    ("the misfit itself, not its square", "left^t <= share"),
                    {"this counts until the energy of the misfit is down": math.ceil(exact / 2)},
                ),
                (
                    (two, "misfit <- misfit - q misfit"),
                    {
                        "a round leaves 1 - q of the misfit, and you leave q": math.ceil(
                            math.log(share) / math.log(q)
                        ),
                        "this takes each round to leave exp(-q)": math.ceil(-math.log(share) / q),
                        "this takes away the same amount in each round": math.ceil((1 - share) / q),
                    },
                ),
            )
        else:
            mistakes |= with_hints((above, {"this stops when the misfit changes its sign": 1}))
        try:
            given = tensor(call(answer, q, share))
        except Wrong:
            if q > 1:
                raise Wrong("your function gives no number for q above 1", *above) from None
            raise
        hints = (two, above[0], "take logarithms of abs(1 - q)^t <= share")
        match(f"q = {q:.2f}, share {share:.4f}", given, torch.tensor(float(right)), mistakes, hints, 1e-9)


@task(points=2)
def psnr_of_shift(answer, seed):
    """Task 4: `answer(scale, amplitude, period)` is the PSNR of a wave that was sampled at the corners of its
    blocks.
    """
    draw = runtime.generator(seed, "shifts")

    def decibels(mean_square):
        return -10 * math.log10(mean_square)

    # The first period is so short that no approximation of the sine will do, and its scale tells half a shift
    # from half a pixel.
    for scale, period in ((4, 7.0), (3, 22.0), (2, 9.0), (4, 31.0)):
        amplitude = 0.1 + 0.3 * torch.rand((), generator=draw).item()
        shift, angle = (scale - 1) / 2, math.pi * (scale - 1) / 2 / period

        def error(shift, size=amplitude, period=period):
            return 2 * size**2 * math.sin(math.pi * shift / period) ** 2

        where = (
            "number the pixels of a block: 0, ..., scale - 1. Where is the block's centre?",
            "at (scale - 1) / 2, and the sample was taken at 0",
        )
        mean = (
            "an error squared: amplitude and sine. The mean of cos^2 over whole periods is 1/2",
            "cos(a) - cos(a - b) is a wave of amplitude 2 sin(b / 2)",
        )
        mistakes = with_hints(
            (
                where,
                {
                    "you shift by half a block": decibels(error(scale / 2)),
                    "you shift by half a pixel whatever the scale": decibels(error(0.5)),
                },
            ),
            (
                ("is that the shift? And is it the half of b that stands in the sine?", where[1], mean[1]),
                {
                    "this belongs to twice the shift, or to twice the angle": decibels(error(2 * shift)),
                    "this belongs to half the shift, or to half the angle": decibels(error(shift / 2)),
                },
            ),
            (
                mean,
                {
                    "this takes half of the mean square": decibels(error(shift) / 2),
                    "this takes twice the mean square": decibels(error(shift) * 2),
                    "your angle is in degrees or without pi": decibels(error(shift / math.pi)),
                    "the sine is not squared": decibels(2 * amplitude**2 * math.sin(angle)),
                    "the amplitude is not squared": decibels(error(shift) / amplitude),
                },
            ),
            (
                ("the shift is no tiny part of the period: is the step slope times shift?", mean[1]),
                {"this is an approximation for short shifts": decibels(2 * amplitude**2 * angle**2)},
            ),
            (
                ("in decibels, please", "-10 log10 of it"),
                {"this is the mean square, not the PSNR": error(shift)},
            ),
        )
        hints = (*where, "mean square 2 a^2 sin^2(pi d / p), with d the shift")
        given, right = call(answer, scale, amplitude, period), torch.tensor(decibels(error(shift)))
        # An answer to two decimals is good with any seed.
        match(f"scale {scale}, period {period}", given, right, mistakes, hints, 0.006 / right.item())


def _weights_of(A, border=False):
    """The weights with which one number of A(x) is made from x (1,1,36,36): far from the border, or at it."""
    dot = torch.zeros_like(A(torch.zeros(1, 1, 36, 36, dtype=torch.float64)))
    row, column = (0, 0) if border else (dot.shape[-2] // 2, dot.shape[-1] // 2)
    dot[..., row, column] = 1
    return A.adjoint(dot)


@task(points=2)
def noise_of_son(answer, seed):
    """Task 5: `answer(A, sigma)` is the standard deviation of the noise in A(y), for white noise of standard
    deviation sigma in y.
    """
    draw = runtime.generator(seed, "noise")
    width = 0.8 + torch.rand((), generator=draw).item()
    dot = torch.zeros(1, 1, 36, 36, dtype=torch.float64)
    dot[..., 18, 18] = 1
    for name, A in {
        "bicubic, scale 2": Downsample(2),
        "bicubic, scales 2 and 3": Downsample((2, 3)),
        "kernel at 30 degrees": BlurDownsample(gaussian_kernel(9, (width, 0.5), angle=30), 2),
    }.items():
        sigma = 0.05 + 0.1 * torch.rand((), generator=draw).item()
        weights, numbers = _weights_of(A), math.prod(A.scales)
        norm = weights.norm()
        think = (
            "one number of the son is a weighted sum of independent numbers. What is its variance?",
            "sigma^2 times the sum of the squared weights",
        )
        row = "A.adjoint of a dot holds the weights of that number of the son. Keep away from the border"
        mistakes = with_hints(
            (
                (*think, "the root of it: sigma times the root of the sum of squares"),
                {
                    "this adds the weights, and not their squares": sigma,
                    "this adds the absolute weights": sigma * weights.abs().sum(),
                    "this is the largest weight": sigma * weights.max(),
                    "sigma is squared, and nothing else is": sigma**2 * norm,
                    "the root over the sum of squares is missing": sigma * norm**2,
                },
            ),
            (
                ("twice the noise in y is twice the noise in the son", "times sigma"),
                {"this is the share of the noise, without sigma": norm},
            ),
            (
                ("does A weigh all pixels of a block alike, and no others?", *think),
                {
                    "this is right for a plain mean over each block": sigma / math.sqrt(numbers),
                    "this divides by the number of pixels in a block": sigma / numbers,
                },
            ),
            (
                ("a column of A, or a row?", row),
                {"this is what one pixel of y does to the whole son": sigma * A(dot).norm()},
            ),
            (
                ("what does A do where its kernel reaches beyond the border?", row),
                {"this holds at the border only": sigma * _weights_of(A, border=True).norm()},
            ),
        )
        given, hints = call(answer, A, sigma), (*think, row)
        match(f"{name}, sigma {sigma:.3f}", given, sigma * norm, mistakes, hints, tolerance=0.01)


CAUSES = {
    "noisy y, clean sons": "y has noise, its sons have almost none: the network learns to sharpen noise",
    "sons not shrunk": "the network was shown fathers that are as sharp as they are",
    "wrong kernel": "another camera made y than the A that the run assumed",
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
    shown = {"truth": x, "y": y, "A": told, "estimate": estimate, "bicubic": enlarge(y, told)}
    return shown | {"windows": windows, "loss": losses, "errors": errors}


@failing(_run, A="noisy y, clean sons", B="sons not shrunk", C="wrong kernel", D="only sons turned")
def failing_run(letter, iterations=200):
    """One of the runs of task 6, with which something is wrong.

    Zero-shot super-resolution x2 of a small gray photograph.

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run.

    Returns:
        Dictionary: truth (1,1,96,96), y (1,1,48,48), A (what the run assumed), estimate and bicubic
        (1,1,96,96), windows (pairs of a son and a father (1,1,24,24), as the network got them), and the lists
        loss (one entry an iteration) and errors (the reconstruction error, one entry every 20 iterations).
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
