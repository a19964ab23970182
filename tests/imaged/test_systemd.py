"""The few words between the daemon and systemd."""

import os
import socket

import pytest

from imaged import systemd


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_it(tmp_path, abstract):
    name = f"@imaged-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name[1:] if abstract else name)
        ear.settimeout(5)

        systemd.notify("READY=1", {"NOTIFY_SOCKET": name})

        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nobody/there"}, {"NOTIFY_SOCKET": "nonsense"}])
def test_nobody_listening_is_fine(environ):
    assert systemd.notify("READY=1", environ) is None


def test_a_sign_of_life_comes_twice_as_often_as_needed():
    assert systemd.watchdog_interval({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}) == 1.5


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "-5"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
)
def test_nobody_watching_is_fine(environ):
    assert systemd.watchdog_interval(environ) is None
