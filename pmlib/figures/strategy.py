"""Figures of the strategy chapter: they draw what they are given and compute nothing."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import Formatter, PercentFormatter

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, new_figure, segment_colours, styled

_POLICY_NAMES = {
    "random": "Random",
    "mass": "Mass: one product for all",
    "segments": "Segments only",
    "rules": "Rules only",
    "unshrunk": "Both, effects not shrunk",
    "combined": "Segments and rules",
    "black box": "Black box, customer by customer",
}
_RATES = ("points", "per cent")


@styled
def shrinkage(cells: pd.DataFrame, *, unit: str) -> Figure:
    """Raw against shrunk effects of cells, from the 1st to the 99th percentile of the raw ones.

    Parameters
    ----------
    cells : pandas.DataFrame
        ``raw, effect`` (sales or currency a contact), ``n`` (contacts), ``kind``.
    unit : str
        "points" or "per cent" for rates, or the currency.
    """
    seen = cells.dropna(subset=["raw"])
    figure, axes = guides.panel(3.2)
    low = seen["raw"].quantile(0.01, interpolation="lower")
    high = seen["raw"].quantile(0.99, interpolation="higher")
    axes.axline((0, 0), slope=1, color=COLOURS["muted"], lw=0.9, ls="--", label="no shrinking")
    axes.legend(loc="upper left")
    size = 8 + 90 * seen["n"] / max(seen["n"].max(), 1)
    axes.scatter(
        seen["raw"], seen["effect"], s=size, color=COLOURS["main"], alpha=0.45, edgecolor="none"
    )
    marks.reference(axes, y=0, width=0.7)
    marks.reference(axes, x=0, width=0.7)
    kinds = {"uplift": "uplift", "response": "response", "association": "assumed sales"}
    kind = kinds[cells["kind"].iloc[0]]
    form = guides.POINTS if unit in _RATES else None
    label = f"Measured in the cell alone: {kind} ({unit} a contact)"
    _with_zero(axes, "x", label, (low, high), form=form, room=0.03)
    ends = (seen["effect"].min(), seen["effect"].max())
    _with_zero(axes, "y", "After shrinking", ends, form=form, room=0.08)
    return figure


def _with_zero(
    axes: Axes,
    which: Literal["x", "y"],
    label: str,
    ends: tuple[float, float],
    *,
    form: Formatter | None,
    room: float,
) -> None:
    """Let an axis reach from end to end, and to zero, with some room."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    margin = room * (high - low)
    guides.values(axes, which, label, form=form, low=low - margin, high=high + margin)


@styled
def offer_matrix(matrix: pd.DataFrame, *, currency: str) -> Figure:
    """Segments x products: what a contact earns, and how many customers are planned.

    Parameters
    ----------
    matrix : pandas.DataFrame
        ``segment, name, product, per_contact`` (currency, NaN: nobody eligible),
        ``planned`` (customers).
    """
    worth, planned = (_segments_by_product(matrix, value) for value in ("per_contact", "planned"))
    figure, axes = guides.panel(
        max(0.9 + 0.42 * len(worth) + 0.75, 2.6)
    )  # room for the bar's label
    limit = np.nanmax(np.abs(worth.to_numpy())) or 1.0
    cells = planned.map(lambda count: f"{count:,.0f}" if count else "·")
    marks.heat(axes, worth, cells=cells, bold=planned > 0, cmap="RdBu", low=-limit, high=limit,
               turn=35, bar=f"Expected profit\na contact ({currency})")  # fmt: skip
    return figure


@styled
def policies(table: pd.DataFrame, *, currency: str) -> Figure:
    """Compare policies: profit on held-out contacts with interval, and what was promised.

    Parameters
    ----------
    table : pandas.DataFrame
        ``policy, promised, held_out, low, high`` (currency).
    """
    figure, axes = guides.panel(0.6 + 0.42 * len(table))
    at = np.arange(len(table))
    colours = [COLOURS["main" if p == "combined" else "muted"] for p in table["policy"]]
    marks.ranges(axes, table, "held_out", at, colours=colours, size=38,
                 label="on held-out contacts")  # fmt: skip
    axes.scatter(
        table["promised"], at, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=26,
        zorder=4, label="promised by the optimiser",
    )  # fmt: skip
    marks.reference(axes, x=0)
    guides.rows(axes, table["policy"].map(_POLICY_NAMES), margin=0.6, lines=False)
    label = f"Profit of the campaign ({currency}), with interval"
    guides.values(axes, "x", label, form=guides.THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return figure


@styled
def flow(planned: pd.DataFrame) -> Figure:
    """Draw planned customers flowing from segments to products to channels.

    Parameters
    ----------
    planned : pandas.DataFrame
        ``segment, name, product, channel, planned`` (customers).
    """
    planned = planned.assign(
        label=planned["segment"].astype(int).astype(str) + " " + planned["name"]
    )
    figure, axes = guides.panel(3.9)
    gap = 0.035 * planned["planned"].sum()
    columns = (
        ("label", "Segment", -0.04),
        ("product", "Product", 0.04),
        ("channel", "Channel", 0.04),
    )
    feet: dict[str, dict[str, float]] = {}
    deepest = 0.0
    for x, (column, _, shift) in enumerate(columns):
        sizes = planned.groupby(column)["planned"].sum()
        feet[column] = marks.stack(
            axes, sizes, [f"{name}  {size:,.0f}" for name, size in sizes.items()], x, bottom=0,
            gap=gap, width=0.04, shift=shift, size=8, plate=column == "product",
        )  # fmt: skip
        deepest = max(deepest, sizes.sum() + gap * (len(sizes) - 1))
    palette = segment_colours(int(planned["segment"].max()))
    for x, (left, right) in enumerate((("label", "product"), ("product", "channel"))):
        starts, ends = dict(feet[left]), dict(feet[right])
        keys = ["segment", left, right] if left == "label" else [left, right, "segment"]
        bands = planned.groupby(keys, as_index=False)["planned"].sum()
        for band in bands.sort_values([left, right]).to_dict("records"):
            start, end, size = band[left], band[right], band["planned"]
            marks.ribbon(axes, (x + 0.02, x + 0.98), (starts[start], ends[end]), size,
                         colour=palette[int(band["segment"]) - 1], alpha=0.45)  # fmt: skip
            starts[start] += size
            ends[end] += size
    axes.set_xlim(-0.72, 2.42)
    axes.set_ylim(deepest, -0.06 * deepest)
    for x, (_, title, _) in enumerate(columns):
        axes.text(
            x, -0.03 * deepest, title, ha="center", va="bottom", fontweight="bold", fontsize=9
        )
    axes.axis("off")
    return figure


@styled
def power(table: pd.DataFrame, *, chosen: float, unit: str) -> Figure:
    """Smallest uplift that can be shown, against the share held out.

    Parameters
    ----------
    table : pandas.DataFrame
        ``control_share`` (share), ``detectable, expected`` (sales or currency a contact).
    chosen : float
        The share of the plan.
    unit : str
        "points" or "per cent" for rates, or the currency.
    """
    figure, axes = guides.panel(2.8)
    axes.plot(
        table["control_share"], table["detectable"], color=COLOURS["main"], marker="o", ms=4,
        label="smallest uplift shown with power 80 %",
    )  # fmt: skip
    marks.line(axes, table, "control_share", "expected", colour="accent", style="--",
               label="uplift the plan counts on")  # fmt: skip
    marks.reference(axes, x=chosen, colour="muted", width=0.9, style=":")
    axes.annotate(
        "this plan", (chosen, 0), (3, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="bottom", color=COLOURS["muted"], fontsize=8,
    )  # fmt: skip
    label = "Planned customers held out as control (per cent)"
    guides.values(axes, "x", label, form=guides.POINTS)
    label = f"Uplift a contact ({'points' if unit in _RATES else unit})"
    form = PercentFormatter(1, symbol="", decimals=1) if unit in _RATES else None
    highest = np.nanmax(table[["detectable", "expected"]].to_numpy())
    guides.values(axes, "y", label, form=form, low=0, high=1.25 * highest)
    axes.legend(loc="upper right", ncols=2)
    return figure


@styled
def limit_costs(table: pd.DataFrame, *, currency: str) -> Figure:
    """Profit that each limit costs.

    Parameters
    ----------
    table : pandas.DataFrame
        ``limit, value`` (words), ``cost`` (currency, NaN: not recorded, not drawn).
    """
    ordered = table.dropna(subset=["cost"]).sort_values("cost", kind="stable")
    figure, axes = guides.panel(0.7 + 0.3 * len(ordered))
    at = np.arange(len(ordered))
    kept = ordered["limit"].isin(["objection", "cool-down", "suitability"])
    colours = [COLOURS["muted" if law else "main"] for law in kept]
    marks.bars(axes, ordered, "cost", at, colour=colours, thickness=0.65)
    axes.set_yticks(at, ordered["limit"] + ": " + ordered["value"])
    labels = [f"{cost:,.0f}" for cost in ordered["cost"]]
    marks.notes(axes, labels, ordered["cost"], at, gap=4, size=8.5)
    label = f"Profit the plan would gain without the limit ({currency})"
    highest = 1.15 * max(ordered["cost"].max(), 1.0)
    guides.values(axes, "x", label, form=guides.THOUSANDS, low=0, high=highest)
    axes.grid(axis="y", visible=False)
    return figure


@styled
def budget_curve(table: pd.DataFrame, *, currency: str) -> Figure:
    """Profit against budget, with interval, this plan and the break-even point.

    Parameters
    ----------
    table : pandas.DataFrame
        ``budget, profit, low, high, price`` (currency), ``kind``.
    """
    figure = new_figure(3.9)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.3, 1])
    above.fill_between(table["budget"], table["low"], table["high"], color=COLOURS["light"])
    marks.line(above, table, "budget", "profit", colour="main")
    for kind, colour, words in (
        ("plan", "main", "this plan"),
        ("break-even", "accent", "break-even"),
    ):
        point = table[table["kind"] == kind].iloc[0]
        above.scatter(point["budget"], point["profit"], color=COLOURS[colour], zorder=3, s=36,
                      label=words)  # fmt: skip
        marks.reference(below, x=point["budget"], colour=colour, width=1.1, style=":")
    lowest = min(0.0, table["low"].min())
    guides.values(above, "y", f"Profit ({currency})", form=guides.THOUSANDS, low=lowest)
    above.legend(loc="lower right")
    below.step(table["budget"], table["price"], where="post", color=COLOURS["ink"])
    guides.values(below, "y", "Gained by\none more", low=0)
    guides.values(below, "x", f"Budget ({currency})", form=guides.THOUSANDS)
    return figure


@styled
def survival(decisions: pd.DataFrame) -> Figure:
    """How often an offer to a segment comes back when what was observed is drawn again.

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``segment, name, product, planned`` (customers), ``survives`` (share).
    """
    share, planned = (_segments_by_product(decisions, value) for value in ("survives", "planned"))
    figure, axes = guides.panel(max(1.65 + 0.36 * len(share), 2.6))
    marks.heat(axes, 100 * share, cells=share.map(lambda value: f"{100 * value:.0f}"), cmap="Blues",
               low=0, high=100, turn=35, bar="Per cent of draws")  # fmt: skip
    for row, column in np.argwhere(planned.to_numpy() > 0):
        frame = (column + 0.04, row + 0.06)
        axes.add_patch(Rectangle(frame, 0.92, 0.88, fill=False, ec=COLOURS["accent"], lw=1.6))
    return figure


def _segments_by_product(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a segment, named by number and name, one column a product."""
    names = table.drop_duplicates("segment").set_index("segment")["name"]
    grid = table.set_index(["segment", "product"])[value].unstack()  # noqa: PD010
    return grid.set_axis([f"{segment} {names[segment]}" for segment in grid.index])


@styled
def against_truth(table: pd.DataFrame, *, currency: str) -> Figure:
    """What policies expect and what they truly earn.

    Parameters
    ----------
    table : pandas.DataFrame
        ``policy, expected, true, oracle`` (currency).
    """
    figure, axes = guides.panel(0.9 + 0.36 * len(table))
    at = np.arange(len(table))[::-1]
    marks.bars(axes, table, "true", at, colour="good", thickness=0.55, label="true profit")
    axes.scatter(
        table["expected"], at, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=28,
        zorder=4, label="expected when planning",
    )  # fmt: skip
    marks.reference(axes, x=table["oracle"].iloc[0], width=1, style="--", label="oracle")
    marks.reference(axes, x=0)
    axes.set_yticks(at, table["policy"].map(_POLICY_NAMES))
    guides.values(axes, "x", f"Profit of the campaign ({currency})", form=guides.THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    axes.grid(axis="y", visible=False)
    return figure
