"""Text of bytes that other programs wrote: UTF-8, and a line that is none in the encoding of this system.

On Windows most programs write the letters of the system's code page into a pipe; elsewhere it is UTF-8 too.
Worker and supervisor enter here.
"""

from __future__ import annotations

import codecs
import contextlib
import locale
import re

_UTF8 = "utf-8"
_C1 = re.compile(b"[\x80-\x9f]")


def of_this_system() -> str:
    """The encoding of programs here that do not write UTF-8; UTF-8 itself where there is no other."""
    try:
        name = codecs.lookup(locale.getencoding()).name
    except LookupError:
        return _UTF8
    # ASCII is what a system says that was told nothing (LANG=C): it knows no letter more.
    return _UTF8 if name == "ascii" else name


def text_of(data: bytes, other: str | None = None, *, cut: bool = False) -> str:
    """The text of some output; cut: it may begin in the middle of a character.

    Each line is judged by itself, for programs of a task may differ. other: in place of of_this_system().
    What is a letter in neither becomes U+FFFD.
    """
    if cut:
        start = 0
        while start < min(3, len(data)) and data[start] & 0xC0 == 0x80:
            start += 1
        data = data[start:]
    try:
        return data.decode(_UTF8)
    except UnicodeDecodeError:
        other = other or of_this_system()
    if other == _UTF8:
        return data.decode(_UTF8, "replace")
    lines = data.split(b"\n")
    return "\n".join(
        _line(line, other, last=number == len(lines)) for number, line in enumerate(lines, start=1)
    )


def document_of(data: bytes) -> tuple[str, str | None]:
    """The text of a whole file that somebody wrote, and the encoding to speak of where it was guessed.

    UTF-8 and UTF-16, by their marks or their looks; else the encoding of this system; else Windows-1252
    or Latin-1, where everything is a text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), None
    # What begins with an ASCII character, as JSON, TOML and tables do, has a zero beside it in UTF-16.
    for zero, wide in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(data) >= 4 and data[zero] == data[zero + 2] == 0 and data[1 - zero] and data[3 - zero]:
            return data.decode(wide, "replace"), None
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        other = of_this_system()
    try:
        if other != _UTF8:
            return data.decode(other), other
    except UnicodeDecodeError:
        pass
    if _C1.search(data):
        # Controls that no text has: in Windows' Western code page they are €, dashes and quotes.
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("cp1252"), "Windows-1252"
    return data.decode("latin-1"), "Latin-1"


def whole_characters(data: bytes, other: str | None = None) -> tuple[str, int]:
    """The text of a stretch of output and how many bytes it stands for: a character cut at the end waits."""
    held = len(data) - _cut_at(data)
    if 0 < held < len(data):
        data = data[:-held]
    return text_of(data, other), len(data)


def _line(line: bytes, other: str, *, last: bool) -> str:
    try:
        return line.decode(_UTF8)
    except UnicodeDecodeError:
        begun = line[: _cut_at(line)]
    if last and len(begun) < len(line) and not begun.isascii():
        try:
            return begun.decode(_UTF8) + "\ufffd"
        except UnicodeDecodeError:
            pass
    return line.decode(other, "replace")


def _cut_at(data: bytes) -> int:
    """Where a character of UTF-8 begins that the end of data cuts off; the length if there is none."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            return len(data) - back if _length(byte) > back else len(data)
    return len(data)


def _length(first: int) -> int:
    """Bytes of the character that begins so; 1 for what begins none."""
    if 0xC2 <= first <= 0xDF:
        return 2
    if 0xE0 <= first <= 0xEF:
        return 3
    return 4 if 0xF0 <= first <= 0xF4 else 1
