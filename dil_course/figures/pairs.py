"""What goes into a method and what its output is compared with, as two small grids of pixels for each."""

from matplotlib.patches import Rectangle

from dil_course.figures.images import GAP, place_axes
from dil_course.figures.static import COLOURS, check_kind, figure_of, points, show_figure
from dil_course.signals.validation import check_integer, describe

CELL = 20  # screen pixels of one pixel
TITLE, LABEL, LINE = 26, 20, 22  # screen pixels of a title, of the words above a grid, of a line of the key


def pairs_figure(pairs, kinds, columns=3):
    """The Figure that `show_pairs` shows, with the same arguments."""
    columns = check_integer(columns, "columns", 1, 100)
    grids = checked(pairs, kinds)
    side = CELL * max(len(rows) for pair in grids.values() for rows in pair)
    width, height = 2 * side + 4 * GAP, TITLE + LABEL + side + 2 * GAP
    lines = -(-len(grids) // columns)
    bottom = GAP + lines * height
    figure = figure_of(GAP + columns * width, bottom + LINE * len(kinds) + GAP)
    for place, (title, pair) in enumerate(grids.items()):
        left, top = GAP + place % columns * width, GAP + place // columns * height
        axes = place_axes(figure, left, top, 2 * side + GAP, TITLE)
        axes.text(0, 0.5, title, va="center", weight="bold", fontsize=points(10))
        for number, (rows, label) in enumerate(zip(pair, ("in", "judged"), strict=True)):
            axes = place_axes(figure, left + number * (side + GAP), top + TITLE, side, LABEL)
            axes.text(0, 0.5, label, va="center", fontsize=points(9))
            draw_cells(
                place_axes(figure, left + number * (side + GAP), top + TITLE + LABEL, side, side), rows, kinds
            )
    for number, (letter, (meaning, _)) in enumerate(kinds.items()):
        top = bottom + number * LINE
        draw_cells(place_axes(figure, GAP, top, CELL, CELL), [letter], kinds)
        axes = place_axes(figure, 2 * GAP + CELL, top, columns * width - CELL - 3 * GAP, CELL)
        axes.text(0, 0.5, meaning, va="center", fontsize=points(9))
    return figure


def checked(pairs, kinds):
    """{title: rows of both grids}, refused where a letter has no meaning (TypeError, ValueError)."""
    check_kind(pairs, dict, "pairs")
    check_kind(kinds, dict, "kinds")
    if not pairs:
        raise ValueError("pairs: there are none to show")
    for letter, kind in kinds.items():
        if not isinstance(kind, tuple | list) or len(kind) != 2:
            raise TypeError(f"kinds, {letter!r}: expected (meaning, colour number), got {describe(kind)}")
        check_kind(letter, str, "kinds, a letter")
        check_kind(kind[0], str, f"kinds, {letter!r}")
        if kind[1] is not None:
            check_integer(kind[1], f"kinds, {letter!r}", 0, 5)
    for title, pair in pairs.items():
        check_kind(title, str, "pairs, a title")
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"pairs, {title!r}: expected two grids, got {describe(pair)}")
    return {title: [check_rows(grid, title, kinds) for grid in pair] for title, pair in pairs.items()}


def check_rows(grid, title, kinds):
    """A grid's rows of letters."""
    check_kind(grid, str, f"pairs, {title!r}")
    rows = grid.split()
    if not rows or {len(row) for row in rows} != {len(rows)}:
        raise ValueError(f"pairs, {title!r}: expected as many rows as letters in each, got {grid!r:.60}")
    if unknown := sorted(set("".join(rows)) - set(kinds)):
        raise ValueError(
            f"pairs, {title!r}: expected the letters {', '.join(kinds)}, got {', '.join(unknown)}"
        )
    return rows


def draw_cells(axes, rows, kinds):
    """One grid: a square in the colour of its letter for each pixel, with the letter in it."""
    axes.set(xlim=(0, max(map(len, rows))), ylim=(len(rows), 0))
    for row, letters in enumerate(rows):
        for column, letter in enumerate(letters):
            number = kinds[letter][1]
            fill, alpha = ("white", 1) if number is None else (COLOURS[number], 0.35)
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=fill, alpha=alpha))
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="gray", linewidth=0.8))
            axes.text(column + 0.5, row + 0.52, letter, ha="center", va="center", fontsize=points(8))


def show_pairs(pairs, kinds, alt, columns=3):
    """Show for each method the pixels that go in, and those that its output is compared with.

    Args:
        pairs: {title: (in, judged)}, each a square grid: rows of letters, separated by blanks, "yyy yxy yyy".
        kinds: {letter: (meaning, colour number 0 to 5, or None for white)}, for the key below.
        alt: what the figure shows, in a sentence.
        columns: methods in a row.

    Raises:
        TypeError, ValueError: no pairs, no square grids, or a letter without a meaning.
    """
    show_figure(pairs_figure(pairs, kinds, columns), alt)
