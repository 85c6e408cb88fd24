"""Make docs/references.md from the lists of papers that end the lessons: `python docs/references.py`."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "references.md"
HEAD = """# References

Every paper that a lesson names, by its first author, with what the lessons use it for.
It is made from the lists that end the lessons by `python docs/references.py`, so correct an entry there.

"""
# Where a lesson gives no link: title, address.
LINKS = {
    "Generating Natural Images with Direct Patch Distributions Matching": "https://arxiv.org/abs/2203.11862",
    "Guided Image Filtering": "https://doi.org/10.1007/978-3-642-15549-9_1",
    "Improved Techniques for Training Single-Image GANs": "https://arxiv.org/abs/2003.11512",
    "Improving Resolution by Image Registration": "https://doi.org/10.1016/1049-9652(91)90045-L",
    "InGAN": "https://arxiv.org/abs/1812.00231",
    "Rethinking Deep Image Prior for Denoising": "https://arxiv.org/abs/2108.12841",
    "SinDiffusion": "https://arxiv.org/abs/2211.12445",
    "Sparse MRI": "https://doi.org/10.1002/mrm.21391",
}
# authors, a title in italics that may be a link, where it appeared and when, and what the lesson says of it
PAPER = re.compile(r"(.+?), (\[?\*(.+?)\*\]?(?:\(\S+\))?)(.*?\b(?:19|20)\d\d)\b[:,.;]? ?(.*)")


def entries(lesson):
    """The papers of the lesson's list with what it says of them, each on one line."""
    text = re.sub(r"^# ?", "", lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.search(r"\*\*Papers\.?\*\*\n*(.*?)(?:\n\n|\n\*\*|\Z)", text, re.DOTALL)[1].strip()
    text = re.sub(r"\n  +", " ", text)  # an item that goes on
    return [entry for line in text.split("\n") for entry in apart(re.sub(r"^- ", "", line).strip())]


def apart(line):
    """The papers of one line, each after the year of the one before; the words at the end hold for all."""
    several = re.split(r"(?:(?<=\b\d{4}), and|(?<=\b\d{4});|(?<=\w\w)\.) (?=[^:.]*[A-Z]\. [^:*]*\*|\[)", line)
    for i in range(1, len(several)):
        if several[i].startswith("["):  # by the same authors
            several[i] = several[i - 1].partition(", [")[0] + ", " + several[i]
    said = PAPER.fullmatch(several[-1])[5]
    return [paper if PAPER.fullmatch(paper)[5] else f"{paper}: {said}" for paper in several]


def papers():
    """{title in small letters: [authors, title with its link, venue and year, [(lesson, sentence)]]}."""
    found = {}
    for lesson in sorted((ROOT / "sources" / "lessons").glob("[0-9]*.py")):
        for entry in entries(lesson):
            authors, linked, title, venue, sentence = PAPER.fullmatch(entry).groups()
            linked = f"[*{title}*]({LINKS[title]})" if title in LINKS else linked
            key = re.sub(r"[^a-z0-9]", "", title.lower())
            key = next((known for known in found if known.startswith(key) or key.startswith(known)), key)
            paper = found.setdefault(key, [authors, linked, venue, []])
            # The fullest form of what several lessons name.
            paper[:3] = [max(pair, key=len) for pair in zip(paper[:3], (authors, linked, venue), strict=True)]
            paper[3].append((lesson.stem, sentence.rstrip(".")))
    return found


def surname(authors):
    return re.split(r",| and ", authors)[0].split()[-1].lower()


def page():
    lines = []
    for authors, title, venue, uses in sorted(papers().values(), key=lambda paper: surname(paper[0])):
        said = "; ".join(f"[lesson {name[:2]}](../notebooks/{name}.ipynb): {text}" for name, text in uses)
        lines.append(f"- {authors}, {title}{venue}. {said.replace('lesson', 'Lesson', 1)}.\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
