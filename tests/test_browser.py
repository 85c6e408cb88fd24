"""The live view in a real browser: Run All, Stop, interrupt, slider, Notebook 7.

Screenshots are kept in artifacts/, which git ignores.
"""

import base64
import hashlib
import io
import json
import time

import numpy as np
import pytest
from browser import (
    ARTIFACTS,
    LOADED,
    PIXELS,
    TOKEN,
    chromium,
    iteration,
    jupyter,
    open_notebook,
    outputs,
    page_of,
    run_all,
    run_by_hand,
    tracebacks,
    wait_for_kernel,
    wait_for_live_picture,
    wait_until,
    write_notebook,
)
from PIL import Image

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser

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
    "print(json.dumps({i: hashlib.sha256(snapshot.tobytes()).hexdigest() for i, snapshot in "
    "result.snapshots}))",
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
    """Of the picture on the page, shrunk back to the pixels that it had before `watch` enlarged it; "" while
    it is being exchanged.
    """
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
        handle, readout = (
            running.locator(".widget-slider .noUi-handle"),
            running.locator(".widget-slider .widget-readout"),
        )
        shown = set()
        for key in ["End", *["ArrowLeft"] * 5, "Home", "ArrowRight", "End"]:
            handle.press(key)
            wait_until(
                lambda: kept.get(readout.inner_text()) == digest(live, side=64),
                "the slider to show the kernel's snapshot",
            )
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
    # Notebook 7.6 says this once on every start, before any cell has run: its keyboard shortcuts load before
    # their settings.
    own = ["Cannot read properties of undefined (reading 'schema')"]
    with jupyter(tmp_path, "notebook") as address, page_of(chromium, "notebook_7", allowed=own) as page:
        page.goto(f"{address}/notebooks/slow.ipynb?token={TOKEN}")
        wait_for_kernel(page, address)
        press_stop_during_slow_run(page)
        assert page.locator(".jp-CodeCell .jp-RenderedImage img").evaluate(LOADED)
        page.screenshot(path=ARTIFACTS / "notebook_7.png")


def test_a_live_view_whose_kernel_is_gone_says_so_and_has_no_dead_button(chromium, tmp_path):
    write_notebook(tmp_path / "slow.ipynb", SLOW[:2])
    own = ["widget model not found", "WebSocket"]  # JupyterLab's words in the console
    with jupyter(tmp_path) as address, page_of(chromium, "restart", allowed=own) as page:
        open_notebook(page, address, "slow.ipynb")
        run_all(page)
        running = page.locator(".jp-CodeCell").nth(1)
        live = wait_for_live_picture(running)
        stop = running.locator(".widget-button", has_text="Stop")
        assert stop.is_visible() and not words_by_style(running, "::before")
        page.locator(".lm-MenuBar-itemLabel", has_text="Kernel").first.click()
        page.locator(".lm-Menu-itemLabel", has_text="Restart Kernel…").first.click()
        page.locator("dialog.jp-Dialog").get_by_text("Restart", exact=True).last.click()
        stop.wait_for(state="hidden", timeout=90_000)
        assert live.is_visible() and not running.get_by_text("s left").is_visible()
        assert "Its kernel was restarted" in words_by_style(running, "::before")
        page.screenshot(path=ARTIFACTS / "restart.png")

        page.keyboard.press("Control+s")
        page.locator(".jp-mod-dirty").first.wait_for(state="detached", timeout=30_000)
        open_notebook(page, address, "slow.ipynb")  # as a reader does on the next day
        running.get_by_text("Error displaying widget").wait_for(state="attached", timeout=60_000)
        assert "it ended with its kernel" in words_by_style(running, "::after")
        size = outputs(running).first.evaluate("output => getComputedStyle(output).fontSize")
        assert size == "0px", "the error is shown as well"
        page.screenshot(path=ARTIFACTS / "reopened.png")


def words_by_style(cell, place):
    """What a rule of style writes before or after the first output of a cell."""
    text = outputs(cell).first.evaluate(f"output => getComputedStyle(output, '{place}').content")
    return "" if text in ("none", "normal") else text


def test_an_error_and_only_an_error_counts_as_a_traceback(chromium, tmp_path):
    write_notebook(tmp_path / "wrong.ipynb", ["import warnings\nwarnings.warn('only a warning')", "1 / 0"])
    with jupyter(tmp_path) as address, page_of(chromium, "wrong") as page:
        open_notebook(page, address, "wrong.ipynb")
        run_all(page)
        warned, failed = page.locator(".jp-CodeCell").all()
        outputs(failed).first.wait_for(timeout=90_000)
        assert outputs(warned).count() == 1 and tracebacks(warned).count() == 0
        assert tracebacks(failed).count() == 1 and tracebacks(page).count() == 1


def test_picture_and_curves_stand_side_by_side_where_the_file_list_is_open(chromium, tmp_path):
    cells = [*SLOW[:1], "result = await watch(slowly(), truth=torch.full((1, 3, 16, 16), 0.5))"]
    write_notebook(tmp_path / "beside.ipynb", cells)
    with jupyter(tmp_path) as address, page_of(chromium, "beside", width=1280, height=800) as page:
        open_notebook(page, address, "beside.ipynb")
        page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab").first.click()  # opens the file list again
        page.locator(".jp-FileBrowser").first.wait_for()
        run_all(page)
        running = page.locator(".jp-CodeCell").nth(1)
        live = wait_for_live_picture(running).bounding_box()
        curves = running.get_by_role("img", name="Curves of the run").bounding_box()
        page.screenshot(path=ARTIFACTS / "beside.png")
        assert curves["x"] >= live["x"] + live["width"] and curves["width"] == 480
        running.locator(".widget-button", has_text="Stop").click()


def press_stop_during_slow_run(page):
    run_all(page)
    _, running, following = page.locator(".jp-CodeCell").all()
    wait_for_live_picture(running)
    stop = running.locator(".widget-button", has_text="Stop")
    # The page's own clock tells when the button was pressed: playwright may take its time before it presses.
    stop.evaluate(
        "button => button.addEventListener('click', () => { window.pressed = Date.now() / 1000 }, { capture: "
        "true })"
    )
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
        assert tracebacks(running).count() == 0
        run_by_hand(following)
        why, last, mean, begun = printed(following)
        assert why == f"interrupted at iteration {last}" and len(begun) - last in (0, 1)
        assert mean == pytest.approx(last % 10 / 10, abs=1e-6), (
            "the estimate is not that of the last whole iteration"
        )
        assert running.locator(".jp-RenderedImage img").evaluate(LOADED)
        page.screenshot(path=ARTIFACTS / "interrupt.png")
