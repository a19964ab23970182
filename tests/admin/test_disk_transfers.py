"""Transfers of disks that exist, as oVirt's clients start them: upload, download, and every way in which they end."""

import hashlib
import json
import subprocess
import uuid

import pytest

from appliance import errors
from appliance.admin import views
from imaged import client
from tests.admin.house import MIB, disk, path


@pytest.fixture
def house(house, daemon):
    """Silence is told by the host: its tickets age by the same clock as everything here."""
    daemon.follow(house.clock)
    return house


def qcow2(directory, data=b"", size=8 * MIB, *options):
    """A qcow2 file as bytes: a disk that begins with `data`."""
    raw, made = directory / "raw", directory / "made.qcow2"
    raw.write_bytes(data)
    with raw.open("r+b") as file:
        file.truncate(size)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, raw, made], check=True)
    return made.read_bytes()


def zero(house, transfer, offset, size):
    change = {"op": "zero", "offset": offset, "size": size, "flush": True}
    return house.ask("PATCH", path(transfer), json.dumps(change).encode())[0]


def flush(house, transfer):
    return house.ask("PATCH", path(transfer), b'{"op": "flush"}')[0]


def read(house, transfer):
    return house.ask("GET", path(transfer))


def stored(house, made):
    """The bytes of the disk's file."""
    return (house.daemon.root / "data" / f"{made.id}{'.qcow2' if made.format == 'qcow2' else '.img'}").read_bytes()


def guest(house, made, tmp_path):
    """The bytes that a guest sees in a qcow2 disk."""
    source, target = tmp_path / "source.qcow2", tmp_path / "guest.raw"
    source.write_bytes(stored(house, made))
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", source, target], check=True)
    return target.read_bytes()


def test_an_upload_fills_the_disk_and_its_digest_follows(house):
    made, data = house.disk(), disk(MIB)

    finished = house.fill(made, data, correlation_id="c")

    found = house.image(made)
    assert (finished.phase, found.status, found.sha256) == ("finished_success", "ok", None)
    assert found.completed_at is not None
    assert stored(house, made) == data
    for _ in range(1000):
        house.admin.monitor.tick()
        if house.image(made).sha256:
            break
    assert house.image(made).sha256 == hashlib.sha256(data).hexdigest()
    assert {event.code for event in house.admin.events.page(correlation_id="c").items} >= {"transfer-created", "transfer-finished-success"}


def test_the_urls_are_shown_to_who_may_use_them_while_they_work(house):
    transfer = house.start(house.disk())

    assert path(transfer).startswith("/images/")
    assert transfer.id not in transfer.transfer_url
    assert transfer.proxy_url.endswith(path(transfer))
    assert house.transfers.get(house.eve, transfer.id).transfer_url is None
    assert house.transfers.get(house.bob, transfer.id).proxy_url is None
    assert house.transfers.pause(house.ann, transfer.id).transfer_url is None


def test_a_hosts_own_address_is_shown_where_clients_can_reach_it(house):
    house.admin.hosts.ensure("local", house.daemon.control, house.daemon.images, public="https://host.example:54322")

    assert house.start(house.disk()).transfer_url.startswith("https://host.example:54322/images/")


def test_several_requests_write_and_read_by_the_ticket_alone(house):
    made, data = house.disk(), disk(MIB)
    transfer = house.start(made)

    assert house.put(path(transfer), data[: MIB // 2]) == 200
    assert house.put(path(transfer), data[MIB // 2 :], MIB // 2) == 200
    assert read(house, transfer) == (200, data)


def test_a_download_reads_the_disk_and_leaves_it_as_it_was(house):
    made, data = house.disk(), disk(MIB)
    house.fill(made, data)

    transfer = house.start(made, house.eve, direction="download", filename="web.img")
    assert house.image(made).status == "locked"
    assert read(house, transfer) == (200, data)
    assert house.put(path(transfer), b"x") == 403
    house.transfers.finalize(house.eve, transfer.id)

    assert house.settle(transfer, "finished_success").reason is None
    assert house.image(made).status == "ok"


def test_an_uploaded_image_keeps_its_digest_and_name_over_downloads(house):
    upload = house.upload(name="web", data=disk(MIB))
    image = house.admin.images.get(upload.image_id)

    transfer = house.start(image, direction="download")
    house.transfers.cancel(house.ann, transfer.id)
    house.settle(transfer, "finished_cleanup")

    assert house.admin.images.get(image.id).sha256 == image.sha256
    with pytest.raises(errors.NameTaken):
        house.create(name="web")


def test_a_download_that_is_read_to_its_end_ends_by_itself(house):
    made = house.disk()
    transfer = house.start(made, direction="download")
    read(house, transfer)
    house.admin.monitor.tick()
    assert house.phase(transfer) == "transferring"

    house.clock.turn(6)

    house.settle(transfer, "finished_success")
    assert house.transfers.finalize(house.ann, transfer.id).phase == "finished_success"
    assert house.image(made).status == "ok"


def test_a_download_that_is_read_in_part_goes_on(house):
    transfer = house.start(house.disk(), direction="download")
    house.ask("GET", path(transfer), Range="bytes=0-99")
    house.clock.turn(30)

    house.admin.monitor.tick()

    assert house.phase(transfer) == "transferring"


def test_a_qcow2_disk_is_written_and_read_as_its_guest_sees_it(house, tmp_path):
    made, data = house.disk(size=4 * MIB, format="qcow2"), disk(2 * MIB)

    transfer = house.start(made)
    assert transfer.size == 4 * MIB
    house.put(path(transfer), data)
    zero(house, transfer, 2 * MIB, 2 * MIB)
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")

    assert guest(house, made, tmp_path) == data + bytes(2 * MIB)
    assert house.image(made).size == len(stored(house, made))
    download = house.start(made, direction="download")
    assert read(house, download) == (200, data + bytes(2 * MIB))


def test_a_qcow2_file_replaces_the_disks(house, tmp_path):
    made = house.disk(size=8 * MIB, format="qcow2", allocation="preallocated")
    data = qcow2(tmp_path, disk(MIB))

    finished = house.fill(made, data, format="qcow2")

    assert finished.phase == "finished_success"
    assert finished.size > 8 * MIB
    assert stored(house, made) == data
    download = house.start(made, direction="download", format="qcow2")
    assert (download.size, read(house, download)) == (len(data), (200, data))


def test_a_file_that_is_no_qcow2_ends_the_disk(house):
    made = house.disk(size=8 * MIB, format="qcow2")

    finished = house.fill(made, disk(MIB), format="qcow2")

    assert (finished.phase, finished.reason_code) == ("finished_failure", "format-mismatch")
    assert "qcow2" in finished.reason
    with pytest.raises(errors.NotFound):
        house.image(made)
    assert house.control.volumes(house.data.id) == []


def test_a_raw_disk_shows_what_its_guest_sees_whatever_is_asked_for(house):
    made, data = house.disk(size=MIB), disk(MIB)
    house.fill(made, data)

    transfer = house.start(made, format="qcow2", direction="download")

    assert (transfer.format, transfer.size) == ("raw", MIB)
    assert read(house, transfer)[1] == data


def test_a_qcow2_file_in_a_raw_disk_is_found_in_the_end(house, tmp_path):
    data = qcow2(tmp_path)

    finished = house.fill(house.disk(size=8 * MIB), data + bytes(8 * MIB - len(data)), format="qcow2")

    assert (finished.phase, finished.reason_code) == ("finished_failure", "format-mismatch")


@pytest.mark.parametrize("sent", [0, MIB // 2])
def test_an_upload_with_bytes_missing_is_not_finalized_and_can_go_on(house, sent):
    made, data = house.disk(), disk(MIB)
    transfer = house.start(made)
    house.put(path(transfer), data[:sent]) if sent else None

    with pytest.raises(errors.Incomplete) as refused:
        house.transfers.finalize(house.ann, transfer.id)

    assert refused.value.details["missing"] == [[sent, MIB]]
    assert house.phase(transfer) == "transferring"
    assert house.put(path(transfer), data[sent:], sent) == 200
    house.transfers.finalize(house.ann, transfer.id)
    house.settle(transfer, "finished_success")
    assert stored(house, made) == data


@pytest.mark.parametrize(("format", "allocation"), [("raw", "sparse"), ("qcow2", "sparse"), ("qcow2", "preallocated")])
def test_a_client_that_ends_with_a_flush_may_leave_out_the_zeros_of_a_new_disk(house, format, allocation):
    made = house.disk(format=format, allocation=allocation)
    transfer = house.start(made)
    house.put(path(transfer), b"x" * 1000)
    flush(house, transfer)

    house.transfers.finalize(house.ann, transfer.id)

    house.settle(transfer, "finished_success")
    assert read(house, house.start(made, direction="download")) == (200, b"x" * 1000 + bytes(MIB - 1000))


def test_nothing_may_be_left_out_of_a_preallocated_raw_disk(house):
    transfer = house.start(house.disk(allocation="preallocated"))
    house.put(path(transfer), b"x" * 1000)
    flush(house, transfer)

    with pytest.raises(errors.Incomplete):
        house.transfers.finalize(house.ann, transfer.id)


def test_an_empty_qcow2_file_is_not_finalized(house):
    transfer = house.start(house.disk(size=8 * MIB, format="qcow2"), format="qcow2")

    with pytest.raises(errors.Incomplete):
        house.transfers.finalize(house.ann, transfer.id)


def test_a_part_of_what_a_disk_holds_may_be_written_over(house):
    made, data = house.disk(), disk(MIB)
    house.fill(made, data)
    house.admin.monitor.tick()

    transfer = house.start(made)
    assert transfer.durable == ()
    assert house.image(made).sha256 is None
    house.put(path(transfer), b"new", 10)
    house.transfers.finalize(house.ann, transfer.id)

    house.settle(transfer, "finished_success")
    assert stored(house, made) == data[:10] + b"new" + data[13:]


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_a_disk_in_transfer_takes_no_second_one(house, direction):
    made = house.disk()
    first = house.start(made, direction=direction)

    for other in ("upload", "download"):
        with pytest.raises(errors.ImageLocked):
            house.start(made, direction=other)
    with pytest.raises(errors.ImageLocked):
        house.admin.images.delete(house.ann, made.id)
    with pytest.raises(errors.ImageLocked):
        house.admin.images.open(house.ann, made.id)

    assert house.phase(first) == "transferring"
    assert len(house.transfers.page(house.ann).items) == 1


def test_an_illegal_image_takes_no_transfer(house):
    upload = house.upload(data=b"x", format="iso", domain="iso")

    with pytest.raises(errors.ImageIllegal):
        house.start(house.admin.images.get(upload.image_id))


def test_anothers_disk_takes_no_upload(house):
    made = house.disk()
    for who in (house.bob, house.eve):
        with pytest.raises(errors.Forbidden):
            house.start(made, who)

    assert house.image(made).status == "ok"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "sideways"),
        ("format", "iso"),
        ("format", ""),
        ("timeout_policy", "never"),
        ("inactivity_timeout", -1),
        ("inactivity_timeout", 1 << 31),
        ("filename", ""),
        ("filename", "a\r\nb"),
        ("filename", "x" * 256),
        ("correlation_id", ""),
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_locked(house, field, value):
    made = house.disk()

    with pytest.raises(errors.Invalid) as refused:
        house.start(made, **{field: value})

    assert refused.value.words["field"] == field
    assert house.image(made).status == "ok"


@pytest.mark.parametrize("words", [{"image": str(uuid.uuid4())}, {"host": "nowhere"}])
def test_an_unknown_disk_or_host_is_not_found(house, words):
    made = house.disk()

    with pytest.raises(errors.NotFound):
        house.transfers.start(house.ann, _request(made, **words))

    assert house.image(made).status == "ok"


def _request(made, **words):
    return views.NewImageTransfer(**{"image": made.id, **words})


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_what_the_host_refuses_leaves_the_disk_as_it_was(house, direction):
    made = house.disk()

    def refuse(_ticket):
        raise client.Refused(500, "internal", "no more tickets")

    put, house.control.put_ticket = house.control.put_ticket, refuse
    with pytest.raises(errors.HostRefused, match="no more tickets"):
        house.start(made, direction=direction)
    house.control.put_ticket = put

    assert (house.image(made).status, house.image(made).transfer_id) == ("ok", None)
    assert house.transfers.page(house.ann).items == ()
    assert house.start(made).phase == "transferring"


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_a_host_that_goes_while_a_transfer_starts_gives_the_disk_back_later(house, direction):
    made = house.disk()

    def die(_ticket):
        house.daemon.stop()
        raise client.Unreachable("host", "gone")

    put, house.control.put_ticket = house.control.put_ticket, die
    with pytest.raises(errors.HostDown):
        house.start(made, direction=direction)
    house.control.put_ticket = put
    house.daemon.start()
    house.admin.monitor.tick()
    house.admin.monitor.tick()

    assert house.image(made).status == "ok"
    assert house.control.volumes(house.data.id) != []
    assert house.start(made).phase == "transferring"


def test_without_a_host_nothing_is_locked(house):
    made = house.disk()
    house.daemon.stop()
    house.admin.monitor.tick()
    house.clock.turn(20)
    house.admin.monitor.tick()

    with pytest.raises(errors.HostDown):
        house.start(made)

    assert house.image(made).status == "ok"
    house.daemon.start()
