"""A real Chromium, driven by its own driver, that trusts the product's certificate by its key and nothing else."""

import base64
import hashlib
import os
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver

from tests.browser.page import ZEROS, Page
from tests.e2e.product import Product


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """The one product of all tests that neither kill it nor need settings of their own."""
    imports = {"import_allow": "127.0.0.0/8", "import_ports": "1-65535"}
    # On a busy machine, many a minute may pass before a test looks again at a transfer for which nobody sends.
    settings = {"monitor_interval": 0.3, "heartbeat_timeout": 3600, "login_attempts": 1000, **imports}
    product = Product(tmp_path_factory.mktemp("browser") / "state", **settings)
    product.start()
    yield product
    assert product.stop() == 0


@pytest.fixture
def product(running):
    """The running product; what a test leaves unfinished is cancelled, so that the next one finds no strange rows."""
    yield running
    running.cancel_unfinished()


@pytest.fixture
def own_product(tmp_path):
    """A product that this test may kill, with settings of its own: `own_product(heartbeat_timeout=2)`."""
    products = []

    def start(**settings):
        product = Product(tmp_path / f"state{len(products)}", monitor_interval=0.2, **settings)
        product.start()
        products.append(product)
        return product

    yield start
    for product in products:
        if product.runs:
            product.stop()


def pin(certificate: bytes) -> str:
    """By what Chromium knows the key of a certificate (PEM)."""
    key = x509.load_pem_x509_certificate(certificate).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def chromium(product: Product, profile, *trusted: bytes) -> webdriver.Chrome:
    """`trusted` are certificates (PEM) beside the product's."""
    pins = [pin(certificate) for certificate in ((product.state_dir / "tls" / "server.pem").read_bytes(), *trusted)]
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
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--window-size=1280,800",
        f"--user-data-dir={profile}",
        f"--ignore-certificate-errors-spki-list={','.join(pins)}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),  # Chromium's own sandbox does not run as root
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


@pytest.fixture
def open_browser(tmp_path):
    """Starts browsers for this test alone, each with a profile of its own: `open_browser(product)`."""
    pages = []

    def start(product: Product, *trusted: bytes) -> Page:
        page = Page(chromium(product, tmp_path / f"profile{len(pages)}", *trusted), product)
        pages.append(page)
        return page

    yield start
    for page in pages:
        page.quit()


@pytest.fixture(scope="session")
def browser(running, tmp_path_factory):
    """The one browser of the tests that need a clean tab and no more."""
    driver = chromium(running, tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def tab(browser, product):
    """The tab of a browser that has forgotten everything. Whatever it shows must please the content security policy."""
    page = Page(browser, product)
    page.forget()
    yield page
    complaints = page.complaints()
    # Ends its uploads before the product is cleaned up.
    page.rest()
    assert complaints == []


@pytest.fixture(scope="session")
def login(running, browser):
    """The cookies of one login of `admin`, for all tests that do not log out: passwords are slow to check, on purpose."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    Page(browser, running).log_in()
    return [{name: cookie[name] for name in ("name", "value", "secure", "httpOnly", "sameSite")} for cookie in browser.get_cookies()]


@pytest.fixture
def page(login, tab):
    """A tab in which `admin` is logged in, on the overview."""
    for cookie in login:
        tab.driver.execute_cdp_cmd("Network.setCookie", {"url": tab.product.address, **cookie})
    tab.open("/")
    tab.part("title")
    return tab


@pytest.fixture
def disk(tmp_path):
    """12 MiB and a little that no other test has, in the chunks of a page: one of zeros, two of data, and the little one at the end. On a
    slow line the first and the last are durable when most of the others has still to travel."""
    path = tmp_path / f"{secrets.token_hex(4)}.raw"
    path.write_bytes(bytes(ZEROS) + secrets.token_bytes((8 << 20) + (16 << 10)))
    return path


@pytest.fixture
def long_disk(tmp_path):
    """28 MiB that no other test has, zeros first: while a page sends some chunks of it, there are others that it has not begun."""
    path = tmp_path / f"{secrets.token_hex(4)}.raw"
    path.write_bytes(bytes(ZEROS) + secrets.token_bytes(24 << 20))
    return path
