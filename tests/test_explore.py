"""Explorers: the sliders' values reach the function, the picture follows at once, small multiples stay."""

import importlib
import io
import statistics
import time

import IPython.display
import numpy as np
import pytest
import torch
from browser import (
    ARTIFACTS,
    LOADED,
    PIXELS,
    chromium,
    jupyter,
    open_notebook,
    outputs,
    page_of,
    run_all,
    wait_until,
    write_notebook,
)
from matplotlib.figure import Figure
from PIL import Image

from dil_course.figures import explore, figure_with, images_figure, png

__all__ = ["chromium"]  # a fixture
MODULE = importlib.import_module("dil_course.figures.explore")  # not its function
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown(monkeypatch):
    """Everything that is displayed: widgets' data and static figures."""
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda output, raw=False: shown.append(output))
    return shown


@pytest.fixture
def explorer(monkeypatch, shown):
    """A function that explores on a page, and returns the Explorer with its widgets."""
    made = []

    class Kept(MODULE.Explorer):
        def __init__(self, *arguments):
            made.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(MODULE, "has_front_end", lambda: True)
    monkeypatch.setattr(MODULE, "Explorer", Kept)

    def started(draw, **choices):
        explore(draw, "What it shows.", **choices)
        return made[-1]

    return started


def gray(level, size=8):
    return images_figure({"a": torch.full((1, 1, size, size), level)}, zoom=10)


def brightness(data):
    """The middle pixel of a PNG."""
    image = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    return int(image[image.shape[0] // 2 + 8, image.shape[1] // 2])


def test_the_picture_follows_each_move_of_the_slider(explorer):
    calls = []

    def draw(level):
        calls.append(level)
        return gray(level)

    explored = explorer(draw, level=[0.0, 0.2, 0.6, 1.0])
    slider = explored.sliders["level"]
    assert slider.value == 0.6 and slider.continuous_update and slider.description == "level"
    for index, level in ((0, 0.0), (1, 0.2), (3, 1.0)):
        slider.index = index
        assert calls[-1] == level
        assert brightness(explored.picture.value) == pytest.approx(255 * level, abs=2)


def test_two_sliders_give_both_values(explorer):
    calls = []

    def draw(level, noise_level):
        calls.append((level, noise_level))
        return gray(level)

    explored = explorer(draw, level=[0.1, 0.2, 0.3], noise_level=["none", "much"])
    explored.sliders["level"].index = 2
    explored.sliders["noise_level"].index = 0
    assert calls[-1] == (0.3, "none")
    assert explored.sliders["noise_level"].description == "noise level"


def test_an_error_is_told_on_the_page_and_gone_with_the_next_value(explorer):
    def draw(level):
        if level == 0.0:
            raise ZeroDivisionError("level <0>")
        return gray(level) if level < 1 else "no figure"

    explored = explorer(draw, static={"level": [0.5]}, level=[0.0, 0.5, 1.0])
    before = explored.picture.value
    explored.sliders["level"].index = 0
    assert "ZeroDivisionError: level &lt;0&gt;" in explored.status.value
    explored.sliders["level"].index = 2
    assert "TypeError: draw: expected that it returns a matplotlib Figure" in explored.status.value
    explored.sliders["level"].index = 1
    assert explored.status.value == "" and explored.picture.value == before


def test_axes_stay_where_they_were_in_the_first_figure(explorer):
    def draw(size):
        figure = figure_with({"a": torch.rand(1, 1, 8, 8)}, {"c": [0, size]}, "x", "y")
        drawn.append(figure)
        return figure

    drawn = []
    explored = explorer(draw, size=[1, 10, 100])
    explored.sliders["size"].index = 2
    first, last = ([axes.get_position().bounds for axes in figure.axes] for figure in drawn[-2:])
    assert first == last


def test_a_page_gets_the_sliders_and_the_static_figure(explorer, shown):
    explorer(gray, level=[0.1, 0.5, 0.9])
    page, static = shown
    assert WIDGET in page and page["text/plain"] == "An explorer with sliders, which needs its kernel."
    metadata = static._repr_mimebundle_()[1]
    assert metadata.get("image/png", metadata)["alt"] == "What it shows."


def test_a_script_gets_small_multiples_only_with_their_values_as_titles(shown, monkeypatch):
    figures = []
    monkeypatch.setattr(MODULE, "show_figure", lambda figure, alt: figures.append(figure))
    explore(gray, "Squares.", level=[0.0, 0.2, 0.4, 0.6, 0.8])
    [figure] = figures
    assert [text.get_text() for text in figure.texts] == ["level = 0", "level = 0.4", "level = 0.8"]
    explore(gray, "Squares.", static={"level": [0.25, 1.0], "size": [4, 8]}, level=[0.5], size=[8])
    assert [" ".join(text.get_text().split()) for text in figures[1].texts] == [
        "level = 0.25, size = 4",
        "level = 0.25, size = 8",
        "level = 1, size = 4",
        "level = 1, size = 8",
    ]
    image = np.asarray(Image.open(io.BytesIO(png(figures[1]))).convert("L"))
    assert {63, 255} <= set(image.flatten().tolist()), "the pictures themselves are on it"
    assert not shown


def test_small_multiples_stand_below_their_own_titles_in_rows_that_fit_on_a_page():
    def draw(noise_level):
        figure = Figure(figsize=(500 / 90, 100 / 90), dpi=90)
        figure.set_facecolor((noise_level,) * 3)
        return figure

    figure = MODULE.static_figure(draw, {"noise_level": [0.2, 0.4, 0.8]})
    titles = [text.get_window_extent() for text in figure.texts]
    assert [text.get_text() for text in figure.texts] == [f"noise level = {v}" for v in (0.2, 0.4, 0.8)]
    image = np.asarray(Image.open(io.BytesIO(png(figure))).convert("L"), dtype=int)[::-1]
    assert image.shape[1] <= 1100
    for title, level in zip(titles, (0.2, 0.4, 0.8), strict=True):
        assert image[int(title.y0) - 50, int(title.x0) + 200] == pytest.approx(255 * level, abs=3)
        assert image[int(title.y0) : int(title.y1), int(title.x1) + 20].min() == 255


def test_what_stays_out_of_the_static_choice_has_its_middle_value():
    values = MODULE.static_values({"b": [1, 2]}, {"a": [1, 2, 3], "b": [1, 2, 3]})
    assert values == {"a": [2], "b": [1, 2]}


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({}, "choices: expected one or two"),
        ({"a": [1], "b": [1], "c": [1]}, "choices: expected one or two"),
        ({"a": []}, "a: expected a list of values, got none"),
        ({"a": 3}, "a: expected a list of values, got int 3"),
        ({"a": [1], "static": {"b": [1]}}, "static: expected the names a, got b"),
    ],
)
def test_bad_choices_are_refused_before_anything_is_drawn(arguments, error):
    with pytest.raises((TypeError, ValueError), match=error):
        explore(lambda **values: pytest.fail("drawn"), "alt", **arguments)


def test_two_pictures_and_a_curve_are_redrawn_at_once(explorer):
    x = torch.rand(1, 3, 96, 96)

    def draw(level):
        return figure_with(
            {"a": x, "b": level * x}, {"c": np.linspace(0, level, 200)}, "x", "y", y_range=(0, 1)
        )

    explored = explorer(draw, level=[i / 20 for i in range(1, 21)])
    seconds = []
    for index in range(20):
        # The time of this process alone: the machine may be busy with others.
        begun = time.process_time()
        explored.sliders["level"].index = index
        seconds.append(time.process_time() - begun)
    assert isinstance(draw(0.5), Figure) and explored.status.value == ""
    assert statistics.median(seconds) < 0.2, "twice what is promised, for a slow machine"
    print(f"median {1000 * statistics.median(seconds):.0f} ms")


CELLS = [
    "import torch\n"
    "from dil_course.figures import explore, figure_with\n"
    "x = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)\n"
    "def draw(strength):\n"
    "    if strength == 0:\n"
    "        raise ValueError('no strength')\n"
    "    curves = {'c': [0, strength]}\n"
    "    return figure_with({'a': x, 'b': strength * x}, curves, 'x', 'y', y_range=(0, 1))",
    "explore(draw, 'A ramp, dimmed.', static={'strength': [0.2, 1]}, strength=[0, 0.2, 0.4, 0.6, 0.8, 1])",
]


@pytest.mark.browser
def test_the_slider_changes_the_picture_in_jupyterlab(chromium, tmp_path):
    write_notebook(tmp_path / "explore.ipynb", CELLS)
    with jupyter(tmp_path) as address, page_of(chromium, "explore") as page:
        open_notebook(page, address, "explore.ipynb")
        run_all(page)
        cell = page.locator(".jp-CodeCell").nth(1)
        picture = cell.get_by_role("img", name="A ramp, dimmed.").first
        picture.wait_for(timeout=90_000)
        cell.locator(".jp-RenderedImage img").wait_for(timeout=90_000)
        assert cell.locator(".jp-RenderedImage img").evaluate(LOADED)
        handle = cell.locator(".widget-slider .noUi-handle")
        seen = {picture.evaluate(PIXELS)}
        for key, value in (("ArrowRight", "0.8"), ("ArrowRight", "1"), ("ArrowLeft", "0.8")):
            before = picture.evaluate(PIXELS)
            handle.press(key)
            wait_until(
                lambda value=value, before=before: (
                    cell.locator(".widget-readout").inner_text() == value
                    and len(picture.evaluate(PIXELS)) > 1000
                    and picture.evaluate(PIXELS) != before
                ),
                "the picture of the slider's value",
            )
            seen.add(picture.evaluate(PIXELS))
        assert len(seen) == 3
        wide, natural = picture.bounding_box()["width"], picture.evaluate("image => image.naturalWidth")
        assert wide == pytest.approx(natural, abs=1), "its pixels are no whole screen pixels"
        page.screenshot(path=ARTIFACTS / "explore.png")
        handle.press("Home")
        outputs(cell).get_by_text("ValueError: no strength").wait_for(timeout=30_000)
