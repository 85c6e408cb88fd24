"""The playground: the lines it shows are what it runs, wrong choices are refused before compute, results are
kept; and its command for a terminal.
"""

import asyncio
import contextlib
import datetime
import io
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from dil_course import fitting, playground
from dil_course.__main__ import main
from dil_course.fitting import Step, run
from dil_course.playground import (
    DAMAGES,
    METHODS,
    Playground,
    methods_for,
    pose,
    program,
    recipes,
    terminal,
    window,
)
from dil_course.playground.compare import Comparison, divided
from dil_course.playground.recipes import NAMES
from dil_course.playground.side_by_side import Lane, race
from dil_course.signals import load_image, picture, psnr, save_image, to_array

COLOUR, GRAY = skimage.data.chelsea()[100:167, 150:215], skimage.data.camera()[80:147, 200:265]
FILES = {  # odd sizes, several modes: name of the file, its picture
    "gray.png": Image.fromarray(GRAY),
    "deep.png": Image.fromarray(GRAY.astype(np.uint16) * 257),
    "palette.gif": Image.fromarray(COLOUR).quantize(32),
    "print.jpg": Image.fromarray(COLOUR).convert("CMYK"),
    "opacity.webp": Image.fromarray(COLOUR).convert("RGBA"),
}
CHOICES = [(damage, method) for damage in DAMAGES for method in methods_for(damage)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where FILES lie."""
    folder = tmp_path_factory.mktemp("files")
    for name, image in FILES.items():
        image.save(folder / name)
    return folder


# Recipes


def test_every_name_that_lines_may_use_is_used():
    lines = [method.line + (method.rule or "") for method in METHODS.values()]
    lines += [damage.operator + (damage.observe or "") for damage in DAMAGES.values()]
    by_programs = {"islice", "run", "prepared", "device", "load_image", "picture", "save_image"}
    for module, names in NAMES.items():
        for name in set(names or ()) - by_programs:
            assert any(f"{name}(" in line for line in lines), f"{module}.{name} is used by no line"


@pytest.mark.parametrize(("number", "damage", "method"), [(i, *choice) for i, choice in enumerate(CHOICES)])
def test_what_the_program_says_is_what_the_menu_runs(number, damage, method, folder, tmp_path, monkeypatch):
    """Two iterations of every method after every damage, the files in turn."""
    monkeypatch.chdir(folder)
    name = list(FILES)[number % len(FILES)]
    problem = pose(load_image(name), damage, seed=1)
    result = run(itertools.islice(problem.steps(method), 2), stop=problem.rule(method))
    twice = 2 if damage == "none, it is too small" else 1
    sides = problem.y.shape[-2:] if problem.truth is None else problem.truth.shape[-2:]
    assert result.estimate.shape[-2:] == tuple(twice * side for side in sides)
    assert torch.isfinite(result.estimate).all()

    saved, room = str(tmp_path / "estimate.png"), {}
    text = program(f"load_image({name!r})", problem, {method: saved})
    rules = [None] if METHODS[method].at_once else []

    def run_shortly(steps, stop=None):
        rules.append(stop)
        return run(itertools.islice(steps, 2), stop=stop)

    monkeypatch.setattr(fitting, "run", run_shortly)
    exec(text, room)
    assert [type(rule) for rule in rules] == [type(problem.rule(method))]
    assert torch.equal(room["estimate"], result.estimate), text
    assert (to_array(load_image(saved)) == to_array(result.estimate)).all()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_takes_every_damage(name, damage, folder):
    problem = pose(load_image(folder / name), damage)
    assert 1 / 255 <= problem.sigma <= 0.25 or problem.noise == problem.sigma == 0
    if problem.truth is None:
        assert torch.equal(problem.y, load_image(folder / name))
    else:
        assert problem.A(problem.truth).shape == problem.y.shape
        halved = 2 if damage == "half the size" else 1
        assert problem.y.shape[-2:] == tuple(side // halved for side in (67, 65))


def test_the_level_is_that_of_the_noise_that_was_added_or_an_estimate():
    x = picture("chelsea", 128)
    assert pose(x, "noise", noise=0.2).sigma == 0.2 and pose(x, "noise").sigma == 25 / 255
    noisy = pose(x, "noise", noise=0.2).y
    assert pose(noisy.clamp(0, 1), "none, it is noisy already").sigma == pytest.approx(0.2, rel=0.15)
    assert pose(x, "noise", sigma=0.3).sigma == 0.3
    assert pose(x, "JPEG of quality 10").sigma == 12 / 255, "its error is no white noise"
    flat = torch.full((1, 1, 40, 40), 0.5)
    assert pose(flat, "none, it is noisy already").sigma == 1 / 255, "methods need a level above zero"


@pytest.mark.parametrize(("quality", "least", "most"), [(70, 0.2, 0.55), (85, 0.7, 1.3), (95, 0.7, 1.3)])
@pytest.mark.parametrize("chroma", [0, 2])  # at full size, and halved, which is Pillow's default
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_the_estimate_of_a_jpeg_file_is_as_the_page_says(name, quality, chroma, least, most):
    x = getattr(skimage.data, name)() / 255
    noisy = (x + np.random.default_rng(0).normal(0, 12 / 255, x.shape)).clip(0, 1)
    file = io.BytesIO()
    image = Image.fromarray((255 * noisy).round().astype(np.uint8))
    image.save(file, "JPEG", quality=quality, subsampling=chroma)
    y = np.array(Image.open(file)) / 255
    level = pose(torch.from_numpy(y).permute(2, 0, 1)[None].float(), "none, it is noisy already").sigma
    assert least < level / np.sqrt(((y - x) ** 2).mean()) < most


def test_a_seed_draws_the_noise_and_the_missing_pixels():
    x = picture("camera", 64)
    for damage in ("noise", "half of the pixels missing"):
        first, again, other = (pose(x, damage, seed=seed).y for seed in (0, 0, 1))
        assert torch.equal(first, again) and not torch.equal(first, other)


SMALL = torch.full((1, 3, 31, 80), 0.5)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (lambda x: pose(x, "rain"), "damage"),
        (lambda x: pose(x, "noise", noise=25), "25 / 255"),
        (lambda x: pose(x, "noise", noise=0.0), "noise"),
        (lambda x: pose(x, "noise", sigma=25), "25 / 255"),
        (lambda x: pose(x, "noise", seed=0.5), "seed"),
        (lambda x: pose(255 * x, "noise"), "the picture"),
        (lambda x: pose(SMALL, "noise"), "the picture.*32"),
        (lambda x: pose(x[..., :63, :], "half the size"), "halved.*64"),
        (lambda x: methods_for("rain"), "damage"),
    ],
)
def test_wrong_choices_are_refused_before_compute(choice, words, monkeypatch):
    monkeypatch.setattr(recipes, "evaluate", lambda *line, **values: pytest.fail("computed"))
    monkeypatch.setattr(sys.modules["dil_course.playground.problem"], "evaluate", recipes.evaluate)
    with pytest.raises((TypeError, ValueError), match=words):
        choice(picture("chelsea", 80))


def test_bm3d_denoises_gray_and_colour():
    for name in ("camera", "chelsea"):
        problem = pose(picture(name, 64), "noise")
        estimate = playground.bm3d(problem.y, problem.sigma)
        assert estimate.shape == problem.y.shape and estimate.dtype == problem.y.dtype
        assert psnr(estimate, problem.truth) > psnr(problem.y, problem.truth) + 5


# Side by side


X = picture("coffee", 32)


def steps(total=20, fail_at=None, error=RuntimeError):
    for i in range(1, total + 1):
        if i == fail_at:
            raise error("out of paper")
        yield Step(i, total, torch.tensor(1 / i), X * (1 - 0.8**i))


def test_a_race_is_each_run_alone():
    lanes = [Lane("short", steps(5), X), Lane("long", steps(20), X)]
    asyncio.run(race(lanes))
    for lane, total in zip(lanes, (5, 20), strict=True):
        alone = run(steps(total), truth=X)
        assert torch.equal(lane.result.estimate, alone.estimate) and lane.result.why == alone.why
        assert f"{psnr(alone.estimate, X):.2f} dB" in lane.status.value
        assert not lane.running and lane.button.layout.display == "none"


def test_a_method_that_fails_says_so_and_the_others_go_on():
    lanes = [Lane("bad", steps(fail_at=3)), Lane("at once", steps(fail_at=1)), Lane("good", steps())]
    asyncio.run(race(lanes))
    assert all("cannot do this: RuntimeError: out of paper" in lane.status.value for lane in lanes[:2])
    assert lanes[2].result.iteration == 20


def test_stop_ends_one_run_before_its_next_iteration():
    def pressing():
        for step in steps():
            if step.iteration == 3:
                lanes[0].button.click()
            yield step

    lanes = [Lane("stopped", pressing()), Lane("other", steps()), Lane("never began", steps())]
    lanes[2].stop()
    asyncio.run(race(lanes))
    assert lanes[0].result.iteration == 3 and "stopped by you at iteration 3" in lanes[0].status.value
    assert lanes[1].result.iteration == 20
    assert lanes[2].result is None and "before its first iteration" in lanes[2].status.value


def test_an_interrupt_ends_all_runs_with_their_estimates(monkeypatch):
    monkeypatch.setattr(sys.modules["dil_course.fitting.run"], "_last_interrupt", -math.inf)
    lanes = [Lane("first", steps()), Lane("interrupted", steps(fail_at=5, error=KeyboardInterrupt))]
    asyncio.run(race(lanes))
    assert [lane.result.iteration for lane in lanes] == [5, 4]


def test_a_name_is_text_and_no_html():
    lane = Lane("<b>bold</b>", steps(fail_at=1))
    asyncio.run(race([lane]))
    assert "&lt;b&gt;" in lane.box.children[0].value


# The comparison


def test_the_line_divides_and_the_window_enlarges():
    first, second = torch.zeros(1, 3, 40, 64), torch.ones(1, 3, 40, 64)
    assert divided(first, second, 0.25).mean() == 0.75
    shown = Comparison({"zeros": first, "ones": second})
    for line, zoom, size in ((0, 1, (512, 320)), (100, 1, (512, 320)), (50, 4, (512, 320))):
        shown.line.value, shown.zoom.value = line, zoom
        image = Image.open(io.BytesIO(shown.picture.value))
        assert image.size == size and shown.picture.layout.width == f"{size[0]}px"
        assert np.asarray(image).mean() == pytest.approx(255 * (1 - line / 100), abs=1)
    shown.across.value = 100
    assert np.asarray(Image.open(io.BytesIO(shown.picture.value))).min() == 255, "its right edge"


# The page


def with_file(name, content):
    """As the browser hands a file over."""
    entry = {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content)}
    return (entry | {"last_modified": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)},)


def chosen(page, *names):
    for menu, name in zip(page.methods, [*names, *3 * [window.NOTHING]], strict=False):
        menu.value = name


@pytest.fixture
def page(tmp_path):
    return Playground(tmp_path / "restored")


def test_the_menus_offer_what_can_be_done(page):
    for damage in DAMAGES:
        page.damage.value = damage
        for menu in page.methods:
            assert menu.options == (window.NOTHING, *methods_for(damage))
        assert len({menu.value for menu in page.methods}) == 3 and not page.start.disabled
        assert page.noise.disabled != DAMAGES[damage].adds_noise
        assert "pixels" in page.words.value and page.seen.value


def test_nothing_chosen_and_a_picture_too_small_are_answered(page):
    chosen(page)
    asyncio.run(page.restore())
    assert page.words.value == "Choose a method first." and not page.lanes
    content = io.BytesIO()
    Image.fromarray(COLOUR[:20]).save(content, "PNG")
    page.upload.value = with_file("small.png", content.getvalue())
    assert page.picture.value == "small.png" and page.start.disabled
    assert "This does not work: the picture" in page.words.value
    page.upload.value = with_file("no.png", b"no picture")
    assert "no picture that can be read" in page.words.value and page.start.disabled
    page.picture.value = "camera"
    assert "128 x 128 pixels" in page.words.value and not page.start.disabled


def test_what_is_saved_makes_itself_again(page, folder, tmp_path, monkeypatch):
    page.upload.value = with_file("opacity.webp", (folder / "opacity.webp").read_bytes())
    chosen(page, "trained denoiser", "non-local means")
    assert page.save.disabled and page.stop.disabled
    asyncio.run(page.restore())
    assert not page.save.disabled and page.stop.disabled and not page.start.disabled
    assert len(page.below.children) == 3, "runs, comparison, program"
    page.save.click()
    saved = tmp_path / "restored" / "1"
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    assert set(before) == {
        "trained_denoiser.png", "non-local_means.png", "settings.json", "program.py", "input_opacity.webp"
    }  # fmt: skip
    settings = json.loads(before["settings.json"])
    assert settings["damage"] == "noise" and set(settings["methods"]) == {
        "trained denoiser",
        "non-local means",
    }
    monkeypatch.chdir(saved)
    exec(before["program.py"].decode(), {})
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    page.save.click()
    assert (tmp_path / "restored" / "2" / "program.py").is_file()


def test_the_noise_slider_sets_the_noise_and_the_level(page):
    page.noise.value = 50
    assert "added: 50.0 / 255" in page.words.value and "PSNR 14" in page.words.value
    problem = page.pose(page.source()[0])
    assert (problem.y - problem.truth).std() == pytest.approx(50 / 255, rel=0.02)


def test_the_input_the_estimates_and_the_truth_are_compared(page):
    chosen(page, "non-local means")
    asyncio.run(page.restore())
    problem = page.pose(page.source()[0])
    shown = {"what the methods got": problem.y, **page.saving.estimates, "truth": problem.truth}
    left, line, right = page.below.children[1].children[0].children
    assert left.options == right.options == tuple(shown)
    assert page.below.children[1].children[-1].value == Comparison(shown).picture.value


def telephone(noise=20, sides=(400, 300), **options):
    """The bytes of a photograph as telephones make them, with noise, lying on its side."""
    image = Image.fromarray(skimage.data.chelsea()).resize(sides)
    drawn = np.random.default_rng(0).normal(image, noise).clip(0, 255).astype(np.uint8)
    exif, content = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(drawn).save(content, exif=exif, **options)
    return content.getvalue()


def test_a_part_of_a_photograph_keeps_the_noise_that_shrinking_takes_away(page, tmp_path, monkeypatch):
    assert page.take.layout.display == "none", "a bundled picture is a part already"
    page.upload.value = with_file("photo.jpg", telephone(format="JPEG", quality=95))
    page.damage.value = "none, it is noisy already"
    assert page.take.layout.display is None and page.down.layout.display == "none"
    shrunk = page.pose(page.source()[0])
    page.take.value, page.side.value = "a part at full size", 96
    page.down.value, page.across.value = 25, 75
    part = page.pose(page.source()[0])
    assert part.y.shape[-2:] == (96, 96) and part.sigma > 12 / 255 > 2 * shrunk.sigma
    assert "96 x 96 pixels" in page.words.value and page.whole.layout.display is None
    marked = np.asarray(Image.open(io.BytesIO(page.whole.value)))
    rows, columns = np.nonzero((marked == 255).all(axis=2))
    # 300 x 400 pixels, shown as 180 x 240: the part begins at a quarter and three quarters of what is left.
    wanted = [0.25 * (400 - 96) * 0.6, (0.25 * (400 - 96) + 96) * 0.6]
    assert [rows.min(), rows.max()] == pytest.approx(wanted, abs=3)
    wanted = [0.75 * (300 - 96) * 0.6, (0.75 * (300 - 96) + 96) * 0.6]
    assert [columns.min(), columns.max()] == pytest.approx(wanted, abs=3)

    chosen(page, "non-local means")
    asyncio.run(page.restore())
    page.save.click()
    monkeypatch.chdir(tmp_path / "restored" / "1")
    assert 'load_image("input_photo.jpg", window=96, place=(0.25, 0.75))' in page.saving.program
    wanted = load_image("non-local_means.png")
    exec(page.saving.program, {})
    assert torch.equal(load_image("non-local_means.png"), wanted)


def test_the_program_of_a_run_that_was_stopped_stops_it_too(page, tmp_path, monkeypatch):
    page.side.value = 96
    chosen(page, "deep image prior", "total variation", "trained denoiser")

    async def stopping():
        running = asyncio.ensure_future(page.restore())
        while not (page.lanes and page.lanes[0].recorder.step and page.lanes[0].recorder.step.iteration >= 3):
            await asyncio.sleep(0)
        page.lanes[0].button.click()
        await asyncio.sleep(0)
        page.stop.click()
        await running

    asyncio.run(stopping())
    page.save.click()
    assert "islice(deep_image_prior(" in page.saving.program and "islice(denoised(" not in page.saving.program
    monkeypatch.chdir(tmp_path / "restored" / "1")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("restored/1/*")}
    exec(page.saving.program, {})
    assert {path.name: path.read_bytes() for path in tmp_path.glob("restored/1/*")} == before


def test_a_change_of_the_menus_during_a_run_changes_nothing_of_it(page, tmp_path):
    chosen(page, "total variation")

    async def change():
        running = asyncio.ensure_future(page.restore())
        await asyncio.sleep(0.05)
        page.damage.value = "out of focus"
        assert page.start.disabled, "while a run goes on"
        page.stop.click()
        await running

    asyncio.run(change())
    assert page.saving.settings["damage"] == "noise" and "Identity()" in page.saving.program


def test_a_folder_that_cannot_be_written_is_answered(page, tmp_path):
    (tmp_path / "restored").write_text("a file")
    chosen(page, "non-local means")
    asyncio.run(page.restore())
    page.save.click()
    assert "This cannot be saved" in page.words.value


def test_in_a_script_it_says_where_it_lives(page, capsys):
    page.show()
    assert "python -m dil_course restore" in capsys.readouterr().out


def test_buttons_and_pictures_say_what_they_are(page):
    assert all(each.tooltip for each in (page.start, page.stop, page.save, page.seen, page.noise))


# The terminal


def restore(*arguments):
    with contextlib.suppress(SystemExit):
        return main(["restore", *map(str, arguments)])


def test_the_terminal_restores_and_overwrites_nothing(folder, tmp_path, capsys):
    wanted = tmp_path / "out.png"
    for _ in range(2):
        assert restore(folder / "print.jpg", "--method", "non-local means", "--to", wanted) == 0
    assert "65 x 67 pixels" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"], "the same content is kept once"
    x = load_image(folder / "print.jpg")
    problem = pose(x, "none, it is noisy already")
    save_image(run(problem.steps("non-local means")).estimate, tmp_path / "same.png")
    assert wanted.read_bytes() == (tmp_path / "same.png").read_bytes()
    assert restore(folder / "gray.png", "--task", "enlarge", "--method", "bicubic", "--to", wanted) == 0
    assert load_image(tmp_path / "out_2.png").shape == (1, 1, 134, 130)
    part = ["--part", "0", "1", "--side", "40"]
    assert restore(folder / "print.jpg", "--method", "non-local means", *part, "--to", wanted) == 0
    problem = pose(x[..., :40, 25:], "none, it is noisy already")
    save_image(run(problem.steps("non-local means")).estimate, tmp_path / "same.png")
    assert (tmp_path / "out_3.png").read_bytes() == (tmp_path / "same.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.png"], "nowhere.png"),
        (["print.jpg", "--method", "magic"], "no method 'magic'"),
        (["print.jpg", "--method", "bicubic"], "to denoise: total variation"),
        (["print.jpg", "--sigma", "25"], "25 / 255"),
        (["print.jpg", "--side", "0"], "max_side"),
        (["print.jpg", "--side", "20"], "the picture"),
        (["print.jpg", "--part", "50", "50"], "50 / 100"),
        (["print.jpg", "--part", "0.5"], "--part"),
        (["print.jpg", "--to", "out.xyz"], "estimate.png"),
        (["print.jpg", "--to", "no/such/folder/out.png"], "there is no folder"),
    ],
)
def test_the_terminal_refuses_before_compute(arguments, words, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(terminal, "run", lambda *steps, **options: pytest.fail("computed"))
    assert restore(*arguments) is None
    assert words in capsys.readouterr().err


def test_the_terminals_help_names_every_method(capsys):
    restore("-h")
    text = " ".join(capsys.readouterr().out.split())
    for name in methods_for("noise") + methods_for("none, it is too small"):
        assert name in text


PEAK = """
import pathlib, re, sys
from dil_course.__main__ import main
code = main(["restore", *sys.argv[1:]])
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1000)
sys.exit(code)
"""


@pytest.mark.parametrize("options", [[], ["--part", "0.5", "0.5"]], ids=["whole", "part"])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_twelve_megapixels_take_less_than_700_megabytes(kind, options, tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("the peak of one process alone is known on Linux only")
    photograph, wanted = tmp_path / f"photo.{kind}", tmp_path / "out.png"
    Image.fromarray(skimage.data.chelsea()).resize((4000, 3000)).save(photograph)
    command = [
        sys.executable,
        "-c",
        PEAK,
        photograph,
        "--method",
        "non-local means",
        "--to",
        wanted,
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert load_image(wanted).shape == (1, 3, 256 if options else 192, 256)
    assert float(done.stdout.split()[-1]) < 700
