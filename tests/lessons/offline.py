"""Kernels that tests start have no network either: nothing but this machine can be reached from them."""

import pytest_socket

LOOPBACK = ["127.0.0.1", "::1", "localhost"]
STARTUP = f"__import__('sys').path.append({__file__.rpartition('/')[0]!r})\n__import__('offline').refuse()\n"


def refuse():
    """Refuse every connection of this process that is not to itself."""
    pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)
