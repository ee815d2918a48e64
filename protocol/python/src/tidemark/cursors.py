"""Where a reader is to go on after its own restart: positions, and the file that keeps one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Protocol, Union

from . import wire
from .errors import StateError, WireError


@dataclass(frozen=True)
class Position:
    """All numbers of a daemon's numbering below `next` are done with. `source` is the daemon's name."""

    source: str
    epoch: int
    next: int


class Cursor(Protocol):
    """What keeps a position: a file, a row in a database, a key in a store."""

    def load(self) -> Optional[Position]:
        """The position that was saved last; None when none was."""

    def save(self, position: Position) -> None:
        """Keeps a position; on return it must outlive this process."""


class FileCursor:
    """A position in a file, replaced as a whole; on return from `save` it is on the disk. One reader may use it."""

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self._path = Path(path)

    def load(self) -> Optional[Position]:
        """StateError when there is a file that holds no position: who resumes from nowhere would lose silently."""
        said = read_json(self._path)
        if said is None:
            return None
        try:
            epoch, following = (wire.decimal(said, key, least=1) for key in ("epoch", "next"))
            return Position(wire.text(said, "source"), epoch, following)
        except WireError as error:
            raise StateError(f"{self._path} holds no cursor: {error.detail}") from None

    def save(self, position: Position) -> None:
        replace_json(self._path, {"source": position.source, "epoch": str(position.epoch), "next": str(position.next)})


def as_cursor(given: Union[str, os.PathLike[str], Cursor, None]) -> Optional[Cursor]:
    """The cursor in what a user gives: a path, or an object with `load` and `save`."""
    if given is None:
        return None
    if isinstance(given, (str, os.PathLike)):
        return FileCursor(given)
    if callable(getattr(given, "load", None)) and callable(getattr(given, "save", None)):
        return given
    raise TypeError(f"cursor is a {type(given).__name__}: a path, or an object with load() and save()")


def read_json(path: Path) -> Optional[dict[str, Any]]:
    """The object in a file; None when there is no file, StateError when it holds anything else."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return wire.load(raw, "file")
    except WireError as error:
        raise StateError(f"{path} is damaged: {error.detail}") from None


def replace_json(path: Path, value: dict[str, Any]) -> None:
    """Writes beside the file, brings it to the disk, and only then puts it in the file's place. Costs a few ms."""
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Brings names in a folder to the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
