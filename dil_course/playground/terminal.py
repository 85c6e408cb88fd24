"""`python -m dil_course restore photo.jpg`: a method of the playground from a terminal."""

import argparse
import pathlib

from tqdm import tqdm

from dil_course import runtime
from dil_course.fitting import run
from dil_course.playground.photograph import PART, WHOLE, taking
from dil_course.playground.problem import pose
from dil_course.playground.recipes import methods_for
from dil_course.signals import load_image, save_image
from dil_course.signals.images import check_picture_file

TASKS = {"denoise": "none, it is noisy already", "enlarge": "none, it is too small"}


def options():
    lists = [f"{task}: {', '.join(methods_for(damage))}" for task, damage in TASKS.items()]
    parser = argparse.ArgumentParser(
        prog="python -m dil_course restore",
        description="Restore a photograph by a method of the course.",
        epilog="Methods to " + "; to ".join(lists) + ".",
    )
    parser.add_argument("photograph", help="a picture's file: JPEG, PNG, WebP, TIFF, ...")
    parser.add_argument("--task", choices=TASKS, default="denoise", help="default: denoise")
    parser.add_argument("--method", default="deep image prior", help="default: deep image prior")
    parser.add_argument("--side", type=int, default=256, help="shrink to so many pixels a side (256)")
    parser.add_argument(
        "--part",
        type=float,
        nargs=2,
        metavar=("DOWN", "ACROSS"),
        help="cut so many pixels a side out instead, at full size: 0.5 0.5 is the middle, 0 0 the upper left",
    )
    parser.add_argument("--sigma", type=float, help="noise level in [0,1]; estimated where it is not given")
    parser.add_argument(
        "--to", default="restored.png", help="file to write, never overwritten (restored.png)"
    )
    return parser


def main(arguments):
    """Run the command and return its exit code. What is asked wrongly is refused before any compute."""
    parser = options()
    asked = parser.parse_args(arguments)
    damage, folder = TASKS[asked.task], pathlib.Path(asked.to).parent
    if asked.method not in methods_for(damage):
        parser.error(f"no method {asked.method!r} to {asked.task}: {', '.join(methods_for(damage))}")
    if not folder.is_dir():
        parser.error(f"--to: there is no folder {folder}")
    try:
        check_picture_file(asked.to)
        taken = taking(PART if asked.part else WHOLE, asked.side, asked.part)
        x = load_image(asked.photograph, **taken).to(runtime.device())
        problem = pose(x, damage, sigma=asked.sigma)
    except (OSError, TypeError, ValueError) as fault:
        parser.error(str(fault))
    height, width = problem.y.shape[-2:]
    print(f"{width} x {height} pixels, noise level {255 * problem.sigma:.1f} / 255, {asked.method}")
    result = run(with_a_bar(problem.steps(asked.method)), stop=problem.rule(asked.method))
    saved = save_image(result.estimate, asked.to, overwrite=False)
    print(f"{result.why}, {result.seconds:.0f} s; saved as {saved}")
    return 0


def with_a_bar(steps):
    """The steps, with a bar on the terminal."""
    with tqdm(unit=" iterations", leave=False) as bar:
        for step in steps:
            bar.total = step.total
            bar.update()
            yield step
