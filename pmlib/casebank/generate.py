"""Draw a bank from a world and write its canonical tables and its truth.

Customers are drawn in blocks, each from its own seeded stream, and written as they come: memory
does not grow with the bank, and a bank of 2n customers begins with the bank of n.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pmlib.casebank import dirt
from pmlib.casebank.block import AS_OF, Block
from pmlib.casebank.world import World
from pmlib.files import write_json

if TYPE_CHECKING:
    from pmlib.params import Parameters

BLOCK = 20_000
"""Customers drawn at a time."""


def world_of(params: Parameters) -> World:
    """Return the world that a study's parameters describe."""
    return World(
        params.world,
        params.seed,
        segment_strength=params.segment_strength,
        rule_strength=params.rule_strength,
        effect_strength=params.effect_strength,
    )


def generate(params: Parameters, folder: Path) -> list[str]:
    """Write ``tables/*.parquet`` and ``truth/`` of a simulated bank into a folder.

    With a ``dirty_share``, the damaged tables go to ``raw`` first, and `pmlib.casebank.dirt.clean`
    makes ``tables`` of them. Returns what cleaning found, a sentence a finding. Of `params`, those
    named in `pmlib.studies.study.SIMULATION` are used.
    """
    world = world_of(params)
    tables, hidden, raw = folder / "tables", folder / "truth", folder / "raw"
    for place in (tables, hidden, raw):
        place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(world.products), tables / "products.parquet")
    damage: Counter[str] = Counter()
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        drawn = blocks(world, n_customers=params.n_customers, n_months=params.n_months)
        for number, clean_block in enumerate(drawn):
            block = clean_block
            if params.dirty_share:
                rng = np.random.default_rng([world.seed, number, 1])
                block, done = dirt.soil(clean_block, share=params.dirty_share, rng=rng)
                damage.update(done)
            for name, table in block.items():
                if name not in writers:
                    soiled = params.dirty_share and name in dirt.SOILED
                    place = hidden if name == "truth" else raw if soiled else tables
                    file = "customers" if name == "truth" else name
                    target = place / f"{file}.parquet"
                    writer = pq.ParquetWriter(target, table.schema, compression="zstd")
                    writers[name] = stack.enter_context(writer)
                writers[name].write_table(table)
    write_json(asdict(world), hidden / "world.json")
    if not params.dirty_share:
        raw.rmdir()
        return []
    write_json(damage, hidden / "damage.json")
    return dirt.clean(raw, tables, as_of=AS_OF)


def blocks(world: World, *, n_customers: int, n_months: int) -> Iterator[dict[str, pa.Table]]:
    """Draw a bank block by block.

    Each has ``customers``, ``holdings``, ``transactions``, ``contacts`` in canonical form, and
    ``truth``: customer_id, customer_no, segment (1 to 6), basket (bits in catalogue order).
    """
    for start in range(0, n_customers, BLOCK):
        rng = np.random.default_rng([world.seed, start // BLOCK])
        block = Block(world, rng, start, min(BLOCK, n_customers - start), n_months)
        names = ("customers", "holdings", "transactions", "contacts", "truth")
        yield {name: getattr(block, name)() for name in names}  # in the order of the draws
