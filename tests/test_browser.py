"""The course in a real browser: the live view, whole lessons, a reader's own photograph, Notebook 7, web pages made of lessons.

Screenshots are kept in artifacts/, which git ignores.
"""

import base64
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
import skimage.data
from browser import ARTIFACTS, ERRORS, LOADED, PIXELS, TOKEN, choose, chromium, iteration, jupyter, open_notebook, outputs, page_of
from browser import run_all, run_by_hand, wait_for_live_picture, wait_until, write_notebook
from PIL import Image

from dil_course.signals import add_gaussian, load_image, psnr

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser

LESSONS = pathlib.Path(__file__).parents[1] / "notebooks"
LIVE = [
    "import hashlib, json, torch\n"
    "torch.set_num_threads(1)\n"
    "from dil_course.fitting import watch\n"
    "from dil_course.from_scratch import deep_image_prior\n"
    "from dil_course.signals import add_gaussian, picture\n"
    "truth = picture('astronaut', 64)\n"
    "y = add_gaussian(truth, 25 / 255)",
    "result = await watch(deep_image_prior(y, iterations=4000), truth=truth, observed=y)",
    "print(result.why)",
    "print(json.dumps({i: hashlib.sha256(snapshot.tobytes()).hexdigest() for i, snapshot in result.snapshots}))",
]
# Iterations so long that the way of a message through a busy machine does not count.
SLOW = [
    "import json, time, torch\n"
    "from dil_course.fitting import Step, watch\n"
    "begun = []\n"
    "def slowly(total=1000):\n"
    "    for i in range(1, total + 1):\n"
    "        begun.append(time.time())\n"
    "        time.sleep(0.5)\n"
    "        yield Step(i, total, torch.tensor(1 / i), torch.full((1, 3, 16, 16), i % 10 / 10))",
    "result = await watch(slowly(), average=0)",
    "print(json.dumps([result.why, result.iteration, float(result.estimate.mean()), begun]))",
]


def printed(cell):
    """What this cell has printed, read as JSON."""
    outputs(cell).first.wait_for(timeout=90_000)
    return json.loads(outputs(cell).first.text_content())


def digest(image, side):
    """Of the picture on the page, shrunk back to the pixels that it had before `watch` enlarged it; "" while it is being exchanged."""
    png = base64.b64decode(image.evaluate(PIXELS).split(",")[1])
    if not png:
        return ""
    array = np.array(Image.open(io.BytesIO(png)).convert("RGB"))
    factor = len(array) // side
    return hashlib.sha256(array[factor // 2 :: factor, factor // 2 :: factor].tobytes()).hexdigest()


def test_run_all_then_stop_then_slider(chromium, tmp_path):
    write_notebook(tmp_path / "live.ipynb", LIVE)
    with jupyter(tmp_path) as address, page_of(chromium, "live") as page:
        open_notebook(page, address, "live.ipynb")
        run_all(page)
        _, running, following, snapshots = page.locator(".jp-CodeCell").all()

        live = wait_for_live_picture(running)
        page.screenshot(path=ARTIFACTS / "live_begun.png")
        wait_until(lambda: iteration(running) > 80, "80 iterations")
        time.sleep(1)  # for curves worth looking at
        page.screenshot(path=ARTIFACTS / "live.png")

        assert outputs(following).count() == 0, "the next cell ran before Stop was pressed"
        stop = running.locator(".widget-button", has_text="Stop")
        stop.click()
        outputs(following).get_by_text("stopped by you at iteration").wait_for(timeout=90_000)

        # The static figure; jupyter's own pictures, unlike those of widgets, lie in a rendered image.
        figure = running.locator(".jp-RenderedImage img")
        figure.wait_for(timeout=90_000)
        assert figure.is_visible() and figure.evaluate("image => image.naturalWidth") > 500
        assert stop.count() == 0
        figure.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "live_stopped.png")

        # The page shows the very snapshot that the kernel keeps of the iteration beside the slider.
        kept = printed(snapshots)
        handle, readout = running.locator(".widget-slider .noUi-handle"), running.locator(".widget-slider .widget-readout")
        shown = set()
        for key in ["End", *["ArrowLeft"] * 5, "Home", "ArrowRight", "End"]:
            handle.press(key)
            wait_until(lambda: kept.get(readout.inner_text()) == digest(live, side=64), "the slider to show the kernel's snapshot")
            shown.add(readout.inner_text())
            if key == "Home":
                live.scroll_into_view_if_needed()
                page.screenshot(path=ARTIFACTS / "live_slider.png")
        assert len(shown) == 8 and len({kept[number] for number in shown}) == 8


def test_stop_ends_a_run_within_two_iterations(chromium, tmp_path):
    write_notebook(tmp_path / "slow.ipynb", SLOW)
    with jupyter(tmp_path) as address, page_of(chromium, "two_iterations") as page:
        open_notebook(page, address, "slow.ipynb")
        press_stop_during_slow_run(page)
        page.screenshot(path=ARTIFACTS / "two_iterations.png")


def test_notebook_7_runs_live_and_stops(chromium, tmp_path):
    pytest.importorskip("notebook", reason="Notebook 7 is not installed")
    write_notebook(tmp_path / "slow.ipynb", SLOW)
    # Notebook 7.6 says this once on every start, before any cell has run: its keyboard shortcuts load before their settings.
    own = ["Cannot read properties of undefined (reading 'schema')"]
    with jupyter(tmp_path, "notebook") as address, page_of(chromium, "notebook_7", allowed=own) as page:
        page.goto(f"{address}/notebooks/slow.ipynb?token={TOKEN}")
        page.locator("[data-status=idle]").first.wait_for(state="attached", timeout=120_000)
        press_stop_during_slow_run(page)
        assert page.locator(".jp-CodeCell .jp-RenderedImage img").evaluate(LOADED)
        page.screenshot(path=ARTIFACTS / "notebook_7.png")


def press_stop_during_slow_run(page):
    run_all(page)
    _, running, following = page.locator(".jp-CodeCell").all()
    wait_for_live_picture(running)
    stop = running.locator(".widget-button", has_text="Stop")
    # The page's own clock tells when the button was pressed: playwright may take its time before it presses.
    stop.evaluate("button => button.addEventListener('click', () => { window.pressed = Date.now() / 1000 }, { capture: true })")
    stop.click()
    why, last, _, begun = printed(following)
    before = sum(moment < page.evaluate("window.pressed") for moment in begun)
    assert why == f"stopped by you at iteration {last}" and len(begun) == last
    assert before <= last <= before + 2, f"pressed during iteration {before}, ended at {last}"


def test_an_interrupt_of_the_kernel_keeps_the_estimate(chromium, tmp_path):
    write_notebook(tmp_path / "slow.ipynb", SLOW)
    with jupyter(tmp_path) as address, page_of(chromium, "interrupt") as page:
        open_notebook(page, address, "slow.ipynb")
        first, running, following = page.locator(".jp-CodeCell").all()
        run_by_hand(first)
        run_by_hand(running)
        wait_for_live_picture(running)
        page.get_by_role("button", name="Interrupt the kernel").click()
        running.get_by_text("[2]:").wait_for(timeout=90_000)
        assert running.locator(ERRORS).count() == 0
        run_by_hand(following)
        why, last, mean, begun = printed(following)
        assert why == f"interrupted at iteration {last}" and len(begun) - last in (0, 1)
        assert mean == pytest.approx(last % 10 / 10, abs=1e-6), "the estimate is not that of the last whole iteration"
        assert running.locator(".jp-RenderedImage img").evaluate(LOADED)
        page.screenshot(path=ARTIFACTS / "interrupt.png")


def copy_lesson(name, folder):
    """The lesson without its outputs, so that everything seen on the page is new; returns its code cells' texts."""
    notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return [cell.source for cell in code]


def wait_for_the_end(page, seconds):
    """Wait until all cells have run, none with an error."""
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    wait_until(lambda: all(re.fullmatch(r"\s*\[\d+\]:\s*", text) for text in prompts.all_text_contents()), "all cells to end", seconds)
    assert page.locator(ERRORS).count() == 0, page.locator(ERRORS).all_inner_texts()


def look_at_figures(page):
    """Every static figure holds a picture."""
    figures = page.locator(".jp-RenderedImage img")
    assert figures.count() and all(figures.evaluate_all(f"images => images.map({LOADED})"))
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        assert figure.is_visible()


def stop_live_run(cell):
    wait_for_live_picture(cell)
    cell.locator(".widget-button", has_text="Stop").click()
    cell.get_by_text("stopped by you at iteration").first.wait_for(timeout=90_000)


@pytest.mark.slow
def test_lesson_00_restores_a_photograph_that_a_reader_uploads(chromium, tmp_path):
    cells = copy_lesson("00_start_here", tmp_path)
    first, own = (number for number, cell in enumerate(cells) if "await watch(" in cell)
    upload = next(number for number, cell in enumerate(cells) if "FileUpload" in cell)

    # As a camera writes it when held upright: the sensor's rows, and a note to turn them a quarter clockwise.
    upright = skimage.data.rocket()[:403, 170:471]
    photograph, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(photograph, "JPEG", quality=92, exif=exif)

    with jupyter(tmp_path) as address, page_of(chromium, "lesson_00") as page:
        open_notebook(page, address, "00_start_here.ipynb")
        run_all(page)
        code = page.locator(".jp-CodeCell")
        wait_until(lambda: code.count() == len(cells), "JupyterLab to lay out all cells")
        wait_for_live_picture(code.nth(first))
        code.nth(first).scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_00_live.png")
        stop_live_run(code.nth(first))
        stop_live_run(code.nth(own))
        wait_for_the_end(page, 180)
        look_at_figures(page)

        with page.expect_file_chooser() as chooser:
            code.nth(upload).locator(".jupyter-button").click()
        chooser.value.set_files({"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": photograph.getvalue()})
        code.nth(upload).get_by_text("(1)").wait_for(timeout=60_000)
        page.screenshot(path=ARTIFACTS / "lesson_00_upload.png")
        (tmp_path / "my_picture_restored.png").unlink()  # the cat's
        code.nth(upload + 1).locator(".jp-InputPrompt").click()
        choose(page, "Run Selected Cell and All Below")
        wait_for_live_picture(code.nth(own))
        wait_until(lambda: iteration(code.nth(own)) > 120, "120 iterations", 400)
        stop_live_run(code.nth(own))
        wait_for_the_end(page, 60)
        look_at_figures(page)
        verdicts = outputs(code.last).inner_text()
        code.nth(own).locator(".widget-slider").scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_00_own.png")
    assert verdicts.count(": True") == 2 and "False" not in verdicts

    truth, saved = load_image(upright, max_side=192), load_image(tmp_path / "my_picture_restored.png")
    assert saved.shape == truth.shape == (1, 3, 192, 143)
    assert psnr(saved, truth) > psnr(add_gaussian(truth, 25 / 255, seed=1), truth) + 3


@pytest.mark.slow
def test_lesson_03_runs_live_and_goes_on_after_stop(chromium, tmp_path):
    cells = copy_lesson("03_deep_image_prior", tmp_path)
    first, last = (number for number, cell in enumerate(cells) if "await watch(" in cell)
    with jupyter(tmp_path) as address, page_of(chromium, "lesson_03") as page:
        open_notebook(page, address, "03_deep_image_prior.ipynb")
        run_all(page)
        code = page.locator(".jp-CodeCell")
        wait_until(lambda: code.count() == len(cells), "JupyterLab to lay out all cells")
        wait_for_live_picture(code.nth(first))
        wait_until(lambda: iteration(code.nth(first)) > 20, "20 iterations")
        code.nth(first).scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_03_live.png")
        stop_live_run(code.nth(first))
        wait_until(lambda: code.nth(last).locator("img.widget-image").count(), "the last live run", 400)
        stop_live_run(code.nth(last))
        wait_for_the_end(page, 180)
        look_at_figures(page)
        formula = page.locator("mjx-container[display=true]").first
        formula.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / "lesson_03_formula.png")
        assert formula.is_visible() and not page.locator("mjx-merror").count()


@pytest.mark.parametrize("name", ["00_start_here", "03_deep_image_prior"])
def test_a_lesson_as_a_web_page_shows_its_figures_and_formulae(name, chromium, tmp_path):
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", f"--output-dir={tmp_path}", LESSONS / f"{name}.ipynb"], check=True)
    notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    # MathJax comes from a server that need not be within reach; then formulae stay as they were written.
    with page_of(chromium, f"html_{name}", allowed=["net::ERR_"]) as page:
        page.goto((tmp_path / f"{name}.html").as_uri())
        page.wait_for_timeout(1000)
        pictures = page.locator("img")
        stored = sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
        assert pictures.count() == stored and all(pictures.evaluate_all(f"images => images.map({LOADED})"))
        assert all(picture.is_visible() for picture in pictures.all())
        words = page.locator("body").inner_text()
        for broken in ("Error displaying widget", "A Jupyter widget could not be displayed", "Traceback"):
            assert broken not in words
        if not page.locator("mjx-container, .MathJax").count():
            for formula in re.findall(r"\$\$.*?\$\$", text, re.DOTALL):
                assert "".join(formula.split()) in "".join(words.split()), f"this formula is broken: {formula}"
        page.screenshot(path=ARTIFACTS / f"html_{name}.png", full_page=True)
