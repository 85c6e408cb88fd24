"""Implicit representations: networks that map a coordinate to the signal's value there, one pixel at a time.

Their layers are 1x1 convolutions on the grid of coordinates, so that they are fitted as any other network:
`deep_image_prior(y, A, network, z=coordinates(H, W), input_noise=0)`.
"""

import math

import torch
from torch import nn

from dil_course.signals.validation import LARGEST_SIDE, LARGEST_WIDTH, check_integer, check_number


def coordinates(height, width):
    """Places of all pixels of a picture, (1,2,height,width) from -1 to 1: rows, then columns.

    Of a signal, a picture of height 1, the places along it alone: (1,1,1,width).

    Raises:
        TypeError, ValueError: a side is no whole number from 1 (width: 2) to 2048.
    """
    height = check_integer(height, "height", 1, LARGEST_SIDE)
    width = check_integer(width, "width", 2, LARGEST_SIDE)
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    return grid if height > 1 else grid[:, 1:]


class Coordinates(nn.Module):
    """What the two networks have in common: the attributes that methods look at, and the checks."""

    scales, reduction = 0, 1  # nothing is halved, and nothing enlarged
    one_row = True  # a signal (1,C,1,N) is as good as a picture

    def __init__(self, output_channels, input_channels, width, depth):
        super().__init__()
        self.output_channels = check_integer(output_channels, "output_channels", 1, LARGEST_WIDTH)
        self.input_channels = check_integer(input_channels, "input_channels", 1, LARGEST_WIDTH)
        self.width = check_integer(width, "width", 1, LARGEST_WIDTH)
        self.depth = check_integer(depth, "depth", 1, 100)

    def forward(self, z):
        # A phase of many turns needs all digits.
        with torch.autocast(z.device.type, enabled=False):
            return self.values(z)


class Siren(Coordinates):
    """SIREN: a perceptron with sines, sin(frequency * (W v + b)), and a linear layer at the end.

    Sitzmann, Martel, Bergman, Lindell and Wetzstein, "Implicit Neural Representations with Periodic
    Activation Functions" (NeurIPS 2020). With the paper's initial weights the sines of every hidden layer
    have the same distribution, of variance about 1/2, however deep the network is. It maps places z
    (1,input_channels,H,W) in [-1,1] to (1,C,H,W): values in [-1,1], as in the paper, brought to [0,1] and not
    clipped there.

    Args:
        output_channels: channels C of the picture.
        input_channels: 2 for pictures, 1 for signals.
        width: of the hidden layers; the paper has 256, this is a laptop's size.
        depth: number of layers with sines.
        frequency: the omega_0 of the paper. The larger, the finer the detail that is fitted first.

    Raises:
        TypeError, ValueError: a number is out of range.
    """

    def __init__(self, output_channels=1, input_channels=2, width=64, depth=4, frequency=30):
        super().__init__(output_channels, input_channels, width, depth)
        self.frequency = check_number(frequency, "frequency", 1e-3, 1e6)
        sides = [self.input_channels] + [self.width] * self.depth
        self.sines = nn.ModuleList(
            nn.Conv2d(before, after, 1) for before, after in zip(sides[:-1], sides[1:], strict=True)
        )
        self.to_picture = nn.Conv2d(self.width, self.output_channels, 1)
        with torch.no_grad():
            for layer in (*self.sines, self.to_picture):
                bound = math.sqrt(6 / layer.in_channels) / self.frequency
                bound = 1 / layer.in_channels if layer is self.sines[0] else bound
                layer.weight.uniform_(-bound, bound)

    def values(self, z):
        for layer in self.sines:
            z = torch.sin(self.frequency * layer(z))
        return (1 + self.to_picture(z)) / 2


class FourierFeatures(Coordinates):
    """Perceptron with ReLU on Fourier features of the place: cos(2 pi B v) and sin(2 pi B v), B fixed.

    Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains"
    (NeurIPS 2020). The inner product of the features of two places, divided by their number, tends to
    exp(-2 pi^2 scale^2 distance^2): a kernel whose width the scale sets. It maps places z
    (1,input_channels,H,W) in [-1,1] to a picture (1,C,H,W) in [0,1].

    Args:
        output_channels, input_channels: as of `Siren`.
        width: of the hidden layers; the paper has 256, this is a laptop's size.
        depth: number of layers with ReLU.
        features: number of frequencies, rows of B; 0 hands the places themselves to the perceptron.
        scale: standard deviation of the entries of B, in periods per side of the picture. Too small blurs,
            too large leaves the pixels between those that are seen to chance.

    Raises:
        TypeError, ValueError: a number is out of range.
    """

    def __init__(self, output_channels=1, input_channels=2, width=64, depth=3, features=64, scale=10):
        super().__init__(output_channels, input_channels, width, depth)
        features = check_integer(features, "features", 0, LARGEST_WIDTH)
        scale = check_number(scale, "scale", 0, 1e4)
        self.register_buffer("B", scale * torch.randn(features, self.input_channels))
        sides = [2 * features or self.input_channels] + [self.width] * self.depth
        layers = []
        for before, after in zip(sides[:-1], sides[1:], strict=True):
            layers += [nn.Conv2d(before, after, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(self.width, self.output_channels, 1), nn.Sigmoid())

    def features(self, z):
        """cos and sin (1,2*features,H,W) at places z; z itself where there are no frequencies."""
        if not len(self.B):
            return z
        # The paper's places lie in [0,1]: then a frequency counts periods per side.
        phases = 2 * math.pi * torch.einsum("fc,nchw->nfhw", self.B, (z + 1) / 2)
        return torch.cat([phases.cos(), phases.sin()], dim=1)

    def values(self, z):
        return self.body(self.features(z))
