"""Put the tables of benchmarks/results/*.csv into the pages that show them: `python benchmarks/pages.py`.

A page marks the place of a table by `<!-- table: NAME.csv; device; date -->`. The script writes below that
line the table, and a line with a link to the file, the device and the date. In the file, the columns
"c, least" and "c, most" behind a column "c" are its range, shown as "c (least to most)"; the column
"bold" names the columns whose value is in bold type, divided by semicolons.
"""

import csv
import pathlib
import re

RESULTS = pathlib.Path(__file__).parent / "results"
# The marker, and the table and the line about it, as an earlier call left them.
MARKER = re.compile(r"(<!-- table: (\S+\.csv); (.+) -->\n)(?:\|.*\n)*(?:\n\[Rows\].*\n)?")


def show_row(columns, row):
    """The cells of one row of the table, from `columns`, the header of the file, and `row`, its cells."""
    bold = row[columns.index("bold")].split("; ") if "bold" in columns else []
    cells = []
    for column, value in zip(columns, row, strict=True):
        if column == "bold":
            continue
        if column.endswith(", least"):
            cells[-1] += f" ({value} to " if value else ""
        elif column.endswith(", most"):
            cells[-1] += f"{value})" if value else ""
        else:
            cells.append(f"**{value}**" if column in bold else value)
    return cells


def table(text):
    """The Markdown table of `text`, the content of a CSV file."""
    columns, *rows = csv.reader(text.splitlines())
    names = [column for column in columns if column != "bold" and not column.endswith((", least", ", most"))]
    lines = [names, ["---"] * len(names), *(show_row(columns, row) for row in rows)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def with_tables(page, read):
    """The text of `page` with each table made anew; `read(name)` gives the content of a CSV file."""

    def put(match):
        marker, name, measured = match.groups()
        return f"{marker}{table(read(name))}\n[Rows]({name}). {measured}.\n"

    return MARKER.sub(put, page)


def read_rows(name):
    return (RESULTS / name).read_text(encoding="utf-8")


def main():
    for path in sorted(RESULTS.glob("*.md")):
        path.write_text(with_tables(path.read_text(encoding="utf-8"), read_rows), encoding="utf-8")


if __name__ == "__main__":
    main()
