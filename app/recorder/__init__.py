"""The recorder for people: it runs beside any editor, in a git work tree, and sends a session through the recording API.

What was seen goes to a journal on disk first (``outbox``) and from there to the server (``sender``), so that neither a killed
recorder nor a dead network loses anything or sends it twice. ``capture`` turns saves and commits into events, ``runs`` takes
commands, ``reports`` what the pytest plugin tells. Everything is redacted before it is written (``privacy``). Knows no server
code: only what both sides share, in ``rules`` and ``models``.
"""
