"""What all tests share: figures without a screen, and kernels that add up as those of a run do."""

from __future__ import annotations

import os

from pmlib.runner.run import ENVIRONMENT

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.update(ENVIRONMENT)
