"""Checks of problem set 15: a generator meets an image."""

import functools
import math

import torch

from dil_course import runtime
from dil_course.adaptation import iagan
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import Wrong, call, choose, failing, match, parts, task, tensor
from dil_course.networks.trained import trained
from dil_course.signals import GARMENTS, Gaussian, garments

__all__ = [
    "CAUSES",
    "back_project",
    "causes",
    "csgm_losses",
    "expected_error",
    "failing_run",
    "hallucination_test",
    "search",
]


def __dir__():
    return __all__


def _draws(seed, name):
    """Functions that draw standard normal and uniform numbers in double precision, of any shape."""
    draw = runtime.generator(seed, name)
    return (
        functools.partial(torch.randn, generator=draw, dtype=torch.float64),
        functools.partial(torch.rand, generator=draw, dtype=torch.float64),
    )


@task(points=2)
def back_project(answer, seed):
    """Task 1: `answer(x, A, y)` is x + A^+ (y - A x), for rows of x (N,n) and of y (N,m), and A (m,n)."""
    normal, uniform = _draws(seed, "back-projection")
    for count, n, m in ((3, 11, 4), (1, 9, 6), (2, 8, 5)):
        x, A = uniform(count, n), normal(m, n) * (0.5 + uniform(m, 1))
        y = 1 + uniform(count, n) @ A.T
        match(
            f"{m} measurements of {n} pixels",
            call(answer, x, A, y),
            x + (y - x @ A.T) @ torch.linalg.pinv(A).T,
            _projection_mistakes(x, A, y),
            _PINV_HINTS,
        )
    A[3] = A[1]  # an instrument that measures twice, and has noise of its own each time
    right = x + (y - x @ A.T) @ torch.linalg.pinv(A).T
    try:
        match("one row occurs twice", call(answer, x, A, y), right, {}, ())
    except Wrong as problem:
        raise Wrong(
            f"all is right until a row of A occurs twice, and then {problem.says}",
            "which matrix has no inverse then?",
            "where singular values are zero, the pseudo-inverse leaves them zero",
            "torch.linalg.pinv(A), or torch.linalg.lstsq(A, residual, driver='gelsd')",
        ) from problem


_PINV_HINTS = (
    "which measurements does x not explain yet? Only these are corrected",
    "for rows that are independent, A^+ = A^T (A A^T)^-1",
    "images are rows: A x for all of them is x @ A.T, and A^+ r is r @ torch.linalg.pinv(A).T",
)


def _projection_mistakes(x, A, y):
    residual, pinv = y - x @ A.T, torch.linalg.pinv(A).T
    inverse = (
        "is A A^T the identity, or a multiple of it?",
        "two rows that have something in common must not both correct it in full",
        _PINV_HINTS[2],
    )
    return with_hints(
        (
            inverse,
            {
                "you take A^T for A^+": x + residual @ A,
                "you take A^T / n for A^+": x + residual @ A / A.shape[1],
                "you take A^T / m for A^+": x + residual @ A / A.shape[0],
                "you treat each row of A as if it were alone": x
                + residual @ (A / A.square().sum(1, keepdim=True)),
                "you keep the diagonal of (A A^T)^-1 only": x
                + residual @ (torch.linalg.inv(A @ A.T).diagonal()[:, None] * A),
            },
        ),
        (
            _PINV_HINTS,
            {
                "this is A^+ y, in which x plays no part": y @ pinv,
                "you add A^+ y to an x that has its own measurements already": x + y @ pinv,
                "this is the correction alone": residual @ pinv,
                "the correction has the wrong sign": x - residual @ pinv,
                "you keep only what the measurements see of x": x @ A.T @ pinv,
                "you keep only what the measurements do not see": x - x @ A.T @ pinv,
            },
        ),
    )


@task(points=3)
def expected_error(answer, seed):
    """Task 2: `answer(x, mean, V, m, sigma)` are the floor of a linear range, and the error to be expected
    with m Gaussian measurements, both mean squared errors.
    """
    normal, uniform = _draws(seed, "linear ranges")
    for n, k, m in ((12, 3, 9), (20, 4, 7), (15, 2, 60)):
        # The columns are neither orthogonal nor of length one.
        x, mean, V = uniform(n), uniform(n), normal(n, k) + 0.5 * normal(n, 1)
        sigma = 0.8 + uniform(()).item()
        given = [tensor(part) for part in parts(call(answer, x, mean, V, m, sigma), "floor, expected")]
        floor = _distance(x - mean, V) / n
        match(f"floor, {k} latent numbers", given[0], floor, _floor_mistakes(x, mean, V), _FLOOR_HINTS)
        match(
            f"expected, {m} measurements",
            given[1],
            floor + (floor + sigma**2 / n) * k / (m - k - 1),
            _expected_mistakes(floor, n, k, m, sigma),
            _EXPECTED_HINTS,
        )


def _distance(x, V):
    """The squared distance of x (n,) to the range of V (n,k)."""
    basis = torch.linalg.qr(V).Q
    return (x - basis @ (basis.T @ x)).square().sum()


_FLOOR_HINTS = (
    "the nearest picture mean + V c: for which c?",
    "the columns of V are not orthonormal, so that V^T (x - mean) is not yet c",
    "c = torch.linalg.lstsq(V, (x - mean)[:, None]).solution, and then the mean of the squared differences",
)
_EXPECTED_HINTS = (
    "two things disturb a measurement: its noise, and the part of x that the range cannot draw",
    "the second one is Gaussian, too, and its variance is the squared distance, n times the floor",
    "the latent error adds (n floor + sigma^2) k / (m - k - 1) to the squared distance n floor. Divide by n",
)


def _floor_mistakes(x, mean, V):
    n = len(x)
    centred, pinv = x - mean, torch.linalg.pinv(V)
    basis = torch.linalg.qr(V).Q

    def error(z):
        return (x - z).square().mean()

    return with_hints(
        (
            _FLOOR_HINTS,
            {
                "you take V^T (x - mean) for the latent numbers": error(mean + V @ (V.T @ centred)),
                "you scale the columns of V, which are still not orthogonal": error(
                    mean + V @ (V.T @ centred / V.square().sum(0))
                ),
                "the mean is not taken off x before the fit": error(mean + V @ (pinv @ x)),
                "the mean is missing": _distance(x, V) / n,
                "this is the distance to the mean alone": error(mean),
                "this is the part of x that the range can draw": (basis.T @ centred).square().sum() / n,
                "this is the squared distance of x, summed over the pixels": _distance(centred, V),
                "this is the root of the mean squared error": (_distance(centred, V) / n).sqrt(),
                "this divides by n - k, and so estimates a noise": _distance(centred, V) / (n - V.shape[1]),
            },
        )
    )


def _expected_mistakes(floor, n, k, m, sigma):
    disturbed, share = floor + sigma**2 / n, k / (m - k - 1)
    return with_hints(
        (
            _EXPECTED_HINTS,
            {
                "the part that the range cannot draw does not disturb the measurements here": floor
                + sigma**2 / n * share,
                "the noise is missing": floor + floor * share,
                "the floor itself is missing": disturbed * share,
                "sigma is not squared": floor + (floor + sigma / n) * share,
                "the noise is not divided by n": floor + (floor + sigma**2) * share,
                "this is the floor again: as if the latent numbers were found without error": floor,
                "this is the expected squared distance, summed over the pixels": n
                * (floor + disturbed * share),
                "the share is k / m": floor + disturbed * k / m,
                "the share is k / (m - k)": floor + disturbed * k / (m - k),
                "the share is 1 / (m - k - 1)": floor + disturbed / (m - k - 1),
                "the noise is counted once more": floor + sigma**2 / n + disturbed * share,
            },
        )
    )


@task(points=3)
def csgm_losses(answer, seed):
    """Task 3: `answer(measured, y, z, sigma, distance, variance)` is the loss of each start, whose data
    term is the mean squared residual.
    """
    normal, uniform = _draws(seed, "losses")
    for count, m, k in ((4, 7, 3), (5, 4, 6)):
        measured, y, z = normal(count, m), normal(m), normal(count, k)
        sigma, distance, variance = (0.4 + uniform(3)).tolist()
        distance, variance = 3 * distance, variance / 4
        square, prior = (measured - y).square(), z.square().sum(1)
        noise = sigma**2 + variance * distance
        match(
            f"{count} starts, {m} measurements",
            call(answer, measured, y, z, sigma, distance, variance),
            square.mean(1) + noise / m * prior,
            _loss_mistakes(square, z, sigma, distance, variance),
            _LOSS_HINTS,
        )


_LOSS_HINTS = (
    "write the negative log posterior of z: a sum of squares over 2 tau^2, and one over 2",
    "the variance of one measurement's residual is tau^2 = sigma^2 + variance * distance",
    "multiply by 2 tau^2 / m: the mean squared residual, and tau^2 / m times the sum of z^2",
)


def _loss_mistakes(square, z, sigma, distance, variance):
    m, k = square.shape[1], z.shape[1]
    data, prior, noise = square.mean(1), z.square().sum(1), sigma**2 + variance * distance

    def loss(weight):
        return data + weight * prior

    return with_hints(
        (
            (
                "what does a start with huge latent numbers cost?",
                *_LOSS_HINTS[1:],
            ),
            {"the prior is missing": data, "the prior has the wrong sign": loss(-noise / m)},
        ),
        (
            (
                "a mean over m numbers is m times smaller than their sum. What of the other term?",
                *_LOSS_HINTS[1:],
            ),
            {
                "this weight of the prior belongs to a sum over the measurements": loss(noise),
                "your data term is a sum, and your weight belongs to a mean": square.sum(1)
                + noise / m * prior,
                "your data term is the sum of the squares": square.sum(1) + noise * prior,
                "this is the negative log posterior itself": (square.sum(1) / noise + prior) / 2,
                "this is twice the negative log posterior": square.sum(1) / noise + prior,
                "your weight is for half of the sum of z^2": loss(noise / m / 2),
            },
        ),
        (
            (
                "why does even the best latent not fit a measurement? For two reasons, which are independent",
                *_LOSS_HINTS[1:],
            ),
            {
                "the distance to the range is missing in your weight": loss(sigma**2 / m),
                "the noise is missing in your weight": loss(variance * distance / m),
                "the variance of the entries of A is missing in your weight": loss((sigma**2 + distance) / m),
                "the variance of the entries of A multiplies the noise, too": loss(
                    variance * (sigma**2 + distance) / m
                ),
                "you take the variance of the entries for their standard deviation": loss(
                    (sigma**2 + variance**2 * distance) / m
                ),
                "you take the standard deviation of the entries, not their variance": loss(
                    (sigma**2 + math.sqrt(variance) * distance) / m
                ),
                "sigma is not squared": loss((sigma + variance * distance) / m),
                "the distance is squared once more": loss((sigma**2 + variance * distance**2) / m),
                "you add standard deviations, not variances": loss(
                    (sigma + math.sqrt(variance * distance)) ** 2 / m
                ),
                "your weight is a standard deviation, not a variance": loss(math.sqrt(noise) / m),
            },
        ),
        (
            ("a standard normal prior adds up its k latent numbers", "z.square().sum(1)"),
            {
                "you take the mean over the latent numbers": data + noise / m * prior / k,
                "you take the length of z, not its square": data + noise / m * prior.sqrt(),
            },
        ),
        (
            ("each start has a loss of its own", "dim=1: the measurements, the latent numbers"),
            {
                "all starts share one prior: the sum of all": data + noise / m * prior.sum(),
                "all starts share the mean of their priors": data + noise / m * prior.mean(),
            },
        ),
    )


def _toy_generator(normal, k, n):
    """A smooth function of latent numbers (B,k) whose pictures (B,n) are between 0 and 1."""
    first, second, bias = normal(k, 8), normal(8, n), normal(8)

    def generate(z):
        return torch.sigmoid(torch.tanh(z @ first.to(z) + bias.to(z)) @ second.to(z))

    return generate


class _Search:
    """A generator, measurements, and starts (8,k) for gradient descent, among which each rule chooses another
    one.
    """

    def __init__(self, normal, uniform, m, n, k, iterations):
        self.weight, self.rate = 0.04 + 0.02 * uniform(()).item(), 0.15 + 0.1 * uniform(()).item()
        self.iterations, in_order = iterations, False
        while not in_order:
            self.generate, self.A = _toy_generator(normal, k, n), normal(m, n)
            self.y = self.A @ self.generate(normal(1, k))[0] + 0.3 * normal(m)
            self.starts = 1.5 * normal(8, k)
            in_order = self._bring_in_order()
        self.ends = self.descend()
        self.choices = self.chosen(self.ends)
        self.others = _other_descents(self)

    def squares(self, z):
        return (self.generate(z) @ self.A.T - self.y).square()

    def loss(self, z):
        return self.squares(z).mean(1) + self.weight * z.square().sum(1)

    def descend(self, loss=None, rate=1.0, more=0):
        """Plain gradient descent; the arguments are for what may go wrong."""
        z = self.starts
        for _ in range(self.iterations + more):
            z = z.detach().requires_grad_()
            z = z - rate * self.rate * torch.autograd.grad((loss or self.loss)(z).sum(), z)[0]
        return z.detach()

    def by_adam(self):
        z = self.starts.clone().requires_grad_()
        optimizer = torch.optim.Adam([z], lr=self.rate)
        for _ in range(self.iterations):
            optimizer.zero_grad()
            self.loss(z).sum().backward()
            optimizer.step()
        return z.detach()

    def chosen(self, ends):
        """Which start each rule chooses, the right rule first."""
        return {
            "the least loss at the end": self.loss(ends).argmin().item(),
            "the least loss before the first step": self.loss(self.starts).argmin().item(),
            "the least data term, in which the prior has no say": self.squares(ends).mean(1).argmin().item(),
            "the largest loss": self.loss(ends).argmax().item(),
        }

    def _bring_in_order(self):
        """Order the starts so that no rule chooses the first or the last one. Returns whether each chooses
        another one, the best of them clearly.
        """
        ends = self.descend()
        chosen, losses = list(self.chosen(ends).values()), self.loss(ends).sort().values
        others = [number for number in range(len(ends)) if number not in chosen]
        if len(set(chosen)) < len(chosen) or losses[1] < 1.01 * losses[0]:
            return False
        self.starts = self.starts[[others[0], *chosen[1:], chosen[0], *others[1:]]]
        return True


@functools.cache
def _searches(seed):
    draws = _draws(seed, "searches")
    # With one iteration, the loss before the last step is that before the first, which chooses another start.
    return [_Search(*draws, *sizes) for sizes in ((5, 12, 3, 7), (6, 9, 2, 12), (4, 10, 3, 1))]


@task(points=3)
def search(answer, seed):
    """Task 4: `answer(generate, A, y, starts, weight, rate, iterations)` is (image, number): gradient descent
    from all starts, and the one that ends with the least loss.
    """
    for s in _searches(seed):
        given = call(answer, s.generate, s.A, s.y, s.starts, s.weight, s.rate, s.iterations)
        _look_at_search(*map(tensor, parts(given, "image, number")), s)


_SEARCH_HINTS = (
    "one loss for each start, and each start goes down its own",
    "the gradient of the sum over the starts holds the gradient of each",
    "z = z - rate * torch.autograd.grad(loss(z).sum(), z)[0], then loss(z).argmin()",
)
_CHOICE_HINTS = (
    "nobody knows the image. What do you know of each end?",
    "compute the loss once more, after the last step",
    "number = loss(z).argmin()",
)


def _look_at_search(image, number, s):
    chosen, images = dict(s.choices), s.generate(s.ends)
    best = chosen.pop("the least loss at the end")
    chosen |= {"it is the first one": 0, "it is the last one": len(s.starts) - 1}
    mistakes = {
        f"your image is that of another start: {rule}": (images[which], *_CHOICE_HINTS)
        for rule, which in chosen.items()
    }
    mistakes |= _results_that_are_no_choice(s, best)
    for says, (ends, *hints) in s.others.items():
        drawn = s.generate(ends)
        # With this mistake another start may win.
        fits = image.numel() == drawn[0].numel()
        nearest = (drawn - image.flatten()).square().sum(1).argmin() if fits else best
        mistakes[says] = (drawn[nearest], *hints)
    match(f"image, {len(s.starts)} starts", image, images[best], mistakes, _SEARCH_HINTS)
    wrong = {
        f"your number is that of another start: {rule}": (torch.tensor(which), *_CHOICE_HINTS)
        for rule, which in chosen.items()
    } | {
        "your number is a loss, not the number of the start": (s.loss(s.ends)[best], _CHOICE_HINTS[2]),
        "your number counts from one": (torch.tensor(best + 1), "the first start is number 0"),
    }
    match("number", number, torch.tensor(best), wrong, _CHOICE_HINTS)


def _other_descents(s):
    """Where the descents end that have one thing wrong, as a table of mistakes."""
    terms = (
        "mean over the measurements, plus weight times the sum over the latent numbers",
        _SEARCH_HINTS[2],
    )
    count = ("how often does the loop run? Try iterations = 1 by hand", _SEARCH_HINTS[2])
    step = ("how long is one step of one start?", *_SEARCH_HINTS[1:])
    return with_hints(
        (
            step,
            {
                "each step is divided by the number of starts": s.descend(rate=1 / len(s.starts)),
                "your steps go up": s.descend(rate=-1),
                "these are steps of Adam, and plain gradient descent is asked for": s.by_adam(),
            },
        ),
        (
            terms,
            {
                "the prior is missing in what you go down": s.descend(lambda z: s.squares(z).mean(1)),
                "you add up the measurements in place of their mean": s.descend(
                    lambda z: s.squares(z).sum(1) + s.weight * z.square().sum(1)
                ),
                "you take the mean over the latent numbers": s.descend(
                    lambda z: s.squares(z).mean(1) + s.weight * z.square().mean(1)
                ),
            },
        ),
        (
            count,
            {
                "this is one step too few": s.descend(more=-1),
                "this is one step too many": s.descend(more=1),
                "no step is taken": s.starts,
            },
        ),
    )


def _results_that_are_no_choice(s, best):
    images = s.generate(s.ends)
    return with_hints(
        (
            _CHOICE_HINTS,
            {
                "this is the mean of all images": images.mean(0),
                "this is the image of the mean of all ends": s.generate(s.ends.mean(0, keepdim=True))[0],
                "you return the images of all starts": images,
            },
        ),
        (
            ("the generator draws the image from z, and A measures it", "generate(z)[number]"),
            {
                "these are the latent numbers, not the image": s.ends[best],
                "these are the measurements, not the image": s.A @ images[best],
            },
        ),
    )


@task(points=2)
def hallucination_test(answer, seed):
    """Task 5: `answer(estimate, A, y, sigma, usual)` is (error, uncertainty, doubtful), from measurements
    that the estimate has not seen.
    """
    normal, uniform = _draws(seed, "held-out rows")
    # usual = error + times * uncertainty; the last residuals are so small that the estimate is negative
    for h, n, times, share in (
        (7, 12, -2.6, 1),
        (9, 15, 1.2, 1),
        (12, 9, -1.3, 1),
        (15, 10, -3.5, 1),
        (10, 8, 1.5, 0.1),
    ):
        x, A, sigma = uniform(n), normal(h, n), 0.3 + 0.4 * uniform(()).item()
        estimate = x + share * 0.5 * normal(n)
        y = A @ x + share * sigma * normal(h)
        square = (A @ estimate - y).square()
        error = (square.mean() - sigma**2) / n
        uncertainty = math.sqrt(2 / h) * square.mean() / n
        usual = (error + times * uncertainty).item()
        _look_at_test(call(answer, estimate, A, y, sigma, usual), square, n, sigma, usual)


_ERROR_HINTS = (
    "a row of standard normal entries turns the error e = estimate - x into a Gaussian number. Its variance?",
    "the residual of a held-out measurement has the variance |e|^2 + sigma^2",
    "(mean squared residual - sigma^2) / n",
)
_SPREAD_HINTS = (
    "the residuals are Gaussian. What is the variance of the square of a Gaussian number?",
    "its square has the standard deviation sqrt(2) times its variance; a mean of h divides by sqrt(h)",
    "math.sqrt(2 / h) * (mean squared residual) / n",
)
_VERDICT_HINTS = (
    "when is the error surely larger than usual, although it is an estimate?",
    "even two uncertainties less must be above `usual`",
    "error - 2 * uncertainty > usual",
)


def _look_at_test(given, square, n, sigma, usual):
    h, mean = len(square), square.mean()
    error, uncertainty, doubtful = (tensor(part) for part in parts(given, "error, uncertainty, doubtful"))
    right, spread = (mean - sigma**2) / n, math.sqrt(2 / h) * mean / n
    match(
        f"error, {h} held-out measurements",
        error,
        right,
        with_hints(
            (
                (
                    "chance can make the residuals smaller than the noise alone. What is the estimate then?",
                    "without bias means right in the mean: a negative estimate stays as it is",
                ),
                {"your error is cut off at zero, and is then too large in the mean": right.clamp(min=0)},
            ),
            (
                _ERROR_HINTS,
                {
                    "the noise of the measurements is not taken off": mean / n,
                    "sigma is not squared": (mean - sigma) / n,
                    "this is the squared distance, summed over the pixels": mean - sigma**2,
                    "this divides by the number of measurements, not by that of pixels": (mean - sigma**2)
                    / h,
                    "you add up the residuals in place of their mean": (square.sum() - sigma**2) / n,
                    "this divides by n, and never by the number of measurements": square.sum() / n,
                    "the noise is added": (mean + sigma**2) / n,
                    "the noise is taken off only after dividing by n": mean / n - sigma**2,
                    "this is the mean squared residual": mean,
                    "this is the root of the mean squared error": right.clamp(min=0).sqrt(),
                },
            ),
        ),
        _ERROR_HINTS,
    )
    match(
        "uncertainty",
        uncertainty,
        spread,
        with_hints(
            (
                _SPREAD_HINTS,
                {
                    "this is the spread of one squared residual, not of their mean": math.sqrt(2) * mean / n,
                    "the 2 under the root is missing": mean / math.sqrt(h) / n,
                    "this divides by h, not by its root": math.sqrt(2) * mean / h / n,
                    "the root is missing": 2 / h * mean / n,
                    "the noise disturbs the test, too, but is missing in your uncertainty": math.sqrt(2 / h)
                    * right,
                    "this is the sample spread, not the one that follows from a Gaussian": square.std()
                    / math.sqrt(h)
                    / n,
                    "this is the sample spread with h in place of h - 1": square.std(correction=0)
                    / math.sqrt(h)
                    / n,
                    "your uncertainty is not divided by n": math.sqrt(2 / h) * mean,
                },
            )
        ),
        _SPREAD_HINTS,
    )
    _look_at_verdict(doubtful, right, spread, usual)


def _look_at_verdict(doubtful, error, spread, usual):
    right = bool(error - 2 * spread > usual)
    if doubtful.numel() != 1 or doubtful.item() not in (0, 1):
        raise Wrong("doubtful is neither True nor False", *_VERDICT_HINTS[1:])
    if bool(doubtful.item()) == right:
        return
    if right:
        raise Wrong("an error that is surely larger than usual is called harmless", *_VERDICT_HINTS)
    if error > usual:
        raise Wrong("an error that may be larger than usual by chance is called doubtful", *_VERDICT_HINTS)
    raise Wrong("an error that is smaller than usual is called doubtful", *_VERDICT_HINTS)


CAUSES = {
    "two scalings": "y was measured with rows of another size than those of the A that the run was given",
    "noise back-projected": "the noisy y was back-projected at the end",
    "weights held fast": "only the latent vector was allowed to move, so that no weight adapted",
    "another A": "y was measured with other random rows than those of the A that the run was given",
    "weights of another image": "the generator had adapted to another image before, and was not loaded again",
    "prior too strong": "the weight of the prior was that of a mean, with a loss that is a sum",
    "worst start": "the adaptation began at the start with the largest loss",
    "too few measurements": "there are fewer measurements than the image has latent numbers",
    "nothing": "the run is as it should be",
}
_MEASUREMENTS, _NOISE, _SEARCH = 700, 0.05, 60


@functools.cache
def _run(fault, adaptation=60):
    pictures, labels = garments("test")
    x = pictures[(labels == GARMENTS.index("sneaker")).nonzero()[3]]
    A, draw = Gaussian(_MEASUREMENTS, (28, 28)), runtime.generator(0, "runs of task 6")
    measured = Gaussian(_MEASUREMENTS, (28, 28), seed=1)(x) if fault == "another A" else A(x)
    y = measured + _NOISE * torch.randn(measured.shape, generator=draw)
    if fault == "two scalings":
        y = y / math.sqrt(_MEASUREMENTS)
    given = trained("generator")
    steps = list(
        iagan(
            y,
            A,
            given,
            starts=5,
            search=_SEARCH,
            iterations=adaptation,
            learning_rate=1e-12 if fault == "weights held fast" else 1e-3,
            back_project=fault == "noise back-projected",
        )
    )
    found = steps[_SEARCH - 1]
    return {
        "truth": x.flatten(1),
        "A": A.matrix.float(),
        "y": y.flatten(1),
        "sigma": _NOISE,
        "latents": found.z,
        "losses": found.losses,
        "chosen": found.losses.argmin().item(),
        "found": found.estimate.flatten(1),
        "given": given,
        "z": steps[-1].z,
        "adapted": steps[-1].network,
        "estimate": steps[-1].estimate.flatten(1),
    }


@failing(
    _run,
    A="weights held fast",
    B="noise back-projected",
    C="two scalings",
    D="another A",
)
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    IAGAN on 700 Gaussian measurements of a sneaker, with noise of standard deviation 0.05: 60 steps of CSGM
    from 5 starts, then 60 steps on the latent vector and the weights.

    Returns:
        Dictionary: truth, found (the image that CSGM found) and estimate (1,784); A (700,784), y (1,700) and
        sigma; latents (5,24), losses (5,) and chosen, of CSGM; given, the generator that the run was given,
        adapted, the generator at the end, and its latent vector z (1,24).
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    weights = "compare the weights of run['given'] with those of trained('generator') and of run['adapted']"
    residual = "compute the sum of the squares of estimate @ A.T - y, and compare it with 700 sigma^2"
    refutations = {
        "two scalings": (
            "the sum of the squares of y is about that of the image, as it should be with this A",
            "compare y.square().sum() with truth.square().sum(): rows of A have the variance 1 / m",
        ),
        "noise back-projected": ("its estimate does not fit y to the last digit", residual),
        "weights held fast": ("its weights have moved away from those that it was given", weights),
        "another A": (
            "its A, applied to the truth, gives y up to a factor and the noise",
            "compare truth @ A.T with y: are they parallel?",
        ),
        "weights of another image": (
            "the generator that it was given is the trained one, to the last digit",
            weights,
        ),
        "prior too strong": (
            "its latent vectors are as long as those of a good run, or longer",
            "compute latents.norm(dim=1): a prior that is too strong draws all of them to zero",
        ),
        "worst start": ("it began at the start with the least loss", "compare chosen with losses.argmin()"),
        "too few measurements": ("there are 700 of them, and 24 latent numbers", "print the shape of A"),
        "nothing": (
            "a good run ends at least 3 dB above this one",
            "compute the PSNR of found and of estimate, and look at both",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
