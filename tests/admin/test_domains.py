"""Storage domains and hosts."""

import pytest

from appliance import errors


def test_a_domain_shows_the_numbers_of_its_host(house):
    house.create()
    told = house.control.domain(house.data.id)

    domain = house.admin.domains.get("data")

    assert (domain.status, domain.images, domain.kind, domain.host.name) == ("active", 1, "data", "local")
    assert domain.capacity == told["capacity"]
    assert domain.reserved == told["reserved"]
    assert [domain.name for domain in house.admin.domains.all()] == ["data", "iso"]


def test_a_domain_is_recorded_once(house):
    again = house.admin.domains.ensure("data", "data", house.host, str(house.daemon.root / "data"))

    assert again.id == house.data.id
    assert len(house.admin.domains.all()) == 2


def test_a_domain_of_an_unknown_kind_is_refused(house):
    with pytest.raises(errors.Invalid, match="data, iso"):
        house.admin.domains.ensure("other", "tape", house.host, str(house.daemon.root / "other"))


def test_a_domain_outside_the_hosts_roots_is_refused_by_the_host(house, tmp_path):
    with pytest.raises(errors.HostRefused, match="Host local refused"):
        house.admin.domains.ensure("other", "data", house.host, str(tmp_path / "elsewhere"))


def test_an_unreachable_domain_shows_its_last_numbers(house):
    capacity = house.admin.domains.get("data").capacity
    house.daemon.stop()
    house.clock.turn(60)

    domain = house.admin.domains.get("data")

    assert (domain.status, domain.capacity) == ("unreachable", capacity)


def test_a_host_that_did_not_answer_the_last_look_is_not_waited_for(house):
    house.daemon.stop()
    house.admin.monitor.tick()
    house.clock.turn(3)
    asked = []
    house.control.domain = asked.append

    assert (house.admin.domains.get("data").status, house.admin.hosts.get(house.host.id).status) == ("unreachable", "up")
    assert not asked


def test_numbers_are_asked_for_once_in_a_while(house):
    house.clock.turn(10)
    house.admin.domains.get("data")
    asked = []
    ask = house.control.domain
    house.control.domain = lambda domain: asked.append(domain) or ask(domain)

    house.admin.domains.get("data")
    house.clock.turn(3)
    house.admin.domains.get("data")

    assert asked == [house.data.id]


@pytest.mark.parametrize("name", ["", "nowhere", "../data"])
def test_an_unknown_domain_is_not_found(house, name):
    with pytest.raises(errors.NotFound, match="no such storage domain"):
        house.admin.domains.get(name)


def test_a_host_is_recorded_once_and_its_addresses_follow(house):
    host = house.admin.hosts.ensure("local", house.daemon.control, "unix:/elsewhere")

    assert [found.id for found in house.admin.hosts.all()] == [host.id]
    assert (host.address, host.domains, host.status) == ("unix:/elsewhere", ("data", "iso"), "up")


def test_an_unknown_host_is_not_found(house):
    with pytest.raises(errors.NotFound, match="no such host"):
        house.admin.hosts.get("nowhere")


def test_events_are_listed_newest_first_and_in_pages(house):
    transfer = house.create()
    house.transfers.cancel(house.ann, transfer.id)

    events = house.admin.events.page(transfer=transfer.id)
    page = house.admin.events.page(limit=2, transfer=transfer.id)
    rest = house.admin.events.page(after=page.next, transfer=transfer.id)

    assert [event.id for event in events.items] == sorted((event.id for event in events.items), reverse=True)
    assert page.items + rest.items == events.items
    assert {event.image_name for event in events.items} == {"disk"}
    assert events.items[-1].user == "ann"
    with pytest.raises(errors.Invalid, match="after"):
        house.admin.events.page(after="x")
