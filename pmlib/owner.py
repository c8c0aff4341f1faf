"""One folder, one owner: two runs never work in one folder, and one that is gone writes no more."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from multiprocessing import connection, parent_process
from pathlib import Path
from threading import Thread

import filelock
import psutil

from pmlib.errors import StudyError

LOCK = ".lock"
"""Lock file of a folder that is worked in; it tells who does."""

RUN = "PMLIB_RUN"
"""Environment variable by which the processes of a run know it: its process and when it began."""


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Work in a folder alone, while the block lasts.

    The lock is the operating system's: it ends with the process that holds it, however that ends.

    A folder that is missing is made.

    Raises
    ------
    StudyError
        Another process works in the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(
            folder / LOCK, timeout=0, preserve_lock_file=True, on_acquired=_sign
        )
        try:
            lock.acquire()
        except filelock.Timeout:
            raise StudyError(
                "Another run works in this folder.",
                where=str(folder),
                rule="one run at a time",
                found=(folder / LOCK).read_text(encoding="utf-8") or "one that has just begun",
                remedy="Wait until it has ended, or choose another folder with --out.",
            ) from None
    except OSError as error:
        raise StudyError(
            "The folder cannot be written.",
            where=str(folder),
            found=error.strerror or str(error),
            remedy="Free space, or choose a folder you may write to.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _sign(descriptor: int) -> None:
    now = dt.datetime.now().astimezone().isoformat(" ", "seconds")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {platform.node()} since {now}".encode())


def mark() -> dict[str, str]:
    """Environment of the processes that work for this one."""
    return {RUN: f"{os.getpid()} {_began(os.getpid())}"}


def _began(number: int) -> str | None:
    """When a process began, as no change of the clock moves it; None where there is none."""
    if Path("/proc/self/stat").is_file():  # in ticks since the machine started
        with suppress(OSError):
            return Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
        return None
    with suppress(psutil.NoSuchProcess):
        return str(psutil.Process(number).create_time())
    return None


def require_run() -> None:
    """Refuse, by StudyError, to go on for a run that has ended; nothing where no run began this."""
    if RUN not in os.environ:
        return
    number, began = os.environ[RUN].split()
    if _began(int(number)) != began:
        raise StudyError(
            "The run that this process works for has ended.",
            found=f"no process {number} of that run",
            remedy="Nothing was written. Start the run again.",
        )


def joined(folder: Path) -> AbstractContextManager[None]:
    """Write into a run's folder: for the run that works there, or else alone.

    Raises
    ------
    StudyError
        That run has ended, or another one works in the folder.
    """
    require_run()
    return nullcontext() if RUN in os.environ else owned(folder)


def end_with_parent() -> None:
    """Let this process, with all that it started, end as soon as the process that began it does."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_watch, args=[parent.sentinel], daemon=True).start()


def _watch(parent: int) -> None:
    connection.wait([parent])
    kill_children()
    os._exit(1)


def kill_children() -> None:
    """End every process that this one started, with all that those started."""
    halted: dict[int, psutil.Process] = {}
    found = True
    while found:  # a process halted first cannot start another one while its children are sought
        found = False
        for child in psutil.Process().children(recursive=True):
            try:
                # multiprocessing's own bookkeeper ends by itself, and complains when killed.
                if child.pid not in halted and "resource_tracker" not in " ".join(child.cmdline()):
                    child.suspend()
                    halted[child.pid] = child
                    found = True
            except psutil.NoSuchProcess:
                continue
    for child in halted.values():
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(list(halted.values()), timeout=10)
