"""Checks of problem set 07: self-supervised denoising."""

import functools

import torch

from dil_course import runtime
from dil_course.checks.inputs import shared_noise, with_hints
from dil_course.checks.tasks import Wrong, call, choose, close, failing, match, task, tensor
from dil_course.fitting import Descent, run
from dil_course.from_scratch.given import prepare
from dil_course.from_scratch.self_supervised.blind_spot import hide, masked_mean, strangers
from dil_course.from_scratch.self_supervised.noise2noise import recorrupt
from dil_course.signals import picture

__all__ = [
    "CAUSES",
    "causes",
    "disguise",
    "failing_run",
    "hidden_loss",
    "loss_and_risk",
    "recorrupted",
    "self_influence",
    "three_noises",
]


def __dir__():
    return __all__


_SIGMA, _SIDE = 25 / 255, 48


def _gray(name):
    return picture(name, _SIDE).mean(1, keepdim=True)


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
            "which numbers did the network not see? Those of all channels at the hidden pixels",
            "multiply the squares by `hidden`, or pick them with it",
            "(squares * hidden).sum() / how many numbers that are",
        )
        count = (
            "a mean divides by how many numbers were added up",
            "there are hidden.sum() hidden pixels, and each has C numbers",
        )
        mean = at_hidden.sum() / (channels * pixels)
        mistakes = with_hints(
            (
                where,
                {
                    "this judges all pixels": difference.square().mean(),
                    "this judges the pixels that were shown": elsewhere.square().sum()
                    / (channels * (~hidden).sum()),
                    "this judges the first channel only": at_hidden[:, :1].square().sum() / pixels,
                },
            ),
            (
                ("what is the loss if half as many are hidden?", *count),
                {
                    "the squares are added up, not averaged": at_hidden.square().sum(),
                    "the visible pixels count as pixels without an error": at_hidden.square().mean(),
                    "this divides by the hidden pixels, and forgets that each has several channels": right
                    * channels,
                },
            ),
            (
                (
                    "least squares find the mean, least absolute values the median. Which one does noise of "
                    "mean zero leave alone?",
                    "square, then mean",
                ),
                {"this is the mean absolute difference": at_hidden.abs().sum() / (channels * pixels)},
            ),
            (
                ("can an estimate be wrong everywhere, and right on average?", "first square, then mean"),
                {"this is the square of the mean difference": mean**2},
            ),
        )
        output = estimate.clone().requires_grad_()
        loss = _loss_of_a_network(answer, output, y, hidden)
        match(f"{channels} channels, {pixels} hidden pixels", loss, right, mistakes, where)
        _check_gradient(loss, output, 2 * at_hidden / (channels * pixels))


_NO_GRADIENT = (
    "a network cannot learn from your loss: it has no gradient",
    "what does loss.backward() need? A tensor that knows how it was computed from `estimate`",
    "compute with tensors to the end: no .item(), float(...), .detach(), torch.tensor(...) or numpy",
)


@torch.enable_grad()
def _loss_of_a_network(answer, output, y, hidden):
    """What the answer makes of an output that has a gradient, as that of a network does."""
    try:
        return call(answer, output, y, hidden)
    except Wrong as wrong:
        if "requires grad" in wrong.says:  # numpy's refusal advises to detach, which leads away
            raise Wrong(*_NO_GRADIENT) from None
        raise


@torch.enable_grad()
def _check_gradient(loss, output, right):
    """Raise Wrong where a loss of the right value has another gradient by the output, or none."""
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise Wrong(*_NO_GRADIENT)
    try:
        (gradient,) = torch.autograd.grad(loss.sum(), output, allow_unused=True)
    except RuntimeError as problem:
        raise Wrong(
            f"loss.backward() stops with: {str(problem)[:200]}",
            "do you overwrite a tensor that the gradient still needs? Make a new one",
        ) from problem
    if gradient is None:
        raise Wrong(*_NO_GRADIENT)
    if not close(gradient, right):
        raise Wrong(
            "your loss has the right value, and another gradient than the formula",
            "is a part of it cut off from `estimate`, by .detach() or .data?",
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
        generator = torch.Generator().manual_seed(seed)
        draw_often = functools.partial(_draw_often, answer, y, radius, generator)
        came = draw_often(hidden, 60)
        if _missing(came, hidden, radius):  # perhaps by chance: they need not come equally often
            came = torch.cat([came, draw_often(hidden, 240)])
        distance = (came - hidden[0, 0].nonzero()).abs().amax(2)
        if ((distance == 0) | (distance > radius)).any() and _is_right_alone(draw_often, hidden, radius):
            raise Wrong(
                "a hidden pixel shows a colour that its stranger had taken from elsewhere",
                "a stranger may be hidden itself. Which colour does it lend, its old one or its new one?",
                "read from y as it was, and write into a copy: result = y.clone()",
            )
        _look(came, hidden, radius)
        again = [
            _draw_often(answer, y, radius, torch.Generator().manual_seed(seed), hidden, 1) for _ in range(2)
        ]
        if not torch.equal(*again):
            says = "generators of the same seed give other strangers"
            raise Wrong(
                says,
                "nobody could repeat such a run. Where do your random numbers come from?",
                "torch.randint(..., generator=generator)",
            )


def _draw_often(answer, y, radius, generator, hidden, calls):
    """The places (calls,N,2) from which the N hidden pixels take their colours in each call."""
    return torch.stack(
        [_came_from(y, hidden, call(answer, y, hidden, radius, generator)) for _ in range(calls)]
    )


def _is_right_alone(draw_often, hidden, radius):
    """Does each pixel, hidden alone, show neither itself nor a place farther away than the radius?"""
    for place in hidden[0, 0].nonzero():
        alone = torch.zeros_like(hidden)
        alone[..., place[0], place[1]] = True
        try:
            distance = (draw_often(alone, 8) - place).abs().amax(2)
        except Wrong:
            return False
        if ((distance == 0) | (distance > radius)).any():
            return False
    return True


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
        whose = (
            "the colour of one other pixel: a mean of several is less noisy than y, and the network would be "
            "trained on other images than it denoises"
        )
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


def _inside(hidden, radius):
    """For each of the N hidden pixels (N,): does its whole window lie inside of the picture?"""
    own, last = hidden[0, 0].nonzero(), torch.tensor(hidden.shape[-2:]) - 1
    return torch.minimum(own, last - own).amin(1) >= radius


def _missing(came, hidden, radius):
    """The offsets from which no stranger came, of those that can be met in the middle of the picture."""
    offsets = (came - hidden[0, 0].nonzero())[:, _inside(hidden, radius)]
    met = {(0, 0), *map(tuple, offsets.flatten(0, 1).tolist())}
    shifts = range(-radius, radius + 1)
    return [(down, right) for down in shifts for right in shifts if (down, right) not in met]


def _look(came, hidden, radius):
    """Raise Wrong where the places (calls,N,2) from which the N hidden pixels took their colours are not as
    asked for.
    """
    own, inside = hidden[0, 0].nonzero(), _inside(hidden, radius)
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
    offsets = offsets[:, inside]
    alike = (offsets[:, :, None] == offsets[:, None]).all(3).all(0)
    if alike.sum() > len(alike):  # more than each with itself
        raise Wrong(
            f"in one call {'all' if alike.all() else 'some'} hidden pixels look in the same direction",
            "draw a place for each hidden pixel",
            "torch.randint with as many numbers as there are pixels",
        )
    missing, met = _missing(came, hidden, radius), offsets.flatten(0, 1).unique(dim=0)
    whole = (
        "any other pixel of the window of 2 radius + 1 rows and columns may come",
        "torch.randint(-radius, radius + 1, ...): its upper end is left out",
    )
    if missing and (met == 0).any(1).all():
        raise Wrong("strangers come from the same row or column only", *whole)
    if missing:
        of = "window's rim" if all(max(map(abs, offset)) == radius for offset in missing) else "window"
        raise Wrong(f"not all of the {of} can come: no stranger has the offset {missing[-1]}", *whole)


@task(points=3)
def self_influence(answer, seed):
    """Task 3: `answer(f, y, places, step)` is by how much each of these pixels of f(y) grows with the same
    pixel of y, per step.
    """
    draw = runtime.generator(seed, "self-influence")
    height, width = 5, 6
    for step in (0.5, -0.3):
        mix = torch.randn(height * width, height * width, generator=draw, dtype=torch.float64) / 6
        mix.diagonal().abs_()[1::2] *= -1  # influences of either sign
        y = torch.rand(1, 1, height, width, generator=draw, dtype=torch.float64)

        def f(z, mix=mix):
            return torch.tanh(z.reshape(-1, height * width) @ mix.to(z).T - 0.2).view(z.shape)

        places = [(0, 0), (2, 3), (4, 1), (1, 5)]
        right, mistakes = _influences(f, y, places, step)
        hints = (
            "change one number of a copy of y, and call f again",
            "(f(changed) - f(y)) / step, and of that the same pixel",
            "begin anew with y.clone() for each place",
        )
        match(f"step {step}", call(answer, f, y, list(places), step), right, mistakes, hints)


def _influences(f, y, places, step):
    """What is right in task 3, and the table of mistakes."""
    number = torch.arange(len(places))
    rows, columns = torch.tensor(places).T
    ones = torch.zeros(len(places), *y.shape[1:], dtype=y.dtype)
    ones[number, 0, rows, columns] = 1

    def grown(changed, before=None, size=step):
        """The growth (N,H,W) of the whole picture from `before` to the f of each changed one, per step."""
        return (f(changed) - (f(y) if before is None else before))[:, 0] / size

    def at(pictures):
        return pictures[number, rows, columns]

    raised = y + step * ones
    whole, slope = grown(raised), torch.autograd.functional.jacobian(f, y)[0, 0][..., 0, 0, :, :]
    right = at(whole)
    only = "only the same pixel of f(y) counts: [..., row, column]"
    formula, sign = "(f(changed) - f(y)) / step", "A step may be negative, too: divide by it with its sign"
    return right, with_hints(
        (
            ("a step twice as large should not give twice the influence", "divide by `step`"),
            {"the growth is not divided by the step": right * step},
        ),
        (
            ("a pixel can fall where its input grows", f"leave abs out. {sign}"),
            {"the sign is lost": right.abs(), "the step has lost its sign": right * step / abs(step)},
        ),
        (
            ("then other pixels' influence is in it", "a new y.clone() for each place, and one pixel of it"),
            {
                "the pixels that were changed before stay changed": at(grown(y + step * ones.cumsum(0))),
                "all pixels of y are changed at once": at(grown(y + step).expand_as(whole)),
                "all pixels of `places` are changed at once": at(
                    grown(y + step * ones.sum(0, keepdim=True)).expand_as(whole)
                ),
            },
        ),
        (
            ("a pixel that moves its neighbours, but not itself, does no harm here", only),
            {
                "this adds up the growth of all pixels": whole.sum((1, 2)),
                "this is the mean growth of all pixels": whole.mean((1, 2)),
                "this is the largest growth of any pixel": whole.abs().amax((1, 2)),
            },
        ),
        (
            ("by how much does the output grow? Growth is after, minus before", formula),
            {
                "f(y) is not taken off": at(grown(raised, before=0)),
                "y is taken off, not f(y)": at(grown(raised, before=y)),
            },
        ),
        (
            ("how many steps are there between the two pictures of the formula?", formula),
            {
                "the step goes to both sides": (right + at(grown(y - step * ones, size=-step))) / 2,
                "the step goes to the other side": at(grown(y - step * ones, size=-step)),
            },
        ),
        (
            ("then some pixels make a smaller step than they are divided by", "f takes values beyond 1"),
            {"the raised pixel is clamped to [0, 1]": at(grown(raised.clamp(0, 1)))},
        ),
        (
            ("the pixel had a value before, and so had all others", "changed = y.clone(), and += step"),
            {
                "y is forgotten: f is asked about a picture with one pixel": at(grown(step * ones, before=0)),
                "the pixel is set to the step, not raised by it": at(grown(y + (step - y) * ones)),
                "the pixel is raised by a share of itself": at(grown(y + step * y * ones)),
            },
        ),
        (
            ("f bends: a step has another slope than a point", "call f twice, with and without the step"),
            {"this is the derivative, so a step without a size": slope[rows, columns, rows, columns]},
        ),
    )


@task(points=3)
def loss_and_risk(answer, seed):
    """Task 4: `answer(differences, weights, alike, with_target, sigma)` is the expected loss to a noisy
    target, and the risk.
    """
    draw = runtime.generator(seed, "loss and risk")
    for count, signed in ((5, False), (8, False), (7, True)):
        sigma = 0.3 + 0.3 * torch.rand((), generator=draw).item()
        delta, weights = torch.randn(2, count, generator=draw, dtype=torch.float64)
        weights = weights.abs() + signed
        weights[: 3 * signed] *= -0.4  # negative weights, and correlations of either sign
        weights = weights / weights.sum()
        # Correlations that can be: those of mixed white noise. The last row is the target.
        mixed = torch.randn(count + 1, count + 1, generator=draw, dtype=torch.float64)
        mixed = mixed if signed else mixed.abs()
        mixed = mixed / mixed.norm(dim=1, keepdim=True)
        alike, with_target = (mixed @ mixed.T)[:-1, :-1], (mixed @ mixed.T)[-1, :-1]
        if signed and weights @ with_target > 0:  # the estimate fears the target's noise
            with_target = -with_target
        bias, common = weights @ delta, weights @ with_target

        def both(
            fixed=bias**2,
            kept=weights @ alike @ weights,
            common=common,
            own=1.0,
            variance=sigma**2,
            added=0.0,
        ):
            """Loss and risk (2,), with one place to change for each mistake."""
            risk = fixed + variance * kept
            return torch.stack([risk + variance * (own - 2 * common) + added, risk])

        variance = sigma**2
        loss, risk = right = both()
        size, positive, diagonal = weights.abs(), alike.clamp(min=0), weights.square().sum()
        products = (
            "(a - m)^2 = a^2 - 2 a m + m^2, and each product of two noises has the mean correlation times "
            "sigma^2"
        )
        formula = "loss = risk + sigma^2 - 2 sigma^2 sum w rho"
        pairs = "risk = (sum w delta)^2 + sigma^2 times the sum over all i and j of w_i w_j alike_ij"
        mistakes = with_hints(
            (
                (
                    "what does `with_target` say? Copy the target's noise: does the loss rise or fall?",
                    products,
                    formula,
                ),
                {
                    "the target's noise is taken for independent of the estimate's": both(common=0),
                    "the sign of what the noises have in common is wrong": both(common=-common),
                    "a 2 is missing before what the noises have in common": both(common=common / 2),
                    "what the noises have in common lacks sigma^2": both(common=common / variance),
                },
            ),
            (
                ("the target is noisy, too. What does a perfect estimate lose?", products, formula),
                {
                    "the target's own noise is missing": both(own=0),
                    "the risk of the loss is added twice": both(added=risk),
                },
            ),
            (
                ("the risk is the distance to the truth, the loss that to the target", "return loss, risk"),
                {
                    "the loss is given as the risk, too": loss.expand(2),
                    "the risk is given as the loss, too": risk.expand(2),
                    "loss and risk are exchanged": right.flip(0),
                },
            ),
            (
                (
                    "noises that are alike do not cancel. What does `alike` say? i and j are a pair twice",
                    pairs,
                ),
                {
                    "the noises of the numbers are taken for independent of each other": both(kept=diagonal),
                    "each pair of numbers counts once": both(kept=weights @ alike.triu() @ weights),
                    "the second weight of each pair is missing": both(kept=(weights @ alike).sum()),
                },
            ),
            (
                ("neighbours are not quite the same. What do their differences do to the mean?", pairs),
                {
                    "the fixed part is missing": both(0),
                    "the fixed part is not squared": both(bias),
                    "differences of opposite sign cannot cancel here": both(weights @ delta**2),
                    "the differences are not weighted": both(delta.sum() ** 2),
                },
            ),
            (
                ("noises have sigma as their standard deviation: what is their variance?", formula, pairs),
                {"sigma is not squared": both(variance=sigma)},
            ),
        )
        if signed:
            mistakes |= with_hints(
                (
                    (
                        "noises of opposite sign cancel, and so do weights: what does that do to the risk?",
                        pairs,
                    ),
                    {
                        "negative weights count as positive": both(
                            (size @ delta) ** 2, size @ alike @ size, size @ with_target
                        ),
                        "negative correlations count as zero": both(
                            kept=weights @ positive @ weights, common=weights @ with_target.clamp(min=0)
                        ),
                    },
                )
            )
        given, hints = (
            call(answer, delta, weights, alike, with_target, sigma),
            (
                "write the difference as a fixed part plus noise, then take the mean of its square",
                products,
                formula,
            ),
        )
        match(f"{count} numbers, sigma {sigma:.2f}", given, right, mistakes, hints)


@task(points=2)
def recorrupted(answer, seed):
    """Task 5: `answer(sigma, told, alpha)`: variances of the source's and the target's noise, and their
    covariance.
    """
    draw = runtime.generator(seed, "recorrupted")
    for alpha, least in ((0.5, 0.5), (1.6, 1.3), (0.7, 1.3), (1.3, 0.5)):  # too little and too much is told
        sigma = 0.2 + 0.3 * torch.rand((), generator=draw).item()
        told = sigma * (least + 0.3 * torch.rand((), generator=draw).item())
        source, target, common = (
            sigma**2 + alpha**2 * told**2,
            sigma**2 + told**2 / alpha**2,
            sigma**2 - told**2,
        )

        def three(source=source, target=target, common=common):
            return torch.tensor([source, target, common], dtype=torch.float64)

        correlation = common / (source * target) ** 0.5
        parts = (
            "n and z are independent: multiply out, and keep n n and z z",
            "alpha times -1 / alpha is -1, so the covariance is sigma^2 - told^2",
        )
        sizes = (
            "variances of independent noises add; a factor comes out squared",
            "sigma^2 + alpha^2 told^2, and sigma^2 + told^2 / alpha^2",
        )
        mistakes = with_hints(
            (
                ("z enters the two images with opposite signs, and both hold n", *parts),
                {
                    "the covariance has the wrong sign here": three(common=-common),
                    "the two parts of the covariance add up here": three(common=sigma**2 + told**2),
                    "the covariance lacks the noise of y itself": three(common=-(told**2)),
                    "the covariance lacks z": three(common=sigma**2),
                    "alpha stays in the covariance": three(common=sigma**2 - (alpha * told) ** 2),
                    "alpha stays below the covariance": three(common=sigma**2 - told**2 / alpha),
                },
            ),
            (
                (
                    "it is zero if the method is told the truth: the mean of a product, not of a square",
                    *parts,
                ),
                {
                    "the covariance is zero here, although a wrong sigma is told": three(common=0.0),
                    "this is the correlation, not the covariance": three(common=correlation),
                    "this is the square of a difference, not the difference of squares": three(
                        common=(sigma - told) ** 2
                    ),
                },
            ),
            (
                sizes,
                {
                    "these are standard deviations, and variances are asked for": three(
                        source**0.5, target**0.5
                    ),
                    "alpha is not squared": three(sigma**2 + alpha * told**2, sigma**2 + told**2 / alpha),
                    "alpha is forgotten": three(sigma**2 + told**2, sigma**2 + told**2),
                    "n and z are taken for dependent": three(
                        (sigma + alpha * told) ** 2, (sigma - told / alpha) ** 2
                    ),
                },
            ),
            (
                ("y + alpha z is the source, y - z / alpha the target", *sizes),
                {"source and target are exchanged": three(target, source)},
            ),
            (
                ("a minus before z does not make the target less noisy", *sizes),
                {"the target's noise falls, and noise was added": three(target=2 * sigma**2 - target)},
            ),
            (
                ("the noise of y is what it is: sigma. z has what was told", *sizes),
                {
                    "y's own noise has the variance that the method was told": three(
                        told**2 * (1 + alpha**2), told**2 * (1 + alpha**-2)
                    ),
                    "z has the variance sigma^2 here, and was told another": three(
                        sigma**2 * (1 + alpha**2), sigma**2 * (1 + alpha**-2)
                    ),
                    "the source lacks the noise of y": three(source - sigma**2, target - sigma**2),
                },
            ),
        )
        given = call(answer, sigma, told, alpha)
        hints = ("write down the two noises: n + alpha z, and n - z / alpha", sizes[1], parts[1])
        match(f"sigma {sigma:.2f}, told {told:.2f}, alpha {alpha}", given, three(), mistakes, hints)


CAUSES = {
    "hidden pixels show themselves": "the loss looks at hidden pixels only, but the network sees them",
    "loss over all pixels": "some pixels are hidden from the network, but the loss looks at all of them",
    "noise that neighbours share": "the method is as it should be, but neighbours share the noise of a pixel",
    "half of sigma": "Recorrupted-to-Recorrupted was told half of the true sigma",
    "a target that moved": "the target shows the scene one pixel further to the right",
    "stopped far too early": "the estimate is still smooth: the network had no time to learn more",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations=180):
    x = _gray("camera")
    white = torch.randn(x.shape, generator=runtime.generator(0, "noise of task 6"))
    noise = (
        shared_noise(x.shape, runtime.generator(0, "noise of task 6"))
        if fault == "noise that neighbours share"
        else white / white.std()
    )
    y = x + _SIGMA * noise
    engine = prepare(y, network=None, iterations=iterations, learning_rate=0.01, seed=0, fast=True)
    generator = runtime.generator(0, "pixels of task 6")
    last = {}

    def objective(iteration):
        if fault == "half of sigma":
            source, target = recorrupt(y, _SIGMA / 2 * torch.randn(y.shape, generator=generator), 0.5)
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
    return {"truth": x, "y": y, "sigma": _SIGMA, "estimate": estimate, **last}


@failing(
    _run,
    A="hidden pixels show themselves",
    B="noise that neighbours share",
    C="half of sigma",
    D="loss over all pixels",
)
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    A network that learns from one noisy gray photograph.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth, y, and estimate (1,1,48,48); sigma (the true standard deviation of the noise); and
        of the last iteration: source (what the network got), target (what its output was compared with), both
        (1,1,48,48), and judged (1,1,48,48), True where the loss looked.
    """


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
    choose(answer, failing_run, CAUSES, refutations, points=1)


def three_noises(seed=0):
    """The open question's noises {name: (noise, another one of the same kind)}, each (1,1,48,48) with the
    standard deviation 25/255.
    """
    draw, shape = runtime.generator(seed, "three noises"), (1, 1, _SIDE, _SIDE)

    def stripes():
        rows = torch.randn(1, 1, _SIDE, 1, generator=draw)
        return (rows / rows.std()).expand(shape).clone()

    kinds = {
        "white": lambda: torch.randn(shape, generator=draw),
        "shared": lambda: shared_noise(shape, draw),
        "stripes": stripes,
    }
    return {name: (_SIGMA * make(), _SIGMA * make()) for name, make in kinds.items()}
