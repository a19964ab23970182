"""One running product for the tests that only use it; tests that kill start their own."""

import pytest

from tests.e2e.product import Product

#: The longest files: each is one worker's, and whoever began the last of them late would keep the others waiting.
LONGEST = (
    "browser/test_resume.py",
    "browser/test_access.py",
    "browser/test_pages.py",
    "e2e/test_kill.py",
    "browser/test_hosts.py",
    "e2e/test_hosts.py",
    "e2e/test_proxies.py",
    "browser/test_imports.py",
    "browser/test_dialog.py",
    "browser/test_upload.py",
    "e2e/test_import_kills.py",
    "browser/test_proxies.py",
    "e2e/test_bad_times.py",
    "e2e/test_kill_daemon.py",
    "browser/test_screenshot.py",
)


def pytest_collection_modifyitems(items):
    def turn(item):
        place = "/".join(item.path.parts[-2:])
        return LONGEST.index(place) if place in LONGEST else len(LONGEST)

    items.sort(key=turn)


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    product = Product(tmp_path_factory.mktemp("product") / "state")
    product.start()
    yield product
    assert product.stop() == 0


@pytest.fixture
def own_product(tmp_path):
    """A product that this test may kill, with settings of its own: `own_product(heartbeat_timeout=2)`."""
    products = []

    def start(**settings):
        product = Product(tmp_path / f"state{len(products)}", **settings)
        product.start()
        products.append(product)
        return product

    yield start
    for product in products:
        if product.runs:
            product.stop()
