"""The history of a run, drawn: live while it runs, and as the figure that it leaves."""

import math

import numpy as np
from PIL import Image

from dil_course.front_end import quick_png

# Of each axes: labels and names in the history
CURVES = ({"loss": "loss"}, {"moving average": "psnr_average", "single output": "psnr"})
SPAN = 15  # dB below the highest PSNR that its axis shows at most: peak and fall are seen, not the begin


def columns_of(history):
    """How many axes a run's curves take: the loss always, the PSNR with a known truth."""
    return 2 if "psnr" in history else 1


def has_average(history):
    """Does the average differ from the single outputs? Not where a method gives averages itself."""
    return history.get("psnr_average") != history.get("psnr")


def peak(history):
    """Iteration and value of the highest PSNR of the average."""
    points = zip(history["iteration"], history["psnr_average"], strict=True)
    return max(points, key=lambda point: point[1])


def psnr_range(history):
    """Ends of a PSNR axis on which peak and fall can be seen: most of the rise before them is left out."""
    points = list(zip(history["iteration"], history["psnr_average"], strict=True))
    later = [value for i, value in points if math.isfinite(value) and i > history["iteration"][-1] / 10]
    if not later:
        return 0, 1
    high = max(value for _, value in points if math.isfinite(value))  # the peak may be in the first tenth
    low = max(np.percentile(later, 5), high - SPAN)
    margin = max(0.3, 0.1 * (high - low))
    return low - margin, high + margin


def drawn(array):
    """An 8-bit picture as it is; a signal of one row, gray, as its curve on white, low values below."""
    if len(array) > 1 or array.ndim > 2:
        return array
    height = max(32, array.shape[1] // 6)
    level = height - 1 - array[0].astype(int) * (height - 1) // 255
    before = np.concatenate([level[:1], level[:-1]])
    rows = np.arange(height)[:, None]
    line = (rows >= np.minimum(level, before) - 1) & (rows <= np.maximum(level, before) + 1)
    return np.where(line, 0, 255).astype(np.uint8)


def draw_history(axes, history):
    """The loss on a logarithmic axis; with a truth, also the PSNR of single and averaged estimates."""
    from dil_course.figures import draw_curves

    for axis, name, curves in zip(axes, ("loss", "PSNR (dB)"), CURVES, strict=False):
        shown = {label: (history["iteration"], history[key]) for label, key in curves.items()}
        draw_curves(axis, shown, "iteration", name)
    axes[0].set_yscale("log")


class LiveCurves:
    """The curves of a run as one small figure, made once: giving it new values takes half the time."""

    def __init__(self, history):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from dil_course.figures.curves import legend
        from dil_course.figures.static import talk

        columns = columns_of(history)
        figure = Figure(figsize=(3.2 * columns, 2.9), dpi=90)
        # Fixed margins: fitting them to the labels, as the static figures do, takes longer than the drawing.
        figure.subplots_adjust(
            left=0.32 / columns * talk(),
            right=1 - 0.05 / columns,
            bottom=0.17 * talk(),
            top=0.9,
            wspace=0.36 * talk(),
        )
        self.axes = figure.subplots(1, columns, squeeze=False)[0]
        self.canvas = FigureCanvasAgg(figure)
        draw_history(self.axes, history)
        if columns > 1:
            above = dict(loc="lower right", bbox_to_anchor=(1.03, 1.02), ncols=2, columnspacing=1)
            legend(self.axes[1], size=8, **above)
            [self.peak] = self.axes[1].plot([], [], "o", color="black", markersize=5 * talk())

    def png(self, history):
        """The figure with these values, as PNG bytes."""
        for axes, curves in zip(self.axes, CURVES, strict=False):
            # The tick labels that matplotlib gives an empty axis overlap.
            axes.set_xlim(0, 1, auto=bool(history["iteration"]))
            for line, key in zip(axes.lines, curves.values(), strict=False):
                line.set_data(history["iteration"], history[key])
            axes.relim()
            axes.autoscale_view()
        if len(self.axes) > 1 and history["iteration"]:
            self._cut_to_the_peak(self.axes[1], history)
        # Not savefig, which draws everything twice.
        self.canvas.draw()
        return quick_png(Image.fromarray(np.asarray(self.canvas.buffer_rgba())))

    def _cut_to_the_peak(self, axes, history):
        self.peak.set_data(*([value] for value in peak(history)))
        axes.set_ylim(psnr_range(history))
        for part in (axes.lines[1], axes.get_legend()):
            part.set_visible(has_average(history))


def summary_figure(result, truth, observed):
    """The static figure that a run leaves, and its alternative text: pictures above, curves below."""
    from dil_course.figures.images import Grid, arrays_of, text_height, wrapped
    from dil_course.figures.static import figure_of, points, talk
    from dil_course.signals import psnr

    pictures = {}
    for name, x in {"observed": observed, "estimate": result.estimate, "truth": truth}.items():
        if x is not None:
            known = truth is not None and name != "truth" and x.shape == truth.shape
            pictures[f"{name}, {psnr(x.to(truth), truth):.2f} dB" if known else name] = x
    arrays = {name: drawn(array) for name, array in arrays_of(pictures).items()}
    grid = Grid(arrays, columns=3)
    width = max(grid.width, 800 * talk())
    why = wrapped(result.why, points(10), width - 24)
    above = text_height(why, points(10)) + 8
    height = above + grid.height + 230 * talk()
    figure = figure_of(width, height)
    figure.text(12 / width, 1 - 8 / height, why, va="top", fontsize=points(10))
    grid.draw(figure, top=above + 8)
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 230 * talk() / height), wspace=0.05)
    columns = columns_of(result.history)
    ratios = [1, 1.5][:columns]
    axes = figure.subplots(1, columns, squeeze=False, width_ratios=ratios)[0]
    draw_summary_curves(axes, result.history)
    words = f"Pictures: {'; '.join(pictures)}. {told_curves(result.history)} How it ended: {result.why}."
    return figure, words


def draw_summary_curves(axes, history):
    """The curves of a whole run: the PSNR's axis is cut to its peak, which has a name."""
    from dil_course.figures import draw_curves

    draw_history(axes[:1], history)
    if len(axes) == 1:
        return
    names = CURVES[1] if has_average(history) else {"estimate": "psnr"}
    curves = {label: (history["iteration"], history[key]) for label, key in names.items()}
    iteration, best = peak(history)
    draw_curves(axes[1], curves, "iteration", "PSNR (dB)", marks={f"peak, {best:.2f} dB": (iteration, best)})
    axes[1].set_ylim(psnr_range(history))


def told_curves(history):
    """The curves of a run in words."""
    words = (
        f"Below, over the iterations: the loss, from {history['loss'][0]:.2g} to {history['loss'][-1]:.2g}"
    )
    if columns_of(history) == 1:
        return words + "."
    iteration, best = peak(history)
    return f"{words}; the PSNR of the average, at most {best:.2f} dB, at iteration {iteration}."
