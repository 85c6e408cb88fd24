"""Stop by eye: a press counts where it was made, rules choose as they do in `run`, the oracle is the best."""

import asyncio
import importlib
import io
import json
import math
import re
import sys

import IPython.display
import pytest
import torch
from browser import (
    ARTIFACTS,
    LOADED,
    chromium,
    jupyter,
    open_notebook,
    outputs,
    page_of,
    run_all,
    wait_for_live_picture,
    wait_until,
    write_notebook,
)
from PIL import Image

from dil_course.fitting import Step, run, stop_by_eye
from dil_course.fitting.stopping import Discrepancy, WindowedVariance
from dil_course.signals import Identity, add_gaussian, picture, psnr, to_array

__all__ = ["chromium"]  # a fixture
MODULE = importlib.import_module("dil_course.fitting.stop_by_eye")  # not its function
SIGMA = 25 / 255
X = picture("coffee", 32)
Y = add_gaussian(X, SIGMA, seed=1)


def fitting(total=300, rest=120):
    """A run whose outputs come to X until iteration `rest`, then go on to Y."""
    for i in range(1, total + 1):
        estimate = X * (1 - 0.97**i) if i <= rest else X + (Y - X) * (1 - 0.98 ** (i - rest))
        yield Step(i, total, torch.mean((estimate - Y) ** 2), estimate)


def rules():
    return {"variance": WindowedVariance(20, 60), "discrepancy": Discrepancy(Y, Identity(), 1.05 * SIGMA)}


@pytest.fixture
def game(monkeypatch):
    """A game on a page without a browser: `press={iteration: ...}` says when the button is pressed.

    Returns the Choice, the view, and what was displayed at the end: figure, alternative text.
    """
    monkeypatch.setattr(IPython.display, "display", lambda *output, **options: None)
    monkeypatch.setattr(MODULE, "has_front_end", lambda: True)
    monkeypatch.setattr(MODULE, "DOUBLE_CLICK", 0.0)
    monkeypatch.setattr(sys.modules["dil_course.fitting.run"], "_last_interrupt", -math.inf)
    views, figures = [], []

    class Kept(MODULE.EyeView):
        def __init__(self):
            views.append(self)
            super().__init__()

    monkeypatch.setattr(MODULE, "EyeView", Kept)
    shown = importlib.import_module("dil_course.figures")
    monkeypatch.setattr(shown, "show_figure", lambda figure, alt: figures.append((figure, alt)))

    def played(steps, press=(), **options):
        def pressed():
            for step in steps:
                if step.iteration in press:
                    views[0].button.click()
                yield step

        choice = asyncio.run(stop_by_eye(pressed(), truth=X, **options))
        return choice, views[0], *figures[0]

    return played


def test_you_are_where_stop_was_pressed_and_the_run_goes_on_to_its_end(game):
    choice, view, *_ = game(fitting(), press=[70])
    expected = run(list(fitting())[:70], average=0.99)
    assert choice.stops["you"] == (70, pytest.approx(psnr(expected.estimate, X)))
    assert torch.equal(choice.estimate, expected.estimate)
    whole = run(fitting(), truth=X)
    assert choice.stops["the end of the run"] == (300, pytest.approx(psnr(whole.estimate, X)))
    assert choice.history == whole.history
    assert list(choice.stops) == ["you", "the oracle", "the end of the run"]
    assert view.status.value == "finished 300 iterations" and view.button not in view.controls.children


def test_a_press_that_the_kernel_has_to_pass_on_counts_in_the_same_iteration(game, monkeypatch):
    views, init = [], MODULE.EyeView.__init__
    monkeypatch.setattr(MODULE.EyeView, "__init__", lambda self: (views.append(self), init(self))[1])

    def pressed_by_message():
        def passed_on(turns):
            if turns:
                asyncio.get_running_loop().call_soon(passed_on, turns - 1)
            else:
                views[0].button.click()

        for step in fitting(30, 30):
            if step.iteration == 20:
                passed_on(5)  # of the event loop, as in ipykernel
            yield step

    choice, *_ = game(pressed_by_message())
    assert choice.stops["you"][0] == 20


def test_rules_choose_what_they_choose_in_run(game):
    choice, *_ = game(fitting(), press=[70], rules=rules())
    for name, rule in rules().items():
        alone = run(fitting(), stop=rule)
        assert choice.stops[name] == (alone.iteration, pytest.approx(psnr(alone.estimate, X)))


def test_the_oracle_is_the_maximum_of_the_history(game):
    choice, *_ = game(fitting(), rules=rules())
    iteration, best = choice.stops["the oracle"]
    assert best == max(choice.history["psnr_average"])
    assert choice.history["psnr_average"][choice.history["iteration"].index(iteration)] == best
    assert 100 < iteration < 200, "the rules and the end are worse"
    assert best > choice.stops["the end of the run"][1] + 3


def test_of_equal_peaks_the_oracle_takes_the_first_and_shows_the_average(game):
    def plateau():
        for step in fitting(30, 30):
            estimate = step.estimate if step.iteration < 20 else X + 0.01
            yield Step(step.iteration, 30, step.loss, estimate, averaged=step.iteration >= 20)

    choice, *_ = game(plateau())
    assert choice.history["psnr_average"][-1] == choice.stops["the oracle"][1]
    assert choice.stops["the oracle"][0] == 20


def test_the_oracles_picture_is_the_average_at_its_peak(game):
    choice, _, figure, _ = game(fitting())
    best = run(list(fitting())[: choice.stops["the oracle"][0]])
    [shown] = [axes for axes in figure.axes if axes.get_title().startswith("the oracle")]
    assert (shown.images[0].get_array() == to_array(best.estimate)).all()


def test_a_rule_that_never_stops_has_the_end_of_the_run(game):
    choice, *_ = game(fitting(30, 30), rules={"never": Discrepancy(Y, Identity(), 1e-6)})
    assert choice.stops["never"] == choice.stops["the end of the run"]


def test_the_sentence_names_each_loss_once_and_none_below_zero():
    # Between the recorded iterations, a picture can be better than the oracle's.
    stops = {"you": (7, 20.5, X), "the oracle": (9, 20.25, X), "the end of the run": (30, 18.0, X)}
    assert MODULE.verdict(stops) == (
        "Against the oracle (iteration 9, 20.25 dB), which was chosen with the truth, you lost 0.00 dB "
        "(iteration 7) and the end of the run lost 2.25 dB (iteration 30)."
    )


def test_nobody_presses_and_the_estimate_is_that_of_the_end(game):
    choice, _, _, alt = game(fitting(), rules=rules())
    assert "you" not in choice.stops and not re.search(r"\byou\b", alt)
    assert torch.equal(choice.estimate, run(fitting()).estimate)


def test_a_second_press_skips_the_comparison(game):
    choice, view, *_ = game(fitting(), press=[50, 90], rules=rules())
    assert choice.stops["you"][0] == 50 and choice.history["iteration"][-1] == 90
    assert choice.stops["the end of the run"][0] == 90
    assert "skipped at iteration 90" in view.status.value


def test_a_double_click_on_stop_does_not_skip_the_comparison(game, monkeypatch):
    monkeypatch.setattr(MODULE, "DOUBLE_CLICK", 60.0)
    choice, *_ = game(fitting(), press=[50, 51])
    assert choice.stops["you"][0] == 50 and choice.history["iteration"][-1] == 300


def test_during_the_run_only_picture_iteration_and_button_are_seen(game, monkeypatch):
    pages = []
    monkeypatch.setattr(MODULE, "as_page", lambda box: pages.append((box, box.children[0].children)))
    _, view, *_ = game(fitting(), press=[200])
    [(box, controls)] = pages
    assert box.children == (view.controls, view.picture) and controls == (view.button, view.status)
    assert Image.open(io.BytesIO(view.picture.value)).size == (320, 320)
    assert view.controls.children == (view.status,), "the button is gone at the end"


def test_the_status_names_the_iteration_and_no_quality(game, monkeypatch):
    told = []
    tell = MODULE.EyeView.tell
    monkeypatch.setattr(MODULE, "Pace", lambda share: type("", (), {"do": lambda self, call: call()})())
    monkeypatch.setattr(MODULE.EyeView, "tell", lambda self, text: (told.append(text), tell(self, text)))
    drawn = []
    monkeypatch.setattr(MODULE, "picture_png", lambda array: drawn.append(array) or b"")
    game(fitting(total=20, rest=10), press=[8])
    assert told[:7] == [f"iteration {i}/20" for i in range(1, 8)]
    assert told[8:20] == [f"finishing the run to compare: iteration {i}/20" for i in range(9, 21)]
    assert len(drawn) == 7, "nothing is drawn while the run is finished"
    average = run(list(fitting(total=20, rest=10))[:7]).estimate
    assert (drawn[-1] == to_array(average)).all()


def test_the_figure_names_everybody_and_the_sentence_says_what_each_lost(game, capsys):
    choice, _, figure, alt = game(fitting(), press=[70], rules=rules())
    sentence = capsys.readouterr().out.strip()
    assert sentence in alt and "the oracle" in sentence and "chosen with the truth" in sentence
    best = choice.stops["the oracle"][1]
    for who, (iteration, value) in choice.stops.items():
        if who != "the oracle":
            assert f"{who} lost {best - value:.2f} dB (iteration {iteration})" in sentence
    [axes] = [axes for axes in figure.axes if axes.get_legend()]
    names = [" ".join(text.get_text().split()) for text in axes.get_legend().get_texts()]
    assert names[1:] == [f"{who}: iteration {i}, {value:.2f} dB" for who, (i, value) in choice.stops.items()]
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines[1:]]
    assert dots == [pytest.approx(stop) for stop in choice.stops.values()]
    low, high = axes.get_ylim()
    assert all(low < y < high for _, y in dots)


@pytest.mark.parametrize("press", [(), (20,)])
def test_an_interrupt_keeps_the_estimate(game, press):
    def interrupted():
        for step in fitting():
            if step.iteration == 40:
                raise KeyboardInterrupt
            yield step

    choice, view, *_ = game(interrupted(), press=press)
    last = run(list(fitting())[: press[0] if press else 39])
    assert torch.equal(choice.estimate, last.estimate)
    assert choice.stops["the end of the run"][0] == 39
    assert view.status.value == "interrupted at iteration 39"


def test_a_second_interrupt_is_raised(game):
    def interrupted():
        yield from list(fitting())[:9]
        raise KeyboardInterrupt

    game(interrupted())
    with pytest.raises(KeyboardInterrupt):
        game(interrupted())


def test_an_error_is_raised_and_the_button_goes(game, monkeypatch):
    def broken():
        yield from list(fitting())[:3]
        raise OSError("out of paper")

    seen = []
    monkeypatch.setattr(MODULE.EyeView, "close", lambda self, text: seen.append(text))
    with pytest.raises(OSError, match="out of paper"):
        game(broken())
    assert seen == ["ended by an error"]


def test_in_a_script_nobody_presses(capsys):
    choice = asyncio.run(stop_by_eye(fitting(), truth=X, rules=rules()))
    assert list(choice.stops) == ["variance", "discrepancy", "the oracle", "the end of the run"]
    printed = capsys.readouterr().out
    assert "100 %: iteration 300/300" in printed and "Against the oracle" in printed


def test_what_are_no_fresh_rules_is_refused_before_compute():
    steps = fitting()
    used = WindowedVariance(20, 60)
    run(fitting(), stop=used)
    for bad, error in (
        ([WindowedVariance()], "rules: expected"),
        ({"you": WindowedVariance()}, "rules: expected names other"),
        ({"a": WindowedVariance}, "rules, 'a': expected a rule"),
        ({"a": used}, "rules, 'a': .* make a new one"),
    ):
        with pytest.raises((TypeError, ValueError), match=error):
            asyncio.run(stop_by_eye(steps, truth=X, rules=bad))
    assert next(steps).iteration == 1


CELLS = [
    "import json, time, torch\n"
    "from dil_course.fitting import Step, stop_by_eye\n"
    "from dil_course.fitting.stopping import WindowedVariance\n"
    "from dil_course.signals import add_gaussian, picture\n"
    "x = picture('coffee', 64)\n"
    "y = add_gaussian(x, 25 / 255)\n"
    "def slowly(total=120):\n"
    "    for i in range(1, total + 1):\n"
    "        time.sleep(0.2 if i < 60 else 0.05)\n"
    "        estimate = x.lerp(0 * x, 0.9 ** i) if i < 50 else x.lerp(y, 1 - 0.95 ** (i - 50))\n"
    "        yield Step(i, total, torch.tensor(1 / i), estimate)",
    "choice = await stop_by_eye(slowly(), truth=x, rules={'variance': WindowedVariance(10, 30)})",
    "print(json.dumps(choice.stops))",
]


@pytest.mark.browser
def test_a_press_in_jupyterlab_is_taken_and_compared(chromium, tmp_path):
    write_notebook(tmp_path / "eye.ipynb", CELLS)
    with jupyter(tmp_path) as address, page_of(chromium, "stop_by_eye") as page:
        open_notebook(page, address, "eye.ipynb")
        run_all(page)
        _, running, following = page.locator(".jp-CodeCell").all()
        wait_for_live_picture(running)
        assert (
            "dB" not in outputs(running).first.inner_text() and outputs(running).locator("img").count() == 1
        )
        page.screenshot(path=ARTIFACTS / "stop_by_eye.png")
        stop = running.locator(".widget-button", has_text="Stop")
        status = running.locator(".widget-html-content").first
        before = int(re.search(r"iteration (\d+)", status.text_content())[1])
        stop.click()
        wait_until(lambda: "finishing the run to compare" in status.text_content(), "the comparison")
        page.screenshot(path=ARTIFACTS / "stop_by_eye_finishing.png")
        figure = running.locator(".jp-RenderedImage img")
        figure.wait_for(timeout=90_000)
        assert figure.evaluate(LOADED) and running.locator(".widget-button").count() == 0
        figure.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "stop_by_eye_compared.png")
        outputs(following).first.wait_for(timeout=90_000)
        stops = json.loads(outputs(following).first.text_content())
        assert before <= stops["you"][0] < 60 and stops["the end of the run"][0] == 120
        assert f"you lost {stops['the oracle'][1] - stops['you'][1]:.2f} dB" in running.inner_text()
