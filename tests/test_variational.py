"""TV and BP-TV on the pixels reach the minimiser that others compute, by their own objective."""

import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from dil_course.fitting import run
from dil_course.from_scratch import bp_tv, tv
from dil_course.from_scratch.variational import TIP, descend, variation
from dil_course.signals import Blur, Fourier, Mask, add_gaussian, gaussian_kernel, line_mask, picture, psnr

GRAY, COLOUR = picture("camera", 32), picture("coffee", 32)
BLUR = Blur(gaussian_kernel(9, 1.6))


def regularised(misfit):
    return BLUR.pinv(misfit, epsilon=1e-3)


@pytest.mark.parametrize("weight", [0.03, 0.1, 0.3])
def test_denoising_is_that_of_chambolle(weight):
    y = add_gaussian(GRAY, 25 / 255)
    ours = run(tv(y, None, weight)).estimate[0, 0].numpy()
    theirs = denoise_tv_chambolle(y[0, 0].numpy(), weight, eps=1e-9, max_num_iter=5000)
    assert abs(ours - theirs).max() < 0.02
    assert ((ours - theirs) ** 2).mean() ** 0.5 < 0.002


def test_three_equal_channels_share_their_edges():
    y = add_gaussian(GRAY, 25 / 255)
    coupled = run(tv(y.expand(1, 3, 32, 32), None, 0.1 * 3**0.5)).estimate
    torch.testing.assert_close(
        coupled, run(tv(y, None, 0.1)).estimate.expand(1, 3, 32, 32), atol=3e-3, rtol=0
    )


def test_variation_counts_the_length_of_the_gradient():
    x = torch.zeros(1, 2, 4, 4)
    x[..., 2:] = 0.3  # an edge of four pixels
    assert variation(x[:, :1]).item() == pytest.approx(4 * 0.3, abs=16 * TIP)
    assert variation(x).item() == pytest.approx(4 * 0.3 * 2**0.5, abs=16 * TIP)
    assert variation(x.mT).item() == pytest.approx(variation(x).item())


@pytest.mark.parametrize("method", ["tv", "bp_tv"])
def test_no_step_along_any_direction_lowers_the_objective(method):
    """Finite differences, at the end of the run, of an objective that is written out here once more."""
    y, weight = add_gaussian(BLUR(GRAY), 2 / 255), {"tv": 3e-3, "bp_tv": 0.1}[method]
    steps = tv(y, BLUR, weight, 600) if method == "tv" else bp_tv(y, BLUR, weight, regularised, 600)
    x = run(steps).estimate.double()

    def objective(x):
        misfit = BLUR(x) - y.double()
        misfit = misfit if method == "tv" else regularised(misfit)
        down, right = torch.zeros(2, 1, 1, 32, 32).double()
        down[..., :-1, :], right[..., :-1] = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
        return 0.5 * misfit.square().sum() + weight * (down**2 + right**2 + TIP**2).sqrt().sum()

    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        away = torch.randn(x.shape, generator=draw, dtype=torch.float64)
        assert objective(x + 1e-3 * away) > objective(x) - 1e-7
        assert objective(x - 1e-3 * away) > objective(x) - 1e-7


def test_the_first_loss_is_that_of_the_start():
    y = BLUR(GRAY)
    start = BLUR.adjoint(y)
    first = next(iter(tv(y, BLUR, 0.01)))
    by_hand = 0.5 * (BLUR(start) - y).square().sum() + 0.01 * variation(start)
    assert float(first.loss) == pytest.approx(float(by_hand))
    first = next(iter(bp_tv(y, BLUR, 0.01, regularised)))
    by_hand = 0.5 * regularised(BLUR(start) - y).square().sum() + 0.01 * variation(start)
    assert float(first.loss) == pytest.approx(float(by_hand))


def test_the_descent_reaches_the_exact_smoothness_minimiser():
    """With squared differences in place of lengths the minimiser is one linear solve."""
    y, weight = add_gaussian(GRAY, 25 / 255), 1.0
    step = torch.eye(32, dtype=torch.float64).diff(dim=0)
    laplacian = step.T @ step
    both = torch.kron(laplacian, torch.eye(32)) + torch.kron(torch.eye(32), laplacian)
    exact = torch.linalg.solve(torch.eye(1024) + 2 * weight * both, y.double().flatten()).reshape(32, 32)

    def objective(x):
        squares = x.diff(dim=-1).square().sum() + x.diff(dim=-2).square().sum()
        return (x - y).square().sum() / 2 + weight * squares

    ours = run(descend(objective, y, 300, 0.05)).estimate[0, 0]
    assert (ours - exact).abs().max() < 1e-3


def test_for_a_mask_back_projection_is_least_squares():
    A = Mask(torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.5)
    y = A(COLOUR)
    torch.testing.assert_close(run(tv(y, A, 0.01)).estimate, run(bp_tv(y, A, 0.01)).estimate)


@pytest.mark.parametrize("seed", range(3))
def test_tv_is_far_ahead_of_what_it_starts_from(seed):
    x, A = picture("shepp_logan_phantom", 32), Fourier(line_mask(32, 32, 3, seed=seed))
    y = A(x)
    assert psnr(run(tv(y, A, 1e-3)).estimate, x) > psnr(A.pinv(y), x) + 1
    y = add_gaussian(BLUR(COLOUR), 2 / 255, seed=seed)
    assert psnr(run(tv(y, BLUR, 1e-3)).estimate, COLOUR) > psnr(y, COLOUR) + 2
    assert psnr(run(bp_tv(y, BLUR, 0.1, regularised)).estimate, COLOUR) > psnr(y, COLOUR) + 2


def test_steps_are_left_alone_and_the_last_one_is_the_result():
    steps = list(tv(add_gaussian(GRAY, 0.1), None, 0.1, iterations=5))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5]
    assert not torch.equal(steps[0].estimate, steps[1].estimate)
    assert torch.equal(run(iter(steps)).estimate, steps[-1].estimate)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weight": -1}, "weight"),
        ({"iterations": 0}, "iterations"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"y": 255 * GRAY}, "255"),
        ({"A": Mask(torch.ones(1, 1, 8, 8))}, "mask"),
    ],
)
@pytest.mark.parametrize("method", [tv, bp_tv])
def test_wrong_input_is_refused_before_the_first_step(method, change, says):
    with pytest.raises((TypeError, ValueError), match=says):
        method(**{"y": GRAY, "A": BLUR, "weight": 0.1} | change)
