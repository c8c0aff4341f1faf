"""Figures of the past marketing: each takes the tables of `pmlib.profiling`, and only draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.canon.contacts import CONTROL
from pmlib.figures.profiling import (
    PER_CENT,
    distances,
    dots,
    label_rows,
    share_axis,
    whiskers,
    wrapped,
)
from pmlib.figures.style import COLOURS, new_figure, segment_colours, styled

_ATTRIBUTES = 25


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
        dots(axes, part, "auc", part.index, marker=marker, colour=COLOURS[colour], label=label)
    axes.axvline(0.5, color=COLOURS["ink"], linewidth=0.8)
    for edge in (1 - suspect, suspect):
        axes.axvline(edge, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
    label_rows(axes, [wrapped(label, 44) for label in table["label"]])
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
        part = shown[(shown["arm"] == CONTROL) == is_control]
        if part.empty:
            continue
        dots(axes, part, "rate", part.index, marker=marker, colour=COLOURS[colour], label=label)
    label_rows(axes, shown["campaign"] + ", " + shown["arm"])
    share_axis(axes, "share who took the product")
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
    shown = table[(table["arm"] != CONTROL) & table["rate"].notna()]
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
            dots(axes, part, "rate", at, colour=colours[channel], label=channel)
        label_rows(axes, names)
        axes.set_title(campaign)
    # At the end: a limit set earlier would stop shared scaling.
    share_axis(panels[-1], "share of the contacted who took the product")
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
        whiskers(axes, part["share"], part["low"], part["high"], at, horizontal=True)
        for position, n in zip(at, part["contacts"], strict=True):
            if n == 0:
                axes.annotate(
                    " cannot be told", (0, position), va="center", fontsize=8,
                    color=COLOURS["muted"],
                )  # fmt: skip
    label_rows(axes, names)
    share_axis(axes, "share of the campaign's contacts")
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
        yerr=distances(tenths["rate"], tenths["low"], tenths["high"]),
        fmt="o-", markersize=4, capsize=3, color=COLOURS["main"],
    )  # fmt: skip
    labels = tenths["tenth"].astype(str) + "\n" + tenths["first"].str[:7]
    axes.set_xticks(tenths["tenth"], labels)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PER_CENT)
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
            yerr=distances(part["rate"], part["low"], part["high"]),
            fmt=f"{markers[i % 6]}-", markersize=4.5, capsize=3, color=colour,
            label=wrapped(name, 28),
        )  # fmt: skip
    last = int(table["contact"].max())
    ticks = np.arange(int(table["contact"].min()), last + 1)
    open_end = bool(table["open_end"].any())
    axes.set_xticks(ticks, [f"{n}{'+' if open_end and n == last else ''}" for n in ticks])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PER_CENT)
    axes.set_xlabel("number of the contact")
    axes.set_ylabel("response")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
