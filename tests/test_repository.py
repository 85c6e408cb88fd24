"""The repository itself: notebooks equal their sources, stored outputs are clean, lessons keep their anatomy,
versions agree.
"""

import ast
import re
import shlex
import subprocess
import sys
import tomllib

import bs4
import build
import nbformat
import pytest
import yaml
from conftest import COLLECTED, LONG, SLOW, SLOW_TESTS
from copies import make
from packaging.requirements import Requirement
from packaging.version import Version

from dil_course import figures

SOURCES = sorted(build.SOURCES.glob("*.py"))
SETS = sorted(build.PROBLEM_SETS.glob("ps*.py"))
TESTS = build.ROOT / "tests"
NOTEBOOKS = sorted(build.NOTEBOOKS.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.stem[0].isdigit()]  # the playground is none
CHECK = "nbval-check-output"
WITHOUT_SET = ("00", "18")  # lessons; the last is marked by its challenge
WORKERS = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def check_cells(notebook):
    return [cell for cell in code_cells(notebook) if CHECK in cell.metadata.get("tags", [])]


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


# Sources and notebooks


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert SOURCES, f"no lesson in {build.SOURCES}"
    assert [path.stem for path in SOURCES] == [path.stem for path in NOTEBOOKS], "run: make notebooks"


@each_source
def test_notebook_equals_its_source(source):
    def essence(notebook):
        return [(cell.cell_type, cell.source, cell.id, dict(cell.metadata)) for cell in notebook.cells]

    made, fresh = read(build.NOTEBOOKS / f"{source.stem}.ipynb"), build.convert(source)
    assert essence(made) == essence(fresh), "run: make notebooks"
    assert made.metadata == fresh.metadata, "run: make notebooks"


@each_source
def test_source_header_names_the_kernel_and_nothing_else(source):
    header = source.read_text(encoding="utf-8").split("# ---\n")[1]
    assert yaml.safe_load(re.sub("^# ?", "", header, flags=re.MULTILINE)) == {
        "jupyter": {"kernelspec": build.METADATA["kernelspec"]}
    }


def test_converting_twice_gives_the_same_ids_and_equal_cells_get_different_ones(tmp_path):
    source = tmp_path / "lesson.py"
    source.write_text("# %%\n1\n\n# %%\n1\n\n# %% [markdown]\n# 1\n", encoding="utf-8")
    first, second = ([cell.id for cell in build.convert(source).cells] for _ in range(2))
    assert first == second and len(set(first)) == 3


@pytest.mark.parametrize("fault", ["error", "size"])
def test_build_refuses_a_stored_error_and_a_large_file(fault, tmp_path):
    output = {
        "error": nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]),
        "size": nbformat.v4.new_output("stream", text="x" * build.LARGEST),
    }[fault]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    with pytest.raises(ValueError, match={"error": "ends in an error", "size": "the limit is"}[fault]):
        build.write(notebook, tmp_path / "lesson.ipynb")
    assert not list(tmp_path.iterdir())


# What a notebook stores


@each_notebook
def test_check_cells_store_true_verdicts_and_no_raw_numbers(path):
    for cell in check_cells(read(path)):
        text = printed(cell)
        assert cell.execution_count is not None, (
            f"nbval never compares a cell that was not run:\n{cell.source}"
        )
        assert ": True" in text and "False" not in text, f"every verdict must be True:\n{cell.source}\n{text}"
        assert not re.search(r"\d\.\d|\d\.?e[-+]?\d|\bnan\b|\binf\b", text), (
            f"a raw number differs by machine:\n{text}"
        )


@each_notebook
def test_stored_outputs_are_clean(path):
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", f"a warning was stored:\n{cell.source}\n{output.text}"
            assert build.WIDGET not in output.get("data", {}), cell.source
            own_folder = re.search(
                r"/(home|root|Users|tmp)/|" + re.escape(str(build.ROOT)), str(output.get("text", ""))
            )
            assert not own_folder, f"an output names a folder of the author's machine:\n{output.text}"


def test_notebooks_are_small_enough_to_open_quickly():
    assert build.LARGEST == 1_500_000
    paths = [
        path
        for folder in (build.NOTEBOOKS, build.SOLUTIONS, build.EXERCISES)
        for path in folder.glob("**/*.ipynb")
    ]
    large = {path.name: path.stat().st_size for path in paths if path.stat().st_size > build.LARGEST}
    assert len(paths) > 30 and not large, f"make the figures smaller: {large}"


@each_notebook
def test_every_picture_has_alternative_text(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert alt.strip(), f"say what the figure shows, alt=...:\n{cell.source}"


@each_notebook
def test_figures_that_are_html_are_small_described_and_need_no_network(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            fault = fault_of_html("".join(output.get("data", {}).get("text/html", "")))
            assert not fault, f"{fault}:\n{cell.source}"


def fault_of_html(html):
    """What is wrong with an output that is HTML, or None."""
    page = bs4.BeautifulSoup(html, "html.parser")
    if len(html.encode()) > figures.page.LIMIT:
        return f"larger than {figures.page.LIMIT} bytes"
    if any(not image.get("alt", "").strip() for image in page.select("img")):
        return "an image has no alternative text"
    if any(not figure.get("aria-label", "").strip() for figure in page.select(".dil-page")):
        return "a film or a swipe says not what it shows"
    links = page.select("a[href]")
    for link in links:
        link.extract()  # a reader follows them on purpose
    address = re.search(r"https?:|[\"'(]//\w|@import", str(page))
    return f"asks for {address[0]}... of a network" if address else None


@pytest.mark.parametrize(
    "html, fault",
    [
        ("<img src='data:,' alt='A cat.'>", None),
        ("<a href='https://example.org'>a paper</a>", None),
        ("<img src='data:,'>", "alternative"),
        ("<div class='dil-page'></div>", "says not"),
        ("<script src='https://example.org/x.js'></script>", "network"),
        ("<img alt='A cat.' src='//example.org/x.png'>", "network"),
        ("x" * 400_001, "larger"),
    ],
)
def test_faults_of_html_are_seen(html, fault):
    found = fault_of_html(html)
    assert found is None if fault is None else fault in found


# The anatomy of a lesson


MEASURED = re.compile(
    r"\*\*Time\.\*\*[^.]*\b(\d+|a|one|two|three|four)\b[^.]* (second|minute)s?\b[^.]* of computing on (2 CPU "
    r"cores|one CPU core)"
    r".*On a GPU: (not measured|\D*\d+)",
    re.DOTALL,
)


@each_lesson
def test_header_says_what_for_what_before_and_how_long(path):
    first = read(path).cells[0]
    assert first.cell_type == "markdown" and first.source.startswith(f"# {path.stem[:2]} · "), (
        f"{path.stem}: begin with '# {path.stem[:2]} · title'"
    )
    objectives = first.source.partition("**What you will be able to do**\n")[2].split("\n\n")[0].splitlines()
    assert len(objectives) >= 3 and all(line.startswith("- ") for line in objectives), (
        f"{path.stem}: list three or more objectives under '**What you will be able to do**'"
    )
    assert "**Before you start.** " in first.source, (
        f"{path.stem}: say after '**Before you start.**' what one has to know"
    )
    assert MEASURED.search(first.source), (
        f"{path.stem}: say what was measured: '**Time.** About two minutes of computing on 2 CPU cores. On a "
        "GPU: not measured.'"
    )


@each_lesson
def test_code_cells_are_short_and_have_text_between(path):
    notebook = read(path)
    lengths = sorted(len(cell.source.splitlines()) for cell in code_cells(notebook))
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 25, (
        f"{path.stem}: split code cells, nine in ten have at most 25 lines: {lengths}"
    )
    assert lengths[-1] <= 40, (
        f"{path.stem}: split the code cell of {lengths[-1]} lines, at most 40 fit a screen"
    )
    kinds = "".join("c" if cell.cell_type == "code" else "m" for cell in notebook.cells)
    assert "ccc" not in kinds, f"{path.stem}: put text between three code cells in a row: {kinds}"
    ratio = kinds.count("m") / kinds.count("c")
    assert 2 / 3 <= ratio <= 3 / 2, (
        f"{path.stem}: balance text and code, there are {ratio:.2f} cells of text for each of code"
    )


@each_lesson
def test_there_are_three_check_cells_or_more(path):
    checks = len(check_cells(read(path)))
    assert checks >= 3, (
        f"{path.stem}: {checks} check cells; tag cells that print verdicts with {CHECK!r} until there are "
        "three"
    )


@each_lesson
def test_end_has_summary_papers_and_problem_set(path):
    last = read(path).cells[-1]
    assert last.cell_type == "markdown", f"{path.stem}: end with a cell of text"
    _, heading, end = last.source.partition("## Summary\n")
    points = re.findall(r"^\d\. ", end, re.MULTILINE)
    assert heading and len(points) in range(4, 7), (
        f"{path.stem}: end with '## Summary' in about five numbered lines, there are {len(points)}"
    )
    assert "**What breaks it" in end, f"{path.stem}: say in the summary '**What breaks it:**'"
    papers = end.partition("**Papers")[2]
    assert re.search(r"\*[^*]+\*.*\b(19|20)\d\d\b", papers), (
        f"{path.stem}: name the papers after '**Papers.**', titles in *italics*, with years"
    )
    if not path.stem.startswith(WITHOUT_SET):
        problem_set = f"ps{path.stem}"
        assert f"(../exercises/{problem_set}/{problem_set}.ipynb)" in papers, (
            f"{path.stem}: link ../exercises/{problem_set} after '**Problem set.**'"
        )


def test_lessons_problem_sets_and_the_tables_of_the_readme_agree():
    readme = (build.ROOT / "README.md").read_text(encoding="utf-8")
    notebooks = {path.stem for path in NOTEBOOKS}
    sets = {f"ps{path.stem}" for path in LESSONS if not path.stem.startswith(WITHOUT_SET)}
    for kind, due, found in [
        (
            "problem set in sources/problem_sets",
            sets,
            {path.stem for path in build.PROBLEM_SETS.glob("ps*.py")},
        ),
        (
            "exercise (make notebooks makes it)",
            sets,
            {path.stem for path in build.EXERCISES.glob("ps*/ps*.ipynb")},
        ),
        (
            "link in the README's table of lessons",
            notebooks,
            set(re.findall(r"\| \[.*?\]\(notebooks/(\w+)\.ipynb\)", readme)),
        ),
        (
            "link in the README's list of problem sets",
            sets,
            set(re.findall(r"\(exercises/\w+/(\w+)\.ipynb\)", readme)),
        ),
    ]:
        assert not due - found, f"add a {kind} for: {sorted(due - found)}"
        assert not found - due, f"without its lesson, remove the {kind} for: {sorted(found - due)}"


# Style


@pytest.mark.parametrize("command", ["check", "format --diff"])
def test_style_is_what_ruff_makes_of_it(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), "--quiet", "."],
        cwd=build.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"run: ruff {command.split()[0]} .\n{done.stdout[:5000]}{done.stderr}"


def test_ruff_is_asked_for_what_the_readme_promises():
    ruff = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert ruff["line-length"] == 110 and ruff["extend-exclude"] == ["*.ipynb"]
    assert {"E", "F", "W", "I", "B"} <= set(ruff["lint"]["select"])
    for files, rules in {"": ruff["lint"]["ignore"], **ruff["lint"]["per-file-ignores"]}.items():
        # Text lies in comments of any length, and each check cell of a problem set brings its own import.
        allowed = {"E501"} if "sources" in files else set()
        allowed |= {"F811"} if "problem_sets" in files else set()
        assert not {"E", "E501", "F", "F401", "F811"} & set(rules) - allowed, files


@pytest.mark.parametrize("source", [*SOURCES, *SETS], ids=lambda path: path.stem)
def test_lines_of_code_in_cells_fit_beside_a_list_of_files(source):
    # Ruff does not look: the text of a lesson stands in comments, of any length.
    limit = tomllib.loads((source.parent / "ruff.toml").read_text(encoding="utf-8"))["line-length"]
    assert limit == 88
    wide = [
        line
        for cell in code_cells(build.convert(source))
        for line in cell.source.splitlines()
        if len(line) > limit
    ]
    assert not wide, f"{source.name}: split these lines, at most {limit} characters:\n" + "\n".join(wide)


# What the two test commands run


def command_of(target):
    """The words of the command that `make` would run last for this target."""
    done = make(build.ROOT, "--dry-run", target)
    return shlex.split(done.stdout.replace("\\\n", " ").splitlines()[-1])


def test_make_test_runs_everything_and_make_check_all_but_what_is_slow():
    (program, *test), (_, *check) = (command_of(target)[4:] for target in ("test", "check"))
    assert program.endswith("python") and test[:2] == check[:2] == ["-m", "pytest"]
    assert test[2:] == [*WORKERS, "--nbval-lax", "--nbval-current-env", "tests", "notebooks"]
    assert check[2:] == [*WORKERS, "-m", "not slow", "tests"]
    options = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    assert options["ini_options"]["addopts"] == "-ra --strict-markers"


def test_every_test_that_is_written_is_collected(pytestconfig):
    collected = pytestconfig.stash[COLLECTED]
    names = {name for path, name in collected if path.name == "test_repository.py"}
    assert {"test_every_test_that_is_written_is_collected"} <= names
    modules = {path for path, _ in collected if path.suffix == ".py"}
    whole = len(modules) > 1 and not any(argument.endswith(".py") for argument in pytestconfig.args)
    for path in sorted(TESTS.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        written = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
        }
        assert not written or path.name.startswith("test_"), f"{path.name}: pytest does not look here"
        if whole or path in modules:
            missing = written - {name for where, name in collected if where == path}
            assert not missing, f"{path.name}: pytest does not collect {sorted(missing)}"


def test_the_names_of_what_make_check_leaves_out_exist():
    written = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))
    assert not [name for name in [*SLOW, *LONG] if not (TESTS / name).is_file()]
    assert not [name for name in SLOW_TESTS if f"\ndef {name}(" not in written]


# Versions and imports


def project():
    return tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_environment_installs_what_pyproject_lists_and_no_more():
    python, pip, packages = yaml.safe_load((build.ROOT / "environment.yml").read_text(encoding="utf-8"))[
        "dependencies"
    ]
    # With one sign of equality, since repo2docker, which Binder uses, overlooks a range of versions.
    assert (python, pip) == ("python" + project()["requires-python"].replace(">=", "="), "pip")
    lines = [line for line in packages["pip"] if not line.startswith("--extra-index-url ")]
    assert lines == ["-c constraints.txt", "-e .[test]"]


def test_constraints_pin_every_dependency_within_its_bounds():
    lines = (build.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {name.lower(): Version(version) for name, version in pins.items()}
    assert all(version.local is None for version in pins.values()), (
        "a build suffix, as in 2.13.0+cpu, fits one platform only"
    )
    for line in project()["dependencies"] + sum(project()["optional-dependencies"].values(), []):
        requirement = Requirement(line)
        assert requirement.specifier, f"{line} has no lower bound"
        assert pins[requirement.name.lower()] in requirement.specifier, line


def test_import_needs_neither_jupyter_nor_pyplot():
    program = """
import importlib, pkgutil, sys
import dil_course
for module in pkgutil.walk_packages(dil_course.__path__, "dil_course."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
unwanted = ("IPython", "ipywidgets", "ipykernel", "jupyter", "matplotlib.pyplot")
print(*sorted(name for name in sys.modules if name.startswith(unwanted)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=build.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
