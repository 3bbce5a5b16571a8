"""Paths with environment variables, and files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from gjax.errors import MissingDataError

__all__ = ["expand_path", "write_atomic"]


def expand_path(path: str | os.PathLike[str]) -> Path:
    """Expand ``$GAMMAPY_DATA`` (and any other variable) and ``~`` in a path.

    Parameters
    ----------
    path
        A path that may hold environment variables.

    Raises
    ------
    MissingDataError
        If a variable in the path is not set.

    Examples
    --------
    >>> import os
    >>> os.environ["MY_DATA"] = "/data"
    >>> expand_path("$MY_DATA/events.fits").as_posix()
    '/data/events.fits'
    """
    expanded = os.path.expanduser(os.path.expandvars(os.fspath(path)))
    if "$" in expanded:
        name = expanded[expanded.index("$") + 1 :].split("/")[0].strip("{}")
        raise MissingDataError(f"path {os.fspath(path)!r}: the environment variable {name} is not set")
    return Path(expanded)


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], None], *, overwrite: bool = False) -> Path:
    """Write a file under a temporary name and rename it, so that a crash never leaves half a file.

    Parameters
    ----------
    path
        Final path; missing folders are made.
    write
        Called with the temporary path (same suffixes).
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    path = expand_path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=suffix)
    os.close(handle)
    os.unlink(name)
    try:
        write(Path(name))
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path
