"""A generator: a trained decoder that draws a picture from a few latent numbers."""

from torch import nn

from dil_course.signals.validation import LARGEST_SIDE, LARGEST_WIDTH, check_integer, check_memory

SLOPE = 0.2  # of the leaky ReLUs


class Generator(nn.Module):
    """Maps latent vectors z (N,latent) to pictures (N,channels,side,side) in [0,1].

    A linear layer draws 2 * width maps of a quarter of the side, then convolutions on three scales bring them
    to full size. There is no batch norm, so that each picture depends on its own z only. Built in lesson 15;
    made as the decoder of a variational autoencoder by `training/generator.py`.

    Args:
        latent: numbers that a picture is drawn from.
        width: channels at half the side; the quarter has twice as many, the full side half as many.
        channels: of the pictures.
        side: of the pictures in pixels, a multiple of 4.

    Attributes:
        latent: as above.
        first, rest: the two parts of the network, `rest(first(z))`: the linear layer gives maps
            (N,2*width,side/4,side/4), the convolutions make the picture of them.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, is far too large, width is odd, or 4
            does not divide the side.
    """

    def __init__(self, latent=24, width=32, channels=1, side=28):
        super().__init__()
        self.latent = check_integer(latent, "latent", 1, LARGEST_WIDTH)
        width = check_integer(width, "width", 2, LARGEST_WIDTH)
        channels = check_integer(channels, "channels", 1, LARGEST_WIDTH)
        side = check_integer(side, "side", 4, LARGEST_SIDE)
        for value, name, divisor in ((width, "width", 2), (side, "side", 4)):
            if value % divisor:
                raise ValueError(f"{name}: expected a multiple of {divisor}, got {value}")
        quarter = side // 4
        check_memory(8 * latent * width * quarter**2, "side", "take a smaller side, width or latent")
        self.first = nn.Sequential(
            nn.Linear(latent, 2 * width * quarter**2),
            nn.Unflatten(1, (2 * width, quarter, quarter)),
        )
        self.rest = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            *doubled(2 * width, width),
            *doubled(width, width // 2),
            nn.Conv2d(width // 2, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z):
        return self.rest(self.first(z))


def doubled(before, after):
    """A 3x3 convolution, then twice the side, then another 3x3 convolution, each with LeakyReLU."""
    return (
        nn.Conv2d(before, after, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(after, after, 3, padding=1),
        nn.LeakyReLU(SLOPE),
    )
