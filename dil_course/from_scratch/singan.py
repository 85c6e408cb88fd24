"""SinGAN: a pyramid of small generators, each trained against a critic of patches, learns from one image."""

import torch
import torch.nn.functional as F
from torch import nn

from dil_course import runtime
from dil_course.fitting import Step
from dil_course.fitting.engine import keep_memory
from dil_course.from_scratch.gpnn import check_pair, resized_by, sides_of
from dil_course.from_scratch.internal_pairs import resized
from dil_course.signals.validation import (
    LARGEST_WIDTH,
    check_image,
    check_integer,
    check_number,
    check_side,
    check_target,
)

DEPTH = 5  # convolutions of 3x3 in each network
FIELD = 2 * DEPTH + 1  # pixels a side of the receptive field
NOISE = 0.1  # of a finer scale, as a share of the error that the coarser ones leave there
RECONSTRUCTION = 10.0  # weight of the reconstruction's mean squared error
PENALTY = 0.1  # weight of the gradient penalty
EVERY = 10  # iterations between two samples that a run shows


class SinGAN(nn.Module):
    """The generators of Shaham, Dekel and Michaeli, "SinGAN: Learning a Generative Model from a Single
    Natural Image" (ICCV 2019), section 3. `singan` trains them.

    The coarsest generator makes an image of noise. Each finer one adds detail to the enlarged result, given
    as much fresh noise as detail was missing. All are five convolutions of 3x3, so that each pixel depends on
    11x11 pixels of the scale below: half of the image at the coarsest scale, a small part at the finest.

    Here the networks have no batch norm, as in ConSinGAN (Hinz et al., WACV 2021); with one image in a batch
    its mean would let each pixel depend on the whole image. The paper has 32 channels and more, as many
    scales as the ratio of 3/4 takes from 25 pixels on, and noise of one channel at the coarsest.

    Args:
        x: source image (1,C,H,W) in [0,1], on whose device all is computed.
        scales: how many; their ratio follows from `coarsest`.
        coarsest: shorter side of x at the coarsest scale, in pixels, at least 11.
        width: channels between the convolutions.
        seed: of the weights and of the fixed code of the reconstruction.

    Attributes:
        sources: x at each scale, the coarsest first.
        noise: standard deviation of the noise at each scale, on the scale of [-1,1]: 0 until it is trained.

    Raises:
        TypeError, ValueError: x is no image, a number is out of range, or coarsest is larger than x
            or smaller than the 11 pixels that the critic sees.
    """

    def __init__(self, x, scales=3, coarsest=18, width=24, seed=0):
        super().__init__()
        check_target(x, "x")
        check_image(x, "x")
        scales = check_integer(scales, "scales", 2, 20)
        check_side(x.shape, FIELD, "x")
        coarsest = check_integer(coarsest, "coarsest", FIELD, min(x.shape[-2:]))
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        smallest = coarsest / min(x.shape[-2:])
        self.shrinks = [smallest ** (1 - n / (scales - 1)) for n in range(scales)]
        self.sources = [resized_by(x, shrink) for shrink in self.shrinks]
        self.noise, self.width = [1.0] + [0.0] * (scales - 1), width
        with runtime.seeded(seed):
            networks = [patch_network(x.shape[1], x.shape[1], width) for _ in range(scales)]
        self.generators = nn.ModuleList(networks).to(x)
        drawn = runtime.generator(seed, "code of the reconstruction")
        self.register_buffer("code", torch.randn(self.sources[0].shape, generator=drawn).to(x))

    @torch.no_grad()
    def sample(self, shape=None, start=None, first=0, seed=0):
        """A new image (1,C,*shape) in [0,1].

        Args:
            shape: height and width; None takes those of x.
            start: image (1,C,h,w) in [0,1] from which scale `first` starts, resized to the scale before it;
                None takes x itself.
            first: the first scale that gets noise. With 0 everything is new; the larger it is, the more of
                `start` stays.
            seed: of the noise.

        Raises:
            TypeError, ValueError: an argument is not of this form.
        """
        first = check_integer(first, "first", 0, len(self.shrinks) - 1)
        shape = self.sources[-1].shape[-2:] if shape is None else shape
        shape = check_pair(shape, 4096)
        start = self.sources[-1] if start is None else start
        check_target(start, "start")
        check_image(start, "start")
        if start.shape[1] != self.code.shape[1]:
            raise ValueError(f"start has {start.shape[1]} channels but x has {self.code.shape[1]}")
        drawn = runtime.generator(seed, "sample")
        coarser = resized(inward(start), sides_of(shape, self.shrinks[first - 1])) if first else None
        return outward(self.grown(shape, self.drawn(drawn), coarser, first))

    @torch.no_grad()
    def reconstruction(self, last=None):
        """What the fixed code gives, (1,C,h,w) in [0,1]: close to x after training; at scale `last`."""
        return outward(self.grown(self.sources[-1].shape[-2:], self.fixed, last=last))

    def drawn(self, generator):
        """Fresh noise for each scale."""
        return lambda n, shape: torch.randn(shape, generator=generator).to(self.code)

    def fixed(self, n, shape):
        """The code of the reconstruction: noise at the coarsest scale only."""
        return self.code if n == 0 else torch.zeros(shape).to(self.code)

    def grown(self, shape, codes, image=None, first=0, last=None):
        """From scale `first` to `last`, both included; `image` (in [-1,1]) comes from the one before."""
        last = len(self.shrinks) - 1 if last is None else last
        for n in range(first, last + 1):
            sides = (1, self.code.shape[1], *sides_of(shape, self.shrinks[n]))
            base = torch.zeros(sides).to(self.code) if image is None else resized(image, sides[-2:])
            image = self.refined(n, base, codes(n, sides))
        return image

    def refined(self, n, base, code):
        """The generator of scale n: noise and enlarged image in, the same image with detail out."""
        return base + torch.tanh(self.generators[n](F.pad(base + self.noise[n] * code, [DEPTH] * 4)))


def patch_network(inputs, outputs, width):
    """Five 3x3 convolutions without padding: each output depends on 11x11 pixels. Generator and critic."""
    sides = [inputs, *[width] * (DEPTH - 1), outputs]
    layers = []
    for a, b in zip(sides, sides[1:], strict=False):
        layers += [nn.Conv2d(a, b, 3), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def inward(x):
    """[0,1] to [-1,1]."""
    return 2 * x - 1


def outward(x):
    """[-1,1] to [0,1]."""
    return ((x + 1) / 2).clamp(0, 1)


def gradient_penalty(critic, real, fake, mix):
    """Mean of (|gradient| - 1)^2 at an image between a real and a made one.

    Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), equation 3. A critic whose
    gradient has length 1 measures a distance; without the penalty its values grow without end. As in SinGAN's
    code, the gradient is that of the sum of the critic's map, and its length is taken at each pixel, over
    channels.

    Args:
        critic: maps (1,C,H,W) to a map of scores.
        real, fake: images (1,C,H,W).
        mix: share of the real one, in [0,1].
    """
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.norm(dim=1) - 1).square().mean()


def singan(model, iterations=None, learning_rate=None, seed=0):
    """Train the generators of a `SinGAN` in place, scale after scale, the coarsest first.

    At each scale a critic of patches learns to tell the source from samples (Wasserstein GAN with gradient
    penalty), and the generator learns to deceive it. Moreover, one fixed code has to give x back. The error
    of that reconstruction, enlarged, says how much noise the next scale gets. Networks start from those of
    the scale before. Built in lesson 10.

    Here each iteration is one update of the critic and one of the generator, and the rate is divided by 10
    after four fifths of the iterations; the paper has three and three, and 2000 iterations a scale.

    Args:
        model: a SinGAN.
        iterations: at each scale; None takes 400 in the quick profile, the paper's 2000 in the full one.
        learning_rate: of Adam with beta_1 = 0.5; None takes 0.002 or the paper's 0.0005.
        seed: of the noise.

    Returns:
        Generator of Steps. The estimate (1,C,H,W) in [0,1] is a sample of the scales so far, from the same
        noise each time, enlarged to the full size; the loss is the mean squared error of the reconstruction
        on the scale of [0,1].

    Raises:
        TypeError, ValueError: before any compute, where the model is no SinGAN or a number out of range.
    """
    if not isinstance(model, SinGAN):
        raise TypeError(f"model: expected a SinGAN(x), got {type(model).__name__}")
    iterations = runtime.pick(quick=400, full=2000) if iterations is None else iterations
    learning_rate = runtime.pick(quick=2e-3, full=5e-4) if learning_rate is None else learning_rate
    iterations = check_integer(iterations, "iterations", 1)
    learning_rate = check_number(learning_rate, "learning_rate", low=1e-8, high=1)
    return _scale_by_scale(model, iterations, learning_rate, runtime.generator(seed, "singan"))


def _scale_by_scale(model, iterations, learning_rate, drawn):
    """The whole run, arguments checked."""
    keep_memory()
    shape, total = model.sources[-1].shape[-2:], iterations * len(model.sources)
    with runtime.seeded(int(torch.randint(2**31, (1,), generator=drawn))):
        critic = patch_network(model.code.shape[1], 1, model.width).to(model.code)
    for n, source in enumerate(model.sources):
        if n:
            model.generators[n].load_state_dict(model.generators[n - 1].state_dict())
            coarser = resized(inward(model.reconstruction(n - 1)), source.shape[-2:])
            model.noise[n] = NOISE * float((coarser - inward(source)).square().mean().sqrt())
        for iteration, loss in enumerate(_fitted(model, n, critic, iterations, learning_rate, drawn), 1):
            if iteration % EVERY == 1 or iteration == iterations:
                sample = outward(model.grown(shape, model.drawn(runtime.generator(0, "shown")), last=n))
                estimate = resized(sample, shape).clamp(0, 1)
            yield Step(n * iterations + iteration, total, loss, estimate.detach(), averaged=True)


def _fitted(model, n, critic, iterations, learning_rate, drawn):
    """Train scale n. Yields the reconstruction's error."""
    real, shape = inward(model.sources[n]), model.sources[-1].shape[-2:]
    rivals = [
        torch.optim.Adam(network.parameters(), learning_rate, (0.5, 0.999))
        for network in (critic, model.generators[n])
    ]
    base = torch.zeros_like(real)
    with torch.no_grad():
        kept = resized(model.grown(shape, model.fixed, last=n - 1), real.shape[-2:]) if n else base
    for iteration in range(iterations):
        if iteration == iterations * 4 // 5:
            for optimizer in rivals:
                optimizer.param_groups[0]["lr"] /= 10
        with torch.no_grad():
            if n:
                base = resized(model.grown(shape, model.drawn(drawn), last=n - 1), real.shape[-2:])
        fake = model.refined(n, base, model.drawn(drawn)(n, real.shape))
        mix = torch.rand((), generator=drawn).item()
        loss = critic(fake.detach()).mean() - critic(real).mean()
        loss = loss + PENALTY * gradient_penalty(critic, real, fake, mix)
        update(rivals[0], loss)
        error = (model.refined(n, kept, model.fixed(n, real.shape)) - real).square().mean()
        update(rivals[1], RECONSTRUCTION * error - critic(fake).mean())
        yield error.detach() / 4


def update(optimizer, loss):
    """One step of the optimiser down the loss, and of its weights only."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
