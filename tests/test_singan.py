"""SinGAN: receptive field, gradient penalty, reconstruction, noise by its error, sampling from any scale."""

import pytest
import torch
from torch import nn

from dil_course import runtime
from dil_course.fitting import run
from dil_course.from_scratch import SinGAN, singan
from dil_course.from_scratch.internal_pairs import resized
from dil_course.from_scratch.singan import NOISE, gradient_penalty, inward, patch_network
from dil_course.signals import copied_share, sliced_wasserstein

# Slanted stripes: learned in seconds.
X = 0.5 + 0.4 * torch.sin(torch.arange(24.0)[:, None] * 0.8 + torch.arange(24.0) * 0.25)[None, None]
SMALL = {"scales": 2, "coarsest": 16, "width": 8}


@pytest.fixture(scope="module")
def trained():
    model = SinGAN(X, **SMALL)
    losses = [float(step.loss) for step in singan(model, 100, 5e-3)]
    return model, losses


def test_each_output_depends_on_eleven_pixels_a_side():
    network, z = patch_network(1, 1, 4), torch.zeros(1, 1, 31, 31, requires_grad=True)
    score = network(z)
    assert score.shape == (1, 1, 21, 21)
    (gradient,) = torch.autograd.grad(score[0, 0, 10, 10], z)
    rows, columns = gradient[0, 0].nonzero().T
    assert (int(rows.min()), int(rows.max())) == (10, 20) == (int(columns.min()), int(columns.max()))


@pytest.mark.parametrize(("slope", "expected"), [(0.0, 1.0), (1.0, 0.0), (3.0, 4.0)])
def test_gradient_penalty_is_that_of_the_slope_and_reaches_the_weights(slope, expected):
    critic = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(critic.weight, slope)
    penalty = gradient_penalty(critic, X, torch.zeros_like(X), 0.3)
    assert float(penalty.detach()) == pytest.approx(expected, abs=1e-5)
    penalty.backward()
    assert float(critic.weight.grad.squeeze()) == pytest.approx(2 * (slope - 1) * (slope > 0), abs=1e-4)


def test_gradient_penalty_takes_the_length_over_the_channels():
    critic = nn.Conv2d(3, 1, 1, bias=False)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([2.0, 3.0, 6.0]).reshape(1, 3, 1, 1))  # of length 7
    x = X.repeat(1, 3, 1, 1)
    assert float(gradient_penalty(critic, x, 0 * x, 0.5).detach()) == pytest.approx(36, rel=1e-5)


def test_gradient_penalty_is_taken_between_the_two_images():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.square()

    gradient_penalty(critic, X, torch.zeros_like(X), 0.25)
    torch.testing.assert_close(seen[0], 0.25 * X)


def test_the_code_gives_the_source_back_and_its_error_sets_the_noise(trained):
    model, losses = trained
    assert len(losses) == 200 and losses[-1] < 0.2 * losses[0]
    error = (model.reconstruction() - X).square().mean()
    assert error < 0.2 * X.var() and float(error) == pytest.approx(losses[-1], rel=0.3)
    coarser = resized(inward(model.reconstruction(0)), X.shape[-2:])
    rmse = float((coarser - inward(X)).square().mean().sqrt())
    assert model.noise == [1.0, pytest.approx(NOISE * rmse)]


def test_samples_are_new_seeded_and_like_the_source(trained):
    model, _ = trained
    one, again, other = (model.sample(seed=seed) for seed in (0, 0, 1))
    untrained = SinGAN(X, **SMALL).sample()
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert one.shape == X.shape and one.min() >= 0 and one.max() <= 1
    assert copied_share(one, X) < 0.5
    assert sliced_wasserstein(one, X, 5) < 0.5 * sliced_wasserstein(untrained, X, 5)


def test_a_later_start_keeps_more_of_it_and_another_image_is_followed(trained):
    model, _ = trained
    kept = [float((model.sample(first=first) - X).square().mean()) for first in (0, 1)]
    assert kept[1] < 0.5 * kept[0]
    start = X.flip(-1)
    followed = model.sample(start=start, first=1)
    assert (followed - start).square().mean() < 0.5 * (followed - X).square().mean()
    assert model.sample(shape=(24, 40)).shape == (1, 1, 24, 40)


def test_a_start_is_shrunk_to_the_scale_before_the_first_that_is_made():
    model, start = SinGAN(X, **SMALL), X.flip(-1)
    base = resized(resized(inward(start), (16, 16)), (24, 24))
    expected = (model.refined(1, base, 0).detach() + 1) / 2  # an untrained scale gets no noise
    torch.testing.assert_close(model.sample(start=start, first=1), expected.clamp(0, 1))


def test_another_seed_is_another_network_and_another_code():
    one, other = SinGAN(X, **SMALL), SinGAN(X, seed=1, **SMALL)
    assert not torch.equal(one.code, other.code)
    assert not torch.equal(next(one.generators.parameters()), next(other.generators.parameters()))


def test_estimates_are_samples_of_the_scales_so_far_at_full_size():
    steps = list(singan(SinGAN(X, **SMALL), 3))
    assert [step.iteration for step in steps] == list(range(1, 7)) and {step.total for step in steps} == {6}
    assert all(step.estimate.shape == X.shape for step in steps)
    models = [SinGAN(X, **SMALL) for _ in range(2)]
    results = [run(singan(model, 3)).estimate for model in models]
    assert torch.equal(*results) and torch.equal(*(model.sample() for model in models))


def test_five_iterations_of_two_scales_written_out():
    """Wasserstein loss with gradient penalty, plus ten times the error of the code's reconstruction."""
    model, own = SinGAN(X, **SMALL), SinGAN(X, **SMALL)
    steps = list(singan(model, 5, 0.004, seed=2))
    draw = runtime.generator(2, "singan")
    with runtime.seeded(int(torch.randint(2**31, (1,), generator=draw))):
        critic = patch_network(1, 1, 8)
    first, second = own.generators

    def refined(network, base, noise):
        return base + torch.tanh(network(nn.functional.pad(base + noise, [5] * 4)))

    def noise(side):
        return torch.randn(1, 1, side, side, generator=draw)

    def fitted(network, real, made, kept, code):
        """Train one scale. `made` draws its base and noise, `kept` is the base of the reconstruction."""
        optimizers = [torch.optim.Adam(each.parameters(), 0.004, (0.5, 0.999)) for each in (critic, network)]
        for iteration in range(5):
            if iteration == 4:
                for optimizer in optimizers:
                    optimizer.param_groups[0]["lr"] = 0.0004
            fake, mix = refined(network, *made()), torch.rand((), generator=draw)
            between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            loss = (
                critic(fake.detach()).mean() - critic(real).mean() + 0.1 * (slope.abs() - 1).square().mean()
            )
            update(optimizers[0], loss)
            error = (refined(network, kept, code) - real).square().mean()
            update(optimizers[1], 10 * error - critic(fake).mean())
            losses.append(error.item() / 4)

    def update(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def finer():
        with torch.no_grad():
            base = resized(refined(first, black, noise(16)), (24, 24))
        return base, 0.1 * rmse * noise(24)

    losses, black = [], torch.zeros(1, 1, 16, 16)
    coarse = inward(resized(X, (16, 16)).clamp(0, 1))
    fitted(first, coarse, lambda: (black, noise(16)), black, own.code)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        kept = refined(first, black, own.code)
        rmse = (resized(kept.clamp(-1, 1), (24, 24)) - inward(X)).square().mean().sqrt()
    fitted(second, inward(X), finer, resized(kept, (24, 24)), 0)
    assert [float(step.loss) for step in steps] == pytest.approx(losses, rel=1e-3)


def test_a_scale_is_trained_once_the_coarser_ones_are_fixed():
    model = SinGAN(X, **SMALL)
    kept = None
    for step in singan(model, 4):
        if step.iteration == 4:
            kept = [weights.clone() for weights in model.generators[0].parameters()]
        if step.iteration == 5:
            assert model.noise[1] > 0
    for before, after in zip(kept, model.generators[0].parameters(), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "float tensor", lambda: SinGAN(X.numpy())),
        (ValueError, "divide 8-bit", lambda: SinGAN(255 * X)),
        (ValueError, "coarsest", lambda: SinGAN(X, coarsest=25)),
        (ValueError, "coarsest", lambda: SinGAN(X, coarsest=10)),
        (ValueError, "scales", lambda: SinGAN(X, scales=1)),
        (ValueError, "width", lambda: SinGAN(X, width=0)),
        (TypeError, "expected a SinGAN", lambda: singan(X)),
        (ValueError, "iterations", lambda: singan(SinGAN(X, **SMALL), 0)),
        (ValueError, "learning_rate", lambda: singan(SinGAN(X, **SMALL), 1, 0)),
        (TypeError, "shape", lambda: SinGAN(X, **SMALL).sample(24)),
        (ValueError, "first", lambda: SinGAN(X, **SMALL).sample(first=2)),
        (ValueError, "channels", lambda: SinGAN(X, **SMALL).sample(start=X.expand(1, 3, 24, 24), first=1)),
    ],
)
def test_wrong_inputs_are_refused_before_any_compute(error, match, call):
    with pytest.raises(error, match=match):
        call()
