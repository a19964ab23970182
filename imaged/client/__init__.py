"""The daemon's client: control calls as methods, and a pool of connections to the images service.

An address is `unix:/path`, `https://host:port` or `http://host:port`.
"""

from imaged.client.connection import MAX_ERROR, Connection, Images, Response, refused
from imaged.client.control import Control
from imaged.client.failures import Refused, Unreachable, unreachable

__all__ = ["MAX_ERROR", "Connection", "Control", "Images", "Refused", "Response", "Unreachable", "refused", "unreachable"]
