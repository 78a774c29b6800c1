"""Tests reach nothing but this machine, and run in an order in which a typo is known in seconds."""

import socket
import types
from pathlib import Path

import conftest
import nbformat
import pytest
from mast_server import Mast, serve
from pytest_socket import SocketConnectBlockedError

from tso_helpers.course import headless

ELSEWHERE = ("192.0.2.1", 80)  # an address for documentation, which nobody has


def test_nothing_but_this_machine_can_be_reached():
    with (
        socket.socket() as probe,
        pytest.warns(UserWarning, match="tried to use"),
        pytest.raises(SocketConnectBlockedError),
    ):
        probe.connect(ELSEWHERE)


def test_loopback_can():
    server = serve(Mast())
    port = int(server.url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    server.close()


def test_kernels_reach_nothing_else_either(tmp_path):
    import offline

    code = f"import socket\nprobe = socket.socket()\nprobe.settimeout(5)\nprobe.connect({ELSEWHERE!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    report = headless.execute(notebook, tmp_path, timeout=60, startup=offline.STARTUP)
    assert "SocketConnectBlockedError" in report.error


def _item(path, *marks):
    item = types.SimpleNamespace(path=Path(conftest.__file__).parent / path, added=[])
    item.get_closest_marker = lambda name: name in marks or None
    item.add_marker = item.added.append
    return item


def test_order_and_who_may_leave_this_machine():
    paths = ("browser/test_lab.py", "lessons/test_runs.py", "contract/test_a.py", "unit/test_a.py", "test_a.py")
    items = [_item(path) for path in paths]
    items += [_item("lessons/test_rules.py", "lint"), _item("unit/test_archive.py", "remote_data")]
    conftest.pytest_collection_modifyitems(items)
    order = [str(item.path.relative_to(Path(conftest.__file__).parent)) for item in items]
    assert order[0] == "lessons/test_rules.py"
    assert order[-3:] == ["contract/test_a.py", "lessons/test_runs.py", "browser/test_lab.py"]
    allowed = [item.path.name for item in items if pytest.mark.enable_socket in item.added]
    assert allowed == ["test_archive.py"]
