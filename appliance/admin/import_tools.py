"""What whoever works on an import works with."""

from dataclasses import dataclass

from appliance.admin import copying, finalizing, live, moves
from appliance.admin.fleet import Fleet
from appliance.admin.ground import Ground
from appliance.admin.seal import Seal
from appliance.transfer.sources import guard


@dataclass(frozen=True)
class Tools:
    ground: Ground
    fleet: Fleet
    live: live.Live
    moves: moves.Moves
    finalizing: finalizing.Finalizing
    seal: Seal
    copying: copying.Copying
    policy: guard.Policy
