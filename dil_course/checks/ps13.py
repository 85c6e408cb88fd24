"""Checks of problem set 13: adapting a classifier to its input."""

import torch

from dil_course import runtime
from dil_course.adaptation.statistics import MixedNorm, mix_statistics
from dil_course.adaptation.tent import entropy
from dil_course.checks.tasks import call, choose, failing, match, no_autograd, parts, task, tensor
from dil_course.networks.trained import trained
from dil_course.signals.corruptions import corrupt
from dil_course.signals.digits import digits

__all__ = [
    "CAUSES",
    "causes",
    "disagreement",
    "drift",
    "entropy_gradient",
    "failing_run",
    "mixed_norm",
    "turned_batch",
]


def __dir__():
    return __all__


def _norm(h, mean, variance, scale, shift, eps=1e-5):
    """Batch norm of h (N,C,H,W) with statistics that are given, of any shape that fits."""
    return (h - mean) / (variance + eps).sqrt() * scale + shift


@task(points=3)
def mixed_norm(answer, seed):
    """Task 1: `answer(h, mean, variance, trained, scale, shift)` is batch norm with a mixture of trained and
    present statistics.
    """
    draw = runtime.generator(seed, "activations")
    for shape in ((3, 2, 4, 5), (1, 3, 5, 2)):
        h = 1 + 2 * torch.rand(shape, generator=draw, dtype=torch.float64)
        h[:, 1] += torch.arange(float(shape[2]))[:, None]
        mean, variance, scale, shift = (
            0.3 + torch.rand(shape[1], generator=draw, dtype=torch.float64) for _ in range(4)
        )
        weight = 0.6 + 0.3 * torch.rand((), generator=draw).item()
        shift = shift - 1  # some of the result is negative
        _look_at_mixed_norm(answer, h, mean, variance, weight, scale, shift)
    # A channel that says next to nothing: here it shows where the 1e-5 stands.
    h[:, 0], variance[0] = mean[0] + 0.1, 2e-5
    _look_at_mixed_norm(answer, h, mean, variance, weight, scale, shift)


def _look_at_mixed_norm(answer, h, mean, variance, weight, scale, shift):
    old, spread, wide, added = (values[:, None, None] for values in (mean, variance, scale, shift))

    def mixed(over=(0, 2, 3), weight=weight, correction=0):
        here, width = h.mean(over, keepdim=True), h.var(over, keepdim=True, correction=correction)
        return weight * old + (1 - weight) * here, weight * spread + (1 - weight) * width

    both, here = mixed(), h.var((0, 2, 3), keepdim=True, correction=0)
    standard = (weight * spread.sqrt() + (1 - weight) * here.sqrt()) ** 2
    axes = (
        "over which axes is one mean taken? One for each channel",
        "dim=(0, 2, 3): pictures, rows and columns",
    )
    mistakes = {
        "this takes the trained statistics alone": (
            _norm(h, *mixed(weight=1), wide, added),
            "what is `trained` for?",
            "and where is the batch?",
        ),
        "this takes the batch's statistics alone": (
            _norm(h, *mixed(weight=0), wide, added),
            "what is `trained` for?",
            "mix both",
        ),
        "the two weights are exchanged": (
            _norm(h, *mixed(weight=1 - weight), wide, added),
            "`trained` is the weight of the trained statistics",
            "try trained = 1",
        ),
        "you take one mean for each picture": (_norm(h, *mixed((2, 3)), wide, added), *axes),
        "you take one mean over all channels": (_norm(h, *mixed((0, 1, 2, 3)), wide, added), *axes),
        "you mix standard deviations, not variances": (
            _norm(h, both[0], standard, wide, added),
            "what exactly is mixed, in the formula?",
            "mix first, take the root last",
        ),
        "your variance is taken around the mixed mean": (
            _norm(
                h,
                both[0],
                weight * spread + (1 - weight) * (h - both[0]).square().mean((0, 2, 3), True),
                wide,
                added,
            ),
            "the batch's variance is that around the batch's own mean",
            "h.var(..., correction=0), then mix",
        ),
        "your variance divides by one less than the number of values": (
            _norm(h, *mixed(correction=1), wide, added),
            "batch norm takes the plain mean of the squares",
            "h.var(..., correction=0)",
        ),
        "the root is missing": (
            (h - both[0]) / (both[1] + 1e-5) * wide + added,
            "a standard deviation has the unit of h",
            "take the root of the variance",
        ),
        "the 1e-5 stands outside of the root": (
            (h - both[0]) / (both[1].sqrt() + 1e-5) * wide + added,
            "what becomes of a channel that hardly varies?",
            "sqrt(v + 1e-5): first add, then take the root",
        ),
        "the 1e-5 is missing": (
            _norm(h, *both, wide, added, eps=0),
            "what becomes of a channel that hardly varies?",
            "sqrt(v + 1e-5): first add, then take the root",
        ),
        "scale and shift are missing": (
            _norm(h, *both, 1, 0),
            "a norm has two learned numbers a channel",
            "times scale, plus shift",
        ),
        "scale and shift are exchanged": (
            _norm(h, *both, added, wide),
            "which one multiplies?",
            "times scale, plus shift",
        ),
        "you mix the outputs, not the statistics": (
            weight * _norm(h, *mixed(weight=1), wide, added)
            + (1 - weight) * _norm(h, *mixed(weight=0), wide, added),
            "is the mean of two fractions the fraction of the means?",
            "one mixed mean, one mixed variance, then one norm",
        ),
    }
    hints = (
        "mean and variance of the batch, one for each channel",
        "mix each with the trained one",
        "subtract, divide by the root, scale, shift",
    )
    match(
        f"mixed norm, {tuple(h.shape)}",
        call(answer, h, mean, variance, weight, scale, shift),
        _norm(h, *both, wide, added),
        mistakes,
        hints,
        tolerance=1e-3,
    )


@task(points=3)
def entropy_gradient(answer, seed):
    """Task 2: `answer(logits)` is the gradient (N,K) of each picture's entropy with respect to its logits."""
    draw = runtime.generator(seed, "logits")
    for shape in ((4, 5), (3, 7)):
        logits = 2 * torch.randn(shape, generator=draw, dtype=torch.float64)
        with no_autograd():
            given = call(answer, logits)
        _look_at_gradient(given, logits)


def _look_at_gradient(given, logits):
    p = logits.softmax(1)
    total = entropy(logits)[:, None]
    right = -p * (p.log() + total)
    chain = ("p depends on all logits: dp_j / dz_k = p_j (1[j = k] - p_k)", "sum over j, and collect H")
    mistakes = {
        "this is the gradient with respect to the probabilities": (
            -(p.log() + 1),
            "the network gives logits, not probabilities",
            *chain,
        ),
        "you forgot that all probabilities move with each logit": (-p * (p.log() + 1), *chain),
        "you take the diagonal of the softmax's derivative only": (-p * (1 - p) * (p.log() + 1), *chain),
        "the entropy inside of the bracket is missing": (-p * p.log(), *chain),
        "the entropy inside of the bracket has the wrong sign": (-p * (p.log() - total), *chain),
        "this is the entropy of each picture, not its gradient": (
            total[:, 0],
            "a gradient has as many numbers as there are logits",
            *chain,
        ),
        "this pulls towards the most likely class: cross-entropy, not entropy": (
            p - torch.nn.functional.one_hot(p.argmax(1), p.shape[1]),
            "no label is chosen in an entropy",
            *chain,
        ),
    }
    hints = ("H = - sum_j p_j log p_j, and p = softmax(z)", *chain)
    match(f"gradient, {len(logits)} pictures", given, right, mistakes, hints)


@task(points=2)
def disagreement(answer, seed):
    """Task 3: `answer(logits)` is the entropy of the mean of B answers, less the mean of their entropies."""
    draw = runtime.generator(seed, "answers")
    for shape in ((6, 4), (3, 7)):
        _look_at_disagreement(answer, 2 * torch.randn(shape, generator=draw, dtype=torch.float64))


def _look_at_disagreement(answer, logits):
    p = logits.softmax(1)
    of_mean = -(p.mean(0) * p.mean(0).log()).sum()
    mean_of = entropy(logits).mean()
    what = (
        "average the probabilities, then take the entropy; take the entropies, then average. Subtract",
        "which of the two is larger?",
    )
    mistakes = {
        "this is the entropy of the mean alone": (of_mean, *what),
        "this is the mean of the entropies alone": (mean_of, *what),
        "you average logits, not probabilities": (
            entropy(logits.mean(0)) - mean_of,
            "which average is a probability again?",
            "softmax first",
        ),
        "you add the entropies of all copies": (
            of_mean - entropy(logits).sum(),
            "how many copies are there?",
            "mean, not sum",
        ),
        "you average over the classes, not over the copies": (
            -(p.mean(1) * p.mean(1).log()).sum() - mean_of,
            "rows are copies, columns are classes",
            "mean(0)",
        ),
    }
    match("disagreement", call(answer, logits), of_mean - mean_of, mistakes, what)


@task(points=2)
def turned_batch(answer, seed):
    """Task 4: `answer(pictures)` is (turned, numbers): all pictures unturned, then all by one quarter turn,
    and so on; and their numbers.
    """
    draw = runtime.generator(seed, "pictures")
    for shape in ((3, 1, 4, 4), (2, 3, 5, 5)):
        _look_at_turned(answer, torch.rand(shape, generator=draw, dtype=torch.float64))


def _look_at_turned(answer, x):
    numbers = torch.arange(4).repeat_interleave(len(x))

    def all_of(turn):
        return torch.cat([turn(k) for k in range(4)])

    right = all_of(lambda k: x.rot90(k, (-2, -1)))
    pictures, labels = (tensor(part) for part in parts(call(answer, x), "turned, numbers"))
    look = ("show what you return", "rot90(k, (-2, -1)) turns anticlockwise")
    mistakes = {
        "you turn clockwise": (all_of(lambda k: x.rot90(-k, (-2, -1))), *look),
        "you mirror": (torch.cat([x, x.flip(-1), x.flip(-2), x.flip(-1).flip(-2)]), *look),
        "nothing is turned": (all_of(lambda k: x), *look),
        "the unturned pictures are missing": (
            torch.cat([x.rot90(k, (-2, -1)) for k in (1, 2, 3)]),
            "0 is a turn, too",
            *look,
        ),
        "the four turns of each picture follow one another": (
            torch.stack([x.rot90(k, (-2, -1)) for k in range(4)], 1).flatten(0, 1),
            "first all pictures unturned, then all by one quarter turn",
            "torch.cat, not torch.stack",
        ),
    }
    match("turned", pictures, right, mistakes, look)
    wrong = {
        "your numbers repeat 0, 1, 2, 3 along the batch, and the pictures do not": (
            torch.arange(4).repeat(len(x)),
            "which pictures come first?",
            "repeat_interleave",
        ),
        "your numbers begin with one": (numbers + 1, "no turn is number 0", "0, 1, 2, 3"),
        "your numbers are degrees": (
            90 * numbers,
            "cross-entropy wants the number of the class",
            "0, 1, 2, 3",
        ),
        "your numbers run against the turns": ((4 - numbers) % 4, *look),
    }
    match(
        "numbers",
        labels,
        numbers,
        wrong,
        ("one number for each picture, in the same order", "torch.arange(4).repeat_interleave(N)"),
    )


def _drifts(push, restore, momentum, steps, keep=None, follow_first=True, exchange=False):
    """How far student and teacher go in the mean, as in task 5; each change is a mistake."""
    student = teacher = 0.0
    keep = 1 - restore if keep is None else keep
    share = momentum if exchange else 1 - momentum
    for _ in range(steps):
        student += push
        teacher += share * (student - teacher) if follow_first else 0
        student *= keep
        teacher += 0 if follow_first else share * (student - teacher)
    return torch.tensor([student, teacher], dtype=torch.float64)


@task(points=3)
def drift(answer, seed):
    """Task 5: `answer(push, restore, momentum, steps)` is how far student and teacher of CoTTA have gone, in
    the mean.
    """
    draw = runtime.generator(seed, "drifts")
    for restore, momentum, steps in ((0.1, 0.8, 7), (0.03, 0.95, 40), (0.2, 0.6, 1)):
        push = 0.01 + 0.02 * torch.rand((), generator=draw).item()
        right = _drifts(push, restore, momentum, steps)
        order = (
            "push, then the teacher follows, then setting back",
            "write the loop, with two numbers in it",
        )
        mistakes = {
            "nothing is set back here": (
                _drifts(push, 0, momentum, steps),
                "what happens to the mean, if one weight in ten returns to 0?",
                *order,
            ),
            "this sets back all but the share `restore`": (
                _drifts(push, restore, momentum, steps, keep=restore),
                "`restore` is the share that returns",
                *order,
            ),
            "your teacher follows after weights were set back": (
                _drifts(push, restore, momentum, steps, follow_first=False),
                *order,
            ),
            "your teacher keeps what it should take": (
                _drifts(push, restore, momentum, steps, exchange=True),
                "a momentum near 1 is a slow teacher",
                *order,
            ),
            "this is one step too many": (
                _drifts(push, restore, momentum, steps + 1),
                "try steps = 1 by hand",
                *order,
            ),
            "this is one step too few": (
                _drifts(push, restore, momentum, steps - 1),
                "try steps = 1 by hand",
                *order,
            ),
            "your student has not been set back at the last step": (
                right * torch.tensor([1 / (1 - restore), 1], dtype=torch.float64),
                "after a step the student may have been set back",
                *order,
            ),
            "teacher and student are exchanged": (right.flip(0), "student first", *order),
            "your teacher is the student": (right[[0, 0]], "the teacher is slower", *order),
        }
        match(f"restore {restore}", call(answer, push, restore, momentum, steps), right, mistakes, order)


CAUSES = {
    "entropy goes up": "the step climbs the entropy instead of descending it",
    "classes in a row": "the pictures come sorted by class",
    "one picture at a time": "each batch is a single picture",
    "trained statistics": "the batch norms still use the statistics of the training",
    "learning rate too large": "each step throws the weights far away",
    "all weights learn": "not only scale and shift of the norms change, but the convolutions, too",
    "nothing": "the run is as it should be",
}


def _run(fault, seed=0):
    pictures, labels = digits("test")
    pictures, labels = corrupt(pictures[:400], "gaussian noise", 5, seed), labels[:400]
    order = labels.argsort() if fault == "classes in a row" else torch.arange(400)
    size, rate = 1 if fault == "one picture at a time" else 40, 0.06
    network = mix_statistics(trained("digits"), 1.0 if fault == "trained statistics" else 0.0).requires_grad_(
        False
    )
    norms = [part for part in network.modules() if isinstance(part, MixedNorm)]
    before = {name: weights.clone() for name, weights in network.named_parameters()}
    optimizer = torch.optim.Adam(
        [weights.requires_grad_() for part in norms for weights in part.parameters()], lr=rate
    )
    seen = {}

    def look(part, given, output):
        seen["normed"] = ((output - part.bias[:, None, None]) / part.weight[:, None, None]).detach()

    norms[0].register_forward_hook(look)
    run = {
        "batches": list(pictures[order].split(size)),
        "labels": list(labels[order].split(size)),
        "learning_rate": rate,
    }
    run |= {"logits": [], "entropy": [], "normed": []}
    for batch in run["batches"]:
        logits = network(batch)
        loss = entropy(logits).mean()
        optimizer.zero_grad()
        (-loss if fault == "entropy goes up" else loss).backward()
        optimizer.step()
        run["logits"].append(logits.detach())
        run["entropy"].append(loss.item())
        run["normed"].append(seen["normed"])
    run["moved"] = {
        name: (weights - before[name]).abs().max().item() for name, weights in network.named_parameters()
    }
    return run


@failing(_run, A="classes in a row", B="trained statistics", C="entropy goes up", D="one picture at a time")
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    TENT on digits with Gaussian noise, severity 5.

    Returns:
        Dictionary: batches (list of (N,1,24,24)), labels (list of (N,)), logits (list of (N,10)), entropy
        (list of numbers, the mean of each batch), normed (list of (N,16,24,24): the output of the first norm,
        before scale and shift), moved (dictionary of the largest change of each parameter), learning_rate.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "entropy goes up": (
            "its entropy does not rise from the first batches to the last",
            "plot r['entropy']",
        ),
        "classes in a row": (
            "its batches hold nearly all classes, or single pictures in random order",
            "print r['labels'][0], and the labels of the first batches",
        ),
        "one picture at a time": ("its batches hold 40 pictures", "print len(r['batches'][0])"),
        "trained statistics": (
            "its normed channels have mean 0 in each batch, so the statistics are the batch's",
            "print r['normed'][0].mean((0, 2, 3))",
        ),
        "learning rate too large": ("it is the rate of a good run, 0.06", "print r['learning_rate']"),
        "all weights learn": ("its convolutions have not moved at all", "print r['moved']"),
        "nothing": (
            "of the last 100 digits a good run names fewer than 25 wrongly, and this one more than 50",
            "compare logits and labels",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
