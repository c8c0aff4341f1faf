"""Figures of the profiling chapter: each takes the tables of `pmlib.profiling` and only draws."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pmlib.figures.style import COLOURS, new_figure, segment_colours, styled

_PANELS = 8
_ATTRIBUTES = 25
_PER_CENT = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")
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
            _whiskers(axes, panel["share"], panel["low"], panel["high"], at, horizontal=True)
            for position in at[panel["suppressed"]]:
                axes.annotate(
                    " not shown", (0, position), va="center", fontsize=8, color=COLOURS["muted"]
                )
            axes.set_yticks(at, [_wrap(level, 24) for level in panel["level"]])
            # Panels of a row share the scale, so that bars are equally thick.
            axes.set_ylim(heights[row] - 0.5, -0.5)
            axes.set_title(_wrap(panel["dimension"].iloc[0], 36))
            axes.set_xlim(left=0)
            axes.xaxis.set_major_formatter(_PER_CENT)
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


@styled
def activity(months: pd.DataFrame, *, currency: str = "") -> Figure:
    """Share of active customers and money in and out, month by month.

    Parameters
    ----------
    months : pandas.DataFrame
        ``Activity.months``; months that are covered in part are drawn open.
    currency : str
        Unit of the money axis.
    """
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
    above.yaxis.set_major_formatter(_PER_CENT)
    above.set_ylabel("active customers")
    for name, label, colour, marker in (
        ("money_in", "received", "main", "o"),
        ("money_out", "paid", "accent", "s"),
    ):
        below.plot(
            at, months[name] / 1e6, color=COLOURS[colour], marker=marker, markersize=3.5,
            label=label,
        )  # fmt: skip
    below.set_ylim(bottom=0)
    below.set_ylabel(f"million {currency} a month".replace("  ", " "))
    figure.legend(loc="outside upper right", ncols=2)
    _sparse_ticks(below, list(months["month"]))
    below.set_xlabel("month")
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
        axes.errorbar(
            part["share"], part.index,
            xerr=_errors(part["share"], part["low"], part["high"]),
            fmt="o", markersize=4.5, capsize=2.5, color=colours[family], label=family,
        )  # fmt: skip
    axes.set_yticks(np.arange(len(products)), products["name"])
    axes.set_ylim(len(products) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("share of customers who hold the product")
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
    _whiskers(
        axes, per_customer["share"], per_customer["low"], per_customer["high"],
        per_customer["products"],
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("products held")
    axes.set_ylabel("share of customers")
    axes.grid(visible=False, axis="x")
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
            label=_wrap(name, 26),
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.xaxis.set_major_formatter(_PER_CENT)
    axes.yaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("customers, least valuable first")
    axes.set_ylabel("their share of the total")
    figure.legend(loc="outside right center")
    return figure


@styled
def feature_time(attributes: pd.DataFrame, *, suspect: float) -> Figure:
    """How well each attribute alone tells takers from others (the 25 that tell most).

    Parameters
    ----------
    attributes : pandas.DataFrame
        ``FeatureTimeAudit.attributes``, rows without ``auc`` left out.
    suspect : float
        AUC from which an attribute needs a second look; drawn on both sides of one half.
    """
    strongest = (attributes["auc"] - 0.5).abs().nlargest(_ATTRIBUTES).index
    table = attributes.loc[strongest].sort_values("auc", ascending=False, kind="stable")
    table = table.reset_index(drop=True)
    figure = new_figure(0.22 * len(table) + 1.2)
    axes = figure.add_subplot()
    for known, colour, marker, label in (
        (True, "main", "o", "known before the contact"),
        (False, "bad", "D", "known only after it"),
    ):
        part = table[table["known_before"] == known]
        if part.empty:
            continue
        axes.errorbar(
            part["auc"], part.index, xerr=_errors(part["auc"], part["low"], part["high"]),
            fmt=marker, markersize=4.5, capsize=2.5, color=COLOURS[colour], label=label,
        )  # fmt: skip
    axes.axvline(0.5, color=COLOURS["ink"], linewidth=0.8)
    for edge in (1 - suspect, suspect):
        axes.axvline(edge, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
    axes.set_yticks(np.arange(len(table)), [_wrap(label, 44) for label in table["label"]])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("AUC of the attribute alone (0.5: tells nothing)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def responses(campaigns: pd.DataFrame) -> Figure:
    """Response of each campaign and arm, with intervals.

    Parameters
    ----------
    campaigns : pandas.DataFrame
        ``Responses.campaigns``.
    """
    shown = campaigns.dropna(subset=["rate"]).reset_index(drop=True)
    figure = new_figure(0.3 * len(shown) + 1.1)
    axes = figure.add_subplot()
    for is_control, colour, marker, label in (
        (False, "main", "o", "contacted"),
        (True, "muted", "s", "deliberately not contacted"),
    ):
        part = shown[(shown["arm"] == "control") == is_control]
        if part.empty:
            continue
        axes.errorbar(
            part["rate"], part.index, xerr=_errors(part["rate"], part["low"], part["high"]),
            fmt=marker, markersize=5, capsize=3, color=COLOURS[colour], label=label,
        )  # fmt: skip
    axes.set_yticks(np.arange(len(shown)), shown["campaign"] + ", " + shown["arm"])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("share who took the product")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def offers(table: pd.DataFrame) -> Figure:
    """Response by product and channel, one panel a campaign; contacted customers only.

    Parameters
    ----------
    table : pandas.DataFrame
        ``Responses.offers``.
    """
    shown = table[(table["arm"] != "control") & table["rate"].notna()]
    arms = shown.groupby("campaign")["arm"].transform("nunique")
    shown = shown.assign(row=shown["product"].where(arms == 1, shown["arm"]))
    campaigns = list(dict.fromkeys(shown["campaign"]))
    channels = sorted(shown["channel"].unique())
    colours = dict(zip(channels, segment_colours(len(channels)), strict=True))
    rows = [list(dict.fromkeys(shown.loc[shown["campaign"] == c, "row"])) for c in campaigns]
    figure = new_figure(sum(0.26 * len(names) + 0.45 for names in rows) + 0.7)
    panels = figure.subplots(
        len(campaigns), 1, sharex=True, squeeze=False,
        height_ratios=[len(names) + 0.6 for names in rows],
    )[:, 0]  # fmt: skip
    for axes, campaign, names in zip(panels, campaigns, rows, strict=True):
        for i, channel in enumerate(channels):
            part = shown[(shown["campaign"] == campaign) & (shown["channel"] == channel)]
            if part.empty:
                continue
            shift = 0.5 * ((i + 0.5) / len(channels) - 0.5)
            at = np.array([names.index(name) for name in part["row"]]) + shift
            axes.errorbar(
                part["rate"], at, xerr=_errors(part["rate"], part["low"], part["high"]),
                fmt="o", markersize=3.5, capsize=2, linewidth=1.2, color=colours[channel],
                label=channel,
            )  # fmt: skip
        axes.set_yticks(np.arange(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_title(campaign)
        axes.xaxis.set_major_formatter(_PER_CENT)
    panels[-1].set_xlim(left=0)  # at the end: a limit set earlier would stop shared scaling
    panels[-1].set_xlabel("share of the contacted who took the product")
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", title="channel")
    return figure


@styled
def waste(campaigns: pd.DataFrame) -> Figure:
    """Share of each campaign's contacts that should not have been made, by reason.

    Parameters
    ----------
    campaigns : pandas.DataFrame
        ``Waste.campaigns``.
    """
    names = list(dict.fromkeys(campaigns["campaign"]))
    reasons = list(dict.fromkeys(campaigns["reason"]))
    figure = new_figure(0.17 * len(names) * len(reasons) + 1.2)
    axes = figure.add_subplot()
    step = 0.8 / len(reasons)
    palette = [*segment_colours(max(len(reasons) - 1, 1)), COLOURS["muted"]]
    for i, reason in enumerate(reasons):
        part = campaigns[campaigns["reason"] == reason].set_index("campaign").reindex(names)
        at = np.arange(len(names)) - 0.4 + step * (i + 0.5)
        axes.barh(at, part["share"], step * 0.9, color=palette[i], label=reason)
        _whiskers(axes, part["share"], part["low"], part["high"], at, horizontal=True)
        for position, n in zip(at, part["contacts"], strict=True):
            if n == 0:
                axes.annotate(
                    " cannot be told", (0, position), va="center", fontsize=8,
                    color=COLOURS["muted"],
                )  # fmt: skip
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("share of the campaign's contacts")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def drift(tenths: pd.DataFrame) -> Figure:
    """Response of each tenth of the contacts, in order of time.

    Parameters
    ----------
    tenths : pandas.DataFrame
        ``table`` of ``response_drift``.
    """
    figure = new_figure(2.9)
    axes = figure.add_subplot()
    axes.errorbar(
        tenths["tenth"], tenths["rate"],
        yerr=_errors(tenths["rate"], tenths["low"], tenths["high"]),
        fmt="o-", markersize=4, capsize=3, color=COLOURS["main"],
    )  # fmt: skip
    labels = tenths["tenth"].astype(str) + "\n" + tenths["first"].str[:7]
    axes.set_xticks(tenths["tenth"], labels)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_PER_CENT)
    axes.set_ylabel("response")
    axes.set_xlabel("tenth of the contacts, and the month in which it begins")
    return figure


@styled
def repetition(table: pd.DataFrame) -> Figure:
    """Response by number of contacts, one line a series.

    Parameters
    ----------
    table : pandas.DataFrame
        ``table`` of ``repeated_contacts``.
    """
    figure = new_figure(2.9)
    axes = figure.add_subplot()
    series = list(dict.fromkeys(table["series"]))
    markers = "osD^vP"
    for i, (name, colour) in enumerate(zip(series, segment_colours(len(series)), strict=True)):
        part = table[table["series"] == name].dropna(subset=["rate"])
        shift = 0.12 * (i - (len(series) - 1) / 2)
        axes.errorbar(
            part["contact"] + shift, part["rate"],
            yerr=_errors(part["rate"], part["low"], part["high"]),
            fmt=f"{markers[i % 6]}-", markersize=4.5, capsize=3, color=colour,
            label=_wrap(name, 28),
        )  # fmt: skip
    last = int(table["contact"].max())
    ticks = np.arange(int(table["contact"].min()), last + 1)
    open_end = bool(table["open_end"].any())
    axes.set_xticks(ticks, [f"{n}{'+' if open_end and n == last else ''}" for n in ticks])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_PER_CENT)
    axes.set_xlabel("number of the contact")
    axes.set_ylabel("response")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _errors(value: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Distances from the value to the ends of its interval, as matplotlib wants them."""
    return np.clip(np.vstack([value - low, high - value]), 0, None)


def _whiskers(
    axes: Axes,
    value: pd.Series,
    low: pd.Series,
    high: pd.Series,
    at: np.ndarray | pd.Series,
    *,
    horizontal: bool = False,
) -> None:
    errors = _errors(value, low, high)
    x, y = (value, at) if horizontal else (at, value)
    side = {"xerr": errors} if horizontal else {"yerr": errors}
    axes.errorbar(x, y, **side, fmt="none", ecolor=COLOURS["ink"], elinewidth=0.8, capsize=2)


def _sparse_ticks(axes: Axes, labels: list[str]) -> None:
    step = max(1, int(np.ceil(len(labels) / 9)))
    at = np.arange(0, len(labels), step)
    axes.set_xticks(at, [labels[i] for i in at])


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(str(text), width)) or str(text)
