"""Checks of problem set 16: diffusion priors."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, no_autograd, parts, task, tensor
from dil_course.networks.trained import trained
from dil_course.signals import BlurDownsample, Downsample, Mask, gaussian_kernel

__all__ = [
    "CAUSES",
    "Clouds",
    "adapt_each",
    "causes",
    "ddnm_step",
    "failing_run",
    "guidance",
    "levels",
    "split_error",
    "tweedie",
]


def __dir__():
    return __all__


class Clouds:
    """A Gaussian prior of images of clouds, of which everything is known: denoiser, samples, posterior.

    The covariance is the same at each pixel and wraps around at the border, so that it is diagonal in the
    Fourier basis. Numbers are float64, of mean 1/2.

    Args:
        side: of the images (1,1,side,side).
        reach: over how many pixels neighbours resemble one another.
        spread: standard deviation of a pixel.
    """

    def __init__(self, side=24, reach=3.0, spread=0.15):
        steps = 2 * math.pi * reach * torch.fft.fftfreq(side, dtype=torch.float64)
        power = (1 + steps[:, None] ** 2 + steps**2) ** -2.0
        self.side, self.power = side, spread**2 * power / power.mean()

    def _filtered(self, x, factor):
        return torch.fft.ifft2(factor * torch.fft.fft2(x)).real

    def __call__(self, x, sigma):
        """The best denoiser: the mean of the clean image, given x (N,1,side,side) with noise of sigma."""
        return 0.5 + self._filtered(x - 0.5, self.power / (self.power + sigma**2))

    def draw(self, count, generator):
        """Images (count,1,side,side) of the prior."""
        white = torch.randn(count, 1, self.side, self.side, generator=generator, dtype=torch.float64)
        return 0.5 + self._filtered(white, self.power.sqrt())

    def posterior(self, y, A, sigma=0.0):
        """The exact mean and standard deviation of each pixel, (1,1,side,side) both, given y = A x + noise.

        Here the covariance is a full matrix, so that the side should not be much above 24.
        """
        dots = torch.eye(self.side**2, dtype=torch.float64).view(-1, 1, self.side, self.side)
        covariance = self._filtered(dots, self.power).flatten(1)
        rows = A(dots).flatten(1)  # the transposed matrix of A
        seen = rows.T @ covariance @ rows + sigma**2 * torch.eye(rows.shape[1], dtype=torch.float64)
        gain = covariance @ rows @ torch.linalg.pinv(seen, rtol=1e-10, hermitian=True)
        mean = 0.5 + gain @ (y - A(torch.full_like(dots[:1], 0.5))).flatten()
        variance = (covariance - gain @ rows.T @ covariance).diagonal().clamp(min=0)
        return mean.view_as(dots[:1]), variance.sqrt().view_as(dots[:1])


def levels(strongest, weakest, count):
    """List of `count` noise levels that fall geometrically from the strongest to the weakest."""
    return torch.linspace(math.log(strongest), math.log(weakest), count, dtype=torch.float64).exp().tolist()


def _sizes(draw, *limits):
    """A whole number from each (low, high)."""
    return [int(torch.randint(low, high + 1, (), generator=draw)) for low, high in limits]


def _distances(x, images):
    """Squared distance of each x to each image, (N,K)."""
    return (x[:, None] - images).flatten(2).square().sum(2)


def _mixed(weights, images):
    """Images (N,C,H,W), each a mixture of the K given ones."""
    return torch.tensordot(weights, images, 1)


@task(points=3)
def tweedie(answer, seed):
    """Task 1: `answer(x, images, sigma)` is (denoised, score) where each of the images is equally likely."""
    draw = runtime.generator(seed, "few images")
    for sigma, channels in ((0.6, 1), (0.8, 2), (0.02, 1)):
        count, number, height, width = _sizes(draw, (2, 4), (5, 7), (3, 4), (5, 6))
        images, other = (
            torch.rand(size, channels, height, width, generator=draw, dtype=torch.float64)
            for size in (number, count)
        )
        x = other if sigma < 0.1 else images[:count] + sigma * torch.randn(other.shape, generator=draw)
        with no_autograd():
            given = call(answer, x, images, sigma)
        _look_at_tweedie(given, x, images, sigma)


_WEIGHT_HINTS = (
    "how likely is each image, once x was seen? Its density at x, as a share of the sum of all densities",
    "the density of image k is proportional to exp(-|x - x_k|^2 / (2 sigma^2)): the squares are summed",
    "weights = torch.softmax(-distances / (2 * sigma**2), dim=1) with distances (N,K); their mixture is the "
    "denoised image",
)
_SCORE_HINTS = (
    "Tweedie: denoised = x + sigma^2 * score",
    "solve it for the score",
    "score = (denoised - x) / sigma**2",
)


def _look_at_tweedie(given, x, images, sigma):
    squares = _distances(x, images)
    power = 2 * sigma**2
    right = _mixed((-squares / power).softmax(1), images)
    denoised, score = parts(given, "denoised, score")
    if sigma < 0.1:
        _refuse_underflow(denoised, score)
    name = f"{len(x)} of {len(images)} images, sigma {sigma}"
    match(f"denoised, {name}", denoised, right, _weight_mistakes(x, images, sigma, right), _WEIGHT_HINTS)
    pull = right - x
    mistakes = with_hints(
        (
            _SCORE_HINTS,
            {
                "this is the way to the denoised image, not the score": pull,
                "the way is divided by sigma, not by its square": pull / sigma,
                "this is the noise that the denoiser takes off": -pull,
                "this is the noise in units of sigma": -pull / sigma,
                "the way is multiplied by the variance": pull * sigma**2,
                "this is the score of the nearest image alone": (images[squares.argmin(1)] - x) / sigma**2,
                "this is the gradient of the density, not of its logarithm": (
                    pull / sigma**2 * (-squares / power).exp().mean(1)[:, None, None, None]
                ),
                "your two results are exchanged": right,
            },
        )
    )
    match(f"score, {name}", score, pull / sigma**2, mistakes, _SCORE_HINTS)


def _refuse_underflow(*values):
    try:
        for value in values:
            tensor(value)
    except Wrong as problem:
        if "nan or infinity" not in problem.says:
            raise
        raise Wrong(
            "where sigma is small, your result holds nan or infinity",
            "exp(-1000) is zero to the computer, and zero divided by zero is nan",
            "only ratios of the densities matter: multiply all by the same large number before you divide",
            "torch.softmax takes the logarithms of the densities and does so itself",
        ) from problem


def _weight_mistakes(x, images, sigma, right):
    squares, each = _distances(x, images), (x[:, None] - images).square()
    power = 2 * sigma**2
    densities = (-squares / power).exp()
    pixelwise = (-each / power).softmax(1)
    return with_hints(
        (
            _WEIGHT_HINTS,
            {
                "sigma is not squared in your weights": _mixed((-squares / (2 * sigma)).softmax(1), images),
                "the 2 is missing in your weights": _mixed((-squares / sigma**2).softmax(1), images),
                "the distance is not squared in your weights": _mixed(
                    (-squares.sqrt() / power).softmax(1), images
                ),
                "your distance is a mean over the pixels, not a sum": _mixed(
                    (-squares / x[0].numel() / power).softmax(1), images
                ),
                "your weights do not depend on x": _mixed(torch.full_like(squares, 1 / len(images)), images),
                "your weights grow with the distance": _mixed((squares / power).softmax(1), images),
            },
        ),
        (
            (
                "which sum is one: over the images, or over the noisy ones?",
                "each x has weights of its own, which add up to one over the K images",
            ),
            {
                "your weights add up to one over the batch": _mixed((-squares / power).softmax(0), images),
                "your weights do not add up to one": _mixed(densities, images),
            },
        ),
        (
            (
                "is the image drawn as a whole, or pixel by pixel?",
                "one weight for each whole image: sum the squares over C, H and W first",
            ),
            {
                "each pixel has weights of its own": (pixelwise * images).sum(1),
                "each row has weights of its own": (
                    (-each.sum((2, 4), keepdim=True) / power).softmax(1) * images
                ).sum(1),
            },
        ),
        (
            ("the most likely image is not the mean", *_WEIGHT_HINTS[:2]),
            {"this is the nearest of the images": images[squares.argmin(1)]},
        ),
        (
            ("which sign has the score? It points to where images are more likely", _SCORE_HINTS[0]),
            {"you go against the score": 2 * x - right},
        ),
        (
            ("first the denoised image, then the score", "return denoised, score"),
            {"your results are exchanged, the score comes first": (right - x) / sigma**2},
        ),
    )


def _toy_denoiser(x, sigma):
    """Some function of both that is not linear; no good denoiser."""
    return 0.5 + (x - 0.5) / (1 + sigma**2) + 0.1 * math.sqrt(sigma) * torch.sin(3 * x)


@task(points=3)
def ddnm_step(answer, seed):
    """Task 2: `answer(x, sigma, next_sigma, denoiser, A, y, noise, eta)` is (estimate, next x) of DDNM."""
    draw = runtime.generator(seed, "DDNM")
    mask = torch.rand(1, 1, 6, 8, generator=draw) < 0.5
    mask[..., :2] = torch.tensor([True, False])
    for A, channels, next_sigma in (
        (Downsample(2), 1, 0.3),
        (BlurDownsample(gaussian_kernel(4, 0.8), 2), 2, 0.2),
        (Mask(mask), 3, 0.4),
        (Downsample(2), 1, 0.0),
    ):
        shape = (_sizes(draw, (1, 3))[0], channels, 6, 8)
        x, truth, noise = (torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(3))
        sigma, eta = (0.5 + 0.2 * torch.rand(2, generator=draw)).tolist()
        x, y = x.mul(sigma) + 0.5, A(0.5 + 0.2 * truth)
        given = call(answer, x, sigma, next_sigma, _toy_denoiser, A, y, noise, eta)
        estimate, state = parts(given, "estimate, state")
        name = f"{type(A).__name__}, {channels} channels"
        mistakes = _estimate_mistakes(x, sigma, next_sigma, A, y)
        right = _projected(_toy_denoiser(x, sigma), A, y)
        match(f"estimate, {name}", estimate, right, mistakes, _ESTIMATE_HINTS)
        mistakes = _state_mistakes(x, sigma, next_sigma, A, y, noise, eta)
        match(f"state, {name}", state, mistakes.pop("right")[0], mistakes, _STATE_HINTS)


_ESTIMATE_HINTS = (
    "three things in this order: denoise x, compare with y, put back what is missing",
    "what the data miss is A(denoised) - y, and A.pinv brings it to the size of the image",
    "denoised = denoiser(x, sigma); estimate = denoised - A.pinv(A(denoised) - y)",
)
_STATE_HINTS = (
    "the next x is the estimate with noise of next_sigma: some of it old, some of it new",
    "the old noise is (x - denoised) / sigma, with what the denoiser returned",
    "estimate + next_sigma * ((1 - eta**2) ** 0.5 * old + eta * noise)",
)


def _projected(x, A, y, inverse=None, sign=1):
    return x - sign * (inverse or A.pinv)(A(x) - y)


def _estimate_mistakes(x, sigma, next_sigma, A, y):
    denoised = _toy_denoiser(x, sigma)
    mistakes = with_hints(
        (
            (
                "A.adjoint points the right way. Does one step of it reach the data?",
                "A(A.pinv(r)) = r, which A.adjoint does not promise",
                _ESTIMATE_HINTS[2],
            ),
            {"this takes the adjoint for the pseudo-inverse": _projected(denoised, A, y, A.adjoint)},
        ),
        (
            (
                "try it with an image that the data know too bright: must the estimate be darker?",
                _ESTIMATE_HINTS[2],
            ),
            {"this moves away from the data": _projected(denoised, A, y, sign=-1)},
        ),
        (
            _ESTIMATE_HINTS,
            {
                "the data are not used here": denoised,
                "this corrects x, and denoises nothing": _projected(x, A, y),
                "this corrects x before it is denoised": _toy_denoiser(_projected(x, A, y), sigma),
                "the misfit is that of x, not of the denoised image": denoised - A.pinv(A(x) - y),
                "the prior is not used here: this is A^+ y": A.pinv(y).expand_as(x),
                "this keeps of the denoised image what the data know": A.pinv(A(denoised)),
                "A^+ y is added, and nothing is taken off": denoised + A.pinv(y),
            },
        ),
        (
            ("how strong is the noise in x, before the step?", "denoiser(x, sigma)"),
            {
                "the denoiser gets the next noise level": _projected(_toy_denoiser(x, next_sigma), A, y),
                "the denoiser gets the variance, not the standard deviation": _projected(
                    _toy_denoiser(x, sigma**2), A, y
                ),
            },
        ),
    )
    return mistakes


def _state_mistakes(x, sigma, next_sigma, A, y, noise, eta):
    denoised = _toy_denoiser(x, sigma)
    estimate = _projected(denoised, A, y)
    old, keep = (x - denoised) / sigma, math.sqrt(1 - eta**2)

    def state(old=old, keep=keep, new=eta, level=next_sigma, start=estimate):
        return start + level * (keep * old + new * noise)

    return {"right": (state(),)} | with_hints(
        (
            _STATE_HINTS,
            {
                "the old noise is not divided by sigma": state(old * sigma),
                "the old noise has the opposite sign": state(-old),
                "the next x starts from the denoised image, without the data": state(start=denoised),
                "the noise of sigma comes back, not that of next_sigma": state(level=sigma),
                "this projects the next x onto the data, noise and all": _projected(
                    state(start=denoised), A, y
                ),
                "nothing of the old noise is kept": state(keep=0),
                "there is no new noise": state(new=0),
                "there is no noise at all": state(keep=0, new=0),
            },
        ),
        (
            (
                "DDNM takes the direction that the network gave, before the data changed it",
                "(x - denoised) / sigma",
                _STATE_HINTS[2],
            ),
            {"the old noise is measured from the corrected image": state((x - estimate) / sigma)},
        ),
        (
            (
                "independent noises add in their variances, not in their standard deviations",
                "the squares of both shares add up to one",
                _STATE_HINTS[2],
            ),
            {
                "your shares of noise add up to one, not their squares": state(keep=1 - eta),
                "the root is missing in the share of the old noise": state(keep=1 - eta**2),
                "the shares of old and new noise are exchanged": state(keep=eta, new=keep),
                "the old noise is kept in full": state(keep=1),
            },
        ),
    )


@task(points=3)
def guidance(answer, seed):
    """Task 3: `answer(x, y, A, W, mean)` are the gradients of |y - A D(x)| and of its square, by x, where
    D(x) = mean + W (x - mean).
    """
    draw = runtime.generator(seed, "guidance")
    for _ in range(2):
        n, m = _sizes(draw, (6, 8), (3, 5))
        x, mean = (torch.randn(n, generator=draw, dtype=torch.float64) for _ in range(2))
        A = torch.randn(m, n, generator=draw, dtype=torch.float64)
        W = torch.randn(n, n, generator=draw, dtype=torch.float64) / n**0.5
        y = 3 * torch.randn(m, generator=draw, dtype=torch.float64)
        with no_autograd():
            given = call(answer, x, y, A, W, mean)
        _look_at_guidance(given, x, y, A, W, mean)


_GUIDANCE_HINTS = (
    "the chain rule: residual, then A, then the denoiser. Each factor comes transposed",
    "the squared norm of r = y - A D(x) has the gradient -2 W^T A^T r",
    "the norm is the root of its square, so that its gradient is that of the square divided by 2 |r|",
)

_RESIDUAL_HINTS = (
    "whose misfit is it: that of the noisy x, or that of its denoised image?",
    "y - A D(x), with D(x) = mean + W (x - mean)",
)


def _look_at_guidance(given, x, y, A, W, mean):
    residual = y - A @ (mean + W @ (x - mean))

    def of_both(r=residual, back=lambda r: W.T @ A.T @ r):
        return -back(r) / r.norm(), -2 * back(r)

    right = of_both()
    whose = {
        "your residual is that of x, not of the denoised image": of_both(y - A @ x),
        "your residual leaves the mean out": of_both(y - A @ W @ x),
    }
    chain = {
        "the denoiser is missing in your chain rule": of_both(back=lambda r: A.T @ r),
        "A stands twice in your chain rule": of_both(back=lambda r: W.T @ A.T @ A @ A.T @ r),
        "W stands there, not its transposed": of_both(back=lambda r: W @ A.T @ r),
        "your two gradients are exchanged": right[::-1],
    }
    way, size = right[1] / 2, residual.norm()
    own = (
        {
            "this is half the gradient of the square, the division is missing": way,
            "you divide by the squared norm": way / size**2,
            "you divide by the length of the gradient, not by the residual's": way / way.norm(),
            "a factor 2 is left over from the square": 2 * way / size,
            "a factor 1/2 is too many": way / size / 2,
        },
        {
            "the factor 2 is missing": way,
            "this is that of the mean of the squares, not of their sum": 2 * way / len(y),
        },
    )
    for number, one in enumerate(parts(given, "of_norm, of_square")):
        name = ("of the norm", "of the squared norm")[number]
        groups = (
            (_RESIDUAL_HINTS, {f"{name}: {says}": both[number] for says, both in whose.items()}),
            (_GUIDANCE_HINTS, {f"{name}: {says}": both[number] for says, both in chain.items()}),
            (_GUIDANCE_HINTS[1:], {f"{name}: {says}": result for says, result in own[number].items()}),
        )
        match(f"gradient {name}", one, right[number], with_hints(*groups), _GUIDANCE_HINTS)


_SPLIT_HINTS = (
    "A^+ A takes of an image the part that the data show, and drops the rest",
    "the part of the error that is seen: A.pinv(A(estimate - truth)). What is left is unseen",
    "seen.square().mean(), (error - seen).square().mean()",
)


@task(points=2)
def split_error(answer, seed):
    """Task 4: `answer(estimate, truth, A)` is (seen, unseen): the mean squared error in two parts."""
    draw = runtime.generator(seed, "two errors")
    mask = torch.rand(1, 1, 6, 8, generator=draw) < 0.4
    mask[..., :2] = torch.tensor([True, False])
    for A, channels in (
        (Downsample(2), 1),
        (BlurDownsample(gaussian_kernel(4, 0.8), 2), 2),
        (Mask(mask), 3),
    ):
        truth, estimate = (
            torch.rand(1, channels, 6, 8, generator=draw, dtype=torch.float64) for _ in range(2)
        )
        given = _two_numbers(call(answer, estimate, truth, A))
        mistakes = _split_mistakes(estimate, truth, A)
        name = f"seen and unseen, {type(A).__name__}"
        match(name, given, mistakes.pop("right")[0], mistakes, _SPLIT_HINTS)


def _split_mistakes(estimate, truth, A):
    error, misfit = estimate - truth, A(estimate - truth)
    visible, spread, part = A.pinv(misfit), A.adjoint(misfit), A.pinv(A(estimate))

    def power(x):
        return x.square().mean()

    seen, unseen, of_data = power(visible), power(error - visible), power(misfit)
    right = torch.stack([seen, unseen])
    return {"right": (right,)} | with_hints(
        (
            _SPLIT_HINTS,
            {
                "your first number is the misfit of the data, not an error of the image": torch.stack(
                    [of_data, seen + unseen - of_data]
                ),
                "your first number is the misfit of the data, and your second is right": torch.stack(
                    [of_data, unseen]
                ),
                "this takes the adjoint for the pseudo-inverse": torch.stack(
                    [power(spread), power(error - spread)]
                ),
                "your second number is the whole error": torch.stack([seen, seen + unseen]),
                "your first number is the whole error": torch.stack([seen + unseen, unseen]),
                "you split the estimate, not its error": torch.stack([power(part), power(estimate - part)]),
            },
        ),
        (
            ("which of the two can be computed from y?", "seen, then unseen"),
            {"the two numbers are exchanged": right.flip(0)},
        ),
        (
            ("the mean of the squares, without a root", "the two must add up to the mean squared error"),
            {
                "these are the roots of what is asked for": right.sqrt(),
                "these are sums over the pixels, not means": right * error.numel(),
                "your first number averages over the numbers of y, not over the pixels": torch.stack(
                    [seen * error.numel() / misfit.numel(), unseen]
                ),
            },
        ),
    )


def _two_numbers(given):
    numbers = [tensor(number) for number in parts(given, "seen, unseen")]
    for number in numbers:
        if number.numel() != 1:
            raise Wrong(
                f"expected two numbers, got a result of shape {tuple(number.shape)}",
                "the mean of the squares is one number",
                _SPLIT_HINTS[2],
            )
    return torch.stack([number.squeeze() for number in numbers])


def _adapted(
    weight,
    down,
    pairs,
    steps,
    rate,
    reset=("up", "down"),
    in_turn=False,
    learns=("up", "down"),
    factor=lambda x: 1.0,
    merged=False,
    added=True,
):
    """The adapted matrices (K,out,in) of task 5; the changes are its mistakes."""
    fresh = {"up": weight.new_zeros(len(weight), len(down)), "down": down}
    now, found = dict(fresh), []
    for x, y in pairs:
        now |= {name: fresh[name] for name in reset}
        for _ in range(steps):
            slope = factor(x) * ((weight + now["up"] @ now["down"]) @ x - y) @ x.T
            up = now["up"] - rate * slope @ now["down"].T * ("up" in learns)
            lower = now["down"] - rate * (up if in_turn else now["up"]).T @ slope * ("down" in learns)
            now = {"up": up, "down": lower}
        update = now["up"] @ now["down"]
        found.append(weight + update if added else update)
        weight = found[-1] if merged else weight
    return torch.stack(found)


@task(points=2)
def adapt_each(answer, seed):
    """Task 5: `answer(weight, down, pairs, steps, rate)` are the adapted matrices (K,out,in), one for each
    pair.
    """
    draw = runtime.generator(seed, "low rank")
    for outputs, inputs, rank, steps in ((4, 5, 2, 6), (5, 3, 1, 9), (3, 6, 2, 1)):
        weight, down = (
            torch.randn(rows, inputs, generator=draw, dtype=torch.float64) / 2 for rows in (outputs, rank)
        )
        pairs = []
        for number in _sizes(draw, (3, 5), (6, 8), (2, 4)):
            x, noise = (
                torch.randn(rows, number, generator=draw, dtype=torch.float64) for rows in (inputs, outputs)
            )
            pairs.append((x, weight @ x + noise))
        with no_autograd():
            given = call(answer, weight, down, pairs, steps, 0.03)
        if isinstance(given, tuple | list) and len(given) == len(pairs):
            given = torch.stack([tensor(matrix) for matrix in given])
        right = _adapted(weight, down, pairs, steps, 0.03)
        name = f"{outputs} x {inputs}, rank {rank}, {steps} steps"
        mistakes = _lora_mistakes(weight, down, pairs, steps, 0.03)
        match(name, given, right, mistakes, _LORA_HINTS)


_LORA_HINTS = (
    "with G = ((W + up down) x - y) x^T: which way must up go, and which way down?",
    "the gradient by up is G down^T, and that by down is up^T G. Both with the values before the step",
    "for each pair: up of zeros and down as given, then the steps, then append W + up @ down",
)


def _lora_mistakes(*given):
    weight, pairs = given[0], given[2]
    still = weight.expand(len(pairs), -1, -1)
    return with_hints(
        (
            (
                "what does the second image owe to the first?",
                "each image starts from the trained matrix: up is zero again, and down as it was given",
                _LORA_HINTS[2],
            ),
            {
                "each image goes on where the one before ended": _adapted(*given, reset=()),
                "up is set back for each image, and down is not": _adapted(*given, reset=("up",)),
                "down is set back for each image, and up is not": _adapted(*given, reset=("down",)),
                "each update is merged into the trained matrix": _adapted(*given, merged=True),
                "this is the same matrix for all images: the last one": _adapted(*given)[-1:].expand_as(
                    still
                ),
            },
        ),
        (
            (
                "where up and down are both zero, or only down learns from up = 0, both gradients are zero",
                "up starts at zero, down does not, and both learn",
                _LORA_HINTS[2],
            ),
            {"nothing has been learned: these are the trained matrices": still},
        ),
        (
            _LORA_HINTS,
            {
                "only up learns": _adapted(*given, learns=("up",)),
                "your second factor moves with the first one as it is after the step": _adapted(
                    *given, in_turn=True
                ),
                "the steps climb": _adapted(*given, factor=lambda x: -1.0),
            },
        ),
        (
            (
                "half the squared misfit: what is left of the factor 2?",
                "a sum over all numbers, without a mean",
            ),
            {
                "your steps are twice as long": _adapted(*given, factor=lambda x: 2.0),
                "your gradient is divided by the number of columns": _adapted(
                    *given, factor=lambda x: 1 / x.shape[1]
                ),
                "your gradient is that of the mean of all squares": _adapted(
                    *given, factor=lambda x: 2 / (x.shape[1] * len(weight))
                ),
            },
        ),
        (
            ("the adapted matrix is the trained one plus the update", "W + up @ down"),
            {"these are the updates alone": _adapted(*given, added=False)},
        ),
    )


CAUSES = {
    "level in other units": "the denoiser was called with half of the level, as for values from -1 to 1",
    "adjoint": "the data are put back with the adjoint of A in place of its pseudo-inverse",
    "one seed": "all samples were drawn with the same random numbers",
    "prior of other images": "the denoiser was made for images that do not look like this one",
    "begins too low": "the first noise level is so low that the noise cannot hide the start",
    "noise in the data": "y holds noise, and the run takes it for exact",
    "nothing": "the run is as it should be",
}


def _as_function(prior, dtype):
    """A denoiser of images in float64, of which one cannot see what it is made of."""
    return lambda x, sigma: prior(x.to(dtype), sigma).double()


@functools.cache
def _run(fault, count=4):
    draw = runtime.generator(0, "runs of task 6")
    clouds, A = Clouds(64, reach=5.0), Downsample(4)
    truth = clouds.draw(1, draw)
    y, falling = A(truth), levels(1.0, 0.005, 32)
    denoiser = _as_function(clouds, torch.float64)
    if fault == "prior of other images":
        denoiser = _as_function(trained("prior_ellipses").requires_grad_(False), torch.float32)
    put_back = A.adjoint if fault == "adjoint" else A.pinv
    run = {"truth": truth, "y": y, "levels": falling, "denoiser": denoiser, "states": [], "denoised": []}

    def noise():
        shape = (1 if fault == "one seed" else count, *truth.shape[1:])
        return torch.randn(shape, generator=draw, dtype=torch.float64).expand(count, -1, -1, -1)

    x = 0.5 + falling[0] * noise()
    for level, following in zip(falling, [*falling[1:], 0.0], strict=True):
        denoised = denoiser(x, level / 2 if fault == "level in other units" else level)
        run["states"].append(x)
        run["denoised"].append(denoised)
        estimate = denoised - put_back(A(denoised) - y)
        x = estimate + following * (math.sqrt(1 - 0.85**2) * (x - denoised) / level + 0.85 * noise())
    return run | {"samples": x}


@failing(_run, A="one seed", B="level in other units", C="prior of other images", D="adjoint")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    DDNM draws four images of clouds, of which the version four times smaller is known.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: truth (1,1,64,64), y (1,1,16,16), samples (4,1,64,64); denoiser, a function of an image
        and a level; levels, a list of the noise levels; and the lists states, the noisy images (4,1,64,64)
        before they are denoised, and denoised, what came out, one for each level.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "level in other units": (
            "its denoised images are what its denoiser makes of its states at its levels",
            "compare r['denoised'][k] with r['denoiser'](r['states'][k], r['levels'][k])",
        ),
        "adjoint": (
            "its samples agree with y to the last digit, and with the adjoint they would not",
            "print (Downsample(4)(r['samples']) - r['y']).abs().max()",
        ),
        "one seed": ("its four samples differ", "print r['samples'].std(0)"),
        "prior of other images": (
            "its denoiser is the best that there is for this image: it does what ps16.Clouds does",
            "add noise to the truth, and compare what the denoisers of all four runs make of it",
        ),
        "begins too low": (
            "its levels begin at 1, several times the spread of the pixels",
            "print r['levels'][0], and r['states'][0].std()",
        ),
        "noise in the data": (
            "its y is the smaller truth, to the last digit",
            "print (Downsample(4)(r['truth']) - r['y']).abs().max()",
        ),
        "nothing": (
            "in a good run the samples agree with y, their mean is nearer to the truth than each of them, "
            "and their spread is about the error of the mean",
            "compute all three for each run",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
