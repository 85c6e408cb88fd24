"""The playground in a real browser: a photograph from upload to saved files, and every damage; dark; narrow.

Screenshots are kept in artifacts/, which git ignores.
"""

import contextlib
import io
import itertools
import json
import os
import shutil

import build
import nbformat
import numpy as np
import pytest
import skimage.data
from browser import (
    ARTIFACTS,
    LOADED,
    chromium,
    jupyter,
    open_notebook,
    page_of,
    run_by_hand,
    set_theme,
    tracebacks,
    wait_until,
)
from PIL import Image

from dil_course.playground import DAMAGES, methods_for

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab's address, and the folder of the playground's notebook."""
    course = tmp_path_factory.mktemp("playground")
    folder = course / "notebooks"
    folder.mkdir()
    shutil.copytree(build.ROOT / "docs", course / "docs")
    nbformat.write(build.convert(build.SOURCES / "playground.py"), folder / "playground.ipynb")
    with jupyter(course) as address:
        yield address, folder


@contextlib.contextmanager
def opened(chromium, address, name, theme="light", **options):
    """The playground's page after its cell has run."""
    with page_of(chromium, name, **options) as page:
        set_theme(page, address, theme)
        open_notebook(page, address, "notebooks/playground.ipynb")
        run_by_hand(page.locator(".jp-CodeCell").first)
        page.get_by_label("damage").wait_for(timeout=120_000)
        yield page
        assert not tracebacks(page).count(), tracebacks(page).all_inner_texts()


def words(page):
    """What the page says of the choice: its first line of text."""
    return page.locator(".widget-html-content").first.text_content()


def choose(page, **options):
    for name, option in options.items():
        page.get_by_label(name.replace("_", " "), exact=True).select_option(option)


def button(page, text):
    """A button of the page above the runs."""
    return page.locator(".widget-button, .widget-upload", has_text=text).first


def press(page, text):
    """By keyboard, once it is enabled."""
    wait_until(button(page, text).is_enabled, f"the button {text}")
    button(page, text).press("Space")


def upload(page, name, image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    with page.expect_file_chooser() as chooser:
        button(page, "or a photograph of yours").click()
    chooser.value.set_files({"name": name, "mimeType": "image/*", "buffer": file.getvalue()})


def photograph():
    """As a telephone makes it, with the options to save it: 12 megapixels, held upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return Image.fromarray(skimage.data.rocket()).resize((4032, 3024)), dict(format="JPEG", exif=exif)


def test_a_photograph_goes_from_upload_to_saved_files(chromium, lab):
    address, folder = lab
    with opened(chromium, address, "playground", width=1280, height=1400) as page:
        wait_until(lambda: "128 x 128 pixels" in words(page), "the preview of the bundled picture")
        page.screenshot(path=ARTIFACTS / "playground.png")
        image, options = photograph()
        upload(page, "photo.jpg", image, **options)
        wait_until(lambda: "96 x 128 pixels" in words(page), "the preview of the photograph, upright")
        choose(page, method_1="trained denoiser", method_3="non-local means")
        press(page, "Restore")
        stop = page.locator("button[title^='deep image prior: end this run']")
        page.get_by_text("iteration 2").first.wait_for(timeout=120_000)
        page.screenshot(path=ARTIFACTS / "playground_running.png")
        stop.press("Space")
        page.get_by_text("stopped by you at iteration").first.wait_for(timeout=60_000)
        page.get_by_label("zoom").wait_for(timeout=60_000)
        compared = page.locator("img[title^='Two of the pictures']")
        before = compared.evaluate("image => image.src")
        page.locator(".widget-slider", has_text="line").locator(".noUi-handle").press("Home")
        wait_until(lambda: compared.evaluate("image => image.src") != before, "the line to move")
        press(page, "Save")
        wait_until(lambda: "Saved in restored/1" in words(page), "the files to be saved")
        compared.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "playground_compared.png")
    saved = folder / "restored" / "1"
    names = {"deep_image_prior.png", "non-local_means.png", "trained_denoiser.png"}
    assert {path.name for path in saved.iterdir()} == names | {
        "input_photo.jpg",
        "program.py",
        "settings.json",
    }
    assert all(Image.open(saved / name).size == (96, 128) for name in names)
    assert json.loads((saved / "settings.json").read_text())["damage"] == "noise"


FOCUSED = """() => {
    const it = document.activeElement, around = it.closest(".widget-inline-hbox");
    return it.matches(".widget-readout") ? "" : (around || it).innerText.split("\\n")[0].trim();
}"""


def test_all_of_it_works_by_keyboard(chromium, lab):
    address, folder = lab
    already = len(list(folder.glob("restored/*")))
    with opened(chromium, address, "playground_keyboard", width=1280, height=1400) as page:
        keys, cells = page.keyboard, page.locator(".jp-Cell").count()
        keys.press("ArrowUp")  # Shift + Enter has gone to the next cell

        def go_to(name, key="Tab"):
            for _ in range(30):
                if page.evaluate(FOCUSED) == name:
                    return
                keys.press(key)
            raise AssertionError(f"{key} does not reach {name}, but {page.evaluate(FOCUSED)}")

        def value(name):
            return page.get_by_label(name, exact=True).input_value()

        go_to("or a photograph of yours (0)")
        with page.expect_file_chooser():
            keys.press("Space")
        go_to("size")
        keys.press("ArrowUp")
        assert value("size") == "96 px"
        wait_until(lambda: "96 x 96 pixels" in words(page), "the smaller picture")
        noisy = words(page)
        go_to("damage")
        keys.press("ArrowDown")
        assert value("damage") == "half of the pixels missing"
        wait_until(lambda: words(page) != noisy, "the missing pixels")
        keys.press("ArrowUp")
        wait_until(lambda: words(page) == noisy, "the noise")  # whose usual level the kernel sets
        go_to("noise / 255")
        keys.press("ArrowRight")
        wait_until(lambda: "26.0 / 255" in words(page), "more noise")
        go_to("method 1")
        keys.type("non")  # of which JupyterLab takes no letter as a command
        assert value("method 1") == "non-local means"
        go_to("Restore")
        keys.press("Space")
        page.get_by_text("iteration 2").first.wait_for(timeout=120_000)
        go_to("Stop all")
        keys.press("Space")
        compared = page.locator("img[title^='Two of the pictures']")
        compared.wait_for(timeout=60_000)
        for name, key in (
            ("line", "ArrowLeft"),
            ("right", "ArrowDown"),
            ("zoom", "ArrowDown"),
            ("down", "Home"),
        ):
            before = compared.evaluate("image => image.src")
            go_to(name)
            keys.press(key)
            wait_until(lambda: compared.evaluate("image => image.src") != before, f"an answer of {name}")  # noqa: B023
        go_to("Save", "Shift+Tab")
        keys.press("Space")
        wait_until(lambda: f"Saved in restored/{already + 1}" in words(page), "the files to be saved")
        assert page.locator(".jp-Cell").count() == cells


COLOUR, GRAY = skimage.data.chelsea()[100:167, 150:241], skimage.data.camera()[:89, :71]
IMAGES = {  # of odd sizes that can be halved, and several modes, each with its format
    "gray.png": (Image.fromarray(GRAY), "PNG"),
    "deep.png": (Image.fromarray(GRAY.astype(np.uint16) * 257), "PNG"),
    "palette.gif": (Image.fromarray(COLOUR).quantize(32), "GIF"),
    "print.jpg": (Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "opacity.webp": (Image.fromarray(COLOUR).convert("RGBA"), "WEBP"),
}


EMERGING = "img[title$='the estimate as it emerges']"


def restore(page, names):
    """Start these methods, at most three, and wait until each has made an estimate."""
    for number, name in enumerate([*names, "(none)", "(none)"][:3], 1):
        choose(page, **{f"method_{number}": name})
    columns = page.locator(EMERGING)
    old = columns.element_handles()
    press(page, "Restore")
    wait_until(lambda: not any(column.evaluate("it => it.isConnected") for column in old), "new columns")
    loaded = f"all => all.filter({LOADED}).length"
    wait_until(lambda: columns.evaluate_all(loaded) == len(names), f"an estimate of each of {names}")


@pytest.mark.parametrize("first_file", range(len(IMAGES) if "DIL_EVERY_IMAGE" in os.environ else 1))
def test_every_method_of_every_damage_runs_and_stops(chromium, lab, first_file):
    """On five images in turn, three methods at a time. With DIL_EVERY_IMAGE set, all on each of the five."""
    files = itertools.islice(itertools.cycle(IMAGES.items()), first_file, None)
    with opened(chromium, lab[0], "playground_all", width=1280, height=1400) as page:
        choose(page, size="96 px")
        for damage in DAMAGES:
            choose(page, damage=damage)
            names = methods_for(damage)
            for first in range(0, len(names), 3):
                name, (image, kind) = next(files)
                upload(page, name, image, format=kind)
                chosen = page.get_by_label("picture", exact=True)
                wait_until(lambda chosen=chosen, name=name: chosen.input_value() == name, f"{name} to arrive")
                restore(page, names[first : first + 3])
                button(page, "Stop all").press("Space")
                wait_until(button(page, "Restore").is_enabled, "the end of all runs")
                assert not page.get_by_text("cannot do this").count(), (damage, names[first : first + 3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_narrow_page(chromium, lab, theme):
    address = lab[0]
    with opened(chromium, address, f"playground_{theme}", theme=theme, width=700, height=1400) as page:
        restore(page, ["non-local means", "trained denoiser"])
        page.get_by_label("zoom").wait_for(timeout=60_000)
        page.get_by_text("The same in Python").click()
        page.get_by_text("from dil_course.from_scratch import").wait_for()
        page.screenshot(path=ARTIFACTS / f"playground_{theme}.png")
        wide = page.locator(".jp-OutputArea-output").evaluate_all(
            "all => all.map(it => it.scrollWidth - it.clientWidth)"
        )
        assert max(wide) <= 1, wide
