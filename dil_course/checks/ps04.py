"""Problem set 04: deep image prior for inverse problems.

Each check takes the student's answer and returns points.
"""

import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, task, tensor
from dil_course.from_scratch import bp_dip, deep_image_prior
from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    Identity,
    Mask,
    Radon,
    gaussian_kernel,
    picture,
    psnr,
)

__all__ = [
    "CAUSES",
    "causes",
    "consistent",
    "failing_run",
    "moved",
    "scan",
    "truth_loss",
    "waits",
    "zero_filled",
]


def __dir__():
    return __all__


@task(points=2)
def consistent(answer, seed):
    """Task 1: `answer(estimate, y, A)` is the picture nearest to the estimate that explains y exactly."""
    residual = (
        "what does the estimate still fail to explain? That is a picture in the space of y",
        "y - A(estimate) is what is missing",
    )
    back = (*residual, "A.pinv brings it back to a picture: estimate + A.pinv(y - A(estimate))")
    draw = torch.Generator().manual_seed(seed)
    kernel = torch.rand(3, 3, generator=draw)
    for name, A in {
        "half the size": Downsample(2),
        "blurred, then half the size": BlurDownsample(kernel / kernel.sum(), 2),
    }.items():
        estimate = torch.rand(1, 2, 12, 16, generator=draw, dtype=torch.float64)
        y = torch.rand(1, 2, 6, 8, generator=draw, dtype=torch.float64)
        missing = y - A(estimate)
        right = estimate + A.pinv(missing)
        mistakes = {
            "this brings the residual back by the adjoint, not by the pseudo-inverse": (
                estimate + A.adjoint(missing),
                "apply A to your result: is it y?",
                "A A^T is not the identity here, A A^+ is",
                "A.pinv in place of A.adjoint",
            ),
            "the residual has the wrong sign: your result is twice as far from y": (
                estimate - A.pinv(missing),
                "apply A to your result: is it y?",
                "is the residual y - A(estimate), or the opposite?",
            ),
            "this is A^+ y: the estimate is gone": (
                A.pinv(y),
                "A cannot see everything. Who knows what it does not see?",
                *back[1:],
            ),
            "this adds all of A^+ y: what the estimate already explains counts twice": (
                estimate + A.pinv(y),
                *back,
            ),
            "what A sees was taken out of the estimate, but y never came in": (
                estimate - A.pinv(A(estimate)),
                "your result does not depend on y",
                *back[1:],
            ),
            "this is only the correction, without the estimate": (
                A.pinv(missing),
                "a correction is added to something",
                *back[1:],
            ),
            "this goes half of the way": (
                (estimate + right) / 2,
                "apply A to your result: is it y?",
                "the data are free of noise: go all the way",
            ),
            "this is the estimate, unchanged": (estimate, "does the estimate explain y?", *back[1:]),
            "this is what A makes of the picture, not the picture": (
                A(right),
                "a picture is asked for, of the estimate's size",
                *back[1:],
            ),
            "the result was clipped to [0, 1]": (
                right.clamp(0, 1),
                "apply A to your result: is it y?",
                "clipping changes values after they were made to fit. Here no value need lie in [0, 1]",
            ),
        }
        match(name, call(answer, estimate, y, A), right, mistakes, back)


@task(points=2)
def truth_loss(answer, seed):
    """Task 2: `answer(K, sigma, epsilon)` is the back-projection loss that noise leaves at the true picture,
    on average.
    """
    draw = torch.Generator().manual_seed(seed)
    filters = (
        "at the truth A(x) - y is noise. What does the filter do to each frequency of it?",
        "white noise has the strength sigma squared at each frequency. A filter G multiplies that by |G|^2",
        "take the mean of |G|^2 over all frequencies, with |G| = |K| / (|K|^2 + epsilon)",
    )
    for height, width, epsilon in ((16, 16, 0.02), (12, 16, 0.2)):
        kernel = torch.rand(3, 5, generator=draw, dtype=torch.float64)
        K = torch.fft.fft2(kernel / kernel.sum(), s=(height, width))
        sigma = 0.05 + 0.1 * torch.rand((), generator=draw).item()
        power, noise = K.abs() ** 2, sigma**2
        right = noise * torch.mean(power / (power + epsilon) ** 2)
        mistakes = with_hints(
            (
                ("which residual is squared: A(x) - y, or what A^+ makes of it?", *filters[1:]),
                {"this is the least-squares loss": noise},
            ),
            (
                filters,
                {
                    "the filter is not squared": noise * torch.mean(power.sqrt() / (power + epsilon)),
                    "|K| is squared, its divisor is not": noise * torch.mean(power / (power + epsilon)),
                    "this is the loss for sigma in place of sigma squared": sigma * right / noise,
                },
            ),
            (
                ("the noise comes in after the blur. How often does it pass K?", *filters[1:]),
                {
                    "this weakens the picture, not the noise: noise meets K once": noise
                    * torch.mean(power**2 / (power + epsilon) ** 2)
                },
            ),
            (
                ("which filter is A^+ with epsilon? |K|^2 + epsilon stands below", *filters[1:]),
                {
                    "epsilon does nothing": noise * torch.mean(1 / power),
                    "epsilon is squared": noise * torch.mean(power / (power + epsilon**2) ** 2),
                },
            ),
            (
                (
                    "each frequency has its own filter: square it, and take the mean over all of them last",
                    filters[2],
                ),
                {
                    "this is a sum over all frequencies, not a mean": right * K.numel(),
                    "this divides a mean by a mean": noise * power.mean() / (power.mean() + epsilon) ** 2,
                    "this is the square of a mean": noise * torch.mean(power.sqrt() / (power + epsilon)) ** 2,
                    "this holds for the weakest frequency alone": noise
                    * torch.max(power / (power + epsilon) ** 2),
                },
            ),
            (
                ("what is the strength of a complex number?", "K.abs() ** 2, which is K times its conjugate"),
                {
                    "a complex number was squared, not its size": noise
                    * torch.mean((K / (power + epsilon)) ** 2).real,
                    "only the real part of K is used": noise
                    * torch.mean(K.real**2 / (K.real**2 + epsilon) ** 2),
                },
            ),
        )
        match(f"epsilon {epsilon}", call(answer, K, sigma, epsilon), right, mistakes, filters)


def _wait(factor):
    """Iterations until factor^t is at most 0.01."""
    return math.ceil(math.log(0.01) / math.log(abs(factor))) if factor else 1


@task(points=2)
def waits(answer, seed):
    """Task 3: `answer(k, epsilon)` is the pair of iterations that a frequency takes, by least squares and by
    back-projection.
    """
    draw = torch.Generator().manual_seed(seed)
    while True:  # until rounding decides nothing
        ks = (0.12 + 0.8 * torch.rand(8, generator=draw, dtype=torch.float64)).tolist()
        epsilons = (0.01 + 0.2 * torch.rand(8, generator=draw, dtype=torch.float64)).tolist()
        cases = [*zip(ks, epsilons, strict=True), (0.98, 0.001), (0.997, 0.02), (0.07, 0.05)]  # from 1 to 938
        exact = [math.log(0.01) / math.log(1 - q * q) for k, e in cases for q in (k, k * k / (k * k + e))]
        if min(abs(wait - round(wait)) for wait in exact) > 0.005:
            break
    steps = (
        "write the error of one frequency after one iteration, as a factor times the error before",
        "least squares: the factor is 1 - k^2, once by A and once by A^T",
        "back-projection: A^+ A multiplies a frequency by p = k^2 / (k^2 + epsilon). The factor is 1 - p^2",
    )

    def both(ls, bp, wait=_wait):
        return [[wait(ls(k)), wait(bp(k * k / (k * k + e)))] for k, e in cases]

    def ls(k):
        return 1 - k * k

    def bp(p):
        return 1 - p * p

    right = both(ls, bp)
    mistakes = with_hints(
        (
            steps,
            {
                "back-projection counts A^+ A once": both(ls, lambda p: 1 - p),
                "least squares counts A once": both(lambda k: 1 - k, bp),
                "both operators are counted once": both(lambda k: 1 - k, lambda p: 1 - p),
                "the gradient is twice too large: the loss has a factor 1/2": both(
                    lambda k: 1 - 2 * k * k, lambda p: 1 - 2 * p * p
                ),
            },
        ),
        (
            ("what does A^+ A make of a frequency, with epsilon?", steps[2]),
            {
                "epsilon is forgotten: back-projection would be done at once": [
                    [_wait(ls(k)), 1] for k, _ in cases
                ],
                "the step is that of least squares in both": [[_wait(ls(k))] * 2 for k, _ in cases],
            },
        ),
        (
            ("return (least_squares, back_projection)",),
            {"the two numbers are exchanged": [pair[::-1] for pair in right]},
        ),
        (
            (
                "the first t with an error of at most 1 % is asked for: the error itself, not its square",
                "an iteration is made or not: round up, math.ceil, and stop",
            ),
            {
                "the last iteration is missing": [[a - 1, b - 1] for a, b in right],
                "this is one iteration too many": [[a + 1, b + 1] for a, b in right],
                "these are no whole numbers": both(ls, bp, lambda f: math.log(0.01) / math.log(f)),
                "this rounds to the nearest": both(ls, bp, lambda f: round(math.log(0.01) / math.log(f))),
                "this is 1 % of the squared error": both(
                    ls, bp, lambda f: math.ceil(math.log(0.1) / math.log(f))
                ),
            },
        ),
        (
            ("(1 - a)^t is e^(-a t) only for small a", "t = log(0.01) / log(1 - a)"),
            {
                "an exponential stands for the power": both(
                    ls, bp, lambda f: math.ceil(math.log(100) / (1 - f))
                )
            },
        ),
    )
    given = []
    for k, epsilon in cases:
        pair = tensor(call(answer, k, epsilon))
        if pair.numel() != 2:
            raise Wrong(
                f"expected two numbers, got {pair.numel()}", "return (least_squares, back_projection)"
            )
        given.append(pair.flatten())
    given, right = torch.stack(given), torch.tensor(right)
    for one, other, axis, hint in (
        ("least squares", "back-projection", 0, steps[2]),
        ("back-projection", "least squares", 1, steps[1]),
    ):
        if torch.equal(given[:, axis], right[:, axis].double()):
            mistakes[f"{one} is right, {other} is not yet"] = (given, steps[0], hint)
    match("iterations", given, right, mistakes, steps, tolerance=1e-6)


@task(points=3)
def zero_filled(answer, seed):
    """Task 4: `answer(coefficients, mask)` is the PSNR of A^+ y, computed from what was not measured."""
    draw = torch.Generator().manual_seed(seed)
    parseval = (
        "a picture's error has the same sum of squares as its Fourier coefficients (the transform keeps "
        "lengths)",
        "a coefficient is lost only if its opposite was not measured either",
        "the opposite of (row, column) is (-row, -column), each modulo its side, counted from the middle",
    )
    for height, width in ((16, 16), (12, 16)):
        x = torch.rand(height, width, generator=draw, dtype=torch.float64)
        c = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"))
        mask = (torch.rand(height, width, generator=draw) < 0.4).double()
        mask[height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 2] = 1
        power = c.abs() ** 2
        opposite = mask.flip((0, 1)).roll((1, 1), (0, 1))
        lost = power * (1 - mask) * (1 - opposite)
        alone = power * (mask != opposite)
        mirrored = power * (1 - mask) * (1 - mask.flip((0, 1)))
        mean = lost.mean()
        right = -10 * mean.log10()
        mistakes = with_hints(
            (
                (
                    "the picture is real: measure a frequency or its opposite, and you know both",
                    *parseval[1:],
                ),
                {
                    "opposite frequencies are counted as lost": -10 * (power * (1 - mask)).mean().log10(),
                    "this is the PSNR of A^T y": -10 * (lost + alone / 4).mean().log10(),
                    "this counts a frequency as lost if one of the two is missing": -10
                    * (power * (1 - mask * opposite)).mean().log10(),
                },
            ),
            (
                (
                    "the zero frequency stands at (H // 2, W // 2). Which one is its opposite? Itself",
                    "turning an array of even side by 180 degrees moves that place by one",
                    "mask.flip((0, 1)).roll((1, 1), (0, 1))",
                ),
                {"the opposite is off by one": -10 * mirrored.mean().log10()},
            ),
            (
                ("which part is the error?", *parseval[:2]),
                {"this counts what was measured, not what was lost": -10 * (power - lost).mean().log10()},
            ),
            (
                (
                    "PSNR takes the mean of squares over all pixels",
                    "divide by the number of all coefficients",
                ),
                {
                    "this is a sum, not a mean": -10 * lost.sum().log10(),
                    "the mean is over lost frequencies only": -10 * (lost.sum() / (lost > 0).sum()).log10(),
                    "sizes are added where squares should be": -10 * (lost.sqrt().mean() ** 2).log10(),
                },
            ),
            (
                ("PSNR is -10 log10 of the mean squared error", "pictures lie in [0, 1]: the peak is 1"),
                {
                    "a decibel counts powers: 10 log10, not 20": 2 * right,
                    "this is the mean squared error, not in decibels": mean,
                    "the peak is 255 here": right + 20 * math.log10(255),
                },
            ),
        )
        match(f"{height}x{width}", call(answer, c, mask), right, mistakes, parseval)


def scan(seed=0, side=32, count=24):
    """A scan of some blobs, for task 5: at one angle the patient had moved, and each column has
    an unknown factor.

    Args:
        seed: of all that is drawn.
        side: of the picture in pixels.
        count: of angles.

    Returns:
        Picture (1,1,side,side), sinogram (1,1,side,count), angles in degrees (a list, rising), index of the
        moved angle.
    """
    draw = torch.Generator().manual_seed(seed)
    x = _blobs(draw, side)
    angles = (180 / count * (torch.arange(count) + torch.rand(count, generator=draw))).tolist()
    moved_at = int(torch.randint(0, count, (), generator=draw))
    by = (3 + int(torch.randint(0, 2, (), generator=draw))) * (
        1 if torch.rand((), generator=draw) < 0.5 else -1
    )
    return x, _measured(draw, x, angles, moved_at, by), angles, moved_at


def _blobs(draw, side):
    steps = torch.arange(side) - side // 2
    x = torch.zeros(1, 1, side, side)
    turn = 2 * math.pi * torch.rand((), generator=draw)
    for distance, size in ((7.0, 2.0), (4.0, 1.5), (5.0, 1.0)):
        direction = turn + 0.7 * (torch.rand((), generator=draw) - 0.5)
        down, right = distance * direction.sin(), distance * direction.cos()
        x += 0.5 * torch.exp(-((steps[:, None] - down) ** 2 + (steps - right) ** 2) / (2 * size**2))
    return x


def _measured(draw, x, angles, moved_at, by):
    sinogram = Radon(x.shape[-1], angles)(x)
    sinogram[..., moved_at] = sinogram[..., moved_at].roll(by, -1)
    return sinogram * (0.5 + torch.rand(len(angles), generator=draw))


def _hidden_scans(draw):
    """What task 5 is marked on: lists of (sinogram, angles), and of the index of the moved angle.

    `scan` tells its truth, so these are others. The body moves at the first angle, at the last and in
    between, by as little as a pixel, and most angles are dense on one side: only a fit of cos and sin about
    the right row finds them all.
    """
    scans, right = [], []
    for side, count, power, place, by in (
        (32, 16, 1, 0, 1),
        (32, 16, 1, 0, -1),
        (40, 20, 2.5, -1, 1),
        (37, 24, -2.5, -1, -2),
        (32, 18, 2.5, None, 1),
        (40, 24, -2.5, None, -1),
    ):
        even = torch.arange(count) + torch.rand(count, generator=draw)
        even[0], even[-1] = 0.1, count - 0.1  # there a constant is least like cos and sin
        even = even / count
        angles = 180 * (even**power if power > 0 else (1 - (1 - even) ** -power))
        moved_at = int(torch.randint(3, count - 3, (), generator=draw)) if place is None else place % count
        x, angles = _blobs(draw, side), angles.tolist()
        if place is None:  # a part of the same brightness on another side: the brightest row jumps
            x = (x + 1.1 * _blobs(draw, side).flip(2, 3)) / 2
        scans.append((_measured(draw, x, angles, moved_at, by), angles))
        right.append(moved_at)
    return scans, right


def _moved(sinogram, angles, **change):
    """The answer to task 5; `change` puts one mistake into it."""
    p = sinogram[0, 0].double()
    theta = torch.as_tensor(angles, dtype=torch.float64) * change.get("unit", math.pi / 180)
    rows = torch.arange(p.shape[0], dtype=torch.float64) - change.get("centre", p.shape[0] // 2)
    centres = rows @ p / (1 if change.get("flicker") else p.sum(0))
    columns = torch.stack([torch.cos(theta), torch.sin(theta)][: change.get("terms", 2)], 1)
    if "powers" in change:
        columns = torch.stack([theta**power for power in change["powers"]], 1)
    return (centres - columns @ torch.linalg.lstsq(columns, centres[:, None]).solution[:, 0]).abs()


def _between_neighbours(sinogram, angles):
    """The index of the angle whose centre is farthest from the line through its two neighbours."""
    c, theta = _centres(sinogram), torch.tensor(angles).double()
    share = (theta[1:-1] - theta[:-2]) / (theta[2:] - theta[:-2])
    return int((c[1:-1] - (1 - share) * c[:-2] - share * c[2:]).abs().argmax()) + 1


def _centres(sinogram):
    p = sinogram[0, 0].double()
    return torch.arange(p.shape[0], dtype=torch.float64) @ p / p.sum(0)


@task(points=3)
def moved(answer, seed):
    """Task 5: `answer(sinogram, angles)` is the index of the angle at which the patient had moved."""
    draw = runtime.generator(seed, "hidden scans")
    while True:  # until each usual mistake shows
        scans, right = _hidden_scans(draw)
        mistakes = _moved_mistakes(scans, right)
        if all(result != right for result, *_ in mistakes.values()):
            break
    given = []
    for sinogram, angles in scans:
        number = tensor(call(answer, sinogram, list(angles)))
        if number.numel() != 1:
            raise Wrong(
                f"expected one index, got {number.numel()} numbers",
                "return the index of the largest residual: int(residual.abs().argmax())",
            )
        given.append(number.item())
    if given == right:
        return
    for says, (result, *hints) in mistakes.items():
        if all(abs(a - b) < 1e-3 for a, b in zip(given, result, strict=True)):
            raise Wrong(says, *hints)
    number = next(i for i, (a, b) in enumerate(zip(given, right, strict=True)) if a != b)
    where = {0: ", the first one", len(scans[number][1]) - 1: ", the last one"}.get(right[number], "")
    raise Wrong(
        f"in a scan of {len(scans[number][1])} angles the patient moved at index {right[number]}{where}, "
        f"your function says {given[number]:g}",
        *_FIT_OF_CENTRES,
    )


_FIT_OF_CENTRES = (
    "divide each column by its sum: then it says where the mass lies, not what its factor was",
    "the centre of mass, counted from side // 2, is a cos(angle) + b sin(angle). Two unknowns, many angles: "
    "least squares",
    "torch.linalg.lstsq of the two columns cos and sin; the answer is the angle with the largest residual",
)


def _moved_mistakes(scans, right):
    """{what it looks like: (indices, hint, hint, hint)}."""
    fit = _FIT_OF_CENTRES
    return {
        "this looks at the brightest row of each column, not at its centre of mass": (
            [int(_moved(s.where(s == s.amax(2, keepdim=True), 0), a).argmax()) for s, a in scans],
            "another part of the body can become the brightest one. What do all parts do together?",
            *fit[1:],
        ),
        "a parabola through the centres is no sinusoid": (
            [int(_moved(*case, powers=(0, 1, 2)).argmax()) for case in scans],
            "a point turns on a circle. How does its place on the detector depend on the angle?",
            *fit[1:],
        ),
        "this compares each angle with its neighbours": (
            [_between_neighbours(*case) for case in scans],
            "the first and the last angle have one neighbour only, and neighbours may lie far apart",
            *fit[1:],
        ),
        "this is the angle in degrees": (
            [angles[i] for (_, angles), i in zip(scans, right, strict=True)],
            "the index is asked for: 0, 1, 2, ...",
        ),
        "this counts angles from 1": ([i + 1 for i in right], "Python counts from 0"),
        "this finds the best fit, not the worst": (
            [int(_moved(*case).argmin()) for case in scans],
            "where is the residual largest?",
        ),
        "this looks at the sums of the columns: it finds a column with an odd factor": (
            [int((s[0, 0].sum(0) - s[0, 0].sum(0).mean()).abs().argmax()) for s, _ in scans],
            "a patient who moves keeps the mass: the sum of a column says nothing about its place",
            *fit[:2],
        ),
        "the columns are not divided by their sums": (
            [int(_moved(*case, flicker=True).argmax()) for case in scans],
            *fit,
        ),
        "this finds the centre of mass that lies farthest out": (
            [int((_centres(s) - _centres(s).mean()).abs().argmax()) for s, _ in scans],
            "the centre of mass moves although the patient lies still: the scanner turns. How does it move?",
            *fit[1:],
        ),
        **{
            f"this finds the largest jump between neighbours, at its {end} angle": (
                [int(_centres(s).diff().abs().argmax()) + later for s, _ in scans],
                "a patient who moved and came back makes two jumps",
                *fit[1:],
            )
            for later, end in enumerate(("first", "second"))
        },
        "the angles go into cos and sin in degrees": (
            [int(_moved(*case, unit=1).argmax()) for case in scans],
            "torch.cos takes radians",
            "math.radians",
        ),
        "the angles are doubled": (
            [int(_moved(*case, unit=math.pi / 90).argmax()) for case in scans],
            "half a turn of the scanner is half a period, no whole one",
            "cos(angle), not cos(2 angle)",
        ),
        **{
            f"centres are counted from {what}": (
                [int(_moved(*case, centre=of(case[0])).argmax()) for case in scans],
                "the scanner turns about a row that does not depend on the body. Which one?",
                "subtract side // 2, or fit a constant as well",
            )
            for what, of in {
                "row 0": lambda s: 0,
                "their mean": lambda s: float(_centres(s).mean()),
                "(side - 1) / 2": lambda s: (s.shape[2] - 1) / 2,
            }.items()
        },
        "the angles are taken for evenly spaced": (
            [int(_moved(s, torch.arange(len(a)) * 180 / len(a)).argmax()) for s, a in scans],
            "what does your function do with `angles`?",
            "they are not evenly spaced: cos and sin take each as it is",
        ),
        "only the cosine is fitted": (
            [int(_moved(*case, terms=1).argmax()) for case in scans],
            "a sinusoid has a phase: it takes a cosine and a sine",
            fit[1],
        ),
    }


CAUSES = {
    "holes taken for black": "the network is asked to reproduce pixels that nobody has seen",
    "kernel too wide": "the camera was less blurred than A",
    "A looks aside": "A moves the picture by some pixels, which the camera did not do",
    "loss amplifies noise": "A is right, but the loss enlarges what the noise adds to the data",
    "y has another range": "the observation is not on the scale [0, 1]",
    "too few iterations": "the run was stopped before the picture was there",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations):
    x, sigma = picture("coffee", 48), 5 / 255
    draw = torch.Generator().manual_seed(3)
    kernel = gaussian_kernel(9, 1.0)
    camera = told = Blur(kernel)
    if fault == "kernel too wide":
        told = Blur(gaussian_kernel(15, 2.2))
    if fault == "A looks aside":
        told = Blur(torch.nn.functional.pad(kernel, (6, 0, 0, 0)))
    if fault == "holes taken for black":
        camera, told = Mask((torch.rand(1, 1, 48, 48, generator=draw) < 0.7).float()), Identity()
    y = camera(x)
    y = y + sigma * torch.randn(y.shape, generator=draw) * (camera.mask if isinstance(camera, Mask) else 1)
    if fault == "loss amplifies noise":
        fit, loss_of = (
            bp_dip(y, told, iterations=iterations),
            lambda estimate: told.pinv(told(estimate) - y).square().mean(),
        )
    else:
        fit, loss_of = (
            deep_image_prior(y, told, iterations=iterations),
            lambda estimate: (told(estimate) - y).square().mean(),
        )
    losses, quality = [], []
    with runtime.seeded(0):
        for step in fit:
            losses.append(float(step.loss))
            quality.append(psnr(step.estimate, x))
    return {
        "y": y,
        "sigma": sigma,
        "A": told,
        "loss_of": loss_of,
        "estimate": step.estimate,
        "loss": losses,
        "psnr": quality,
    }


@failing(
    _run,
    A="kernel too wide",
    B="loss amplifies noise",
    C="holes taken for black",
    D="A looks aside",
)
def failing_run(letter, iterations=100):
    """One of the runs of task 6, with which something is wrong.

    Deep image prior for an inverse problem (48x48).

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run.

    Returns:
        Dictionary: y (1,3,48,48), sigma, A (what the run was told), loss_of (the function of a picture that
        it minimised), the last estimate (1,3,48,48), and the lists loss and psnr (dB, of single outputs), one
        entry an iteration.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    truth = "put the truth into A: is A(x) - y noise, with a mean square of sigma squared?"
    refutations = {
        "holes taken for black": ("nothing of its y is missing", "show y: where are its holes?"),
        ("A", "A looks aside"): (
            "its estimate lies in its place",
            "move the estimate by some pixels: does its PSNR rise? estimate.roll((down, right), (2, 3))",
        ),
        ("B", "A looks aside"): ("its A explains the truth up to the noise", truth),
        ("C", "A looks aside"): ("its A moves nothing", "compare A(x) with x"),
        ("B", "kernel too wide"): ("its A explains the truth up to the noise", truth),
        ("C", "kernel too wide"): ("its A does not blur", "compare A(x) with x"),
        ("D", "kernel too wide"): (
            "its estimate is good, but in another place",
            "move the estimate by some pixels: does its PSNR rise? estimate.roll((down, right), (2, 3))",
        ),
        "loss amplifies noise": (
            "its loss at the truth is just the mean square of A(x) - y",
            "compare loss_of(x) with the mean square of A(x) - y",
        ),
        "y has another range": (
            "its y lies where it should",
            "print the smallest and the largest value of y: noise leads a little out of [0, 1]",
        ),
        "too few iterations": ("a run twice as long gains nothing", "failing_run(letter, iterations=200)"),
        "nothing": (
            "a good run of 100 iterations reaches 28 dB here, and this one never comes near",
            "what is the largest PSNR of this run?",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
