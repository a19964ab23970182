"""The part of oVirt's search language that its clients use: `name=disk* and status=ok sortby name desc page 2`."""

import dataclasses
import datetime
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from appliance import errors

#: What may be asked of one noun: a field's name, and the values of a thing that one of them must match.
Fields = Mapping[str, Callable[[Any], Any]]

#: Things on one page, where the request names no `max`.
PAGE = 100
MAX_TEXT = 4096
MAX_TERMS = 50

_TOKEN = re.compile(
    r"""\s*(?: (?P<quoted>"[^"]*") | (?P<operator>!=|<=|>=|[=<>()]) | (?P<word>(?:[^\s"=<>!()]|!(?!=))+) | (?P<bad>\S) )""", re.VERBOSE
)


@dataclasses.dataclass(frozen=True)
class Term:
    """`field = pattern`, where the pattern may have wildcards (`*`)."""

    field: str
    pattern: str


@dataclasses.dataclass(frozen=True)
class Search:
    """What was asked: any of the alternatives, of each every term; then the order, then the page (from 1; None: everything)."""

    alternatives: tuple[tuple[Term, ...], ...] = ()
    sort: str | None = None
    descending: bool = False
    page: int | None = None

    def apply(self, things: Iterable[Any], fields: Fields, *, case_sensitive: bool = True, limit: int | None = None) -> list[Any]:
        """The things that match, in order, at most `limit`; of the page, if one was asked for."""
        found: Iterable[Any] = (thing for thing in things if self.matches(thing, fields, case_sensitive))
        if self.sort is not None:
            # By the id in the end: of things that are alike each stays on its page.
            values = [fields[name] for name in (self.sort, "id") if name in fields]
            found = sorted(found, key=lambda thing: [_order(value(thing)) for value in values], reverse=self.descending)
        size = PAGE if limit is None and self.page is not None else limit
        start = 0 if self.page is None or size is None else (self.page - 1) * size
        # Where no order was asked for, no more of a long list is looked at than is wanted of it.
        return list(itertools.islice(found, start, None if size is None else start + size))

    def matches(self, thing: Any, fields: Fields, case_sensitive: bool = True) -> bool:
        return not self.alternatives or any(
            all(_matches(fields[term.field](thing), term.pattern, case_sensitive) for term in terms) for terms in self.alternatives
        )


def parse(text: str, fields: Fields) -> Search:
    """The search that `text` asks for. Raises errors.BadRequest, which says what is understood."""
    return _Parser(text, fields).search()


class _Parser:
    def __init__(self, text: str, fields: Fields):
        self._fields = fields
        if len(text) > MAX_TEXT:
            raise self._refused(f"it has more than {MAX_TEXT} characters")
        self._tokens = [(str(match.lastgroup), match[match.lastgroup or 0]) for match in _TOKEN.finditer(text)]
        self._at = 0

    def search(self) -> Search:
        alternatives = self._alternatives() if self._tokens and not self._comes("sortby", "page") else ()
        sort, descending, page = None, False, None
        if self._take("sortby"):
            sort = self._field()
            descending = bool(self._take("desc"))
            if not descending:
                self._take("asc")
        if self._take("page"):
            page = self._number()
        if self._at < len(self._tokens):
            raise self._refused(f"it cannot go on with {self._shown()}")
        return Search(alternatives, sort, descending, page)

    def _alternatives(self) -> tuple[tuple[Term, ...], ...]:
        """`and` binds closer than `or`."""
        groups = [[self._term()]]
        while self._comes("and", "or"):
            if self._take("or"):
                groups.append([])
            else:
                self._take("and")
            groups[-1].append(self._term())
            if sum(map(len, groups)) > MAX_TERMS:
                raise self._refused(f"it has more than {MAX_TERMS} conditions")
        return tuple(tuple(terms) for terms in groups)

    def _term(self) -> Term:
        field = self._field()
        if self._peek() != ("operator", "="):
            raise self._refused(f"after {field} must come =, and not {self._shown()}")
        self._at += 1
        kind, text = self._peek()
        if kind == "quoted":
            text = text[1:-1]
        elif kind != "word":
            raise self._refused(f"after {field}= must come a value, and not {self._shown()}")
        self._at += 1
        return Term(field, text)

    def _field(self) -> str:
        kind, text = self._peek()
        if kind != "word" or text.lower() not in self._fields:
            raise self._refused(f"{self._shown()} is no field here")
        self._at += 1
        return text.lower()

    def _number(self) -> int:
        kind, text = self._peek()
        if kind != "word" or not re.fullmatch("[1-9][0-9]{0,8}", text, re.ASCII):
            raise self._refused(f"after page must come a number from 1, and not {self._shown()}")
        self._at += 1
        return int(text)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _comes(self, *words: str) -> bool:
        kind, text = self._peek()
        return kind == "word" and text.lower() in words

    def _take(self, word: str) -> bool:
        comes = self._comes(word)
        self._at += comes
        return comes

    def _shown(self) -> str:
        """The token that is there, for an error: short and printable."""
        kind, text = self._peek()
        if kind == "end":
            return "its end"
        return "'" + "".join(character if character.isprintable() else "?" for character in text[:40]) + "'"

    def _refused(self, why: str) -> errors.BadRequest:
        fields = ", ".join(sorted(self._fields))
        return errors.BadRequest(
            reason=f'its search is not understood: {why}. Understood are FIELD=VALUE with * for any characters and "" around blanks, '
            f"and, or, sortby FIELD asc or desc, page N; the fields here are {fields}"
        )


def _matches(value: Any, pattern: str, case_sensitive: bool) -> bool:
    if isinstance(value, tuple | list | set | frozenset):
        return any(_matches(one, pattern, case_sensitive) for one in value)
    if value is None:
        return False
    # Of words that we chose ourselves the case means nothing: status=Up is what oVirt's own helpers ask for.
    flags = 0 if case_sensitive and not isinstance(value, Word) else re.IGNORECASE
    # Each * is as short as it can be and never tried again (atomic): a pattern of many must not take forever.
    first, *rest = (re.escape(part) for part in pattern.split("*"))
    if not rest:
        return re.fullmatch(first, _text(value), flags) is not None
    *middle, last = rest
    regex = first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
    return re.fullmatch(regex, _text(value), flags | re.DOTALL) is not None


class Word(str):
    """A value of a fixed set, whose case means nothing: a status, a type."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _order(value: Any) -> tuple:
    """A key by which values of one field can be compared: things without one first, numbers and times by size, text by its letters."""
    if isinstance(value, tuple | list | set | frozenset):
        value = min(value, default=None)
    if value is None:
        return (0, 0)
    if isinstance(value, datetime.datetime):
        return (1, value.timestamp())
    return (1, value) if isinstance(value, int) else (1, str(value).casefold(), str(value))
