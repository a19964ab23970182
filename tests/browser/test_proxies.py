"""A browser whose bytes go through standalone proxies."""

import pytest

from tests.browser.page import stored
from tests.e2e.product import wait_for
from tests.e2e.proxies import House, Proxy


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with House(tmp_path_factory.mktemp("proxies")) as house:
        yield house


@pytest.fixture
def house(running):
    running.restore()
    return running


def in_use(proxies: list[Proxy]) -> Proxy:
    """The one that has taken chunks."""
    return wait_for(lambda: next((proxy for proxy in proxies if proxy.puts), None), "a chunk at a proxy")


def test_an_upload_goes_on_when_its_proxy_is_killed(house, open_browser, disk):
    product, proxies = house.product, house.proxies
    page = open_browser(product, *(proxy.certificate for proxy in proxies))
    page.log_in()
    transfer = page.half_upload(disk)
    dying = in_use(proxies)
    dying.kill()
    page.slow_down(-1)
    finished = page.wait_for_phase(transfer, "finished_success")

    assert stored(product, finished) == disk.read_bytes()
    [other] = [proxy for proxy in proxies if proxy is not dying]
    assert other.puts
    assert page.complaints() == []


def test_a_browser_that_does_not_trust_the_proxies_uploads_to_the_appliance(house, open_browser, disk):
    product = house.product
    before = [proxy.puts for proxy in house.proxies]
    page = open_browser(product)
    page.log_in()
    page.start_upload(disk, domain="data")
    finished = page.wait_for_phase(page.transfer_named(disk.name), "finished_success")

    assert stored(product, finished) == disk.read_bytes()
    assert [proxy.puts for proxy in house.proxies] == before
