from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.qa.base import RunResult, RunSpec, SandboxSession
from app.qa.sandbox.bundle import bundle
from app.qa.sandbox.probes import PROBES, ProbeResult, run_probes
from app.qa.sandbox.profile import SandboxProfile
from tests.fakes import ScriptedSandbox

PROFILE = SandboxProfile(owner="test", output_head_bytes=10, output_tail_bytes=10)


@dataclass
class AnsweringSandbox(ScriptedSandbox):
    """Answers each attack by its name; ``held`` is what the others hear."""

    answers: Mapping[str, RunResult] = field(default_factory=dict)
    tried: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        yield (self,)

    def run(self, spec: RunSpec) -> RunResult:
        order = json.loads(spec.argv[-1])
        self.tried.append(order)
        return self.answers.get(order["attack"], saying({"held": "a wall"}))


def saying(answer: object) -> RunResult:
    return RunResult("exited", exit_code=0, output_head=json.dumps(answer).encode() + b"\n", output_bytes=21)


def found(sandbox: AnsweringSandbox) -> dict[str, ProbeResult]:
    return {result.name: result for result in run_probes(sandbox, PROFILE, frozenset({"API_TOKEN"}))}


def test_every_attack_is_tried_with_the_bounds_of_a_run() -> None:
    sandbox = AnsweringSandbox()

    results = found(sandbox)

    assert len(results) == len(PROBES)
    assert {order["attack"] for order in sandbox.tried} >= {probe.attack.__name__ for probe in PROBES}
    assert sandbox.tried[0]["bounds"]["pids"] == PROFILE.pids
    assert sandbox.tried[0]["bounds"]["settings"] == ["API_TOKEN"]
    assert all(result.tries for result in results.values())


def test_what_an_attack_says_decides() -> None:
    results = found(
        AnsweringSandbox(
            answers={
                "become_root": saying({"achieved": "it is root"}),
                "use_the_keyring": saying({"unknown": "no number"}),
                "mount_something": RunResult("exited", exit_code=1, output_head=b"Traceback"),
                "open_raw_socket": RunResult("could_not_run", reason="no engine"),
                "open_vsock": saying({"achieved": "open"}),
            }
        )
    )

    assert results["become-root"].state == "NOT STOPPED"
    assert [results[name].state for name in ("use-the-keyring", "mount-something", "open-raw-socket")] == ["not tried"] * 3
    assert (results["open-vsock"].state, results["set-up-io-uring"].state) == ("open", "closed")
    assert {name for name, result in results.items() if not result.is_well} == {
        "become-root", "use-the-keyring", "mount-something", "open-raw-socket",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attack", "result", "state"),
    [
        ("take_memory", RunResult("out_of_memory", reason="limit"), "stopped"),
        ("take_memory", saying({"achieved": "all of it"}), "NOT STOPPED"),
        ("kill_process_1", RunResult("corrupted", reason="no report"), "NOT STOPPED"),
        ("overstay", RunResult("timed_out", reason="time"), "stopped"),
        ("overstay", saying({"held": "x"}), "stopped"),
        ("flood_the_output", RunResult("exited", output_head=b"x" * 10, output_tail=b"x" * 10, output_bytes=99), "stopped"),
        ("flood_the_output", RunResult("exited", output_head=b"x" * 50, output_tail=b"", output_bytes=99), "NOT STOPPED"),
    ],
)
def test_what_a_run_came_to_decides_where_an_attack_cannot_tell(attack: str, result: RunResult, state: str) -> None:
    assert found(AnsweringSandbox(answers={attack: result}))[attack.replace("_", "-")].state == state


def test_the_attacks_are_a_program_for_python_3_8() -> None:
    ast.parse(bundle("attacks"), feature_version=(3, 8))
