"""Small attacks on the walls around a run, to be run inside of them. Standard library only, Python 3.8 or newer.

Each returns what it achieved, or raises ``OSError`` or ``HeldError`` with what stopped it. Which attack to try, and with which
bounds, comes as the first argument; the answer is one line of JSON on standard output.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import re
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from typing import Any

from app.qa.guest.protocol import WORK

_UNTOUCHED = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""
_METADATA = "169.254.169.254"
_MIB = 1 << 20
_CLONE_NEWUSER = 0x10000000
_PTRACE_ATTACH = 16
_SYSCALLS = {"x86_64": {"add_key": 248, "io_uring_setup": 425}, "aarch64": {"add_key": 217, "io_uring_setup": 425}}
_OURS = frozenset(
    {"overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "shm", "devtmpfs", "fuse.fuse-overlayfs"}
)
_GIVEN = frozenset({"/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"})
_ENGINES = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE|^AWS_|^OPENAI|^DOCKER_|PROXY", re.IGNORECASE)


BOUNDS: dict[str, Any] = {}
"""What a run may take, and the names of the server's own settings."""


class HeldError(Exception):
    """A wall held. The message says which."""


def open_connection() -> str:
    """Find a way out of the network namespace."""
    for address in (_UNTOUCHED, _METADATA, "2001:db8::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                # for a datagram, connecting only asks for a route
                out.connect((address, 9))
                return f"there is a route to {address}"
        except OSError:
            continue
    others = sorted(set(os.listdir("/sys/class/net")) - {"lo"})
    if others:
        return f"there are network interfaces: {', '.join(others)}"
    raise HeldError("no route, and no interface but the loopback")


def resolve_name() -> str:
    """Ask for the address of a name."""
    return f"example.org has the address {socket.getaddrinfo('example.org', 80)[0][4][0]}"


def open_raw_socket() -> str:
    """Open sockets that see and forge packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "a raw socket is open"


def write_to_the_image() -> str:
    """Change the programs of the image."""
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        return "the root file system is writable for whoever has the right"
    for place in ("/attack", "/usr/lib/attack", "/etc/attack", "/var/tmp/attack"):  # noqa: S108 - in the container
        try:
            with open(place, "w", encoding="ascii"):
                return f"{place} was written"
        except OSError:
            continue
    raise HeldError("the root file system is read-only")


def run_from_scratch_folders() -> str:
    """Drop a program where files need not be part of the tree, and run it."""
    for place in ("/tmp", "/dev/shm", os.environ.get("HOME", "/tmp")):  # noqa: S108 - in the container
        path = os.path.join(place, "attack")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(path, 0o755)
        try:
            subprocess.run([path], check=True)
        except PermissionError:
            continue
        return f"a program was run from {place}"
    raise HeldError("nothing can be run from there")


def become_root() -> str:
    """Take user 0."""
    for name, arguments in (("setuid", (0,)), ("setresuid", (0, 0, 0)), ("setgid", (0,)), ("setgroups", ([0],))):
        try:
            getattr(os, name)(*arguments)
        except OSError:
            continue
        return f"{name} was allowed"
    if os.getuid() == 0:
        return "the code runs as root already"
    raise HeldError(f"it stays user {os.getuid()}")


def use_setuid_files() -> str:
    """Gain rights by running a file."""
    with open("/proc/self/status", encoding="ascii") as status:
        if "NoNewPrivs:\t1" not in status.read():
            return "programs may gain rights: no_new_privs is off"
    writable = [place for place in (WORK, "/tmp", "/dev/shm") if not os.statvfs(place).f_flag & os.ST_NOSUID]  # noqa: S108
    if writable:
        return f"setuid counts in {', '.join(writable)}"
    raise HeldError("no_new_privs is on, and writable folders are nosuid")


def hold_capabilities() -> str:
    """Use what root's powers are divided into."""
    with open("/proc/self/status", encoding="ascii") as status:
        found = [line.split() for line in status if line.startswith("Cap")]
    held = [name for name, value in found if int(value, 16)]
    if held:
        return f"there are capabilities in {', '.join(held)}"
    raise HeldError("every set of capabilities is empty")


def mount_something() -> str:
    """Mount a file system over a folder."""
    _call("mount", b"none", b"/tmp", b"tmpfs", 0, None)
    return "a file system was mounted"


def trace_process_1() -> str:
    """Take control of the program that reports the results."""
    _call("ptrace", _PTRACE_ATTACH, 1, None, None)
    return "process 1 is being traced"


def kill_process_1() -> str:
    """End the program that reports the results, or make it do something. If it works, nobody is left to tell."""
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGALRM,
        signal.SIGSTOP,
        signal.SIGKILL,
    ):
        os.kill(1, number)
    time.sleep(0.2)
    with open("/proc/1/stat", encoding="ascii") as process:
        state = process.read().rpartition(")")[2].split()[0]
    if state in "TtZX":
        return f"process 1 is in state {state}"
    raise HeldError("process 1 lives, and goes on")


def read_process_1() -> str:
    """Read the memory, files and environment of the program that reports the results."""
    opened = []
    for name in ("mem", "environ", "maps", "fd", "cwd"):
        path = f"/proc/1/{name}"
        try:
            if name == "cwd":
                os.readlink(path)
            elif name == "fd":
                os.listdir(path)
            else:
                with open(path, "rb", buffering=0) as file:
                    file.read(1)
        except OSError as error:
            if error.errno == errno.EIO:
                opened.append(name)
            continue
        opened.append(name)
    if opened:
        return f"open: {', '.join(opened)}"
    raise HeldError("closed: mem, environ, maps, fd, cwd")


def start_processes() -> str:
    """Start processes until nothing else can run; as many as the bound, and some more, at most."""
    children: list[int] = []
    most = BOUNDS["pids"] + 64
    try:
        while len(children) < most:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    except OSError as error:
        raise HeldError(f"{error.strerror} after {len(children)} processes") from error
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
    return f"{len(children)} processes were running"


def take_memory() -> str:
    """Take more memory than there is for the run."""
    taken = []
    for _ in range(BOUNDS["memory_bytes"] // (16 * _MIB) + 8):
        taken.append(bytearray(16 * _MIB))
        for offset in range(0, 16 * _MIB, 4096):
            taken[-1][offset] = 1
    return f"{len(taken) * 16} MiB were taken"


def fill_the_disk() -> str:
    """Fill every folder that can be written to."""
    for place, size in BOUNDS["folders"].items():
        written = _fill(place, size + 8 * _MIB)
        if written > size:
            return f"{written} bytes fitted into {place}"
    raise HeldError("every writable folder has an end")


def use_up_inodes() -> str:
    """Make empty files without end."""
    endless = [place for place in BOUNDS["folders"] if not 0 < os.statvfs(place).f_files <= BOUNDS["files"]]
    if endless:
        return f"there is no bound in {', '.join(endless)}"
    try:
        for number in range(BOUNDS["files"] + 1):
            os.close(os.open(f"/dev/shm/{number}", os.O_CREAT | os.O_WRONLY))  # noqa: S108 - in the container
    except OSError as error:
        raise HeldError(f"{error.strerror} after {number} files") from error
    return f"{BOUNDS['files'] + 1} files were made"


def flood_the_output() -> str:
    """Print more than anybody wants to keep."""
    for _ in range(64):
        os.write(2, b"x" * _MIB)
    raise HeldError("64 MiB were printed")


def open_many_files() -> str:
    """Hold files open without end, and leave a core dump."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
        return "core dumps have a size"
    opened: list[int] = []
    try:
        while len(opened) <= BOUNDS["open_files"]:
            opened.append(os.open("/", os.O_RDONLY))
    except OSError as error:
        raise HeldError(f"{error.strerror} after {len(opened)} files; no core dumps") from error
    return f"{len(opened)} files are open"


def find_the_engine() -> str:
    """Talk to the engine that made the container."""
    found = [path for path in _ENGINES if os.path.lexists(path)]
    if found:
        return f"there is {found[0]}"
    raise HeldError("no socket of an engine is there")


def find_host_paths() -> str:
    """Reach files of the host through mounts."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        rows = [line.split() for line in table]
    found = [row[4] for row in rows if row[row.index("-") + 1] not in _OURS and row[4] not in _GIVEN]
    if found:
        return f"mounted from elsewhere: {', '.join(found[:4])}"
    raise HeldError("nothing of the host is mounted")


def read_kernel_files() -> str:
    """Read or change the kernel through its files."""
    for path, flags in (
        ("/proc/kcore", os.O_RDONLY),
        ("/proc/sysrq-trigger", os.O_WRONLY),
        ("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        ("/sys/fs/cgroup/cgroup.procs", os.O_WRONLY),
        ("/dev/kmsg", os.O_RDONLY),
        ("/dev/mem", os.O_RDONLY),
    ):
        try:
            fd = os.open(path, flags)
        except OSError:
            continue
        # what the engine masks is an empty file that can be opened
        if stat.S_ISREG(os.fstat(fd).st_mode) or not os.path.samestat(os.fstat(fd), os.stat("/dev/null")):
            return f"{path} can be opened"
    raise HeldError("the files that matter are closed or masked")


def find_secrets() -> str:
    """Find the server's secrets in the environment."""
    found = sorted(name for name in os.environ if _SECRET.search(name) or name in BOUNDS["settings"])
    if found:
        return f"set: {', '.join(found[:4])}"
    raise HeldError(f"nothing like it among {len(os.environ)} variables")


def use_the_keyring() -> str:
    """Keep something in the kernel's keyring, which is not the container's own."""
    _syscall("add_key", b"user", b"attack", b"x", 1, -3)
    return "a key was added"


def set_the_clock() -> str:
    """Change the time for everybody."""
    time.clock_settime(time.CLOCK_REALTIME, time.time())
    return "the clock was set"


def overstay() -> str:
    """Ignore every signal and never end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


def leave_something() -> str:
    """Leave a process, files and shared memory for the next run."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(1)
            os.close(2)
            while True:
                time.sleep(60)
        os._exit(0)
    for place in (WORK, "/tmp", "/dev/shm"):  # noqa: S108 - in the container
        with open(os.path.join(place, "left-behind"), "w", encoding="ascii"):
            pass
    raise HeldError("left")


def find_what_was_left() -> str:
    """Find what an earlier run left."""
    processes = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
    files = [place for place in (WORK, "/tmp", "/dev/shm") if os.listdir(place)]  # noqa: S108 - in the container
    if processes or files:
        return f"{len(processes)} processes, and files in {files}"
    raise HeldError("no process and no file of the run before")


def make_a_user_namespace() -> str:
    """Become root in a namespace of one's own, which opens more of the kernel."""
    _call("unshare", _CLONE_NEWUSER)
    return "a user namespace was made"


def set_up_io_uring() -> str:
    """Set up io_uring, in which many ways out of containers were found."""
    os.close(_syscall("io_uring_setup", 1, ctypes.create_string_buffer(120)))
    return "io_uring can be used"


def open_vsock() -> str:
    """Open a socket to the hypervisor, past the network namespace."""
    with socket.socket(40, socket.SOCK_STREAM) as out:
        try:
            cid = struct.unpack("I", _ioctl(out.fileno(), 0x7B9, b"\0" * 4))[0]
        except OSError:
            cid = -1
        return f"AF_VSOCK can be opened (own address: {cid})"


def _ioctl(fd: int, request: int, argument: bytes) -> bytes:
    import fcntl

    return fcntl.ioctl(fd, request, argument)


def _fill(place: str, most: int) -> int:
    written = 0
    try:
        for number in range(most // (8 * _MIB) + 1):
            with open(os.path.join(place, f"full-{number}"), "wb", buffering=0) as file:
                written += file.write(b"\0" * min(8 * _MIB, most - written))
            if written >= most:
                break
    except OSError:
        pass
    finally:
        for name in os.listdir(place):
            if name.startswith("full-"):
                os.unlink(os.path.join(place, name))
    return written


def _call(name: str, *arguments: Any) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(getattr(libc, name)(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _syscall(name: str, *arguments: Any) -> int:
    number = _SYSCALLS.get(platform.machine(), {}).get(name)
    if number is None:
        raise NotImplementedError(f"the number of {name} on {platform.machine()} is not known here")
    return _call("syscall", number, *arguments)


def main() -> None:
    """Try one attack and say what came of it."""
    order = json.loads(sys.argv[1])
    BOUNDS.update(order["bounds"])
    answer: dict[str, str] = {}
    try:
        answer["achieved"] = globals()[order["attack"]]()
    except HeldError as wall:
        answer["held"] = str(wall)
    except OSError as error:
        answer["held"] = error.strerror or str(error)
    except MemoryError:
        answer["held"] = "there is no more memory"
    except NotImplementedError as error:
        answer["unknown"] = str(error)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
