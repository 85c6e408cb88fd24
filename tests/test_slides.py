"""Slides: what the rule shows of a lesson, and, in a real browser, that nothing is clipped and all of it is
readable from the last row.

Screenshots are kept in artifacts/, which git ignores.
"""

import os

import nbformat.v4 as v4
import pytest
from browser import ARTIFACTS, chromium, page_of  # noqa: F401  (a fixture)

from teaching import outline, slides

LESSONS = outline.lessons()
DECKS = os.environ.get("DIL_SLIDES", "03 08").split()  # numbers of lessons
# Where a part of the slide that is shown ends beyond it, and the smallest type on it.
MEASURE = """async () => {
    const faults = [], sizes = {text: [], code: []};
    for (const slide of Reveal.getSlides()) {
        const {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v, 99);
        await new Promise(resolve => setTimeout(resolve, 0));
        const before = faults.length;
        const name = `${h}/${v} ${slide.querySelector("h1, h2").textContent}`;
        if (!slide.classList.contains("present")) faults.push(`${name}: is not shown`);
        for (const part of slide.querySelectorAll("*")) {
            // MathJax hides a copy for screen readers, and makes a tall bar of a stretched and clipped one.
            if (part.closest("aside, mjx-assistive-mml, mjx-ext") || !part.getClientRects().length) continue;
            const box = part.getBoundingClientRect();
            const out = box.right > 1281 || box.bottom > 721 || box.left < -1 || box.top < -1;
            if (out && faults.length == before)
                faults.push(`${name}: ${part.tagName} ends at ${box.right} x ${box.bottom}`);
            if (part.scrollWidth > part.clientWidth + 1 && part.tagName == "PRE")
                faults.push(`${name}: a line of ${part.scrollWidth} pixels`);
            const words = [...part.childNodes].some(node => node.nodeType == 3 && node.textContent.trim());
            if (words && !part.closest(".dil-page, mjx-container, style, script"))
                sizes[part.closest("pre, code") ? "code" : "text"].push(
                    parseFloat(getComputedStyle(part).fontSize));
        }
        for (const image of slide.querySelectorAll(".figure img"))
            if (!image.complete || !image.naturalWidth) faults.push(`${name}: a figure is missing`);
        if (slide.querySelector("mjx-merror")) faults.push(`${name}: a formula is wrong`);
    }
    return {faults, ground: getComputedStyle(document.body).backgroundColor, slides: Reveal.getTotalSlides(),
            text: Math.min(...sizes.text), code: Math.min(...sizes.code)};
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.main([*DECKS, "--to", str(folder)])
    return folder


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", DECKS)
def test_from_the_last_row_every_slide_is_whole_and_readable(chromium, folder, name, scheme):  # noqa: F811
    path = next(folder.glob(f"{name}_*.html"))
    with page_of(
        chromium, f"slides_{name}_{scheme}", width=1280, height=720, offline=True, color_scheme=scheme
    ) as page:
        page.goto(path.as_uri(), timeout=120_000)
        page.wait_for_function("Reveal.isReady()", timeout=120_000)
        found = page.evaluate(MEASURE)
    assert found["slides"] > 20 and not found["faults"], "\n".join(found["faults"])
    assert found["ground"] == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}[scheme]
    assert found["text"] >= 24 and found["code"] >= 21, found


def deck(*cells):
    return slides.Deck(v4.new_notebook(cells=list(cells))).slides


def code(source, tags=(), **outputs):
    found = [v4.new_output("stream", text=outputs["text"])] if "text" in outputs else []
    if "alt" in outputs:
        metadata = {"image/png": {"alt": outputs["alt"]}}
        found.append(v4.new_output("display_data", {"image/png": "AAAA"}, metadata=metadata))
    return v4.new_code_cell(source, outputs=found, metadata={"tags": list(tags)})


def test_headings_begin_slides_and_each_kind_of_cell_has_its_own():
    found = deck(
        v4.new_markdown_cell("# 03 · A\n\nWhat it is. More.\n\n**What you will be able to do**\n- see;"),
        v4.new_markdown_cell("## 1. B\n\nA first sentence of some words. A second one.\n\nMore text."),
        code("import numpy"),
        code("def f(x):\n    return x"),
        v4.new_markdown_cell("**Predict before you run.** Which?"),
        code("draw()", text="1 2 3\n", alt="A figure."),
        v4.new_markdown_cell("<details><summary>Answer</summary>\n\nThe first, of course, and not the last."
                             " Most people say the second.\n\n</details>\n\nWhat it means."),
        code("check()", ["nbval-check-output"], text="it holds: True\n"),
        code("def g(x):\n    return x", ["slide-skip"]),
        code("def h(x):\n    return x", ["slide-code"], alt="A figure."),
    )  # fmt: skip
    kinds = "title text code question printed figure check code figure"
    assert " ".join(slide.kind for slide in found) == kinds
    assert [slide.begins for slide in found] == [True, True] + 7 * [False]
    title, text, _, question, _, figure, check, *_ = found
    assert title.shown == ["What it is.", "- see;"]
    assert text.shown == ["A first sentence of some words."] and "More text." in text.notes
    assert "Most people say the second." in question.notes[0] and "students" in question.notes[0]
    assert figure.answer == "The first, of course, and not the last." and "What it means." in figure.notes
    assert check.shown == ["- it holds: True"]


def test_long_code_and_long_lists_are_cut_between_statements_and_items():
    source = "\n\n".join(f"def f{i}():\n    return {i}" for i in range(12))
    parts = slides.chunks(source)
    assert len(parts) > 1 and all(len(part.splitlines()) <= slides.CODE_LINES for part in parts)
    assert "\n\n".join(parts) == source
    listed = "\n".join(f"- {'word ' * 30}{i}." for i in range(12))
    found = slides.pieces(listed, "list")
    assert len(found) > 1 and "\n".join(found) == listed


def test_sentences_end_where_a_reader_ends_them():
    text = 'Sun et al. (2020) do it, e.g. for M. Irani. So it "ends." Then $x$ is 0.5 here. **Next.** Last'
    assert outline.sentences(text) == [
        "Sun et al. (2020) do it, e.g. for M. Irani.",
        'So it "ends."',
        "Then $x$ is 0.5 here.",
        "**Next.**",
        "Last",
    ]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_makes_a_talk(path):
    found = slides.Deck(outline.read(path)).slides
    assert 20 < len(found) < 140
    for slide in found:
        assert slide.shown and all(slide.shown), slide.heading
        assert slide.lines <= slides.LINES + 1, f"too much text: {slide.heading}"
    questions = [slide for slide in found if slide.kind == "question"]
    assert questions and all("what students usually say" in " ".join(slide.notes) for slide in questions)
