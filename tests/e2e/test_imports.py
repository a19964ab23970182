"""Real images by URL into the running product: ISOs of packages, a disk in every format and packing, from nginx and over TLS."""

import datetime
import hashlib
import itertools
import pathlib
import ssl

import pytest

from appliance import certificates
from tests.admin.pipeline import disks
from tests.e2e.product import Product, wait_for
from tests.transfer.sources import nginx, web_server
from tests.transfer.test_unpack import PACK

GRUB = pathlib.Path("/usr/lib/grub-rescue/grub-rescue-cdrom.iso")
#: Of the disk: its format and how it is packed; and what it is to be stored as, each of the three in its turn.
PAIRS = list(itertools.product(disks.FORMATS, (None, *PACK)))
WISHES = list(zip(PAIRS, itertools.cycle(("raw", "qcow2", None)), strict=False))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A directory with an authority (ca.pem) that nobody knows, and a server's certificate of it."""
    directory = tmp_path_factory.mktemp("authority")
    ca, key = certificates.authority(directory)
    certificates.server(directory, ca, key, ["127.0.0.1"], datetime.datetime.now(datetime.UTC))
    return directory


@pytest.fixture(scope="module")
def importer(tmp_path_factory, authority):
    """A product that may import from this machine, and knows the authority."""
    settings = {"import_allow": "127.0.0.1", "import_ports": "1-65535", "import_ca": authority / "ca.pem"}
    product = Product(tmp_path_factory.mktemp("importer") / "state", monitor_interval=0.2, **settings)
    product.start()
    yield product
    assert product.stop() == 0


@pytest.fixture
def server():
    with web_server.serving() as server:
        yield server


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    with web_server.serving(context) as server:
        yield server


def begin(product, url, **wish):
    return product.ok("POST", "/imports", {"url": url, "domain": "data", **wish})


def states(transfer):
    return {step["name"]: step["status"] for step in transfer["import"]["steps"]}


def taken(product, transfer):
    """The image that became of the import; and its file, which is the only one of it."""
    assert transfer["phase"] == "finished_success", transfer
    image = product.ok("GET", f"/images/{transfer['image_id']}")
    assert image["status"] == "ok"
    path = pathlib.Path(image["path"])
    assert [each for each in path.parent.iterdir() if image["id"] in each.name] == [path]
    return image, path


def test_a_packages_iso_comes_over_tls_and_is_kept_as_it_is(importer, secure):
    secure.files["/grub.iso"] = web_server.File(GRUB.read_bytes())

    transfer = importer.finished(begin(importer, secure.url("/grub.iso"))["id"])

    image, path = taken(importer, transfer)
    assert (image["format"], image["label"], image["bootable"]) == ("iso", "ISOIMAGE", True)
    assert path.read_bytes() == GRUB.read_bytes()
    assert states(transfer)["convert"] == "skipped"
    told = next(step["message"] for step in transfer["import"]["steps"] if step["name"] == "validate")
    assert told == "An ISO image of 4.85 MiB with the label ISOIMAGE, which a machine can start from."


def test_a_disk_of_every_format_and_packing_becomes_what_is_wanted(importer, server):
    begun = []
    for (kind, packing), wanted in WISHES:
        name = ".".join(filter(None, (kind, packing)))
        data = PACK[packing](disks.disk(kind)) if packing else disks.disk(kind)
        server.files[f"/{name}"] = web_server.File(data)
        begun.append(begin(importer, server.url(f"/{name}"), format=wanted, checksum=hashlib.sha256(data).hexdigest(), name=name))

    for ((kind, packing), wanted), transfer in zip(WISHES, begun, strict=True):
        transfer = importer.finished(transfer["id"])

        image, path = taken(importer, transfer)
        format = wanted or ("raw" if kind == "raw" else "qcow2")
        assert (image["format"], image["virtual_size"]) == (format, disks.SIZE), transfer
        assert disks.contents(path, format) == disks.original(), transfer
        assert (transfer["import"]["source_format"], transfer["import"]["compression"]) == (kind.removesuffix("-fixed"), packing)
        assert states(transfer) == {
            **dict.fromkeys(("inspect", "verify-checksum", "validate", "register"), "done"),
            "decompress": "done" if packing else "skipped",
            "convert": "skipped" if kind == format else "done",
        }


def test_a_foreign_disk_from_nginx_goes_on_after_a_pause_where_it_was(importer, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "disk.vhd").write_bytes(disks.disk("vhd-fixed"))

    with nginx.serving(tmp_path, files, rate="512k") as address:
        transfer = begin(importer, f"{address}/disk.vhd", format="qcow2")
        wait_for(lambda: importer.transfer(transfer["id"])["durable_bytes"], "the first bytes")
        importer.ok("POST", f"/transfers/{transfer['id']}/pause")
        paused = importer.transfer(transfer["id"])
        importer.ok("POST", f"/transfers/{transfer['id']}/resume")
        finished = importer.finished(transfer["id"])

    _, path = taken(importer, finished)
    [[start, end]] = paused["durable"]
    assert (paused["phase"], start) == ("paused_user", 0)
    assert (tmp_path / nginx.LOG).read_text().splitlines()[-1] == f"206 bytes={end}-"
    assert disks.contents(path, "qcow2") == disks.original()
