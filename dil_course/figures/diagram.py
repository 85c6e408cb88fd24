"""Diagrams of networks and of the flow of data, drawn by code, readable on a white page and on a dark one."""

import collections
import io

import matplotlib.colors
from matplotlib.patches import FancyArrowPatch, Rectangle

from dil_course.figures.static import COLOURS, DPI, check_alt, check_kind, figure_of, points, talk
from dil_course.signals.validation import check_integer, check_number, describe

UNIT = 90  # screen pixels
# Of lines and of words outside boxes: a gray between a white page and one of #111, four times as bright or
# dark as either.
LINE = "#757575"

Box = collections.namedtuple("Box", "left right top bottom")


def luminance(colour):
    """Relative luminance of a colour, 0 to 1, by the Web Content Accessibility Guidelines 2.1."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(colour)
    ]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def text_colour(ground):
    """White or black, whichever stands out more from this colour."""
    return "white" if 1.05 / (luminance(ground) + 0.05) > (luminance(ground) + 0.05) / 0.05 else "black"


class Diagram:
    """A schematic on a transparent ground: boxes in the course's palette, arrows and words.

    Places are in units of 90 screen pixels, from the lower left corner, x to the right and y upwards.

    Args:
        width, height: of the whole, in units.

    Raises:
        TypeError, ValueError: a number is none, or not positive; a text is none.
    """

    def __init__(self, width, height):
        check_number(width, "width", low=0.1, high=30)
        check_number(height, "height", low=0.1, high=30)
        self.figure = figure_of(UNIT * width, UNIT * height)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.axis("off")

    def box(self, x, y, w, h, text, colour=0):
        """A box with a text in it, in the palette's colour of this number; returns the middles of its sides.

        Args:
            x, y: its lower left corner.
            w, h: its width and height.
            colour: number from 0 to 5.
        """
        for value, name in ((x, "x"), (y, "y"), (w, "w"), (h, "h")):
            check_number(value, name)
        fill = COLOURS[check_integer(colour, "colour", 0, 5)]
        self.axes.add_patch(Rectangle((x, y), w, h, facecolor=fill, edgecolor=LINE, linewidth=1.5 * talk()))
        self._write(x + w / 2, y + h / 2, text, text_colour(fill))
        return Box((x, y + h / 2), (x + w, y + h / 2), (x + w / 2, y + h), (x + w / 2, y))

    def arrow(self, start, end, text=""):
        """An arrow between two places (x, y), with words beside its middle."""
        (x0, y0), (x1, y1) = check_place(start, "start"), check_place(end, "end")
        arrow = FancyArrowPatch((x0, y0), (x1, y1), arrowstyle="-|>", shrinkA=0, shrinkB=0,
                                mutation_scale=12 * talk(), linewidth=1.6 * talk(), color=LINE)  # fmt: skip
        self.axes.add_patch(arrow)
        if abs(x1 - x0) > abs(y1 - y0):
            self._write((x0 + x1) / 2, (y0 + y1) / 2 + 0.05, text, LINE, va="bottom")
        else:
            self._write((x0 + x1) / 2 + 0.08, (y0 + y1) / 2, text, LINE, ha="left")

    def text(self, x, y, text):
        """Words around a place."""
        self._write(*check_place((x, y), "x, y"), text, LINE)

    def _write(self, x, y, text, colour, ha="center", va="center"):
        check_kind(text, str, "text")
        self.axes.text(x, y, text, ha=ha, va=va, fontsize=points(10), color=colour)

    def png(self):
        """The diagram as PNG bytes, transparent where nothing is drawn."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI, transparent=True)
        return buffer.getvalue()

    def show(self, alt):
        """Display it with alternative text for readers who cannot see it."""
        from IPython.display import Image, display

        check_alt(alt)
        display(Image(self.png(), alt=alt))


def check_place(place, name):
    """Two numbers (x, y) (else TypeError, ValueError)."""
    if not isinstance(place, tuple | list) or len(place) != 2:
        raise TypeError(f"{name}: expected a place (x, y), got {describe(place)}")
    for value in place:
        check_number(value, name)
    return place


def network_diagram(scales, width, skip, alt):
    """Show the skip network of lesson 03 as a ladder: down on the left, up on the right, skips across.

    Args:
        scales: how many times the sides are halved.
        width: channels at every scale.
        skip: channels of each skip branch; 0 leaves the branches out.
        alt: what the diagram shows, in a sentence.

    Raises:
        TypeError, ValueError: a number is no whole number in its range.
    """
    check_alt(alt)
    network_ladder(scales, width, skip).show(alt)


def network_ladder(scales, width, skip):
    """The Diagram that `network_diagram` shows."""
    scales = check_integer(scales, "scales", 1, 10)
    width, skip = check_integer(width, "width", 1), check_integer(skip, "skip", 0)
    diagram = Diagram(10.1, scales + 0.8)
    sizes = ["H × W", *(f"H/{2**level} × W/{2**level}" for level in range(1, scales + 1))]
    source = diagram.box(0.1, scales + 0.1, 2.2, 0.6, f"network input z\n{sizes[0]}", 5)
    left = source
    for level in range(scales):
        y = scales - level + 0.1
        if level:
            finer, left = left, diagram.box(0.1, y, 2.2, 0.6, f"3×3 ↓2, 3×3: {width}\n{sizes[level]}")
            diagram.arrow(finer.bottom, left.top)
        right = diagram.box(4.5, y, 2.2, 0.6, f"join, 3×3, 1×1: {width}\n{sizes[level]}", 2)
        if skip:
            across = diagram.box(2.7, y + 0.1, 1.4, 0.4, f"skip, 1×1: {skip}", 1)
            diagram.arrow(left.right, across.left)
            diagram.arrow(across.right, right.left)
        diagram.arrow((5.6, y - 0.4), right.bottom, "enlarge ×2")
    diagram.box(0.1, 0.1, 6.6, 0.6, f"3×3 ↓2, 3×3: {width}\n{sizes[scales]}")
    diagram.arrow(left.bottom, (1.2, 0.7))
    estimate = diagram.box(8.2, scales + 0.1, 1.8, 0.6, f"estimate\n{sizes[0]}", 5)
    diagram.arrow((6.7, scales + 0.4), estimate.left, "1×1, sigmoid")
    return diagram
