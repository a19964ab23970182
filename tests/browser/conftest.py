"""A real Chromium, driven by its own driver, that trusts the product's certificate by its key and nothing else."""

import base64
import hashlib
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver

from tests.browser.page import Page
from tests.e2e.product import Product


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    product = Product(tmp_path_factory.mktemp("browser") / "state", monitor_interval=0.3)
    product.start()
    yield product
    assert product.stop() == 0


def chromium(product: Product, profile, *more: str) -> webdriver.Chrome:
    certificate = x509.load_pem_x509_certificate((product.state_dir / "tls" / "server.pem").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,800",
        f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),  # Chromium's own sandbox does not run as root
        *more,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


@pytest.fixture
def open_browser(tmp_path):
    """Starts browsers for this test, each with a profile of its own: `open_browser(product)`."""
    drivers = []

    def start(product: Product, *more: str) -> Page:
        driver = chromium(product, tmp_path / f"profile{len(drivers)}", *more)
        drivers.append(driver)
        return Page(driver, product)

    yield start
    for driver in drivers:
        driver.quit()


@pytest.fixture
def page(open_browser, product):
    """A browser in which `admin` has logged in, on the overview."""
    page = open_browser(product)
    page.log_in()
    return page
