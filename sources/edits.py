"""What somebody typed into a built notebook: found before a build overwrites it, or carried into the source.

A cell's id is the digest of the text that it was built with, and editors keep ids, so that a cell by itself
tells whether it was edited. In an exercise, from which nbgrader took the solutions, its checksums tell.
Cells that were only deleted or moved are not found: nothing that was typed is lost with them.
"""

import hashlib
import re
from collections import Counter

import jupytext
import nbformat
from nbgrader.utils import compute_checksum

BUILT = re.compile(r"[0-9a-f]{12}(-\d+)?")  # editors give new cells ids of other lengths


def digest(cell):
    """The id of a cell with this text: 12 hexadecimal digits."""
    return hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]


def was_edited(cell):
    checksum = cell.metadata.get("nbgrader", {}).get("checksum")
    if checksum:
        return compute_checksum(cell) != checksum
    return not cell.get("id", "").startswith(digest(cell))


def typed(old, new):
    """Numbers, from 1, of the cells of the notebook `old` with text that neither a build nor `new` wrote."""
    kept = {(cell.cell_type, cell.source) for cell in new.cells}
    return [
        number
        for number, cell in enumerate(old.cells, 1)
        if cell.source.strip() and was_edited(cell) and (cell.cell_type, cell.source) not in kept
    ]


def protect(path, new):
    """Refuse to overwrite what somebody typed.

    Args:
        path: of the notebook that is about to be written; it need not exist yet.
        new: what will be written there. A text that it holds as well is not lost.

    Raises:
        ValueError: the notebook at `path` holds a text that the build did not write, or cannot be read.
    """
    if not path.exists():
        return
    try:
        old = nbformat.read(path, as_version=4)
    except ValueError as problem:
        raise ValueError(
            f"{path.parent.name}/{path.name} cannot be read (a merge conflict?), so that what somebody typed "
            "into it might be lost: nothing is written. Move or delete the file, then build again"
        ) from problem
    if lost := typed(old, new):
        raise ValueError(
            f"{path.parent.name}/{path.name} was edited in cell {', '.join(map(str, lost))}, and a build "
            "would overwrite the edits: nothing is written. To build anew, move or delete the file. To put "
            "the edits of a lesson or a solution into its source: make sources "
            f"LESSONS={path.stem.split('_')[0]}"
        )


def carry(source, path):
    """Write the texts, order and tags of a notebook's cells into its source, which keeps nbgrader's metadata.

    Args:
        source: path of the py:percent text.
        path: of the notebook that was built from it and edited.

    Raises:
        ValueError: the source was changed since the notebook was built, or cells were deleted; or a cell
            holds a pasted picture, for which text has no place.
    """
    text, notebook = jupytext.read(source, fmt="py:percent"), nbformat.read(path, as_version=4)
    known = dict(zip(ids(text.cells), text.cells, strict=True))
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    built = {cell.id for cell in cells if BUILT.fullmatch(cell.id)}
    if built != set(known):
        if not typed(notebook, text):
            return  # the text is newer
        only = [
            f"{len(known.keys() - built)} only in the text",
            f"{len(built - known.keys())} only in the notebook",
        ]
        raise ValueError(
            f"{path.name} was edited, but not built from the text that {source.name} has now: of the built "
            f"cells, {' and '.join(only)}. Nothing is written: put the edits into the text by hand (a cell "
            "that is to go is deleted in the text)"
        )
    if any(cell.get("attachments") for cell in cells):
        raise ValueError(f"{path.name} holds a pasted picture, which text cannot: link a file in its place")
    text.cells = [with_text(known.get(cell.id), cell) for cell in cells]
    text.metadata["jupytext"] = {
        "notebook_metadata_filter": "kernelspec,-all",
        "cell_metadata_filter": "tags,nbgrader,-all",
    }
    source.write_text(jupytext.writes(text, fmt="py:percent"), encoding="utf-8", newline="\n")


def ids(cells):
    """An id for each cell, depending on nothing but the texts."""
    seen = Counter()
    for cell in cells:
        name = digest(cell)
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def with_text(cell, edited):
    """The cell of a source with the text and tags of its edited form; a new one where it has none."""
    make = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }[edited.cell_type]
    metadata = dict(cell.metadata) if cell else {}
    metadata.pop("tags", None)
    if edited.metadata.get("tags"):
        metadata["tags"] = edited.metadata["tags"]
    return make(edited.source, metadata=metadata)
