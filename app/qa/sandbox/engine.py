"""The container engine: the few calls that the sandbox needs, and its failures as sentences.

Every call raises ``EngineUnavailableError`` and nothing else, whatever the SDK, its HTTP library or the system raised.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env

from app.errors import UnavailableError
from app.qa.sandbox.channel import Socket

_ENGINE_ERRORS = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_DEFAULT_HOST = "unix:///var/run/docker.sock"


class EngineUnavailableError(UnavailableError):
    """The container engine cannot do this now."""

    code = "sandbox_unavailable"


@dataclass(frozen=True)
class Exit:
    """How a container ended."""

    exit_code: int
    oom_killed: bool
    was_told_to: bool
    """Whether somebody has had the engine stop or kill it. Nothing inside a container can."""


@dataclass(frozen=True)
class Leftover:
    """A container that is there."""

    name: str
    labels: Mapping[str, str]


class Attached:
    """The stream to a container's standard input and from its output."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        # Over http and unix the SDK answers with an io object, over https with the socket itself
        self.sock: Socket = getattr(raw, "_sock", raw)

    def close(self) -> None:
        """End the stream; the engine closes the container's standard input."""
        with contextlib.suppress(OSError):
            if isinstance(self.sock, socket.socket):
                self.sock.shutdown(socket.SHUT_RDWR)
        response = getattr(self._raw, "_response", None)
        if response is not None:
            response.close()
        self._raw.close()
        if isinstance(self.sock, socket.socket):
            self.sock.close()


class Engine:
    """A connection to the engine that ``DOCKER_HOST`` and its siblings name. For one thread, and made anew for every use: an
    engine that comes later, or comes back, is found."""

    def __init__(self, timeout_s: float, environment: Mapping[str, str] | None = None) -> None:
        self._timeout_s = timeout_s
        self._environment = os.environ if environment is None else environment
        self._host = self._environment.get("DOCKER_HOST") or _DEFAULT_HOST
        with self._explained("to talk to us"):
            self._client = self._connect()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def create(self, name: str, container: Mapping[str, Any], host: Mapping[str, Any]) -> None:
        """Create the container, without starting it. An image that is not here is never fetched."""
        with self._explained("to create the container", image=container["image"]):
            host_config = self._client.create_host_config(**host)
            self._client.create_container(name=name, host_config=host_config, **container)

    def attach(self, name: str) -> Attached:
        """The stream to the container. What it writes before this call is lost."""
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
        with self._explained("to attach to the container"):
            return Attached(self._client.attach_socket(name, params))

    def start(self, name: str) -> None:
        """Start the container."""
        with self._explained("to start the container"):
            self._client.start(name)

    def wait(self, name: str, timeout_s: float) -> Exit | None:
        """Wait for the container's end. ``None`` where the container is no longer there."""
        with self._explained("to tell how the container ended"):
            try:
                self._client.wait(name, timeout=math.ceil(timeout_s))
                state = self._client.inspect_container(name)["State"]
                # by the engine's own clock, in whole seconds: it answers with what it remembers as soon as that second is over
                ended = int(datetime.fromisoformat(state["FinishedAt"]).timestamp()) + 1
                kills = {"container": [name], "event": ["kill"]}
                asked_for = list(self._client.events(since=1, until=ended, filters=kills, decode=True))
            except NotFound:
                return None
        return Exit(int(state["ExitCode"]), oom_killed=bool(state["OOMKilled"]), was_told_to=bool(asked_for))

    def remove(self, name: str) -> bool:
        """Kill and remove the container with its volumes. Returns whether there was one that nobody else is removing."""
        with self._explained("to remove the container"):
            try:
                self._client.remove_container(name, force=True, v=True)
            except NotFound:
                return False
            except APIError as error:
                if error.status_code == requests.codes.conflict:
                    return False
                raise
        return True

    def containers(self, label: str) -> tuple[Leftover, ...]:
        """Every container with the label, running or not."""
        with self._explained("to list containers"):
            found = self._client.containers(all=True, filters={"label": label})
        return tuple(Leftover(entry["Names"][0].lstrip("/"), entry["Labels"]) for entry in found if entry["Names"])

    def image_id(self, image: str) -> str:
        """The digest of the image's configuration."""
        with self._explained("to show the image", image=image):
            return str(self._client.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]  # docker-stubs

    def image_of(self, name: str) -> str:
        """The digest of the image that the container was made from."""
        with self._explained("to show the container"):
            return str(self._client.inspect_container(name)["Image"])

    def put_files(self, name: str, folder: str, tar: bytes | BinaryIO) -> None:
        """Unpack an uncompressed archive of ours in a container that has not been started."""
        with self._explained("to take files"):
            self._client.put_archive(name, folder, tar)

    def logs(self, name: str) -> str:
        """What the container has written, at most its last hundred lines."""
        with self._explained("to show what the container wrote"):
            return str(self._client.logs(name, tail=100).decode("utf-8", "replace"))

    def commit(self, name: str, repository: str, tag: str, config: Mapping[str, Any]) -> None:
        """Make an image of what the container has become, with this configuration instead of the container's."""
        with self._explained("to make an image"):
            self._client.commit(name, repository, tag, conf=dict(config))

    def images(self, label: str) -> tuple[str, ...]:
        """The names of all images with the label, the newest first."""
        with self._explained("to list images"):
            found = self._client.images(filters={"label": label})
        ordered = sorted(found, key=lambda image: int(image["Created"]), reverse=True)
        return tuple(name for image in ordered for name in image.get("RepoTags") or ())

    def remove_image(self, name: str) -> bool:
        """Remove an image that no container uses. Returns whether it did."""
        with self._explained("to remove the image"):
            try:
                self._client.remove_image(name)
            except APIError as error:
                if error.status_code in (requests.codes.conflict, requests.codes.not_found):
                    return False
                raise
        return True

    def runtimes(self) -> frozenset[str]:
        """The runtimes that the engine knows."""
        with self._explained("to tell its runtimes"):
            return frozenset(self._client.info().get("Runtimes") or ())

    def _connect(self) -> docker.APIClient:
        # The SDK takes an empty mapping for "none given" and reads the process's own
        options = kwargs_from_env({"DOCKER_HOST": self._host, **self._environment})
        return docker.APIClient(version="auto", timeout=self._timeout_s, **options)  # type: ignore[arg-type]  # takes fractions, too

    def _knock(self) -> None:
        """Find out whether anybody listens on the local socket: where nobody does, the SDK leaks a descriptor at every try."""
        scheme, _, path = self._host.partition("://")
        if scheme == "unix":
            with socket.socket(socket.AF_UNIX) as knocking:
                knocking.settimeout(self._timeout_s)
                knocking.connect("/" + path.lstrip("/"))

    @contextmanager
    def _explained(self, what: str, image: str | None = None) -> Iterator[None]:
        try:
            self._knock()
            yield
        except ImageNotFound as error:
            raise EngineUnavailableError(f"the image {image} is not here: run `make image`") from error
        except _ENGINE_ERRORS as error:
            raise EngineUnavailableError(self._explain(error, what)) from error

    def _explain(self, error: Exception, what: str) -> str:
        causes = tuple(_causes(error))
        if isinstance(error, APIError):
            return f"the container engine refused {what}: {_one_line(error.explanation or error)}"
        if any(isinstance(cause, PermissionError) for cause in causes):
            return f"this user may not use the container engine at {self._host}: add it to the group of the socket"
        if any(isinstance(cause, (TimeoutError, requests.Timeout)) for cause in causes):
            return f"the container engine at {self._host} did not answer within {self._timeout_s:g} s: look after it"
        if any(isinstance(cause, (OSError, urllib3.exceptions.HTTPError)) for cause in causes):
            return f"no container engine answers at {self._host}: start it, or set DOCKER_HOST"
        return f"the container engine at {self._host} cannot be used: {_one_line(error)}"


def _causes(error: object, depth: int = 8) -> Iterator[BaseException]:
    """The exception and those that it was made from: the libraries hide them in ``args`` and ``reason`` as well."""
    if depth == 0 or not isinstance(error, BaseException):
        return
    yield error
    for inner in (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args):
        yield from _causes(inner, depth - 1)


def _one_line(words: object) -> str:
    return " ".join(str(words).split())[:300]
