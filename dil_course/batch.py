"""Independent runs, as a table of results needs them: one after the other, in processes, or on Dask workers.

A run is a function of a script and its arguments, which are values that JSON can write. Each finished run
becomes a line of a file at once, so that a table that was stopped goes on where it ended.
"""

import importlib
import inspect
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import torch

from dil_course import runtime
from dil_course.signals.validation import check_integer

ROOT = Path(__file__).resolve().parents[1]
LIVES = 2  # how often a run is begun whose process dies


def add_options(parser):
    """The options of a command that say where its runs are computed: the last three arguments of `runs`."""
    parser.add_argument(
        "--jobs", type=int, default=0, help="so many processes, each on one thread; 0 (default): in this one"
    )
    parser.add_argument("--scheduler", help="Dask's, as in tcp://10.0.0.1:8786: its workers do the runs")
    parser.add_argument("--store", type=Path, help="lines of finished runs, which are not computed again")


def runs(work, arguments, jobs=0, scheduler=None, store=None):
    """Yield (arguments, result) of each run, in the order given, as soon as it and all before it are there.

    A run whose process dies is begun again, and no other run notices. A run that raises an error costs only
    itself: the rest is computed and stored, then the error is raised.

    Args:
        work: a function of a script of this repository, called with the items of one of `arguments` by name.
            Its result must be what JSON can write.
        arguments: a list of dictionaries, one a run. The profile, quick or full, is that of this process.
        jobs: so many processes on this machine, each on one thread; 0: one run after the other in this one.
        scheduler: address of a Dask scheduler, in place of processes here. Its workers have the same
            repository installed.
        store: path of a file. Runs that stand in it are read from it; the others are appended as they finish.

    Raises:
        TypeError, ValueError: jobs is no whole number from 0 to 1024.
        RuntimeError: runs failed. The message says which, and what they raised.
        ModuleNotFoundError: a scheduler is given, but the package `distributed` is not installed.
    """
    jobs = check_integer(jobs, "jobs", 0, 1024)
    keys = [key(work, one) for one in arguments]
    named = dict(zip(keys, arguments, strict=True))
    found, failures, next_one = stored(store), {}, 0
    missing = {key: one for key, one in named.items() if key not in found}
    for name, result, failure in finished(work, missing, jobs, scheduler):
        if failure:
            failures[name] = failure
            continue
        line = json.dumps({"run": name, "result": result})
        found[name] = json.loads(line)["result"]  # as another session will read it
        if store:
            with Path(store).open("a") as file:
                file.write(line + "\n")
        while next_one < len(keys) and keys[next_one] in found:
            yield named[keys[next_one]], found[keys[next_one]]
            next_one += 1
    for name in keys[next_one:]:
        if name in found:
            yield named[name], found[name]
    if failures:
        raise RuntimeError("\n".join(f"{name}: {failure}" for name, failure in failures.items()))


def place(work):
    """Where a function stands: its file, seen from the repository, its name, and the profile it runs in."""
    file = Path(inspect.getsourcefile(work)).resolve().relative_to(ROOT)
    return str(file), work.__name__, runtime.profile()


def key(work, one):
    """What a run is called in a store."""
    return json.dumps([*place(work), one], sort_keys=True)


def stored(store):
    """{run: result} of a file. A last line that a killed process left unfinished is taken away."""
    if not store or not Path(store).exists():
        return {}
    text = Path(store).read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        Path(store).write_text(whole)
    return {line["run"]: line["result"] for line in map(json.loads, whole.splitlines())}


def finished(work, missing, jobs, scheduler):
    """(run, result, None) or (run, None, what went wrong) of each that is missing, as they finish."""
    if scheduler and missing:
        return on_dask(place(work), missing, scheduler)
    if jobs:
        return in_processes(place(work), missing, jobs)
    return ((name, *attempt(work, one)) for name, one in missing.items())


def attempt(work, one):
    """(result, None), or (None, what it raised)."""
    try:
        return work(**one), None
    except Exception as error:  # whatever one run raises, the others go on
        return None, f"{type(error).__name__}: {error}"


def elsewhere(where, one):
    """A run in a process that knows only where its function stands."""
    torch.set_num_threads(1)
    file, name, os.environ["DIL_PROFILE"] = where
    file = ROOT / file
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    return attempt(getattr(importlib.import_module(file.stem), name), one)


def in_processes(where, missing, jobs):
    """Each thread has one process: one that dies takes only its own run along, and that is begun again."""
    waiting, done = SimpleQueue(), SimpleQueue()
    for name, one in missing.items():
        waiting.put((name, one, LIVES))

    def serve(process=None):
        while True:
            try:
                name, one, lives = waiting.get_nowait()
            except Empty:
                return process and process.shutdown()
            process = process or ProcessPoolExecutor(1, get_context("spawn"))
            try:
                done.put((name, *process.submit(elsewhere, where, one).result()))
            except BrokenProcessPool:
                process = None
                if lives > 1:
                    waiting.put((name, one, lives - 1))
                else:
                    done.put((name, None, f"its process died {LIVES} times"))
            except Exception as error:  # its script cannot be imported, or its result cannot be sent
                done.put((name, None, f"{type(error).__name__}: {error}"))

    for _ in range(min(jobs, len(missing))):
        Thread(target=serve, daemon=True).start()
    for _ in missing:
        yield done.get()


def on_dask(where, missing, scheduler):
    """The scheduler gives a run whose worker dies to another one, as often as its settings allow."""
    from distributed import Client, as_completed

    with Client(scheduler) as client:
        futures = {client.submit(elsewhere, where, one, pure=False): name for name, one in missing.items()}
        for future in as_completed(futures):
            failure = future.exception()
            yield futures[future], *((None, repr(failure)) if failure else future.result())
