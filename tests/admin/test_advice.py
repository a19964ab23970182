"""What a task that failed tells: what, why, and what to do."""

import pytest

from appliance import errors
from appliance.admin import advice, arrivals
from appliance.transfer import download


def test_it_is_a_sentence_and_what_to_do():
    assert advice.told("The image is damaged", "check-failed").startswith("The image is damaged. Look at it with ")
    assert advice.told("It has ended.", "no-space") == "It has ended. Delete an image or choose another store, then import it again."


def test_what_was_cancelled_may_be_imported_again():
    assert advice.told(None, None) == "It was cancelled. Import it again if it is still wanted."


@pytest.mark.parametrize("code", ["conflict", "a step of somebody", "", None])
def test_what_is_not_known_is_to_be_mended(code):
    assert advice.told("It is so.", code) == "It is so. Mend what it says, then import it again."


@pytest.mark.parametrize("kind", [errors.SourceReset, errors.SourceMissing, errors.ArchiveTruncated, errors.WrongChecksum])
def test_an_error_of_a_source_gives_its_own_hint(kind):
    assert advice.told("It is so.", kind.code) == f"It is so. {kind.hint}"


def test_nobody_is_told_to_resume_what_only_a_task_waits_for():
    faults = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, (*arrivals.FAULTS, *download.PASSING))]

    told = [advice.told("So.", kind.code) for kind in faults]

    assert [text for text in told if "resume" in text.lower() or "{" in text or not text.endswith(".")] == []
    assert advice.USUAL not in "".join(told)


@pytest.mark.parametrize("code", sorted(advice.ADVICE))
def test_every_advice_is_a_sentence(code):
    assert advice.ADVICE[code] == "" or advice.ADVICE[code].endswith(".")
