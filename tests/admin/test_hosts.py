"""Hosts come by a token, see domains, take transfers, and go."""

import datetime
import threading

import pytest
import sqlalchemy as sa

from appliance import authority, bootstrap, errors
from appliance.admin import models, views
from imaged import identity

HOUR = 3600


@pytest.fixture
def house(house):
    """One whose administration can sign."""
    bootstrap.prepare(house.config)
    house.authority = authority.Authority(house.config.state_dir, 90 * 86400.0)
    house.crash()
    house.admin.hosts.load()
    return house


@pytest.fixture
def alpha(house):
    return house.admin.enrolment.add(views.NewHost("alpha", "192.0.2.11"), house.root)


def request():
    return identity.request_for(identity.new_key())


def test_a_host_is_enrolled_by_its_token(house, alpha):
    enrolled = house.admin.enrolment.enrol(alpha.token, request())

    assert (enrolled.name, enrolled.address, enrolled.images_port, enrolled.control_port) == ("alpha", "192.0.2.11", 54322, 54325)
    assert enrolled.certificate.count("BEGIN CERTIFICATE") == 2
    host = house.admin.hosts.get("alpha")
    assert (host.enrolled, host.status) == (True, "down")
    assert host.certificate_expires_at == house.clock.now() + datetime.timedelta(days=90)
    assert house.codes()[-3:] == ["host-added", "host-invited", "host-enrolled"]


def test_the_token_is_stored_as_a_hash(house, alpha):
    with house.database.reading() as session:
        stored = session.scalars(sa.select(models.Enrolment)).one()

    assert alpha.token not in (stored.digest, stored.host_id)
    assert alpha.token in alpha.command
    assert alpha.fingerprint in alpha.command


def test_a_token_is_refused_the_second_time(house, alpha):
    house.admin.enrolment.enrol(alpha.token, request())

    with pytest.raises(errors.BadEnrolment, match="used already"):
        house.admin.enrolment.enrol(alpha.token, request())


def test_a_token_is_refused_after_an_hour(house, alpha):
    house.clock.turn(HOUR)

    with pytest.raises(errors.BadEnrolment, match="an hour"):
        house.admin.enrolment.enrol(alpha.token, request())


def test_a_newer_token_voids_the_one_before(house, alpha):
    newer = house.admin.enrolment.invite("alpha")

    with pytest.raises(errors.BadEnrolment, match="not known"):
        house.admin.enrolment.enrol(alpha.token, request())
    assert house.admin.enrolment.enrol(newer.token, request()).name == "alpha"


@pytest.mark.parametrize("bad", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"])
def test_a_bad_request_does_not_spend_the_token(house, alpha, bad):
    with pytest.raises(errors.Invalid, match="signing request"):
        house.admin.enrolment.enrol(alpha.token, bad)

    assert house.admin.enrolment.enrol(alpha.token, request()).name == "alpha"


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (views.NewHost("", "192.0.2.1"), "name"),
        (views.NewHost("-x", "192.0.2.1"), "name"),
        (views.NewHost("a/b", "192.0.2.1"), "name"),
        (views.NewHost("x" * 65, "192.0.2.1"), "name"),
        (views.NewHost("beta", ""), "address"),
        (views.NewHost("beta", "https://192.0.2.1"), "address"),
        (views.NewHost("beta", "192.0.2.1:54322"), "address"),
        (views.NewHost("beta", "*.example.org"), "address"),
        (views.NewHost("beta", "192.0.2.1", images_port=0), "images_port"),
        (views.NewHost("beta", "192.0.2.1", control_port=65536), "control_port"),
        (views.NewHost("beta", "192.0.2.1", images_port=54325), "control_port"),
    ],
)
def test_a_host_that_cannot_be_is_refused(house, new, field):
    with pytest.raises(errors.Invalid, match=f"^{field}: "):
        house.admin.enrolment.add(new)


@pytest.mark.parametrize("again", [views.NewHost("alpha", "192.0.2.12"), views.NewHost("beta", "192.0.2.11")])
def test_a_name_and_an_address_are_one_hosts(house, alpha, again):
    with pytest.raises(errors.HostExists):
        house.admin.enrolment.add(again)


def test_the_appliances_own_host_needs_no_token_and_stays(house):
    with pytest.raises(errors.Invalid, match="appliance's own"):
        house.admin.enrolment.invite("local")
    with pytest.raises(errors.HostInUse, match="appliance's own"):
        house.admin.hosts.remove("local")


def test_a_host_goes_with_its_tokens_and_connections(house, alpha):
    house.admin.enrolment.enrol(alpha.token, request())
    house.admin.hosts.load()

    house.admin.hosts.remove("alpha", house.root)

    with pytest.raises(errors.NotFound):
        house.admin.hosts.get("alpha")
    with pytest.raises(errors.HostDown):
        house.hosts.control(alpha.host.id)
    with pytest.raises(errors.BadEnrolment):
        house.admin.enrolment.enrol(alpha.token, request())


def test_a_host_that_has_not_been_enrolled_is_not_asked(house, alpha):
    assert house.admin.monitor.tick() is False
    assert "host-down" not in house.codes()
    with pytest.raises(errors.Invalid, match="not been enrolled"):
        house.admin.domains.add(views.NewDomain("far", "data", "alpha", "/srv/far"))


def test_what_another_process_has_changed_is_seen_at_the_next_look(house):
    transfer = house.create()
    with house.database.session() as session:
        session.execute(sa.update(models.Host).values(maintenance=True))

    house.admin.monitor.tick()

    paused = house.transfers.get(house.root, transfer.id)
    assert (paused.phase, paused.reason_code, house.host.status) == ("paused_system", "maintenance", "maintenance")
    with pytest.raises(errors.NoHost):
        house.transfers.resume(house.ann, transfer.id)
    with pytest.raises(errors.NoHost):
        house.create(name="another")


def test_after_maintenance_the_upload_goes_on_where_it_was(house):
    transfer = house.create()
    house.send(transfer, b"x" * (1 << 20))
    house.admin.hosts.maintain("local", True)
    house.admin.monitor.tick()

    house.admin.hosts.maintain("local", False)
    house.admin.monitor.tick()

    shown = house.transfers.get(house.root, transfer.id)
    assert (shown.phase, shown.durable) == ("transferring", ((0, 1 << 20),))


def test_maintenance_twice_is_one_event(house):
    for _ in range(2):
        house.admin.hosts.maintain("local", True)

    assert house.codes().count("host-maintenance") == 1


def test_a_domain_is_added_and_forgotten_and_found_again(house):
    path = str(house.daemon.root / "more")
    added = house.admin.domains.add(views.NewDomain("more", "data", "local", path), house.root)
    with pytest.raises(errors.DomainExists):
        house.admin.domains.add(views.NewDomain("more", "data", "local", path))
    house.admin.domains.remove("more", house.root)
    with pytest.raises(errors.NotFound):
        house.admin.domains.get("more")

    assert house.admin.domains.add(views.NewDomain("again", "iso", "local", path)).id == added.id


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (views.NewDomain("", "data", "local", "/x"), errors.Invalid),
        (views.NewDomain("a b", "data", "local", "/x"), errors.Invalid),
        (views.NewDomain("far", "tape", "local", "/x"), errors.Invalid),
        (views.NewDomain("far", "data", "local", "x"), errors.Invalid),
        (views.NewDomain("far", "data", "local", "/elsewhere"), errors.HostRefused),
        (views.NewDomain("far", "data", "nobody", "/x"), errors.NotFound),
    ],
)
def test_a_domain_that_cannot_be_is_refused(house, new, error):
    with pytest.raises(error):
        house.admin.domains.add(new)


def test_a_domain_with_images_or_transfers_stays(house):
    house.upload(name="kept")
    with pytest.raises(errors.DomainInUse, match="1 image"):
        house.admin.domains.remove("data")
    house.create(name="on its way", domain="iso", format="iso", size=1 << 20)
    with pytest.raises(errors.DomainInUse):
        house.admin.domains.remove("iso")


def test_a_ticket_of_a_transfer_that_has_left_is_revoked_when_the_host_is_back(house):
    transfer = house.create()
    url = house.transfers.ticket(house.ann, transfer.id).url
    with house.database.session() as session:
        session.execute(sa.update(models.Transfer).values(ticket=models.new_id()))

    house.admin.monitor.tick()

    assert house.put(url, b"x") == 403


def test_whoever_works_on_one_transfer_holds_up_no_other(house):
    live = house.transfers._live
    transfers = [house.create(name=f"number {number}").id for number in range(70)]
    held, release = threading.Event(), threading.Event()

    def work():
        with live.holding(transfers[0]):
            held.set()
            release.wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    held.wait(30)
    found = []
    for transfer in transfers:
        with live.holding(transfer, wait=False) as free:
            found.append(free)
    release.set()
    worker.join()

    assert found == [False] + [True] * 69
    assert live._held == {}
