"""The life of a transfer: one table. docs/architecture.md prints the same one, and a test compares the two."""

import enum

from appliance import errors


class Phase(enum.StrEnum):
    """Where a transfer is in its life."""

    INITIALIZING = "initializing"
    TRANSFERRING = "transferring"
    RESUMING = "resuming"
    PAUSED_USER = "paused_user"
    PAUSED_SYSTEM = "paused_system"
    CANCELLED_USER = "cancelled_user"
    CANCELLED_SYSTEM = "cancelled_system"
    FINALIZING_SUCCESS = "finalizing_success"
    FINALIZING_FAILURE = "finalizing_failure"
    FINALIZING_CLEANUP = "finalizing_cleanup"
    FINISHED_SUCCESS = "finished_success"
    FINISHED_FAILURE = "finished_failure"
    FINISHED_CLEANUP = "finished_cleanup"


class Event(enum.StrEnum):
    """What can happen to a transfer."""

    READY = "ready"
    PAUSE = "pause"
    LOST = "lost"
    RESUME = "resume"
    CANCEL = "cancel"
    FAIL = "fail"
    FINALIZE = "finalize"
    CLEANUP = "cleanup"
    DONE = "done"


#: Every legal move. Nothing else in the program changes a phase.
MOVES: dict[tuple[Phase, Event], Phase] = {
    (Phase.INITIALIZING, Event.READY): Phase.TRANSFERRING,
    (Phase.INITIALIZING, Event.PAUSE): Phase.PAUSED_USER,
    (Phase.INITIALIZING, Event.LOST): Phase.PAUSED_SYSTEM,
    (Phase.INITIALIZING, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.INITIALIZING, Event.FAIL): Phase.CANCELLED_SYSTEM,
    (Phase.TRANSFERRING, Event.PAUSE): Phase.PAUSED_USER,
    (Phase.TRANSFERRING, Event.LOST): Phase.PAUSED_SYSTEM,
    (Phase.TRANSFERRING, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.TRANSFERRING, Event.FAIL): Phase.CANCELLED_SYSTEM,
    (Phase.TRANSFERRING, Event.FINALIZE): Phase.FINALIZING_SUCCESS,
    (Phase.RESUMING, Event.READY): Phase.TRANSFERRING,
    (Phase.RESUMING, Event.PAUSE): Phase.PAUSED_USER,
    (Phase.RESUMING, Event.LOST): Phase.PAUSED_SYSTEM,
    (Phase.RESUMING, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.RESUMING, Event.FAIL): Phase.CANCELLED_SYSTEM,
    (Phase.PAUSED_USER, Event.RESUME): Phase.RESUMING,
    (Phase.PAUSED_USER, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.PAUSED_USER, Event.FAIL): Phase.CANCELLED_SYSTEM,
    (Phase.PAUSED_SYSTEM, Event.RESUME): Phase.RESUMING,
    (Phase.PAUSED_SYSTEM, Event.PAUSE): Phase.PAUSED_USER,
    (Phase.PAUSED_SYSTEM, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.PAUSED_SYSTEM, Event.FAIL): Phase.CANCELLED_SYSTEM,
    (Phase.CANCELLED_USER, Event.CLEANUP): Phase.FINALIZING_CLEANUP,
    (Phase.CANCELLED_SYSTEM, Event.CLEANUP): Phase.FINALIZING_FAILURE,
    (Phase.FINALIZING_SUCCESS, Event.CANCEL): Phase.CANCELLED_USER,
    (Phase.FINALIZING_SUCCESS, Event.DONE): Phase.FINISHED_SUCCESS,
    (Phase.FINALIZING_SUCCESS, Event.FAIL): Phase.FINALIZING_FAILURE,
    (Phase.FINALIZING_FAILURE, Event.DONE): Phase.FINISHED_FAILURE,
    (Phase.FINALIZING_CLEANUP, Event.DONE): Phase.FINISHED_CLEANUP,
}

#: A ticket is, or is about to be, on the host.
LIVE = (Phase.INITIALIZING, Phase.TRANSFERRING, Phase.RESUMING)
PAUSED = (Phase.PAUSED_USER, Phase.PAUSED_SYSTEM)
#: The system works on it by itself until it is finished.
ENDING = (
    Phase.CANCELLED_USER,
    Phase.CANCELLED_SYSTEM,
    Phase.FINALIZING_SUCCESS,
    Phase.FINALIZING_FAILURE,
    Phase.FINALIZING_CLEANUP,
)
FINISHED = (Phase.FINISHED_SUCCESS, Phase.FINISHED_FAILURE, Phase.FINISHED_CLEANUP)

#: Nothing good comes of it any more.
FAILED = (
    Phase.CANCELLED_USER,
    Phase.CANCELLED_SYSTEM,
    Phase.FINALIZING_FAILURE,
    Phase.FINALIZING_CLEANUP,
    Phase.FINISHED_FAILURE,
    Phase.FINISHED_CLEANUP,
)

#: What a person may ask for; the rest is the system's own.
ACTIONS = (Event.PAUSE, Event.RESUME, Event.CANCEL, Event.FINALIZE)


def move(phase: Phase, event: Event) -> Phase:
    """The phase that `event` leads to. Raises NotAllowed, which names both, when there is none."""
    try:
        return MOVES[phase, event]
    except KeyError:
        raise errors.NotAllowed(phase=str(phase), event=str(event)) from None


def actions(phase: Phase) -> tuple[str, ...]:
    """The names of what a person may do with a transfer in `phase`."""
    return tuple(str(event) for event in ACTIONS if (phase, event) in MOVES)
