"""The static strip of a film: a row of images for each run, at integer magnification."""

import math

import matplotlib
import numpy as np

from dil_course.figures.images import BAR, GAP, PAGE, PLACE, line_height, place_axes, text_width, wrapped
from dil_course.figures.static import draw_array, figure_of, points

LEVELS = 24  # colours of a map of errors: more would make its file larger than those of the images


def strip_figure(runs, at, zoom=None, truth=None):
    """A Figure with the frames that are nearest to iterations, one row for each run.

    A frame that is nearest to several stands only once in its row.

    Args:
        runs: {name: {iteration: (8-bit array, PSNR in dB or None)}}.
        at: iterations, one a column.
        zoom: screen pixels per pixel; by default, as many as fit.
        truth: 8-bit array; then a row of error maps stands below each row.
    """
    sizes = [array.shape[:2] for frames in runs.values() for array, _ in frames.values()]
    height, width = np.max(sizes, axis=0)
    fits = min(PLACE // max(height, width), (PAGE - GAP) // len(at) // width)
    zoom = zoom or max(1, fits)
    widest = max(
        text_width(f"iteration {iteration}", points(10)) for frames in runs.values() for iteration in frames
    )
    height, column = zoom * height, max(zoom * width, math.ceil(widest))
    names = [wrapped(run, points(11), len(at) * (column + GAP) - GAP) for run in runs]
    name = line_height(points(11)) * max(1 + run.count("\n") for run in names)
    known = any(decibels is not None for frames in runs.values() for _, decibels in frames.values())
    title = (2 if known else 1) * line_height(points(10)) + 4
    row = name + title + height + GAP + (0 if truth is None else height + GAP)
    figure = figure_of(GAP + len(at) * (column + GAP) + (0 if truth is None else BAR), GAP + len(runs) * row)
    errors = []
    for index, (run, frames) in enumerate(zip(names, runs.values(), strict=True)):
        top = GAP + index * row
        place = place_axes(figure, GAP, top, len(at) * (column + GAP) - GAP, name)
        place.text(0, 0.5, run, fontsize=points(11), weight="bold", va="center")
        for iteration, left in nearest(frames, at, column + GAP).items():
            array, decibels = frames[iteration]
            rows, columns = array.shape[:2]
            # In the middle of a column that is wider than a small picture, for its title.
            left += GAP + (column - zoom * columns) // 2
            words = f"iteration {iteration}" + ("" if decibels is None else f"\n{decibels:.2f} dB")
            size = zoom * columns, zoom * rows
            draw_array(place_axes(figure, left, top + name + title, *size), array, words)
            if truth is not None:
                errors.append((place_axes(figure, left, top + name + title + height + GAP, *size), array))
    if truth is not None:
        place = GAP + len(at) * (column + GAP), GAP + name + title + height + GAP, 14, height
        draw_errors(figure, errors, truth, place)
    return figure


def nearest(frames, at, step):
    """{iteration of a frame: place of its column}, of those nearest to `at`, each once."""
    places = {}
    for index, wanted in enumerate(at):
        places.setdefault(min(frames, key=lambda iteration: abs(iteration - wanted)), index * step)
    return places


def draw_errors(figure, errors, truth, place):
    """Draw |estimate - truth|, averaged over channels, on pairs (axes, 8-bit array), and their colour bar."""
    maps = [(axes, np.abs(array / 255 - truth / 255)) for axes, array in errors]
    maps = [(axes, error.mean(-1) if error.ndim == 3 else error) for axes, error in maps]
    # A few pixels at edges, at first, would leave all others black.
    largest = np.quantile(np.concatenate([error.ravel() for _, error in maps]), 0.995) or 1.0
    colours = matplotlib.colormaps["inferno"].resampled(LEVELS)
    for axes, error in maps:
        draw_array(axes, error, "", 0, largest, colours)
    bar = place_axes(figure, *place)
    bar.axis("on")
    figure.colorbar(maps[0][0].images[0], cax=bar, extend="max")
    bar.set_title("error", fontsize=points(9))
    bar.tick_params(labelsize=points(9))
