"""The directory of sockets: nobody else's, and what a dead daemon left in one is ended, and nothing else."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from imaged.volumes import rundir
from imaged.volumes.rundir import RunDirectory


@pytest.fixture
def place():
    # Not pytest's own directory: its names are too long for a unix socket.
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def dead(place):
    """What a killed daemon left: a directory with a socket's name in it."""
    path = place / f"{rundir.PREFIX}dead"
    path.mkdir(mode=0o700)
    (path / "1").touch()
    return path


@pytest.fixture
def server():
    """Starts a program that looks as if it served the socket; it says when it runs."""
    started = []

    def start(socket, *, obeys=True):
        script = "import signal, sys\n" + ("" if obeys else "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
        script += "print(flush=True)\nsignal.pause()"
        process = subprocess.Popen([sys.executable, "-c", script, f"--socket={socket}"], stdout=subprocess.PIPE)
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_is_private_and_short_and_goes_when_it_is_closed(place):
    run = RunDirectory(place)

    assert run.path.parent == place
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    run.close()
    assert os.listdir(place) == []


def test_a_living_daemons_is_left_alone(place, server):
    first = RunDirectory(place)
    process = server(first.path / "1")

    second = RunDirectory(place)

    assert process.poll() is None
    assert first.path.exists() and first.path != second.path
    first.close()
    second.close()


def test_a_dead_daemons_is_removed_with_what_serves_in_it(place, dead, server):
    process = server(dead / "1")

    RunDirectory(place).close()

    assert process.wait(30) == -signal.SIGTERM
    assert not dead.exists()


def test_what_does_not_want_to_end_is_killed(place, dead, server, monkeypatch):
    monkeypatch.setattr(rundir, "PATIENCE", 0.1)
    process = server(dead / "1", obeys=False)

    RunDirectory(place).close()

    assert process.wait(30) == -signal.SIGKILL
    assert not dead.exists()


def test_programs_that_only_look_alike_are_left_alone(place, dead, server):
    near = [server(f"{dead}2/1"), server(place / "1"), server(f"x{dead}/1")]

    RunDirectory(place).close()

    assert not dead.exists()
    assert [process.poll() for process in near] == [None] * 3


def test_what_is_no_directory_is_not_touched(place):
    file, link = place / f"{rundir.PREFIX}file", place / f"{rundir.PREFIX}link"
    file.touch()
    (place / "elsewhere").mkdir()
    link.symlink_to(place / "elsewhere")

    RunDirectory(place).close()

    assert sorted(os.listdir(place)) == ["elsewhere", file.name, link.name]


@pytest.mark.parametrize("name", ["a" * 120, "with:colon"])
def test_where_no_socket_could_be_it_is_among_the_temporary_files(place, name):
    (place / name).mkdir()

    run = RunDirectory(place / name)

    assert run.path.parent == Path(tempfile.gettempdir())
    run.close()


def test_the_longest_place_still_takes_a_socket(place):
    longest = place / ("a" * (rundir.MAX_SOCKET_PATH - rundir.ROOM - len(str(place)) - 1))
    longest.mkdir()

    run = RunDirectory(longest)

    assert run.path.parent == longest
    assert len(str(run.path / "1234567")) == rundir.MAX_SOCKET_PATH
    run.close()


def test_a_place_that_is_not_there_is_said(place):
    with pytest.raises(OSError, match="No such file"):
        RunDirectory(place / "none")


def test_the_lock_ends_with_the_process(place):
    words = f"from pathlib import Path; from imaged.volumes.rundir import RunDirectory; print(RunDirectory(Path({str(place)!r})).path)"
    path = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.strip()

    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    RunDirectory(place).close()

    assert os.listdir(place) == []
