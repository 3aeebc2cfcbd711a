"""The tree as an archive: the same files give the same bytes, so that sending it again is sending the same."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from app.recorder.files import Contents, SeenFile
from app.utils.atomic import draft_name, fsync_folder


def write_archive(target: Path, files: Mapping[str, SeenFile], contents: Contents, root: Path) -> list[str]:
    """Put a gzipped tar archive of the files in place, whole. Returns the names of those that could not be put in.

    Files whose content is not held are taken from the work tree, where they still are what was recorded of them.
    """
    missing: list[str] = []
    draft = draft_name(target)
    with draft.open("xb") as file:
        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path, seen in sorted(files.items()):
                if not _add(tar, path, seen, contents, root):
                    missing.append(path)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    fsync_folder(target.parent)
    return missing


def _add(tar: tarfile.TarFile, path: str, seen: SeenFile, contents: Contents, root: Path) -> bool:
    info = tarfile.TarInfo(path)
    info.mode = 0o755 if seen.executable else 0o644
    if seen.is_held:
        content = contents.find(seen.sha256)
        if content is None:
            return False
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        return True
    try:
        with (root / path).open("rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            tar.addfile(info, file)
    except OSError:
        return False
    return True
