"""Redaction and consent: what must not be stored is replaced or left out at the door. Pure; nothing here reads a setting or a clock.

``patterns`` is the table of kinds, ``redact`` the text engine, ``policy`` which kinds are wanted, ``events`` their way through
a trace, ``consent`` what a developer agreed to keep.
"""
