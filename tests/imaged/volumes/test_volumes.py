"""Volumes: from nothing to complete, repeatable at every step, and never through a link."""

import os
import stat

import pytest

from imaged import errors as daemon_errors
from imaged.volumes import errors
from imaged.volumes.files import MAX_SIZE
from tests.imaged.volumes.made import MIB, NAME, make, spans, write_journal


def test_a_new_volume_is_hidden_private_and_takes_no_space(volumes, domain):
    volume, new = volumes.create("iso", NAME, 64 * MIB, "sparse")

    assert new
    assert os.listdir(domain.path / "") and not (domain.path / NAME).exists()
    assert (volume.state, volume.size, volume.durable) == ("partial", 64 * MIB, [])
    assert volume.allocated < MIB
    assert stat.S_IMODE(os.stat(volume.path).st_mode) == 0o600
    assert volume.as_json()["url"] == f"file://{volume.path}"


def test_a_preallocated_volume_has_its_space_at_once(volumes):
    assert make(volumes, size=8 * MIB, allocation="preallocated").allocated >= 8 * MIB


def test_creating_again_keeps_what_has_arrived(volumes):
    volume = make(volumes)
    with open(volume.path, "r+b") as file:
        file.write(b"arrived")
    write_journal(volume, 0, 7)

    again, new = volumes.create("iso", NAME, MIB, "preallocated")

    assert not new
    assert again.durable == [[0, 7]]
    assert open(volume.path, "rb").read(7) == b"arrived"


def test_creating_again_with_another_size_is_refused(volumes):
    make(volumes)

    with pytest.raises(errors.Exists, match="already being filled"):
        make(volumes, size=2 * MIB)


def test_creating_over_a_complete_volume_is_refused(volumes):
    make(volumes)
    volumes.complete("iso", NAME)

    with pytest.raises(errors.Exists):
        make(volumes)


def test_creating_after_a_crash_before_the_size_was_set_goes_on(volumes, domain):
    (domain.path / f".partial-{NAME}").touch()

    assert make(volumes).size == MIB


def test_a_journal_without_its_file_vouches_for_nothing(volumes):
    write_journal(volume := make(volumes), 0, 100)
    os.unlink(volume.path)

    assert make(volumes).durable == []
    assert spans(volume.path, volume.size) == []


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 1 << 80])
def test_an_impossible_size_is_refused(volumes, size):
    with pytest.raises(daemon_errors.BadRequest):
        make(volumes, size=size)


def test_an_unknown_allocation_is_refused(volumes):
    with pytest.raises(daemon_errors.BadRequest, match="thick"):
        make(volumes, allocation="thick")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        ".partial-x",
        "a\0b",
        "a\nb",
        "-rf",
        "ä.iso",
        "x" * 129,
        "a\u202eb",
        "a.durable",
        "a.durable.new",
    ],
)
@pytest.mark.parametrize("act", ["get", "complete", "delete", "create", "digests"])
def test_a_bad_name_reaches_no_file(volumes, domain, name, act):
    more = {"create": (MIB, "sparse"), "digests": ([],)}.get(act, ())

    with pytest.raises(errors.InvalidName):
        getattr(volumes, act)("iso", name, *more)

    assert os.listdir(domain.path) == [".image-domain"]


def test_completing_gives_the_name_and_removes_the_journal(volumes, domain):
    write_journal(make(volumes), 0, MIB)

    volume = volumes.complete("iso", NAME)

    assert (volume.state, volume.path, volume.durable) == ("complete", str(domain.path / NAME), [[0, MIB]])
    assert sorted(os.listdir(domain.path)) == [NAME, ".image-domain"] or sorted(os.listdir(domain.path)) == [".image-domain", NAME]


def test_completing_again_is_the_same(volumes):
    make(volumes)

    assert volumes.complete("iso", NAME) == volumes.complete("iso", NAME)


def test_completing_after_a_crash_between_the_two_names_goes_on(volumes, domain):
    os.link(make(volumes).path, domain.path / NAME)

    assert volumes.get("iso", NAME).state == "complete"
    assert volumes.complete("iso", NAME).state == "complete"
    assert sorted(os.listdir(domain.path)) == [".image-domain", NAME]


def test_of_a_complete_volume_that_is_written_anew_the_journal_tells_what_is_durable(volumes):
    make(volumes)
    volume = volumes.complete("iso", NAME)
    whole = volume.durable
    write_journal(volume, 10, 20)

    assert (whole, volumes.get("iso", NAME).durable) == ([[0, MIB]], [[10, 20]])
    volumes.complete("iso", NAME)
    assert volumes.get("iso", NAME).durable == whole


def test_completing_after_a_crash_before_the_journal_went_goes_on(volumes, domain):
    volume = make(volumes)
    write_journal(volume, 0, MIB)
    os.rename(volume.path, domain.path / NAME)

    volumes.complete("iso", NAME)

    assert sorted(os.listdir(domain.path)) == [".image-domain", NAME]


def test_completing_works_where_there_are_no_hard_links(volumes, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    make(volumes)

    assert volumes.complete("iso", NAME).state == "complete"


def test_completing_never_replaces_a_file(volumes, domain):
    make(volumes)
    (domain.path / NAME).write_bytes(b"somebody's")

    with pytest.raises(errors.Exists):
        volumes.complete("iso", NAME)

    assert (domain.path / NAME).read_bytes() == b"somebody's"
    assert volumes.get("iso", NAME).state == "partial"


def test_completing_nothing_says_so(volumes):
    with pytest.raises(errors.NoVolume):
        volumes.complete("iso", NAME)


def test_deleting_leaves_nothing(volumes, domain):
    write_journal(make(volumes), 0, 10)

    volumes.delete("iso", NAME)

    assert os.listdir(domain.path) == [".image-domain"]


def test_deleting_twice_is_fine(volumes):
    make(volumes)
    volumes.complete("iso", NAME)
    volumes.delete("iso", NAME)
    volumes.delete("iso", NAME)

    with pytest.raises(errors.NoVolume):
        volumes.get("iso", NAME)


def test_deleting_one_spares_the_other_with_a_longer_name(volumes):
    make(volumes, name="a")
    write_journal(make(volumes, name="ab"), 0, 10)

    volumes.delete("iso", "a")

    assert volumes.get("iso", "ab").durable == [[0, 10]]


@pytest.mark.parametrize("prefix", ["", ".partial-"])
@pytest.mark.parametrize("act", ["get", "complete", "delete", "create", "digests"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "directory"])
def test_what_is_no_file_is_neither_followed_nor_touched(volumes, domain, tmp_path, prefix, act, kind):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    place = domain.path / (prefix + NAME)
    match kind:
        case "link":
            place.symlink_to(victim)
        case "dangling link":
            place.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(place)
        case "directory":
            place.mkdir()
    more = {"create": (8, "sparse"), "digests": ([(0, 1)],)}.get(act, ())

    with pytest.raises(errors.NotAFile, match=r"link|pipe|directory"):
        getattr(volumes, act)("iso", NAME, *more)

    assert victim.read_bytes() == b"precious"
    assert os.path.lexists(place)


def test_the_list_has_volumes_and_nothing_else(volumes, domain, tmp_path):
    make(volumes, name="b")
    write_journal(volume := make(volumes, name="a"), 0, 5)
    volumes.complete("iso", "b")
    (domain.path / "link").symlink_to(volume.path)
    (domain.path / "not a volume").touch()
    os.mkfifo(domain.path / "pipe")

    assert [(volume.name, volume.state) for volume in volumes.all("iso")] == [("a", "partial"), ("b", "complete")]


def test_an_unknown_domain_says_so(volumes):
    with pytest.raises(errors.NoDomain):
        volumes.create("other", NAME, MIB, "sparse")


def test_a_volume_is_cut_off_behind_what_came(volumes):
    volume = make(volumes, size=4 * MIB)
    with open(volume.path, "r+b") as file:
        file.write(b"arrived")
    write_journal(volume, 0, 7)

    for _ in range(2):
        shrunk = volumes.shrink("iso", NAME, 7)
        assert (shrunk.state, shrunk.size, shrunk.durable) == ("partial", 7, [[0, 7]])

    assert open(volume.path, "rb").read() == b"arrived"


@pytest.mark.parametrize(("size", "code"), [(0, "bad-request"), (-1, "bad-request"), (MAX_SIZE + 1, "bad-request"), (MIB + 1, "conflict")])
def test_a_volume_does_not_shrink_to_what_it_cannot_be(volumes, size, code):
    volume = make(volumes)

    with pytest.raises(daemon_errors.DaemonError) as raised:
        volumes.shrink("iso", NAME, size)

    assert raised.value.code == code
    assert os.stat(volume.path).st_size == MIB


def test_a_complete_volume_is_not_cut_off(volumes):
    make(volumes)
    volumes.complete("iso", NAME)

    with pytest.raises(errors.NoVolume):
        volumes.shrink("iso", NAME, 7)
