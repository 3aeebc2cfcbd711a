"""Writes tests in other words: the same test under another name, or one that differs in what it expects and has to fail.

Runs in a container of its own on test files alone, and imports none of them. Python 3.9 or newer, standard library only.

Each version of a test has one or two assertions more than the test, about constants and about what the test has at hand. Only
in whether they are true, or in one expectation of the test's own, does a version that has to fail differ from one that has to
pass. Nothing is added behind a ``return``, so that whatever is added is reached.
"""

from __future__ import annotations

import ast
import os
import random
import sys
from collections.abc import Set
from typing import Any

from app.qa.guest.expectations import SYLLABLES, expectations_of
from app.qa.guest.records import teller
from app.qa.guest.spoiling import tell_helpers, tell_sabotage
from app.qa.guest.statements import NotDisguisedError, find_test
from app.qa.guest.versions import Writer, bound_in


def words_of(module: ast.Module) -> list[str]:
    """Words that names in this file are made of."""
    names = [node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names += [node.id for node in ast.walk(module) if isinstance(node, ast.Name)]
    words = {word.lower() for name in names for word in name.split("_") if word.isalpha() and len(word) > 2}
    return sorted((words - {"test", "tests", "self"}) | set(SYLLABLES))


def other_path(path: str, writer: Writer, taken: set[str]) -> str:
    """A path for a test file in the same folder; the same where its name is not like that of a test."""
    folder, name = os.path.split(path)
    if name.startswith("test_"):
        new = writer.name("test", taken) + ".py"
    elif name.endswith("_test.py"):
        new = writer.name("test", taken).replace("test_", "", 1) + "_test.py"
    else:
        return path
    return os.path.join(folder, new) if folder else new


def disguise(
    source: bytes, path: str, versions: dict[str, str], *, renames: bool, seed: int, avoid: Set[str] = frozenset()
) -> dict[str, object]:
    """One file in other words.

    ``versions`` says for each test which kind it is to become. Returns the new path, the source, for each test its new name,
    and what it became; tests that cannot be put in other words are left out and listed with the reason. ``avoid`` are paths
    that are taken.

    Raises:
        NotDisguisedError: the file cannot be read as Python.
    """
    try:
        module = ast.parse(source)
        words, literals = words_of(module), expectations_of(module)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotDisguisedError(f"not Python: {error}") from error
    # files with the same words must not get the same names
    writer = Writer(random.Random(f"{seed} {path}"), words, literals, bound_in(module))  # noqa: S311 - the seed comes from a better source
    taken = {node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef))} | {"test"}
    names, made, left_out = {}, {}, {}
    for name, kind in versions.items():
        try:
            _, function = find_test(module, name)
        except NotDisguisedError as error:
            left_out[name] = str(error)
            continue
        made[name] = writer.version(function, kind)
        if renames:
            function.name = writer.name(function.name, taken)
        names[name] = "::".join([*name.split("::")[:-1], function.name])
    text = ast.unparse(ast.fix_missing_locations(module))
    new_path = other_path(path, writer, taken) if renames else path
    while renames and new_path in avoid and new_path != path:
        new_path = other_path(path, writer, taken)
    return {"path": path, "new_path": new_path, "source": text, "names": names, "made": made, "left_out": left_out}


def run(config: dict[str, Any]) -> int:
    """Disguise every file for every run, as the configuration says."""
    tell = teller(config["records_fd"], config["key"])
    if config.get("helpers") is not None:
        tell_helpers(tell, config["helpers"])
    for path in config.get("spoil", ()):
        tell_sabotage(tell, path, config["seed"], None, [])
    for number, order in enumerate(config["runs"]):
        taken = set(config.get("taken", ()))
        for path, versions in order["files"].items():
            with open(path, "rb") as file:
                source = file.read()
            try:
                found = disguise(source, path, versions, renames=order["renames"], seed=order["seed"], avoid=taken)
                taken.add(str(found["new_path"]))
            except (NotDisguisedError, RecursionError, ValueError) as error:
                found = {"path": path, "left_out": dict.fromkeys(versions, str(error)), "names": {}, "made": {}}
            tell("disguised", run=number, **found)
    tell("end", status=0)
    return 0


if "GUEST_CONFIG" in globals():
    sys.exit(run(globals().pop("GUEST_CONFIG")))
