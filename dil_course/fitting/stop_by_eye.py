"""Stop by eye: a live run that shows neither truth nor curves, and then who stopped where, and how well."""

import dataclasses
import html
import time

import torch

from dil_course.fitting.history import psnr_range
from dil_course.fitting.live import PICTURE_SHARE, WIDTH, TextView, ending, picture_png, turns
from dil_course.fitting.pace import Pace
from dil_course.fitting.run import Recorder, check_rule, recorded
from dil_course.front_end import as_page, has_front_end, picture_widget
from dil_course.signals import psnr, to_array
from dil_course.signals.validation import check_image, describe

YOU, ORACLE, END = "you", "the oracle", "the end of the run"
DOUBLE_CLICK = 1.0  # seconds after Stop in which a press does not skip the comparison


@dataclasses.dataclass(frozen=True)
class Choice:
    """What `stop_by_eye` leaves.

    Attributes:
        estimate: the run's average (1,C,H,W) when you pressed Stop; where nobody did, at the end.
        stops: {who: (iteration, PSNR in dB)}: "you", where Stop was pressed, each rule by its name, "the
            oracle", which is the iteration of the highest PSNR, chosen with the truth, and "the end of the
            run".
        history: lists "iteration", "loss", "psnr" and "psnr_average" of the run.
    """

    estimate: torch.Tensor
    stops: dict
    history: dict


class EyeView:
    """The picture, the iteration and a button: Stop at first, then Skip the comparison."""

    def __init__(self):
        import ipywidgets as widgets
        from IPython.display import display

        self.pressed = self.skipped = None  # when
        self.status = widgets.HTML("starting")
        self.status.layout.flex = "1 1 0"
        self.button = widgets.Button(
            description="Stop", icon="stop", tooltip="Choose the picture as it is now"
        )
        self.button.on_click(self._on_click)
        self.picture = picture_widget(WIDTH, "The estimate as it emerges")
        self.controls = widgets.HBox([self.button, self.status])
        self.pace = Pace(PICTURE_SHARE)
        box = widgets.VBox([self.controls, self.picture])
        display(as_page(box), raw=True)

    def _on_click(self, button):
        now = time.monotonic()
        if self.pressed is None:
            self.pressed = now
            button.description, button.icon = "Skip the comparison", "forward"
            button.tooltip, button.layout.width = "End the run here", "max-content"
        elif now - self.pressed > DOUBLE_CLICK:
            self.skipped = now

    def update(self, recorder):
        self.pace.do(lambda: self._draw(recorder))

    def _draw(self, recorder):
        at = f"iteration {recorder.step.iteration}/{recorder.step.total}"
        if self.pressed is None:
            self.picture.value = picture_png(to_array(recorder.average))
            self.tell(at)
        else:
            self.tell(f"finishing the run to compare: {at}")

    def tell(self, text):
        self.status.value = html.escape(text)

    def close(self, text):
        """Take the button away, which has nothing left to do."""
        self.controls.children = [self.status]
        self.tell(text)


class NobodyView(TextView):
    """Without a front end: lines of text, and nobody who could press."""

    pressed = skipped = None

    def __init__(self):
        super().__init__({})

    def close(self, text):
        print(text)


class Judges:
    """The rules, each fed as `run` feeds it, and the pictures that everybody stopped at."""

    def __init__(self, rules):
        if not isinstance(rules, dict):
            raise TypeError(f"rules: expected {{name: rule}}, got {describe(rules)}")
        for name, rule in rules.items():
            if not isinstance(name, str) or name in (YOU, ORACLE, END):
                raise ValueError(
                    f"rules: expected names other than {YOU!r}, {ORACLE!r}, {END!r}, got {name!r:.60}"
                )
            check_rule(rule, f"rules, {name!r}")
        self.rules, self.watching, self.best = rules, dict(rules), None

    def observe(self, recorder):
        """Show the newest step to each rule that has not stopped; keep the best picture of the history."""
        step, average, history = recorder.step, recorder.average, recorder.history
        for name, rule in list(self.watching.items()):
            if rule.observe(step, average):
                del self.watching[name]
        if history["iteration"][-1:] != [step.iteration]:
            return
        if self.best is None or history["psnr_average"][-1] > self.best[1]:
            self.best = (step.iteration, history["psnr_average"][-1], average)

    def stops(self, you, end, truth):
        """{who: (iteration, PSNR, picture)}, in the order of the legend."""
        stops = {} if you is None else {YOU: you}
        for name, rule in self.rules.items():
            stops[name] = end if rule.estimate is None else (rule.iteration, rule.estimate)
        stops = {who: (i, psnr(x, truth), x) for who, (i, x) in stops.items()}
        return stops | {ORACLE: self.best, END: (end[0], psnr(end[1], truth), end[1])}


def verdict(stops):
    """One sentence: how many decibels everybody lost against the oracle."""
    best_iteration, best, _ = stops[ORACLE]
    lost = [
        f"{who} lost {max(best - value, 0):.2f} dB (iteration {iteration})"
        for who, (iteration, value, _) in stops.items()
        if who != ORACLE
    ]
    told = f"{', '.join(lost[:-1])}{' and ' if lost[1:] else ''}{lost[-1]}"
    oracle = f"the oracle (iteration {best_iteration}, {best:.2f} dB)"
    return f"Against {oracle}, which was chosen with the truth, {told}."


def show_stops(stops, history, text):
    """The figure that a game leaves: who stopped where on the curve, and three of the pictures."""
    from dil_course.figures import figure_with, show_figure

    pictures = {
        f"{who}, {value:.2f} dB": x for who, (_, value, x) in stops.items() if who in (YOU, ORACLE, END)
    }
    marks = {f"{who}: iteration {i}, {value:.2f} dB": (i, value) for who, (i, value, _) in stops.items()}
    curves = {"PSNR of the average": (history["iteration"], history["psnr_average"])}
    low, high = psnr_range(history)
    values = [value for _, value, _ in stops.values()]
    last, first = history["iteration"][-1], min(i for i, _, _ in stops.values())
    figure = figure_with(
        pictures, curves, "iteration", "PSNR (dB)", columns=3, log_x=True, marks=marks,
        x_range=(0.9 * min(first, max(1, last / 100)), last),
        y_range=(min(low, *values) - 0.2, max(high, *values) + 0.2),
    )  # fmt: skip
    show_figure(figure, f"Pictures: {'; '.join(pictures)}. The PSNR of the average over iterations. {text}")
    print(text)


async def stop_by_eye(steps, truth, rules=None):
    """Play against the stopping rules: `choice = await stop_by_eye(steps, truth=x, rules={"a rule": rule})`.

    In a notebook, the run shows its averaged estimate, the iteration and a Stop button: press where the
    picture is best. The run then goes on to its end without drawing, and a figure shows where you, each rule
    and the oracle stopped. A second press skips the rest. In a script nobody presses. The truth measures and
    chooses nothing but the oracle. An interrupt of the kernel ends the run and keeps what there is; a second
    one within two seconds is raised.

    Args:
        steps: generator of Steps.
        truth: clean picture (1,C,H,W) in [0,1].
        rules: {name: fresh rule of `fitting.stopping`}.

    Returns:
        A `Choice`, with `estimate`, `stops` and `history`.

    Raises:
        TypeError, ValueError: as `run`; rules are no dictionary of fresh rules.
    """
    check_image(truth, "truth")
    recorder, judges = Recorder(truth), Judges({} if rules is None else rules)
    view = EyeView() if has_front_end() else NobodyView()
    you = None
    with ending(recorder, lambda: view.close("ended by an error")) as end:
        for step in recorded(steps, recorder):
            judges.observe(recorder)
            view.update(recorder)
            await turns()
            if view.pressed and you is None:
                you = (step.iteration, recorder.average)
            if view.skipped:
                end.why = f"comparison skipped at iteration {step.iteration}"
                break
    result = recorder.result(end.why)
    view.close(result.why)
    stops = judges.stops(you, (result.iteration, result.estimate), recorder.truth)
    show_stops(stops, result.history, verdict(stops))
    estimate = result.estimate if you is None else you[1]
    return Choice(estimate, {who: stop[:2] for who, stop in stops.items()}, result.history)
