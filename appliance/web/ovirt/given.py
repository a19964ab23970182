"""What a client gave: the body of a request, parsed as something hostile, and read member by member with a word for each mistake."""

import re

import webob
from lxml import etree

from appliance import errors
from appliance.web import bodies

#: Deeper than any body that oVirt's clients send; a parser that follows forever runs out of stack.
MAX_DEPTH = 32
#: Elements in one body: those of a whole disk, as ovirt-img sends it back, are below a hundred.
MAX_ELEMENTS = 5000

MAX_SIZE = (1 << 63) - 1

_NUMBER = re.compile("[+-]?[0-9]{1,40}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Given:
    """One element of a body. Elements that nobody asks for are ignored: clients send whole things back with their changes."""

    def __init__(self, element: etree._Element, path: str | None = None):
        self._element = element
        self._path = path or str(element.tag)

    @property
    def id(self) -> str | None:
        """The attribute `id`, or a child of that name; None if it is neither."""
        return self._element.get("id") or self.text("id")

    def child(self, *names: str) -> "Given | None":
        """The child by the path of `names`; None if it is not there. Raises errors.Invalid for two of one name."""
        found = self
        for name in names:
            same = found._element.findall(name)
            if not same:
                return None
            if len(same) > 1:
                raise errors.Invalid(field=f"{found._path}.{name}", reason="it is given more than once")
            found = Given(same[0], f"{found._path}.{name}")
        return found

    def text(self, name: str) -> str | None:
        """The text of the child; None if it is not there."""
        child = self.child(name)
        if child is None:
            return None
        if len(child._element):
            raise errors.Invalid(field=child._path, reason="it must be text")
        return child._element.text or ""

    def number(self, name: str, low: int, high: int = MAX_SIZE) -> int | None:
        """The child as a whole number from `low` to `high`; None if it is not there. Raises errors.Invalid."""
        text = self.text(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text.strip()):
            raise errors.Invalid(field=self._named(name), reason="it must be a whole number")
        number = int(text)
        if not low <= number <= high:
            raise errors.Invalid(field=self._named(name), reason=f"it must be from {low} to {high}")
        return number

    def boolean(self, name: str) -> bool | None:
        """The child as true or false; None if it is not there. Raises errors.Invalid."""
        text = self.text(name)
        if text is None:
            return None
        if text.strip() not in _BOOLEANS:
            raise errors.Invalid(field=self._named(name), reason="it must be true or false")
        return _BOOLEANS[text.strip()]

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """The child as one of `allowed`; None if it is not there. Raises errors.Invalid, which names them."""
        text = self.text(name)
        if text is None:
            return None
        if text.strip().lower() not in allowed:
            raise errors.Invalid(field=self._named(name), reason=f"it must be one of {', '.join(allowed)}")
        return text.strip().lower()

    def missing(self, name: str) -> errors.Invalid:
        """The error for a child that must be there and is not."""
        return errors.Invalid(field=self._named(name), reason="it is required")

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}"


def read(request: webob.Request, data: bytes | None, root: str) -> Given | None:
    """The body, whose root must be `root`; None without a body. Raises errors.BadRequest, errors.UnsupportedType."""
    if not data:
        return None
    kind = request.content_type
    if kind == "application/json":
        element = _from_json(root, bodies.json_object(request, data) or {})
    elif kind in ("application/xml", "text/xml", ""):
        element = _parse(data)
    else:
        raise errors.UnsupportedType(wanted="application/xml or application/json")
    if element.tag != root:
        raise errors.BadRequest(reason=f"the root element of its body must be {root}, and not {_shown(str(element.tag))}")
    return Given(element)


def _parse(data: bytes) -> etree._Element:
    """The root element. No entity is expanded, no DTD looked at, nothing fetched, no comment kept."""
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise errors.BadRequest(reason=f"its body is not well-formed XML{_place(error)}") from None
    tree = root.getroottree()
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise errors.BadRequest(reason="its body has a document type, and none is read")
    _check_measure(root)
    return root


def _check_measure(root: etree._Element) -> None:
    """Raises errors.BadRequest for more, or deeper, elements than any client needs."""
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise errors.BadRequest(reason=f"its body has more than {MAX_ELEMENTS} elements, or is nested more than {MAX_DEPTH} deep")


def _place(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f" (line {line})" if line else ""


def _shown(name: str) -> str:
    """A name that the client made up: short and printable."""
    return "".join(character if character.isprintable() else "?" for character in name[:60])


def _from_json(tag: str, value: object, depth: int = 0) -> etree._Element:
    """JSON in the form that we answer in, as the elements that it stands for."""
    if depth > MAX_DEPTH:
        raise errors.BadRequest(reason=f"its body is nested more than {MAX_DEPTH} deep")
    try:
        element = etree.Element(tag)
        match value:
            case dict():
                for name, member in value.items():
                    for item in member if isinstance(member, list) else [member]:
                        if item is not None:
                            element.append(_from_json(name, item, depth + 1))
            case bool():
                element.text = "true" if value else "false"
            case str() | int() | float():
                element.text = str(value)
            case _:
                raise errors.BadRequest(reason="its body has a list in a list")
    except ValueError:
        # A name that no element can have, or a text that XML cannot hold.
        raise errors.BadRequest(reason="its body has a name or a text that cannot be used") from None
    return element
