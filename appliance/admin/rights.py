"""Who may do what: an admin everything, an uploader what is their own, a viewer look and download."""

import dataclasses

from appliance import errors
from appliance.admin import kinds, models, views

ADMIN, UPLOADER, VIEWER = ROLES = ("admin", "uploader", "viewer")


def within(user: views.User, scope: str | None) -> views.User:
    """The user with the lesser of two roles: their own, and `scope`."""
    return user if scope is None else dataclasses.replace(user, role=max(user.role, scope, key=ROLES.index))


def upload(user: views.User) -> None:
    """`user` may start uploads. Raises errors.Forbidden."""
    if user.role not in (ADMIN, UPLOADER):
        raise errors.Forbidden(role=user.role, action="upload images: that takes the role uploader or admin")


def owns(user: views.User, owner_id: str) -> bool:
    """`user` may change what belongs to `owner_id`."""
    return user.role == ADMIN or (user.role == UPLOADER and user.id == owner_id)


def moves(user: views.User, transfer: models.Transfer) -> bool:
    """`user` may change the transfer. Who may only look may download, and so end what they began."""
    return owns(user, transfer.owner_id) or (kinds.download(transfer) and user.id == transfer.owner_id)


def change(user: views.User, owner_id: str, action: str) -> None:
    """`user` may do `action` with what belongs to `owner_id`. Raises errors.Forbidden, which names the role that may."""
    if not owns(user, owner_id):
        raise _forbidden(user, action)


def change_transfer(user: views.User, transfer: models.Transfer, action: str) -> None:
    """`user` may do `action` with the transfer. Raises as `change`."""
    if not moves(user, transfer):
        raise _forbidden(user, action)


def _forbidden(user: views.User, action: str) -> errors.Forbidden:
    needed = "the role admin" if user.role == UPLOADER else "the role admin, or uploader for one's own"
    return errors.Forbidden(role=user.role, action=f"{action}: that takes {needed}")
