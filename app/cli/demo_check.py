"""The full check of ``demo``: is everything there, and does what comes out hold?"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.rules.integrity import verify_stream
from app.storage.keys import key_id_of, read_public_key

if TYPE_CHECKING:
    from app.cli.demo import Demo

_EXPECTED = {"thoughtful-fix": "fixed", "failed-attempt": "not_fixed", "careless-success": "fixed"}


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    is_fine: bool
    detail: str


def findings(demo: Demo) -> Iterator[Finding]:
    """What was found, in the order of the checks. Without a sandbox the sessions are left alone."""
    needed = [Finding(name, bool(check["ready"]), str(check["detail"])) for name, check in demo.checks().items()]
    yield from needed
    if not all(finding.is_fine for finding in needed):
        return
    documents = {name: demo.document(name) for name in _EXPECTED}
    for name, document in documents.items():
        verdict = document["qa_results"]["verification"]["verdict"]
        yield Finding(f"verdict of {name}", verdict == _EXPECTED[name], verdict)
    yield from _seals(demo, documents)
    yield _directory(demo)


def _seals(demo: Demo, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Every document recomputed, as ``verify`` does it."""
    keys = {key_id_of(raw): raw for raw in map(read_public_key, (demo.data_dir / "keys" / "public").glob("*.pem"))}
    for name, document in documents.items():
        (report,) = verify_stream(io.BytesIO(json.dumps(document).encode()), keys)
        detail = f"signed by {report.key_id}" if report.is_proven else report.findings[0].message
        yield Finding(f"seal of {name}", report.is_proven, detail)


def _directory(demo: Demo) -> Finding:
    """Every document on disk can be read while the server runs."""
    from app.cli.places import DirectoryPlace
    from app.settings import load_unchecked_settings

    place = DirectoryPlace(load_unchecked_settings().model_copy(update={"data_dir": demo.data_dir}))
    listed = [trace["trace_id"] for page in place.pages([]) for trace in page["traces"]]
    missing = {document["trace_id"] for document in demo.found.values()} - set(listed)
    detail = f"{len(listed)} traces" if not missing else f"missing: {', '.join(sorted(missing))}"
    return Finding("data directory", not missing, detail)
