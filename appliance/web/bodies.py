"""Reading what came with a request: bodies of a bounded size, JSON that means one thing only, forms."""

import json
import urllib.parse
from collections.abc import Sequence
from typing import Any

import pydantic
import webob

from appliance import errors

JSON = "application/json"


def read(request: webob.Request, limit: int) -> bytes | None:
    """The whole body, at most `limit` bytes; None when none was announced. Raises LengthRequired, TooLarge, BadRequest.

    Called before anything else is decided: an unread body would be taken for the next request of the connection.
    """
    if request.headers.get("Transfer-Encoding"):
        raise errors.LengthRequired()
    announced = request.headers.get("Content-Length")
    if announced is None or announced == "":
        return None
    if not (announced.isascii() and announced.isdigit()):
        raise errors.BadRequest(reason="its Content-Length is not a number")
    length = int(announced[:20])
    if length > limit:
        raise errors.TooLarge(limit=limit)
    try:
        data = request.environ["wsgi.input"].read(length)
    except OSError:
        raise errors.BadRequest(reason="its body stopped arriving") from None
    if len(data) != length:
        raise errors.BadRequest(reason="its body ended before its announced length")
    return data


def json_object(request: webob.Request, data: bytes | None) -> dict | None:
    """The JSON object in `data`; None when there is no body at all. Raises LengthRequired, UnsupportedType, BadRequest."""
    value = json_value(request, data, (JSON,))
    if data and not isinstance(value, dict):
        raise errors.BadRequest(reason="its body must be a JSON object")
    return value


def json_value(request: webob.Request, data: bytes | None, types: Sequence[str]) -> Any:
    """The JSON in `data`, of one of the content `types`; None when there is no body at all. Raises as `json_object`."""
    if not data:
        return None
    if request.content_type not in types or (request.charset or "utf-8").lower() != "utf-8":
        raise errors.UnsupportedType(wanted=types[0])
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except errors.BadRequest:
        raise
    except (ValueError, RecursionError):
        # ValueError covers bad UTF-8, bad JSON, and integers of thousands of digits.
        raise errors.BadRequest(reason="its body is not valid JSON") from None


def _unique(pairs: list[tuple[str, object]]) -> dict:
    """Two parsers may choose differently between two fields of one name: we take neither."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.BadRequest(reason="its body gives a field twice")
    return found


def _no_constant(name: str) -> object:
    raise errors.BadRequest(reason=f"its body holds {name}, which is not JSON")


def query(text: str, model: type[pydantic.BaseModel]) -> pydantic.BaseModel:
    """The query string as `model`. Raises BadRequest; pydantic.ValidationError for unknown or bad parameters."""
    try:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise errors.BadRequest(reason="its query string is not valid") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.BadRequest(reason="its query string gives a parameter twice")
    return model.model_validate(found)


def form(request: webob.Request, data: bytes | None) -> dict[str, str]:
    """The fields of a simple form; the last of several with one name. Raises UnsupportedType, BadRequest."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise errors.UnsupportedType(wanted="application/x-www-form-urlencoded")
    try:
        text = (data or b"").decode("ascii")
        return dict(urllib.parse.parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50))
    except ValueError:
        raise errors.BadRequest(reason="its form is not valid") from None
