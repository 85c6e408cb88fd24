"""Watch a run live in a notebook: the picture as it emerges, curves, time left, and a Stop button."""

import asyncio
import contextlib
import html
import signal
import time
from types import SimpleNamespace

from PIL import Image

from dil_course.fitting.history import LiveCurves, columns_of, drawn, summary_figure
from dil_course.fitting.pace import Pace
from dil_course.fitting.run import Recorder, interrupted_again, recorded
from dil_course.front_end import as_page, has_front_end, picture_widget, quick_png
from dil_course.signals import to_array

WIDTH = 320  # of the live picture on the page, in CSS pixels
CURVES_WIDTH = 240  # of each of the live curves: both fit beside the picture where the page is 1280 wide
# Of the event loop for each iteration: ipykernel 7.4 takes five to pass a press of Stop on, 0.1 ms in all
TURNS = 8
# Of the run's time that may go into drawing; 3 % in all with the messages
PICTURE_SHARE, CURVES_SHARE = 0.008, 0.012
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
    image = Image.fromarray(drawn(array))
    factor = max(1, WIDTH // max(image.size))
    return quick_png(image.resize((image.width * factor, image.height * factor), Image.NEAREST))


async def turns():
    """Give the kernel its turns: a press of a button arrives here, in this thread, within one iteration."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


@contextlib.contextmanager
def ending(recorder, fail):
    """End a run gracefully where the kernel is interrupted; at any other error call `fail` and raise it.

    Yields a namespace whose `why` says why the run ended before its time; None where it did not.
    """
    end = SimpleNamespace(why=None)
    try:
        yield end
    except BaseException as error:
        # An interrupted kernel raises the first in a plain cell and the second in an awaited one.
        interrupt = isinstance(error, KeyboardInterrupt | asyncio.CancelledError)
        if not interrupt or recorder.good is None or interrupted_again():
            fail()
            raise
        end.why = f"interrupted at iteration {recorder.step.iteration}"
        if isinstance(error, asyncio.CancelledError) and has_front_end():
            pass_the_next_interrupt_on()


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
    with ending(recorder, view.fail) as end:
        for step in recorded(steps, recorder, checkpoint):
            view.update(recorder)
            await turns()
            if view.stopped:
                end.why = f"stopped by you at iteration {step.iteration}"
                break
    result = recorder.result(end.why)
    view.finish(result, recorder, observed)
    return result
