# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterable


def _mode() -> int:
    """As a file gets it that is opened to be written: mkstemp gives less."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_whole(path: str, parts: Iterable[str], errors: str = "strict") -> int:
    """The parts as UTF-8, how many bytes. A temporary file beside it, which is on the disk before it takes the name: what
    was there before stays when anything fails (OSError)."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors=errors, newline="") as f:
            for part in parts:
                f.write(part)
            f.flush()
            os.fsync(f.fileno())
            size = f.tell()
        os.chmod(temporary, _mode())
        os.replace(temporary, path)
        return size
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
