"""Two hosts on one storage: what one cannot do any more the other does, and they never write at once."""

import hashlib
import threading

import pytest
import sqlalchemy as sa

from appliance import errors
from appliance.admin import hosts, models, views
from imaged import client
from tests.admin.house import Daemon, disk
from tests.waiting import wait_for

MIB = 1 << 20


@pytest.fixture
def twin(house, tmp_path):
    """The second host; it has found the storage domains by their markers."""
    (tmp_path / "twin").mkdir()
    twin = Daemon(tmp_path / "twin", house.daemon.root)
    twin.follow(house.clock)
    house.twin = house.admin.hosts.ensure("twin", twin.control, twin.images)
    look(house)
    yield twin
    twin.stop(wait=False)


def look(house, seconds=0):
    """Twice: what is taken from one host is given to the other at its next look."""
    house.clock.turn(seconds)
    house.admin.monitor.tick()
    house.admin.monitor.tick()


def shown(house, transfer):
    return house.transfers.get(house.root, transfer.id)


def send(house, transfer, data, offset=0):
    """As a client with a fresh ticket would, to the host that the transfer is on."""
    url = house.transfers.ticket(house.root, transfer.id).url
    return put(house, shown(house, transfer).host, url, data, offset)


def put(house, host, url, data, offset=0):
    with house.hosts.images(host.id).connection() as connection:
        headers = [("Content-Length", str(len(data))), ("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*")]
        connection.start("PUT", url, headers)
        connection.send(data)
        response = connection.response()
        response.read()
    return response.status


def finish(house, transfer, data):
    for start, end in missing(house, transfer):
        assert send(house, transfer, data[start:end], start) == 200
    house.transfers.finalize(house.root, transfer.id)
    assert house.settle(transfer, "finished_success", "finished_failure").phase == "finished_success"
    image = house.admin.images.get(transfer.image_id)
    assert (house.daemon.root / "data" / image.path.rpartition("/")[2]).read_bytes() == data


def missing(house, transfer):
    gaps, at = [], 0
    for start, end in [*shown(house, transfer).durable, (transfer.size, transfer.size)]:
        if at < start:
            gaps.append((at, start))
        at = end
    return gaps


def test_shared_storage_is_known_by_its_marker(house, twin):
    domain = house.admin.domains.get("data")

    assert sorted(host.name for host in domain.hosts) == ["local", "twin"]
    assert house.admin.hosts.get("twin").domains == ("data", "iso")


def test_storage_that_a_host_does_not_see_any_more_is_not_its_own_any_more(house, twin):
    twin.root.unlink()
    twin.root.mkdir()
    twin.restart()
    look(house, 60)

    assert [host.name for host in house.admin.domains.get("data").hosts] == ["local"]
    assert "domain-lost" in house.codes()


def test_the_host_with_the_fewest_transfers_is_chosen(house, twin):
    placed = [shown(house, house.create(name=f"disk{number}", size=512)).host.name for number in range(4)]

    assert sorted(placed) == ["local", "local", "twin", "twin"]


def test_maintenance_moves_a_transfer_and_leaves_nothing_behind(house, twin):
    data = disk()
    transfer = house.create(host="twin")
    send(house, transfer, data[:MIB])
    before = house.transfers.ticket(house.root, transfer.id)

    house.admin.hosts.maintain("twin", True)
    look(house)

    moved = shown(house, transfer)
    assert (moved.phase, moved.host.name, moved.durable) == ("transferring", "local", ((0, MIB),))
    assert put(house, house.twin, before.url, b"x" * MIB) == 403
    assert [code.removeprefix("transfer-") for code in house.codes()[-3:]] == ["paused-system", "resuming", "transferring"]
    assert house.transfers.ticket(house.root, transfer.id).url != before.url
    finish(house, transfer, data)


def test_what_a_person_paused_goes_on_on_another_host_when_they_say_so(house, twin):
    data = disk()
    transfer = house.create(host="twin")
    send(house, transfer, data[:MIB])
    house.transfers.pause(house.ann, transfer.id)
    house.admin.hosts.maintain("twin", True)
    look(house)
    assert shown(house, transfer).phase == "paused_user"

    resumed = house.transfers.resume(house.ann, transfer.id)

    assert (resumed.phase, resumed.host.name) == ("transferring", "local")
    finish(house, transfer, data)


def test_another_host_goes_on_for_a_dead_one_which_is_weeded_when_it_is_back(house, twin):
    data = disk()
    transfer = house.create(host="twin")
    send(house, transfer, data[:MIB])
    old = house.transfers.ticket(house.root, transfer.id).url
    control = house.hosts.control(house.twin.id)
    dead = cut_off(house)
    look(house)
    look(house, hosts.GRACE)
    moved = shown(house, transfer)
    assert (moved.phase, moved.host.name, moved.durable) == ("transferring", "local", ((0, MIB),))

    dead.restore()
    assert [told["transfer_id"] for told in control.tickets()] == [transfer.id]
    look(house)
    assert list(control.tickets()) == []
    assert put(house, house.twin, old, b"x" * 512) == 403
    finish(house, transfer, data)


class cut_off:
    """The second host answers others, and not the administration."""

    def __init__(self, house):
        self._control = house.hosts.control(house.twin.id)
        self._call = self._control._call
        self._control._call = self._fail

    def _fail(self, *_arguments, **_options):
        raise client.Unreachable(self._control.address, "it is cut off")

    def restore(self):
        self._control._call = self._call


def test_an_end_that_was_begun_is_taken_over(house, twin):
    data = disk()
    transfer = house.create(host="twin")
    send(house, transfer, data)
    house.transfers.finalize(house.root, transfer.id)
    cut_off(house)
    look(house)
    look(house, hosts.GRACE)

    done = house.settle(transfer, "finished_success", "finished_failure")

    assert (done.phase, done.host.name) == ("finished_success", "local")


def test_without_another_host_everything_waits(house, twin):
    transfer = house.create(host="twin")
    house.admin.hosts.maintain("local", True)
    house.admin.hosts.maintain("twin", True)

    look(house)

    assert shown(house, transfer).reason_code == "maintenance"
    with pytest.raises(errors.NoHost):
        house.transfers.resume(house.ann, transfer.id)
    house.admin.hosts.maintain("local", False)
    look(house)
    assert shown(house, transfer).host.name == "local"


def test_a_browsers_upload_is_proven_on_the_host_that_can_tell(house, twin):
    data = disk()
    transfer = house.create(host="twin", client="browser")
    send(house, transfer, data[:MIB])
    house.transfers.pause(house.ann, transfer.id)
    house.admin.hosts.maintain("twin", True)

    wanted = house.transfers.pieces(house.ann, transfer.id).pieces
    pieces = tuple(views.Piece(start, end, digest(data[start:end])) for start, end in wanted)

    assert wanted
    with pytest.raises(errors.DifferentFile):
        house.transfers.resume(house.ann, transfer.id, views.Proof(len(data), None, tuple(forged(piece) for piece in pieces)))
    assert house.transfers.resume(house.ann, transfer.id, views.Proof(len(data), None, pieces)).host.name == "local"


def digest(data):
    return hashlib.sha256(data).hexdigest()


def forged(piece):
    return views.Piece(piece.start, piece.end, digest(b"something else"))


def test_a_transfer_of_a_disk_gets_another_address(house, twin):
    image = house.admin.disks.create(house.ann, views.NewDisk(name="disk", size=MIB, format="raw", domain="data"))
    transfer = house.transfers.start(house.ann, views.NewImageTransfer(image=image.id, direction="upload", host="twin"))
    first = shown(house, transfer)

    house.admin.hosts.maintain("twin", True)
    look(house)

    second = shown(house, transfer)
    assert (first.host.name, second.host.name, second.phase) == ("twin", "local", "transferring")
    assert first.proxy_url and second.proxy_url and first.proxy_url != second.proxy_url


def test_guest_bytes_are_not_taken_from_a_host_that_cannot_be_asked(house, twin):
    image = house.admin.disks.create(house.ann, views.NewDisk(name="disk", size=MIB, format="qcow2", domain="data"))
    transfer = house.transfers.start(house.ann, views.NewImageTransfer(image=image.id, direction="upload", format="raw", host="twin"))
    with house.database.reading() as session:
        assert session.scalar(sa.select(models.Transfer.export))
    dead = cut_off(house)
    look(house)
    look(house, hosts.GRACE)
    assert (shown(house, transfer).phase, shown(house, transfer).host.name) == ("paused_system", "twin")

    dead.restore()
    look(house)
    look(house, 10)

    assert (shown(house, transfer).phase, shown(house, transfer).host.name) == ("transferring", "twin")


def test_a_host_that_hangs_holds_up_nobody_else(house, twin):
    transfers = [house.create(host="local", name=name) for name in ("one", "two")]
    hanging, release = threading.Event(), threading.Event()
    control = house.hosts.control(house.twin.id)
    answer = control._call

    def hang(*arguments, **options):
        hanging.set()
        release.wait(60)
        return answer(*arguments, **options)

    control._call = hang
    house.admin.monitor.start()
    try:
        assert hanging.wait(30)
        house.admin.hosts.maintain("local", True)
        # They go to the one that hangs; nobody but its own thread waits for it.
        for transfer in transfers:
            wait_for(lambda: house.transfers._load(transfer.id).phase == "resuming", "the other host's transfers to be looked at")  # noqa: B023
        release.set()
        for transfer in transfers:
            wait_for(lambda: house.transfers._load(transfer.id).phase == "transferring", "them to go on")  # noqa: B023
    finally:
        release.set()
        house.admin.monitor.stop()
