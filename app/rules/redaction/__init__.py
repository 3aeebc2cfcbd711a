"""Redaction and consent: what must not be stored is replaced or left out at the door.

``patterns`` is the table of kinds, ``redact`` the text engine, ``policy`` which kinds are wanted, ``events`` their way
through a trace, ``consent`` what a developer agreed to keep.
"""
