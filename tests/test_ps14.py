"""Problem set 14: right answers in many forms earn full points, wrong ones are refused, each with its own
diagnosis.
"""

import math

import numpy as np
import pytest
import torch
from answer_bank import AnswerBank

from dil_course.adaptation.meta_learning import STARTS, meta_gradient
from dil_course.adaptation.sinusoid import squared_error
from dil_course.checks import ps14

BANK = AnswerBank("ps14_learning_to_adapt")
right, WRONG = BANK.answer, BANK.wrong


# Task 1: the gradient through one inner step


def slope(w, data, factor=2):
    X, y = data
    return factor / len(y) * X.T @ (X @ w - y)


def hessian(data, factor=2):
    return factor / len(data[1]) * data[0].T @ data[0]


@right("gradient_through_step")
def by_the_formula(w, support, query, rate):
    after = w - rate * slope(w, support)
    return (torch.eye(len(w)) - rate * hessian(support)) @ slope(after, query)


@right("gradient_through_step")
def by_numpy(w, support, query, rate):
    (X, y), (Z, z) = ([part.numpy() for part in pair] for pair in (support, query))
    step = np.eye(len(w)) - 2 * rate / len(y) * X.T @ X
    errors = Z @ (step @ w.numpy() + 2 * rate / len(y) * X.T @ y) - z
    return 2 * step.T @ Z.T @ errors / len(z)


@right("gradient_through_step")
def by_differences(w, support, query, rate):
    def judged(w):
        X, y = query
        return (X @ (w - rate * slope(w, support)) - y).square().mean()

    steps = 1e-4 * torch.eye(len(w), dtype=w.dtype)
    return [(judged(w + step) - judged(w - step)) / 2e-4 for step in steps]


def changed(judge=None, at=None, bend=None, sign=1, factor=None, taken=1, identity=1):
    """The answer with a place to change for each wrong one."""

    def answer(w, support, query, rate):
        after = w - sign * rate * slope(w, support)
        gradient = slope(w if at == "start" else after, support if judge == "support" else query)
        H = hessian(query if bend == "query" else support)
        share = {None: rate, "one": 1, "half": rate / 2}.get(factor)
        share = len(support[1]) * rate if factor == "sum" else share
        return identity * gradient - taken * share * H @ gradient

    return answer


def without_two(w, support, query, rate):
    after = w - rate * slope(w, support, 1)
    return slope(after, query, 1) - rate * hessian(support, 1) @ slope(after, query, 1)


def of_sums(w, support, query, rate):
    n, m = len(support[1]), len(query[1])
    gradient = m * slope(w - n * rate * slope(w, support), query)
    return gradient - n * rate * hessian(support) @ gradient


WRONG["gradient_through_step"] = {
    "this is the first-order gradient": changed(taken=0),
    "this is the query's gradient before any step": changed(at="start", taken=0),
    "the query's gradient is taken before the step": changed(at="start"),
    "support and query are exchanged": lambda w, s, q, a: by_the_formula(w, q, s, a),
    "the start is judged on the support": changed(judge="support"),
    "the second derivatives are those of the query": changed(bend="query"),
    "your step climbs": changed(sign=-1),
    "the second derivatives come with a plus": changed(taken=-1),
    "both come with a plus": changed(sign=-1, taken=-1),
    "the direct way of w is missing": changed(identity=0),
    "the rate is missing before the second derivatives": changed(factor="one"),
    "the second derivatives count twice": lambda w, s, q, a: (
        (torch.eye(len(w)) - a * hessian(s)) @ by_the_formula(w, s, q, a)
    ),
    "the 2 of the square is missing": without_two,
    "the 2 is missing in the second derivatives": changed(factor="half"),
    "your losses are sums, not means": of_sums,
    "the 1/n is missing in the second derivatives": changed(factor="sum"),
    "these are the weights after the step": lambda w, s, q, a: w - a * slope(w, s),
    "your result has the opposite sign": lambda *given: -by_the_formula(*given),
    "your function returns None": lambda *given: None,
    "your function stops with": lambda w, s, q, a: s[0] @ q[0],
}


def judged(w, support, query, rate):
    X, y = query
    return (X @ (w - rate * slope(w, support)) - y).square().mean()


def backward(w, support, query, rate):
    w.requires_grad_()
    judged(w, support, query, rate).backward()
    return w.grad


def by_the_library(w, *given):
    def loss(weights, data):
        X, y = data
        return (X @ weights["w"] - y).square().mean()

    tasks = tuple(tuple(part[None] for part in pair) for pair in given[:2])
    return meta_gradient("maml", loss, {"w": w}, tasks, given[2])[0]["w"]


AUTOGRAD = {
    "backward": backward,
    "grad": lambda w, *rest: torch.autograd.grad(judged(w.requires_grad_(), *rest), w)[0],
    "func": lambda w, *rest: torch.func.grad(judged)(w, *rest),
    "forward mode": lambda w, *rest: torch.func.jacfwd(judged)(w, *rest),
    "the library": by_the_library,
}


@pytest.mark.parametrize("way", AUTOGRAD)
def test_no_way_of_autograd_passes_and_all_of_them_agree_with_the_formula(way, capsys):
    assert ps14.gradient_through_step(AUTOGRAD[way]) == 0
    assert "no autograd, please" in capsys.readouterr().out
    w, *pairs = (torch.randn(shape, dtype=torch.float64) for shape in ((3,), (5, 3), (5,), (4, 3), (4,)))
    given = (w, tuple(pairs[:2]), tuple(pairs[2:]), 0.1)
    assert torch.allclose(AUTOGRAD[way](w.clone(), *given[1:]), by_the_formula(*given).double())


# Task 2: Reptile


@right("reptile_update")
def by_loops(gradient, w, tasks, rate, outer_rate):
    mean = torch.zeros_like(w)
    for batches in tasks:
        end = w.clone()
        for batch in batches:
            end -= rate * gradient(end, batch)
        mean += end / len(tasks)
    return (1 - outer_rate) * w + outer_rate * mean


@right("reptile_update")
def by_sums_of_gradients(gradient, w, tasks, rate, outer_rate):
    total = 0
    for batches in tasks:
        way = 0
        for batch in batches:
            way = way + gradient(w - rate * way, batch)
        total = total + way
    return (w - outer_rate * rate * total / len(tasks)).numpy()


def ends_of(gradient, w, tasks, rate, chosen=lambda batches: batches, from_the_last=False):
    ends = []
    for batches in tasks:
        end = ends[-1] if from_the_last and ends else w
        for batch in chosen(batches):
            end = end - rate * gradient(end, batch)
        ends.append(end)
    return torch.stack(ends)


def moved(share=lambda outer: outer, **settings):
    def answer(gradient, w, tasks, rate, outer):
        return w + share(outer) * (ends_of(gradient, w, tasks, rate, **settings).mean(0) - w)

    return answer


right("reptile_update")(moved())


def in_place(gradient, w, tasks, rate, outer):
    """`end = w` is another name for the start, and -= changes both."""
    ends = []
    for batches in tasks:
        end = w
        for batch in batches:
            end -= rate * gradient(end, batch)
        ends.append(end)
    return w + outer * (torch.stack(ends).mean(0) - w)


def joint(gradient, w, tasks, rate, outer):
    slopes = [gradient(w, batch) for batches in tasks for batch in batches]
    return w - outer * rate * sum(slopes) / len(tasks)


def last_step(gradient, w, tasks, rate, outer):
    before = ends_of(gradient, w, tasks, rate, chosen=lambda batches: batches[:-1])
    return w + outer * (ends_of(gradient, w, tasks, rate) - before).mean(0)


def after_each(gradient, w, tasks, rate, outer):
    for batches in tasks:
        w = w + outer * (ends_of(gradient, w, [batches], rate)[0] - w)
    return w


WRONG["reptile_update"] = {
    "the start moves away from the ends": moved(lambda outer: -outer),
    "the start jumps to the mean of the ends": moved(lambda outer: 1),
    "the share that stays and the share that moves are exchanged": moved(lambda outer: 1 - outer),
    "this is the move, not the start after it": lambda g, w, *rest: moved()(g, w, *rest) - w,
    "all gradients are taken at the start": joint,
    "only the last step of each task counts": last_step,
    "only the first step of each task is taken": moved(chosen=lambda batches: batches[:1]),
    "all steps see the first batch": moved(chosen=lambda batches: batches[:1] * len(batches)),
    "the batches come in the reverse order": moved(chosen=lambda batches: batches[::-1]),
    "a task begins where the one before it ended": moved(from_the_last=True),
    "the steps have changed w itself": in_place,
    "the start moves after each task": after_each,
    "only the last task moves the start": lambda g, w, tasks, a, e: w + e * (ends_of(g, w, tasks, a)[-1] - w),
    "the moves of the tasks are added": lambda g, w, tasks, a, e: (
        w + e * (ends_of(g, w, tasks, a) - w).sum(0)
    ),
    "your function returns None": lambda *given: None,
    "your result has the shape": lambda g, w, tasks, a, e: ends_of(g, w, tasks, a),
    "your function stops with": lambda g, w, tasks, a, e: g(w, tasks),
}


# Task 3: support and query


@right("picture_task")
def by_names(x, shrink, enlarge):
    y = shrink(x)
    son = shrink(y)
    support, query = (enlarge(son), y), (enlarge(y), x)
    return support, query


@right("picture_task")
def in_a_loop(x, shrink, enlarge):
    pairs = []
    for _ in range(2):
        x, larger = shrink(x), x
        pairs.insert(0, [enlarge(x).numpy(), larger.numpy()])
    return pairs


@right("picture_task")
def as_a_generator(x, shrink, enlarge):
    for target in (shrink(x), x):
        yield enlarge(shrink(target)), target


def pieces(x, shrink, enlarge):
    return shrink(shrink(x)), shrink(x), x


def made(build):
    """A wrong answer from the three sizes of the image: build(enlarge, son, y, x)."""
    return lambda x, shrink, enlarge: build(enlarge, *pieces(x, shrink, enlarge))


WRONG["picture_task"] = {
    "support and query are exchanged": made(lambda e, s, y, x: ((e(y), x), (e(s), y))),
    "your support is the query: its steps see the truth": made(lambda e, s, y, x: [(e(y), x)] * 2),
    "your query is the support": made(lambda e, s, y, x: [(e(s), y)] * 2),
    "support: input and target are exchanged": made(lambda e, s, y, x: ((y, e(s)), (e(y), x))),
    "query: input and target are exchanged": made(lambda e, s, y, x: ((e(s), y), (x, e(y)))),
    "the input of the support is not enlarged": made(lambda e, s, y, x: ((s, y), (e(y), x))),
    "the input of the query is not enlarged": made(lambda e, s, y, x: ((e(s), y), (y, x))),
    "the input of the support is enlarged twice": made(lambda e, s, y, x: ((e(e(s)), y), (e(y), x))),
    "the input of the support is its target": made(lambda e, s, y, x: ((y, y), (e(y), x))),
    "the input of the query is its target": made(lambda e, s, y, x: ((e(s), y), (x, x))),
    "the target of the support is shrunk once too often": made(lambda e, s, y, x: ((e(s), s), (e(y), x))),
    "the target of the query is shrunk once too often": made(lambda e, s, y, x: ((e(s), y), (e(y), y))),
    "the target of the support is its input": made(lambda e, s, y, x: ((e(s), e(s)), (e(y), x))),
    "the target of the query is its input": made(lambda e, s, y, x: ((e(s), y), (e(y), e(y)))),
    "the input of the support is the smaller image y itself": made(lambda e, s, y, x: ((e(y), y), (e(y), x))),
    "the target of the support is the truth": made(lambda e, s, y, x: ((e(s), x), (e(y), x))),
    "expected 2 things, (support, query)": made(lambda e, s, y, x: (e(s), y, e(y), x)),
    "expected 2 things, (input, target)": made(lambda e, s, y, x: ((e(s), y, x), (e(y), x))),
    "your function returns None": lambda *given: None,
    "your function stops with": lambda x, shrink, enlarge: shrink(x) - x,
}


# Task 4: where four methods come to rest


def weighted(weights):
    """The mean of the optima with the weights of a function of method, distance left, curvature, rate, k."""

    def answer(method, curvatures, optima, rate, steps):
        left = (1 - rate * curvatures) ** steps
        q = weights(method, left, curvatures, rate, steps)
        return (q * optima).sum() / q.sum()

    return answer


def weight(method, left, h, *rest):
    return {"maml": h * left**2, "first-order": h * left, "reptile": 1 - left, "joint": h}[method]


right("resting_start")(weighted(weight))


@right("resting_start")
def by_numpy_average(method, curvatures, optima, rate, steps):
    h, left = curvatures.numpy(), np.ones(len(optima))
    for _ in range(steps):
        left = left * (1 - rate * h)
    if method == "reptile":
        return float(np.average(optima.numpy(), weights=1 - left))
    power = {"joint": 0, "first-order": 1, "maml": 2}[method]
    return float(np.average(optima.numpy(), weights=h * left**power))


def parabola(weights, task):
    h, c = task
    return h / 2 * (weights["w"] - c).square()


@right("resting_start")
def by_the_line_of_the_librarys_gradient(method, curvatures, optima, rate, steps):
    """The meta-gradient is a line in w, so two of its values say where it is zero."""
    task = (curvatures, optima)
    one, two = (
        meta_gradient(
            method, parabola, {"w": torch.tensor(w, dtype=torch.float64)}, (task, task), rate, steps
        )[0]["w"]
        for w in (0.0, 1.0)
    )
    return one / (one - two)


def only_in(method, weights):
    """Right for the other methods."""
    return weighted(lambda name, *rest: (weights if name == method else weight)(name, *rest))


WRONG["resting_start"] = {
    "maml: this is where first-order comes to rest": weighted(lambda m, *r: weight("first-order", *r)),
    "maml: this is where joint comes to rest": weighted(lambda m, *r: weight("joint", *r)),
    "maml: this is the plain mean of the optima": weighted(lambda m, left, *r: torch.ones_like(left)),
    "maml: a flat parabola does not count more": weighted(lambda m, left, h, *r: 1 / h),
    "maml: the curvature before the bracket is missing": weighted(lambda m, left, *r: left**2),
    "maml: this is one step too many": weighted(
        lambda m, left, h, a, k: weight(m, (1 - a * h) ** (k + 1), h)
    ),
    "maml: the number of steps has no effect": only_in(
        "maml", lambda m, left, h, a, k: weight(m, 1 - a * h, h)
    ),
    "maml: the rate has no effect": weighted(lambda m, left, h, a, k: weight(m, (1 - h) ** k, h)),
    "first-order: this is where maml comes to rest": only_in("first-order", lambda m, *r: weight("maml", *r)),
    "first-order: the curvature before the bracket is missing": only_in(
        "first-order", lambda m, left, *r: left
    ),
    "reptile: this is where joint comes to rest": only_in("reptile", lambda m, *r: weight("joint", *r)),
    "reptile: this is the plain mean": only_in("reptile", lambda m, left, *r: torch.ones_like(left)),
    "reptile: the way to the optimum is weighted": only_in("reptile", lambda m, left, h, *r: h * (1 - left)),
    "joint: this is the plain mean": only_in("joint", lambda m, left, *r: torch.ones_like(left)),
    "nor averaged": lambda m, h, c, a, k: (weight(m, (1 - a * h) ** k, h) * c).sum(),
    "your result has the shape": lambda m, h, c, a, k: c,
    "your function returns None": lambda *given: None,
}


def test_a_mean_without_the_sum_of_the_weights_is_known(capsys):
    assert ps14.resting_start(lambda m, h, c, a, k: (weight(m, (1 - a * h) ** k, h) * c).mean()) == 0
    assert "the weights are not divided by their sum\n" in capsys.readouterr().out


@pytest.mark.parametrize("method", STARTS)
def test_the_library_stands_still_at_the_resting_start(method):
    h, c = torch.tensor([2.0, 0.3, 1.1]).double(), torch.tensor([1.0, -2.0, 4.0]).double()
    for steps in (1, 4):
        start = ps14._weight(method, h, 0.2, steps)
        rest = {"w": (start * c).sum() / start.sum()}
        gradient, _ = meta_gradient(method, parabola, rest, ((h, c), (h, c)), 0.2, steps)
        assert abs(gradient["w"].item()) < 1e-12


# Task 5: after how many images a training is repaid


def first(scores, target):
    return next((n for n, score in enumerate(scores) if score >= target), math.inf)


@right("images_until_repaid")
def by_dividing(training, plain, learned, target):
    saved = plain[0] * first(plain[1], target) - learned[0] * first(learned[1], target)
    return max(1, math.ceil(training / saved)) if saved > 0 else math.inf


@right("images_until_repaid")
def by_counting(training, plain, learned, target):
    long, short = (seconds * first(scores, target) for seconds, scores in (plain, learned))
    if short >= long:
        return torch.tensor(math.inf)
    images = 1
    while training + images * short > images * long:
        images += 1
    return torch.tensor(images)


@right("images_until_repaid")
def by_numpy_arrays(training, plain, learned, target):
    times = []
    for seconds, scores in (plain, learned):
        there = np.flatnonzero(np.array(scores) >= target)
        times.append(seconds * there[0] if len(there) else np.inf)
    with np.errstate(divide="ignore"):
        return np.float32(np.inf) if times[0] <= times[1] else np.ceil(training / (times[0] - times[1]))


def repaid(needed, learned_needs=None, rounded=math.ceil):
    """By dividing, with another count of seconds: needed(seconds, scores, target)."""

    def answer(training, plain, learned, target):
        saved = needed(*plain, target) - (learned_needs or needed)(*learned, target)
        return rounded(training / saved) if saved > 0 else math.inf

    return answer


def until(seconds, scores, target):
    return seconds * first(scores, target)


def of_another(seconds):
    def answer(training, plain, learned, target):
        other = {"plain": plain, "learned": learned}[seconds][0]
        return by_dividing(training, (other, plain[1]), (other, learned[1]), target)

    return answer


WRONG["images_until_repaid"] = {
    "this is not rounded up": repaid(until, rounded=lambda value: value),
    "this is rounded down": repaid(until, rounded=math.floor),
    "this is one image too many": repaid(until, rounded=lambda value: math.floor(value) + 1),
    "you count the updates from one": repaid(lambda s, scores, t: s * (first(scores, t) + 1)),
    "you go on to the best score": repaid(lambda s, scores, t: s * scores.index(max(scores))),
    "you go on to the end of both curves": repaid(lambda s, scores, t: s * (len(scores) - 1)),
    "you count the updates below the target": repaid(
        lambda s, scores, t: s * sum(v < t for v in scores) if max(scores) >= t else math.inf
    ),
    "the updates of the learned start are left out": repaid(until, lambda *given: 0),
    "you subtract updates, not seconds": repaid(lambda s, scores, t: first(scores, t)),
    "both starts have the seconds of the plain one": of_another("plain"),
    "both starts have the seconds of the learned one": of_another("learned"),
    "slower: this training is never repaid": lambda training, plain, learned, target: (
        math.ceil(training / (until(*plain, target) - until(*learned, target)))
        if first(learned[1], target) < math.inf
        else math.inf
    ),
    "never: this training is never repaid": lambda training, plain, learned, target: (
        1 if first(learned[1], target) == math.inf else by_dividing(training, plain, learned, target)
    ),
    "later: the training is repaid, and you say never": lambda *given: math.inf,
    "your function returns None": lambda *given: None,
    "your function stops with": lambda training, plain, learned, target: learned[1].index(target),
}


# Task 6: four runs that fail


right("causes")(dict(BANK.causes))
right("causes")(
    {
        "D": " no way back to the start.",
        "C": "query of another task",
        "B": "same tasks again",
        "A": "other rate at test",
        "E": 3,
    }
)

BANK.add_wrong_causes("overfitting")


# Is the evidence in the failing runs what the causes and the refutations say?


@pytest.fixture(scope="module")
def runs():
    return {letter: ps14.failing_run(letter) for letter in "ABCD"}


def error(run, count=100):
    return sum(test["error"] for test in run["test"][:count]) / count


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_good_run_adapts_and_each_of_these_fails(runs):
    assert error(ps14._run("nothing")) < 1.8
    assert min(error(run) for run in runs.values()) > 2.2
    assert error(runs["D"], 10) < error(runs["D"]) - 0.5  # it begins well


def test_only_the_step_of_run_a_has_another_rate(runs):
    rates = {}
    for letter, run in runs.items():
        test = run["test"][1]
        slopes = torch.func.grad(squared_error)(test["before"], test["support"])
        step = {name: test["before"][name] - test["after"][name] for name in slopes}
        rates[letter] = float(step["bias 2"] / slopes["bias 2"])
    assert rates == pytest.approx({"A": 0.002, "B": 0.02, "C": 0.02, "D": 0.02}, rel=0.02)


def test_only_run_b_sees_the_same_tasks_again(runs):
    repeated = {
        letter: torch.equal(run["tasks"][0][0][1], run["tasks"][1][0][1]) for letter, run in runs.items()
    }
    assert [letter for letter, value in repeated.items() if value] == ["B"]
    assert runs["B"]["losses"][-1] < min(sum(runs[letter]["losses"][-30:]) / 30 for letter in "ACD")


def test_only_the_queries_of_run_c_are_of_other_sines(runs):
    def features(x):
        return torch.cat([x.sin(), x.cos()], -1)

    for letter, run in runs.items():
        (x, y), (others, values) = run["tasks"][3]
        fitted = torch.linalg.lstsq(features(x), y).solution
        meets = torch.allclose(features(others) @ fitted, values, atol=1e-2)
        assert meets == (letter != "C")
        assert not torch.equal(x, others)


def test_only_run_d_does_not_return_to_the_start_and_every_start_has_learned(runs):
    for letter, run in runs.items():
        assert all(same(test["before"], run["start"]) for test in run["test"][1:]) == (letter != "D")
        assert not same(run["start"], run["first"])
        expected, _ = meta_gradient("maml", squared_error, run["first"], run["tasks"][0], 0.02)
        first, _ = meta_gradient("first-order", squared_error, run["first"], run["tasks"][0], 0.02)
        assert all(torch.allclose(run["meta_gradient"][name], expected[name]) for name in expected)
        assert not torch.allclose(first["weight 1"], expected["weight 1"], rtol=1e-2)


# Wrong answers that get no diagnosis of their own.
ALSO_WRONG = {
    "three weights": ("gradient_through_step", lambda w, *rest: by_the_formula(w, *rest)[:3]),
    "equal numbers of points": (
        "gradient_through_step",
        lambda w, s, q, a: by_the_formula(w, s, q, a) * len(q[1]) / len(s[1]),
    ),
    "three steps": (
        "reptile_update",
        lambda g, w, tasks, a, e: moved(chosen=lambda b: b[:3])(g, w, tasks, a, e),
    ),
    "gray images": ("picture_task", lambda x, s, e: by_names(x[:, :1], s, e)),
    "one channel for all": (
        "picture_task",
        lambda x, s, e: by_names(x.mean(1, keepdim=True).expand_as(x), s, e),
    ),
    "steps that never overshoot": (
        "resting_start",
        weighted(lambda m, left, h, a, k: weight(m, (1 - a * h).clamp(min=0) ** k, h)),
    ),
}


@pytest.mark.parametrize("seed", [0, 1, 5, 77, 2357])
@pytest.mark.parametrize("name", ALSO_WRONG)
def test_wrong_answer_is_refused_with_any_seed(name, seed):
    task, answer = ALSO_WRONG[name]
    assert getattr(ps14, task)(answer, seed=seed) == 0


def test_right_answers_hold_with_many_seeds():
    answers = {
        "gradient_through_step": by_numpy,
        "reptile_update": by_sums_of_gradients,
        "picture_task": in_a_loop,
        "resting_start": by_numpy_average,
        "images_until_repaid": by_counting,
    }
    for seed in range(10, 22):
        for task, answer in answers.items():
            assert getattr(ps14, task)(answer, seed=seed) == getattr(ps14, task).points


def test_an_answer_may_use_up_what_it_was_given():
    def gradient(w, support, query, rate):
        (X, y), (Z, z) = support, query
        y -= X @ w
        w += 2 * rate / len(y) * X.T @ y
        z -= Z @ w
        slope = -2 / len(z) * Z.T @ z
        return slope - 2 * rate / len(y) * X.T @ (X @ slope)

    def images(training, plain, learned, target):
        def seconds(start):
            updates = 0
            while start[1]:
                if start[1].pop(0) >= target:
                    return updates * start[0]
                updates += 1
            return math.inf

        saved = seconds(plain) - seconds(learned)
        return math.ceil(training / saved) if saved > 0 else math.inf

    assert ps14.gradient_through_step(gradient) == 3
    assert ps14.images_until_repaid(images) == 2


def test_who_uses_autograd_is_not_sent_to_a_cell_where_it_would_work(capsys):
    ps14.gradient_through_step(backward)
    assert "call it yourself" not in capsys.readouterr().out
