"""The container profile, in the engine's words. Whether it holds is asked in ``tests/integration``."""

from __future__ import annotations

from datetime import UTC, datetime

from app.qa.sandbox.profile import DEADLINE_LABEL, LABEL, OWNER_LABEL, SandboxProfile, container_options, host_options

PROFILE = SandboxProfile(owner="data-1")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_wall_stands() -> None:
    host = host_options(PROFILE)

    assert host["network_mode"] == "none"
    assert host["read_only"] is True
    assert host["cap_drop"] == ["ALL"]
    assert host["security_opt"] == ["no-new-privileges"]
    assert host["mem_limit"] == host["memswap_limit"] == PROFILE.memory_bytes
    assert host["pids_limit"] == PROFILE.pids
    assert host["log_config"].type == "none"


def test_nothing_of_the_host_is_mounted() -> None:
    assert {"binds", "mounts", "volumes_from", "devices"}.isdisjoint(host_options(PROFILE))


def test_programs_can_run_from_the_work_folder_only() -> None:
    tmpfs = host_options(PROFILE)["tmpfs"]

    assert {path for path, flags in tmpfs.items() if "noexec" not in flags.split(",")} == {"/work"}
    assert all({"nosuid", "nodev"} <= set(flags.split(",")) for flags in tmpfs.values())
    assert all("size=" in flags and "nr_inodes=" in flags for flags in tmpfs.values())


def test_processors_may_be_fractions_and_more_than_there_are() -> None:
    host = host_options(SandboxProfile(owner="o", cpus=1.5))

    assert host["cpu_quota"] / host["cpu_period"] == 1.5


def test_a_container_says_whose_it_is_and_until_when() -> None:
    labels = container_options(PROFILE, "source", MOMENT)["labels"]

    assert labels[OWNER_LABEL] == "data-1"
    assert LABEL in labels
    assert int(labels[DEADLINE_LABEL]) >= MOMENT.timestamp()


def test_a_container_runs_as_the_user_of_the_profile() -> None:
    assert container_options(SandboxProfile(owner="o", uid=5, gid=6), "source", MOMENT)["user"] == "5:6"


def test_a_container_outlives_its_run_by_no_more_than_its_phases() -> None:
    assert PROFILE.timeout_s < PROFILE.lifetime_s(PROFILE.timeout_s) < PROFILE.timeout_s + 600


def test_the_limits_are_those_of_the_profile() -> None:
    assert PROFILE.limits.memory_bytes == 2 << 30
    assert (PROFILE.limits.cpus, PROFILE.limits.pids, PROFILE.limits.timeout_s) == (2.0, 256, 300.0)
