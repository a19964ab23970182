"""`image-appliance host` and `domain`, against a real database; what they do to hosts that run is in tests/e2e/test_hosts.py."""

import datetime
import re

import pytest

from appliance.admin import models


@pytest.fixture
def alpha(run):
    return run("host", "add", "alpha", "192.0.2.11")


def test_host_add_prints_the_command_alone(alpha, books):
    found = re.fullmatch(r"imaged enrol (https://\S+) --token (iae_\S+) --fingerprint ([0-9A-F:]{95})\n", alpha.output)

    assert alpha.exit_code == 0
    assert found and found[3] == books.enrolment.authority.fingerprint
    assert books.hosts.get("alpha").address == "https://192.0.2.11:54322"


def test_the_address_is_where_the_appliance_listens_or_would(run, state):
    assert (
        "https://images.example.org:9443 "
        in run("host", "add", "a", "192.0.2.1", IMAGE_APPLIANCE_HOSTNAMES="images.example.org", IMAGE_APPLIANCE_PORT="9443").output
    )
    (state / "run" / "address").write_text("https://198.51.100.7:8555")
    assert "https://198.51.100.7:8555 " in run("host", "add", "b", "192.0.2.2").output


def test_host_add_takes_ports(run, books):
    assert run("host", "add", "beta", "2001:db8::1", "--images-port", "1001", "--control-port", "1002").exit_code == 0
    assert books.hosts.get("beta").address == "https://[2001:db8::1]:1001"


def test_host_token_makes_another_command(run, alpha):
    again = run("host", "token", "alpha")

    assert again.output.startswith("imaged enrol ")
    assert again.output != alpha.output


def test_host_list_shows_how_they_are(run, alpha):
    output = run("host", "list").output

    assert all(word in output for word in ("alpha", "https://192.0.2.11:54322", "down", "It has not been enrolled yet."))


def test_a_host_is_taken_out_of_service_and_back(run, alpha, books):
    assert run("host", "maintenance", "alpha").exit_code == 0
    assert books.hosts.get("alpha").status == "maintenance"
    assert run("host", "activate", "alpha").exit_code == 0
    assert books.hosts.get("alpha").status == "down"


def test_host_remove_forgets_it(run, alpha, books):
    assert run("host", "remove", "alpha").exit_code == 0
    assert books.hosts.all() == ()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("host", "add", "alpha", "192.0.2.12"), "already is a host"),
        (("host", "add", "beta", "192.0.2.11"), "already is a host"),
        (("host", "add", "b/b", "192.0.2.12"), "letter or digit"),
        (("host", "add", "beta", "https://192.0.2.12"), "without a port"),
        (("host", "add", "beta", "192.0.2.12", "--images-port", "0"), "1 to 65535"),
        (("host", "token", "nobody"), "no such host"),
        (("host", "remove", "nobody"), "no such host"),
        (("host", "maintenance", "nobody"), "no such host"),
        (("host", "activate", "nobody"), "no such host"),
        (("domain", "add", "fast", "--host", "nobody", "--path", "/srv"), "no such host"),
        (("domain", "add", "fast", "--host", "alpha", "--path", "/srv"), "not been enrolled"),
        (("domain", "add", "fast", "--host", "alpha", "--path", "srv"), "absolute path"),
        (("domain", "add", "fast", "--kind", "tape", "--host", "alpha", "--path", "/srv"), "tape"),
        (("domain", "remove", "nothing"), "no such storage domain"),
        (("domain", "steps", "nothing"), "no such storage domain"),
        (("domain", "steps", "nothing", "--usual"), "no such storage domain"),
        (("domain", "steps", "nothing", "inspect", "--usual"), "either steps, or --usual"),
        (("domain", "steps", "nothing", "inspect"), "validate cannot be left out"),
    ],
)
def test_a_refusal_is_a_sentence_and_a_status(run, alpha, words, says):
    result = run(*words)

    assert result.exit_code != 0
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_domain_list_is_empty_at_first(run):
    assert run("domain", "list").exit_code == 0


@pytest.fixture
def data(alpha, books):
    """A storage domain on the host, which need not answer."""
    with books._ground.database.session() as session:
        domain = models.Domain(id="data", name="data", kind="data", created_at=datetime.datetime.now(datetime.UTC))
        session.add(domain)
        domain.seen_by.append(models.DomainHost(host_id=books.hosts.get("alpha").id, path="/data", added_at=domain.created_at))


def test_domain_steps_shows_and_sets_what_imports_go_through(run, data, books):
    usual = "Imports into data go through: inspect, verify-checksum, decompress, validate, convert, register.\n"
    assert run("domain", "steps", "data").output == usual

    changed = run("domain", "steps", "data", "inspect", "validate", "register")

    assert changed.output == (
        "Imports into data go through: inspect, validate, register.\nInstalled, too: verify-checksum, decompress, convert.\n"
    )
    assert books.domains.get("data").steps == ("inspect", "validate", "register")
    assert run("domain", "steps", "data", "register").exit_code != 0
    assert run("domain", "steps", "data", "--usual").output == usual
