"""Where and how long a lesson computes: threads, device, quick or full profile, seed."""

import contextlib
import hashlib
import operator
import os
from pathlib import Path

import torch

# "150000 100000" says: of each 0.1 s of each core, this container may use 0.15 s in all.
SHARE = Path("/sys/fs/cgroup/cpu.max")


def _limit_threads():
    """Leave a core to other programs, and keep to this container's share of the machine.

    Where OMP_NUM_THREADS says how many threads to use, all of these are used. Threads wait for one another
    after each operation, and keep their cores busy meanwhile, so one that has to share its core delays all:
    beside one busy program, two threads on two cores took over 25 times as long as a single one, which is
    only a quarter slower than two where nothing else runs. Moreover, torch counts the machine's cores: on a
    shared server with 64, of which one student may use two, 64 threads would wait for each other.
    """
    room = [torch.get_num_threads()]
    if "OMP_NUM_THREADS" not in os.environ:
        room.append(max(1, os.cpu_count() - 1))
    with contextlib.suppress(OSError, ValueError):  # no container, or no limit: "max 100000"
        quota, period = SHARE.read_text().split()
        room.append(max(1, round(int(quota) / int(period))))
    torch.set_num_threads(min(room))


# At import, which every lesson passes: some write their own loop and ask for nothing else of the library.
_limit_threads()


def device():
    """The best device of this machine: CUDA, else Apple's MPS, else the CPU. DIL_DEVICE=cpu overrides.

    Raises:
        ValueError: DIL_DEVICE names something torch does not know, or a device that is not here.
    """
    asked = os.environ.get("DIL_DEVICE")
    available = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if asked is None:
        return torch.device(available[0])
    if asked.split(":")[0] not in available:
        raise ValueError(f"DIL_DEVICE={asked}: this machine has {', '.join(available)}")
    try:
        return torch.device(asked)
    except RuntimeError:
        raise ValueError(f"DIL_DEVICE={asked}: expected a device such as cpu or cuda:0") from None


def profile():
    """ "quick" or "full": what DIL_PROFILE says, else full on a GPU and quick on a CPU.

    Raises:
        ValueError: DIL_PROFILE is neither quick nor full.
    """
    chosen = os.environ.get("DIL_PROFILE", "quick" if device().type == "cpu" else "full")
    if chosen not in ("quick", "full"):
        raise ValueError(f"DIL_PROFILE={chosen}: expected quick or full")
    return chosen


def pick(*, quick, full):
    """The value for the profile in force: `iterations = pick(quick=700, full=1800)`."""
    return {"quick": quick, "full": full}[profile()]


def _whole_seed(seed):
    """The seed as Python's own whole number, from 0 to 2**63 - 1 (else TypeError, ValueError)."""
    # Not check_integer of signals.validation: imports go one way, and this is where they begin.
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed: expected a whole number, got {type(seed).__name__} {seed!r:.60}") from None
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed}")
    return seed


@contextlib.contextmanager
def seeded(seed):
    """Seed torch's global generator of the CPU inside the block, and restore it afterwards.

    Raises:
        TypeError, ValueError: seed is no whole number from 0 to 2**63 - 1.
    """
    seed = _whole_seed(seed)
    with torch.random.fork_rng(devices=[]):
        # Only the CPU's generator: manual_seed would reset the GPU's too, and fork_rng would not restore it.
        torch.default_generator.manual_seed(seed)
        yield


def generator(seed, purpose, device="cpu"):
    """A stream of random numbers of its own for each purpose, such as "noise" or "z".

    One seed for everything would be a trap: the noise on the picture and the network's input would then come
    from the same random bits, the input would hold the noise, and the network would fit it at once.

    Raises:
        TypeError, ValueError: seed is no whole number from 0 to 2**63 - 1, or torch makes no random numbers
            on that device here.
    """
    digest = hashlib.sha256(f"{purpose} {_whole_seed(seed)}".encode()).digest()
    try:
        drawn = torch.Generator(device)
    except (RuntimeError, TypeError, ValueError) as problem:
        raise ValueError(f"device: no random numbers can be made on {device!r:.60}: {problem}") from None
    return drawn.manual_seed(int.from_bytes(digest[:7]))
