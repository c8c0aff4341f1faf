"""Kernels of the stages: processes forked from one that has imported already what they import.

On Linux the standard library's fork server imports them once. Elsewhere, where a process with these
libraries cannot be forked safely, each kernel starts by itself, as Jupyter starts it.
"""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

from pmlib.owner import end_with_parent
from pmlib.params import PROJECT
from pmlib.runner.preload import IMPORTS

# Results must not depend on how many cores a machine has: a threaded sum adds up in another
# order. The hash order of strings is fixed for the same reason.
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

FORKED = sys.platform == "linux"  # whether kernels are forked

# What every kernel needs, and what more than one chapter imports only where it comes to it; not
# statsmodels, which imports polars where that is installed, and polars starts a thread.
_ALWAYS = (
    "import ipykernel.kernelapp",
    "import matplotlib.backends.backend_svg",
    "import seaborn",
    "import sklearn.compose, sklearn.ensemble, sklearn.linear_model, sklearn.model_selection",
)

_IMPORT = re.compile(r'"((?:from [\w.]+ )?import [\w., ]+)')


def environment() -> dict[str, str]:
    """Environment variables of a kernel that differ from those of this process."""
    path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return ENVIRONMENT | {"PYTHONPATH": path}


def import_for(notebooks: Iterable[Path]) -> None:
    """Let the fork server import what notebooks import; nothing where none is used, or it runs."""
    if not FORKED:
        return
    lines = [line for path in notebooks for line in _IMPORT.findall(path.read_text("utf-8"))]
    lines = list(dict.fromkeys([*_ALWAYS, *lines]))
    before = os.environ.copy()
    # Ctrl-C goes to the whole process group, but only this process is to answer it: a child that
    # starts while the signal is ignored goes on ignoring it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Arrow's allocator would start a thread: a process to fork from has one only.
    one_thread = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
    os.environ.update(environment() | one_thread | {IMPORTS: "\n".join(lines)})
    try:
        forkserver.set_forkserver_preload(["pmlib.runner.preload"])
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, handler)
        os.environ.clear()
        os.environ.update(before)


def kernel_manager(marks: Mapping[str, str], folder: Path) -> type:
    """Class of managers of this interpreter's kernels, whatever kernels are installed for others.

    `marks` are more environment variables of the kernel, `folder` is the one it works in.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            # jupyter_client interrupts an idle kernel before it ends it, and the kernel logs that
            # as an error; what goes wrong in a cell is in the notebook.
            quiet = get_kernel_dict(extra_arguments=["--log-level=CRITICAL"])
            return KernelSpec(resource_dir="", **quiet)

        async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
            kw |= {"cwd": str(folder), "env": kw["env"] | environment() | marks}
            if not FORKED:
                await super()._async_launch_kernel(kernel_cmd, **kw)
                return
            after = kernel_cmd.index("ipykernel_launcher") + 1
            process = _Forked(kernel_cmd[after:], kw["env"], kw["cwd"])
            provisioner: Any = self.provisioner
            provisioner.process, provisioner.pid = process, process.pid

    return OwnKernel


def end() -> None:
    """End the fork server, whose kernels have ended."""
    server: Any = vars(forkserver)["_forkserver"]  # there is no public way
    with suppress(ChildProcessError):  # it was killed
        server._stop()  # noqa: SLF001
    server._forkserver_pid = None  # noqa: SLF001


class _Forked:
    """A forked kernel, with what jupyter_client asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: str) -> None:
        asked = (arguments, env, folder)
        self._process = get_context("forkserver").Process(target=_serve, args=asked)
        self._process.start()
        self.pid: int = self._process.ident or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _serve(arguments: Sequence[str], env: Mapping[str, str], folder: str) -> None:
    """Be a kernel until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()  # Ctrl-C is answered by the run alone
    end_with_parent()
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    os.chdir(folder)
    IPKernelApp.launch_instance(list(arguments))
    atexit._run_exitfuncs()  # noqa: SLF001 - multiprocessing leaves them out
