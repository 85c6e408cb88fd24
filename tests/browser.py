"""What the tests in a real browser share: Chromium, a Jupyter server of a folder, and a reader's moves on a
notebook's page.

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

ROOT = pathlib.Path(__file__).parents[1]
ARTIFACTS, LAB = ROOT / "artifacts", ROOT / "lab"
TOKEN = "browsertest"
QUIET = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
)
# Pixels as a data URL: compared as text, they say whether a picture on the page has changed.
PIXELS = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    if (canvas.width) canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
}"""
LOADED = "image => image.complete && image.naturalWidth > 0"


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium: the system's, else the one that playwright has installed."""
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


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(command, address, log_path, **options):
    """A server process, from when it answers at the address until the end of the block."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command = [*command, "--allow-root"]
    with open(log_path, "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        deadline = time.monotonic() + 120
        while not _answers(address):
            assert server.poll() is None and time.monotonic() < deadline, log_path.read_text()
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextlib.contextmanager
def jupyter(folder, app="jupyterlab"):
    """A server of `folder` on a free port of this machine only, JupyterLab's or Notebook 7's ("notebook");
    yields its address.
    """
    port, private = free_port(), folder / ".jupyter"
    # As `make lab` installs it, without changing the environment that the tests run in.
    shutil.copytree(LAB / "ipython", private / "ipython" / "profile_default")
    environment = os.environ | {
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_CONFIG_PATH": str(LAB / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
    }
    command = [
        sys.executable,
        "-m",
        app,
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command += [f"--NotebookNotary.{kind}_file={private / kind}" for kind in ("db", "secret")]
    address = f"http://127.0.0.1:{port}"
    with serving(
        command, f"{address}/api/status?token={TOKEN}", folder / "server.log", cwd=folder, env=environment
    ):
        yield address


def _answers(address):
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except (urllib.error.URLError, OSError):
        return False


def write_notebook(path, cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(notebook, path)


def set_theme(page, address, scheme):
    """JupyterLab in "light" or "dark", from the next page on."""
    done = page.request.put(
        f"{address}/lab/api/settings/@jupyterlab/apputils-extension:themes",
        headers={"Authorization": f"token {TOKEN}"},
        data={"raw": f'{{"theme": "JupyterLab {scheme.title()}"}}'},
    )
    assert done.ok, done.text()


@contextlib.contextmanager
def page_of(browser, name, allowed=(), width=1200, height=1000, **options):
    """A page that must stay without errors in the browser's console, but for those that hold a text in
    `allowed`.

    A failure leaves artifacts/NAME_failed.png. Options are those of playwright's new_page.
    """
    ARTIFACTS.mkdir(exist_ok=True)
    page = browser.new_page(viewport={"width": width, "height": height}, **options)
    complaints = []

    def complain(text):
        if not any(part in text for part in allowed):
            complaints.append(text)

    page.on(
        "console",
        lambda message: (
            complain(f"{message.text} {message.location['url']}") if message.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: complain(str(error)))
    try:
        yield page
    except BaseException:
        page.screenshot(path=ARTIFACTS / f"{name}_failed.png")
        raise
    finally:
        page.close()
    assert not complaints, "\n".join(complaints)


def open_notebook(page, address, name):
    """Open the notebook alone on JupyterLab's page, with its kernel ready."""
    page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=120_000)
    # The file browser would leave the notebook half of the page.
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab[aria-selected=true]").first.click()
    wait_for_kernel(page, address)


def wait_for_kernel(page, address):
    """Wait until the page is connected to its kernel.

    Now and then the page starts two at once, and gives up the first.
    """

    def connected():
        kernels = page.request.get(f"{address}/api/kernels?token={TOKEN}").json()
        return len(kernels) == 1 and kernels[0]["connections"] and kernels[0]["execution_state"] == "idle"

    wait_until(connected, "the page to have one kernel, connected and idle")
    page.locator("[data-status=idle]").first.wait_for(state="attached", timeout=120_000)


def choose(page, command):
    """A command of the menu Run."""
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel", has_text=command).first.click()


def run_all(page):
    """Run All as a reader does it."""
    until_it_runs(page.locator(".jp-CodeCell").first, lambda: choose(page, "Run All Cells"))


def run_by_hand(cell):
    """Shift + Enter in a cell."""

    def press():
        cell.locator(".jp-InputArea-editor").click()
        cell.page.keyboard.press("Shift+Enter")

    until_it_runs(cell, press)


def until_it_runs(cell, start):
    """Start a cell, again if that came before the page was connected to its kernel: then the cell's star goes
    as it came, if it came.
    """
    prompt, dialog = cell.locator(".jp-InputPrompt"), cell.page.locator("dialog.jp-Dialog")
    for _ in range(10):
        start()
        starred = 0
        for _ in range(50):
            cell.page.wait_for_timeout(200)
            if (
                dialog.count()
            ):  # JupyterLab asks for the kernel when a command comes while it is still starting
                dialog.first.get_by_text("Select", exact=True).click()
            text = prompt.text_content().strip()  # inner_text is empty for a cell that is scrolled away
            if text == "[ ]:" and starred:
                break
            starred += text == "[*]:"
            if starred > 15 or re.fullmatch(r"\[\d+\]:", text):
                return
    raise AssertionError("the cell does not start")


def wait_until(condition, what, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.1)


def outputs(cell):
    return cell.locator(".jp-OutputArea-output")


def tracebacks(place):
    """What errors a cell, or a page, shows.

    JupyterLab marks them as it marks warnings, so their first words tell them apart.
    """
    return outputs(place).filter(has_text="Traceback (most recent call last)")


def iteration(cell):
    """The iteration that the status line of a live run shows; 0 before the first."""
    found = re.search(r"iteration (\d+)", cell.locator(".widget-html-content").first.text_content())
    return int(found[1]) if found else 0


def wait_for_live_picture(cell):
    """Wait until the live picture of this cell has been drawn and has then changed; returns its locator."""
    live = cell.locator("img.widget-image").first
    live.wait_for(timeout=240_000)
    wait_until(lambda: len(live.evaluate(PIXELS)) > 100, "the first live picture")
    first = live.evaluate(PIXELS)
    wait_until(lambda: live.evaluate(PIXELS) != first, "a change of the live picture")
    return live
