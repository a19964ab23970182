"""What a person does and sees in the browser, by the names that the pages give their parts (`data-test`)."""

import contextlib
import pathlib

import psutil
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.e2e.product import PASSWORD, Product, wait_for
from tests.e2e.program import PATIENCE

#: Bytes at the beginning of a disk that are zeros, and do not travel: a page's first chunk.
ZEROS = 4 << 20
GONE = (NoSuchElementException, StaleElementReferenceException)


class Page:
    """One browser window on one product."""

    def __init__(self, driver: Chrome, product: Product):
        self.driver, self.product = driver, product
        self.address = product.address
        self.killed = False

    def quit(self) -> None:
        if not self.killed:
            self.driver.quit()

    def kill(self) -> None:
        """`kill -9` of the browser, with everything that belongs to it."""
        self.killed = True
        driver = psutil.Process(self.driver.service.process.pid)
        for process in [driver, *driver.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.driver.service.process.wait()

    def forget(self) -> None:
        """Makes the tab as good as new: one that is new takes three times the work of a page."""
        first, *others = self.driver.window_handles
        for other in others:
            self.driver.switch_to.window(other)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.rest()
        for command in ("Network.clearBrowserCookies", "Emulation.clearDeviceMetricsOverride"):
            self.driver.execute_cdp_cmd(command, {})
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.address, "storageTypes": "all"})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        self.slow_down(-1)
        self.driver.get_log("browser")

    def rest(self) -> None:
        """Leaves the page for one that does nothing; for `about:blank`, Chromium would start a process each time."""
        self.driver.get(f"{self.product.address}/static/css/base.css")

    def open(self, path: str = "/") -> None:
        self.driver.get(self.address + path)

    def log_in(self, name: str = "admin", password: str = PASSWORD) -> None:
        self.open("/login")
        self.submit_login(name, password)
        self.part("title")

    def submit_login(self, name: str, password: str) -> None:
        """Fills in the login form that is shown."""
        field = self.driver.find_element(By.NAME, "name")
        field.clear()
        field.send_keys(name)
        self.driver.find_element(By.NAME, "password").send_keys(password)
        self.click("login")

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def see(self, selector: str, timeout: float = PATIENCE) -> WebElement:
        """The first visible element, once there is one."""

        def visible():
            try:
                return next((element for element in self.all(selector) if element.is_displayed()), None)
            except GONE:
                return None

        return wait_for(visible, f"{selector} to be seen", timeout)

    def shows(self, name: str) -> bool:
        """Whether a part is visible now."""
        try:
            return any(element.is_displayed() for element in self.all(f'[data-test="{name}"]'))
        except GONE:
            return False

    def part(self, name: str, timeout: float = PATIENCE) -> WebElement:
        return self.see(f'[data-test="{name}"]', timeout)

    def text(self, selector: str = "body") -> str:
        """What can be read there now; nothing when it is not there."""
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except GONE:
            return ""

    def wait_for_text(self, words: str, selector: str = "body", timeout: float = PATIENCE) -> None:
        wait_for(lambda: words.lower() in self.text(selector).lower(), f"{words!r} in {selector}", timeout)

    def click(self, name: str, within: str = "") -> None:
        """Clicks a part as soon as it can be clicked."""
        selector = f'{within} [data-test="{name}"]'.strip()

        def clicked():
            for element in self.all(selector):
                try:
                    if element.is_displayed() and element.is_enabled():
                        element.click()
                        return True
                except GONE:
                    pass
            return False

        wait_for(clicked, f"{selector} to take a click")

    def walk(self, path: str) -> None:
        """Goes to a page of the navigation by its link, without loading anew."""
        self.see(f'nav a[href="{path}"]').click()
        self.see(f'nav a[href="{path}"][aria-current="page"]')

    def choose(self, *files: pathlib.Path) -> None:
        """Picks files in the open dialog."""
        field = wait_for(lambda: self.all('dialog[open] input[type="file"]:not([hidden] *)'), "the file field")[0]
        field.send_keys("\n".join(str(file) for file in files))

    def fill(self, name: str, value: str) -> None:
        field = self.part(name)
        field.clear()
        field.send_keys(value)

    def choose_domain(self, name: str) -> None:
        def option():
            return next((one for one in Select(self.part("domain")).options if one.text.startswith(f"{name} ")), None)

        wait_for(option, f"the storage domain {name} to choose").click()

    def start_upload(self, file: pathlib.Path, *, name: str | None = None, domain: str | None = None, sha256: str | None = None) -> None:
        """The whole dialog, up to a click on Upload."""
        self.click("upload-button")
        self.choose(file)
        if domain:
            self.choose_domain(domain)
        if name:
            self.fill("name", name)
        if sha256:
            self.fill("sha256", sha256)
        self.click("submit")
        self.wait_for_closed_dialog()

    def half_upload(self, file: pathlib.Path, *, domain: str = "data", durable: int = ZEROS + 1) -> str:
        """Uploads a disk by a line that takes minutes for it, until so many bytes are durable: zeros and some data. The transfer's id."""
        self.slow_down(64 << 10)
        self.start_upload(file, domain=domain)
        transfer = self.transfer_named(file.name)
        wait_for(lambda: self.product.transfer(transfer)["durable_bytes"] >= durable, "some of it to be durable")
        return transfer

    def wait_for_closed_dialog(self) -> None:
        wait_for(lambda: not self.all("dialog[open]"), "the dialog to close")

    def row(self, transfer: str, phase: str = "", timeout: float = PATIENCE) -> WebElement:
        """The row of a transfer, once it shows that phase if one is given."""
        return self.see(row(transfer) + (f'[data-phase="{phase}"]' if phase else ""), timeout)

    def transfer_named(self, name: str, timeout: float = PATIENCE) -> str:
        """The id of the newest transfer of this name, as the server knows it."""

        def found():
            transfers = self.product.ok("GET", "/transfers?limit=50")["items"]
            return next((transfer["id"] for transfer in transfers if transfer["name"] == name), None)

        return wait_for(found, f"a transfer named {name}", timeout)

    def wait_for_phase(self, transfer: str, *phases: str, timeout: float = 2 * PATIENCE) -> dict:
        def reached():
            seen = self.product.transfer(transfer)
            return seen if seen["phase"] in phases else None

        return wait_for(reached, f"{transfer} to be {' or '.join(phases)}", timeout)

    def slow_down(self, bytes_per_second: int) -> None:
        """Limits this tab's line; -1 is no limit."""
        self._network(offline=False, up=bytes_per_second)

    def go_offline(self, offline: bool = True) -> None:
        self._network(offline=offline, up=-1)

    def _network(self, *, offline: bool, up: int) -> None:
        self.driver.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": up}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def complaints(self) -> list[str]:
        """What the browser's console holds against the page: script errors, refused by the content security policy."""
        words = ("Refused", "Content Security Policy", "Uncaught", "SyntaxError", "TypeError")
        return [entry["message"] for entry in self.driver.get_log("browser") if any(word in entry["message"] for word in words)]


def row(transfer: str) -> str:
    """The selector of a transfer's row."""
    return f'[data-test="row"][data-transfer="{transfer}"]'


def stored(product: Product, transfer: dict) -> bytes:
    """The bytes of a finished transfer's image, as they lie on the host."""
    return pathlib.Path(product.ok("GET", f"/images/{transfer['image_id']}")["path"]).read_bytes()
