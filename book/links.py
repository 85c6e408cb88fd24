"""Links that only the book has: from words to the glossary and back, and from lessons to what was measured.

The notebooks and the glossary are left as they are; the links are made when the pages are written.
"""

import re

from docutils import nodes

GLOSSARY = "docs/glossary"
MEASURED = "benchmarks/RESULTS"


def words_of(row):
    """What a row of the glossary explains: its term in all forms that a lesson may use, as one pattern."""
    forms = re.split(r", ", row[0].astext())
    forms = [form.replace(" ", "[ -]") for form in forms if re.fullmatch(r"[A-Za-z0-9' -]{3,}", form)]
    return re.compile(rf"\b(?:{'|'.join(forms)})\b", re.IGNORECASE) if forms else None


def rows(app):
    """The rows of the glossary as (identifier, pattern, the lessons' documents, row)."""
    for row in app.env.get_doctree(GLOSSARY).findall(nodes.row):
        pattern = words_of(row)
        lessons = re.findall(r"notebooks/(\w+)", str(row[-1]))
        if pattern and lessons:
            yield nodes.make_id(row[0].astext()), pattern, [f"notebooks/{name}" for name in lessons]


def definition(document, pattern):
    """The text in which the lesson defines a word: the first in bold type, or else the first of all.

    The lesson's head, its headings and its summary are left out.
    """
    texts = []
    for section in document.findall(lambda node: isinstance(node, nodes.section) and node.parent.parent):
        if "summary" in section["names"]:
            continue
        for paragraph in section.findall(nodes.paragraph):
            texts += [
                text
                for text in paragraph.findall(nodes.Text)
                if isinstance(text.parent, nodes.paragraph | nodes.strong | nodes.emphasis)
                and pattern.search(text)
            ]
    texts.sort(key=lambda text: not isinstance(text.parent, nodes.strong))  # stable
    return texts[0] if texts else None


def section_of(text):
    while not isinstance(text, nodes.section):
        text = text.parent
    return text["ids"][0]


def link_words(app, document, name):
    """In a lesson: each word of the glossary that it introduces, once."""
    for identifier, pattern, lessons in rows(app):
        text = definition(document, pattern) if name in lessons else None
        if text is not None:
            found = pattern.search(text)
            address = f"{app.builder.get_relative_uri(name, GLOSSARY)}#{identifier}"
            link = nodes.reference("", found[0], refuri=address, internal=True, classes=["glossary"])
            parts = [nodes.Text(text[: found.start()]), link, nodes.Text(text[found.end() :])]
            text.parent.replace(text, [part for part in parts if part.astext()])


def link_sections(app, document):
    """In the glossary: each lesson's link leads to the section that introduces the word."""
    known = {identifier: (pattern, lessons) for identifier, pattern, lessons in rows(app)}
    for row in document.findall(nodes.row):
        identifier = nodes.make_id(row[0].astext())
        if identifier in known:
            row["ids"].append(identifier)
            pattern, lessons = known[identifier]
            for link in row[-1].findall(nodes.reference):
                lesson = next(name for name in lessons if name in link["refuri"])
                text = definition(app.env.get_doctree(lesson), pattern)
                if text is not None:
                    link["refuri"] = f"{link['refuri'].partition('#')[0]}#{section_of(text)}"


def link_measurements(app, document, name):
    """In a lesson: `benchmarks/RESULTS.md` leads to the page of the lesson."""
    page = f"benchmarks/results/{name.removeprefix('notebooks/')[:2]}"
    page = page if page in app.env.found_docs else MEASURED
    for literal in list(document.findall(nodes.literal)):
        if literal.astext() == f"{MEASURED}.md" and page in app.env.found_docs:
            link = nodes.reference("", "", refuri=app.builder.get_relative_uri(name, page), internal=True)
            literal.replace_self(link)
            link += literal


def link(app, document, name):
    if name.startswith("notebooks/"):
        link_measurements(app, document, name)
        if GLOSSARY in app.env.found_docs:
            link_words(app, document, name)
    elif name == GLOSSARY:
        link_sections(app, document)


def setup(app):
    app.connect("doctree-resolved", link)
