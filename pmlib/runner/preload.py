"""What the fork server imports before it forks kernels: the import lines that it is told.

A line that fails says nothing here: it fails again in its notebook, with a traceback.
"""

import os
from contextlib import suppress

IMPORTS = "PMLIB_IMPORTS"
"""Environment variable of import lines."""

for _line in os.environ.pop(IMPORTS, "").splitlines():
    with suppress(Exception):
        exec(_line, {})  # noqa: S102 - lines of the project's own notebooks
