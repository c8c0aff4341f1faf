"""Figures of the past marketing: each takes the tables of `pmlib.profiling`, and only draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pmlib.canon.contacts import CONTROL
from pmlib.figures import guides, marks
from pmlib.figures.style import new_figure, segment_colours, styled

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
    figure, axes = guides.panel(0.22 * len(table) + 1.2)
    for part, colour, marker, label in (
        (table[table["known_before"]], "main", "o", "known before the contact"),
        (table[~table["known_before"]], "bad", "D", "known only after it"),
    ):
        marks.estimates(axes, part, "auc", part.index, marker=marker, colour=colour, label=label,
                        width=1.2, cap=2.5)  # fmt: skip
    marks.reference(axes, x=0.5)
    for edge in (1 - suspect, suspect):
        marks.reference(axes, x=edge, colour="muted", style=":")
    guides.rows(axes, [guides.wrapped(label, 44) for label in table["label"]])
    guides.values(axes, "x", "AUC of the attribute alone (0.5: tells nothing)", low=0, high=1)
    guides.key(figure, columns=2)
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
    figure, axes = guides.panel(0.3 * len(shown) + 1.1)
    for part, colour, marker, label in (
        (shown[shown["arm"] != CONTROL], "main", "o", "contacted"),
        (shown[shown["arm"] == CONTROL], "muted", "s", "deliberately not contacted"),
    ):
        marks.estimates(axes, part, "rate", part.index, marker=marker, colour=colour, label=label,
                        width=1.2, cap=2.5)  # fmt: skip
    guides.rows(axes, shown["campaign"] + ", " + shown["arm"])
    guides.values(axes, "x", "share who took the product", form=guides.PER_CENT, low=0)
    guides.key(figure, columns=2)
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
    campaigns = {name: part for name, part, _, _ in guides.groups(shown, "campaign")}
    names = [list(dict.fromkeys(part["row"])) for part in campaigns.values()]
    channels = sorted(shown["channel"].unique())
    figure = new_figure(sum(0.26 * len(rows) + 0.45 for rows in names) + 0.7)
    panels = figure.subplots(
        len(campaigns), 1, sharex=True, squeeze=False,
        height_ratios=[len(rows) + 0.6 for rows in names],
    )[:, 0]  # fmt: skip
    for axes, (campaign, own), rows in zip(panels, campaigns.items(), names, strict=True):
        for i, (channel, colour) in enumerate(
            zip(channels, segment_colours(len(channels)), strict=True)
        ):
            part = own[own["channel"] == channel]
            shift = 0.5 * ((i + 0.5) / len(channels) - 0.5)
            at = guides.places(part["row"], own["row"]) + shift
            marks.estimates(axes, part, "rate", at, colour=colour, label=channel, width=1.2,
                            cap=2.5)  # fmt: skip
        guides.rows(axes, rows)
        axes.set_title(campaign)
    # At the end: a limit set earlier would stop shared scaling.
    label = "share of the contacted who took the product"
    guides.values(panels[-1], "x", label, form=guides.PER_CENT, low=0)
    guides.key(figure, place="outside right upper", title="channel")
    return figure


@styled
def waste(campaigns: pd.DataFrame) -> Figure:
    """Share of each campaign's contacts that should not have been made, by reason.

    Parameters
    ----------
    campaigns : pandas.DataFrame
        ``Waste.campaigns``.
    """
    names, reasons = (list(dict.fromkeys(campaigns[by])) for by in ("campaign", "reason"))
    figure, axes = guides.panel(0.17 * len(names) * len(reasons) + 1.2)
    step = 0.8 / len(reasons)
    palette = [*segment_colours(max(len(reasons) - 1, 1)), "muted"]
    for i, (reason, part, _, _) in enumerate(guides.groups(campaigns, "reason")):
        bars = part.set_index("campaign").reindex(names)
        at = np.arange(len(names)) - 0.4 + step * (i + 0.5)
        marks.bars(axes, bars, "share", at, thickness=step * 0.9, colour=palette[i], label=reason,
                   ends=marks.INTERVAL)  # fmt: skip
        open_ = at[bars["contacts"] == 0]
        marks.notes(axes, [" cannot be told"] * len(open_), 0 * open_, open_, gap=0, colour="muted")
    guides.rows(axes, names, lines=False)
    guides.values(axes, "x", "share of the campaign's contacts", form=guides.PER_CENT, low=0)
    guides.key(figure, columns=2)
    return figure


@styled
def drift(tenths: pd.DataFrame) -> Figure:
    """Response of each tenth of the contacts, in order of time.

    Parameters
    ----------
    tenths : pandas.DataFrame
        ``table`` of ``response_drift``.
    """
    figure, axes = guides.panel(2.9)
    marks.estimates(axes, tenths, "rate", tenths["tenth"], colour="main", upright=True, line="-",
                    size=4, cap=3)  # fmt: skip
    axes.set_xticks(tenths["tenth"], tenths["tenth"].astype(str) + "\n" + tenths["first"].str[:7])
    guides.values(axes, "y", "response", form=guides.PER_CENT, low=0)
    guides.values(axes, "x", "tenth of the contacts, and the month in which it begins")
    return figure


@styled
def repetition(table: pd.DataFrame) -> Figure:
    """Response by number of contacts, one line a series.

    Parameters
    ----------
    table : pandas.DataFrame
        ``table`` of ``repeated_contacts``.
    """
    figure, axes = guides.panel(2.9)
    middle = (table["series"].nunique() - 1) / 2
    for i, (name, rows, colour, marker) in enumerate(guides.groups(table, "series")):
        part = rows.dropna(subset=["rate"])
        marks.estimates(axes, part, "rate", part["contact"] + 0.12 * (i - middle), colour=colour,
                        marker=marker, line="-", cap=3, label=guides.wrapped(name, 28),
                        upright=True)  # fmt: skip
    last = int(table["contact"].max())
    ticks = np.arange(int(table["contact"].min()), last + 1)
    open_end = bool(table["open_end"].any())
    axes.set_xticks(ticks, [f"{n}{'+' if open_end and n == last else ''}" for n in ticks])
    guides.values(axes, "y", "response", form=guides.PER_CENT, low=0)
    guides.values(axes, "x", "number of the contact")
    guides.key_beside(axes)
    return figure
