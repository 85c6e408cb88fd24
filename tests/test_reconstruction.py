"""Networks that reconstruct and their adaptation to one scan: each step by hand, and what must not leak."""

import copy
import importlib
import math

import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import (
    adapt_by_splitting,
    adapt_reconstruction,
    plug_and_play,
    reuse_and_regularize,
)
from dil_course.adaptation.forward_model import nearest
from dil_course.fitting import run
from dil_course.networks import Denoiser, UnrolledNetwork, trained
from dil_course.signals import (
    Blur,
    Fourier,
    Identity,
    gaussian_kernel,
    line_mask,
    mr_slice,
    phantoms,
    psnr,
    split_lines,
)
from dil_course.signals.ellipses import inside

DRAWN = importlib.import_module("dil_course.signals.phantoms")
HEIGHT, WIDTH = 16, 24


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def scan(seed=0, acceleration=3):
    A = Fourier(line_mask(HEIGHT, WIDTH, acceleration, seed=seed))
    return A(phantoms(1, HEIGHT, WIDTH, seed=seed)), A


def unrolled(seed=0, steps=2):
    with runtime.seeded(seed):
        network = UnrolledNetwork(steps, 6, 3)
        for weights in network.parameters():
            torch.nn.init.normal_(weights, std=0.2)
    return network.eval()


@pytest.mark.parametrize("sides", [(16, 24), (15, 17), (15, 24)])
def test_the_network_is_gradient_steps_on_the_data_with_a_correction_between(sides):
    network, A = unrolled(), Fourier(line_mask(*sides, 3))
    y = A(rand(1, 1, *sides))
    x = A.adjoint(y)
    for length in network.lengths:
        variable = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad((A(variable) - y).square().sum() / 2, variable)
        x = x - length * slope
        padded = torch.nn.functional.pad(x, (0, sides[1] % 2, 0, sides[0] % 2), mode="replicate")
        cells = torch.nn.functional.pixel_unshuffle(padded, 2)
        made = torch.nn.functional.pixel_shuffle(network.body(cells), 2)
        x = x + made[..., : sides[0], : sides[1]]
    torch.testing.assert_close(network(y, A), x)


def test_the_network_has_the_gradient_of_what_it_computes():
    network, A = unrolled(), Fourier(line_mask(8, 12, 3))
    network, y = network.double(), A(rand(1, 1, 8, 12).double())
    network(y, A).square().sum().backward()
    for weights in network.parameters():
        values, slope, made = weights.data.flatten(), weights.grad.flatten()[0].item(), []
        for change in (1e-5, -2e-5):
            values[0] += change
            made.append(network(y, A).square().sum().item())
        values[0] += 1e-5
        assert slope == pytest.approx((made[0] - made[1]) / 2e-5, rel=1e-4)
    assert "lengths" in dict(network.named_parameters())


def test_a_network_begins_with_small_corrections_that_are_not_linear():
    x = rand(1, 1, 16, 16) - 0.5
    for seed in range(3):
        with runtime.seeded(seed), torch.no_grad():
            network = UnrolledNetwork(2, 20, 4)
            up, down = network.correction(x), network.correction(-x)
        assert 0 < up.norm() < 0.3 * x.norm() and (up + down).norm() > 0.3 * up.norm()
    with pytest.raises(TypeError, match="A: expected"):
        network(x, None)


def test_without_corrections_more_steps_explain_the_data_better():
    y, A = scan()
    misfits = []
    for steps in (1, 3, 6):
        network = UnrolledNetwork(steps, 6, 3)
        torch.nn.init.zeros_(network.body[-1].weight)
        misfits.append((A(network(y, A)) - y).square().sum().item())
    assert misfits[0] > 2 * misfits[1] > 4 * misfits[2]


def test_without_corrections_five_steps_are_zero_filling_up_to_a_64th():
    y, A = scan()
    network, filled = UnrolledNetwork(5, 6, 3), A.pinv(y)
    torch.nn.init.zeros_(network.body[-1].weight)
    assert 0 < (network(y, A) - filled).norm() <= filled.norm() / 64
    torch.testing.assert_close(A(filled), y, atol=1e-5, rtol=0)


def test_phantoms_are_images_of_their_own_and_of_their_seed():
    x = phantoms(3, 40, 48, seed=1)
    assert x.shape == (3, 1, 40, 48) and x.min() == 0 and 0.5 < x.max() <= 1
    assert torch.equal(x, phantoms(3, 40, 48, seed=1)) and torch.equal(x[:2], phantoms(2, 40, 48, seed=1))
    assert (x[0] - x[1]).abs().mean() > 0.02 and (x - phantoms(3, 40, 48, seed=2)).abs().mean() > 0.02
    assert (x[..., :2, :2] == 0).all()  # the corners lie outside of the body

    assert phantoms(1, 16).shape == (1, 1, 16, 16)


def test_an_ellipse_covers_its_inside_and_its_edge_is_a_pixel_wide():
    down, right = torch.meshgrid(*2 * [torch.linspace(-1, 1, 41)], indexing="ij")
    circle = inside(down, right, *torch.tensor([0.7, 0.7, 0.0]), 41)
    distance = 41 / 2 * (0.7 - (down**2 + right**2).sqrt())
    torch.testing.assert_close(circle, (distance + 0.5).clamp(0, 1), atol=1e-5, rtol=0)
    flat = inside(down, right, *torch.tensor([0.8, 0.33, 0.0]), 41)
    shortest = 41 / 2 * (0.33 - down[:, 20].abs())
    torch.testing.assert_close(flat[:, 20], (shortest + 0.5).clamp(0, 1), atol=1e-5, rtol=0)
    wide, rows = DRAWN.ellipse(31, 51, 0, 0, 0.5, 0.5, 0)[0, 0, :, 25], torch.linspace(-1, 1, 31)
    torch.testing.assert_close(wide, (31 / 2 * (0.5 - rows.abs()) + 0.5).clamp(0, 1), atol=1e-5, rtol=0)
    turned = DRAWN.ellipse(30, 50, 0.2, -0.3, 0.6, 0.2, 0.5)[0, 0]
    y, x = torch.linspace(-1, 1, 30)[:, None] - 0.2, torch.linspace(-1, 1, 50) + 0.3
    along, across = math.cos(0.5) * x + math.sin(0.5) * y, math.cos(0.5) * y - math.sin(0.5) * x
    assert torch.equal(turned > 0.5, (along / 0.6) ** 2 + (across / 0.2) ** 2 < 1)


def test_phantoms_are_a_bright_rim_a_body_and_4_to_12_ellipses(monkeypatch):
    drawn, ellipse, counts, darker, turns, axes = [], DRAWN.ellipse, set(), False, [], []

    def noted(*given):
        drawn.append(given[2:])
        masks.append(ellipse(*given))
        return masks[-1]

    monkeypatch.setattr(DRAWN, "ellipse", noted)
    for seed in range(40):
        drawn, masks = [], []
        x = phantoms(1, 32, seed=seed)
        (outer, inner, *others), outline = masks, drawn[0]
        assert outline[:2] == (0, 0) and all(0.7 <= axis <= 0.95 for axis in outline[2:4])
        rims = [wide - narrow for wide, narrow in zip(outline[2:4], drawn[1][2:4], strict=True)]
        assert rims[0] == pytest.approx(rims[1]) and 0.04 <= rims[0] <= 0.12 and drawn[1][4] == outline[4]
        for row, column, across, down, angle in drawn[2:]:
            assert math.hypot(row, column) <= 0.6 and 0 <= angle <= math.pi
            axes += [across, down]
            turns.append(abs(math.atan2(row, column)))
        counts.add(len(others))
        bare = x[(inner == 1) & (sum(others) == 0)]
        if len(bare):
            assert 0.2 <= bare[0] <= 0.5 and bare.max() - bare.min() < 1e-6
            darker |= bool((x[inner == 1] < bare[0] - 0.1).any())
        rim = x[(outer == 1) & (inner == 0)]
        assert len(rim) == 0 or (0.6 <= rim.min() <= 1 and rim.max() - rim.min() < 1e-6)
    assert 0.03 <= min(axes) < 0.05 and 0.33 < max(axes) <= 0.35
    assert counts == set(range(4, 13)) and darker and min(turns) < 0.3 and max(turns) > 2.8


def by_hand(network, y, A, iterations, objective, learning_rate=1e-3):
    network = copy.deepcopy(network)
    optimizer, made = torch.optim.Adam(network.parameters(), lr=learning_rate), []
    for iteration in range(1, iterations + 1):
        made.append(network(y, A).detach())
        optimizer.zero_grad()
        objective(network, iteration).backward()
        optimizer.step()
    return made


@pytest.mark.parametrize("anchor", [0.0, 0.5])
def test_test_time_training_goes_down_the_relative_misfit_to_the_scan(anchor):
    (y, A), network = scan(), unrolled()
    first = copy.deepcopy(network.state_dict())

    def objective(network, iteration):
        moved = sum((weights - first[name]).square().sum() for name, weights in network.named_parameters())
        return (A(network(y, A)) - y).abs().sum() / y.abs().sum() + anchor * moved

    wanted = by_hand(network, y, A, 4, objective)
    steps = list(adapt_reconstruction(y, A, network, iterations=4, learning_rate=1e-3, anchor=anchor))
    for step, estimate in zip(steps, wanted, strict=True):
        torch.testing.assert_close(step.estimate, estimate, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(first[name], weights) for name, weights in network.state_dict().items())
    assert steps[-1].loss < steps[0].loss


def test_splitting_goes_down_the_misfit_of_the_lines_that_it_draws():
    (y, A), network = scan(acceleration=2), unrolled()

    def objective(network, iteration):
        given, wanted = split_lines(A.mask, 0.5, seed=2000 + iteration)
        missed = wanted * (A(network(y * given, Fourier(given))) - y)
        return missed.abs().sum() / (wanted * y).abs().sum() / 2 + missed.norm() / (wanted * y).norm() / 2

    settings = dict(share=0.5, iterations=4, learning_rate=2e-3, seed=2)
    steps = list(adapt_by_splitting(y, A, network, **settings))
    for step, estimate in zip(steps, by_hand(network, y, A, 4, objective, 2e-3), strict=True):
        torch.testing.assert_close(step.estimate, estimate, atol=1e-5, rtol=1e-4)
    assert steps[0].loss.item() == pytest.approx(objective(network, 1).item(), rel=1e-5)


@pytest.mark.parametrize("adapt", [adapt_reconstruction, adapt_by_splitting])
def test_a_step_is_the_adapted_network_and_what_it_makes_of_y(adapt):
    (y, A), network = scan(acceleration=2), unrolled().train()
    before = copy.deepcopy(network.state_dict())
    steps = list(adapt(y, A, network, iterations=3, learning_rate=1e-2))
    for step in adapt(y, A, network, iterations=3, learning_rate=1e-2):
        torch.testing.assert_close(step.network(y, A), step.estimate)
        assert not (step.estimate.requires_grad or step.loss.requires_grad or step.network.training)
    assert torch.equal(steps[0].estimate, network(y, A))
    assert torch.equal(
        run(adapt(y, A, network, iterations=3, learning_rate=1e-2)).estimate, steps[-1].estimate
    )
    assert network.training and all(torch.equal(before[name], w) for name, w in network.state_dict().items())
    assert next(adapt(y, A, network)).total == runtime.pick(quick=100, full=500)


@pytest.mark.parametrize("adapt", [adapt_reconstruction, adapt_by_splitting])
def test_only_what_is_free_changes_and_low_rank_updates_begin_at_the_seed(adapt):
    (y, A), network = scan(acceleration=2), unrolled()

    def last(what, seed):
        return list(adapt(y, A, network, what=what, iterations=3, learning_rate=1e-2, seed=seed))[-1]

    assert torch.equal(last("gain", 0).network.lengths, network.lengths)
    assert all(w.requires_grad == ("gain" in n) for n, w in last("gain", 0).network.named_parameters())
    drawn = [last("low-rank", seed) for seed in (0, 1, 1)]
    first, other, again = ([w for w in step.network.parameters() if w.requires_grad] for step in drawn)
    assert torch.equal(drawn[1].estimate, drawn[2].estimate)
    assert not torch.equal(first[0], other[0]) and torch.equal(other[0], again[0])


class Failing(UnrolledNetwork):
    """From the fifth call on, its images are not finite."""

    calls = 0

    def forward(self, y, A):
        type(self).calls += 1
        return super().forward(y, A) * (1 if type(self).calls < 5 else math.nan)


@pytest.mark.parametrize("adapt", [adapt_reconstruction, adapt_by_splitting])
def test_a_run_that_fails_ends_with_the_trained_network_s_result(adapt):
    y, A = scan(acceleration=2)
    Failing.calls = 0
    first, *_, last = adapt(y, A, Failing(2, 6, 3), iterations=20)
    assert last.iteration < 20 and torch.equal(first.estimate, last.estimate) and last.network is None


@pytest.mark.parametrize("loss", ["supervised", "joint"])
def test_on_one_scan_two_trained_networks_meet_at_zero_filling(loss):
    """One starts below it, the other above."""
    x = mr_slice()[..., 40:88, 16:112]
    A = Fourier(line_mask(48, 96, 4, seed=1))
    y = A(x) + 0.01 * A.mask * torch.randn(A(x).shape, generator=torch.Generator().manual_seed(1))
    filled, ends = psnr(A.pinv(y), x), []
    for name, sign in {"phantoms": -1, "photographs": 1}.items():
        network = trained(f"reconstruction_{name}_{loss}")
        steps = adapt_reconstruction(y, A, network, iterations=12, learning_rate=1e-3)
        first, *_, last = (psnr(step.estimate.clamp(0, 1), x) - filled for step in steps)
        assert sign * first > 0.5 and abs(last) < abs(first)
        ends.append(last)
    assert abs(ends[0] - ends[1]) < 1.5


def test_an_anchor_holds_the_weights():
    (y, A), network = scan(), unrolled()

    def moved(anchor):
        *_, step = adapt_reconstruction(y, A, network, iterations=10, learning_rate=1e-3, anchor=anchor)
        pairs = zip(step.network.parameters(), network.parameters(), strict=True)
        return sum((a - b).square().sum() for a, b in pairs).item()

    assert moved(100.0) < moved(0.0) / 4


def test_lines_that_are_held_out_leave_no_trace():
    (y, A), network = scan(acceleration=2), unrolled()
    fit, held_out = split_lines(A.mask)
    other = y + held_out * rand(*y.shape)

    def made(y):
        return list(adapt_reconstruction(fit * y, Fourier(fit), network, iterations=3))[-1].estimate

    assert torch.equal(made(y), made(other))


class Shown(UnrolledNetwork):
    """Notes the lines that it is given."""

    def forward(self, y, A):
        self.given.append((y.abs().sum((0, 1, 2)) > 0, A.mask[0, 0, 0] > 0))
        return super().forward(y, A)


def test_splitting_predicts_lines_that_the_network_is_not_given():
    y, A = scan(acceleration=2)
    network = Shown(2, 6, 3)
    network.given = []
    steps = list(adapt_by_splitting(y, A, network, iterations=3))
    measured = A.mask[0, 0, 0] > 0
    for step in steps:
        shown = step.network.given
    partial = [mask for lines, mask in shown if mask.sum() < measured.sum()]
    assert len(partial) == 3 and not all(torch.equal(partial[0], mask) for mask in partial)
    for lines, mask in shown:
        assert torch.equal(lines & ~mask, torch.zeros_like(mask)) and torch.equal(
            mask & ~measured, mask & False
        )


def test_a_network_that_only_fills_with_zeros_predicts_nothing():
    y, A = scan(acceleration=2)
    network = UnrolledNetwork(3, 6, 3)
    torch.nn.init.zeros_(network.body[-1].weight)
    step = next(adapt_by_splitting(y, A, network, iterations=1))
    assert step.loss.item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("A", [Fourier(line_mask(8, 12, 3)), Blur(gaussian_kernel(5, 1.0))])
def test_the_nearest_image_is_that_of_the_normal_equations(A):
    x, y, weight = rand(1, 1, 8, 12).double(), A(rand(1, 1, 8, 12, seed=1).double()), 0.3
    units = torch.eye(96, dtype=torch.float64).reshape(96, 1, 8, 12)
    matrix = A(units).flatten(1).T
    left = matrix.T @ matrix + weight * torch.eye(96, dtype=torch.float64)
    wanted = torch.linalg.solve(left, matrix.T @ y.flatten() + weight * x.flatten())
    torch.testing.assert_close(nearest(x, y, A, weight).flatten(), wanted, atol=1e-5, rtol=1e-5)


def test_the_nearest_image_to_one_that_fits_is_this_one():
    A, x = Fourier(line_mask(8, 12, 3)), rand(1, 1, 8, 12)
    assert torch.equal(nearest(x, A(x), A, 0.3), x)


def test_reuse_and_regularize_cleans_by_the_old_model_and_fits_the_new_one():
    old, new = Fourier(line_mask(HEIGHT, WIDTH, 2)), Blur(gaussian_kernel(5, 1.0))
    y, network = new(rand(1, 1, HEIGHT, WIDTH)), unrolled()
    torch.nn.init.normal_(network.body[-1].weight, std=0.01)
    network.train()
    steps = list(reuse_and_regularize(y, new, network, old, 0.2, iterations=3))
    x = new.adjoint(y)
    with torch.no_grad():
        for step, _ in zip(steps, range(3), strict=True):
            x = nearest(network(old(x), old), y, new, 0.2)
            torch.testing.assert_close(step.estimate, x)
            torch.testing.assert_close(step.loss, (new(x) - y).square().mean())
            assert not step.estimate.requires_grad
    assert torch.equal(run(iter(steps)).estimate, steps[-1].estimate) and network.training


class Shrink(torch.nn.Module):
    """A denoiser of two weights: it multiplies by one of them and adds the other, times the noise level."""

    def __init__(self, factor, offset=0.0):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 1, 1, bias=False)
        torch.nn.init.constant_(self.convolution.weight, factor)
        self.offset = torch.nn.Parameter(torch.tensor(offset))

    def forward(self, y, sigma):
        return self.convolution(y) + sigma * self.offset


def test_plug_and_play_ends_at_its_fixed_point():
    y, c, length, denoiser = rand(1, 1, 16, 16), 0.8, 0.5, Shrink(0.8, 0.3)
    steps = list(plug_and_play(y, Identity(), denoiser, 0.2, iterations=5, inner=10, length=length))
    wanted = (c * length * y + 0.2 * 0.3) / (1 - c * (1 - length))
    torch.testing.assert_close(steps[-1].estimate, wanted, atol=1e-4, rtol=1e-4)
    assert [(step.iteration, step.total) for step in steps] == [(number, 5) for number in range(1, 6)]
    assert steps[-1].loss.item() == pytest.approx(
        ((wanted - y).square().sum() / y.square().sum()).item(), rel=1e-3
    )
    assert denoiser.training and not steps[-1].network.training and steps[-1].network is not denoiser
    assert torch.equal(run(iter(steps)).estimate, steps[-1].estimate)
    assert steps[-1].network.convolution.weight.item() == pytest.approx(c)


def test_the_denoiser_learns_by_the_last_application_alone():
    """Its two weights pull in opposite directions: with all applications, their slopes would differ."""
    y, denoiser = rand(1, 1, 16, 16), Shrink(0.8, 1.0)
    network, x, made = copy.deepcopy(denoiser), y.clone(), []
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-2)
    settings = dict(sigma=0.3, adapt="all", iterations=6, inner=4, length=0.5, learning_rate=3e-2)
    for step in plug_and_play(y, Identity(), denoiser, **settings):
        with torch.no_grad():
            for _ in range(3):
                x = network(x - 0.5 * (x - y), 0.3)
        x = network(x - 0.5 * (x - y), 0.3)
        torch.testing.assert_close(step.estimate, x.detach())
        loss = (x - y).square().sum() / y.square().sum()
        torch.testing.assert_close(step.loss, loss.detach())
        assert not (step.estimate.requires_grad or step.loss.requires_grad or step.network.training)
        for wanted, weights in zip(network.parameters(), step.network.parameters(), strict=True):
            torch.testing.assert_close(weights, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        made.append(x := x.detach())
    assert len(made) == 6 and denoiser.convolution.weight.item() == pytest.approx(0.8)
    assert abs(network.convolution.weight.item() - 0.8) > 0.01


def test_a_denoiser_changes_only_in_what_is_free():
    y, denoiser = rand(1, 1, 16, 16), Shrink(0.8, 1.0)
    *_, step = plug_and_play(y, Identity(), denoiser, adapt="gain", iterations=3, inner=2)
    assert torch.equal(step.network.offset, denoiser.offset)
    assert not torch.equal(step.network.convolution.weight, denoiser.convolution.weight)
    with pytest.raises(ValueError, match="length"):
        plug_and_play(y, Identity(), denoiser, length=2.5)
    with pytest.raises(ValueError, match="write 25 / 255"):
        plug_and_play(y, Identity(), denoiser, sigma=25)


class Moved(Shrink):
    """Notes the devices to which it is moved. It takes a forward model in the place of a noise level, too."""

    places = []

    def to(self, device):
        self.places.append(device)
        return super().to(device)

    def forward(self, y, sigma):
        return self.convolution(y[:, :1])


def test_a_network_is_moved_to_where_the_scan_is():
    y, A = scan(acceleration=2)
    for method in (adapt_reconstruction, adapt_by_splitting, plug_and_play):
        Moved.places.clear()
        next(method(y, A, Moved(0.8)))
        assert Moved.places == [y.device]


def test_a_denoiser_of_the_course_settles():
    with runtime.seeded(0):
        denoiser = Denoiser(1, 8, 3).eval()
    y, A = scan(acceleration=2)
    steps = list(plug_and_play(y, A, denoiser, iterations=4, inner=5))
    moves = [(b.estimate - a.estimate).abs().max() for a, b in zip(steps, steps[1:], strict=False)]
    assert moves[-1] <= moves[0]


class Twice(UnrolledNetwork):
    """Makes two channels where one is asked for."""

    def forward(self, y, A):
        return super().forward(y, A).expand(-1, 2, -1, -1)


def test_what_is_no_network_for_scans_is_refused():
    y, A = scan()
    with pytest.raises(ValueError, match="does not take y and A"):
        adapt_reconstruction(y, A, Denoiser(1, 4, 3), iterations=1)
    with pytest.raises(ValueError, match="does not take y and A"):
        reuse_and_regularize(y, A, Denoiser(1, 4, 3), A, iterations=1)
    with pytest.raises(ValueError, match="weight"):
        reuse_and_regularize(y, A, unrolled(), A, weight=0, iterations=1)
    with pytest.raises(ValueError, match=r"makes \(1, 2, 16, 24\) of y, but A takes \(1, 1, 16, 24\)"):
        adapt_reconstruction(y, A, Twice(2, 6, 3), iterations=1)
    middle = torch.zeros(1, 1, HEIGHT, WIDTH)
    middle[..., WIDTH // 2] = 1
    with pytest.raises(ValueError, match="none can be held out"):
        adapt_by_splitting(y * middle, Fourier(middle), unrolled(), iterations=1)
    with pytest.raises(TypeError, match="expected Fourier"):
        adapt_by_splitting(rand(1, 1, 8, 8), Blur(gaussian_kernel(3, 1.0)), unrolled(), iterations=1)
