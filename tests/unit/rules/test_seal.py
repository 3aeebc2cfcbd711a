"""A sealed document: whatever is changed in it is found, and named by its place."""

from __future__ import annotations

import copy
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.rules.canonical import fast_canonical
from app.rules.chain import genesis, link, splice_hash
from app.rules.findings import Finding
from app.rules.integrity import verify_checkpoint, verify_document, verify_stream
from app.rules.seal import sign_checkpoint
from app.storage.keys import SigningKey
from app.utils.json_stream import UnreadableJsonError
from tests import independent_verifier
from tests.sealing import (
    DATA,
    SIGNED_AT,
    a_checkpoint,
    a_document,
    a_sealed_document,
    some_events,
    the_public_keys,
    the_test_key,
)

KEYS = the_public_keys()
SEALED = a_document()
PUBLIC_PEM = (DATA / "public-key.pem").read_bytes()
NUM_EVENTS = len(SEALED["events"])

Change = Callable[[dict[str, Any]], Any]
Path_ = tuple[str | int, ...]


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return the_test_key(tmp_path)


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(SEALED)
    change(document)
    return document


def first_finding(document: dict[str, Any]) -> Finding:
    """The first one; what streaming and the independent verifier say agrees."""
    findings = verify_document(document, KEYS)
    (report,) = verify_stream(io.BytesIO(json.dumps(document).encode()), KEYS)
    assert list(report.findings) == findings
    with pytest.raises((independent_verifier.BrokenError, KeyError, TypeError, ValueError, AttributeError)):
        independent_verifier.verify(independent_verifier.read(json.dumps(document)), PUBLIC_PEM)
    assert findings
    assert findings[0].is_broken
    return findings[0]


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every value inside a document, containers included."""
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from places(child, (*path, name))


def parent(document: Any, path: Path_) -> Any:
    for name in path[:-1]:
        document = document[name]
    return document


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value + 1 != value else 0
    if isinstance(value, str):
        # one bit of the last character: also of a base64 text's, where only some bits count
        return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
    return ["other"]


def is_named_by(found: Finding, path: Path_) -> bool:
    if path[0] == "events" and len(path) > 1:
        event = SEALED["events"][path[1]]
        return found.index == path[1] or found.seq == event["seq"]
    if path[0] == "events":
        return found.kind in ("malformed", "truncated") or found.place == "events[0]"
    if path[:2] == ("integrity", "sections") and len(path) == 3:
        return found.section == path[2]
    if path[:2] == ("integrity", "signature"):
        return found.place == "integrity.signature"
    if path[0] == "integrity" and len(path) == 2:
        return found.place == f"integrity.{path[1]}"
    return path == ("integrity",) or found.section == path[0]


def test_the_sealed_document_is_intact() -> None:
    assert verify_document(SEALED, KEYS) == []
    independent_verifier.verify(independent_verifier.read((DATA / "sealed.json").read_text(encoding="utf-8")), PUBLIC_PEM)


def test_sealing_gives_what_verifying_expects(key: SigningKey) -> None:
    document = a_sealed_document(key)

    assert verify_document(document, {key.key_id: key.public_key}) == []
    independent_verifier.verify(independent_verifier.read(json.dumps(document)), key.public_pem)


def test_a_trace_without_events_can_be_sealed(key: SigningKey) -> None:
    document = a_sealed_document(key, ())

    assert verify_document(document, {key.key_id: key.public_key}) == []
    assert document["integrity"]["head"] == document["integrity"]["genesis"]


@pytest.mark.parametrize("path", list(places(SEALED)), ids=lambda path: ".".join(map(str, path)))
def test_every_value_that_is_changed_is_found_and_named(path: Path_) -> None:
    def change(document: dict[str, Any]) -> None:
        container = parent(document, path)
        container[path[-1]] = another(container[path[-1]])

    assert is_named_by(first_finding(changed(change)), path)


@pytest.mark.parametrize(
    "path", [path for path in places(SEALED) if not isinstance(path[-1], int)], ids=lambda path: ".".join(map(str, path))
)
def test_every_name_that_is_removed_is_found_and_named(path: Path_) -> None:
    found = first_finding(changed(lambda document: parent(document, path).pop(path[-1])))

    assert is_named_by(found, path)


@pytest.mark.parametrize(
    "path",
    [(), *[path for path in places(SEALED) if isinstance(parent(SEALED, (*path, "")), dict)]],
    ids=lambda path: ".".join(map(str, path)) or "document",
)
def test_every_name_that_is_added_is_found_and_named(path: Path_) -> None:
    found = first_finding(changed(lambda document: parent(document, (*path, "")).update(added=1)))

    if path in ((), ("integrity",)):
        assert found.place == ("section added" if path == () else "integrity.signature")
    elif path == ("integrity", "sections"):
        assert (found.kind, found.section) == ("section_missing", "added")
    else:
        assert is_named_by(found, path)


@pytest.mark.parametrize("index", range(NUM_EVENTS))
def test_every_event_that_is_removed_is_named(index: int) -> None:
    seq = SEALED["events"][index]["seq"]
    found = first_finding(changed(lambda document: document["events"].pop(index)))

    assert (found.kind, found.seq) == ("truncated" if seq == NUM_EVENTS else "event_missing", seq)


@pytest.mark.parametrize("length", range(NUM_EVENTS))
def test_a_document_that_is_cut_off_says_from_where(length: int) -> None:
    document = changed(
        lambda document: document.update(events=[event for event in document["events"] if event["seq"] <= length])
    )
    found = first_finding(document)

    assert (found.kind, found.seq) == ("truncated", length + 1)


@pytest.mark.parametrize("index", range(NUM_EVENTS - 1))
def test_two_events_that_are_swapped_are_found_where_the_first_of_them_belongs(index: int) -> None:
    def swap(document: dict[str, Any]) -> None:
        events = document["events"]
        events[index], events[index + 1] = events[index + 1], events[index]

    found = first_finding(changed(swap))

    assert (found.kind, found.index) == ("event_out_of_order", index)


@pytest.mark.parametrize("index", range(NUM_EVENTS - 1))
def test_two_events_that_exchange_their_numbers_are_found(index: int) -> None:
    def swap(document: dict[str, Any]) -> None:
        one, other = document["events"][index : index + 2]
        one["seq"], other["seq"] = other["seq"], one["seq"]

    found = first_finding(changed(swap))

    assert found.kind == "event_altered"
    assert found.index in (index, index + 1)


@pytest.mark.parametrize("index", range(NUM_EVENTS))
def test_every_event_that_stands_twice_is_named(index: int) -> None:
    def duplicate(document: dict[str, Any]) -> None:
        document["events"].insert(index + 1, copy.deepcopy(document["events"][index]))

    found = first_finding(changed(duplicate))

    assert (found.kind, found.index, found.seq) == ("event_duplicated", index + 1, SEALED["events"][index]["seq"])


@pytest.mark.parametrize("seq", range(1, NUM_EVENTS + 1))
def test_a_chain_that_is_computed_anew_from_an_event_on_does_not_reach_the_signed_head(seq: int) -> None:
    def forge(document: dict[str, Any]) -> None:
        head = bytes.fromhex(document["integrity"]["genesis"])
        for event in sorted(document["events"], key=lambda event: int(event["seq"])):
            body = {name: value for name, value in event.items() if name != "hash"}
            if event["seq"] == seq:
                event["data"]["extra"] = body["data"]["extra"] = {"forged": True}
            head = link(head, fast_canonical(body))
            event["hash"] = head.hex()

    assert first_finding(changed(forge)).kind == "head_altered"


def test_an_event_that_is_chained_to_the_end_is_named() -> None:
    def add(document: dict[str, Any]) -> None:
        body = {**document["events"][-1], "seq": NUM_EVENTS + 1}
        del body["hash"]
        canonical = fast_canonical(body)
        document["events"].append(
            json.loads(splice_hash(canonical, link(bytes.fromhex(document["integrity"]["head"]), canonical)))
        )

    found = first_finding(changed(add))

    assert (found.kind, found.seq) == ("event_added", NUM_EVENTS + 1)


def test_a_seal_of_another_trace_does_not_fit() -> None:
    found = first_finding(changed(lambda document: document.update(trace_id="t-2")))

    assert (found.kind, found.section) == ("section_altered", "trace_id")


def test_a_finalized_document_without_a_seal_is_broken() -> None:
    assert verify_document(changed(lambda document: document.update(integrity=None)), KEYS)[0].kind == "seal_missing"


def test_an_open_document_is_whole_but_not_sealed() -> None:
    (found,) = verify_document(a_document("open.json"), KEYS)

    assert found.kind == "not_sealed"
    assert not found.is_broken


def test_a_change_in_an_open_document_is_named() -> None:
    document = a_document("open.json")
    document["events"][4]["data"]["output"] = "2 passed"

    first = verify_document(document, KEYS)[0]

    assert (first.kind, first.seq, first.event_id) == ("event_altered", 5, "e-5")


def test_an_open_document_belongs_to_its_trace() -> None:
    document = a_document("open.json") | {"trace_id": "t-other"}

    assert verify_document(document, KEYS)[0].seq == 1


def test_without_a_public_key_nothing_is_proven() -> None:
    (found,) = verify_document(SEALED, {})

    assert found.kind == "signature_unchecked"
    assert not found.is_broken


def test_another_key_is_not_believed() -> None:
    (found,) = verify_document(SEALED, {"0" * 16: bytes(32)})

    assert found.kind == "key_unknown"
    assert found.is_broken


def test_a_checkpoint_is_contained_in_the_later_document(key: SigningKey) -> None:
    for count in range(NUM_EVENTS + 1):
        checkpoint = json.loads(a_checkpoint(key, count).model_dump_json())

        assert verify_checkpoint(checkpoint, KEYS) == []
        assert verify_document(SEALED, KEYS, [checkpoint]) == []


def test_the_stored_checkpoint_holds() -> None:
    assert verify_document(SEALED, KEYS, [a_document("checkpoint.json")]) == []


def test_what_an_open_document_lost_since_a_checkpoint_is_named(key: SigningKey) -> None:
    document = a_document("open.json")
    head, trace_id = bytes.fromhex(document["events"][-1]["hash"]), document["trace_id"]
    checkpoint = sign_checkpoint(trace_id, head=head, count=NUM_EVENTS, signer=key, at=SIGNED_AT)
    document["events"].pop()

    first = verify_document(document, KEYS, [json.loads(checkpoint.model_dump_json())])[0]

    assert (first.kind, first.seq) == ("checkpoint_broken", NUM_EVENTS)


@pytest.mark.parametrize("name", ["format", "trace_id", "head", "count", "at", "signature"])
def test_a_checkpoint_that_was_changed_is_found(name: str) -> None:
    checkpoint = a_document("checkpoint.json")
    checkpoint[name] = another(checkpoint[name])

    assert verify_checkpoint(checkpoint, KEYS)[0].is_broken


def test_an_empty_checkpoint_stands_for_the_beginning(key: SigningKey) -> None:
    checkpoint = sign_checkpoint("t-1", head=genesis("t-1", "x"), count=0, signer=key, at=SIGNED_AT)

    assert verify_document(SEALED, KEYS, [json.loads(checkpoint.model_dump_json())])[0].kind == "checkpoint_broken"


def test_memory_holds_a_few_bytes_of_each_event_not_the_document(key: SigningKey) -> None:
    thought = some_events()[0]
    data = thought.data.model_copy(update={"content": "x" * 4000})
    events = tuple(thought.model_copy(update={"seq": seq, "data": data}) for seq in range(1, 1501))
    content = json.dumps(a_sealed_document(key, events)).encode()
    file = io.BytesIO(content)
    tracemalloc.start()
    try:
        (report,) = verify_stream(file, KEYS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert report.is_proven
    assert peak < len(content) / 2


@pytest.mark.parametrize("separator", ["\n", "", " \r\n\t"])
def test_documents_may_follow_one_another(separator: str) -> None:
    texts = [json.dumps(SEALED), json.dumps(a_document("open.json"), indent=3), json.dumps(SEALED, sort_keys=True)]
    reports = list(verify_stream(io.BytesIO(separator.join(texts).encode()), KEYS))

    assert [report.is_proven for report in reports] == [True, False, True]
    assert [report.num_events for report in reports] == [NUM_EVENTS] * 3


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"a":1,"a":1}', '{"events":[{"a":1,"a":2}]}', '{"a":NaN}', '{"events":[1 2]}', "{1:2}", "nonsense", '"\ud800'],
)
def test_what_is_no_document_cannot_be_read(text: str) -> None:
    with pytest.raises(UnreadableJsonError):
        list(verify_stream(io.BytesIO(text.encode(errors="surrogatepass")), KEYS))


@pytest.mark.parametrize(
    "events", [[1], ["a"], [None], [[]], [{}], [{"seq": 1}], [{"seq": True, "hash": "é" * 64}], {}, "x", None]
)
def test_whatever_stands_for_events_is_a_finding(events: Any) -> None:
    assert verify_document({**SEALED, "events": events}, KEYS)[0].is_broken
    assert verify_document({**a_document("open.json"), "events": events}, KEYS)[0].is_broken


@pytest.mark.parametrize("integrity", [1, [], {}, {"format": "pr-telemetry-chain-1"}, {"format": "pr-telemetry-chain-2"}])
def test_whatever_stands_for_a_seal_is_a_finding(integrity: Any) -> None:
    assert verify_document({**SEALED, "integrity": integrity}, KEYS)[0].is_broken
