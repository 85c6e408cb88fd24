"""Films and swipes in a real browser: in JupyterLab, and on pages without a kernel; light, dark, on a phone.

Screenshots are kept in artifacts/, which git ignores.
"""

import os
import subprocess
import sys

import build
import nbformat
import pytest
from browser import (
    ARTIFACTS,
    chromium,
    jupyter,
    open_notebook,
    page_of,
    run_all,
    set_theme,
    wait_until,
    write_notebook,
)
from nbclient import NotebookClient

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser

SETUP = """import torch
from dil_course.figures import Film, swipe
from dil_course.fitting import Step, run
from dil_course.signals import add_gaussian, picture
x = picture("astronaut", 64)
def steps(seed):
    noise = add_gaussian(x, 0.4, seed=seed) - x
    for i in range(1, 31):
        yield Step(i, 30, torch.tensor(1 / i), x + noise / i)
film = Film(truth=x)
for seed, name in enumerate(["with input noise", "without <b>input</b> noise"]):
    run(film.record(name, steps(seed)), average=0)"""
FILM = 'film.show("Two runs: noise goes, the face stays.", at=(1, 3, 30), error=True)'
ALONE = (
    'alone = Film(crop=(8, 8, 32))\nrun(alone.record("alone", steps(5)))\nalone.show("One run.", at=(1, 30))'
)
SWIPE = 'swipe({"noisy": add_gaussian(x, 0.2), "clean": x}, "Noisy and clean.")'
CELLS = [SETUP, FILM, ALONE, SWIPE, SWIPE]  # the last twice: the same figure may stand on a page twice
SENTENCE = "with a slider stands here once the notebook is trusted or run."
ITERATIONS = [*range(1, 7), 8, 10, 15, 20, 25, 30]

# The contrast of each text of a figure with what is behind it, by WCAG 2.
CONTRASTS = """figure => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => numbers(colour).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if ((numbers(colour)[3] ?? 1) > 0) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    return [...figure.querySelectorAll("button, label, output, figcaption, .dil-names span")].map((text) => {
        const [a, b] = [light(getComputedStyle(text).color), light(behind(text))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
}"""
# How far a figure, or anything in it but a magnified image, reaches over the place that it has.
OVERHANG = """figure => {
    const place = figure.parentElement.getBoundingClientRect();
    return Math.max(...[figure, ...figure.querySelectorAll("*")]
        .filter((part) => !part.closest(".dil-window") || part.matches(".dil-window"))
        .map((part) => part.getBoundingClientRect().right - place.right));
}"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook with films and swipes as `make notebooks` would store it."""
    path = tmp_path_factory.mktemp("toolbox") / "toolbox.ipynb"
    write_notebook(path, CELLS)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("# Toolbox"))
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def exported(stored):
    """{kind and scheme: a web page of it}, made by nbconvert and as a page of the book."""
    folder = stored.parent
    for theme in ("light", "dark"):
        command = [sys.executable, "-m", "nbconvert", "--to", "html", "--theme", theme]
        subprocess.run([*command, "--output", f"{theme}.html", stored], check=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-c", build.ROOT / "book", "-d", folder / "doctrees"]
    command += ["-D", "root_doc=toolbox", "-D", f"include_patterns={stored.name}", folder, folder / "html"]
    environment = os.environ | {"DIL_REPOSITORY": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {("nbconvert", theme): folder / f"{theme}.html" for theme in ("light", "dark")}
    return pages | {("book", theme): folder / "html" / "toolbox.html" for theme in ("light", "dark")}


def seen(place):
    """The pixels of a place, as the reader sees it."""
    return place.screenshot(animations="disabled")


def work_film(film):
    """Slider and play button of a film of two runs, as a reader works them."""
    slider, readout = film.get_by_role("slider", name="iteration"), film.locator("output")
    images = film.locator("img").all()
    film.scroll_into_view_if_needed()
    shown = {}
    for key, iteration in {"Home": 1, "ArrowRight": 2, "PageUp": None, "End": 30, "ArrowLeft": 25}.items():
        slider.press(key)
        if iteration is not None:
            assert readout.inner_text() == f"{iteration} of 30"
            assert f"iteration {iteration}, " in film.locator("figcaption").first.inner_text()
            assert images[0].get_attribute("alt") == f"with input noise, iteration {iteration}"
            shown[iteration] = [seen(image) for image in images]
    assert len(images) == 2 and all(len(set(pixels)) == 4 for pixels in zip(*shown.values(), strict=True))
    assert film.locator("figcaption").last.inner_text().startswith("without <b>input</b> noise")
    assert "dB" in slider.get_attribute("aria-valuetext")

    slider.press("Home")
    button = film.get_by_role("button")
    assert button.inner_text() == "Play"
    button.click()
    wait_until(lambda: readout.inner_text() not in ("1 of 30", "2 of 30"), "the film to play", 20)
    assert button.inner_text() == "Pause"
    button.click()
    at = readout.inner_text()
    film.page.wait_for_timeout(800)
    assert readout.inner_text() == at and button.inner_text() == "Play"
    button.press("Enter")
    wait_until(lambda: button.inner_text() == "Play", "the film to end", 20)
    assert readout.inner_text() == "30 of 30"


def work_swipe(swipe):
    """Line and magnification of a swipe, as a reader works them."""
    page, pane = swipe.page, swipe.locator(".dil-window")
    slider = swipe.get_by_role("slider", name="line")
    swipe.scroll_into_view_if_needed()
    views = {}
    for key in ("Home", "End"):
        slider.press(key)
        views[key] = seen(pane)
    assert slider.input_value() == "100"
    slider.press("ArrowLeft")
    assert slider.input_value() == "99"

    box = pane.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.9 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], middle, steps=3)
    assert abs(int(slider.input_value()) - 30) <= 1
    page.mouse.up()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle)
    assert abs(int(slider.input_value()) - 30) <= 1, "the line follows a pointer that does not press"
    views["dragged"] = seen(pane)

    image = swipe.locator("img").first
    width = image.bounding_box()["width"]
    for times in (2, 4):
        button = swipe.get_by_role("button", name=f"magnify {times} times")
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert image.bounding_box()["width"] / width == pytest.approx(times, rel=0.06)  # scroll bars
        assert pane.bounding_box()["width"] == box["width"]
        views[times] = seen(pane)
    pane.focus()
    page.keyboard.press("ArrowDown")
    page.mouse.wheel(60, 60)
    wait_until(lambda: pane.evaluate("pane => pane.scrollTop") > 0, "the magnified image to move", 10)
    page.wait_for_timeout(300)
    views["moved"] = seen(pane)
    assert len(set(views.values())) == len(views)
    swipe.get_by_role("button", name="magnify 1 times").click()
    page.mouse.move(0, 0)
    assert seen(pane) == views["dragged"], "the line has lost its place"


def work_all(page, name):
    """Work each figure of the page, and look whether it fits and can be read."""
    films, swipes = page.locator(".dil-film"), page.locator(".dil-swipe")
    wait_until(
        lambda: (films.locator("img").count(), swipes.locator("img").count()) == (3, 4), "all figures", 120
    )
    work_film(films.first)
    films.last.get_by_role("slider").press("End")
    assert films.first.locator("output").inner_text() == "30 of 30", "another film moved this one"
    work_swipe(swipes.first)
    assert swipes.last.get_by_role("slider").input_value() == "50", "its twin moved this swipe"
    for number, figure in enumerate([*films.all(), *swipes.all()]):
        figure.scroll_into_view_if_needed()
        contrasts = figure.evaluate(CONTRASTS)
        assert len(contrasts) >= 4 and min(contrasts) >= 4.5, contrasts
        assert figure.evaluate(OVERHANG) < 1, "wider than its place"
        assert SENTENCE not in figure.inner_text()
        page.screenshot(path=ARTIFACTS / f"toolbox_{name}_{number}.png")


@pytest.mark.parametrize(
    "kind, scheme, width",
    [
        ("book", "light", 1200),
        ("book", "light", 375),
        ("book", "dark", 1200),
        ("book", "dark", 375),
        ("nbconvert", "light", 1200),
        ("nbconvert", "dark", 375),
    ],
)
def test_films_and_swipes_on_a_web_page_without_a_kernel(chromium, exported, kind, scheme, width):
    asked = []
    # nbconvert's own page asks for MathJax and RequireJS.
    with page_of(
        chromium,
        f"toolbox_{kind}_{scheme}_{width}",
        allowed=["net::ERR_"],
        width=width,
        height=800,
        color_scheme=scheme,
        offline=True,
    ) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(exported[kind, scheme].as_uri(), timeout=120_000)
        work_all(page, f"{kind}_{scheme}_{width}")
        if kind == "book":
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert all(address.startswith(("file:", "data:")) for address in asked), asked
            texts = page.locator(".cell_output img[alt]").evaluate_all(
                "images => images.filter((image) => !image.closest('.dil-page')).map((image) => image.alt)"
            )
            assert [text.split(":")[0] for text in texts] == [
                "Two runs",
                "One run.",
                *2 * ["Noisy and clean."],
            ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_films_and_swipes_in_jupyterlab(chromium, stored, tmp_path, scheme):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    with jupyter(tmp_path) as address, page_of(chromium, f"toolbox_lab_{scheme}") as page:
        set_theme(page, address, scheme)
        open_notebook(page, address, stored.name)
        # Nobody has run it here, so JupyterLab does not trust it, and takes scripts and sliders out.
        for kind in ("film", "swipe"):
            left = page.get_by_text(f"A {kind} {SENTENCE}")
            wait_until(
                lambda left=left: left.count() == 2, "the sentences of a notebook that is not trusted", 60
            )
        assert page.locator(".dil-page img, .jp-OutputArea input").count() == 0
        page.screenshot(path=ARTIFACTS / f"toolbox_lab_{scheme}_untrusted.png")
        run_all(page)
        work_all(page, f"lab_{scheme}")
        page.set_viewport_size({"width": 375, "height": 800})
        for figure in page.locator(".dil-page").all():
            figure.scroll_into_view_if_needed()
            wait_until(lambda figure=figure: figure.evaluate(OVERHANG) < 1, "the figure to fit", 10)
        page.screenshot(path=ARTIFACTS / f"toolbox_lab_{scheme}_narrow.png")


def test_a_finger_moves_the_line_and_then_the_magnified_image(chromium, exported):
    with page_of(
        chromium,
        "toolbox_touch",
        allowed=["net::ERR_"],
        width=375,
        height=800,
        has_touch=True,
        is_mobile=True,
    ) as page:
        page.goto(exported["book", "light"].as_uri(), timeout=120_000)
        swipe = page.locator(".dil-swipe").first
        pane, slider = swipe.locator(".dil-window"), swipe.get_by_role("slider", name="line")
        pane.scroll_into_view_if_needed()
        box = pane.bounding_box()
        before = seen(pane)
        page.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
        assert abs(int(slider.input_value()) - 20) <= 1 and seen(pane) != before
        assert pane.evaluate("pane => getComputedStyle(pane).touchAction") == "pan-y"
        swipe.get_by_role("button", name="magnify 4 times").tap()
        assert pane.evaluate("pane => getComputedStyle(pane).touchAction") == "auto"
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
