"""Adapting a trained denoiser, restoration scheme and super-resolution network to one picture."""

import copy
import hashlib
import re

import bm3d
import numpy as np
import pytest
import torch

from dil_course import runtime
from dil_course.adaptation import (
    adapt_super_resolution,
    free,
    idbp,
    tune_by_masking,
    tune_by_sure,
    tune_on_restored,
)
from dil_course.adaptation.denoising import patch, sizes
from dil_course.adaptation.freedom import FREEDOMS, count
from dil_course.adaptation.idbp import levels
from dil_course.fitting import Step, run
from dil_course.fitting.risks import probe, sure
from dil_course.fitting.stopping import LeastRisk
from dil_course.from_scratch.self_supervised.blind_spot import grid, neighbour_mean
from dil_course.from_scratch.zero_shot_sr import restore, zero_shot_sr
from dil_course.networks import Denoiser, ResidualNetwork, trained
from dil_course.networks.trained import TRAINED, WEIGHTS
from dil_course.signals import (
    Blur,
    BlurDownsample,
    Downsample,
    Identity,
    Mask,
    add_gaussian,
    enlarge,
    gaussian_kernel,
    luma,
    picture,
    psnr,
)

SIGMA = 25 / 255
METHODS = [tune_by_sure, tune_by_masking, tune_on_restored]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
each_freedom = pytest.mark.parametrize("what", FREEDOMS)


def small_denoiser(seed=0):
    """Not trained, with batch statistics of its own, as a trained one has."""
    with runtime.seeded(seed):
        network = Denoiser(1, width=8, depth=4)
        network(torch.rand(4, 1, 32, 32), 0.1)
    return network.eval()


def noisy(side=32, seed=0, name="camera"):
    x = luma(picture(name, side))
    return x, add_gaussian(x, SIGMA, seed=seed)


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# The denoiser


@pytest.mark.parametrize("sides", [(32, 32), (31, 45), (16, 17)])
def test_the_denoiser_keeps_the_size_and_does_nothing_without_noise(sides):
    y = torch.rand(1, 1, *sides)
    network = small_denoiser()
    assert network(y, 0.1).shape == y.shape
    assert torch.equal(network(y, 0.0), y)


def test_the_denoiser_takes_one_level_for_each_picture():
    network, y = small_denoiser(), torch.rand(2, 1, 24, 24)
    together = network(y, torch.tensor([0.05, 0.2]).view(2, 1, 1, 1))
    alone = torch.cat([network(y[:1], 0.05), network(y[1:], 0.2)])
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("sigma", [25, 2.0, torch.tensor(25), torch.tensor([0.1, 25]).view(2, 1, 1, 1)])
def test_the_denoiser_refuses_a_noise_level_on_the_scale_0_to_255(sigma):
    with pytest.raises(ValueError, match=r"sigma: .*write (25|2) / 255"):
        small_denoiser()(torch.rand(2, 1, 24, 24), sigma)


@pytest.mark.parametrize(
    "sigma", [-0.1, float("nan"), torch.tensor([0.1, -0.1]).view(2, 1, 1, 1), torch.tensor(torch.nan)]
)
def test_the_denoiser_refuses_what_is_no_noise_level(sigma):
    with pytest.raises(ValueError, match="sigma"):
        small_denoiser()(torch.rand(2, 1, 24, 24), sigma)
    with pytest.raises(TypeError, match="sigma"):
        small_denoiser()(torch.rand(2, 1, 24, 24), "0.1")


# Trained networks and their cards


@pytest.mark.parametrize("name", TRAINED)
def test_a_card_belongs_to_its_weights(name):
    card = (WEIGHTS / f"{name}.md").read_text()
    digest = hashlib.sha256((WEIGHTS / f"{name}.safetensors").read_bytes()).hexdigest()
    assert f"| {digest} |" in card
    for entry in ("trained on", "never seen", "command", "seed", "time", "score"):
        assert re.search(rf"^\| {entry} \| \S", card, re.MULTILINE), entry
    assert f"{sum(p.numel() for p in trained(name).parameters()):,} parameters" in card


def test_every_weight_has_a_card_and_a_name():
    assert {path.stem for path in WEIGHTS.iterdir()} == set(TRAINED)


def test_each_call_gives_a_fresh_copy():
    first = trained("denoiser_gray")
    with torch.no_grad():
        first.body[0].weight.zero_()
    assert trained("denoiser_gray").body[0].weight.any()
    assert not trained("denoiser_gray").training
    with pytest.raises(ValueError, match="denoiser_gray"):
        trained("denoiser")


# What may change


@each_freedom
def test_a_free_copy_starts_as_the_network_and_leaves_it_alone(what):
    network, (_, y) = small_denoiser(), noisy()
    before, flags = weights(network), [p.requires_grad for p in network.parameters()]
    freed = free(network, what)
    assert torch.allclose(freed(y, SIGMA), network(y, SIGMA), atol=1e-6)
    optimizer = torch.optim.Adam([p for p in freed.parameters() if p.requires_grad], lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        freed(y, SIGMA).square().mean().backward()
        optimizer.step()
    assert not torch.allclose(freed(y, SIGMA), network(y, SIGMA), atol=1e-4)
    assert same(weights(network), before)
    assert [p.requires_grad for p in network.parameters()] == flags


def test_what_is_free_is_what_was_asked_for():
    network = small_denoiser()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert count(free(network, "all")) == sum(p.numel() for p in network.parameters())
    assert count(free(network, "norm")) == sum(2 * m.num_features for m in norms)
    assert count(free(network, "gain")) == sum(m.out_channels for m in convolutions)
    assert count(free(network, "low-rank")) == sum(
        4 * (m.out_channels + 9 * m.in_channels) for m in convolutions
    )


def test_a_gain_multiplies_a_channel():
    network = small_denoiser()
    freed = free(network, "gain")
    with torch.no_grad():
        freed.body[0].parametrizations.weight[0].gain[3] = 2.0
    x = torch.rand(1, 5, 12, 12)
    bias = network.body[0].bias[3]
    assert torch.allclose(freed.body[0](x)[:, 3] - bias, 2 * (network.body[0](x)[:, 3] - bias), atol=1e-5)


def test_a_low_rank_update_has_a_low_rank():
    network, (_, y) = small_denoiser(), noisy()
    freed = free(network, "low-rank")
    optimizer = torch.optim.Adam([p for p in freed.parameters() if p.requires_grad], lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        freed(y, SIGMA).square().mean().backward()
        optimizer.step()
    for place in (0, 2, 5):
        update = (freed.body[place].weight - network.body[place].weight).detach().flatten(1)
        assert update.abs().max() > 1e-4
        assert torch.linalg.svdvals(update.double())[4:].max() < 1e-5


def test_a_low_rank_update_begins_at_zero_with_a_random_a_of_unit_gain():
    """Kaiming's rule for a linear map: A x has the variance of x's mean square."""
    freed = free(Denoiser(3, width=48, depth=3), "low-rank")
    update = freed.body[2].parametrizations.weight[0]
    assert update.A.shape == (4, 9 * 48) and update.B.shape == (48, 4) and not update.B.any()
    assert update.A.std().item() == pytest.approx((9 * 48) ** -0.5, rel=0.1)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_free_refuses_what_it_cannot_free():
    with pytest.raises(ValueError, match="expected one of all"):
        free(small_denoiser(), "gains")
    with pytest.raises(ValueError, match="no BatchNorm2d"):
        free(ResidualNetwork(1, 4, 2), "norm")
    with pytest.raises(TypeError, match="trained network"):
        free(lambda y, sigma: y, "all")
    network = small_denoiser()
    torch.nn.utils.weight_norm(network.body[0])
    with pytest.raises(ValueError, match="cannot be copied: .*parametrizations.weight_norm"):
        free(network, "all")


# Adapting a denoiser


@each_method
@each_freedom
def test_adapting_never_changes_the_callers_network(method, what):
    network, (_, y) = small_denoiser(), noisy()
    before = weights(network)
    for step in method(y, network, SIGMA, what, iterations=3, learning_rate=0.01):
        adapted = step.network
    assert same(weights(network), before) and not network.training
    assert not torch.allclose(adapted(y, SIGMA), network(y, SIGMA), atol=1e-5)


def mixed(network):
    """In training mode, but for every second of its parts."""
    network.train()
    for part in list(network.modules())[1::2]:
        part.training = False
    return network


class Normed(ResidualNetwork):
    """A super-resolution network with batch norm, not trained."""

    def __init__(self):
        with runtime.seeded(0):
            super().__init__(1, 6, 3)
            self.body.insert(1, torch.nn.BatchNorm2d(6))
            self(torch.rand(4, 1, 24, 24))  # for statistics of its own
        self.eval()


def adapt_small_super_resolution(y, network, sigma, **settings):
    return adapt_super_resolution(y, Downsample(2), network, iterations=42)


def idbp_of(adapt):
    return lambda y, network, sigma, **settings: idbp(y, Downsample(2), network, sigma, adapt, iterations=3)


@pytest.mark.parametrize("mode", [torch.nn.Module.train, mixed], ids=["train", "mixed"])
@pytest.mark.parametrize(
    ("method", "make"),
    [*((method, small_denoiser) for method in METHODS), (idbp_of(None), small_denoiser),
     (idbp_of("gain"), small_denoiser), (adapt_small_super_resolution, Normed)],
    ids=[*(method.__name__ for method in METHODS), "idbp", "idbp adapted", "super-resolution"],
)  # fmt: skip
def test_the_mode_in_which_the_callers_network_was_left_changes_nothing_and_stays(method, make, mode):
    _, y = noisy(24)
    right, network = list(method(y, make(), SIGMA, iterations=3)), make()
    mode(network)
    before, modes = weights(network), [part.training for part in network.modules()]
    found = list(method(y, network, SIGMA, iterations=3))
    assert all(torch.equal(a.estimate, b.estimate) for a, b in zip(found, right, strict=True))
    assert same(weights(network), before) and [part.training for part in network.modules()] == modes


@each_method
def test_an_adapted_denoiser_keeps_the_statistics_of_its_training(method):
    network, (_, y) = small_denoiser(), noisy()
    *_, last = method(y, network.train(), SIGMA, "all", iterations=4, learning_rate=0.01)
    kept, found = network.state_dict(), last.network.state_dict()
    statistics = [name for name in kept if "running" in name or "batches" in name]
    assert len(statistics) == 6 and all(torch.equal(kept[name], found[name]) for name in statistics)
    assert not any(part.training for part in last.network.modules())
    assert not torch.equal(kept["body.0.weight"], found["body.0.weight"])


def test_an_adapted_super_resolution_network_begins_in_evaluation_mode():
    network, (_, y) = Normed(), noisy(24)
    right = restore(network, y, Downsample(2)).detach().clamp(0, 1)
    assert torch.equal(next(adapt_small_super_resolution(y, network.train(), SIGMA)).estimate, right)


class Halving(torch.nn.Module):
    """Half of its input, times one weight. In place, it writes the half over the input."""

    def __init__(self, in_place):
        super().__init__()
        self.layer, self.in_place = torch.nn.Conv2d(1, 1, 1, bias=False), in_place
        torch.nn.init.ones_(self.layer.weight)

    def forward(self, x, sigma):
        return self.layer(x.mul_(0.5) if self.in_place else 0.5 * x)


@pytest.mark.parametrize(
    "method", [*METHODS, lambda y, *given, **settings: idbp(y, Identity(), *given, **settings)]
)
def test_a_network_that_writes_into_its_input_changes_neither_the_observation_nor_the_result(method):
    _, y = noisy()
    before = y.clone()
    found, expected = (
        run(method(y, Halving(in_place), SIGMA, iterations=3)).estimate for in_place in (True, False)
    )
    assert torch.equal(y, before)
    assert torch.equal(found, expected)


def test_idbp_keeps_the_observation_from_a_function_that_writes_into_its_input():
    _, y = noisy()
    before = y.clone()
    run(idbp(y, Identity(), lambda v, s: v.mul_(0.5), iterations=2))
    assert torch.equal(y, before)


def test_iterations_of_eight_bits_do_not_overflow():
    _, y = noisy(16)
    assert sum(1 for _ in tune_by_masking(y, Halving(False), SIGMA, iterations=np.uint8(255))) == 255


@each_method
def test_the_first_step_is_the_trained_network(method):
    network, (_, y) = small_denoiser(), noisy()
    first = next(method(y, network, SIGMA))
    assert torch.allclose(first.estimate, network(y, SIGMA), atol=1e-6)
    assert first.iteration == 1


@each_method
def test_same_seed_same_numbers(method):
    network, (_, y) = small_denoiser(), noisy()

    def end(seed):
        return run(
            method(y, network, SIGMA, "low-rank", iterations=4, learning_rate=0.01, seed=seed)
        ).estimate

    assert torch.equal(end(0), end(0))
    assert not torch.equal(end(0), end(1))


@each_method
def test_a_failed_adaptation_returns_the_trained_networks_result(method):
    network, (_, y) = small_denoiser(), noisy()
    result = run(method(y, network, SIGMA, "all", iterations=20, learning_rate=1e3))
    assert torch.isfinite(result.estimate).all()
    failing = run(
        method(y, breaks_after_some_updates(network), SIGMA, "all", iterations=20, learning_rate=0.01)
    )
    assert torch.allclose(failing.estimate, network(y, SIGMA), atol=1e-6)


class breaks_after_some_updates(torch.nn.Module):
    """A network that gives NaN as soon as a weight has moved by 0.025: after the third step of 0.01."""

    def __init__(self, network):
        super().__init__()
        self.network, self.channels = copy.deepcopy(network), network.channels
        self.register_buffer("origin", self.network.body[0].weight.detach().clone())

    def forward(self, y, sigma):
        moved = (self.network.body[0].weight - self.origin).abs().max() > 0.025
        return self.network(y, sigma) + (float("nan") if moved else 0.0)


def objectives_by_hand(method, y, network, first, generator):
    """The loss of one iteration, from formulas; `first` is the trained network's own result."""
    if method is tune_by_sure:
        b = 2.0 * torch.randint(0, 2, y.shape, generator=generator) - 1
        estimate = network(y, SIGMA)
        divergence = (b * (network(y + 1e-3 * b, SIGMA) - estimate)).sum() / 1e-3
        return (estimate - y).square().mean() + 2 * SIGMA**2 * divergence / y.numel()
    if method is tune_by_masking:
        phase = int(torch.randint(16, (), generator=generator))
        hidden = torch.zeros_like(y, dtype=torch.bool)
        hidden[..., phase // 4 :: 4, phase % 4 :: 4] = True
        blind = network(torch.where(hidden, neighbour_mean(y), y), SIGMA)
        return (blind - y)[hidden].square().mean()
    smaller = torch.nn.functional.interpolate(first, scale_factor=0.9, mode="bicubic", antialias=True)
    patches = torch.cat([patch([first, smaller], generator) for _ in range(8)])
    noise = torch.randn(patches.shape, generator=generator)
    return (network(patches + SIGMA * noise, SIGMA) - patches).abs().mean()


@pytest.mark.parametrize("seed", range(2))
@each_method
def test_adapting_is_adam_down_the_methods_objective(method, seed):
    """Step after step against a loop by hand: patches, for one, come from the first result all the time."""
    network, (_, y) = small_denoiser(seed), noisy(32, seed)
    with torch.no_grad():
        network.body[-1].weight *= 10  # a network that is not trained changes little
    steps = list(method(y, network, SIGMA, "all", iterations=5, learning_rate=0.01, seed=seed))
    stream = {tune_by_sure: "probe", tune_by_masking: "grids", tune_on_restored: "patches"}[method]
    generator, first = runtime.generator(seed, stream), network(y, SIGMA).detach()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in steps:
        assert torch.allclose(step.estimate, network(y, SIGMA), atol=1e-3)
        loss = objectives_by_hand(method, y, network, first, generator)
        assert step.loss == pytest.approx(loss.item(), rel=5e-3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (steps[-1].estimate - first).abs().max() > 0.05


@each_method
def test_the_network_of_a_step_is_the_one_that_made_its_estimate(method):
    network, (_, y) = small_denoiser(), noisy(24)
    for step in method(y, network, SIGMA, "all", iterations=4, learning_rate=0.02):
        with torch.no_grad():
            assert torch.equal(step.network(y, SIGMA), step.estimate)


@pytest.mark.parametrize(("profile", "iterations"), [("quick", (100, 100, 150)), ("full", (300, 320, 500))])
def test_the_default_number_of_iterations_is_that_of_the_profile(profile, iterations, monkeypatch):
    monkeypatch.setenv("DIL_PROFILE", profile)
    _, y = noisy(24)
    found = [next(method(y, small_denoiser(), SIGMA)).total for method in (tune_by_sure, tune_on_restored)]
    assert next(tune_by_masking(y, small_denoiser(), SIGMA)).total == found[0]
    found.append(next(adapt_super_resolution(y, Downsample(2), ResidualNetwork(1, 4, 2))).total)
    assert tuple(found) == iterations


@pytest.mark.parametrize(
    ("what", "rate"), [("all", {tune_on_restored: 3e-4}), ("gain", {}), ("norm", {}), ("low-rank", {})]
)
@each_method
def test_the_default_learning_rate_depends_on_what_may_change(method, what, rate):
    network, (_, y) = small_denoiser(), noisy(24)
    expected = rate.get(method, 1e-4 if what == "all" else 1e-3)
    found = [
        list(method(y, network, SIGMA, what, iterations=2, **given))[-1].estimate
        for given in ({}, {"learning_rate": expected})
    ]
    assert torch.equal(*found)


def test_the_loss_of_sure_is_the_risk_plus_the_noise():
    network, (_, y) = small_denoiser(), noisy()
    b = probe(y, runtime.generator(3, "probe"))
    expected = sure(lambda x: network(x, SIGMA), y, SIGMA, b) + SIGMA**2
    assert next(tune_by_sure(y, network, SIGMA, seed=3)).loss == pytest.approx(expected.item(), rel=1e-4)


def test_sure_of_the_trained_denoiser_is_its_error():
    x, network = luma(picture("chelsea", 96)), trained("denoiser_gray")
    gaps = []
    for seed in range(40):
        y = add_gaussian(x, SIGMA, seed=seed)
        with torch.no_grad():
            risk = next(tune_by_sure(y, network, SIGMA, seed=seed)).loss.item() - SIGMA**2
            gaps.append(risk - (network(y, SIGMA) - x).square().mean().item())
    gaps = torch.tensor(gaps)
    error = gaps.std() / len(gaps) ** 0.5
    assert error < 0.03 * SIGMA**2
    assert abs(gaps.mean()) < 4 * error


def test_masking_judges_hidden_pixels_that_it_does_not_see():
    network, (_, y) = small_denoiser(), noisy()
    phase = int(torch.randint(16, (), generator=runtime.generator(5, "grids")))
    hidden = grid(y, phase)
    blind = network(torch.where(hidden, neighbour_mean(y), y), SIGMA)
    expected = (blind - y)[hidden].square().mean().item()
    assert next(tune_by_masking(y, network, SIGMA, seed=5)).loss == pytest.approx(expected, rel=1e-4)


def test_patches_are_windows_of_the_picture_turned_and_mirrored():
    x = torch.rand(1, 1, 40, 52)
    seen = [patch([x], runtime.generator(seed, "patches")) for seed in range(80)]
    ways, lefts = set(), set()
    for window in seen:
        assert window.shape == (1, 1, 40, 40)
        found = [
            (turns, flipped, left)
            for turns in range(4)
            for flipped in (False, True)
            for left in range(13)
            if torch.equal(
                x[..., left : left + 40].rot90(turns, (-2, -1)).flip([-1] if flipped else []), window
            )
        ]
        assert len(found) == 1
        ways.add(found[0][:2])
        lefts.add(found[0][2])
    assert len(ways) == 8 and {0, 12} <= lefts, "windows at both borders"


def test_patches_of_a_small_picture_fit_its_smaller_copy():
    sources = sizes(torch.rand(1, 3, 32, 48))
    assert [tuple(x.shape[-2:]) for x in sources] == [(32, 48), (28, 43)]
    assert all(
        patch(sources, runtime.generator(seed, "patches")).shape == (1, 3, 28, 28) for seed in range(8)
    )


def test_restored_patches_get_fresh_noise_of_the_right_strength():
    """The identity as denoiser: what is left between its input and the patch is the noise."""

    class identity(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Conv2d(1, 1, 1, bias=False)
            torch.nn.init.ones_(self.weight.weight)

        def forward(self, y, sigma):
            return self.weight(y)

    _, y = noisy(64)
    for sigma in (0.05, 0.2):
        loss = next(tune_on_restored(y, identity(), sigma, "all")).loss.item()
        assert loss == pytest.approx(sigma * (2 / torch.pi) ** 0.5, rel=0.03)


@pytest.mark.parametrize(
    ("change", "problem", "text"),
    [
        ({"y": torch.rand(32, 32)}, ValueError, "load_image"),
        ({"y": torch.rand(1, 3, 32, 32)}, ValueError, "1 channels, but y has 3"),
        ({"y": torch.rand(1, 1, 8, 32)}, ValueError, "too few"),
        ({"sigma": -0.1}, ValueError, "sigma"),
        ({"sigma": "25"}, TypeError, "sigma"),
        ({"sigma": 25}, ValueError, "sigma: .*write 25 / 255"),
        ({"sigma": 2}, ValueError, "sigma: .*write 2 / 255"),
        ({"sigma": float("nan")}, ValueError, "sigma"),
        ({"what": "everything"}, ValueError, "expected one of"),
        ({"iterations": 0}, ValueError, "iterations"),
        ({"learning_rate": 0}, ValueError, "learning_rate"),
        ({"seed": -1}, ValueError, "seed"),
        ({"denoiser": "denoiser_gray"}, TypeError, "trained network"),
    ],
)
@each_method
def test_bad_input_is_refused_before_any_compute(method, change, problem, text):
    arguments = {"y": torch.rand(1, 1, 32, 32), "denoiser": small_denoiser(), "sigma": SIGMA} | change
    with pytest.raises(problem, match=text):
        method(**arguments)


# Stopping without the truth


def steps_of(networks, y):
    for iteration, network in enumerate(networks, 1):
        yield Step(iteration, len(networks), torch.tensor(1.0), network(y, SIGMA).detach(), network=network)


def test_least_risk_chooses_the_network_with_the_least_error():
    x, y = noisy(96, name="coffee")
    good, idle = trained("denoiser_gray"), small_denoiser()
    networks = [
        idle,
        lambda y, sigma: good(y, 2.5 * sigma),
        good,
        idle,
        lambda y, sigma: good(y, 0.4 * sigma),
    ]
    rule = LeastRisk(y, SIGMA, every=1)
    assert run(steps_of(networks, y), stop=rule).iteration == 3
    assert rule.least == pytest.approx((good(y, SIGMA) - x).square().mean().item(), abs=0.15 * SIGMA**2)


def test_least_risk_keeps_the_trained_network_where_adapting_does_harm():
    _, y = noisy(64, name="coffee")
    network = trained("denoiser_gray")
    rule = LeastRisk(y, SIGMA)
    result = run(tune_by_sure(y, network, 3 * SIGMA, "all", iterations=40, learning_rate=0.05), stop=rule)
    before = next(tune_by_sure(y, network, 3 * SIGMA)).estimate
    assert result.iteration == 1 and torch.allclose(result.estimate, before, atol=1e-6)


def test_least_risk_waits_as_long_as_its_patience():
    _, y = noisy(32)
    good, worse = small_denoiser(), lambda y, sigma: y + 0.3
    result = run(steps_of([good] + [worse] * 99, y), stop=LeastRisk(y, SIGMA, every=5, patience=20))
    assert result.iteration == 1 and "ended at iteration 25" in result.why


def test_least_risk_passes_over_a_last_step_without_a_network():
    _, y = noisy(32)  # a run that diverged ends with such a Step
    steps = [*steps_of([small_denoiser()], y), Step(2, 2, torch.tensor(1.0), y, averaged=True)]
    assert run(steps, stop=LeastRisk(y, SIGMA, every=1)).iteration == 1


# IDBP


def test_the_levels_fall_by_one_factor():
    falling = torch.tensor(levels(0.2, 0.01, 6))
    assert falling[0] == pytest.approx(0.2) and falling[-1] == pytest.approx(0.01)
    assert torch.allclose(falling[1:] / falling[:-1], (falling[1] / falling[0]).expand(5))


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_idbp_is_denoising_and_back_projection_in_turn(sigma):
    network, (x, _) = small_denoiser(), noisy(32)
    A = Downsample(2)
    y = A(x)
    projected = A.pinv(y)
    for level in levels(0.15, 0.02, 5):
        estimate = network(projected, (level**2 + sigma**2) ** 0.5)
        projected = estimate + A.pinv(y - A(estimate))
    last = list(idbp(y, A, network, sigma, iterations=5, strongest=0.15, weakest=0.02))[-1].estimate
    assert torch.allclose(last, (estimate if sigma else projected).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, 0.03])
def test_idbp_adapts_its_denoiser_once_to_the_estimate_as_it_stands_before_the_first_level_below_12(sigma):
    network, (x, _) = small_denoiser(), noisy(24)
    A = Downsample(2)
    y, falling = A(x), levels(20 / 255, 6 / 255, 5)
    assert falling[1] > 12 / 255 > falling[2]
    projected = A.pinv(y)
    for number, level in enumerate(falling):
        told = (level**2 + sigma**2) ** 0.5
        if number == 2:
            *_, last = tune_on_restored(projected, network, told, "gain", seed=3)
            network = last.network
        estimate = network(projected, told).detach()
        projected = estimate + A.pinv(y - A(estimate))
    settings = dict(iterations=5, strongest=20 / 255, weakest=6 / 255, seed=3)
    *_, last = idbp(y, A, small_denoiser(), sigma, "gain", **settings)
    assert torch.allclose(last.estimate, (estimate if sigma else projected).clamp(0, 1), atol=1e-4)
    assert last.loss == pytest.approx((y - A(estimate)).square().mean().item(), rel=1e-3)


@pytest.mark.parametrize(
    "A",
    [Downsample(2), Blur(gaussian_kernel(9, 1.2)), Mask((torch.rand(1, 1, 48, 48) < 0.6).float())],
    ids=lambda A: type(A).__name__,
)
def test_the_result_of_idbp_explains_clean_data(A):
    x, _ = noisy(48)
    y = A(x)
    estimate = run(idbp(y, A, trained("denoiser_gray"), iterations=8)).estimate
    assert (A(estimate) - y).square().mean().sqrt() < 0.01


@each_freedom
def test_idbp_never_changes_the_callers_network(what):
    network, (x, _) = small_denoiser(), noisy(32)
    before = weights(network)
    adapted = run(idbp(Downsample(2)(x), Downsample(2), network, adapt=what, iterations=6)).estimate
    plain = run(idbp(Downsample(2)(x), Downsample(2), network, iterations=6)).estimate
    assert same(weights(network), before)
    assert not torch.allclose(adapted, plain, atol=1e-5)


def test_a_network_left_in_training_mode_is_used_in_evaluation_mode_and_stays_as_it_is():
    network, (x, _) = small_denoiser(), noisy(32)
    right = run(idbp(Downsample(2)(x), Downsample(2), network, iterations=4)).estimate
    before = weights(network.train())
    assert torch.equal(run(idbp(Downsample(2)(x), Downsample(2), network, iterations=4)).estimate, right)
    for method in METHODS:
        run(method(x, network, SIGMA, iterations=2))
    assert network.training and same(weights(network), before)


def test_idbp_takes_any_function_as_denoiser():
    x, _ = noisy(32)
    estimate = run(idbp(Downsample(2)(x), Downsample(2), lambda z, level: z, iterations=3)).estimate
    assert torch.allclose(estimate, Downsample(2).pinv(Downsample(2)(x)).clamp(0, 1), atol=1e-5)


def test_idbp_refuses_bad_input():
    network, (_, y) = small_denoiser(), noisy(32)
    for change, problem, text in (
        ({"iterations": 0}, ValueError, "iterations"),
        ({"strongest": 0.01, "weakest": 0.1}, ValueError, "weakest"),
        ({"adapt": "everything"}, ValueError, "expected one of"),
        ({"sigma": -1}, ValueError, "sigma"),
        ({"sigma": 25}, ValueError, "sigma: .*write 25 / 255"),
        ({"sigma": 2}, ValueError, "sigma: .*write 2 / 255"),
        ({"strongest": 49}, ValueError, "strongest: .*write 49 / 255"),
        ({"strongest": 49, "weakest": 2}, ValueError, "strongest: .*write 49 / 255"),
        ({"weakest": 2}, ValueError, "weakest: .*write 2 / 255"),
        ({"weakest": 0}, ValueError, "weakest"),
        ({"strongest": 0.9, "sigma": 0.8}, ValueError, "strongest and sigma together"),
    ):
        with pytest.raises(problem, match=text):
            idbp(y, Downsample(2), network, **change)


def test_idbp_needs_a_pseudo_inverse_of_the_model_or_one_that_stands_in():
    class Half(torch.nn.Module):
        def forward(self, x):
            return 0.5 * x

        adjoint = forward

    _, y = noisy(32)
    with pytest.raises(TypeError, match="pinv"):
        idbp(y, Half(), small_denoiser())
    assert (
        run(idbp(y, Half(), small_denoiser(), pinv=lambda r: 2 * r, iterations=2)).estimate.shape == y.shape
    )


# Super-resolution


def test_an_adapted_super_resolution_network_begins_as_the_trained_one():
    network, x = trained("super_resolution"), picture("coffee", 64)
    A = BlurDownsample(gaussian_kernel(9, 1.5), 2)
    before = weights(network)
    steps = list(adapt_super_resolution(A(x), A, network, iterations=80))
    first = restore(network, A(x), A).detach().clamp(0, 1)
    assert torch.equal(steps[0].estimate, first)
    assert not torch.allclose(steps[-1].estimate, first, atol=1e-3)
    assert same(weights(network), before)


@pytest.mark.parametrize("what", ["gain", "low-rank"])
def test_adapting_a_super_resolution_network_is_zero_shot_super_resolution_of_its_free_copy(what):
    network, (_, y) = Normed(), noisy(24)
    given = dict(iterations=42, noise=0.02, seed=3)
    adapted = adapt_super_resolution(y, Downsample(2), network, what, **given)
    settings = dict(learning_rate=3e-4, gradual=1, trained=True, **given)
    with runtime.seeded(3):
        copied = free(network, what)
    expected = zero_shot_sr(y, Downsample(2), network=copied, **settings)
    *_, found = adapted
    *_, last = expected
    assert torch.equal(found.estimate, last.estimate) and found.loss == last.loss


def test_a_failed_adaptation_of_super_resolution_returns_the_trained_networks_result():
    class breaks_at_the_46th_step(ResidualNetwork):
        """Gives NaN then: at iteration 40 it has shown a first result of the adapted network."""

        steps = 0

        def forward(self, x):
            self.steps += torch.is_grad_enabled()
            return super().forward(x) + (float("nan") if self.steps > 45 else 0.0)

    with runtime.seeded(0):
        network = breaks_at_the_46th_step(1, 6, 3)
    x, A = luma(picture("coffee", 48)), Downsample(2)
    steps = list(adapt_super_resolution(A(x), A, network, iterations=60, learning_rate=0.01))
    trained_result = restore(network, A(x), A).clamp(0, 1)
    assert len(steps) == 46 and not torch.equal(steps[44].estimate, trained_result)
    assert torch.equal(run(iter(steps)).estimate, trained_result)


def test_a_trained_super_resolution_network_adapts_to_another_kernel():
    x, network = picture("chelsea", 96), trained("super_resolution")
    for seed, kernel in enumerate((gaussian_kernel(15, (2.5, 0.8), angle=45), gaussian_kernel(13, 1.6))):
        A = BlurDownsample(kernel, 2)
        y = A(x)
        alone = restore(network, y, A, corrected=False).detach().clamp(0, 1)
        corrected = restore(network, y, A).detach().clamp(0, 1)
        adapted = run(adapt_super_resolution(y, A, network, iterations=150, seed=seed)).estimate
        assert psnr(alone, x, shave=6) < psnr(enlarge(y, A), x, shave=6) + 1
        assert psnr(adapted, x, shave=6) > psnr(corrected, x, shave=6) > psnr(alone, x, shave=6) + 2


# What adapting is worth, on pictures that the network never saw


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera"])
def test_the_trained_gray_denoiser_is_within_a_decibel_of_bm3d(name):
    x, gaps = luma(picture(name, 128)) if name != "camera" else picture(name, 128), []
    for seed in range(2):
        y = add_gaussian(x, SIGMA, seed=seed)
        classical = torch.from_numpy(bm3d.bm3d(y[0, 0].numpy(), SIGMA)).float()[None, None].clamp(0, 1)
        with torch.no_grad():
            gaps.append(psnr(trained("denoiser_gray")(y, SIGMA).clamp(0, 1), x) - psnr(classical, x))
    assert min(gaps) > -1


def gain(name):
    """What adapting with the recommended setting adds, stopped by a rule that sees no truth."""
    x, network = picture(name, 96), trained("denoiser_gray")
    y = add_gaussian(x, SIGMA)
    adapted = run(tune_on_restored(y, network, SIGMA, iterations=25), stop=LeastRisk(y, SIGMA)).estimate
    with torch.no_grad():
        return psnr(adapted.clamp(0, 1), x) - psnr(network(y, SIGMA).clamp(0, 1), x)


@pytest.mark.slow
def test_unfamiliar_images_gain_decibels_by_tenths_and_a_familiar_one_loses_nothing():
    unfamiliar = [gain(name) for name in ("brick", "shepp_logan_phantom")]
    assert sum(unfamiliar) / len(unfamiliar) > 0.4 and min(unfamiliar) > 0.2
    assert gain("camera") > -0.1


@pytest.mark.slow
def test_sure_as_the_loss_of_all_weights_promises_more_than_is_true():
    """Where the network knows such images; on stripes, which it does not know, the promise is kept."""

    def change(x, seed):
        y, network = add_gaussian(x, SIGMA, seed=seed), trained("denoiser_gray")
        steps = list(tune_by_sure(y, network, SIGMA, "all", iterations=40, learning_rate=1e-4, seed=seed))
        risks = [float(step.loss) for step in steps]
        errors = [float((step.estimate - x).square().mean()) for step in steps]
        return [1e4 * (sum(values[-8:]) - sum(values[:8])) / 8 for values in (risks, errors)]

    place = torch.arange(48)
    stripes = 0.2 + 0.6 * ((place[:, None] + place) // 2 % 2)[None, None].float()
    for seed in range(2):
        promise, truth = change(picture("camera", 64), seed)
        assert promise < -3 and truth > -0.5
        promise, truth = change(stripes, seed)
        assert truth < -10 and abs(promise - truth) < 0.5 * abs(truth)


@pytest.mark.slow
def test_an_adapted_denoiser_restores_better_inside_idbp():
    blur, noise, network = Blur(gaussian_kernel(13, 1.6)), 2**0.5 / 255, trained("denoiser_gray")
    for seed in (0, 1):
        x, A = picture("brick", 96), Downsample(2)
        y, blurred = A(x), add_gaussian(blur(x), noise, seed=seed)
        plain, adapted = (
            psnr(run(idbp(y, A, network, adapt=adapt, seed=seed)).estimate, x, shave=2)
            for adapt in (None, "all")
        )
        assert adapted > plain > psnr(enlarge(y, A), x, shave=2) + 1
        settings = dict(sigma=noise, weakest=6 / 255, pinv=lambda r: blur.pinv(r, epsilon=5e-3))
        plain, adapted = (
            psnr(run(idbp(blurred, blur, network, adapt=adapt, **settings)).estimate, x)
            for adapt in (None, "all")
        )
        tikhonov = max(
            psnr(blur.pinv(blurred, epsilon=epsilon).clamp(0, 1), x) for epsilon in (1e-3, 3e-3, 1e-2, 3e-2)
        )
        assert adapted > plain > tikhonov
