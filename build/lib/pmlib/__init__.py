"""A reproducible case study of precision marketing at a bank.

Five notebooks talk to this package; read it in the order of its layers:

0. ``errors``, ``params``, ``schema``, ``engine``, ``artifacts``: typed parameters, table
   contracts, the DuckDB or Spark engine, and what passes between chapters
1. ``studies``, ``casebank``: where the canonical tables come from; ``canon``: what they mean
2. ``profiling``, ``segmentation``, ``association``, ``strategy``, ``evaluation``,
   ``safeguards``: the methods, one per chapter
3. ``figures``, ``tables``: drawing and formatting, no computation
4. ``report``, ``runner``: chapters on a page, and the run that makes them
"""

from __future__ import annotations

__version__ = "0.1.0"
