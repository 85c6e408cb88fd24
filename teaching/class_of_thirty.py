"""A class on one machine: many students run the deep image prior of lesson 03 live at the same time, each in
a kernel of its own.

    python teaching/class_of_thirty.py --students 30 --side 64 --iterations 100

Every student has a picture and a seed of their own. Printed are seconds and memory for one student alone, and
for the whole class; what a class of another size needs can be told from these. The exit code is not zero when
a student failed.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
from jupyter_client import AsyncKernelManager

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dil_course import doctor
from dil_course.signals import PICTURES

IMPORTS = """
import json, os, time
from dil_course.fitting import watch
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, picture, psnr
print(os.getpid())
"""
LESSON = """
x = picture({name!r}, side={side})
y = add_gaussian(x, 25 / 255, seed={seed})
started = time.perf_counter()
result = await watch(deep_image_prior(y, iterations={iterations}, seed={seed}), truth=x, observed=y)
print(json.dumps([time.perf_counter() - started, result.iteration]))
"""


@dataclasses.dataclass
class Student:
    """A kernel, and what came of it: seconds of the run, MiB in all and as a fair share of what kernels have
    in common, or a failure.
    """

    number: int
    manager: AsyncKernelManager
    client: object = None
    pid: int = 0
    seconds: float = 0.0
    resident: float = 0.0
    share: float | None = None
    failure: str = ""

    async def start(self, environment, seconds):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await self.manager.start_kernel(
            env=environment, cwd=str(ROOT), extra_arguments=["--HistoryManager.enabled=False"], **quiet
        )
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=seconds)
        self.pid = int(await self.ask(IMPORTS, seconds))

    async def work(self, side, iterations, seconds):
        name = list(PICTURES)[self.number % len(PICTURES)]
        told = await self.ask(
            LESSON.format(name=name, side=side, iterations=iterations, seed=self.number), seconds
        )
        self.seconds, reached = json.loads(told.splitlines()[-1])
        if reached != iterations:
            raise RuntimeError(f"the run ended at iteration {reached}")

    async def ask(self, code, seconds):
        """What the code prints in this student's kernel."""
        printed = []

        def take(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        asked = asyncio.create_task(self.client.execute_interactive(code, timeout=seconds, output_hook=take))
        while not (await asyncio.wait({asked}, timeout=2))[0]:
            if not await self.manager.is_alive():
                asked.cancel()
                raise RuntimeError("the kernel died")
        reply = asked.result()["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
        return "".join(printed)

    def weigh(self):
        memory = psutil.Process(self.pid).memory_full_info()
        # Only Linux tells the share.
        self.resident, self.share = (memory.rss / 2**20, getattr(memory, "pss", 0) / 2**20 or None)

    async def end(self):
        if self.client is not None:
            self.client.stop_channels()
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)


async def teach(students, side, iterations, threads, together, seconds):
    """Let so many students start, a few at a time, and then work all at once. Returns them."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"DIL_PROFILE": "quick", "DIL_DEVICE": "cpu"} | (
        {"OMP_NUM_THREADS": str(threads)} if threads else {}
    )
    room = [Student(number, AsyncKernelManager(kernel_name="python3")) for number in range(students)]
    door = asyncio.Semaphore(together)

    async def enter(student):
        async with door:
            await student.start(environment, seconds)

    async def attempt(action, student):
        try:
            await action(student)
        except Exception as problem:  # one student's failure must not end the lesson of the others
            student.failure = f"{type(problem).__name__}: {problem}"

    try:
        await asyncio.gather(*(attempt(enter, student) for student in room))
        ready = [student for student in room if not student.failure]
        await asyncio.gather(
            *(attempt(lambda student: student.work(side, iterations, seconds), student) for student in ready)
        )
        for student in ready:
            if not student.failure:
                student.weigh()
    finally:
        await asyncio.gather(*(student.end() for student in room))
    return room


def row(room):
    """The line of the table for one class."""
    well = [student for student in room if not student.failure]
    if not well:
        return f"{len(room):8} {len(room):7}"
    times = [student.seconds for student in well]
    resident = statistics.median(student.resident for student in well)
    failed = len(room) - len(well)
    line = f"{len(room):8} {failed:7} {statistics.median(times):9.1f} {max(times):9.1f} {resident:8.0f}"
    if well[0].share is None:
        return line
    shares = [student.share for student in well]
    return f"{line} {statistics.median(shares):8.0f} {sum(shares) / 1024:10.2f}"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, default=30, help="how many work at once")
    parser.add_argument("--side", type=int, default=64, help="of each picture, in pixels")
    parser.add_argument("--iterations", type=int, default=100, help="of each run")
    parser.add_argument(
        "--threads", type=int, default=1, help="OMP_NUM_THREADS of each kernel; 0 leaves it to torch"
    )
    parser.add_argument(
        "--together",
        type=int,
        default=4,
        help="kernels that start at a time: importing torch is the heaviest moment",
    )
    parser.add_argument(
        "--seconds", type=int, default=1800, help="limit for one student's start, and for one student's run"
    )
    given = parser.parse_args(arguments)
    settings = (given.side, given.iterations, given.threads, given.together, given.seconds)
    print(f"{doctor.machine()}; load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"deep image prior, {given.side}x{given.side} pixels, {given.iterations} iterations, threads of each "
        f"kernel: {given.threads or 'as torch chooses'}"
    )
    print("                      seconds of the run  MiB of a student    GiB in all")
    print("students  failed    median   slowest resident    share  (of shares)", flush=True)
    failures = []
    for students in dict.fromkeys((1, given.students)):
        started = time.perf_counter()
        room = asyncio.run(teach(students, *settings))
        print(f"{row(room)}   (all in all {time.perf_counter() - started:.0f} s)", flush=True)
        failures += [
            f"student {student.number} of {students}: {student.failure}"
            for student in room
            if student.failure
        ]
    print("\n".join(failures) if failures else "No student failed.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
