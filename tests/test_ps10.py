"""Problem set 10: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.checks import ps10
from dil_course.from_scratch.patch_diffusion import posterior_mean
from dil_course.signals import coherence, copied_share, patches

BANK = AnswerBank("ps10_generating_from_one_image")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: what a value sees


def share(kernels, sides, field=lambda kernels: 1 + sum(k - 1 for k in kernels), power=2, most=1):
    """The answer with places to change for wrong ones."""
    return [min(most, (field(kernels) / side) ** power) for side in sides]


right("seen")(share)
right("seen")(lambda kernels, sides: (s for s in share(kernels, sides)))
right("seen")(lambda kernels, sides: np.minimum(1, (sum(kernels) - len(kernels) + 1) / np.array(sides)) ** 2)


@right("seen")
def by_sending_a_dot_through(kernels, sides):
    line = torch.ones(1)
    for kernel in kernels:
        line = np.convolve(line, np.ones(kernel))
    return torch.tensor([min(len(line), side) ** 2 / side**2 for side in sides])


@right("seen")
def by_the_gradient_of_a_value(kernels, sides):
    shares = []
    for side in sides:
        x = torch.zeros(1, 1, side + 50, side + 50, requires_grad=True)
        z = x
        for kernel in kernels:
            z = torch.nn.functional.conv2d(z, torch.ones(1, 1, kernel, kernel) / kernel**2)
        z[0, 0, 0, 0].backward()
        shares.append(min(1, int((x.grad > 0).sum()) / side**2))
    return np.array(shares)


WRONG["seen"] = {
    "you add up the sides of the kernels": lambda k, s: share(k, s, sum),
    "you multiply the sides of the kernels": lambda k, s: share(k, s, math.prod),
    "your window is one pixel too narrow": lambda k, s: share(k, s, lambda k: sum(k) - len(k)),
    "you look through the largest kernel alone": lambda k, s: share(k, s, max),
    "this is the share of a side": lambda k, s: share(k, s, power=1),
    "some of your shares exceed 1": lambda k, s: share(k, s, most=9),
    "you begin with the finest scale": lambda k, s: share(k, s)[::-1],
    "that of the full size at each scale": lambda k, s: share(k, s[-1:] * len(s)),
    "in pixels of the full size": lambda k, s: [(sum(k) - len(k) + 1) * s[-1] / side for side in s],
    "this is the receptive field in pixels": lambda k, s: [sum(k) - len(k) + 1 for side in s],
    "100 times what is asked for": lambda k, s: [100 * value for value in share(k, s)],
    "your result has the shape": lambda k, s: share(k, s)[0],
    "your function stops with": lambda k, s: k / s,
    "your function returns None": lambda k, s: None,
}


# Task 2: the optimal denoiser


def bayes(q, database, shares, sigma, exponent=lambda d, sigma: -(d**2) / (2 * sigma**2), prior=torch.log):
    d = torch.cdist(q, database)
    return torch.softmax(exponent(d, sigma) + prior(shares), 1) @ database


right("posterior_mean")(bayes)


@right("posterior_mean")
def with_the_largest_taken_out(q, database, shares, sigma):
    squared = ((q[:, None] - database[None]) ** 2).sum(-1)
    weights = shares * torch.exp(-(squared - squared.amin(1, keepdim=True)) / (2 * sigma**2))
    return (weights @ database) / weights.sum(1, keepdim=True)


@right("posterior_mean")
def one_query_at_a_time_in_numpy(q, database, shares, sigma):
    q, database, shares = (z.numpy() for z in (q, database, shares))
    rows = []
    for one in q:
        logs = np.log(shares) - ((one - database) ** 2).sum(1) / (2 * sigma**2)
        weights = np.exp(logs - logs.max())
        rows.append(sum(w * p for w, p in zip(weights, database, strict=True)) / weights.sum())
    return rows


@right("posterior_mean")
def by_products_in_single_precision(q, database, shares, sigma):
    q, database = q.float(), database.float()
    logs = (q @ database.T - database.square().sum(1) / 2) / sigma**2 + shares.float().log()
    return (logs - logs.logsumexp(1, keepdim=True)).exp() @ database


@right("posterior_mean")
def by_normal_densities(q, database, shares, sigma):
    noise = torch.distributions.Normal(database[:, None], sigma)
    logs = noise.log_prob(q).sum(-1) + shares.log()[:, None]
    return torch.einsum("nq,nd->qd", logs.softmax(0), database)


@right("posterior_mean")
def by_the_slope_of_the_density(q, database, shares, sigma):
    """Tweedie: q + sigma^2 times the gradient of the log density."""
    q = q.requires_grad_()
    squared = (q[:, None] - database).square().sum(-1)
    density = torch.logsumexp(shares.log() - squared / (2 * sigma**2), 1)
    return q + sigma**2 * torch.autograd.grad(density.sum(), q)[0]


def plain(q, database, shares, sigma, used=lambda shares: shares):
    likelihood = torch.exp(-(torch.cdist(q, database) ** 2) / (2 * sigma**2))
    return likelihood * used(shares), database


def normalised(weights, database, axis=1):
    return weights / weights.sum(axis, keepdim=True) @ database


WRONG["posterior_mean"] = {
    "the 2 is missing": lambda *a: bayes(*a, lambda d, sigma: -((d / sigma) ** 2)),
    "sigma is not squared": lambda *a: bayes(*a, lambda d, sigma: -(d**2) / (2 * sigma)),
    "sigma is missing": lambda *a: bayes(*a, lambda d, sigma: -(d**2) / 2),
    "your distances are not squared": lambda *a: bayes(*a, lambda d, sigma: -d / (2 * sigma**2)),
    "is a mean over the patch": lambda q, *a: bayes(
        q, *a, lambda d, sigma: -(d**2) / q.shape[1] / (2 * sigma**2)
    ),
    "your exponent has the wrong sign": lambda *a: bayes(*a, lambda d, sigma: d**2 / (2 * sigma**2)),
    "you leave out how often each patch occurs": lambda *a: bayes(*a, prior=torch.zeros_like),
    "you add the shares to the exponent": lambda *a: bayes(*a, prior=torch.clone),
    "this is the mean before the query was seen": lambda q, p, shares, s: (shares @ p).expand(len(q), -1),
    "your weights do not add up to one": lambda *a: torch.mm(*plain(*a)),
    "before the shares came in": lambda q, p, shares, s: (
        (-(torch.cdist(q, p) ** 2) / (2 * s**2)).softmax(1) * shares @ p
    ),
    "your weights add up to one over the queries": lambda *a: normalised(*plain(*a), axis=0),
    "this is the nearest patch": lambda q, p, shares, s: p[torch.cdist(q, p).argmin(1)],
    "this is the most probable patch": lambda *a: a[1][plain(*a)[0].argmax(1)],
    "these are the weights": lambda *a: normalised(*plain(*a)[:1], torch.eye(len(a[1])).double()),
    "your weights are 0 / 0": lambda *a: normalised(*plain(*a)),
    "all of your weights are 0": lambda *a: plain(*a)[0] / (plain(*a)[0].sum(1, keepdim=True) + 1e-12) @ a[1],
    "your weights forget the distances": lambda q, p, shares, s: normalised(
        (plain(q, p, shares, s)[0] + 1e-30 * shares), p
    ),
    "your function stops with": lambda q, p, shares, s: q @ p,
    "your function returns None": lambda *a: None,
}


# Task 3: the gradient penalty


def slopes(critic, x, value=lambda z: z.mean((1, 2, 3)), keep=True):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(value(critic(x)).sum(), x, create_graph=keep)[0]


def between(real, fake, t):
    return t * real + (1 - t) * fake


def penalty(critic, real, fake, t, mix=between, keep=True, value=lambda z: z.mean((1, 2, 3)), of=None):
    """The answer with places to change for wrong ones: `of` makes the penalty of the gradient."""
    gradient = slopes(critic, mix(real, fake, t), value, keep)
    return (of or (lambda g: (g.flatten(1).norm(dim=1) - 1).square().mean()))(gradient)


right("gradient_penalty")(penalty)


@right("gradient_penalty")
def with_weights_of_the_outputs(critic, real, fake, t):
    x = torch.lerp(fake, real, t).requires_grad_(True)
    values = critic(x).mean(dim=(-1, -2, -3))
    (g,) = torch.autograd.grad(values, x, torch.ones_like(values), create_graph=True, retain_graph=True)
    return torch.mean((torch.sqrt((g**2).sum(dim=(1, 2, 3))) - 1) ** 2)


@right("gradient_penalty")
def image_by_image(critic, real, fake, t):
    total = 0
    for k in range(len(t)):
        x = (fake[k : k + 1] + t[k] * (real[k : k + 1] - fake[k : k + 1])).requires_grad_()
        gradient = torch.autograd.grad(critic(x).mean(), x, create_graph=True)[0]
        total = total + (torch.linalg.vector_norm(gradient) - 1) ** 2 / len(t)
    return total


@right("gradient_penalty")
def with_torch_func(critic, real, fake, t):
    x = t * real + (1 - t) * fake
    gradient = torch.func.vmap(torch.func.grad(lambda one: critic(one[None]).mean()))(x)
    return torch.nn.functional.mse_loss(gradient.flatten(1).norm(dim=1), torch.ones_like(t.flatten()))[None]


@right("gradient_penalty")
def by_backward_and_tidied_up(critic, real, fake, t):
    x = between(real, fake, t).requires_grad_()
    critic(x).mean((1, 2, 3)).sum().backward(create_graph=True)
    gradient = x.grad
    critic.zero_grad()
    return (gradient.flatten(1).norm(dim=1) - 1).pow(2).mean()


def backward_left(critic, real, fake, t):
    x = between(real, fake, t).requires_grad_()
    critic(x).mean((1, 2, 3)).sum().backward(create_graph=True)
    return (x.grad.flatten(1).norm(dim=1) - 1).pow(2).mean()


def norms(g):
    return g.flatten(1).norm(dim=1)


WRONG["gradient_penalty"] = {
    "at the real images": lambda *a: penalty(*a, mix=lambda r, f, t: r),
    "at the fake images": lambda *a: penalty(*a, mix=lambda r, f, t: f),
    "you exchange real and fake": lambda *a: penalty(*a, mix=lambda r, f, t: between(f, r, t)),
    "you mix all images with the first t": lambda *a: penalty(*a, mix=lambda r, f, t: between(r, f, t[0])),
    "you mix half and half": lambda *a: penalty(*a, mix=lambda r, f, t: (r + f) / 2),
    "over the channels alone": lambda *a: penalty(*a, of=lambda g: (g.norm(dim=1) - 1).square().mean()),
    "over all images at once": lambda *a: penalty(*a, of=lambda g: (g.norm() - 1) ** 2),
    "the gradient of a mean over the images": lambda *a: penalty(*a, value=lambda z: z.mean()),
    "your norm adds absolute values": lambda *a: penalty(
        *a, of=lambda g: (g.abs().sum((1, 2, 3)) - 1).square().mean()
    ),
    "you subtract 1 from the squared norm": lambda *a: penalty(
        *a, of=lambda g: (norms(g) ** 2 - 1).square().mean()
    ),
    "you do not square the difference": lambda *a: penalty(*a, of=lambda g: (norms(g) - 1).mean()),
    "you take the absolute difference": lambda *a: penalty(*a, of=lambda g: (norms(g) - 1).abs().mean()),
    "you punish only slopes above 1": lambda *a: penalty(
        *a, of=lambda g: (norms(g) - 1).relu().pow(2).mean()
    ),
    "you punish the slope itself": lambda *a: penalty(*a, of=lambda g: norms(g).square().mean()),
    "you add up the images": lambda *a: penalty(*a, of=lambda g: (norms(g) - 1).square().sum()),
    "you average the norms first": lambda *a: penalty(*a, of=lambda g: (norms(g).mean() - 1) ** 2),
    "you add up the critic's map": lambda *a: penalty(*a, value=lambda z: z.sum()),
    "the critic cannot learn from it": lambda *a: penalty(*a, keep=False),
    "leaves a gradient in the critic's weights": backward_left,
    "your result has the opposite sign": lambda *a: -penalty(*a),
    "10 times what is asked for": lambda *a: 10 * penalty(*a),
    "your result has the shape": lambda *a: penalty(*a, of=lambda g: g),
    "your function stops with": lambda critic, real, fake, t: torch.autograd.grad(critic(real).sum(), real),
    "your function returns None": lambda *a: None,
}


@pytest.mark.parametrize("answer", [
    lambda *a: penalty(*a).item(),
    lambda *a: penalty(*a).detach(),
    lambda *a: penalty(*a).detach().requires_grad_(),
    lambda *a: penalty(*a).detach() + 0 * penalty(*a),
])  # fmt: skip
def test_a_penalty_without_its_graph_is_refused(answer, capsys):
    assert ps10.gradient_penalty(answer) == 0
    assert "the number is right, but" in capsys.readouterr().out


# Task 4: both ways


def squares(sample, source, size):
    a, b = patches(sample, size), patches(source, size)
    return (a[:, None] - b[None]).square().mean(-1)


@right("both_ways")
def by_a_table(sample, source, size):
    table = squares(sample, source, size)
    return table.amin(1).mean(), table.amin(0).mean()


@right("both_ways")
def by_loops_in_numpy(sample, source, size):
    def windows(x):
        x = x.numpy()[0]
        rows, columns = (range(side - size + 1) for side in x.shape[1:])
        return [x[:, r : r + size, c : c + size] for r, c in itertools.product(rows, columns)]

    def one_way(here, there):
        return np.mean([min(((a - b) ** 2).mean() for b in there) for a in here])

    a, b = windows(sample), windows(source)
    return [one_way(a, b), one_way(b, a)]


@right("both_ways")
def by_products_of_matrices(sample, source, size):
    a, b = (torch.nn.functional.unfold(x, size)[0].T for x in (sample, source))
    table = (a.square().sum(1)[:, None] - 2 * a @ b.T + b.square().sum(1)) / a.shape[1]
    return torch.stack([table.min(dim=1)[0].mean(), table.min(dim=0)[0].mean()])


@right("both_ways")
def by_cdist(sample, source, size):
    table = torch.cdist(patches(sample, size).float(), patches(source, size).float()).pow(2)
    return tuple(float(table.min(axis).values.mean()) / (sample.shape[1] * size**2) for axis in (1, 0))


def both(least, of=squares):
    """The wrong answers: what is made of the table, for either axis."""
    return lambda *a: tuple(least(of(*a), axis) for axis in (1, 0))


def gray(sample, source, size):
    return squares(sample.mean(1, keepdim=True), source.mean(1, keepdim=True), size)


WRONG["both_ways"] = {
    "coherence and completeness are exchanged": lambda *a: by_a_table(*a)[::-1],
    "both of your numbers are the coherence": lambda *a: [by_a_table(*a)[0]] * 2,
    "both of your numbers are the completeness": lambda *a: [by_a_table(*a)[1]] * 2,
    "you take the root of each squared difference": both(lambda d, axis: d.amin(axis).sqrt().mean()),
    "summed over the patch": lambda a, b, size: [
        a.shape[1] * size**2 * value for value in by_a_table(a, b, size)
    ],
    "your patches are gray": both(lambda d, axis: d.amin(axis).mean(), gray),
    "the mean over all pairs": both(lambda d, axis: d.mean()),
    "the least over all pairs": both(lambda d, axis: d.min()),
    "the worst patch": both(lambda d, axis: d.amin(axis).max()),
    "you add up the patches": both(lambda d, axis: d.amin(axis).sum()),
    "expected 2 things, (coherence, completeness)": lambda *a: by_a_table(*a)[0],
    "your function stops with": lambda a, b, size: ((a - b) ** 2).mean(),
    "your function returns None": lambda *a: None,
}


# Task 5: the normalised score


@right("chosen")
def by_the_formula(distances, alpha):
    return (distances / (alpha + distances.min(0).values)).argmin(1)


@right("chosen")
def by_numpy(distances, alpha):
    distances = distances.numpy()
    return list(np.argmin(distances / (distances.min(axis=0, keepdims=True) + alpha), axis=1))


@right("chosen")
def query_by_query(distances, alpha):
    divisors = [alpha + min(column) for column in distances.T.tolist()]
    return [min(range(len(divisors)), key=lambda j: row[j] / divisors[j]) for row in distances.tolist()]


@right("chosen")
def by_logarithms(distances, alpha):
    return (distances.log() - distances.amin(0).add(alpha).log()).min(1).indices.float()


@right("chosen")
def by_sorting(distances, alpha):
    return torch.argsort(distances.T / (alpha + distances.T.min(1, keepdim=True).values), 0)[0]


WRONG["chosen"] = {
    "these are plain nearest neighbours": lambda d, alpha: d.argmin(1),
    "you divide by the mean distance": lambda d, alpha: (d / (alpha + d.mean(0))).argmin(1),
    "you divide by the largest distance": lambda d, alpha: (d / (alpha + d.amax(0))).argmin(1),
    "you multiply where the score divides": lambda d, alpha: (d * (alpha + d.amin(0))).argmin(1),
    "a query for each key": lambda d, alpha: (d / (alpha + d.amin(0))).argmin(0),
    "you take the largest score": lambda d, alpha: (d / (alpha + d.amin(0))).argmax(1),
    "these are the scores": lambda d, alpha: (d / (alpha + d.amin(0))).amin(1),
    "your indices count from 1": lambda d, alpha: by_the_formula(d, alpha) + 1,
    "you leave alpha out": lambda d, alpha: (d / d.amin(0)).argmin(1),
    "where a key was found exactly": lambda d, alpha: (d / d.amin(0)).amin(1),
    "your numbers are others than asked for": lambda d, alpha: by_the_formula(d, alpha).roll(1),
    "your function stops with": lambda d, alpha: d @ d,
    "your function returns None": lambda d, alpha: None,
}


def test_dividing_by_what_belongs_to_the_query_is_said_to_change_nothing(capsys):
    assert ps10.chosen(lambda d, alpha: (d / (alpha + d.amin(1, keepdim=True))).argmin(1)) == 0
    assert "these are plain nearest neighbours" in capsys.readouterr().out


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")({letter: f" {BANK.causes[letter]}." for letter in "DCBA"} | {"E": 3})

BANK.add_wrong_causes("blur")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps10.failing_run(letter) for letter in "ABCD"}


def good(run):
    sample, source = run["sample"], run["source"]
    return coherence(sample, source, 5) < 0.01 and copied_share(sample, source) < 0.5


def by_letter(runs, number):
    return {letter for letter, run in runs.items() if number(run)}


def test_a_good_run_has_few_seams_and_no_large_copy_and_each_of_these_fails(runs):
    fine = ps10._run("nothing")
    assert coherence(fine["sample"], fine["source"], 5) < 0.009
    assert copied_share(fine["sample"], fine["source"]) < 0.3
    assert by_letter(runs, good) == set()


def test_only_the_colours_of_run_a_come_from_different_places(runs):
    def ratio(run):
        sample, source = run["sample"], run["source"]
        return (
            3
            * coherence(sample, source, 5)
            / sum(coherence(sample[:, [c]], source[:, [c]], 5) for c in range(3))
        )

    ratios = {letter: ratio(runs[letter]) for letter in "ACD"}  # run B has no distance at all
    assert ratios.pop("A") > 5 and max(ratios.values()) < 1.5
    assert coherence(runs["B"]["sample"], runs["B"]["source"], 5) < 1e-3


def test_only_run_b_starts_with_little_noise_and_is_a_copy(runs):
    spread = {letter: (run["starts"][0] - run["keys"][0]).std().item() for letter, run in runs.items()}
    assert spread.pop("B") < 0.2 and min(spread.values()) > 1.7
    assert by_letter(runs, lambda run: copied_share(run["sample"], run["source"]) > 0.9) == {"B"}


def test_only_run_c_pastes_what_is_not_the_source(runs):
    assert by_letter(runs, lambda run: not torch.equal(run["values"][-1], run["source"])) == {"C"}
    for run in runs.values():
        for number in range(1, 6):  # the keys are blurred as much as the first guess
            sharp = runs["A"]["values"][number].diff(dim=-1).abs().mean()
            assert run["keys"][number].diff(dim=-1).abs().mean() < 0.95 * sharp


def test_only_run_d_has_seams_at_each_fifth_column(runs):
    def seam(run):
        steps = run["sample"].diff(dim=-1).abs().mean((0, 1, 2))[:45].reshape(9, 5).mean(0)
        return (steps[4] / steps[:4].mean()).item()

    seams = {letter: seam(run) for letter, run in runs.items()}
    assert seams.pop("D") > 2 and max(seams.values()) < 1.4


def test_all_runs_have_six_scales_and_the_settings_of_a_good_run(runs):
    for run in runs.values():
        assert (run["patch"], run["alpha"], run["iterations"]) == (5, 0.005, 10)
        assert [start.shape[-1] for start in run["starts"]] == [14, 18, 23, 29, 38, 48]


def test_the_suspects_are_what_their_names_say():
    for seed in range(2):
        source, images = ps10.suspects(seed)
        shares = {name: copied_share(image, source) for name, image in images.items()}
        assert shares["the source"] > 0.98 and shares["shifted in a circle"] > 0.9
        assert 0.2 < shares["its quarters in another order"] < 0.3
        assert copied_share(images["mirrored"].flip(-1), source) > 0.98
        assert shares["mirrored"] < 0.05 and shares["noise alone"] < 0.05


def test_the_denoiser_of_task_2_is_the_library_s_where_all_patches_are_equally_frequent():
    q, p = torch.randn(4, 9), torch.randn(6, 9)
    mine = bayes(q, p, torch.full((6,), 1 / 6), 0.7)
    assert torch.allclose(mine, posterior_mean(q, p, 0.7), atol=1e-5)


# Answers that know one size, one number or one case; they get no diagnosis of their own.
ALSO_WRONG = {
    "five kernels of 3": ("seen", lambda k, s: share([3] * 5, s)),
    "no window larger than the image": ("seen", lambda k, s: share(k, s, most=9)),
    "four scales by 1.33": ("seen", lambda k, s: share(k, [s[0] * 1.33**n for n in range(4)])),
    "one sigma": ("posterior_mean", lambda q, p, shares, s: bayes(q, p, shares, 0.9)),
    "six patches": ("posterior_mean", lambda q, p, shares, s: bayes(q, p[:6], shares[:6], s)),
    "only what is likely": (
        "posterior_mean",
        lambda q, p, shares, s: bayes(q, p, shares.where(shares > 0.05, 1e-9), s),
    ),
    "two of the channels": (
        "gradient_penalty",
        lambda *a: penalty(*a, of=lambda g: (norms(g[:, :1]) - 1).square().mean()),
    ),
    "three images": (
        "gradient_penalty",
        lambda *a: penalty(*a, of=lambda g: (norms(g) - 1).square().sum() / 3),
    ),
    "slopes below 1 only": (
        "gradient_penalty",
        lambda *a: penalty(*a, of=lambda g: (1 - norms(g)).relu().pow(2).mean()),
    ),
    "the neighbours within ten patches": (
        "both_ways",
        lambda *a: tuple(squares(*a)[:10, :10].amin(axis).mean() for axis in (1, 0)),
    ),
    "patches of 3": ("both_ways", lambda x, y, size: by_a_table(x, y, 3)),
    "without overlaps": (
        "both_ways",
        lambda x, y, size: tuple(squares(x, y, size)[::size].amin(axis).mean() for axis in (1, 0)),
    ),
    "one alpha": ("chosen", lambda d, alpha: by_the_formula(d, 0.05)),
    "thirty keys": ("chosen", lambda d, alpha: by_the_formula(d[:, :25], alpha)),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps10, task)(answer, seed=seed) == 0
