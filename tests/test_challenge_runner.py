"""The challenge's runner: sixty entries in one command get what they deserve, and none stops the others."""

import csv
import json
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import challengers
import numpy as np
import psutil
import pytest
import torch
from browser import ARTIFACTS, chromium, page_of, wait_until
from bs4 import BeautifulSoup
from PIL import Image

from dil_course.challenge import RUNGS
from teaching import challenge, confined

__all__ = ["chromium"]  # a fixture
ROOT = Path(__file__).parents[1]
SEED = 7_300_184_529


def save_pictures(folder):
    """Hidden images: no file of the repository holds them."""
    generator = np.random.default_rng(35)
    for place, names in ((folder, "abc"), (folder / "scans", "de")):
        place.mkdir(parents=True)
        for name in names:
            coarse = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC).save(place / f"{name}.png")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A challenge with sixty submissions that have been run and ranked, and what `run` printed."""
    folder = tmp_path_factory.mktemp("challenge")
    save_pictures(folder / "pictures")
    command = [sys.executable, str(ROOT / "teaching" / "challenge.py")]

    def start(*given):
        done = subprocess.run([*command, *map(str, given)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make():
        where = ("--pictures", folder / "pictures", "--seed", SEED)
        return start("make", folder / "c", *where, "--side", 32, "--count", 1)

    def run(seconds=3.0):
        limits = ("--jobs", 2, "--threads", 1, "--seconds", seconds)
        return start("run", folder / "c", folder / "submissions", *limits, "--rungs", *challengers.RUNGS)

    def rank(*more):
        where = ("--pictures", folder / "pictures", "--seed", SEED)
        start("rank", folder / "c", *where, *more)
        with (folder / "c" / "scores.csv").open() as file:
            return {row["name"]: row for row in csv.DictReader(file)}

    make()
    expected = hand_in(folder)
    said = run()
    scores = rank()
    return {"folder": folder, "expected": expected, "said": said, "scores": scores, "run": run, "rank": rank}


def hand_in(folder):
    """Write the entries; returns {name: (total, what is to be said)}."""
    cases = challenge.draw(SEED, folder / "pictures", 32, 1)
    cases = {name: posed for name, posed in cases.items() if name.split("-")[0] in challengers.RUNGS}
    load = folder / "c" / "baselines"
    baselines = {name: torch.from_numpy(np.load(load / f"{name}.npy")) for name in cases}
    files, expected = {}, {}
    for name, given in challengers.HONEST.items():
        files[name] = challengers.answering(cases, baselines, *given)
        expected[name] = (challengers.deserved(*given), "")
    places = {
        "pictures": str(folder / "pictures"),
        "other": str(folder / "submissions" / "best.py"),
        "results": str(folder / "c" / "results.jsonl"),
        "seed": SEED,
    }
    for name, (text, says, total) in challengers.CHEATS.items():
        files[name], expected[name] = text.format(**places), (total, says)
    for name, (text, says, total) in challengers.BROKEN.items():
        files[name], expected[name] = text, (total, says)
    for name, text in (("patches", challengers.PATCHES), ("guesses <b>&", challengers.GUESSES)):
        files[name], expected[name] = text, (challengers.WORST, "")
    (folder / "submissions").mkdir()
    for name, text in files.items():
        path = folder / "submissions" / f"{name}.py"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return expected


needs_landlock = pytest.mark.skipif(not confined.landlock_version(), reason="this kernel has no Landlock")


@pytest.mark.slow
@needs_landlock
def test_sixty_entries_get_what_they_deserve_and_stand_in_the_right_order(course):
    expected, scores = course["expected"], course["scores"]
    assert len(expected) >= 60 and set(scores) == set(expected)
    wrong = {
        name: (scores[name]["total"], total, scores[name]["remarks"])
        for name, (total, _) in expected.items()
        if abs(float(scores[name]["total"]) - total) > 0.02
    }
    assert not wrong
    silent = {
        name: scores[name]["remarks"]
        for name, (_, says) in expected.items()
        if says not in scores[name]["remarks"]
    }
    assert not silent
    order = sorted(scores, key=lambda name: int(scores[name]["place"]))
    totals = [expected[name][0] for name in order]
    assert all(after < before + 0.02 for before, after in zip(totals, totals[1:], strict=False))
    assert order[0] == "best" and order.index("good_00") < order.index("always_a_face")


@pytest.mark.slow
def test_nothing_of_a_submission_is_left_behind(course):
    assert not [process for process in psutil.process_iter(["name"]) if process.info["name"] == "outlives35"]
    lines = [
        json.loads(line) for line in (course["folder"] / "c/results.jsonl").read_text().splitlines() if line
    ]
    assert "mine" not in (course["folder"] / "c" / "results.jsonl").read_text()
    assert len({line["submission"] for line in lines}) == len(course["expected"])


@pytest.mark.slow
def test_no_time_is_given_beyond_the_limit(course):
    text = (course["folder"] / "c" / "results.jsonl").read_text()
    late = [json.loads(line) for line in text.splitlines() if "was ended" in line]
    assert len(late) >= 12
    assert statistics.median(line["seconds"] for line in late) < 4 + 2 * confined.GRACE


@pytest.mark.slow
def test_page_is_one_file_with_every_entry_in_its_place_and_every_image(course):
    page = BeautifulSoup((course["folder"] / "c" / "leaderboard.html").read_text(), "html.parser")
    rows = [[cell.text for cell in row.find_all("td")] for row in page.table.tbody.find_all("tr")]
    assert [row[1] for row in rows] == list(course["scores"])  # also the name with < and &
    assert [row[0] for row in rows] == [row["place"] for row in course["scores"].values()]
    assert all(image["src"].startswith("data:image/png") and image["alt"] for image in page.find_all("img"))
    assert len(page.find_all("svg")) == len(RUNGS) and not page.find_all(["script", "link", "b"])[1:0]
    assert len(page.find_all("details")) == len(rows)
    known = page.find("svg", {"aria-label": lambda text: text and text.endswith("known")})
    answered = sum(row["known"] != "0.000" or "good" in name for name, row in course["scores"].items())
    assert answered - 3 <= len(known.select("circle.dot")) <= answered + 3
    assert not [tag for tag in page.find_all(href=True) if not tag["href"].startswith("#")]


@pytest.mark.slow
def test_rerun_computes_nothing_and_scores_the_same_and_a_changed_entry_is_noticed(course, tmp_path):
    folder, before = course["folder"], course["scores"]
    assert " 0 results to compute" in course["run"]()
    assert course["rank"]() == before
    path = folder / "submissions" / "refuses.py"
    path.write_text(path.read_text() + "# changed\n")
    results = folder / "c" / "results.jsonl"
    results.write_text(results.read_text() + '{"submission": "cut by a cr')
    said = course["run"]()
    assert "refuses was changed" in said and " 3 results to compute" in said
    after = course["rank"]("--anonymous")
    assert "changed after its first run" in after["refuses"]["remarks"]
    assert {name: row["total"] for name, row in after.items()} == {
        name: row["total"] for name, row in before.items()
    }
    page = (folder / "c" / "leaderboard.html").read_text()
    assert "good_03" not in page and f"entry {after['good_03']['sha256'][:8]}" in page


@pytest.mark.slow
def test_a_run_that_is_stopped_ends_at_once_with_its_calls_and_records_none_of_them(course, tmp_path):
    shutil.copytree(course["folder"] / "c", tmp_path / "c", ignore=shutil.ignore_patterns("results.jsonl"))
    (tmp_path / "submissions").mkdir()
    text = challengers.call(
        "__import__('ctypes').CDLL(None).prctl(15, b'stopped35', 0, 0, 0)\ntime.sleep(1000)"
    )
    (tmp_path / "submissions" / "sleeps.py").write_text(text)
    command = [sys.executable, str(ROOT / "teaching" / "challenge.py"), "run"]
    # A process in the background may be deaf to an interrupt, and hands that on.
    quiet = {"stderr": subprocess.DEVNULL, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    run = subprocess.Popen([*command, tmp_path / "c", tmp_path / "submissions"], **quiet)

    def sleeping():
        return [process for process in psutil.process_iter(["name"]) if process.info["name"] == "stopped35"]

    wait_until(sleeping, "the submission to run")
    run.send_signal(signal.SIGINT)
    assert run.wait(30)
    wait_until(lambda: not sleeping(), "the submission to end", 10)
    assert '"case"' not in (tmp_path / "c" / "results.jsonl").read_text()


@pytest.mark.slow
def test_commitments_hold_the_seed_and_the_pictures(course, tmp_path):
    folder = course["folder"]
    told = json.loads((folder / "c" / "challenge.json").read_text())
    assert str(SEED) not in json.dumps(told)
    cases = challenge.draw(SEED, folder / "pictures", 32, 1)
    assert challenge.commitments(SEED, cases) == told["commitments"]
    other = tmp_path / "pictures"
    shutil.copytree(folder / "pictures", other)
    with pytest.raises(SystemExit, match="commits to"):
        challenge.main(["rank", str(folder / "c"), "--seed", str(SEED + 1), "--pictures", str(other)])
    Image.fromarray(np.eye(48, dtype=np.uint8) * 255).save(other / "a.png")
    with pytest.raises(SystemExit, match="commits to"):
        challenge.main(["rank", str(folder / "c"), "--seed", str(SEED), "--pictures", str(other)])


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 420])
def test_page_can_be_read_in_a_browser_by_day_by_night_and_on_a_phone(course, chromium, mode, width):
    name = f"leaderboard_{mode}_{width}"
    with page_of(chromium, name, width=width, color_scheme=mode) as page:
        page.goto((course["folder"] / "c" / "leaderboard.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        ink, ground = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
        assert (ink > ground + 400) if mode == "dark" else (ground > ink + 400)
        page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)
