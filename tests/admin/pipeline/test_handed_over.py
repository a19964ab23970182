"""A host that is lost in the middle of a conversion, on storage that another one sees: that one ends it, and there is one right image."""

import shutil

import pytest

from appliance.admin import hosts
from imaged import client
from tests.admin.importer import begin, file_of, now, rows, settle, states, until
from tests.admin.pipeline import disks
from tests.imaged.command import Imaged
from tests.imaged.conftest import ended
from tests.imaged.volumes.arrived import path_with_qemu_img
from tests.transfer.sources import web_server
from tests.waiting import wait_for

#: A qemu-img that has written something, and writes the rest when it may.
HALF = """
printf half > "$(eval echo \\${{$#}})"
echo $$ > {place}/pid.new; mv {place}/pid.new {place}/pid
while [ ! -e {place}/go ]; do sleep 0.05; done
exec {program} "$@"
"""


@pytest.fixture
def place(tmp_path):
    """The second host's own directory."""
    (tmp_path / "twin").mkdir()
    return tmp_path / "twin"


@pytest.fixture
def twin(house, place):
    """The second host, in a process of its own: it sees the first one's storage, and comes to the middle of every conversion."""
    path = path_with_qemu_img(place, HALF.format(place=place, program=shutil.which("qemu-img")))
    sockets = {"--control-socket": place / "control", "--local-socket": place / "images"}
    words = [str(word) for pair in sockets.items() for word in pair]
    with Imaged("--root", house.daemon.root, *words, environ={"PATH": path}) as twin:
        twin.ready()
        house.admin.hosts.ensure("twin", *(f"unix:{path}" for path in sockets.values()))
        house.admin.monitor.tick()
        house.admin.monitor.tick()
        yield twin


@pytest.fixture
def halfway(house, server, twin, place):
    """An import that the second host is converting."""
    server.files["/disk"] = web_server.File(disks.original())
    transfer = begin(house, server, "/disk", host="twin", format="qcow2")
    until(house, (place / "pid").exists, lambda: now(house, transfer))
    assert (now(house, transfer).host.name, states(now(house, transfer))["convert"]) == ("twin", "running")
    assert [path.read_bytes() for path in house.daemon.root.glob("data/.partial-*.qcow2")] == [b"half"]
    return transfer


@pytest.fixture
def writer(halfway, place):
    """The number of the qemu-img that converts on the second host."""
    return int((place / "pid").read_text())


def taken_over(house, transfer):
    """The first host ends it: it is there once, and nothing else is."""
    house.admin.monitor.tick()
    house.clock.turn(hosts.GRACE)
    transfer = settle(house, transfer, "finished_success", "finished_failure")
    assert (transfer.phase, transfer.reason, transfer.host.name) == ("finished_success", None, "local")
    assert house.codes().count("transfer-finished-success") == 1
    assert_right(house, transfer)


def assert_right(house, transfer):
    assert disks.contents(file_of(house, transfer), "qcow2") == disks.original()
    assert house.files() == [file_of(house, transfer).name]


def test_another_host_ends_the_conversion_of_one_that_was_killed(house, twin, halfway, writer):
    twin.process.kill()
    wait_for(lambda: ended(writer), "its qemu-img to end with it")

    taken_over(house, halfway)


def test_what_a_host_that_is_cut_off_goes_on_to_write_changes_nothing(house, halfway, writer, place, monkeypatch):
    control = house.hosts.control(now(house, halfway).host.id)
    (job,) = (step["jobs"]["convert"] for step in rows(house)[0].steps if step["name"] == "convert")

    def lost(*_arguments, **_options):
        raise client.Unreachable(control.address, "it is cut off")

    with monkeypatch.context() as patch:
        patch.setattr(control, "_call", lost)
        taken_over(house, halfway)
    assert not ended(writer)
    (place / "go").touch()
    wait_for(lambda: control.job(job)["state"] != "running", "it to end")

    assert (control.job(job)["state"], ended(writer)) == ("failed", True)
    assert_right(house, halfway)
