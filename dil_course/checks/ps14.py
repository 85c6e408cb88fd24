"""Checks of problem set 14: learning to adapt."""

import functools
import math

import numpy as np
import torch
from torch.func import grad

from dil_course import runtime
from dil_course.adaptation.meta_learning import STARTS, inner_steps, learn_start, meta_gradient
from dil_course.adaptation.sinusoid import sine_network, sinusoids, squared_error
from dil_course.checks.inputs import with_hints
from dil_course.checks.tasks import (
    Wrong,
    call,
    choose,
    close,
    failing,
    match,
    no_autograd,
    parts,
    task,
    tensor,
)

__all__ = [
    "CAUSES",
    "causes",
    "failing_run",
    "gradient_through_step",
    "images_until_repaid",
    "picture_task",
    "reptile_update",
    "resting_start",
]


def __dir__():
    return __all__


def _slope(w, data):
    """The gradient of the mean squared error of X @ w."""
    X, y = data
    return 2 / len(y) * X.T @ (X @ w - y)


def _bend(data):
    """Its second derivatives."""
    return 2 / len(data[1]) * data[0].T @ data[0]


@task(points=3)
def gradient_through_step(answer, seed):
    """Task 1: `answer(w, support, query, rate)` is the gradient, by w, of the query loss of a line fit after
    one step on the support.
    """
    draw = runtime.generator(seed, "lines")
    for points, others, size in ((6, 4, 3), (5, 7, 2), (3, 5, 4)):
        X, Z = (torch.randn(n, size, generator=draw, dtype=torch.float64) for n in (points, others))
        y, z, w = (torch.randn(n, generator=draw, dtype=torch.float64) for n in (points, others, size))
        rate = 0.15 + 0.1 * torch.rand((), generator=draw).item()
        with no_autograd():
            given = call(answer, w, (X, y), (Z, z), rate)
        _look_at_gradient(given, w, (X, y), (Z, z), rate)


def _look_at_gradient(given, w, support, query, rate):
    bend, after = _bend(support), w - rate * _slope(w, support)

    def through(slope, factor=rate, bend=bend):
        return slope - factor * bend @ slope

    right = through(_slope(after, query))
    half = w - rate * _slope(w, support) / 2
    count, others = len(support[1]), len(query[1])
    summed = w - rate * count * _slope(w, support)
    chain = (
        "w' = w - rate * g_s(w) depends on w twice: directly, and by way of the gradient",
        "d w' / d w = I - rate * H_s, with H_s = 2/n X^T X of the support; it multiplies g_q(w')",
    )
    where = ("at which weights is the query loss taken: before the step, or after it?", *chain)
    which = ("the step sees the support; the start is judged on the query", *chain)
    factors = ("L is the mean of the squares: where do 2 and 1/n come in, and how often?", *chain)
    mistakes = with_hints(
        (
            ("what became of the w inside of the gradient of the step?", *chain),
            {"this is the first-order gradient": _slope(after, query)},
        ),
        (
            where,
            {
                "this is the query's gradient before any step": _slope(w, query),
                "the query's gradient is taken before the step": through(_slope(w, query)),
            },
        ),
        (
            which,
            {
                "support and query are exchanged": through(
                    _slope(w - rate * _slope(w, query), support), bend=_bend(query)
                ),
                "the start is judged on the support": through(_slope(after, support)),
                "the second derivatives are those of the query": through(
                    _slope(after, query), bend=_bend(query)
                ),
            },
        ),
        (
            ("which way does a step of descent go?", *chain),
            {
                "your step climbs": through(_slope(w + rate * _slope(w, support), query)),
                "the second derivatives come with a plus": through(_slope(after, query), -rate),
                "your step and its second derivatives both come with a plus": through(
                    _slope(w + rate * _slope(w, support), query), -rate
                ),
            },
        ),
        (
            ("one term of d w' / d w is missing", *chain),
            {
                "the direct way of w is missing": -rate * bend @ _slope(after, query),
                "the rate is missing before the second derivatives": through(_slope(after, query), 1),
                "the second derivatives count twice": through(through(_slope(after, query))),
            },
        ),
        (
            factors,
            {
                "the 2 of the square is missing": through(_slope(half, query) / 2, rate / 2),
                "the 2 is missing in the second derivatives": through(_slope(after, query), rate / 2),
                "your losses are sums, not means": through(others * _slope(summed, query), count * rate),
                "the 1/n is missing in the second derivatives": through(_slope(after, query), count * rate),
            },
        ),
        (
            ("a gradient by w, not the weights", *chain),
            {"these are the weights after the step": after},
        ),
    )
    match(f"gradient by {len(w)} weights", given, right, mistakes, chain)


def _curved(w, batch):
    """A loss that is no parabola, so that each step has a gradient of its own."""
    A, b = batch
    return (torch.tanh(A @ w) - b).square().sum() + 0.1 * w.square().sum()


@task(points=3)
def reptile_update(answer, seed):
    """Task 2: `answer(gradient, w, tasks, rate, outer_rate)` is the start after one update of Reptile."""
    draw = runtime.generator(seed, "batches")
    for count, steps, size in ((3, 3, 4), (2, 5, 3), (4, 2, 2), (1, 3, 3)):
        w = torch.randn(size, generator=draw, dtype=torch.float64)
        tasks = [
            [
                tuple(torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((5, size), (5,)))
                for _ in range(steps)
            ]
            for _ in range(count)
        ]
        rate, outer = 0.05 + 0.03 * torch.rand((), generator=draw).item(), 0.3
        given = call(answer, grad(_curved), w, [list(batches) for batches in tasks], rate, outer)
        _look_at_reptile(given, w, tasks, rate, outer)


def _look_at_reptile(given, w, tasks, rate, outer):
    gradient = grad(_curved)

    def path(start, batches):
        way = [start]
        for batch in batches:
            way.append(way[-1] - rate * gradient(way[-1], batch))
        return way

    paths = [path(w, batches) for batches in tasks]
    move = torch.stack([way[-1] - w for way in paths]).mean(0)
    right = w + outer * move
    loop = (
        "per task: begin at w, and take one step on each batch, each from where the last one ended",
        "the start then moves the share outer_rate of the way to the mean of the ends",
        "w + outer_rate * (mean of the ends - w)",
    )
    joint = sum(gradient(w, batch) for batches in tasks for batch in batches) / len(tasks)
    last = torch.stack([way[-1] - way[-2] for way in paths]).mean(0)
    one = torch.stack([path(w, batches[:1])[-1] - w for batches in tasks]).mean(0)
    first = torch.stack([path(w, batches[:1] * len(batches))[-1] - w for batches in tasks]).mean(0)
    backwards = torch.stack([path(w, batches[::-1])[-1] - w for batches in tasks]).mean(0)
    mistakes = with_hints(
        (
            ("which way is the end from the start?", *loop[1:]),
            {"the start moves away from the ends": w - outer * move},
        ),
        (
            ("what is outer_rate for?", *loop[1:]),
            {
                "the start jumps to the mean of the ends": w + move,
                "the share that stays and the share that moves are exchanged": w + (1 - outer) * move,
                "this is the move, not the start after it": outer * move,
            },
        ),
        (
            ("Reptile asks where the steps end. Which gradients lead there?", *loop[:2]),
            {
                "all gradients are taken at the start: this is joint training": w - outer * rate * joint,
                "only the last step of each task counts: this is nearly first-order MAML": w + outer * last,
                "only the first step of each task is taken": w + outer * one,
                "all steps see the first batch": w + outer * first,
                "the batches come in the reverse order": w + outer * backwards,
            },
        ),
    )
    if len(tasks) > 1:
        end, moving, chain = w, w, []
        for batches in tasks:
            end = path(end, batches)[-1]
            chain.append(end)
            moving = moving + outer * (path(moving, batches)[-1] - moving)
        chained = torch.stack(chain).mean(0)
        mistakes |= with_hints(
            (
                ("does a task know of the others? All begin at the same start", *loop[:2]),
                {
                    "the steps have changed w itself": end,
                    "a task begins where the one before it ended": w + outer * (chained - w),
                    "the start moves after each task": moving,
                    "only the last task moves the start": w + outer * (paths[-1][-1] - w),
                },
            ),
            (
                ("of how many tasks is it the mean?", *loop[1:]),
                {"the moves of the tasks are added": w + outer * len(tasks) * move},
            ),
        )
    match(f"{len(tasks)} tasks of {len(tasks[0])} steps", given, right, mistakes, loop)


def _resized(size, seed):
    """Two linear functions that make an image half as large, and twice as large, and a random image."""
    draw = runtime.generator(seed, f"resize {size}")

    def matrix(rows, columns):
        return torch.rand(rows, columns, generator=draw, dtype=torch.float64) / columns

    rows, columns = size
    small = {n: matrix(n // 2, n) for n in (rows, rows // 2, rows // 4, columns, columns // 2, columns // 4)}
    large = {n: 8 * matrix(2 * n, n) for n in small}

    def shrink(x):
        return small[x.shape[-2]] @ x @ small[x.shape[-1]].mT

    def enlarge(x):
        return large[x.shape[-2]] @ x @ large[x.shape[-1]].mT

    return shrink, enlarge, draw


@task(points=2)
def picture_task(answer, seed):
    """Task 3: `answer(x, shrink, enlarge)` is (support, query) of one image, each (input, target)."""
    for channels, size in ((1, (16, 24)), (3, (24, 16)), (2, (16, 16))):
        shrink, enlarge, draw = _resized(size, seed)
        x = torch.rand(1, channels, *size, generator=draw, dtype=torch.float64)
        given = parts(call(answer, x, shrink, enlarge), "support, query")
        given = [parts(pair, "input, target") for pair in given]
        _look_at_picture_task(given, x, shrink, enlarge)


def _look_at_picture_task(given, x, shrink, enlarge):
    y, son = shrink(x), shrink(shrink(x))
    right = {"support": (enlarge(son), y), "query": (enlarge(y), x)}
    given = {name: tuple(tensor(part) for part in pair) for name, pair in zip(right, given, strict=True)}
    hints = (
        "the steps may see only what exists at test time: y and what is made of it",
        "the network maps an enlarged image to one of the same size",
        "support: (enlarge(shrink(y)), y); query: (enlarge(y), x), with y = shrink(x)",
    )

    def same(pair, other):
        return all(close(one, two) for one, two in zip(pair, other, strict=True))

    whole = {
        "support and query are exchanged": (right["query"], right["support"]),
        "your support is the query: its steps see the truth": (right["query"], right["query"]),
        "your query is the support: the start is judged on what the steps have seen": (
            right["support"],
            right["support"],
        ),
    }
    for says, (support, query) in whole.items():
        if same(given["support"], support) and same(given["query"], query):
            raise Wrong(says, *hints)
    for name, (source, target) in right.items():
        small = son if name == "support" else y
        if same(given[name], (target, source)):
            raise Wrong(f"{name}: input and target are exchanged", *hints)
        inputs = with_hints(
            (
                hints[1:],
                {
                    f"the input of the {name} is not enlarged": small,
                    f"the input of the {name} is enlarged twice": enlarge(enlarge(small)),
                    f"the input of the {name} is its target": target,
                },
            ),
        )
        targets = with_hints(
            (
                hints,
                {
                    f"the target of the {name} is shrunk once too often": small,
                    f"the target of the {name} is its input": source,
                    f"the target of the {name} is blurred": enlarge(shrink(target)),
                },
            ),
        )
        if name == "support":
            inputs["the input of the support is the smaller image y itself, enlarged"] = (enlarge(y), *hints)
            targets["the target of the support is the truth"] = (x, *hints)
        match(f"{name}: target", given[name][1], target, targets, hints)
        match(f"{name}: input", given[name][0], source, inputs, hints)


def _weight(method, curvatures, rate, steps):
    """How strongly each parabola draws the start towards its optimum, in each method."""
    left = (1 - rate * curvatures) ** steps
    return {
        "maml": curvatures * left**2,
        "first-order": curvatures * left,
        "reptile": 1 - left,
        "joint": curvatures,
    }[method]


@task(points=3)
def resting_start(answer, seed):
    """Task 4: `answer(method, curvatures, optima, rate, steps)` is the start at which a method comes to rest,
    where each task is a parabola.
    """
    draw = runtime.generator(seed, "parabolas")
    for count, steps in ((4, 3), (3, 1), (2, 2)):
        # One task so steep that a step goes beyond its optimum; the others decide.
        curvatures = 0.3 + 1.2 * torch.rand(count, generator=draw, dtype=torch.float64)
        optima = 1 + 3 * torch.rand(count, generator=draw, dtype=torch.float64)
        optima[0], rate = -optima[0], 0.3
        if count == 4:
            curvatures[3] = 4.2
        for method in STARTS:
            given = call(answer, method, curvatures, optima, rate, steps)
            _look_at_rest(given, method, curvatures, optima, rate, steps)


def _look_at_rest(given, method, curvatures, optima, rate, steps):
    def rest(weights):
        return (weights * optima).sum() / weights.sum()

    right = rest(_weight(method, curvatures, rate, steps))
    left = (1 - rate * curvatures) ** steps
    hints = {
        "maml": (
            "a step leaves (1 - rate h) of the distance to c: after k steps w' - c = (1 - rate h)^k (w - c)",
            "L(w') = h/2 (1 - rate h)^(2k) (w - c)^2: what is its derivative by w?",
        ),
        "first-order": (
            "the gradient is taken at w', and d w' / d w is replaced by 1",
            "h (w' - c) = h (1 - rate h)^k (w - c)",
        ),
        "reptile": (
            "the start moves along the mean of w' - w: when is that zero?",
            "w' - w = (1 - (1 - rate h)^k) (c - w)",
        ),
        "joint": ("there are no steps: plain descent on the mean loss", "h (w - c), averaged, is zero"),
    }[method]
    hints = (*hints, "a mean of the optima, weighted by what multiplies (w - c) in the gradient")
    values = {
        f"{method}: this is where {other} comes to rest": _weight(other, curvatures, rate, steps)
        for other in STARTS
        if other != method
    }
    values |= {
        f"{method}: this is the plain mean of the optima": torch.ones_like(curvatures),
        f"{method}: a flat parabola does not count more": 1 / curvatures,
        f"{method}: the number of steps has no effect": _weight(method, curvatures, rate, 1),
        f"{method}: the rate has no effect": _weight(method, curvatures, 1, steps),
        f"{method}: the curvature before the bracket is missing": left**2 if method == "maml" else left,
        f"{method}: this is one step too many": _weight(method, curvatures, rate, steps + 1),
        f"{method}: the way to the optimum is weighted, not what is left of it": curvatures * (1 - left),
    }
    mistakes = with_hints((hints, {says: rest(weights) for says, weights in values.items()}))
    total = (_weight(method, curvatures, rate, steps) * optima).mean()
    mistakes[f"{method}: the weights are not divided by their sum"] = (total, *hints[1:])
    mistakes[f"{method}: the weights are not divided by their sum, nor averaged"] = (
        total * len(optima),
        *hints[1:],
    )
    name = f"{method}, {len(optima)} parabolas, {steps} step{'s' * (steps > 1)}"
    match(name, given, right, mistakes, hints)


@task(points=2)
def images_until_repaid(answer, seed):
    """Task 5: `answer(training, plain, learned, target)` is after how many images a training is repaid."""
    draw = runtime.generator(seed, "repaid")
    for kind in ("later", "rises and falls", "at once", "exactly", "slower", "never"):
        training, plain, learned, target = _costs(kind, draw)
        given = call(answer, training, plain, learned, target)
        _look_at_repaid(kind, given, training, plain, learned, target)


def _costs(kind, draw):
    """A training, (seconds an update, scores) of two starts, and a target between the scores."""

    def scores(count, first, last):
        way = torch.linspace(first, last, count) + 0.1 * torch.rand(count, generator=draw)
        return [round(value, 3) for value in way.tolist()]

    training = 30000.7 + 10000 * torch.rand((), generator=draw).item()
    plain, learned = (0.31, [*scores(40, 18, 31), 30.2]), (0.43, [*scores(8, 24, 32), 31.1])
    if kind == "rises and falls":
        learned = (0.43, [*learned[1][:6], 30.5, 27.0, 28.1])
        plain = (0.31, [*plain[1], 30.9, 28.0, 27.5])
    elif kind == "at once":
        learned = (0.43, [29.0, 28.7, *learned[1]])
    elif kind == "exactly":
        # 24 updates of 0.5 s against 4 of 1 s: 8 s an image, in numbers that a computer holds exactly
        return 8.0 * 40, (0.5, [*range(4, 28), 28.0, 29.0]), (1.0, [20.0, 21.0, 22.0, 23.0, 28.0]), 28.0
    elif kind == "slower":
        learned = (3.1, learned[1])
    elif kind == "never":
        learned = (0.43, [23.0, 24.0, 27.9, 26.0])
    return training, plain, learned, 28.2


def _look_at_repaid(kind, given, training, plain, learned, target):
    def first(scores):
        return next((n for n, score in enumerate(scores) if score >= target), math.inf)

    def seconds(start, count=first):
        return start[0] * count(start[1])

    def repaid(slow, quick):
        return max(math.ceil(training / (slow - quick)), 1) if slow > quick else math.inf

    def best(scores):
        return max(range(len(scores)), key=scores.__getitem__)

    right = repaid(seconds(plain), seconds(learned))
    if isinstance(given, torch.Tensor | np.ndarray | np.generic) and math.prod(given.shape) == 1:
        given = given.item()
    if isinstance(given, float | int) and given == math.inf:
        if right == math.inf:
            return
        raise Wrong(
            f"{kind}: the training is repaid, and you say never",
            "does the learned start reach the target in less time than the plain one?",
            "the number of updates until the target, times the seconds of one update, for both",
        )
    value = tensor(given)
    if right == math.inf:
        raise Wrong(
            f"{kind}: this training is never repaid",
            "does the learned start reach the target at all, and in less time than the plain one?",
            "return math.inf where it saves nothing",
        )
    saved = seconds(plain) - seconds(learned)
    until = "the first n with scores[n] >= target, times the seconds of one update"
    count = ("each image saves the difference of two times", until, "math.ceil(training / difference)")
    wholes = ("after which image is the total no longer larger? A whole number", count[2])
    values = [
        (
            wholes,
            {
                "this is not rounded up": training / saved,
                "this is rounded down": math.floor(training / saved),
                "this is one image too many": right + 1,
            },
        ),
        (
            ("scores[0] is the score before any update", until),
            {
                "you count the updates from one": repaid(
                    plain[0] * (first(plain[1]) + 1), learned[0] * (first(learned[1]) + 1)
                ),
            },
        ),
        (
            ("is the best score asked for, or the target?", until),
            {
                "you go on to the best score": repaid(seconds(plain, best), seconds(learned, best)),
                "you go on to the end of both curves": repaid(
                    plain[0] * (len(plain[1]) - 1), learned[0] * (len(learned[1]) - 1)
                ),
                "you count the updates below the target": repaid(
                    plain[0] * sum(score < target for score in plain[1]),
                    learned[0] * sum(score < target for score in learned[1]),
                ),
            },
        ),
        (
            ("the learned start needs time, too", *count[:2]),
            {"the updates of the learned start are left out": repaid(seconds(plain), 0)},
        ),
        (
            ("how long does one update take, from each start?", *count[:2]),
            {
                "you subtract updates, not seconds": repaid(first(plain[1]), first(learned[1])),
                "both starts have the seconds of the plain one": repaid(
                    seconds(plain), plain[0] * first(learned[1])
                ),
                "both starts have the seconds of the learned one": repaid(
                    learned[0] * first(plain[1]), seconds(learned)
                ),
            },
        ),
    ]
    if given is not None and value.numel() == 1 and value.item() == right:
        return match(kind, given, right, {}, count)
    match(kind, given, float(right), with_hints(*values), count, tolerance=1e-9)


CAUSES = {
    "query of another task": "the query that judges a step is of another sine than its support",
    "query is the support": "the start is judged on the very points that the step has seen",
    "same tasks again": "all updates of the meta-training see the same few tasks",
    "other rate at test": "the steps at test have another rate than those in training, 0.02",
    "no way back to the start": "a task at test begins where the steps of the task before it ended",
    "second derivatives missing": "the meta-training took the gradient of the step as a constant",
    "start does not learn": "no gradient reaches the start, which stays as it was drawn",
    "nothing": "the run is as it should be",
}
_RATE = 0.02


@functools.cache
def _trained(fault, updates=500, seed=0):
    """A meta-training on sines: what it saw, its losses, and the start at its end."""
    draw, first, seen = runtime.generator(seed, "tasks of training"), sine_network(seed), []

    def tasks():
        again = runtime.generator(seed, "tasks of training")
        support, (x, y) = sinusoids(5, again if fault == "same tasks again" else draw)
        if fault == "query of another task":
            x, y = x.roll(1, 0), y.roll(1, 0)
        seen.append((support, (x, y)))
        return seen[-1]

    steps = list(learn_start("maml", squared_error, first, tasks, updates, _RATE, meta_rate=1e-2))
    return {
        "first": first,
        "start": steps[-1][0],
        "losses": [loss.item() for _, loss in steps],
        "tasks": seen,
        "meta_gradient": meta_gradient("maml", squared_error, first, seen[0], _RATE)[0],
    }


@functools.cache
def _run(fault, seed=0):
    in_training = fault in ("query of another task", "same tasks again")
    run = dict(_trained(fault if in_training else "nothing", seed=seed))
    rate = _RATE / 10 if fault == "other rate at test" else _RATE
    support, query = sinusoids(100, runtime.generator(seed, "tasks of test"))
    weights, run["test"] = run["start"], []
    for number in range(100):
        one, other = (tuple(values[number] for values in part) for part in (support, query))
        before = weights if fault == "no way back to the start" else run["start"]
        (weights,) = inner_steps(squared_error, before, one, rate)
        run["test"].append(
            {
                "support": one,
                "query": other,
                "before": before,
                "after": weights,
                "error": squared_error(weights, other).item(),
            }
        )
    return run


@failing(
    _run,
    A="other rate at test",
    B="same tasks again",
    C="query of another task",
    D="no way back to the start",
)
def failing_run(letter):
    """One of the runs of task 6, with which something is wrong.

    MAML on sines, 500 updates of 5 tasks with 10 points, and then a test on 100 tasks with one step each. The
    loss is `squared_error`, the rate of a step 0.02.

    Args:
        letter: "A", "B", "C" or "D".

    Returns:
        Dictionary: first and start, the weights before and after the meta-training; losses, a number for each
        update; tasks, a pair (support, query) for each update, each (x, y), (5,10,1); meta_gradient, of the
        first update; test, a dictionary for each test task: support and query, each (x, y), (10,1), the
        weights before and after the step, and the error on the query.
    """


@task(points=4)
def causes(answer, seed):
    """Task 6: `answer` is a dictionary that names the cause of each failing run."""
    refutations = {
        "query of another task": (
            "its queries lie on the sines of their supports",
            "fit a sin(x) + b cos(x) to a support by torch.linalg.lstsq: does it meet the query?",
        ),
        "query is the support": (
            "the points of its queries are not those of its supports",
            "compare the x of run['tasks'][0]",
        ),
        "same tasks again": (
            "each of its updates sees new tasks",
            "compare run['tasks'][0] with run['tasks'][1]",
        ),
        "other rate at test": (
            "its steps at test have the rate of the training",
            "(before - after) / gradient of squared_error on the support, in any weight of run['test'][0]",
        ),
        "no way back to the start": (
            "each of its test tasks begins at the learned start",
            "compare run['test'][1]['before'] with run['start']",
        ),
        "second derivatives missing": (
            "its meta-gradient is that of MAML, second derivatives and all",
            "compare run['meta_gradient'] with the library's meta_gradient for run['first'] and "
            "run['tasks'][0]",
        ),
        "start does not learn": ("its start has moved far", "compare run['first'] with run['start']"),
        "nothing": (
            "after one step the mean error of a good run is below 1.8, and that of this one above 2.2",
            "average the errors of run['test']",
        ),
    }
    choose(answer, failing_run, CAUSES, refutations, points=1)
