"""The documents say what is so: settings, commands, links, and the tests that they name."""

import pathlib
import re
import tomllib

import click
import pytest

from appliance import config
from appliance.cli import main
from appliance.commands.config import default

HERE = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])
ADMIN = (HERE / "docs" / "admin.md").read_text()

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def commands(group: click.Group = main, words: tuple[str, ...] = ("image-appliance",)) -> list[tuple[str, click.Command]]:
    """Every command with its name in full, groups opened."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            found += commands(command, (*words, name))
        else:
            found.append((" ".join((*words, name)), command))
    return found


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(document: pathlib.Path) -> set[str]:
    """The names that a document's headings can be linked by."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", config.FIELDS)
def test_a_setting_is_described_as_the_code_defines_it(name):
    facts = config.FIELDS[name].metadata
    standard = '"~/.local/share/image-appliance"' if name == "state_dir" else default(name)

    row = f"| `{name}` | `{standard}` | {facts['unit'] or ', '.join(facts['choices'])} | {facts['meaning']} |"

    assert row in ADMIN


def test_no_setting_is_described_that_does_not_exist():
    table = ADMIN.partition("| setting | default |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(config.FIELDS)


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_is_described_with_its_options(words, command):
    rows = [line for line in ADMIN.splitlines() if re.match(rf"\| `{words}[ `]", line)]

    assert len(rows) == 1, words
    for option in command.params:
        for name in option.opts if isinstance(option, click.Option) else [option.make_metavar(click.Context(command))]:
            assert name == "--state-dir" or name.strip("[]{}") in rows[0].replace("\\", ""), (words, name)


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_takes_a_state_directory_but_the_proxy_which_has_none(words, command):
    assert ("--state-dir" in [name for option in command.params for name in option.opts]) == (words != "image-appliance proxy")


def test_the_configuration_in_the_document_is_a_valid_one(tmp_path):
    [text] = re.findall(r"```toml\n(.*?)```", ADMIN, re.DOTALL)
    (tmp_path / "config.toml").write_text(text)

    settings = config.load(environ={}, state_dir=tmp_path)

    assert tomllib.loads(text)
    assert settings.paused_lifetime == 14 * 86400


@each_document
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text())):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), f"{document.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {link}"


@each_document
def test_make_targets_that_are_named_exist(document):
    targets = set(re.findall(r"^([a-z]+):", (HERE / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", document.read_text()))

    assert named <= targets


@each_document
def test_tests_that_are_named_exist(document):
    for path, name in re.findall(r"`(tests/[\w/.]+)::(\w+)`", document.read_text()):
        assert re.search(rf"^def {name}\(", (HERE / path).read_text(), re.MULTILINE), f"{document.name} names {path}::{name}"


@each_document
def test_modules_that_are_named_exist(document):
    for path in re.findall(r"`((?:appliance|imaged|tests|bench|rpm|\.ci)/[\w./-]*\w/?)`", document.read_text()):
        assert (HERE / path).exists(), f"{document.name} names {path}"


def test_documents_tell_nothing_of_the_machine_they_were_written_on():
    texts = [*DOCUMENTS, HERE / "Makefile", HERE / "setup.py", HERE / "pyproject.toml", *HERE.glob(".ci/*"), *HERE.glob("rpm/*")]
    for document in texts:
        # Home directories, and any absolute path that leads to this checkout.
        found = re.search(rf"/(?:root|home/\w+)/|{re.escape(str(HERE))}/", document.read_text())
        assert not found, f"{document.name}: {found}"


def test_lock_files_hold_no_address():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (HERE / name).read_text()
        assert "://" not in text
        assert "setuptools==" in text


def test_lock_files_pin_what_the_package_asks_for():
    asked = re.findall(
        r'^        "([A-Za-z][\w.-]*)',
        (HERE / "setup.py").read_text().partition("install_requires")[2].partition("extras_require")[0],
        re.MULTILINE,
    )
    for name in asked:
        wanted = re.sub(r"[._]", "-", name).lower()
        assert re.search(rf"^{wanted}==.* \\$", (HERE / "requirements.lock").read_text(), re.MULTILINE), name


def test_the_readme_is_short_about_what_and_why():
    introduction = (HERE / "README.md").read_text().partition("![")[0]

    assert len(introduction.splitlines()) <= 16
