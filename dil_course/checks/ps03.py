"""Problem set 03: deep image prior. Each check takes the student's answer and returns points."""

import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, close, failing, match, task, tensor
from dil_course.networks import SkipNetwork, small_skip_network
from dil_course.signals import Blur, Mask, picture, psnr

__all__ = [
    "CAUSES",
    "causes",
    "failing_run",
    "fit",
    "hold_out",
    "noise_left",
    "psnr_of_mean",
    "stop",
]


def __dir__():
    return __all__


def _mean_square(difference):
    return torch.mean(difference**2)


def _loop(y, A, network, z, noises, **change):
    """The loop of task 1; `change` puts one mistake into it.

    Returns the estimates and losses of all iterations.
    """
    make = change.get("optimizer", torch.optim.Adam)
    rate = change.get("learning_rate", 0.01)
    feed = change.get("feed", lambda noise, so_far: z + noise / 30)
    misfit = change.get("misfit", lambda estimate: _mean_square(A(estimate) - y))
    network.train(not change.get("evaluating"))
    optimizer = make(network.parameters(), lr=rate)
    estimates, losses, so_far = [], [], torch.zeros_like(z)
    for noise in noises:
        if change.get("fresh_optimizer"):
            optimizer = make(network.parameters(), lr=rate)
        so_far = so_far + noise
        estimates.append(network(feed(noise, so_far)))
        losses.append(misfit(estimates[-1]))
        if not change.get("accumulate"):
            optimizer.zero_grad()
        losses[-1].backward()
        if not change.get("frozen"):
            optimizer.step()
    return torch.cat(estimates).detach(), torch.stack(losses).detach()


def _last(estimates, losses, network, z, noises):
    return estimates[-1:]


def _average(estimates, losses, network, z, noises):
    average = estimates[:1]
    for i, estimate in enumerate(estimates, start=1):
        weight = min(0.99, i / (i + 10))
        average = weight * average + (1 - weight) * estimate
    return average


def _network(channels):
    with runtime.seeded(1):
        return SkipNetwork(
            channels, input_channels=2, width=4, scales=1, skip=2, norm_of_joined=False
        ).double()


def _fit_mistakes(y, A, z, noises):
    """[(hints, {what it looks like: (change of the loop, what is returned)})]."""

    def feed(of):
        return {"feed": of}

    def misfit(of):
        return {"misfit": of}

    step = "three calls belong together: zero_grad, backward, step, in this order"
    return [
        (
            (
                "what is y: a picture, or a measurement of one?",
                "compare in the space of y: simulate the camera, then subtract",
                "A(estimate) - y, and the mean is over all of its numbers",
            ),
            {
                "the loss ignores A: the estimate itself is compared with y": (
                    misfit(lambda e: _mean_square(e - y)),
                    _last,
                ),
                "A is applied to y as well": (misfit(lambda e: _mean_square(A(e - y))), _last),
                "the loss looks at the first channel only": (
                    misfit(lambda e: _mean_square((A(e) - y)[:, 0])),
                    _last,
                ),
            },
        ),
        (
            ("print the loss of each iteration: does it fall?", step),
            {
                "the gradients of all iterations add up": ({"accumulate": True}, _last),
                "the weights never change": ({"frozen": True}, _last),
            },
        ),
        (
            (
                "Adam remembers the gradients of earlier iterations",
                "make the optimizer once, before the loop",
            ),
            {"a new optimizer begins at each iteration": ({"fresh_optimizer": True}, _last)},
        ),
        (
            (
                "where does `noise` enter, and where does z change?",
                "z itself stays fixed, and the noise has the standard deviation 1/30",
                "for noise in noises: hand the network z + noise / 30",
            ),
            {
                "there is no noise on z": (feed(lambda noise, so_far: z), _last),
                "the network sees the noise, but not z": (feed(lambda noise, so_far: noise / 30), _last),
                "the noise on z is thirty times too strong": (feed(lambda noise, so_far: z + noise), _last),
                "the variance of the noise on z is 1/30": (
                    feed(lambda noise, so_far: z + noise / math.sqrt(30)),
                    _last,
                ),
                "the noise is taken off z, not added": (feed(lambda noise, so_far: z - noise / 30), _last),
                "the noise adds up on z": (feed(lambda noise, so_far: z + so_far / 30), _last),
                "each iteration gets the same noise": (
                    feed(lambda noise, so_far: z + noises[0] / 30),
                    _last,
                ),
            },
        ),
        (
            (
                "which numbers does batch normalization use then?",
                "leave out network.eval(): here each picture is its own batch",
            ),
            {"the network is in evaluation mode": ({"evaluating": True}, _last)},
        ),
        (
            (
                "the last estimate is the one that the last loss was taken of",
                "return the estimate of the last round of the loop, as it is",
            ),
            {
                f"this is {what}": ({}, of)
                for what, of in {
                    "the network's output after the last update, without noise": (
                        lambda e, losses, network, z, noises: network(z)
                    ),
                    "the network's output after the last update, in evaluation mode": (
                        lambda e, losses, network, *rest: network.eval()(z)
                    ),
                    "the network's output after the last update": (
                        lambda e, losses, network, z, noises: network(z + noises[-1] / 30)
                    ),
                    "the estimate of the first iteration": lambda e, *rest: e[:1],
                    "the estimate with the smallest loss, which may be noise that was learned": (
                        lambda e, losses, *rest: e[losses.argmin()][None]
                    ),
                    "the mean of all estimates: averaging comes in task 2": (
                        lambda e, *rest: e.mean(0, keepdim=True)
                    ),
                    "the running average of the estimates: averaging comes in task 2": _average,
                    "what the camera makes of the estimate": lambda e, *rest: A(e[-1:]),
                }.items()
            },
        ),
        (
            ("how many iterations are there?", "one for each noise in `noises`, the last one too"),
            {"the last iteration is missing": ({}, lambda e, *rest: e[-2:-1])},
        ),
        (
            ("which optimizer, and which learning rate, does the task ask for?", "torch.optim.Adam, lr=0.01"),
            {
                "the learning rate is too small": ({"learning_rate": 1e-3}, _last),
                "the learning rate is too large": ({"learning_rate": 0.1}, _last),
                "this is AdamW, which also shrinks the weights": ({"optimizer": torch.optim.AdamW}, _last),
                "this is plain gradient descent, not Adam": ({"optimizer": torch.optim.SGD}, _last),
            },
        ),
        (
            ("which loss does the task ask for?", "torch.mean((A(estimate) - y) ** 2)"),
            {
                "the loss is not squared: it is a mean of sizes": (
                    misfit(lambda e: torch.mean((A(e) - y).abs())),
                    _last,
                ),
                "the loss is a square root": (misfit(lambda e: (A(e) - y).norm()), _last),
            },
        ),
    ]


def _recognized(given, y, A, z, noises):
    """{what it looks like: (result, hints)} of the first mistake that gives the same numbers, or nothing."""
    for hints, changes in _fit_mistakes(y, A, z, noises):
        for says, (change, result) in changes.items():
            network = _network(y.shape[1])
            made = tensor(result(*_loop(y, A, network, z, noises, **change), network, z, noises))
            if close(given.reshape(-1), made.reshape(-1)):
                return {says: (made, *hints)}
    return {}


def _fit_inputs(A, channels):
    """y, z, noises for task 1, and its answer: not the estimate of the smallest loss, and the same for a sum
    as for a mean.

    Adam hardly feels the size of a loss, but where a gradient is as faint as its eps.
    """
    while True:
        y = A(torch.rand(1, channels, 16, 16).double())
        z, noises = 0.1 * torch.rand(1, 2, 16, 16).double(), torch.randn(6, 1, 2, 16, 16).double()
        noises[-2:] *= 20
        estimates, losses = _loop(y, A, _network(channels), z, noises)
        if losses.argmin() < len(losses) - 2:
            summed, _ = _loop(
                y, A, _network(channels), z, noises, misfit=lambda e, y=y: torch.sum((A(e) - y) ** 2)
            )
            if close(summed[-1], estimates[-1], 2e-5):
                return y, z, noises, estimates[-1:]


@task(points=3)
def fit(answer, seed):
    """Task 1: `answer(y, A, network, z, noises)` is the loop of deep image prior with an operator; the last
    estimate.
    """
    mask = (torch.rand(1, 1, 16, 16) < 0.6).float()
    kernel = 0.1 + torch.rand(3, 5)
    hints = (
        "compare your lines with the loop of lesson 03, one by one; only the loss has changed",
        "make the optimizer before the loop; return the last estimate, as it was before its update",
        "estimate = network(z + noise / 30); loss = mean of (A(estimate) - y)^2; zero_grad, backward, step",
    )
    loud_blur = Blur(kernel / kernel.sum())
    loud_blur.kernel *= 20  # so that gradients are not faint
    for name, A, channels in (("holes", Mask(mask), 1), ("blur", loud_blur, 2)):
        y, z, noises, right = _fit_inputs(A, channels)
        given, again, others = (
            tensor(call(answer, y, A, _network(channels), z, drawn))
            for drawn in (noises, noises, noises.flip(0) / 2)
        )
        if again.shape != given.shape or not torch.allclose(again, given, rtol=0, atol=1e-4):
            raise Wrong(
                "two calls with the same inputs give different results: your function draws random numbers "
                "of its own",
                "where do all random numbers come from in this task?",
                "from z and from `noises`: use them, and draw nothing",
            )
        mistakes = {}
        if not close(given.reshape(-1), right.reshape(-1)):
            mistakes = _recognized(given, y, A, z, noises)
        if not mistakes and torch.equal(given, others):
            mistakes = {
                "your result does not depend on `noises`": (
                    given,
                    "the noise on z is handed to you",
                    "for noise in noises: ...",
                )
            }
        match(f"last estimate, {name}", given, right, mistakes, hints)


@task(points=2)
def noise_left(answer, seed):
    """Task 2: `answer(weight)` is the share of the noise's variance that a long average leaves."""
    hints = (
        "write the average as a sum: output i steps ago has the weight (1-w) w^i",
        "independent noises: add up the squares of the weights",
        "(1-w)^2 (1 + w^2 + w^4 + ...), a geometric series",
    )
    for w in (0.7 + 0.2 * torch.rand(()).item(), 0.5, 0.99, 0.0):
        right = (1 - w) / (1 + w)
        given = tensor(call(answer, w))
        mistakes = with_hints(
            (
                (
                    "check w = 0.5 by adding up a few terms",
                    "the output i steps ago has the weight (1-w) w^i: its square is (1-w)^2 w^(2i)",
                    "(1-w)^2 (1 + w^2 + w^4 + ...), a geometric series",
                ),
                {
                    "this is one term of the sum": (1 - w) ** 2,
                    "the weights are added up, not their squares": 1 - w,
                    "the weights of the sum are squared, but not its factor": 1 / (1 + w),
                    "the factor is squared, but not the powers of w": (1 - w) ** 2 / (1 + w),
                    "one sum too many: its square is in your result": (1 - w) / (1 + w) ** 2,
                    "the newest output is missing in the sum": right * w**2,
                    "a plain mean of 1 / (1 - w) outputs leaves 1 - w; this is half of it": (1 - w) / 2,
                },
            ),
            (
                ("is it more or less noise than before?", "take the reciprocal"),
                {"this is how many outputs the average is worth": 1 / right},
            ),
            (
                (
                    "the share that is left is asked for, a number between 0 and 1",
                    "leave out what you did last",
                ),
                {
                    "this is the share that is removed": 1 - right,
                    "this is in decibels": -10 * math.log10(right),
                },
            ),
            (
                (
                    "try w = 0.99: does your average remember much?",
                    "the past has the weight w, the new output 1 - w: sum the squares of all weights",
                ),
                {"this is the share of the past": w, "the two weights are exchanged": w / (2 - w)},
            ),
        )
        if w == 0:  # where many formulas agree
            mistakes = {
                "with weight 0 the average is the newest output itself: all of its noise is left": (
                    given,
                    "put w = 0 into the formula of the average",
                )
            }
        left_out = 1 - given.sum().item() / right  # w^(2n), where the sum ends after n terms
        terms = math.log(left_out) / (2 * math.log(w)) if w and 0 < left_out < 1 else 0
        if terms > 1.5 and abs(terms - round(terms)) < 0.02:
            says = f"your sum ends after {round(terms)} terms"
            mistakes[says] = (
                given,
                "how large is what you leave out, at w = 0.99?",
                "a geometric series has a closed form: 1 / (1 - w^2)",
            )
        match(f"weight {w:.2f}", given, torch.tensor(right), mistakes, hints, tolerance=1e-3)


@task(points=2)
def psnr_of_mean(answer, seed):
    """Task 3: `answer(one, rho)` is the PSNR (dB) of the mean of two estimates with PSNR `one` and correlated
    errors.
    """
    hints = (
        "call the two errors a and b, each with mean square m. What is the mean square of (a + b) / 2?",
        "(m + m + 2 rho m) / 4",
        "one - 10 log10((1 + rho) / 2)",
    )
    for one, rho in (
        (25 + 10 * torch.rand(()).item(), 0.52 + 0.06 * torch.rand(()).item()),
        (27.0, 0.0),
        (31.0, 0.9),
        (24.0, -0.4),
    ):

        def decibels(factor, one=one):
            return one + 10 * math.log10(max(factor, 1e-9))

        negative = {
            "the sign of rho is lost": decibels(2 / (1 + abs(rho))),
            "a negative rho counts as zero": decibels(2 / (1 + max(rho, 0))),
        }
        mistakes = with_hints(
            (
                (
                    "can two errors be opposite, in part? Then they cancel even better than independent ones",
                    "rho may be negative: put it into your formula as it is",
                ),
                negative if rho < 0 else {},
            ),
            (
                (
                    "what if both runs make the same error, rho = 1? And if the two errors cancel?",
                    "(a + b)^2 = a^2 + 2ab + b^2, and the mean of ab is rho times m",
                    "(m + m + 2 rho m) / 4",
                ),
                {
                    "the errors are treated as independent": decibels(2),
                    "the mean of two PSNRs is not the PSNR of the mean": one,
                    "the mixed term is counted once": decibels(4 / (2 + rho)),
                    "one of the two squares is missing": decibels(4 / (1 + 2 * rho)),
                    "the mean square of one error is missing": decibels(4 / (1 + rho)),
                    "this uses 1 - rho": decibels(2 / (1 - rho)),
                },
            ),
            (
                ("the mean is half the sum", "half the error is a quarter of its square"),
                {
                    "the sum is not divided by two": decibels(1 / (2 + 2 * rho)),
                    "half the error is a quarter of its square, not a half": decibels(1 / (1 + rho)),
                },
            ),
            (
                (
                    "the error gets smaller. What does the PSNR do?",
                    "minus 10 log10 of the factor of the squared error, added to what one estimate has",
                ),
                {
                    "the sign is wrong: averaging cannot hurt here": decibels((1 + rho) / 2),
                    "this is only the gain": decibels(2 / (1 + rho)) - one,
                    "a decibel counts powers": decibels((2 / (1 + rho)) ** 2),
                    "a root too many": decibels((2 / (1 + rho)) ** 0.5),
                    "this is the natural logarithm": one - 10 * math.log((1 + rho) / 2),
                    "the peak is 255 here": decibels(2 / (1 + rho)) + 20 * math.log10(255),
                },
            ),
        )
        right = decibels(2 / (1 + rho))
        match(
            f"{one:.1f} dB, rho {rho:.2f}",
            call(answer, one, rho),
            torch.tensor(right),
            mistakes,
            hints,
            tolerance=1e-4,
        )


@task(points=2)
def stop(answer, seed):
    """Task 4: `answer(losses, sigma)` is the first iteration, counted from 1, whose loss the noise alone
    explains.
    """
    iterations = torch.arange(1, 301)
    for sigma, floor in ((25 / 255, 0.002), (0.2, 0.01), (0.05, 0.01)):
        curve = 0.3 * torch.exp(-iterations / 25) * (1 + 0.3 * torch.rand(300)) + floor
        curve += 1e-4 * (iterations - 250).clamp(min=0)  # the smallest loss is not the last one
        curve[-8:] += 0.05  # a late jump, as Adam makes them: the last iterations explain nothing again
        _judge_stop(answer, curve.tolist(), sigma, _stop_mistakes)
    # The squares of these sigmas are exact, so "at most" can be told from "below".
    for sigma, count in ((0.25, 90), (0.5, 60)):
        bound, first = sigma**2, int(torch.randint(5, 25, ()))
        rest = [1.0001 * bound, *(bound * (1.2 + torch.rand(count))).tolist()]
        # Met once, and early: no search may skip it.
        below, single = ([*rest[:first], met, *rest[first:]] for met in (0.9 * bound, bound))
        for losses in (below, single, rest, [*rest, bound], [bound, *single, bound / 2]):
            _judge_stop(answer, losses, sigma, _strict_mistakes)


def _first(losses, bound):
    return next((i for i, loss in enumerate(losses, start=1) if loss <= bound), len(losses))


def _strict_mistakes(losses, sigma, right):
    return {
        "a loss of exactly sigma squared does not count here": (
            next((i for i, loss in enumerate(losses, start=1) if loss < sigma**2), len(losses)),
            "what does `at most` say of two equal numbers?",
            "loss <= sigma**2",
        )
    }


def _stop_mistakes(losses, sigma, right):
    """{what it looks like: (iteration, hint, hint, hint)}, for a curve where these can be told apart."""
    explained = [i for i, loss in enumerate(losses, start=1) if loss <= sigma**2]
    return with_hints(
        (
            ("the loss is a mean SQUARED error", "what is the mean square of the noise?", "loss <= sigma**2"),
            {"the misfit is compared with sigma": _first(losses, sigma)},
        ),
        (
            ("the first loss belongs to iteration 1", "enumerate(losses, start=1)"),
            {
                "iterations are counted from 0 here": right - 1,
                "this is the loss of that iteration, not its number": losses[right - 1],
            },
        ),
        (
            ("does the loss of this iteration meet the condition already?", "return the iteration itself"),
            {"this is one too many": right + 1},
        ),
        (
            (
                "a run stops at the first loss that is no larger, and sees no later one",
                "return inside the loop",
            ),
            {
                "this is the last such iteration": explained[-1],
                "this is how many such iterations there are": len(explained),
                "this is the iteration of the smallest loss": losses.index(min(losses)) + 1,
            },
        ),
        (
            ("is one of the two in gray levels?", "losses and sigma are both in the range [0, 1]"),
            {"this never stops": len(losses)},
        ),
        (("which loss counts as explained?", "loss <= sigma**2, not >="), {"this stops at once": 1}),
        (
            ("how large is the mean square of the noise?", "sigma**2, as it is"),
            {
                "this waits until the loss is half the noise's": _first(losses, sigma**2 / 2),
                "this stops where the loss is still twice the noise's": _first(losses, 2 * sigma**2),
            },
        ),
    )


def _judge_stop(answer, losses, sigma, mistakes_of):
    right, explained = _first(losses, sigma**2), min(losses) <= sigma**2
    none_is_small = (
        "in a short run no loss may come down to sigma squared",
        "what does your function return at its end?",
        "len(losses)",
    )
    try:
        given = call(answer, list(losses), sigma)
    except Wrong as wrong:
        if explained:
            raise
        raise Wrong(f"where no loss is small enough, {wrong.says}", *none_is_small) from wrong
    given = tensor(-1 if given is None and not explained else given)
    if given.numel() != 1:
        raise Wrong(
            "one number is asked for: an iteration", "return at the first one that meets the condition"
        )
    if explained:
        mistakes = mistakes_of(losses, sigma, right)
        mistakes[_about_iteration(given.item(), losses, sigma, right)] = (
            given,
            "go through the losses and return at the first one that is no larger",
            "for i, loss in enumerate(losses, start=1): ...",
        )
    else:
        mistakes = {
            "no loss is small enough here: then the last iteration is asked for": (given, *none_is_small)
        }
    match(f"sigma {sigma:.2f}", given, torch.tensor(right), mistakes, (), tolerance=1e-9)


def _about_iteration(number, losses, sigma, right):
    """What is wrong with this iteration, in a sentence whose two numbers can be told apart."""
    if number != int(number):
        return f"an iteration is a whole number, got {number:g}"
    if not 1 <= number <= len(losses):
        return f"there is no iteration {number:g}: they run from 1 to {len(losses)}"
    loss = losses[int(number) - 1]
    if loss > sigma**2 and number == len(losses):
        return f"your function goes on to the end, but iteration {right} is no larger than sigma squared"
    if loss > sigma**2:
        return f"the loss of iteration {number:g} is {loss / sigma**2:.4f} sigma squared: still above it"
    return f"iteration {number:g} is not the first: iteration {right} is no larger than sigma squared either"


@task(points=3)
def hold_out(answer, seed):
    """Task 5: `answer(mask, share, seed)` splits the seen pixels at random: (to fit, held out), two masks."""
    seeds = (0, 1, 2, 3, 1000 + seed)
    for share, height, width, seen in ((0.1, 96, 128, 0.5), (0.3, 96, 128, 0.5), (0.6, 80, 112, 1)):
        # A stream of its own: an answer may well begin with manual_seed(0).
        draw = runtime.generator(seed, f"mask {share}")
        mask = (torch.rand(1, 1, height, width, generator=draw) < seen).float()
        splits = [_two_masks(call(answer, mask, share, chosen)) for chosen in seeds]
        for fitted, held in splits:
            _judge_masks(mask.double().reshape(-1), fitted, held, share)
        held = [split[1] for split in splits]
        if any(torch.equal(held[i], held[j]) for i in range(len(seeds)) for j in range(i)):
            raise Wrong(
                "another seed gives the same split",
                "where does your function use `seed`?",
                "torch.Generator().manual_seed(seed)",
            )
        if not torch.equal(held[0], _two_masks(call(answer, mask, share, 0))[1]):
            raise Wrong(
                "the same seed gives another split",
                "which stream do your random numbers come from?",
                "a generator of your own, made from the seed",
                "torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed))",
            )
        for part in held:
            _judge_scatter(mask[0, 0].double(), part.reshape(height, width))
            _judge_share(mask, part, share)
    print("seen, disjoint, complete, scattered, and of the right share")


def _two_masks(pair):
    try:
        to_fit, held_out = pair
    except (TypeError, ValueError):
        raise Wrong(
            "expected two masks",
            "one for the pixels to fit, one for those that are held out",
            "return to_fit, held_out",
        ) from None
    return tensor(to_fit).reshape(-1), tensor(held_out).reshape(-1)


def _judge_masks(seen, fitted, held, share):
    if fitted.numel() != seen.numel() or held.numel() != seen.numel():
        raise Wrong(
            "your masks have another size than the mask",
            "each is (1,1,H,W), like the mask",
            "rand_like(mask) has the right shape",
        )
    if not all(((part == 0) | (part == 1)).all() for part in (fitted, held)):
        raise Wrong(
            "your masks hold other values than 0 and 1",
            "a pixel is in or out",
            "multiply masks; compare random numbers with `<`",
        )
    if (held * (1 - seen)).any():
        raise Wrong(
            "pixels are held out that nobody has seen",
            "what would you compare there? the truth is not known",
            "draw among the seen pixels only",
            "multiply by the mask",
        )
    if not held.any():
        raise Wrong("nothing is held out", "is your comparison the right way round?", "rand < share")
    if (fitted * held).any():
        raise Wrong(
            "some pixels are fitted and held out at once",
            "a judge must not have helped to build the case",
            "take the held-out pixels off the ones to fit",
            "to_fit = mask * (1 - held_out)",
        )
    if (fitted * (1 - seen)).any():
        raise Wrong(
            "pixels are to be fitted that nobody has seen",
            "y is zero there, but not because the picture is black",
            "multiply by the mask",
        )
    if not torch.equal(fitted + held, seen):
        raise Wrong(
            "some seen pixels are in neither mask",
            "data are scarce: throw nothing away",
            "to_fit = mask - held_out",
        )
    if abs((held.sum() / seen.sum()).item() - (1 - share)) < 0.03:
        raise Wrong("the two masks are exchanged", "which one is small?", "return to_fit, held_out")


def _judge_share(seen, held, share):
    part = (held.sum() / seen.sum()).item()
    if abs(part - share) > 0.03:  # five standard deviations of a fair draw
        raise Wrong(
            f"the share of the seen pixels that is held out is {part:.2f}, expected {share}",
            "a share of what: of all pixels, or of the seen ones?",
            "each seen pixel is held out with probability `share`",
            "(rand_like(mask) < share) * mask",
        )


def _judge_scatter(mask, held):
    """Refuse pixels in one region, in whole rows or columns, in a pattern, or in clumps.

    A fair draw fails once in a million times.
    """
    scatter = ("scatter the pixels: draw each one by itself", "torch.rand(mask.shape, generator=...) < share")
    parts = [part for half in zip(held.chunk(2, 0), mask.chunk(2, 0), strict=True) for part in _halves(*half)]
    shares, share = torch.tensor([h.sum() / m.sum() for h, m in parts]), held.sum() / mask.sum()
    if (shares - share).abs().max() > 5.5 * (share * (1 - share) / (mask.sum() / 4)).sqrt():
        raise Wrong(
            "what is held out lies in one region more than in another",
            "would a block tell you how well single pixels are restored?",
            *scatter,
        )
    for name, axis in {"rows": 1, "columns": 0}.items():
        if (held.sum(axis) / mask.sum(axis)).max() > 0.97:
            raise Wrong(
                f"whole {name} are held out", "a pixel is judged best with its neighbours around it", *scatter
            )
    # Fair draws have a white spectrum: each value has the mean 1, and is above 30 with the probability e^-30.
    left = (held - share * mask) / (mask.sum() * share * (1 - share)).sqrt()
    in_a_row = left[mask > 0]
    if max(torch.fft.fft2(left).abs().max(), torch.fft.fft(in_a_row).abs().max()) ** 2 > 30:
        raise Wrong(
            "what is held out stands in a regular pattern",
            "a pattern in the picture could hide behind it",
            *scatter,
        )
    # So are neighbours alike: the sum of products of fair draws has the variance 1 / (number of seen pixels).
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)):
        moved = left.roll((down, across), (0, 1))
        if (left * moved).sum().abs() > 6 * (left.square() * moved.square()).sum().sqrt():
            raise Wrong(
                "what is held out comes in clumps, or keeps a distance: it depends on its neighbours",
                "a pixel is judged best with its neighbours around it",
                *scatter,
            )
    for axes in ((0,), (1,), (0, 1)):  # each pair counts twice: twice the variance
        if (left * left.flip(axes)).sum().abs() > 9 * (left.square() * left.flip(axes).square()).sum().sqrt():
            raise Wrong(
                "what is held out is its own mirror image",
                "the pixels of one half are not drawn, but copied from the other",
                *scatter,
            )


def _halves(held, mask):
    return zip(held.chunk(2, 1), mask.chunk(2, 1), strict=True)


CAUSES = {
    "z holds the noise": "the network's input was made from the same random numbers as the noise",
    "learning rate too high": "each update throws the weights about",
    "y has another range": "the observation is not in [0, 1], where the network's output lies",
    "weights never change": "the optimizer holds the weights of another network",
    "too few iterations": "the run was stopped before the picture was there",
    "no noise on z": "every iteration saw the same input",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations):
    x = picture("coffee", 48)
    sigma = 25 / 255
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    y = x + sigma * noise
    with runtime.seeded(0):
        network, another = small_skip_network(), small_skip_network()
        z = 0.1 * torch.rand(1, 16, 48, 48)
    if fault == "z holds the noise":
        z[:, :3] = 0.1 * noise
    if fault == "y has another range":
        y = 255 * y
    fitted = another if fault == "weights never change" else network
    optimizer = torch.optim.Adam(fitted.parameters(), lr=1.0 if fault == "learning rate too high" else 0.01)
    start = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    draw = torch.Generator().manual_seed(4)
    losses, quality, distance = [], [], []
    for _ in range(iterations):
        noise_on_z = torch.randn(z.shape, generator=draw) / 30
        estimate = network(z if fault == "no noise on z" else z + noise_on_z)
        loss = torch.mean((estimate - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        quality.append(psnr(estimate.detach(), x))
        distance.append(
            float((torch.nn.utils.parameters_to_vector(network.parameters()).detach() - start).norm())
        )
    return {
        "y": y,
        "sigma": sigma,
        "z": z,
        "estimate": estimate.detach(),
        "loss": losses,
        "psnr": quality,
        "distance": distance,
    }


@failing(
    _run,
    A="z holds the noise",
    B="weights never change",
    C="y has another range",
    D="learning rate too high",
)
def failing_run(letter, iterations=100):
    """One of the runs of task 6, with which something is wrong.

    Deep image prior on a noisy photograph (48x48).

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run.

    Returns:
        Dictionary: y (1,3,48,48), sigma, z (1,16,48,48), estimate (1,3,48,48), and the lists loss, psnr (dB,
        of single outputs) and distance (how far all weights together are from their start), one entry an
        iteration.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "z holds the noise": (
            "then the loss would soon be far below sigma squared",
            "print its last loss beside sigma squared",
        ),
        "learning rate too high": (
            "its first step is as long as it should be",
            "Adam's first step moves each weight by the learning rate",
            "divide distance[0] by the square root of the number of weights",
        ),
        ("B", "learning rate too high"): ("its weights do not jump", "look at `distance`"),
        "y has another range": (
            "its y lies where it should",
            "print the smallest and the largest value of y: noise leads a little out of [0, 1]",
        ),
        "weights never change": (
            "its weights do change",
            "look at `distance`: it says how far the weights have moved",
        ),
        "too few iterations": (
            "a run twice as long gains nothing: less than half a decibel",
            "failing_run(letter, iterations=200)",
        ),
        "no noise on z": (
            "without noise on z the PSNR climbs above 25 dB before it falls",
            "what is the largest PSNR of this run?",
        ),
        "nothing": (
            "a good run reaches 28 dB here, and this one never comes near",
            "what is the largest PSNR of this run?",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
