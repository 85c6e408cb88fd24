"""The network of diffusion models: a small U-Net that denoises at every noise level from 0 to 1."""

import torch
from torch import nn
from torch.nn import functional as F

from dil_course.signals.validation import LARGEST_WIDTH, check_integer, check_levels, describe

TYPICAL = 0.25  # standard deviation of the values of images in [0,1], about their centre
CENTRE = 0.5
WEAKEST = 1e-3  # a lower level looks like this one to the network, because its logarithm is taken
GROUPS = 8  # of channels, normalised together


class LevelBlock(nn.Module):
    """Two convolutions whose result is added to their input; the noise level shifts the channels between."""

    def __init__(self, channels_in, channels, embedded):
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(GROUPS, channels_in), nn.SiLU(), nn.Conv2d(channels_in, channels, 3, padding=1)
        )
        self.shift = nn.Linear(embedded, channels)
        self.second = nn.Sequential(
            nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )
        self.past = nn.Identity() if channels_in == channels else nn.Conv2d(channels_in, channels, 1)
        nn.init.zeros_(self.second[-1].weight)  # at first it adds a constant only

    def forward(self, x, level):
        return self.past(x) + self.second(self.first(x) + self.shift(level)[..., None, None])


class DenoisingUNet(nn.Module):
    """Maps a noisy picture (N,C,H,W) and its noise level to the clean picture, not limited to [0,1].

    A U-Net as in Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), but small
    and without attention. As the course's `Denoiser` it works from half of the size on, with the four pixels
    of each cell as channels. Input and output are scaled as in Karras, Aittala, Aila and Laine, "Elucidating
    the Design Space of Diffusion-Based Generative Models" (NeurIPS 2022), table 1: with d = 0.25, the typical
    standard deviation of an image's values, and F the layers,

        D(y; s) = c_skip y + c_out F(c_in y; ln s),
        c_skip = d^2 / (s^2 + d^2),   c_out = s d / sqrt(s^2 + d^2),   c_in = 1 / sqrt(s^2 + d^2),

    where y counts from the centre of [0,1]. So F sees values of the same size at each level, and has to
    predict values of the same size. At level 0 the picture comes back as it is.

    Args:
        channels: C.
        widths: channels at each scale, multiples of 8; the first scale is half of the picture's size.

    Attributes:
        channels: C.

    Raises:
        TypeError, ValueError: a width or the number of channels is no whole number of at least 1, or so large
            that memory would not do; a width is no multiple of 8, or there is none.
    """

    def __init__(self, channels=1, widths=(32, 64, 96)):
        super().__init__()
        self.channels = channels = check_integer(channels, "channels", 1, LARGEST_WIDTH)
        if not isinstance(widths, tuple | list):
            raise TypeError(f"widths: expected a few whole numbers, such as (32, 64), got {describe(widths)}")
        widths = [check_integer(width, "widths", 1, LARGEST_WIDTH) for width in widths]
        if not widths or any(width % GROUPS for width in widths):
            raise ValueError(f"widths: expected multiples of {GROUPS}, at least one, got {widths}")
        embedded = widths[-1]
        self.embed = nn.Sequential(nn.Linear(1, embedded), nn.SiLU(), nn.Linear(embedded, embedded))
        self.enter = nn.Conv2d(4 * channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            LevelBlock(before, width, embedded)
            for before, width in zip([widths[0], *widths], widths, strict=False)
        )
        self.middle = LevelBlock(widths[-1], widths[-1], embedded)
        self.up = nn.ModuleList(
            LevelBlock(below + width, width, embedded)
            for below, width in zip(widths[1:], widths, strict=False)
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(GROUPS, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], 4 * channels, 3, padding=1)
        )
        nn.init.zeros_(self.leave[-1].weight)

    def forward(self, y, sigma):
        """The clean picture, not limited to [0,1].

        Args:
            y: noisy pictures (N,C,H,W).
            sigma: standard deviation of the noise, in [0,1]: a number, or a tensor (N,1,1,1).

        Raises:
            TypeError, ValueError: sigma is neither, or not in [0,1].
        """
        check_levels(sigma)
        level = torch.as_tensor(sigma, dtype=y.dtype, device=y.device).expand(len(y), 1, 1, 1)
        spread = (level**2 + TYPICAL**2).sqrt()
        centred = y - CENTRE
        noise = self._layers(centred / spread, level)
        return CENTRE + (TYPICAL / spread) ** 2 * centred + level * TYPICAL / spread * noise

    def _layers(self, x, level):
        """F: from pictures of unit size to what `forward` adds, of unit size as well."""
        height, width = x.shape[-2:]
        multiple = 2 ** len(self.down)
        even = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        level = self.embed(level.clamp(min=WEAKEST).log().flatten(1) / 4)
        x = self.enter(F.pixel_unshuffle(even, 2))
        kept = []
        for number, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if number else x, level)
            kept.append(x)
        x = self.middle(x, level)
        for block, fine in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), fine], 1), level)
        return F.pixel_shuffle(self.leave(x), 2)[..., :height, :width]
