"""Blur kernels estimated from one image: by recurrence across scales, and by KernelGAN."""

import importlib
import itertools
import math

import numpy as np
import pytest
import torch

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import kernel_gan, kernel_recurrence
from dil_course.from_scratch.kernel_gan import (
    GaussianGenerator,
    LinearGenerator,
    PatchCritic,
    centred_kernel,
    kernel_at_scale_4,
    weight_of_bicubic,
    windows,
)
from dil_course.from_scratch.kernel_recurrence import centred, cross_scale_error
from dil_course.from_scratch.zero_shot_sr import back_projected
from dil_course.signals import BlurDownsample, Downsample, enlarge, gaussian_kernel, patches, picture, psnr

GRAY = picture("camera")
SHARP = {"camera": Downsample(2)(GRAY)[..., 10:202, 40:232]}
SHARP["astronaut"] = Downsample(2)(picture("astronaut"))[..., :192, 20:212].mean(1, keepdim=True)
KERNEL = gaussian_kernel(14, (2.5, 1.0), 45)


def moments(kernel):
    """Centre of mass, from the middle of the array, and covariance of a kernel, in squared pixels."""
    kernel = kernel.double() / kernel.double().sum()
    steps = torch.arange(len(kernel)) - (len(kernel) - 1) / 2
    places = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1).double()
    centre = places @ kernel.flatten()
    away = places - centre[:, None]
    return centre, away * kernel.flatten() @ away.T


def observed(name, kernel=KERNEL):
    return BlurDownsample(kernel, 2)(SHARP[name])


# By recurrence.


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("angle", [45, 120])
def test_the_direction_and_the_widths_of_a_kernel_are_found(name, angle):
    kernel = gaussian_kernel(14, (2.5, 1.0), angle)
    _, covariance = moments(kernel_recurrence(observed(name, kernel)))
    _, true = moments(kernel)
    widths, axes = torch.linalg.eigh(covariance)
    true_widths, true_axes = torch.linalg.eigh(true)
    assert abs(axes[:, 1] @ true_axes[:, 1]) > math.cos(math.radians(25))
    assert 0.6 < math.sqrt(widths.sum() / true_widths.sum()) < 1.2
    assert (covariance - true).norm() < 0.6 * true.norm()


def test_a_wider_kernel_is_found_wider():
    found = [kernel_recurrence(observed("camera", gaussian_kernel(14, s))) for s in (0.8, 1.4, 2.0)]
    traces = [float(moments(kernel)[1].trace()) for kernel in found]
    assert traces[0] < 0.8 * traces[1] and traces[1] < 0.8 * traces[2]


@pytest.mark.parametrize("sides", [(96, 96), (95, 96), (91, 83)])
def test_the_kernel_has_the_convention_of_blur_downsample_and_no_shift(sides):
    kernel = kernel_recurrence(observed("camera")[..., : sides[0], : sides[1]])
    assert kernel.shape == (14, 14) and kernel.dtype == torch.float32 and kernel.min() >= 0
    assert abs(float(kernel.sum()) - 1) < 1e-5
    assert moments(kernel)[0].abs().max() < 0.1
    BlurDownsample(kernel, 2)(SHARP["camera"])


def test_the_error_is_the_distance_to_the_nearest_patch():
    y = observed("camera")[..., :40, :41]
    queries = centred(patches(y, 5))[::97]
    database = centred(patches(BlurDownsample(KERNEL, 2)(y[..., :40]), 5))
    by_hand = torch.cdist(queries.double(), database.double()).min(1).values / queries.double().norm(dim=1)
    assert abs(cross_scale_error(y, KERNEL, queries) - float(by_hand.mean())) < 1e-5


def test_one_seed_is_one_kernel_and_colour_is_averaged():
    y = observed("camera")[..., :64, :64]
    assert torch.equal(kernel_recurrence(y, seed=3), kernel_recurrence(y.repeat(1, 3, 1, 1), seed=3))


def test_the_search_goes_on_between_the_kernels_of_the_grid_and_stays_in_range(monkeypatch):
    module = importlib.import_module(kernel_recurrence.__module__)
    target = gaussian_kernel(14, (2.1, 0.95), 25)
    monkeypatch.setattr(
        module, "cross_scale_error", lambda y, kernel, queries: float((kernel - target).norm())
    )
    assert (kernel_recurrence(observed("camera")) - target).norm() < 0.05 * target.norm()
    best = module._descended(
        lambda narrow, wide, angle: abs(narrow + 5) + abs(wide - 5), (0, 0, 0), (0.2, 0.2, 20)
    )
    assert 0.3 <= math.exp(best[0]) < 0.4 and 2.9 < math.exp(best[1]) <= 3.5


def test_an_edge_in_light_and_in_shadow_is_one_patch():
    rows = patches(observed("camera")[..., :20, :20], 5)
    torch.testing.assert_close(centred(rows + 0.3), centred(rows))


def test_another_seed_searches_for_other_patches():
    y = observed("camera")[..., :48, :48]
    assert not torch.equal(kernel_recurrence(y, count=10), kernel_recurrence(y, count=10, seed=1))


REFUSED = [
    (torch.full((1, 1, 64, 64), torch.nan), {}, "NaN"),
    (torch.zeros(1, 1, 64, 64), {}, "contrast"),
    (torch.rand(1, 1, 31, 64), {}, "too few"),
    (255 * torch.rand(1, 1, 64, 64), {}, "255"),
    (torch.rand(1, 1, 64, 64).double(), {}, "float"),
    (torch.rand(1, 1, 64, 64), {"patch": 2}, "patch"),
    (torch.rand(1, 1, 64, 64), {"count": 0}, "count"),
    (torch.rand(1, 1, 64, 64), {"seed": -1}, "seed"),
]


@pytest.mark.parametrize(("y", "others", "says"), REFUSED)
def test_recurrence_refuses_wrong_input_before_any_compute(y, others, says, monkeypatch):
    monkeypatch.setattr(importlib.import_module(kernel_recurrence.__module__), "cross_scale_error", None)
    with pytest.raises((TypeError, ValueError), match=says):
        kernel_recurrence(y, **others)


# KernelGAN.


@pytest.mark.parametrize("sides", [(40, 40), (33, 46)])
def test_the_collapsed_generator_is_the_network_layer_by_layer(sides):
    torch.manual_seed(0)
    generator, x = LinearGenerator(64), 2 * torch.rand(2, 1, *sides) - 1
    assert generator.kernel().shape == (1, 1, 13, 13)
    collapsed, deep = generator(x), generator.layer_by_layer(x)
    assert collapsed.shape == deep.shape
    assert (collapsed - deep).abs().max() < 1e-6
    assert (generator.double()(x.double()) - generator.layer_by_layer(x.double())).abs().max() < 1e-12


def test_both_forms_have_the_same_gradients():
    torch.manual_seed(0)
    generator, x = LinearGenerator(8).double(), torch.randn(1, 1, 30, 30).double()
    weights = list(generator.parameters())
    ours, textbooks = (
        torch.autograd.grad(form(x).square().sum(), weights) for form in (generator, generator.layer_by_layer)
    )
    for one, other in zip(ours, textbooks, strict=True):
        torch.testing.assert_close(one, other)


def test_the_critic_sees_seven_by_seven_pixels():
    critic = PatchCritic(8).eval()
    x = torch.rand(1, 1, 20, 20, requires_grad=True)
    critic(x)[0, 0, 5, 6].backward()
    rows, columns = x.grad[0, 0].nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 11, 6, 12)


def test_a_kernel_is_centred_to_a_tenth_of_a_pixel():
    for down, right in itertools.product((4.9, 6.5, 7.3), (5.4, 6.5, 7.7)):
        t = torch.arange(13.0)
        kernel = torch.exp(-((t[:, None] - down) ** 2) / 3 - (t[None, :] - right) ** 2 / 5)
        found = centred_kernel((kernel - 0.01)[None, None])
        assert found.shape == (1, 1, 14, 14) and found.min() >= 0 and abs(float(found.sum()) - 1) < 1e-5
        assert moments(found[0, 0])[0].abs().max() < 0.1


def test_a_kernel_is_turned_around_because_the_operator_convolves():
    kernel, turned = torch.zeros(13, 13), torch.zeros(14, 14)
    kernel[6, 6], kernel[8, 8] = 0.75, 0.25  # its centre of mass is in the middle already
    turned[7, 7], turned[5, 5] = 0.75, 0.25
    torch.testing.assert_close(centred_kernel(kernel[None, None])[0, 0], turned, atol=1e-4, rtol=0)


def test_the_kernel_of_scale_4_is_that_of_scale_2_applied_twice():
    x = picture("coffee", 96)
    twice = BlurDownsample(KERNEL, 2)(BlurDownsample(KERNEL, 2)(x))
    at_once = BlurDownsample(kernel_at_scale_4(KERNEL), 4)(x)
    torch.testing.assert_close(at_once, twice, atol=1e-5, rtol=0)


def test_the_estimate_is_a_kernel_in_the_convention_of_blur_downsample():
    # A kernel without symmetry, applied by the generator, is found again by the operator: no flip, no shift.
    torch.manual_seed(0)
    generator, x = LinearGenerator(4), SHARP["camera"]
    kernel = torch.nn.functional.pad(generator.kernel().flip(2, 3), (1, 0, 1, 0))[0, 0].detach()
    inside = np.s_[..., 8:-8, 8:-8]
    ours = torch.nn.functional.pad(generator(x), (3, 3, 3, 3))[inside]
    torch.testing.assert_close(ours, BlurDownsample(kernel, 2)(x)[inside], atol=1e-4, rtol=1e-4)


def test_the_game_gives_centred_kernels_and_one_seed_is_one_game():
    y = observed("camera")
    steps = list(kernel_gan(y, iterations=12, width=8))
    again = list(kernel_gan(y, iterations=12, width=8))[-1]
    assert [step.iteration for step in steps] == list(range(1, 13)) and steps[0].total == 12
    assert torch.equal(steps[-1].estimate, again.estimate)
    for step in (steps[0], steps[-1]):
        assert step.estimate.shape == (1, 1, 14, 14) and step.averaged
        assert moments(step.estimate[0, 0])[0].abs().max() < 0.1
        BlurDownsample(step.estimate[0, 0], 2)(SHARP["camera"])


@pytest.mark.parametrize("gaussian", [False, True])
def test_the_game_finds_a_kernel_that_restores_more_than_bicubic(gaussian):
    y = observed("camera")
    kernel = run(kernel_gan(y, iterations=200, gaussian=gaussian)).estimate[0, 0]
    restored = [
        back_projected(enlarge(y, A), y, A).clamp(0, 1) for A in (Downsample(2), BlurDownsample(kernel, 2))
    ]
    bicubic, estimated = (psnr(estimate, SHARP["camera"], shave=8) for estimate in restored)
    assert estimated > bicubic + 0.5


def test_twelve_iterations_of_the_game_written_out():
    y = observed("camera")
    steps = list(kernel_gan(y, iterations=12, width=3, learning_rate=2e-3, side=41, batch=1, seed=4))
    with runtime.seeded(4):
        generator, critic = LinearGenerator(3), PatchCritic(3)
    where, draw = runtime.generator(4, "windows"), runtime.generator(4, "noise")
    optimizers = [
        torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.999))
        for network, rate in ((generator, 2e-3), (critic, 1.2e-3))
    ]
    away = (torch.arange(13) - 6).abs() / 6
    away = torch.maximum(away[:, None], away)
    average = 0
    for number, step in enumerate(steps, 1):
        x, real = (windows(2 * y - 1, side, 1, where) for side in (40, 14))
        kernel, fake = generator.kernel(), generator.layer_by_layer(x)
        both = torch.cat([real, fake])
        of_real, of_fake = critic(both + 2 / 255 * torch.randn(both.shape, generator=draw)).chunk(2)
        loss = (of_fake - 1).square().mean() + 5 * (fake - Downsample(2)(x)[..., 3:-3, 3:-3]).square().mean()
        loss = loss + 0.5 * (kernel.sum() - 1).abs() + 3 * (kernel.abs() * away**6).sum()
        mistakes = (of_real - 1).square().mean() / 2 + of_fake.square().mean() / 2
        gradients = [
            torch.autograd.grad(each, list(network.parameters()), retain_graph=True)
            for each, network in ((loss, generator), (mistakes, critic))
        ]
        for network, optimizer, its_gradients in zip((generator, critic), optimizers, gradients, strict=True):
            for weight, gradient in zip(network.parameters(), its_gradients, strict=True):
                weight.grad = gradient
            optimizer.step()
        average = average + max(1 / number, 0.1) * ((kernel / kernel.sum()).detach() - average)
        assert step.loss.item() == pytest.approx(loss.item(), rel=1e-3)
        torch.testing.assert_close(step.estimate, centred_kernel(average), atol=1e-4, rtol=1e-3)


def test_the_pull_towards_bicubic_gets_weaker_from_the_hundredth_iteration_on():
    assert [weight_of_bicubic(iteration) for iteration in (1, 99, 100, 500)] == [5, 5, 0.5, 0.5]


def test_real_and_fake_are_normalised_together(monkeypatch):
    # One after the other, each kind would lose its contrast, which is what blur changes.
    batches, forward = [], PatchCritic.forward
    monkeypatch.setattr(
        PatchCritic, "forward", lambda self, x: batches.append(len(x)) or forward(self, x), raising=True
    )
    list(kernel_gan(observed("camera"), iterations=2, width=2, batch=3))
    assert batches == [6, 6]


def test_the_gaussian_generator_has_the_moments_of_its_parameters():
    generator = GaussianGenerator()
    with torch.no_grad():
        generator.down.fill_(math.log(1.2))
        generator.across.fill_(math.log(1.5))
        generator.slant.fill_(0.7)
        kernel = generator.kernel()
    assert sum(weight.numel() for weight in generator.parameters()) == 3 and kernel.shape == (1, 1, 13, 13)
    root = torch.tensor([[1.2, 0], [0.7, 1.5]])
    torch.testing.assert_close(moments(kernel[0, 0])[1].float(), root @ root.T, atol=0.02, rtol=0.02)


def test_the_three_parameters_learn_forty_times_as_fast():
    first, second = kernel_gan(observed("camera"), 2, learning_rate=1e-3, width=2, gaussian=True)
    assert (second.estimate - first.estimate).norm() > 1e-3  # a step of 0.04, halved by the average


def test_windows_are_cut_where_there_are_edges():
    y = torch.zeros(1, 1, 60, 80)
    y[..., 40:] = torch.rand(60, 40, generator=torch.Generator().manual_seed(0))
    cut = windows(y, 20, 200, torch.Generator().manual_seed(0))
    assert cut.shape == (200, 1, 20, 20) and bool((cut.flatten(1).amax(1) > 0).float().mean() > 0.99)
    whole = windows(y, 60, 3, torch.Generator().manual_seed(0))
    assert all(any(torch.equal(one, y[0, :, :, left : left + 60]) for left in range(21)) for one in whole)


@pytest.mark.parametrize("sides", [(95, 96), (67, 51)])
def test_odd_sizes_shift_no_kernel(sides):
    y = observed("camera")[..., : sides[0], : sides[1]]
    estimate = list(kernel_gan(y, iterations=8, width=8))[-1].estimate
    assert moments(estimate[0, 0])[0].abs().max() < 0.1


@pytest.mark.parametrize(
    ("y", "others", "says"),
    [
        (torch.full((1, 1, 64, 64), 0.5), {}, "contrast"),
        (torch.rand(1, 1, 47, 64), {}, "too few"),
        (255 * torch.rand(1, 1, 64, 64), {}, "255"),
        (torch.rand(1, 1, 64, 64).double(), {}, "float"),
        (torch.rand(1, 1, 64, 64), {"iterations": 0}, "iterations"),
        (torch.rand(1, 1, 64, 64), {"side": 20}, "side"),
        (torch.rand(1, 1, 64, 64), {"width": 0}, "width"),
        (torch.rand(1, 1, 64, 64), {"batch": 0}, "batch"),
        (torch.rand(1, 1, 64, 64), {"learning_rate": -1}, "learning_rate"),
        (torch.rand(1, 1, 64, 64), {"seed": 0.5}, "seed"),
        (torch.rand(1, 1, 64, 64), {"gaussian": "yes"}, "gaussian"),
    ],
)
def test_the_game_refuses_wrong_input_before_any_compute(y, others, says):
    with pytest.raises((TypeError, ValueError), match=says):  # at the call, not at the first Step
        kernel_gan(y, **others)
