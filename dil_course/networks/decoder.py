"""Decoders without encoder: they enlarge a small random input in steps, with too few weights for noise."""

import torch
from torch import nn

from dil_course.signals.validation import LARGEST_WIDTH, check_integer


class Decoder(nn.Module):
    """Maps z (1,width,h,w) to a picture (1,C,H,W) in [0,1] that is 2**scales times larger.

    Args:
        output_channels: channels C of the picture.
        width: channels of z and of every layer, the k of the papers.
        scales: how many times the picture is doubled.
        size: of the convolutions: 1 mixes channels only, 3 neighbours too.
        upsampling: "bilinear" or "nearest".

    Attributes:
        input_channels, output_channels, scales: of z, of the picture, and as above.
        reduction: how many times z is smaller than the picture.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, or so large that memory would not
            do.
    """

    def __init__(self, output_channels, width, scales, size, upsampling):
        super().__init__()
        output_channels = check_integer(output_channels, "output_channels", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        scales = check_integer(scales, "scales", 1, 8)
        self.input_channels, self.output_channels = width, output_channels
        self.scales, self.reduction = scales, 2**scales
        padding = dict(padding=size // 2, padding_mode="reflect" if size > 1 else "zeros")
        layers = []
        for _ in range(scales):
            convolution = nn.Conv2d(width, width, size, **padding, bias=False)
            doubling = nn.Upsample(scale_factor=2, mode=upsampling)
            layers += [convolution, doubling, nn.ReLU(), nn.BatchNorm2d(width)]
        convolution = nn.Conv2d(width, width, size, **padding, bias=False)
        self.body = nn.Sequential(*layers, convolution, nn.ReLU(), nn.BatchNorm2d(width))
        self.to_picture = nn.Conv2d(width, output_channels, 1)

    def forward(self, z):
        features = self.body(z)
        # As in the skip network: a picture in bfloat16 would have steps as coarse as 8-bit pictures.
        with torch.autocast(z.device.type, enabled=False):
            return torch.sigmoid(self.to_picture(features.to(self.to_picture.weight.dtype)))


def deep_decoder(output_channels=3, width=64, scales=5):
    """Deep Decoder: 1x1 convolutions and bilinear doubling only. Heckel and Hand, ICLR 2019, section 2.

    Only the doubling couples neighbouring pixels. Its `width`, the k of the paper, is its capacity: choose it
    so that the weights are fewer than the picture's values, and it needs no early stopping. Fit it without
    noise on z.
    """
    return Decoder(output_channels, width, scales, size=1, upsampling="bilinear")


def conv_decoder(output_channels=1, width=64, scales=4):
    """ConvDecoder: 3x3 convolutions and doubling of pixels.

    Darestani and Heckel, "Accelerated MRI With Un-Trained Neural Networks" (IEEE Transactions on
    Computational Imaging 2021). The paper has 160 to 256 channels and 7 or 8 layers; this is a laptop's size.
    """
    return Decoder(output_channels, width, scales, size=3, upsampling="nearest")
