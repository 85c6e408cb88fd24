"""How the web book is made from the notebooks, docs/ and README.md where they lie: `make book`.

Sphinx's source folder is the repository. Nothing is run: the pages show the outputs that the notebooks store.
"""

import json
import os
import pathlib
import sys
import tomllib

import yaml
from docutils import nodes
from sphinx import addnodes

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book"))  # where links.py lies
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
GITHUB = "https://github.com/"
# "owner/name" on GitHub, or nothing: then there are no launch buttons, and links to files outside the book
# are plain text.
REPOSITORY = os.environ.get("DIL_REPOSITORY", CITATION.get("repository-code", "").removeprefix(GITHUB))

project = "Deep internal learning"
author = ", ".join(person["name"] for person in CITATION["authors"])
copyright = author
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx-mathjax-offline", "links"]
root_doc = "README"
PARTS = {
    "Start": ["notebooks/00_*.ipynb", "notebooks/playground.ipynb"],
    "Foundations": ["notebooks/0[12]_*.ipynb"],
    "Learn from one input": ["notebooks/0[3-9]_*.ipynb", "notebooks/1[01]_*.ipynb"],
    "Adapt a trained network": ["notebooks/1[2-7]_*.ipynb"],
    "End": ["notebooks/18_*.ipynb"],
    "Problem sets": ["exercises/*/*.ipynb"],
    "What was measured": ["benchmarks/RESULTS.md", "benchmarks/results/*.md"],
    "Around the course": ["docs/*.md"],
}
include_patterns = ["README.md", *sum(PARTS.values(), [])]
exclude_patterns = [".*", "**/.ipynb_checkpoints"]

nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
highlight_language = "none"  # shell commands and trees are no Python; cells name their language

html_theme = "sphinx_book_theme"
html_title = project
html_context = {"default_mode": "auto"}
html_extra_path = ["extra"]
html_static_path = ["static"]
html_css_files = ["book.css"]
html_favicon = "static/favicon.svg"
html_show_sourcelink = False
# The search stands in the sidebar; the theme would repeat it in a bar above.
html_theme_options = {"use_download_button": True, "home_page_in_toc": True, "navbar_persistent": []}
if REPOSITORY:
    html_theme_options |= {
        "repository_url": GITHUB + REPOSITORY,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


def add_contents(app, document, source):
    """The front page is README.md, which GitHub shows too, so the table of contents is added here."""
    if document != root_doc:
        return
    for part, patterns in PARTS.items():
        pages = [
            path.relative_to(ROOT).as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))
        ]
        if pages:  # a part may be still to come
            source[0] += "\n```{toctree}\n" + f":hidden:\n:caption: {part}\n\n" + "\n".join(pages) + "\n```\n"


def link_files_of_the_repository(app, document):
    """Links to files that are no page of the book lead to the repository."""
    folder = os.path.dirname(app.env.docname)
    links = [
        (link, os.path.normpath(os.path.join(folder, link["reftarget"])))
        for link in document.findall(addnodes.download_reference)
    ]
    links += [  # a text or a notebook, which could be a page
        (link, f"{link['reftarget']}{kind}")
        for link in document.findall(addnodes.pending_xref)
        if link.get("refdomain") == "doc" and link["reftarget"] not in app.env.found_docs
        for kind in (".md", ".ipynb")
        if (ROOT / f"{link['reftarget']}{kind}").is_file()
    ]
    for link, path in links:
        if REPOSITORY:
            link.replace_self(
                nodes.reference("", link.astext(), refuri=f"{GITHUB}{REPOSITORY}/blob/main/{path}")
            )
        else:
            link.replace_self(nodes.inline("", link.astext()))


def describe_figures(app, document):
    """Each figure takes the alternative text that the notebook stores with it, which MyST-NB leaves out."""
    path = pathlib.Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [
        output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})
    ]
    figures = [
        figure
        for place in document.findall(nodes.container)
        if "cell_output" in place["classes"]
        for figure in place.findall(nodes.image)
    ]
    for figure, text in zip(figures, texts, strict=True):
        figure["alt"] = text


def setup(app):
    app.connect("source-read", add_contents)
    # Before Sphinx collects the files that links ask it to copy.
    app.connect("doctree-read", link_files_of_the_repository, priority=400)
    app.connect("doctree-read", describe_figures)
