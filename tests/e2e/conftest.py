"""One running product for the tests that only use it; tests that kill start their own."""

import pytest

from tests.e2e.product import Product


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
        if product.process.poll() is None:
            product.stop()
