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
from pmlib.figures.style import COLOURS, drawing, new_figure, segment_colours
from pmlib.numbers import Finding, Level
from pmlib.texts import Words


@drawing("fig-shrinkage", of="shrinkage", beside=True)
def shrinkage(found: Finding, words: Words) -> Figure | None:
    """Raw against shrunk effects of cells, from the 1st to the 99th percentile of the raw ones."""
    seen = found.of("shrinkage").dropna(subset=["raw"])
    if len(seen) <= 2:
        return None
    figure, axes = guides.panel(3.2)
    low = seen["raw"].quantile(0.01, interpolation="lower")
    high = seen["raw"].quantile(0.99, interpolation="higher")
    axes.axline(
        (0, 0), slope=1, color=COLOURS["muted"], lw=0.9, ls="--", label=words("no_shrinking")
    )
    guides.key(figure)
    size = 8 + 90 * seen["n"] / max(seen["n"].max(), 1)
    axes.scatter(
        seen["raw"], seen["effect"], s=size, color=COLOURS["main"], alpha=0.45, edgecolor="none"
    )
    marks.reference(axes, y=0, width=0.7)
    marks.reference(axes, x=0, width=0.7)
    unit = found.quotes["unit"]
    form = None if unit == "currency" else guides.POINTS
    label = words(f"raw.{unit}", effect=Level("fig-shrinkage.effect", found.quotes["effect"]))
    _with_zero(axes, "x", label, (low, high), form=form, room=0.03)
    ends = (seen["effect"].min(), seen["effect"].max())
    _with_zero(axes, "y", words("shrunk"), ends, form=form, room=0.08)
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


@drawing("fig-offers", of="offers")
def offer_matrix(found: Finding, words: Words) -> Figure | None:
    """Segments x products: what a contact earns, and how many are contacted; if more than one."""
    matrix = found.of("offers")
    worth, offers = (_segments_by_product(matrix, value) for value in ("per_contact", "offers"))
    if worth.size == 1:
        return None
    # Room for the bar's label.
    figure, axes = guides.panel(max(0.9 + 0.42 * len(worth) + 0.75, 2.6))
    limit = np.nanmax(np.abs(worth.to_numpy())) or 1.0
    cells = offers.map(lambda count: words.number(count, "count") if count else "·")
    marks.heat(axes, worth, cells=cells, bold=offers > 0, cmap="RdBu", low=-limit, high=limit,
               turn=35, bar=guides.wrapped(words("profit"), 16))  # fmt: skip
    return figure


@drawing("fig-positions")
def positions(found: Finding, words: Words) -> Figure | None:
    """Segments by value and fit; not drawn where no value is known."""
    table, unit = found.table, found.quotes["unit"]
    if table["value"].isna().any():
        return None
    figure, axes = guides.panel(3.1 + 0.12 * len(table))
    for row, colour in zip(table.itertuples(), segment_colours(len(table)), strict=True):
        growth = "" if np.isnan(row.growth) else f"{row.growth:+.2f}".replace("-", "−")
        label = words("segment", segment=row.segment, called=row.name, growth=growth)
        axes.hlines(row.value, row.low, row.high, color=colour, linewidth=1.2)
        axes.scatter(row.fit, row.value, s=40 + 1500 * row.share, color=colour, alpha=0.6,
                     edgecolor="none")  # fmt: skip
        axes.scatter([], [], s=30, color=colour, label=label)
        axes.annotate(str(row.segment), (row.fit, row.value), ha="center", va="center",
                      fontsize=8, fontweight="bold")  # fmt: skip
    marks.reference(axes, y=1, colour="muted", style="--")
    marks.reference(axes, x=0, width=0.7)
    form = None if unit == "currency" else guides.POINTS
    kind = found.quotes["kind"]
    guides.values(axes, "x", words(f"fit.{unit}", kind=kind), form=form)
    guides.values(axes, "y", words("value"), low=0, high=1.2 * max(table["value"].max(), 1))
    guides.key(figure, place="outside lower center", columns=2)
    return figure


@drawing("fig-policies")
def policies(found: Finding, words: Words) -> Figure:
    """Compare policies: profit on held-out contacts with interval, and what was promised."""
    table = found.table
    figure, axes = guides.panel(0.6 + 0.42 * len(table))
    at = np.arange(len(table))
    colours = [COLOURS["main" if p == "combined" else "muted"] for p in table["policy"]]
    marks.ranges(axes, table, "held_out", at, colours=colours, size=38, label=words("held_out"))
    axes.scatter(
        table["promised"], at, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=26,
        zorder=4, label=words("promised"),
    )  # fmt: skip
    marks.reference(axes, x=0)
    names = words.levels("policy_in_full", table["policy"])
    guides.rows(axes, names, margin=0.6, lines=False)
    guides.values(axes, "x", words("profit"), form=guides.THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return figure


@drawing("fig-flow", of="flow")
def flow(found: Finding, words: Words) -> Figure | None:
    """Draw contacts flowing from segments to products to channels."""
    contacts = found.of("flow")
    if len(contacts) <= 1:  # one band alone would show nothing
        return None
    contacts = contacts.dropna(subset=["offers"])
    contacts = contacts.assign(
        label=contacts["segment"].astype(int).astype(str) + " " + contacts["name"]
    )
    figure, axes = guides.panel(3.9)
    gap = 0.035 * contacts["offers"].sum()
    columns = (("label", -0.04), ("product", 0.04), ("channel", 0.04))
    feet: dict[str, dict[str, float]] = {}
    deepest = 0.0
    for x, (column, shift) in enumerate(columns):
        sizes = contacts.groupby(column)["offers"].sum()
        told = [f"{name}  {words.number(size, 'count', 0)}" for name, size in sizes.items()]
        feet[column] = marks.stack(
            axes, sizes, told, x, bottom=0, gap=gap, width=0.04, shift=shift, size=8,
            plate=column == "product",
        )  # fmt: skip
        deepest = max(deepest, sizes.sum() + gap * (len(sizes) - 1))
    palette = segment_colours(int(contacts["segment"].max()))
    for x, (left, right) in enumerate((("label", "product"), ("product", "channel"))):
        starts, ends = dict(feet[left]), dict(feet[right])
        keys = ["segment", left, right] if left == "label" else [left, right, "segment"]
        bands = contacts.groupby(keys, as_index=False)["offers"].sum()
        for band in bands.sort_values([left, right]).to_dict("records"):
            start, end, size = band[left], band[right], band["offers"]
            marks.ribbon(axes, (x + 0.02, x + 0.98), (starts[start], ends[end]), size,
                         colour=palette[int(band["segment"]) - 1], alpha=0.45)  # fmt: skip
            starts[start] += size
            ends[end] += size
    axes.set_xlim(-0.72, 2.42)
    axes.set_ylim(deepest, -0.06 * deepest)
    for x, title in enumerate(("segment", "product", "channel")):
        axes.text(
            x, -0.03 * deepest, words(title), ha="center", va="bottom", fontweight="bold",
            fontsize=9,
        )  # fmt: skip
    axes.axis("off")
    return figure


@drawing("fig-power", beside=True)
def power(found: Finding, words: Words) -> Figure:
    """Smallest uplift that can be shown, against the share held out."""
    table, unit = found.table, found.quotes["unit"]
    figure, axes = guides.panel(2.8)
    axes.plot(
        table["control_share"], table["detectable"], color=COLOURS["main"], marker="o", ms=4,
        label=words("detectable"),
    )  # fmt: skip
    marks.line(axes, table, "control_share", "expected", colour="accent", style="--",
               label=words("counted_on"))  # fmt: skip
    chosen = found.quotes["control_share"]
    marks.reference(axes, x=chosen, colour="muted", width=0.9, style=":")
    axes.annotate(
        words("plan"), (chosen, 0), (3, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="bottom", color=COLOURS["muted"], fontsize=8,
    )  # fmt: skip
    guides.values(axes, "x", words("control_share"), form=guides.POINTS)
    form = None if unit == "currency" else PercentFormatter(1, symbol="", decimals=1)
    highest = np.nanmax(table[["detectable", "expected"]].to_numpy())
    guides.values(axes, "y", words(f"uplift.{unit}"), form=form, low=0, high=1.25 * highest)
    guides.key(figure)
    return figure


@drawing("fig-trial-power", of="curve", beside=True)
def trial_power(found: Finding, words: Words) -> Figure:
    """Power of lots between policies by the size of the bank."""
    curve = found.of("curve")
    figure, axes = guides.panel(2.8)
    for rival, own, colour, _ in guides.groups(curve, "rival"):
        marks.line(axes, own, "customers", "power", colour=colour, ends=("low", "high"),
                   alpha=0.15, label=words.level("rival", rival))  # fmt: skip
    marks.reference(axes, y=found.quotes["aim"], colour="muted", style="--")
    marks.reference(axes, x=found.quotes["bank"], colour="muted", style=":", label=words("this"))
    guides.log_values(axes, "x", form=guides.THOUSANDS)
    axes.set_xlabel(words("customers"))
    guides.values(axes, "y", words("power"), form=guides.PER_CENT, low=0, high=1)
    guides.key(figure, columns=4)
    return figure


@drawing("fig-pilot-control", beside=True)
def pilot_control(found: Finding, words: Words) -> Figure:
    """Standard error of the plan's profit, by the pilot's share of control."""
    figure, axes = guides.panel(2.6)
    marks.line(axes, found.table, "control_share", "standard_error", colour="main")
    marks.reference(axes, x=found.quotes["chosen"], colour="muted", width=0.9, style=":")
    axes.annotate(
        words("pilot"), (found.quotes["chosen"], 0), (3, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="bottom", color=COLOURS["muted"], fontsize=8,
    )  # fmt: skip
    guides.values(axes, "x", words("control_share"), form=guides.POINTS)
    guides.values(axes, "y", words("standard_error"), form=guides.THOUSANDS, low=0)
    return figure


@drawing("fig-limits")
def limit_costs(found: Finding, words: Words) -> Figure:
    """Profit that each limit costs; not drawn where nothing is recorded."""
    ordered = found.table.dropna(subset=["cost"]).sort_values("cost", kind="stable")
    figure, axes = guides.panel(0.7 + 0.3 * len(ordered))
    at = np.arange(len(ordered))
    kept = [limit in found.quotes["protecting"] for limit in ordered["limit"]]
    colours = [COLOURS["muted" if law else "main"] for law in kept]
    marks.bars(axes, ordered, "cost", at, colour=colours, thickness=0.65)
    told = zip(ordered["limit"], ordered["value"], strict=True)
    axes.set_yticks(at, [words("row", limit=limit, value=value) for limit, value in told])
    labels = [words.number(cost, "", 0) for cost in ordered["cost"]]
    marks.notes(axes, labels, ordered["cost"], at, gap=4, size=8.5)
    highest = 1.15 * max(ordered["cost"].max(), 1.0)
    guides.values(axes, "x", words("profit"), form=guides.THOUSANDS, low=0, high=highest)
    axes.grid(axis="y", visible=False)
    return figure


@drawing("fig-budget", beside=True)
def budget_curve(found: Finding, words: Words) -> Figure:
    """Profit against budget, with interval, this plan and the break-even point."""
    table = found.table
    figure = new_figure(3.9)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.3, 1])
    above.fill_between(table["budget"], table["low"], table["high"], color=COLOURS["light"])
    marks.line(above, table, "budget", "profit", colour="main")
    for kind, colour in (("plan", "main"), ("break_even", "accent")):
        point = table[table["kind"] == kind].iloc[0]
        above.scatter(point["budget"], point["profit"], color=COLOURS[colour], zorder=3, s=36,
                      label=words(kind))  # fmt: skip
        marks.reference(below, x=point["budget"], colour=colour, width=1.1, style=":")
    lowest = min(0.0, table["low"].min())
    guides.values(above, "y", words("profit"), form=guides.THOUSANDS, low=lowest)
    above.legend(loc="lower right")
    below.step(table["budget"], table["price"], where="post", color=COLOURS["ink"])
    guides.values(below, "y", guides.wrapped(words("price"), 9), low=0)
    guides.values(below, "x", words("budget"), form=guides.THOUSANDS)
    return figure


@drawing("fig-survival", of="decisions")
def survival(found: Finding, words: Words) -> Figure | None:
    """How often an offer to a segment comes back when what was observed is drawn again."""
    decisions = found.of("decisions")
    if len(decisions) <= 2:
        return None
    share, planned = (_segments_by_product(decisions, value) for value in ("survives", "planned"))
    figure, axes = guides.panel(max(1.65 + 0.36 * len(share), 2.6))
    cells = share.map(lambda value: words.number(100 * value, "", 0))
    marks.heat(axes, 100 * share, cells=cells, cmap="Blues", low=0, high=100, turn=35,
               bar=words("survives"))  # fmt: skip
    for row, column in np.argwhere(planned.to_numpy() > 0):
        frame = (column + 0.04, row + 0.06)
        axes.add_patch(Rectangle(frame, 0.92, 0.88, fill=False, ec=COLOURS["accent"], lw=1.6))
    return figure


def _segments_by_product(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a segment, named by number and name, one column a product."""
    names = table.drop_duplicates("segment").set_index("segment")["name"]
    grid = table.set_index(["segment", "product"])[value].unstack()  # noqa: PD010
    return grid.set_axis([f"{segment} {names[segment]}" for segment in grid.index])


@drawing("fig-strategy-truth")
def against_truth(found: Finding, words: Words) -> Figure:
    """What policies expect and what they truly earn, beside the oracle."""
    table = found.table
    figure, axes = guides.panel(0.9 + 0.36 * len(table))
    at = np.arange(len(table))[::-1]
    marks.bars(axes, table, "true", at, colour="good", thickness=0.55, label=words("true"))
    axes.scatter(
        table["expected"], at, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=28,
        zorder=4, label=words("expected"),
    )  # fmt: skip
    oracle = table["oracle"].iloc[0]
    marks.reference(axes, x=oracle, width=1, style="--", label=words("oracle"))
    marks.reference(axes, x=0)
    axes.set_yticks(at, words.levels("policy_in_full", table["policy"]))
    guides.values(axes, "x", words("profit"), form=guides.THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    axes.grid(axis="y", visible=False)
    return figure
