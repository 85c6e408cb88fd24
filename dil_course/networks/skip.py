"""The encoder-decoder with thin skip connections of the deep image prior."""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course.signals.validation import LARGEST_WIDTH, check_choice, check_flag, check_integer


def convolution(channels_in, channels_out, size, stride=1, padding="reflect", one_row=False):
    """Convolution that keeps the picture's size, then batch norm and LeakyReLU(0.2)."""
    sizes, strides, around = (size, size), (stride, stride), (size // 2, size // 2)
    if one_row:
        sizes, strides, around = (1, size), (1, stride), (0, size // 2)
    mode = padding if size > 1 else "zeros"
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, sizes, strides, around, padding_mode=mode),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.2, inplace=True),
    )


class SkipScale(nn.Module):
    """One scale of the network: halve the sides, apply the coarser scales, enlarge, join the skip branch."""

    def __init__(self, channels_in, width, skip, upsampling, padding, norm_of_joined, one_row, coarser):
        super().__init__()
        kind = dict(padding=padding, one_row=one_row)
        self.upsampling = upsampling
        self.skip = convolution(channels_in, skip, 1) if skip else None
        self.down = nn.Sequential(
            convolution(channels_in, width, 3, 2, **kind), convolution(width, width, 3, **kind)
        )
        self.coarser = coarser
        self.join = nn.BatchNorm2d(skip + width) if norm_of_joined else nn.Identity()
        self.up = nn.Sequential(convolution(skip + width, width, 3, **kind), convolution(width, width, 1))

    def forward(self, x):
        deep = self.coarser(self.down(x))
        # Going to x's own size, not to twice the coarse one, is what makes odd sizes work.
        deep = F.interpolate(deep, size=x.shape[-2:], mode=self.upsampling)
        joined = deep if self.skip is None else torch.cat([self.skip(x), deep], dim=1)
        return self.up(self.join(joined))


class SkipNetwork(nn.Module):
    """Skip network of the deep image prior: maps z (1,input_channels,H,W) to a picture (1,C,H,W) in [0,1].

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
        padding: "reflect" or "zeros", around each convolution.
        norm_of_joined: whether batch norm follows where the skip branch and the coarser scales meet.
        one_row: whether it is for signals (1,C,1,N): its convolutions run along the row, and halve that only.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1 (skip: 0), or so large that memory
            would not do; an unknown word.
    """

    reduction = 1  # z is as large as the picture

    def __init__(
        self,
        output_channels=3,
        input_channels=32,
        width=128,
        scales=5,
        skip=4,
        upsampling="bilinear",
        padding="reflect",
        norm_of_joined=True,
        one_row=False,
    ):
        super().__init__()
        output_channels = check_integer(output_channels, "output_channels", 1, LARGEST_WIDTH)
        input_channels = check_integer(input_channels, "input_channels", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        scales = check_integer(scales, "scales", 1, 10)
        skip = check_integer(skip, "skip", 0, LARGEST_WIDTH)
        check_choice(upsampling, ("bilinear", "nearest"), "upsampling")
        check_choice(padding, ("reflect", "zeros"), "padding")
        check_flag(norm_of_joined, "norm_of_joined")
        check_flag(one_row, "one_row")
        self.input_channels, self.output_channels, self.scales = input_channels, output_channels, scales
        self.one_row = one_row
        network = nn.Identity()
        for scale in reversed(range(scales)):
            channels_in = input_channels if scale == 0 else width
            kind = skip, upsampling, padding, norm_of_joined, one_row
            network = SkipScale(channels_in, width, *kind, network)
        self.body = network
        self.to_picture = nn.Conv2d(width, output_channels, 1)

    def forward(self, z):
        features = self.body(z)
        # Where the engine computes in bfloat16, the picture must not: its steps are as coarse as 8-bit ones.
        with torch.autocast(z.device.type, enabled=False):
            return torch.sigmoid(self.to_picture(features.to(self.to_picture.weight.dtype)))


SMALL = dict(scales=4, upsampling="nearest", padding="zeros", norm_of_joined=False)


def small_skip_network(output_channels=3, input_channels=16, width=24, skip=8):
    """The skip network at a laptop's size, which fits a picture in a short time: 4 scales of 24 channels.

    About 72,000 parameters. Nearest-neighbour upsampling, zeros as padding and no norm of the joined branches
    cost less than the paper's choices, and the picture is fitted in fewer iterations; so is the noise. In the
    largest convolution 24 + 8 channels meet, a multiple of eight, because processors compute on eight numbers
    at a time. How it was found: docs/why_it_is_fast.md.
    """
    return SkipNetwork(output_channels, input_channels, width, skip=skip, **SMALL)


def signal_skip_network(output_channels=1, input_channels=16, width=24, skip=8):
    """The small skip network for signals (1,C,1,N): 4 scales of 24 channels, about 27,000 parameters."""
    return SkipNetwork(output_channels, input_channels, width, skip=skip, one_row=True, **SMALL)
