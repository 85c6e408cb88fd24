"""The network of zero-shot super-resolution: convolutions that add detail to an enlarged picture."""

import torch
from torch import nn

from dil_course.signals.validation import LARGEST_WIDTH, check_integer


class ResidualNetwork(nn.Module):
    """Maps a picture (1,C,H,W) to itself plus a correction. Shocher, Cohen and Irani, CVPR 2018, section 3.

    All layers are 3x3 convolutions without padding, with ReLU between them; instead, the picture is mirrored
    at its borders once, by as many pixels as all layers need. The result is not limited to [0,1].

    Args:
        channels: C.
        width: channels of the layers between.
        depth: how many convolutions.
        cells: 2 lets the convolutions work at half of the size, on the four pixels of each cell at once, as
            in Shi et al., "Real-Time Single Image and Video Super-Resolution" (ESPCN, CVPR 2016): about a
            quarter of the work. 1 is the paper's network.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, or so large that memory would not
            do; depth is below 2.
    """

    def __init__(self, channels=3, width=64, depth=8, cells=1):
        super().__init__()
        channels = check_integer(channels, "channels", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        depth = check_integer(depth, "depth", 2, 100)
        cells = check_integer(cells, "cells", 1, 4)
        self.channels, self.depth, self.cells = channels, depth, cells
        sides = [channels * cells**2, *[width] * (depth - 1), channels * cells**2]
        layers = []
        for inputs, outputs in zip(sides, sides[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])
        for convolution in self.body[::2]:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
        with torch.no_grad():
            self.body[-1].weight *= 0.1  # the first outputs are close to the input

    def forward(self, x):
        height, width = x.shape[-2:]
        border, cells = self.depth * self.cells, self.cells
        right, below = border + -width % cells, border + -height % cells
        padded = nn.functional.pad(x, (border, right, border, below), mode="reflect")
        added = nn.functional.pixel_shuffle(self.body(nn.functional.pixel_unshuffle(padded, cells)), cells)
        return x + added[..., :height, :width]
