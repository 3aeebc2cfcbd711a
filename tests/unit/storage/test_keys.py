"""The signing key and its public keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from app.errors import SettingsError, UnavailableError
from app.storage.keys import key_id_of, load_or_create_key, load_public_keys, read_public_key

ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
PLAIN = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def a_key_file(path: Path, content: bytes = PLAIN, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "keys"
    before = os.umask(0)
    try:
        key = load_or_create_key(folder)
    finally:
        os.umask(before)

    assert (folder / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.rglob("*.pem")) == sorted(["signing-key.pem", f"{key.key_id}.pem"])
    assert not list(folder.rglob("*.draft"))


def test_later_starts_have_the_same_key(tmp_path: Path) -> None:
    first, second = load_or_create_key(tmp_path), load_or_create_key(tmp_path)

    assert first.key_id == second.key_id == key_id_of(first.public_key)
    Ed25519PublicKey.from_public_bytes(second.public_key).verify(first.sign(b"statement"), b"statement")


def test_a_key_that_is_given_is_used_and_only_its_public_half_is_kept(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "keys", a_key_file(tmp_path / "given.pem"))

    assert key.public_key == ED25519.public_key().public_bytes_raw()
    assert [path.name for path in (tmp_path / "keys").rglob("*.pem")] == [f"{key.key_id}.pem"]


def test_after_a_rotation_the_old_public_key_is_still_there(tmp_path: Path) -> None:
    old = load_or_create_key(tmp_path)
    (tmp_path / "signing-key.pem").unlink()
    new = load_or_create_key(tmp_path)

    assert load_public_keys(tmp_path) == {old.key_id: old.public_key, new.key_id: new.public_key}


def test_a_draft_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".signing-key.pem.0123.draft").write_bytes(b"half a key")

    load_or_create_key(tmp_path)

    assert not list(tmp_path.glob(".*"))


def test_a_key_does_not_show_itself(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path)

    assert repr(key) == f"SigningKey(key_id='{key.key_id}')"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key in PEM"),
        (ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")), "encrypted"),
        (
            generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "not an Ed25519 key",
        ),
    ],
    ids=["empty", "garbage", "encrypted", "another kind"],
)
def test_what_is_no_signing_key_stops_the_start_with_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_or_create_key(tmp_path / "keys", a_key_file(tmp_path / "given.pem", content))


def test_a_key_that_is_given_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_or_create_key(tmp_path, tmp_path / "nowhere.pem")


@pytest.mark.parametrize(
    ("mode", "own", "given"), [(0o400, True, True), (0o640, False, True), (0o660, False, False), (0o604, False, False)]
)
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int, own: bool, given: bool) -> None:
    doors = [(own, tmp_path / "a", None), (given, tmp_path / "b", a_key_file(tmp_path / "given.pem", mode=mode))]
    (tmp_path / "a").mkdir()
    a_key_file(tmp_path / "a" / "signing-key.pem", mode=mode)
    for accepted, folder, path in doors:
        if accepted:
            assert load_or_create_key(folder, path).public_key == ED25519.public_key().public_bytes_raw()
        else:
            with pytest.raises(SettingsError, match="chmod 600"):
                load_or_create_key(folder, path)


def test_a_public_key_that_is_not_the_key_of_its_name_is_refused(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path)
    path = tmp_path / "public" / f"{key.key_id}.pem"
    path.write_bytes(load_or_create_key(tmp_path / "other").public_pem)

    with pytest.raises(SettingsError, match="not the public key"):
        load_or_create_key(tmp_path)
    with pytest.raises(SettingsError, match="not the key that its name says"):
        load_public_keys(tmp_path)


@pytest.mark.parametrize("content", [b"", PLAIN, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError, match="not an Ed25519 public key"):
        read_public_key(a_key_file(tmp_path / "key.pem", content))


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(UnavailableError):
        load_or_create_key(tmp_path / "file" / "keys")
