"""The interpreter that the code under test lives in: where it imports from, and how it is left. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator

_RUNNERS_OWN = frozenset({"pytest", "_pytest"})
_INSTALLED = ("site-packages", "dist-packages")


def open_project(root: str, folders: Iterable[str]) -> None:
    """Let the project's folders be imported from: behind the standard library, ahead of what is installed.

    What is loaded already from elsewhere, though the project has a module of that name, is loaded anew from the project when
    it is next imported; but for the test runner itself.
    """
    paths = [os.path.join(root, folder) if folder else root for folder in folders]
    paths = [path for path in paths if os.path.isdir(path) and path not in sys.path]
    place = next((number for number, path in enumerate(sys.path) if path.endswith(_INSTALLED)), len(sys.path))
    sys.path[place:place] = paths
    standard = getattr(sys, "stdlib_module_names", frozenset(sys.builtin_module_names))
    for name in {name for path in paths for name in _modules_in(path)} - _RUNNERS_OWN:
        if name in sys.modules and name not in standard:
            for loaded in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(f"{name}.")]:
                del sys.modules[loaded]


def leave(status: int, end: Callable[[int], object] = os._exit) -> None:
    """End this process, and nothing more: what waits for the end of the interpreter comes too late to matter."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    end(status)


def _modules_in(path: str) -> Iterator[str]:
    for entry in os.listdir(path):
        if entry.endswith(".py"):
            yield entry[: -len(".py")]
        elif os.path.isfile(os.path.join(path, entry, "__init__.py")):
            yield entry
