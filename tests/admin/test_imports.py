"""Imports: asked for, looked at, scheduled, kept secret; from a real web server onto a real host."""

import datetime
import gzip
import hashlib
import lzma
import struct

import pytest
import sqlalchemy as sa

from appliance import errors
from appliance.admin import models, views
from appliance.transfer import unpack
from tests.admin.importer import DATA, MIB, SUM, begin, done, file_of, house_beside, image_of, now, rows, settle, source, states, wanted
from tests.transfer.sources import web_server


@pytest.fixture
def server():
    with source() as server:
        yield server


@pytest.fixture
def house(tmp_path, daemon, database, server, monkeypatch):
    with house_beside(server, tmp_path, daemon, database, monkeypatch, max_image_size=64 * MIB) as house:
        yield house


def bytes_of(house, transfer):
    return file_of(house, transfer).read_bytes()


def test_an_image_is_imported(house, server):
    transfer = done(house, server)

    assert (transfer.phase, transfer.client, transfer.sha256) == ("finished_success", "import", SUM)
    assert (image_of(house, transfer).name, image_of(house, transfer).format) == ("disk.img", "raw")
    assert bytes_of(house, transfer) == DATA
    assert house.files() == [f"{transfer.image_id}.img"]


def test_how_it_stands_is_shown(house, server):
    transfer = begin(house, server)

    assert (transfer.phase, transfer.size, transfer.actions) == ("initializing", len(DATA), ("pause", "cancel"))
    shown = transfer.imported
    assert (shown.source_size, shown.source_format, shown.compression, shown.sized, shown.resumable) == (len(DATA), "raw", None, True, True)
    assert (shown.fetched_bytes, shown.rate, shown.trouble, shown.checksum) == (0, 0.0, "", None)
    while_they_come = {"inspect": "done", "verify-checksum": "skipped", "decompress": "skipped"}
    assert states(transfer) == {**while_they_come, "validate": "waiting", "convert": "waiting", "register": "waiting"}
    finished = settle(house, transfer, "finished_success")
    assert (finished.imported.fetched_bytes, finished.durable_bytes) == (len(DATA), len(DATA))


def test_other_transfers_are_no_imports(house):
    assert house.create().imported is None


def test_events_tell_of_an_import(house, server):
    transfer = done(house, server)

    told = [event.message for event in reversed(house.admin.events.page(transfer=transfer.id).items)]
    assert told == [
        f"An import of disk.img from {server.url('/disk.img')} to data was asked for",
        "disk.img is fetched from its source now",
        "All of disk.img was fetched, and is verified now",
        "disk.img is verified and ready for use",
    ]


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, 1), unpack.zstd.compress], ids=["gzip", "zstd"])
def test_what_nobody_knows_the_size_of_is_unpacked_and_cut_to_what_came(house, server, pack):
    server.files["/disk.img.gz"] = web_server.File(pack(DATA))

    transfer = begin(house, server, "/disk.img.gz")

    assert not transfer.imported.sized
    assert transfer.size >= len(DATA)
    transfer = settle(house, transfer, "finished_success")
    assert (transfer.name, transfer.size, transfer.sha256) == ("disk.img", len(DATA), SUM)
    assert bytes_of(house, transfer) == DATA
    assert states(transfer)["decompress"] == "done"


def test_an_xz_file_tells_its_size(house, server):
    server.files["/disk.img.xz"] = web_server.File(lzma.compress(DATA, preset=0))

    transfer = begin(house, server, "/disk.img.xz")

    assert (transfer.size, transfer.imported.sized) == (len(DATA), True)
    assert bytes_of(house, settle(house, transfer, "finished_success")) == DATA


def test_a_checksum_is_of_the_file_as_it_is_at_its_source(house, server):
    packed = gzip.compress(DATA, 1)
    server.files["/disk.img.gz"] = web_server.File(packed)

    transfer = done(house, server, "/disk.img.gz", checksum=hashlib.sha256(packed).hexdigest().upper())

    assert (transfer.phase, transfer.sha256) == ("finished_success", SUM)
    while_they_came = {"inspect": "done", "verify-checksum": "done", "decompress": "done"}
    assert states(transfer) == {**while_they_came, "validate": "done", "convert": "skipped", "register": "done"}


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, 1)], ids=["plain", "packed"])
def test_a_wrong_checksum_is_the_end_and_nothing_is_left(house, server, pack):
    server.files["/disk.img"] = web_server.File(pack(DATA))

    transfer = done(house, server, checksum="0" * 64)

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", "wrong-checksum")
    assert states(transfer)["verify-checksum"] == "failed"
    assert "running" not in states(transfer).values()
    assert (image_of(house, transfer).status, image_of(house, transfer).reason) == ("illegal", transfer.reason)
    assert house.files() == []


def test_a_checksum_beside_the_file_is_found_when_it_is_asked_for(house, server):
    server.files["/SHA256SUMS"] = web_server.File(f"{SUM}  disk.img\n".encode())

    transfer = done(house, server, find_checksum=True)

    assert (transfer.phase, transfer.imported.checksum) == ("finished_success", SUM)


def test_further_digests_are_taken_as_the_bytes_come(house, server):
    transfer = done(house, server, digests=("md5", "sha512"))

    with house.database.reading() as session:
        found = session.get(models.Image, transfer.image_id).digests
    assert found == {name: hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha512")}


def test_a_file_of_the_server_is_imported_where_that_is_allowed(tmp_path, daemon, database, server, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "disk.img").write_bytes(DATA)
    with house_beside(server, tmp_path, daemon, database, monkeypatch, import_folder=str(folder)) as house:
        assert "file" in house.admin.imports.methods().schemes
        transfer = house.admin.imports.create(house.ann, views.NewImport(url=f"file://{folder}/disk.img", domain="data"))

        assert bytes_of(house, settle(house, transfer, "finished_success")) == DATA


def test_a_query_tells_what_is_there_and_stores_nothing(house, server):
    server.files["/disk.img.gz"] = web_server.File(gzip.compress(DATA, 1), headers={"Content-Disposition": 'filename="my disk.raw.gz"'})

    found = house.admin.imports.query(house.ann, views.NewSource(url=server.url("/disk.img.gz?signature=secret")))

    assert found == views.Found(
        url=server.url("/disk.img.gz?…"),
        name="my disk.raw",
        size=len(server.files["/disk.img.gz"].data),
        content_type="application/octet-stream",
        resumable=True,
        compression="gzip",
        unpacked_size=None,
        format="raw",
        checksum=None,
    )
    assert (rows(house), house.files()) == ([], [])


def test_a_query_tells_formats_by_their_content(house, server):
    for magic, format in (
        (b"QFI\xfb", "qcow2"),
        (b"KDMV", "vmdk"),
        (bytes(0x8001) + b"CD001", "iso"),
        (bytes(0x40) + b"\x7f\x10\xda\xbe", "vdi"),
    ):
        server.files["/disk.img"] = web_server.File(gzip.compress(magic + bytes(MIB)))
        assert house.admin.imports.query(house.ann, views.NewSource(url=server.url("/disk.img"))).format == format


def test_as_many_looks_as_may_are_told_apart_from_one_too_many(house, server):
    for _ in range(16):
        house.admin.imports._looks.acquire()

    with pytest.raises(errors.TooManyQueries):
        house.admin.imports.query(house.ann, views.NewSource(url=server.url("/disk.img")))


BAD = {
    "no file": ({"url": "/none"}, errors.SourceMissing),
    "a page": ({"url": "/page.html"}, errors.NotAnImage),
    "an archive": ({"url": "/disk.zip"}, errors.UnknownCompression),
    "cut off": ({"url": "/cut.xz"}, errors.ArchiveTruncated),
    "a disk as an ISO": ({"format": "iso"}, errors.FormatRefused),
    "said to be another": ({"source_format": "qcow2"}, errors.FormatRefused),
    "compressed as it is": ({"compressed": True}, errors.FormatRefused),
    "a plain disk compressed": ({"compressed": True, "format": "raw"}, errors.Invalid),
    "no format": ({"format": "vmdk"}, errors.Invalid),
    "a tag that cannot be shown": ({"tags": ("\0",)}, errors.Invalid),
    "empty": ({"url": "/empty"}, errors.SourceEmpty),
    "unknown size in full": ({"url": "/disk.img.gz", "allocation": "preallocated"}, errors.Invalid),
    "no checksum beside": ({"find_checksum": True}, errors.NoChecksum),
    "a checksum that is none": ({"checksum": "0123"}, errors.BadChecksum),
    "a name that is none": ({"name": "a/b"}, errors.BadName),
    "no domain": ({"domain": "nowhere"}, errors.NotFound),
    "another kind of domain": ({"domain": "iso"}, errors.WrongDomain),
    "no host": ({"host": "nobody"}, errors.NotFound),
    "two credentials": ({"user": "u", "bearer": "t"}, errors.BadCredentials),
    "an unknown digest": ({"digests": ("crc32",)}, errors.Invalid),
    "in two years": ({"not_before": datetime.datetime(2028, 11, 21, tzinfo=datetime.UTC)}, errors.Invalid),
}


@pytest.mark.parametrize(("words", "error"), BAD.values(), ids=BAD)
def test_what_cannot_be_imported_is_told_at_once_and_leaves_nothing(house, server, words, error):
    server.files["/page.html"] = web_server.File(b"<html>", content_type="text/html")
    server.files["/disk.zip"] = web_server.File(b"PK\x03\x04" + bytes(1000))
    server.files["/cut.xz"] = web_server.File(lzma.compress(DATA[:1000], preset=0)[:-100])
    server.files["/disk.img.gz"] = web_server.File(gzip.compress(DATA[:1000], 1))
    server.files["/empty"] = web_server.File(b"")

    with pytest.raises(error):
        begin(house, server, words.get("url", "/disk.img"), **{name: word for name, word in words.items() if name != "url"})

    assert (rows(house), house.transfers.page(house.root).items, house.admin.images.page().items) == ([], (), ())


def test_where_nothing_may_be_fetched_from_nothing_is_asked(house, server):
    for url, error in (
        ("ftp://127.0.0.1/x", errors.SchemeRefused),
        ("http://localhost:1/x", errors.PortRefused),
        ("file:///x", errors.SchemeRefused),
    ):
        with pytest.raises(error):
            house.admin.imports.create(house.ann, views.NewImport(url=url, domain="data"))

    assert server.requests == []


def test_who_may_not_upload_may_not_import_or_look(house, server):
    with pytest.raises(errors.Forbidden):
        house.admin.imports.create(house.eve, wanted(server))
    with pytest.raises(errors.Forbidden):
        house.admin.imports.query(house.eve, views.NewSource(url=server.url("/disk.img")))

    assert server.requests == []


def test_a_name_that_is_taken_is_told_at_once(house, server):
    begin(house, server)

    with pytest.raises(errors.NameTaken):
        begin(house, server)


def test_an_image_that_has_no_room_is_told_at_once(house, server, monkeypatch):
    monkeypatch.setattr(house.admin.domains, "ask", lambda domain: {"available": MIB})

    with pytest.raises(errors.NoSpace):
        begin(house, server)


def test_a_bomb_is_the_end_and_the_disk_is_as_it_was(house, server):
    server.files["/disk.img.gz"] = web_server.File(gzip.compress(bytes(65 * MIB), 9))

    transfer = done(house, server, "/disk.img.gz")

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", "archive-too-large")
    assert states(transfer)["decompress"] == "failed"
    assert house.files() == []


def test_an_xz_file_that_ends_too_early_is_the_end(house, server):
    server.files["/disk.img.xz"] = web_server.File(lzma.compress(DATA, preset=0)[:-1000])

    transfer = done(house, server, "/disk.img.xz")

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", "archive-truncated")
    assert house.files() == []


def test_what_unpacks_to_nothing_is_the_end(house, server):
    server.files["/disk.img.gz"] = web_server.File(gzip.compress(b""))

    transfer = done(house, server, "/disk.img.gz")

    assert (transfer.phase, transfer.reason_code) == ("finished_failure", "source-empty")
    assert states(transfer)["decompress"] == "failed"
    assert house.files() == []


def test_a_qcow2_with_a_backing_file_behind_gzip_is_refused(house, server):
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 72, 11, 16, MIB, 0, 1, 65536 * 3, 65536, 1, 0, 0) + b"/etc/passwd"
    server.files["/disk.qcow2.gz"] = web_server.File(gzip.compress(header + bytes(4 * 65536)))

    transfer = done(house, server, "/disk.qcow2.gz")

    assert (transfer.format, transfer.phase, transfer.reason_code) == ("qcow2", "finished_failure", "backing-file")
    assert image_of(house, transfer).status == "illegal"
    assert house.files() == []


def test_one_that_waits_can_be_paused_and_waits_again_when_it_is_resumed(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1))

    paused = house.transfers.pause(house.ann, transfer.id)

    assert (paused.phase, paused.actions) == ("paused_user", ("resume", "cancel"))
    house.clock.turn(3599)
    resumed = house.transfers.resume(house.ann, transfer.id)
    house.admin.importing.tick()
    house.admin.monitor.tick()
    assert (resumed.phase, resumed.actions, now(house, transfer).phase) == ("resuming", ("pause", "cancel"), "resuming")
    assert house.files() == []

    # It is the file of then.
    server.files["/disk.img"] = web_server.File(DATA[:MIB], etag='"two"')
    house.clock.turn(2)
    assert settle(house, transfer, "finished_success", "finished_failure").reason is None
    assert file_of(house, transfer).read_bytes() == DATA[:MIB]


def test_one_that_was_paused_before_its_turn_does_not_begin(house, server):
    transfer = begin(house, server)
    house.transfers.pause(house.ann, transfer.id)
    asked = len(server.requests)

    house.admin.importing.tick()
    house.admin.monitor.tick()

    assert (house.phase(transfer), len(server.requests), house.files()) == ("paused_user", asked, [])
    house.transfers.cancel(house.ann, transfer.id)
    assert settle(house, transfer, "finished_cleanup").image_id is None


def test_an_import_waits_for_its_time_and_looks_again(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1), checksum=None)
    house.clock.turn(3599)
    house.admin.importing.tick()
    house.admin.monitor.tick()
    assert (house.phase(transfer), house.files()) == ("initializing", [])

    # A newer version, in another format, is there when its time has come.
    newer = bytes(0x8001) + b"CD001" + DATA
    server.files["/disk.img"] = web_server.File(newer, etag='"two"')
    house.clock.turn(2)
    transfer = settle(house, transfer, "finished_success", "finished_failure")

    assert (transfer.format, transfer.content_type, transfer.size) == ("iso", "iso", len(newer))


def test_what_has_gone_when_its_time_comes_is_the_end(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1))
    del server.files["/disk.img"]
    house.clock.turn(3601)

    transfer = settle(house, transfer, "finished_failure")

    assert transfer.reason_code == "source-missing"


def test_one_that_waits_can_be_cancelled(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1))

    house.transfers.cancel(house.ann, transfer.id)

    assert settle(house, transfer, "finished_cleanup").image_id is None


def test_what_opens_the_source_is_sent_and_never_shown(house, server, caplog):
    caplog.set_level("DEBUG")
    secrets = "hush-password", "hush-signature"
    transfer = begin(house, server, f"/disk.img?key={secrets[1]}", user="me", password=secrets[0])

    (row,) = rows(house)
    with house.database.reading() as session:
        kept = repr([tuple(found) for table in models.Base.metadata.sorted_tables for found in session.execute(sa.select(table))])
    transfer = settle(house, transfer, "finished_success")

    told = repr((transfer, house.admin.events.page(limit=500), caplog.text))
    assert not any(secret in each for secret in secrets for each in (kept, told))
    assert {header.split()[0] for header in server.asked("Authorization")} == {"Basic"}
    assert {path for _, path, _ in server.requests} == {f"/disk.img?key={secrets[1]}"}
    assert row.sealed and [row.sealed for row in rows(house)] == [None]


def test_a_key_that_was_lost_is_told(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1))
    house.import_key = b"A" * 43 + b"="
    house.crash()
    house.clock.turn(3601)

    assert settle(house, transfer, "finished_failure").reason_code == "secret-lost"


def test_finished_ones_are_forgotten_with_their_transfers(house, server):
    transfer = done(house, server)
    house.clock.turn(house.config.finished_lifetime + 1000)

    house.admin.monitor.tick()

    assert rows(house) == []
    assert image_of(house, transfer).status == "ok"
