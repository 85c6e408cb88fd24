"""Curves over a common axis: names off the data, a colour for each meaning, a line style for each role."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, LogLocator

from dil_course.figures.images import PAGE, Grid, arrays_of, check_crop, text_width, wrapped
from dil_course.figures.static import (
    COLOURS,
    STYLES,
    check_kind,
    figure_of,
    numbers,
    points,
    show_figure,
    talk,
)
from dil_course.signals.validation import check_flag, check_integer, describe

WIDTH, HEIGHT = 560, 306  # screen pixels of the axes with their labels
LEGEND = 200  # screen pixels of the widest label in a legend
MARKERS = "oDs^vPX*"


def points_of(label, values):
    """The places and heights of a curve that is given as values or as a pair (x, values)."""
    x, values = values if isinstance(values, tuple) and len(values) == 2 else (None, values)
    values = numbers(values, f"curves, {label!r}")
    x = np.arange(len(values)) if x is None else numbers(x, f"curves, x of {label!r}")
    if values.ndim != 1 or x.shape != values.shape:
        raise ValueError(
            f"curves, {label!r}: expected as many values as places on the axis, got {describe(values)} "
            f"over {describe(x)}"
        )
    return x, values


def by_label(given, name):
    """A dictionary by label; None is an empty one (else TypeError)."""
    if given is not None:
        check_kind(given, dict, name)
    return given or {}


def check_looks(looks, curves):
    """Numbers of the colour and the line style of each curve: its place among all where `looks` has none."""
    chosen = {label: (index % 6, index % 6) for index, label in enumerate(curves)}
    for label, look in by_label(looks, "looks").items():
        if not isinstance(look, tuple | list) or len(look) != 2:
            raise TypeError(f"looks, {label!r}: expected (colour number, style number), got {describe(look)}")
        chosen[label] = tuple(check_integer(number, f"looks, {label!r}", 0, 5) for number in look)
    return chosen


def draw_curves(axes, curves, x_label, y_label, looks=None, marks=None):
    """Draw curves with colours and line styles that differ in both, and their names beside the axes.

    Args:
        curves: {label: values or (x, values)}.
        looks: {label: (colour number, style number)}, both from 0 to 5, so that through a lesson one colour
            stays one meaning and one style one role; labels that no curve has are left aside.
        marks: {label: (x, y)}: a dot with a name, such as a peak.

    Raises:
        TypeError, ValueError: values that are no real numbers, or not as many as places on the axis.
    """
    check_kind(axes, Axes, "axes")
    check_kind(curves, dict, "curves")
    looks, marks = check_looks(looks, curves), by_label(marks, "marks")
    for label, values in curves.items():
        colour, style = (kind[number] for kind, number in zip((COLOURS, STYLES), looks[label], strict=True))
        axes.plot(
            *points_of(label, values), color=colour, linestyle=style, linewidth=1.8 * talk(), label=label
        )
    draw_marks(axes, marks)
    axes.set_xlabel(x_label, fontsize=points(10))
    axes.set_ylabel(y_label, fontsize=points(10))
    axes.tick_params(which="both", labelsize=points(9))
    axes.grid(alpha=0.3)
    if len(curves) + len(marks) > 1:
        legend(axes, loc="upper left", bbox_to_anchor=(1.01, 1.02))


def draw_marks(axes, marks):
    """Draw labelled dots {label: (x, y)}, of different shapes."""
    for index, (label, place) in enumerate(marks.items()):
        place = numbers(place, f"marks, {label!r}")
        if place.shape != (2,):
            raise ValueError(f"marks, {label!r}: expected a place (x, y), got {describe(place)}")
        look = dict(marker=MARKERS[index % len(MARKERS)], markersize=8 * talk(), markeredgecolor="white")
        axes.plot(*place[:, None], linestyle="", color="black", zorder=3, clip_on=False, label=label, **look)


def legend(axes, size=9, **place):
    """Name the curves and dots, in lines that are not too long, at a place outside the data."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [wrapped(label, points(size), LEGEND * talk()) for label in labels]
    look = dict(frameon=False, borderaxespad=0, handlelength=0.28 * size)
    axes.legend(handles, labels, fontsize=points(size), **look, **place)


def legend_width(curves, marks):
    """Screen pixels to leave for the names of curves and dots; 0 where one curve needs no name.

    In steps of 40, so that a figure keeps its size when a slider changes a number in a name.
    """
    check_kind(curves, dict, "curves")
    names = [*curves, *by_label(marks, "marks")]
    widest = max((text_width(str(name), 9) for name in names), default=0)
    return 50 + 40 * math.ceil(min(widest, LEGEND) / 40) if len(names) > 1 else 0


def check_ends(ends, name, log):
    """The two ends of an axis, in rising order (else TypeError, ValueError)."""
    low, high = found if len(found := numbers(ends, name)) == 2 else (np.nan, np.nan)
    if not -np.inf < low < high < np.inf or log and low <= 0:
        positive = "positive " * log
        raise ValueError(f"{name}: expected two {positive}numbers (low, high), got {describe(ends)}")
    return low, high


def set_axis(axis, log, ends, name):
    """Set the scale of an axis, with fine lines between the powers of ten, and its ends."""
    check_flag(log, f"log_{name}")
    axes = axis.axes
    if log:
        axes.set(**{f"{name}scale": "log"})
        axis.grid(which="minor", alpha=0.12)
        low, high = axis.get_view_interval()
        if high > 30 * low > 0:  # two between powers of ten are enough, and drawn in a third of the time
            axis.set_minor_locator(LogLocator(subs=(2, 5)))
        elif low >= 1:  # numbers between the powers of ten have labels here: 3 in place of 3 x 10^0
            axis.set(major_formatter="{x:g}", minor_formatter=LogFormatter())
    if log and name == "x":
        axes.margins(x=0)  # begins with the first iteration, not before it
    if ends is not None:
        axes.set(**{f"{name}lim": check_ends(ends, f"{name}_range", log)})


def add_curves(figure, curves, x_label, y_label, title="", log_x=False, log_y=False, looks=None, marks=None,
               x_range=None, y_range=None):  # fmt: skip
    """Add axes with these curves to a figure; arguments as those of `show_curves`."""
    axes = figure.add_subplot()
    draw_curves(axes, curves, x_label, y_label, looks, marks)
    axes.set_title(title, fontsize=points(11))
    set_axis(axes.xaxis, log_x, x_range, "x")
    set_axis(axes.yaxis, log_y, y_range, "y")
    return axes


def curves_figure(curves, x_label, y_label, title="", **options):
    """The Figure that `show_curves` shows, with the same arguments, for `explore` and for scripts."""
    larger = (1 + talk()) / 2
    width = WIDTH + legend_width(curves, options.get("marks"))
    figure = figure_of(width * larger, HEIGHT * larger, layout="constrained")
    add_curves(figure, curves, x_label, y_label, title, **options)
    return figure


def show_curves(curves, x_label, y_label, alt, title="", log_x=False, log_y=False, looks=None, marks=None,
                x_range=None, y_range=None):  # fmt: skip
    """Show curves over a common axis, with their names beside it.

    Args:
        curves: {label: values or (x, values)}.
        alt: what the figure shows, in a sentence.
        log_x, log_y: logarithmic axes; that of x begins with the first value.
        looks: {label: (colour number, style number)}, both from 0 to 5, as in `draw_curves`.
        marks: {label: (x, y)}: dots with names, such as a peak.
        x_range, y_range: (low, high): the ends of the axes, where not all of a curve is worth showing.

    Raises:
        TypeError, ValueError: values that are no real numbers, or not as many as places on the axis; ends
            that do not rise, or that a logarithmic axis cannot have.
    """
    figure = curves_figure(curves, x_label, y_label, title, log_x=log_x, log_y=log_y, looks=looks,
                           marks=marks, x_range=x_range, y_range=y_range)  # fmt: skip
    show_figure(figure, alt)


def figure_with(pictures, curves, x_label, y_label, title="", columns=2, zoom=None, crop=None, **options):
    """A Figure of pictures with curves beside them, or below them where the page is too narrow.

    What an explorer mostly needs. Arguments as those of `show_images` and `show_curves`.
    """
    arrays = arrays_of(pictures)
    grid = Grid(arrays, columns, zoom, check_crop(crop, arrays))
    larger = (1 + talk()) / 2
    wide = (0.8 * WIDTH + legend_width(curves, options.get("marks"))) * larger
    high = HEIGHT * larger
    if grid.width + wide <= PAGE:
        width, height = grid.width + wide, max(grid.height, high)
        rect = (grid.width / width, 0, wide / width, 1)
    else:
        width, height = max(grid.width, wide), grid.height + high
        rect = (0, 0, 1, high / height)
    figure = figure_of(width, height)
    figure.set_layout_engine("constrained", rect=rect)
    grid.draw(figure)
    add_curves(figure, curves, x_label, y_label, title, **options)
    return figure
