"""The card of a dataset."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from app.formats.writing.base import OutputFile, Scored, Tally
from app.formats.writing.card import card_of
from app.formats.writing.manifest import Distribution, Report, manifest_of
from app.formats.writing.messages import Messages
from app.formats.writing.parquet import ParquetWriter
from app.rules.vouching import Calibration, NamedJudge, NamedRubric
from tests.unit.formats.writing.sessions import a_claim, a_finalized, content_of


def a_report(*, rows: int = 3) -> Report:
    distribution, tally = Distribution(), Tally()
    trace = a_finalized(claims=(a_claim("e1"), a_claim("e2", "refuted")))
    distribution.count(*Distribution.features_of(trace, Scored(3.7, "heuristic", "h", "reasoning-5")))
    tally.rows["train"] = rows
    tally.left_out["consent_not_stated"] = 7
    tally.losses.add("commit", "it says | again")
    return Report(
        format="messages",
        query={"consent": "given", "split": [0.9, 0.1]},
        program={"name": "pr-telemetry", "version": "1"},
        found=8,
        chosen=1,
        splits={"train": {"traces": 1, "repositories": 1}, "validation": {"traces": 0, "repositories": 0}},
        repositories={"example.org/till": {"split": "train", "traces": 1}},
        distribution=distribution,
        tally=tally,
    )


def test_the_front_matter_names_the_files_of_each_split() -> None:
    _, front, body = content_of(card_of(a_report(), Messages(), "mit")).decode().split("---\n", 2)

    assert 'license: "mit"' in front
    assert front.endswith(
        'configs:\n- config_name: default\n  default: true\n  data_files:\n  - split: train\n    path: "data/train-*.jsonl"\n'
    )
    assert "validation" not in front, "a split without rows has no files"
    assert body.startswith("\n# Verified debugging sessions: messages")


def test_each_table_is_a_configuration() -> None:
    text = content_of(card_of(a_report(), ParquetWriter(), "mit")).decode()

    assert text.count("- config_name: ") == 2
    assert text.count("default: true") == 1


def test_a_dataset_without_rows_names_no_files() -> None:
    assert "configs:" not in content_of(card_of(a_report(rows=0), Messages(), "mit")).decode()


def test_the_body_says_how_it_was_verified_and_what_was_left_out() -> None:
    text = content_of(card_of(a_report(), Messages(), "unknown")).decode()

    assert "8 traces were in scope, 1 of them were chosen." in text
    assert "| fixed | 1 | at least one test failed" in text
    assert "| `messages` | the task, then thoughts" in text
    assert "| 7 | the session states no consent |" in text
    assert "| 1 | commit | it says \\| again |" in text
    assert "| claims | refuted | 1 |" in text
    assert "| score | 3 to 4 | 1 |" in text
    assert "The licence of the sessions is not stated." in text
    assert "| example.org/till | 1 | train |" in text


def test_the_card_names_the_report_that_vouches_for_the_scores() -> None:
    calibration = Calibration(
        "3" * 64, NamedJudge("llm", "chat", "2", "m|1"), NamedRubric("process-6", "1"), {"depth": "usable"}, "usable"
    )
    vouched = replace(a_report(), query={"consent": "given", "calibration": asdict(calibration)})

    text = content_of(card_of(vouched, Messages(), "mit")).decode()
    verified = text.partition("## How it was verified")[2].partition("## Distributions")[0]

    assert "one judge (llm chat 2 m\\|1) and one rubric (process-6 1)" in verified
    assert (
        f"`usable` at least on every dimension. So says a comparison of judges, whose report has the SHA-256 `{'3' * 64}`"
        in verified
    )
    assert "| depth | usable |" in verified
    assert "comparison of judges" not in content_of(card_of(a_report(), Messages(), "mit")).decode()


def test_the_manifest_has_the_hash_of_every_file_that_was_read() -> None:
    report = a_report()
    for path in ("b.jsonl", "a.jsonl"):
        content_of(report.noting(OutputFile(path, (b"ab", b"c"))))

    found = json.loads(content_of(manifest_of(report)))

    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found["files"] == [{"path": path, "sha256": sha256, "size_bytes": 3} for path in ("b.jsonl", "a.jsonl")]
    assert found["traces"] == {"found": 8, "chosen": 1, "left_out": {"consent_not_stated": 7}}
    assert found["splits"]["train"] == {"traces": 1, "repositories": 1, "rows": 3}
    assert found["lost"] == [{"kind": "commit", "reason": "it says | again", "count": 1}]
