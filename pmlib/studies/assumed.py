"""What if: costs, capacities and margins taken to be other than the study has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pmlib.errors import StudyError

if TYPE_CHECKING:
    import narwhals as nw

    from pmlib.params import Parameters
    from pmlib.studies.spec import StudySpec


@dataclass(frozen=True)
class Channel:
    """A channel of contact: the cost of one contact (currency) and how many it can carry."""

    name: str
    cost: float
    capacity: int | None = None


def channels(spec: StudySpec, params: Parameters) -> tuple[Channel, ...]:
    """The study's channels, at the costs and capacities that parameters ask for.

    StudyError where a parameter names a channel that the study does not have.
    """
    declared = [Channel(**channel.model_dump()) for channel in spec.channels]
    names = [channel.name for channel in declared]
    _require("channel", "cost", params.channel_cost, names)
    _require("channel", "capacity", params.channel_capacity, names)
    return tuple(
        Channel(
            channel.name,
            params.channel_cost.get(channel.name, channel.cost),
            int(params.channel_capacity[channel.name])
            if channel.name in params.channel_capacity
            else channel.capacity,
        )
        for channel in declared
    )


def margins(tables: Mapping[str, Path], params: Parameters) -> dict[str, float]:
    """Margins asked for by product; StudyError where the study has no such product."""
    if params.product_margin:
        import pyarrow.parquet as pq

        products = tables.get("products")
        column = pq.read_table(products, columns=["product_id"])[0].to_pylist() if products else []
        _require("product", "margin", params.product_margin, [str(name) for name in column])
    return dict(params.product_margin)


def _require(kind: str, what: str, asked: Collection[str], known: Collection[str]) -> None:
    for name in asked:
        if name not in known:
            raise StudyError(
                f"A parameter names a {kind} that the study does not have.",
                where=f"{kind}.{name}.{what}",
                rule=f"one of {', '.join(sorted(known))}" if known else f"the study has no {kind}s",
                found=name,
                remedy="--list-parameters tells how such a parameter is named.",
            )


def with_margins(products: nw.LazyFrame, margins: Mapping[str, float]) -> nw.LazyFrame:
    """Put margins in place of those of a table of products."""
    import narwhals as nw

    if not margins:
        return products
    recorded = "annual_margin" in products.collect_schema().names()
    margin = (nw.col("annual_margin") if recorded else nw.lit(None)).cast(nw.Float64)
    for name, value in margins.items():
        is_it = nw.col("product_id").cast(nw.String) == name
        margin = nw.when(is_it).then(nw.lit(value)).otherwise(margin)
    return products.with_columns(annual_margin=margin)
