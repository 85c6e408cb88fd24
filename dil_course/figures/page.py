"""Figures that a reader moves on the page itself, without a kernel: what film and swipe share."""

import base64
import functools
import hashlib
import html
import io
import json
from pathlib import Path

from PIL import Image

from dil_course.figures.static import talk

LIMIT = 400_000  # bytes of HTML; a notebook has two or three of them, and may have 1.5 MB


def jpeg(array, quality):
    """An 8-bit array (H,W) or (H,W,3) as JPEG in base64, with the colours of every pixel kept."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


@functools.cache
def text(name):
    """A file that lies beside this one."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


class Page:
    """A figure of HTML, which its script builds from data.

    The names in the data never become HTML: the script sets them as text. Where a page takes scripts out, as
    JupyterLab does in a notebook that it does not trust, and GitHub everywhere, a sentence is left. The
    script finds its place by a digest of all it shows, so that the same figure gives the same bytes, and
    several figures share a page.

    Args:
        kind: "film" or "swipe".
        data: what KIND.js shows; JSON.
        alt: what the figure shows, in a sentence.
    """

    def __init__(self, kind, data, alt):
        self.sentence = f"A {kind} with a slider stands here once the notebook is trusted or run."
        # In a script, "<" would end it, or begin a comment.
        shown = json.dumps(data | {"alt": alt}).replace("<", "\\u003c")
        script = "\n".join(
            [f"const css = {json.dumps(text('page.css'))};", text("page.js"), text(f"{kind}.js")]
        )
        digest = hashlib.sha256((script + shown).encode()).hexdigest()[:16]
        self.html = (
            f'<div class="dil-page dil-{kind}" role="group" aria-label="{html.escape(alt)}" '
            f'data-figure="{digest}"><p>{self.sentence}</p></div>\n'
            f"<script>(() => {{\n{script}\n"
            f"for (const root of document.querySelectorAll('[data-figure=\"{digest}\"]')) {{\n"
            "if (root.querySelector('style')) continue; // built already: the same figure twice on a page\n"
            f"root.replaceChildren(make('style', {{}}, css));\nroot.style.fontSize = '{talk():g}em';\n"
            f"build(root, {shown});\nkeepKeys(root);\n}}\n}})();</script>"
        )

    def _repr_html_(self):
        return self.html

    def __repr__(self):
        return self.sentence


def small_page(kind, data_of, qualities, alt, fix):
    """The page of the best quality that is small enough.

    Args:
        data_of: function that gives the page's data with JPEGs of a quality.
        qualities: best first.
        fix: what to do where none is small enough.

    Raises:
        ValueError: none is.
    """
    for quality in qualities:
        page = Page(kind, data_of(quality), alt)
        size = len(page.html.encode())
        if size <= LIMIT:
            return page
    raise ValueError(
        f"{kind}: {size / 1000:.0f} kB even at JPEG quality {quality}, the limit is {LIMIT // 1000} kB: {fix}"
    )


def show_page(page):
    """Display a page, which a script shows as its sentence."""
    from IPython.display import display  # Here, so that scripts can import this file without jupyter.

    display(page)
