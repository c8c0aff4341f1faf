"""Figures of the customers' profile: each takes the tables of `pmlib.profiling`, and only draws."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pmlib.figures.style import COLOURS, SEQUENTIAL, drawing, new_figure, segment_colours, styled
from pmlib.numbers import Finding
from pmlib.texts import Words

_PANELS = 8
PER_CENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")
"""Shares on an axis, as the report writes them."""

_COUNT = FuncFormatter(lambda value, _: f"{value:,.0f}")


@styled
def structure(levels: pd.DataFrame) -> Figure:
    """Share of the customers at each level, one panel a dimension (the first eight).

    Parameters
    ----------
    levels : pandas.DataFrame
        ``Structure.levels``.
    """
    names = list(levels["dimension"].unique()[:_PANELS])
    panels = [levels[levels["dimension"] == name] for name in names]
    pairs = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    heights = [max(len(panel) for panel in pair) for pair in pairs]
    figure = new_figure(sum(0.17 * height + 0.65 for height in heights) + 0.1)
    grid = figure.add_gridspec(len(pairs), 2, height_ratios=[h + 2.5 for h in heights])
    for row, pair in enumerate(pairs):
        for column, panel in enumerate(pair):
            axes = figure.add_subplot(grid[row, column])
            at = np.arange(len(panel))
            axes.barh(at, panel["share"], color=COLOURS["main"], height=0.7)
            whiskers(axes, panel["share"], panel["low"], panel["high"], at, horizontal=True)
            for position in at[panel["suppressed"]]:
                axes.annotate(
                    " not shown", (0, position), va="center", fontsize=8, color=COLOURS["muted"]
                )
            axes.set_yticks(at, [_short(level) for level in panel["level"]])
            # Panels of a row share the scale, so that bars are equally thick.
            axes.set_ylim(heights[row] - 0.5, -0.5)
            axes.set_title(wrapped(panel["dimension"].iloc[0], 36))
            axes.set_xlim(left=0)
            axes.xaxis.set_major_formatter(PER_CENT)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(visible=False, axis="y")
            if 2 * row + column >= len(panels) - 2:
                axes.set_xlabel("share of customers")
    return figure


@styled
def age_pyramid(table: pd.DataFrame) -> Figure:
    """Customers by age band, one side a gender where there are two.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``age_by_gender`` returns it.
    """
    wide = table.pivot_table(
        index="age_band", columns="gender", values="customers", sort=False, dropna=False
    )
    figure = new_figure(0.26 * len(wide) + 1.1)
    axes = figure.add_subplot()
    at = np.arange(len(wide))
    if wide.shape[1] == 2:
        left, right = wide.columns
        axes.barh(at, -wide[left], color=COLOURS["accent"], height=0.8, label=left)
        axes.barh(at, wide[right], color=COLOURS["main"], height=0.8, label=right)
        axes.axvline(0, color=COLOURS["ink"], linewidth=0.8)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
    else:
        share = 0.8 / wide.shape[1]
        for i, (name, colour) in enumerate(
            zip(wide.columns, segment_colours(wide.shape[1]), strict=True)
        ):
            axes.barh(at - 0.4 + share * (i + 0.5), wide[name], share, color=colour, label=name)
        axes.xaxis.set_major_formatter(_COUNT)
    axes.set_yticks(at, wide.index)
    axes.set_ylabel("age (years)")
    axes.set_xlabel("customers")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="gender")
    return figure


@drawing("fig-activity")
def activity(found: Finding, words: Words) -> Figure:
    """Share of active customers and money in and out, by month; open: covered in part."""
    months = found.table
    figure = new_figure(4.0)
    above, below = figure.subplots(2, 1, sharex=True)
    at = np.arange(len(months))
    whole = months["whole"].to_numpy(bool)
    above.fill_between(at, months["low"], months["high"], color=COLOURS["light"], linewidth=0)
    above.plot(at, months["share"], color=COLOURS["main"])
    above.plot(at[whole], months["share"][whole], "o", color=COLOURS["main"], markersize=3.5)
    above.plot(
        at[~whole], months["share"][~whole], "o", color=COLOURS["main"],
        markerfacecolor="white", markersize=4.5,
    )  # fmt: skip
    above.set_ylim(0, 1)
    above.yaxis.set_major_formatter(PER_CENT)
    above.set_ylabel(words("share"))
    for name, colour, marker in (("money_in", "main", "o"), ("money_out", "accent", "s")):
        below.plot(
            at, months[name] / 1e6, color=COLOURS[colour], marker=marker, markersize=3.5,
            label=words(name),
        )  # fmt: skip
    below.set_ylim(bottom=0)
    below.set_ylabel(words("money"))
    figure.legend(loc="outside upper right", ncols=2)
    _sparse_ticks(below, list(months["month"]))
    below.set_xlabel(words("month"))
    return figure


@styled
def penetration(products: pd.DataFrame) -> Figure:
    """Share of the customers who hold each product, with intervals.

    Parameters
    ----------
    products : pandas.DataFrame
        ``Penetration.products``.
    """
    figure = new_figure(0.22 * len(products) + 0.9)
    axes = figure.add_subplot()
    families = list(dict.fromkeys(products["family"]))
    colours = dict(zip(families, segment_colours(len(families)), strict=True))
    for family in families:
        part = products[products["family"] == family]
        dots(axes, part, "share", part.index, colour=colours[family], label=family)
    label_rows(axes, products["name"])
    share_axis(axes, "share of customers who hold the product")
    if len(families) > 1:
        axes.legend(loc="lower right", title="family")
    return figure


@styled
def products_per_customer(per_customer: pd.DataFrame) -> Figure:
    """Share of the customers who hold none, one, two … products.

    Parameters
    ----------
    per_customer : pandas.DataFrame
        ``Penetration.per_customer``.
    """
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    axes.bar(per_customer["products"], per_customer["share"], color=COLOURS["main"], width=0.75)
    whiskers(
        axes, per_customer["share"], per_customer["low"], per_customer["high"],
        per_customer["products"],
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PER_CENT)
    axes.set_xlabel("products held")
    axes.set_ylabel("share of customers")
    axes.grid(visible=False, axis="x")
    return figure


@styled
def held_by_age(table: pd.DataFrame) -> Figure:
    """Penetration of each product in each age band; suppressed cells are blank.

    Parameters
    ----------
    table : pandas.DataFrame
        ``HeldByAge.table``.
    """
    import seaborn as sns

    bands, names = list(dict.fromkeys(table["age_band"])), list(dict.fromkeys(table["name"]))
    wide = table.pivot_table(index="name", columns="age_band", values="share", dropna=False)
    figure = new_figure(0.24 * len(names) + 1.0)
    axes = figure.add_subplot()
    sns.heatmap(
        100 * wide.loc[names, bands], ax=axes, cmap=SEQUENTIAL, vmin=0, annot=True, fmt=".0f",
        annot_kws={"fontsize": 8}, linewidths=0.5,
        cbar_kws={"label": "per cent of the age band"},
    )  # fmt: skip
    axes.grid(visible=False)
    axes.set_xlabel("age (years)")
    axes.set_ylabel("")
    axes.tick_params(length=0, axis="both")
    axes.set_xticks(axes.get_xticks(), [wrapped(name, 7) for name in bands], rotation=0)
    return figure


@styled
def lorenz(curve: pd.DataFrame) -> Figure:
    """Lorenz curves beside the line of equality.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``Concentration.curve``.
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=1, linestyle="--", label="equality")
    axes.axvline(0.8, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
    axes.annotate(
        "top 20 %", (0.81, 0.02), color=COLOURS["muted"], fontsize=8, va="bottom", ha="left"
    )
    measures = list(dict.fromkeys(curve["measure"]))
    styles = ("-", "-.", (0, (5, 1)))
    for i, (name, colour) in enumerate(zip(measures, segment_colours(len(measures)), strict=True)):
        part = curve[curve["measure"] == name]
        axes.plot(
            part["customers"], part["value"], color=colour, linestyle=styles[i % 3],
            label=wrapped(name, 26),
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.xaxis.set_major_formatter(PER_CENT)
    axes.yaxis.set_major_formatter(PER_CENT)
    axes.set_xlabel("customers, least valuable first")
    axes.set_ylabel("their share of the total")
    figure.legend(loc="outside right center")
    return figure


def distances(value: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Distances from the value to the ends of its interval, as matplotlib wants them."""
    return np.clip(np.vstack([value - low, high - value]), 0, None)


def dots(
    axes: Axes,
    table: pd.DataFrame,
    value: str,
    at: np.ndarray | pd.Index,
    *,
    colour: str,
    label: str,
    marker: str = "o",
) -> None:
    """Draw estimates, column `value`, with intervals, columns ``low`` and ``high``, in rows."""
    axes.errorbar(
        table[value], at, xerr=distances(table[value], table["low"], table["high"]),
        fmt=marker, markersize=4.5, capsize=2.5, linewidth=1.2, color=colour, label=label,
    )  # fmt: skip


def label_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a figure, the first on top."""
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def share_axis(axes: Axes, label: str) -> None:
    """Let a horizontal axis of shares begin at 0 and say what they are of."""
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PER_CENT)
    axes.set_xlabel(label)


def whiskers(
    axes: Axes,
    value: pd.Series,
    low: pd.Series,
    high: pd.Series,
    at: np.ndarray | pd.Series,
    *,
    horizontal: bool = False,
) -> None:
    """Draw intervals over bars."""
    to_ends = distances(value, low, high)
    axes.errorbar(
        value if horizontal else at,
        at if horizontal else value,
        xerr=to_ends if horizontal else None,
        yerr=None if horizontal else to_ends,
        fmt="none", ecolor=COLOURS["ink"], elinewidth=0.8, capsize=2,
    )  # fmt: skip


def _sparse_ticks(axes: Axes, labels: list[str]) -> None:
    step = max(1, int(np.ceil(len(labels) / 9)))
    at = np.arange(0, len(labels), step)
    axes.set_xticks(at, [labels[i] for i in at])


def wrapped(text: str, width: int) -> str:
    """Break a label into lines."""
    return "\n".join(textwrap.wrap(str(text), width)) or str(text)


def _short(level: str) -> str:
    return textwrap.shorten(str(level), 28, placeholder=" …") or str(level)
