"""Minutes of every section of every lesson: docs/times.md.

python -m teaching.times                   write the tables again
python -m teaching.times --measure 03 08   first measure what these lessons compute (none named: all)
"""

import argparse
import csv
import os

from teaching import outline, slides

SECONDS = outline.ROOT / "docs" / "times.csv"
PAGE = outline.ROOT / "docs" / "times.md"
WORDS, LINES, PREDICTION = 120, 15, 2  # words of text and lines of code a minute, minutes a prediction
ABOUT = f"""# Minutes of every section

For lecturers who plan an hour. This page is made by `python -m teaching.times` from the notebooks.

- **Computing** is measured: processor seconds of the section's cells in the quick profile, on one thread
  (`--measure`, which stores them in `times.csv`). On a machine with nothing else to do, the clock shows about
  as much. A dash means that the lesson has not been measured by section yet; its header says how long it
  computes.
- **Studying** is computed, not measured: {WORDS} words of text and {LINES} lines of code a minute,
  {PREDICTION} minutes for each prediction, and the computing. Doing the exercises does not count.
- **Lecturing** is planned: the sum of what the section's slides ask for, which the speaker's view shows
  (`make slides`). A live run instead of its figure takes its computing more.
"""


def measured():
    """{(lesson, section): processor seconds}, as stored."""
    with SECONDS.open(encoding="utf-8", newline="") as file:
        return {(row["lesson"], row["section"]): float(row["seconds"]) for row in csv.DictReader(file)}


def measure(path):
    """Run a lesson in a kernel of one thread and say what its sections computed: {section: seconds}."""
    import psutil
    from nbclient import NotebookClient

    os.environ |= {"OMP_NUM_THREADS": "1", "DIL_PROFILE": "quick"}
    notebook = outline.read(path)
    seconds = {}

    def used():
        return sum(psutil.Process(client.km.provisioner.process.pid).cpu_times()[:2])

    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel():
        for section in outline.sections(notebook):
            before = used()
            for cell in section.cells:
                client.execute_cell(cell, notebook.cells.index(cell))
            seconds[section.title] = used() - before
    return seconds


def store(lesson, seconds):
    """Put these seconds in the place of those that were stored of the lesson."""
    rows = {key: value for key, value in measured().items() if key[0] != lesson}
    rows |= {(lesson, section): value for section, value in seconds.items()}
    with SECONDS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["lesson", "section", "seconds"])
        for (name, section), value in sorted(rows.items(), key=lambda row: row[0][0]):
            writer.writerow([name, section, f"{value:.1f}"])


def minutes(section):
    """Minutes of reading a section and predicting in it, without its computing."""
    words = sum(len(block.text.split()) for block in section.blocks if not block.text.startswith("Solution"))
    lines = sum(len(cell.source.splitlines()) for cell in section.cells)
    predictions = sum(block.kind == "question" for block in section.blocks)
    return words / WORDS + lines / LINES + PREDICTION * predictions


def table(lesson, notebook, seconds):
    """The table of a lesson, in markdown; `seconds` as `measured` gives them."""
    deck = slides.Deck(notebook).slides
    rows = []
    for section in outline.sections(notebook):
        planned = [slides.SECONDS[slide.kind] for slide in deck if slide.section == section.title]
        computed = seconds.get((lesson, section.title))
        if not section.cells and not planned:
            continue  # a heading over several sections
        rows.append(
            (
                section.title,
                computed,
                minutes(section) + (computed or 0) / 60,
                len(planned),
                sum(planned) / 60,
            )
        )
    known = None not in [computed for _, computed, *_ in rows]
    sums = [sum(column) for column in list(zip(*rows, strict=True))[2:]]
    rows.append(("**all**", sum(computed for _, computed, *_ in rows) if known else None, *sums))
    head = "| section | computing, s | studying, min | slides | lecturing, min |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for name, computed, study, count, lecture in rows:
        shown = "–" if computed is None else f"{computed:.0f}"
        lines.append(f"| {name} | {shown} | {study:.0f} | {count} | {lecture:.0f} |")
    return f"## {outline.title(notebook)}\n\n" + "\n".join(lines) + "\n"


def page():
    """The text of docs/times.md."""
    seconds = measured()
    tables = [table(path.stem[:2], outline.read(path), seconds) for path in outline.lessons()]
    return "\n".join([ABOUT, *tables])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs="*", metavar="NN", help="run these lessons first")
    asked = parser.parse_args(arguments).measure
    for path in outline.lessons() if asked is not None else []:
        if not asked or path.stem[:2] in asked:
            seconds = measure(path)
            store(path.stem[:2], seconds)
            print(f"{path.stem}: {sum(seconds.values()):.0f} s of processor time", flush=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
