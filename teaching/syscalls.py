"""A seccomp filter for what Landlock leaves open: limits of other processes, rights to files, sockets, IPC.

Without it a submission could end the runner by a limit on its processor time, which needs no signal; give
everybody the rights to a file of the lecturer's; have another program work for it; or leave something in
shared memory for its next call.
"""

import ctypes
import errno
import platform

# Numbers of the calls, see `man 2 seccomp` and the kernel's tables of system calls.
ARCHITECTURES = {
    "x86_64": {
        "audit": 0xC000003E,
        # prlimit64, sched_setaffinity: allowed on the process itself, which is number 0
        "own": (302, 203),
        "never": (
            *(141, 142, 144, 314, 251),  # setpriority, sched_setparam, _setscheduler, _setattr, ioprio_set
            *(90, 91, 268, 452, 92, 93, 94, 260),  # chmod, chown and their kin
            *(188, 189, 190, 463, 197, 198, 199, 466),  # setxattr, removexattr and their kin: lists of rights
            *(132, 235, 261, 280),  # utime and its kin
            76,  # truncate, which the first two versions of Landlock do not know
            *(29, 64, 68, 240),  # shmget, semget, msgget, mq_open
            *(248, 249, 250),  # add_key, request_key, keyctl
            41,  # socket: another program that listens at one could act in place of the submission
            425,  # io_uring_setup: what is asked for through it passes no filter
        ),
    },
    "aarch64": {  # in the same order
        "audit": 0xC00000B7,
        "own": (261, 122),
        "never": (
            *(140, 118, 119, 274, 30),
            *(52, 53, 452, 54, 55),
            *(5, 6, 7, 463, 14, 15, 16, 466),
            88,
            45,
            *(194, 190, 186, 180),
            *(217, 218, 219),
            198,
            425,
        ),
    },
}
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # of the filter's language
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where they stand in what a filter is given
OTHER_TABLE = 0x40000000  # of 32-bit programs on x86_64
SECCOMP, FILTER = 22, 2  # of prctl


class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8)]
    _fields_ += [("value", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("steps", ctypes.POINTER(Step))]


def steps_for(table):
    """The filter; `yes` and `no` are how many steps to skip."""
    steps = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, table["audit"]), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, OTHER_TABLE), (RETURN, 0, 0, REFUSE)]
    for number in table["never"]:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    for number in table["own"]:
        steps += [(EQUAL, 0, 4, number), (LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 1, 0, 0)]
        steps += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    return [*steps, (RETURN, 0, 0, ALLOW)]


def forbid():
    """Refuse these calls (EPERM) in this process and in all that it starts; it must have no new privileges.

    Raises:
        OSError: the kernel takes no filter.
    """
    table = ARCHITECTURES.get(platform.machine())
    if table is None:
        return
    steps = steps_for(table)
    program = Program(len(steps), (Step * len(steps))(*steps))
    if ctypes.CDLL(None).prctl(SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError("the kernel takes no seccomp filter")
