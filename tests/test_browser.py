"""The live view in JupyterLab, driven in a real browser: Run All, a picture that emerges, Stop, the slider.

Screenshots are kept in artifacts/, which git ignores.
"""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

ARTIFACTS = pathlib.Path(__file__).parents[1] / "artifacts"
TOKEN = "browsertest"
CELLS = [
    "import torch\n"
    "torch.set_num_threads(1)\n"
    "from dil_course.fitting import watch\n"
    "from dil_course.from_scratch import deep_image_prior\n"
    "from dil_course.signals import add_gaussian, picture\n"
    "truth = picture('astronaut', 64)\n"
    "y = add_gaussian(truth, 25 / 255)",
    "result = await watch(deep_image_prior(y, iterations=4000), truth=truth, observed=y)",
    "print(result.why)",
]
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
# Pixels as a data URL: compared as text, they say whether a picture on the page has changed.
PIXELS = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    if (canvas.width) canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
}"""


@pytest.fixture(scope="module")
def chromium():
    """A page of a headless Chromium: the system's, else the one that playwright has installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is not installed")
    with sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome")
        path = next(filter(None, map(shutil.which, names)), playwright.chromium.executable_path)
        if not os.path.exists(path):
            pytest.skip("no Chromium found: install it, or run `python -m playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *QUIET.split()])
        yield browser
        browser.close()


@contextlib.contextmanager
def jupyterlab(folder):
    """A JupyterLab server of `folder` on a free port of this machine only; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    private = folder / ".jupyter"
    # Asks whether to fetch news otherwise, in a window above the page.
    settings = private / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{address}/api/status?token={TOKEN}"):
            assert server.poll() is None and time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _answers(address):
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except (urllib.error.URLError, OSError):
        return False


def write_notebook(path, cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(notebook, path)


def open_notebook(page, address, name):
    """Open the notebook alone on the page, with its kernel ready."""
    page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=120_000)
    # The file browser would leave the notebook half of the page.
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[aria-selected=true]").first.click()
    page.locator("[data-status=idle]").first.wait_for(state="attached", timeout=120_000)


def run_all(page):
    """Run All as a reader does it, again if it came before the page was connected to the kernel, which leaves cells as they are."""
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").first
    # JupyterLab asks for the kernel when a command comes while it is still starting.
    page.add_locator_handler(page.locator("dialog.jp-Dialog"), lambda dialog: dialog.get_by_text("Select", exact=True).click())
    for _ in range(10):
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
        page.wait_for_timeout(3000)
        if prompt.inner_text().strip() != "[ ]:":
            return
    raise AssertionError("Run All started no cell")


def wait_until(condition, what, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.1)


@pytest.mark.browser
def test_run_all_then_stop_then_slider(chromium, tmp_path):
    ARTIFACTS.mkdir(exist_ok=True)
    write_notebook(tmp_path / "live.ipynb", CELLS)
    complaints = []
    with jupyterlab(tmp_path) as address:
        page = chromium.new_page(viewport={"width": 1200, "height": 1000})
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            open_notebook(page, address, "live.ipynb")
            run_all(page)

            live = page.locator("img.widget-image").first
            live.wait_for(timeout=120_000)
            wait_until(lambda: len(live.evaluate(PIXELS)) > 100, "the first live picture")
            first = live.evaluate(PIXELS)
            wait_until(lambda: live.evaluate(PIXELS) != first, "a change of the live picture")
            page.screenshot(path=ARTIFACTS / "begun.png")
            status = page.locator(".widget-label", has_text="iterations/s")
            wait_until(lambda: int(re.search(r"iteration (\d+)", status.inner_text())[1]) > 80, "80 iterations")
            time.sleep(1)  # for curves worth looking at
            page.screenshot(path=ARTIFACTS / "live.png")

            next_cell = page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output")
            assert next_cell.count() == 0, "the next cell ran before Stop was pressed"
            stop = page.locator(".widget-button", has_text="Stop")
            stop.click()
            next_cell.get_by_text("stopped by you at iteration").wait_for(timeout=90_000)

            # The static figure; jupyter's own pictures, unlike those of widgets, lie in a rendered image.
            figure = page.locator(".jp-RenderedImage img")
            figure.wait_for(timeout=90_000)
            assert figure.is_visible() and figure.evaluate("image => image.naturalWidth") > 500
            assert stop.count() == 0
            figure.scroll_into_view_if_needed()
            page.screenshot(path=ARTIFACTS / "stopped.png")

            handle = page.locator(".widget-slider .noUi-handle")
            handle.focus()
            last = live.evaluate(PIXELS)
            handle.press("ArrowLeft")
            wait_until(lambda: live.evaluate(PIXELS) != last, "the slider to change the picture")
            for _ in range(4):
                handle.press("ArrowLeft")
            time.sleep(0.5)
            live.scroll_into_view_if_needed()
            page.screenshot(path=ARTIFACTS / "slider.png")
            handle.press("End")
            wait_until(lambda: live.evaluate(PIXELS) == last, "the slider to show the last picture again")
        except BaseException:
            page.screenshot(path=ARTIFACTS / "failed.png")
            raise
        page.close()
    of_widgets = [text for text in complaints if "widget" in text.lower() or "comm" in text.lower()]
    assert not of_widgets, of_widgets
