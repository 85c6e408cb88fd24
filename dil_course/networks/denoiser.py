"""The denoiser that was trained on other pictures: a stack of convolutions that predicts the noise."""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course.signals.validation import LARGEST_WIDTH, check_integer, check_levels


class Denoiser(nn.Module):
    """Maps a noisy picture (1,C,H,W) and its noise level to a clean picture (1,C,H,W), not limited to [0,1].

    Convolutions with batch norm and ReLU that predict the noise, as in Zhang et al., "Beyond a Gaussian
    Denoiser" (DnCNN, IEEE Transactions on Image Processing 2017), section 3. They work at half of the size,
    on the four pixels of each cell at once, and one more channel holds the noise level, as in Zhang, Zuo and
    Zhang, "FFDNet" (same journal 2018), section 3: one network for all levels, at a quarter of the work. The
    layers predict noise of standard deviation one, which is then scaled: at level 0 the picture comes back as
    it is.

    Args:
        channels: C.
        width: channels of the layers between.
        depth: how many convolutions.

    Attributes:
        channels: C.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, or so large that memory would not
            do; depth is below 2.
    """

    def __init__(self, channels=3, width=64, depth=8):
        super().__init__()
        channels = check_integer(channels, "channels", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 1, LARGEST_WIDTH)
        depth = check_integer(depth, "depth", 2, 100)
        self.channels = channels
        layers = [nn.Conv2d(4 * channels + 1, width, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 4 * channels, 3, padding=1))
        for module in self.body:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        with torch.no_grad():
            self.body[-1].weight *= 0.1  # the first outputs are close to the input

    def forward(self, y, sigma):
        """The clean picture, not limited to [0,1].

        Args:
            y: noisy pictures (N,C,H,W).
            sigma: standard deviation of the noise, in [0,1]: a number, or a tensor (N,1,1,1).

        Raises:
            TypeError, ValueError: sigma is neither, or not in [0,1].
        """
        check_levels(sigma)
        height, width = y.shape[-2:]
        even = F.pad(y, (0, width % 2, 0, height % 2), mode="replicate")
        cells = F.pixel_unshuffle(even, 2)
        level = torch.as_tensor(sigma, dtype=y.dtype, device=y.device).expand(len(y), 1, *cells.shape[-2:])
        noise = F.pixel_shuffle(level * self.body(torch.cat([cells, level], 1)), 2)
        return y - noise[..., :height, :width]
