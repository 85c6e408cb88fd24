"""The network of Self2Self: a U-Net with dropout that is given the mask of its known inputs."""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course.signals.validation import LARGEST_WIDTH, check_flag, check_integer, check_number


class PartialConvolution(nn.Module):
    """3x3 convolution of the known values only, normalised by how many of them there are.

    Where a share s of the window's values is known, their weighted sum is divided by s; where none is known
    the result is 0. A result is known as soon as one value of its window is. Liu et al., "Image Inpainting
    for Irregular Holes Using Partial Convolutions" (ECCV 2018), equations 1 and 2.
    """

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)

    def forward(self, x, known):
        """x (1,C,H,W) and known (1 or 0; (1,C,H,W) or (1,1,H,W)), to (1,C',H,W) and known (1,1,H,W)."""
        share = F.avg_pool2d(known.mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
        bias = self.convolution.bias[:, None, None]
        summed = self.convolution(x * known) - bias
        seen = (share > 0).to(x)
        result = (summed / share.clamp(min=1e-6) + bias) * seen
        return result, seen


class PartialUNet(nn.Module):
    """Maps a picture (1,C,H,W) and the mask of its known values to a picture (1,C,H,W) in [0,1], at random.

    Quan, Chen, Pang and Ji, "Self2Self With Dropout" (CVPR 2020), section 3.2: an encoder of partial
    convolutions, a decoder with dropout before each of its convolutions. The paper has 48 channels and 5
    halvings.

    Args:
        channels: C.
        width: channels of the encoder; the decoder has twice as many.
        scales: how many times the picture is halved.
        dropout: share of the values that is dropped before each of the decoder's convolutions, in training
            and evaluation mode alike.
        partial: False takes ordinary convolutions, which mistake missing values for black.

    Raises:
        TypeError, ValueError: a number is out of range.
    """

    def __init__(self, channels=3, width=48, scales=5, dropout=0.3, partial=True):
        super().__init__()
        channels = check_integer(channels, "channels", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        scales = check_integer(scales, "scales", 1, 8)
        check_number(dropout, "dropout", high=0.99)
        check_flag(partial, "partial")
        self.input_channels = self.output_channels = channels
        self.scales, self.dropout, self.partial = scales, dropout, partial
        self.first = PartialConvolution(channels, width)
        self.encoder = nn.ModuleList(PartialConvolution(width, width) for _ in range(scales))
        joined = [width, *[2 * width] * (scales - 1)]  # from the coarsest scale up: what comes from below
        skipped = [*[width] * (scales - 1), channels]  # the finest skip is the picture itself
        self.decoder = nn.ModuleList(
            nn.ModuleList(
                [nn.Conv2d(a + b, 2 * width, 3, padding=1), nn.Conv2d(2 * width, 2 * width, 3, padding=1)]
            )
            for a, b in zip(joined, skipped, strict=True)
        )
        self.to_picture = nn.Conv2d(2 * width, channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1)
                nn.init.zeros_(module.bias)

    def forward(self, x, known, generator=None):
        """The picture (1,C,H,W) in [0,1].

        Args:
            x: picture (1,C,H,W); what it holds where values are missing has no effect.
            known: mask of its known values (1,C,H,W), 1 or 0.
            generator: draws what is dropped; None takes torch's global one.
        """
        known = known if self.partial else torch.ones_like(known)
        skips = [x * known]
        x, known = self._look(self.first, x, known)
        for scale, convolution in enumerate(self.encoder):
            x, known = self._look(convolution, x, known)
            x, known = F.max_pool2d(x, 2, ceil_mode=True), F.max_pool2d(known, 2, ceil_mode=True)
            if scale < self.scales - 1:
                skips.append(x)
        for first, second in self.decoder:
            skip = skips.pop()
            x = torch.cat([F.interpolate(x, size=skip.shape[-2:]), skip], 1)
            for convolution in (first, second):
                x = F.leaky_relu(convolution(self._forget(x, generator)), 0.1)
        return torch.sigmoid(self.to_picture(self._forget(x, generator)))

    def _forget(self, x, generator):
        """Dropout from a stream of random numbers of its own, in training and afterwards."""
        if not self.dropout:
            return x
        remembered = torch.rand(x.shape, generator=generator, device=x.device) >= self.dropout
        return x * remembered / (1 - self.dropout)

    @staticmethod
    def _look(convolution, x, known):
        """A partial convolution, then LeakyReLU(0.1)."""
        x, known = convolution(x, known)
        return F.leaky_relu(x, 0.1), known
