"""Figures: a PNG with words for those who cannot see it, titles where they belong, and no pyplot."""

import io
import math

import IPython.display
import matplotlib.colors
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from dil_course import figures
from dil_course.figures import static
from dil_course.fitting import Result, Step, run
from dil_course.fitting.history import LiveCurves, drawn, peak, psnr_range, summary_figure
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
    assert len({axes.bbox.y1 for axes in figure.axes}) == 2, "two rows"
    assert len({axes.bbox.x0 for axes in figure.axes}) == 4, "of four columns"


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


@pytest.mark.parametrize("alt, error", [(None, TypeError), ("", ValueError), (" ", ValueError)])
def test_a_figure_without_alternative_text_is_refused(alt, error, shown):
    diagram = figures.Diagram(1, 1)
    for show in (
        lambda: figures.show_images({"a": GRAY}, alt=alt),
        lambda: figures.show_curves({"a": [1, 2]}, "x", "y", alt=alt),
        lambda: figures.show_error_map({"a": GRAY}, GRAY, alt),
        lambda: figures.explore(lambda level: Figure(), alt, level=[1]),
        lambda: diagram.show(alt),
        lambda: figures.network_diagram(1, 4, 0, alt),
    ):
        with pytest.raises(error, match="alt"):
            show()
    assert not shown


def test_a_figure_of_any_resolution_is_drawn_at_that_of_the_course():
    assert static.canvas_image(Figure(figsize=(2, 1), dpi=200)).size == (180, 90)


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


def decoded(figure):
    """The figure's stored PNG as an array (H,W,3) of whole numbers."""
    return np.asarray(Image.open(io.BytesIO(figures.png(figure))).convert("RGB"), dtype=int)


def drawn_at(figure, axes):
    """Rows and columns of the PNG on which these axes lie."""
    height = round(figure.bbox.height)
    box = [round(value) for value in (axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1)]
    return slice(height - box[3], height - box[1]), slice(box[0], box[2])


def enlarged(x, zoom):
    array = to_array(x).astype(int)
    array = array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2)
    return array.repeat(zoom, axis=0).repeat(zoom, axis=1)


@pytest.mark.parametrize("talk", ["0", "1"])
@pytest.mark.parametrize("zoom", [None, 1, 3, 7])
def test_each_pixel_is_a_square_of_whole_screen_pixels(zoom, talk, monkeypatch):
    monkeypatch.setenv("DIL_TALK", talk)
    pictures = {"a": COLOUR, "one title that is long enough for two lines at least": GRAY, "c": COLOUR}
    figure = figures.images_figure(pictures, columns=2, zoom=zoom)
    image, zoom = decoded(figure), zoom or 260 // 30
    for axes, x in zip(figure.axes, pictures.values(), strict=True):
        found = image[drawn_at(figure, axes)]
        # Values are stored as multiples of 3, and matplotlib's gray is one of 256.
        assert found.shape == (20 * zoom, 30 * zoom, 3)
        assert np.abs(found - enlarged(x, zoom)).max() <= 2


def test_pictures_of_other_sizes_are_enlarged_by_their_own_whole_number():
    large, small = torch.rand(1, 3, 96, 96), torch.rand(1, 3, 24, 24)
    figure = figures.images_figure({"small": small, "large": large})
    image = decoded(figure)
    for axes, x, zoom in zip(figure.axes, (small, large), (8, 2), strict=True):
        assert np.abs(image[drawn_at(figure, axes)] - enlarged(x, zoom)).max() <= 2


def test_the_window_is_the_outlined_part_of_each_picture_enlarged_by_a_whole_number():
    x, y = torch.rand(1, 3, 40, 40), torch.rand(1, 1, 40, 40)
    figure = figures.images_figure({"x": x, "y": y}, zoom=4, crop=(5, 20, 12))
    image = decoded(figure)
    for picture_axes, window, z in zip(figure.axes[::2], figure.axes[1::2], (x, y), strict=True):
        found = image[drawn_at(figure, window)]
        assert np.abs(found - enlarged(z[..., 5:17, 20:32], 160 // 12)).max() <= 2
        boxes = [(box.get_xy(), box.get_width(), box.get_height()) for box in picture_axes.patches]
        assert ((19.5, 4.5), 12, 12) in boxes
        assert window.bbox.y1 < picture_axes.bbox.y0
    with pytest.raises(ValueError, match="crop: 12 pixels from row 30 .* do not lie in 'x'"):
        figures.images_figure({"x": x}, crop=(30, 0, 12))


def test_the_window_of_a_picture_larger_than_a_page_has_the_pixels_of_the_picture_itself():
    x = torch.rand(1, 3, 2000, 1000)  # shown at half its size
    figure = figures.images_figure({"x": x}, crop=(1900, 880, 96))
    picture_axes, window = figure.axes
    assert (
        np.abs(decoded(figure)[drawn_at(figure, window)] - enlarged(x[..., 1900:1996, 880:976], 5)).max() <= 2
    )
    boxes = [(box.get_xy(), box.get_width(), box.get_height()) for box in picture_axes.patches]
    assert ((439.5, 949.5), 48, 48) in boxes


TITLES = [
    "a title of many words that does not fit in one line above its small picture",
    "Averylongwordwithoutanyplacewhereitcouldbebroken",
    r"with a formula $\|A x - y\|^2 + \lambda \|x\|^2$ in it",
    "short",
    "two\nlines",
]


@pytest.mark.parametrize("talk", ["0", "1"])
@pytest.mark.parametrize("zoom", [1, 6])
def test_titles_are_neither_cut_nor_overlapping(zoom, talk, monkeypatch):
    monkeypatch.setenv("DIL_TALK", talk)
    figure = figures.images_figure(dict.fromkeys(TITLES, COLOUR), columns=4, zoom=zoom)
    static.canvas_image(figure)
    # A formula is not broken, so that it may be wider than a tiny picture.
    boxes = [
        axes.title.get_window_extent() for axes in figure.axes if zoom > 1 or "$" not in axes.get_title()
    ]
    pictures = [axes.bbox for axes in figure.axes]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i] + boxes[i + 1 :])
        assert not any(box.overlaps(other) for other in pictures)
    assert " ".join(figure.axes[0].get_title().split()) == TITLES[0]
    assert figure.axes[1].get_title().replace("\n", "") == TITLES[1]


def test_pictures_that_are_too_wide_for_a_page_stand_in_fewer_columns():
    figure = figures.images_figure({name: torch.rand(1, 1, 8, 500) for name in "abc"}, columns=3)
    assert [axes.bbox.x0 for axes in figure.axes][::2] == [12, 12]
    assert figure.bbox.width <= 1100


def test_error_maps_are_mean_absolute_errors_with_one_colour_bar(shown):
    truth = torch.full((1, 3, 12, 10), 0.5)
    near, far = truth.clone(), truth.clone()
    near[:, 0, 2, 3], far[:, :, 5, 6] = 0.8, 0.1
    figures.show_error_map({"near": near, "far": far}, truth, alt="Two error maps.")
    [(figure, output)] = shown
    assert words(output) == "Two error maps."
    *maps, bar = figure.axes
    assert [axes.get_title() for axes in maps] == ["near", "far"]
    first, second = (axes.images[0].get_array() for axes in maps)
    assert first[2, 3] == pytest.approx(0.1) and second[5, 6] == pytest.approx(0.4)
    assert first.sum() == pytest.approx(0.1) and second.sum() == pytest.approx(0.4)
    assert all(axes.images[0].get_clim() == pytest.approx((0, 0.4)) for axes in maps)
    assert bar.get_ylim() == pytest.approx((0, 0.4)) and bar.bbox.x1 < figure.bbox.x1 - 30
    with pytest.raises(ValueError, match="estimates, 'small'"):
        figures.show_error_map({"small": truth[..., :5]}, truth, "x")


def curves_axes(curves, **options):
    figure = figures.curves_figure(curves, "iteration", "PSNR (dB)", **options)
    static.canvas_image(figure)
    return figure.axes[0]


CURVE = (range(1, 3001), np.linspace(10, 30, 3000))


def test_logarithmic_axes_begin_with_the_first_iteration_and_have_minor_ticks():
    axes = curves_axes({"a": CURVE, "b": CURVE}, log_x=True, log_y=True)
    assert axes.get_xlim() == pytest.approx((1, 3000))
    minor = axes.xaxis.get_minorticklocs()
    assert sum((minor > 10) & (minor < 100)) >= 2, "minor ticks between powers of ten"
    assert any(line.get_visible() for line in axes.get_xgridlines())


def test_names_stand_beside_the_data_and_long_ones_are_wrapped():
    long = "the average of the last hundred outputs, without noise on the network's input"
    axes = curves_axes({long: CURVE, "b": CURVE}, marks={"peak, 30 dB": (3000, 30)})
    box = axes.get_legend().get_window_extent()
    assert box.x0 >= axes.bbox.x1 and box.x1 <= axes.figure.bbox.x1
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [" ".join(name.split()) for name in names] == [long, "b", "peak, 30 dB"]
    assert axes.bbox.width > 350


def test_looks_keep_a_colour_for_each_meaning_and_a_style_for_each_role():
    axes = curves_axes({"a": CURVE, "b": CURVE, "c": CURVE}, looks={"a": (3, 1), "b": (3, 0), "z": (0, 0)})
    colours = [matplotlib.colors.to_hex(line.get_color()).upper() for line in axes.lines]
    assert colours == [figures.COLOURS[3], figures.COLOURS[3], figures.COLOURS[2]]
    assert [line.get_linestyle() for line in axes.lines] == ["--", "-", "-."]


def test_marks_and_ranges_are_where_they_were_asked_for():
    marks = {"peak": (600, 29.5), "end": (3000, 28)}
    axes = curves_axes({"a": CURVE}, marks=marks, x_range=(100, 3000), y_range=(24, 30))
    assert (axes.get_xlim(), axes.get_ylim()) == ((100, 3000), (24, 30))
    dots = axes.lines[1:]
    assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots] == list(marks.values())
    assert len({dot.get_marker() for dot in dots}) == 2
    with pytest.raises(ValueError, match="y_range: expected two numbers"):
        curves_axes({"a": CURVE}, y_range=(30, 24))
    with pytest.raises(ValueError, match="x_range: expected two positive numbers"):
        curves_axes({"a": CURVE}, x_range=(0, 10), log_x=True)


@pytest.mark.parametrize("names", [["a"], list("abcd")])
def test_curves_stand_beside_pictures_or_below_them_without_overlap(names):
    x = torch.rand(1, 3, 96, 96)
    figure = figures.figure_with(dict.fromkeys(names, x), {"c": CURVE}, "x", "y", columns=4)
    image = decoded(figure)
    *places, curves = figure.axes
    box = curves.get_tightbbox()
    assert not any(box.overlaps(axes.bbox) for axes in places)
    assert (box.x0 > places[-1].bbox.x1) == (len(names) == 1)
    assert np.abs(image[drawn_at(figure, places[0])] - enlarged(x, 2)).max() <= 2


def test_talk_enlarges_type_and_lines(monkeypatch):
    def sizes():
        axes = curves_axes({"a": CURVE, "b": CURVE}, title="t", marks={"peak": (1, 10)})
        picture_axes = figures.images_figure({"a": COLOUR}, crop=(0, 0, 5)).axes[0]
        texts = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.get_legend().get_texts()]
        texts += [*axes.get_xticklabels(), picture_axes.title]
        widths = [line.get_linewidth() for line in axes.lines[:2]] + [picture_axes.patches[0].get_linewidth()]
        return np.array(
            [text.get_fontsize() for text in texts[:7]] + widths + [axes.lines[2].get_markersize()]
        )

    plain = sizes()
    monkeypatch.setenv("DIL_TALK", "1")
    assert sizes() == pytest.approx(1.5 * plain)
    monkeypatch.setenv("DIL_TALK", "yes")
    with pytest.raises(ValueError, match="DIL_TALK=yes: expected 0 or 1"):
        sizes()


def history(values, averaged=False):
    """A run's history with this PSNR of the average; single outputs are 1 dB worse, unless averaged."""
    return {
        "iteration": list(range(1, len(values) + 1)),
        "loss": [1 / i for i in range(1, len(values) + 1)],
        "psnr_average": list(values),
        "psnr": list(values) if averaged else [value - 1 for value in values],
    }


# As a deep image prior's: a steep rise, a peak of 30 dB at iteration 400, and a fall of 1 dB.
FITTED = [30 - 20 * math.exp(-i / 60) - max(0, i - 400) / 600 for i in range(1, 1001)]


def test_the_psnr_axis_is_cut_to_the_peak_which_is_marked():
    result = Result(COLOUR, 1000, history(FITTED), [], "finished", 1.0)
    figure, _ = summary_figure(result, COLOUR, None)
    axes = figure.axes[-1]
    low, high = axes.get_ylim()
    assert high - low < 8 and low < 29 and high > 30, "a fall of 1 dB is lost on an axis of 25 dB"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    best = max(FITTED)
    assert names == ["moving average", "single output", f"peak, {best:.2f} dB"]
    assert axes.lines[2].get_xdata() == [1 + FITTED.index(best)] and axes.lines[2].get_ydata() == [best]
    live = LiveCurves({name: [] for name in result.history})
    live.png(result.history)
    assert live.axes[1].get_ylim() == (low, high) and live.peak.get_ydata() == [best]


def test_of_equal_peaks_the_first_is_marked():
    assert peak(history([20.0, 25.0, 24.0, 25.0])) == (2, 25.0)


def test_a_run_that_starts_at_nothing_shows_at_most_the_last_decibels():
    low, high = psnr_range(history([-60 + i / 10 for i in range(900)]))
    assert high - low < 18.1 and low < 29.9 < high


def test_a_peak_in_the_first_tenth_is_on_the_axis():
    low, high = psnr_range(history([20, 30, *np.linspace(25, 22, 98)]))
    assert low < 22.5 and high > 30


def test_a_signal_of_one_row_is_drawn_as_a_curve():
    picture = to_array(torch.rand(1, 1, 8, 9))
    assert drawn(picture) is picture
    curve = drawn(to_array(torch.linspace(0, 1, 240).view(1, 1, 1, 240)))
    height = len(curve)
    assert height == 40 and (curve == 0).any(0).all()
    assert curve[-1, 0] == curve[0, -1] == 0 and curve[0, 0] == curve[-1, -1] == 255


def test_equal_curves_are_drawn_once():
    for averaged, names in ((True, ["estimate"]), (False, ["moving average", "single output"])):
        given = history(FITTED, averaged)
        figure, _ = summary_figure(Result(COLOUR, 1000, given, [], "finished", 1.0), COLOUR, None)
        assert [line.get_label() for line in figure.axes[-1].lines[:-1]] == names
        live = LiveCurves({name: [] for name in given})
        live.png(given)
        assert (
            live.axes[1].lines[1].get_visible() == live.axes[1].get_legend().get_visible() == (not averaged)
        )


def test_pairs_draw_every_letter_once_and_a_key(shown):
    kinds = {"y": ("a pixel of y", 0), ".": ("not used", None)}
    figures.show_pairs({"mine": ("yy y.", ".. .y")}, kinds, alt="Two grids.")
    figure, output = shown[0]
    assert words(output) == "Two grids."
    letters = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert letters.count("y") == 4 + 1 and letters.count(".") == 4 + 1  # in the grids, and in the key
    assert {"mine", "in", "judged", "a pixel of y", "not used"} <= set(letters)
    assert min(axes.bbox.y0 for axes in figure.axes) > 0, "the key has room for each of its lines"
    with pytest.raises(ValueError, match="letters y, \\., got x"):
        figures.show_pairs({"mine": ("yx yy", "yy yy")}, kinds, alt="Two grids.")
    with pytest.raises(ValueError, match="none to show"):
        figures.show_pairs({}, kinds, alt="Two grids.")
    with pytest.raises(TypeError, match="expected a str"):
        figures.show_pairs({"mine": (["y"], "y")}, kinds, alt="Two grids.")
    with pytest.raises(ValueError, match="as many rows as letters"):
        figures.show_pairs({"mine": ("yy", "yy yy")}, kinds, alt="Two grids.")


def test_pairs_stand_in_rows_and_each_pixel_has_its_place_and_colour():
    kinds = {"y": ("a pixel of y", 1), "x": ("another", 2), ".": ("not used", None)}
    colours = {"y": figures.COLOURS[1], "x": figures.COLOURS[2], ".": "white"}
    grids = ["xy. ..y ...", "... x.. .yy"]
    figure = figures.pairs_figure({name: tuple(grids) for name in "abc"}, kinds, columns=2)
    image, drawn = decoded(figure), [axes for axes in figure.axes if axes.patches]
    assert len(drawn) == 3 * 2 + len(kinds)
    for axes, grid in zip(drawn, [*grids * 3, *kinds], strict=True):
        cells = image[drawn_at(figure, axes)]
        rows = grid.split()
        assert cells.shape == (20 * len(rows), 20 * len(rows), 3), "within the figure"
        letters = {text.get_position(): text.get_text() for text in axes.texts}
        for row, column in np.ndindex(len(rows), len(rows)):
            letter = rows[row][column]
            alpha = 1 if letter == "." else 0.35
            wanted = 255 * (1 - alpha * (1 - np.array(matplotlib.colors.to_rgb(colours[letter]))))
            assert np.abs(cells[20 * row + 4, 20 * column + 4] - wanted).max() <= 2
            assert letters[column + 0.5, row + 0.52] == letter
    places = [(round(axes.bbox.x0), round(axes.bbox.y0)) for axes in drawn[:6]]
    assert places[0][1] == places[3][1] > places[4][1] and places[4][0] == places[0][0] < places[2][0]
    assert min(y for _, y in places) > max(axes.bbox.y1 for axes in drawn[6:])
    titles = {text.get_text(): axes.bbox for axes in figure.axes for text in axes.texts}
    labels = [(text.get_text(), round(axes.bbox.x0)) for axes in figure.axes for text in axes.texts]
    assert ("in", places[0][0]) in labels and ("judged", places[1][0]) in labels
    assert titles["a"].y0 > drawn[0].bbox.y1 and titles["c"].y1 < drawn[0].bbox.y0


def test_a_window_as_wide_as_a_large_picture_is_shrunk_with_it():
    x = torch.rand(1, 1, 1200, 1200)
    picture_axes, window = figures.images_figure({"x": x}, crop=(100, 50, 1000)).axes
    assert window.bbox.width == picture_axes.bbox.width == 600
