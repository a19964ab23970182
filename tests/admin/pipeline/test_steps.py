"""Steps of third parties: what they can say and do, and how their mistakes end."""

import functools
import re
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from appliance import errors
from appliance.admin import importing
from appliance.admin.pipeline import Closed, Refused, Skipped, installed
from tests.admin.importer import (
    DATA,
    assert_refused,
    begin,
    done,
    idle,
    image_of,
    now,
    rows,
    settle,
    states,
    step_of,
    until,
)
from tests.transfer.sources import web_server
from tests.waiting import wait_for

GUIDE = Path(__file__).parents[3] / "docs" / "import-steps.md"
SHORT = ("inspect", "validate", "theirs", "register")


@pytest.fixture
def through(house, server, install):
    """An import through a step of a third party, to its end: `through(step)`."""

    def run(step, **words):
        install(theirs=step)
        house.admin.domains.arrange("data", SHORT)
        return done(house, server, **words)

    return run


@pytest.fixture
def naming(tmp_path, monkeypatch):
    """The guide's example, installed as `pip install` does it."""
    module, project = (re.search(rf"```{kind}\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1] for kind in ("python", "toml"))
    told = tomllib.loads(project)["project"]
    points = told["entry-points"]
    place = tmp_path / "site"
    (place / "naming-1.dist-info").mkdir(parents=True)
    (place / "naming.py").write_text(module)
    (place / "naming-1.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: naming\nVersion: 1\nSummary: {told['description']}\n"
    )
    lines = [f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items()) for group, found in points.items()]
    (place / "naming-1.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(place)
    installed.found.cache_clear()
    yield
    installed.found.cache_clear()
    sys.modules.pop("naming", None)


def test_the_example_of_the_guide_does_what_the_guide_says(house, server, naming):
    server.files |= {
        "/web-2027.img": web_server.File(b"\x90GRUB\0" + DATA[6:]),
        "/tools.iso": web_server.File(bytes(0x8000) + b"\1CD001\1" + bytes(2 << 20)),
    }
    house.admin.domains.arrange("data", ["inspect", "validate", "naming", "convert", "register"])

    named, refused, iso = (done(house, server, path) for path in ("/web-2027.img", "/disk.img", "/tools.iso"))

    image = image_of(house, named)
    assert (image.status, image.tags, image.properties) == ("ok", ("web",), {"year": "2027", "boots": "yes"})
    assert step_of(named, "naming").message == "It is for web, of 2027."
    assert (refused.reason_code, refused.phase) == ("step-refused", "finished_failure")
    assert refused.reason.startswith("disk.img does not say what it is for")
    assert (step_of(iso, "naming").status, step_of(iso, "naming").message) == ("skipped", "ISOs keep their makers' names")
    assert "naming" in installed.names()
    assert installed.about("naming") == "Takes only images with good names."


def test_a_step_knows_the_image_and_has_its_bytes(house, through):
    known = {}

    def look(arrival):
        facts = arrival.facts
        known["facts"] = (facts.name, facts.format, facts.source_format, facts.compression, facts.size, facts.domain, facts.owner)
        known["given"] = (facts.tags, facts.properties)
        known["bytes"] = arrival.read(0, len(DATA) + 10) == DATA
        known["beyond"] = [arrival.read(*pair) for pair in ((len(DATA), len(DATA) + 5), (-5, 5), (7, 7), (9, 3), (1 << 62, 1 << 63))]
        known["format"] = arrival.inspect()["format"]
        known["scanned"] = arrival.scan()
        return "It is fine."

    transfer = through(look, tags=["one"], properties={"colour": "blue"})

    assert (transfer.phase, step_of(transfer, "theirs").message) == ("finished_success", "It is fine.")
    assert known == {
        "facts": ("disk.img", "raw", "raw", None, len(DATA), "data", "ann"),
        "given": (("one",), {"colour": "blue"}),
        "bytes": True,
        "beyond": [b""] * 5,
        "format": "raw",
        "scanned": None,
    }
    assert list(house.control.tickets()) == []


def test_a_step_reads_what_is_there_before_and_after_the_conversion(house, server, install):
    seen = []

    def look(arrival):
        seen.append((arrival.facts.source_format, arrival.facts.format, arrival.read(0, 4) == b"QFI\xfb"))

    install(before=look, after=look)
    house.admin.domains.arrange("data", ["inspect", "validate", "before", "convert", "after", "register"])
    transfer = done(house, server, format="qcow2")

    assert set(states(transfer).values()) == {"done"}
    assert seen == [("raw", "qcow2", False), ("raw", "qcow2", True)]


#: What a step answers, and what is shown of that.
ANSWERS = {
    "nothing": (None, "done", ""),
    "empty": ("", "done", ""),
    "fine": ("  Fine.\n", "done", "Fine."),
    "skipped": (Skipped("nothing to do"), "skipped", "nothing to do"),
    "colours": ("\0\x1b[31mred\ud800\u202e", "done", "[31mred"),
    "much": ("x" * 5_000_000, "done", "x" * 999 + "…"),
}


def test_what_a_step_says_is_shown_as_far_as_it_can_be(house, server, install):
    install(**{name: lambda arrival, answer=answer: answer for name, (answer, _, _) in ANSWERS.items()})
    house.admin.domains.arrange("data", ["inspect", "validate", *ANSWERS, "register"])

    transfer = done(house, server)

    assert transfer.phase == "finished_success", transfer.reason
    for name, (_, status, message) in ANSWERS.items():
        assert (step_of(transfer, name).status, step_of(transfer, name).message) == (status, message)


def raising(error):
    def step(arrival):
        raise error

    return step


MISTAKES = {
    "raises": (raising(KeyError("hunter2")), "step-failed", "The step theirs broke (KeyError): the log of the appliance says where."),
    "ends the program": (raising(SystemExit(0)), "step-failed", "(SystemExit)"),
    "interrupts the program": (raising(KeyboardInterrupt()), "step-failed", "(KeyboardInterrupt)"),
    "says that it is over": (raising(Closed()), "step-failed", "(Closed)"),
    "is no function": (7, "step-failed", "(TypeError)"),
    "answers a number": (lambda arrival: 42, "step-nonsense", "answered with int, which is no text"),
    "refuses": (raising(Refused("It is too green.")), "step-refused", "It is too green."),
    "refuses with what cannot be shown": (raising(Refused("\0 \x07")), "step-refused", "The step theirs refuses the image."),
    "refuses at length": (raising(Refused("No! " * 1_000_000)), "step-refused", ("No! " * 249).strip() + "…"),
}


@pytest.mark.parametrize(("step", "code", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_step_that_will_not_have_it_or_is_wrong_is_the_end(house, through, caplog, step, code, says):
    transfer = through(step)

    assert_refused(house, transfer, "theirs", code)
    assert says in transfer.reason and "hunter2" not in transfer.reason
    assert states(transfer)["register"] == "waiting"
    assert ("Traceback" in caplog.text) == (code == "step-failed")


def test_a_step_that_describes_badly_is_told_so(house, through):
    bad = [
        {"tags": ["\x07"]},
        {"tags": [str(number) for number in range(129)]},
        {"tags": "web"},
        {"tags": [1]},
        {"properties": {"year": 2027}},
        {"properties": {"year": "\0"}},
    ]

    def describe(arrival):
        for words in bad:
            with pytest.raises((errors.Invalid, TypeError)):
                arrival.describe(**words)
        arrival.describe(**bad[0])

    assert_refused(house, through(describe), "theirs", "step-failed")
    assert (rows(house)[0].tags, rows(house)[0].properties) == ([], {})


def test_a_step_that_is_not_installed_any_more_is_the_end(house, server, install):
    install(theirs=print)
    house.admin.domains.arrange("data", SHORT)
    transfer = begin(house, server)
    install()

    transfer = settle(house, transfer, "finished_failure")

    assert_refused(house, transfer, "theirs", "step-missing")
    assert transfer.reason == "The step theirs of the storage domain's list is not installed any more."


def test_a_step_whose_module_breaks_is_the_end(house, server, install):
    install(theirs=print)
    house.admin.domains.arrange("data", SHORT)
    installed.found()["theirs"].load = functools.partial(raising(ImportError("no module named greens")), None)

    transfer = done(house, server)

    assert_refused(house, transfer, "theirs", "step-failed")
    assert "(ImportError)" in transfer.reason


def test_what_a_step_breaks_with_goes_to_the_log_without_what_opens_the_source(through, server, caplog):
    transfer = through(MISTAKES["raises"][0], url=server.url("/disk.img?key=hush"), user="me", password="hush")

    assert transfer.reason_code == "step-failed"
    assert "KeyError: 'hunter2'" in caplog.text and "hush" not in caplog.text + str(transfer)


class TestWithoutTime:
    @pytest.fixture
    def settings(self):
        return {"import_step_timeout": 1.0}

    def test_a_step_that_hangs_is_given_up_and_ends_at_its_next_call(self, house, through):
        go, outcome = threading.Event(), []

        def hang(arrival):
            go.wait(60)
            for call in (arrival.check, arrival.inspect, lambda: arrival.facts, lambda: arrival.read(0, 1), lambda: arrival.progress(1)):
                with pytest.raises(Closed):
                    call()
            outcome.append("closed")
            arrival.describe(tags=["late"])

        transfer = through(hang)

        assert_refused(house, transfer, "theirs", "step-timeout")
        assert transfer.reason == "The step theirs was given up: it took longer than 1 s."
        go.set()
        wait_for(lambda: outcome, "the step to notice")
        assert rows(house)[0].tags == []


def test_progress_is_shown_while_it_runs(house, server, install):
    go, there = threading.Event(), threading.Event()

    def work(arrival):
        arrival.progress(3, 7)
        there.set()
        go.wait(60)

    install(theirs=work)
    house.admin.domains.arrange("data", SHORT)
    transfer = begin(house, server)
    until(house, there.is_set, lambda: "the step")

    shown = step_of(now(house, transfer), "theirs")
    go.set()

    assert (shown.status, shown.done, shown.total) == ("running", 3, 7)
    finished = step_of(settle(house, transfer, "finished_success"), "theirs")
    assert (finished.status, finished.done, finished.total) == ("done", 0, None)


def test_a_step_that_could_not_ask_the_host_is_run_again(house, server, install, monkeypatch):
    monkeypatch.setattr(importing, "AGAIN", 2.0)
    faults, runs = [errors.HostDown(host="local"), errors.HostRefused(host="local", reason="it is tired")], []

    def tired(arrival):
        arrival.describe(tags=["once"])
        runs.append(1)
        if len(runs) <= len(faults):
            raise faults[len(runs) - 1]

    install(theirs=tired)
    house.admin.domains.arrange("data", SHORT)
    transfer = begin(house, server)
    for fault in faults:
        until(house, lambda fault=fault: now(house, transfer).imported.trouble == fault.sentence, lambda: now(house, transfer))
        idle(house)
        before = len(runs)
        house.admin.importing.tick()
        assert (now(house, transfer).phase, len(runs)) == ("finalizing_success", before)
        house.clock.turn(2.0)

    assert image_of(house, settle(house, transfer, "finished_success")).tags == ("once",)
    assert len(runs) == 3


def test_a_cancel_and_the_end_of_the_appliance_close_a_step(house, server, install):
    closed, there = [], threading.Semaphore(0)

    def work(arrival):
        there.release()
        try:
            while True:
                arrival.check()
                threading.Event().wait(0.01)
        except Closed:
            closed.append(1)
            raise

    install(theirs=work)
    house.admin.domains.arrange("data", SHORT)
    transfer = begin(house, server)
    until(house, lambda: there.acquire(blocking=False), lambda: "the step")
    house.admin.importing.stop()
    wait_for(lambda: len(closed) == 1, "the step to end")
    assert (now(house, transfer).phase, step_of(now(house, transfer), "theirs").status) == ("finalizing_success", "running")

    house.crash()
    until(house, lambda: there.acquire(blocking=False), lambda: "the step, run again")
    house.transfers.cancel(house.ann, transfer.id)

    assert settle(house, transfer, "finished_cleanup").image_id is None
    wait_for(lambda: len(closed) == 2, "the step to end")
    assert house.files() == []
