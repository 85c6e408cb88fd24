"""Kill a run at random moments, and see whether it ends with the numbers of an undisturbed one.

python benchmarks/kills.py --kills 20

The run is that of lesson 03 at 64 px, in a process of its own, with `checkpoint=`. Each process gets SIGKILL
a random time after it has written its first state, until there were enough kills; the last one may end.
Prints a markdown table, and exits with 1 where a number differs.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dil_course.doctor import machine

STUDENT = """
import sys
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, picture
x = picture("astronaut", 64)
print("ready", flush=True)
steps = deep_image_prior(add_gaussian(x, 25 / 255), iterations=int(sys.argv[2]))
result = run(steps, truth=x, checkpoint=sys.argv[1])
print(repr(result.estimate.double().sum().item()), repr(result.history["psnr_average"]), result.iteration)
"""


def student(file, iterations):
    """A process that has its picture, and begins or goes on; what it printed first."""
    command = [sys.executable, "-u", "-c", STUDENT, str(file), str(iterations)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    process.stdout.readline()
    return process


def written(file):
    """When the file was written, or None."""
    return file.stat().st_mtime_ns if file.exists() else None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument(
        "--longest", type=float, default=2.0, help="seconds that a process lives at most after that"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine() + "\n", flush=True)
    draw = random.Random(options.seed)
    print("| kill | after s | resumed at iteration |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.safetensors"
        for number in range(1, options.kills + 1):
            process, lives = student(file, options.iterations), draw.uniform(0, options.longest)
            before = written(file)
            while (
                written(file) == before and process.poll() is None
            ):  # on a busy machine all kills would come before the first state
                time.sleep(0.01)
            time.sleep(lives)
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate()
            if process.returncode != -signal.SIGKILL:
                sys.exit(f"the run had ended before kill {number}: take more --iterations")
            at = said.partition("resumed at iteration ")[2].partition(" ")[0]
            print(f"| {number} | {lives:.2f} | {at or 'the beginning'} |", flush=True)
        resumed = student(file, options.iterations).communicate()[0].splitlines()[-1]
        whole = (
            student(Path(folder) / "other.safetensors", options.iterations).communicate()[0].splitlines()[-1]
        )
    print(f"\nThe same final numbers as an unbroken run: {resumed == whole}")
    sys.exit(resumed != whole)


if __name__ == "__main__":
    main()
