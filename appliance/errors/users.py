"""Users: who they are, and what they may do."""

from appliance.errors.base import ApplianceError


class NotLoggedIn(ApplianceError):
    """No session cookie or API token, or one that is not valid (any more): the asker is not told which."""

    code = "not-logged-in"
    status = 401
    says = "You are not logged in, or your login has ended."
    hint = "Log in again; a script needs a valid API token in its Authorization header: Bearer TOKEN."


class Forbidden(ApplianceError):
    """The user's role, or not being the owner, forbids it. `role` is the user's, `action` completes "may not"."""

    code = "forbidden"
    status = 403
    says = "Your role ({role}) may not {action}."
    hint = "Ask an administrator to do it, or for another role."


class WrongPassword(ApplianceError):
    """The same whether the user exists or not."""

    code = "wrong-password"
    status = 401
    says = "The name or the password is wrong."
    hint = "Try again, or ask an administrator for a new password."


class TooManyAttempts(ApplianceError):
    """Logins of this user or from this address failed too often. `seconds` until the next try."""

    code = "too-many-attempts"
    status = 429
    says = "Too many logins failed."
    hint = "Try again in {seconds} seconds."

    def __init__(self, seconds: int):
        self.retry_after = seconds
        super().__init__(seconds=seconds)


class BadPassword(ApplianceError):
    """A new password that is not accepted. `reason` is a clause."""

    code = "bad-password"
    status = 422
    says = "This password cannot be used: {reason}."
    hint = "Choose another one; a few unrelated words are long and easy to remember."


class UserExists(ApplianceError):
    code = "user-exists"
    status = 409
    says = "There already is a user named {name}."
    hint = "Choose another name."


class LastAdmin(ApplianceError):
    """Without an administrator nobody could make one."""

    code = "last-admin"
    status = 409
    says = "{name} is the only administrator."
    hint = "Make another user an administrator first."
