"""The table of phases: what is documented is what runs."""

import itertools
import pathlib

import pytest

from appliance import errors
from appliance.admin import phases
from appliance.admin.phases import Event, Phase

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "architecture.md"


def documented():
    """(phase, event) → phase, as docs/architecture.md prints it."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    first = lines.index("| phase | event | next |") + 2
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[first:])
    return {(phase, event): after for phase, event, after in ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)}


@pytest.mark.parametrize(("phase", "event"), list(itertools.product(Phase, Event)))
def test_every_move_is_the_documented_one(phase, event):
    expected = documented().get((phase, event))

    if expected:
        assert phases.move(phase, event) == expected
    else:
        with pytest.raises(errors.NotAllowed, match=rf"{phase}.*{event}"):
            phases.move(phase, event)


def test_the_documentation_has_no_other_words():
    words = {word for pair, after in documented().items() for word in (*pair, after)}

    assert words == {str(word) for word in (*Phase, *Event)}


def test_every_phase_is_of_one_kind():
    kinds = [*phases.LIVE, *phases.PAUSED, *phases.ENDING, *phases.FINISHED]

    assert sorted(kinds) == sorted(Phase)


def test_every_way_ends():
    """From each phase a finished one can be reached by the system alone: nothing stays locked for ever."""
    by_itself = {Event.READY, Event.LOST, Event.FAIL, Event.CLEANUP, Event.DONE}
    for phase in Phase:
        reached, ahead = set(), {phase}
        while ahead:
            reached |= ahead
            ahead = {after for (before, event), after in phases.MOVES.items() if before in reached and event in by_itself} - reached
        assert reached & set(phases.FINISHED), phase


def test_a_finished_transfer_has_no_actions():
    assert [phases.actions(phase) for phase in phases.FINISHED] == [(), (), ()]
