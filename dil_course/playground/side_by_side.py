"""Several runs at once, side by side: one iteration each in turn, every run with a Stop of its own."""

import html

from dil_course.fitting.live import PICTURE_SHARE, ending, picture_png, progress, turns
from dil_course.fitting.pace import Pace
from dil_course.fitting.run import Recorder
from dil_course.front_end import picture_widget
from dil_course.signals import psnr, to_array

WIDTH = 240  # CSS pixels of each picture: three fit beside one another where the page is 1280 wide


class Lane:
    """One method's run and its column: name, picture, what it does, Stop.

    Attributes:
        box: the column, a widget.
        result: of the run, once it has ended; None where it ended by an error before its first estimate.
    """

    def __init__(self, name, steps, truth, stop):
        import ipywidgets as widgets

        self.name, self.steps, self.result = name, iter(steps), None
        self.recorder, self.pace = Recorder(truth, stop=stop), Pace(PICTURE_SHARE)
        self.pressed = False
        self.picture = picture_widget(WIDTH, f"{name}: the estimate as it emerges")
        self.status = widgets.HTML("waiting for its turn")
        self.button = widgets.Button(
            description="Stop", icon="stop", tooltip=f"{name}: end this run, keep its estimate"
        )
        self.button.on_click(self.stop)
        title = widgets.HTML(f"<b>{html.escape(name)}</b>")
        self.box = widgets.VBox(
            [title, self.picture, self.status, self.button], layout={"width": f"{WIDTH + 20}px"}
        )

    @property
    def running(self):
        return self.result is None and not self.button.disabled

    def stop(self, button=None):
        self.pressed = True

    def advance(self):
        """One iteration; ends the run at its last one, at its rule, and where Stop was pressed."""
        step = next(self.steps, None)
        if step is None:
            return self.end()
        enough = self.recorder.observe(step)
        if enough or self.pressed:
            return self.end(f"stopped by you at iteration {step.iteration}" if self.pressed else None)
        self.pace.do(self.draw)

    def draw(self):
        self.picture.value = picture_png(to_array(self.recorder.average))
        self.status.value = html.escape(progress(self.recorder))

    def end(self, why=None):
        """Keep the estimate, and say what it is worth."""
        self.result = self.recorder.result(why)
        truth = self.recorder.truth
        worth = "" if truth is None else f"<b>{psnr(self.result.estimate, truth):.2f} dB</b>, "
        self.picture.value = picture_png(to_array(self.result.estimate))
        self.status.value = f"{worth}{html.escape(self.result.why)}, {self.result.seconds:.0f} s"
        self.close()

    def close(self, text=None):
        """Take the button away, which has nothing left to stop."""
        self.button.disabled, self.button.layout.display = True, "none"
        if text:
            self.status.value = html.escape(text)


async def race(lanes):
    """Run all lanes to their ends, an iteration each in turn. An interrupt ends them all, with estimates.

    Methods whose first iterations raise an error end with its words; the others go on.
    """
    while active := [lane for lane in lanes if lane.running]:
        for lane in active:
            with ending(lane.recorder, lambda: None) as end:
                try:
                    lane.advance()
                except (TypeError, ValueError) as problem:
                    lane.close(f"cannot do this: {problem}")
                await turns()
            if end.why and lane.running:
                for each in active:
                    each.stop()
