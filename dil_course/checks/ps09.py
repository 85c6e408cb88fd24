"""Checks of problem set 09: blind super-resolution."""

import math

import torch
import torch.nn.functional as F

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import (
    Wrong,
    call,
    choose,
    failing,
    match,
    no_autograd,
    parts,
    task,
    tensor,
)
from dil_course.from_scratch.kernel_gan import centre_of_mass
from dil_course.from_scratch.kernel_recurrence import centred as centred_patches
from dil_course.from_scratch.kernel_recurrence import kernel_of
from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    crop,
    enlarge,
    gaussian_kernel,
    luma,
    nearest,
    patches,
    picture,
)

__all__ = [
    "CAUSES",
    "best_critic",
    "causes",
    "centred",
    "collapse",
    "failing_run",
    "photograph",
    "recurring_covariance",
    "restored",
    "sum_gradient",
    "two_worlds",
]


def __dir__():
    return __all__


def photograph(name, side):
    """The middle of a bundled photograph, gray and at half its size (1,1,side,side): sharp in each pixel."""
    return crop(Downsample(2)(luma(picture(name))).clamp(0, 1), side)


def _bicubic_kernel():
    """The kernel (14,14) with which `BlurDownsample(kernel, 2)` is `Downsample(2)`, up to the border."""
    dot = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    dot[..., 7, 7] = 1
    return Downsample(2).adjoint(dot)[0, 0, 8:22, 8:22]


def restored(y, kernel, rounds=20):
    """x (1,1,2h,2w) for y (1,1,h,w) and the kernel of its camera: least squares with a small penalty on x.

    Conjugate gradients on A^T A + 0.001, from the bicubic enlargement; the same for every kernel, so that a
    comparison of the results compares the kernels.
    """
    A = BlurDownsample(kernel, 2)
    x = enlarge(y, A).double()
    residual = A.adjoint(y.double() - A(x))
    direction, size = residual, residual.square().sum()
    for _ in range(rounds):
        if size == 0:
            break
        changed = A.adjoint(A(direction)) + 1e-3 * direction
        step = size / (direction * changed).sum()
        x, residual = x + step * direction, residual - step * changed
        before, size = size, residual.square().sum()
        direction = residual + size / before * direction
    return x.to(y.dtype)


def _chain(draw, channels, sides):
    """Weights of a chain of layers without bias, float64."""
    return [
        torch.randn(after, before, *side, generator=draw, dtype=torch.float64)
        for before, after, side in zip(channels[:-1], channels[1:], sides, strict=True)
    ]


def _collapsed(weights, strides, spread=math.prod, turned=False):
    """One kernel for the chain; `spread` makes of the strides before a layer how far its taps lie apart."""
    kernel = weights[0]
    for number, weight in enumerate(weights[1:], 1):
        weight = weight.flip(2, 3) if turned else weight
        kernel = F.conv_transpose2d(weight, kernel, stride=spread(strides[:number]))
    return kernel


@task(points=3)
def collapse(answer, seed):
    """Task 1: `answer(weights, strides)` is the one kernel that does what the chain of layers does."""
    draw = runtime.generator(seed, "layers")
    for channels, sides, strides in (
        ((1, 3, 2, 1), ((5, 4), (3, 3), (2, 1)), (1, 1, 1)),
        ((2, 3, 2, 4), ((4, 3), (3, 2), (3, 3)), (2, 3, 2)),
        ((1, 4, 1), ((5, 5), (3, 4)), (2, 1)),
        ((3, 2, 2, 1, 1), ((3, 3), (1, 1), (2, 3), (3, 1)), (1, 2, 2, 1)),
    ):
        weights = _chain(draw, channels, sides)
        right = _collapsed(weights, strides)
        given = call(answer, [weight.clone() for weight in weights], list(strides))
        name = f"{len(strides)} layers, strides {', '.join(str(stride) for stride in strides)}"
        hints = (
            "send one tap of the second layer through the first: which pixels of x does it reach?",
            "tap j of the second layer reaches tap k of the first at the pixel j * stride of the first + k",
            "for each pair of channels, add up over the channels between: a full convolution of the two "
            "kernels, F.conv_transpose2d(weight, kernel, stride=product of the strides before)",
        )
        mistakes = _mistakes_of_collapse(weights, strides, right, hints)
        match(name, given, right, mistakes, hints)


def _mistakes_of_collapse(weights, strides, right, hints):
    apart = (
        "after a layer with stride 2, neighbouring numbers come from pixels of x that are 2 apart",
        "the taps of a later layer lie apart by the product of the strides before it: zeros come between",
    )
    mistakes = with_hints(
        (
            (
                "conv2d does not turn its kernel around. Must the result?",
                "what does your kernel do to an image of one bright pixel, and what do the layers do?",
            ),
            {
                "your kernel is turned by 180 degrees": right.flip(2, 3),
                "your later layers are turned around": _collapsed(weights, strides, turned=True),
            },
        ),
        (
            ("which axis of a weight belongs to the channels that come in?", "(out, in, height, width)"),
            {"the channels in and out are exchanged": right.transpose(0, 1)},
        ),
        (
            ("each channel between the layers makes its own contribution", "a sum over all of them"),
            {
                "you use only the first of the channels between": _collapsed(
                    [weights[0][:1], *[weight[:1, :1] for weight in weights[1:-1]], weights[-1][:, :1]],
                    strides,
                )
            },
        ),
        (
            ("does the last layer see x, or what the others made of it?", hints[1]),
            {"the last layer is missing": _collapsed(weights[:-1], strides[:-1])},
        ),
    )
    if max(strides) == 1:
        return mistakes
    spreads = {
        "the strides have no effect on your kernel": lambda before: 1,
        "you spread each layer by the stride of the layer itself": lambda before: strides[len(before)],
        "you spread each layer by the stride of the one before it alone": lambda before: before[-1],
        "you spread each layer by the stride of the first alone": lambda before: before[0],
        "you spread each layer by its own stride as well": lambda before: (
            math.prod(before) * strides[len(before)]
        ),
    }
    return mistakes | with_hints(
        (apart, {says: _collapsed(weights, strides, spread) for says, spread in spreads.items()})
    )


def _sums(weights):
    """A chain's layers as matrices (out,in): each pair's taps added up."""
    return [weight.sum((2, 3)) for weight in weights]


def _product(matrices, size):
    """Of the matrices, the last one first; the identity where there is none."""
    product = torch.eye(size, dtype=torch.float64)
    for matrix in matrices:
        product = matrix @ product
    return product


@task(points=3)
def sum_gradient(answer, seed):
    """Task 2: `answer(weights, number)` is the gradient of |sum of the kernel - 1| by one layer."""
    draw = runtime.generator(seed, "sums")
    for total, channels, number in (
        (1.7, (1, 3, 2, 1), 1),
        (-0.6, (1, 2, 4, 1), 1),
        (0.3, (1, 3, 2, 4, 1), 2),
        (0.6, (1, 3, 2, 1), 0),
        (1.3, (1, 2, 3, 1), 2),
    ):
        weights = _chain(draw, channels, [(3, 2), (1, 3), (2, 2), (3, 3)][: len(channels) - 1])
        weights = [weight + 0.3 for weight in weights]
        sums = _sums(weights)
        weights[-1] = weights[-1] * total / _product(sums, 1)
        with no_autograd():
            given = call(answer, [weight.clone() for weight in weights], number)
        _look_at_sum_gradient(given, weights, number, total)


def _look_at_sum_gradient(given, weights, number, total):
    weight, sums = weights[number], _sums(weights)
    after = _product(sums[number + 1 :], weight.shape[0])  # (1,out)
    before = _product(sums[:number], 1)  # (in,1)
    sign = 1.0 if total > 1 else -1.0
    pairs = after.T @ before.T

    def everywhere(values):
        return values[..., None, None].expand_as(weight)

    right = sign * everywhere(pairs)
    taps = math.prod(weight.shape[2:])
    chain = (
        "the sum of a convolution is the product of the sums: with S_l = weights[l].sum((2, 3)), the kernel "
        "sums to S_L ... S_2 S_1",
        "each tap of layer l is added into S_l, so that all taps of one pair of channels have one gradient: "
        "sign times (the product after l)^T (the product before l)^T",
    )
    absolute = (
        "for a sum below one, should the weights grow or shrink?",
        "the derivative of |s - 1| by s is the sign of s - 1",
    )
    middle = torch.zeros_like(right)
    middle[..., weight.shape[2] // 2, weight.shape[3] // 2] = right[..., 0, 0]
    mistakes = with_hints(
        (
            ("which power of s - 1 is in the term?", absolute[1]),
            {
                "this is the gradient of the square of s - 1": 2 * (total - 1) * everywhere(pairs),
                "your gradient is in proportion to s - 1": (total - 1) * everywhere(pairs),
            },
        ),
        (
            ("does a tap at the corner count less in the sum than the others?", *chain),
            {
                "you share the gradient among the taps": right / taps,
                "only the middle tap has a gradient": middle,
            },
        ),
        (
            ("a gradient has the shape of what it belongs to", *chain),
            {
                "you return one number for each pair of channels": right[..., 0, 0],
                "the channels in and out are exchanged": right.transpose(0, 1),
            },
        ),
    )
    if total < 0:
        mistakes |= with_hints((absolute, {"this is the gradient of the sum itself": everywhere(pairs)}))
    elif total < 1:
        mistakes |= with_hints(
            (absolute, {"you take the sign of the sum, not that of the sum minus one": everywhere(pairs)})
        )
    totals = math.prod(weight.sum().item() for i, weight in enumerate(weights) if i != number)
    mistakes |= with_hints(
        (
            (
                "does the gradient of a product contain the factor by which one derives?",
                *chain,
            ),
            {"the weights themselves stand in your gradient": right * weight},
        ),
        (
            ("the channels between are summed over: a product of matrices, not of numbers", *chain),
            {"you multiply sums over all channels": sign * totals * torch.ones_like(weight)},
        ),
    )
    sides = {
        "the other layers are missing": torch.ones_like(pairs),
        "the layers before this one are missing": after.T.expand_as(pairs),
        "the layers after this one are missing": before.T.expand_as(pairs),
    }
    hints = ("a change of a tap passes through all other layers", *chain)
    mistakes |= with_hints(
        (hints, {says: sign * everywhere(values) for says, values in sides.items() if number})
    )
    match(f"sum {total:g}, layer {number} of {len(weights)}", given, right, mistakes, chain)


@task(points=2)
def best_critic(answer, seed):
    """Task 3: `answer(real, fake)` is (scores, loss) of the best critic of kinds of patches that were
    counted.
    """
    draw = runtime.generator(seed, "kinds")
    for kinds, many, unseen in ((6, 40, False), (9, 12, True), (5, 30, True)):
        real = torch.randint(1, many, (kinds,), generator=draw).double()
        fake = torch.randint(1, 3 * many, (kinds,), generator=draw).double()
        real[1] = fake[2] = 0
        if unseen:
            real[3] = fake[3] = 0
        _look_at_critic(call(answer, real, fake), real, fake)


def _look_at_critic(given, real, fake):
    p, q = real / real.sum(), fake / fake.sum()
    seen = p + q > 0

    def scores(p, q, otherwise=0.5):
        return torch.where(seen, p / (p + q).clamp(min=1e-12), torch.full_like(p, otherwise))

    right = scores(p, q)
    loss = ((p * (right - 1).square()).sum() + (q * right.square()).sum()) / 2
    given_scores, given_loss = parts(given, "scores, loss")
    kind = (
        "take one kind alone: for which D is p (D - 1)^2 + q D^2 least? Set its derivative to zero",
        "p (D - 1) + q D = 0",
    )
    chances = "there may be more fakes than real patches: the loss has the mean of each, not the sum"
    mistakes = with_hints(
        (
            (chances, "p = real / real.sum(), and the same for q"),
            {"you take the counts as they are": scores(real, fake)},
        ),
        (
            ("which patches should have a score near one?", *kind),
            {"real and fake are exchanged": scores(q, p)},
        ),
        (
            ("the errors are squared here: between 0 and 1, a score in between is better", *kind),
            {"this decides for the more frequent one, as absolute errors would": (p > q).double()},
        ),
        (
            ("what does nobody's patch add to the loss? The task says which score it has", *kind),
            {
                "a kind that nobody has seen gets 0": scores(p, q, 0.0),
                "a kind that nobody has seen gets 1": scores(p, q, 1.0),
            },
        ),
        (
            ("is it between 0 and 1?", *kind),
            {
                "this is the ratio of the chances": torch.where(q > 0, p / q.clamp(min=1e-12), 1e12),
                "this is the difference of the chances": p - q,
                "this is the share of the real ones, whatever the fakes are": p,
            },
        ),
    )
    match(f"scores of {len(p)} kinds", given_scores, right, mistakes, kind)
    inside = right.clamp(1e-12, 1 - 1e-12)
    about = (
        "put your scores into the loss of the task",
        "half of the mean of (D - 1)^2 over the real patches, half of the mean of D^2 over the fakes",
    )
    mistakes = with_hints(
        (
            about,
            {
                "one half is missing in your loss": 2 * loss,
                "this is the generator's loss": (q * (right - 1).square()).sum(),
                "your loss has the fakes alone": (q * right.square()).sum() / 2,
                "your loss has the real patches alone": (p * (right - 1).square()).sum() / 2,
                "your loss has logarithms": -(p * inside.log() + q * (1 - inside).log()).sum() / 2,
                "your loss is a plain mean over the kinds": (right * (1 - right)).mean() / 2,
            },
        ),
        (
            (chances, *about),
            {
                "your loss adds up counts": (
                    (real * (right - 1).square()).sum() + (fake * right.square()).sum()
                )
                / 2,
                "your loss is a mean over all patches together": (
                    (real * (right - 1).square()).sum() + (fake * right.square()).sum()
                )
                / (real.sum() + fake.sum()),
            },
        ),
    )
    match("loss", given_loss, loss, mistakes, about)


def _moved(kernel, down, right):
    """A kernel (height,width) moved by parts of a pixel, by a phase in the Fourier domain."""
    rows, columns = (torch.fft.fftfreq(side, dtype=torch.float64) for side in kernel.shape)
    phase = torch.exp(-2j * torch.pi * (rows[:, None] * down + columns[None, :] * right))
    return torch.fft.ifft2(torch.fft.fft2(kernel) * phase).real


def _apart(a, b):
    """The norm of the difference, as a share of the norm of b."""
    return ((a - b).norm() / b.norm()).item()


def _variance(kernel):
    """The mean of the variances along rows and columns, in pixels^2."""
    centre, places = centre_of_mass(kernel), [torch.arange(side).double() for side in kernel.shape]
    rows, columns = ((place - middle).square() for place, middle in zip(places, centre, strict=True))
    return ((kernel.sum(1) @ rows + kernel.sum(0) @ columns) / kernel.sum() / 2).item()


def _lopsided(shape, place, draw):
    """A smooth kernel (height,width) without symmetry, of sum one, with its centre of mass at a place."""
    away = 1 + torch.rand(2, generator=draw, dtype=torch.float64)
    rows, columns = (torch.arange(side, dtype=torch.float64) for side in shape)
    kernel = torch.zeros(shape, dtype=torch.float64)
    for weight, times in ((0.7, -0.3), (0.3, 0.7)):  # both together: their centre of mass is the place
        row, column = (place[i] + times * (2.5 + away[i].item()) * (-1, 1)[i] for i in (0, 1))
        blob = torch.exp(-((rows[:, None] - row) ** 2 + (columns[None, :] - column) ** 2) / (2 * 1.3**2))
        kernel += weight * blob / blob.sum()
    return kernel


@task(points=2)
def centred(answer, seed):
    """Task 4: `answer(kernel)` is the kernel, moved until its centre of mass lies in the array's middle."""
    draw = runtime.generator(seed, "shifts")
    for shape, off in (((21, 19), (1.3, -0.8)), ((20, 24), (-0.7, 0.4)), ((18, 21), (0.3, 1.8))):
        chance = 0.1 * torch.rand(2, generator=draw).double()
        middle = [(side - 1) / 2 for side in shape]
        off = [o + c.item() for o, c in zip(off, chance, strict=True)]
        kernel = _lopsided(shape, [m + o for m, o in zip(middle, off, strict=True)], draw)
        given = tensor(call(answer, kernel))
        given = given.reshape(shape) if given.squeeze().shape == kernel.shape else given
        _look_at_centred(given, kernel, middle)


def _look_at_centred(given, kernel, middle):
    name = f"{kernel.shape[0]} x {kernel.shape[1]}"
    where = "number the pixels of a side from 0. Their middle is at (side - 1) / 2: also between two of them"
    move = (
        "a move by 1.3 pixels to the right is a move by 1 and a move by 0.3; the latter is 0.7 times the "
        "kernel plus 0.3 times the kernel one pixel further",
        "by linear interpolation, or by a phase in the Fourier domain, as `centred_kernel` of the library",
    )
    if given.shape != kernel.shape:
        raise Wrong(
            f"your result has the shape {tuple(given.shape)}, expected {tuple(kernel.shape)}",
            "the array stays, the kernel moves in it",
            *move,
        )
    if abs(given.sum() - 1) > 1e-3:
        raise Wrong(
            f"{name}: your kernel sums to {given.sum():.3f}, not to one",
            "does your interpolation lose or add brightness?",
            *move,
        )
    down, right = (
        m - c for m, c in zip(middle, centre_of_mass(kernel).tolist(), strict=True)
    )  # the move that is right
    left = [m - c for m, c in zip(middle, centre_of_mass(given).tolist(), strict=True)]
    reached = f"{name}: your centre of mass is {max(abs(a) for a in left):.2f} pixels from the middle"
    if max(abs(a) for a in left) <= 0.05:
        _look_at_form(given, kernel, name, _moved(kernel, down, right), move)
        print(f"{name + ':':24} centre of mass in the middle, form kept: True")
        return
    peak = divmod(kernel.argmax().item(), kernel.shape[1])
    for says, moved, *hints in (
        ("the kernel has not moved", (0, 0), where, *move),
        (
            "it moved the wrong way",
            (-down, -right),
            "how far from the middle was it before? And now?",
            "move by the middle minus the centre of mass",
        ),
        ("only its rows have moved", (down, 0), "a kernel has two directions", *move),
        ("only its columns have moved", (0, right), "a kernel has two directions", *move),
        (
            "rows and columns are exchanged",
            (right, down),
            "centre_of_mass returns the row first",
            *move,
        ),
        (
            "it moved by whole pixels only",
            (round(down), round(right)),
            "half a pixel of the kernel is half a pixel of the whole image",
            *move,
        ),
        (
            "it moved by whole pixels only",
            (math.floor(down), math.floor(right)),
            "half a pixel of the kernel is half a pixel of the whole image",
            *move,
        ),
        (
            "it moved by whole pixels only",
            (int(down), int(right)),
            "half a pixel of the kernel is half a pixel of the whole image",
            *move,
        ),
        (
            "you take the pixel `side // 2` as the middle",
            (down - middle[0] + kernel.shape[0] // 2, right - middle[1] + kernel.shape[1] // 2),
            where,
        ),
        (
            "you take `side / 2` as the middle",
            (down + 0.5, right + 0.5),
            where,
        ),
        (
            "you take `side // 2 - 1` as the middle",
            (down - middle[0] + kernel.shape[0] // 2 - 1, right - middle[1] + kernel.shape[1] // 2 - 1),
            where,
        ),
        (
            "the largest value is in the middle, not the centre of mass",
            (middle[0] - peak[0], middle[1] - peak[1]),
            "what shifts an image is where the brightness goes on average",
            "centre_of_mass(kernel)",
        ),
        (
            "the largest value is in the middle, not the centre of mass",
            (kernel.shape[0] // 2 - peak[0], kernel.shape[1] // 2 - peak[1]),
            "what shifts an image is where the brightness goes on average",
            "centre_of_mass(kernel)",
        ),
    ):
        if (
            all(abs(a - (b - c)) < 0.03 for a, b, c in zip(left, (down, right), moved, strict=True))
            and _apart(given, _moved(kernel, *moved)) < 0.15
        ):
            raise Wrong(f"{reached}: {says}", *hints)
    raise Wrong(reached, where, *move)


def _look_at_form(given, kernel, name, right, move):
    """Whether the kernel was moved and not replaced. Any interpolation will do."""
    if _apart(given, right) <= 0.15:
        return
    wider = _variance(given) - _variance(kernel)
    mirror = (kernel + kernel.flip(0, 1)) / 2
    if _apart(given, mirror) < 0.05:
        raise Wrong(
            f"{name}: you average the kernel with its mirror image, which has another form",
            "its centre is in the middle, but is it still the blur of this camera?",
            *move,
        )
    for says, flipped in {
        "upside down": right.flip(0),
        "mirrored left to right": right.flip(1),
        "turned by 180 degrees": right.flip(0, 1),
    }.items():
        if _apart(given, flipped) < 0.15:
            raise Wrong(f"{name}: your kernel is {says}", "which of your steps flips it?", *move)
    if wider > 0.3:
        raise Wrong(
            f"{name}: your kernel has become wider, by a variance of {wider:.1f} pixels^2 a side",
            "each interpolation blurs a little. How many do you make?",
            *move,
        )
    raise Wrong(
        f"{name}: the centre of mass is right, and the kernel has lost its form",
        "a move keeps the form. Show your kernel beside the one that came",
        *move,
    )


@task(points=2)
def recurring_covariance(answer, seed):
    """Task 5: `answer(camera, own, scale)` is the covariance (2,2) of the blur with which y, made smaller
    once more, looks like y.
    """
    draw = runtime.generator(seed, "blurs")
    for scale, own_size in ((2, 0.5), (3, 0.3), (4, 0.0)):
        camera, own = (_covariance(draw) for _ in range(2))
        own = own_size * own
        right = (camera + own) * (1 - 1 / scale**2)
        y = (camera + own) / scale**2
        equation = (
            "in pixels of y, its blur has the covariance (camera + own) / scale^2. What is added to it, and "
            "what does making it smaller once more do to the sum?",
            "(blur of y + k') / scale^2 = blur of y. Solve for k'",
            "k' = (scale^2 - 1) times the blur of y",
        )
        mistakes = with_hints(
            (
                ("a covariance has the unit pixel^2", *equation[1:]),
                {"you divide by the scale, not by its square": (camera + own) * (1 - 1 / scale)},
            ),
            (
                ("k' blurs y: it is counted in pixels of y, and so is the blur of y", *equation[1:]),
                {
                    "this is counted in the pixels of x": (camera + own) * (scale**2 - 1),
                    "this is all the blur of y once more": camera + own,
                },
            ),
            (
                ("which blur was in y before k' came?", *equation[:2]),
                {
                    "this is the blur of y": y,
                    "the sign of 1 / scale^2 is wrong": (camera + own) * (1 + 1 / scale**2),
                    "your equation is solved upside down": (camera + own) / (scale**2 - 1),
                    "this is the camera, as if y had no blur left over": camera,
                    "you take away too much: both are divided by the square of the scale": (camera + own)
                    / (1 - 1 / scale**2),
                },
            ),
        )
        if own_size:
            mistakes |= with_hints(
                (
                    ("the patches of y carry all the blur there is", *equation[:2]),
                    {
                        "the blur of the scene itself is missing": camera * (1 - 1 / scale**2),
                        "only the camera's blur is made smaller": camera * (1 - 1 / scale**2) + own,
                        "the blur of the scene is not made smaller": (camera / scale**2 + own)
                        * (scale**2 - 1),
                        "the blur of the scene is taken away": (camera - own) * (1 - 1 / scale**2),
                    },
                )
            )
        match(f"scale {scale}", call(answer, camera, own, scale), right, mistakes, equation)


def _covariance(draw):
    """A random covariance matrix (2,2), of about one pixel^2."""
    root = torch.randn(2, 2, generator=draw, dtype=torch.float64)
    return root @ root.T / 2 + 0.3 * torch.eye(2, dtype=torch.float64)


CAUSES = {
    "kernel not centred": "the kernel lies beside the middle of its array",
    "flat patches": "the patches that were searched for come from where there is nothing to see",
    "patches too large": "the patches are so large that none of them recurs",
    "not made smaller": "y was blurred, and compared with itself at the same size",
    "noisy y": "y has noise, which the truth as seen through the camera has not",
    "not the least": "another kernel that was tried has a smaller error",
    "nothing": "the run is as it should be",
}
SIGMAS, ANGLES = (0.5, 0.8, 1.2, 1.8, 2.6), (0, 45, 90, 135)  # of the first kernels that are tried
COUNT = 300  # patches that are searched for


def _least(error):
    """(log across, log along, angle) with the least error: on a grid, then from neighbour to neighbour."""
    logs = [math.log(sigma) for sigma in SIGMAS]
    grid = [(a, b, angle) for a in logs for b in logs for angle in ANGLES if a < b or a == b and not angle]
    best = min(grid, key=lambda place: error(*place))
    for step in (0.2, 0.1):
        moves = [(step, 0, 0), (0, step, 0), (0, 0, 100 * step)]
        while True:
            places = [best]
            for move in moves:
                places += [tuple(a + sign * b for a, b in zip(best, move, strict=True)) for sign in (-1, 1)]
            places = [place for place in places if math.log(0.3) <= min(place[:2]) and max(place[:2]) < 1.25]
            nearer = min(places, key=lambda place: error(*place))
            if nearer == best:
                break
            best = nearer
    return best


def _run(fault):
    x, camera = photograph("camera", 192), gaussian_kernel(14, (2.5, 1.0), angle=45)
    y = BlurDownsample(camera, 2)(x)
    size = 15 if fault == "patches too large" else 5
    rows = centred_patches(patches(y, size))
    variances = rows.square().mean(1)
    draw = runtime.generator(0, "patches of task 6")
    if fault == "flat patches":
        chosen = variances.argsort()[: 5 * COUNT : 5]
    else:
        chosen = torch.multinomial(variances, COUNT, generator=draw)
    queries, errors = rows[chosen], {}

    def smaller(kernel):
        return BlurDownsample(kernel, 1 if fault == "not made smaller" else 2)(y)

    def error(across, along, angle):
        key = (round(math.exp(across), 3), round(math.exp(along), 3), round(angle % 180))
        if key not in errors:
            database = centred_patches(patches(smaller(kernel_of(across, along, angle)), size))
            distances, _ = nearest(queries, database)
            errors[key] = float((distances[:, 0] / queries.square().mean(1).sqrt()).mean())
        return errors[key]

    found = _least(error)
    kernel = kernel_of(*found)
    run = {"truth": x, "y": y, "camera": camera, "errors": errors, "smaller": smaller(kernel)}
    run["kernel"] = kernel.roll((1, 1), (0, 1)) if fault == "kernel not centred" else kernel
    run["found"] = min(errors, key=errors.get)
    run["patches"] = patches(y, size)[chosen].view(COUNT, 1, size, size)
    run |= {"estimate": restored(y, run["kernel"]), "with bicubic": restored(y, _bicubic_kernel())}
    return run


@failing(_run, A="flat patches", B="kernel not centred", C="not made smaller", D="patches too large")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    The search for the Gaussian kernel under which the patches of y recur in a smaller version of y.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth (1,1,192,192), y (1,1,96,96); camera and kernel (14,14), the true kernel and the
        estimate; patches (300,1,size,size), those of y that were searched for; smaller (1,1,h,w), the version
        of y in which they were searched for, at the kernel that was found; errors {(across, along, angle):
        error} of all kernels that were tried, by their two standard deviations and the angle; found, these
        three of the kernel; estimate and "with bicubic" (1,1,192,192), y restored with the kernel and with
        that of bicubic downsampling.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "kernel not centred": (
            "the centre of mass of its kernel is where it should be, at 6.5",
            "compute centre_of_mass(r['kernel'])",
        ),
        "flat patches": (
            "its patches have edges",
            "print the mean standard deviation of r['patches'] beside that of the other runs",
        ),
        "patches too large": (
            "its patches have 5 pixels a side, as in a good run",
            "print r['patches'].shape",
        ),
        "not made smaller": (
            "the version of y in which it searched has half the sides of y",
            "print r['smaller'].shape and r['y'].shape",
        ),
        "noisy y": (
            "the truth as seen through the camera is y, to the last digit",
            "BlurDownsample(r['camera'], 2)(r['truth']) - r['y']",
        ),
        "not the least": (
            "of all the kernels that it tried, it found the one with the least error",
            "compare min(r['errors'], key=r['errors'].get) with r['found']",
        ),
        "nothing": (
            "a good run gains more than 2 dB over the kernel of bicubic downsampling, and this one loses",
            "compute the PSNR of r['estimate'] and of r['with bicubic']",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def two_worlds(seed=0):
    """The open question's y (1,1,96,96), and two worlds that make it.

    Returns:
        (y, worlds): worlds is a dictionary {name: (truth (1,1,192,192), kernel)}, and y is what
        `BlurDownsample(kernel, 2)` makes of the truth in either of them.
    """
    x = photograph(("camera", "astronaut", "coffee")[seed % 3], 192)
    own, narrow = gaussian_kernel(9, 1.2), gaussian_kernel(14, (1.6, 0.8), angle=(30, 60, 120)[seed % 3])
    wide = F.conv_transpose2d(own[None, None], narrow[None, None])[0, 0]
    worlds = {"sharp scene, wide kernel": (x, wide), "soft scene, narrow kernel": (Blur(own)(x), narrow)}
    return BlurDownsample(wide, 2)(x), worlds
