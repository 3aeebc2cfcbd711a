"""The server's signing key, and the public keys of all keys it ever had.

Rotation: put another key in place of ``signing-key.pem`` (or remove it) and start again. Public keys stay, so that what was
signed before can be verified for ever.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.errors import SettingsError
from app.storage.disk import disk_errors
from app.utils.atomic import create_file, draft_name, fsync_folder

KEY_FILE = "signing-key.pem"
PUBLIC_FOLDER = "public"


class SigningKey:
    """An Ed25519 private key. It signs and is never shown."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = raw_public_key(private.public_key())

    @property
    def key_id(self) -> str:
        """Tells its public key from others."""
        return key_id_of(self._public)

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self._public

    @property
    def public_pem(self) -> bytes:
        """The public key as others take it."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, statement: bytes) -> bytes:
        """The signature of a statement, 64 bytes."""
        return self._private.sign(statement)

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.key_id!r})"


def load_or_create_key(folder: Path, given: Path | None = None) -> SigningKey:
    """The key to sign with: the one given, else the one in ``folder``, else a new one, kept there for its owner alone.

    Its public key lies in ``folder/public`` afterwards. One process at a time may call this for a folder.

    Raises:
        SettingsError: the file is no private Ed25519 key in PEM without password, or others may read it.
        UnavailableError: the folder cannot be used.
    """
    with disk_errors():
        _make_folders(folder)
        key = _load_key(given, _refuse_strangers) if given is not None else _own_key(folder)
        _publish(folder, key)
    return key


def load_public_keys(folder: Path) -> dict[str, bytes]:
    """The raw public keys of all keys that ``folder`` ever had, by key id.

    Raises:
        SettingsError: a file among them is not the public key that its name says.
        UnavailableError: the folder cannot be used.
    """
    with disk_errors():
        paths = sorted((folder / PUBLIC_FOLDER).glob("[!.]*.pem"))
        keys = {path.stem: read_public_key(path) for path in paths}
    for key_id, public in keys.items():
        if key_id_of(public) != key_id:
            raise SettingsError(f"The public key {key_id}.pem is not the key that its name says.")
    return keys


def read_public_key(path: Path) -> bytes:
    """The raw public key in a PEM file, 32 bytes.

    Raises:
        SettingsError: it is not an Ed25519 public key in PEM.
    """
    try:
        public = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise SettingsError(f"{path} is not an Ed25519 public key in PEM format.")
    return raw_public_key(public)


def key_id_of(public: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a raw public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def raw_public_key(public: Ed25519PublicKey) -> bytes:
    """The 32 bytes of RFC 8032, section 5.1.5."""
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _make_folders(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = folder / PUBLIC_FOLDER
    if not public.is_dir():
        public.mkdir(mode=0o755, exist_ok=True)
        fsync_folder(folder)
        fsync_folder(folder.parent)


def _own_key(folder: Path) -> SigningKey:
    path = folder / KEY_FILE
    for draft in folder.glob(f".{KEY_FILE}.*.draft"):
        draft.unlink(missing_ok=True)  # of a process that did not live to finish it
    if not path.exists():
        _create_secret(path, _private_pem(Ed25519PrivateKey.generate()))
    return _load_key(path, _refuse_everybody)


def _load_key(path: Path, check_mode: Callable[[Path, int], None]) -> SigningKey:
    try:
        with path.open("rb") as file:
            check_mode(path, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
            private = load_pem_private_key(file.read(), password=None)
    except FileNotFoundError:
        raise SettingsError(f"The signing key {path} does not exist.") from None
    except PermissionError:
        raise SettingsError(f"The signing key {path} may not be read by the user that the server runs as.") from None
    except TypeError:
        raise SettingsError(f"The signing key {path} is encrypted; the server cannot ask for its password.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError(f"The signing key {path} is not a private key in PEM format (PKCS #8).") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsError(f"The signing key {path} is not an Ed25519 key.")
    return SigningKey(private)


def _refuse_everybody(path: Path, mode: int) -> None:
    if mode & 0o077:
        raise SettingsError(f"The signing key {path} is open to other users (mode {mode:04o}); run: chmod 600 {path}")


def _refuse_strangers(path: Path, mode: int) -> None:
    """Secrets that an orchestrator mounts are often readable by the group; nothing more is taken."""
    if mode & 0o027:
        raise SettingsError(f"The signing key {path} is open to other users (mode {mode:04o}); run: chmod 600 {path}")


def _create_secret(target: Path, content: bytes) -> None:
    """Put a new file in place, durably, that nobody but its owner could read at any moment."""
    draft = draft_name(target)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    fsync_folder(target.parent)


def _private_pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _publish(folder: Path, key: SigningKey) -> None:
    path = folder / PUBLIC_FOLDER / f"{key.key_id}.pem"
    if not path.exists():
        create_file(path, key.public_pem)
    if read_public_key(path) != key.public_key:
        raise SettingsError(f"{path} is not the public key of the signing key. Move it away; it is written anew.")
