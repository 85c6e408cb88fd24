"""Which lesson builds on which, from the lessons' headers: docs/lessons.png.

python -m teaching.graph      draw the figure again, and print its alternative text
"""

import re
import textwrap

from teaching import outline

FIGURE = outline.ROOT / "docs" / "lessons.png"
COLUMN, ROW = 1.95, 1.1  # units of a Diagram, 90 screen pixels each
FIRST = {"00": 5, "03": 0, "12": 2, "18": 3}  # the first lesson of a part: its colour


def edges(needed):
    """The arrows that are drawn, (from, to), of {lesson: those it needs}: no longer path implies them."""
    before = {}  # all that lies behind a lesson; lessons need earlier ones only
    for lesson in sorted(needed):
        before[lesson] = set(needed[lesson]).union(*(before[other] for other in needed[lesson]))
    return [
        (other, lesson)
        for lesson in sorted(needed)
        for other in sorted(needed[lesson])
        if not any(other in before[third] for third in needed[lesson])
    ]


def course():
    """{lesson: needs} of all lessons, {lesson: short title}."""
    needs, names = {}, {}
    for path in outline.lessons():
        notebook = outline.read(path)
        needs[path.stem[:2]] = outline.needs(notebook)
        whole = outline.title(notebook).partition(" · ")[2]
        names[path.stem[:2]] = re.split(":|,| to the ", whole)[0]
    return needs, names


def description(needs):
    """The figure in words, its alternative text."""
    arrows = edges({lesson: need.needed for lesson, need in needs.items()})
    parts = [
        f"{start} to {', '.join(end for begin, end in arrows if begin == start)}"
        for start in sorted({begin for begin, _ in arrows})
    ]
    helping = [f"{other} helps with {lesson}" for lesson, need in needs.items() for other in need.helpful]
    return f"Arrows from lessons to those that build on them: {'; '.join(parts)}. {'; '.join(helping)}."


def blocked(start, end, taken):
    """Whether a box of `taken` stands between two places, near the straight line."""
    slope = (end[1] - start[1]) / (end[0] - start[0])
    return any(
        start[0] < column < end[0] and abs(start[1] + slope * (column - start[0]) - row) < 0.5
        for column, row in taken
    )


def places(needs):
    """{lesson: (column, row)}: right of all that it needs, near the middle of those, no arrow blocked."""
    found, taken = {}, set()
    drawn = edges({lesson: need.needed for lesson, need in needs.items()})
    for lesson in sorted(needs):
        behind = [found[other] for other in needs[lesson].needed]
        starts = [found[start] for start, end in drawn if end == lesson]
        column = max((place[0] + 1 for place in behind), default=0)
        wish = sum(row for _, row in behind) / len(behind) if behind else 0
        free = [
            row
            for row in range(-5, 6)
            if (column, row) not in taken
            and not any(blocked(start, (column, row), taken) for start in starts)
        ]
        row = min(free, key=lambda row: (abs(row - wish), row))
        taken.add((column, row))
        found[lesson] = (column, row)
    return found


def draw():
    """Draw the figure into docs/lessons.png, with its description in the file."""
    from dil_course.figures import Diagram
    from dil_course.figures.static import DPI

    needs, names = course()
    spots = places(needs)
    low, high = (pick(row for _, row in spots.values()) for pick in (min, max))
    diagram = Diagram(COLUMN * (1 + max(column for column, _ in spots.values())), ROW * (high - low + 1))
    boxes = {}
    for lesson, (column, row) in spots.items():
        words = "\n".join(textwrap.wrap(f"{lesson} {names[lesson]}", 17))
        colour = FIRST[max(first for first in FIRST if first <= lesson)]
        boxes[lesson] = diagram.box(
            COLUMN * column + 0.1, ROW * (high - row) + 0.12, COLUMN - 0.55, ROW - 0.24, words, colour
        )
    for start, end in edges({lesson: need.needed for lesson, need in needs.items()}):
        below = spots[end][0] > spots[start][0] + 1 and spots[end][1] > spots[start][1]  # under those between
        diagram.arrow(boxes[start].bottom if below else boxes[start].right, boxes[end].left)
    text = description(needs)
    diagram.figure.savefig(FIGURE, dpi=DPI, transparent=True, metadata={"Description": text})
    return text


if __name__ == "__main__":
    print(draw())
