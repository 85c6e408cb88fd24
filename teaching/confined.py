"""Call a submission's `restore` in a process of its own, within limits, where it finds y, A and sigma only.

`serve` is a process that loads torch once and then forks twice for each call. The first fork reads the job
and the answer, so that nothing of them stays in memory for the next call. The second gives up what it has
open, is limited in memory, files and processor time, and, where Linux has Landlock, may read nothing but
Python's and the system's libraries and settings, write nothing outside a fresh folder, open no socket, send
no signal to other processes, and call nothing of what syscalls.py lists. When its time is over, it is ended
with all that it has started.
"""

import contextlib
import ctypes
import io
import json
import math
import os
import random
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
import types
from pathlib import Path

import numpy as np
import psutil
import torch

from dil_course import (  # noqa: F401  (loaded before the fork, so that no submission waits for it)
    adaptation,
    challenge,
    diffusion,
    networks,
)
from teaching import syscalls

GRACE = 1.5  # seconds beyond the limit, for the way there and back
LARGEST_ANSWER = 2**24  # bytes
LARGEST_EXPECTED = 1e6  # dB
LIBRARIES = [
    sys.prefix, sys.base_prefix, Path(challenge.__file__).parents[1], "/usr", "/lib", "/lib64", "/bin",
    "/etc", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/self", "/sys/devices/system",
    "/sys/fs/cgroup", "/dev/urandom", "/dev/random", "/dev/null", "/dev/zero",
]  # fmt: skip

# Landlock, see `man 7 landlock`: numbers of its system calls and flags.
CREATE, ADD, RESTRICT = 444, 445, 446
RIGHTS = [(1, 13), (2, 14), (3, 15), (5, 16)]  # from this version on, so many rights of files are known
READ_ALL, FILE = 0b1101, 0b1100000000000111  # execute, read a file, list a folder; what a file can be given
DEVICES = 1 << 6 | 1 << 11  # character and block devices: root could make one, and read the disk
DEATH_SIGNAL, SUBREAPER, NO_NEW_PRIVILEGES = 1, 36, 38  # of prctl


def landlock_version():
    """Version of Landlock that this kernel offers, 0 without."""
    return max(0, ctypes.CDLL(None).syscall(CREATE, None, 0, 1)) if sys.platform == "linux" else 0


def lock(folder):
    """Leave this process nothing but the libraries, to read, and the folder."""
    version = landlock_version()
    if not version:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    rights = (1 << max(count for since, count in RIGHTS if since <= version)) - 1
    # TCP from version 4, signals and abstract sockets from version 6 on.
    fields = [rights] + [3] * (version >= 4) + [3] * (version >= 6)
    ruleset = (ctypes.c_uint64 * len(fields))(*fields)
    handle = libc.syscall(CREATE, ruleset, ctypes.sizeof(ruleset), 0)
    places = [(path, READ_ALL) for path in LIBRARIES] + [("/dev/null", FILE), (folder, rights & ~DEVICES)]
    for path, allowed in places:
        with contextlib.suppress(FileNotFoundError):
            opened = os.open(path, os.O_PATH)
            allowed = allowed & rights & (rights if os.path.isdir(path) else FILE)
            rule = allowed.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
            if libc.syscall(ADD, handle, 1, rule, 0):
                raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")
            os.close(opened)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(RESTRICT, handle, 0):
        raise OSError(ctypes.get_errno(), "Landlock does not take effect")
    os.close(handle)
    syscalls.forbid()


def serve(connection):
    """Answer each (source, case, seconds, memory) that comes with what `call` makes of it."""
    with contextlib.suppress(KeyboardInterrupt):  # the runner was stopped
        while connection.poll(None):
            pid = os.fork()
            if not pid:
                serve_one(connection)
            if os.waitpid(pid, 0)[1]:
                return


def serve_one(connection):
    """A fork for one job: what it reads is gone with it, and in no memory that the next job could search."""
    code = 1
    try:
        if sys.platform == "linux":  # what a submission leaves behind becomes a child of this process
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
            ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        with contextlib.suppress(EOFError, KeyboardInterrupt):  # the runner was stopped
            connection.send(call(*connection.recv()))
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def call(source, case, seconds, memory):
    """Run `restore` of a submission on one case.

    Args:
        source: bytes of the submission's file.
        case: bytes of the case, as `write_case` makes them.
        seconds: that are handed over, and after which the process is ended.
        memory: limit in bytes.

    Returns:
        dict with "status" (estimate, refused, failed), "message", "estimate" (array (1,1,H,W) or None),
        "expected" (dB or None), "seconds" and "MiB".
    """
    folder = Path(tempfile.mkdtemp(prefix="challenge-"))
    try:
        (folder / "submission.py").write_bytes(source)
        started = time.perf_counter()
        pid = os.fork()
        if not pid:
            child(source, case, seconds, memory, folder)
        late = False
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            if not late and time.perf_counter() - started > seconds + GRACE:
                late = True
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        used = time.perf_counter() - started
        end_descendants()
        answer = read_answer(folder, os.waitstatus_to_exitcode(status), case)
        if late:
            answer = failed(f"took more than {seconds:g} s and was ended")
        return answer | {"seconds": round(used, 2), "MiB": round(usage.ru_maxrss / 1024)}
    finally:
        end_descendants()
        shutil.rmtree(folder, ignore_errors=True)


def end_descendants():
    """End whatever is left of a call, also what has left its session."""
    deadline = time.monotonic() + 30
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for act in ("suspend", "kill"):  # all stand still first, or some would fork while others are ended
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    getattr(process, act)()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def printable(text):
    """The text with what is no printable character written as an escape: it goes to a terminal and a page."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def failed(message):
    return {"status": "failed", "message": printable(message)[:300], "estimate": None, "expected": None}


def child(source, case, seconds, memory, folder):
    """The forked process: give up everything, call the submission, leave its answer."""
    try:
        try:
            confine(seconds, memory, folder)
            say = answer_of(source, case, seconds)
        except BaseException as problem:  # SystemExit and KeyboardInterrupt as well: all is the submission's
            text = "it called exit()" if isinstance(problem, SystemExit) else str(problem)
            say = {"message": f"{type(problem).__name__}: {text}"[:300]}
        Path("answer.json").write_text(json.dumps(say))
    finally:
        os._exit(0)


def confine(seconds, memory, folder):
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)  # with the process that forked it
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.closerange(3, 4096)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder))
    tempfile.tempdir = str(folder)
    processor = math.ceil((seconds + GRACE) * (torch.get_num_threads() + 1)) + 5
    for name, limit in [("AS", memory), ("FSIZE", 2**26), ("CORE", 0), ("CPU", processor)]:
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
    lock(folder)
    random.seed(0)  # so that a submission that uses the global generators is repeatable
    np.random.seed(0)
    torch.manual_seed(0)


def answer_of(source, case, seconds):
    try:
        program = compile(source, "submission.py", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        return {"message": f"the file is no Python: {str(problem) or type(problem).__name__}"}
    module = types.ModuleType("submission")
    module.__file__ = "submission.py"
    sys.modules["submission"] = module
    exec(program, module.__dict__)
    restore = getattr(module, "restore", None)
    if not callable(restore):
        return {"message": "the file defines no function restore(y, A, sigma, seconds)"}
    answer = restore(*challenge.read_case(case), seconds)
    if answer is None:
        return {"refused": True}
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return {"message": "restore returned neither None nor a pair (estimate, expected PSNR)"}
    estimate, expected = answer
    if not isinstance(estimate, torch.Tensor):
        return {"message": f"the estimate is no tensor but {type(estimate).__name__}"}
    np.save("estimate.npy", estimate.detach().cpu().float().numpy())
    return {"expected": float(expected)}


def read_file(path):
    """Bytes of an ordinary file of a sensible size; whatever else a submission may have put there, none."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path.name} is no file")
        with open(handle, "rb", closefd=False) as file:
            return file.read(LARGEST_ANSWER)
    finally:
        os.close(handle)


def read_answer(folder, code, case):
    """What the forked process has left; all of it may be forged, so nothing is taken on trust."""
    try:
        say = json.loads(read_file(folder / "answer.json"))
    except (OSError, ValueError, RecursionError):
        names = {each.value: each.name for each in signal.Signals}  # most real-time signals have none
        reason = f"signal {names.get(-code, -code)}" if code < 0 else f"exit code {code}"
        return failed(f"ended its process without an answer ({reason})")
    if not isinstance(say, dict) or "message" in say:
        return failed(str(say.get("message")) if isinstance(say, dict) else "a forged answer")
    if say.get("refused") is True:
        return {"status": "refused", "message": "", "estimate": None, "expected": None}
    expected = say.get("expected")
    if (
        isinstance(expected, bool)
        or not isinstance(expected, int | float)
        or not abs(expected) <= LARGEST_EXPECTED
    ):
        return failed(f"the expected PSNR is no finite number of dB: {str(expected)[:40]}")
    try:
        content = io.BytesIO(read_file(folder / "estimate.npy"))
        estimate = np.load(content, allow_pickle=False).astype(np.float32)
    except Exception as problem:  # a forged file has many ways to be none
        return failed(f"the estimate cannot be read: {problem}")
    height, width = challenge.read_case(case)[0].shape[-2:]
    if estimate.shape != (1, 1, height, width):
        return failed(f"the estimate is {estimate.shape}, expected (1, 1, {height}, {width})")
    if not np.isfinite(estimate).all():
        return failed("the estimate is not finite")
    return {"status": "estimate", "message": "", "estimate": estimate, "expected": float(expected)}
