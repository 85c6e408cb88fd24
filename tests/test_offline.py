"""The course without a network: the test command blocks it in every process, and nothing that lessons need is
fetched.

The lessons themselves run in the test command (nbval), the problem sets' solutions in their own tests and in
marking: all of them behind the block of tests/offline. Here stands that the block works, and that an empty
home folder is enough.
"""

import os
import subprocess
import sys

import build
import pytest
from jupyter_client.manager import start_new_kernel

OFFLINE = build.ROOT / "tests" / "offline"
ATTEMPTS = {
    "an address": "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)",
    "an IPv6 address": "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "a datagram": "import socket as s; s.socket(s.AF_INET, s.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "a name": "import socket; socket.getaddrinfo('example.org', 443)",
    "an old call for a name": "import socket; socket.gethostbyname('example.org')",
    "the web": "import urllib.request; urllib.request.urlopen('https://example.org', timeout=5)",
    "a picture that scikit-image does not bundle": "from skimage import data; data.eagle()",
    "a benchmark picture": "from dil_course.signals import benchmark; benchmark('set5/baby.png')",
}
LOOPBACK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=30)
socket.getaddrinfo("localhost", 80)
print("reached")
"""
EVERYTHING = """
from dil_course import figures, runtime
from dil_course.adaptation import tent
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.networks.trained import TRAINED, trained
from dil_course.signals import PICTURES, garments, picture
from dil_course.signals.digits import digits
print(sum(picture(name).numel() > 0 for name in PICTURES) == len(PICTURES) > 10)
print(sum(not trained(name).training for name in TRAINED) == len(TRAINED) > 0)
print(len(digits("training")[0]), len(digits("test")[0]))
print(len(garments("training")[0]), len(garments("test")[0]))
"""


@pytest.fixture
def environment(tmp_path):
    """As on a machine that was just installed, cable out: an empty home folder, no cache, no settings of the
    course.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIL_", "XDG_", "MPL", "SKIMAGE_"))
    }
    return kept | {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(OFFLINE),
        "OMP_NUM_THREADS": "1",
        "DIL_PROFILE": "quick",
        "DIL_DEVICE": "cpu",
    }


def python(environment, folder, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("target", ["test", "check"])
def test_the_test_command_blocks_the_network(target):
    makefile = (build.ROOT / "Makefile").read_text(encoding="utf-8")
    pytest_with_its_settings = makefile.partition("\nPYTEST = ")[2].partition("\n\n")[0]
    assert 'PYTHONPATH="$(CURDIR)/tests/offline" ' in pytest_with_its_settings, "the network would be on"
    recipe = makefile.partition(f"\n{target}:")[2].partition("\n\n")[0]
    assert "\t$(PYTEST) " in recipe, f"make {target} would run with the network on"


def test_a_kernel_reaches_its_own_machine_and_nothing_else(environment):
    manager, client = start_new_kernel(kernel_name="python3", env=environment, startup_timeout=300)
    try:
        for attempt in ATTEMPTS.values():
            reply = client.execute_interactive(attempt, timeout=300, output_hook=lambda message: None)[
                "content"
            ]
            assert reply["status"] == "error" and "offline: socket." in "".join(reply["traceback"]), (
                f"{attempt}\n{reply}"
            )
        assert (
            client.execute_interactive(LOOPBACK, timeout=300, output_hook=lambda message: None)["content"][
                "status"
            ]
            == "ok"
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_pictures_networks_and_digits_are_there_without_a_network_and_a_cache(environment, tmp_path):
    done = python(environment, tmp_path, "-c", EVERYTHING)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:4] == ["True", "True", "1000 797", "6000 2000"]
    assert not (tmp_path / ".cache" / "dil_course").exists()


def test_the_doctor_works_without_a_network(environment, tmp_path):
    done = python(environment, tmp_path, "-m", "dil_course", "doctor")
    assert "a small fit runs" in done.stdout and "offline" not in done.stdout + done.stderr, (
        done.stdout + done.stderr
    )
