"""Figures of the strategy chapter: they draw what they are given and compute nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, PercentFormatter

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
_KIND = {
    "uplift": "uplift",
    "response": "response",
    "association": "assumed sales",
}


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
    figure = new_figure(3.2)
    axes = figure.subplots()
    low, high = (seen["raw"].quantile(q, interpolation=i)
                 for q, i in ((0.01, "lower"), (0.99, "higher")))  # fmt: skip
    low, high = min(low, 0.0), max(high, 0.0)
    axes.axline((0, 0), slope=1, color=COLOURS["muted"], lw=0.9, ls="--", label="no shrinking")
    axes.legend(loc="upper left")
    size = 8 + 90 * seen["n"] / max(seen["n"].max(), 1)
    axes.scatter(
        seen["raw"], seen["effect"], s=size, color=COLOURS["main"], alpha=0.45, edgecolor="none"
    )
    axes.axhline(0, color=COLOURS["ink"], lw=0.7)
    axes.axvline(0, color=COLOURS["ink"], lw=0.7)
    kind = _KIND[cells["kind"].iloc[0]]
    axes.set_xlabel(f"Measured in the cell alone: {kind} ({unit} a contact)")
    axes.set_ylabel("After shrinking")
    axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    below, above = min(seen["effect"].min(), 0.0), max(seen["effect"].max(), 0.0)
    axes.set_ylim(below - 0.08 * (above - below), above + 0.08 * (above - below))
    if unit in _RATES:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_POINTS)
    return figure


@styled
def offer_matrix(matrix: pd.DataFrame, *, currency: str) -> Figure:
    """Segments x products: what a contact earns, and how many customers are planned.

    Parameters
    ----------
    matrix : pandas.DataFrame
        ``segment, name, product, per_contact`` (currency, NaN: nobody eligible),
        ``planned`` (customers).
    """
    names = matrix.drop_duplicates("segment").set_index("segment")["name"]
    grid = matrix.set_index(["segment", "product"])
    worth, planned = (grid[column].unstack() for column in ("per_contact", "planned"))  # noqa: PD010
    figure = new_figure(max(0.9 + 0.42 * len(worth) + 0.75, 2.6))  # room for the label of the bar
    limit = np.nanmax(np.abs(worth.to_numpy())) or 1.0
    label = f"Expected profit\na contact ({currency})"
    axes = _heat_map(figure, worth, names, cmap="RdBu", limits=(-limit, limit), label=label)
    for row, column in np.ndindex(worth.shape):
        value, count = worth.iloc[row, column], planned.iloc[row, column]
        if np.isnan(value):
            continue
        dark = abs(value) > 0.6 * limit
        axes.text(
            column, row, f"{count:,.0f}" if count else "·", ha="center", va="center",
            color="white" if dark else COLOURS["ink"], fontsize=8,
            fontweight="bold" if count else "normal",
        )  # fmt: skip
    return figure


@styled
def policies(table: pd.DataFrame, *, currency: str) -> Figure:
    """Compare policies: profit on held-out contacts with interval, and what was promised.

    Parameters
    ----------
    table : pandas.DataFrame
        ``policy, promised, held_out, low, high`` (currency).
    """
    figure = new_figure(0.6 + 0.42 * len(table))
    axes = figure.subplots()
    place = np.arange(len(table))[::-1]
    chosen = table["policy"].eq("combined").to_numpy()
    colours = np.where(chosen, COLOURS["main"], COLOURS["muted"])
    axes.hlines(place, table["low"], table["high"], color=colours, lw=2)
    axes.scatter(
        table["held_out"], place, color=colours, s=38, zorder=3, label="on held-out contacts"
    )
    axes.scatter(
        table["promised"], place, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=26,
        zorder=4, label="promised by the optimiser",
    )  # fmt: skip
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    axes.set_yticks(place, [_POLICY_NAMES[p] for p in table["policy"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_xlabel(f"Profit of the campaign ({currency}), with interval")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    axes.grid(axis="y", visible=False)
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
    figure = new_figure(3.9)
    axes = figure.subplots()
    columns = [(0.0, "label"), (1.0, "product"), (2.0, "channel")]
    total = planned["planned"].sum()
    gap = 0.035 * total
    tops: dict[tuple[str, str], float] = {}
    deepest = 0.0
    for x, column in columns:
        y = 0.0
        for name, size in planned.groupby(column)["planned"].sum().items():
            tops[column, name] = y
            axes.add_patch(Rectangle((x - 0.02, y), 0.04, size, color=COLOURS["ink"], lw=0))
            last = column == "channel"
            axes.text(
                x + (0.04 if last or column == "product" else -0.04), y + size / 2,
                f"{name}  {size:,.0f}", ha="right" if column == "label" else "left", va="center",
                fontsize=8,
                bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6}
                if column == "product" else None,
            )  # fmt: skip
            y += size + gap
        deepest = max(deepest, y - gap)
    palette = segment_colours(int(planned["segment"].max()))
    for (x, left), (_, right) in pairwise(columns):
        starts = dict(tops)
        ends = dict(tops)
        keys = ["segment", left, right] if left == "label" else [left, right, "segment"]
        bands = planned.groupby(keys, as_index=False)["planned"].sum()
        for band in bands.sort_values([left, right]).to_dict("records"):
            a, b, size = starts[left, band[left]], ends[right, band[right]], band["planned"]
            starts[left, band[left]] += size
            ends[right, band[right]] += size
            axes.add_patch(_band(x + 0.02, x + 0.98, a, b, size, palette[int(band["segment"]) - 1]))
    axes.set_xlim(-0.72, 2.42)
    axes.set_ylim(deepest, -0.06 * deepest)
    for x, title in zip((0.0, 1.0, 2.0), ("Segment", "Product", "Channel"), strict=True):
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
    figure = new_figure(2.8)
    axes = figure.subplots()
    axes.plot(
        table["control_share"], table["detectable"], color=COLOURS["main"], marker="o", ms=4,
        label="smallest uplift shown with power 80 %",
    )  # fmt: skip
    axes.plot(
        table["control_share"], table["expected"], color=COLOURS["accent"], ls="--",
        label="uplift the plan counts on",
    )  # fmt: skip
    axes.set_ylim(bottom=0, top=1.25 * np.nanmax(table[["detectable", "expected"]].to_numpy()))
    axes.axvline(chosen, color=COLOURS["muted"], lw=0.9, ls=":")
    axes.annotate(
        "this plan", (chosen, 0), (3, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="bottom", color=COLOURS["muted"], fontsize=8,
    )  # fmt: skip
    axes.set_xlabel("Planned customers held out as control (per cent)")
    axes.set_ylabel(f"Uplift a contact ({'points' if unit in _RATES else unit})")
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    if unit in _RATES:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol="", decimals=1))
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
    figure = new_figure(0.7 + 0.3 * len(ordered))
    axes = figure.subplots()
    place = np.arange(len(ordered))
    kept = ordered["limit"].isin(["objection", "cool-down", "suitability"])
    colours = np.where(kept, COLOURS["muted"], COLOURS["main"])
    axes.barh(place, ordered["cost"], color=colours, height=0.65)
    axes.set_yticks(place, ordered["limit"] + ": " + ordered["value"])
    for y, cost in zip(place, ordered["cost"], strict=True):
        axes.annotate(f"{cost:,.0f}", (cost, y), (4, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 1.15 * max(ordered["cost"].max(), 1.0))
    axes.set_xlabel(f"Profit the plan would gain without the limit ({currency})")
    axes.xaxis.set_major_formatter(_THOUSANDS)
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
    above.plot(table["budget"], table["profit"], color=COLOURS["main"])
    points = (
        ("plan", COLOURS["main"], "this plan"),
        ("break-even", COLOURS["accent"], "break-even"),
    )
    for kind, colour, words in points:
        point = table[table["kind"] == kind].iloc[0]
        above.scatter(point["budget"], point["profit"], color=colour, zorder=3, s=36, label=words)
        below.axvline(point["budget"], color=colour, lw=1.1, ls=":")
    above.set_ylim(bottom=min(0.0, table["low"].min()))
    above.set_ylabel(f"Profit ({currency})")
    above.yaxis.set_major_formatter(_THOUSANDS)
    above.legend(loc="lower right")
    below.step(table["budget"], table["price"], where="post", color=COLOURS["ink"])
    below.set_ylim(bottom=0)
    below.set_ylabel("Gained by\none more")
    below.set_xlabel(f"Budget ({currency})")
    below.xaxis.set_major_formatter(_THOUSANDS)
    return figure


@styled
def survival(decisions: pd.DataFrame) -> Figure:
    """How often an offer to a segment comes back when what was observed is drawn again.

    Parameters
    ----------
    decisions : pandas.DataFrame
        ``segment, name, product, planned`` (customers), ``survives`` (share).
    """
    names = decisions.drop_duplicates("segment").set_index("segment")["name"]
    grid = decisions.set_index(["segment", "product"])
    share, planned = (grid[column].unstack() for column in ("survives", "planned"))  # noqa: PD010
    figure = new_figure(max(1.65 + 0.36 * len(share), 2.6))
    label = "Per cent of draws"
    axes = _heat_map(figure, 100 * share, names, cmap="Blues", limits=(0, 100), label=label)
    for row, column in np.ndindex(share.shape):
        value, made = share.iloc[row, column], planned.iloc[row, column] > 0
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=8,
            color="white" if value > 0.6 else COLOURS["ink"],
        )  # fmt: skip
        if made:
            frame = (column - 0.46, row - 0.44)
            axes.add_patch(Rectangle(frame, 0.92, 0.88, fill=False, ec=COLOURS["accent"], lw=1.6))
    return figure


@styled
def against_truth(table: pd.DataFrame, *, currency: str) -> Figure:
    """What policies expect and what they truly earn.

    Parameters
    ----------
    table : pandas.DataFrame
        ``policy, expected, true, oracle`` (currency).
    """
    figure = new_figure(0.9 + 0.36 * len(table))
    axes = figure.subplots()
    place = np.arange(len(table))[::-1]
    axes.barh(place, table["true"], color=COLOURS["good"], height=0.55, label="true profit")
    axes.scatter(
        table["expected"], place, facecolor="white", edgecolor=COLOURS["accent"], marker="D", s=28,
        zorder=4, label="expected when planning",
    )  # fmt: skip
    axes.axvline(table["oracle"].iloc[0], color=COLOURS["ink"], ls="--", lw=1, label="oracle")
    axes.axvline(0, color=COLOURS["ink"], lw=0.8)
    axes.set_yticks(place, [_POLICY_NAMES[p] for p in table["policy"]])
    axes.set_xlabel(f"Profit of the campaign ({currency})")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    axes.grid(axis="y", visible=False)
    return figure


def _heat_map(
    figure: Figure,
    values: pd.DataFrame,
    names: pd.Series,
    *,
    cmap: str,
    limits: tuple[float, float],
    label: str,
) -> Axes:
    """Colour a grid of segments x products, with a bar that tells what the colours mean."""
    axes = figure.subplots()
    mesh = axes.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
    axes.set_xticks(range(values.shape[1]), list(values), rotation=35, ha="right")
    axes.set_yticks(range(len(values)), [f"{s} {names[s]}" for s in values.index])
    axes.grid(visible=False)
    bar = figure.colorbar(mesh, ax=axes, shrink=0.9, pad=0.01)
    bar.set_label(label, fontsize=8)
    bar.outline.set_visible(False)
    return axes


def _band(x0: float, x1: float, y0: float, y1: float, size: float, colour: str) -> PathPatch:
    middle = (x0 + x1) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + size), (middle, y1 + size), (middle, y0 + size), (x0, y0 + size), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=colour, alpha=0.45, lw=0)


_POINTS = FuncFormatter(lambda value, _: f"{100 * value:.6g}".replace("-", "−"))
_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))
