"""Node ids: ``path::Class::test[case]``."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"::|#| > | › ")


def function_of(node_id: str) -> str:
    """The test function, for a test or for one of its cases."""
    path, colons, rest = node_id.partition("::")
    return path + colons + rest.partition("[")[0]


def file_of(node_id: str) -> str:
    """The file that a test stands in."""
    return node_id.partition("::")[0]


def is_named(known: str, node_id: str) -> bool:
    """Whether a name fits: of a case, of a test with all its cases, of a class or of a file. Outside of Python also the end of
    a node id, as other runners print it: ``suite > test``, ``Class#test``, ``package.Class.test``."""
    if node_id == known or node_id.startswith((f"{known}[", f"{known}::")):
        return True
    return not file_of(node_id).endswith(".py") and _is_ending(known, node_id)


def _is_ending(known: str, node_id: str) -> bool:
    parts, wanted = node_id.split("::"), _SEPARATORS.split(known)
    if parts[-len(wanted) :] == wanted:
        return True
    owner, _, test = "::".join(wanted).replace("::", ".").rpartition(".")
    return parts[-1] == test and len(parts) > 1 and bool(owner) and f".{parts[-2]}".endswith(f".{owner}")
