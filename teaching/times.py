"""Minutes of every section of every lesson: docs/times.md.

    python -m teaching.times                   write the table again
    python -m teaching.times --measure 03 08   first measure what these lessons compute (none named: all)

Three numbers a section. Computing: processor seconds of its cells, measured by --measure on one thread, which do
not depend on what else the machine does. Studying: reading its text and code, predicting, and computing. Lecturing:
what its slides are planned for (teaching/slides.py).
"""

import argparse
import csv
import os
import sys

import nbformat

from teaching import outline

SECONDS = outline.ROOT / "docs" / "times.csv"


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
        kernel = psutil.Process(client.km.provisioner.process.pid)
        return sum(kernel.cpu_times()[:2])

    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel():
        for section in outline.sections(notebook):
            before = used()
            for number in section.cells:
                client.execute_cell(notebook.cells[number], number)
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


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs="*", metavar="NN", help="run these lessons first")
    asked = parser.parse_args(arguments).measure
    if asked is not None:
        for path in outline.lessons():
            if not asked or path.stem[:2] in asked:
                seconds = measure(path)
                store(path.stem[:2], seconds)
                print(f"{path.stem}: {sum(seconds.values()):.0f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
