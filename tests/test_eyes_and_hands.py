"""For readers who see colours otherwise, who hear the page, or who use no mouse: palette, contrast, words,
keyboard.
"""

import itertools

import matplotlib.colors
import matplotlib.text
import numpy as np
import pytest
import torch
from browser import (
    ARTIFACTS,
    PIXELS,
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
from skimage.color import rgb2lab

from dil_course import figures
from dil_course.fitting import Step, run
from dil_course.fitting.history import summary_figure

__all__ = ["chromium"]  # a fixture

# How dichromats see a linear RGB colour: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, A
# Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE Transactions on Visualization
# and Computer Graphics 2009, severity 1.
SIGHT = {
    "colour vision": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
PAIRS = list(itertools.combinations(range(len(figures.COLOURS)), 2))


def linear(colour):
    """Linear RGB of an sRGB colour: light, which adds up, instead of what a file stores."""
    c = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def seen(colour, sight):
    """CIE Lab of a colour as a reader with this sight sees it."""
    c = np.clip(SIGHT[sight] @ linear(colour), 0, 1)
    return rgb2lab(np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055))


def contrast_with_white(colour):
    """Ratio of luminances, 1 to 21, by the Web Content Accessibility Guidelines 2.1."""
    return 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
def test_curve_colours_stay_apart(sight):
    # In CIE Lab 2.3 is just noticeable side by side; thin curves that lie apart need several times as much.
    distance = {
        (figures.COLOURS[a], figures.COLOURS[b]): np.linalg.norm(
            seen(figures.COLOURS[a], sight) - seen(figures.COLOURS[b], sight)
        )
        for a, b in PAIRS
    }
    closest = min(distance, key=distance.get)
    assert distance[closest] > 15, f"{closest} look alike in {sight}: {distance[closest]:.1f}"


def test_curves_differ_without_any_colour():
    assert len(figures.STYLES) == len(figures.COLOURS) == len(set(map(str, figures.STYLES)))


def test_colours_stand_out_from_white():
    contrasts = {colour: contrast_with_white(colour) for colour in figures.COLOURS}
    assert min(contrasts.values()) >= 3, f"curves need a contrast of 3: {contrasts}"


@pytest.mark.parametrize("truth", [None, torch.rand(1, 3, 20, 30)])
def test_text_of_figures_stands_out_from_white(truth):
    result = run((Step(i, 5, torch.tensor(1 / i), torch.rand(1, 3, 20, 30)) for i in range(1, 6)), truth)
    figure, _ = summary_figure(result, truth, observed=torch.rand(1, 3, 20, 30))
    figures.png(figure)
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text().strip()]
    assert len(texts) > 10
    for text in texts:
        assert contrast_with_white(text.get_color()) >= 4.5, (
            f"{text.get_text()!r} is written in {text.get_color()}"
        )


CELLS = [
    "import time, torch\n"
    "from dil_course.fitting import Step, watch\n"
    "def slowly(total=1000):\n"
    "    for i in range(1, total + 1):\n"
    "        time.sleep(0.2)\n"
    "        yield Step(i, total, torch.tensor(1 / i), torch.full((1, 3, 16, 16), i % 10 / 10))",
    "result = await watch(slowly(), average=0)",
    "print(result.why)",
]


def tab_to(page, place, most=15):
    """Press Tab until this place has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if place.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{most} presses of Tab do not reach {place}")


@pytest.mark.browser
def test_live_view_has_names_and_works_by_keyboard_alone(chromium, tmp_path):
    write_notebook(tmp_path / "keyboard.ipynb", CELLS)
    with jupyter(tmp_path) as address, page_of(chromium, "keyboard") as page:
        open_notebook(page, address, "keyboard.ipynb")
        run_all(page)
        _, running, following = page.locator(".jp-CodeCell").all()
        # What a screen reader says of them.
        live = running.get_by_role("img", name="The estimate as it emerges")
        curves = running.get_by_role("img", name="Curves of the run over iterations")
        stop = running.get_by_role("button", name="Stop")
        wait_for_live_picture(running)
        assert (
            live.is_visible()
            and curves.is_visible()
            and stop.get_attribute("title") == "End the run and keep its estimate"
        )

        # Run All leaves the last cell active: an arrow leads up to the one that runs.
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowUp")
        tab_to(page, stop)
        page.screenshot(path=ARTIFACTS / "keyboard_stop.png")
        page.keyboard.press("Space")
        outputs(following).get_by_text("stopped by you").wait_for(timeout=90_000)

        # ipywidgets 8 gives the slider no name of its own that could be asked for; its description is text
        # right before it.
        slider, readout = running.get_by_role("slider"), running.locator(".widget-readout")
        assert running.locator(".widget-slider .widget-label").inner_text() == "iteration"
        tab_to(page, slider)
        last, picture = int(readout.inner_text()), live.evaluate(PIXELS)
        page.keyboard.press("ArrowLeft")
        wait_until(
            lambda: int(readout.inner_text()) == last - 1 and live.evaluate(PIXELS) != picture,
            "the slider to go back one",
        )
        page.screenshot(path=ARTIFACTS / "keyboard_slider.png")
        page.keyboard.press("ArrowRight")
        wait_until(
            lambda: int(readout.inner_text()) == last and live.evaluate(PIXELS) == picture,
            "the slider to return",
        )
