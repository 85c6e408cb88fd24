"""The challenge of lesson 18: make its cases, run a folder of submissions, rank them.

    python teaching/challenge.py make challenge --pictures FOLDER      # prints a seed: keep it
    python teaching/challenge.py run challenge submissions --jobs 2
    python teaching/challenge.py rank challenge --pictures FOLDER --seed SEED

`make` writes what is handed over, and commitments to what is not. `run` needs neither the seed nor the
pictures, so that there is no truth on the machine that a submission could find. `rank` makes it again,
compares it with the commitments, and writes leaderboard.html and scores.csv. docs/challenge.md has the rules.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dil_course import runtime
from dil_course.challenge import RUNGS, pose, sanity_image, write_case
from dil_course.signals import crop, load_image, mr_slice, picture, to_array, to_tensor
from teaching import confined, leaderboard

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "camera")  # on none of these was a shipped network trained
SCANS = ("mr_slice", "shepp_logan_phantom", "retina")
LARGEST_SUBMISSION = 2**20  # bytes
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


def images_of(folder, side):
    """The photographs and scans (1,C,H,W) of a folder by name, or the bundled ones where none is given."""
    if folder is None:
        bundled = {name: mr_slice() if name == "mr_slice" else picture(name) for name in PHOTOGRAPHS + SCANS}
        return [bundled[name] for name in PHOTOGRAPHS], [bundled[name] for name in SCANS]

    def read(place):
        files = sorted(file for file in place.glob("*") if file.suffix.lower() in SUFFIXES)
        return [load_image(file, max_side=4 * side) for file in files]

    photographs, scans = read(folder), read(folder / "scans")
    if not photographs or not scans:
        raise SystemExit(f"{folder}: put photographs into it, and images that are no photographs into scans/")
    if min(min(x.shape[-2:]) for x in photographs + scans) < side:
        raise SystemExit(f"{folder}: an image has fewer than {side} pixels a side")
    return photographs, scans


def draw(seed, folder, side, count):
    """{name of the case: what `pose` makes of it}, all drawn from the seed and the images."""
    photographs, scans = images_of(folder, side)
    # With the high bits of the challenge's seed, so that a case's noise is not found by trying 2**31 seeds.
    cases, high = {}, seed >> 31 << 31
    for rung in RUNGS:
        images = scans if rung == "scan" else photographs
        generator = runtime.generator(seed, f"images of {rung}")
        order = torch.randperm(len(images), generator=generator).tolist()
        for number in range(count):
            image = images[order[number % len(images)]]
            room = [length - side + 1 for length in image.shape[-2:]]
            centre = [int(torch.randint(most, (), generator=generator)) + side // 2 for most in room]
            # Rounded to 8 bits, so that the commitment holds whatever a processor makes of the last digits.
            # Not by `to_tensor`, which refuses a window that is nearly black as a mistaken scale.
            x = (crop(image, side, tuple(centre)).mean(1, keepdim=True) * 255).round() / 255
            cases[f"{rung}-{number}"] = pose(
                rung, x, high + int(torch.randint(2**31, (), generator=generator))
            )
        if rung != "nobody":
            own = high + int(torch.randint(2**31, (), generator=generator))
            cases[f"{rung}-sanity"] = pose(rung, to_tensor(to_array(sanity_image(side, own))), own)
    return cases


def commitments(seed, cases):
    """SHA-256 of the seed, and of each truth with a salt that follows from the seed."""
    truths = {
        name: sha256(f"salt {seed} {name}".encode(), to_array(posed.truth).tobytes())
        for name, posed in cases.items()
    }
    return {"seed": sha256(f"seed {seed}".encode()), "truths": truths}


def make(options):
    seed = secrets.randbits(62) if options.seed is None else options.seed
    cases = draw(seed, options.pictures, options.side, options.count)
    for kind in ("cases", "baselines"):
        (options.folder / kind).mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, posed in cases.items():
        content = write_case(posed.y, posed.A, posed.sigma)
        (options.folder / "cases" / f"{name}.npz").write_bytes(content)
        np.save(options.folder / "baselines" / f"{name}.npy", posed.baseline.numpy())
        digests[name] = sha256(content)
    told = {"side": options.side, "count": options.count, "cases": digests}
    told["commitments"] = commitments(seed, cases)
    (options.folder / "challenge.json").write_text(json.dumps(told, indent=1))
    print(f"{len(cases)} cases in {options.folder}; publish its challenge.json before the submissions come")
    print(f"seed {seed}: keep it secret with the pictures; `rank` needs both")


def read_challenge(folder):
    path = folder / "challenge.json"
    if not path.is_file():
        raise SystemExit(f"no {path}: `make` writes it")
    return json.loads(path.read_text())


class Place:
    """A process that runs submissions; a new one where it was lost."""

    def __init__(self):
        self.process = None

    def ask(self, job, patience):
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.connection, other = context.Pipe()
            self.process = context.Process(target=confined.serve, args=(other,), daemon=True)
            self.process.start()
            other.close()
        try:
            self.connection.send(job)
            if self.connection.poll(patience):
                return self.connection.recv()
        except (EOFError, OSError):
            pass
        self.process.kill()
        self.process = None
        return confined.failed("ended the process that runs it") | {"seconds": 0.0, "MiB": 0}

    def close(self):
        if self.process is not None:
            self.process.kill()


def content_of(path):
    """Bytes of a submission, one more than the limit at most; none of what is no file that can be read."""
    if path.is_symlink() or not path.is_file():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_SUBMISSION + 1)
    except OSError:
        return b""


def unreadable(source):
    """Why a submission cannot be run at all, or None."""
    if not source:
        return "the submission is empty, or no ordinary file that can be read"
    if len(source) > LARGEST_SUBMISSION:
        return f"the file has more than {LARGEST_SUBMISSION / 2**20:.0f} MiB"
    return None


def read_results(folder):
    """Lines of results.jsonl, without one that was cut by a crash."""
    path, lines = folder / "results.jsonl", []
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
    return lines


def run(options):
    told = read_challenge(options.folder)
    cases = {name: (options.folder / "cases" / f"{name}.npz").read_bytes() for name in told["cases"]}
    if {name: sha256(content) for name, content in cases.items()} != told["cases"]:
        raise SystemExit(f"{options.folder / 'cases'} is not what challenge.json says: make it again")
    paths = sorted(options.submissions.glob("*.py"))
    if not paths:
        raise SystemExit(f"no file {options.submissions}/NAME.py")
    if not confined.landlock_version():
        print("this system has no Landlock: submissions can read and write what you can (docs/challenge.md)")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for the processes that are started from here
    lines = read_results(options.folder)
    done = {(line["submission"], line["sha256"], line["input"]) for line in lines if "case" in line}
    before = {line["submission"]: line["sha256"] for line in lines}
    file, lock = (options.folder / "results.jsonl").open("a"), threading.Lock()
    if lines:
        file.write("\n")  # where a crash has cut the last line

    def write(line):
        with lock:
            file.write(json.dumps(line) + "\n")
            file.flush()

    jobs = []
    for path in paths:
        source = content_of(path)
        digest, name = sha256(source), confined.printable(path.stem)
        if before.get(name, digest) != digest:
            print(f"{name} was changed: {before[name][:12]} was run before, {digest[:12]} is run now")
        write({"submission": name, "sha256": digest, "entered": time.strftime("%Y-%m-%d %H:%M:%S")})
        for case in cases:
            if (name, digest, told["cases"][case]) not in done and case.split("-")[0] in options.rungs:
                jobs.append((name, source, digest, case))
    print(f"{len(paths)} submissions, {len(jobs)} results to compute, {len(done)} known", flush=True)
    places = [Place() for _ in range(options.jobs)]
    free = list(places)

    def work(job):
        name, source, digest, case = job
        with lock:
            place = free.pop()
        try:
            answer = judged(place, source, case, cases, options)
        finally:
            with lock:
                free.append(place)
        if stopped.is_set():  # by the lecturer: this answer is none of the submission's
            return
        estimate = answer.pop("estimate")
        if estimate is not None:
            stored = leaderboard.place_of(options.folder, digest, case, told["cases"][case])
            stored.parent.mkdir(parents=True, exist_ok=True)
            np.save(stored, estimate)
        line = {"submission": name, "sha256": digest, "case": case, "input": told["cases"][case]}
        write(line | answer)
        said = f"{name:24} {case:15} {answer['status']:9} {answer['seconds']:6.1f} s  {answer['message']}"
        print(said, flush=True)  # also into a file, while it runs

    pool, stopped = ThreadPoolExecutor(options.jobs), threading.Event()
    try:
        # The one place where work is handed out: each job is on its own, and may run in any order.
        list(pool.map(work, jobs))
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        for place in places:
            place.close()
        pool.shutdown()
        file.close()


def judged(place, source, case, cases, options):
    """The answer to a case; the first case of each rung is asked twice, and both answers must agree."""
    reason = unreadable(source)
    if reason:
        return confined.failed(reason) | {"seconds": 0.0, "MiB": 0}
    rung, number = case.split("-")
    seconds = options.seconds / sum(name.startswith(f"{rung}-") for name in cases)
    job = (source, cases[case], seconds, int(options.memory * 2**30))
    answer = place.ask(job, seconds + 120)
    if number == "0" and answer["status"] == "estimate":
        again = place.ask(job, seconds + 120)
        same = again["status"] == "estimate" and answer["expected"] == again["expected"]
        if not (same and np.array_equal(answer["estimate"], again["estimate"])):
            told = again["message"] or "another result"
            answer |= confined.failed(f"a second call with the same input gave: {told}") | {"repeats": False}
    return answer


def rank(options):
    told = read_challenge(options.folder)
    cases = draw(options.seed, options.pictures, told["side"], told["count"])
    if commitments(options.seed, cases) != told["commitments"]:
        raise SystemExit("the seed or the pictures are not those that challenge.json commits to")
    lines = read_results(options.folder)
    if not lines:
        raise SystemExit(f"{options.folder} has no results: run the submissions first")
    entries = leaderboard.entries_of(lines, cases, told["cases"], options.folder)
    leaderboard.write(entries, cases, options.folder, options.anonymous)
    for entry in entries:
        print(f"{entry.place:3}  {entry.name:24} {entry.total:6.2f}  {'; '.join(entry.remarks)}")
    print(f"{options.folder / 'leaderboard.html'} and {options.folder / 'scores.csv'}")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    made, ran, ranked = (commands.add_parser(command.__name__) for command in (make, run, rank))
    for command, function in ((made, make), (ran, run), (ranked, rank)):
        command.set_defaults(function=function)
        command.add_argument("folder", type=Path, help="of the challenge")
    for command in (made, ranked):
        command.add_argument(
            "--pictures", type=Path, help="folder of photographs, with scans/ in it; else the bundled ones"
        )
    made.add_argument("--seed", type=int, help="default: drawn, and printed once")
    made.add_argument("--side", type=int, default=96, help="of each image in pixels")
    made.add_argument("--count", type=int, default=3, help="images a rung")
    ran.add_argument("submissions", type=Path, help="folder of NAME.py, one for each entry")
    ran.add_argument("--jobs", type=int, default=1, help="how many to run at once")
    ran.add_argument("--threads", type=int, default=2, help="of each")
    ran.add_argument("--seconds", type=float, default=180, help="for a rung, shared evenly by its images")
    ran.add_argument("--memory", type=float, default=6, help="limit for a call in GiB")
    ran.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS), help="only these")
    ranked.add_argument("--seed", type=int, required=True, help="that `make` printed")
    ranked.add_argument("--anonymous", action="store_true", help="call entries by the SHA-256 of their file")
    options = parser.parse_args(arguments)
    options.function(options)


if __name__ == "__main__":
    main()
