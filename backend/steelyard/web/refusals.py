"""What msgspec says of a body that does not fit its form, in the words of this API."""

from __future__ import annotations

import re

from steelyard.rules.errors import InvalidRequest

_PLACE = re.compile(r"(?P<what>.*?) - at `(?P<place>\$.*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<bound> .*?)?(?:, got `(?P<got>[^`]+)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_BOUND = re.compile(r" (?:of length )?(?P<sign>[<>]=) (?P<number>-?\d+)")
_PATTERN = re.compile(r" matching regex '\^?(?P<form>.*?)(?:\\\\Z|\$)?'", re.DOTALL)

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_UNITS = {"str": " characters", "array": " entries"}


def unfit(text: str, place: str) -> InvalidRequest:
    """The refusal for msgspec's message: a sentence that starts with the field, which detail["field"] names.

    place: where in the whole body the part stands that was decoded, as in "tasks[3]".
    """
    match = _PLACE.fullmatch(text)
    what = match["what"] if match else text
    field = (place + (match["place"][1:] if match else "")).removeprefix(".")
    for form, says in ((_UNKNOWN, "there is no such field"), (_MISSING, "is missing")):
        if found := form.fullmatch(what):
            field = f"{field}.{found['name']}".removeprefix(".")
            return InvalidRequest(f"{field}: {says}.", field=field)
    if found := _EXPECTED.fullmatch(what):
        what = _expected(found["kinds"], found["bound"] or "", found["got"])
    what = what.replace("`", "'")
    return InvalidRequest(f"{field or 'The body'}: {what[:1].lower()}{what[1:]}.", field=field)


def _expected(kinds: str, bound: str, got: str | None) -> str:
    known = [_KINDS.get(kind, kind) for kind in kinds.split(" | ")]
    words = "expected " + " or ".join(known)
    if limit := _BOUND.fullmatch(bound):
        most = "at most" if limit["sign"] == "<=" else "at least"
        words += f" of {most} {limit['number']}{_UNITS.get(kinds, '')}"
    elif form := _PATTERN.fullmatch(bound):
        words += f" of the form {form['form']}"
    else:
        words += bound
    return f"{words}, found {_KINDS.get(got, got)}" if got else words
