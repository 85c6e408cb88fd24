"""Several runs at once, side by side: one iteration each in turn, every run with a Stop of its own."""

import time

from dil_course.fitting.live import PICTURE_SHARE, ending, picture_png, progress, turns
from dil_course.fitting.pace import Pace
from dil_course.fitting.run import Recorder, recorded
from dil_course.front_end import picture_widget
from dil_course.playground.parts import button, column, heading, note, say
from dil_course.signals import psnr, to_array

WIDTH = 240  # CSS pixels of each picture: three fit beside one another where the page is 1280 wide


class Lane:
    """One method's run and its column: name, picture, what it does, Stop.

    Attributes:
        box: the column, a widget.
        seconds: that its own iterations took, without those of the others.
        running: whether it may still be advanced.
        result: of the run, once it has ended; None where the method failed.
        stopped: the iteration after which its reader stopped it, or None.
    """

    def __init__(self, name, steps, truth=None, stop=None):
        self.name, self.result, self.seconds = name, None, 0.0
        self.running, self.pressed, self.stopped = True, False, None
        self.recorder, self.pace = Recorder(truth, stop=stop), Pace(PICTURE_SHARE)
        self.steps = recorded(steps, self.recorder)
        self.picture = picture_widget(WIDTH, f"{name}: the estimate as it emerges")
        self.status = note("waiting for its turn")
        self.button = button("Stop", "stop", self.stop, f"{name}: end this run, keep its estimate")
        self.box = column(heading(name), self.picture, self.status, self.button, width=f"{WIDTH + 20}px")

    def stop(self):
        """End the run before its next iteration."""
        self.pressed = True

    def advance(self):
        """One iteration, unless the run has come to its end, or somebody has pressed Stop."""
        if self.pressed and self.recorder.step is not None:
            self.stopped = self.recorder.step.iteration
            return self.end(f"stopped by you at iteration {self.stopped}")
        if self.pressed:
            return self.close("stopped by you before its first iteration")
        started = time.perf_counter()
        step = next(self.steps, None)
        self.seconds += time.perf_counter() - started
        if step is None:
            return self.end()
        self.pace.do(self.draw)

    def draw(self):
        self.picture.value = picture_png(to_array(self.recorder.average))
        say(self.status, progress(self.recorder))

    def end(self, why=None):
        """Keep the estimate, and say what it is worth."""
        self.result = self.recorder.result(why)
        self.picture.value = picture_png(to_array(self.result.estimate))
        truth = self.recorder.truth
        worth = "" if truth is None else f"{psnr(self.result.estimate, truth):.2f} dB, "
        why = "" if self.recorder.step.total == 1 else f"{self.result.why}, "
        self.close(f"{worth}{why}{self.seconds:.1f} s of computing")

    def close(self, text):
        """Say the last word, and take the button away, which has nothing left to stop."""
        self.running, self.button.layout.display = False, "none"
        say(self.status, text)


async def race(lanes):
    """Run all lanes to their ends, an iteration each in turn. An interrupt ends them all, with estimates.

    A method that fails ends with the words of its error; the others go on.
    """
    while active := [lane for lane in lanes if lane.running]:
        for lane in active:
            with ending(lane.recorder, lambda: give_up(lanes)) as end:
                try:
                    lane.advance()
                except Exception as problem:  # whatever it is: a page without a cell shows no traceback
                    lane.close(f"cannot do this: {type(problem).__name__}: {problem}")
                await turns()
            if end.why:
                for each in active:
                    each.stop()


def give_up(lanes):
    """After a second interrupt, or one before the first estimate."""
    for lane in lanes:
        if lane.running:
            lane.close("interrupted")
