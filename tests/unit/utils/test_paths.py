"""Which paths stay inside a repository."""

from __future__ import annotations

import pytest

from app.utils.paths import normalise_path


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("foo..bar.py", "foo..bar.py"),
        ("app/[...slug]/page.tsx", "app/[...slug]/page.tsx"),
        ("a file: with colons.txt", "a file: with colons.txt"),
        ("./src//a.py", "src/a.py"),
        ("src\\pkg\\a.py", "src/pkg/a.py"),
        ("...", "..."),
        ("100%.txt", "100%.txt"),
        ("%41.txt", "%41.txt"),
        ("naïve/日本.py", "naïve/日本.py"),
        ("a:b/c", "a:b/c"),
        (".hidden", ".hidden"),
    ],
)
def test_ordinary_paths_are_normalised(written: str, path: str) -> None:
    assert normalise_path(written) == path


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "./",
        "../a",
        "a/../../b",
        "a/..",
        "..\\a",
        "/etc/passwd",
        "\\\\host\\share",
        "C:\\windows",
        "c:/windows",
        "%2e%2e/a",
        "%2e%2e%2fa",
        "%252e%252e%252fa",
        "..%2fa",
        "%2fetc",
        "a\x00b",
        "a%00b",
        "a\nb",
        "x" * 1025,
    ],
)
def test_what_leaves_the_repository_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid file path"):
        normalise_path(written)
