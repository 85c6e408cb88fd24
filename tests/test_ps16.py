"""Problem set 16: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course import runtime
from dil_course.checks import ps16
from dil_course.signals import Downsample, Mask, psnr

BANK = AnswerBank("ps16_diffusion_priors")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: Tweedie by hand


def squares(x, images):
    return (x[:, None] - images).flatten(2).square().sum(2)


def mixture(weights, images):
    return torch.einsum("nk,kchw->nchw", weights, images)


def by_softmax(x, images, sigma, weigh=lambda s, sigma: (-s / (2 * sigma**2)).softmax(1), score=None):
    """The answer, with a place to change for each wrong one."""
    denoised = mixture(weigh(squares(x, images), sigma), images)
    return denoised, (denoised - x) / sigma**2 if score is None else score(denoised - x, sigma)


right("tweedie")(by_softmax)


@right("tweedie")
def by_largest_exponent(x, images, sigma):
    x, images = x.numpy(), images.numpy()
    exponents = -((x[:, None] - images) ** 2).sum((2, 3, 4)) / (2 * sigma**2)
    bells = np.exp(exponents - exponents.max(1, keepdims=True))
    weights = bells / bells.sum(1, keepdims=True)
    score = np.zeros(x.shape)
    for n, k in np.ndindex(*weights.shape):
        score[n] += weights[n, k] * (images[k] - x[n]) / sigma**2
    return x + sigma**2 * score, score


@right("tweedie")
def one_by_one(x, images, sigma):
    results = []
    for one in x:
        logs = torch.stack([-((one - image).norm() ** 2) / (2 * sigma**2) for image in images])
        shares = (logs - logs.logsumexp(0)).exp()
        results.append(sum(share * image for share, image in zip(shares, images, strict=True)))
    denoised = torch.stack(results)
    return [denoised, (denoised - x) / sigma / sigma]


def by_plain_exponentials(x, images, sigma):
    bells = (-squares(x, images) / (2 * sigma**2)).exp()
    denoised = mixture(bells / bells.sum(1, keepdim=True), images)
    return denoised, (denoised - x) / sigma**2


def per_pixel(x, images, sigma):
    weights = (-((x[:, None] - images) ** 2) / (2 * sigma**2)).softmax(1)
    denoised = (weights * images).sum(1)
    return denoised, (denoised - x) / sigma**2


def per_row(x, images, sigma):
    rows = ((x[:, None] - images) ** 2).sum((2, 4), keepdim=True)
    denoised = ((-rows / (2 * sigma**2)).softmax(1) * images).sum(1)
    return denoised, (denoised - x) / sigma**2


def of_the_nearest(x, images, sigma):
    denoised = images[squares(x, images).argmin(1)]
    return denoised, (denoised - x) / sigma**2


def density_gradient(x, images, sigma):
    denoised, score = by_softmax(x, images, sigma)
    bells = (-squares(x, images) / (2 * sigma**2)).exp()
    return denoised, score * bells.mean(1)[:, None, None, None]


def weighed(weigh):
    return lambda x, images, sigma: by_softmax(x, images, sigma, weigh)


def scored(score):
    return lambda x, images, sigma: by_softmax(x, images, sigma, score=score)


WRONG["tweedie"] = {
    "sigma is not squared in your weights": weighed(lambda s, sigma: (-s / (2 * sigma)).softmax(1)),
    "the 2 is missing in your weights": weighed(lambda s, sigma: (-s / sigma**2).softmax(1)),
    "the distance is not squared in your weights": weighed(
        lambda s, sigma: (-s.sqrt() / (2 * sigma**2)).softmax(1)
    ),
    "your distance is a mean over the pixels": lambda x, images, sigma: by_softmax(
        x, images, sigma, lambda s, sigma: (-s / x[0].numel() / (2 * sigma**2)).softmax(1)
    ),
    "your weights do not depend on x": lambda x, images, sigma: (images.mean(0).expand_as(x), x),
    "your weights grow with the distance": weighed(lambda s, sigma: (s / (2 * sigma**2)).softmax(1)),
    "your weights add up to one over the batch": weighed(lambda s, sigma: (-s / (2 * sigma**2)).softmax(0)),
    "your weights do not add up to one": weighed(lambda s, sigma: (-s / (2 * sigma**2)).exp()),
    "each pixel has weights of its own": per_pixel,
    "each row has weights of its own": per_row,
    "this is the nearest of the images": of_the_nearest,
    "you go against the score": lambda x, images, sigma: (
        x - sigma**2 * by_softmax(x, images, sigma)[1],
        by_softmax(x, images, sigma)[1],
    ),
    "your results are exchanged, the score comes first": lambda *given: by_softmax(*given)[::-1],
    "where sigma is small, your result holds nan": by_plain_exponentials,
    "your result has the opposite sign": scored(lambda way, sigma: -way / sigma**2),
    "this is the way to the denoised image, not the score": scored(lambda way, sigma: way),
    "the way is divided by sigma, not by its square": scored(lambda way, sigma: way / sigma),
    "this is the noise that the denoiser takes off": scored(lambda way, sigma: -way),
    "this is the noise in units of sigma": scored(lambda way, sigma: -way / sigma),
    "the way is multiplied by the variance": scored(lambda way, sigma: way * sigma**2),
    "this is the score of the nearest image alone": lambda *given: (
        by_softmax(*given)[0],
        of_the_nearest(*given)[1],
    ),
    "this is the gradient of the density, not of its logarithm": density_gradient,
    "your two results are exchanged": lambda *given: (by_softmax(*given)[0],) * 2,
    "expected 2 things, (denoised, score)": lambda *given: by_softmax(*given)[0].tolist()[:1],
    "no autograd, please": lambda x, images, sigma: (
        x,
        torch.autograd.grad((-squares(x.requires_grad_(), images) / sigma).logsumexp(1).sum(), x)[0],
    ),
}


# Task 2: the three lines of DDNM


def three_lines(x, sigma, next_sigma, denoiser, A, y, noise, eta, back=None, keep=None, level=None):
    denoised = denoiser(x, sigma)
    estimate = back(denoised) if back else denoised - A.pinv(A(denoised) - y)
    keep = math.sqrt(1 - eta**2) if keep is None else keep
    level = next_sigma if level is None else level
    return estimate, estimate + level * (keep * (x - denoised) / sigma + eta * noise)


right("ddnm_step")(three_lines)


@right("ddnm_step")
def range_and_null_space(x, sigma, next_sigma, denoiser, A, y, noise, eta):
    denoised = denoiser(x, sigma)
    null = denoised - A.pinv(A(denoised))
    estimate = A.pinv(y) + null
    predicted = (x - denoised) / sigma
    mixed = torch.sqrt(torch.as_tensor(1 - eta**2)) * predicted + eta * noise
    return [estimate.numpy(), (next_sigma * mixed + estimate).numpy()]


@right("ddnm_step")
def by_the_score(x, sigma, next_sigma, denoiser, A, y, noise, eta):
    denoised = denoiser(x, sigma)
    score = (denoised - x) / sigma**2
    estimate = denoised + A.pinv(y - A(denoised))
    old = -sigma * score * next_sigma
    return torch.stack([estimate, estimate + old * (1 - eta * eta) ** 0.5 + next_sigma * eta * noise])


def step(**change):
    """A wrong answer: three_lines with one change, which may depend on the inputs."""

    def answer(x, sigma, next_sigma, denoiser, A, y, noise, eta):
        names = {"x": x, "s": sigma, "t": next_sigma, "D": denoiser, "A": A, "y": y, "n": noise, "eta": eta}
        given = {name: value(names) for name, value in change.items()}
        return three_lines(x, sigma, next_sigma, denoiser, A, y, noise, eta, **given)

    return answer


def state(formula):
    """A wrong answer whose estimate is right: the next x is formula(denoised, estimate, inputs)."""

    def answer(x, sigma, next_sigma, denoiser, A, y, noise, eta):
        denoised = denoiser(x, sigma)
        estimate = denoised - A.pinv(A(denoised) - y)
        keep, old = math.sqrt(1 - eta**2), (x - denoised) / sigma
        return estimate, formula(denoised, estimate, old, keep, x, sigma, next_sigma, A, y, noise, eta)

    return answer


def estimated(formula):
    return lambda x, s, t, D, A, y, n, eta: (formula(x, s, t, D, A, y), x)


WRONG["ddnm_step"] = {
    "this takes the adjoint for the pseudo-inverse": step(
        back=lambda g: lambda d: d - g["A"].adjoint(g["A"](d) - g["y"])
    ),
    "this moves away from the data": step(back=lambda g: lambda d: d + g["A"].pinv(g["A"](d) - g["y"])),
    "the data are not used here": step(back=lambda g: lambda d: d),
    "this corrects x, and denoises nothing": estimated(lambda x, s, t, D, A, y: x - A.pinv(A(x) - y)),
    "this corrects x before it is denoised": estimated(lambda x, s, t, D, A, y: D(x - A.pinv(A(x) - y), s)),
    "the misfit is that of x, not of the denoised image": estimated(
        lambda x, s, t, D, A, y: D(x, s) - A.pinv(A(x) - y)
    ),
    "this is A^+ y": step(back=lambda g: lambda d: g["A"].pinv(g["y"])),
    "this keeps of the denoised image what the data know": step(
        back=lambda g: lambda d: g["A"].pinv(g["A"](d))
    ),
    "A^+ y is added, and nothing is taken off": step(back=lambda g: lambda d: d + g["A"].pinv(g["y"])),
    "the denoiser gets the next noise level": estimated(
        lambda x, s, t, D, A, y: (d := D(x, t)) - A.pinv(A(d) - y)
    ),
    "the denoiser gets the variance": estimated(
        lambda x, s, t, D, A, y: (d := D(x, s**2)) - A.pinv(A(d) - y)
    ),
    "the old noise is not divided by sigma": state(
        lambda d, e, old, keep, x, s, t, A, y, n, eta: e + t * (keep * (x - d) + eta * n)
    ),
    "the old noise has the opposite sign": step(keep=lambda g: -math.sqrt(1 - g["eta"] ** 2)),
    "the next x starts from the denoised image": state(
        lambda d, e, old, keep, x, s, t, A, y, n, eta: d + t * (keep * old + eta * n)
    ),
    "the noise of sigma comes back": step(level=lambda g: g["s"]),
    "this projects the next x onto the data": state(
        lambda d, e, old, keep, x, s, t, A, y, n, eta: (
            (z := d + t * (keep * old + eta * n)) - A.pinv(A(z) - y)
        )
    ),
    "nothing of the old noise is kept": step(keep=lambda g: 0.0),
    "there is no new noise": state(lambda d, e, old, keep, x, s, t, A, y, n, eta: e + t * keep * old),
    "there is no noise at all": state(lambda d, e, *given: e),
    "the old noise is measured from the corrected image": state(
        lambda d, e, old, keep, x, s, t, A, y, n, eta: e + t * (keep * (x - e) / s + eta * n)
    ),
    "your shares of noise add up to one, not their squares": step(keep=lambda g: 1 - g["eta"]),
    "the root is missing in the share of the old noise": step(keep=lambda g: 1 - g["eta"] ** 2),
    "the shares of old and new noise are exchanged": state(
        lambda d, e, old, keep, x, s, t, A, y, n, eta: e + t * (eta * old + keep * n)
    ),
    "the old noise is kept in full": step(keep=lambda g: 1.0),
    "expected 2 things, (estimate, state)": lambda *given: three_lines(*given) + (0,),
}


# Task 3: the norm or its square


def gradients(x, y, A, W, mean):
    r = y - A @ (mean + W @ (x - mean))
    g = -W.T @ A.T @ r
    return g / r.norm(), 2 * g


right("guidance")(gradients)


@right("guidance")
def by_rows(x, y, A, W, mean):
    x, y, A, W, mean = (value.numpy() for value in (x, y, A, W, mean))
    jacobian = A @ W
    r = A @ (mean + W @ (x - mean)) - y
    square = np.array([2 * r @ jacobian[:, column] for column in range(len(x))])
    return square / (2 * math.sqrt(r @ r)), square


@right("guidance")
def by_small_differences(x, y, A, W, mean):
    def norm(z):
        return (y - A @ (mean + W @ (z - mean))).norm()

    steps = 1e-5 * torch.eye(len(x), dtype=x.dtype)
    of_norm = torch.stack([(norm(x + e) - norm(x - e)) / 2e-5 for e in steps])
    return of_norm, 2 * norm(x) * of_norm


def of_residual(residual):
    def answer(x, y, A, W, mean):
        r = residual(x, y, A, W, mean)
        g = -W.T @ A.T @ r
        return g / r.norm(), 2 * g

    return answer


def changed(norm=lambda g, r: g / r.norm(), square=lambda g, r: 2 * g):
    def answer(x, y, A, W, mean):
        r = y - A @ (mean + W @ (x - mean))
        g = -W.T @ A.T @ r
        return norm(g, r), square(g, r)

    return answer


def chained(back):
    def answer(x, y, A, W, mean):
        r = y - A @ (mean + W @ (x - mean))
        g = -back(r, A, W)
        return g / r.norm(), 2 * g

    return answer


WRONG["guidance"] = {
    "of the norm: the denoiser is missing in your chain rule": chained(lambda r, A, W: A.T @ r),
    "of the norm: W stands there, not its transposed": chained(lambda r, A, W: W @ A.T @ r),
    "of the norm: A stands twice in your chain rule": chained(lambda r, A, W: W.T @ A.T @ A @ A.T @ r),
    "of the norm: your two gradients are exchanged": lambda *given: gradients(*given)[::-1],
    "of the norm: your residual is that of x": of_residual(lambda x, y, A, W, mean: y - A @ x),
    "of the norm: your residual leaves the mean out": of_residual(lambda x, y, A, W, mean: y - A @ W @ x),
    "of the norm: this is half the gradient of the square": changed(norm=lambda g, r: g),
    "of the norm: you divide by the squared norm": changed(norm=lambda g, r: g / (r @ r)),
    "of the norm: you divide by the length of the gradient": changed(norm=lambda g, r: g / g.norm()),
    "of the norm: a factor 2 is left over": changed(norm=lambda g, r: 2 * g / r.norm()),
    "of the norm: a factor 1/2 is too many": changed(norm=lambda g, r: g / r.norm() / 2),
    "of the squared norm: the factor 2 is missing": changed(square=lambda g, r: g),
    "of the squared norm: this is that of the mean of the squares, not of their sum": changed(
        square=lambda g, r: 2 * g / len(r)
    ),
    "of the squared norm: your two gradients are exchanged": changed(square=lambda g, r: g / r.norm()),
    "the opposite sign": changed(norm=lambda g, r: -g / r.norm()),
    "no autograd, please": lambda x, y, A, W, mean: (
        torch.autograd.grad((y - A @ (mean + W @ (x.requires_grad_() - mean))).norm(), x)[0],
        x,
    ),
    "expected 2 things, (of_norm, of_square)": lambda *given: None if not given else (1, 2, 3),
}


# Task 4: what the data misfit cannot tell


@right("split_error")
def by_projection(estimate, truth, A):
    error = estimate - truth
    seen = A.pinv(A(error))
    return (seen**2).mean(), ((error - seen) ** 2).mean()


@right("split_error")
def by_pythagoras(estimate, truth, A):
    seen = A.pinv(A(estimate) - A(truth)).square().mean().item()
    return [seen, float(np.square((estimate - truth).numpy()).mean()) - seen]


@right("split_error")
def as_one_tensor(estimate, truth, A):
    seen, whole = A.pinv(A(estimate - truth)), estimate - truth
    return torch.stack([seen, whole - seen]).square().flatten(1).mean(1)


def both(change):
    """A wrong answer: change(seen, unseen, error, misfit, A)."""

    def answer(estimate, truth, A):
        error, misfit = estimate - truth, A(estimate - truth)
        seen, unseen = by_projection(estimate, truth, A)
        return change(seen, unseen, error, misfit, A)

    return answer


def of_the_estimate(estimate, truth, A):
    part = A.pinv(A(estimate))
    return part.square().mean(), (estimate - part).square().mean()


WRONG["split_error"] = {
    "your first number is the misfit of the data, not an error": both(
        lambda s, u, e, m, A: (m.square().mean(), s + u - m.square().mean())
    ),
    "your first number is the misfit of the data, and your second is right": both(
        lambda s, u, e, m, A: (m.square().mean(), u)
    ),
    "this takes the adjoint for the pseudo-inverse": both(
        lambda s, u, e, m, A: (A.adjoint(m).square().mean(), (e - A.adjoint(m)).square().mean())
    ),
    "your second number is the whole error": both(lambda s, u, e, m, A: (s, s + u)),
    "your first number is the whole error": both(lambda s, u, e, m, A: (s + u, u)),
    "the two numbers are exchanged": both(lambda s, u, e, m, A: (u, s)),
    "these are the roots of what is asked for": both(lambda s, u, e, m, A: (s.sqrt(), u.sqrt())),
    "these are sums over the pixels": both(lambda s, u, e, m, A: (s * e.numel(), u * e.numel())),
    "your first number averages over the numbers of y": both(
        lambda s, u, e, m, A: (s * e.numel() / m.numel(), u)
    ),
    "you split the estimate, not its error": of_the_estimate,
    "expected two numbers, got a result of shape": lambda estimate, truth, A: (
        A.pinv(A(estimate - truth)),
        estimate - truth,
    ),
    "expected 2 things, (seen, unseen)": lambda estimate, truth, A: (1.0, 2.0, 3.0),
}


# Task 5: a low-rank update, and its reset


def descended(
    weight, down, pairs, steps, rate, reset=("U", "D"), in_turn=False, slope=1.0, merged=False, learns="UD"
):
    """The answer, with places to change for wrong ones; slope is a factor or a function of x."""
    U, D, found = torch.zeros(len(weight), len(down), dtype=weight.dtype), down, []
    for x, y in pairs:
        U = torch.zeros_like(U) if "U" in reset else U
        D = down if "D" in reset else D
        for _ in range(steps):
            G = ((weight + U @ D) @ x - y) @ x.T * (slope(x) if callable(slope) else slope)
            after = U - rate * G @ D.T if "U" in learns else U
            D = D - rate * (after if in_turn else U).T @ G if "D" in learns else D
            U = after
        found.append(weight + U @ D)
        weight = found[-1] if merged else weight
    return torch.stack(found)


right("adapt_each")(descended)


@right("adapt_each")
def in_numpy(weight, down, pairs, steps, rate):
    found = []
    for x, y in pairs:
        x, y, W = x.numpy(), y.numpy(), weight.numpy()
        U, D = np.zeros((W.shape[0], down.shape[0])), down.numpy().copy()
        for _ in range(steps):
            residual = W @ x + U @ (D @ x) - y
            slopes = residual @ (D @ x).T, U.T @ residual @ x.T
            U, D = U - rate * slopes[0], D - rate * slopes[1]
        found.append(W + U @ D)
    return np.stack(found)


def by_autograd(weight, down, pairs, steps, rate):
    found = []
    for x, y in pairs:
        U, D = torch.zeros(len(weight), len(down), dtype=weight.dtype), down
        for _ in range(steps):
            U, D = U.detach().requires_grad_(), D.detach().requires_grad_()
            loss = ((weight + U @ D) @ x - y).square().sum() / 2
            slopes = torch.autograd.grad(loss, (U, D))
            U, D = U - rate * slopes[0], D - rate * slopes[1]
        found.append(weight + U @ D)
    return found


def with_other(**change):
    return lambda *given: descended(*given, **change)


WRONG["adapt_each"] = {
    "each image goes on where the one before ended": with_other(reset=()),
    "up is set back for each image, and down is not": with_other(reset="U"),
    "down is set back for each image, and up is not": with_other(reset="D"),
    "each update is merged into the trained matrix": with_other(merged=True),
    "this is the same matrix for all images": lambda *given: [descended(*given)[-1]] * len(given[2]),
    "nothing has been learned": lambda weight, down, pairs, *rest: [weight] * len(pairs),
    "only up learns": with_other(learns="U"),
    "moves with the first one as it is after the step": with_other(in_turn=True),
    "the steps climb": with_other(slope=-1.0),
    "your steps are twice as long": with_other(slope=2.0),
    "your gradient is divided by the number of columns": with_other(slope=lambda x: 1 / x.shape[1]),
    "your gradient is that of the mean of all squares": lambda weight, *given: descended(
        weight, *given, slope=lambda x: 2 / (x.shape[1] * len(weight))
    ),
    "these are the updates alone": lambda weight, *given: descended(weight, *given) - weight,
    "your result has the shape": lambda *given: descended(*given)[-1],
    "no autograd, please": by_autograd,
    "your function returns None": lambda *given: None,
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "adjoint",
        "C": "prior of other images.",
        "B": " level in other units",
        "A": "one seed",
        "E": 3,
    }
)

BANK.add_wrong_causes("bad luck")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps16.failing_run(letter) for letter in "ABCD"} | {"good": ps16._run("nothing")}


def scores(run):
    """PSNR of a sample, on average, and of the mean of the samples."""
    each = [psnr(sample[None], run["truth"]) for sample in run["samples"]]
    return sum(each) / len(each), psnr(run["samples"].mean(0, True), run["truth"])


def exceeding(runs, measure, limit):
    return {letter for letter, run in runs.items() if measure(run) > limit}


def test_a_good_run_is_as_the_task_says_and_each_of_the_others_is_not(runs):
    each, mean = scores(runs["good"])
    assert 26.5 < each < 27.5 and mean > each + 1
    spread = runs["good"]["samples"].std(0).square().mean().sqrt()
    error = (runs["good"]["samples"].mean(0) - runs["good"]["truth"]).square().mean().sqrt()
    assert 0.7 < spread / error < 1.1
    assert max(scores(runs[letter])[0] for letter in "BCD") < 25
    each, mean = scores(runs["A"])
    assert each == pytest.approx(mean)


def test_only_run_a_has_equal_samples(runs):
    assert exceeding(runs, lambda r: r["samples"].std(0).max(), 0) == {"B", "C", "D", "good"}


def test_only_run_b_denoised_at_another_level(runs):
    def difference(r):
        return (r["denoiser"](r["states"][9], r["levels"][9]) - r["denoised"][9]).abs().max()

    assert exceeding(runs, difference, 1e-6) == {"B"}
    half = runs["B"]["denoiser"](runs["B"]["states"][9], runs["B"]["levels"][9] / 2)
    assert torch.equal(half, runs["B"]["denoised"][9])


def test_only_run_d_misses_the_data_and_no_data_are_noisy(runs):
    A = Downsample(4)
    assert exceeding(runs, lambda r: (A(r["samples"]) - r["y"]).abs().max(), 1e-6) == {"D"}
    assert exceeding(runs, lambda r: (A(r["truth"]) - r["y"]).abs().max(), 0) == set()


def test_only_run_c_has_another_prior_and_all_begin_at_the_same_level(runs):
    best = ps16.Clouds(64, reach=5.0)

    def loss(r):
        noise = torch.randn(r["truth"].shape, generator=runtime.generator(0, "t"), dtype=torch.float64)
        noisy = r["truth"] + 0.1 * noise
        return psnr(best(noisy, 0.1), r["truth"]) - psnr(r["denoiser"](noisy, 0.1), r["truth"])

    assert exceeding(runs, loss, 1e-6) == exceeding(runs, loss, 2) == {"C"}
    assert {r["levels"][0] for r in runs.values()} == {1.0}


# Clouds are what they are said to be.


def test_posterior_and_denoiser_of_clouds_agree_where_all_is_seen():
    clouds = ps16.Clouds(8, reach=2.0)
    y = clouds.draw(1, runtime.generator(0, "clouds"))
    mean, deviation = clouds.posterior(y, Mask(torch.ones(1, 1, 8, 8)), 0.1)
    assert torch.allclose(mean, clouds(y, 0.1))
    filtered = (clouds.power * 0.1**2 / (clouds.power + 0.1**2)).mean().sqrt()
    assert torch.allclose(deviation, filtered.expand_as(deviation))


def test_draws_of_clouds_have_their_spread_and_the_errors_of_the_posterior():
    clouds = ps16.Clouds(8, reach=2.0)
    draws = clouds.draw(2000, runtime.generator(0, "clouds"))
    assert draws.std().item() == pytest.approx(0.15, rel=0.05)
    known = Mask(torch.arange(64).view(1, 1, 8, 8) % 3 == 0)
    found = [clouds.posterior(known(x), known) for x in draws[:200, None]]
    errors = torch.cat([(x - mean) for x, (mean, _) in zip(draws[:200, None], found, strict=True)])
    assert errors.square().mean().item() == pytest.approx(found[0][1].square().mean().item(), rel=0.1)


# Wrong answers that get no diagnosis of their own.


def with_known_sizes(x, images, sigma):
    denoised, score = by_softmax(x, images, sigma)
    return denoised[:2], score[:2]


def only_at_this_level(x, sigma, next_sigma, denoiser, A, y, noise, eta):
    return three_lines(x, sigma, 0.3, denoiser, A, y, noise, eta)


ALSO_WRONG = {
    "two images": ("tweedie", with_known_sizes),
    "clipped": ("tweedie", lambda *given: (by_softmax(*given)[0], by_softmax(*given)[1].clamp(-1, 1))),
    "one next level": ("ddnm_step", only_at_this_level),
    "a clipped estimate": ("ddnm_step", lambda *given: tuple(x.clamp(0, 1) for x in three_lines(*given))),
    "one column": ("guidance", lambda x, *given: tuple(g * (x > 0) for g in gradients(x, *given))),
    "a mask only": (
        "split_error",
        lambda estimate, truth, A: both(lambda s, u, e, m, A: (s, u) if isinstance(A, Mask) else (0, s + u))(
            estimate, truth, A
        ),
    ),
    "six steps": (
        "adapt_each",
        lambda weight, down, pairs, steps, rate: descended(weight, down, pairs, 6, rate),
    ),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps16, task)(answer, seed=seed) == 0


def test_no_way_of_autograd_passes_where_the_task_is_to_derive(capsys):
    def backward(x, y, A, W, mean):
        x.requires_grad_()
        square = (y - A @ (mean + W @ (x - mean))).square().sum()
        (slope,) = torch.autograd.grad(square, x)
        return slope / (2 * square.sqrt()), slope

    assert ps16.guidance(backward) == 0
    assert "no autograd, please" in capsys.readouterr().out


def test_an_answer_that_changes_its_inputs_is_judged_by_what_it_returns():
    def answer(weight, down, pairs, steps, rate):
        result = descended(weight, down, pairs, steps, rate)
        for x, y in pairs:
            x.zero_(), y.zero_()
        return result

    assert ps16.adapt_each(answer) == 2
