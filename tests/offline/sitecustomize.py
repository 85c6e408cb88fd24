"""No network: every Python process that finds this folder on its PYTHONPATH can reach nothing but its own
machine.

Python imports a module of this name when it starts, so kernels, workers and what they start are all meant. An
audit hook sees each call of the socket module, from whatever library, and cannot be taken off again. Kernels
talk over loopback: that stays open.
"""

import ipaddress
import socket
import sys

NAMES = {None, "", "localhost", socket.gethostname()}
WITH_ADDRESS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
WITH_HOST = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def is_own(host):
    host = host.decode() if isinstance(host, bytes) else host
    try:
        return host in NAMES or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # a name that is not this machine's
        return False


def block(event, arguments):
    if event in WITH_HOST:
        host = arguments[0]
    elif event in WITH_ADDRESS and isinstance(
        arguments[1], tuple
    ):  # other families have no tuple: AF_UNIX has a path
        host = arguments[1][0]
    else:
        return
    if not is_own(host):
        raise OSError(f"offline: {event} to {host!r}. The course is tested without a network (tests/offline)")


sys.addaudithook(block)
