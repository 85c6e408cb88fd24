"""The course in a real browser: whole lessons, a reader's own photograph, web pages made of lessons.

A file of its own beside test_browser.py, so that two workers share them. Screenshots are kept in artifacts/,
which git ignores.
"""

import io
import pathlib
import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import skimage.data
from browser import (
    ARTIFACTS,
    LOADED,
    choose,
    chromium,
    iteration,
    jupyter,
    open_notebook,
    outputs,
    page_of,
    run_all,
    tracebacks,
    wait_for_live_picture,
    wait_until,
)
from PIL import Image

from dil_course.signals import add_gaussian, load_image, psnr

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser

LESSONS = pathlib.Path(__file__).parents[1] / "notebooks"


def copy_lesson(name, folder):
    """The lesson without its outputs, so that everything seen on the page is new; returns its code cells'
    texts.
    """
    notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return [cell.source for cell in code]


def run_lesson(page, address, name, count):
    """Open a lesson and run all of it; returns its `count` code cells."""
    open_notebook(page, address, f"{name}.ipynb")
    run_all(page)
    code = page.locator(".jp-CodeCell")
    wait_until(lambda: code.count() == count, "JupyterLab to lay out all cells")
    return code


def wait_for_the_end(page, seconds):
    """Wait until all cells have run, none with an error."""
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    wait_until(
        lambda: all(re.fullmatch(r"\s*\[\d+\]:\s*", text) for text in prompts.all_text_contents()),
        "all cells to end",
        seconds,
    )
    assert tracebacks(page).count() == 0, tracebacks(page).all_inner_texts()


def look_at_figures(page):
    """Every static figure holds a picture."""
    figures = page.locator(".jp-RenderedImage img")
    assert figures.count() and all(figures.evaluate_all(f"images => images.map({LOADED})"))
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        assert figure.is_visible()


def stop_live_run(cell):
    """As soon as Stop is there: a run may be over before its picture has changed twice."""
    cell.locator(".widget-button", has_text="Stop").click(timeout=240_000)
    cell.get_by_text("stopped by you at iteration").first.wait_for(timeout=90_000)


def test_a_lesson_that_is_only_opened_stays_as_it_is(chromium, tmp_path):
    """Not "unsaved": JupyterLab would ask to save it, and git would then see an edit."""
    shutil.copy(LESSONS / "00_start_here.ipynb", tmp_path)
    with jupyter(tmp_path) as address, page_of(chromium, "only_opened") as page:
        open_notebook(page, address, "00_start_here.ipynb")
        page.wait_for_timeout(4000)  # the kernel has said its language, which JupyterLab writes down
        assert page.locator(".lm-TabBar-tab.lm-mod-current", has_text="00_start_here").count()
        assert not page.locator(".jp-mod-dirty").count(), "an untouched notebook is marked as changed"
        printed = page.locator(".jp-RenderedText pre").first
        assert printed.evaluate("text => getComputedStyle(text).wordBreak") == "normal", "words break in two"


@pytest.mark.slow
def test_lesson_00_restores_a_photograph_that_a_reader_uploads(chromium, tmp_path):
    cells = copy_lesson("00_start_here", tmp_path)
    first, long, own = (number for number, cell in enumerate(cells) if "await watch(" in cell)
    upload = next(number for number, cell in enumerate(cells) if "FileUpload" in cell)

    # As a camera writes it when held upright: the sensor's rows, and a note to turn them a quarter clockwise.
    upright = skimage.data.rocket()[:403, 170:471]
    photograph, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(photograph, "JPEG", quality=92, exif=exif)

    with jupyter(tmp_path) as address, page_of(chromium, "lesson_00") as page:
        code = run_lesson(page, address, "00_start_here", len(cells))
        wait_for_live_picture(code.nth(first))
        code.nth(first).scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_00_live.png")
        stop_live_run(code.nth(first))
        stop_live_run(code.nth(long))
        stop_live_run(code.nth(own))
        wait_for_the_end(page, 180)
        look_at_figures(page)
        assert "need not hold for it" in outputs(code.nth(first + 1)).text_content()

        with page.expect_file_chooser() as chooser:
            code.nth(upload).locator(".jupyter-button").click()
        chooser.value.set_files(
            {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": photograph.getvalue()}
        )
        code.nth(upload).get_by_text("(1)").wait_for(timeout=60_000)
        page.screenshot(path=ARTIFACTS / "lesson_00_upload.png")
        cat = (tmp_path / "my_picture_restored.png").read_bytes()
        code.nth(upload + 1).locator(".jp-InputPrompt").click()
        choose(page, "Run Selected Cell and All Below")
        wait_for_live_picture(code.nth(own))
        wait_until(lambda: iteration(code.nth(own)) > 120, "120 iterations", 400)
        stop_live_run(code.nth(own))
        wait_for_the_end(page, 60)
        look_at_figures(page)
        verdicts = outputs(code.last).text_content()
        code.nth(own).locator(".widget-slider").scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_00_own.png")
    assert verdicts.count(": True") == 2 and "False" not in verdicts

    assert (tmp_path / "my_picture_restored.png").read_bytes() == cat, "a saved picture was overwritten"
    truth, saved = load_image(upright, max_side=192), load_image(tmp_path / "my_picture_restored_2.png")
    assert saved.shape == truth.shape == (1, 3, 192, 143)
    assert psnr(saved, truth) > psnr(add_gaussian(truth, 25 / 255, seed=1), truth) + 3


@pytest.mark.slow
def test_lesson_03_runs_live_and_goes_on_after_stop(chromium, tmp_path):
    cells = copy_lesson("03_deep_image_prior", tmp_path)
    first = next(number for number, cell in enumerate(cells) if "await watch(" in cell)
    game = next(number for number, cell in enumerate(cells) if "await stop_by_eye(" in cell)
    with jupyter(tmp_path) as address, page_of(chromium, "lesson_03") as page:
        code = run_lesson(page, address, "03_deep_image_prior", len(cells))
        wait_for_live_picture(code.nth(first))
        wait_until(lambda: iteration(code.nth(first)) > 20, "20 iterations")
        code.nth(first).scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_03_live.png")
        stop_live_run(code.nth(first))
        wait_until(lambda: code.nth(game).locator("img.widget-image").count(), "the game", 600)
        code.nth(game).locator(".widget-button", has_text="Stop").click()
        wait_for_the_end(page, 180)
        look_at_figures(page)
        formula = page.locator("mjx-container[display=true]").first
        formula.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_03_formula.png")
        assert formula.is_visible() and not page.locator("mjx-merror").count()


@pytest.mark.parametrize("name", ["00_start_here", "03_deep_image_prior"])
def test_a_lesson_as_a_web_page_shows_its_figures_and_formulae(name, chromium, tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "html",
            f"--output-dir={tmp_path}",
            LESSONS / f"{name}.ipynb",
        ],
        check=True,
    )
    notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    # MathJax comes from a server that need not be within reach; then formulae stay as they were written.
    with page_of(chromium, f"html_{name}", allowed=["net::ERR_"]) as page:
        page.goto((tmp_path / f"{name}.html").as_uri())
        page.wait_for_timeout(1000)
        pictures = page.locator("img:not(.dil-page img)")  # a film builds its own
        stored = sum(
            "image/png" in output.get("data", {})
            for cell in notebook.cells
            for output in cell.get("outputs", [])
        )
        assert pictures.count() == stored and all(pictures.evaluate_all(f"images => images.map({LOADED})"))
        assert all(picture.is_visible() for picture in pictures.all())
        words = page.locator("body").inner_text()
        for broken in ("Error displaying widget", "A Jupyter widget could not be displayed", "Traceback"):
            assert broken not in words
        if not page.locator("mjx-container, .MathJax").count():
            for formula in re.findall(r"\$\$.*?\$\$", text, re.DOTALL):
                assert "".join(formula.split()) in "".join(words.split()), (
                    f"this formula is broken: {formula}"
                )
        page.screenshot(path=ARTIFACTS / f"html_{name}.png", full_page=True)
