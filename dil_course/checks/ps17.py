"""Checks of problem set 17: adapting reconstruction networks."""

import copy
import functools

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, no_autograd, parts, task, tensor
from dil_course.networks.trained import trained
from dil_course.signals import Blur, Downsample, Fourier, Mask, line_mask, mr_slice, split_lines

__all__ = [
    "CAUSES",
    "causes",
    "failing_run",
    "fixed_point_gradients",
    "held_out_error",
    "k_space_loss",
    "scan",
    "unrolled_step",
    "unseen_share",
]


def __dir__():
    return __all__


def scan(x, seed=1, sigma=0.01):
    """One line in four of an image x (1,1,H,W): (y, A), with noise of sigma on the lines that are measured.

    The seed draws the lines and the noise.
    """
    A = Fourier(line_mask(*x.shape[-2:], 4, seed=seed))
    noise = torch.randn(A(x).shape, generator=runtime.generator(seed, "noise of a scan"))
    return A(x) + sigma * A.mask * noise, A


def _sizes(draw, *limits):
    """A whole number from each (low, high)."""
    return [int(torch.randint(low, high + 1, (), generator=draw)) for low, high in limits]


def _number(given, name):
    """What should be one number, as a tensor without axes."""
    number = tensor(given)
    if number.numel() != 1:
        raise Wrong(
            f"{name}: expected one number, got a result of shape {tuple(number.shape)}",
            "over what does the formula sum?",
            "a sum over all pixels and channels: `.sum()` without an axis",
        )
    return number.reshape(())


@task(points=3)
def unrolled_step(answer, seed):
    """Task 1: `answer(x, y, A, length, R, upstream)` is (after, by_x, by_length): a step, and its adjoint."""
    draw = runtime.generator(seed, "one step")

    def normal(*shape):
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    points = torch.rand(1, 1, 6, 8, generator=draw) < 0.5
    points[..., :2] = torch.tensor([True, False])
    for A, channels in ((Fourier(points), 1), (Downsample(2), 2), (Blur(normal(3, 3)), 1)):
        count = _sizes(draw, (2, 3))[0]
        x, truth, upstream = (normal(count, channels, 6, 8) for _ in range(3))
        length, R = 0.5 + torch.rand((), generator=draw).item(), Blur(normal(3, 3) / 3)
        y = A(truth)
        with no_autograd():
            given = call(answer, x, y, copy.deepcopy(A), length, copy.deepcopy(R), upstream)
        name = f"{type(A).__name__}, {count} images of {channels} channels"
        _look_at_step(parts(given, "after, by_x, by_length"), name, x, y, A, length, R, upstream)


_STEP_HINTS = (
    "two lines: a gradient step on the data from x, then what R makes of its result z is added to z",
    "the gradient of half the squared misfit is A.adjoint(A(x) - y)",
    "z = x - length * A.adjoint(A(x) - y); after = z + R(z)",
)
_BY_X_HINTS = (
    "go back through the lines in reverse order: first through z + R(z), then through the data step",
    "a linear map sends its adjoint back, and a constant such as y sends back nothing",
    "back = upstream + R.adjoint(upstream); by_x = back - length * A.adjoint(A(back))",
)
_BY_LENGTH_HINTS = (
    "what does z change by, when the length changes a little? And what weighs a change of z?",
    "z changes by -A.adjoint(A(x) - y), and a change of z is weighed by upstream + R.adjoint(upstream)",
    "by_length = -(back * A.adjoint(A(x) - y)).sum()",
)


def _look_at_step(given, name, x, y, A, length, R, upstream):
    pull = A.adjoint(A(x) - y)
    z = x - length * pull
    corrected = x + R(x)
    mistakes = with_hints(
        (
            _STEP_HINTS,
            {
                "this is z: what R adds is missing": z,
                "this is R(z) alone, without z": R(z),
                "R gets x, and not what the data step made of it": z + R(x),
                "R comes first and the data step second": corrected - length * A.adjoint(A(corrected) - y),
                "R is taken off, not added": z - R(z),
                "your data step climbs": x + length * pull + R(x + length * pull),
                "your data step forgets y": (u := x - length * A.adjoint(A(x))) + R(u),
                "your data step has no length": (u := x - pull) + R(u),
                "your data step is twice as long": (u := z - length * pull) + R(u),
                "your data step has the pseudo-inverse, not the adjoint": (
                    (u := x - length * A.pinv(A(x) - y)) + R(u)
                ),
                "the adjoint of R stands where R should": z + R.adjoint(z),
            },
        )
    )
    match(f"after, {name}", given[0], z + R(z), mistakes, _STEP_HINTS)

    back, forward = upstream + R.adjoint(upstream), upstream + R(upstream)

    def through(v):
        return v - length * A.adjoint(A(v))

    mistakes = with_hints(
        (
            _BY_X_HINTS,
            {
                "by_x: R goes back as it came, without its adjoint": through(forward),
                "by_x: nothing comes back through R": through(upstream),
                "by_x: only what comes back through R is there": through(R.adjoint(upstream)),
                "by_x: you stop at z, before the data step": back,
                "by_x: y comes back as well, but it is constant": back - length * A.adjoint(A(back) - y),
                "by_x: the order is that of the way forward": (u := through(upstream)) + R.adjoint(u),
                "by_x: the length is missing in the way back": back - A.adjoint(A(back)),
                "by_x: the data step comes back with the opposite sign": back + length * A.adjoint(A(back)),
                "by_x: x comes back only through the misfit": -length * A.adjoint(A(back)),
            },
        )
    )
    match(f"by_x, {name}", given[1], through(back), mistakes, _BY_X_HINTS)
    mistakes = with_hints(
        (
            _BY_LENGTH_HINTS,
            {
                "by_length: you use the upstream gradient before it came back through R": -(
                    upstream * pull
                ).sum(),
                "by_length: R goes back as it came, without its adjoint": -(forward * pull).sum(),
                "by_length: the sign is missing, the step goes down": (back * pull).sum(),
                "by_length: the misfit is that of z, or you use by_x, both after the data step": -(
                    back * A.adjoint(A(z) - y)
                ).sum(),
                "by_length: the misfit forgets y": -(back * A.adjoint(A(x))).sum(),
                "by_length: a mean in place of a sum": -(back * pull).mean(),
                "by_length: the length itself is a factor too many": -length * (back * pull).sum(),
            },
        )
    )
    by_length = _number(given[2], "by_length")
    match(f"by_length, {name}", by_length, -(back * pull).sum(), mistakes, _BY_LENGTH_HINTS)


@task(points=2)
def k_space_loss(answer, seed):
    """Task 2: `answer(x, y, A)` is (loss, slope): |A x - y|_1 / |y|_1 and its gradient by the image."""
    draw = runtime.generator(seed, "loss in k-space")
    points = torch.rand(1, 1, 6, 8, generator=draw) < 0.5
    points[..., :2] = torch.tensor([True, False])
    for A, channels in ((Fourier(points), 1), (Downsample(2), 2), (Mask(points), 3)):
        x, truth = (torch.rand(1, channels, 6, 8, generator=draw, dtype=torch.float64) for _ in range(2))
        y = 2 * A(truth)
        if isinstance(A, Mask):  # some misfits are exactly zero
            x[..., :2, :] = 2 * truth[..., :2, :]
        with no_autograd():
            loss, slope = parts(call(answer, x, y, copy.deepcopy(A)), "loss, slope")
        _look_at_loss(loss, slope, f"{type(A).__name__}, {channels} channels", x, y, A)


_LOSS_HINTS = (
    "a norm with index 1 is a sum of absolute values. How many such sums has the formula?",
    "the misfit in the numerator, and the data themselves in the denominator",
    "(A(x) - y).abs().sum() / y.abs().sum()",
)
_SLOPE_HINTS = (
    "the chain rule: the slope of an absolute value is its sign, and A goes back by its adjoint",
    "the denominator does not depend on x, so that it stays",
    "A.adjoint(torch.sign(A(x) - y)) / y.abs().sum()",
)


def _modulus(r):
    """Of the complex numbers whose real and imaginary part are the two channels."""
    return r.norm(dim=1, keepdim=True)


def _look_at_loss(loss, slope, name, x, y, A):
    r, size = A(x) - y, y.abs().sum()
    mistakes = with_hints(
        (
            _LOSS_HINTS,
            {
                "loss: this is not divided by |y|": r.abs().sum(),
                "loss: this is a mean over the measurements, not a share of |y|": r.abs().mean(),
                "loss: you divide by the size of A x, not of y": r.abs().sum() / A(x).abs().sum(),
                "loss: these are squares, not absolute values": r.square().sum() / y.square().sum(),
                "loss: these are Euclidean norms": r.norm() / y.norm(),
                "loss: the signs cancel, for lack of absolute values": r.sum() / size,
                "loss: you divide each number by its own, and not sum by sum": (r.abs() / y.abs())[
                    y != 0
                ].sum(),
                "loss: you take the modulus of complex numbers, but y holds real ones": (
                    _modulus(r).sum() / _modulus(y).sum()
                ),
            },
        )
    )
    match(f"loss, {name}", _number(loss, "loss"), r.abs().sum() / size, mistakes, _LOSS_HINTS)
    right = A.adjoint(torch.sign(r)) / size
    mistakes = with_hints(
        (
            _SLOPE_HINTS,
            {
                "slope: this is the slope of half the squares": A.adjoint(r) / size,
                "slope: this is the slope of the squares": 2 * A.adjoint(r) / size,
                "slope: this is not divided by |y|": A.adjoint(torch.sign(r)),
                "slope: A goes back by its adjoint, and this is its pseudo-inverse": (
                    A.pinv(torch.sign(r)) / size
                ),
                "slope: the sign is taken of the image, after the adjoint": torch.sign(A.adjoint(r)) / size,
                "slope: this climbs where the loss falls": -right,
                "slope: the absolute value is there, and not its slope": A.adjoint(r.abs()) / size,
                "slope: where a misfit is exactly zero, yours is 1": A.adjoint((r >= 0) * 2.0 - 1) / size,
                "slope: where a misfit is exactly zero, yours is -1": A.adjoint((r > 0) * 2.0 - 1) / size,
                "slope: you divide by the size of A x, not of y": right * size / A(x).abs().sum(),
                "slope: you divide each pair of channels by its modulus": (
                    A.adjoint((r / _modulus(r)).nan_to_num()) / size
                ),
            },
        )
    )
    match(f"slope, {name}", slope, right, mistakes, _SLOPE_HINTS)


def _mirrored(mask, axes=(-2, -1), roll=lambda side: 1 - side % 2):
    """The mask of the opposite frequencies, with the zero frequency at (H // 2, W // 2).."""
    return mask.flip(axes).roll([roll(mask.shape[axis]) for axis in axes], axes)


_OFF = {
    "one, where a side is even": lambda side: 0,
    "one, where a side is odd": lambda side: 1,
    "two, where a side is even": lambda side: side % 2 - 1,
}


def _spectrum(x):
    return torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(-2, -1))


@task(points=2)
def unseen_share(answer, seed):
    """Task 3: `answer(estimate, truth, mask)` is the share of the squared error that no measurement sees."""
    draw = runtime.generator(seed, "unseen")
    for height, width in ((6, 8), (7, 6), (5, 9)):
        mask = (torch.rand(1, 1, height, width, generator=draw) < 0.4).double()
        middle = height // 2, width // 2
        # One point alone, one on the far edge, and one pair: the three cases that there are.
        mask[..., middle[0], middle[1] + 1], mask[..., middle[0], middle[1] - 1] = 1, 0
        mask[..., 0, 0] = mask[..., middle[0] - 1, middle[1]] = mask[..., middle[0] + 1, middle[1]] = 1
        truth, estimate = (
            torch.rand(1, 1, height, width, generator=draw, dtype=torch.float64) for _ in range(2)
        )
        given = _number(call(answer, estimate, truth, mask), "the share")
        mistakes = _share_mistakes(estimate, truth, mask)
        name = f"share, {height} x {width}"
        match(name, given, mistakes.pop("right")[0], mistakes, _SHARE_HINTS)


_SHARE_HINTS = (
    "the Fourier transform keeps the energy, so that both sums can be taken there",
    "of a real image, what is measured at one frequency is known at the opposite one. Which are unknown?",
    "known = mask or its mirror image about the zero frequency; power[~known].sum() / power.sum()",
)


def _share_mistakes(estimate, truth, mask):
    error = estimate - truth

    def share(seen, spectrum=None, power=2):
        size = (_spectrum(error) if spectrum is None else spectrum).abs() ** power
        return ((1 - seen) * size).sum() / size.sum()

    mirror = _mirrored(mask)
    known = mask.maximum(mirror)
    right = share(known)
    return {"right": (right,)} | with_hints(
        (
            (
                "the image is real: its coefficients at opposite frequencies are conjugate",
                "so a measured frequency makes the opposite one known as well, measured or not",
                _SHARE_HINTS[2],
            ),
            {
                "opposite frequencies are not counted as known": share(mask),
                "a frequency counts as known only where the opposite one is measured, too": share(
                    mask * mirror
                ),
            },
        ),
        (
            (
                "where is the zero frequency? At (H // 2, W // 2), which for an even side is not the middle",
                "a flip maps index 0 to H - 1. Of the frequencies, -k is to be mapped to k",
                "mask.flip((-2, -1)), and after that a roll by one along each even side",
            ),
            {
                f"your mirror image is off by {what}": share(mask.maximum(_mirrored(mask, roll=roll)))
                for what, roll in _OFF.items()
            },
        ),
        (
            ("opposite means both: -k down and -k across", _SHARE_HINTS[2]),
            {
                "your mirror image turns the columns only": share(mask.maximum(_mirrored(mask, (-1,)))),
                "your mirror image turns the rows only": share(mask.maximum(_mirrored(mask, (-2,)))),
            },
        ),
        (
            (
                "where does your transform have its zero frequency, and where has the mask?",
                "torch.fft.fftshift moves it from the corner to (H // 2, W // 2)",
            ),
            {
                "your spectrum and the mask have their zero frequency at different places": share(
                    known, torch.fft.fft2(error)
                ),
                "your spectrum is shifted by ifftshift, which on odd sides is not the same": share(
                    known, torch.fft.ifftshift(torch.fft.fft2(error), dim=(-2, -1))
                ),
            },
        ),
        (
            _SHARE_HINTS,
            {
                "this is the share that is seen": 1 - right,
                "this is the unseen energy, not its share": right * error.square().sum(),
                "this is the root of the share": right.sqrt(),
                "you divide the unseen by the seen energy, not by the whole": right / (1 - right),
                "you divide by the energy of the truth, not of the error": (
                    right * error.square().sum() / truth.square().sum()
                ),
                "these are sums of absolute values, not of squares": share(known, power=1),
                "you split the estimate, not its error": share(known, _spectrum(estimate)),
                "this counts frequencies, and not the error at them": 1 - known.mean(),
            },
        ),
    )


def _toy_network(y, A):
    """Some reconstruction that is not linear and looks at all that it is given; no good one.

    It looks also at data on lines that A does not measure: they must be zero.
    """
    x = A.adjoint(y) + 0.1 * y.sum(1, keepdim=True)
    for _ in range(2):
        x = x + 0.2 * torch.sin(3 * x.roll((1, 2), (-2, -1)))
        x = x - 0.7 * A.adjoint(A(x) - y)
    return x + 0.2 * torch.sin(3 * x)


@task(points=3)
def held_out_error(answer, seed):
    """Task 4: `answer(network, y, mask, held_out)` is (given, error): an honest judge."""
    draw = runtime.generator(seed, "held out")
    for height, width in ((6, 12), (5, 11)):
        middle = width // 2
        columns, held = torch.zeros(2, width)
        # Measured: the middle, two pairs, two columns without their mirror images, the far edge, and
        # some more. Held out: one of a pair, both of a pair, one alone.
        columns[[middle, middle - 1, middle + 1, middle - 2, middle + 2, middle + 3, middle - 4, 0]] = 1
        held[[middle - 1, middle - 2, middle + 2, middle + 3]] = 1
        if torch.rand((), generator=draw) < 0.5:
            held[middle - 1], held[middle + 1] = 0, 1
        mask, held_out = (row.expand(1, 1, height, width).clone() for row in (columns, held))
        y = Fourier(mask)(torch.rand(1, 1, height, width, generator=draw, dtype=torch.float64))
        y = y + 0.1 * mask * torch.randn(y.shape, generator=draw, dtype=torch.float64)
        given = parts(call(answer, _toy_network, y, mask, held_out), "given, error")
        _look_at_judge(*given, f"{width} columns", y, mask, held_out)


_GIVEN_HINTS = (
    "what of the held-out lines may the network know? And what else would tell it?",
    "the image is real, so that a line tells what its mirror image about the zero frequency holds",
    "given = mask * (1 - held_out) * (1 - mirrored), where mirrored is held_out, mirrored about W // 2",
)
_ERROR_HINTS = (
    "the network works with the given lines alone. What of its image is compared, and with what?",
    "the Fourier coefficients of its image, on the held-out lines, with what was measured there",
    "F = Fourier(held_out); missed = F(network(y * given, Fourier(given))) - held_out * y, then two sums",
)


def _look_at_judge(given, error, name, y, mask, held_out):
    mirror = _mirrored(held_out, (-1,))
    right = mask * (1 - held_out) * (1 - mirror)
    mistakes = with_hints(
        (
            (
                "the zero frequency stands at W // 2. Which column is opposite to column c?",
                "2 * (W // 2) - c, modulo W. A plain flip gives W - 1 - c",
                "held_out.flip(-1), rolled by one column where W is even",
            ),
            {
                f"your mirror image is off by {what}": (
                    mask * (1 - held_out) * (1 - _mirrored(held_out, (-1,), roll))
                )
                for what, roll in _OFF.items()
            },
        ),
        (
            _GIVEN_HINTS,
            {
                "the held-out lines are still in the network's input": mask,
                "the mirror images of the held-out lines are still given": mask - held_out,
                "only the mirror images are kept away, not the held-out lines": mask * (1 - mirror),
                "these are the lines that are held out": held_out,
                "lines that were never measured count as given": (1 - held_out) * (1 - mirror),
                "mirror images that were never measured are taken off: your mask holds -1": (
                    mask - held_out.maximum(mirror)
                ),
            },
        ),
    )
    match(f"given, {name}", given, right, mistakes, _GIVEN_HINTS)

    def missed(lines=held_out, known=right, measured=None):
        model = Fourier(known if measured is None else measured)
        return Fourier(lines)(_toy_network(y * known, model)) - lines * y

    def relative(lines, **change):
        return missed(lines, **change).abs().sum() / (lines * y).abs().sum()

    r, size = missed(), (held_out * y).abs().sum()
    mistakes = with_hints(
        (
            (
                "which forward model made the data that the network is given?",
                "with A of all lines, zeros in place of the held-out ones count as measured zeros",
                "network(y * given, Fourier(given))",
            ),
            {
                "error: the network is told that all lines are measured, and some of them as zero": relative(
                    held_out, measured=mask
                ),
                "error: the network is told that the mirror images are measured as zero": relative(
                    held_out, measured=mask - held_out
                ),
                "error: the network was given all lines": relative(held_out, known=mask),
                "error: the network was given the mirror images": relative(held_out, known=mask - held_out),
            },
        ),
        (
            (
                "the forward model is right. And the data: which lines do they still hold?",
                "a network may look at all data that it gets, also where its forward model measures nothing",
                "network(y * given, Fourier(given))",
            ),
            {
                "error: the network's data still hold the held-out lines": relative(
                    held_out, known=mask, measured=right
                ),
                "error: the network's data still hold the mirror images": relative(
                    held_out, known=mask - held_out, measured=right
                ),
            },
        ),
        (
            _ERROR_HINTS,
            {
                "error: this is over all measured lines": relative(mask),
                "error: this is over the given lines": relative(right),
                "error: this counts lines that were kept away only for their mirror images' sake, "
                "but they are no held-out lines": relative(mask - right),
            },
        ),
        (
            (
                "sums of absolute values, as in the loss, both over the held-out lines",
                "(held_out * (...)).abs().sum() / (held_out * y).abs().sum()",
            ),
            {
                "error: this is divided by the size of all measured lines": r.abs().sum() / y.abs().sum(),
                "error: this is not divided by the size of the held-out lines": r.abs().sum(),
                "error: these are squares": r.square().sum() / (held_out * y).square().sum(),
                "error: these are Euclidean norms": r.norm() / (held_out * y).norm(),
                "error: this is a mean of absolute values": r.abs().mean(),
                "error: these are sums of moduli, over both channels at once": (
                    _modulus(r).sum() / _modulus(held_out * y).sum()
                ),
                "error: this is divided by the size of what the network predicts": (
                    r.abs().sum() / (r + held_out * y).abs().sum()
                ),
            },
        ),
    )
    match(f"error, {name}", _number(error, "error"), r.abs().sum() / size, mistakes, _ERROR_HINTS)


@task(points=3)
def fixed_point_gradients(answer, seed):
    """Task 5: `answer(parts, gains, A, y, length)` is (x, exact, jacobian_free), on a linear toy."""
    draw = runtime.generator(seed, "fixed point")
    for _ in range(2):
        n, m, count = _sizes(draw, (6, 8), (3, 5), (2, 3))
        matrices = torch.randn(count, n, n, generator=draw, dtype=torch.float64)
        matrices = matrices / torch.linalg.matrix_norm(matrices, 2)[:, None, None]
        A = torch.linalg.qr(torch.randn(n, m, generator=draw, dtype=torch.float64))[0].T.contiguous()
        gains = 0.6 / count + 0.2 * torch.rand(count, generator=draw, dtype=torch.float64)
        y = torch.randn(m, generator=draw, dtype=torch.float64)
        length = 0.6 + 0.3 * torch.rand((), generator=draw).item()
        with no_autograd():
            given = call(answer, matrices, gains, A, y, length)
        given = parts(given, "x, exact, jacobian_free")
        _look_at_fixed_point(given, f"{n} numbers, {count} gains", matrices, gains, A, y, length)


_POINT_HINTS = (
    "the fixed point solves a linear equation: write x = W (x - length A^T (A x - y)) as (...) x = ...",
    "x = W M x + length W A^T y, with M = 1 - length A^T A",
    "x = torch.linalg.solve(unity - W @ M, length * W @ A.T @ y)",
)
_EXACT_HINTS = (
    "differentiate both sides of the fixed-point equation by a gain: it stands in W, and x depends on it",
    "dx = dW z + W M dx, with z = x - length A^T (A x - y). Solve for dx",
    "v = torch.linalg.solve((unity - W @ M).T, A.T @ (A @ x - y)); gain k has the slope v @ parts[k] @ z",
)
_FREE_HINTS = (
    "only the last application of W is differentiated. What came into it is taken as constant",
    "the inverse drops out, and all else stays as in the exact gradient",
    "(A.T @ (A @ x - y)) @ parts[k] @ z, for each k",
)


def _look_at_fixed_point(given, name, matrices, gains, A, y, length):
    W, unity = torch.tensordot(gains, matrices, 1), torch.eye(matrices.shape[-1], dtype=matrices.dtype)
    M, source = unity - length * A.T @ A, W @ A.T @ y

    def solved(matrix, right):
        return torch.linalg.solve(unity - matrix, right)

    x = solved(W @ M, length * source)
    mistakes = with_hints(
        (
            _POINT_HINTS,
            {
                "x: the length is missing in the data step": solved(W @ (unity - A.T @ A), source),
                "x: the length is missing in front of A^T y": solved(W @ M, source),
                "x: the length is missing in M": solved(W @ (unity - A.T @ A), length * source),
                "x: A^T y does not pass through W": solved(W @ M, length * A.T @ y),
                "x: the order of W and M is exchanged": solved(M @ W, length * source),
                "x: the misfit of x itself is missing": solved(W, length * source),
                "x: the data step climbs": solved(W @ (2 * unity - M), -length * source),
                "x: this is one application, from zero": length * source,
                "x: this is what comes into W, not what W makes of it": (x - length * A.T @ (A @ x - y)),
            },
        )
    )
    match(f"x, {name}", given[0], x, mistakes, _POINT_HINTS)

    z, pull = x - length * A.T @ (A @ x - y), A.T @ (A @ x - y)
    back = solved((W @ M).T, pull)

    def slopes(v, z=z):
        return torch.einsum("i,kij,j->k", v, matrices, z)

    mistakes = with_hints(
        (
            _EXACT_HINTS,
            {
                "exact: this is the Jacobian-free gradient": slopes(pull),
                "exact: the matrix of your system is not transposed": slopes(solved(W @ M, pull)),
                "exact: the inverse is that of 1 - W, without the data step": slopes(solved(W.T, pull)),
                "exact: the order of W and M is exchanged": slopes(solved((M @ W).T, pull)),
                "exact: W is applied to z, and not to x": slopes(back, x),
                "exact: this is only two applications deep": slopes(pull + (W @ M).T @ pull),
                "exact: a factor 2, although the loss has a half": 2 * slopes(back),
                "exact: the opposite sign": -slopes(back),
                "exact: the parts are transposed": slopes(z, back),
                "exact: the gain itself is a factor too many": gains * slopes(back),
                "exact: the length is a factor too many": length * slopes(back),
            },
        )
    )
    match(f"exact, {name}", given[1], slopes(back), mistakes, _EXACT_HINTS)
    mistakes = with_hints(
        (
            _FREE_HINTS,
            {
                "Jacobian-free: this is the exact one again": slopes(back),
                "Jacobian-free: W is applied to z, and not to x": slopes(pull, x),
                "Jacobian-free: a factor 2, although the loss has a half": 2 * slopes(pull),
                "Jacobian-free: the opposite sign": -slopes(pull),
                "Jacobian-free: the parts are transposed": slopes(z, pull),
                "Jacobian-free: the gain itself is a factor too many": gains * slopes(pull),
                "Jacobian-free: the length is a factor too many": length * slopes(pull),
                "Jacobian-free: this is two applications deep": slopes(pull + (W @ M).T @ pull),
                "Jacobian-free: the gradient by x has gone through W once more": slopes(W.T @ pull),
            },
        )
    )
    match(f"Jacobian-free, {name}", given[2], slopes(pull), mistakes, _FREE_HINTS)


CAUSES = {
    "lines not withheld": "the network was given the lines that it had to predict",
    "other units": "the data were given to the network in units in which its images are not in [0,1]",
    "centre off by one": "the lines were numbered as if the zero frequency stood one column farther right",
    "started elsewhere": "the run went on from weights that another scan had left behind",
    "steps too large": "the learning rate is so large that the network is destroyed",
    "mirrors in the judge": "lines were given whose mirror images the judge holds out",
    "nothing": "the run is as it should be",
}
UNITS = 0.1
RATE = 5e-4


def _predicted(lines, estimate, y):
    """|M (A estimate - y)|_1 / |M y|_1 on these lines M."""
    return (Fourier(lines)(estimate) - lines * y).abs().sum() / (lines * y).abs().sum()


def _adapted(network, y, mask, iterations, rate, fault="nothing"):
    """The run of task 6 on a scan; `network` is changed."""
    units = UNITS if fault == "other units" else 1.0
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    fit, judge = split_lines(mask, 0.25)
    run = {"fit": fit, "judge": judge, "given": [], "wanted": [], "losses": [], "judged": []}
    kept = copy.deepcopy(network)
    for iteration in range(iterations):
        known, wanted = split_lines(fit, 0.4, seed=iteration)
        known = fit if fault == "lines not withheld" else known
        loss = _predicted(wanted, network(units * y * known, Fourier(known)) / units, y)
        with torch.no_grad():
            judged = _predicted(judge, network(units * y * fit, Fourier(fit)) / units, y).item()
        if judged < min(run["judged"], default=float("inf")):
            kept = copy.deepcopy(network)
        values = units * y * known, wanted, loss.item(), judged
        for name, value in zip(("given", "wanted", "losses", "judged"), values, strict=True):
            run[name].append(value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        estimate = kept(units * y * mask, Fourier(mask)) / units
    return run | {"network": kept, "estimate": estimate}


@functools.cache
def _run(fault, iterations=16):
    truth = mr_slice()[..., 40:88, 16:112]
    y, A = scan(truth)
    mask = A.mask
    if fault == "centre off by one":
        y, mask = y.roll(1, -1), mask.roll(1, -1)
    network = trained("reconstruction_phantoms_joint")
    started = copy.deepcopy(network)
    run = _adapted(network, y, mask, iterations, RATE * (10 if fault == "steps too large" else 1), fault)
    return {"truth": truth, "y": y, "mask": mask, "started": started} | run


@failing(
    _run,
    A="steps too large",
    B="lines not withheld",
    C="centre off by one",
    D="other units",
)
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    The network of the lesson, trained on phantoms, is adapted to a scan of an abdomen: it learns to predict
    lines that it is not given from those that it is given.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth and estimate (1,1,48,96); y (1,2,48,96), the data, and mask, the lines that are
        measured; fit and judge, the two parts of mask; started and network, the networks at the start and as
        kept; and lists with an entry for each iteration: given (1,2,48,96), the data that went into the
        network, wanted, the mask of the lines that it had to predict, losses and judged, the loss and the
        error on the lines of judge.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "lines not withheld": (
            "the lines that it wants are zero in what it is given",
            "print (r['given'][3] * r['wanted'][3]).abs().max()",
        ),
        "other units": (
            "what its network was given is y on some lines, number for number",
            "compare the largest values of r['given'][3] and of r['y']",
        ),
        "centre off by one": (
            "its y is what the scanner measures of the truth on the lines of mask, but for noise",
            "print (Fourier(r['mask'])(r['truth']) - r['y']).abs().max(). In which "
            "column is the most energy?",
        ),
        "started elsewhere": (
            "its first network has the weights of the trained one",
            "compare the weights of r['started'] with those of trained('reconstruction_phantoms_joint')",
        ),
        "steps too large": (
            "over the whole run no weight has changed by more than a hundredth, half a thousandth a step",
            "compare r['started'] and r['network'], weight by weight. A step of Adam changes a weight by "
            "about the learning rate",
        ),
        "mirrors in the judge": (
            "no line that it fits is the mirror image of a line that judges",
            "multiply r['fit'] with the mirror image of r['judge']",
        ),
        "nothing": (
            "a good run gains more than three decibels, and this one gains less than two",
            "compute the PSNR of its estimate and of the trained network's, then compare what went in",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
