"""SWE-bench: instances are tasks, predictions are what a model made of them. Neither tells how it was done."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.errors import FormatError, NothingUsableError
from app.formats.pieces.draft import Draft
from app.formats.pieces.values import is_hash, mappings, text
from app.formats.source import Source

_OWNER_AND_NAME = re.compile(r"^[\w.-]+/[\w.-]+$")
_MAX_LIST_CHARACTERS = 4 * 1024 * 1024
"""Longest list of tests that is read out of a string: the largest of the data set hold some thousand names."""


class SweBench:
    """Instances and predictions, each as JSON lines, a list, or an object by id; also both in one file of lines."""

    name = "swe-bench"
    title = "SWE-bench instances or predictions"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        if source.shape.kind not in ("lines", "document"):
            return False
        first = [record for value in source.shape.records for record in _flat(value)]
        return any(_is_instance(record) or _is_prediction(record) or _is_report(record) for record in first)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        records = list(_records(source))
        if any(map(_is_report, records)):
            raise FormatError(f"{source.name} is a SWE-bench report: a verdict from elsewhere, and no session")
        instances = {**options.instances, **instances_in(records)}
        predictions = [record for record in records if _is_prediction(record)]
        for prediction in predictions:
            instance = instances.get(text(prediction.get("instance_id")) or "", {})
            yield _session(Draft(self.name, options), source, instance, prediction)
        if not predictions:
            yield from (_session(Draft(self.name, options), source, record, {}) for record in instances_in(records).values())
        if not predictions and not instances_in(records):
            raise NothingUsableError(f"{source.name} looks like {self.title}, and holds neither")


def instances_of(source: Source) -> dict[str, Mapping[str, Any]]:
    """The instances of a file, by id.

    Raises:
        FormatError: it cannot be read, or holds none.
    """
    found = instances_in(list(_records(source)))
    if not found:
        raise NothingUsableError(f"{source.name} holds no SWE-bench instance")
    return found


def instances_in(records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The instances among the records of a file, by id."""
    return {text(record.get("instance_id")) or "": record for record in records if _is_instance(record)}


def _records(source: Source) -> Iterator[Mapping[str, Any]]:
    if source.shape.kind == "lines":
        yield from (line.value for line in source.lines() if isinstance(line.value, dict))
    else:
        yield from _flat(source.document)


def _flat(value: Any) -> Iterator[Mapping[str, Any]]:
    """The records of a document: one, a list, or an object by id."""
    if isinstance(value, list):
        yield from mappings(value)
    elif isinstance(value, dict):
        if "instance_id" in value or not value or not all(isinstance(item, dict) for item in value.values()):
            yield value
        else:
            yield from ({"instance_id": identity, **item} for identity, item in value.items())


def _is_instance(record: Mapping[str, Any]) -> bool:
    return "instance_id" in record and "base_commit" in record and "problem_statement" in record


def _is_prediction(record: Mapping[str, Any]) -> bool:
    return "instance_id" in record and "model_patch" in record


def _is_report(record: Mapping[str, Any]) -> bool:
    return "patch_successfully_applied" in record and "resolved" in record


def _session(draft: Draft, source: Source, instance: Mapping[str, Any], prediction: Mapping[str, Any]) -> ReadSession:
    identity = text(prediction.get("instance_id")) or text(instance.get("instance_id")) or ""
    model = text(prediction.get("model_name_or_path"))
    draft.source_id = identity if not prediction else f"{identity}.{model or 'unnamed'}"
    draft.bug_id, draft.agent_name, draft.role = identity, model, "ai_agent" if prediction else None
    draft.task = text(instance.get("problem_statement"))
    draft.known_failing_tests = tuple(_names(instance.get("FAIL_TO_PASS"), draft))
    _repository(draft, instance)
    _attach(draft, instance, prediction)
    if prediction and not instance:
        draft.loss.add("instance", "the task of this prediction is not in the file")
    return draft.finish(source, may_be_empty=True)


def _repository(draft: Draft, instance: Mapping[str, Any]) -> None:
    repo = text(instance.get("repo")) or ""
    if _OWNER_AND_NAME.match(repo):
        # the data set names repositories of GitHub
        draft.repo |= {"name": repo.partition("/")[2], "url": f"https://github.com/{repo}.git"}
    if is_hash(instance.get("base_commit")):
        draft.repo["commit_before"] = instance["base_commit"]


def _attach(draft: Draft, instance: Mapping[str, Any], prediction: Mapping[str, Any]) -> None:
    draft.attach_patch(text(prediction.get("model_patch")) or "")
    # no name that could be taken for what the session ended with
    draft.attach("gold", "gold_patch", text(instance.get("patch")) or "")
    draft.attach("test_changes", "tests_patch", text(instance.get("test_patch")) or "")
    names = {kind: _names(instance.get(kind), draft) for kind in ("FAIL_TO_PASS", "PASS_TO_PASS")}
    if any(names.values()):
        draft.attach("tests.json", "test_list", json.dumps(names, ensure_ascii=False, indent=1), "application/json")


def _names(value: Any, draft: Draft) -> list[str]:
    """Names of tests: a list, or a list in a string, as JSON or as Python writes it."""
    found = value
    if isinstance(value, str):
        found = _parsed_list(value)
        if found is None:
            draft.loss.add("list of tests", "it cannot be read")
    return [name for item in found or () if (name := text(item))] if isinstance(found, list) else []


def _parsed_list(written: str) -> Any:
    if len(written) > _MAX_LIST_CHARACTERS:
        return None
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(written)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
