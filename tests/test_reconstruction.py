"""Networks that reconstruct and their adaptation to one scan: each step by hand, and what must not leak."""

import copy

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


@pytest.mark.parametrize("sides", [(16, 24), (15, 17)])
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


def test_reuse_and_regularize_cleans_by_the_old_model_and_fits_the_new_one():
    old, new = Fourier(line_mask(HEIGHT, WIDTH, 2)), Blur(gaussian_kernel(5, 1.0))
    y, network = new(rand(1, 1, HEIGHT, WIDTH)), unrolled()
    torch.nn.init.normal_(network.body[-1].weight, std=0.01)
    steps = list(reuse_and_regularize(y, new, network, old, 0.2, iterations=3))
    x = new.adjoint(y)
    with torch.no_grad():
        for step in steps:
            x = nearest(network(old(x), old), y, new, 0.2)
            torch.testing.assert_close(step.estimate, x)


class Shrink(torch.nn.Module):
    """A denoiser of one weight: it multiplies by it."""

    def __init__(self, factor):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 1, 1, bias=False)
        torch.nn.init.constant_(self.convolution.weight, factor)

    def forward(self, y, sigma):
        return self.convolution(y)


def test_plug_and_play_ends_at_its_fixed_point():
    y, c, length = rand(1, 1, 16, 16), 0.8, 0.5
    step = list(plug_and_play(y, Identity(), Shrink(c), iterations=5, inner=10, length=length))[-1]
    torch.testing.assert_close(step.estimate, c * length * y / (1 - c * (1 - length)), atol=1e-4, rtol=1e-4)
    assert step.network.convolution.weight.item() == pytest.approx(c)


def test_the_denoiser_learns_by_the_last_application_alone():
    y, c = rand(1, 1, 16, 16), 0.8
    steps = list(plug_and_play(y, Identity(), Shrink(c), adapt="all", iterations=3, inner=4, length=0.5))
    # To multiply by less is farther from y, so that the weight can only grow, by Adam's steps of one length.
    assert steps[-1].network.convolution.weight.item() > c
    network, x = Shrink(c), y.clone()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    for step in steps:
        with torch.no_grad():
            for _ in range(3):
                x = network(x - 0.5 * (x - y), 0)
        x = network(x - 0.5 * (x - y), 0)
        torch.testing.assert_close(step.estimate, x.detach())
        optimizer.zero_grad()
        ((x - y).square().sum() / y.square().sum()).backward()
        optimizer.step()
        x = x.detach()


def test_a_denoiser_of_the_course_settles():
    with runtime.seeded(0):
        denoiser = Denoiser(1, 8, 3).eval()
    y, A = scan(acceleration=2)
    steps = list(plug_and_play(y, A, denoiser, iterations=4, inner=5))
    moves = [(b.estimate - a.estimate).abs().max() for a, b in zip(steps, steps[1:], strict=False)]
    assert moves[-1] <= moves[0]


def test_what_is_no_network_for_scans_is_refused():
    y, A = scan()
    with pytest.raises(ValueError, match="does not take y and A"):
        adapt_reconstruction(y, A, Denoiser(1, 4, 3), iterations=1)
    with pytest.raises(TypeError, match="expected Fourier"):
        adapt_by_splitting(rand(1, 1, 8, 8), Blur(gaussian_kernel(3, 1.0)), unrolled(), iterations=1)
