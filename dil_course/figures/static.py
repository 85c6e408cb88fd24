"""What all figures of the lessons share: palette, size of type, the PNG with alternative text, one picture.

Drawn on matplotlib's Figure, not pyplot, so that no figure is kept alive or drawn twice, and none needs a
screen.
"""

import io
import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from dil_course.signals import to_array
from dil_course.signals.validation import check_integer, check_number, describe

DPI = 90  # of every figure: what is placed by pixels lies on these pixels in the PNG
# Okabe and Ito's palette, told apart by colour-blind readers, with a brown for its sky blue, too pale on
# white; line styles say the same in gray.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#663311", "#000000"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2))]


def check_kind(value, kind, name):
    """Refuse what is not of this kind (TypeError)."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected a {kind.__name__}, got {describe(value)}")


def check_alt(alt):
    """Refuse alternative text that is none (TypeError, ValueError)."""
    check_kind(alt, str, "alt")
    if not alt.strip():
        raise ValueError(f"alt: expected a sentence that says what the figure shows, got {describe(alt)}")


def talk():
    """How many times larger type and lines are drawn: 1.5 where DIL_TALK=1 asks for a projector, else 1.

    Raises:
        ValueError: DIL_TALK is neither 0 nor 1.
    """
    asked = os.environ.get("DIL_TALK", "0")
    if asked not in ("0", "1"):
        raise ValueError(f"DIL_TALK={asked}: expected 0 or 1")
    return 1.5 if asked == "1" else 1.0


def points(size):
    """A size of type in points, as large as the room needs it."""
    return size * talk()


def figure_of(width, height, **options):
    """A Figure of so many screen pixels."""
    # The hundredth: rounded down, a size such as 601 / 90 inches would give 600 pixels.
    return Figure(figsize=((int(width) + 0.01) / DPI, (int(height) + 0.01) / DPI), dpi=DPI, **options)


def canvas_image(figure):
    """The figure as a Pillow image. Not savefig, which draws a figure with a fitted layout twice."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def png(figure, dpi=DPI):
    """The figure as the bytes of a PNG file, with values rounded to multiples of 3.

    No value changes by more than 1 of 255, which is invisible, and the file shrinks by a third, because the
    last bits of noisy pictures cannot be compressed. Up to 256 colours, which gray figures have, go into a
    palette.
    """
    check_kind(figure, Figure, "figure")
    check_number(dpi, "dpi", low=1, high=1000)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    image = Image.open(buffer).convert("RGB").point([3 * round(value / 3) for value in range(256)] * 3)
    if image.getcolors(256):
        image = image.quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def show_figure(figure, alt):
    """Display a matplotlib Figure as a PNG with alternative text for readers who cannot see it."""
    from IPython.display import Image, display  # Here, so that scripts can import this file without jupyter.

    check_alt(alt)
    display(Image(png(figure), alt=alt))


def draw_array(axes, array, title="", low=0, high=255, colours="gray"):
    """Draw an array (H,W) or (H,W,3), every pixel as a square; `low` and `high` are black and white."""
    axes.imshow(array, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=points(10), pad=4, va="bottom")
    axes.axis("off")


def draw_picture(axes, x, title=""):
    """Draw a picture (1,C,H,W), clipped to [0,1], with every pixel as a square."""
    check_kind(axes, Axes, "axes")
    draw_array(axes, to_array(x), title)


def draw_boxes(axes, corners, size, index=0, width=1.2):
    """Outline windows on a picture that was drawn on these axes, in the colour and line style number `index`.

    Args:
        corners: row and column of each window's upper left pixel.
        size: side of the windows in pixels.
    """
    check_kind(axes, Axes, "axes")
    check_number(size, "size")
    check_integer(index, "index")
    check_number(width, "width")
    corners = numbers(corners, "corners")
    if corners.shape[1:] != (2,):
        raise ValueError(f"corners: expected pairs (row, column), got {describe(corners)}")
    for row, column in corners:
        box = Rectangle((column - 0.5, row - 0.5), size, size, fill=False, linewidth=width * talk())
        box.set(edgecolor=COLOURS[index % 6], linestyle=STYLES[index % 6])
        axes.add_patch(box)


def on_cpu(value):
    """A tensor of any device, outside of any graph, as numpy can read it; anything else as it is."""
    return value.detach().cpu() if hasattr(value, "detach") else value


def numbers(values, name):
    """Values as an array of at least one dimension, refused where they are no real numbers (TypeError)."""
    try:
        values = on_cpu(values) if hasattr(values, "shape") else [on_cpu(value) for value in values]
        if np.iscomplexobj(values):
            raise TypeError("numpy would drop the imaginary part")
        return np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        raise TypeError(f"{name}: expected real numbers, got {describe(values)}") from None
