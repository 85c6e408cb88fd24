"""Slides: what the rule shows of a lesson, and, in a real browser, that nothing is clipped and all of it is
readable from the last row.

Screenshots are kept in artifacts/, which git ignores.
"""

import json
import os
import re

import nbformat.v4 as v4
import pytest
from browser import ARTIFACTS, chromium, page_of  # noqa: F401  (a fixture)

from teaching import outline, slides

LESSONS = outline.lessons()
# Where a part of the slide that is shown ends beyond it, and the smallest type on it.
MEASURE = """async () => {
    const faults = [], sizes = {text: [], code: []};
    for (const slide of Reveal.getSlides()) {
        const {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v, 99);
        await new Promise(resolve => setTimeout(resolve, 0));
        const name = `${h}/${v} ${slide.querySelector("h1, h2").textContent}`;
        if (!slide.classList.contains("present")) faults.push(`${name}: is not shown`);
        if (slide.scrollWidth > 1280 || slide.scrollHeight > 720)
            faults.push(`${name}: ${slide.scrollWidth} x ${slide.scrollHeight}`);
        for (const part of slide.querySelectorAll("*")) {
            if (part.closest("aside") || !part.getClientRects().length) continue;
            const box = part.getBoundingClientRect();
            if (box.right > 1281 || box.bottom > 721 || box.left < -1 || box.top < -1)
                faults.push(`${name}: ${part.tagName} ends at ${box.right} x ${box.bottom}`);
            if (part.scrollWidth > part.clientWidth + 1 && part.tagName == "PRE")
                faults.push(`${name}: a line of ${part.scrollWidth} pixels`);
            const words = [...part.childNodes].some(node => node.nodeType == 3 && node.textContent.trim());
            if (words && !part.closest(".dil-page, mjx-container, style, script"))
                sizes[part.closest("pre, code") ? "code" : "text"].push(parseFloat(getComputedStyle(part).fontSize));
        }
        for (const image of slide.querySelectorAll(".figure img"))
            if (!image.complete || !image.naturalWidth) faults.push(`${name}: a figure is missing`);
        if (slide.querySelector("mjx-merror")) faults.push(`${name}: a formula is wrong`);
    }
    return {faults, text: Math.min(...sizes.text), code: Math.min(...sizes.code), slides: Reveal.getTotalSlides()};
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.main(["03", "08", "--to", str(folder)])
    return folder


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", os.environ.get("DIL_SLIDES", "03 08").split())
def test_from_the_last_row_every_slide_is_whole_and_readable(chromium, folder, name, scheme):  # noqa: F811
    path = next(folder.glob(f"{name}_*.html"))
    with page_of(chromium, f"slides_{name}_{scheme}", width=1280, height=720, offline=True, color_scheme=scheme) as page:
        page.goto(path.as_uri(), timeout=120_000)
        page.wait_for_function("Reveal.isReady()", timeout=120_000)
        found = page.evaluate(MEASURE)
    assert found["slides"] > 20 and not found["faults"], "\n".join(found["faults"])
    assert found["text"] >= 24 and found["code"] >= 21, found
