"""Try the course on a real JupyterHub: `python teaching/hub/try_hub.py`.

Starts a hub on this machine only, one server a user through the hub's API, and in a kernel of each the core
of lesson 03, all at once. Prints what each took, and ends everything it started. Needs `pip install -c
constraints.txt -e '.[hub]'` and `npm install -g configurable-http-proxy`; it installs nothing itself.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

try:
    import psutil
except ImportError:
    psutil = None

CONFIG = pathlib.Path(__file__).with_name("jupyterhub_config.py")
CORE_OF_LESSON_03 = """
import json, resource, sys, time
from dil_course.fitting import run
from dil_course.from_scratch import deep_image_prior
from dil_course.signals import add_gaussian, picture, psnr
x = picture("coffee", side={side})
y = add_gaussian(x, 25 / 255)
start = time.perf_counter()
result = run(deep_image_prior(y, iterations={iterations}))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(dict(seconds=seconds, kernel=peak, noisy=psnr(y, x), restored=psnr(result.estimate, x))))
"""


def missing():
    """What is to be installed before a hub can start, as commands."""
    commands = []
    if psutil is None or not importlib.util.find_spec("jupyterhub"):
        commands.append("pip install -c constraints.txt -e '.[hub]'")
    if not shutil.which("configurable-http-proxy"):
        commands.append("npm install -g configurable-http-proxy")
    return commands


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Hub:
    """A running hub, asked as its service."""

    def __init__(self, address, token):
        self.address, self.headers = address, {"Authorization": f"token {token}"}

    async def ask(self, method, path, body=None):
        text = json.dumps(body or {}) if method == "POST" else None
        answer = await AsyncHTTPClient().fetch(
            self.address + path, method=method, headers=self.headers, body=text, request_timeout=180
        )
        return json.loads(answer.body) if answer.body else None

    async def run(self, user, code):
        """Run `code` in a new kernel of this user, as JupyterLab does; its last printed line, from JSON."""
        kernel = await self.ask("POST", f"/user/{user}/api/kernels")
        address = f"{self.address}/user/{user}/api/kernels/{kernel['id']}/channels".replace("http", "ws", 1)
        socket_of_kernel = await websocket_connect(HTTPRequest(address, headers=self.headers))
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "session": uuid.uuid4().hex,
            "username": user,
            "version": "5.3",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        request = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        await socket_of_kernel.write_message(json.dumps(request))
        printed = ""
        while text := await socket_of_kernel.read_message():
            message = json.loads(text)
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "error":
                raise RuntimeError("\n".join([f"the kernel of {user} failed:", *content["traceback"]]))
            if kind == "stream" and content["name"] == "stdout":
                printed += content["text"]
            if kind == "status" and content["execution_state"] == "idle":
                socket_of_kernel.close()
                return json.loads(printed.splitlines()[-1])
        raise RuntimeError(f"the kernel of {user} died")


async def until(ask, what, alive=lambda: True, seconds=240):
    """The first true answer of `ask`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := await ask():
                return answer
        except (OSError, HTTPClientError) as error:  # it does not listen yet
            if getattr(error, "code", None) in (401, 403):
                raise
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        await asyncio.sleep(0.3)


@contextlib.asynccontextmanager
async def running_hub(folder):
    """A hub whose files lie in `folder`, on free ports of this machine only; ended afterwards, with all its
    servers.
    """
    public, inner, proxy = free_ports(3)
    token = secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterhub",
        f"--config={CONFIG}",
        f"--JupyterHub.bind_url=http://127.0.0.1:{public}",
    ]
    command += [
        f"--JupyterHub.hub_bind_url=http://127.0.0.1:{inner}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy}",
    ]
    log_path = pathlib.Path(folder) / "hub.log"
    with open(log_path, "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | {"TRY_HUB_TOKEN": token}, stdout=log, stderr=log
        )
    hub = Hub(f"http://127.0.0.1:{public}", token)
    try:
        await until(lambda: hub.ask("GET", "/hub/api/"), "the hub", lambda: process.poll() is None)
        yield hub
    except BaseException:
        print(log_path.read_text()[-5000:], file=sys.stderr)
        raise
    finally:
        process.terminate()  # the hub ends the proxy and the servers
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


async def one_user(hub, user, code):
    """Start this user's server, run the code in a kernel of it; what came of it, with the seconds of the
    start and the server's memory.
    """
    start = time.perf_counter()
    await hub.ask("POST", f"/hub/api/users/{user}/server")

    async def server():
        servers = (await hub.ask("GET", f"/hub/api/users/{user}"))["servers"]
        return servers.get("") if servers.get("", {}).get("ready") else None

    state = (await until(server, f"the server of {user}"))["state"]
    started = time.perf_counter() - start
    result = await hub.run(user, code)
    memory = psutil.Process(state["pid"]).memory_info().rss
    return result | {"user": user, "start": started, "server": memory}


async def try_hub(users, side, iterations):
    """A line for each user; raises if one of them fails."""
    code = CORE_OF_LESSON_03.format(side=side, iterations=iterations)
    with tempfile.TemporaryDirectory() as folder:
        async with running_hub(folder) as hub:
            names = [f"student{number}" for number in range(1, users + 1)]
            await hub.ask("POST", "/hub/api/users", {"usernames": names})
            return await asyncio.gather(*(one_user(hub, name, code) for name in names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=3)
    parser.add_argument("--side", type=int, default=64, help="side of the picture in pixels")
    parser.add_argument("--iterations", type=int, default=50)
    options = parser.parse_args()
    if options.users < 1:
        parser.error(f"--users takes 1 or more, got {options.users}")
    if commands := missing():
        sys.exit("\n".join(["A hub needs more than is installed here:", *commands]))

    print("user        server starts   run      kernel's peak   server   PSNR")
    for line in asyncio.run(try_hub(options.users, options.side, options.iterations)):
        megabytes = [line[name] / 2**20 for name in ("kernel", "server")]
        print(
            f"{line['user']:10}  {line['start']:8.1f} s   {line['seconds']:6.1f} s   {megabytes[0]:8.0f} MB  "
            f" {megabytes[1]:5.0f} MB"
            f"   {line['noisy']:.1f} -> {line['restored']:.1f} dB"
        )


if __name__ == "__main__":
    main()
