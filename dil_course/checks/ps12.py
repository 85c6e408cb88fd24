"""Checks of problem set 12: adapting a trained denoiser to one picture."""

import functools
import math

import torch
from torch import nn
from torch.nn import functional as F

from dil_course import runtime
from dil_course.adaptation import free
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, close, failing, match, parts, task, tensor
from dil_course.fitting import Engine
from dil_course.fitting.risks import probe, sure
from dil_course.from_scratch.zero_shot_sr import turn, turn_back
from dil_course.networks.trained import trained
from dil_course.signals import BlurDownsample, Downsample, gaussian_kernel, luma, picture

__all__ = [
    "CAUSES",
    "adaptation_pairs",
    "best_gains",
    "causes",
    "cloth",
    "failing_run",
    "idbp_round",
    "with_gains",
    "worth_it",
]


def __dir__():
    return __all__


def _small_networks(draw):
    """Two stacks of convolutions in training mode, their batch norms with statistics and weights of their
    own.
    """
    with runtime.seeded(int(torch.randint(2**31, (), generator=draw))):
        stacks = (
            nn.Sequential(
                *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()),
                *(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
                nn.Conv2d(4, 2, 3, padding=1),
            ),
            nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()), nn.Conv2d(3, 3, 1)),
        )
        for network in stacks:
            for module in network:
                if isinstance(module, nn.BatchNorm2d):
                    for values in (module.running_var, module.weight.data, module.bias.data):
                        values.uniform_(0.5, 1.5)
                    module.running_mean.uniform_(-0.3, 0.3)
                elif isinstance(module, nn.Conv2d) and module.bias is not None:
                    module.bias.data.uniform_(0.2, 0.6)
            network[-1].bias.data[:2] += torch.tensor([-1.0, 1.0])  # the result leaves [0,1]
    return [network.double() for network in stacks]


def _gained(
    network,
    gains,
    x,
    weighted=lambda w, g: w * g[:, None, None, None],
    bias=lambda b, g: b,
    batch=False,
    behind=False,
):
    """What the network makes of x with a gain for each output channel of each convolution; the rest are the
    mistakes of task 1.
    """
    gains, waiting = iter(gains), None
    for module in network:
        if isinstance(module, nn.Conv2d):
            waiting = next(gains)
            weight = module.weight if behind else weighted(module.weight, waiting)
            x = F.conv2d(
                x, weight, None if module.bias is None else bias(module.bias, waiting), padding=module.padding
            )
        elif isinstance(module, nn.BatchNorm2d):
            x = F.batch_norm(
                x,
                None if batch else module.running_mean,
                None if batch else module.running_var,
                module.weight,
                module.bias,
                batch,
            )
        else:
            x = F.relu(x) * (waiting[:, None, None] if behind else 1)
            waiting = None
    return x if not behind or waiting is None else x * waiting[:, None, None]


def _state_of(network):
    """All that an answer must leave as it is: numbers, the mode of each module, and who may learn."""
    numbers = {name: values.clone() for name, values in network.state_dict().items()}
    return (
        numbers,
        [module.training for module in network.modules()],
        [p.requires_grad for p in network.parameters()],
    )


def _check_untouched(network, before):
    numbers, modes, learn = _state_of(network)
    copied = (
        "whoever called you wants to use this network again, for the next picture",
        "work on a copy: copy.deepcopy(network)",
    )
    if numbers.keys() != before[0].keys():
        raise Wrong("the network that was given has other parts now", *copied)
    changed = [name for name in numbers if not torch.equal(numbers[name], before[0][name])]
    if changed and all("running" in name or "tracked" in name for name in changed):
        statistics = ("in training mode each call of a batch norm moves its statistics", *copied)
        raise Wrong("the statistics in the batch norm of the given network have moved", *statistics)
    if changed:
        raise Wrong(f"the network that was given has changed: its {changed[0]}", *copied)
    if modes != before[1]:
        raise Wrong(
            "the network that was given is in another mode now",
            "`.eval()` changes the network that it is called on",
            *copied,
        )
    if learn != before[2]:
        raise Wrong(
            "other weights of the given network may learn now",
            "`requires_grad_` changes the network that it is called on",
            *copied,
        )


@task(points=3)
def with_gains(answer, seed):
    """Task 1: `answer(network, gains)` is a function of x: the network, the weights of each output channel
    times its gain.
    """
    draw = runtime.generator(seed, "gains")
    for network, channels in zip(_small_networks(draw), (1, 3), strict=True):
        x = torch.rand(1, channels, 9, 8, generator=draw, dtype=torch.float64)
        widths = [module.out_channels for module in network if isinstance(module, nn.Conv2d)]
        gains = [
            (0.4 + 1.2 * torch.rand(width, generator=draw, dtype=torch.float64)).requires_grad_()
            for width in widths
        ]
        before, values = _state_of(network), [gain.detach().clone() for gain in gains]
        f = call(answer, network, gains)
        if f is not None and not callable(f):
            raise Wrong(
                f"expected a function of a picture, got {type(f).__name__}",
                "define f(x) inside of your function, and return f",
                "return f",
            )
        given = call(f, x) if f is not None else None
        _check_untouched(network, before)
        if any(not torch.equal(gain, value) for gain, value in zip(gains, values, strict=True)):
            raise Wrong("the gains that were given have changed", "Adam changes them, and nobody else")
        match(
            f"{len(widths)} convolutions",
            given,
            _gained(network, gains, x),
            _gain_mistakes(network, gains, x),
            _GAIN_HINTS,
        )
        if not isinstance(given, torch.Tensor) or not given.requires_grad:
            raise Wrong("no gradient reaches the gains", *_GRADIENT_HINTS)
        slopes = torch.autograd.grad(given.square().sum(), gains, allow_unused=True)
        if any(slope is None for slope in slopes):
            lost = [number for number, slope in enumerate(slopes) if slope is None]
            where = "" if len(lost) == len(slopes) else f" of convolution {lost[0]}"
            raise Wrong(f"no gradient reaches the gains{where}", *_GRADIENT_HINTS)
        with torch.no_grad():
            for gain in gains:
                gain *= 1.3
        try:
            again = tensor(call(f, x))
        except Wrong as problem:
            raise Wrong(f"at its second call {problem.says}", *_SECOND_CALL) from problem
        if not close(again, _gained(network, gains, x)):
            says = "the function does not follow its gains when a step of Adam changes them"
            raise Wrong(
                says,
                "when are the weights multiplied: once, or at each call?",
                "multiply inside of f(x), not before it",
            )
        _check_untouched(network, before)


_GAIN_HINTS = (
    "what is changed: numbers of the picture, or weights of a convolution?",
    "conv.weight has the shape (outputs, inputs, 3, 3): gain[:, None, None, None] * conv.weight",
    "torch.func.functional_call(copy, {'0.weight': ..., '2.weight': ...}, (x,)) computes with other "
    "weights, and changes none",
)
_SECOND_CALL = (
    "your f is called once for each step of Adam. What does the first call use up?",
    "an iterator, such as iter(gains), ends: make it inside of f(x)",
)
_GRADIENT_HINTS = (
    "the gains are what shall learn. Which step cuts them off from the result?",
    "`.data`, `.detach()`, `.item()`, `torch.no_grad()` and a new nn.Parameter cut. gain * weight does not",
    _GAIN_HINTS[2],
)


def _gain_mistakes(network, gains, x):
    statistics = (
        "which mean does a batch norm take off: that of the training, or that of this picture?",
        "copy.eval()",
    )
    where = ("only the weights of the convolutions are multiplied", *_GAIN_HINTS[1:])
    mistakes = {
        "the gains are not used": (_gained(network, [torch.ones_like(g) for g in gains], x), *_GAIN_HINTS),
        "batch norm takes the statistics of this one picture": (
            _gained(network, gains, x, batch=True),
            *statistics,
        ),
        "the biases are multiplied, too": (_gained(network, gains, x, bias=lambda b, g: b * g), *where),
        "the gains come behind the batch norm or the ReLU": (_gained(network, gains, x, behind=True), *where),
        "the gains are added": (
            _gained(network, gains, x, weighted=lambda w, g: w + g[:, None, None, None]),
            "a gain of 1 changes nothing",
            *_GAIN_HINTS[1:],
        ),
        "the gains are used twice": (
            _gained(network, [g**2 for g in gains], x),
            "does something multiply in place, at each call?",
            *_GAIN_HINTS[1:],
        ),
        "the gains are used upside down": (
            _gained(network, [1 / g for g in gains], x),
            "a gain of 2 makes a channel stronger",
            _GAIN_HINTS[1],
        ),
        "only the first convolution gets its gains": (
            _gained(network, [g if number == 0 else torch.ones_like(g) for number, g in enumerate(gains)], x),
            "`gains` has one tensor for each convolution",
            "go through network, and take the next gain at each nn.Conv2d",
        ),
        "the last convolution is left as it is": (
            _gained(network, [*gains[:-1], torch.ones_like(gains[-1])], x),
            "`gains` has one tensor for each convolution",
            "go through network, and take the next gain at each nn.Conv2d",
        ),
    }
    if len(gains) == 2:  # where convolutions have as many inputs as outputs, gains fit both ways
        mistakes["the gains are given to the input channels"] = (
            _gained(network, gains, x, weighted=lambda w, g: w * g[:, None, None]),
            "which axis of conv.weight counts the outputs?",
            *_GAIN_HINTS[1:],
        )
        mistakes["the convolutions get one another's gains"] = (
            _gained(network, gains[::-1], x),
            "in which order do they stand?",
            _GAIN_HINTS[1],
        )
    return mistakes


@task(points=3)
def best_gains(answer, seed):
    """Task 2: `answer(parts, divergences, sigma)` are the gains g with the least SURE of f(y) = y - sum of
    g_k parts_k.
    """
    draw = runtime.generator(seed, "parts")
    for count, channels in ((3, 1), (2, 3)):
        sigma = 0.3 + 0.3 * torch.rand((), generator=draw).item()
        shared = torch.randn(1, channels, 9, 8, generator=draw, dtype=torch.float64)
        parts = sigma * (
            0.7 * shared + 0.5 * torch.randn(count, channels, 9, 8, generator=draw, dtype=torch.float64)
        )
        parts[1] *= -1  # a divergence may be negative
        numbers = parts[0].numel()
        rows = parts.flatten(1)
        inner, power = rows @ rows.T, sigma**2
        # One gain above one and one below zero: who keeps them between is not right.
        right = torch.tensor([1.4, -0.3, 0.5], dtype=torch.float64)[:count]
        right = right + 0.2 * torch.rand(count, generator=draw, dtype=torch.float64)
        divergences = inner @ right / power
        derive = (
            "write SURE of f as a function of g. It is a parabola: where is its derivative zero?",
            "|sum g_k r_k|^2 - 2 sigma^2 sum g_k div r_k, up to a constant. The derivative by g_k mixes r_k "
            "with all parts",
            "solve M g = sigma^2 d, with M[k, l] the sum of r_k r_l over all numbers, and d the divergences",
        )
        scale = (
            "is one side a sum over the picture, and the other a mean?",
            "both sums, or both divided by C H W",
            derive[2],
        )
        mistakes = {
            "each part is treated as if it were alone": (
                power * divergences / inner.diagonal(),
                "two parts that say the same must not both be taken off in full",
                *derive[1:],
            ),
            "sigma is not squared": (right / sigma, "the price of SURE has the noise's variance", derive[2]),
            "sigma is missing": (right / power, "does it not matter how strong the noise is?", *derive[1:]),
            "this divides the divergences by n, and adds up the squares": (right / numbers, *scale),
            "this averages the squares, and not the divergences": (right * numbers, *scale),
            "this takes the divergences for those of f": (
                torch.linalg.solve(inner, power * (numbers - divergences)),
                "the divergences that you get are those of the parts",
                "div f = n - sum g_k div r_k",
                derive[2],
            ),
            "the price of letting noise through is missing": (
                torch.zeros_like(right),
                "without a price, f(y) = y is nearest to y",
                *derive[1:],
            ),
            "the equations are multiplied, not solved": (
                inner @ (power * divergences),
                "M g = b: g is looked for",
                "torch.linalg.solve(M, b)",
            ),
            "each entry of the matrix is inverted by itself": (
                (1 / inner) @ (power * divergences),
                "the inverse of a matrix is not that of its entries",
                "torch.linalg.solve(M, b)",
            ),
            "the gains are made to add up to one": (
                right / right.sum(),
                "nothing asks them to",
                "leave them as the equations give them",
            ),
        }
        if channels > 1:
            mistakes["this counts the pixels, and forgets that each has several channels"] = (
                right * channels,
                *scale,
            )
        match(
            f"{count} parts, {channels} channels",
            call(answer, parts, divergences, sigma),
            right,
            mistakes,
            derive,
        )


@task(points=2)
def adaptation_pairs(answer, seed):
    """Task 3: `answer(x, sigma, windows, side, generator)` is (sources, targets): windows of x with fresh
    noise, and without.
    """
    draw = runtime.generator(seed, "adaptation pairs")
    for channels, side, sigma in ((3, 12, 0.08), (1, 16, 0.15)):
        x = torch.rand(1, channels, 40, 33, generator=draw)
        # Rows and columns may be exchanged: all windows fit in. So many that the noise's shape can be judged.
        corners = torch.randint(33 - side, (29, 2), generator=draw).tolist()
        windows = [(top, left, number % 8) for number, (top, left) in enumerate(corners, 1)]
        windows += [(3, 7, 5), (3, 7, 5), (9, 2, 6)]
        calls = []
        for _ in range(2):
            generator = torch.Generator().manual_seed(seed)
            for _ in range(2):
                given = call(answer, x, sigma, windows, side, generator)
                calls.append(_two_batches(given, len(windows)))
        (sources, targets), (later, _), (repeated, _), _ = calls
        right = _cut(x, windows, side)
        mistakes, hints = _target_mistakes(x, windows, side, sigma, sources, targets, right)
        match(f"{channels} channels, targets", targets, right, mistakes, hints)
        elsewhere = {
            "your targets are turned, your sources are not": _cut(x, windows, side, lambda z, number: z),
            "sources and targets are turned in different directions": _cut(x, windows, side, turn_back),
            "your sources are turned twice": _cut(x, windows, side, lambda z, n: turn(turn(z, n), n)),
        }
        _look_at_noise(sources, right, sigma, windows, elsewhere)
        if torch.equal(later, sources):
            says = "the next call gives the same noise"
            raise Wrong(
                says,
                "a network would soon know it by heart",
                "take your random numbers from `generator`, and do not seed it",
            )
        if not torch.equal(sources, repeated):
            says = "generators of the same seed give other noise"
            raise Wrong(
                says,
                "nobody could repeat such a run. Where do your random numbers come from?",
                "torch.randn(shape, generator=generator)",
            )


def _cut(x, windows, side, turning=turn):
    return torch.cat(
        [turning(x[..., top : top + side, left : left + side], number) for top, left, number in windows]
    ).double()


def _two_batches(given, count):
    # A list of windows (1,C,side,side) or (C,side,side) will do as well.
    batches = [
        _joined([tensor(one) for one in part]) if isinstance(part, list) and part else tensor(part)
        for part in parts(given, "sources, targets")
    ]
    if batches[0].shape != batches[1].shape or batches[0].ndim != 4 or len(batches[0]) != count:
        shapes = " and ".join(str(tuple(part.shape)) for part in batches)
        raise Wrong(
            f"your batches have the shapes {shapes}",
            f"two batches of {count} windows: (N,C,side,side)",
            "torch.cat of the windows",
        )
    return batches


def _joined(windows):
    try:
        return torch.stack(windows) if windows[0].ndim == 3 else torch.cat(windows)
    except RuntimeError as problem:
        shapes = ", ".join(str(tuple(window.shape)) for window in windows)
        raise Wrong(
            f"the windows of one batch have the shapes {shapes}", "each window is (1,C,side,side)"
        ) from problem


def _target_mistakes(x, windows, side, sigma, sources, targets, right):
    """What wrong targets look like, and what to say where nothing is recognized."""
    aim = "what should the network learn to give back?"
    if targets.shape == right.shape and not torch.equal(targets, right):
        rest = targets - right
        if torch.allclose(sources, right, atol=1e-5):
            raise Wrong(
                "sources and targets are exchanged",
                aim,
                "the network gets the noise, and is to find the window without it",
            )
        if torch.allclose(targets, sources):
            raise Wrong(
                "your targets are your sources",
                "what does a network learn that may copy its input?",
                "noise for the sources alone",
            )
        if 0.3 * sigma < rest.std() < 1.7 * sigma:
            raise Wrong("your targets are noisy, too", aim, "noise for the sources alone")
    together = "show both, side by side: do their edges lie in the same places?"
    return {
        "your targets are not turned": (
            _cut(x, windows, side, lambda z, number: z),
            "what is `number` for?",
            "turn(window, number), for both",
        ),
        "your targets are turned in the other direction": (
            _cut(x, windows, side, turn_back),
            "turn(window, number), for both",
        ),
        "rows and columns of your windows are exchanged": (
            _cut(x, [(left, top, number) for top, left, number in windows], side),
            "a window is (top, left, number), and `top` counts rows",
            "x[..., rows, columns]",
        ),
        "all your windows are the first one": (
            right[:1].expand_as(right),
            "does your loop use its own window?",
            "for top, left, number in windows",
        ),
    }, (
        "a window of x, turned, and nothing else",
        together,
        "turn(x[..., top : top + side, left : left + side], number)",
    )


def _look_at_noise(sources, right, sigma, windows, elsewhere):
    """Raise Wrong where sources - targets is not fresh Gaussian noise of standard deviation sigma.

    `elsewhere`: {what it looks like: windows}.
    """
    noise = sources - right
    fresh = (
        "noise of one window says nothing about another, not even of the same place",
        "torch.randn(targets.shape, generator=generator)",
    )
    if not noise.any():
        raise Wrong(
            "your sources have no noise", "what is there to remove?", "sources = targets + sigma * noise"
        )
    together = (
        "a window and its target show the same thing, and look the same way",
        "cut and turn first, then add noise to the result",
    )
    if noise.std() > 2 * sigma:
        for says, wrong in elsewhere.items():
            if (sources - wrong).std() < 1.7 * sigma:
                raise Wrong(says, *together)
        if _correlation(noise, right).abs() > 0.3:
            raise Wrong("your sources show something else than your targets", *together)
    not_zero = ("your noise is not zero in the mean", "is a constant in it? torch.rand is never negative")
    if noise.mean().abs() > 0.4 * noise.std():
        raise Wrong(*not_zero, "torch.randn")
    if (sources == 0).any() and (sources == 1).any():
        says = "your sources are clipped to [0,1]"
        raise Wrong(
            says,
            "is the noise still Gaussian in black and white places? The noise of y was not clipped",
            "leave out the clamp",
        )
    if torch.allclose(noise, noise[:1].expand_as(noise), atol=1e-5):
        raise Wrong("all windows of a call have the same noise", *fresh)
    again = [number for number, window in enumerate(windows) if windows.index(window) < number]
    if any(
        torch.allclose(noise[number], noise[windows.index(windows[number])], atol=1e-5) for number in again
    ):
        raise Wrong(
            "windows of the same place have the same noise",
            "was the noise there before the windows were cut?",
            *fresh,
        )
    if len(noise[0]) > 1 and torch.allclose(noise, noise[:, :1].expand_as(noise), atol=1e-5):
        raise Wrong(
            "all channels have the same noise",
            "a camera has noise of its own in each colour",
            "a random number for each of the numbers",
        )
    # What numbers share comes first: the fewer are independent, the less sure are mean and strength.
    strength = noise.std().item()
    noise = noise / strength
    _look_at_what_noise_shares(noise, right, fresh)
    _look_at_strength(strength, sigma)
    if noise.mean().abs() > 0.08:
        raise Wrong(*not_zero, "torch.randn")
    if abs(noise.pow(4).mean() - 3) > 0.3:  # 1.8 for a uniform distribution, 6 for a Laplacian
        raise Wrong("your noise is not Gaussian", "the denoiser was trained on Gaussian noise", "torch.randn")


def _look_at_strength(strength, sigma):
    """Raise Wrong where the noise's standard deviation is not sigma."""
    others = {
        "sigma is squared in your noise": (sigma**2, "sigma is a standard deviation, and torch.randn has 1"),
        "your noise is 255 times too weak": (sigma / 255, "sigma is on the scale of x already"),
        "your noise has the standard deviation 1": (1, "how strong is the noise that the network is told?"),
        "the noise is added twice": (2 * sigma, "once is enough: sources = targets + noise"),
        "the noise is the root of sigma": (sigma**0.5, "sigma is a standard deviation, not a variance"),
        f"your noise is {strength / sigma:.2f} times as strong as asked for": (
            strength,
            "its standard deviation should be sigma",
        ),
    }
    if abs(strength / sigma - 1) > 0.06:
        says = next(says for says, (other, _) in others.items() if abs(strength / other - 1) < 0.06)
        raise Wrong(says, others[says][1], "sigma * torch.randn(...)")


def _look_at_what_noise_shares(noise, right, fresh):
    """Raise Wrong where numbers of the noise (N,C,H,W) know of one another, or of the windows."""
    one_each = ("one fresh random number for each number of the windows", fresh[-1])
    if _correlation(noise.abs(), right).abs() > 0.15:
        says = "your noise is stronger in some places than in others: it depends on the picture"
        raise Wrong(says, "its standard deviation is sigma in dark and in bright places", fresh[-1])
    shifted = torch.fft.ifft2(torch.fft.fft2(noise).abs() ** 2).real.mean((0, 1)) / noise[0, 0].numel()
    shifted[0, 0] = 0
    repeats = (
        "the noise of neighbours is alike, or it repeats",
        "is one random number used in several pixels?",
        *one_each,
    )
    if shifted.abs().max() > 0.25:  # noise that is mirrored comes to 0.2
        raise Wrong(*repeats)
    for says, other in {
        "your noise is symmetric: it repeats mirrored or turned": (
            *(noise.flip(axes) for axes in (-1, -2, (-1, -2))),
            noise.mT,
        ),
        "the noise of the channels is alike": tuple(noise.roll(k, 1) for k in range(1, noise.shape[1])),
    }.items():
        if any(_correlation(noise, again).abs() > 0.25 for again in other):
            raise Wrong(says, *one_each)
    if shifted.abs().max() > 0.12:
        raise Wrong(*repeats)
    pairs = noise.flatten(1) @ noise.flatten(1).T / noise[0].numel()
    if pairs.fill_diagonal_(0).abs().max() > 0.35:
        raise Wrong("two windows have noise that is alike", *fresh)


def _correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a * b).mean() / (a.std() * b.std())


@task(points=2)
def idbp_round(answer, seed):
    """Task 4: `answer(x, y, A, denoiser, level, sigma)` is (the denoised picture, the same after a
    back-projection).
    """
    draw = runtime.generator(seed, "rounds")
    for name, A, sigma in (
        ("bicubic, scale 2", Downsample(2), 0.09),
        ("kernel and scale 2", BlurDownsample(gaussian_kernel(5, (1.1, 0.6), angle=30), 2), 0.04),
    ):
        level = 0.05 + 0.04 * torch.rand((), generator=draw).item()
        x = 1.6 * torch.rand(1, 1, 16, 18, generator=draw, dtype=torch.float64) - 0.3
        y = A(torch.rand(1, 1, 16, 18, generator=draw, dtype=torch.float64)) + 0.2

        def denoiser(y, sigma):  # named as those of the library
            return y - 8 * sigma * torch.tanh(y - 0.5 * y.roll(1, -1) - 0.4 * y.roll(1, -2))

        right = _round(x, y, A, denoiser, math.hypot(level, sigma))
        tell = (
            "how noisy is x? It has an error of its own, and the noise of y, which the last back-projection "
            "put in",
            "the two are independent: which quantities add, standard deviations or variances?",
            "math.sqrt(level**2 + sigma**2)",
        )
        project = (
            "after the round, A of the second picture should be y again. Is it?",
            "add what A^+ makes of the misfit y - A(estimate)",
            "estimate + A.pinv(y - A(estimate))",
        )
        told = functools.partial(_round, x, y, A, denoiser)
        estimate, _ = right
        mistakes = {
            "the denoiser is told the level alone": (told(level), *tell),
            "the denoiser is told sigma alone": (told(sigma), *tell),
            "the two standard deviations are added up": (told(level + sigma), *tell[1:]),
            "the denoiser is told the variance": (told(level**2 + sigma**2), "the root is missing", tell[2]),
            "this goes back by the adjoint": (
                (estimate, estimate + A.adjoint(y - A(estimate))),
                "the adjoint points in the right direction. Does it go the right way, too? Look at "
                "A(result) - y",
                *project[1:],
            ),
            "this goes away from y": (
                (estimate, estimate - A.pinv(y - A(estimate))),
                "the sign of the misfit",
                project[2],
            ),
            "this adds the misfit of the picture before it was denoised": (
                (estimate, estimate + A.pinv(y - A(x))),
                "which picture shall agree with y?",
                *project[1:],
            ),
            "this adds the correction to the picture before it was denoised": (
                (estimate, x + A.pinv(y - A(estimate))),
                "which picture shall agree with y?",
                *project[1:],
            ),
            "the denoised picture is lost: only A^+ y is left": (
                (estimate, A.pinv(y)),
                "what does y not see? That is the denoiser's part",
                *project[1:],
            ),
            "the correction alone is returned": (
                (estimate, A.pinv(y - A(estimate))),
                "a correction is added to something",
                project[2],
            ),
            "the second picture is not back-projected": ((estimate, estimate), *project),
            "both are the back-projected picture": (
                right[1:] * 2,
                "does something change the denoised one in place?",
                "`+=` changes the tensor that it is applied to, under all of its names",
                project[2],
            ),
            "the denoised picture is clipped to [0,1]": (
                _projected(estimate.clamp(0, 1), y, A),
                "the noise of y was not clipped, and x may leave [0,1]",
                "leave out the clamp",
            ),
            "the two pictures are exchanged": (
                right[::-1],
                "first the denoised one, then the back-projected one",
                "return estimate, projected",
            ),
            "this projects first, and denoises then": (
                _projected_first(x, y, A, denoiser, math.hypot(level, sigma)),
                "which step comes last, if the result shall agree with y?",
                "estimate = denoiser(x, told) comes first",
            ),
            "the back-projected picture is clipped to [0,1]": (
                (estimate, right[1].clamp(0, 1)),
                "A(result) was y before the clamp. And after it?",
                "leave out the clamp",
            ),
        }
        mistakes = {says: (torch.cat(pictures), *hints) for says, (pictures, *hints) in mistakes.items()}
        given = call(answer, x, y, A, denoiser, level, sigma)
        pictures = [tensor(picture) for picture in parts(given, "estimate, projected")]
        if any(picture.numel() != x.numel() for picture in pictures):
            shapes = " and ".join(str(tuple(picture.shape)) for picture in pictures)
            raise Wrong(
                f"your pictures have the shapes {shapes}",
                f"both are as large as x: {tuple(x.shape)}",
                "return estimate, projected",
            )
        given = torch.stack([picture.reshape(x.shape[1:]) for picture in pictures])
        match(name, given, torch.cat(right), mistakes, project)


def _round(x, y, A, denoiser, told):
    return _projected(denoiser(x, told), y, A)


def _projected(estimate, y, A):
    return estimate, estimate + A.pinv(y - A(estimate))


def _projected_first(x, y, A, denoiser, told):
    projected = x + A.pinv(y - A(x))
    return denoiser(projected, told), projected


@task(points=3)
def worth_it(answer, seed):
    """Task 5: `answer(networks, y, sigma, probes, epsilon)` is (differences of SURE to networks[0], standard
    errors, the choice).
    """
    for kind in ("clear", "a surer one is worse", "a less clear one looks better", "chance"):
        networks, y, sigma, probes, epsilon = _candidates(kind, seed)
        risks = _risks_of(networks, y, sigma, probes, epsilon)
        right = _judged(risks)
        given = call(answer, networks, y, sigma, probes, epsilon)
        differences, errors, chosen = parts(given, "differences, errors, chosen")
        # A difference to both sides of y measures the same derivative, with a smaller error.
        central = _judged(_risks_of(networks, y, sigma, probes, epsilon, both_sides=True))
        if close(tensor(differences), central[0]) and close(tensor(errors), central[1]):
            right = central
        match(
            f"{kind}: differences",
            differences,
            right[0],
            _difference_mistakes(networks, y, sigma, probes, epsilon, risks),
            _RISK_HINTS,
        )
        match(f"{kind}: errors", errors, right[1], _error_mistakes(risks), _ERROR_HINTS)
        chosen = tensor(chosen)
        if chosen.numel() != 1:
            raise Wrong("the choice is one number", "which of the networks? 0 is the trained one", "int(...)")
        if chosen.item() == right[2]:
            continue
        clear = right[0] < -2 * right[1]
        for says, (number, *hints) in _choice_mistakes(*right[:2], clear).items():
            if chosen.item() == number:
                raise Wrong(f"{says}: network {number}, and it should be {right[2]}", *hints)
        raise Wrong(f"network {chosen.item():g} is chosen, and it should be {right[2]}", *_CHOICE_HINTS)


_RISK_HINTS = (
    "SURE of each network, for each probe; then the mean over the probes; then the difference to networks[0]",
    "mean (f(y) - y)^2 - sigma^2 + 2 sigma^2 mean(b (f(y + epsilon b) - f(y))) / epsilon",
    "the first difference is zero, and a negative one is good",
)
_ERROR_HINTS = (
    "both networks saw the same probe. What varies from probe to probe: the risk, or the difference of the "
    "two risks?",
    "subtract first: one difference for each probe. Then the standard error of their mean",
    "differences.std() / sqrt(number of probes), along the axis of the probes",
)
_CHOICE_HINTS = (
    "whose difference is below zero, and not by chance?",
    "among the networks with difference < -2 error, the one with the least difference; network 0 if there "
    "is none",
)


@functools.cache
def _candidates(kind, seed):
    """The trained network and three adapted ones, drawn until the probes judge them as `kind` says."""
    draw = runtime.generator(seed, f"candidates: {kind}")
    count, channels, epsilon = {"clear": (5, 1, 1e-3), "chance": (8, 1, 1e-3)}.get(kind, (6, 2, 3e-2))
    for _ in range(4000):
        y = torch.rand(1, channels, 7, 9 - 2 * channels, generator=draw, dtype=torch.float64)
        probes = probe(torch.zeros(count, *y.shape[1:], dtype=torch.float64), draw)
        own = (0.3 + 0.5 * torch.rand(4, generator=draw, dtype=torch.float64)).tolist()
        other = (0.5 * torch.randn(4, generator=draw, dtype=torch.float64)).tolist()
        orders = [torch.randperm(y.numel(), generator=draw) for _ in own]
        networks = [
            functools.partial(_mixed, a=a, c=c, order=order)
            for a, c, order in zip(own, other, orders, strict=True)
        ]
        risks = _risks_of(networks, y, 0.4, probes, epsilon)
        differences, errors, chosen = _judged(risks)
        least = int(differences.argmin())
        first = int((differences < -2 * errors).int().argmax())
        surest = int((differences[1:] / errors[1:]).argmin()) + 1
        found = {
            "clear": chosen == least == surest and first != least and differences.argmax() > 0,
            # between two and three errors: who asks for three takes the surer one
            "a surer one is worse": 0 < chosen == least == first != surest
            and chosen != (differences + 2 * errors).argmin()
            and differences[least] > -3 * errors[least]
            and differences[surest] < -3 * errors[surest],
            "a less clear one looks better": chosen not in (0, least),
            "chance": chosen == 0 < least
            and differences[least] < -errors[least]
            and (differences > 2 * errors).any(),
        }[kind]
        sizes = (
            differences[1:] / errors[1:] + 2
        ).abs()  # no candidate so near to the limit that rounding decides
        if found and sizes.min() > 0.05 and differences.sort().values.diff().min() > 1e-3:
            return networks, y, 0.4, probes, epsilon
    raise RuntimeError(f"no candidates of the kind {kind!r}")


def _mixed(z, a, c, order):
    """A smooth function of a picture: a part of each pixel, and a part of another one."""
    return a * z + 0.1 + c * torch.tanh(z.flatten(1)[:, order].view(z.shape) - 0.4)


def _risks_of(networks, y, sigma, probes, epsilon, price=2.0, power=2, both_sides=False):
    """SURE (networks, probes)."""
    rows = []
    for f in networks:
        output = f(y)
        behind = f(y - epsilon * probes) if both_sides else output
        slopes = (probes * (f(y + epsilon * probes) - behind)).flatten(1).mean(1)
        slopes = slopes / (epsilon * (1 + both_sides))
        rows.append((output - y).square().mean() - sigma**2 + price * sigma**power * slopes)
    return torch.stack(rows)


def _judged(risks):
    """Differences to the first network, their standard errors, and the choice."""
    each = risks - risks[0]
    differences, errors = each.mean(1), each.std(1) / math.sqrt(risks.shape[1])
    clear = [number for number in range(1, len(risks)) if differences[number] < -2 * errors[number]]
    return differences, errors, min(clear, key=lambda number: differences[number], default=0)


def _difference_mistakes(networks, y, sigma, probes, epsilon, risks):
    right = _judged(risks)[0]

    def of(**changed):
        return _judged(_risks_of(networks, y, sigma, probes, epsilon, **changed))[0]

    price = ("the nearest to y is y itself", *_RISK_HINTS[1:])
    shrunk = probes.mean(0, keepdim=True)
    return {
        "these are the risks, not their differences to networks[0]": (
            risks.mean(1),
            "is an adapted network better than the trained one?",
            _RISK_HINTS[2],
        ),
        "the difference of networks[0] to itself is left out": (
            right[1:],
            "one entry for each network",
            _RISK_HINTS[2],
        ),
        "this is the distance to y alone": (of(price=0.0), *price),
        "the price of letting noise through lacks its factor 2": (
            of(price=1.0),
            "the cross term of a square comes twice",
            *_RISK_HINTS[1:],
        ),
        "the price has the wrong sign": (of(price=-2.0), "letting noise through costs", *_RISK_HINTS[1:]),
        "sigma is not squared": (of(power=1), "the noise's variance is sigma^2", *_RISK_HINTS[1:]),
        "the divergence is not divided by the number of pixels": (
            of(price=2.0 * y.numel()),
            "all terms are means over the picture",
            *_RISK_HINTS[1:],
        ),
        "the step's length is not divided out": (
            of(price=2.0 * epsilon),
            "a derivative is a change per step",
            *_RISK_HINTS[1:],
        ),
        "this uses the first probe only": (
            (risks - risks[0])[:, 0],
            "each probe gives its own number. Average over all",
            *_RISK_HINTS[1:],
        ),
        "the probes are averaged before the networks see them": (
            _judged(_risks_of(networks, y, sigma, shrunk, epsilon).expand(-1, 2))[0],
            "the mean of many random signs is nearly zero: no probe at all",
            *_RISK_HINTS[:2],
        ),
    }


def _error_mistakes(risks):
    each, count = risks - risks[0], risks.shape[1]
    apart = (risks.var(1) / count + risks[0].var() / count).sqrt()
    independent = {
        "these add the spreads of both risks, as if they were independent": torch.where(
            each.abs().sum(1) > 0, apart, 0.0
        ),
        "these take the two risks for independent, even of a network and itself": apart,
        "these are the errors of the risks, not of the differences": risks.std(1) / math.sqrt(count),
    }
    return with_hints((_ERROR_HINTS, independent)) | {
        "this is the spread of one probe, not of the mean of all": (
            each.std(1),
            "a mean of B numbers is surer than each of them",
            _ERROR_HINTS[2],
        ),
        "the spread is divided by the number of probes, not by its root": (
            each.std(1) / count,
            "standard errors fall with the root",
            _ERROR_HINTS[2],
        ),
        "the spread is taken with B in place of B - 1": (
            each.std(1, correction=0) / math.sqrt(count),
            "the mean was estimated from the same numbers",
            "torch.std does it: leave its correction as it is",
        ),
    }


def _choice_mistakes(differences, errors, clear):
    return {
        "the trained network is kept, although another is clearly better": (0, *_CHOICE_HINTS),
        "this may be chance": (int(differences.argmin()), *_CHOICE_HINTS),
        "this is the worst one": (
            int(differences.argmax()),
            "a negative difference is good",
            _CHOICE_HINTS[1],
        ),
        "this is the first that is clear, not the best of them": (
            int(clear.int().argmax()),
            "of all that are clear, take the best",
            _CHOICE_HINTS[1],
        ),
        "this is the surest one, not the best one": (
            int((differences / errors.clamp(min=1e-12)).argmin()),
            "the ratio says how sure you are. The difference says how good it is",
            _CHOICE_HINTS[1],
        ),
    }


CAUSES = {
    "wrong noise level": "the run was told another sigma than the noise has",
    "batch statistics": "batch norm was left in training mode: it took its statistics from the one picture",
    "steps too large": "the learning rate is that for a few gains, or larger, and all weights learn",
    "started elsewhere": "an earlier run had changed the network that this run was given",
    "noise that neighbours share": "SURE was told the right sigma, but the noise is no white noise",
    "probe too long": "the step of the probe is so long that the network bends on the way",
    "nothing": "the run is as it should be",
}
_SIGMA = 25 / 255


def cloth(side=48):
    """A cloth with narrow slanted stripes (1,1,side,side): unlike the photographs that the denoisers were
    trained on.
    """
    place = torch.arange(side)
    return 0.2 + 0.6 * ((place[:, None] + place) // 2 % 2)[None, None].float()


@functools.cache
def _run(fault, iterations=40):
    draw = runtime.generator(0, "runs of task 6")
    network = trained("denoiser_gray")
    if fault == "started elsewhere":
        wall = _with_noise(luma(picture("brick", 48)), draw)
        network = _adapt(network, wall, _SIGMA, 3e-3, 30, draw)[0]
    x = luma(picture("page", 48))
    y = _with_noise(x, draw)
    told = _SIGMA * (1.6 if fault == "wrong noise level" else 1)
    rate = 3e-3 if fault == "steps too large" else 1e-4
    adapted, kept = _adapt(network, y, told, rate, iterations, draw, fault == "batch statistics", x)
    with torch.no_grad():
        estimate = adapted(y, told)
    return kept | {
        "truth": x,
        "y": y,
        "told": told,
        "given": network,
        "adapted": adapted,
        "estimate": estimate,
    }


@failing(_run, A="started elsewhere", B="wrong noise level", C="steps too large", D="batch statistics")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    The gray denoiser, all of its weights, is adapted to a noisy page of a book by SURE.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y and estimate (1,1,48,48); told, the sigma that the run was told; given, the
        network that the run was given; adapted, the network at the end, as the estimate was made with it; and
        the lists said, the value of SURE, and error, the mean squared error that it should have estimated, a
        number an iteration.
    """


def _with_noise(x, draw):
    return x + _SIGMA * torch.randn(x.shape, generator=draw)


def _adapt(network, y, told, rate, iterations, draw, training=False, truth=None):
    """A copy of the network after some steps down SURE, and the history."""
    network = free(network, "all").train(training)
    engine, kept = Engine(network, rate, training=training), {"said": [], "error": []}
    for _ in range(iterations):
        output = network(y, told)
        risk = sure(lambda z: network(z, told), y, told, probe(y, draw), output=output)
        engine.update(risk)
        kept["said"].append(risk.item())
        if truth is not None:
            kept["error"].append((output.detach() - truth).square().mean().item())
    return network, kept


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    weights = (
        "compare the weights in run['given'] with those of trained('denoiser_gray'), "
        "and with those in run['adapted']"
    )
    statistics = "look at run['adapted'].training, and at the running_mean of its batch norms"
    noise = "compute the standard deviation of y - truth, or estimate_sigma(y)"
    refutations = {
        "wrong noise level": ("its noise is as strong as it was told", noise),
        "batch statistics": (
            "its batch norms have the statistics of the network that it was given",
            statistics,
        ),
        "steps too large": ("its weights have hardly moved", weights),
        "started elsewhere": ("the network that it was given is the trained one, to the last digit", weights),
        "noise that neighbours share": (
            "the noise of neighbours is not alike",
            "compute the correlation of y - truth with itself, one pixel to the right",
        ),
        "probe too long": (
            "all runs have the library's probe, and a good run has it, too",
            "which of the causes can you see in the dictionary?",
        ),
        "nothing": (
            "a good run ends as good as the trained network, and this one loses more than a decibel",
            "compute psnr(estimate, truth), and the same for trained('denoiser_gray')(y, sigma)",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
