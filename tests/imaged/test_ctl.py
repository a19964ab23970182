"""The command `imaged-ctl`; and that the documentation has all of its options, and those of the copying commands."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from imaged import cli, console
from imaged.ctl import main

TEXT = (Path(__file__).parents[2] / "docs" / "imaged.md").read_text("utf-8")


@pytest.fixture
def ctl(daemon):
    def run(*words, status=0, text=None):
        result = CliRunner().invoke(main, ["--socket", daemon.control_path, *map(str, words)], input=text)
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_a_ticket_is_added_from_options(ctl, daemon, image):
    made = ctl("add", "--url", image.url, "--size", "1KiB", "--op", "write", "--timeout", 60, "--sparse", "--filename", "a.iso").strip()

    status = daemon.control.ticket(made)
    assert (status["size"], status["ops"], status["timeout"], status["sparse"], status["filename"]) == (1024, ["write"], 60, True, "a.iso")
    assert daemon.put(made, b"abc").status == 200


def test_what_is_not_said_is_careful(ctl, daemon, image):
    status = daemon.control.ticket(ctl("add", "--url", image.url, "--size", 10).strip())

    assert (status["ops"], status["timeout"], status["sparse"], status["journal"]) == (["read"], 3600, False, False)


@pytest.mark.parametrize("words", [["-"], ["-", "--id", "from-file", "--size", "5"]])
def test_a_ticket_is_added_from_json_and_options_go_first(ctl, daemon, image, words):
    text = json.dumps({"uuid": "from-file", "size": 10, "ops": ["read", "write"], "timeout": 5, "url": image.url})

    assert ctl("add", *words, text=text) == "from-file\n"

    assert daemon.control.ticket("from-file")["size"] == (10 if len(words) == 1 else 5)


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["--size", "1"], None, "--url is missing"),
        (["--url", "file:///x"], None, "--size is missing"),
        (["--url", "file:///x", "--size", "1 GB"], None, "must be a number of bytes"),
        (["--url", "file:///x", "--size", "-1"], None, "must be a number of bytes"),
        (["--url", "file:///x", "--size", "1", "--op", "eat"], None, "'eat' is not one of"),
        (["-"], "{", "is not JSON"),
        (["-"], "[" * 100_000, "is not JSON"),
        (["-"], "[]", "is not a JSON object"),
        (["-"], '{"uuid": 5, "size": 1, "url": "file:///x"}', "must be a text"),
        (["/nowhere.json"], None, "No such file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(ctl, words, text, expected):
    assert expected in ctl("add", *words, text=text, status=1 if text else 2)


def test_what_the_daemon_refuses_is_a_sentence(ctl):
    output = ctl("add", "--url", "file:///etc/passwd", "--size", 1, status=1)

    assert output.startswith("Error: Invalid")
    assert "Traceback" not in output


def test_a_ticket_is_shown_listed_renewed_and_removed(ctl, daemon, image):
    ticket = daemon.ticket(image, timeout=10)
    daemon.put(ticket, b"abc")

    assert json.loads(ctl("show", ticket))["durable"] == [[0, 3]]
    line = next(line for line in ctl("list").splitlines() if line.startswith(ticket))
    assert line.split("\t") == [ticket, "write", "idle", "3 B", "0.98 KiB", image.url]
    assert ticket in [listed["uuid"] for listed in json.loads(ctl("list", "--json"))]
    ctl("renew", ticket, "--timeout", 500)
    assert daemon.control.ticket(ticket)["expires"] == int(daemon.clock.now) + 500
    ctl("remove", ticket)
    assert daemon.get(ticket).code == "no-ticket"


def test_all_tickets_are_removed(ctl, daemon, image):
    ticket = daemon.ticket(image)

    ctl("remove", "--all")

    assert ctl("list") == ""
    assert daemon.get(ticket).code == "no-ticket"


@pytest.mark.parametrize("words", [["remove"], ["remove", "x", "--all"], ["renew", "x", "--timeout", "-1"], ["show"], ["eat"]])
def test_words_that_make_no_sense_are_refused(ctl, words):
    assert "Error" in ctl(*words, status=2)


@pytest.mark.parametrize("words", [["show", "none"], ["renew", "none"], ["show", "../domains"]])
def test_an_unknown_ticket_is_named(ctl, words):
    assert "No such ticket" in ctl(*words, status=1)


def test_a_daemon_that_is_not_there_is_a_sentence(tmp_path):
    result = CliRunner().invoke(main, ["--socket", str(tmp_path / "none"), "list"])

    assert result.exit_code == 1
    assert "Is imaged running" in result.output


def test_the_socket_may_be_named_from_where_one_is(daemon, monkeypatch):
    socket = Path(daemon.control_path)
    monkeypatch.chdir(socket.parent)

    assert CliRunner().invoke(main, ["--socket", socket.name, "list"]).exit_code == 0


def test_metrics_are_printed_as_they_come(ctl):
    assert "\nimaged_tickets " in ctl("metrics")


# The documentation


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(title, column):
    """The rows of a section's table by their first column, whose head is `column`: each row's cells."""
    rows = section(title).partition(f"| {column} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    return {re.match("`?([^` ]*)", row[0])[1]: row for row in cells}


def options(command):
    return {option.opts[0] for option in command.params if isinstance(option, click.Option)}


@pytest.mark.parametrize("name", [None, *main.commands])
def test_the_documentation_has_every_option_of_a_ticket_command(name):
    rows = table("Tickets by hand", "option")
    described = {option for option, cells in rows.items() if (f"`{name}`" in cells[1] if name else cells[1].startswith("all"))}

    assert described == options(main.commands[name] if name else main)
    assert name is None or f"| `imaged-ctl {name}" in section("Tickets by hand")


def test_the_documentation_has_the_defaults_of_a_ticket():
    rows = table("Tickets by hand", "option")

    assert rows["--socket"][2] == "`/run/imaged/control.sock`" == f"`{main.params[0].default}`"
    assert rows["--timeout"][2] == str(main.commands["renew"].params[1].default)


@pytest.mark.parametrize("name", ["upload", "download"])
def test_the_documentation_has_every_option_of_a_copy(name):
    rows = table("Copies by hand", "option")

    assert set(rows) == options(cli.main.commands[name])
    assert rows["--workers"][1] == str(next(o.default for o in cli.main.commands[name].params if o.name == "workers"))
    assert f"| `imaged {name} " in section("Copies by hand")


def test_the_documentation_has_the_exit_status_of_a_copy_that_can_go_on():
    assert "`--resume` goes on" in table("Copies by hand", "exit status")[str(console.BROKEN_OFF)][1]
