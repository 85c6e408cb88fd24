"""Pictures side by side at integer magnification: placed by pixels, so that nothing is blurred."""

import functools
import math
import re

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from dil_course.figures.static import DPI, check_kind, draw_array, figure_of, points, show_figure, talk
from dil_course.signals import to_array
from dil_course.signals.validation import check_integer, check_same_shape, describe

PLACE = 260  # screen pixels that a picture is wide at most, where nobody asks for more
TALLEST = 4  # height of a picture's place over its width: a strip of pixels would take minutes to draw
PAGE = 1100  # screen pixels that a row of pictures may take: wider, a page would shrink it
GAP = 12  # screen pixels between pictures, and around all of them
NARROWEST = 110  # screen pixels of a column: a small picture's title needs them
BAR = 70  # screen pixels of a colour bar with its numbers


@functools.lru_cache(4096)
def text_size(text, size):
    """Width and height in screen pixels of a text of this size in points."""
    figure = Figure(dpi=DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()
    return Text(0, 0, text, fontsize=size, figure=figure).get_window_extent(renderer).size


def text_width(text, size):
    """Width in screen pixels of a text of this size in points."""
    return text_size(text, size)[0]


def text_height(text, size):
    """Whole screen pixels that a text of this size in points is high; 0 for none."""
    return math.ceil(text_size(text, size)[1]) if text else 0


def pieces(word, size, width):
    """A word in pieces that are no wider than `width` screen pixels; one with a formula $...$ stays whole."""
    while "$" not in word and len(word) > 1 and text_width(word, size) > width:
        fits = max(n for n in range(1, len(word)) if n == 1 or text_width(word[:n], size) <= width)
        yield word[:fits]
        word = word[fits:]
    yield word


def wrapped(text, size, width):
    """The text, of this size in points, broken into lines no wider than `width` screen pixels."""
    lines = []
    for paragraph in str(text).split("\n"):
        line = ""
        for word in re.findall(r"(?:\$[^$]*\$|\S)+", paragraph):
            for piece in pieces(word, size, width):
                longer = f"{line} {piece}".strip()
                if line and text_width(longer, size) > width:
                    lines.append(line)
                    longer = piece
                line = longer
        lines.append(line)
    return "\n".join(lines)


def line_height(size):
    """Screen pixels from one line of text to the next."""
    return math.ceil(1.25 * size * DPI / 72)


def place_axes(figure, left, top, width, height):
    """Axes without ticks at whole screen pixels, counted from the figure's upper left corner."""
    across, down = figure.get_size_inches() * DPI
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.axis("off")
    return axes


def shrink_factor(array):
    """Whole number by which the sides of an array (H,W) or (H,W,3) are divided, so that it fits a page."""
    return math.ceil(max(array.shape[:2]) / (TALLEST * PLACE))


def shrunk(array):
    """A picture that is larger than a page, averaged over blocks until it fits; any other as it is."""
    factor = shrink_factor(array)
    return array if factor == 1 else np.asarray(Image.fromarray(array).reduce(factor))


class Grid:
    """Where each picture, its title and its enlarged window lie, in screen pixels, before anything is drawn.

    The largest picture is magnified by `zoom`, others by the largest whole number with which they are no
    wider than it.

    Args:
        arrays: {title: array (H,W) or (H,W,3)}.
    """

    def __init__(self, arrays, columns, zoom=None, crop=None):
        if not arrays:
            raise ValueError("pictures: there are none to show")
        columns = check_integer(columns, "columns", 1, 100)
        self.originals, self.crop = list(arrays.values()), crop
        self.arrays = [shrunk(array) for array in self.originals]
        sizes = np.array([array.shape[:2] for array in self.arrays])
        height, width = sizes.max(axis=0)
        fits = max(1, min(PLACE // width, TALLEST * PLACE // height))
        place = width * (fits if zoom is None else check_integer(zoom, "zoom", 1, 100))
        self.zooms = [max(1, min(place // w, max(place, TALLEST * PLACE) // h)) for h, w in sizes]
        self.column = max(place, NARROWEST)
        self.columns = min(columns, len(arrays), max(1, (PAGE - GAP) // (self.column + GAP)))
        self.titles = [wrapped(title, points(10), self.column) for title in arrays]
        self.rows = [self._row(i) for i in range(0, len(arrays), self.columns)]
        self.width = GAP + self.columns * (self.column + GAP)
        self.height = GAP + sum(text + picture + window + GAP for _, text, picture, window in self.rows)

    def _row(self, first):
        """The row's pictures, and the heights of its titles, pictures and windows."""
        row = range(first, min(first + self.columns, len(self.arrays)))
        text = max(text_height(self.titles[i], points(10)) for i in row)
        picture = max(self.zooms[i] * self.arrays[i].shape[0] for i in row)
        window = max(GAP + self._window_side(i) for i in row) if self.crop else 0
        return row, text and text + 8, picture, window

    def _window_side(self, i):
        """Screen pixels of the enlarged window's side: a whole number for each of its pixels, if they fit."""
        place, side = self.zooms[i] * self.arrays[i].shape[1], self.crop[2]
        return place // side * side or place

    def draw(self, figure, draw=draw_array, top=GAP):
        """Draw all on a figure, from so many screen pixels below its upper edge."""
        for row, text, picture, window in self.rows:
            for i in row:
                left = GAP + (i - row[0]) * (self.column + GAP)
                self._draw_one(figure, i, left, top + text, draw)
            top += text + picture + window + GAP

    def _draw_one(self, figure, i, left, top, draw):
        array, zoom = self.arrays[i], self.zooms[i]
        height, width = array.shape[:2]
        # Below a title that is wider than its small picture, the picture stands in the middle of the column.
        left += (self.column - zoom * width) // 2
        axes = place_axes(figure, left, top, zoom * width, zoom * height)
        draw(axes, array, self.titles[i])
        if self.crop:
            row, column, side = self.crop
            window = self.originals[i][row : row + side, column : column + side]
            row, column, side = (n / shrink_factor(self.originals[i]) for n in self.crop)
            for colour, style, line in (("white", "-", 2.5), ("black", "--", 1.2)):  # seen on any picture
                place = dict(xy=(column - 0.5, row - 0.5), width=side, height=side, fill=False)
                axes.add_patch(Rectangle(**place, edgecolor=colour, linestyle=style, linewidth=line * talk()))
            shown = self._window_side(i)
            axes = place_axes(figure, left, top + zoom * height + GAP, shown, shown)
            draw(axes, window)


def check_crop(crop, arrays):
    """The window (row, column, side) as whole numbers, refused where it does not lie in every picture."""
    if crop is None:
        return None
    if not isinstance(crop, tuple | list) or len(crop) != 3:
        raise TypeError(f"crop: expected (row, column, side) in pixels, got {describe(crop)}")
    row, column, side = (check_integer(n, "crop", low) for n, low in zip(crop, (0, 0, 1), strict=True))
    for title, array in arrays.items():
        if row + side > array.shape[0] or column + side > array.shape[1]:
            raise ValueError(
                f"crop: {side} pixels from row {row} and column {column} on do not lie in {title!r}, which "
                f"has {array.shape[0]} rows and {array.shape[1]} columns"
            )
    return row, column, side


def arrays_of(pictures):
    """{title: picture (1,C,H,W)} as {title: 8-bit array}."""
    check_kind(pictures, dict, "pictures")
    return {str(title): to_array(x) for title, x in pictures.items()}


def images_figure(pictures, columns=4, zoom=None, crop=None):
    """The Figure that `show_images` shows, with the same arguments, for `explore` and for scripts."""
    arrays = arrays_of(pictures)
    grid = Grid(arrays, columns, zoom, check_crop(crop, arrays))
    figure = figure_of(grid.width, grid.height)
    grid.draw(figure)
    return figure


def show_images(pictures, alt, columns=4, zoom=None, crop=None):
    """Show pictures in rows, each of their pixels as a square of whole screen pixels.

    Args:
        pictures: {title: picture (1,C,H,W)}; values are clipped to [0,1] for showing. Sizes may differ.
        alt: what the figure shows, in a sentence.
        columns: pictures in a row at most; fewer where they are too wide for a page.
        zoom: screen pixels per pixel of the widest picture; by default as many as fit in about 240.
        crop: (row, column, side) of a square window, outlined in each picture and enlarged below it.

    Raises:
        TypeError, ValueError: no pictures, a window that does not lie in each picture, or a bad number.
    """
    show_figure(images_figure(pictures, columns, zoom, crop), alt)


def error_map_figure(estimates, truth, columns=4):
    """The Figure that `show_error_map` shows."""
    check_kind(estimates, dict, "estimates")
    to_array(truth)  # refuses what is no picture
    maps = {}
    for title, x in estimates.items():
        to_array(x)
        check_same_shape(x, truth, f"estimates, {title!r}", "truth")
        error = (x.detach() - truth.to(x)).abs().mean(dim=1)[0]
        maps[str(title)] = error.float().cpu().numpy()
    grid = Grid(maps, columns)
    largest = max(float(error.max()) for error in maps.values()) or 1.0
    figure = figure_of(grid.width + BAR, grid.height)
    grid.draw(figure, lambda axes, array, title: draw_array(axes, array, title, 0, largest, "inferno"))
    _, text, picture, _ = grid.rows[0]
    bar = place_axes(figure, grid.width, GAP + text, 14, picture)
    bar.axis("on")
    figure.colorbar(figure.axes[0].images[0], cax=bar)
    bar.tick_params(labelsize=points(9))
    return figure


def show_error_map(estimates, truth, alt, columns=4):
    """Show where estimates are wrong: |estimate - truth|, averaged over channels, with one colour bar.

    Args:
        estimates: {title: picture (1,C,H,W)}.
        truth: clean picture of the same shape.
        alt: what the figure shows, in a sentence.

    Raises:
        TypeError, ValueError: no estimates, or one of another shape than the truth.
    """
    show_figure(error_map_figure(estimates, truth, columns), alt)
