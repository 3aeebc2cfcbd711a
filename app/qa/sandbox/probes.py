"""Whether the walls around a run hold: small attacks, each in a container like any other run's.

What comes of it holds for the engine, kernel and image of this moment, and for these attacks. It is no proof that others fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from app.qa.base import RunResult, RunSpec, Sandbox
from app.qa.guest import attacks
from app.qa.guest.protocol import WORK
from app.qa.sandbox.bundle import bundle
from app.qa.sandbox.profile import HOME, SandboxProfile
from app.qa.trees import EmptyTree

State = Literal["stopped", "NOT STOPPED", "open", "closed", "not tried"]
_TIME_S = 30.0
_SHORT_S = 2.0
_LONG_S = 180.0


@dataclass(frozen=True)
class ProbeResult:
    """What came of one attack."""

    name: str
    tries: str
    state: State
    """``open`` and ``closed`` are for what is told and not judged; ``not tried`` says that nobody knows."""
    detail: str

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to be done about it."""
        return self.state in ("stopped", "open", "closed")


Reading = tuple[State, str]
Judge = Callable[[RunResult, SandboxProfile], Reading]


@dataclass(frozen=True)
class Probe:
    """One attack, and how to tell what came of it."""

    attack: Callable[[], str]
    judge: Judge
    before: Callable[[], str] | None = None
    """A run before it, for it to find the traces of."""
    timeout_s: float = _TIME_S
    is_judged: bool = True
    """Otherwise it is told only: the engine's defaults leave it open on some machines."""

    @property
    def name(self) -> str:
        """In words with hyphens."""
        return self.attack.__name__.replace("_", "-")

    @property
    def tries(self) -> str:
        """What it tries to do."""
        return (self.attack.__doc__ or "").split(". ")[0].rstrip(".")


def run_probes(sandbox: Sandbox, profile: SandboxProfile, settings: frozenset[str]) -> Iterator[ProbeResult]:
    """Try every attack, one after the other. ``settings`` are the server's own variables, which nobody in there may see."""
    bounds = _bounds(profile, settings)
    with sandbox.sessions(1) as (session, *_):
        for probe in PROBES:
            if probe.before is not None:
                session.run(_spec(probe.before, bounds, _TIME_S))
            result = session.run(_spec(probe.attack, bounds, probe.timeout_s))
            state, detail = probe.judge(result, profile)
            if not probe.is_judged and state != "not tried":
                state = "closed" if state == "stopped" else "open"
            yield ProbeResult(probe.name, probe.tries, state, detail)


def _spec(attack: Callable[[], str], bounds: Mapping[str, object], timeout_s: float) -> RunSpec:
    order = json.dumps({"attack": attack.__name__, "bounds": bounds})
    return RunSpec(("python3", "-s", "-c", bundle("attacks"), order), EmptyTree(), timeout_s=timeout_s)


def _bounds(profile: SandboxProfile, settings: frozenset[str]) -> dict[str, object]:
    folders = {WORK: profile.work_bytes, "/tmp": profile.tmp_bytes, HOME: profile.home_bytes, "/dev/shm": profile.shm_bytes}  # noqa: S108
    return {
        "pids": profile.pids,
        "memory_bytes": profile.memory_bytes,
        "open_files": profile.open_files,
        "files": profile.work_files,
        "folders": folders,
        "settings": sorted(settings),
    }


def _answered(result: RunResult, profile: SandboxProfile) -> Reading:
    """The attack's own word."""
    del profile
    if result.kind != "exited":
        return "not tried", result.reason or result.kind
    try:
        answer = json.loads(result.output_head.splitlines()[-1])
    except (ValueError, IndexError):
        return "not tried", f"it ended with status {result.exit_code} and without an answer"
    if "achieved" in answer:
        return "NOT STOPPED", str(answer["achieved"])
    return ("stopped", str(answer["held"])) if "held" in answer else ("not tried", str(answer.get("unknown")))


def _ended_by_memory(result: RunResult, profile: SandboxProfile) -> Reading:
    if result.kind == "out_of_memory":
        return "stopped", str(result.reason)
    return _answered(result, profile)


def _survived(result: RunResult, profile: SandboxProfile) -> Reading:
    if result.kind in ("corrupted", "timed_out"):
        return "NOT STOPPED", str(result.reason)
    return _answered(result, profile)


def _ended_by_time(result: RunResult, profile: SandboxProfile) -> Reading:
    if result.kind == "timed_out":
        return "stopped", str(result.reason)
    return _answered(result, profile)


def _kept_little(result: RunResult, profile: SandboxProfile) -> Reading:
    kept, most = len(result.output_head) + len(result.output_tail), profile.output_head_bytes + profile.output_tail_bytes
    if result.kind != "exited":
        return "not tried", result.reason or result.kind
    state: State = "stopped" if kept <= most < result.output_bytes else "NOT STOPPED"
    return state, f"of {result.output_bytes} bytes {kept} were kept"


PROBES: tuple[Probe, ...] = (
    Probe(attacks.open_connection, _answered),
    Probe(attacks.resolve_name, _answered),
    Probe(attacks.open_raw_socket, _answered),
    Probe(attacks.write_to_the_image, _answered),
    Probe(attacks.run_from_scratch_folders, _answered),
    Probe(attacks.become_root, _answered),
    Probe(attacks.use_setuid_files, _answered),
    Probe(attacks.hold_capabilities, _answered),
    Probe(attacks.mount_something, _answered),
    Probe(attacks.trace_process_1, _answered),
    Probe(attacks.kill_process_1, _survived),
    Probe(attacks.read_process_1, _answered),
    Probe(attacks.start_processes, _answered, timeout_s=_LONG_S),
    Probe(attacks.take_memory, _ended_by_memory, timeout_s=_LONG_S),
    Probe(attacks.fill_the_disk, _ended_by_memory, timeout_s=_LONG_S),
    Probe(attacks.use_up_inodes, _ended_by_memory, timeout_s=_LONG_S),
    Probe(attacks.flood_the_output, _kept_little, timeout_s=_LONG_S),
    Probe(attacks.open_many_files, _answered),
    Probe(attacks.overstay, _ended_by_time, timeout_s=_SHORT_S),
    Probe(attacks.find_what_was_left, _answered, before=attacks.leave_something),
    Probe(attacks.find_the_engine, _answered),
    Probe(attacks.find_host_paths, _answered),
    Probe(attacks.read_kernel_files, _answered),
    Probe(attacks.find_secrets, _answered),
    Probe(attacks.use_the_keyring, _answered),
    Probe(attacks.set_the_clock, _answered),
    Probe(attacks.make_a_user_namespace, _answered, is_judged=False),
    Probe(attacks.set_up_io_uring, _answered, is_judged=False),
    Probe(attacks.open_vsock, _answered, is_judged=False),
)
"""Network, image, rights, the reporter, resources, what stays, the host, and what is told only."""
