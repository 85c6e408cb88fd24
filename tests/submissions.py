"""Submissions of problem set 01 as students hand them in: right, wrong and broken, each with the marks that
it deserves.
"""

import json
import random

import build
import nbformat

SET = "ps01_inverse_problems"
POINTS = {
    "interlaced_adjoint": 3, "passes_dot_product_test": 2, "psnr_of_noise": 1, "smooth_deblur": 3,
    "noise_after_tikhonov": 2, "make_consistent": 2, "causes": 3,
}  # fmt: skip

RIGHT = {
    "interlaced_adjoint": [
        """
def interlaced_adjoint(y, kernel):
    tall = torch.zeros(1, y.shape[1], y.shape[2] * 2, y.shape[3])
    for row in range(y.shape[2]):
        tall[:, :, 2 * row + 1] = y[:, :, row]
    odd = torch.nn.functional.pad(kernel, (1 - kernel.shape[1] % 2, 0, 1 - kernel.shape[0] % 2, 0))
    return Blur(odd.flip(0, 1))(tall)
""",
        """
import numpy as np, warnings
def interlaced_adjoint(measured, k):
    warnings.warn("my own warning")
    print("shape", measured.shape)
    up = np.kron(measured[0].numpy(), np.array([[0.0], [1.0]]))
    return Blur(k).adjoint(torch.from_numpy(up)[None])
""",
    ],
    "passes_dot_product_test": [
        """
def passes_dot_product_test(A, adjoint, shape):
    for trial in range(3):
        a = torch.randn(shape, dtype=torch.float32)
        Aa = A(a)
        b = torch.randn_like(Aa)
        left, right = float((Aa * b).sum()), float((a * adjoint(b)).sum())
        if abs(left - right) > 1e-5 * float(Aa.norm() * b.norm()):
            return False
    return True
""",
        """
def passes_dot_product_test(F, G, size):
    torch.manual_seed(0)
    u = torch.rand(size) - 0.5
    v = torch.rand(F(u).shape) - 0.5
    one, two = (F(u) * v).double().sum(), (u * G(v)).double().sum()
    return (one - two).abs() / (F(u).norm() * v.norm()) < 1e-4
""",
    ],
    "psnr_of_noise": [
        "import math\npsnr_of_noise = lambda sigma: 20 * math.log10(255 / sigma)",
        "import numpy as np\ndef psnr_of_noise(s):\n    s /= 255\n    return -10 * np.log10(s * s)",
    ],
    "smooth_deblur": [
        """
def smooth_deblur(y, kernel, weight):
    h, w = y.shape[-2:]
    dot = torch.zeros(1, 1, h, w, dtype=torch.float64); dot[0, 0, 0, 0] = 1
    H = torch.fft.fft2(Blur(kernel.double())(dot))
    fy, fx = torch.meshgrid(torch.fft.fftfreq(h), torch.fft.fftfreq(w), indexing="ij")
    D2 = 4 * torch.sin(torch.pi * fy) ** 2 + 4 * torch.sin(torch.pi * fx) ** 2
    X = H.conj() * torch.fft.fft2(y.double()) / (H * H.conj() + weight * D2)
    return torch.fft.ifft2(X).real
""",
        """
import numpy as np
def smooth_deblur(y, kernel, weight):
    data, k = y[0].numpy(), kernel.numpy()
    place = np.zeros_like(data[0])
    place[: k.shape[0], : k.shape[1]] = k
    place = np.roll(place, (-(k.shape[0] // 2), -(k.shape[1] // 2)), (0, 1))
    K = np.fft.fft2(place)
    d1, d2 = np.zeros_like(place), np.zeros_like(place)
    d1[0, 0], d1[-1, 0], d2[0, 0], d2[0, -1] = -1, 1, -1, 1
    G = abs(np.fft.fft2(d1)) ** 2 + abs(np.fft.fft2(d2)) ** 2
    return np.fft.ifft2(np.conj(K) * np.fft.fft2(data) / (abs(K) ** 2 + weight * G))
""",
    ],
    "noise_after_tikhonov": [
        "def noise_after_tikhonov(K, sigma, weight):\n    filter = K.conj() / (K * K.conj() + weight)\n    "
        "return sigma ** 2 * (filter * filter.conj()).real.mean()",
        """
def noise_after_tikhonov(K, s, lam):
    total = 0.0
    for k in K.flatten().tolist():
        total += (s * abs(k) / (abs(k) ** 2 + lam)) ** 2
    return total / K.numel()
""",
    ],
    "make_consistent": [
        "def make_consistent(guess, y, A):\n    missing = y - A(guess)\n    guess += A.pinv(missing)\n    "
        "return guess",
        "def make_consistent(g, y, A):\n    unseen = g - A.pinv(A(g))\n    return A.pinv(y) + unseen",
    ],
    "causes": [
        "causes = dict(A='step too large', B='fits the noise', C='wrong kernel', D='wrong adjoint')",
        "causes = {}\ncauses['D'] = 'wrong adjoint'\ncauses['C'] = 'wrong kernel'\ncauses['B'] = 'fits the "
        "noise'\ncauses['A'] = 'step too large'",
    ],
}

# Wrong answers, with the points that they deserve.
WRONG = {
    "interlaced_adjoint": [
        (
            """
def interlaced_adjoint(y, kernel):
    z = torch.zeros(1, 1, 2 * y.shape[2], y.shape[3])
    z[:, :, 1::2] = y
    return Blur(kernel)(z)
""",
            0,
        ),
        (
            """
def interlaced_adjoint(y, kernel):
    return Blur(kernel).adjoint(y.repeat_interleave(2, dim=2))
""",
            0,
        ),
        (
            """
def interlaced_adjoint(y, kernel):
    z = torch.zeros(1, 1, 2 * y.shape[2], y.shape[3])
    z[:, :, ::2] = y
    return Blur(kernel).adjoint(z)
""",
            0,
        ),
        ("def interlaced_adjoint(y, kernel):\n    return y", 0),
        ("import sys\ndef interlaced_adjoint(y, kernel):\n    sys.exit()", 0),
    ],
    "passes_dot_product_test": [
        (
            """
def passes_dot_product_test(A, adjoint, shape):
    return True
""",
            0,
        ),
        (
            """
def passes_dot_product_test(A, adjoint, shape):
    x, y = torch.randn(shape), torch.randn(shape)
    return (A(x) * y).sum() == (x * adjoint(y)).sum()
""",
            0,
        ),
        (
            """
def passes_dot_product_test(A, adjoint, shape):
    x = torch.ones(shape)
    y = torch.ones(A(x).shape)
    a, b = (A(x) * y).sum(), (x * adjoint(y)).sum()
    return abs(a - b) < 1e-3 * abs(a)
""",
            0,
        ),
    ],
    "psnr_of_noise": [
        ("def psnr_of_noise(sigma):\n    return 20.17", 0),
        (
            """
import math
def psnr_of_noise(sigma):
    return -10 * math.log10(sigma / 255)
""",
            0,
        ),
    ],
    "smooth_deblur": [
        (
            """
def smooth_deblur(y, kernel, weight):
    dot = torch.zeros_like(y)
    dot[0, 0, 0, 0] = 1
    K = torch.fft.fft2(Blur(kernel)(dot))
    return torch.fft.ifft2(K.conj() * torch.fft.fft2(y) / (K.abs() ** 2 + weight)).real
""",
            0,
        ),
        ("def smooth_deblur(y, kernel, weight):\n    return y / 0", 0),
        ("def smooth_deblur(y, kernel, weight):\n    return None", 0),
    ],
    "noise_after_tikhonov": [
        (
            """
def noise_after_tikhonov(K, sigma, weight):
    return sigma ** 2 * (1 / K.abs() ** 2).mean()
""",
            0,
        ),
        (
            """
def noise_after_tikhonov(K, sigma, weight):
    return sigma * (K.abs() / (K.abs() ** 2 + weight)).mean()
""",
            0,
        ),
    ],
    "make_consistent": [
        (
            """
def make_consistent(guess, y, A):
    return guess + A.adjoint(y - A(guess))
""",
            0,
        ),
        ("def make_consistent(guess, y, A):\n    return A.pinv(y)", 0),
    ],
    "causes": [
        (
            "causes = {'A': 'step too large', 'B': 'null space', 'C': 'wrong kernel', 'D': 'step too large'}",
            1.5,
        ),
        ("causes = ['step too large', 'fits the noise', 'wrong kernel', 'wrong adjoint']", 0),
        ("causes = {'A': 'too large step'}", 0),
    ],
}


def exercise():
    return nbformat.read(build.EXERCISES / SET / f"{SET}.ipynb", as_version=4)


def find(notebook, grade_id):
    return next(
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def filled(answers):
    """The exercise with these answers, {task: code}."""
    notebook = exercise()
    for name, code in answers.items():
        find(notebook, f"{name}_answer").source = code
    return notebook


def mixed(seed):
    """A student of some ability: (notebook, the marks deserved)."""
    chance = random.Random(seed)
    ability, answers, deserved = chance.random(), {}, {}
    for name, full in POINTS.items():
        drawn = chance.random()
        if drawn < ability:
            answers[name], deserved[name] = chance.choice(RIGHT[name]), full
        elif drawn < 0.85 or ability > 0.5:
            answers[name], deserved[name] = chance.choice(WRONG[name])
        else:
            deserved[name] = 0  # left as it was
    return filled(answers), deserved


def good():
    return filled({name: answers[0] for name, answers in RIGHT.items()})


def broken(*breakages):
    """A good submission that was broken in several ways, one after the other."""
    notebook = good()
    for breakage in breakages:
        breakage(notebook)
    return notebook


def answered(name, code):
    """Another answer."""
    return lambda notebook: find(notebook, f"{name}_answer").update(source=code)


def with_cell(code, before):
    """A cell of the student's own, before the one of this name."""

    def breakage(notebook):
        index = notebook.cells.index(find(notebook, before))
        notebook.cells.insert(index, nbformat.v4.new_code_cell(code))

    return breakage


def without(*names):
    return lambda notebook: [notebook.cells.remove(find(notebook, name)) for name in names]


def changed(name, **what):
    return lambda notebook: find(notebook, name).update(what)


def tagged(name):
    return lambda notebook: find(notebook, name).metadata.update(tags=["skip-execution"])


def duplicated(name):
    def breakage(notebook):
        cell = find(notebook, name)
        copy = nbformat.from_dict(json.loads(json.dumps(cell)))
        copy.id = f"copied_{name}"
        notebook.cells.insert(notebook.cells.index(cell), copy)

    return breakage


def merged(name):
    """An answer and its check in one cell, as JupyterLab's Merge Cells leaves them."""

    def breakage(notebook):
        answer, check = find(notebook, f"{name}_answer"), find(notebook, name)
        answer.source += "\n" + check.source
        notebook.cells.remove(check)

    return breakage


def stripped(notebook):
    """As a tool leaves it that keeps no metadata."""
    for cell in notebook.cells:
        cell.metadata = {}


def returning(name, result):
    """A check that was patched."""
    return with_cell(f"ps01.{name} = lambda *given, **named: {result}", before=f"{name}_answer")


def all_but(*names):
    """Full marks, but none for these tasks."""
    return POINTS | dict.fromkeys(names, 0)


NOTHING = dict.fromkeys(POINTS, 0)
SHOWS = "get_ipython().ast_node_interactivity = {!r}"

# name: (submission: a notebook, the text of a file, or None for no file; the marks deserved; what the list
# must say of it). What concerns different tasks stands in one submission: each takes seconds to start.
BROKEN = {
    "changed_cells": (
        lambda: broken(
            duplicated("interlaced_adjoint_answer"),
            changed("passes_dot_product_test", source="3"),
            answered("psnr_of_noise", "def psnr_of_noise(sigma)\n    return"),
            tagged("smooth_deblur"),
            changed("noise_after_tikhonov", cell_type="raw"),
            answered("make_consistent", "make_consistent = 0"),
            changed("make_consistent", source="2"),
            duplicated("causes"),
        ),
        all_but("psnr_of_noise", "make_consistent"),
        [
            "interlaced_adjoint_answer is there 2 times",
            "causes is there 2 times",
            "passes_dot_product_test was edited",
            "make_consistent was edited",
        ],
    ),
    "missing_cells": (
        lambda: broken(
            without("interlaced_adjoint_answer", "psnr_of_noise_answer", "psnr_of_noise", "make_consistent"),
            merged("noise_after_tikhonov"),
        ),
        all_but("interlaced_adjoint", "psnr_of_noise"),
        [f"{name} was missing" for name in ("psnr_of_noise", "make_consistent", "noise_after_tikhonov")],
    ),
    "crashes": (
        lambda: broken(
            with_cell("exit()", before="interlaced_adjoint_answer"),
            with_cell("import os\nos._exit(0)", before="interlaced_adjoint_answer"),
            answered("psnr_of_noise", "import os\ndef psnr_of_noise(sigma):\n    os._exit(0)"),
        ),
        all_but("psnr_of_noise"),
        ["left out: exit()", "left out: import os", "left out: psnr_of_noise"],
    ),
    "loops": (
        lambda: broken(
            answered(
                "psnr_of_noise",
                "while True:\n    try:\n        import time; time.sleep(1)\n    except BaseException: pass",
            ),
            answered("causes", "while True: pass"),
        ),
        all_but("psnr_of_noise", "causes"),
        ["stopped: causes_answer", "left out: psnr_of_noise_answer"],
    ),
    "floods": (
        lambda: broken(
            with_cell(
                "for i in range(10**5): print('all work and no play', i)", before="interlaced_adjoint_answer"
            ),
            with_cell("print('x' * 10**8)", before="interlaced_adjoint_answer"),
            with_cell(
                "import torch\nkeep = [torch.ones(2**28) for _ in range(100)]",
                before="interlaced_adjoint_answer",
            ),
            with_cell("ps01 = 3\nprint = None", before="passes_dot_product_test_answer"),
        ),
        POINTS,
        ["printed more than"],
    ),
    "odd_results": (
        lambda: broken(
            with_cell(SHOWS.format("none"), before="psnr_of_noise"),
            answered("psnr_of_noise", "psnr_of_noise = 0"),
            with_cell(SHOWS.format("last_expr"), before="smooth_deblur_answer"),
            returning("smooth_deblur", 100),
            returning("noise_after_tikhonov", -1),
            returning("make_consistent", "float('nan')"),
        ),
        all_but("psnr_of_noise", "smooth_deblur", "noise_after_tikhonov", "make_consistent"),
        [
            "smooth_deblur returned 100 of 3 points",
            "noise_after_tikhonov returned -1 of 2 points",
            "make_consistent returned nan of 2 points",
        ],
    ),
    "stripped_metadata": (lambda: broken(stripped), POINTS, ["put back"]),
    "missing_file": (lambda: None, NOTHING, ["no file"]),
    "not_a_notebook": (lambda: "print('hello')", NOTHING, ["no notebook"]),
    "empty_notebook": (nbformat.v4.new_notebook, NOTHING, ["put back"]),
    "untouched": (exercise, NOTHING, []),
    "solution": (lambda: nbformat.read(build.SOLUTIONS / SET / f"{SET}.ipynb", as_version=4), POINTS, []),
}


def hand_in(course, student, submission):
    """Put a submission where nbgrader looks for it."""
    folder = course / "submitted" / student / SET
    folder.mkdir(parents=True)
    if submission is not None:
        text = submission if isinstance(submission, str) else nbformat.writes(submission)
        (folder / f"{SET}.ipynb").write_text(text, encoding="utf-8")


def wrong_verdicts(row, deserved):
    """{task: (marked, deserved)} where a line of marks.csv is not what the submission deserves."""
    marked = {name: float(row[name]) for name in deserved}
    return {name: (marked[name], points) for name, points in deserved.items() if marked[name] != points}
