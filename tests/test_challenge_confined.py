"""What a submission to the challenge may not do, each in one call: it ends as a message, not as a crash."""

import csv
import hashlib
import json
import multiprocessing
import os
import secrets

import numpy as np
import psutil
import pytest
import torch

from dil_course.challenge import ladder, pose, write_case
from dil_course.signals import picture, to_array
from teaching import challenge, confined, leaderboard

POSED = pose("known", picture("coins", 32), 1)
CASE = write_case(POSED.y, POSED.A, POSED.sigma)
FORGED = """
import io, json, os, numpy as np
def restore(y, A, sigma, seconds):
    write = lambda name, content: open(name, "wb").write(content)
    file = io.BytesIO()
    expected = "20"
    {body}
    write("answer.json", b'{{"expected": ' + expected.encode() + b"}}")
    write("estimate.npy", file.getvalue())
    os._exit(0)
"""
needs_landlock = pytest.mark.skipif(not confined.landlock_version(), reason="this kernel has no Landlock")


def asked(source, seconds=5.0):
    return confined.call(source.encode(), CASE, seconds, 6 * 2**30)


def said(body, seconds=5.0):
    """What comes of a restore with this body, which may use os and y."""
    head = "import os, time, ctypes, resource\ndef restore(y, A, sigma, seconds):\n"
    return asked(head + "".join(f"    {line}\n" for line in body.splitlines()), seconds)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("np.save(file, y.numpy())\n    expected = '1' + '0' * 400", "no finite number"),
        ("np.save(file, y.numpy())\n    expected = '-1e300'", "no finite number"),
        ("np.save(file, y.numpy())\n    expected = 'true'", "no finite number"),
        ("np.savez(file, y.numpy())", "cannot be read"),
        ("np.save(file, np.zeros(y.shape, [('a', 'f4'), ('b', 'f4')]))", "cannot be read"),
        ("np.save(file, np.array([os.system], dtype=object), allow_pickle=True)", "allow_pickle"),
        (
            "np.lib.format.write_array_header_1_0(file, {{'descr': '<f4', 'fortran_order': False, "
            "'shape': (1, 1, 10**7, 10**6)}})".replace("{{", "{").replace("}}", "}"),
            "cannot be read",
        ),
    ],
)
def test_a_forged_answer_is_no_answer_and_no_crash(body, message):
    answer = asked(FORGED.format(body=body))
    assert answer["status"] == "failed" and message in answer["message"] and answer["estimate"] is None


def test_a_folder_in_place_of_the_answer_costs_no_open_file():
    before = len(os.listdir("/proc/self/fd"))
    assert "without an answer" in said("os.mkdir('answer.json'); os._exit(0)")["message"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_messages_and_names_can_be_printed_whatever_they_hold():
    message = said(r"raise ValueError('a\ud800\x1b[2J\nbest é')")["message"]
    assert message == r"ValueError: a\ud800\x1b[2J\nbest é" and message.encode()
    assert confined.printable(b"caf\xff\n.py".decode("utf-8", "surrogateescape")) == r"caf\udcff\n.py"
    assert len(said("raise ValueError('\\n' * 1000)")["message"]) == 300


@pytest.mark.parametrize("expected", ["-1e300", "1e300", "float('nan')", "1j", "'many'"])
def test_an_expectation_is_a_number_of_decibels(expected):
    assert said(f"return y, {expected}")["status"] == "failed"


def test_an_unusual_tensor_counts_as_what_it_holds():
    for body in ("y.clone().requires_grad_()", "(y * 0 - 0.0).double()", "(y * 0).long()", "y > 2"):
        assert said(f"return {body}, 20")["status"] == "estimate", body
    lying = "import torch\nclass T(torch.Tensor):\n    def detach(self): return self\n"
    lying += "    def cpu(self): return self\n    def float(self): return self\n"
    lying += "    def numpy(self): return 'none'\nreturn y.as_subclass(T), 20"
    assert "cannot be read" in said(lying)["message"]


@pytest.fixture
def served():
    """A function that has a source run by a server, which was forked before any secret was drawn."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    server = context.Process(target=confined.serve, args=(theirs,), daemon=True)
    server.start()

    def ask(source):
        ours.send((source.encode(), CASE, 30.0, 6 * 2**30))
        assert ours.poll(60)
        return ours.recv()

    yield ask
    server.kill()


def test_limits_are_set_and_time_has_an_end():
    assert "MemoryError" in said("bytearray(7 * 2**30)")["message"]
    assert "too large" in said("open('x', 'wb').truncate(2**27)")["message"]
    show = "raise ValueError(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    assert 5 < int(said(show)["message"].split()[1]) < 5000
    assert len(said("raise ValueError(os.listdir('/proc/self/fd'))")["message"].split(",")) <= 4
    late = said("time.sleep(60)", 0.1)
    assert "was ended" in late["message"] and late["seconds"] < 30


def test_what_a_submission_starts_ends_with_it_and_its_folder_goes(served):
    name = f"left{secrets.token_hex(4)}"
    leave = (
        "import ctypes, os, time\nlibc = ctypes.CDLL(None)\nif not libc.fork():\n    os.setsid()\n"
        f"    if not libc.fork(): libc.prctl(15, b'{name}', 0, 0, 0); time.sleep(60)\n    os._exit(0)\n"
        "time.sleep(0.2)\nraise ValueError(os.getcwd())\n"
    )
    folder = served(leave)["message"].split()[1]
    assert "challenge-" in folder and not os.path.exists(folder)
    assert name not in [process.info["name"] for process in psutil.process_iter(["name"])]


@needs_landlock
@pytest.mark.parametrize(
    "body",
    [
        # Each would change nothing, so that it does no harm where it is not refused.
        "resource.prlimit(os.getppid(), resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), os.getpriority(os.PRIO_PROCESS, 0))",
        "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))",
        "os.kill(os.getppid(), 0)",
        "os.chmod({file!r}, 0o600)",
        "os.chown({file!r}, os.getuid(), os.getgid())",
        "os.fchmod(os.open(os.__file__, os.O_RDONLY), os.stat(os.__file__).st_mode & 0o7777)",
        "os.setxattr({file!r}, 'user.mark', b'1')",
        "os.utime({file!r})",
        "os.truncate({file!r}, 4)",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0: "
        "raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))",
        "open({file!r}).read()",
        "os.mknod('disk', 0o60600, os.makedev(254, 0))",
        "key = ctypes.CDLL(None, use_errno=True).shmget(0, 4096, 0o1666)\n"
        "if key < 0: raise OSError(ctypes.get_errno(), 'Operation not permitted')",
    ],
)
def test_other_processes_and_files_are_out_of_reach(body, tmp_path):
    file = tmp_path / "results.jsonl"
    file.write_text("mine")
    assert "ermi" in said(body.format(file=str(file)) + "\nreturn None")["message"]
    mine = "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); os.sched_setaffinity(0, {0}); return None"
    assert said(mine)["status"] == "refused"


@needs_landlock
def test_nothing_of_a_submission_is_in_the_memory_of_the_next(served):
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    search = f"""
import re
def restore(y, A, sigma, seconds):
    found = 0
    for line in open("/proc/self/maps"):
        start, end = (int(each, 16) for each in line.split()[0].split("-"))
        if line.split()[1].startswith("rw") and end - start < 2**28:
            with open("/proc/self/mem", "rb", 0) as memory:
                memory.seek(start)
                parts = memory.read(end - start).split(b"{first}")[1:]
                found += sum(part.startswith(b"{second}") for part in parts)
    raise ValueError(f"found {{found}}")
"""
    served(f"# {first}{second} {'z' * 3000}\n")
    answer = served(search)
    assert answer["message"] == "ValueError: found 0"


def test_what_is_no_python_costs_the_runner_nothing():
    assert challenge.unreadable(b"a;" * 500_000) is None  # read by the submission's own process only
    for source in ("def restore(", "x = " + "(" * 50_000, "# -*- coding: hex -*-\n", "x = 1\0"):
        assert "no Python" in asked(source)["message"], source[:20]


def test_a_file_that_cannot_be_read_stops_nobody(tmp_path, monkeypatch):
    path = tmp_path / "locked.py"
    path.write_text("x = 1")
    (tmp_path / "link.py").symlink_to(path)
    (tmp_path / "folder.py").mkdir()
    assert challenge.content_of(path) == b"x = 1"
    assert challenge.content_of(tmp_path / "link.py") == challenge.content_of(tmp_path / "folder.py") == b""
    monkeypatch.setattr("pathlib.Path.open", lambda *given: (_ for _ in ()).throw(PermissionError()))
    assert challenge.content_of(path) == b""
    path = tmp_path / "large.py"
    monkeypatch.undo()
    path.write_bytes(b"#" * (2 * challenge.LARGEST_SUBMISSION))
    assert "more than" in challenge.unreadable(challenge.content_of(path))


def test_a_secret_seed_has_more_noises_than_can_be_tried(monkeypatch):
    seeds = []
    monkeypatch.setattr(challenge, "pose", lambda rung, x, seed: seeds.append(seed))
    dark = [torch.full((1, 1, 48, 48), 1 / 255)]
    monkeypatch.setattr(challenge, "images_of", lambda folder, side: (dark, dark))  # no mistaken scale here
    challenge.draw(5 + 2**61, None, 32, 1)
    assert len(set(seeds)) == 9 and all(2**61 <= seed < 2**61 + 2**31 for seed in seeds)


def test_a_baseline_that_is_the_truth_can_be_ranked(tmp_path, monkeypatch):
    (tmp_path / "baselines").mkdir()
    np.save(tmp_path / "baselines" / "known-0.npy", POSED.truth.numpy())
    digest, given = "a" * 64, "b" * 64
    stored = leaderboard.place_of(tmp_path, digest, "known-0", given)
    assert stored != leaderboard.place_of(tmp_path, digest, "known-0", "c" * 64)  # of another challenge
    stored.parent.mkdir(parents=True)
    np.save(stored, torch.zeros_like(POSED.truth).numpy())
    line = {"submission": "zero", "sha256": digest}
    result = {"case": "known-0", "input": given, "status": "estimate", "message": "", "expected": 20.0}
    monkeypatch.setattr(leaderboard, "score", lambda entry: None)  # of one case there is none
    (entry,) = leaderboard.entries_of([line, line | result], {"known-0": POSED}, {"known-0": given}, tmp_path)
    assert entry.answers["known-0"][0].gain == -1


LEVELS = 51 / 255, 102 / 255, 153 / 255  # of the images: two photographs and a scan, each of one gray


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A challenge whose parts may be called here: a quick baseline, flat images, no process beside this."""

    class Here:
        def ask(self, job, patience):
            return confined.call(*job)

        def close(self):
            pass

    first, second, scan = (torch.full((1, 1, 48, 48), level) for level in LEVELS)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(challenge, "Place", Here)
    monkeypatch.setattr(challenge, "images_of", lambda folder, side: ([first, second], [scan]))
    monkeypatch.setattr(ladder, "classical", lambda y, A, sigma: torch.full((1, 1, *y.shape[-2:]), 0.5))
    (tmp_path / "submissions").mkdir()

    def command(name, *more):
        places = [tmp_path / "submissions"] if name == "run" else []
        challenge.main([name, str(tmp_path / "c"), *map(str, places), *map(str, more)])
        file = tmp_path / "c" / "results.jsonl"
        lines = [json.loads(line) for line in file.read_text().split("\n") if line] if file.exists() else []
        return [line for line in lines if "case" in line]

    command("make", "--seed", 77, "--side", 32, "--count", 2)
    return tmp_path, command


def test_cases_are_drawn_and_committed_to(small):
    folder, command = small
    told = json.loads((folder / "c" / "challenge.json").read_text())
    assert set(told) == {"side", "count", "cases", "commitments"} and told["side"] == 32
    cases = challenge.draw(77, None, 32, 2)
    grays = {name: posed.truth.mean().item() for name, posed in cases.items() if "sanity" not in name}
    assert sorted((grays["known-0"], grays["known-1"])) == pytest.approx(LEVELS[:2])
    assert grays["scan-0"] == grays["scan-1"] == pytest.approx(LEVELS[2])
    truth = to_array(cases["known-1"].truth).tobytes()
    salted = hashlib.sha256(b"salt 77 known-1" + truth).hexdigest()  # what no guess of the image alone gives
    assert told["commitments"]["truths"]["known-1"] == salted
    assert len(set(told["commitments"]["truths"].values())) == len(cases) == 14
    (folder / "submissions" / "any.py").write_text("x = 1")
    command("run", "--rungs", "nobody")
    with pytest.raises(SystemExit, match="commits to"):
        command("rank", "--seed", 78)
    case = folder / "c" / "cases" / "nobody-0.npz"
    case.write_bytes(case.read_bytes()[:-1])
    with pytest.raises(SystemExit, match="not what challenge.json says"):
        command("run", "--rungs", "nobody")


def test_results_belong_to_a_file_and_an_input_and_are_asked_for_twice(small):
    folder, command = small
    limits = ("--rungs", "known", "nobody", "--seconds", 6)
    head = "import os, torch\ndef restore(y, A, sigma, seconds):\n    "
    texts = {
        "chance": "return y * 0 + os.urandom(2)[0] / 256 + os.urandom(1)[0] / 2**16, 20.0",
        "mood": "return y * 0, int.from_bytes(os.urandom(2)) / 1e4",
        "steady": "return y * 0 + torch.rand(()), 20.0 + __import__('numpy').random.rand()",
        "twin": "return y * 0 + torch.rand(()), 20.0 + __import__('numpy').random.rand()",
        "time": "raise ValueError(f'{seconds:g} s')",
        "bright": "return y * 0 + 1e30, 0.0",
    }
    for name, text in texts.items():
        (folder / "submissions" / f"{name}.py").write_text(head + text)
    lines = command("run", *limits)
    assert len(lines) == 6 * 5
    assert {line["message"] for line in lines if line["submission"] == "time"} == {
        "ValueError: 2 s",
        "ValueError: 3 s",
    }  # 6 s for three images of "known", and for two of "nobody"
    unsteady = {line["submission"] for line in lines if not line.get("repeats", True)}
    assert unsteady == {"chance", "mood"}
    command("rank", "--seed", 77)
    with (folder / "c" / "scores.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert float(rows["chance"]["known"]) == float(rows["mood"]["nobody"]) == 0
    assert rows["steady"]["place"] == rows["twin"]["place"]
    assert int(rows["steady"]["place"]) != int(rows["chance"]["place"])
    assert float(rows["bright"]["known"]) <= 0
    assert len(command("run", *limits)) == 30
    (folder / "submissions" / "time.py").write_text(head + "return y * 0 + LEVEL, 20.0\nLEVEL = 0.2")
    assert len(command("run", *limits)) == 35
    command("rank", "--seed", 77)
    with (folder / "c" / "scores.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert "changed" in rows["time"]["remarks"] and "ValueError" not in rows["time"]["remarks"]
    command("make", "--seed", 78, "--side", 32, "--count", 2)
    assert len(command("run", *limits)) == 65
