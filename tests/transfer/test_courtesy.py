"""Who gives way to whom, and for how long."""

import threading

import pytest

from appliance.transfer import courtesy

#: Of waits that must not end by themselves, in seconds.
FOREVER = 3600.0


@pytest.fixture
def patient(monkeypatch):
    """Nothing ends by itself."""
    monkeypatch.setattr(courtesy, "PATIENCE", FOREVER)
    monkeypatch.setattr(courtesy, "LONG", FOREVER)
    return courtesy.Courtesy()


def giving_way(polite: courtesy.Courtesy) -> threading.Thread:
    thread = threading.Thread(target=polite.give_way, daemon=True)
    thread.start()
    return thread


def went_on(polite: courtesy.Courtesy) -> bool:
    thread = giving_way(polite)
    thread.join(30)
    return not thread.is_alive()


def test_with_nobody_to_be_answered_nobody_waits(patient):
    with patient:
        pass

    assert went_on(patient)


def test_bytes_wait_for_the_last_of_the_answers(patient):
    with patient:
        with patient:
            waiting = giving_way(patient)
        assert waiting.is_alive()
    waiting.join(30)

    assert not waiting.is_alive()


def test_an_answer_that_fails_is_over(patient):
    with pytest.raises(LookupError), patient:
        raise LookupError

    assert went_on(patient)


def test_who_asks_again_and_again_does_not_stop_the_bytes(patient, monkeypatch):
    monkeypatch.setattr(courtesy, "PATIENCE", 0.001)

    with patient:
        assert went_on(patient)


def test_an_answer_that_takes_long_holds_up_nobody(patient, monkeypatch):
    monkeypatch.setattr(courtesy, "LONG", 0.0)

    with patient:
        assert went_on(patient)
