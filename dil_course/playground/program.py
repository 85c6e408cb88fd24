"""The Python program that does without the playground what it did."""

import re

from dil_course.playground.recipes import DAMAGES, METHODS, NAMES


def program(source, problem, files, stopped=()):
    """A program that poses the same Problem, restores it by the same methods, and saves the same files.

    Args:
        source: the line that loads the picture, such as `load_image("photo.jpg", max_side=256)`.
        problem: of `pose`.
        files: {name of one of `METHODS`: file to save its estimate in}.
        stopped: {name: iteration after which its reader stopped it}, which the program does too.
    """
    chosen = DAMAGES[problem.damage]
    level = problem.noise if chosen.adds_noise else problem.sigma
    lines = [f"seed, sigma = {problem.seed}, {level!r}"]
    lines += [f'x = prepared({source}, "{problem.damage}").to(device())']
    lines += [f"A = {chosen.operator}", f"y = {chosen.observe or 'x'}"]
    if level != problem.sigma:
        lines += [f"sigma = {problem.sigma!r}"]
    for name, path in files.items():
        method = METHODS[name]
        stop = f", stop={method.rule}" if method.rule else ""
        steps = f"islice({method.line}, {stopped[name]})" if name in stopped else method.line
        made = method.line if method.at_once else f"run({steps}{stop}).estimate"
        lines += ["", f"# {name}", f"estimate = {made}", f'save_image(estimate, "{path}", overwrite=False)']
    return "\n".join([*imports("\n".join(lines)), "", *lines, ""])


def imports(text):
    """The lines that import what a program uses."""
    found = []
    for module, names in NAMES.items():
        if names is None:
            found += [f"import {module}", ""] if f"{module}." in text else []
            continue
        used = [name for name in names if re.search(rf"(?<![\w.]){name}\(", text)]
        found += [f"from {module} import {', '.join(used)}"] if used else []
    return found
