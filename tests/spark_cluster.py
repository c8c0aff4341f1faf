"""A real Spark cluster on this machine: a master and two workers, each a process of its own.

    python tests/spark_cluster.py        # starts one, says its address, ends with Ctrl-C

Then ``python run_all.py --engine spark://127.0.0.1:PORT`` runs on it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

HOST, WORKERS, PATIENCE = "127.0.0.1", 2, 120.0
DEPLOY = "org.apache.spark.deploy"


class Cluster:
    """A running cluster: its address, and its workers, the first that has work first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("master", f"{DEPLOY}.master.Master", "--port", "0", "--webui-port", "0")
        self.address = self._read("master", rf"spark://{HOST}:\d+")[0]
        for number in range(WORKERS):
            work = [
                "--work-dir",
                str(folder),
                "--webui-port",
                "0",
                "--cores",
                "1",
                "--memory",
                "1g",
            ]
            self._start(f"worker{number}", f"{DEPLOY}.worker.Worker", *work, self.address)
        self._read("master", "Registering worker", times=WORKERS)

    def kill_a_worker(self) -> None:
        """End a worker that runs an executor at once, as a machine that loses its power does."""
        for number, worker in enumerate(self._processes[1:]):
            if "Asked to launch executor" in self._log(f"worker{number}").read_text("utf-8"):
                worker.kill()
                worker.wait()
                return
        raise AssertionError("no worker has had anything to do")

    def stop(self) -> None:
        """End all that runs."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, name: str, role: str, *options: str) -> None:
        spec = find_spec("pyspark")
        assert spec is not None
        assert spec.origin is not None
        command = [str(Path(spec.origin).parent / "bin" / "spark-class"), role, "--host", HOST]
        own = os.environ | {"SPARK_LOCAL_IP": HOST}
        with self._log(name).open("wb") as log:
            process = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=own)
        self._processes.append(process)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _read(self, name: str, pattern: str, times: int = 1) -> list[str]:
        """Wait until a log says something so many times."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            said = self._log(name).read_text("utf-8", errors="replace")
            if len(found := re.findall(pattern, said)) >= times:
                return found
            time.sleep(0.2)
        raise AssertionError(f"{name} did not say {pattern!r} in {PATIENCE:.0f} s:\n{said}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that is gone afterwards, with its folder."""
    folder = Path(tempfile.mkdtemp(prefix="pmlib-spark-"))
    started = None
    try:
        started = Cluster(folder)
        yield started
    finally:
        if started is not None:
            started.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    with cluster() as running:
        print(f"{running.address}  (export SPARK_LOCAL_IP={HOST})", flush=True)
        while True:
            time.sleep(1)
