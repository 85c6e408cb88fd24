"""Watch a run live in a notebook: the picture as it emerges, curves, time left, and a Stop button."""

import asyncio
import contextlib
import html
import io
import math
import signal
import time

import numpy as np
from PIL import Image

from dil_course.fitting.pace import Pace
from dil_course.fitting.run import Recorder, interrupted_again, recorded
from dil_course.front_end import as_page, has_front_end, picture_widget
from dil_course.signals import to_array

WIDTH = 320  # of the live picture on the page, in CSS pixels
CURVES_WIDTH = 240  # of each of the live curves: both fit beside the picture where the page is 1280 wide
# Of the event loop for each iteration: ipykernel 7.4 takes five to pass a press of Stop on, 0.1 ms in all
TURNS = 8
# Of the run's time that may go into drawing; 3 % in all with the messages
PICTURE_SHARE, CURVES_SHARE = 0.008, 0.012
# Of each axes: labels and names in the history
CURVES = ({"loss": "loss"}, {"moving average": "psnr_average", "single output": "psnr"})
SPAN = 15  # dB below the highest PSNR that its axis shows at most: peak and fall are seen, not the begin
# Seconds before the first curves: sooner, they hold a few points and cost a short run most
CURVES_DELAY = 3.0


def progress(recorder):
    """One line of text: iteration, loss, PSNR where the truth is known, rate, time left."""
    step, history = recorder.step, recorder.history
    rate = step.iteration / max(time.perf_counter() - recorder.started, 1e-9)
    parts = [f"iteration {step.iteration}/{step.total}", f"loss {history['loss'][-1]:.4f}"]
    if history.get("psnr_average"):
        parts.append(f"PSNR {history['psnr_average'][-1]:.2f} dB")
    left = (step.total - step.iteration) / rate
    time_left = f"{left:.0f} s left" if left < 120 else f"{left / 60:.0f} min left"
    return ", ".join([*parts, f"{rate:.1f} iterations/s", time_left])


class TextView:
    """Without a front end: one line for every tenth of the run."""

    stopped = False

    def __init__(self, history):
        self.tenths = 0

    def update(self, recorder):
        tenths = 10 * recorder.step.iteration // recorder.step.total
        if tenths > self.tenths:
            self.tenths = tenths
            print(f"{10 * tenths:3d} %: {progress(recorder)}", flush=True)

    def fail(self):
        """Nothing: the traceback says it."""

    def finish(self, result, recorder, observed):
        print(result.why)


class WidgetView:
    """The live view in a notebook.

    Pictures go through Pillow, which takes a few milliseconds, curves through matplotlib, which takes many:
    so each has a pace of its own. No Output widget and no clear_output: both make cells that nbval cannot
    compare.
    """

    def __init__(self, history):
        import ipywidgets as widgets
        from IPython.display import display

        self.stopped = False
        self.status = widgets.HTML("starting")  # a Label would cut a long line off at the window's edge
        self.status.layout.flex = "1 1 0"
        self.stop = widgets.Button(
            description="Stop", icon="stop", tooltip="End the run and keep its estimate"
        )
        self.stop.on_click(self._on_stop)
        self.picture = picture_widget(WIDTH, "The estimate as it emerges")
        words = "Curves of the run over iterations: the loss and, with a known truth, the PSNR"
        self.curves = picture_widget(CURVES_WIDTH * columns_of(history), words)
        self.row = widgets.HBox(
            [self.picture, self.curves], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self.controls = widgets.HBox([self.stop, self.status])
        self.box = widgets.VBox([self.controls, self.row])
        # Drawn empty before the run, which matplotlib's first drawing would hold up for most of a second.
        self.live_curves = LiveCurves(history)
        self.curves.value = self.live_curves.png(history)
        self.picture_pace, self.curves_pace = Pace(PICTURE_SHARE), Pace(CURVES_SHARE, CURVES_DELAY)
        display(as_page(self.box), raw=True)

    def _on_stop(self, button):
        self.stopped, button.disabled, button.description = True, True, "Stopping"

    def update(self, recorder):
        self.picture_pace.do(lambda: self._draw_picture(recorder))
        self.curves_pace.do(lambda: self._draw_curves(recorder))

    def _draw_picture(self, recorder):
        self.picture.value = picture_png(to_array(recorder.average))
        self._tell(progress(recorder))

    def _draw_curves(self, recorder):
        self.curves.value = self.live_curves.png(recorder.history)

    def _tell(self, text):
        self.status.value = html.escape(text)

    def fail(self):
        """An error ends the run: what cannot be pressed any more goes, its traceback says the rest."""
        self.controls.children = [self.status]
        self._tell("ended by an error")

    def finish(self, result, recorder, observed):
        """Replace Stop by a slider over the snapshots, and leave a figure for readers without a kernel."""
        import ipywidgets as widgets

        from dil_course.figures import show_figure

        iterations = [iteration for iteration, _ in result.snapshots]
        slider = widgets.SelectionSlider(
            options=iterations, value=iterations[-1], description="iteration", continuous_update=True
        )
        slider.layout.width = f"{WIDTH}px"

        def show(change):
            self.picture.value = picture_png(result.snapshots[slider.index][1])

        slider.observe(show, "index")
        show(None)
        self._tell(f"{result.why}, {result.seconds:.0f} s. Move the slider to see the estimate on its way.")
        self.row.children = [self.picture]
        self.controls.children = [self.status]
        self.box.children = [self.controls, slider, self.row]
        figure, alt = summary_figure(result, recorder.truth, observed)
        show_figure(figure, alt)


def picture_png(array):
    """An 8-bit picture as PNG bytes, enlarged by whole pixels so that the browser need not smooth it."""
    image = Image.fromarray(array)
    factor = max(1, WIDTH // max(image.size))
    return encode_png(image.resize((image.width * factor, image.height * factor), Image.NEAREST))


def encode_png(image):
    """A Pillow image as PNG bytes."""
    buffer = io.BytesIO()
    # Low compression: a run waits for this, a local network does not.
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


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
    points = zip(history["iteration"], history["psnr_average"], strict=True)
    later = [value for i, value in points if math.isfinite(value) and i > history["iteration"][-1] / 10]
    if not later:
        return 0, 1
    low, high = np.percentile(later, 5), max(later)
    margin = max(0.3, 0.1 * (high - low))
    return max(low, high - SPAN) - margin, high + margin


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
        return encode_png(Image.fromarray(np.asarray(self.canvas.buffer_rgba())))

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
    grid = Grid(arrays_of(pictures), columns=3)
    width = max(grid.width, 800 * talk())
    why = wrapped(result.why, points(10), width - 24)
    above = text_height(why, points(10)) + 8
    height = above + grid.height + 230 * talk()
    figure = figure_of(width, height)
    figure.text(0.5, 1 - 8 / height, why, ha="center", va="top", fontsize=points(10))
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


def pass_the_next_interrupt_on():
    """Let the next interrupt of the kernel cancel this cell as well: ipykernel passes on its first one only.

    Not for scripts: the kernel puts its own handler back when the cell ends, asyncio.run does not.
    """
    loop, cell = asyncio.get_running_loop(), asyncio.current_task()
    with contextlib.suppress(ValueError):  # outside of the main thread, where no interrupts arrive
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(cell.cancel))


async def watch(steps, truth=None, observed=None, average=0.99, stop=None, checkpoint=None):
    """Drain a method's generator live: `result = await watch(deep_image_prior(y), truth=x, observed=y)`.

    The same as `run`, and the same numbers. In a notebook it shows the averaged estimate, curves and a Stop
    button, and afterwards a slider over snapshots and one static figure; elsewhere, ten lines of text.
    Stop and a kernel interrupt end the run and keep its estimate; the cells below then run as usual. A second
    interrupt within two seconds is raised, and ends the whole cell.

    Args:
        steps: generator of Steps.
        truth: clean picture (1,C,H,W) in [0,1], for the PSNR only.
        observed: the observation, only to be shown beside the estimate at the end.
        average: weight of the past in the moving average.
        stop: a fresh stopping rule of `fitting.stopping`.
        checkpoint: path of a file from which the same call goes on after a crash, as in `run`.

    Raises:
        TypeError, ValueError: as `run`.
    """
    recorder = Recorder(truth, average, stop)
    if observed is not None:
        to_array(observed)  # refuses now what could not be shown at the end
    view = (WidgetView if has_front_end() else TextView)(recorder.history)
    why = None
    try:
        for step in recorded(steps, recorder, checkpoint):
            view.update(recorder)
            # Gives the kernel its turns: a press of Stop arrives here, in this thread, within one iteration.
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if view.stopped:
                why = f"stopped by you at iteration {step.iteration}"
                break
    except BaseException as end:
        # An interrupted kernel raises the first in a plain cell and the second in an awaited one.
        interrupt = isinstance(end, KeyboardInterrupt | asyncio.CancelledError)
        if not interrupt or recorder.good is None or interrupted_again():
            view.fail()
            raise
        why = f"interrupted at iteration {recorder.step.iteration}"
        if isinstance(end, asyncio.CancelledError) and has_front_end():
            pass_the_next_interrupt_on()
    result = recorder.result(why)
    view.finish(result, recorder, observed)
    return result
