"""Learning a start: meta-gradients are those of finite differences, and each method differs where it must."""

import math

import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import mzsr
from dil_course.adaptation.meta_learning import STARTS, inner_steps, learn_start, meta_gradient
from dil_course.adaptation.sinusoid import fitted_sine, sine_network, sinusoids, squared_error
from dil_course.from_scratch.internal_pairs import pair
from dil_course.networks import ResidualNetwork
from dil_course.signals import BlurDownsample, enlarge, gaussian_kernel, luma, picture

RATE = 0.05


def smooth(weights, data):
    """Mean squared error of a tiny network 1-3-1 without kinks: finite differences then hold everywhere."""
    x, y = data
    hidden = torch.tanh(x @ weights["in"] + weights["bias"])
    return (hidden @ weights["out"] - y).square().mean()


def tiny(seed=0):
    """Its weights in double precision, and three tasks."""
    draw = runtime.generator(seed, "tiny")
    shapes = {"in": (1, 3), "bias": (3,), "out": (3, 1)}
    weights = {n: torch.randn(shape, generator=draw, dtype=torch.float64) for n, shape in shapes.items()}
    tasks = tuple(
        tuple(torch.randn(3, 6, 1, generator=draw, dtype=torch.float64) for _ in range(2)) for _ in range(2)
    )
    return weights, tasks


def task(tasks, number):
    return tuple(tuple(z[number] for z in part) for part in tasks)


def after(weights, tasks, steps):
    """The mean query loss after the steps, by hand: autograd.grad, one task after the other."""
    losses = []
    for number in range(3):
        support, query = task(tasks, number)
        adapted = {name: value.clone().requires_grad_() for name, value in weights.items()}
        for _ in range(steps):
            gradients = torch.autograd.grad(smooth(adapted, support), list(adapted.values()))
            adapted = {
                name: (value - RATE * gradient).detach().requires_grad_()
                for (name, value), gradient in zip(adapted.items(), gradients, strict=True)
            }
        losses.append(smooth(adapted, query).detach())
    return torch.stack(losses).mean()


def finite_differences(function, weights, size=1e-5):
    gradients = {}
    for name, value in weights.items():
        gradient = torch.zeros_like(value)
        for place in range(value.numel()):
            moved = []
            for sign in (1, -1):
                changed = {other: kept.clone() for other, kept in weights.items()}
                changed[name].view(-1)[place] += sign * size
                moved.append(function(changed))
            gradient.view(-1)[place] = (moved[0] - moved[1]) / (2 * size)
        gradients[name] = gradient
    return gradients


def distance(a, b):
    """Relative, over all weights together."""
    difference = math.sqrt(sum(float((a[name] - b[name]).square().sum()) for name in a))
    return difference / math.sqrt(sum(float(value.square().sum()) for value in b.values()))


@pytest.mark.parametrize("steps", [1, 3])
def test_the_gradient_of_maml_is_that_of_finite_differences_and_first_order_is_not(steps):
    weights, tasks = tiny()
    exact = finite_differences(lambda changed: after(changed, tasks, steps), weights)
    gradient, loss = meta_gradient("maml", smooth, weights, tasks, RATE, steps)
    assert distance(gradient, exact) < 1e-7
    assert float(loss) == pytest.approx(float(after(weights, tasks, steps)), rel=1e-10)
    first, same_loss = meta_gradient("first-order", smooth, weights, tasks, RATE, steps)
    assert float(same_loss) == pytest.approx(float(loss), rel=1e-10)
    assert distance(first, exact) > 0.01


def test_second_derivatives_scale_the_gradient_of_a_parabola():
    """Loss h (w - c)^2 / 2: a step leaves (1 - rate h) of the distance to c, and that is d w' / d w, too."""

    def parabola(weights, data):
        h, c = data
        return (h * (weights["w"] - c).square() / 2).sum()

    h, tasks = torch.tensor([[3.0]]), None
    support, query = (h, torch.tensor([[1.0]])), (h, torch.tensor([[2.0]]))
    tasks, weights = (support, query), {"w": torch.tensor([4.0])}
    ahead = 4 - 0.1 * 3 * (4 - 1)
    first, _ = meta_gradient("first-order", parabola, weights, tasks, 0.1)
    second, _ = meta_gradient("maml", parabola, weights, tasks, 0.1)
    assert first["w"].item() == pytest.approx(3 * (ahead - 2), rel=1e-6)
    assert second["w"].item() == pytest.approx((1 - 0.1 * 3) * 3 * (ahead - 2), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2])
def test_first_order_is_the_query_gradient_where_the_steps_end(steps):
    weights, tasks = tiny(1)
    total = dict.fromkeys(weights, 0.0)
    for number in range(3):
        support, query = task(tasks, number)
        *_, end = inner_steps(smooth, weights, support, RATE, steps)
        for name, gradient in torch.func.grad(smooth)(end, query).items():
            total[name] = total[name] + gradient / 3
    assert distance(meta_gradient("first-order", smooth, weights, tasks, RATE, steps)[0], total) < 1e-12


def test_reptile_with_one_step_is_joint_training_and_with_two_it_is_not():
    weights, tasks = tiny(2)
    swapped = tasks[::-1]  # Reptile's first step sees the support, joint training the query
    joint, _ = meta_gradient("joint", smooth, weights, swapped, RATE)
    one, _ = meta_gradient("reptile", smooth, weights, tasks, RATE, 1)
    two, _ = meta_gradient("reptile", smooth, weights, tasks, RATE, 2)
    assert distance(one, joint) < 1e-10
    both = {name: joint[name] + gradient for name, gradient in
            meta_gradient("joint", smooth, weights, tasks, RATE)[0].items()}  # fmt: skip
    assert distance(two, both) > 1e-3


def test_reptile_steps_on_support_and_query_in_turn():
    weights, tasks = tiny(2)
    moved, losses = dict.fromkeys(weights, 0.0), []
    for number in range(3):
        support, query = task(tasks, number)
        end = weights
        for data in (support, query, support):
            *_, end = inner_steps(smooth, end, data, RATE)
        moved = {name: moved[name] + (weights[name] - end[name]) / (3 * RATE) for name in weights}
        losses.append(float(smooth(end, query)))
    gradient, loss = meta_gradient("reptile", smooth, weights, tasks, RATE, 3)
    assert distance(gradient, moved) < 1e-12
    assert float(loss) == pytest.approx(sum(losses) / 3, rel=1e-12)


@pytest.mark.parametrize("method", STARTS)
def test_a_meta_gradient_of_weights_with_a_graph_has_none(method):
    weights, tasks = tiny(2)
    gradient, loss = meta_gradient(
        method, smooth, {name: value.requires_grad_() for name, value in weights.items()}, tasks, RATE
    )
    assert not loss.requires_grad and not any(value.requires_grad for value in gradient.values())


def test_without_create_graph_maml_is_silently_first_order():
    weights, tasks = tiny(3)
    for create_graph, method in ((True, "maml"), (False, "first-order")):
        start = {name: value.clone().requires_grad_() for name, value in weights.items()}
        losses = []
        for number in range(3):
            support, query = task(tasks, number)
            slopes = torch.autograd.grad(
                smooth(start, support), list(start.values()), create_graph=create_graph
            )
            adapted = {
                name: value - RATE * slope for (name, value), slope in zip(start.items(), slopes, strict=True)
            }
            losses.append(smooth(adapted, query))
        torch.stack(losses).mean().backward()
        gradient = {name: value.grad for name, value in start.items()}
        other = "first-order" if create_graph else "maml"
        assert distance(gradient, meta_gradient(method, smooth, weights, tasks, RATE)[0]) < 1e-12
        assert distance(gradient, meta_gradient(other, smooth, weights, tasks, RATE)[0]) > 1e-2


@pytest.mark.parametrize("second_order", [True, False])
def test_inner_steps_can_be_differentiated_by_autograd(second_order):
    weights, tasks = tiny(4)
    start = {name: value.clone().requires_grad_() for name, value in weights.items()}
    losses = []
    for number in range(3):
        support, query = task(tasks, number)
        *_, adapted = inner_steps(smooth, start, support, RATE, 2, second_order)
        losses.append(smooth(adapted, query))
    torch.stack(losses).mean().backward()
    expected, _ = meta_gradient("maml" if second_order else "first-order", smooth, weights, tasks, RATE, 2)
    assert distance({name: value.grad for name, value in start.items()}, expected) < 1e-12


def sines(seed):
    draw = runtime.generator(seed, "tasks")
    return lambda: sinusoids(25, draw)


@pytest.mark.parametrize("method", STARTS)
def test_learning_a_start_is_repeatable_and_leaves_the_first_weights(method):
    first = sine_network(0, width=8)
    kept = {name: value.clone() for name, value in first.items()}
    ends = []
    for _ in range(2):
        *_, (weights, loss) = learn_start(method, squared_error, first, sines(0), 3, 0.01, 2)
        assert math.isfinite(loss)
        ends.append(weights)
    assert all(torch.equal(first[name], kept[name]) for name in first)
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in first)
    assert any(not torch.equal(ends[0][name], first[name]) for name in first)


def test_learning_a_start_is_adam_on_new_tasks_at_a_rate_that_falls_along_a_cosine():
    weights, _ = tiny()
    draws = [tiny(seed)[1] for seed in (5, 6, 7)]
    *_, (learned, _) = learn_start("maml", smooth, weights, iter(draws).__next__, 3, RATE, 2, meta_rate=0.1)
    mean, square = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0.0)
    for number, (tasks, rate) in enumerate(zip(draws, (0.1, 0.075, 0.025), strict=True), 1):
        gradients, _ = meta_gradient("maml", smooth, weights, tasks, RATE, 2)
        for name, gradient in gradients.items():
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient**2
            root = (square[name] / (1 - 0.999**number)).sqrt() + 1e-8
            weights[name] = weights[name] - rate * mean[name] / (1 - 0.9**number) / root
    assert distance(learned, weights) < 1e-10


@pytest.mark.parametrize(
    "change",
    [
        {"method": "mamal"}, {"loss": 3}, {"weights": []}, {"draw": 3}, {"iterations": 0}, {"rate": 0},
        {"steps": 0}, {"meta_rate": -1},
    ],
)  # fmt: skip
def test_learning_a_start_refuses_bad_input_before_any_compute(change):
    given = {"method": "maml", "loss": smooth, "weights": tiny()[0], "draw": tiny, "iterations": 1}
    with pytest.raises((TypeError, ValueError), match=next(iter(change))):
        learn_start(**{**given, "rate": RATE} | change)


def test_sinusoids_are_what_the_paper_says():
    (x, y), (others, values) = sinusoids(400, runtime.generator(0, "tasks"))
    assert x.shape == y.shape == others.shape == values.shape == (400, 10, 1)
    assert -5 <= x.min() < -4.9 and 4.9 < x.max() <= 5 and y.abs().max() <= 5
    assert not torch.equal(x, others)
    # Support and query are of one sine: amplitude and phase fit to the one explain the other.
    basis = [torch.cat([z.sin(), z.cos()], -1) for z in (x, others)]
    fitted = torch.linalg.lstsq(basis[0].double(), y.double()).solution
    assert torch.allclose(basis[1].double() @ fitted, values.double(), atol=1e-2)
    amplitude = fitted.square().sum(1).sqrt()
    assert 0.1 <= amplitude.min() < 0.3 and 4.7 < amplitude.max() <= 5.01
    phase = torch.atan2(-fitted[:, 1], fitted[:, 0])  # of amplitude sin(x - phase)
    assert -0.01 < phase.min() < 0.1 and 3.04 < phase.max() < math.pi + 0.01


def test_the_sine_network_is_drawn_as_by_torch_nn_linear():
    weights = sine_network(1, width=50)
    assert not torch.equal(weights["weight 1"], sine_network(2, width=50)["weight 1"])
    for number, inputs in enumerate((1, 50, 50)):
        layer = torch.nn.Linear(inputs, 50 if number < 2 else 1)
        for part, bound in (("weight", inputs**-0.5), ("bias", inputs**-0.5)):
            drawn = weights[f"{part} {number}"]
            assert drawn.shape == getattr(layer, part).shape and drawn.abs().max() <= bound
            if drawn.numel() > 1:
                assert drawn.min() < -0.8 * bound and drawn.max() > 0.8 * bound


def test_the_sine_network_is_the_one_of_its_formula():
    weights, x = sine_network(2, width=5), torch.linspace(-5, 5, 7)[:, None]
    hidden = (x @ weights["weight 0"].T + weights["bias 0"]).clamp(min=0)
    hidden = (hidden @ weights["weight 1"].T + weights["bias 1"]).clamp(min=0)
    expected = hidden @ weights["weight 2"].T + weights["bias 2"]
    assert expected.min() < 0 < expected.max()  # so that a ReLU at the end would show
    assert torch.allclose(fitted_sine(weights, x), expected, atol=1e-6)
    torch.testing.assert_close(squared_error(weights, (x, x.sin())), ((expected - x.sin()) ** 2).mean())


# Super-resolution


def case(side=40):
    A = BlurDownsample(gaussian_kernel(16, (1.8, 1.1), angle=30), 2)
    return A(luma(picture("camera", side))), A


def small(seed=0):
    with runtime.seeded(seed):
        return ResidualNetwork(1, 4, 3, cells=2)


def test_mzsr_is_plain_descent_on_y_and_its_son():
    (y, A), network = case(), small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    steps = list(mzsr(y, A, network, 3, 0.1))
    assert [step.iteration for step in steps] == [1, 2, 3, 4] and steps[0].total == 4
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    by_hand, (son, father) = small(), pair(y, A)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1)
    for step in steps:
        loss = (by_hand(son) - father).square().mean()
        assert float(step.loss) == pytest.approx(loss.item(), rel=1e-5)
        assert torch.allclose(step.estimate, by_hand(enlarge(y, A)).clamp(0, 1), atol=1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert steps[-1].loss < steps[0].loss


def test_mzsr_clips_its_estimates_and_computes_in_evaluation_mode():
    (y, A), network = case(), small().train()
    network.body.append(torch.nn.Dropout(0.5))
    with torch.no_grad():
        network.body[-2].bias.fill_(0.7)
    *_, step = mzsr(y, A, network, 1, 1e-9)
    network.eval()
    raw = network(enlarge(y, A)).detach()
    assert raw.max() > 1 and step.averaged
    torch.testing.assert_close(step.estimate, raw.clamp(0, 1))
    network.train()
    list(mzsr(y, A, network, 1))
    assert network.training


def test_mzsr_adds_noise_to_the_son_only_and_from_the_seed():
    (y, A), network = case(), small()
    settings = ((0.0, 0), (0.1, 0), (0.1, 0), (0.1, 1))
    quiet, noisy, again, other = (list(mzsr(y, A, network, 1, 0.1, noise, seed)) for noise, seed in settings)
    assert torch.equal(quiet[0].estimate, noisy[0].estimate)
    assert not torch.equal(quiet[1].estimate, noisy[1].estimate)
    assert torch.equal(noisy[1].estimate, again[1].estimate)
    assert not torch.equal(noisy[1].estimate, other[1].estimate)


@pytest.mark.parametrize("sides", [(25, 28), (26, 29), (29, 27)])
def test_a_network_on_cells_takes_odd_sides_and_begins_its_cells_at_the_corner(sides):
    network, x = small(), torch.rand(1, 1, *sides, generator=runtime.generator(0, "x"))
    with torch.no_grad():
        made, even = network(x), network(x[..., : sides[0] // 2 * 2, : sides[1] // 2 * 2])
        assert made.shape == x.shape
        inside = slice(None, -2 * (network.depth + 2))  # what does not see the right or lower border
        assert torch.allclose(made[..., : even.shape[-2], : even.shape[-1]][..., inside, inside],
                              even[..., inside, inside], atol=1e-6)  # fmt: skip
        network.body[-1].weight.zero_()
        assert torch.equal(network(x), x)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"y": torch.rand(1, 1, 12, 12)}, ValueError, "y"),
        ({"y": torch.rand(1, 3, 20, 20)}, ValueError, "made for 1 channels, but y has 3"),
        ({"A": lambda x: x}, TypeError, "A"),
        ({"network": lambda x: x}, TypeError, "network"),
        ({"updates": 0}, ValueError, "updates"),
        ({"learning_rate": -1}, ValueError, "learning_rate"),
        ({"noise": 25}, ValueError, "/ 255"),
    ],
)
def test_mzsr_refuses_bad_input_before_any_compute(change, error, says):
    y, A = case()
    with pytest.raises(error, match=says):
        mzsr(**{"y": y, "A": A, "network": small()} | change)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"method": "mamal"}, ValueError, "method"),
        ({"loss": 3}, TypeError, "loss"),
        ({"weights": torch.zeros(3)}, TypeError, "named_parameters"),
        ({"tasks": torch.zeros(3)}, TypeError, "support, query"),
        ({"rate": 0}, ValueError, "rate"),
        ({"steps": 0}, ValueError, "steps"),
    ],
)
def test_a_meta_gradient_refuses_bad_input(change, error, says):
    weights, tasks = tiny()
    given = {"method": "maml", "loss": smooth, "weights": weights, "tasks": tasks, "rate": RATE} | change
    with pytest.raises(error, match=says):
        meta_gradient(**given)


@pytest.mark.parametrize("change", [{"second_order": 1}, {"steps": 0}, {"rate": -1}, {"loss": 3}])
def test_inner_steps_refuse_bad_input_before_any_compute(change):
    weights, (support, _) = tiny()
    given = {"loss": smooth, "weights": weights, "data": support, "rate": RATE} | change
    with pytest.raises((TypeError, ValueError), match=next(iter(change))):
        inner_steps(**given)
