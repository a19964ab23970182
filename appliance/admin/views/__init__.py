"""What the administration shows and takes: plain frozen values, whose names are those of the native API (docs/architecture.md).

Sizes are bytes, times aware UTC datetimes, ranges half-open pairs `(start, end)`, sorted and merged.
"""

from appliance.admin.views.base import Page, Range, Ref
from appliance.admin.views.entries import Arrived, Deposit, Entry, Facts, NewEntry, Task
from appliance.admin.views.hosts import Domain, Enrolled, Host, Invitation, NewDomain, NewHost
from appliance.admin.views.images import Image, NewDisk, OpenImage, Ticket
from appliance.admin.views.imports import Found, Methods, NamedStep, NewImport, NewSource
from appliance.admin.views.transfers import (
    Beat,
    Checked,
    Fingerprint,
    Import,
    NewImageTransfer,
    NewTransfer,
    Piece,
    Pieces,
    Proof,
    Step,
    Transfer,
)
from appliance.admin.views.users import Event, Token, User

__all__ = [
    "Arrived",
    "Beat",
    "Checked",
    "Deposit",
    "Domain",
    "Enrolled",
    "Entry",
    "Event",
    "Facts",
    "Fingerprint",
    "Found",
    "Host",
    "Image",
    "Import",
    "Invitation",
    "Methods",
    "NamedStep",
    "NewDisk",
    "NewDomain",
    "NewEntry",
    "NewHost",
    "NewImageTransfer",
    "NewImport",
    "NewSource",
    "NewTransfer",
    "OpenImage",
    "Page",
    "Piece",
    "Pieces",
    "Proof",
    "Range",
    "Ref",
    "Step",
    "Task",
    "Ticket",
    "Token",
    "Transfer",
    "User",
]
