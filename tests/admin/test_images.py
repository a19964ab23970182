"""Images: looking, reading, deleting."""

import pathlib

import pytest

from appliance import errors
from tests.admin.house import disk


def get(house, url):
    with house.hosts.images(house.host.id).connection() as connection:
        connection.start("GET", url, [])
        response = connection.response()
        return response.status, response.read()


def count_tickets(house):
    return len(house.daemon.context.tickets._tickets)


@pytest.fixture
def image(house):
    return house.admin.images.get(house.upload().image_id)


@pytest.mark.parametrize("who", ["root", "ann", "bob", "eve"])
def test_every_role_reads_every_image(house, image, who):
    ticket = house.admin.images.ticket(getattr(house, who), image.id)

    signed = house.sessions.open(ticket.ticket).ticket
    assert (signed.ops, signed.size, ticket.size) == (("read",), image.size, image.size)
    assert get(house, ticket.url) == (200, disk())


def test_two_readers_share_the_hosts_ticket_and_not_the_session(house, image):
    first, second = (house.admin.images.ticket(house.ann, image.id) for _ in range(2))

    assert first.url == second.url
    session = house.sessions.open(first.ticket)
    house.sessions.open(second.ticket)
    session.check("read")


def test_two_who_ask_at_once_leave_one_ticket_that_ends_with_the_image(house, image):
    put, others = house.control.put_ticket, []

    def overtaken(terms):
        if not others:
            others.append(None)
            others[0] = house.admin.images.ticket(house.bob, image.id)
        put(terms)

    house.control.put_ticket = overtaken
    slower = house.admin.images.ticket(house.ann, image.id)

    assert slower.url == others[0].url
    assert count_tickets(house) == 1


def test_a_read_ticket_does_not_write(house, image):
    opened = house.admin.images.open(house.ann, image.id)

    assert house.put(f"/images/{opened.ticket}", b"x") == 403


def test_open_tells_what_a_download_needs(house, image):
    opened = house.admin.images.open(house.eve, image.id)

    assert (opened.name, opened.size, opened.sha256, opened.host) == (image.name, image.size, image.sha256, house.host.id)


def test_a_read_ticket_that_the_host_lost_is_replaced(house, image):
    house.admin.images.open(house.ann, image.id)
    house.daemon.restart()

    opened = house.admin.images.open(house.ann, image.id)

    assert get(house, f"/images/{opened.ticket}")[0] == 200


def test_an_unused_read_ticket_is_revoked(house, image):
    house.admin.images.open(house.ann, image.id)
    house.admin.monitor.tick()
    assert count_tickets(house) == 1

    house.clock.turn(301)
    house.admin.monitor.tick()

    assert count_tickets(house) == 0
    assert get(house, f"/images/{house.admin.images.open(house.ann, image.id).ticket}")[0] == 200


def test_an_image_whose_upload_runs_cannot_be_read_or_deleted(house):
    image_id = house.create().image_id

    for act in (house.admin.images.open, house.admin.images.ticket, house.admin.images.delete):
        with pytest.raises(errors.ImageLocked, match="disk is locked: its upload is not finished"):
            act(house.ann, image_id)


def test_an_illegal_image_cannot_be_read_but_deleted(house):
    image_id = house.upload(sha256="0" * 64).image_id

    with pytest.raises(errors.ImageIllegal, match="disk is not a good image: The SHA-256"):
        house.admin.images.open(house.ann, image_id)
    house.admin.images.delete(house.ann, image_id)

    assert house.admin.images.page().items == ()


def test_a_deleted_image_is_gone_with_its_bytes_and_readers(house, image):
    opened = house.admin.images.open(house.ann, image.id)

    house.admin.images.delete(house.ann, image.id)

    assert not pathlib.Path(image.path).exists()
    assert get(house, f"/images/{opened.ticket}")[0] == 403
    with pytest.raises(errors.NotFound):
        house.admin.images.get(image.id)
    event = house.admin.events.page(image=image.id).items[0]
    assert (event.code, event.user, event.image_name) == ("image-deleted", "ann", "disk")
    assert house.upload().phase == "finished_success"


def test_only_the_owner_and_admins_delete(house, image):
    with pytest.raises(errors.Forbidden, match="takes the role admin"):
        house.admin.images.delete(house.bob, image.id)
    with pytest.raises(errors.Forbidden, match=r"role \(viewer\)"):
        house.admin.images.delete(house.eve, image.id)

    house.admin.images.delete(house.root, image.id)


@pytest.mark.parametrize("act", ["open", "ticket", "delete"])
def test_while_the_host_is_away_nothing_changes(house, image, act):
    house.daemon.stop()

    with pytest.raises(errors.HostDown):
        getattr(house.admin.images, act)(house.ann, image.id)

    assert house.admin.images.get(image.id).status == "ok"


@pytest.mark.parametrize("act", ["open", "ticket", "delete"])
def test_an_unknown_image_is_not_found(house, act):
    with pytest.raises(errors.NotFound, match="no such image"):
        getattr(house.admin.images, act)(house.root, "no-such-id")


def test_images_are_listed_by_domain_and_in_pages(house):
    for name in ("one", "two", "three"):
        house.create(name=name)
        house.clock.turn(1)
    house.create(name="four", domain="iso", format="iso")

    def names(**words):
        return [image.name for image in house.admin.images.page(**words).items]

    assert names() == ["four", "three", "two", "one"]
    assert names(domain=house.iso.id) == ["four"]
    page = house.admin.images.page(domain="data", limit=2)
    assert [image.name for image in page.items] == ["three", "two"]
    assert names(domain="data", limit=2, after=page.next) == ["one"]
    with pytest.raises(errors.NotFound):
        house.admin.images.page(domain="nowhere")
