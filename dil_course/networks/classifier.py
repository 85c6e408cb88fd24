"""A small convolutional classifier with batch norm, and on request a second head for turns of the picture."""

from torch import nn

from dil_course.signals.validation import LARGEST_WIDTH, check_flag, check_integer

LARGEST_MAP = 64  # places a side


class Classifier(nn.Module):
    """Four convolutions, each with batch norm, and one linear layer for each question.

    The trunk is shared: what the turn head teaches it, the class head sees. That is the Y-shaped network of
    Sun et al., "Test-Time Training with Self-Supervision for Generalization under Distribution Shifts" (ICML
    2020), section 2.

    Args:
        channels: of the pictures.
        classes: number of classes.
        width: channels after the first convolution; the second and the third halve the sides and double the
            channels.
        turns: whether it has a second head, for the four turns by 0, 90, 180 and 270 degrees.
        places: side of the last convolution's map. With 1, as for digits, each channel of a single picture
            has one value there, of which its own mean leaves nothing: batch statistics of a batch of one are
            degenerate. With 5, as for garments, it has 25 values: poor statistics, but no degenerate ones.

    Raises:
        TypeError, ValueError: a number is no whole number of at least 1, or so large that memory would not
            do; turns is no bool.
    """

    def __init__(self, channels=1, classes=10, width=16, turns=False, places=1):
        super().__init__()
        numbers = (channels, "channels"), (classes, "classes"), (width, "width")
        channels, classes, width = (check_integer(value, name, 1, LARGEST_WIDTH) for value, name in numbers)
        places = check_integer(places, "places", 1, LARGEST_MAP)
        check_flag(turns, "turns")
        self.trunk = nn.Sequential(
            *layer(channels, width),
            *layer(width, 2 * width, stride=2),
            *layer(2 * width, 4 * width, stride=2),
            nn.AdaptiveAvgPool2d(places + 2),
            *layer(4 * width, 4 * width, padding=0),  # a border of one place is lost
            nn.Flatten(),
        )
        features = 4 * width * places**2
        self.class_head = nn.Linear(features, classes)
        self.turn_head = nn.Linear(features, 4) if turns else None

    def forward(self, x):
        """Class logits (N,classes) of pictures (N,C,H,W)."""
        return self.class_head(self.trunk(x))

    def turn_logits(self, x):
        """Logits (N,4) of the turn of each picture (N,C,H,W): k stands for k quarter turns anticlockwise.

        Raises:
            ValueError: the network was made without the second head.
        """
        if self.turn_head is None:
            raise ValueError("this Classifier has no head for turns: make it with turns=True")
        return self.turn_head(self.trunk(x))


def layer(before, after, stride=1, padding=1):
    """3x3 convolution from `before` to `after` channels, batch norm and ReLU."""
    return nn.Conv2d(before, after, 3, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()
