"""Watch a run live in a notebook: the picture as it emerges, curves, time left, and a Stop button."""

import asyncio
import io
import time

from PIL import Image

from dil_course.fitting.run import Recorder
from dil_course.signals import to_array

WIDTH = 320  # of the live picture on the page, in CSS pixels
SHORTEST_PAUSE = 0.25  # seconds between two drawings: more than four a second looks no livelier
TURNS = 8  # of the event loop for each iteration: ipykernel 7.4 takes five to pass a press of Stop on, 0.1 ms in all
PICTURE_SHARE, CURVES_SHARE = 0.01, 0.015  # of the run's time that may go into drawing; 3 % in all with the messages
CURVES_DELAY = 3.0  # seconds before the first curves: sooner, they hold a few points and cost a short run most


def has_front_end():
    """Is this a Jupyter kernel with widgets, rather than a script or a terminal?"""
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def progress(recorder):
    """One line of text: iteration, loss, PSNR where the truth is known, rate, time left."""
    step, history = recorder.step, recorder.history
    rate = step.iteration / max(time.perf_counter() - recorder.started, 1e-9)
    line = f"iteration {step.iteration}/{step.total}   loss {history['loss'][-1]:.4f}"
    if history.get("psnr_average"):
        line += f"   PSNR {history['psnr_average'][-1]:.2f} dB"
    return line + f"   {rate:.1f} iterations/s   {(step.total - step.iteration) / rate:.0f} s left"


class TextView:
    """Without a front end: one line for every tenth of the run."""

    stopped = False

    def __init__(self):
        self.tenths = 0

    def update(self, recorder):
        tenths = 10 * recorder.step.iteration // recorder.step.total
        if tenths > self.tenths:
            self.tenths = tenths
            print(f"{10 * tenths:3d} %   {progress(recorder)}", flush=True)

    def finish(self, result, recorder, observed):
        print(result.why)


class Pace:
    """Says when the next drawing is due, so that drawing takes at most `share` of the run's time after the first one."""

    def __init__(self, share, delay=0.0):
        self.share, self.due, self.cold = share, time.perf_counter() + delay, True

    def draw(self, function):
        started = time.perf_counter()
        if started >= self.due:
            function()
            ended = time.perf_counter()
            # The first drawing also loads fonts and modules: its time says nothing of the next one's.
            pause = 0 if self.cold else (ended - started) / self.share
            self.due, self.cold = ended + max(SHORTEST_PAUSE, pause), False


class WidgetView:
    """The live view in a notebook.

    Pictures go through Pillow, which takes a few milliseconds, curves through matplotlib, which takes many: so each
    has a pace of its own. No Output widget and no clear_output: both make cells that nbval cannot compare.
    """

    def __init__(self):
        import ipywidgets as widgets
        from IPython.display import display

        self.stopped = False
        self.status = widgets.Label("starting")
        self.stop = widgets.Button(description="Stop", icon="stop", tooltip="End the run and keep its estimate")
        self.stop.on_click(self._on_stop)
        self.picture = widgets.Image(format="png", layout={"width": f"{WIDTH}px", "object_fit": "contain"})
        self.curves = widgets.Image(format="png", layout={"width": "520px", "object_fit": "contain"})
        self.row = widgets.HBox([self.picture, self.curves], layout={"flex_flow": "row wrap", "align_items": "center"})
        self.controls = widgets.HBox([self.stop, self.status])
        self.box = widgets.VBox([self.controls, self.row])
        self.picture_pace, self.curves_pace = Pace(PICTURE_SHARE), Pace(CURVES_SHARE, CURVES_DELAY)
        display(self.box)

    def _on_stop(self, button):
        self.stopped, button.disabled, button.description = True, True, "Stopping"

    def update(self, recorder):
        self.picture_pace.draw(lambda: self._draw_picture(recorder))
        self.curves_pace.draw(lambda: self._draw_curves(recorder))

    def _draw_picture(self, recorder):
        self.picture.value = picture_png(to_array(recorder.average))
        self.status.value = progress(recorder)

    def _draw_curves(self, recorder):
        from dil_course.figures import png

        self.curves.value = png(curves_figure(recorder.history))

    def finish(self, result, recorder, observed):
        """Replace Stop by a slider over the snapshots, and leave a static figure for readers without a kernel."""
        import ipywidgets as widgets

        from dil_course.figures import show_figure

        iterations = [iteration for iteration, _ in result.snapshots]
        slider = widgets.SelectionSlider(options=iterations, value=iterations[-1], description="iteration", continuous_update=True)
        slider.layout.width = f"{WIDTH}px"

        def show(change):
            self.picture.value = picture_png(result.snapshots[slider.index][1])

        slider.observe(show, "index")
        show(None)
        self.status.value = f"{result.why}, {result.seconds:.0f} s. Move the slider to see the estimate on its way."
        self.row.children = [self.picture]
        self.controls.children = [self.status]
        self.box.children = [self.controls, slider, self.row]
        figure, alt = summary_figure(result, recorder.truth, observed)
        show_figure(figure, alt)


def picture_png(array):
    """An 8-bit picture as PNG bytes, enlarged by whole pixels so that the browser need not smooth it."""
    image = Image.fromarray(array)
    factor = max(1, WIDTH // max(image.size))
    buffer = io.BytesIO()
    # Low compression: a run waits for this, a local network does not.
    image.resize((image.width * factor, image.height * factor), Image.NEAREST).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def draw_history(axes, history):
    """The loss on the left, on a logarithmic axis; with a truth, the PSNR of single and averaged estimates on the right."""
    from dil_course.figures import draw_curves

    loss, *quality = axes
    draw_curves(loss, {"loss": (history["iteration"], history["loss"])}, "iteration", "loss")
    loss.set_yscale("log")
    if quality:
        curves = {"average": (history["iteration"], history["psnr_average"]), "single": (history["iteration"], history["psnr"])}
        draw_curves(quality[0], curves, "iteration", "PSNR (dB)")


def curves_figure(history):
    """The curves of a run as one small figure."""
    from matplotlib.figure import Figure

    columns = 2 if "psnr" in history else 1
    figure = Figure(figsize=(3.2 * columns, 2.9))
    # Fixed margins: fitting them to the labels, as the static figures do, takes more time than all the drawing.
    figure.subplots_adjust(left=0.32 / columns, right=0.98, bottom=0.17, top=0.96, wspace=0.36)
    draw_history(figure.subplots(1, columns, squeeze=False)[0], history)
    return figure


def summary_figure(result, truth, observed):
    """The static figure that a run leaves, and its alternative text: pictures above, curves below."""
    from matplotlib.figure import Figure

    from dil_course.figures import draw_picture
    from dil_course.signals import psnr

    pictures = {"observed": observed, "estimate": result.estimate, "truth": truth}
    pictures = {title: x for title, x in pictures.items() if x is not None}
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    for axes, (title, x) in zip(above.subplots(1, len(pictures), squeeze=False)[0], pictures.items(), strict=True):
        known = truth is not None and title != "truth" and x.shape == truth.shape
        draw_picture(axes, x, f"{title}, {psnr(x.to(truth), truth):.2f} dB" if known else title)
    columns = 1 if truth is None else 2
    draw_history(below.subplots(1, columns, squeeze=False)[0], result.history)
    above.suptitle(result.why, fontsize=10)
    alt = f"Pictures: {', '.join(pictures)}; below, loss over iterations" + (" and PSNR over iterations." if columns == 2 else ".")
    return figure, f"{alt} {result.why}."


async def watch(steps, truth=None, observed=None, average=0.99):
    """Drain a method's generator live: `result = await watch(deep_image_prior(y), truth=x, observed=y)`.

    The same as `run`, and the same numbers. In a notebook it shows the averaged estimate, curves and a Stop button,
    and afterwards a slider over snapshots and one static figure; elsewhere, ten lines of text.
    Stop and a kernel interrupt end the run and keep its estimate; the cells below then run as usual.

    Args:
        steps: generator of Steps.
        truth: clean picture (1,C,H,W) in [0,1], for the PSNR only.
        observed: the observation, only to be shown beside the estimate at the end.
        average: weight of the past in the moving average.

    Raises:
        TypeError, ValueError: as `run`.
    """
    recorder = Recorder(truth, average)
    view = WidgetView() if has_front_end() else TextView()
    why = None
    try:
        for step in steps:
            if recorder.observe(step):
                break
            view.update(recorder)
            # Gives the kernel its turns: a press of Stop arrives here, in this thread, within one iteration.
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if view.stopped:
                why = f"stopped by you at iteration {step.iteration}"
                break
    except (KeyboardInterrupt, asyncio.CancelledError):
        # An interrupted kernel raises the first in a plain cell and the second in an awaited one.
        if recorder.step is None:
            raise
        why = f"interrupted at iteration {recorder.step.iteration}"
    result = recorder.result(why)
    view.finish(result, recorder, observed)
    return result
