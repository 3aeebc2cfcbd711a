"""Several runs in one real container: nothing of one is there for the next; and containers that were started ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import docker
import pytest

from app.qa.base import Guest, RunResult, RunSpec, SandboxSession
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import SandboxProfile
from tests.integration.sandbox_runs import FileTree, containers_of, said

pytestmark = pytest.mark.docker

TREE = FileTree({"till.py": b"x = 1\n", "pkg/a.py": b"y = 2\n", "run.sh": b"#!/bin/sh\necho ran\n"}, frozenset({"run.sh"}))
LOOK = """
import os, sys
for root in ("/work", "/tmp", "/dev/shm", "/dev/mqueue", "/home/runner"):
    for folder, folders, files in os.walk(root):
        print(folder, oct(os.stat(folder).st_mode)[-4:], sorted(os.listdir(folder)), os.listxattr(folder))
        for name in files:
            found = os.lstat(os.path.join(folder, name))
            print(name, oct(found.st_mode), found.st_mtime_ns, found.st_nlink, os.listxattr(os.path.join(folder, name)))
for kind in ("shm", "msg", "sem"):
    print(kind, len(open("/proc/sysvipc/" + kind).readlines()))
print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())))
print(sorted(os.environ.items()), os.getcwd(), os.umask(0o022), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0))
import resource
print([(name, resource.getrlimit(getattr(resource, name))) for name in dir(resource) if name.startswith("RLIMIT_")])
"""
"""Tells everything that a run could have left."""


@pytest.fixture
def session(sandbox: DockerSandbox) -> Iterator[SandboxSession]:
    """A place to run in, again and again."""
    with sandbox.sessions(1) as (session,):
        yield session


def run(session: SandboxSession, *argv: str, tree: FileTree = TREE, **spec: Any) -> RunResult:
    result = session.run(replace(RunSpec(argv, tree), **spec))
    assert result.kind == "exited", result.reason
    return result


def start_of(session: SandboxSession) -> str:
    """When process 1 began, by which one container is told from another."""
    return said(run(session, "sh", "-c", "cut -d ' ' -f 22 /proc/1/stat"))


# --- one run after the other


MESS = """
import ctypes, os, subprocess, time
open("till.py", "a").write("bug\\n")
open("new.py", "w").write("x")
os.chmod("pkg", 0o700)
os.rename("pkg/a.py", "pkg/b.py")
os.unlink("run.sh")
os.symlink("/etc/passwd", "run.sh")
os.makedirs("deep/er/est")
os.mkfifo("pipe")
os.chmod("deep/er", 0)
for folder in ("/tmp", "/dev/shm", "/home/runner", "/dev/mqueue"):
    try:
        open(folder + "/left", "w").write("x")
    except OSError:
        pass
os.makedirs("/home/runner/.local/lib/python3.11/site-packages")
open("/home/runner/.local/lib/python3.11/site-packages/usercustomize.py", "w").write("raise SystemExit")
os.chmod("/home/runner", 0o700)
os.setxattr("/work", "user.note", b"seen")
os.setxattr("/work/pkg/b.py", "user.note", b"seen")
os.utime("/work", (1, 1))
libc = ctypes.CDLL(None)
assert libc.shmget(7, 4096, 0o1666) >= 0 and libc.msgget(7, 0o1666) >= 0 and libc.semget(7, 1, 0o1666) >= 0
libc.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666, None)
os.environ["LEFT"] = "1"
subprocess.Popen(["sleep", "600"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
"""


@pytest.mark.parametrize("again", [TREE, FileTree(dict(TREE.contents), TREE.executable)], ids=["the same tree", "another tree"])
def test_a_run_finds_nothing_of_the_one_before(session: SandboxSession, again: FileTree) -> None:
    began = start_of(session)
    fresh = said(run(session, "python3", "-c", LOOK))

    mess = run(session, "python3", "-c", MESS)

    assert mess.exit_code == 0, said(mess)
    assert said(run(session, "python3", "-c", LOOK, tree=again)) == fresh
    assert start_of(session) == began


def test_files_of_one_run_alone_are_gone_in_the_next(session: SandboxSession) -> None:
    overlay = {"till.py": b"x = 2\n", "pkg/a.py": None, "extra/new.py": b"z\n"}

    first = run(session, "sh", "-c", "cat till.py; find . -type f | sort", overlay=overlay)
    second = run(session, "sh", "-c", "cat till.py; find . | sort")

    assert said(first) == "x = 2\n./extra/new.py\n./run.sh\n./till.py\n"
    assert said(second) == "x = 1\n.\n./pkg\n./pkg/a.py\n./run.sh\n./till.py\n"


def test_a_program_of_an_earlier_run_is_not_started_by_a_later_one(session: SandboxSession) -> None:
    run(session, "python3", "-c", "open('json.py', 'w').write('print(1)'); open('sitecustomize.py', 'w').write('print(2)')")

    assert said(run(session, "python3", "-c", "import json")) == ""


def test_a_run_that_hung_leaves_nothing_either(session: SandboxSession) -> None:
    hung = session.run(RunSpec(("sh", "-c", "echo x > new; sleep 600"), TREE, timeout_s=1.0))

    assert hung.kind == "timed_out"
    assert said(run(session, "ls")) == "pkg\nrun.sh\ntill.py\n"


@pytest.mark.parametrize(
    "spoil",
    [
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (50, 50))",
        "resource.prlimit(1, resource.RLIMIT_AS, (1 << 28, 1 << 40))",
        "os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "os.chmod('/work', 0)",
        "[(os.mkdir('d'), os.chdir('d')) for _ in range(3000)]",
    ],
)
def test_what_cannot_be_taken_back_makes_the_next_run_happen_elsewhere(session: SandboxSession, spoil: str) -> None:
    began, fresh = start_of(session), said(run(session, "python3", "-c", LOOK))

    spoilt = run(session, "python3", "-c", f"import os, resource\n{spoil}")

    assert spoilt.exit_code == 0, said(spoilt)

    assert said(run(session, "python3", "-c", LOOK)) == fresh
    assert start_of(session) != began


def test_a_session_that_is_renewed_is_in_another_container(session: SandboxSession) -> None:
    first = start_of(session)

    session.renew()

    assert start_of(session) != first


def test_hashes_of_text_are_the_same_in_every_run(sandbox: DockerSandbox) -> None:
    with sandbox.sessions(1) as (session,):
        first = [said(run(session, "python3", "-c", "print(hash('till'))")) for _ in range(2)]
    with sandbox.sessions(1) as (session,):
        second = said(run(session, "python3", "-c", "print(hash('till'))"))

    assert len({*first, second}) == 1


# --- programs of ours

GUEST = Guest(
    "import os\nos.write(GUEST_CONFIG['records_fd'], b'told')\nprint(GUEST_CONFIG['word'], os.getcwd())\n", {"word": "hello"}
)


def test_a_guest_reports_beside_what_it_prints(session: SandboxSession) -> None:
    for _ in range(2):
        result = run(session, "ours", guest=GUEST)

        assert (result.exit_code, said(result), result.records, result.records_bytes) == (0, "hello /work\n", b"told", 4)


@pytest.mark.parametrize(
    "attack",
    [
        "open('/proc/1/fd/1', 'wb').write(b'R')",
        "open('/proc/1/mem', 'r+b')",
        "os.listdir('/proc/1/fd')",
        "open('/proc/1/environ').read()",
    ],
)
def test_a_guest_cannot_reach_the_process_that_it_was_copied_from(session: SandboxSession, attack: str) -> None:
    source = f"import os\ntry:\n    {attack}\nexcept PermissionError:\n    print('closed')\n"

    assert said(run(session, "ours", guest=Guest(source, {}))) == "closed\n"


def test_a_guest_has_no_descriptors_but_its_own(session: SandboxSession) -> None:
    source = "import os\nprint(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))\n"

    # its three streams, its records, and the folder that it reads here
    assert said(run(session, "ours", guest=Guest(source, {}))) == "[0, 1, 2] 5\n"


def test_what_a_guest_changes_in_its_memory_is_not_there_for_the_next(session: SandboxSession) -> None:
    spoil = Guest("import json, sys\njson.dumps = None\nsys.path.insert(0, '/work')\nimport till\n", {}, ("json",))
    look = Guest("import json, sys\nprint(json.dumps(1), '/work' in sys.path, 'till' in sys.modules)\n", {}, ("json",))

    run(session, "ours", guest=spoil)

    assert said(run(session, "ours", guest=look)) == "1 False False\n"


def test_chance_is_another_in_every_run(session: SandboxSession) -> None:
    guest = Guest("import random, os\nprint(random.random(), os.urandom(8))\n", {}, ("random",))

    assert len({said(run(session, "ours", guest=guest)) for _ in range(3)}) == 3


# --- containers that were started ahead


@pytest.fixture
def warm(profile: SandboxProfile, engine: Engine) -> Iterator[DockerSandbox]:
    """A sandbox with one container started ahead."""
    sandbox = DockerSandbox(profile, warm=1, preload=("json", "no_such_module"))
    sandbox.prepare()
    settle(sandbox)
    yield sandbox
    sandbox.close()

    assert containers_of(engine, profile) == []


def settle(sandbox: DockerSandbox) -> None:
    """Wait until everything that goes on behind the caller's back is done."""
    assert sandbox._janitor is not None
    sandbox._janitor.submit(int).result()


def test_a_container_that_was_started_ahead_is_used_and_replaced(
    warm: DockerSandbox, profile: SandboxProfile, engine: Engine
) -> None:
    (ahead,) = containers_of(engine, profile)

    with warm.sessions(1) as (session,):
        assert said(run(session, "echo", "ran")) == "ran\n"
        settle(warm)
        during = set(containers_of(engine, profile))
    settle(warm)

    after = set(containers_of(engine, profile))
    assert ahead in during
    assert len(during) == 2
    assert after == during - {ahead}


def test_a_container_that_was_removed_while_it_waited_is_not_missed(
    warm: DockerSandbox, profile: SandboxProfile, engine: Engine
) -> None:
    (ahead,) = containers_of(engine, profile)
    engine.remove(ahead)

    with warm.sessions(1) as (session,):
        assert said(run(session, "echo", "ran")) == "ran\n"


def test_containers_of_an_image_that_is_another_now_are_not_used(
    profile: SandboxProfile, engine: Engine, runner_image: str
) -> None:
    client = docker.from_env()
    tag = f"pr-telemetry-test:{profile.owner}"
    client.images.get(runner_image).tag(tag)
    sandbox = DockerSandbox(replace(profile, image=tag), warm=1)
    try:
        sandbox.prepare()
        settle(sandbox)
        (ahead,) = containers_of(engine, profile)
        container = client.containers.create(runner_image, ["true"], labels={"of": profile.owner})
        container.commit("pr-telemetry-test", profile.owner)
        container.remove()

        with sandbox.sessions(1) as (session,):
            run(session, "true")
            settle(sandbox)
            used = set(containers_of(engine, profile))
    finally:
        sandbox.close()
        client.images.remove(tag, force=True)
        client.close()

    assert ahead not in used
    assert containers_of(engine, profile) == []


def test_a_server_that_ends_leaves_no_container_behind(profile: SandboxProfile, engine: Engine) -> None:
    sandbox = DockerSandbox(profile, warm=2)
    sandbox.prepare()

    sandbox.close()

    assert containers_of(engine, profile) == []


def test_no_more_run_at_once_than_there_are_places(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(profile, max_parallel=2)

    with sandbox.sessions(5) as first:
        assert len(first) == 2
    with sandbox.sessions(1) as one, sandbox.sessions(5) as rest:
        assert (len(one), len(rest)) == (1, 1)
