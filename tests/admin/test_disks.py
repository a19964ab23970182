"""Disks as oVirt's clients make them: what is asked for, what is refused, and what a crash leaves."""

import uuid

import pytest

from appliance import errors
from imaged import client
from tests import databases
from tests.admin.house import MIB, Daemon, House, path


class Killed(BaseException):
    """What `kill -9` is to the code that runs."""


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """A house in which nothing changes: for what is refused."""
    directory = tmp_path_factory.mktemp("unchanged")
    daemon = Daemon(directory)
    with databases.empty() as database:
        house = House(directory, daemon, database)
        yield house
        assert house.admin.images.page().items == ()
        assert volumes(house) == {}
    daemon.stop(wait=False)


def volumes(house):
    return {volume["name"]: volume for volume in house.control.volumes(house.data.id)}


def test_a_new_disk_is_ready_and_empty(house):
    made = house.disk(size=3 * MIB, description="of the web server", backup="incremental", correlation_id="c1")

    found = house.image(made)
    assert found == made
    assert (found.status, found.size, found.virtual_size, found.format, found.allocation) == ("ok", 3 * MIB, 3 * MIB, "raw", "sparse")
    assert (found.description, found.backup, found.owner, found.sha256, found.completed_at) == (
        "of the web server",
        "incremental",
        "ann",
        None,
        None,
    )
    assert volumes(house)[f"{made.id}.img"]["state"] == "complete"
    assert [event.code for event in house.admin.events.page(correlation_id="c1").items] == ["disk-created"]


def test_a_qcow2_disk_has_a_small_file_and_its_own_size(house):
    made = house.disk(size=64 * MIB, format="qcow2")

    assert (made.virtual_size, made.format) == (64 * MIB, "qcow2")
    assert made.size < MIB


def test_a_preallocated_disk_takes_its_room_at_once(house):
    assert house.disk(size=2 * MIB, allocation="preallocated").actual_size >= 2 * MIB


def test_an_iso_disk_may_lie_where_only_isos_may(house):
    made = house.disk(domain="iso", format="iso", content_type="iso")

    assert volumes_of(house, house.iso) == [f"{made.id}.iso"]


def volumes_of(house, domain):
    return [volume["name"] for volume in house.control.volumes(domain.id)]


def test_several_disks_may_have_one_name_and_an_upload_the_same(house):
    disks = [house.disk(name="root"), house.disk(name="root")]

    assert house.create(name="root").phase == "transferring"
    assert {house.image(disk).name for disk in disks} == {"root"}


def test_a_disk_without_a_name_is_called_by_its_id(house):
    made = house.disk(name="")

    assert made.name == made.id


def test_the_client_may_choose_the_id(house):
    chosen = str(uuid.uuid4())

    assert house.disk(id=chosen.upper()).id == chosen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 0),
        ("size", -1),
        ("size", 1 << 64),
        ("size", (64 << 40) + 1),
        ("format", "vmdk"),
        ("format", ""),
        ("allocation", "thick"),
        ("initial_size", -1),
        ("content_type", "iso"),
        ("content_type", "ovf"),
        ("backup", "daily"),
        ("id", "not-a-uuid"),
        ("id", "../../etc/passwd"),
        ("description", "x" * 5000),
        ("description", "bell \x07"),
        ("correlation_id", "x" * 256),
        ("correlation_id", "two\nlines"),
    ],
)
def test_what_no_disk_can_be_is_refused_with_its_field_and_leaves_nothing(unchanged, field, value):
    with pytest.raises(errors.Invalid) as refused:
        unchanged.disk(**{field: value})

    assert refused.value.words["field"] == field


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 256, "line\nbreak"])
def test_a_name_that_cannot_be_is_refused(unchanged, name):
    with pytest.raises(errors.BadName):
        unchanged.disk(name=name)


def test_an_unknown_domain_is_not_found(unchanged):
    with pytest.raises(errors.NotFound):
        unchanged.disk(domain="nowhere")


def test_a_domain_for_isos_takes_no_disk(unchanged):
    with pytest.raises(errors.WrongDomain):
        unchanged.disk(domain="iso")


def test_a_viewer_makes_no_disk(unchanged):
    with pytest.raises(errors.Forbidden):
        unchanged.disk(unchanged.eve)


def test_an_id_that_is_taken_is_refused_and_the_first_disk_stays(house):
    first = house.disk(size=2 * MIB)

    with pytest.raises(errors.IdTaken):
        house.disk(id=first.id, name="other")

    assert house.image(first).name == "disk"
    assert volumes(house)[f"{first.id}.img"]["size"] == 2 * MIB


def test_what_does_not_fit_is_refused_and_leaves_nothing(house):
    with pytest.raises(errors.NoSpace) as refused:
        house.disk(size=32 << 40, allocation="preallocated")
    house.admin.monitor.tick()

    assert refused.value.details["needed"] == 32 << 40
    assert house.admin.images.page().items == ()
    assert volumes(house) == {}


def test_a_sparse_disk_may_be_larger_than_the_domain(house):
    size = house.admin.domains.get("data").available + (1 << 30)

    assert house.disk(size=size).virtual_size == size


def test_a_measured_size_that_does_not_fit_is_refused(house):
    with pytest.raises(errors.NoSpace):
        house.disk(size=32 << 40, initial_size=31 << 40)


def test_without_a_host_nothing_is_made(house):
    house.daemon.stop()

    with pytest.raises(errors.HostDown):
        house.disk()
    house.daemon.start()
    house.admin.monitor.tick()

    assert house.admin.images.page().items == ()


def test_what_the_host_refuses_is_told_with_its_sentence(house):
    def refuse(*_words, **_more):
        raise client.Refused(500, "internal", "the disk is on fire")

    house.control.create_volume = refuse

    with pytest.raises(errors.HostRefused, match="on fire"):
        house.disk()


@pytest.mark.parametrize("late", [False, True])
def test_killed_while_a_disk_is_made_nothing_is_left(house, late):
    real = house.control.create_volume

    def die(*words, **more):
        if late:
            real(*words, **more)
        raise Killed

    house.control.create_volume = die
    with pytest.raises(Killed):
        house.disk()
    assert [image.status for image in house.admin.images.page().items] == ["locked"]

    house.crash()
    house.admin.monitor.tick()
    house.admin.monitor.tick()

    assert house.admin.images.page().items == ()
    assert volumes(house) == {}


def test_a_disk_that_is_being_made_is_left_to_who_makes_it(house):
    real = house.control.create_volume

    def look_meanwhile(*words, **more):
        house.admin.monitor.tick()
        house.admin.disks.tend()
        return real(*words, **more)

    house.control.create_volume = look_meanwhile

    assert house.image(house.disk()).status == "ok"


def test_a_disk_gets_another_name_and_description(house):
    made = house.disk()

    house.admin.disks.update(house.ann, made.id, name="new name")
    house.admin.disks.update(house.ann, made.id, description="for tests")

    found = house.image(made)
    assert (found.name, found.description) == ("new name", "for tests")


def test_an_uploaded_image_cannot_take_anothers_name(house):
    house.upload(name="first")
    second = house.upload(name="second")

    with pytest.raises(errors.NameTaken):
        house.admin.disks.update(house.ann, second.image_id, name="first")

    assert house.admin.images.get(second.image_id).name == "second"


@pytest.mark.parametrize(("words", "error"), [({"name": "a/b"}, errors.BadName), ({"description": "x" * 5000}, errors.Invalid)])
def test_a_change_that_cannot_be_is_refused(house, words, error):
    made = house.disk()

    with pytest.raises(error):
        house.admin.disks.update(house.ann, made.id, **words)


@pytest.mark.parametrize("who", ["bob", "eve"])
def test_anothers_disk_is_not_changed(house, who):
    made = house.disk()

    with pytest.raises(errors.Forbidden):
        house.admin.disks.update(getattr(house, who), made.id, name="mine")


def test_an_unknown_disk_is_not_found(house):
    with pytest.raises(errors.NotFound):
        house.admin.disks.update(house.root, str(uuid.uuid4()), name="x")


def test_a_disk_is_deleted_like_every_image(house):
    made = house.disk()

    house.admin.images.delete(house.ann, made.id)

    assert volumes(house) == {}
    assert house.disk(id=made.id).id == made.id


def test_an_id_that_was_used_before_brings_nothing_of_the_old_disk(house):
    made = house.disk()
    house.fill(made, b"x" * MIB)
    house.admin.images.delete(house.ann, made.id)

    again = house.start(house.disk(id=made.id))

    assert again.durable == ()
    assert house.ask("GET", path(again), Range="bytes=0-3") == (206, bytes(4))


def test_an_empty_disk_can_be_read_by_everybody(house):
    opened = house.admin.images.open(house.eve, house.disk().id)

    assert (opened.size, opened.sha256) == (MIB, None)
