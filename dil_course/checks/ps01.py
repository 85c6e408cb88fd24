"""Problem set 01: inverse problems and forward models.

Each check takes the student's answer and returns points.
"""

import math

import numpy as np
import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, task, tensor
from dil_course.signals import Blur, BlurDownsample, Identity, Mask, gaussian_kernel, picture
from dil_course.signals.validation import describe

__all__ = [
    "CAUSES",
    "causes",
    "failing_run",
    "interlaced_adjoint",
    "make_consistent",
    "noise_after_tikhonov",
    "passes_dot_product_test",
    "psnr_of_noise",
    "smooth_deblur",
]


def __dir__():
    return __all__


def _asymmetric_kernel(rows=3, columns=5):
    """A kernel without any symmetry that sums to one: no flip or transpose goes unnoticed."""
    kernel = 0.1 + torch.rand(rows, columns)
    return kernel / kernel.sum()


def _interlaced(x, kernel):
    """The camera of task 1: a circular blur, of which the odd rows (1, 3, 5, ...) are kept."""
    return Blur(kernel)(x)[..., 1::2, :]


def _zero_filled(y, first_row=1):
    filled = torch.zeros(*y.shape[:-2], 2 * y.shape[-2], y.shape[-1])
    filled[..., first_row::2, :] = y
    return filled


@task(points=3)
def interlaced_adjoint(answer, seed):
    """Task 1: `answer(y, kernel)` is the adjoint of `interlaced`, as a function of y (1,C,H/2,W)."""
    turn = (
        "a shift down by one is undone by a shift up by one",
        "walk each road of the blur backwards: which kernel does that?",
        "turn the kernel by 180 degrees, both axes",
    )
    order = (
        "(S B) transposed is B transposed times S transposed",
        "first bring y back to full height, then undo the blur's roads",
    )
    hints = (
        "test it with the dot product, on small random x and y",
        "write the camera as S B: B blurs, S keeps rows. Transpose each, and turn the order round",
        "zeros, with y in the rows that were kept; then a blur with the kernel turned by 180 degrees",
    )
    for kernel, shape in ((_asymmetric_kernel(), (1, 1, 8, 12)), (_asymmetric_kernel(2, 4), (1, 3, 5, 9))):
        y = torch.randn(shape)
        back = Blur(kernel).adjoint
        kernels = {
            "this blurs with the kernel as it is": kernel,
            "the kernel is turned along one axis only, top to bottom": kernel.flip(0),
            "the kernel is turned along one axis only, left to right": kernel.flip(1),
            "the kernel is transposed: the matrix A must be, not the kernel": kernel.T,
        }
        mistakes = with_hints((turn, {says: Blur(k)(_zero_filled(y)) for says, k in kernels.items()})) | {
            "this is right for odd kernels, but an even side has no middle": (
                Blur(kernel.flip(0, 1))(_zero_filled(y)),
                "try a kernel of 1x2 on one bright pixel: where does its light go, and where does the "
                "turned kernel send it?",
                "the centre of a side of n values is number (n - 1) // 2, before the middle when n is even: "
                "turning moves it by one",
                "move the picture back by one pixel for each even side, or let the library's adjoint care "
                "for it",
            ),
            "the rows are put back at 0, 2, 4, ...": (
                back(_zero_filled(y, 0)),
                "from which rows did the camera take them?",
                "the camera keeps x[1], x[3], ...: put them back there",
                "a slice start:stop:step can be assigned to: start at row 1",
            ),
            "each row is repeated": (
                back(y.repeat_interleave(2, dim=-2)),
                "the adjoint is no inverse: it need not look like a picture",
                "the rows that were dropped had no influence on y. What must the adjoint put there?",
                "zeros between the rows",
            ),
            "the rows are put back, but the blur is forgotten": (
                _zero_filled(y),
                "the camera does two things, your adjoint one",
                *order,
            ),
            "this undoes the two steps in the wrong order": (
                _zero_filled(back(y)),
                "which of the camera's two steps came last?",
                *order,
            ),
            "this undoes the blur: it is an inverse, not an adjoint": (
                Blur(kernel).pinv(_zero_filled(y)),
                "the adjoint makes nothing sharp: what does <A x, y> = <x, A^T y> ask for?",
                "the adjoint of a blur blurs, with the same weights on the way back",
            ),
        }
        match(
            f"kernel {kernel.shape[0]}x{kernel.shape[1]}",
            call(answer, y, kernel),
            back(_zero_filled(y)),
            mistakes,
            hints,
        )


def _scaled(factor, function):
    return lambda x: factor * function(x)


def _without_last_row(y):
    return torch.cat([y[..., :-1, :], torch.zeros_like(y[..., -1:, :])], -2)


def _pairs():
    """Operators with adjoints that are right, and with some that are not: (name, A, adjoint, shape of x, is
    it right?).
    """
    blur, small = Blur(_asymmetric_kernel()), BlurDownsample(_asymmetric_kernel(), 2)
    shape, pixel = (1, 1, 6, 8), (1, 1, 1, 1)
    hidden = Mask((torch.rand(shape) < 0.5).float())
    loud = 1e6
    return [
        ("identity", Identity(), Identity(), shape, True),
        ("blur", blur, blur.adjoint, shape, True),
        ("blur and decimation", small, small.adjoint, shape, True),
        ("mask", hidden, hidden.adjoint, shape, True),
        ("a large, loud blur", _scaled(loud, blur), _scaled(loud, blur.adjoint), (1, 3, 32, 48), True),
        # On one pixel the two sums differ by the same share whatever is drawn: no luck in what these four
        # find out.
        ("faint", _scaled(1 / loud, Identity()), _scaled(2 / loud, Identity()), pixel, False),
        ("half a percent too large", Identity(), _scaled(1.005, Identity()), pixel, False),
        ("far too small", Identity(), _scaled(0, Identity()), pixel, False),
        ("opposite sign", Identity(), _scaled(-1, Identity()), pixel, False),
        ("blur with its kernel not turned", blur, blur, shape, False),
        ("shifted", small, lambda y: small.adjoint(y).roll(1, -1), shape, False),
        ("mirrored", Identity(), lambda y: y.flip(-1), shape, False),
        ("nothing in its last row", Identity(), _without_last_row, shape, False),
        # <x, y> = <x, adjoint y> for all x = y: who takes A(x) for y sees nothing.
        ("antisymmetric part", Identity(), lambda y: y + y.roll(1, -1) - y.roll(-1, -1), shape, False),
    ]


def _truth(verdict):
    """True or False as a student's test returned it: Python's, numpy's, torch's, or 1 and 0."""
    if verdict is None:
        raise Wrong("your function returns None", "is there a `return` at its end?")
    value = verdict
    if isinstance(verdict, torch.Tensor | np.ndarray | np.generic):
        count = math.prod(verdict.shape)
        if count != 1:
            raise Wrong(
                f"expected one True or False, got {count} values",
                "a dot product is one number: is there a sum over all pixels?",
            )
        try:
            value = verdict.item()
        except RuntimeError as problem:  # a tensor without values
            raise Wrong(
                f"expected True or False, got {describe(verdict)}",
                "return the outcome of a comparison: `gap < ...`",
            ) from problem
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise Wrong(
            f"expected True or False, got {type(value).__name__}",
            "return the outcome of a comparison: `gap < ...`",
        )
    return bool(value)


def _verdicts(answer, A, adjoint, shape, seed):
    """What the answer says of a pair in three draws of random numbers, each also with the sign of A and
    adjoint changed.

    With the same draw, the other sign changes the sign of <A x, y> - <x, A^T y> and nothing else.
    """
    said = []
    for draw in range(3):
        for sign in (1, -1):
            with runtime.seeded(1000 * seed + draw):
                said.append(_truth(call(answer, _scaled(sign, A), _scaled(sign, adjoint), shape)))
    return said


@task(points=2)
def passes_dot_product_test(answer, seed):
    """Task 2: `answer(A, adjoint, shape)` says whether `adjoint` is the adjoint of A on pictures of this
    shape.
    """
    refused, fooled, swayed, pairs = [], [], [], _pairs()
    for index in torch.randperm(len(pairs)).tolist():
        name, A, adjoint, shape, right = pairs[index]
        said = _verdicts(answer, A, adjoint, shape, seed)
        # A good test, too, may be fooled by one draw: most of the six verdicts count.
        if right and sum(said) <= 3:
            refused.append(name)
        if not right and sum(said) >= 3:
            fooled.append(name)
        if all(one != other for one, other in zip(said[::2], said[1::2], strict=True)):
            swayed.append(name)
    rights = sum(right for *_, right in pairs)
    if swayed:
        raise Wrong(
            "its verdict depends on the sign of the difference",
            "a difference can be negative: what does `difference < tolerance` say then?",
            "compare the size of the difference",
        )
    if len(refused) == rights and len(fooled) == len(pairs) - rights:
        raise Wrong(
            "it says True where it should say False, and False where it should say True",
            "which way round is your comparison?",
        )
    if len(fooled) == len(pairs) - rights and not refused:
        raise Wrong(
            "it says True to every adjoint, also to wrong ones",
            "does your test compute both sides with numbers that are not all alike?",
            "random x and y, each in its own space, and compare the two sums",
            "a constant picture cannot see a shift or a mirror: torch.randn",
        )
    if len(refused) == rights and not fooled:
        raise Wrong(
            "it says False to every adjoint, also to right ones",
            "the two sides never agree in the last digit: why?",
            "32-bit numbers round. Allow a small difference, relative to the size of the pictures",
            "how large can <A x, y> be at most? Allow a millionth of that",
        )
    if set(refused) & {"identity", "mask"}:
        raise Wrong(
            f"it refuses a right adjoint: {min(set(refused) & {'identity', 'mask'})}",
            "there both sums are the same to the last digit. Does your test compare other quantities?",
            "the sum of A(x) * y, and the sum of x * adjoint(y)",
        )
    if refused == ["blur and decimation"]:
        raise Wrong(
            "it refuses a right adjoint between pictures of two sizes: blur and decimation",
            "y has fewer numbers than x: does a size enter one side and not the other?",
            "a dot product is a sum. A mean divides by another number on each side",
        )
    if refused == ["a large, loud blur"]:
        raise Wrong(
            "it refuses a right adjoint whose numbers are large",
            "how large may rounding be, when the sums are around 1e8?",
            "a fixed tolerance means something else for loud pictures than for faint ones",
            "divide the difference by norm(A x) * norm(y)",
        )
    if refused:
        raise Wrong(
            f"it refuses a right adjoint: {min(refused)}",
            "are both sides sums over all numbers? 32-bit sums agree to about six digits, not to all",
            "is your tolerance relative? is it wide enough for rounding?",
            "how large can <A x, y> be at most? Allow a millionth of that",
        )
    if "faint" in fooled:
        raise Wrong(
            "it accepts a wrong adjoint whose numbers are small",
            "what is a fixed tolerance worth when both sides are tiny?",
            "compare the difference with the size of the two sides",
            "divide the difference by norm(A x) * norm(y)",
        )
    if "half a percent too large" in fooled:
        raise Wrong(
            "it accepts an adjoint that is half a percent too large",
            "rounding is around 1e-7 of norm(A x) * norm(y). How much does your test allow?",
            "a tolerance of 1e-2 lets mistakes through",
            "a thousandth or less",
        )
    if "opposite sign" in fooled and "far too small" not in fooled:
        raise Wrong(
            "it accepts an adjoint with the opposite sign",
            "compare the sums themselves, not their sizes",
            "abs(left - right), not abs(left) - abs(right)",
        )
    if fooled == ["antisymmetric part"]:
        raise Wrong(
            "it accepts a wrong adjoint, because its y is made from its x",
            "for y = A(x), both sides can agree although the adjoint is wrong",
            "the two sides must agree for all pairs: draw y at random, independently of x",
            "y needs the shape of A(x), and nothing else of it",
        )
    if "nothing in its last row" in fooled and not set(fooled) & {"far too small", "opposite sign"}:
        raise Wrong(
            "it looks at a part of the picture only",
            "would it notice an adjoint that is wrong in its last row alone?",
            "random numbers in all places of x and of y, and sums over all of them",
        )
    if fooled and set(fooled) <= {
        "shifted",
        "mirrored",
        "blur with its kernel not turned",
        "antisymmetric part",
    }:
        raise Wrong(
            "it does not notice where the weights go, only how large they are",
            "which pictures can see a shift or a mirror?",
            "a constant picture cannot, a random one can",
            "draw both x and y with torch.randn, y in the shape of A(x)",
        )
    if fooled:
        raise Wrong(
            f"it accepts a wrong adjoint: {min(fooled)}",
            "which numbers of this adjoint does your test not look at?",
            "compute both sums, with x and y drawn at random, and compare them",
        )
    print(f"{len(pairs)} adjoints judged, all as they should be")


@task(points=1)
def psnr_of_noise(answer, seed):
    """Task 3: `answer(sigma)` is the PSNR (dB) of a picture in [0, 1] with noise of `sigma` gray levels of
    255.
    """
    sigmas = [*(2 + 78 * torch.rand(4)).tolist(), 70.0]  # one so strong that clipping would show
    s = torch.tensor(sigmas, dtype=torch.float64) / 255
    right = -20 * s.log10()
    mistakes = {
        "sigma is in gray levels here, the PSNR in the range [0, 1]": (
            right - 20 * math.log10(255),
            "what is the largest value of the picture, in the units of sigma?",
            "bring sigma to the range [0, 1] first",
            "sigma / 255",
        ),
        "a decibel counts powers": (
            right / 2,
            "the PSNR is made of the mean SQUARED error",
            "what is the mean squared error of noise with standard deviation sigma?",
            "sigma squared, so 20 log10 of sigma, or 10 log10 of its square",
        ),
        "this is the mean squared error, not yet the PSNR": (
            s**2,
            "the error is right; now bring it to decibels",
            "ten times a logarithm; and less error is more decibels",
        ),
        "a range of 256 levels": (
            right + 20 * math.log10(256 / 255),
            "gray levels run from 0 to 255: how large is the largest?",
            "divide by 255",
        ),
    }
    hints = (
        "what is the mean squared error of y = x + n?",
        "its variance, with sigma on the range [0, 1]",
        "10 log10 of 1 over the mean squared error",
    )
    given = [tensor(call(answer, sigma)) for sigma in sigmas]
    if any(one.numel() != 1 for one in given):
        raise Wrong("expected one number for one sigma", "print what your function returns for sigma = 25")
    # The tolerance, 0.013 dB, lets two digits after the point pass, and no range of 256 levels.
    given = torch.stack([one.flatten()[0] for one in given])
    match("five sigmas", given, right, mistakes, hints, tolerance=0.013 / right.max().item())


def _spectrum(kernel, shape):
    point = torch.zeros(shape, dtype=torch.float64)
    point[..., 0, 0] = 1
    return torch.fft.fft2(Blur(kernel.double())(point))


def _slopes(shape):
    """|D|^2 of circular differences downwards and to the right, for each frequency."""
    down, right = torch.meshgrid(
        *(2 - 2 * torch.cos(2 * math.pi * torch.arange(side) / side) for side in shape[-2:]), indexing="ij"
    )
    return down.double(), right.double()


@task(points=3)
def smooth_deblur(answer, seed):
    """Task 4: `answer(y, kernel, weight)` minimizes |k * x - y|^2 + weight |D x|^2 in closed form, by
    Fourier.
    """
    kernel, y = _asymmetric_kernel(), torch.rand(1, 1, 12, 16)
    _look_at_deblurred(answer, y, kernel, 0.3)
    _look_at_deblurred(answer, y, kernel, 0.02)
    # Faint frequencies that 200 steps of a descent do not bring back, in three channels, with odd sides.
    _look_at_deblurred(answer, torch.rand(1, 3, 9, 11), gaussian_kernel(7, 1.5), 1e-4)


def _look_at_deblurred(answer, y, kernel, weight):
    K, Y, (down, right) = _spectrum(kernel, y.shape), torch.fft.fft2(y.double()), _slopes(y.shape)
    D = down + right

    def result(top, bottom):
        return torch.fft.ifft2(top * Y / bottom).real

    power = K.abs() ** 2
    rows, columns = (torch.exp(2j * math.pi * torch.arange(side) / side) for side in y.shape[-2:])
    added = (rows[:, None] - 1 + columns - 1).abs().double() ** 2
    both = ("both terms have the same factor in the gradient", "the 2 of the square cancels in both")
    mistakes = {
        "this is Tikhonov: its penalty is on x, not on differences of x": (
            result(K.conj(), power + weight),
            "write the minimum as one equation for each frequency",
            "what does D do to a frequency? multiply it by a number",
            "the weight is multiplied by |D_down|^2 + |D_right|^2",
        ),
        "the conjugate in the numerator is missing": (
            result(K, power + weight * D),
            "the numerator comes from A transposed y",
            "what is the adjoint of a blur in Fourier space?",
            "K.conj() * Y",
        ),
        "differences run in one direction only: downwards": (
            result(K.conj(), power + weight * down),
            "a picture has two directions",
            "add the other |D|^2",
        ),
        "differences run in one direction only: to the right": (
            result(K.conj(), power + weight * right),
            "a picture has two directions",
            "add the other |D|^2",
        ),
        "the spectrum of D is not squared": (
            result(K.conj(), power + weight * (down.sqrt() + right.sqrt())),
            "the penalty is on SQUARED differences",
            "|D|^2, as |K|^2",
        ),
        "the two directions are added before they are squared": (
            result(K.conj(), power + weight * (down.sqrt() + right.sqrt()) ** 2),
            "what does the penalty add up: squares, or the square of a sum?",
            "|D_down|^2 + |D_right|^2",
        ),
        "the weight is squared": (
            result(K.conj(), power + weight**2 * D),
            "look at the formula once more: where does the weight stand?",
            "weight, not weight squared",
        ),
        "the weight is counted twice": (result(K.conj(), power + 2 * weight * D), *both),
        "the weight is halved": (result(K.conj(), power + weight / 2 * D), *both),
        "the two spectra are added before their size is taken": (
            result(K.conj(), power + weight * added),
            "what does the penalty add up: squares, or the square of a sum?",
            "the size of each spectrum first, squared; then add",
        ),
        "there is no penalty at all: this is the inverse filter": (
            result(K.conj(), power),
            "where is the weight?",
            "add it to |K|^2, times |D|^2",
        ),
        "the blur is not undone, only the differences are penalized": (
            result(torch.ones_like(K), 1 + weight * D),
            "where is the kernel in your formula?",
        ),
    }
    hints = (
        "set the gradient to zero: (A^T A + weight D^T D) x = A^T y",
        "all of A and D are diagonal in Fourier space, so divide frequency by frequency",
        "on top conj(K) Y; below it a sum: what A^T A does to it, and the weight times what D^T D does",
    )
    match(
        f"weight {weight}, {y.shape[1]} channels",
        call(answer, y, kernel, weight),
        result(K.conj(), power + weight * D),
        mistakes,
        hints,
        tolerance=1e-3,
    )


@task(points=2)
def noise_after_tikhonov(answer, seed):
    """Task 5: `answer(K, sigma, weight)` predicts the mean squared error that noise alone causes in
    Tikhonov's result.
    """
    kernel = _asymmetric_kernel()
    for sides in ((12, 16), (9, 7)):
        K = _spectrum(kernel, (1, 1, *sides))
        power = K.abs() ** 2
        sigma, weight = 0.02 + 0.1 * torch.rand(()).item(), 10 ** (-2 + 1.5 * torch.rand(()).item())
        gain = power / (power + weight) ** 2
        mistakes = {
            "noise adds up by its variance": (
                sigma * gain.mean(),
                "is sigma a standard deviation or a variance?",
                "sigma squared",
            ),
            "this is the total over all frequencies, not the mean": (
                sigma**2 * gain.sum(),
                "the error is asked for per pixel",
                "mean over the frequencies: white noise has the same variance at each",
            ),
            "the filter is not squared": (
                sigma**2 * (power.sqrt() / (power + weight)).mean(),
                "a filter multiplies the noise; what does it do to the variance?",
                "it multiplies the variance by the square of its size",
            ),
            "this is squared after the mean": (
                sigma**2 * (power.sqrt() / (power + weight)).mean() ** 2,
                "at which frequencies is the noise loud? does your number know?",
                "the energies of the frequencies add up: square each, then take the mean",
            ),
            "a complex number is squared, not its size": (
                sigma**2 * ((K / (power + weight)) ** 2).mean(),
                "what is the square of i? and the energy of a frequency with that factor?",
                "an energy is never negative: take the size first, .abs()",
            ),
            "the numerator is missing": (
                sigma**2 * (1 / (power + weight) ** 2).mean(),
                "which filter does Tikhonov apply to Y? write it down completely",
                "conj(K) / (|K|^2 + weight): the noise passes through the numerator, too",
            ),
            "this is the error of the plain inverse": (
                sigma**2 * (1 / power).mean(),
                "where is the weight?",
                "the filter is conj(K) / (|K|^2 + weight)",
            ),
            "this is what happens to the picture, not to the noise": (
                sigma**2 * (power**2 / (power + weight) ** 2).mean(),
                "is that what happens to n, or what happens to x?",
                "x passes through K and then the filter, n through the filter only",
            ),
            "the weight is squared": (
                sigma**2 * (power / (power + weight**2) ** 2).mean(),
                "look at Tikhonov's formula again",
                "weight, not weight squared",
            ),
        }
        hints = (
            "Tikhonov multiplies each frequency of y by one number. Which?",
            "white noise has variance sigma^2 at each frequency; the filter multiplies it by |filter|^2",
            "square the size of conj(K) / (|K|^2 + weight) at each frequency; multiply by sigma^2, take the "
            "mean over all frequencies",
        )
        match(
            f"sigma {sigma:.3f}, weight {weight:.3f}",
            call(answer, K, sigma, weight),
            sigma**2 * gain.mean(),
            mistakes,
            hints,
        )


@task(points=2)
def make_consistent(answer, seed):
    """Task 6: `answer(guess, y, A)` is the picture closest to `guess` that explains y exactly."""
    seen = Mask((torch.rand(1, 1, 12, 12) < 0.5).float())
    small = BlurDownsample(torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16, 2)
    for name, A, shape in (("mask", seen, (1, 12, 12)), ("blur and decimation", small, (3, 12, 8))):
        x, guess = torch.rand(2, *shape)[:, None]
        y = A(x)
        right = guess + A.pinv(y - A(guess))
        mistakes = {
            "this is the pseudo-inverse: your guess plays no part": (
                A.pinv(y),
                "what does the guess say about what the camera does not see?",
                "keep the guess, and correct only what the camera contradicts",
                "the guess, and the smallest picture that makes up for what is missing in y",
            ),
            "the correction has the wrong sign": (
                guess - A.pinv(y - A(guess)),
                "simulate your result: is it closer to y than the guess was?",
                "what is missing: y - A(guess)",
            ),
            "this is the correction alone": (
                A.pinv(y - A(guess)),
                "does A(result) equal y?",
                "a correction of what? add it there",
            ),
            "this is the guess, uncorrected": (guess, "does A(guess) equal y?", "add what is missing"),
            "the guess's own measurement is not taken off": (
                guess + A.pinv(y),
                "part of what you add is in the guess already",
                "add only what is missing: y - A(guess)",
            ),
            "the correction goes back by the adjoint": (
                guess + A.adjoint(y - A(guess)),
                "apply A to your result: do you get y?",
                "A A^T is not the identity here. A times which operator is?",
                "A.pinv in place of A.adjoint",
            ),
            "this is what the camera cannot see of the guess, without y": (
                guess - A.pinv(A(guess)),
                "the unseen half is right; which half is missing?",
                "add what y says: pinv(y)",
            ),
            "this averages the guess with the data": (
                guess + 0.5 * A.pinv(y - A(guess)),
                "exactly is asked for, not halfway",
                "the whole correction",
            ),
        }
        hints = (
            "two conditions: A(result) = y, and result - guess as small as possible",
            "the smallest picture d with A d = r has a name in lesson 01",
            "here d = result - guess. So which r must A d be? The pseudo-inverse does the rest",
        )
        match(name, call(answer, guess, y, A), right, mistakes, hints, tolerance=1e-3)


CAUSES = {
    "step too large": "the step of gradient descent is above 2 / |A|^2",
    "wrong adjoint": "what should be A^T is another operator",
    "wrong kernel": "the camera used another kernel than A knows",
    "fits the noise": "the run went on after the picture was there",
    "null space": "the data do not decide, and the run chose zero for what is not seen",
    "nothing": "the run is as it should be",
}


def _run(fault, iterations=150):
    x = picture("camera", 64).mean(1, keepdim=True)
    motion = torch.zeros(9, 9)
    motion[4] = torch.arange(1, 10) / 45
    soft = {"fits the noise": 1.5, "wrong kernel": 0.7}
    camera = Blur(gaussian_kernel(9, soft[fault])) if fault in soft else Blur(motion)
    believed = Blur(gaussian_kernel(9, 2.0)) if fault == "wrong kernel" else camera
    adjoint = camera if fault == "wrong adjoint" else believed.adjoint
    step = 2.1 if fault == "step too large" else 1.0
    sigma = 0.06 if fault == "fits the noise" else 0.01
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
    y = camera(x) + sigma * noise
    estimate, misfit, quality = torch.zeros_like(x), [], []
    for _ in range(iterations):
        residual = believed(estimate) - y
        estimate = estimate - step * adjoint(residual)
        misfit.append(float(residual.square().mean().sqrt()))
        quality.append(float(-10 * torch.log10((estimate - x).square().mean())))
    return {
        "y": y,
        "A": believed,
        "adjoint": adjoint,
        "sigma": sigma,
        "estimate": estimate,
        "misfit": misfit,
        "psnr": quality,
    }


@failing(_run, A="step too large", B="fits the noise", C="wrong kernel", D="wrong adjoint")
def failing_run(letter, iterations=150):
    """One of the runs of task 7, with which something may be wrong.

    Gradient descent on a blurred, noisy picture.

    Args:
        letter: "A", "B", "C" or "D".
        iterations: how long to run; more shows more.

    Returns:
        Dictionary: y (1,1,64,64), A, the adjoint that the run used, sigma of the noise, estimate (1,1,64,64),
        and the lists misfit (root mean square of A(x) - y) and psnr (dB), one entry an iteration.
    """


@task(points=3)
def causes(answer, seed):
    """Task 7: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "step too large": (
            "then the misfit would grow from one iteration to the next, without end",
            "plot the misfit with a logarithmic axis",
        ),
        "wrong adjoint": (
            "its adjoint passes the dot-product test: try",
            "task 2 gives you the tool: apply it to run['A'] and run['adjoint']",
        ),
        "wrong kernel": (
            "then the misfit could not come down to the noise",
            "compare the last misfit with sigma",
        ),
        "fits the noise": (
            "then the PSNR would rise first and fall later",
            "plot the PSNR, and find its largest value",
        ),
        "null space": (
            "a blur keeps every frequency, though some only faintly; it has no such null space",
            "which operators of the lesson throw numbers away?",
        ),
        "nothing": (
            "look at the PSNR's last value and at its best one, and at the misfit beside sigma",
            "all runs but the honest one end far from where they could",
        ),
        ("A", "wrong kernel"): (
            "the misfit does not stop at a floor: it grows",
            "a wrong kernel never makes a run explode",
        ),
        ("D", "step too large"): (
            "the step is the same as in run B, and |A| is at most 1",
            "something else can make a descent climb: test the adjoint",
        ),
        ("D", "fits the noise"): (
            "its misfit never comes near sigma, and then grows without end",
            "who fits noise has a misfit below sigma",
        ),
        ("D", "wrong kernel"): (
            "the kernel is the camera's own",
            "which two operators does a descent need? test whether they belong together",
        ),
        ("C", "fits the noise"): (
            "its misfit is still more than three times sigma: the data are not even explained",
            "who fits noise has a misfit below sigma",
        ),
        ("C", "wrong adjoint"): (
            "its adjoint passes the dot-product test with its A: try",
            "A and adjoint fit each other. Do they fit the camera?",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=0.75)
