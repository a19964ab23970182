"""What a person does and sees in the browser, by the names that the pages give their parts (`data-test`)."""

import pathlib

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.product import PASSWORD, Product, wait_for

GONE = (NoSuchElementException, StaleElementReferenceException)


class Page:
    """One browser window on one product."""

    def __init__(self, driver: Chrome, product: Product):
        self.driver, self.product = driver, product

    def open(self, path: str = "/") -> None:
        self.driver.get(self.product.address + path)

    def log_in(self, name: str = "admin", password: str = PASSWORD) -> None:
        self.open("/login")
        self.driver.find_element(By.NAME, "name").send_keys(name)
        self.driver.find_element(By.NAME, "password").send_keys(password)
        self.driver.find_element(By.CSS_SELECTOR, "form [type=submit]").click()

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def see(self, selector: str, timeout: float = 20) -> WebElement:
        """The first visible element, once there is one."""

        def visible():
            try:
                return next((element for element in self.all(selector) if element.is_displayed()), None)
            except GONE:
                return None

        return wait_for(visible, f"{selector} to be seen", timeout)

    def part(self, name: str, timeout: float = 20) -> WebElement:
        return self.see(f'[data-test="{name}"]', timeout)

    def text(self, selector: str = "body") -> str:
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except GONE:
            return ""

    def wait_for_text(self, words: str, selector: str = "body", timeout: float = 20) -> None:
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

        wait_for(clicked, f"{selector} to take a click", 20)

    def choose(self, *files: pathlib.Path) -> None:
        """Picks files in the open dialog."""
        field = wait_for(lambda: self.all('dialog[open] input[type="file"]'), "the file field")[0]
        field.send_keys("\n".join(str(file) for file in files))

    def fill(self, name: str, value: str) -> None:
        field = self.part(name)
        field.clear()
        field.send_keys(value)

    def start_upload(self, file: pathlib.Path, *, name: str | None = None, domain: str | None = None, sha256: str | None = None) -> None:
        """The whole dialog, up to a click on Upload."""
        self.click("upload-button")
        self.choose(file)
        if name:
            self.fill("name", name)
        if domain:
            self.driver.execute_script(
                "const s = arguments[0]; s.value = [...s.options].find(o => o.text.startsWith(arguments[1])).value;"
                "s.dispatchEvent(new Event('change', {bubbles: true}))",
                self.part("domain"),
                domain,
            )
        if sha256:
            self.fill("sha256", sha256)
        self.click("submit")
        wait_for(lambda: not self.all("dialog[open]"), "the dialog to close")

    def row(self, transfer: str, timeout: float = 20) -> WebElement:
        return self.see(f'[data-test="row"][data-transfer="{transfer}"]', timeout)

    def transfer_named(self, name: str, timeout: float = 20) -> str:
        """The id of the newest transfer of this name, as the server knows it."""

        def found():
            transfers = self.product.ok("GET", "/transfers?limit=50")["items"]
            return next((transfer["id"] for transfer in transfers if transfer["name"] == name), None)

        return wait_for(found, f"a transfer named {name}", timeout)

    def wait_for_phase(self, transfer: str, *phases: str, timeout: float = 60) -> dict:
        def reached():
            seen = self.product.transfer(transfer)
            return seen if seen["phase"] in phases else None

        return wait_for(reached, f"{transfer} to be {' or '.join(phases)} (is {self.product.transfer(transfer)['phase']})", timeout)

    def slow_down(self, bytes_per_second: int) -> None:
        """Limits this browser's line."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
        )

    def go_offline(self, offline: bool = True) -> None:
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )

    def complaints(self) -> list[str]:
        """What the browser's console holds against the page: script errors, refused by the content security policy."""
        words = ("Refused", "Content Security Policy", "Uncaught", "SyntaxError", "TypeError")
        return [entry["message"] for entry in self.driver.get_log("browser") if any(word in entry["message"] for word in words)]
