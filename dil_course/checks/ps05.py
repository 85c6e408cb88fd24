"""Checks of problem set 05: when to stop, and why it works."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import conv_decoder, small_skip_network
from dil_course.signals import add_gaussian, picture

__all__ = [
    "CAUSES",
    "best_moment",
    "causes",
    "coverage",
    "expected_error",
    "failing_run",
    "largest_width",
    "mystery",
    "windowed_variance",
]


def __dir__():
    return __all__


def _variances(outputs, window):
    """Windowed variances of `outputs` (T,C,H,W), for the iterations `window` to T."""
    return outputs.unfold(0, window, 1).var(-1, correction=0).flatten(1).mean(1)


@task(points=3)
def windowed_variance(answer, seed):
    """Task 1: `answer(outputs, window)` is the mean, over all numbers, of their variance over the last
    `window` outputs.
    """
    draw = runtime.generator(seed, "outputs")
    for count, window in ((9, 4), (7, 7), (12, 3), (6, 2)):
        outputs = torch.rand(count, 2, 3, 4, generator=draw, dtype=torch.float64).cumsum(0)
        windows, right = outputs.unfold(0, window, 1), _variances(outputs, window)
        shape = (
            "how many windows of this length are there?",
            "one for each iteration from `window` to the last: len(outputs) - window + 1",
        )
        mistakes = {
            "this divides by window - 1": (
                windows.var(-1).flatten(1).mean(1),
                "torch's variance estimates that of a larger set, unless told otherwise",
                "correction=0",
            ),
            "this is the standard deviation, not the variance": (
                windows.std(-1, correction=0).flatten(1).mean(1),
                "which of the two is asked for?",
                "square the deviations, and leave the root out",
            ),
            "this is the variance over the pixels, not over the iterations": (
                outputs.flatten(1).var(1, correction=0)[window - 1 :],
                "what shall rest: the pixels of one output, or one pixel over the outputs?",
                "take the variance along the axis of the iterations",
            ),
            "the pixels are averaged first, and then the variance is taken": (
                windows.mean((1, 2, 3)).var(-1, correction=0),
                "two changes of opposite sign in two pixels: does your number see them?",
                "first the variance of each pixel, then the mean of the variances",
            ),
            "this adds the variances of all pixels up": (
                windows.var(-1, correction=0).flatten(1).sum(1),
                "a larger picture would change more. Is that wanted?",
                "the mean over the pixels",
            ),
            "this is the mean square, not the variance": (
                (windows**2).mean(-1).flatten(1).mean(1),
                "does a run that rests at a bright picture have a variance?",
                "subtract the mean over the window first",
            ),
            "this is the mean squared change from one output to the next": (
                ((outputs[1:] - outputs[:-1]) ** 2)
                .flatten(1)
                .mean(1)
                .unfold(0, max(window - 1, 1), 1)
                .mean(-1),
                "a slow drift has small changes and a large variance",
                "compare each output with the mean of its window",
            ),
            "the window is one too short": (_variances(outputs, window - 1), *shape),
            "the last window is missing": (right[:-1], *shape),
            "windows that are not full are there, too": (
                torch.stack(
                    [outputs[max(0, i - window) : i].var(0, correction=0).mean() for i in range(1, count + 1)]
                ),
                "over how few outputs is your first variance?",
                "the first variance belongs to iteration number `window`",
            ),
            "your windows do not overlap": (
                outputs.unfold(0, window, window).var(-1, correction=0).flatten(1).mean(1),
                "after each iteration there is a variance of the outputs up to it",
                "the window moves on by one output",
            ),
        }
        if window < count:
            mistakes["the window is one too long"] = (_variances(outputs, window + 1), *shape)
        hints = (
            "do it for one window first",
            "outputs[i : i + window] is a window; torch.var has an argument dim",
            "then .mean(), and stack",
        )
        match(f"{count} outputs, window {window}", call(answer, outputs, window), right, mistakes, hints)


@task(points=4)
def expected_error(answer, seed):
    """Task 2: `answer(t, eta, eigenvalues, signal, sigma)` is the expected squared error of a linear model
    after t steps.
    """
    draw = runtime.generator(seed, "modes")
    for t, modes in ((7, 6), (60, 5), (0, 4), (3, 5)):
        eigenvalues = torch.rand(modes, generator=draw, dtype=torch.float64) + 0.05
        if t == 3:
            eigenvalues[0] = 0  # a mode that the model cannot reach, as in the next cell
        signal = 2 * torch.randn(modes, generator=draw, dtype=torch.float64)
        eta, sigma = (
            0.3 + 0.5 * torch.rand((), generator=draw).item(),
            0.4 + torch.rand((), generator=draw).item(),
        )
        left = (1 - eta * eigenvalues) ** t
        bias, variance = (left * signal) ** 2, sigma**2 * (1 - left) ** 2
        both = (
            "write down the estimate of one mode: what is signal, what is noise?",
            "it is (1 - left) (x + n), with left = (1 - eta lambda)^t",
        )
        later = (1 - eta * eigenvalues) ** (t + 1)
        without_eta = (1 - eigenvalues) ** t
        mistakes = with_hints(
            (
                (*both, "its error has two parts: (left x)^2, and sigma^2 (1 - left)^2"),
                {
                    "the noise is missing: this is the bias alone": bias.sum(),
                    "the missing signal is not counted: this is the variance alone": variance.sum(),
                    "the noise is there from the start": (bias + sigma**2).sum(),
                    "the noise leaves as the signal comes in": (bias + sigma**2 * left**2).sum(),
                    "this is the distance to y, not to x": (left**2 * (signal**2 + sigma**2)).sum(),
                    "the two factors are exchanged": (((1 - left) * signal) ** 2 + sigma**2 * left**2).sum(),
                    "signal and noise are added before they are squared": (
                        (sigma * (1 - left) - left * signal) ** 2
                    ).sum(),
                },
            ),
            (
                ("the variance of c n is c^2 sigma^2: square the whole bracket", *both),
                {
                    "the factors are not squared": (left * signal**2 + sigma**2 * (1 - left)).sum(),
                    "the noise's factor is not squared": (bias + sigma**2 * (1 - left)).sum(),
                    "1 - left^2 is not (1 - left)^2": (bias + sigma**2 * (1 - left**2)).sum(),
                    "sigma is not squared": (bias + sigma * (1 - left) ** 2).sum(),
                },
            ),
            (
                ("what does the task add up?", "a sum over all modes"),
                {"this is the mean over the modes, not the sum": (bias + variance).mean()},
            ),
            (
                ("what is the estimate after 0 steps, and after one?", "left = (1 - eta lambda)^t"),
                {
                    "one step too many": ((later * signal) ** 2 + (sigma * (1 - later)) ** 2).sum(),
                    "the step size is missing": (
                        (without_eta * signal) ** 2 + (sigma * (1 - without_eta)) ** 2
                    ).sum(),
                },
            ),
        )
        if t == 0:  # where many formulas agree
            mistakes = {
                "after 0 steps the estimate is still 0": (
                    call(answer, t, eta, eigenvalues, signal, sigma),
                    "which error does f = 0 have, and is there any noise in it?",
                    "the sum of the squares of the signal",
                )
            }
        match(
            f"t = {t}, {modes} modes",
            call(answer, t, eta, eigenvalues, signal, sigma),
            (bias + variance).sum(),
            mistakes,
            both,
        )


@task(points=2)
def best_moment(answer, seed):
    """Task 3: `answer(eta, eigenvalue, x, sigma)` is the number of steps after which one mode's expected
    error is least.
    """
    for eta, eigenvalue, x, sigma in _modes_to_stop(runtime.generator(seed, "mode")):
        rate, left = math.log(1 - eta * eigenvalue), sigma**2 / (x**2 + sigma**2)
        right = math.log(left) / rate
        q = (
            "give (1 - eta lambda)^t a name, say q, and look for the best q first",
            "the error is q^2 x^2 + (1 - q)^2 sigma^2: set its derivative to zero",
            "q = sigma^2 / (x^2 + sigma^2), and t = log q / log(1 - eta lambda)",
        )
        mistakes = {
            "this is q itself, not the number of steps": (left, "q = (1 - eta lambda)^t: solve for t", q[2]),
            "signal and noise are exchanged": (
                math.log(1 - left) / rate,
                "is the best moment late where there is much noise?",
                *q[1:],
            ),
            "this is where both parts are equal, not where their sum is least": (
                math.log(sigma / (x + sigma)) / rate,
                "a sum is least where the slopes cancel, not where the parts meet",
                *q[1:],
            ),
            "this is where the missing signal is as small as the noise": (
                math.log(sigma / x) / rate,
                "this forgets that the noise is not all in yet",
                *q[1:],
            ),
            "a sum is missing: your q is sigma^2 / x^2": (
                math.log(sigma**2 / x**2) / rate,
                "your q would be above 1 for weak signals",
                *q[1:],
            ),
            "this holds for small steps only": (
                -math.log(left) / (eta * eigenvalue),
                "log(1 - a) is -a for small a only",
                q[2],
            ),
            "the step size is missing": (
                math.log(left) / math.log(1 - eigenvalue),
                "by what does one step shrink the distance?",
                q[2],
            ),
            "sigma and x are not squared": (math.log(sigma / (x + sigma)) / (2 * rate), *q),
        }
        given = tensor(call(answer, eta, eigenvalue, x, sigma))
        near = max(0.06, 0.002 * right)  # one decimal is enough, and so is a search
        if given.numel() == 1 and near < abs(given.item() - right) < 1 and given.item() % 1 == 0:
            raise Wrong(
                "the number of steps is rounded, or only whole numbers were tried",
                "leave the fraction: it shows where the curve is lowest",
                q[2],
            )
        if given.numel() != 1 or abs(given.item() - right) > near:  # mistakes are told by all their digits
            match(f"lambda {eigenvalue:.2f}", given, torch.tensor(right), mistakes, q, tolerance=1e-3)


def _modes_to_stop(draw):
    """(eta, eigenvalue, x, sigma) of single modes: fast, slow, and done in less than one step.

    The best moment is never near a half or a whole number of steps, so that rounding to those shows.
    """

    def between(low, high):
        return low + (high - low) * torch.rand((), generator=draw).item()

    for eta, eigenvalues, xs in (
        (0.3, (0.2, 0.9), (1, 3)),
        (0.9, (0.3, 0.6), (1, 3)),
        (0.4, (0.03, 0.05), (2, 3)),
        (0.2, (0.2, 0.5), (0.3, 0.5)),
        (0.9, (0.85, 0.95), (0.3, 0.5)),
    ):
        while True:
            eigenvalue, x, sigma = between(*eigenvalues), between(*xs), between(0.5, 0.8)
            steps = math.log(sigma**2 / (x**2 + sigma**2)) / math.log(1 - eta * eigenvalue)
            if 0.12 < steps % 0.5 < 0.38:
                break
        yield eta, eigenvalue, x, sigma


def _decoder_weights(width, scales, channels):
    """How many weights `deep_decoder(channels, width, scales)` has."""
    return (scales + 1) * (width**2 + 2 * width) + channels * (width + 1)


def _widths(share, side, scales, channels):
    """The largest width with at most `share` of the picture's numbers as weights, and their count: right, and
    after each mistake.
    """

    def largest(count, room=share * channels * side**2):
        width = 1
        while count(width + 1) <= room:
            width += 1
        return width, count(width)

    def exact(k):
        return _decoder_weights(k, scales, channels)

    width, weights = largest(exact)
    return {
        "right": (width, weights),
        "one channel too many": (width + 1, exact(width + 1)),
        "one channel too few": (width - 1, exact(width - 1)),
        "k is right, but that is the room for weights, not their count": (width, share * channels * side**2),
        "the two numbers are exchanged": (weights, width),
        "the last layer's bias is not counted": largest(lambda k: exact(k) - channels),
        "each convolution has a bias here": largest(lambda k: exact(k) + (scales + 1) * k),
        "one layer is missing": largest(lambda k: _decoder_weights(k, scales - 1, channels)),
        "batch norm's weights are not counted": largest(lambda k: (scales + 1) * k**2 + channels * (k + 1)),
        "the last layer is not counted": largest(lambda k: (scales + 1) * (k**2 + 2 * k)),
        "the share is forgotten": largest(exact, channels * side**2),
        "pixels are counted, not numbers": largest(exact, share * side**2),
        "3x3 convolutions are counted": largest(
            lambda k: (scales + 1) * (9 * k**2 + 2 * k) + channels * (k + 1)
        ),
        "only one layer is counted": largest(lambda k: k**2 + 2 * k + channels * (k + 1)),
    }


_WIDTH_HINTS = {
    "one channel too many": (
        "count the weights for your k: are they within the share?",
        "the last k that fits, not the first that does not",
    ),
    "one channel too few": (
        "count the weights for k + 1: are they at most the share?",
        "a decoder that fills the share to the last weight is allowed: <=",
    ),
    "k is right, but that is the room for weights, not their count": (
        "how many weights has the decoder of this k?",
    ),
    "the two numbers are exchanged": ("first the width, then the count",),
    "one layer is missing": (
        "how many 1x1 convolutions from width to width has a decoder with this many scales?",
    ),
    "batch norm's weights are not counted": (
        "each batch norm has two numbers a channel: a factor and a shift",
    ),
    "the last layer's bias is not counted": ("one bias for each channel of the picture",),
    "each convolution has a bias here": ("which convolutions have a bias, by the list in the task?",),
    "the last layer is not counted": (
        "a last convolution makes the picture's channels from the k channels, and it has a bias",
    ),
    "the share is forgotten": ("how many weights are allowed?", "share times the numbers of the picture"),
    "pixels are counted, not numbers": (
        "a colour picture has three numbers a pixel",
        "channels * side * side",
    ),
    "3x3 convolutions are counted": ("what size are the Deep Decoder's convolutions?",),
    "only one layer is counted": (
        "the decoder has several layers of this kind",
        "one for each scale, and one more",
    ),
}


@task(points=2)
def largest_width(answer, seed):
    """Task 4: `answer(share, side, scales, channels)` is the largest k that the share allows, and the count
    of its weights.
    """
    draw = runtime.generator(seed, "pictures")
    counting = (
        "print the decoder: which of its layers have weights?",
        "sum(p.numel() for p in network.parameters()) counts them for you",
    )
    hidden = [_picture_to_hold(draw, 1 if case == 1 else 3) for case in range(3)]
    exactly = _decoder_weights(12, 3, 1) / 64**2  # "at most": this share is that of k = 12, to the last digit
    for share, side, scales, channels in (*hidden, (exactly, 64, 3, 1), (0.3, 8, 2, 1)):
        results = _widths(share, side, scales, channels)
        right = torch.tensor(results.pop("right"))
        mistakes = {
            says: (result, *_WIDTH_HINTS[says], *counting[: 3 - len(_WIDTH_HINTS[says])])
            for says, result in results.items()
        }
        given = torch.stack(
            [
                tensor(number).sum()
                for number in parts(call(answer, share, side, scales, channels), "k, weights")
            ]
        )
        k, weights = given.tolist()
        if k >= 1 and k == int(k) and weights == int(weights):
            has = _decoder_weights(int(k), scales, channels)
            says = f"a decoder of width {k:g} with {scales} scales has {has} weights"
            mistakes[
                f"{says}, your function says {weights:g}"
                if has != weights
                else f"{says}: too many"
                if has > share * channels * side**2
                else f"{says}: a wider one fits, too"
            ] = (given, *counting)
        match(f"{side} px, {channels} channels", given, right, mistakes, counting, tolerance=1e-6)


def _picture_to_hold(draw, channels):
    """share, side, scales, channels."""
    side, scales = (
        32 * int(torch.randint(2, 6, (), generator=draw)),
        int(torch.randint(2, 5, (), generator=draw)),
    )
    return 0.1 + 0.5 * torch.rand((), generator=draw).item(), side, scales, channels


def _shares_within(mean, spread, truth, z):
    """The share of numbers whose truth lies within z spreads of the mean: right, and after each mistake."""
    error = truth - mean
    covered = error.abs() <= z * spread
    results = {
        "right": covered,
        "this is the share outside": ~covered,
        "errors below the mean always count as covered": error <= z * spread,
        "errors above the mean always count as covered": -error <= z * spread,
        "numbers that lie exactly z spreads away are not counted": error.abs() < z * spread,
        "this looks at the first channel only": covered[:, 0],
        "z is forgotten": error.abs() <= spread,
        "the spread is taken as a variance": error.abs() <= z * spread.sqrt(),
        "the error is squared, the spread is not": error**2 <= z * spread,
        "one spread for the whole picture": error.abs() <= z * spread.mean(),
        "z spreads on both sides together": error.abs() <= z * spread / 2,
        "all channels of a pixel must be covered": covered.all(1),
    }
    results = {says: within.double().mean().item() for says, within in results.items()}
    return results | {
        "this counts, it is no share": covered.double().sum().item(),
        "this is in per cent": 100 * results["right"],
    }


_COVERAGE_HINTS = {
    "this is the share outside": "should a large spread give a large or a small share?",
    "errors below the mean always count as covered": "an error can be negative",
    "errors above the mean always count as covered": "an error can be negative",
    "numbers that lie exactly z spreads away are not counted": "does `at most` hold for two equal numbers?",
    "this looks at the first channel only": "a colour image has three numbers a pixel",
    "z is forgotten": "how many spreads are allowed?",
    "the spread is taken as a variance": "a spread is a standard deviation already",
    "the error is squared, the spread is not": "compare like with like",
    "one spread for the whole picture": "each number has a spread of its own",
    "z spreads on both sides together": "z spreads up, and z spreads down",
    "all channels of a pixel must be covered": "a colour pixel has three numbers, and three errors",
    "this counts, it is no share": "divide by how many there are",
    "this is in per cent": "a share lies between 0 and 1",
}


@task(points=2)
def coverage(answer, seed):
    """Task 5: `answer(mean, spread, truth, z)` is the share of numbers whose truth lies within z spreads of
    the mean.
    """
    draw = runtime.generator(seed, "posterior")
    inside = (
        "look at one number: its error, its spread",
        "(truth - mean).abs() <= z * spread, then the mean of that",
    )
    for z in (1.5, 0.5, 0.75):  # not 1: there a forgotten z would not show
        for _ in range(10):  # shares can be equal by chance: each mistake shall show as its own
            mean, truth = torch.rand(2, 1, 3, 20, 24, generator=draw, dtype=torch.float64)
            spread = 0.2 * torch.rand(1, 3, 20, 24, generator=draw, dtype=torch.float64) + 0.05
            # In every other row all is a multiple of 1/64: there some errors are exactly z spreads.
            for values in (mean, truth, spread):
                values[..., ::2, :] = (64 * values[..., ::2, :]).ceil() / 64
            results = _shares_within(mean, spread, truth, z)
            if len(set(results.values())) == len(results):
                break
        right = torch.tensor(results.pop("right"), dtype=torch.float64)
        mistakes = {says: (result, _COVERAGE_HINTS[says], *inside) for says, result in results.items()}
        match(f"z = {z}", call(answer, mean, spread, truth, z), right, mistakes, inside)


CAUSES = {
    "window too short": "the rule compared so few outputs that it saw a rest where there was none",
    "window too long": "the rule compared so many outputs that it saw the rest much too late",
    "patience too short": "the rule gave up before the run came to its rest",
    "average too slow": "the average that was returned still holds much of the first outputs",
    "room for the noise": "nothing held the noise back: the run went on until much of it was learned",
    "learning rate too small": "the run was over before the picture was there",
    "nothing": "the run is as it should be",
}
_WINDOW, _SIGMA = 40, 25 / 255


@functools.cache  # A and B differ in what was made of the outputs, not in the outputs
def _watched(decoder, iterations):
    y = add_gaussian(picture("coffee", 48), _SIGMA, seed=0)
    # With 13 a window of two finds a false rest on every processor tried; with most others only on some.
    with runtime.seeded(0 if decoder else 13):
        network = conv_decoder(3, 48, scales=2) if decoder else small_skip_network()
    steps = list(
        deep_image_prior(y, network=network, iterations=iterations, input_noise=0 if decoder else 1 / 30)
    )
    losses = [float(step.loss) for step in steps]
    return (
        torch.cat([step.estimate for step in steps]),
        losses,
        sum(weights.numel() for weights in network.parameters()),
    )


def _run(fault, iterations):
    decoder = fault == "room for the noise"
    outputs, losses, weights = _watched(decoder, iterations)
    window = 2 if fault == "window too short" else _WINDOW
    # Who trusts that a decoder never learns the noise does not stop it.
    found = None if decoder else _variances(outputs, window)
    stop = iterations if decoder else int(found.argmin()) + window
    weight, average = 0.99 if fault == "average too slow" else 0.9, outputs[:1]
    for output in outputs[1:stop]:
        average = weight * average + (1 - weight) * output
    return {
        "outputs": outputs.clone(),
        "loss": list(losses),
        "sigma": _SIGMA,
        "weights": weights,
        "variances": None if decoder else found.tolist(),
        "stop": stop,
        "estimate": average,
    }


@failing(
    _run,
    A="window too short",
    B="average too slow",
    C="room for the noise",
)
def failing_run(letter, iterations=150):
    """One of the runs of task 6, with which something is wrong.

    Deep image prior on a noisy photograph (48x48).

    Args:
        letter: "A", "B" or "C".
        iterations: how long to run.

    Returns:
        Dictionary: outputs (iterations,3,48,48), the list loss, sigma, weights (how many the network has),
        variances (what the rule computed: one number for each full window; None where no rule watched), stop
        (the iteration that was chosen, from 1) and estimate (1,3,48,48), the average of the outputs up to
        there.
    """


@task(points=3)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    lengths = "count its variances: there is one for each full window, so their number tells the window"
    refutations = {
        ("B", "window too short"): ("its window holds 40 outputs", lengths),
        ("C", "window too short"): ("no rule watched it", "are there any variances?"),
        ("A", "window too long"): ("its window is not long at all", lengths),
        ("B", "window too long"): (
            "the output at its stop is within half a decibel of the best output",
            "compute the PSNR of outputs[stop - 1]",
        ),
        ("C", "window too long"): ("no rule watched it", "are there any variances?"),
        ("A", "patience too short"): (
            "the rule watched to the end of the run",
            "to which iteration does the last variance belong?",
        ),
        ("B", "patience too short"): (
            "the rule watched to the end of the run",
            "to which iteration does the last variance belong?",
        ),
        ("C", "patience too short"): (
            "it was not stopped early",
            "where did it stop, and where was its best output?",
        ),
        ("A", "average too slow"): (
            "before any average, the output at its stop is already 4 dB below the best output",
            "compute the PSNR of outputs[stop - 1] and of all outputs",
        ),
        ("C", "average too slow"): (
            "its average is better than the output at the same iteration",
            "compare the PSNR of the estimate with that of outputs[stop - 1]",
        ),
        "room for the noise": (
            "at its stop the loss is not far below sigma squared",
            "divide loss[stop - 1] by the square of sigma",
        ),
        "learning rate too small": (
            "an output of this run reaches 27 dB",
            "what is the largest PSNR of its outputs?",
        ),
        "nothing": (
            "a good run returns 30 dB here, and this one stays below 27",
            "compute the PSNR of the estimate",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)


def mystery(seed=0):
    """The open question's picture (1,3,48,48) with a noise that nobody describes, and the truth, to judge and
    not to choose.
    """
    x = picture("astronaut", 48)
    noise = torch.randn(x.shape, generator=runtime.generator(seed, "mystery"))
    # Each number has noise of its own, stronger where the picture is bright: no single sigma describes it.
    return x + (0.03 + 0.15 * x) * noise, x
