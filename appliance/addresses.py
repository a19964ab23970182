"""Where clients from outside reach the bytes: addresses for answers. Their names are those of the server's certificate."""

import socket

from appliance import config


def images(settings: config.Config) -> str:
    """Of the appliance's own images service."""
    scheme = "http" if settings.http else "https"
    return f"{scheme}://{_name(settings)}:{settings.images_port or settings.port}"


def daemon(settings: config.Config) -> str | None:
    """Of the local daemon's; None if it does not listen for clients from outside."""
    return f"https://{_name(settings)}:{settings.daemon_port}" if settings.daemon_port else None


def _name(settings: config.Config) -> str:
    everywhere = settings.host in ("0.0.0.0", "::")
    name = (settings.hostnames or (socket.gethostname(),))[0] if everywhere else settings.host
    return f"[{name}]" if ":" in name else name
