"""Unpacks wheels, inside a container without a network, into a folder of their own. Standard library only, Python 3.8 or newer.

A wheel is an archive with files to put in place; nothing of it is run. What Python would run by itself (``*.pth``,
``sitecustomize.py``) is left out: the code under test may import dependencies, the interpreter must not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import zipfile
from typing import Any

_PLACES = ("purelib", "platlib")
_START_UP = re.compile(r"(?:^|/)(?:sitecustomize|usercustomize)\.py$|^[^/]*\.pth$")


class UnfitError(Exception):
    """A wheel cannot be unpacked. The message says why."""


def install(wheels: str, target: str, limit_bytes: int, left_to_the_image: list[str]) -> list[str]:
    """Unpack every wheel of the folder ``wheels`` into ``target``. Returns what was left out.

    Raises:
        UnfitError: a wheel is none, or holds what no wheel should.
    """
    left_out = []
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(wheels)):
        if name.split("-")[0].lower().replace("_", "-") in left_to_the_image:
            left_out.append(name)
            continue
        try:
            with zipfile.ZipFile(os.path.join(wheels, name)) as wheel:
                limit_bytes -= sum(member.file_size for member in wheel.infolist())
                if limit_bytes < 0:
                    raise UnfitError("the packages are too large together")
                left_out += _unpack(wheel, target, left_to_the_image)
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise UnfitError(f"{name} is no wheel: {error}") from error
    return left_out


def _unpack(wheel: zipfile.ZipFile, target: str, left_to_the_image: list[str]) -> list[str]:
    left_out = []
    for member in wheel.infolist():
        path = _place(member.filename)
        if member.is_dir() or path is None:
            continue
        if _START_UP.search(path) or path.split("/")[0].partition(".")[0] in left_to_the_image:
            left_out.append(path)
            continue
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnfitError(f"{member.filename} is a link")
        place = os.path.join(target, *path.split("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with wheel.open(member) as source, open(place, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 18)
        os.chmod(place, 0o644)
    return left_out


def _place(name: str) -> str | None:
    """Where a member goes, below the target; ``None`` for what is not for importing, such as scripts and headers.

    Raises:
        UnfitError: it leaves the target.
    """
    parts = name.rstrip("/").split("/")
    if "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise UnfitError(f"{name!r} is no name inside of a wheel")
    if not parts[0].endswith(".data"):
        return "/".join(parts)
    return "/".join(parts[2:]) if len(parts) > 2 and parts[1] in _PLACES else None


def main() -> int:
    """Do as the first argument says, and tell what was left out."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    try:
        left_out = install(order["wheels"], order["target"], order["limit_bytes"], order["left_to_the_image"])
    except (UnfitError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    shutil.rmtree(order["wheels"])
    sys.stdout.write(json.dumps({"left_out": left_out}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
