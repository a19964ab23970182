"""Several hosts: enrolled by two commands, watched, taken out of service, killed. Whatever happens, the image is the file."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.product import wait_for


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def test_hosts_are_enrolled_by_two_commands(fleet):
    shown = {host["name"]: host for host in fleet.product.ok("GET", "/hosts")["items"]}

    assert set(shown) == {"local", "one", "two", "three"}
    for name in ("one", "two", "three"):
        assert (shown[name]["status"], shown[name]["enrolled"]) == ("up", True)
        assert shown[name]["domains"] == [f"own-{name}", "shared"]
        assert shown[name]["certificate_expires_at"]
