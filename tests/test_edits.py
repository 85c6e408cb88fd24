"""What somebody typed into a notebook is never lost, neither in JupyterLab with or without jupytext nor by a
build, and a maintainer can put it into the source.
"""

import os
import shutil

import build
import edits
import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext import TextFileContentsManager
from jupytext.cli import jupytext

LESSON = "00_start_here"
SET = "ps01_inverse_problems"
ALL = [*sorted(build.SOURCES.glob("*.py")), *sorted(build.PROBLEM_SETS.glob("ps*.py"))]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A course of one lesson and one problem set, which builds without running anything."""
    folders = {"SOURCES": "sources/lessons", "PROBLEM_SETS": "sources/problem_sets", "NOTEBOOKS": "notebooks"}
    folders |= {"SOLUTIONS": "solutions", "EXERCISES": "exercises"}
    for name in (f"sources/lessons/{LESSON}.py", f"sources/problem_sets/{SET}.py"):
        copy(name, tmp_path)
    copy("jupytext.toml", tmp_path)
    copy(f"exercises/{SET}/{SET}.ipynb", tmp_path)
    for name, folder in {"ROOT": "", **folders}.items():
        monkeypatch.setattr(build, name, tmp_path / folder)
    monkeypatch.setattr(build, "execute", lambda notebook, folder: notebook)
    monkeypatch.setattr(build, "generate", lambda *arguments: None)
    build.main([])
    return tmp_path


def copy(name, folder):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(build.ROOT / name, folder / name)


def change(path, number, text):
    """Replace the text of a cell, as an editor does, which keeps the cell's id."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[number].source = text
    nbformat.write(notebook, path)


def texts(path):
    return [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]


# JupyterLab, before and after jupytext is installed


@pytest.mark.parametrize("newer", ["text", "notebook"])
@pytest.mark.parametrize("start", ["", "notebooks"])
@pytest.mark.parametrize("order", ["lab, test", "test, lab", "lab, test, lab, test", "test, test"])
def test_no_order_of_commands_loses_an_edit(order, start, newer, tree):
    """`make lab` saves without jupytext, and so does VS Code; after `make test` JupyterLab has it."""
    path, source = tree / "notebooks" / f"{LESSON}.ipynb", tree / "sources" / "lessons" / f"{LESSON}.py"
    before, typed = source.read_bytes(), []
    os.utime(source, (2e9, 2e9) if newer == "text" else (1e9, 1e9))
    name = path.relative_to(tree / start).as_posix()
    for number, command in enumerate(order.split(", ")):
        kind = {"lab": LargeFileManager, "test": TextFileContentsManager}[command]
        manager = kind(root_dir=str(tree / start))
        content = manager.get(name)["content"]
        assert content["cells"][0]["source"].endswith("".join(typed)), "JupyterLab shows another text"
        typed.append(f"\n\nEdit {number}.")
        content["cells"][0]["source"] += typed[-1]
        manager.save({"type": "notebook", "content": content}, name)
        assert texts(path)[0][1].endswith("".join(typed))
        assert source.read_bytes() == before


def test_syncing_by_hand_overwrites_nothing(tree, capsys):
    path = tree / "notebooks" / f"{LESSON}.ipynb"
    change(path, 0, "# Mine")
    before = path.read_bytes(), (tree / "sources" / "lessons" / f"{LESSON}.py").read_bytes()
    jupytext(["--sync", str(path)])
    assert (path.read_bytes(), (tree / "sources" / "lessons" / f"{LESSON}.py").read_bytes()) == before


@pytest.mark.parametrize("source", ALL, ids=lambda path: path.stem)
def test_a_text_opened_as_a_notebook_and_saved_stays_as_it_is(source, tmp_path):
    copy("jupytext.toml", tmp_path)
    path = tmp_path / source.relative_to(build.ROOT)
    path.parent.mkdir(parents=True)
    shutil.copy(source, path)
    manager = TextFileContentsManager(root_dir=str(tmp_path))
    name = path.relative_to(tmp_path).as_posix()
    model = manager.get(name, type="notebook")
    manager.save({"type": "notebook", "content": model["content"]}, name)
    assert path.read_text(encoding="utf-8") == source.read_text(encoding="utf-8")


# A build


def refuse_to_run(*arguments):
    raise AssertionError("a build that would overwrite an edit ran")


@pytest.mark.parametrize("path", [
    f"notebooks/{LESSON}.ipynb", f"solutions/{SET}/{SET}.ipynb", f"exercises/{SET}/{SET}.ipynb",
])  # fmt: skip
def test_a_build_refuses_to_overwrite_what_was_typed_before_it_runs(path, tree, monkeypatch):
    monkeypatch.setattr(build, "execute", refuse_to_run)
    for number, (kind, text) in enumerate(texts(tree / path), 1):
        shutil.copy(tree / path, tree / "as it was")
        change(tree / path, number - 1, text + (" # mine" if kind == "code" else "\n\nMine."))
        typed = (tree / path).read_bytes()
        with pytest.raises(ValueError, match=rf"{path.split('/')[-1]} was edited in cell {number}, "):
            build.main([])
        assert (tree / path).read_bytes() == typed
        shutil.copy(tree / "as it was", tree / path)


def test_new_cells_are_protected_and_empty_ones_are_not(tree):
    path = tree / "notebooks" / f"{LESSON}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(" \n"))
    nbformat.write(notebook, path)
    build.main(["00"])
    assert texts(path) == [(cell.cell_type, cell.source) for cell in notebook.cells[:-1]]
    notebook.cells.append(nbformat.v4.new_code_cell("mine = 1"))
    nbformat.write(notebook, path)
    with pytest.raises(
        ValueError, match=f"was edited in cell {len(notebook.cells)}, .*make sources LESSONS=00"
    ):
        build.main(["00"])


def test_what_is_written_while_a_build_runs_is_protected_too(tree, monkeypatch):
    path = tree / "notebooks" / f"{LESSON}.ipynb"
    monkeypatch.setattr(build, "execute", lambda notebook, folder: change(path, 3, "mine = 1") or notebook)
    with pytest.raises(ValueError, match="was edited in cell 4"):
        build.main(["00"])
    assert texts(path)[3][1] == "mine = 1"


def test_a_notebook_that_cannot_be_read_is_not_overwritten(tree):
    path = tree / "notebooks" / f"{LESSON}.ipynb"
    path.write_text("<<<<<<< HEAD\n{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"cannot be read \(a merge conflict\?\)"):
        build.main(["00"])
    path.unlink()
    build.main(["00"])
    assert texts(path)


def test_a_newer_text_is_built_over_an_untouched_notebook_and_over_one_with_the_same_edit(tree):
    path, source = tree / "notebooks" / f"{LESSON}.ipynb", tree / "sources" / "lessons" / f"{LESSON}.py"
    with source.open("a", encoding="utf-8") as file:
        file.write("\n# %% [markdown]\n# Newer.\n")
    build.main(["00"])
    assert texts(path)[-1] == ("markdown", "Newer.")
    change(path, -1, "Typed.")
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("# Newer.", "# Typed.") + "\n# %%\n1\n", encoding="utf-8")
    build.main(["00"])
    assert texts(path)[-2:] == [("markdown", "Typed."), ("code", "1")]


# From the notebook into the source


def test_edits_go_into_the_source_and_the_notebook_is_built_from_it(tree, capsys):
    path, source = tree / "notebooks" / f"{LESSON}.ipynb", tree / "sources" / "lessons" / f"{LESSON}.py"
    old = source.read_text(encoding="utf-8")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += "\n\nAn edit."
    notebook.cells.insert(
        1, nbformat.v4.new_code_cell("new = 1", metadata={"tags": ["mine"], "trusted": True})
    )
    wanted = [(cell.cell_type, cell.source) for cell in notebook.cells]
    nbformat.write(notebook, path)
    build.main(["00"], from_notebooks=True)
    assert "took the edits" in capsys.readouterr().out
    last_line = "# " + notebook.cells[0].source.splitlines()[-3] + "\n"
    added = '#\n# An edit.\n\n# %% tags=["mine"]\nnew = 1\n'
    assert source.read_text(encoding="utf-8") == old.replace(last_line, last_line + added, 1)
    assert texts(path) == wanted
    build.main(["00"])  # nothing is left to protect
    build.main(["00"], from_notebooks=True)
    assert "nothing to take" in capsys.readouterr().out


@pytest.mark.parametrize("tags", [["mine"], ["mine", "other"], []], ids=["kept", "added", "deleted"])
def test_a_cell_has_the_tags_of_its_edited_form_and_keeps_nbgraders_metadata(tags):
    old = nbformat.v4.new_code_cell("a = 1", metadata={"tags": ["mine"], "nbgrader": {"grade_id": "a"}})
    edited = nbformat.v4.new_code_cell("a = 2", metadata={"tags": tags} if tags else {})
    made = edits.with_text(old, edited)
    assert made.source == "a = 2" and made.metadata.get("tags", []) == tags
    assert made.metadata["nbgrader"] == {"grade_id": "a"} and old.metadata["tags"] == ["mine"]


def test_an_edit_of_a_solution_keeps_what_nbgrader_needs(tree):
    path, source = tree / "solutions" / SET / f"{SET}.ipynb", tree / "sources" / "problem_sets" / f"{SET}.py"
    old = source.read_text(encoding="utf-8")
    graded = next(i for i, (_, text) in enumerate(texts(path)) if "### BEGIN SOLUTION" in text)
    change(path, graded, texts(path)[graded][1] + "\n# mine")
    build.main(["ps01"], from_notebooks=True)
    new = source.read_text(encoding="utf-8")
    assert len(new) == len(old) + len("\n# mine") and new.replace("\n# mine", "", 1) == old


@pytest.mark.parametrize("fault", ["newer text", "deleted cell", "new cell in the text", "pasted picture"])
def test_edits_that_cannot_be_carried_are_refused_and_nothing_is_written(fault, tree):
    path, source = tree / "notebooks" / f"{LESSON}.ipynb", tree / "sources" / "lessons" / f"{LESSON}.py"
    notebook, text = nbformat.read(path, as_version=4), source.read_text(encoding="utf-8")
    notebook.cells[1].source = "mine"
    if fault == "deleted cell":
        del notebook.cells[5]
    if fault == "pasted picture":
        notebook.cells[0].attachments = {"picture.png": {"image/png": ""}}
    nbformat.write(notebook, path)
    if fault == "newer text":
        source.write_text(
            text.replace("# %% [markdown]\n", "# %% [markdown]\n# Newer.\n#\n", 1), encoding="utf-8"
        )
    if fault == "new cell in the text":
        source.write_text(text + "\n# %%\n1\n", encoding="utf-8")
    before = path.read_bytes(), source.read_bytes()
    with pytest.raises(ValueError, match="pasted picture" if fault == "pasted picture" else "by hand"):
        build.main(["00"], from_notebooks=True)
    assert (path.read_bytes(), source.read_bytes()) == before


def test_the_id_of_a_cell_is_the_digest_of_its_text():
    cell = nbformat.v4.new_code_cell("1")
    # printf 'code\n1' | sha256sum
    assert list(edits.ids([cell, cell])) == ["f05e64a5133b", "f05e64a5133b-2"]
