"""KernelGAN: the blur kernel of one image, learned by a linear generator against a critic of patches."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from dil_course import runtime
from dil_course.fitting import Step
from dil_course.from_scratch.given import check_fit
from dil_course.signals import Downsample
from dil_course.signals.validation import check_flag, check_integer, check_side

SIDES = (7, 5, 3, 1, 1, 1)  # of the generator's kernels; together they see 13 x 13 pixels
TAPS = sum(SIDES) - len(SIDES) + 1
SMALLEST = 48  # pixels a side of y: from a smaller one the critic would see the same few patches
NOISE = 2 / 255  # standard deviation of the critic's input noise, on [-1,1]
BORDER = 3.0  # weight of what lies at the kernel's border; the paper has 0.5
LEAST_CONTRAST = 1e-3  # standard deviation of y on [-1,1], below which nothing can be seen
FASTER = 40  # times the learning rate, for the three parameters of a Gaussian
KEPT = 0.1  # weight of the newest kernel in the average


class LinearGenerator(nn.Module):
    """Convolutions without bias or nonlinearity, which map (N,1,h,w) to half the size: (N,1,h/2-6,w/2-6).

    A chain of linear layers is one linear layer, so `forward` applies the one kernel that they make
    together, which takes a fraction of the products; gradients still reach every layer.

    Args:
        width: channels between the layers; the paper has 64.
    """

    def __init__(self, width=64):
        super().__init__()
        channels = [1, *[width] * (len(SIDES) - 1), 1]
        self.layers = nn.ModuleList(
            nn.Conv2d(*channels[i : i + 2], side, bias=False) for i, side in enumerate(SIDES)
        )
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight)

    def kernel(self):
        """The layers convolved with each other, (1,1,13,13): what torch's conv2d correlates an image with."""
        kernel = self.layers[0].weight.transpose(0, 1)
        for layer in self.layers[1:]:
            kernel = F.conv2d(kernel, layer.weight.flip(2, 3), padding=layer.weight.shape[-1] - 1)
        return kernel

    def forward(self, x):
        return F.conv2d(x, self.kernel(), stride=2)

    def layer_by_layer(self, x):
        """The same as `forward`, computed as the paper draws it: six layers, the last one with stride 2."""
        for layer in self.layers[:-1]:
            x = layer(x)
        return F.conv2d(x, self.layers[-1].weight, stride=2)


class GaussianGenerator(nn.Module):
    """A generator whose kernel is a Gaussian: `LinearGenerator` with three parameters.

    They make the lower triangular root [[down, 0], [slant, across]] of the covariance in pixels, rows first.
    """

    def __init__(self):
        super().__init__()
        self.down, self.across = (nn.Parameter(torch.tensor(math.log(1.5))) for _ in range(2))
        self.slant = nn.Parameter(torch.zeros(()))

    def kernel(self):
        """(1,1,13,13), as of `LinearGenerator`."""
        steps = torch.arange(TAPS, device=self.slant.device) - TAPS // 2
        first = steps[:, None] / self.down.exp()
        second = (steps[None, :] - self.slant * first) / self.across.exp()
        values = torch.exp(-(first.square() + second.square()) / 2)
        return (values / values.sum())[None, None]

    def forward(self, x):
        return F.conv2d(x, self.kernel(), stride=2)


class PatchCritic(nn.Module):
    """How real each 7 x 7 patch looks: maps (N,1,h,w) to (N,1,h-6,w-6) in [0,1].

    One convolution sees the patch, and those of 1 x 1 after it combine what it saw.

    Args:
        width: channels between the layers; the paper has 64.
    """

    def __init__(self, width=64):
        super().__init__()
        layers = [spectral_norm(nn.Conv2d(1, width, 7))]
        for _ in range(5):
            layers += [spectral_norm(nn.Conv2d(width, width, 1)), nn.BatchNorm2d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(width, 1, 1)), nn.Sigmoid())

    def forward(self, x):
        return self.layers(x)


def kernel_gan(y, iterations=500, learning_rate=5e-4, side=64, width=None, batch=2, seed=0, gaussian=False):
    """Play a game on patches of y: a generator makes y smaller, a critic tells the result from y.

    Bell-Kligler, Shocher and Irani, "Blind Super-Resolution Kernel Estimation using an Internal-GAN" (NeurIPS
    2019). Patches recur across scales only under the right blur, so when the critic no longer finds a
    difference, the generator's kernel is that of the camera. Built in lesson 09.

    Both minimise squared errors (least-squares GAN; Mao et al., ICCV 2017). The generator is also held to a
    kernel that sums to one and is small at its border, and whose result is not too far from bicubic
    downsampling.

    Where this differs from the paper: real and fake windows go through the critic as one batch, so that batch
    normalisation leaves the difference of their contrasts, which is what blur changes; the authors' code
    judges them one after the other. The critic learns more slowly than the generator, the border weighs more
    and the pull towards bicubic remains, because on an image of 100 to 200 pixels the critic soon finds other
    differences than blur. The estimate is the moving average of the kernels, centred, whereas the paper takes
    the last one. There are no terms for sparsity and for the centre of mass.

    Do not credit the critic with all of the gain: in nine cases of 100 to 128 pixels, four fifths of it,
    over bicubic interpolation, remained with a critic that kept its first weights (benchmarks/RESULTS.md).

    Args:
        y: small image (1,C,h,w); its channels are averaged.
        iterations: how many; the paper has 3000, in which an image as small as ours sees the kernel drift.
        learning_rate: of the generator's Adam; the critic has 0.6 times as much.
        side: of the generator's input windows in pixels; it is cut to the sides of y.
        width: channels of both networks; None takes 32 in the quick profile and 64, the paper's, in the full.
        batch: windows an iteration; the paper has one.
        seed: of the networks, windows and noise.
        gaussian: True plays the same game with a generator of three parameters, a Gaussian of any widths and
            direction, in place of the linear network. (Liang et al., "Flow-based Kernel Prior", CVPR 2021,
            restrict the generator by a flow that was trained on Gaussians.)

    Returns:
        Generator of Steps: the generator's loss and the kernel (1,1,14,14), which sums to one and is centred:
        `BlurDownsample(step.estimate[0, 0], 2)` is the estimated camera.

    Raises:
        TypeError, ValueError: before any compute, where an argument is not of this form or y is too small.
    """
    width = runtime.pick(quick=32, full=64) if width is None else width
    iterations = check_fit(y, iterations, learning_rate, seed)
    check_side(y.shape, SMALLEST, "y")
    side = check_integer(side, "side", 40)
    width = check_integer(width, "width", 1, 256)
    batch = check_integer(batch, "batch", 1, 64)
    check_flag(gaussian, "gaussian")
    gray = 2 * y.detach().mean(1, keepdim=True) - 1
    if gray.std() < LEAST_CONTRAST:
        raise ValueError("y: an image without contrast looks the same under any kernel")
    with runtime.seeded(seed):
        generator, critic = GaussianGenerator() if gaussian else LinearGenerator(width), PatchCritic(width)
    side = min(side, *y.shape[-2:]) // 2 * 2
    networks = generator.to(y.device), critic.to(y.device)
    return _play(gray, *networks, iterations, learning_rate, side, batch, seed)


def _play(y, generator, critic, iterations, learning_rate, side, batch, seed):
    """The game on gray y (1,1,h,w) in [-1,1]: each iteration one step of the generator, one of the critic."""
    small = generator(y[..., :side, :side]).shape[-1]
    pace = FASTER if isinstance(generator, GaussianGenerator) else 1
    where = runtime.generator(seed, "windows")
    noise = runtime.generator(seed, "noise", y.device)
    fused = y.device.type in ("cpu", "cuda")
    optimizers = [
        torch.optim.Adam(network.parameters(), rate * learning_rate, betas=(0.5, 0.999), fused=fused)
        for network, rate in ((generator, pace), (critic, 0.6))
    ]

    def judged(real, fake):
        both = torch.cat([real, fake])
        return critic(both + NOISE * torch.randn(both.shape, generator=noise, device=both.device)).chunk(2)

    average = None
    for iteration in range(1, iterations + 1):
        x, real = windows(y, side, batch, where), windows(y, small, batch, where)
        kernel = generator.kernel()
        fake = F.conv2d(x, kernel, stride=2)
        bicubic = Downsample(2)(x)[..., 3 : 3 + small, 3 : 3 + small]
        of_real, of_fake = judged(real, fake)
        loss = (of_fake - 1).square().mean() + regulariser(kernel)
        loss = loss + weight_of_bicubic(iteration) * (fake - bicubic).square().mean()
        mistakes = ((of_real - 1).square().mean() + of_fake.square().mean()) / 2
        _update(optimizers[0], generator, loss)
        _update(optimizers[1], critic, mistakes)

        kernel = (kernel / kernel.sum()).detach()
        average = kernel if average is None else average + max(1 / iteration, KEPT) * (kernel - average)
        yield Step(iteration, iterations, loss.detach(), centred_kernel(average), averaged=True)


def _update(optimizer, network, loss):
    """One step of this network alone, down its loss, to which the other network contributes as it stands."""
    weights = list(network.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights, retain_graph=True), strict=True):
        weight.grad = gradient
    optimizer.step()


def weight_of_bicubic(iteration):
    """Of the squared distance from bicubic downsampling: 5 at first, then 0.5 (in the paper down to 5e-6)."""
    return 5.0 if iteration < 100 else 0.5


def regulariser(kernel):
    """The terms that depend on the kernel (1,1,13,13) alone: a sum of one, and nothing at the border."""
    steps = (torch.arange(TAPS, device=kernel.device) - TAPS // 2).abs() / (TAPS // 2)
    away = torch.maximum(steps[:, None], steps[None, :])
    return 0.5 * (kernel.sum() - 1).abs() + BORDER * (kernel.abs() * away**6).sum()


def centre_of_mass(kernel):
    """Row and column (2,) of the centre of mass of a kernel (height,width), in pixels from its first one."""
    places = [torch.arange(side).to(kernel) for side in kernel.shape]
    return torch.stack([kernel.sum(1) @ places[0], kernel.sum(0) @ places[1]]) / kernel.sum()


def centred_kernel(kernel):
    """What conv2d correlates with (1,1,13,13), as the kernel (1,1,14,14) that `BlurDownsample` takes.

    It is turned around, because `BlurDownsample` convolves; loses its negative values; and is moved, by a
    phase in the Fourier domain, so that its centre of mass lies in the middle of the array.
    """
    turned = F.pad(kernel[0, 0].flip(0, 1), (1, 0, 1, 0)).cpu().double().clamp(min=0)
    middle = (turned.shape[0] - 1) / 2
    frequencies = 2 * torch.pi * torch.fft.fftfreq(turned.shape[0], dtype=torch.float64)
    for _ in range(3):  # Values below zero are clipped after each move, which moves the centre a little.
        down, right = middle - centre_of_mass(turned)
        phase = frequencies[:, None] * down + frequencies[None, :] * right
        moved = torch.fft.ifft2(torch.fft.fft2(turned) * torch.exp(-1j * phase)).real.clamp(min=0)
        turned = moved / moved.sum()
    return turned.to(kernel)[None, None]


def kernel_at_scale_4(kernel):
    """The kernel (40,40) that makes an image 4 times smaller as two steps with `kernel` (14,14) do.

    The second step blurs pixels that are twice as large, hence k4 = k * (k with zeros in between).
    """
    spread = kernel.new_zeros(2 * kernel.shape[0] - 1, 2 * kernel.shape[1] - 1)
    spread[::2, ::2] = kernel
    border = [side - 1 for side in kernel.shape]
    return F.conv2d(spread[None, None], kernel.flip(0, 1)[None, None], padding=border)[0, 0]


def windows(y, side, count, draw):
    """Windows (count,1,side,side) of y (1,1,h,w), with a probability that grows as the gradients in them."""
    edges = torch.zeros_like(y)
    edges[..., 1:, :] += y.diff(dim=-2).abs()
    edges[..., 1:] += y.diff(dim=-1).abs()
    # The mean over a square is that over its rows and then its columns, in a fraction of the time.
    weights = F.avg_pool2d(F.avg_pool2d(edges, (side, 1), 1), (1, side), 1)[0, 0].cpu() + 1e-6
    chosen = torch.multinomial(weights.flatten(), count, replacement=True, generator=draw).tolist()
    corners = [divmod(place, weights.shape[1]) for place in chosen]
    return torch.cat([y[..., top : top + side, left : left + side] for top, left in corners])
