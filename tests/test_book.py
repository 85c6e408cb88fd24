"""The web book that `make book` makes: complete, no dead link, every figure described, readable offline, in
the dark and on a phone.

Screenshots are kept in artifacts/, which git ignores.
"""

import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import build
import pytest
from browser import ARTIFACTS, chromium, page_of  # noqa: F401  (a fixture)
from copies import copy_course, make

pytest.importorskip(
    "sphinx_book_theme", reason="the tools of the web book are not installed: pip install -e '.[book]'"
)
bs4 = pytest.importorskip("bs4", reason="beautifulsoup4 is not installed: pip install -e '.[test]'")

ADDRESS = "https://github.com/someone/something"
LESSON = "notebooks/03_deep_image_prior.html"
PUBLISHED = [
    "notebooks/03_deep_image_prior.ipynb",
    "exercises/ps03_deep_image_prior/ps03_deep_image_prior.ipynb",
]


def parse(html):
    # There lie templates of the theme.
    paths = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts]
    return {path: bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The folder of the book that `make book` makes of a repository without a public address, where the name
    of its folder has a blank and an umlaut.
    """
    course = copy_course(tmp_path_factory.mktemp("book"))
    done = make(course, "book", DIL_REPOSITORY="")
    assert done.returncode == 0, done.stderr
    return course / "book" / "_build" / "html"


@pytest.fixture(scope="module")
def pages(html):
    return parse(html)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Three pages of the book of a repository on GitHub."""
    folder = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "sphinx", "-q", "-c", "book", "-d", folder / "doctrees"]
    command += ["-D", "include_patterns=" + ",".join(["README.md", *PUBLISHED]), ".", folder / "html"]
    environment = os.environ | {"DIL_REPOSITORY": "someone/something"}
    done = subprocess.run(command, cwd=build.ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {
        path.relative_to(folder / "html").as_posix(): page for path, page in parse(folder / "html").items()
    }


def test_every_lesson_and_problem_set_is_in_the_table_of_contents(html, pages):
    contents = pages[html / "README.html"].select_one("nav.bd-links")
    listed = {link["href"] for link in contents.select("a.reference.internal")}
    notebooks = [*build.NOTEBOOKS.glob("*.ipynb"), *(build.ROOT / "exercises").glob("*/*.ipynb")]
    wanted = {path.relative_to(build.ROOT).with_suffix(".html").as_posix() for path in notebooks}
    assert len(wanted) > 20 and wanted <= listed, wanted - listed
    assert not any("solutions/" in link for link in listed), "the solutions are for afterwards"


def test_no_link_or_picture_inside_the_book_is_dead(html, pages):
    names = {
        path: {tag["id"] for tag in page.select("[id]")} | {tag["name"] for tag in page.select("a[name]")}
        for path, page in pages.items()
    }
    dead, seen = [], 0
    for path, page in pages.items():
        for tag in page.select("[href], [src]"):
            address = urllib.parse.urlsplit(tag.get("href", tag.get("src")))
            if address.scheme or address.netloc:
                continue
            seen += 1
            target = (
                pathlib.Path(os.path.normpath(path.parent / urllib.parse.unquote(address.path)))
                if address.path
                else path
            )
            fragment = urllib.parse.unquote(address.fragment)
            if not target.is_file() or (fragment and fragment not in names.get(target, ())):
                dead.append(f"{path.relative_to(html)}: {address.geturl()}")
    assert seen > 1000 and not dead, "\n".join(dead)


def test_the_first_page_leads_to_the_front_page(html, pages):
    assert (
        pages[html / "index.html"]
        .select_one("meta[http-equiv=refresh]")["content"]
        .endswith("url=README.html")
    )


def test_a_page_loads_nothing_from_elsewhere(html, pages):
    for path, page in pages.items():
        loaded = [
            tag.get("src", tag.get("href"))
            for tag in page.select("script[src], img[src], link[rel=stylesheet][href], iframe[src]")
        ]
        assert not [address for address in loaded if urllib.parse.urlsplit(address).netloc], path


def test_every_figure_of_a_lesson_is_there_with_its_alternative_text(html, pages):
    for path, page in pages.items():
        assert all(image.get("alt", "").strip() for image in page.select("img")), (
            f"a picture without alternative text: {path}"
        )
    for source in build.NOTEBOOKS.glob("[0-9]*.ipynb"):  # the playground stores no figure
        stored = re.findall(r'"alt": "(.*)"', source.read_text(encoding="utf-8"))
        shown = [
            image["alt"]
            for image in pages[html / "notebooks" / f"{source.stem}.html"].select(".cell_output img")
        ]
        assert stored and [text.replace('\\"', '"') for text in stored] == shown


def test_formulae_are_formulae(html, pages):
    lesson = pages[html / "notebooks" / "06_sure.html"]
    displayed = [formula.get_text() for formula in lesson.select("div.math")]
    assert any(r"\mathrm{SURE}(y) = \frac" in formula for formula in displayed)
    assert len(lesson.select("span.math")) > 20
    for path, page in pages.items():
        for code in page.select("pre, code, .math, script, style"):
            code.extract()
        assert "$$" not in page.get_text() and "$\\" not in page.get_text(), (
            f"a formula was left as text: {path}"
        )


def test_words_lead_to_the_glossary_and_back_and_lessons_to_what_was_measured(html, pages):
    lesson = pages[html / "notebooks" / "05_when_to_stop.html"]
    assert lesson.select_one("article a.glossary[href='../docs/glossary.html#spectral-bias']")
    assert lesson.select_one("article a[href='../benchmarks/results/05.html']")
    glossary = pages[html / "docs" / "glossary.html"]
    links = [link["href"] for link in glossary.select("article table a")]
    to_sections = [link for link in links if "#" in link]
    assert len(to_sections) > 0.8 * len(links), set(links) - set(to_sections)
    for row in glossary.select("article tbody tr"):  # each word is called from the lessons that it names
        for link in row.select("a[href*='#']"):
            called = pages[html / "notebooks" / re.search(r"[^/]+\.html", link["href"])[0]]
            assert called.select(f"a.glossary[href$='#{row['id']}']"), row.get_text()


def test_the_search_knows_a_word_of_a_lesson(html):
    index = (html / "searchindex.js").read_text(encoding="utf-8")
    documents = re.search(r'"?docnames"?:(\[.*?\])', index)[1]
    assert '"notebooks/06_sure"' in documents
    assert re.search(r'"?tikhonov"?:', index)


# The repository's address


def launches(page):
    return [link["href"] for link in page.select(".dropdown-launch-buttons a[href]")]


def test_without_a_repository_there_are_no_launch_buttons_and_no_links_to_it(html, pages):
    for path, page in pages.items():
        assert not launches(page), path
        # Links to other people's work stay.
        assert not page.select("a[href*='/blob/main/']"), path
    assert "LICENSE" in pages[html / "README.html"].get_text()


@pytest.mark.parametrize("page", [page.removesuffix(".ipynb") for page in PUBLISHED])
def test_a_notebook_of_a_repository_starts_in_binder_and_colab(published, page):
    assert launches(published[f"{page}.html"]) == [
        f"https://mybinder.org/v2/gh/someone/something/main?urlpath=lab/tree/{page}.ipynb",
        f"https://colab.research.google.com/github/someone/something/blob/main/{page}.ipynb",
    ]
    assert (build.ROOT / f"{page}.ipynb").is_file()


def test_links_to_files_outside_the_book_lead_to_the_repository(published):
    prefix = f"{ADDRESS}/blob/main/"
    linked = [link["href"] for page in published.values() for link in page.select(f"a[href^='{prefix}']")]
    assert f"{prefix}LICENSE" in linked
    missing = [address for address in linked if not (build.ROOT / address.removeprefix(prefix)).is_file()]
    assert not missing


# In a browser


@pytest.mark.browser
@pytest.mark.parametrize(
    "name, width, scheme",
    [
        ("desktop_light", 1400, "light"),
        ("desktop_dark", 1400, "dark"),
        ("phone", 390, "light"),
        ("phone_dark", 390, "dark"),
    ],
)
def test_a_lesson_is_readable_without_a_network(chromium, html, name, width, scheme):  # noqa: F811
    asked = []
    with page_of(
        chromium, f"book_{name}", width=width, height=900, color_scheme=scheme, offline=True
    ) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto((html / LESSON).as_uri(), timeout=120_000)
        page.locator("mjx-container").first.wait_for(timeout=120_000)
        page.wait_for_function("MathJax.startup.promise.then(() => true)", timeout=120_000)

        formulae = page.locator(".math").count()
        assert formulae > 10 and page.locator("mjx-container").count() == formulae
        assert page.locator("mjx-merror").count() == 0
        assert all(address.startswith(("file:", "data:")) for address in asked), asked
        for address in [
            LESSON,
            "README.html",
            "benchmarks/RESULTS.html",
            "docs/teaching.html",
            "notebooks/06_sure.html",
        ]:
            page.goto((html / address).as_uri(), timeout=120_000)
            page.wait_for_timeout(500)
            page.screenshot(path=ARTIFACTS / f"book_{name}_{pathlib.Path(address).stem}.png")
            filters = page.locator("article img").evaluate_all(
                "images => images.map(image => getComputedStyle(image).filter)"
            )
            assert set(filters) <= {"none"}, "the theme changes pictures that are to be compared"


@pytest.mark.browser
def test_no_page_is_wider_than_a_phone(chromium, html, pages):  # noqa: F811
    with page_of(chromium, "book_width", width=390, height=900, offline=True) as page:
        for address in pages.keys() - {html / "index.html"}:  # which leads on to another at once
            page.goto(address.as_uri(), timeout=120_000)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, (
                f"{address.relative_to(html)} scrolls sideways"
            )


@pytest.mark.browser
def test_the_search_finds_the_lesson_about_stein(chromium, html):  # noqa: F811
    # From a file, the browser does not let the page fetch the summaries of what it found.
    with page_of(
        chromium, "book_search", allowed=["CORS", "net::ERR_FAILED", "Failed to fetch"], offline=True
    ) as page:
        page.goto((html / "search.html").as_uri() + "?q=stein", timeout=120_000)
        results = page.locator("ul.search li a")
        results.first.wait_for(timeout=120_000)
        assert any("06_sure.html" in link.get_attribute("href") for link in results.all())


@pytest.mark.browser
def test_on_a_phone_code_keeps_its_indentation_and_the_table_its_words(chromium, html):  # noqa: F811
    with page_of(chromium, "book_phone", width=390, height=900, offline=True) as page:
        page.goto((html / LESSON).as_uri(), timeout=120_000)
        code = page.locator(".cell_input pre").all()
        assert code and all(block.evaluate("e => getComputedStyle(e).whiteSpace") == "pre" for block in code)
        page.goto((html / "README.html").as_uri(), timeout=120_000)
        cells = page.locator("#the-course td").evaluate_all("cells => cells.map(cell => cell.offsetWidth)")
        shown = [width for width in cells if width]
        assert len(shown) > 20 and min(shown) > 250, "columns of single words"
