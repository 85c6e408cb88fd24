"""Checks of problem set 07: self-supervised denoising."""

import functools

import torch

from dil_course import runtime
from dil_course.checks.inputs import shared_noise
from dil_course.checks.tasks import Wrong, call, choose, match, task, tensor
from dil_course.fitting import Descent, run
from dil_course.from_scratch.given import prepare
from dil_course.from_scratch.self_supervised.blind_spot import hide, masked_mean, strangers
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt
from dil_course.signals import picture

SIGMA, SIDE = 25 / 255, 48


def gray(name):
    return picture(name, SIDE).mean(1, keepdim=True)


@task(points=2)
def hidden_loss(answer, seed):
    """Task 1: `answer(estimate, y, hidden)` is the mean squared difference over the hidden pixels and all
    channels.
    """
    draw = runtime.generator(seed, "hidden loss")
    for channels, share in ((3, 0.2), (1, 0.6)):
        estimate, y = torch.rand(2, 1, channels, 14, 17, generator=draw, dtype=torch.float64)
        hidden = torch.rand(1, 1, 14, 17, generator=draw) < share
        difference, pixels = estimate - y, hidden.sum()
        at_hidden, elsewhere = difference * hidden, difference * ~hidden
        right = at_hidden.square().sum() / (channels * pixels)
        where = (
            "which pixels did the network not see?",
            "multiply the squares by `hidden`, or pick them with it",
            "(squares * hidden).sum() / how many numbers that are",
        )
        count = (
            "a mean divides by how many numbers were added up",
            "there are hidden.sum() hidden pixels, and each has C numbers",
        )
        mistakes = {
            "this judges all pixels": (difference.square().mean(), *where),
            "this judges the pixels that were shown": (
                elsewhere.square().sum() / (channels * (~hidden).sum()),
                *where,
            ),
            "the squares are added up, not averaged": (
                at_hidden.square().sum(),
                "more hidden pixels would mean a larger loss",
                *count,
            ),
            "the visible pixels count as pixels without an error": (
                at_hidden.square().mean(),
                "what is the loss if half as many are hidden?",
                *count,
            ),
            "the root is taken": (right.sqrt(), "the mean of the squares is asked for", "leave the root out"),
            "this is the mean absolute difference": (
                at_hidden.abs().sum() / (channels * pixels),
                "the least squares find the mean, the least absolute values the median. Which does noise of "
                "mean zero leave alone?",
                "square, then mean",
            ),
            "this is the square of the mean difference": (
                (at_hidden.sum() / (channels * pixels)) ** 2,
                "can an estimate be wrong everywhere, and right in the mean?",
                "first square, then mean",
            ),
        }
        if channels > 1:
            mistakes["this divides by the hidden pixels, and forgets that each has several channels"] = (
                at_hidden.square().sum() / pixels,
                *count,
            )
            mistakes["this judges the first channel only"] = (
                at_hidden[:, :1].square().sum() / pixels,
                "a colour pixel has three numbers",
                "`hidden` has one channel: hidden.expand_as(y) has all of them",
            )
        match(
            f"{channels} channels, {pixels} hidden pixels",
            call(answer, estimate, y, hidden),
            right,
            mistakes,
            where,
        )


@task(points=3)
def disguise(answer, seed):
    """Task 2: `answer(y, hidden, radius, generator)` is y, with the colour of a random other pixel nearby at
    each hidden one.
    """
    draw = runtime.generator(seed, "disguise")
    for channels, height, width, radius in ((3, 9, 11, 2), (1, 8, 7, 1)):
        # No two numbers are equal, so that each tells where it comes from.
        y = (torch.randperm(channels * height * width, generator=draw).double() / 1024).view(
            1, channels, height, width
        )
        hidden = torch.rand(1, 1, height, width, generator=draw) < 0.5
        hidden[..., :: height - 1, :: width - 1] = True  # the corners
        hidden[..., height // 2, width // 2], hidden[..., height // 2, width // 2 + 1] = True, False
        strangers_of = functools.partial(_came_from, y, hidden)
        generator = torch.Generator().manual_seed(seed)
        calls = [call(answer, y, hidden, radius, generator) for _ in range(60)]
        _look(torch.stack([strangers_of(given) for given in calls]), hidden, radius)
        again = [
            strangers_of(call(answer, y, hidden, radius, torch.Generator().manual_seed(seed)))
            for _ in range(2)
        ]
        if not torch.equal(*again):
            says = "generators of the same seed give other strangers"
            raise Wrong(
                says,
                "nobody could repeat such a run. Where do your random numbers come from?",
                "torch.randint(..., generator=generator)",
            )


def _came_from(y, hidden, given):
    """The row and column (N,2) whose colour each of the N hidden pixels shows."""
    given = tensor(given)
    if given.shape != y.shape:
        raise Wrong(
            f"your result has the shape {tuple(given.shape)}, expected {tuple(y.shape)}",
            "a picture like y comes back",
            "begin with result = y.clone()",
        )
    if torch.equal(given, y):
        raise Wrong(
            "your result is y: no hidden pixel is replaced",
            "where is `hidden` True?",
            "result[..., row, column] = y[..., other_row, other_column]",
        )
    at = hidden[0, 0]
    if not torch.equal(given[..., ~at], y[..., ~at]):
        says = "pixels that are not hidden have changed"
        if torch.equal(given[..., at], y[..., at]):
            says = "hidden and visible pixels are exchanged: the visible ones are replaced"
        raise Wrong(
            says, "the network may see all other pixels as they are", "torch.where(hidden, strangers, y)"
        )
    shown, colours = given[0][:, at], y[0].flatten(1)
    equal = shown[:, :, None] == colours[:, None]  # (channels, hidden pixels, pixels)
    if not equal.any(2).all():
        whose = "the colour of one other pixel: a mean of several is less noisy than y, and the network would learn on other pictures than it denoises"
        if not shown.any():
            raise Wrong("hidden pixels are black here", "a network soon knows black pixels by sight", whose)
        raise Wrong(
            "a hidden pixel shows a value that no pixel of y has in this channel",
            whose,
            "copy: y[..., row, column]",
        )
    source = equal.double().argmax(2)
    if (source != source[0]).any():
        raise Wrong(
            "the colours of one hidden pixel come from different pixels",
            "draw one place for a pixel, and take all channels from there",
            "y[..., row, column] has all of them",
        )
    return torch.stack([source[0] // y.shape[-1], source[0] % y.shape[-1]], 1)


def _look(came, hidden, radius):
    """Raise Wrong where the places (calls,N,2) from which the N hidden pixels took their colours are not as
    asked for.
    """
    height, width = hidden.shape[-2:]
    own = hidden[0, 0].nonzero()
    room = torch.stack([own[:, 0], own[:, 1], height - 1 - own[:, 0], width - 1 - own[:, 1]]).amin(0)
    inside = room >= radius  # the whole window lies inside of the picture
    offsets = came - own
    itself, distance = (offsets == 0).all(2), offsets.abs().amax(2)
    never = (
        "then the network needs only to copy its input, and learns nothing",
        "draw again while the place is the pixel's own, or leave the middle out when you draw",
    )
    if itself[:, inside].any():
        raise Wrong("a hidden pixel sometimes shows itself", *never)
    if itself.any():
        raise Wrong(
            "at the border a hidden pixel sometimes shows itself",
            "what does your function do with a place outside of the picture?",
            *never,
        )
    if (distance > radius).any():
        says = f"a stranger comes from {int(distance.max())} pixels away, and the radius is {radius}"
        if not (distance[:, inside] > radius).any():
            says = "at the border a stranger comes from farther away than the radius"
            raise Wrong(
                says,
                "print where it comes from: is that the other side of the picture?",
                "mirror, or draw again while the place lies outside. Do not roll, and mind negative indices",
            )
        raise Wrong(
            says,
            "at most `radius` rows and at most `radius` columns away",
            "torch.randint(-radius, radius + 1, ...)",
        )
    if torch.equal(came, came[:1].expand_as(came)):
        says = "each call gives the same strangers"
        raise Wrong(
            says,
            "the network would know them by heart. Draw anew at each call",
            "torch.randint(..., generator=generator), and do not seed it again",
        )
    if (offsets[:, inside] == offsets[:, inside][:, :1]).all():
        raise Wrong(
            "in one call all hidden pixels look in the same direction",
            "draw a place for each hidden pixel",
            "torch.randint with as many numbers as there are pixels",
        )
    met = {tuple(offset) for offset in offsets[:, inside].flatten(0, 1).tolist()}
    shifts = range(-radius, radius + 1)
    missing = [
        (down, right)
        for down in shifts
        for right in shifts
        if (down, right) != (0, 0) and (down, right) not in met
    ]
    whole = (
        "any other pixel of the window of 2 radius + 1 rows and columns may come",
        "torch.randint(-radius, radius + 1, ...): its upper end is left out",
    )
    if missing and all(0 in offset for offset in met):
        raise Wrong("strangers come from the same row or column only", *whole)
    if missing and all(max(map(abs, offset)) == radius for offset in missing):
        raise Wrong(f"not all of the window's rim can come: no stranger has the offset {missing[-1]}", *whole)
    if missing:
        raise Wrong(f"not all of the window can come: no stranger has the offset {missing[-1]}", *whole)


@task(points=3)
def self_influence(answer, seed):
    """Task 3: `answer(f, y, places, step)` is by how much each of these pixels of f(y) grows with the same
    pixel of y, per step.
    """
    draw = runtime.generator(seed, "self-influence")
    height, width = 5, 6
    for step in (0.5, -0.3):
        mix = torch.randn(height * width, height * width, generator=draw, dtype=torch.float64) / 6
        y = torch.rand(1, 1, height, width, generator=draw, dtype=torch.float64)

        def f(z, mix=mix):
            return torch.tanh(mix.to(z) @ z.flatten() - 0.2).view(z.shape)

        places = [(0, 0), (2, 3), (4, 1), (1, 5)]
        results = _influences(f, y, places, step)
        right = results.pop("right")
        mistakes = {says: (result, *INFLUENCE_HINTS[says]) for says, result in results.items()}
        hints = (
            "change one number of a copy of y, and call f again",
            "(f(changed) - f(y)) / step, and of that the same pixel",
            "begin anew with y.clone() for each place",
        )
        match(f"step {step}", call(answer, f, y, list(places), step), right, mistakes, hints)


def _influences(f, y, places, step):
    """{"right": what is asked for, what it looks like: what comes of that mistake}."""
    before, found, piled = f(y), {}, y.clone()

    def note(says, value):
        found.setdefault(says, []).append(value)

    for row, column in places:
        changed, lone, set_to = y.clone(), torch.zeros_like(y), y.clone()
        changed[..., row, column] += step
        piled[..., row, column] += step
        lone[..., row, column] = step
        set_to[..., row, column] = step
        growth = (f(changed) - before)[0, 0]
        own = growth[row, column] / step
        note("right", own)
        note("the growth is not divided by the step", own * step)
        note("the sign is lost", own.abs())
        note("this is how much the pixel falls", -own)
        note("all pixels of y are changed at once", (f(y + step) - before)[0, 0, row, column] / step)
        note("this adds up the growth of all pixels", growth.sum() / step)
        note("this is the mean growth of all pixels", growth.mean() / step)
        note("this is the largest growth of any pixel", growth.abs().max() / abs(step))
        note("f(y) is not taken off", f(changed)[0, 0, row, column] / step)
        note("y is forgotten: f is asked about a picture with one pixel", f(lone)[0, 0, row, column] / step)
        note("the pixel is set to the step, not raised by it", (f(set_to) - before)[0, 0, row, column] / step)
        note(
            "the pixels that were changed before stay changed", (f(piled) - before)[0, 0, row, column] / step
        )
        slope = torch.autograd.functional.jacobian(
            lambda z, row=row, column=column: f(z)[0, 0, row, column], y
        )[0, 0, row, column]
        note("this is the derivative, so a step without a size", slope)
    return {says: torch.stack(values) for says, values in found.items()}


_only = "only the same pixel of f(y) counts: [..., row, column]"
INFLUENCE_HINTS = {
    "the growth is not divided by the step": (
        "a step twice as large should not give twice the influence",
        "divide by `step`",
    ),
    "the sign is lost": (
        "a pixel can fall where its input grows",
        "leave abs out. A step may be negative, too: divide by it with its sign",
    ),
    "this is how much the pixel falls": ("after, minus before", "(f(changed) - f(y)) / step"),
    "all pixels of y are changed at once": (
        "then the neighbours' influence is in it",
        "change y[..., row, column] alone",
    ),
    "this adds up the growth of all pixels": ("this is what the pixel does to the whole picture", _only),
    "this is the mean growth of all pixels": ("this is what the pixel does to the whole picture", _only),
    "this is the largest growth of any pixel": (
        "a pixel that moves its neighbours, but not itself, does no harm here",
        _only,
    ),
    "f(y) is not taken off": ("growth is after, minus before", "(f(changed) - f(y)) / step"),
    "y is forgotten: f is asked about a picture with one pixel": (
        "f may do other things to other pictures",
        "begin with y.clone(), not with zeros",
    ),
    "the pixel is set to the step, not raised by it": ("the pixel had a value before", "+= step"),
    "the pixels that were changed before stay changed": (
        "does each place begin with y as it was?",
        "make a new y.clone() inside of the loop",
    ),
    "this is the derivative, so a step without a size": (
        "f bends: a step has another slope than a point",
        "call f twice, with and without the step",
    ),
}


@task(points=3)
def loss_and_risk(answer, seed):
    """Task 4: `answer(differences, weights, alike, with_target, sigma)` is the expected loss to a noisy
    target, and the risk.
    """
    draw = runtime.generator(seed, "loss and risk")
    for count in (5, 8):
        sigma = 0.3 + 0.3 * torch.rand((), generator=draw).item()
        delta, weights = torch.randn(2, count, generator=draw, dtype=torch.float64)
        weights = weights.abs() / weights.abs().sum()
        # Correlations that can be: those of mixed white noise. The last row is the target.
        mixed = torch.randn(count + 1, count + 1, generator=draw, dtype=torch.float64).abs()
        mixed = mixed / mixed.norm(dim=1, keepdim=True)
        alike, with_target = (mixed @ mixed.T)[:-1, :-1], (mixed @ mixed.T)[-1, :-1]
        bias, lone = (weights * delta).sum(), weights.square().sum()
        kept, common = weights @ alike @ weights, weights @ with_target
        risk = bias**2 + sigma**2 * kept
        loss = risk + sigma**2 - 2 * sigma**2 * common

        def both(loss, risk):
            return torch.stack([torch.as_tensor(loss), torch.as_tensor(risk)])

        open_ = (
            "write the difference as a fixed part plus noise, then take the mean of its square",
            "(a - m)^2 = a^2 - 2 a m + m^2, and each product of two noises has the mean correlation times "
            "sigma^2",
        )
        formula = "loss = risk + sigma^2 - 2 sigma^2 sum w rho"
        pairs = "risk = (sum w delta)^2 + sigma^2 times the sum over all i and j of w_i w_j alike_ij"
        mistakes = {
            "the target's noise is taken for independent of the estimate's": (
                both(risk + sigma**2, risk),
                "what does `with_target` say?",
                open_[1],
                formula,
            ),
            "the sign of what the noises have in common is wrong": (
                both(risk + sigma**2 + 2 * sigma**2 * common, risk),
                "copy the target's noise: does the loss rise or fall?",
                open_[1],
                formula,
            ),
            "a 2 is missing before what the noises have in common": (
                both(risk + sigma**2 - sigma**2 * common, risk),
                *open_,
                formula,
            ),
            "the target's own noise is missing": (
                both(risk - 2 * sigma**2 * common, risk),
                "the target is noisy, too. What does a perfect estimate lose?",
                open_[1],
                formula,
            ),
            "the loss is given as the risk, too": (
                both(loss, loss),
                "the risk is the distance to the truth, not to the target",
                pairs,
            ),
            "the risk is given as the loss, too": (
                both(risk, risk),
                "the loss is the distance to the noisy target",
                *open_,
            ),
            "loss and risk are exchanged": (both(risk, loss), "the loss first", "return loss, risk"),
            "the noises of the numbers are taken for independent of each other": (
                both(loss - sigma**2 * (kept - lone), risk - sigma**2 * (kept - lone)),
                "noises that are alike do not cancel. What does `alike` say?",
                pairs,
            ),
            "the fixed part is missing": (
                both(loss - bias**2, risk - bias**2),
                "neighbours are not quite the same. What does that do to the mean?",
                pairs,
            ),
            "the fixed part is not squared": (
                both(loss - bias**2 + bias, risk - bias**2 + bias),
                "squared error, please",
                pairs,
            ),
            "differences of opposite sign cannot cancel here": (
                both(
                    loss - bias**2 + (weights * delta**2).sum(), risk - bias**2 + (weights * delta**2).sum()
                ),
                "one neighbour too bright, one too dark",
                pairs,
            ),
            "what the noises have in common lacks sigma^2": (
                both(risk + sigma**2 - 2 * common, risk),
                "a covariance is a correlation times both standard deviations",
                formula,
            ),
            "the risk of the loss is added twice": (
                both(2 * risk + sigma**2 - 2 * sigma**2 * common, risk),
                formula,
            ),
        }
        given = call(answer, delta, weights, alike, with_target, sigma)
        if isinstance(given, tuple | list) and given:
            given = torch.stack([tensor(value).reshape(-1)[:1].sum() for value in given])
        match(f"{count} numbers, sigma {sigma:.2f}", given, both(loss, risk), mistakes, (*open_, formula))


@task(points=2)
def recorrupted(answer, seed):
    """Task 5: `answer(sigma, told, alpha)`: variances of the source's and the target's noise, and their
    covariance.
    """
    draw = runtime.generator(seed, "recorrupted")
    for alpha in (0.5, 1.6):
        sigma, told = (0.2 + 0.3 * torch.rand(2, generator=draw, dtype=torch.float64)).tolist()
        if abs(told - sigma) < 0.05:
            told = sigma + 0.1
        source, target, common = (
            sigma**2 + alpha**2 * told**2,
            sigma**2 + told**2 / alpha**2,
            sigma**2 - told**2,
        )
        parts = (
            "n and z are independent: multiply out, and keep n n and z z",
            "alpha times -1 / alpha is -1, so the covariance is sigma^2 - told^2",
        )
        sizes = (
            "variances of independent noises add; a factor comes out squared",
            "sigma^2 + alpha^2 told^2, and sigma^2 + told^2 / alpha^2",
        )
        mistakes = {
            "the covariance has the wrong sign": (
                (source, target, -common),
                "told nothing, the pair has the same noise. Is the covariance positive then?",
                *parts,
            ),
            "the two parts of the covariance add up here": (
                (source, target, sigma**2 + told**2),
                "z enters the two pictures with opposite signs",
                *parts,
            ),
            "the covariance is zero whatever sigma is told": (
                (source, target, 0.0),
                "it is zero if the method is told the truth",
                *parts,
            ),
            "the covariance lacks the noise of y itself": (
                (source, target, -(told**2)),
                "both pictures hold n",
                *parts,
            ),
            "the covariance lacks z": ((source, target, sigma**2), "both pictures hold z, too", *parts),
            "alpha stays in the covariance": (
                (source, target, sigma**2 - alpha**2 * told**2),
                "by what is z multiplied in the one picture, and by what in the other?",
                *parts,
            ),
            "this is the correlation, not the covariance": (
                (source, target, common / (source * target) ** 0.5),
                "do not divide by the standard deviations",
                *parts,
            ),
            "these are standard deviations, and variances are asked for": (
                (source**0.5, target**0.5, common),
                "leave the roots out",
                *sizes,
            ),
            "source and target are exchanged": (
                (target, source, common),
                "y + alpha z is the source, y - z / alpha the target",
                *sizes,
            ),
            "alpha is not squared": (
                (sigma**2 + alpha * told**2, sigma**2 + told**2 / alpha, common),
                *sizes,
            ),
            "the target's noise falls, and noise was added": (
                (source, sigma**2 - told**2 / alpha**2, common),
                "a minus before z does not make it less noisy",
                *sizes,
            ),
            "y's own noise has the variance that the method was told": (
                (told**2 * (1 + alpha**2), told**2 * (1 + alpha**-2), common),
                "the noise of y is what it is: sigma. z has what was told",
                *sizes,
            ),
            "the source lacks the noise of y": (
                (alpha**2 * told**2, told**2 / alpha**2, common),
                "y is noisy before z is added",
                *sizes,
            ),
        }
        given = call(answer, sigma, told, alpha)
        if isinstance(given, tuple | list) and given:
            given = torch.stack([tensor(value).reshape(-1)[:1].sum() for value in given])
        right = torch.tensor([source, target, common], dtype=torch.float64)
        match(
            f"sigma {sigma:.2f}, told {told:.2f}, alpha {alpha}",
            given,
            right,
            mistakes,
            ("write down the two noises: n + alpha z, and n - z / alpha", sizes[1], parts[1]),
        )


CAUSES = {
    "hidden pixels show themselves": "the loss looks at hidden pixels only, but the network's input shows them as they are",
    "loss over all pixels": "some pixels are hidden from the network, but the loss looks at all of them",
    "noise that neighbours share": "the method is as it should be, but the noise of a pixel is in its neighbours, too",
    "half of sigma": "Recorrupted-to-Recorrupted was told half of the true sigma",
    "a target that moved": "the target shows the scene one pixel further to the right",
    "stopped far too early": "the estimate is still smooth: the network had no time to learn more",
    "nothing": "the run is as it should be",
}
RUNS = {
    "A": "hidden pixels show themselves",
    "B": "noise that neighbours share",
    "C": "half of sigma",
    "D": "loss over all pixels",
}


def failing_run(letter):
    """One of the runs of task 6: a network that learns from one noisy gray photograph, and something is
    wrong.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y, and estimate (1,1,48,48); sigma (the true standard deviation of the noise); and
            of the last
        iteration: source (what the network got), target (what its output was compared with), both
            (1,1,48,48), and judged
        (1,1,48,48), True where the loss looked.
    """
    return _run(RUNS[letter])


def _run(fault, iterations=180):
    x = gray("camera")
    white = torch.randn(x.shape, generator=runtime.generator(0, "noise of task 6"))
    noise = (
        shared_noise(x.shape, runtime.generator(0, "noise of task 6"))
        if fault == "noise that neighbours share"
        else white / white.std()
    )
    y = x + SIGMA * noise
    engine = prepare(y, network=None, iterations=iterations, learning_rate=0.01, seed=0, fast=True)
    generator = runtime.generator(0, "pixels of task 6")
    last = {}

    def objective(iteration):
        if fault == "half of sigma":
            source, target = recorrupt(y, SIGMA / 2 * torch.randn(y.shape, generator=generator), 0.5)
            judged = torch.ones_like(y, dtype=torch.bool)
        else:
            hidden = hide(y, 0.1, generator)
            source, target = (
                y
                if fault == "hidden pixels show themselves"
                else torch.where(hidden, strangers(y, generator), y),
                y,
            )
            judged = torch.ones_like(hidden) if fault == "loss over all pixels" else hidden
        last.update(source=source, target=target, judged=judged)
        estimate = engine(source)
        return masked_mean((estimate - target) ** 2, judged), estimate

    estimate = run(Descent(engine, objective, iterations)).estimate
    return {"truth": x, "y": y, "sigma": SIGMA, "estimate": estimate, **last}


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    copies = "compare `source` and `y` where `judged` is True"
    looks = "print judged.double().mean()"
    refutations = {
        ("C", "hidden pixels show themselves"): (
            "nothing is hidden in it, and its source is y nowhere",
            "compare `source` and `y`",
        ),
        "hidden pixels show themselves": ("where its loss looks, its source is not y", copies),
        ("C", "loss over all pixels"): (
            "its target is not y, so copying y is not the best answer",
            "compare `target` and `y`",
            "where do they differ, and by how much?",
        ),
        "loss over all pixels": ("its loss looks at a tenth of the pixels", looks),
        "noise that neighbours share": (
            "the noise of neighbours is not alike",
            "compute the correlation of y - truth with itself, one pixel to the right",
        ),
        "half of sigma": ("no noise was added to it: its target is y", "compare `target` and `y`"),
        "a target that moved": (
            "its target shows the scene where the truth does",
            "compare psnr(target, truth) with psnr(target, truth.roll(1, -1))",
        ),
        "stopped far too early": (
            "its estimate is nearer to y than the truth is: it is too noisy, not too smooth",
            "compute (estimate - y).std() / sigma",
        ),
        "nothing": (
            "a good run reaches 26 dB here, and this one stays below 23.5",
            "compute psnr(estimate, truth)",
        ),
    }
    choose("causes", answer, RUNS, CAUSES, refutations, points=1)


def three_noises(seed=0):
    """The open question's noises {name: (noise, another one of the same kind)}, each (1,1,48,48) with the
    standard deviation 25/255.
    """
    draw, shape = runtime.generator(seed, "three noises"), (1, 1, SIDE, SIDE)

    def stripes():
        rows = torch.randn(1, 1, SIDE, 1, generator=draw)
        return (rows / rows.std()).expand(shape).clone()

    kinds = {
        "white": lambda: torch.randn(shape, generator=draw),
        "shared": lambda: shared_noise(shape, draw),
        "stripes": stripes,
    }
    return {name: (SIGMA * make(), SIGMA * make()) for name, make in kinds.items()}
