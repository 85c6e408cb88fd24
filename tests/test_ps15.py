"""Problem set 15: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps15
from dil_course.networks.trained import trained

BANK = AnswerBank("ps15_a_generator_meets_your_image")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: the exact pseudo-inverse


@right("back_project")
def by_pinv(x, A, y):
    return x + (y - x @ A.T) @ torch.linalg.pinv(A).T


@right("back_project")
def by_least_squares(x, A, y):
    return x + torch.linalg.lstsq(A, (y - x @ A.T).T, driver="gelsd").solution.T


@right("back_project")
def by_singular_values(x, A, y):
    A, x, y = A.numpy(), x.numpy(), y.numpy()
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    inverse = np.array([1 / value if value > 1e-10 * s[0] else 0 for value in s])
    return np.stack(
        [one + Vt.T @ (inverse * (U.T @ (seen - A @ one))) for one, seen in zip(x, y, strict=True)]
    )


@right("back_project")
def onto_what_is_not_seen(x, A, y):
    pinv = torch.linalg.pinv(A @ A.T) @ A
    return y @ pinv + x - x @ A.T @ pinv


def weighted(x, A, y, weights):
    return x + (y - x @ A.T) @ weights @ A


def scaled(factor):
    return lambda x, A, y: weighted(x, A, y, torch.eye(len(A), dtype=x.dtype) * factor(A))


WRONG["back_project"] = {
    "you take A^T for A^+": scaled(lambda A: 1),
    "you take A^T / n for A^+": scaled(lambda A: 1 / A.shape[1]),
    "you take A^T / m for A^+": scaled(lambda A: 1 / A.shape[0]),
    "you treat each row of A as if it were alone": scaled(lambda A: 1 / A.square().sum(1)),
    "you keep the diagonal": scaled(lambda A: torch.linalg.inv(A @ A.T).diagonal()),
    "in which x plays no part": lambda x, A, y: by_pinv(0 * x, A, y),
    "you add A^+ y to an x": lambda x, A, y: x + by_pinv(0 * x, A, y),
    "this is the correction alone": lambda x, A, y: by_pinv(x, A, y) - x,
    "the correction has the wrong sign": lambda x, A, y: 2 * x - by_pinv(x, A, y),
    "what the measurements see of x": lambda x, A, y: by_pinv(0 * x, A, x @ A.T),
    "what the measurements do not see": lambda x, A, y: by_pinv(x, A, 0 * y),
    "all is right until a row of A occurs twice": lambda x, A, y: weighted(
        x, A, y, torch.linalg.inv(A @ A.T)
    ),
    "your function returns None": lambda x, A, y: None,
    "not yet: your function stops with": lambda x, A, y: x + A @ y,
}


def test_where_a_row_occurs_twice_the_pseudo_inverse_takes_the_mean_of_both_measurements():
    A, y = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.2, 0.4]])
    for answer in BANK.right["back_project"]:
        found = torch.as_tensor(answer(torch.zeros(1, 2), A, y))
        assert torch.allclose(found.float(), torch.tensor([[0.3, 0.0]]), atol=1e-6)


# Task 2: the floor of a linear range


def floor_of(x, mean, V):
    centred = (x - mean)[:, None]
    return (centred - V @ torch.linalg.lstsq(V, centred).solution).square().mean()


@right("expected_error")
def by_the_formula(x, mean, V, m, sigma):
    floor, (n, k) = floor_of(x, mean, V), V.shape
    return floor, floor + (floor + sigma**2 / n) * k / (m - k - 1)


@right("expected_error")
def by_normal_equations(x, mean, V, m, sigma):
    x, mean, V = x.numpy(), mean.numpy(), V.numpy()
    c = np.linalg.solve(V.T @ V, V.T @ (x - mean))
    left = np.sum((x - mean - V @ c) ** 2)
    k = V.shape[1]
    return np.array([left, (left * (m - 1) + k * sigma**2) / (m - k - 1)]) / len(x)


@right("expected_error")
def by_a_projector(x, mean, V, m, sigma):
    n, k = V.shape
    floor = ((torch.eye(n, dtype=x.dtype) - V @ torch.linalg.pinv(V)) @ (x - mean)).square().sum() / n
    return [floor.item(), floor.item() + (floor.item() + sigma**2 / n) / ((m - 1) / k - 1)]


def with_floor(change):
    """A wrong answer whose fault lies in the floor: change(x, mean, V)."""
    return lambda x, mean, V, m, sigma: (change(x, mean, V), 0)


def with_error(change):
    """A wrong answer whose fault lies in the expected error: change(floor, n, k, m, sigma)."""

    def answer(x, mean, V, m, sigma):
        floor = floor_of(x, mean, V)
        return floor, change(floor, *V.shape, m, sigma)

    return answer


def drawn(x, mean, V, c):
    return (x - mean - V @ c).square().mean()


WRONG["expected_error"] = {
    "you take V^T (x - mean) for the latent": with_floor(lambda x, a, V: drawn(x, a, V, V.T @ (x - a))),
    "you scale the columns of V": with_floor(
        lambda x, a, V: drawn(x, a, V, V.T @ (x - a) / V.square().sum(0))
    ),
    "the mean is not taken off x": with_floor(lambda x, a, V: drawn(x, a, V, torch.linalg.pinv(V) @ x)),
    "the mean is missing": with_floor(lambda x, a, V: floor_of(x, 0 * a, V)),
    "this is the distance to the mean alone": with_floor(lambda x, a, V: (x - a).square().mean()),
    "the part of x that the range can draw": with_floor(
        lambda x, a, V: (x - a).square().mean() - floor_of(x, a, V)
    ),
    "the squared distance of x, summed": with_floor(lambda x, a, V: len(x) * floor_of(x, a, V)),
    "this is the root of the mean squared error": with_floor(lambda *given: floor_of(*given).sqrt()),
    "this divides by n - k": with_floor(lambda x, a, V: floor_of(x, a, V) * len(x) / (len(x) - V.shape[1])),
    "does not disturb the measurements here": with_error(
        lambda f, n, k, m, s: f + s**2 / n * k / (m - k - 1)
    ),
    "the noise is missing": with_error(lambda f, n, k, m, s: f + f * k / (m - k - 1)),
    "the floor itself is missing": with_error(lambda f, n, k, m, s: (f + s**2 / n) * k / (m - k - 1)),
    "sigma is not squared": with_error(lambda f, n, k, m, s: f + (f + s / n) * k / (m - k - 1)),
    "the noise is not divided by n": with_error(lambda f, n, k, m, s: f + (f + s**2) * k / (m - k - 1)),
    "this is the floor again": with_error(lambda f, n, k, m, s: f),
    "this is the expected squared distance, summed": with_error(
        lambda f, n, k, m, s: n * f + (n * f + s**2) * k / (m - k - 1)
    ),
    "the share is k / m": with_error(lambda f, n, k, m, s: f + (f + s**2 / n) * k / m),
    "the share is k / (m - k)": with_error(lambda f, n, k, m, s: f + (f + s**2 / n) * k / (m - k)),
    "the share is 1 / (m - k - 1)": with_error(lambda f, n, k, m, s: f + (f + s**2 / n) / (m - k - 1)),
    "the noise is counted once more": with_error(
        lambda f, n, k, m, s: f + s**2 / n + (f + s**2 / n) * k / (m - k - 1)
    ),
    "expected 2 things, (floor, expected)": lambda x, a, V, m, s: floor_of(x, a, V),
    "your function returns None": lambda *given: None,
}


def test_the_expected_error_is_what_many_gaussian_measurements_give():
    draw = torch.Generator().manual_seed(0)
    n, k, m, sigma = 10, 2, 12, 0.8
    x, mean, V = (
        torch.rand(n, generator=draw),
        torch.rand(n, generator=draw),
        torch.randn(n, k, generator=draw),
    )
    A = torch.randn(20_000, m, n, generator=draw)
    residual = A @ (x - mean) + sigma * torch.randn(20_000, m, generator=draw)
    c = torch.linalg.lstsq(A @ V, residual[..., None]).solution
    measured = (x - mean - (V @ c)[..., 0]).square().mean()
    _, expected = by_the_formula(x, mean, V, m, sigma)
    assert abs(measured / expected - 1) < 0.03


# Task 3: the loss and its scaling


@right("csgm_losses")
def by_the_rescaled_posterior(measured, y, z, sigma, distance, variance):
    return (measured - y).square().mean(1) + (sigma**2 + variance * distance) / len(y) * z.square().sum(1)


@right("csgm_losses")
def start_by_start(measured, y, z, sigma, distance, variance):
    noise, losses = sigma**2 + variance * distance, []
    for seen, latent in zip(measured.numpy(), z.numpy(), strict=True):
        losses.append((np.sum((seen - y.numpy()) ** 2) + noise * latent @ latent) / len(y))
    return losses


@right("csgm_losses")
def by_torch(measured, y, z, sigma, distance, variance):
    data = torch.nn.functional.mse_loss(measured, y.expand_as(measured), reduction="none").mean(
        -1, keepdim=True
    )
    return data + z.norm(dim=1, keepdim=True) ** 2 * (
        math.hypot(sigma, math.sqrt(variance * distance)) ** 2 / len(y)
    )


def with_weight(weight):
    """A wrong answer whose fault lies in the weight of the prior: weight(m, sigma, distance, variance)."""

    def answer(measured, y, z, sigma, distance, variance):
        return (measured - y).square().mean(1) + weight(len(y), sigma, distance, variance) * z.square().sum(1)

    return answer


def with_prior(prior):
    """A wrong answer whose fault lies in the prior: prior(z)."""

    def answer(measured, y, z, sigma, distance, variance):
        return (measured - y).square().mean(1) + (sigma**2 + variance * distance) / len(y) * prior(z)

    return answer


def summed(weight, data=1):
    def answer(measured, y, z, sigma, distance, variance):
        noise = sigma**2 + variance * distance
        return data * (measured - y).square().sum(1) + weight(noise, len(y)) * z.square().sum(1)

    return answer


def log_posterior(measured, y, z, sigma, distance, variance):
    noise = sigma**2 + variance * distance
    return (measured - y).square().sum(1) / (2 * noise) + z.square().sum(1) / 2


WRONG["csgm_losses"] = {
    "the prior is missing": with_weight(lambda m, s, f, v: 0),
    "the prior has the wrong sign": with_weight(lambda m, s, f, v: -(s**2 + v * f) / m),
    "this weight of the prior belongs to a sum": with_weight(lambda m, s, f, v: s**2 + v * f),
    "your data term is a sum, and your weight belongs to a mean": summed(lambda noise, m: noise / m),
    "your data term is the sum of the squares": summed(lambda noise, m: noise),
    "this is the negative log posterior itself": log_posterior,
    "this is twice the negative log posterior": lambda *given: 2 * log_posterior(*given),
    "your weight is for half of the sum": with_weight(lambda m, s, f, v: (s**2 + v * f) / m / 2),
    "the distance to the range is missing": with_weight(lambda m, s, f, v: s**2 / m),
    "the noise is missing in your weight": with_weight(lambda m, s, f, v: v * f / m),
    "the variance of the entries of A is missing": with_weight(lambda m, s, f, v: (s**2 + f) / m),
    "the variance of the entries of A multiplies the noise": with_weight(
        lambda m, s, f, v: v * (s**2 + f) / m
    ),
    "you take the variance of the entries for their": with_weight(lambda m, s, f, v: (s**2 + v**2 * f) / m),
    "you take the standard deviation of the entries": with_weight(lambda m, s, f, v: (s**2 + v**0.5 * f) / m),
    "sigma is not squared": with_weight(lambda m, s, f, v: (s + v * f) / m),
    "the distance is squared once more": with_weight(lambda m, s, f, v: (s**2 + v * f**2) / m),
    "you add standard deviations": with_weight(lambda m, s, f, v: (s + (v * f) ** 0.5) ** 2 / m),
    "your weight is a standard deviation": with_weight(lambda m, s, f, v: (s**2 + v * f) ** 0.5 / m),
    "you take the mean over the latent numbers": with_prior(lambda z: z.square().mean(1)),
    "you take the length of z": with_prior(lambda z: z.norm(dim=1)),
    "all starts share one prior:": with_prior(lambda z: z.square().sum()),
    "all starts share the mean": with_prior(lambda z: z.square().sum(1).mean()),
    "your result has the shape": lambda *given: by_the_rescaled_posterior(*given).sum(),
    "your function returns None": lambda *given: None,
}


# Task 4: restarts


def loss_of(generate, A, y, weight):
    return lambda z: (generate(z) @ A.T - y).square().mean(1) + weight * z.square().sum(1)


def descended(loss, z, rate, iterations):
    for _ in range(iterations):
        z = z.detach().requires_grad_()
        z = z - rate * torch.autograd.grad(loss(z).sum(), z)[0]
    return z.detach()


@right("search")
def in_one_batch(generate, A, y, starts, weight, rate, iterations):
    loss = loss_of(generate, A, y, weight)
    ends = descended(loss, starts, rate, iterations)
    number = loss(ends).argmin().item()
    return generate(ends)[number], number


@right("search")
def start_after_start(generate, A, y, starts, weight, rate, iterations):
    best = (math.inf, None, None)
    for number, start in enumerate(starts):
        z = torch.nn.Parameter(start[None].clone())
        optimizer = torch.optim.SGD([z], lr=rate)
        for _ in range(iterations):
            optimizer.zero_grad()
            loss_of(generate, A, y, weight)(z).backward()
            optimizer.step()
        value = loss_of(generate, A, y, weight)(z).item()
        if value < best[0]:
            best = (value, generate(z), number)
    return best[1:]


@right("search")
def in_single_precision(generate, A, y, starts, weight, rate, iterations):
    image, number = in_one_batch(generate, A.float(), y.float(), starts.float(), weight, rate, iterations)
    return [image.numpy(), np.int64(number)]


def descending(change=lambda loss, generate, A, y, weight: loss, rate=1, more=0, starts=1):
    """A wrong answer whose descent has one thing wrong, and whose choice is right."""

    def answer(generate, A, y, z, weight, step, iterations):
        loss = loss_of(generate, A, y, weight)
        other = change(loss, generate, A, y, weight)
        step = step * rate / (len(z) if starts == "mean" else 1)
        ends = descended(other, z, step, max(iterations + more, 0))
        number = loss(ends).argmin().item()
        return generate(ends)[number], number

    return answer


def choosing(choice, result=lambda images, ends, number, A: (images[number], number)):
    """A wrong answer whose descent is right: choice(loss, data, starts, ends)."""

    def answer(generate, A, y, starts, weight, rate, iterations):
        loss = loss_of(generate, A, y, weight)
        ends = descended(loss, starts, rate, iterations)
        number = choice(loss, loss_of(generate, A, y, 0), starts, ends)
        return result(generate(ends), ends, int(number), A)

    return answer


def returning(result):
    return choosing(lambda loss, data, starts, ends: loss(ends).argmin(), result)


def by_adam(generate, A, y, starts, weight, rate, iterations):
    z = starts.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=rate)
    for _ in range(iterations):
        optimizer.zero_grad()
        loss_of(generate, A, y, weight)(z).sum().backward()
        optimizer.step()
    number = loss_of(generate, A, y, weight)(z).argmin()
    return generate(z)[number], number


def averaged(loss, generate, A, y, weight):
    return lambda z: loss_of(generate, A, y, 0)(z) + weight * z.square().mean(1)


def total(loss, generate, A, y, weight):
    return lambda z: (generate(z) @ A.T - y).square().sum(1) + weight * z.square().sum(1)


WRONG["search"] = {
    "your image is that of another start: the least loss before the first step": choosing(
        lambda loss, data, starts, ends: loss(starts).argmin()
    ),
    "your image is that of another start: the least data term": choosing(
        lambda loss, data, starts, ends: data(ends).argmin()
    ),
    "your image is that of another start: the largest loss": choosing(
        lambda loss, data, starts, ends: loss(ends).argmax()
    ),
    "your image is that of another start: it is the first one": choosing(lambda *given: 0),
    "your image is that of another start: it is the last one": choosing(lambda *given: -1),
    "your number is that of another start: it is the first one": returning(
        lambda x, z, best, A: (x[best], 0)
    ),
    "your number counts from one": returning(lambda x, z, best, A: (x[best], best + 1)),
    "each step is divided by the number of starts": descending(starts="mean"),
    "your steps go up": descending(rate=-1),
    "these are steps of Adam": by_adam,
    "the prior is missing in what you go down": descending(lambda loss, G, A, y, w: loss_of(G, A, y, 0)),
    "you add up the measurements": descending(total),
    "you take the mean over the latent numbers": descending(averaged),
    "this is one step too few": descending(more=-1),
    "this is one step too many": descending(more=1),
    "no step is taken": descending(more=-1000),
    "this is the mean of all images": returning(lambda x, z, best, A: (x.mean(0), best)),
    "you return the images of all starts": returning(lambda x, z, best, A: (x, best)),
    "these are the latent numbers": returning(lambda x, z, best, A: (z[best], best)),
    "these are the measurements": returning(lambda x, z, best, A: (A @ x[best], best)),
    "expected 2 things, (image, number)": lambda *given: in_one_batch(*given)[0],
    "your function returns None": lambda *given: None,
}


def a_loss_for_the_number(generate, A, y, starts, weight, rate, iterations):
    image, _ = in_one_batch(generate, A, y, starts, weight, rate, iterations)
    ends = descended(loss_of(generate, A, y, weight), starts, rate, iterations)
    return image, loss_of(generate, A, y, weight)(ends).min()


def at_the_mean_of_the_ends(generate, A, y, starts, weight, rate, iterations):
    ends = descended(loss_of(generate, A, y, weight), starts, rate, iterations)
    return generate(ends.mean(0, keepdim=True)), 0


WRONG["search"] |= {
    "your number is a loss": a_loss_for_the_number,
    "the image of the mean of all ends": at_the_mean_of_the_ends,
}


def test_the_loss_that_chooses_is_that_after_the_last_step():
    def answer(generate, A, y, starts, weight, rate, iterations):
        loss = loss_of(generate, A, y, weight)
        number = loss(descended(loss, starts, rate, iterations - 1)).argmin().item()
        return generate(descended(loss, starts, rate, iterations))[number], number

    assert [ps15.search(answer, seed=seed) for seed in (0, 1, 5, 2357)] == [0] * 4


@pytest.mark.parametrize("seed", range(4))
def test_in_each_search_every_rule_chooses_another_start(seed):
    for s in ps15._searches(seed):
        chosen = s.chosen(s.descend())
        assert len(set(chosen.values()) | {0, len(s.starts) - 1}) == len(chosen) + 2


# Task 5: measurements held out


@right("hallucination_test")
def by_the_mean_square(estimate, A, y, sigma, usual):
    mean, n = (A @ estimate - y).square().mean(), len(estimate)
    error, uncertainty = (mean - sigma**2) / n, math.sqrt(2 / len(y)) * mean / n
    return error, uncertainty, error - 2 * uncertainty > usual


@right("hallucination_test")
def in_numpy(estimate, A, y, sigma, usual):
    estimate, A, y = estimate.numpy(), A.numpy(), y.numpy()
    total = float(np.linalg.norm(y - A @ estimate) ** 2)
    share = total / (y.size * estimate.size)
    error = share - sigma**2 / estimate.size
    return error, share * (2 / y.size) ** 0.5, int(error > usual + 2 * share * (2 / y.size) ** 0.5)


def with_one_fault(error=None, uncertainty=None, doubtful=None):
    """A wrong answer with one thing wrong, each a function of (squares, n, sigma, usual)."""

    def answer(estimate, A, y, sigma, usual):
        squares = (A @ estimate - y).square()
        given = list(by_the_mean_square(estimate, A, y, sigma, usual))
        for place, change in enumerate((error, uncertainty)):
            if change:
                given[place] = change(squares, len(estimate), sigma)
        if doubtful:
            given[2] = doubtful(*given[:2], usual)
        return given

    return answer


def spread(squares, n):
    return math.sqrt(2 / len(squares)) / n


WRONG["hallucination_test"] = {
    "the noise of the measurements is not taken off": with_one_fault(lambda q, n, s: q.mean() / n),
    "sigma is not squared": with_one_fault(lambda q, n, s: (q.mean() - s) / n),
    "summed over the pixels": with_one_fault(lambda q, n, s: q.mean() - s**2),
    "this divides by the number of measurements, not by that of pixels": with_one_fault(
        lambda q, n, s: (q.mean() - s**2) / len(q)
    ),
    "you add up the residuals": with_one_fault(lambda q, n, s: (q.sum() - s**2) / n),
    "never by the number of measurements": with_one_fault(lambda q, n, s: q.sum() / n),
    "the noise is added": with_one_fault(lambda q, n, s: (q.mean() + s**2) / n),
    "the noise is taken off only after dividing": with_one_fault(lambda q, n, s: q.mean() / n - s**2),
    "this is the mean squared residual": with_one_fault(lambda q, n, s: q.mean()),
    "this is the root of the mean squared error": with_one_fault(
        lambda q, n, s: ((q.mean() - s**2) / n).clamp(min=0).sqrt()
    ),
    "your error is cut off at zero": with_one_fault(lambda q, n, s: ((q.mean() - s**2) / n).clamp(min=0)),
    "the spread of one squared residual": with_one_fault(None, lambda q, n, s: math.sqrt(2) * q.mean() / n),
    "the 2 under the root is missing": with_one_fault(None, lambda q, n, s: q.mean() / math.sqrt(len(q)) / n),
    "this divides by h, not by its root": with_one_fault(
        None, lambda q, n, s: math.sqrt(2) * q.mean() / len(q) / n
    ),
    "not yet: the root is missing": with_one_fault(None, lambda q, n, s: 2 / len(q) * q.mean() / n),
    "the noise disturbs the test, too": with_one_fault(
        None, lambda q, n, s: spread(q, n) * (q.mean() - s**2)
    ),
    "this is the sample spread, not": with_one_fault(None, lambda q, n, s: q.std() / math.sqrt(len(q)) / n),
    "this is the sample spread with h": with_one_fault(
        None, lambda q, n, s: q.std(correction=0) / math.sqrt(len(q)) / n
    ),
    "your uncertainty is not divided by n": with_one_fault(None, lambda q, n, s: n * spread(q, n) * q.mean()),
    "that may be larger than usual by chance": with_one_fault(
        doubtful=lambda error, spread, usual: error > usual
    ),
    "that is smaller than usual is called doubtful": with_one_fault(doubtful=lambda *given: True),
    "that is surely larger than usual is called harmless": with_one_fault(doubtful=lambda *given: False),
    "doubtful is neither True nor False": with_one_fault(
        doubtful=lambda error, spread, usual: error - 2 * spread
    ),
    "expected 3 things, (error, uncertainty, doubtful)": lambda *given: by_the_mean_square(*given)[:2],
    "your function returns None": lambda *given: None,
}


def test_the_error_from_held_out_measurements_is_right_in_the_mean_and_so_is_its_uncertainty():
    draw = torch.Generator().manual_seed(0)
    x, e, sigma = torch.rand(30, generator=draw), 0.2 * torch.randn(30, generator=draw), 0.5
    found = []
    for _ in range(2000):
        A = torch.randn(25, 30, generator=draw)
        found.append(
            by_the_mean_square(x + e, A, A @ x + sigma * torch.randn(25, generator=draw), sigma, 0)[:2]
        )
    errors, uncertainties = torch.tensor(found).T
    assert abs(errors.mean() / e.square().mean() - 1) < 0.05
    assert abs(uncertainties.mean() / errors.std() - 1) < 0.1


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(dict(reversed(BANK.causes.items())) | {"E": 3})

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps15.failing_run(letter) for letter in "ABCD"}


def decibels(run, name="estimate"):
    return -10 * (run[name] - run["truth"]).square().mean().log10().item()


def misfit(run):
    return (run["estimate"] @ run["A"].T - run["y"]).square().sum().item()


def change(network, other):
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    return max((p - q).abs().max().item() for p, q in pairs)


def test_a_good_run_ends_three_decibels_above_each_of_these(runs):
    good = ps15._run("nothing")
    assert decibels(good) > decibels(good, "found") + 3
    assert max(decibels(run) for run in runs.values()) < decibels(good) - 3


def test_only_run_a_has_the_weights_that_it_was_given_and_all_were_given_the_trained_ones(runs):
    moved = {letter: change(run["given"], run["adapted"]) for letter, run in runs.items()}
    assert moved.pop("A") < 1e-6 and min(moved.values()) > 1e-3
    assert all(change(run["given"], trained("generator")) == 0 for run in runs.values())


def test_only_the_estimate_of_run_b_fits_its_noise(runs):
    assert {letter for letter, run in runs.items() if misfit(run) < 1e-6} == {"B"}
    assert all(run["sigma"] == 0.05 and run["A"].shape == (700, 784) for run in runs.values())


def test_only_the_measurements_of_run_c_are_too_small(runs):
    ratios = {
        letter: (run["y"].square().sum() / run["truth"].square().sum()).item() for letter, run in runs.items()
    }
    assert ratios.pop("C") < 0.01 and all(0.7 < ratio < 1.4 for ratio in ratios.values())


def test_only_the_rows_of_run_d_do_not_explain_its_measurements(runs):
    likeness = {
        letter: torch.cosine_similarity(run["truth"] @ run["A"].T, run["y"]).item()
        for letter, run in runs.items()
    }
    assert abs(likeness.pop("D")) < 0.3 and min(likeness.values()) > 0.95
    # And this can be seen without the truth: no drawing explains anything.
    assert misfit(runs["D"]) > 0.7 * runs["D"]["y"].square().sum()


def test_each_run_began_at_its_best_start_with_latent_numbers_of_a_usual_size(runs):
    good = ps15._run("nothing")["latents"].norm(dim=1).mean()
    for letter, run in runs.items():
        assert run["chosen"] == run["losses"].argmin() and len(run["losses"]) == 5
        assert letter == "C" or run["latents"].norm(dim=1).mean() > 0.7 * good
