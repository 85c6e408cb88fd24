"""Figures of the lessons: pictures side by side and curves, each a static PNG with alternative text.

Drawn on matplotlib's Figure, not pyplot, so that no figure is kept alive or drawn twice, and none needs a
screen.
"""

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from dil_course.signals import to_array
from dil_course.signals.validation import check_flag, check_integer, check_number, describe

TALLEST = 4  # height of a picture's place over its width: a strip of pixels would take minutes to draw
# Okabe and Ito's palette, told apart by colour-blind readers, with a brown for its sky blue, too pale on
# white; line styles say the same in gray.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#663311", "#000000"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2))]


def check_kind(value, kind, name):
    """Refuse what is not of this kind (TypeError)."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected a {kind.__name__}, got {describe(value)}")


def png(figure, dpi=90):
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

    check_kind(alt, str, "alt")
    display(Image(png(figure), alt=alt))


def draw_picture(axes, x, title=""):
    """Draw a picture (1,C,H,W), clipped to [0,1], with every pixel as a square."""
    check_kind(axes, Axes, "axes")
    axes.imshow(to_array(x), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.axis("off")


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
        box = Rectangle((column - 0.5, row - 0.5), size, size, fill=False, linewidth=width)
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


def draw_curves(axes, curves, x_label, y_label):
    """Draw {label: values or (x, values)} with colours and line styles that differ in both."""
    check_kind(axes, Axes, "axes")
    check_kind(curves, dict, "curves")
    for index, (label, values) in enumerate(curves.items()):
        x, values = values if isinstance(values, tuple) and len(values) == 2 else (None, values)
        values = numbers(values, f"curves, {label!r}")
        x = np.arange(len(values)) if x is None else numbers(x, f"curves, x of {label!r}")
        if values.ndim != 1 or x.shape != values.shape:
            raise ValueError(
                f"curves, {label!r}: expected as many values as places on the axis, got {describe(values)} "
                f"over {describe(x)}"
            )
        axes.plot(
            x, values, color=COLOURS[index % 6], linestyle=STYLES[index % 6], linewidth=1.8, label=label
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(fontsize=9)


def show_images(pictures, alt, columns=4):
    """Show pictures in rows of `columns`.

    Args:
        pictures: {title: picture (1,C,H,W)}; values are clipped to [0,1] for showing.
        alt: what the figure shows, in a sentence.
    """
    check_kind(pictures, dict, "pictures")
    columns = check_integer(columns, "columns", 1, 100)
    if not pictures:
        raise ValueError("pictures: there are none to show")
    rows = math.ceil(len(pictures) / columns)
    columns = min(columns, len(pictures))
    height, width = to_array(next(iter(pictures.values()))).shape[:2]
    figure = Figure(
        figsize=(2.7 * columns, rows * (2.7 * min(height / width, TALLEST) + 0.35)), layout="constrained"
    )
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    for axes, (title, x) in zip(grid, pictures.items(), strict=False):
        draw_picture(axes, x, title)
    show_figure(figure, alt)


def show_curves(curves, x_label, y_label, alt, title="", log_x=False, log_y=False):
    """Show curves over a common axis.

    Args:
        curves: {label: values or (x, values)}.
        alt: what the figure shows, in a sentence.
    """
    check_flag(log_x, "log_x")
    check_flag(log_y, "log_y")
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    draw_curves(axes, curves, x_label, y_label)
    axes.set_title(title, fontsize=11)
    axes.set_xscale("log" if log_x else "linear")
    axes.set_yscale("log" if log_y else "linear")
    show_figure(figure, alt)
