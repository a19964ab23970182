"""The upload dialog: what cannot become an image is refused before a byte is sent, and in words."""

import secrets

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.browser.test_upload import IPXE
from tests.e2e import images
from tests.e2e.product import wait_for

#: Hands files made of text to an element, as a hand that drops them or a clipboard does: `arguments` are target, event, {name: text}.
GIVE = """
const [target, kind, files] = arguments;
const data = new DataTransfer();
for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
const [Kind, field] = kind === "paste" ? [ClipboardEvent, "clipboardData"] : [DragEvent, "dataTransfer"];
target.dispatchEvent(new Kind(kind, {bubbles: true, cancelable: true, [field]: data}));
"""


@pytest.fixture
def small(tmp_path):
    """A raw disk of 1 MiB."""
    path = tmp_path / f"{secrets.token_hex(4)}.raw"
    path.write_bytes(secrets.token_bytes(1 << 20))
    return path


@pytest.fixture
def dialog(page):
    """The page with the upload dialog open."""
    page.click("upload-button")
    page.part("upload-dialog")
    return page


def ready(page) -> bool:
    return page.part("submit").is_enabled()


def wait_until_ready(page) -> None:
    wait_for(lambda: ready(page), "the dialog to allow uploading")


def count(product) -> int:
    return len(product.ok("GET", "/transfers?limit=200")["items"])


def refused(page, *words: str) -> bool:
    """Does the dialog not let the file be uploaded, once it says these words of it?"""
    for word in words:
        page.wait_for_text(word, "dialog[open] [data-test=error]")
    return not ready(page)


def test_a_text_file_named_iso_is_refused_before_anything_is_sent(dialog, tmp_path):
    before = count(dialog.product)
    path = tmp_path / "debian.iso"
    path.write_text("<!doctype html>\n<title>Download</title>\n" * 2000)
    dialog.choose(path)

    assert refused(dialog, "debian.iso", "text file")
    assert count(dialog.product) == before


def test_a_qcow2_with_a_backing_file_is_refused_before_anything_is_sent(dialog, tmp_path):
    before = count(dialog.product)
    path = tmp_path / "overlay.qcow2"
    images.qcow2_with_backing_file(path)
    dialog.choose(path)

    assert refused(dialog, "backing file", "qemu-img convert")
    assert count(dialog.product) == before


def test_a_qcow2_with_an_external_data_file_is_refused(dialog, tmp_path):
    path = tmp_path / "split.qcow2"
    images.qcow2_with_data_file(path)
    dialog.choose(path)

    assert refused(dialog, "another file")


def test_a_qcow2_of_8_eib_is_refused(dialog, tmp_path):
    path = tmp_path / "huge.qcow2"
    path.write_bytes(images.huge_qcow2(tmp_path / "sound.qcow2"))
    dialog.choose(path)

    assert refused(dialog, "more than any host can hold")


def test_an_empty_file_is_refused(dialog, tmp_path):
    path = tmp_path / "empty.raw"
    path.touch()
    dialog.choose(path)

    assert refused(dialog, "empty")


def test_a_packed_image_is_refused_by_what_it_is(dialog, tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(b"\x1f\x8b\x08" + secrets.token_bytes(100_000))
    dialog.choose(path)

    assert refused(dialog, "gzip")


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "give"), ("a/b.raw", "/"), ("back\\slash.raw", "/"), ("evil\u202egnp.raw", "invisible"), ("n" * 256, "255"), ("..", "dots")],
    ids=["empty", "slash", "backslash", "right-to-left", "long", "dots"],
)
def test_a_bad_name_is_told_beside_its_field_before_anything_is_sent(dialog, small, name, why):
    dialog.choose(small)
    wait_until_ready(dialog)
    dialog.part("name").clear()
    dialog.part("name").send_keys(name)

    wait_for(lambda: not ready(dialog), "the dialog to refuse the name")
    assert dialog.part("name").get_attribute("aria-invalid") == "true"
    about = dialog.part("name").get_attribute("aria-describedby")
    assert why in dialog.text(f"#{about}").lower()


def test_a_name_that_is_taken_is_told_before_anything_is_sent(dialog, small):
    dialog.product.upload("taken.raw", bytes(1024))
    before = count(dialog.product)
    dialog.choose(small)
    wait_until_ready(dialog)
    dialog.fill("name", "taken.raw")

    assert refused(dialog, "taken.raw")
    assert count(dialog.product) == before
    dialog.fill("name", f"free-{small.name}")
    wait_until_ready(dialog)
    assert not dialog.shows("error")


def test_a_file_that_does_not_fit_is_told_with_the_numbers_before_anything_is_sent(dialog, tmp_path):
    before = count(dialog.product)
    path = tmp_path / "vast.raw"
    with path.open("wb") as file:
        file.truncate(8 << 40)
    dialog.choose(path)

    assert refused(dialog, "8.00 TiB", "free")
    assert count(dialog.product) == before


def test_an_expected_sha256_of_another_length_or_with_strange_digits_is_told(dialog, small):
    dialog.choose(small)
    wait_until_ready(dialog)
    for value, why in (("abc", "this has 3"), ("g" * 64, "0-9 and a-f")):
        dialog.fill("sha256", value)
        dialog.wait_for_text(why, "dialog[open]")
        assert not ready(dialog)
    dialog.fill("sha256", "A" * 64)

    wait_until_ready(dialog)


def test_nothing_can_be_submitted_before_a_file_is_chosen(dialog):
    assert not ready(dialog)


def test_a_sound_file_is_described_and_may_go_where_there_is_room(dialog, small):
    dialog.choose(small)

    wait_until_ready(dialog)
    assert "1.00 MiB" in dialog.part("facts").text
    assert [option.text.split()[0] for option in Select(dialog.part("domain")).options] == ["data"]
    assert "free" in dialog.part("domain").text
    assert dialog.part("name").get_attribute("value") == small.name


def test_several_files_are_uploaded_together_and_the_refused_one_is_left_out(dialog, tmp_path):
    files = [tmp_path / f"{secrets.token_hex(4)}.raw" for _ in range(3)]
    for path in files[:2]:
        path.write_bytes(secrets.token_bytes(200_000))
    files[2].touch()
    dialog.choose(*files)

    wait_for(lambda: dialog.part("submit").text == "Upload 2 images" and ready(dialog), "both sound files to be ready")
    dialog.click("submit")
    for path in files[:2]:
        dialog.wait_for_phase(dialog.transfer_named(path.name), "finished_success")


def test_two_files_of_the_same_name_are_told_to_clash(dialog, tmp_path):
    files = [tmp_path / folder / "same.raw" for folder in ("a", "b")]
    for size, path in enumerate(files, 100_000):
        path.parent.mkdir()
        path.write_bytes(secrets.token_bytes(size))
    dialog.choose(*files)

    dialog.wait_for_text("same name", "dialog[open]")
    assert not ready(dialog)


def test_a_chosen_file_can_be_taken_back(dialog, small):
    dialog.choose(small)
    wait_until_ready(dialog)
    dialog.click("remove")

    dialog.part("drop-zone")
    assert not dialog.shows("pick")
    assert not ready(dialog)


@pytest.mark.parametrize(("kind", "selector"), [("drop", "main"), ("paste", "main"), ("drop", "#tray")])
def test_files_dropped_or_pasted_anywhere_open_the_dialog(page, kind, selector):
    page.part("title")
    page.driver.execute_script(GIVE, page.all(selector)[0], kind, {"dropped.raw": "\1" * 5000})

    assert "dropped.raw" in page.part("pick").text
    assert page.part("name").get_attribute("value") == "dropped.raw"


def test_files_dropped_on_the_drop_zone_are_taken_once(dialog):
    dialog.driver.execute_script(GIVE, dialog.part("drop-zone"), "drop", {"one.raw": "\1" * 5000, "two.raw": "\2" * 5000})

    wait_for(lambda: len(dialog.all('[data-test="pick"]')) == 2, "two chosen files")


@pytest.mark.parametrize("name", ["data", "iso"])
def test_the_upload_button_of_a_domains_page_chooses_that_domain(page, name):
    domain = next(one for one in page.product.ok("GET", "/domains")["items"] if one["name"] == name)
    page.see(f'[data-test="domain-card"][data-domain="{domain["id"]}"]').click()
    page.wait_for_text(name, '[data-test="title"]')
    page.click("upload-button")
    page.choose(IPXE)

    wait_for(lambda: Select(page.part("domain")).options, "storage domains to choose from")
    assert Select(page.part("domain")).first_selected_option.text.startswith(f"{name} ")


@pytest.mark.parametrize("way", ["escape", "close", "back"])
def test_closing_the_dialog_gives_the_focus_back_to_what_opened_it(dialog, way):
    if way == "escape":
        ActionChains(dialog.driver).send_keys(Keys.ESCAPE).perform()
    else:
        dialog.click(way)
    dialog.wait_for_closed_dialog()

    assert dialog.driver.switch_to.active_element == dialog.part("upload-button")


def test_after_submitting_the_focus_is_on_the_row(dialog, small):
    dialog.choose(small)
    dialog.click("submit")

    wait_for(lambda: dialog.driver.switch_to.active_element.get_attribute("data-test") == "row", "the row to have the focus")
    assert small.name in dialog.driver.switch_to.active_element.find_element(By.CSS_SELECTOR, ".name").text
