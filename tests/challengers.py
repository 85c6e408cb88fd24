"""Sixty entries to the challenge, as a class might hand them in: good, weak, over-confident, broken, endless,
cheating. Those that answer are written with the truth in hand, so that their score is known beforehand.
"""

import base64
import hashlib

import numpy as np

from dil_course.signals import psnr

RUNGS = ("known", "nobody")  # that they are run on

# An estimate whose error is a everywhere has a PSNR of -20 log10(a), whatever the image.
ANSWERS = """
import base64, hashlib
import numpy as np, torch
ANSWERS = {answers!r}
def restore(y, A, sigma, seconds):
    estimate, expected = ANSWERS[hashlib.sha256(y.numpy().tobytes()).hexdigest()]
    if estimate is None:
        return None
    x = np.frombuffer(base64.b64decode(estimate), "float16").reshape(1, 1, *y.shape[-2:]).astype("float32")
    return torch.from_numpy(x), expected
"""


def answering(cases, baselines, gain, error, sanity=0.0, refuse=True):
    """An entry with that gain over the baseline and that error of its expectation, in dB."""
    answers = {}
    for name, posed in cases.items():
        rung, number = name.split("-")
        wanted = psnr(baselines[name], posed.truth) + (sanity if number == "sanity" else gain)
        if rung == "nobody":
            wanted = psnr(baselines[name], posed.truth)
        away = np.where(posed.truth.numpy() > 0.5, -1, 1) * 10 ** (-wanted / 20)
        estimate = base64.b64encode((posed.truth.numpy() + away).astype("float16").tobytes()).decode()
        refused = rung == "nobody" and refuse
        key = hashlib.sha256(posed.y.numpy().tobytes()).hexdigest()
        answers[key] = (None, None) if refused else (estimate, wanted + error)
    return ANSWERS.format(answers=answers)


def deserved(gain, error, sanity=0.0, refuse=True):
    """The total by the rules of docs/challenge.md, worked out once more."""
    honest = 1 - (2 * error if error > 0 else -error) / 3
    first = min(max(gain, -1), 3) + max(0, honest)
    first = first if sanity >= -6 else min(first, 0)
    return first + (2 if refuse else -min(max(error, 0), 4) / 2)


HONEST = {
    f"good_{number:02}": (round(-0.9 + 0.25 * number, 2), -0.1 * (number % 3), 0.0, True)
    for number in range(14)
}
HONEST |= {f"weak_{number}": (-2.0 - number, -0.3 * number, 0.0, True) for number in range(4)}
HONEST |= {f"confident_{number}": (0.5, 0.4 * (number + 1), 0.0, False) for number in range(6)}
HONEST |= {"best": (5.0, 0.0, 0.0, True), "always_a_face": (2.5, 0.0, -9.0, True)}
HONEST |= {"modest_1": (1.0, -1.5, 0.0, True), "modest_2": (1.0, -6.0, 0.0, True)}

REFUSES = "def restore(y, A, sigma, seconds):\n    return None\n"


def call(body, head=""):
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"import os, time\n{head}\ndef restore(y, A, sigma, seconds):\n{lines}"


# name: (file, what is said of it, its total)
BROKEN = {
    "refuses": (REFUSES, "", 2.0),
    "raises": (call("raise ValueError('no idea')"), "ValueError: no idea", 0.0),
    "exits": (call("exit()"), "exit()", 0.0),
    "leaves": (call("os._exit(0)"), "without an answer", 0.0),
    "segfault": (call("import ctypes; ctypes.string_at(0)"), "SIGSEGV", 0.0),
    "memory": (call("import torch; return torch.zeros(10**11), 20.0"), "alloc", 0.0),
    "recursion": (call("return restore(y, A, sigma, seconds)"), "RecursionError", 0.0),
    "shape": (call("return y[..., :5], 20.0"), "expected (1, 1, 32, 32)", 0.0),
    "nan": (call("return y * float('nan'), 20.0"), "not finite", 0.0),
    "no_number": (call("return y, float('inf')"), "no finite number", 0.0),
    "none": (call("return y, None"), "TypeError", 0.0),
    "alone": (call("return y"), "nor a pair", 0.0),
    "array": (call("return y.numpy(), 20.0"), "no tensor", 0.0),
    "nameless": ("def restores(y): pass", "no function restore", 0.0),
    "syntax": ("def restore(y, A, sigma, seconds) return y", "no Python", 0.0),
    "empty": ("", "empty", 0.0),
    "garbage": ("\udcff\udc80\udcfe", "no Python", 0.0),
    "at_import": ("raise SystemExit", "exit()", 0.0),
    "endless": (call("while True: pass"), "was ended", 0.0),
    "sleeps": (call("time.sleep(1000)"), "was ended", 0.0),
    "floods": (call("while True: print('x' * 10000)"), "was ended", 0.0),
    "deaf": (
        call(
            "import signal\nfor each in set(signal.Signals) - {9, 19}: signal.signal(each, signal.SIG_IGN)\n"
            "time.sleep(1000)"
        ),
        "was ended",
        0.0,
    ),
    "outlives": (
        call(
            "import ctypes\nlibc = ctypes.CDLL(None)\nif not libc.fork():\n    os.setsid()\n"
            "    if not libc.fork():\n        libc.prctl(15, b'outlives35', 0, 0, 0); time.sleep(1000)\n"
            "    os._exit(0)\ntime.sleep(0.1)\nreturn None"
        ),
        "",
        2.0,
    ),
    "random": (
        call("import torch; return torch.full(y.shape, os.urandom(1)[0] / 255), os.urandom(1)[0]"),
        "second call",
        0.0,
    ),
    "kills_parent": (call("os.kill(os.getppid(), 9); time.sleep(5)"), "PermissionError", 0.0),
    "forges": (
        call("open('answer.json', 'w').write('{\"expected\": 1e999}'); os._exit(0)"),
        "no finite number",
        0.0,
    ),
    "links": (call("os.symlink('/etc/passwd', 'answer.json'); os._exit(0)"), "without an answer", 0.0),
}  # fmt: skip
# What only Landlock refuses; {places} are the folders and files that hold what is not for submissions.
CHEATS = {
    "reads_pictures": (call("return os.listdir({pictures!r})"), "PermissionError", 0.0),
    "peeks": (call("return open({other!r}).read()"), "PermissionError", 0.0),
    "writes_results": (call("open({results!r}, 'a').write('mine')"), "PermissionError", 0.0),
    "reads_memory": (call("open(f'/proc/{{os.getppid()}}/mem', 'rb').read(1)"), "PermissionError", 0.0),
    "seed_around": (
        call(
            "texts = [repr(dict(os.environ))]\n"
            "texts += [open('/proc/self/' + name).read() for name in ('cmdline', 'environ')]\n"
            "assert not any('{seed}' in text for text in texts), 'the seed is here'\nreturn None"
        ),
        "",
        2.0,
    ),
}  # fmt: skip
# The worst gain of -1 on "known", no honesty, and the worst on "nobody".
PATCHES = call(
    "from dil_course.challenge import score\nscore.BEST = score.WORST = 99.0\n"
    "score.honesty = lambda *given: 99.0\nreturn y * 0, 90.0"
)
GUESSES = call(
    "from dil_course.challenge import pose\nfrom dil_course.signals import picture\n"
    "for seed in range(3):\n"
    "    posed = pose('known', picture('camera', 32), seed)\n"
    "    if posed.y.equal(y): return posed.truth, 90.0\n"
    "return y * 0, 90.0"
)
WORST = -3.0
