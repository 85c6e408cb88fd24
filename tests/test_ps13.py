"""Problem set 13: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank
from torch.nn import functional as F

from dil_course.checks import ps13

BANK = AnswerBank("ps13_adapting_a_classifier")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: batch norm between two worlds


def normed(h, mean, variance, trained, scale, shift, axes=(0, 2, 3), correction=0, root=True):
    """The answer with a few places to change for wrong ones."""
    here, spread = h.mean(axes, keepdim=True), h.var(axes, keepdim=True, correction=correction)
    mean, variance = (
        trained * old[:, None, None] + (1 - trained) * new for old, new in ((mean, here), (variance, spread))
    )
    scale, shift = (torch.as_tensor(value).reshape(-1, 1, 1) for value in (scale, shift))
    return (h - mean) / ((variance + 1e-5).sqrt() if root else variance + 1e-5) * scale + shift


right("mixed_norm")(normed)


@right("mixed_norm")
def by_torch(h, mean, variance, trained, scale, shift):
    flat = h.transpose(0, 1).flatten(1)
    mean, variance = (
        mean.lerp(flat.mean(1), 1 - trained),
        variance.lerp(flat.var(1, correction=0), 1 - trained),
    )
    return F.batch_norm(h, mean, variance, scale, shift)


@right("mixed_norm")
def channel_by_channel(h, mean, variance, trained, scale, shift):
    h, result = h.float().numpy(), np.zeros(h.shape)
    for c in range(h.shape[1]):
        m = trained * mean[c].item() + (1 - trained) * h[:, c].mean()
        v = trained * variance[c].item() + (1 - trained) * h[:, c].var()
        result[:, c] = scale[c].item() * (h[:, c] - m) / math.sqrt(v + 1e-5) + shift[c].item()
    return result


def stds(h, mean, variance, trained, scale, shift):
    spread = (trained * variance.sqrt() + (1 - trained) * h.var((0, 2, 3), correction=0).sqrt()) ** 2
    mean = trained * mean + (1 - trained) * h.mean((0, 2, 3))
    return F.batch_norm(h, mean, spread, scale, shift)


WRONG["mixed_norm"] = {
    "this takes the trained statistics alone": lambda h, m, v, t, a, b: normed(h, m, v, 1, a, b),
    "this takes the batch's statistics alone": lambda h, m, v, t, a, b: normed(h, m, v, 0, a, b),
    "the two weights are exchanged": lambda h, m, v, t, a, b: normed(h, m, v, 1 - t, a, b),
    "one mean for each picture": lambda *given: normed(*given, axes=(2, 3)),
    "one mean over all channels": lambda *given: normed(*given, axes=(0, 1, 2, 3)),
    "you mix standard deviations": stds,
    "your variance divides by one less": lambda *given: normed(*given, correction=1),
    "the root is missing": lambda *given: normed(*given, root=False),
    "scale and shift are missing": lambda h, m, v, t, a, b: normed(h, m, v, t, 1.0, 0.0),
    "scale and shift are exchanged": lambda h, m, v, t, a, b: normed(h, m, v, t, b, a),
    "you mix the outputs": lambda h, m, v, t, a, b: (
        t * normed(h, m, v, 1, a, b) + (1 - t) * normed(h, m, v, 0, a, b)
    ),
    "your function stops with": lambda h, m, v, t, a, b: h - m,
}


# Task 2: where TENT pushes


@right("entropy_gradient")
def by_the_formula(z):
    p = z.softmax(1)
    return -p * (p.log() - (p * p.log()).sum(1, keepdim=True))


@right("entropy_gradient")
def by_the_softmax_matrix(z):
    p = z.softmax(1)
    slopes = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return -(slopes @ (p.log() + 1)[..., None])[..., 0]


def of_all(z):
    return torch.distributions.Categorical(logits=z, validate_args=False).entropy().sum()


def backward(z):
    z.requires_grad_()
    of_all(z).backward()
    return z.grad


early = torch.autograd.grad  # as `from torch.autograd import grad` brings it
AUTOGRAD = {
    "backward": backward,
    "grad": lambda z: early(of_all(z.requires_grad_()), z)[0],
    "functional": lambda z: torch.autograd.functional.jacobian(of_all, z),
    "func": lambda z: torch.func.grad(of_all)(z),
    "forward mode": lambda z: torch.func.jacfwd(of_all)(z),
}


@pytest.mark.parametrize("way", AUTOGRAD)
def test_no_way_of_autograd_passes_and_it_works_afterwards(way, capsys):
    assert ps13.entropy_gradient(AUTOGRAD[way]) == 0
    assert "no autograd, please" in capsys.readouterr().out
    z = torch.randn(2, 3, dtype=torch.float64)
    assert torch.allclose(AUTOGRAD[way](z.clone()), by_the_formula(z))


@right("entropy_gradient")
def by_differences(z):
    def h(z):
        return torch.distributions.Categorical(logits=z).entropy()

    steps = 1e-4 * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.stack([(h(z + step) - h(z - step)) / 2e-4 for step in steps], 1).numpy()


def p_and_h(z):
    p = z.softmax(1)
    return p, -(p * p.log()).sum(1, keepdim=True)


WRONG["entropy_gradient"] = {
    "the opposite sign": lambda z: -by_the_formula(z),
    "with respect to the probabilities": lambda z: -(z.softmax(1).log() + 1),
    "all probabilities move with each logit": lambda z: -z.softmax(1) * (z.softmax(1).log() + 1),
    "diagonal of the softmax's derivative only": lambda z: (
        -z.softmax(1) * (1 - z.softmax(1)) * (z.softmax(1).log() + 1)
    ),
    "the entropy inside of the bracket is missing": lambda z: -z.softmax(1) * z.softmax(1).log(),
    "has the wrong sign": lambda z: -p_and_h(z)[0] * (p_and_h(z)[0].log() - p_and_h(z)[1]),
    "this is the entropy of each picture": lambda z: p_and_h(z)[1][:, 0],
    "1/4 of what is asked for": lambda z: by_the_formula(z) / len(z),
    "another base": lambda z: by_the_formula(z) / math.log(2),
    "towards the most likely class": lambda z: z.softmax(1) - F.one_hot(z.argmax(1), z.shape[1]),
    "your function returns None": lambda z: None,
}


# Task 3: certain, or of one mind


@right("disagreement")
def by_entropies(z):
    p, h = p_and_h(z)
    return -(p.mean(0) * p.mean(0).log()).sum() - h.mean()


@right("disagreement")
def by_divergences(z):
    log_p = z.log_softmax(1).numpy()
    mean = np.exp(log_p).mean(0)
    return float((np.exp(log_p) * (log_p - np.log(mean))).sum(1).mean())


WRONG["disagreement"] = {
    "this is the entropy of the mean alone": lambda z: by_entropies(z) + p_and_h(z)[1].mean(),
    "this is the mean of the entropies alone": lambda z: p_and_h(z)[1].mean(),
    "the opposite sign": lambda z: -by_entropies(z),
    "you average logits": lambda z: p_and_h(z.mean(0, keepdim=True))[1].sum() - p_and_h(z)[1].mean(),
    "you add the entropies of all copies": lambda z: (
        by_entropies(z) + p_and_h(z)[1].mean() - p_and_h(z)[1].sum()
    ),
    "another base": lambda z: by_entropies(z) / math.log(2),
    "you average over the classes": lambda z: (
        -(z.softmax(1).mean(1) * z.softmax(1).mean(1).log()).sum() - p_and_h(z)[1].mean()
    ),
    "your function returns None": lambda z: None,
}


# Task 4: turns


def turned(x, turn=lambda x, k: x.rot90(k, (-2, -1)), first=0):
    return torch.cat([turn(x, k) for k in range(first, 4)]), torch.arange(first, 4).repeat_interleave(len(x))


right("turned_batch")(turned)


@right("turned_batch")
def by_numpy(x):
    return [
        np.concatenate([np.rot90(x.numpy(), k, (2, 3)) for k in range(4)]),
        [k for k in range(4) for _ in x],
    ]


@right("turned_batch")
def by_mirrors(x):
    return (
        torch.cat([x, x.mT.flip(-2), x.flip(-1, -2), x.mT.flip(-1)]),
        torch.tensor([[0], [1], [2], [3]]).expand(4, len(x)).flatten().float(),
    )


WRONG["turned_batch"] = {
    "you turn clockwise": lambda x: turned(x, lambda x, k: x.rot90(-k, (-2, -1))),
    "you mirror": lambda x: (torch.cat([x, x.flip(-1), x.flip(-2), x.flip(-1, -2)]), turned(x)[1]),
    "nothing is turned": lambda x: turned(x, lambda x, k: x),
    "the unturned pictures are missing": lambda x: turned(x, first=1),
    "the four turns of each picture follow one another": lambda x: (
        torch.cat([turned(picture[None])[0] for picture in x]),
        torch.arange(4).repeat(len(x)),
    ),
    "your numbers repeat 0, 1, 2, 3": lambda x: (turned(x)[0], torch.arange(4).repeat(len(x))),
    "your numbers begin with one": lambda x: (turned(x)[0], turned(x)[1] + 1),
    "your numbers are degrees": lambda x: (turned(x)[0], turned(x)[1] * 90),
    "your numbers run against the turns": lambda x: (turned(x)[0], (4 - turned(x)[1]) % 4),
    "expected 2 things, (turned, numbers)": lambda x: turned(x)[0],
    "your function stops with": lambda x: x.rot90(1, (-1, -1)),
}


# Task 5: how far CoTTA can go


@right("drift")
def by_the_loop(push, restore, momentum, steps):
    student = teacher = 0
    for _ in range(steps):
        student = student + push
        teacher = momentum * teacher + (1 - momentum) * student
        student = (1 - restore) * student
    return student, teacher


@right("drift")
def by_powers_of_a_matrix(push, restore, momentum, steps):
    step = np.array(
        [[1 - restore, 0, (1 - restore) * push], [1 - momentum, momentum, (1 - momentum) * push], [0, 0, 1]]
    )
    return np.linalg.matrix_power(step, steps)[:2, 2]


@right("drift")
def by_a_sum(push, restore, momentum, steps):
    kept = 1 - restore
    # Before they are set back.
    students = [push * sum(kept**k for k in range(t)) for t in range(1, steps + 1)]
    return torch.tensor(
        [
            kept * students[-1],
            (1 - momentum) * sum(momentum ** (steps - 1 - t) * way for t, way in enumerate(students)),
        ]
    )


WRONG["drift"] = {
    "nothing is set back here": lambda p, r, m, n: by_the_loop(p, 0, m, n),
    "this sets back all but the share": lambda p, r, m, n: by_the_loop(p, 1 - r, m, n),
    "your teacher follows after weights were set back": lambda p, r, m, n: (
        by_the_loop(p, r, m, n)[0],
        (1 - r) * by_the_loop(p, r, m, n)[1],
    ),
    "your teacher keeps what it should take": lambda p, r, m, n: by_the_loop(p, r, 1 - m, n),
    "this is one step too many": lambda p, r, m, n: by_the_loop(p, r, m, n + 1),
    "this is one step too few": lambda p, r, m, n: by_the_loop(p, r, m, n - 1),
    "teacher and student are exchanged": lambda p, r, m, n: by_the_loop(p, r, m, n)[::-1],
    "your teacher is the student": lambda p, r, m, n: [by_the_loop(p, r, m, n)[0]] * 2,
    "your result has the shape": lambda p, r, m, n: by_the_loop(p, r, m, n)[0],
    "your function returns None": lambda p, r, m, n: None,
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": "one picture at a time",
        "C": "entropy goes up",
        "B": "trained statistics",
        "A": "classes in a row",
        "E": 3,
    }
)

BANK.add_wrong_causes("noise")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps13.failing_run(letter) for letter in "ABCD"}


def late(run):
    """How many of the last 100 digits are named wrongly."""
    return (torch.cat(run["logits"]).argmax(1) != torch.cat(run["labels"]))[-100:].sum().item()


def test_a_good_run_names_most_and_each_of_these_fails(runs):
    assert late(ps13._run("nothing")) < 25
    assert min(late(run) for run in runs.values()) > 50


def test_only_the_entropy_of_run_c_rises(runs):
    ends = {
        letter: (np.mean(run["entropy"][:2]), np.mean(run["entropy"][-2:])) for letter, run in runs.items()
    }
    assert {letter for letter, (first, last) in ends.items() if last > first} == {"C"}


def test_only_run_a_is_sorted_and_only_run_d_has_single_pictures(runs):
    assert {letter: len(run["batches"][0]) for letter, run in runs.items()} == {
        "A": 40,
        "B": 40,
        "C": 40,
        "D": 1,
    }
    in_order = {letter: bool((torch.cat(run["labels"]).diff() >= 0).all()) for letter, run in runs.items()}
    assert [letter for letter, value in in_order.items() if value] == ["A"]
    assert all(len(set(runs[letter]["labels"][0].tolist())) >= 9 for letter in "BC")


def test_only_run_b_has_the_trained_statistics_and_no_convolution_moves(runs):
    means = {letter: run["normed"][0].mean((0, 2, 3)).abs().max().item() for letter, run in runs.items()}
    assert means.pop("B") > 0.05 and max(means.values()) < 1e-5
    for run in runs.values():
        assert run["learning_rate"] == 0.06
        assert {name for name, value in run["moved"].items() if value > 0} <= {
            f"trunk.{k}.{part}" for k in (1, 4, 7, 11) for part in ("weight", "bias")
        }


@right("drift")
def geometric_sums(push, restore, momentum, steps):
    keep, limit = 1 - restore, push / restore
    rest = keep * (keep**steps - momentum**steps) / (keep - momentum)
    return np.array([limit * keep * (1 - keep**steps), limit * (1 - momentum**steps - (1 - momentum) * rest)])


@right("turned_batch")
def by_transposing(x):
    views = [x]
    for _ in range(3):
        views.append(views[-1].mT.flip(-2))
    return np.concatenate(views), [number for number in range(4) for _ in x]


WRONG["mixed_norm"] |= {
    "the 1e-5 is missing": lambda h, m, v, t, *rest: numbers_known(h, m, v, t, *rest, eps=lambda v: v.sqrt()),
    "the 1e-5 stands outside": lambda h, m, v, t, *rest: numbers_known(
        h, m, v, t, *rest, eps=lambda v: v.sqrt() + 1e-5
    ),
}


def numbers_known(h, mean, variance, trained, scale, shift, eps=lambda v: (v + 1e-5).sqrt(), channels=None):
    mean = trained * mean + (1 - trained) * h.mean((0, 2, 3))
    variance = trained * variance + (1 - trained) * h.var((0, 2, 3), correction=0)
    mean, variance, scale, shift = (v[:, None, None] for v in (mean, variance, scale, shift))
    normed = scale * (h - mean) / eps(variance) + shift
    return torch.cat([normed[:, :channels], h[:, channels:]], 1) if channels else normed


WRONG["mixed_norm"]["around the mixed mean"] = lambda h, m, v, t, a, b: F.batch_norm(
    h,
    mixture := t * m + (1 - t) * h.mean((0, 2, 3)),
    t * v + (1 - t) * (h - mixture[:, None, None]).square().mean((0, 2, 3)),
    a,
    b,
)
WRONG["mixed_norm"]["right in the first channel only"] = lambda h, *given: torch.cat(
    [normed(h, *given)[:, :1], h[:, 1:]], 1
)
WRONG["drift"]["has not been set back at the last step"] = lambda p, r, m, n: (
    by_the_loop(p, r, m, n)[0] / (1 - r),
    by_the_loop(p, r, m, n)[1],
)


def of_six(z):
    p = z.softmax(1)
    mean = p.sum(0) / 6
    return (p * p.log()).sum() / 6 - (mean * mean.log()).sum()


def turned_with_numbers(x, count=None, gray=False):
    turned = torch.cat([(x[:, :1] if gray else x).rot90(k, (-2, -1)) for k in range(4)])
    return turned.expand(-1, x.shape[1], -1, -1), torch.arange(4).repeat_interleave(count or len(x))


# Wrong answers that get no diagnosis of their own.
ALSO_WRONG = {
    "nothing below zero": ("mixed_norm", lambda *given: normed(*given).relu()),
    "two channels": ("mixed_norm", lambda *given: numbers_known(*given, channels=2)),
    "another small number": (
        "mixed_norm",
        lambda *given: numbers_known(*given, eps=lambda v: (v + 1e-3).sqrt()),
    ),
    "five classes": (
        "entropy_gradient",
        lambda z: -z.softmax(1) * (z.log_softmax(1) - 5 * (z.softmax(1) * z.log_softmax(1)).mean(1)[:, None]),
    ),
    "six copies": ("disagreement", of_six),
    "three pictures": ("turned_batch", lambda x: turned_with_numbers(x, count=3)),
    "gray pictures": ("turned_batch", lambda x: turned_with_numbers(x, gray=True)),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps13, task)(answer, seed=seed) == 0


def test_numbers_that_run_against_the_turns_are_told_so(capsys):
    def answer(x):
        turned = torch.cat([x.rot90(number, (-2, -1)) for number in range(4)])
        return turned, torch.tensor([0, 3, 2, 1]).repeat_interleave(len(x))

    assert ps13.turned_batch(answer) == 0
    assert "your numbers run against the turns" in capsys.readouterr().out
