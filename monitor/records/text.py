"""Text from outside, made harmless before it enters a record (DESIGN 6)."""

from __future__ import annotations

import unicodedata
from typing import Final

_MAX_TEXT: Final = 256


_MAX_COMBINING: Final = 4


def clean_text(value: object, limit: int = _MAX_TEXT) -> str:
    """Make text from outside harmless: one line, printable, bounded in length.

    Control characters, escape sequences, bidi overrides and zero-width characters become
    ``·``; runs of combining marks are cut at four; what is longer than ``limit`` ends in
    ``…``.  Bytes are read as UTF-8 with replacement.  See Unicode TR36 (security) and
    TR9 (bidi).
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    combining = 0
    for char in text:
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
            combining += 1
            if combining > _MAX_COMBINING or not out:
                continue
            out.append(char)
            continue
        combining = 0
        out.append(char if char.isprintable() else "·")
    return "".join(out)
