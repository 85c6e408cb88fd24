"""Figures: a PNG with words for those who cannot see it, titles where they belong, and no pyplot."""

import io

import IPython.display
import matplotlib.colors
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from dil_course import figures
from dil_course.figures import static
from dil_course.fitting import Step, run
from dil_course.fitting.live import summary_figure
from dil_course.signals import picture, to_array

GRAY, COLOUR = torch.rand(1, 1, 20, 30), torch.rand(1, 3, 20, 30)


@pytest.fixture
def shown(monkeypatch):
    """Everything that is displayed: pairs (figure, output)."""
    shown, made, draw = [], [], figures.png
    monkeypatch.setattr(
        static, "png", lambda figure, **options: (made.append(figure), draw(figure, **options))[1]
    )
    monkeypatch.setattr(IPython.display, "display", lambda output: shown.append((made[-1], output)))
    return shown


def words(output):
    data, metadata = output._repr_mimebundle_()
    assert data["image/png"]
    return metadata["image/png"]["alt"] if "image/png" in metadata else metadata["alt"]


def test_pictures_have_titles_and_alternative_text(shown):
    titles = ["clean", "noisy", "one", "two", "three"]
    figures.show_images(
        dict(zip(titles, [GRAY, COLOUR, 2 * GRAY - 0.5, GRAY, GRAY], strict=True)), alt="Five pictures."
    )
    [(figure, output)] = shown
    assert words(output) == "Five pictures."
    assert [axes.get_title() for axes in figure.axes if axes.images] == titles
    assert len(figure.axes) == 8, "two rows of four"


@pytest.mark.parametrize(
    "x", [0.4 + 0.1 * GRAY, 0.4 + 0.1 * COLOUR, 0 * GRAY + 0.7], ids=["gray", "colour", "flat"]
)
def test_a_drawn_picture_has_its_own_values_whatever_their_range(x):
    figure = Figure(figsize=(3, 2), dpi=100)  # ten dots a pixel
    figures.draw_picture(figure.add_axes((0, 0, 1, 1)), x)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    drawn = np.asarray(Image.open(buffer).convert("RGB"), dtype=int)[5::10, 5::10]
    expected = to_array(x).astype(int).reshape(20, 30, -1)
    assert np.abs(drawn - expected).max() <= 1


def test_curves_differ_in_colour_and_in_line_style(shown):
    curves = {"a": [3, 2, 1], "b": ([1, 10, 100], [1, 2, 3])} | {name: [1, 2] for name in "cdef"}
    figures.show_curves(
        curves, "iteration", "loss", alt="Six curves.", title="Losses", log_x=True, log_y=True
    )
    [(figure, output)] = shown
    [axes] = figure.axes
    assert words(output) == "Six curves."
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Losses", "iteration", "loss")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(curves)
    assert len({matplotlib.colors.to_hex(line.get_color()) for line in axes.lines}) == 6
    assert len({str(line._unscaled_dash_pattern) for line in axes.lines}) == 6
    assert list(axes.lines[1].get_xdata()) == [1, 10, 100]


@pytest.mark.parametrize("truth", [None, COLOUR])
def test_summary_of_a_run_says_how_it_ended(truth):
    result = run((Step(i, 5, torch.tensor(1 / i), COLOUR) for i in range(1, 6)), truth)
    figure, alt = summary_figure(result, truth, observed=COLOUR)
    titles = [axes.get_title() for axes in figure.axes]
    assert "finished 5 iterations" in alt and any(title.startswith("observed") for title in titles)
    assert ("truth" in titles) == ("PSNR" in alt) == (truth is not None)
    assert figures.png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("name, share", [("chelsea", 0.75), ("camera", 0.6)])
def test_a_stored_figure_is_smaller_and_nobody_sees_a_difference(name, share):
    figure = Figure(figsize=(2, 2))
    figures.draw_picture(figure.subplots(), picture(name, 96), "a title")
    plain = io.BytesIO()
    figure.savefig(plain, format="png", dpi=90, facecolor="white")
    stored = figures.png(figure)
    before, after = (
        np.asarray(Image.open(file).convert("RGB"), dtype=int) for file in (plain, io.BytesIO(stored))
    )
    assert np.abs(after - before).max() <= 1
    assert len(stored) < share * len(plain.getvalue())


@pytest.mark.parametrize(
    "values", [torch.tensor([1j, 2]), ([0, 1], torch.tensor([1j, 2])), (torch.tensor([1j, 2]), [0, 1])]
)
def test_curves_of_complex_numbers_are_refused(values):
    with pytest.raises(TypeError, match="expected real numbers"):
        figures.draw_curves(Figure().subplots(), {"a": values}, "x", "y")


def test_a_strip_of_pixels_makes_no_figure_of_a_thousand_inches(shown):
    figures.show_images({"a": torch.rand(1, 1, 3000, 2)}, alt="A strip.")
    [(figure, _)] = shown
    assert figure.get_size_inches().max() < 12


def test_boxes_outline_whole_pixels_in_the_style_asked_for():
    axes = Figure().subplots()
    figures.draw_boxes(axes, [(2, 5), (0, 0)], size=3, index=1)
    first, second = axes.patches
    # Pixel centres are whole numbers.
    assert (first.get_xy(), first.get_width(), first.get_height()) == ((4.5, 1.5), 3, 3)
    assert second.get_xy() == (-0.5, -0.5)
    assert (
        first.get_linestyle() == "--"
        and matplotlib.colors.to_hex(first.get_edgecolor()) == figures.COLOURS[1].lower()
    )
