"""Which steps a storage domain has: what is refused, and whom a change concerns."""

import datetime
import gzip
from importlib import metadata

import pytest

from appliance import errors
from appliance.admin.pipeline import installed
from tests.admin.importer import DATA, SUM, begin, settle, states
from tests.admin.pipeline import disks
from tests.transfer.sources import web_server

SHORTEST = ["inspect", "validate", "register"]


def without(*names):
    return [name for name in installed.DEFAULT if name not in names]


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (
            ["inspect", "sign", "validate", "register"],
            "no step sign is installed; there are inspect, verify-checksum, decompress, validate",
        ),
        (["inspect", "validate", "x" * 500, "register"], f"no step {'x' * 64} is installed"),
        (["inspect", "validate", "convert", "convert", "register"], "only once"),
        ([], "inspect cannot be left out"),
        (without("inspect"), "inspect cannot be left out"),
        (without("validate"), "validate cannot be left out"),
        (without("register"), "register cannot be left out"),
        (["inspect", "validate", "decompress", "register"], "it must begin with inspect, decompress"),
        (["decompress", "inspect", "validate", "register"], "it must begin with inspect, decompress"),
        (["validate", "inspect", "register"], "it must begin with inspect"),
        (["inspect", "validate", "register", "convert"], "register must be the last one"),
        (["inspect", "convert", "validate", "register"], "validate must come before convert"),
    ],
)
def test_a_list_that_would_do_harm_is_refused(steps, says):
    with pytest.raises(errors.Invalid) as refused:
        installed.checked(steps)

    assert refused.value.sentence.startswith("steps: ") and says in refused.value.sentence


@pytest.mark.parametrize("steps", [SHORTEST, list(installed.DEFAULT), without("decompress"), without("verify-checksum", "convert")])
def test_all_else_is_taken(steps):
    assert installed.checked(steps) == steps


def test_third_parties_may_stand_anywhere_between_but_not_in_our_place(install):
    install(sign=print, count=print)

    assert installed.checked(["inspect", "count", "validate", "sign", "convert", "register"])[1] == "count"
    assert installed.names() == (*installed.DEFAULT, "count", "sign")
    with pytest.raises(errors.Invalid):
        installed.checked(["count", *SHORTEST])


def test_each_of_ours_says_what_it_does_and_the_needed_ones_that_they_are(house):
    told = house.admin.imports.methods().steps

    assert all(step.about.endswith(".") for step in told)
    assert tuple(step.name for step in told if step.usual) == installed.DEFAULT
    assert tuple(step.name for step in told if "Always needed" in step.about) == installed.NEEDED


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        ("Summary: Signs  what\n is right.\n", "Signs what is right."),
        ("", "Of the package signing 2.1."),
        ("Summary: UNKNOWN\n", "Of the package signing 2.1."),
        (f"Summary: {'x' * 400}\n", f"{'x' * 299}…"),
    ],
    ids=["sentence", "none", "unknown", "long"],
)
def test_what_a_third_partys_step_does_is_what_its_package_says_and_none_of_its_code_is_run(tmp_path, monkeypatch, summary, says):
    (tmp_path / "signing-2.1.dist-info").mkdir()
    (tmp_path / "signing-2.1.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: signing\nVersion: 2.1\n{summary}")
    (tmp_path / "signing-2.1.dist-info" / "entry_points.txt").write_text(f"[{installed.GROUP}]\nsign = signing_that_is_nowhere:sign\n")
    points = next(iter(metadata.distributions(path=[str(tmp_path)]))).entry_points
    monkeypatch.setattr(installed, "found", lambda: {point.name: point for point in points})

    assert installed.about("sign") == says


def test_a_step_of_no_package_says_nothing(install):
    install(sign=print)

    assert installed.about("sign") == ""


def test_a_domain_keeps_its_list_and_an_event_tells_of_it(house):
    assert house.admin.domains.arrange("data", SHORTEST, house.root).steps == tuple(SHORTEST)

    event = house.admin.events.page().items[0]
    assert (event.code, event.message, event.user) == (
        "domain-changed",
        "Imports into data go through: inspect, validate, register",
        "admin",
    )
    assert house.admin.domains.get("iso").steps == installed.DEFAULT
    assert house.admin.domains.arrange(house.data.id, None).steps == installed.DEFAULT


def test_a_refused_list_changes_nothing(house):
    with pytest.raises(errors.Invalid):
        house.admin.domains.arrange("data", ["register"])
    with pytest.raises(errors.NotFound):
        house.admin.domains.arrange("nowhere", SHORTEST)

    assert house.admin.domains.get("data").steps == installed.DEFAULT
    assert "domain-changed" not in house.codes()


def test_an_import_keeps_the_list_that_it_was_asked_for_with(house, server):
    transfer = begin(house, server, not_before=house.clock.now() + datetime.timedelta(hours=1))
    house.admin.domains.arrange("data", SHORTEST)
    house.clock.turn(3601)

    finished = settle(house, transfer, "finished_success", "finished_failure")

    assert (finished.phase, list(states(finished))) == ("finished_success", list(installed.DEFAULT))


REFUSED = {
    "convert, a foreign disk": (without("convert"), {"path": "/disk.vdi"}, errors.FormatRefused, "does not convert"),
    "convert, another format": (without("convert"), {"format": "qcow2"}, errors.FormatRefused, "does not convert"),
    "decompress": (without("decompress"), {"path": "/disk.gz"}, errors.FormatRefused, "does not unpack"),
    "verify-checksum": (without("verify-checksum"), {"checksum": SUM}, errors.Invalid, "does not verify checksums"),
}


@pytest.mark.parametrize(("steps", "words", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_what_needs_a_step_that_was_left_out_is_told_at_once(house, server, steps, words, error, says):
    server.files |= {"/disk.vdi": web_server.File(disks.disk("vdi")), "/disk.gz": web_server.File(gzip.compress(DATA, 1))}
    house.admin.domains.arrange("data", steps)

    with pytest.raises(error) as refused:
        begin(house, server, **words)

    assert says in refused.value.sentence
    assert house.transfers.page(house.root).items == ()
