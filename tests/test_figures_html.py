"""Films and swipes: what they keep, what they write, and what they refuse.

How they are worked by hand is tested in test_toolbox_browser.py.
"""

import base64
import copy
import importlib
import io
import json
import re
import types

import IPython.display
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from dil_course.figures import Film, film, page, static, strip, swipe
from dil_course.fitting import Step, run
from dil_course.fitting.stopping import WindowedVariance
from dil_course.from_scratch import deep_image_prior
from dil_course.networks import small_skip_network
from dil_course.signals import add_gaussian, picture, psnr, to_array

X = picture("astronaut", 32)
SENTENCE = "stands here once the notebook is trusted or run."
ODD = '</script><b title="x">\'& \u2028 <!-- noise'


def steps(total=40, size=32, end=None, seed=0):
    """Steps of a run that comes from noise to a picture."""
    noise = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(seed))
    x = picture("astronaut", size)
    for i in range(1, total + 1):
        estimate = x + noise / (4 + i)
        yield Step(i, total, torch.tensor(1 / i), estimate * float("nan") if i == end else estimate)


def recorded(*names, total=40, truth=X, size=32, **options):
    made = Film(truth=truth, **options)
    for seed, name in enumerate(names):
        run(made.record(name, steps(total, size, seed=seed)), average=0)
    return made


@pytest.fixture
def shown(monkeypatch):
    """Everything that is displayed: the static figure and the page of each."""
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    return shown


def data(page):
    """What the page's script gets."""
    return json.loads(re.search(r"^build\(root, (.*)\);$", page._repr_html_(), re.MULTILINE)[1])


def decoded(text):
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    assert image.format == "JPEG"
    return np.asarray(image.convert("RGB"), dtype=int)


# What a film keeps


def test_a_recorded_run_has_the_numbers_of_one_that_is_not():
    y = add_gaussian(X, 0.1)
    options = dict(iterations=12, seed=3)
    made = Film(truth=X)
    network = small_skip_network(3)
    alone = run(deep_image_prior(y, network=copy.deepcopy(network), **options), truth=X)
    filmed = run(made.record("a", deep_image_prior(y, network=network, **options)), truth=X)
    assert torch.equal(alone.estimate, filmed.estimate) and alone.history == filmed.history


def test_steps_pass_through_unchanged():
    given = list(steps())
    assert all(a is b for a, b in zip(Film().record("a", iter(given)), given, strict=True))


@pytest.mark.parametrize("total", [1, 2, 7, 24, 100, 130, 600, 1800, 3000])
def test_about_two_dozen_frames_are_kept_and_the_first_are_dense(total):
    kept = [i for i in range(1, total + 1) if film.is_kept(i, total)]
    assert kept[0] == 1 and kept[-1] == total and len(kept) <= 32
    assert len(kept) >= min(total, 17)
    assert kept[:6] == list(range(1, 7))[: len(kept)][:6]
    between = np.diff(kept)
    assert all(b / a <= 0.5 for a, b in zip(kept, between, strict=False) if a >= 4)


def test_kept_frames_are_the_single_estimates_with_their_psnr():
    made = recorded("a")
    given = {step.iteration: step.estimate for step in steps()}
    frames = made.runs["a"].frames()
    assert list(frames) == [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40]
    for iteration, (array, decibels) in frames.items():
        assert array.dtype == np.uint8 and np.array_equal(array, to_array(given[iteration]))
        assert decibels == psnr(given[iteration], X)


def test_a_run_that_ends_early_leaves_what_it_had_and_its_last_estimate():
    made = Film()
    for step in made.record("by hand", steps()):
        if step.iteration == 17:
            break
    assert list(made.runs["by hand"].frames()) == [1, 2, 3, 4, 5, 6, 8, 10, 15, 17]


def test_a_divergence_leaves_the_frames_before_it(capsys):
    made = Film(truth=X)
    result = run(made.record("a", steps(end=15)), truth=X, average=0)
    assert "diverged" in result.why
    assert list(made.runs["a"].frames()) == [1, 2, 3, 4, 5, 6, 8, 10]


def test_a_rule_ends_a_filmed_run(capsys):
    made = Film()
    result = run(made.record("a", steps(400)), stop=WindowedVariance(window=5, patience=5))
    assert result.why.startswith("stopped") or "variance" in result.why
    assert 6 < len(made.runs["a"].frames()) < 24


def test_a_name_that_is_recorded_again_starts_anew():
    made = recorded("a", "b")
    run(made.record("a", steps(5)), average=0)
    assert list(made.runs) == ["a", "b"] and list(made.runs["a"].frames()) == [1, 2, 3, 4, 5]


def test_the_psnr_is_that_of_the_whole_estimate_as_it_is_and_not_of_what_is_shown():
    made = Film(truth=X, crop=(4, 6, 20))
    estimate = X.clone()
    estimate[..., 0, 0] = 3.0  # outside of the window, and of what can be shown
    list(made.record("a", [Step(1, 1, torch.tensor(1.0), estimate)]))
    [(array, decibels)] = made.runs["a"].frames().values()
    assert np.array_equal(array, to_array(X)[4:24, 6:26]) and decibels == psnr(estimate, X) < 40


def test_a_frame_is_a_copy_that_the_method_can_no_longer_change():
    made, estimate = Film(), X.clone()
    for i in range(1, 3):
        estimate[:] = i / 4
        list(made.record(str(i), [Step(1, 9, torch.tensor(1.0), estimate)]))
    frames = [kept.frames()[1][0] for kept in made.runs.values()]
    assert frames[0].max() == 64 and frames[1].min() == 128


def test_the_row_has_five_of_the_iterations_from_first_to_last_where_none_are_named(shown, monkeypatch):
    rows = []
    monkeypatch.setattr(
        film,
        "strip_figure",
        lambda runs, at, *more: (rows.append(at), strip.strip_figure(runs, at, *more))[1],
    )
    made = recorded("a")
    list(made.record("no step", []))
    made.show("A run beside one that made no step.")
    assert rows == [[1, 4, 8, 20, 40]]
    assert [run["name"] for run in data(shown[1])["runs"]] == ["a"]


def test_maps_of_a_cropped_film_are_those_of_the_window(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(film, "show_figure", lambda figure, alt: kept.append(figure))
    recorded("a", crop=(4, 6, 20)).show("A run.", at=(1,), error=True)
    recorded("a").show("A run.", at=(1,))
    images = [[axes.images[0] for axes in figure.axes if axes.images] for figure in kept]
    assert len(images[0]) == 2 and len(images[1]) == 1, "maps only where asked for"
    shown_part, error = (image.get_array() for image in images[0])
    expected = np.abs(shown_part / 255 - to_array(X)[4:24, 6:26] / 255).mean(-1)
    assert np.allclose(error, expected)


def test_a_zoom_that_is_named_holds_in_row_and_player_and_else_all_runs_fit_on_a_page(shown, monkeypatch):
    rows = []
    monkeypatch.setattr(film, "show_figure", lambda figure, alt: rows.append(figure))
    recorded("a", zoom=3).show("A run.", at=(1,))
    recorded(*"abcde", size=64, truth=None).show("Five runs.", at=(1,))
    assert [axes.bbox.width for axes in rows[0].axes if axes.images] == pytest.approx([96])
    named, fitted = (data(player)["runs"] for player in shown)
    assert [run["width"] for run in named] == [96] and [run["width"] for run in fitted] == [192] * 5


# The strip


def test_small_frames_stand_in_the_middle_below_titles_that_do_not_overlap():
    frame = np.zeros((8, 8, 3), dtype=np.uint8), 20.0
    figure = strip.strip_figure({"a": {100: frame, 2000: frame}}, (100, 2000), zoom=1)
    static.canvas_image(figure)
    small = [axes for axes in figure.axes if axes.images]
    titles = [axes.title.get_window_extent() for axes in small]
    assert titles[0].x1 < titles[1].x0 and titles[0].x0 >= 0 and titles[1].x1 <= figure.bbox.x1
    assert all(title.y0 > axes.bbox.y1 for title, axes in zip(titles, small, strict=True))
    assert all(
        abs(title.x0 + title.x1 - axes.bbox.x0 - axes.bbox.x1) < 4
        for title, axes in zip(titles, small, strict=True)
    )
    [name] = [text for axes in figure.axes for text in axes.texts]
    assert name.get_text() == "a"
    assert name.get_window_extent().y0 >= max(title.y1 for title in titles) - 1


def test_the_map_of_errors_reaches_to_all_but_the_largest_few_and_may_be_of_no_error():
    def largest(array):
        figure = strip.strip_figure({"a": {1: (array, None)}}, (1,), truth=to_array(X))
        return figure.axes[2].images[0].norm.vmax

    noisy = to_array(add_gaussian(X, 0.1))
    error = np.abs(noisy / 255 - to_array(X) / 255).mean(-1)
    assert largest(noisy) == pytest.approx(np.quantile(error, 0.995))
    assert largest(to_array(X)) == 1.0


def test_the_strip_shows_the_nearest_frames_each_once():
    frames = dict.fromkeys([1, 2, 3, 4, 6, 10, 40])
    assert strip.nearest(frames, (1, 5, 12, 30, 900), 100) == {1: 0, 4: 100, 10: 200, 40: 300}


def test_every_pixel_of_the_strip_is_a_square_of_whole_screen_pixels(shown):
    made = recorded("a", "b", crop=(4, 6, 20), zoom=3)
    made.show("Two runs.", at=(1, 4, 40))
    drawn = np.asarray(Image.open(io.BytesIO(shown[0].data)).convert("RGB"), dtype=int)
    for frames in (kept.frames() for kept in made.runs.values()):
        for iteration in (1, 4, 40):
            wanted = np.kron(frames[iteration][0].astype(int), np.ones((3, 3, 1), dtype=int))
            assert holds(drawn, wanted), f"iteration {iteration} is not in the strip"


def holds(drawn, wanted):
    """Does the figure hold this picture, up to the rounding of `png`?"""
    height, width = wanted.shape[:2]
    near = np.abs(drawn - wanted[0, 0]).max(-1) <= 1
    near[-height + 1 :], near[:, -width + 1 :] = False, False
    return any(
        np.abs(drawn[row : row + height, column : column + width] - wanted).max() <= 1
        for row, column in np.argwhere(near)
    )


def test_error_maps_share_one_colour_bar_and_are_the_error():
    made = recorded("a", "b")
    runs = {name: run.frames() for name, run in made.runs.items()}
    figure = strip.strip_figure(runs, (1, 40), zoom=2, truth=to_array(X))
    drawn = [axes.images[0] for axes in figure.axes if axes.images]
    images = [image for image in drawn if image.cmap.name == "gray"]
    maps = [image for image in drawn if image not in images]
    assert len(images) == len(maps) == 4 and len({image.norm.vmax for image in maps}) == 1
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(title.startswith("iteration") for title in titles) == 4 and titles.count("error") == 1
    assert f"iteration 1\n{runs['a'][1][1]:.2f} dB" in titles
    expected = np.abs(np.asarray(images[0].get_array()) / 255 - to_array(X) / 255).mean(-1)
    assert any(np.allclose(image.get_array(), expected) for image in maps)


# The pages


def test_a_film_leaves_a_described_png_and_a_page_of_all_frames(shown):
    made = recorded("a", "b")
    made.show("Two runs.", at=(1, 4, 40))
    static, player = shown
    assert static.alt == "Two runs." and static.data.startswith(b"\x89PNG")
    given = data(player)
    assert given["alt"] == "Two runs." and given["iterations"] == list(made.runs["a"].frames())
    assert [run["name"] for run in given["runs"]] == ["a", "b"]
    for run_given, kept in zip(given["runs"], made.runs.values(), strict=True):
        assert run_given["iterations"] == given["iterations"]
        assert (run_given["width"], run_given["height"]) == (32 * 8, 32 * 8)
        for text, words, (array, decibels) in zip(
            run_given["frames"], run_given["psnr"], kept.frames().values(), strict=True
        ):
            assert words == f"{decibels:.2f} dB"
            assert text == page.jpeg(array, film.QUALITIES[0]) and decoded(text).shape == array.shape


def test_a_swipe_leaves_a_described_png_and_a_page_of_both(shown):
    swipe({"left": X, "right": 1 - X}, "Two images.", zoom=2)
    static, both = shown
    assert static.alt == "Two images."
    given = data(both)
    assert [image["name"] for image in given["images"]] == ["left", "right"]
    assert (given["width"], given["height"]) == (64, 64)
    for image, x in zip(given["images"], (X, 1 - X), strict=True):
        assert np.abs(decoded(image["data"]) - to_array(x)).mean() < 3


def test_the_static_images_of_a_swipe_are_its_two_side_by_side_and_wide_ones_fit(shown, monkeypatch):
    rows = []
    module = importlib.import_module("dil_course.figures.swipe")  # not its function
    monkeypatch.setattr(
        module, "show_images", lambda pictures, alt, **options: rows.append((pictures, options))
    )
    wide = torch.rand(1, 3, 40, 400)
    swipe({"left": X, "right": 1 - X}, "Two images.", zoom=2)
    swipe({"a": wide, "b": wide}, "Two wide images.")
    [(pictures, options), _] = rows
    assert pictures["left"] is X and torch.equal(pictures["right"], 1 - X)
    assert options == {"columns": 2, "zoom": 2}
    assert data(shown[1])["width"] == 400


def pages(shown):
    recorded(ODD, "b").show(ODD)
    swipe({ODD: X, "b": X}, ODD)
    return [output for output in shown if isinstance(output, page.Page)]


def test_the_same_content_gives_the_same_bytes_and_other_content_another_name(shown):
    first = [made._repr_html_() for made in pages(shown)]
    second = [made._repr_html_() for made in pages(shown)][2:]
    assert first == second
    recorded("a").show("Another.")
    recorded("a").show("Yet another.")
    names = [
        re.search('data-figure="(.*?)"', made._repr_html_())[1] for made in shown if hasattr(made, "html")
    ]
    assert len(set(names)) == 4


def test_names_and_words_never_become_html(shown):
    for made in pages(shown):
        parsed = BeautifulSoup(made._repr_html_(), "html.parser")
        assert [tag.name for tag in parsed.find_all()] == ["div", "p", "script"]
        assert parsed.div["aria-label"] == ODD == data(made)["alt"]
        assert not parsed.find_all(string=lambda text: "noise" in text and text.parent.name != "script")
        assert parsed.script.string.rstrip().endswith("})();"), "the script was ended early"


def test_without_its_script_a_sentence_is_left(shown):
    for made, kind in zip(pages(shown), ("film", "swipe"), strict=True):
        parsed = BeautifulSoup(made._repr_html_(), "html.parser")
        parsed.script.extract()
        assert parsed.get_text().strip() == repr(made) == f"A {kind} with a slider {SENTENCE}"


def test_pages_ask_for_nothing_from_elsewhere(shown):
    for made in pages(shown):
        assert not re.search(
            r"https?:|//[a-z]|\burl\(|@import|fetch|\bsrc=", made._repr_html_().split("build(root")[0]
        )


def test_a_page_is_made_smaller_until_it_is_small_enough_or_is_refused(shown, monkeypatch):
    rich = types.SimpleNamespace(frames=lambda: {i: (noise(64, i), None) for i in range(1, 25)})
    made = Film()
    made.runs = {"a": rich}
    made.show("Noise.", at=(1,))
    best = len(shown[1]._repr_html_())
    monkeypatch.setattr(page, "LIMIT", best // 2)
    made.show("Noise.", at=(1,))
    assert len(shown[3]._repr_html_()) <= best // 2
    monkeypatch.setattr(page, "LIMIT", best // 20)
    with pytest.raises(ValueError, match=r"film: .* kB even at JPEG quality 30, .* Film\(crop="):
        made.show("Noise.", at=(1,))
    assert len(shown) == 4, "a refused film must show nothing"


def test_the_largest_page_is_400_kb(shown):
    made = Film()
    for name in "ab":
        made.runs[name] = types.SimpleNamespace(
            frames=lambda: {i: (noise(64, i), None) for i in range(1, 25)}
        )
    made.show("Noise.", at=(1,))
    assert len(shown[1]._repr_html_().encode()) <= 400_000 == page.LIMIT


def noise(side, seed):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


# What is refused


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Film(truth=255 * X), ValueError, "truth"),
        (lambda: Film(truth="x"), TypeError, "truth"),
        (lambda: Film(truth=X, crop=(20, 0, 20)), ValueError, "crop"),
        (lambda: Film(truth=X, crop=(1, 2)), TypeError, "crop"),
        (lambda: Film(zoom=0), ValueError, "zoom"),
        (lambda: Film(zoom=1.5), TypeError, "zoom"),
        (lambda: Film().record("", steps()), ValueError, "name"),
        (lambda: Film().record(3, steps()), TypeError, "name"),
        (lambda: Film().record("a", None), TypeError, "steps"),
        (lambda: next(Film().record("a", [1, 2])), TypeError, "steps"),
        (lambda: next(Film(truth=X).record("a", steps(size=48))), ValueError, "estimate"),
        (lambda: next(Film(crop=(20, 0, 20)).record("a", steps())), ValueError, "crop"),
        (lambda: Film().show("Nothing."), ValueError, "record"),
        (lambda: recorded("a").show(""), ValueError, "alt"),
        (lambda: recorded("a").show(None), TypeError, "alt"),
        (lambda: recorded("a").show("A.", at=()), ValueError, "at"),
        (lambda: recorded("a").show("A.", at=(0,)), ValueError, "at"),
        (lambda: recorded("a").show("A.", at=5), TypeError, "at"),
        (lambda: recorded("a").show("A.", at=range(1, 40)), ValueError, "at most 12"),
        (lambda: recorded("a").show("A.", error="yes"), TypeError, "error"),
        (lambda: recorded("a", truth=None).show("A.", error=True), ValueError, "truth"),
        (lambda: swipe({"a": X}, "A."), ValueError, "two"),
        (lambda: swipe({"a": X, "b": X, "c": X}, "A."), ValueError, "two"),
        (lambda: swipe([X, X], "A."), TypeError, "pictures"),
        (lambda: swipe({"a": X, "b": X[..., 1:]}, "A."), ValueError, "equal"),
        (lambda: swipe({"a": X, "b": X}, ""), ValueError, "alt"),
        (lambda: swipe({"a": X, "b": X}, "A.", zoom=0), ValueError, "zoom"),
        (lambda: swipe({"a": X, "b": X}, "A.", zoom="2"), TypeError, "zoom"),
    ],
)  # fmt: skip
def test_what_makes_no_film_or_swipe_is_refused_in_words_and_nothing_is_shown(shown, call, error, words):
    with pytest.raises(error, match=words):
        call()
    assert not shown


def test_runs_of_different_sizes_and_gray_ones_share_a_film(shown):
    made = Film()
    run(made.record("small", steps(size=16)), average=0)
    run(made.record("large", steps()), average=0)
    gray = (
        Step(step.iteration, step.total, step.loss, step.estimate.mean(1, keepdim=True)) for step in steps(9)
    )
    run(made.record("gray", gray), average=0)
    made.show("Three sizes.")
    assert [run["width"] for run in data(shown[1])["runs"]] == [128, 256, 256]
    assert data(shown[1])["runs"][2]["iterations"] == list(range(1, 10))


def test_in_a_script_a_page_prints_as_a_sentence(capsys):
    recorded("a").show("A run.")
    assert SENTENCE in capsys.readouterr().out.splitlines()[-1]
