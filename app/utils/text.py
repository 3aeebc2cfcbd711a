"""Shortening text so that what matters stays: the beginning and the end."""

from __future__ import annotations


def head_and_tail(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``: all of it, or its beginning and its end with the number left out between."""
    if len(text) <= limit:
        return text
    mark = f"\n[… {len(text)} characters in all, middle left out …]\n"
    room = max(limit - len(mark), 0)
    head = room // 3
    tail = room - head
    return text[:head] + mark + text[len(text) - tail :]
