"""`python -m dil_course restore photo.jpg`: a method of the playground from a terminal."""

import argparse

from tqdm import tqdm

from dil_course import runtime
from dil_course.fitting import run
from dil_course.playground.pieces import steps_of
from dil_course.playground.recipes import METHODS, evaluate, methods_for, noise_of, observed
from dil_course.signals import load_image, save_image
from dil_course.signals.validation import check_sigma

TASKS = {"denoise": "none, it is noisy already", "enlarge": "none, it is too small"}


def options():
    parser = argparse.ArgumentParser(
        prog="python -m dil_course restore", description="Restore a photograph by a method of the course."
    )
    parser.add_argument("photograph", help="a picture's file: JPEG, PNG, WebP, TIFF, ...")
    parser.add_argument("--task", choices=TASKS, default="denoise", help="default: denoise")
    parser.add_argument("--method", help="default: deep image prior")
    parser.add_argument(
        "--side", type=int, default=256, help="most pixels a side; larger pictures are shrunk (256)"
    )
    parser.add_argument("--sigma", type=float, help="noise level in [0,1]; estimated where it is not given")
    parser.add_argument(
        "--to", default="restored.png", help="file to write; never overwritten (restored.png)"
    )
    return parser


def main(arguments):
    """Run the command and return its exit code."""
    parser = options()
    asked = parser.parse_args(arguments)
    damage = TASKS[asked.task]
    name = asked.method or "deep image prior"
    if name not in methods_for(damage):
        parser.error(f"no method {name!r} for this task; there are: {', '.join(methods_for(damage))}")
    try:
        x = load_image(asked.photograph, max_side=asked.side).to(runtime.device())
        y, A, _ = observed(x, damage, 0.0)
        sigma = noise_of(y, damage, 0.0) if asked.sigma is None else asked.sigma
        check_sigma(sigma)
    except (OSError, TypeError, ValueError) as problem:
        parser.error(str(problem))
    print(f"{y.shape[-1]} x {y.shape[-2]} pixels, noise level {255 * sigma:.1f} / 255, {name}")
    method = METHODS[name]
    steps = steps_of(evaluate(method.line, y=y, A=A, sigma=sigma, seed=0))
    result = run(bar(steps), stop=evaluate(method.rule) if method.rule else None)
    saved = save_image(result.estimate, asked.to, overwrite=False)
    print(f"{result.why}, {result.seconds:.0f} s; saved as {saved}")
    return 0


def bar(steps):
    """The steps, with a bar on the terminal."""
    with tqdm(unit=" iterations", leave=False) as shown:
        for step in steps:
            shown.total = step.total
            shown.update()
            yield step
