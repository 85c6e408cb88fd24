"""The challenge: its ladder; its score by hand; sixty entries in one command, each with what it deserves."""

import csv
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import challengers
import numpy as np
import psutil
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from dil_course.challenge import (
    RUNGS,
    Answer,
    capacity,
    classical,
    expected_psnr,
    gaussian_width,
    honesty,
    passes,
    points,
    pose,
    read_case,
    rung_score,
    sanity_image,
    write_case,
)
from dil_course.signals import Identity, Mask, picture, psnr
from teaching import challenge, confined

ROOT = Path(__file__).parents[1]
X = picture("coins", 48)
SEED = 7_300_184_529


@pytest.mark.parametrize("rung", RUNGS)
def test_a_case_hands_over_what_its_rung_says_and_is_the_same_again(rung):
    posed, again, other = (pose(rung, X, seed) for seed in (3, 3, 4))
    assert posed.y.equal(again.y) and not posed.y.equal(other.y) and posed.truth.equal(X)
    assert (posed.A is None) == (rung == "kernel") and (posed.sigma is None) == (rung == "noise")
    noise = posed.y - posed.forward(X)
    seen = posed.forward.mask.expand_as(noise) > 0 if hasattr(posed.forward, "mask") else noise == noise
    assert noise[seen].std().item() == pytest.approx(posed.level, rel=0.5 if rung == "nobody" else 0.1)
    assert not noise[~seen].any()


@pytest.mark.parametrize("rung", RUNGS)
def test_a_file_holds_what_is_handed_over_and_nothing_else(rung):
    posed = pose(rung, X, 3)
    content = write_case(posed.y, posed.A, posed.sigma)
    y, A, sigma = read_case(content)
    assert y.equal(posed.y) and sigma == posed.sigma and type(A) is type(posed.A)
    assert A is None or A(X).equal(posed.A(X))
    names = set(np.load(__import__("io").BytesIO(content)))
    assert names <= {"y", "kind", "mask", "sigma"}


def test_the_baseline_is_no_straw_man_and_says_what_it_was_not_told():
    for rung, least in (("noise", 4.0), ("kernel", 0.3)):
        posed = pose(rung, picture("coffee", 48), 3)
        seen = posed.y if rung != "scan" else posed.A.adjoint(posed.y)
        assert psnr(posed.baseline, posed.truth) > psnr(seen, posed.truth) + least, rung
    posed = pose("kernel", picture("coffee", 64), 3)
    steps = torch.arange(15) - 7
    true = (posed.forward.kernel.sum(0) * steps**2).sum().item() ** 0.5
    assert abs(gaussian_width(posed.y, posed.sigma) - true) < 0.7
    posed = pose("nobody", X, 3)
    mean = posed.y.sum() / posed.A.mask.sum()
    assert psnr(posed.baseline, X) > psnr(torch.full_like(X, mean.item()), X) - 0.5
    with pytest.raises(ValueError, match="denoising only"):
        classical(posed.y, posed.A, None)


def test_the_last_rung_carries_a_hundredth_of_a_bit_a_pixel_and_the_others_half_a_bit():
    for rung in RUNGS:
        posed = pose(rung, picture("camera", 96), 1)
        bits = capacity(posed.y, posed.forward, posed.level)
        assert bits < 0.01 if rung == "nobody" else bits > 0.4, (rung, bits)
    # By hand: 46 pixels of 9216, each 1/2 log2(1 + (0.25 / (50/255))^2) bits.
    assert bits == pytest.approx(46 * 0.5 * np.log2(1 + (0.25 * 255 / 50) ** 2) / 9216)


def test_an_expectation_from_held_out_pixels_is_near_the_truth_and_a_simulation_takes_its_optimism_off():
    def mean(y, A, sigma):  # of the known neighbours
        mask = A.mask if isinstance(A, Mask) else torch.ones_like(y)
        total = [torch.nn.functional.avg_pool2d(z, 5, 1, 2) for z in (y, mask)]
        return total[0] / total[1].clamp(min=1e-3)

    for seed in range(3):
        posed = pose("known", picture("chelsea", 96), seed)
        true = psnr(mean(posed.y, posed.A, posed.sigma), posed.truth)
        assert abs(expected_psnr(mean, posed.y, posed.A, posed.sigma, seed=seed) - true) < 1.5
    y = pose("noise", X, 1).y
    first = expected_psnr(mean, y, Identity(), 0.1)
    assert expected_psnr(mean, y, Identity(), 0.1, optimism=2.0) == pytest.approx(first - 2)


def test_sanity_images_are_drawn_from_the_seed():
    assert sanity_image(48, 1).equal(sanity_image(48, 1)) and not sanity_image(48, 1).equal(
        sanity_image(48, 2)
    )
    assert sanity_image(48, 1).min() >= 0 and sanity_image(48, 1).max() <= 1


def test_points_are_those_of_the_formulae_worked_out_by_hand():
    def estimate(gain, error):
        return Answer("estimate", 20.0 + gain, 20.0, 20.0 + gain + error)

    assert honesty(30.0, 30.0) == 1 and honesty(28.5, 30.0) == 0.5 and honesty(30.75, 30.0) == 0.5
    assert honesty(26.0, 30.0) == 0 and honesty(32.0, 30.0) == 0
    assert points("known", estimate(2.0, -1.5)) == pytest.approx(2.5)
    assert points("known", estimate(9.0, 0.0)) == pytest.approx(4.0)  # clipped at 3
    assert points("scan", estimate(-9.0, 9.0)) == pytest.approx(-1.0)  # clipped at -1
    assert points("known", Answer("refused")) == points("known", Answer("failed")) == 0
    assert points("nobody", Answer("refused")) == 2 and points("nobody", Answer("failed")) == 0
    assert points("nobody", estimate(5.0, 3.0)) == pytest.approx(-1.5)
    assert points("nobody", estimate(5.0, -3.0)) == 0
    assert points("nobody", estimate(0.0, 40.0)) == -2  # clipped at 4 dB
    fine, drawn = estimate(-5.9, 0.0), estimate(-6.1, 0.0)
    assert passes(fine) and not passes(drawn)
    assert not passes(Answer("refused")) and not passes(Answer("failed"))
    # Median of the gains 0 (failed), 1 and 2, and the mean of the honesties 0, 1 and 0.5.
    answers = [Answer("failed"), estimate(1.0, 0.0), estimate(2.0, 0.75)]
    assert rung_score("noise", answers, fine) == pytest.approx(1 + 0.5)
    assert rung_score("noise", answers, drawn) == 0
    assert rung_score("noise", [estimate(-3.0, 5.0)], drawn) == -1
    assert rung_score("nobody", [Answer("refused"), estimate(0.0, 1.0)]) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="sanity"):
        rung_score("noise", answers)
    with pytest.raises(ValueError, match="estimate has"):
        Answer("estimate", 20.0)


# The runner.


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

    def run(seconds=1.0):
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
    assert order[0] == "best" and "always_a_face" not in order[:20]


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
    assert statistics.median(line["seconds"] for line in late) < 2 + 2 * confined.GRACE


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
