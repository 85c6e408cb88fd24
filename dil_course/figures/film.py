"""A film of one or several runs: what they made at each of two dozen iterations, to look at and to play."""

import contextlib
from collections.abc import Iterable

import numpy as np
import torch

from dil_course.figures.images import PAGE, PLACE, check_crop
from dil_course.figures.page import jpeg, show_page, small_page
from dil_course.figures.static import check_alt, check_kind, show_figure
from dil_course.figures.strip import strip_figure
from dil_course.signals import psnr, to_array
from dil_course.signals.validation import (
    NotFiniteError,
    check_flag,
    check_image,
    check_integer,
    check_same_shape,
    describe,
)

FRAMES = 24  # of a film, about; of 600 iterations exactly
# A film keeps these iterations and their multiples by 10, 100, ...: as many of each power of ten
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
QUALITIES = (80, 70, 60, 50, 40, 30)  # of JPEG


def is_kept(iteration, total):
    """Does a film keep this iteration? Round numbers, dense at first, and the last; all of a short run."""
    power = 10 ** (len(str(iteration)) - 1)
    return total <= FRAMES or iteration == total or iteration / power in ROUND


class Film:
    """The single estimates of runs at about 24 iterations, as a strip of images and as a player.

        film = Film(truth=x)
        result = await watch(film.record("with input noise", deep_image_prior(y)), truth=x)
        film.show("The image emerges, then the noise.", at=(5, 20, 60, 150, 600))

    Args:
        truth: clean picture (1,C,H,W) in [0,1], for the PSNR (dB) of each whole estimate and for error maps.
        crop: (row, column, side) of a square window, in pixels: then it is all that is shown.
        zoom: screen pixels per pixel; by default, as many as fit.

    Raises:
        TypeError, ValueError: truth is no picture, crop does not lie in it, or zoom is no whole number.
    """

    def __init__(self, truth=None, crop=None, zoom=None):
        if truth is not None:
            check_image(truth, "truth")
        self.crop = check_crop(crop, {} if truth is None else {"truth": to_array(truth)})
        self.zoom = None if zoom is None else check_integer(zoom, "zoom", 1, 100)
        self.truth = truth
        self.runs = {}

    def record(self, name, steps):
        """The same steps, one by one, of which some estimates are kept as 8-bit arrays.

        A run that ends early, by Stop or by a rule, leaves those so far and its last one; a run that
        diverges leaves those before it. A name that was recorded before is recorded anew, so that a cell can
        be run again.

        Args:
            name: of the run, as the film shows it.
            steps: what a method returns, such as deep_image_prior(y).

        Raises:
            TypeError, ValueError: no name or no steps; and, at the first step, an estimate that has another
                shape than the truth, or in which the crop does not lie.
        """
        check_kind(name, str, "name")
        if not name.strip():
            raise ValueError(f"name: expected words for this run, got {name!r}")
        if not isinstance(steps, Iterable) or isinstance(steps, torch.Tensor):
            raise TypeError(
                f"steps: expected what a method returns, such as deep_image_prior(y), got {describe(steps)}"
            )
        return self._recorded(name, steps)

    def _recorded(self, name, steps):
        run = self.runs[name] = Run(self)
        for step in steps:
            run.observe(step)
            yield step

    def frame(self, estimate):
        """What the film keeps of an estimate: 8-bit array, cropped, and the PSNR in dB or None."""
        array, decibels = to_array(estimate), None
        if self.truth is not None:
            check_same_shape(estimate, self.truth, "estimate", "truth")
            decibels = psnr(estimate.to(self.truth), self.truth)
        check_crop(self.crop, {"estimate": array})
        return self.window(array), decibels

    def window(self, array):
        """The part of an array (H,W) or (H,W,3) that the film shows."""
        row, column, side = self.crop or (0, 0, None)
        return array if side is None else array[row : row + side, column : column + side]

    def show(self, alt, at=None, error=False):
        """Show a row of images for each run, and below them a player, which needs no kernel.

        Of a run that has no frame of an iteration, the nearest is in the row, and the player keeps the one
        before. Unlike matplotlib's HTMLWriter, whose frames are PNGs of whole figures, the player is small,
        keeps several runs in step, and takes the colours and the width of the page.

        Args:
            alt: what is to be seen, in a sentence.
            at: iterations in the row; by default, five.
            error: add below each row |estimate - truth|, averaged over channels, with one colour bar.

        Raises:
            TypeError, ValueError: nothing was recorded; at is empty or holds no iterations; error without a
                truth; or a player of more than 400 kB at the lowest quality of its JPEGs.
        """
        check_alt(alt)
        check_flag(error, "error")
        if error and self.truth is None:
            raise ValueError("error: a map of the error needs the truth: write Film(truth=x)")
        at = None if at is None else check_iterations(at)
        runs = {name: run.frames() for name, run in self.runs.items()}
        runs = {name: frames for name, frames in runs.items() if frames}
        if not runs:
            raise ValueError("film: it holds no run yet: drain film.record(name, steps) first")
        iterations = sorted(set().union(*runs.values()))
        if at is None:
            places = np.linspace(0, len(iterations) - 1, min(5, len(iterations)))
            at = [iterations[round(place)] for place in places]
        fix = "record fewer runs, or show a part: Film(crop=(row, column, side))"
        player = small_page(
            "film", lambda quality: self._data(runs, iterations, quality), QUALITIES, alt, fix
        )
        truth = self.window(to_array(self.truth)) if error else None
        show_figure(strip_figure(runs, at, self.zoom, truth), alt)
        show_page(player)

    def _data(self, runs, iterations, quality):
        """What film.js shows."""
        sizes = [array.shape[:2] for frames in runs.values() for array, _ in frames.values()]
        height, width = np.max(sizes, axis=0)
        zoom = self.zoom or max(1, min(PLACE // max(height, width), PAGE // (len(runs) * width)))
        shown = []
        for name, frames in runs.items():
            arrays, decibels = zip(*frames.values(), strict=True)
            rows, columns = arrays[0].shape[:2]
            shown.append(
                {
                    "name": name,
                    "width": int(zoom * columns),
                    "height": int(zoom * rows),
                    "iterations": list(frames),
                    "psnr": [None if value is None else f"{value:.2f} dB" for value in decibels],
                    "frames": [jpeg(array, quality) for array in arrays],
                }
            )
        return {"iterations": iterations, "runs": shown}


class Run:
    """What a film keeps of one run.

    Attributes:
        kept: {iteration: (8-bit array, PSNR in dB or None)}.
        last: iteration and estimate of the last step.
    """

    def __init__(self, film):
        self.film, self.kept, self.last = film, {}, None

    def observe(self, step):
        """Keep this step's estimate, if it is one to keep."""
        if not hasattr(step, "iteration") or not hasattr(step, "total") or not hasattr(step, "estimate"):
            raise TypeError(f"steps: expected Steps, as deep_image_prior(y) makes them, got {describe(step)}")
        iteration = check_integer(step.iteration, "iteration", 1)
        self.last = iteration, step.estimate
        if is_kept(iteration, step.total):
            self._keep(self.kept, *self.last)

    def _keep(self, frames, iteration, estimate):
        with contextlib.suppress(NotFiniteError):  # it diverged, as the run itself will say
            frames[iteration] = self.film.frame(estimate)

    def frames(self):
        """{iteration: (8-bit array, PSNR in dB or None)}, the last step's too, wherever the run has ended."""
        frames = dict(self.kept)
        if self.last is not None and self.last[0] not in frames:
            self._keep(frames, *self.last)
        return frames


def check_iterations(values):
    """Iterations as a list of whole numbers from 1 (else TypeError, ValueError)."""
    if not isinstance(values, tuple | list | range | np.ndarray):
        raise TypeError(f"at: expected iterations such as (5, 20, 60), got {describe(values)}")
    if not len(values):
        raise ValueError("at: expected iterations such as (5, 20, 60), got none")
    if len(values) > 12:
        raise ValueError(f"at: expected at most 12 iterations in a row, got {len(values)}")
    return [check_integer(value, "at", 1) for value in values]
