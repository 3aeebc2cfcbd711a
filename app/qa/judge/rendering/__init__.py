"""Rendering a session for a model: events as quoted material that cannot pose as anything else.

Events are renamed ``e1`` … ``eN``. Each is a header that carries a random nonce, then its content with ``| `` before every
line; content cannot form a header, since it does not know the nonce and never stands at the start of a line. Labels and facts
of ours stand behind ``|# ``, which no line of content begins with. What is left out is stated in place, in square brackets.

``rendered`` is what comes out, ``outline`` what an event means to the session, ``levels`` how much of it is shown, ``excerpts``
which parts of a text stay, ``blocks`` one event as lines, ``fitting`` the whole within a budget, ``facts`` what is counted.
"""

from app.qa.judge.rendering.facts import describe_record
from app.qa.judge.rendering.fitting import render_events
from app.qa.judge.rendering.rendered import BYTES_PER_TOKEN, Rendering, estimate_tokens

__all__ = ["BYTES_PER_TOKEN", "Rendering", "describe_record", "estimate_tokens", "render_events"]
