"""The encoder-decoder with thin skip connections of the deep image prior."""

import torch
from torch import nn
from torch.nn import functional as F


def convolution(channels_in, channels_out, size, stride=1):
    """Convolution that keeps the picture's size, then batch norm and LeakyReLU(0.2)."""
    padding = size // 2
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, padding, padding_mode="reflect" if padding else "zeros"),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.2),
    )


class SkipScale(nn.Module):
    """One scale of the network: go down, let the coarser scales work, come up, join the skip branch."""

    def __init__(self, channels_in, width, skip, upsampling, coarser):
        super().__init__()
        self.upsampling = upsampling
        self.skip = convolution(channels_in, skip, 1) if skip else None
        self.down = nn.Sequential(convolution(channels_in, width, 3, stride=2), convolution(width, width, 3))
        self.coarser = coarser
        self.join = nn.BatchNorm2d(skip + width)
        self.up = nn.Sequential(convolution(skip + width, width, 3), convolution(width, width, 1))

    def forward(self, x):
        deep = self.coarser(self.down(x))
        # Going to x's own size, not to twice the coarse one, is what makes odd sizes work.
        deep = F.interpolate(deep, size=x.shape[-2:], mode=self.upsampling)
        joined = deep if self.skip is None else torch.cat([self.skip(x), deep], dim=1)
        return self.up(self.join(joined))


class SkipNetwork(nn.Module):
    """Skip network f_theta of the deep image prior: maps z (1,input_channels,H,W) to a picture (1,C,H,W) in [0,1].

    The defaults are the setting for denoising in Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior"
    (CVPR 2018, supplementary material): 5 scales of 128 channels, 4 skip channels, reflection padding,
    bilinear upsampling, batch norm, LeakyReLU(0.2), sigmoid at the end. Built in lesson 03.

    Args:
        output_channels: channels C of the picture.
        input_channels: channels of the network's input z.
        width: channels at every scale.
        scales: how many times the picture is halved; each side of the picture must exceed 2**scales.
        skip: channels of each skip branch; 0 leaves the branches out.
        upsampling: "bilinear" or "nearest".
    """

    def __init__(self, output_channels=3, input_channels=32, width=128, scales=5, skip=4, upsampling="bilinear"):
        super().__init__()
        self.input_channels, self.output_channels, self.scales = input_channels, output_channels, scales
        network = nn.Identity()
        for scale in reversed(range(scales)):
            channels_in = input_channels if scale == 0 else width
            network = SkipScale(channels_in, width, skip, upsampling, network)
        self.body = network
        self.to_picture = nn.Conv2d(width, output_channels, 1)

    def forward(self, z):
        return torch.sigmoid(self.to_picture(self.body(z)))


def small_skip_network(output_channels=3):
    """The skip network at a laptop's size: 4 scales of 32 channels, about 122,000 parameters."""
    return SkipNetwork(output_channels, width=32, scales=4)
