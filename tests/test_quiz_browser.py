"""The quiz of a lesson in a real browser, answered by keyboard: in JupyterLab, where nobody has trusted the
notebook yet, and on a page of the web book without a network.

Screenshots are kept in artifacts/, which git ignores.
"""

import os
import subprocess
import sys

import build
import nbformat
import pytest
from browser import ARTIFACTS, chromium, jupyter, open_notebook, page_of, set_theme
from test_quizzes import quizzes
from test_toolbox_browser import CONTRASTS

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser

LESSON = "01_inverse_problems"
TEXTS = CONTRASTS.replace("button, label, output, figcaption, .dil-names span", "summary, details p")
FOCUSED = "details => document.activeElement === details.querySelector('summary')"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook with the quiz of a lesson between a heading and a cell of code, which nobody has run."""
    [quiz] = quizzes(build.convert(build.SOURCES / f"{LESSON}.py").cells)
    notebook = nbformat.v4.new_notebook(metadata=build.METADATA)
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# A lesson"),
        nbformat.v4.new_markdown_cell(quiz),
        nbformat.v4.new_code_cell("1"),
    ]
    path = tmp_path_factory.mktemp("quiz") / "quiz.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def published(stored):
    """It as a page of the book."""
    folder = stored.parent
    command = [sys.executable, "-m", "sphinx", "-q", "-c", build.ROOT / "book", "-d", folder / "doctrees"]
    command += ["-D", "root_doc=quiz", "-D", f"include_patterns={stored.name}", folder, folder / "html"]
    subprocess.run(command, env=os.environ | {"DIL_REPOSITORY": ""}, check=True)
    return folder / "html" / "quiz.html"


def answer_all(page, name):
    """Open every answer by Tab and Enter, close one by the space bar, and see whether they can be read."""
    answers = page.locator("details")
    assert answers.count() == 20 and answers.evaluate_all("all => all.every((one) => !one.open)")
    answers.first.locator("summary").focus()
    for number, answer in enumerate(answers.all()):
        for _ in range(5):  # MathJax lets Tab stop at formulae, too
            if not answer.evaluate(FOCUSED):
                page.keyboard.press("Tab")
        assert answer.evaluate(FOCUSED), f"Tab does not lead to answer {number}"
        assert not answer.locator("p").first.is_visible()
        page.keyboard.press("Enter")
        assert answer.locator("p").first.is_visible()
        assert answer.inner_text().split("\n\n")[-1].startswith(("Right. ", "Wrong. "))
        if number == 5:
            page.screenshot(path=ARTIFACTS / f"quiz_{name}.png")
    assert answers.evaluate_all("all => all.every((one) => one.open)")
    answers.first.locator("summary").press(" ")
    assert not answers.first.locator("p").first.is_visible()
    contrasts = page.locator("details").last.locator("..").evaluate(TEXTS)
    assert len(contrasts) >= 40 and min(contrasts) >= 4.5, contrasts


@pytest.mark.parametrize("scheme, width", [("light", 1200), ("dark", 1200), ("dark", 375)])
def test_a_quiz_is_answered_by_keyboard_in_the_book(chromium, published, scheme, width):
    asked, name = [], f"book_{scheme}_{width}"
    with page_of(chromium, name, width=width, height=800, color_scheme=scheme, offline=True) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(published.as_uri())
        answer_all(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(address.startswith(("file:", "data:")) for address in asked), asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_quiz_is_answered_by_keyboard_in_jupyterlab(chromium, stored, tmp_path, scheme):
    (tmp_path / stored.name).write_bytes(stored.read_bytes())
    with jupyter(tmp_path) as address, page_of(chromium, f"quiz_lab_{scheme}") as page:
        set_theme(page, address, scheme)
        open_notebook(page, address, stored.name)
        answer_all(page, f"lab_{scheme}")
        editing = page.locator(".jp-MarkdownCell.jp-mod-active .jp-MarkdownOutput")
        assert editing.count() == 0 or editing.first.is_visible(), "a key has opened the text for editing"
