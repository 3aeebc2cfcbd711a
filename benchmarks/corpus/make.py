"""Cases from the history of packages: of two adjacent releases, the newer one's tests on the older code and on the newer."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from app.qa.base import TreeFile
from app.qa.trees import travels
from app.rules.testfiles import is_test_file
from benchmarks.corpus.bare import BareRun, bare_run
from benchmarks.corpus.cases import KINDS, pack

PACKAGES = Path(__file__).with_name("packages.toml")
_MOST_BYTES = 64 << 20


class MemoryTree:
    """A tree of files in memory."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        for path, content in self.contents.items():
            yield TreeFile(path, len(content), io.BytesIO(content))


def make_cases(folder: Path, image: str, index: str, only: frozenset[str]) -> Iterator[str]:
    """Make the cases that are not there yet. Tells a line about each.

    Source distributions are fetched and unpacked in memory; nothing in them is run outside of a container.
    """
    for entry in tomllib.loads(PACKAGES.read_text())["package"]:
        name, older, newer = entry["name"], entry["older"], entry["newer"]
        case = folder / f"{name}-{newer}"
        if (only and name not in only) or (case / "case.json").exists():
            continue
        try:
            yield _make(case, entry, _fetch(index, name, older), _fetch(index, name, newer), image)
        except (OSError, ValueError, LookupError) as error:
            yield f"{name} {older} → {newer}: {error}"


def _make(case: Path, entry: dict[str, str], old: dict[str, bytes], new: dict[str, bytes], image: str) -> str:
    tests = {path: content for path, content in new.items() if is_test_file(path)}
    # what the newer release no longer tests is not for its code to pass
    code = {path: content for path, content in old.items() if not is_test_file(path)}
    before = {**code, **tests}
    command = entry.get("test_command", "python3 -m pytest")
    first = bare_run(image, MemoryTree(before), command)
    last = bare_run(image, MemoryTree(new), command)
    case.mkdir(parents=True, exist_ok=True)
    pack(code, case / "base.tar.gz")
    pack(new, case / "final.tar.gz")
    pack(tests, case / "tests.tar.gz")
    title = f"{entry['name']} {entry['older']} → {entry['newer']}"
    sorted_ids = _sorted(first, last)
    (case / "case.json").write_text(json.dumps({"title": title, "test_command": command, **sorted_ids}, indent=1))
    return f"{title}: " + ", ".join(f"{len(sorted_ids[kind])} {kind}" for kind in KINDS)


def _sorted(first: BareRun, last: BareRun) -> dict[str, list[str]]:
    both = sorted(first.outcomes.keys() & last.outcomes.keys())
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    words = {"passed": "pass", "failed": "fail"}
    for name in both:
        kinds[f"{words[first.outcomes[name]]}_to_{words[last.outcomes[name]]}"].append(name)
    return kinds


def _fetch(index: str, name: str, version: str) -> dict[str, bytes]:
    """The files of a release's source distribution, its top folder left out.

    Raises:
        LookupError: the index has no source distribution of it.
    """
    from unearth import PackageFinder

    found = PackageFinder(index_urls=[index], no_binary=[":all:"]).find_best_match(f"{name}=={version}").best
    if found is None or not found.link.filename.endswith((".tar.gz", ".tgz")):
        raise LookupError(f"no source distribution of {name} {version}")
    with urllib.request.urlopen(found.link.normalized, timeout=180) as answer:
        packed = answer.read(_MOST_BYTES)
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            path = member.name.removeprefix("./").partition("/")[2]
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None and path and travels(path):
                files[path] = stream.read()
    return files
