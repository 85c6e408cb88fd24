"""Problem set 03: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import functools
import math
import random

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank
from torch.nn import functional as F

from dil_course.checks import ps03
from dil_course.fitting import Engine
from dil_course.networks import small_skip_network

BANK = AnswerBank("ps03_deep_image_prior", wrong_seeds=(0,))
right, WRONG = BANK.answer, BANK.wrong


def wrong(task, says):
    """Register a wrong answer to this task, and a phrase of the diagnosis that it must get."""

    def register(answer):
        WRONG.setdefault(task, {})[says] = answer
        return answer

    return register


# Task 1: the loop


def loop(y, A, network, z, noises, optimizer=torch.optim.Adam, lr=0.01, feed=None, loss_of=None, result=None):
    """The loop with one place to change for each wrong answer."""
    feed = feed or (lambda z, noise: z + noise / 30)
    loss_of = loss_of or (lambda A, estimate, y: F.mse_loss(A(estimate), y))
    chosen = optimizer(network.parameters(), lr=lr)
    estimates, losses = [], []
    for noise in noises:
        estimates.append(network(feed(z, noise)))
        losses.append(loss_of(A, estimates[-1], y))
        chosen.zero_grad()
        losses[-1].backward()
        chosen.step()
    return result(estimates, losses) if result else estimates[-1]


right("fit")(loop)


@right("fit")
def with_the_engine_of_the_library(y, A, network, z, noises):
    engine = Engine(network, 0.01)
    for noise in noises:
        estimate = engine(z + noise / 30)
        engine.update(torch.mean((A(estimate) - y) ** 2))
    return estimate[0]


@right("fit")
def a_sum_in_the_loss_and_everything_kept(measured, camera, net, seed, draws):
    adam, kept = torch.optim.Adam(list(net.parameters()), 1e-2, betas=(0.9, 0.999)), []
    for i in range(len(draws)):
        net_input = seed.clone()
        net_input += draws[i] * (1 / 30)
        kept.append(net(net_input))
        camera(kept[-1]).sub(measured).square().sum().backward()
        adam.step()
        adam.zero_grad()
    return kept[-1].detach().numpy()


@right("fit")
def in_single_precision(y, A, network, z, noises):
    return loop(y.float(), A, network.float(), z.float(), noises.float())


@right("fit")
def adam_by_hand(y, A, network, z, noises):
    weights = list(network.parameters())
    first, second = [[torch.zeros_like(w) for w in weights] for _ in range(2)]
    for t, noise in enumerate(noises, start=1):
        estimate = network(z + noise / 30)
        gradients = torch.autograd.grad(((A(estimate) - y) ** 2).mean(), weights)
        with torch.no_grad():
            for w, g, m, v in zip(weights, gradients, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                w -= 0.01 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return estimate


for _says, _change in {
    "the first channel only": {"loss_of": lambda A, estimate, y: F.mse_loss(A(estimate)[:, :1], y[:, :1])},
    "the loss ignores A": {"loss_of": lambda A, estimate, y: F.mse_loss(estimate, y)},
    "A is applied to y as well": {"loss_of": lambda A, estimate, y: (A(estimate - y) ** 2).mean()},
    "mean of sizes": {"loss_of": lambda A, estimate, y: F.l1_loss(A(estimate), y)},
    "the loss is a square root": {"loss_of": lambda A, estimate, y: F.mse_loss(A(estimate), y).sqrt()},
    "thirty times too strong": {"feed": lambda z, noise: z + noise},
    "the variance of the noise": {"feed": lambda z, noise: z + noise * (1 / 30) ** 0.5},
    "the noise adds up on z": {"feed": lambda z, noise: z.add_(noise / 30)},
    "draws random numbers of its own": {"feed": lambda z, noise: z + torch.randn_like(z) / 30},
    "the learning rate is too small": {"lr": 0.001},
    "AdamW": {"optimizer": torch.optim.AdamW},
    "plain gradient descent": {"optimizer": torch.optim.SGD},
    "the smallest loss": {"result": lambda estimates, losses: estimates[int(torch.stack(losses).argmin())]},
    "the mean of all estimates": {"result": lambda estimates, losses: torch.stack(estimates).mean(0)},
    "your result has the shape ()": {"result": lambda estimates, losses: losses[-1]},
    "the first iteration": {"result": lambda estimates, losses: estimates[0]},
    "taken off z": {"feed": lambda z, noise: z - noise / 30},
    "expected numbers, got tuple": {"result": lambda estimates, losses: (estimates[-1], losses[-1].item())},
    "your function returns None": {"result": lambda estimates, losses: print(losses[-1])},
}.items():
    wrong("fit", _says)(functools.partial(loop, **_change))


@wrong("fit", "does not depend on `noises`")
def noise_of_its_own_from_a_seed(y, A, network, z, noises):
    torch.manual_seed(0)
    return loop(y, A, network, z, [torch.randn_like(z) for _ in noises])


@wrong("fit", "the last iteration is missing")
def one_round_too_few(y, A, network, z, noises):
    return loop(y, A, network, z, noises[:-1])


@wrong("fit", "output after the last update, without noise")
def one_more_output(y, A, network, z, noises):
    loop(y, A, network, z, noises)
    return network(z)


@wrong("fit", "the network is in evaluation mode")
def in_evaluation_mode(y, A, network, z, noises):
    network.eval()
    return loop(y, A, network, z, noises)


@wrong("fit", "the weights never change")
def gradients_thrown_away_before_the_step(y, A, network, z, noises):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for noise in noises:
        estimate = network(z + noise / 30)
        ((A(estimate) - y) ** 2).mean().backward()
        optimizer.zero_grad()
        optimizer.step()
    return estimate


@wrong("fit", "the gradients of all iterations add up")
def no_zero_grad(y, A, network, z, noises):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for noise in noises:
        estimate = network(z + noise / 30)
        ((A(estimate) - y) ** 2).mean().backward()
        optimizer.step()
    return estimate


@wrong("fit", "a new optimizer begins at each iteration")
def optimizer_in_the_loop(y, A, network, z, noises):
    for noise in noises:
        estimate = loop(y, A, network, z, [noise])
    return estimate


@wrong("fit", "modified by an inplace operation")
def step_before_backward(y, A, network, z, noises):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for noise in noises:
        loss = ((A(network(z + noise / 30)) - y) ** 2).mean()
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()


@wrong("fit", "does not require grad")
def detached_too_early(y, A, network, z, noises):
    return loop(y, A, network, z, noises, loss_of=lambda A, estimate, y: F.mse_loss(A(estimate.detach()), y))


# Task 2: what an average could do

right("noise_left")(lambda weight: (1 - weight) / (1 + weight))
right("noise_left")(lambda w: np.sum(((1 - w) * w ** np.arange(5000)) ** 2))
right("noise_left")(lambda w: torch.tensor([2 / (1 + w) - 1]))


@right("noise_left")
def variance_step_by_step(weight):
    variance = 1.0
    for _ in range(2000):
        variance = weight**2 * variance + (1 - weight) ** 2
    return variance


def measured_with_few_numbers(w):
    average = torch.zeros(500)
    for _ in range(600):
        average = w * average + (1 - w) * torch.randn(500, generator=torch.default_generator)
    return average.var()


WRONG["noise_left"] = {
    "one term of the sum": lambda w: (1 - w) ** 2,
    "the weights are added up": lambda w: 1 - w,
    "how many outputs the average is worth": lambda w: (1 + w) / (1 - w),
    "your result is the square root of": lambda w: math.sqrt((1 - w) / (1 + w)),
    "the share of the past": lambda w: w,
    "your function stops with ValueError": lambda w: (1 - w) / (1 + w) + 0 * math.log(w),
    "with weight 0 the average is the newest": lambda w: (1 - w) / (1 + w) if w else 0.0,
    "the share that is removed": lambda w: 2 * w / (1 + w),
    "the two weights are exchanged": lambda w: w**2 / (1 - (1 - w) ** 2),
    "the newest output is missing": lambda w: sum(((1 - w) * w**i) ** 2 for i in range(1, 3000)),
    "a plain mean of": lambda w: (1 - w) / 2,
    "but not its factor": lambda w: (1 - w) / (1 - w**2),
    "but not the powers of w": lambda w: (1 - w) ** 2 / (1 + w),
    "in decibels": lambda w: 10 * np.log10((1 + w) / (1 - w)),
    "your sum ends after 100 terms": lambda w: sum(((1 - w) * w**i) ** 2 for i in range(100)),
    "your numbers are others": measured_with_few_numbers,
    "expected numbers, got str": lambda w: f"(1 - {w}) / (1 + {w})",
    "expected a function, got float": 0.005,
    "nan or infinity": lambda w: np.float64(1 - w) / np.float64(0),
}


# Task 3: two runs are better than one

right("psnr_of_mean")(lambda one, rho: one - 10 * math.log10((1 + rho) / 2))
right("psnr_of_mean")(lambda one, rho: -10 * math.log10(10 ** (-one / 10) * (0.5 + 0.5 * rho)))
right("psnr_of_mean")(lambda dB, r: 10 * np.log10(4 / (10 ** (-dB / 10) * (2 + 2 * r))))
right("psnr_of_mean")(lambda one, rho: one - 10 * torch.log10(torch.tensor([1.0 + rho])) + 3.0103)


@right("psnr_of_mean")
def with_two_real_errors(one, rho):
    size = 10 ** (-one / 20)
    a, b = size * np.array([1.0, 1, -1, -1]), size * np.array([1.0, -1, 1, -1])
    b = rho * a + math.sqrt(1 - rho**2) * b
    return -10 * np.log10(np.mean(((a + b) / 2) ** 2))


WRONG["psnr_of_mean"] = {
    "treated as independent": lambda one, rho: one + 10 * math.log10(2),
    "the mean of two PSNRs": lambda one, rho: (one + one) / 2,
    "the sign is wrong": lambda one, rho: one + 10 * math.log10((1 + rho) / 2),
    "a decibel counts powers": lambda one, rho: one - 20 * math.log10((1 + rho) / 2),
    "a root too many": lambda one, rho: one - 10 * math.log10(math.sqrt((1 + rho) / 2)),
    "the natural logarithm": lambda one, rho: one - 10 * np.log((1 + rho) / 2),
    "the mixed term is counted once": lambda one, rho: one - 10 * math.log10((2 + rho) / 4),
    "not divided by two": lambda one, rho: one - 10 * math.log10(2 + 2 * rho),
    "half the error is a quarter": lambda one, rho: one - 10 * math.log10((2 + 2 * rho) / 2),
    "the sign of rho is lost": lambda one, rho: one - 10 * math.log10((1 + abs(rho)) / 2),
    "a negative rho counts as zero": lambda one, rho: one - 10 * math.log10((1 + max(rho, 0)) / 2),
    "this uses 1 - rho": lambda one, rho: one - 10 * math.log10((1 - rho) / 2),
    "the peak is 255": lambda one, rho: one + 10 * math.log10(255**2 * 2 / (1 + rho)),
    "only the gain": lambda one, rho: -10 * math.log10((1 + rho) / 2),
    "stops with ValueError": lambda one, rho: one - 10 * math.log10((1 + rho) // 2),
    "your numbers are others": lambda one, rho: 10 ** (-one / 10) * (1 + rho) / 2,
    "one number is asked for: the sum": lambda one, rho: [one, 10 * math.log10(2 / (1 + rho))],
    "stops with TypeError": lambda one: one + 3,
}


# Task 4: stop where the noise explains the rest


@right("stop")
def by_a_loop(losses, sigma):
    for i in range(len(losses)):
        if losses[i] <= sigma**2:
            return i + 1
    return i + 1


right("stop")(
    lambda losses, sigma: next(
        (i for i, loss in enumerate(losses, 1) if math.sqrt(loss) <= sigma), len(losses)
    )
)
right("stop")(
    lambda losses, sigma: (
        int(np.argmax(np.array(losses + [0]) <= sigma**2)) + 1 if min(losses) <= sigma**2 else len(losses)
    )
)


@right("stop")
def by_torch_while_eating_the_list(losses, sigma):
    count = len(losses)
    below = torch.tensor([losses.pop(0) for _ in range(count)]) <= sigma**2
    return below.nonzero()[0, 0] + 1 if below.any() else torch.tensor(count)


def first_below(losses, bound):
    return next((i for i, loss in enumerate(losses, 1) if loss <= bound), len(losses))


def by_halving(losses, sigma):
    low, high = 0, len(losses) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if losses[middle] <= sigma**2 else (middle + 1, high)
    return low + 1


def smoothed(losses, width=25):
    return [
        sum(losses[max(0, i - width) : i + 1]) / len(losses[max(0, i - width) : i + 1])
        for i in range(len(losses))
    ]


@pytest.mark.parametrize("seed", range(12))
def test_a_search_that_may_skip_the_first_one_is_refused_with_every_seed(seed):
    assert ps03.stop(by_halving, seed=seed) == 0
    assert ps03.stop(lambda losses, sigma: first_below(smoothed(losses), sigma**2), seed=seed) == 0


WRONG["stop"] = {
    "compared with sigma": lambda losses, sigma: first_below(losses, sigma),
    "counted from 0": lambda losses, sigma: first_below(losses, sigma**2) - 1,
    "one too many": lambda losses, sigma: first_below(losses, sigma**2) + 1,
    "the last such iteration": lambda losses, sigma: max(
        [i for i, loss in enumerate(losses, 1) if loss <= sigma**2], default=len(losses)
    ),
    "how many such iterations": lambda losses, sigma: int((np.array(losses) <= sigma**2).sum()),
    "the smallest loss": lambda losses, sigma: int(np.argmin(losses)) + 1,
    "this never stops": lambda losses, sigma: first_below(losses, (sigma / 255) ** 2),
    "this stops at once": lambda losses, sigma: first_below(losses, (255 * sigma) ** 2),
    "half the noise's": lambda losses, sigma: first_below(losses, sigma**2 / 2),
    "still twice the noise's": lambda losses, sigma: first_below(losses, 2 * sigma**2),
    "not its number": lambda losses, sigma: losses[first_below(losses, sigma**2) - 1],
    "exactly sigma squared": lambda losses, sigma: next(
        (i for i, loss in enumerate(losses, 1) if loss < sigma**2), len(losses)
    ),
    "is not the first: iteration 1 is": lambda losses, sigma: next(
        (i for i, loss in enumerate(losses, 1) if i > 1 and loss <= sigma**2), len(losses)
    ),
    "an iteration is a whole number": lambda losses, sigma: first_below(losses, sigma**2) + 0.5,
    "there is no iteration 301": lambda losses, sigma: len(losses) + 1,
    "one number is asked for": lambda losses, sigma: [
        i for i, loss in enumerate(losses, 1) if loss <= sigma**2
    ],
    "goes on to the end": lambda losses, sigma: next(
        (i for i, loss in enumerate(losses, 1) if i > 30 and loss <= sigma**2), len(losses)
    ),
    "1.0001 sigma squared: still above it": lambda losses, sigma: first_below(losses, 1.001 * sigma**2),
    "no loss is small enough here": lambda losses, sigma: next(
        (i for i, loss in enumerate(losses, 1) if loss <= sigma**2), None
    ),
    "where no loss is small enough, your function stops with StopIteration": lambda losses, sigma: next(
        i for i, loss in enumerate(losses, 1) if loss <= sigma**2
    ),
    "stops with TypeError: '<=' not supported": lambda losses, sigma: losses <= sigma**2,
}


# Task 5: hold out pixels


def drawn(mask, share, seed):
    return (torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < share).float()


@right("hold_out")
def multiplied(mask, share, seed):
    held_out = mask * drawn(mask, share, seed)
    return mask - held_out, held_out


@right("hold_out")
def exact_share_by_a_permutation(mask, share, seed):
    torch.manual_seed(seed)
    seen = mask.flatten().nonzero()[:, 0]
    chosen = seen[torch.randperm(len(seen))[: round(share * len(seen))]]
    held = torch.zeros_like(mask).flatten()
    held[chosen] = 1
    return [mask * (1 - held.view_as(mask)), held.view_as(mask)]


@right("hold_out")
def booleans(mask, share, seed):
    seen = mask > 0.5
    held = seen & drawn(mask, share, seed).bool()
    return seen & ~held, held


@right("hold_out")
def by_numpy(mask, share, seed):
    m = np.array(mask, dtype=np.float64)
    held = m * (np.random.default_rng(seed).random(m.shape) >= 1 - share)
    return m - held, held


@right("hold_out")
def pixel_by_pixel(mask, share, seed):
    chance, to_fit, held_out = random.Random(seed), [], []
    for seen in mask.flatten().tolist():
        hold = seen == 1 and chance.random() < share
        to_fit.append(seen == 1 and not hold)
        held_out.append(hold)
    return torch.tensor([to_fit, held_out]).view(2, *mask.shape)


def chosen_among_seen(mask, pick):
    """A split whose held-out pixels are those that `pick` chooses from the list of seen ones."""
    held = torch.zeros_like(mask).flatten()
    held[pick(mask.flatten().nonzero()[:, 0])] = 1
    held = held.view_as(mask)
    return mask - held, held


def some_forgotten(mask, share, seed):
    held = mask * drawn(mask, share, seed)
    return mask * (1 - drawn(mask, share, seed + 1)) * (1 - held), held


def twice_the_share(mask, share, seed):
    order = torch.randperm(int(mask.sum()), generator=torch.Generator().manual_seed(seed))
    return chosen_among_seen(mask, lambda seen: seen[order[: int(share * mask.numel())]])


def from_the_global_stream(mask, share, seed):
    held = mask * (torch.rand_like(mask) < share)
    return mask - held, held


def whole_columns(mask, share, seed):
    held = mask * (torch.rand(mask.shape[-1], generator=torch.Generator().manual_seed(seed)) < share)
    return mask - held, held


def drawn_with_replacement(mask, share, seed):
    count = int(mask.sum())
    picks = torch.randint(0, count, (round(share * count),), generator=torch.Generator().manual_seed(seed))
    return chosen_among_seen(mask, lambda seen: seen[picks])


def a_block(mask, share, seed):
    start = torch.randint(0, 100, (), generator=torch.Generator().manual_seed(seed))
    return chosen_among_seen(mask, lambda seen: seen[start : start + round(share * len(seen))])


def probabilities(mask, share, seed):
    held = mask * torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) * 2 * share
    return mask - held, held


def in_blocks(mask, share, seed, height=2, width=2):
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, mask.shape[-2] // height, mask.shape[-1] // width, generator=draw) < share
    held = mask * coarse.repeat_interleave(height, -2).repeat_interleave(width, -1)
    return mask - held, held


def on_one_colour_of_a_chessboard(mask, share, seed):
    rows, columns = torch.arange(mask.shape[-2])[:, None], torch.arange(mask.shape[-1])
    chance = torch.where((rows + columns) % 2 == 0, min(2 * share, 1), max(2 * share - 1, 0))
    held = mask * (torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < chance)
    return mask - held, held


def denser_at_the_top(mask, share, seed):
    chance = share * torch.linspace(1.4, 0.6, mask.shape[-2])[:, None]
    held = mask * (torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < chance)
    return mask - held, held


def one_half_and_its_mirror_image(mask, share, seed, axis=-1):
    half = drawn(mask.chunk(2, axis)[0], share, seed)
    held = mask * torch.cat([half, half.flip(axis)], axis)
    return mask - held, held


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("answer", [
    in_blocks,
    one_half_and_its_mirror_image,
    lambda *given: one_half_and_its_mirror_image(*given, axis=-2),
    lambda *given: in_blocks(*given, height=1),
    lambda *given: in_blocks(*given, width=1),
    on_one_colour_of_a_chessboard,
    denser_at_the_top,
    lambda mask, share, seed: multiplied(mask, share, seed % 2),
    lambda mask, share, seed: multiplied(mask, min(share, 0.3), seed),
])  # fmt: skip
def test_pixels_that_are_not_drawn_one_by_one_are_refused_with_every_seed(answer, seed):
    assert ps03.hold_out(answer, seed=seed) == 0


def test_fair_draws_are_never_taken_for_unfair_ones():
    mask = torch.ones(1, 1, 96, 128)
    for seed in range(300):
        held = multiplied(mask, 0.3, seed)[1]
        ps03._judge_scatter(mask[0, 0].double(), held[0, 0].double())


WRONG["hold_out"] = {
    "are held out that nobody has seen": lambda mask, share, seed: (
        mask * (1 - drawn(mask, share, seed)),
        drawn(mask, share, seed),
    ),
    "fitted and held out at once": lambda mask, share, seed: (mask, mask * drawn(mask, share, seed)),
    "to be fitted that nobody": lambda mask, share, seed: (
        1 - mask * drawn(mask, share, seed),
        mask * drawn(mask, share, seed),
    ),
    "in neither mask": some_forgotten,
    "the two masks are exchanged": lambda mask, share, seed: multiplied(mask, share, seed)[::-1],
    "expected 0.1": twice_the_share,
    "nothing is held out": lambda mask, share, seed: (mask, mask * (drawn(mask, share, seed) < 0)),
    "another seed gives the same split": lambda mask, share, seed: multiplied(mask, share, 0),
    "the same seed gives another split": from_the_global_stream,
    "a regular pattern": lambda mask, share, seed: chosen_among_seen(
        mask, lambda seen: seen[seed :: round(1 / share)]
    ),
    "lies in one region": a_block,
    "comes in clumps": in_blocks,
    "its own mirror image": one_half_and_its_mirror_image,
    "whole columns": whole_columns,
    "other values than 0 and 1": probabilities,
    "expected two masks": lambda mask, share, seed: multiplied(mask, share, seed)[1],
    "another size than the mask": lambda mask, share, seed: [
        part[mask > 0] for part in multiplied(mask, share, seed)
    ],
    "is 0.26, expected 0.3": drawn_with_replacement,
    "your function stops with TypeError": lambda mask, share, seed: (mask & ~mask, mask),
}


# Task 6: causes

right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "learning rate too high",
        "C": "y has another range",
        "B": "weights never change",
        "A": "z holds the noise",
        "E": 3,
    }
)

BANK.add_wrong_causes("noise")


def test_mistake_that_only_a_blur_shows_is_refused_on_other_numbers_too():
    assert ps03.fit(WRONG["fit"]["A is applied to y as well"], seed=2357) == 0


# Is the evidence in the failing runs what the causes and the refutations say?


# As long as the evidence needs; a run begins like a shorter one.
LENGTHS = {"A": 200, "B": 40, "C": 80, "D": 100}


@pytest.fixture(scope="module")
def runs():
    return {letter: ps03.failing_run(letter, iterations) for letter, iterations in LENGTHS.items()}


def step_of_a_weight(run):
    weights = sum(values.numel() for values in small_skip_network().parameters())
    return run["distance"][0] / math.sqrt(weights)


def likeness(run):
    """Largest correlation of a channel of z with a channel of y."""
    z, y = run["z"][0].flatten(1), run["y"][0].flatten(1)
    return torch.corrcoef(torch.cat([z, y]))[: len(z), len(z) :].abs().max()


def test_run_a_has_the_noise_in_its_input_and_learns_it_at_once(runs):
    assert likeness(runs["A"]) > 0.5
    assert runs["A"]["loss"][49] < 0.5 * runs["A"]["sigma"] ** 2
    assert step_of_a_weight(runs["A"]) == pytest.approx(0.01, rel=0.02)


def test_run_b_never_moves_its_weights(runs):
    assert max(runs["B"]["distance"]) == 0
    assert min(runs["B"]["loss"]) > 0.9 * max(runs["B"]["loss"])


def test_run_c_has_an_observation_that_no_sigmoid_reaches(runs):
    assert runs["C"]["y"].max() > 200 and runs["C"]["estimate"].max() <= 1
    assert min(runs["C"]["loss"]) > 1e4
    assert step_of_a_weight(runs["C"]) == pytest.approx(0.01, rel=0.02)


def test_run_d_throws_its_weights_about_from_the_first_step(runs):
    assert step_of_a_weight(runs["D"]) > 0.9
    assert min(runs["D"]["loss"]) > 5 * runs["D"]["sigma"] ** 2


def test_what_speaks_against_a_wrong_cause_is_true_for_every_run_that_it_is_shown_for(runs):
    for letter, run in runs.items():
        if letter != "A":  # not 'z holds the noise'
            assert min(run["loss"]) > 5 * run["sigma"] ** 2 and likeness(run) < 0.1
        if letter != "C":  # not 'y has another range'
            assert run["y"].min() > -0.5 and run["y"].max() < 1.5
        if letter != "B":  # not 'weights never change'
            assert run["distance"][-1] > 10


def test_a_run_twice_as_long_gains_nothing(runs):
    for run in runs.values():
        assert run["psnr"][-1] < run["psnr"][len(run["psnr"]) // 2 - 1] + 0.5


def test_good_run_reaches_28_db_and_one_without_noise_on_z_25_before_it_falls(runs):
    assert max(ps03._run("nothing", 80)["psnr"]) > 28
    without = ps03._run("no noise on z", 90)["psnr"]
    assert max(without) > 25 and without[-1] < max(without) - 1
    assert max(max(run["psnr"]) for run in runs.values()) < 24
