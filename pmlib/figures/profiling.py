"""Figures of the profile: each draws a table of a finding of `pmlib.profiling`, and only draws."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pmlib.canon.contacts import CONTROL
from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, SEQUENTIAL, drawing, new_figure, segment_colours
from pmlib.numbers import Finding
from pmlib.texts import Words

_PANELS = 8
_ATTRIBUTES = 25


@drawing("fig-feature-time", of="measured")
def feature_time(found: Finding, words: Words) -> Figure:
    """How well each attribute alone tells takers from others (the 25 that tell most)."""
    attributes = found.of("measured")
    strongest = (attributes["auc"] - 0.5).abs().nlargest(_ATTRIBUTES).index
    table = attributes.loc[strongest].sort_values("auc", ascending=False, kind="stable")
    table = table.reset_index(drop=True)
    figure, axes = guides.panel(0.22 * len(table) + 1.2)
    for part, colour, marker, label in (
        (table[table["known_before"]], "main", "o", words("before")),
        (table[~table["known_before"]], "bad", "D", words("after")),
    ):
        marks.estimates(axes, part, "auc", part.index, marker=marker, colour=colour, label=label,
                        width=1.2, cap=2.5)  # fmt: skip
    marks.reference(axes, x=0.5)
    for edge in (1 - found.quotes["suspect"], found.quotes["suspect"]):
        marks.reference(axes, x=edge, colour="muted", style=":")
    guides.rows(axes, [guides.wrapped(label, 44) for label in table["label"]])
    guides.values(axes, "x", words("auc"), low=0, high=1)
    guides.key(figure, columns=2)
    return figure


@drawing("fig-structure")
def structure(found: Finding, words: Words) -> Figure:
    """Share of the customers at each level, one panel a dimension (the first eight)."""
    panels = [panel for _, panel, _, _ in guides.groups(found.table, "dimension")][:_PANELS]
    pairs = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    heights = [max(len(panel) for panel in pair) for pair in pairs]
    figure = new_figure(sum(0.17 * height + 0.65 for height in heights) + 0.1)
    grid = figure.add_gridspec(len(pairs), 2, height_ratios=[h + 2.5 for h in heights])
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(grid[divmod(i, 2)])
        at = np.arange(len(panel))
        marks.bars(axes, panel, "share", at, ends=marks.INTERVAL)
        _note(axes, at[panel["suppressed"]], words("hidden"))
        axes.set_yticks(at, [guides.shortened(words.of(level), 28) for level in panel["level"]])
        # Panels of a row share the scale, so that bars are equally thick.
        axes.set_ylim(heights[i // 2] - 0.5, -0.5)
        axes.set_title(guides.wrapped(words.of(panel["dimension"].iloc[0]), 36))
        guides.values(axes, "x", form=guides.PER_CENT, low=0, ticks=MaxNLocator(4))
        axes.grid(visible=False, axis="y")
        if i >= len(panels) - 2:
            axes.set_xlabel(words("share"))
    return figure


@drawing("fig-age-gender")
def age_pyramid(found: Finding, words: Words) -> Figure:
    """Customers by age band, one side a gender where there are two."""
    table = found.table
    bands, several = list(dict.fromkeys(table["age_band"])), table["gender"].nunique()
    figure, axes = guides.panel(0.26 * len(bands) + 1.1)
    at = np.arange(len(bands))
    for i, (gender, part, colour, _) in enumerate(guides.groups(table, "gender")):
        counts = part.set_index("age_band").reindex(bands)
        if several == 2:
            marks.bars(axes, counts if i else -counts[["customers"]], "customers", at, label=gender,
                       colour="main" if i else "accent", thickness=0.8)  # fmt: skip
        else:
            share = 0.8 / several
            marks.bars(axes, counts, "customers", at - 0.4 + share * (i + 0.5), label=gender,
                       colour=colour, thickness=share)  # fmt: skip
    if several == 2:
        marks.reference(axes, x=0)
    axes.set_yticks(at, words.levels("age_band", bands))
    guides.values(axes, "y", words("age"))
    guides.values(axes, "x", words("customers"), form=guides.SIZES)
    axes.grid(visible=False, axis="y")
    guides.key_beside(axes, title=words("gender"), gap=0)
    return figure


@drawing("fig-activity", beside=True)
def activity(found: Finding, words: Words) -> Figure:
    """Share of active customers and money in and out, by month; open: covered in part."""
    months = found.table
    figure = new_figure(3.4)
    above, below = figure.subplots(2, 1, sharex=True)
    months = months.assign(at=np.arange(len(months)))
    marks.line(above, months, "at", "share", colour="main", ends=marks.INTERVAL,
               band="light")  # fmt: skip
    for part, inside, size in (
        (months[months["whole"]], COLOURS["main"], 3.5),
        (months[~months["whole"]], "white", 4.5),
    ):
        above.plot(part["at"], part["share"], "o", color=COLOURS["main"], markerfacecolor=inside,
                   markersize=size)  # fmt: skip
    guides.values(above, "y", words("share"), form=guides.PER_CENT, low=0, high=1)
    for name, colour, marker in (("money_in", "main", "o"), ("money_out", "accent", "s")):
        below.plot(months["at"], months[name] / 1e6, color=COLOURS[colour], marker=marker,
                   markersize=3.5, label=words(name))  # fmt: skip
    guides.values(below, "y", words("money"), low=0)
    guides.key(figure, place="outside upper right", columns=2)
    guides.sparse_ticks(below, list(months["month"]))
    guides.values(below, "x", words("month"))
    return figure


@drawing("fig-penetration")
def penetration(found: Finding, words: Words) -> Figure:
    """Share of the customers who hold each product, with intervals."""
    products = found.table
    figure, axes = guides.panel(0.22 * len(products) + 0.9)
    families = list(guides.groups(products, "family"))
    for family, part, colour, _ in families:
        marks.estimates(axes, part, "share", part.index, colour=colour, label=family, width=1.2,
                        cap=2.5)  # fmt: skip
    guides.rows(axes, products["name"])
    guides.values(axes, "x", words("share"), form=guides.PER_CENT, low=0)
    if len(families) > 1:
        axes.legend(loc="lower right", title=words("family"))
    return figure


@drawing("fig-products-per-customer", of="per_customer")
def products_per_customer(found: Finding, words: Words) -> Figure:
    """Share of the customers who hold none, one, two … products."""
    per_customer = found.of("per_customer")
    figure, axes = guides.panel(2.5)
    marks.bars(axes, per_customer, "share", per_customer["products"], thickness=0.75, upright=True,
               ends=marks.INTERVAL)  # fmt: skip
    guides.values(axes, "x", words("products"), ticks=MaxNLocator(integer=True))
    guides.values(axes, "y", words("share"), form=guides.PER_CENT)
    axes.grid(visible=False, axis="x")
    return figure


@drawing("fig-held-by-age")
def held_by_age(found: Finding, words: Words) -> Figure:
    """Penetration of each product in each age band; suppressed cells are blank."""
    table = found.table
    bands, names = (list(dict.fromkeys(table[column])) for column in ("age_band", "name"))
    wide = table.pivot_table(index="name", columns="age_band", values="share", dropna=False)
    wide = 100 * wide.loc[names, bands]
    shown = [guides.wrapped(band, 7) for band in words.levels("age_band", bands)]
    figure, axes = guides.panel(0.24 * len(names) + 1.0)
    marks.heat(axes, wide.set_axis(shown, axis=1), low=0, cells=wide.map("{:.0f}".format),
               cmap=SEQUENTIAL, bar=words("share"))  # fmt: skip
    axes.set_xlabel(words("age"))
    return figure


@drawing("fig-lorenz", of="curve", beside=True)
def lorenz(found: Finding, words: Words) -> Figure:
    """Lorenz curves beside the line of equality."""
    figure, axes = guides.panel(3.6)
    axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=1, linestyle="--",
              label=words("equality"))  # fmt: skip
    marks.reference(axes, x=0.8, colour="muted", style=":")
    axes.annotate(
        words("top"), (0.81, 0.02), color=COLOURS["muted"], fontsize=8, va="bottom", ha="left"
    )
    styles = ("-", "-.", (0, (5, 1)))
    for i, (measure, part, colour, _) in enumerate(guides.groups(found.of("curve"), "measure")):
        marks.line(axes, part, "customers", "value", colour=colour, style=styles[i % 3],
                   label=guides.wrapped(words.of(measure), 26))  # fmt: skip
    axes.set_aspect("equal")
    guides.values(axes, "x", words("customers"), form=guides.PER_CENT, low=0, high=1)
    guides.values(axes, "y", words("value"), form=guides.PER_CENT, low=0, high=1)
    guides.key(figure, place="outside right center")
    return figure


@drawing("fig-responses")
def responses(found: Finding, words: Words) -> Figure | None:
    """Response of each campaign and arm, with intervals, where there are several."""
    shown = found.table.dropna(subset=["rate"]).reset_index(drop=True)
    if len(found.table) < 2 or shown.empty:
        return None
    figure, axes = guides.panel(0.3 * len(shown) + 1.1)
    for part, colour, marker, label in (
        (shown[shown["arm"] != CONTROL], "main", "o", words("contacted")),
        (shown[shown["arm"] == CONTROL], "muted", "s", words("control")),
    ):
        marks.estimates(axes, part, "rate", part.index, marker=marker, colour=colour, label=label,
                        width=1.2, cap=2.5)  # fmt: skip
    comma = words.language.forms["comma"]
    guides.rows(axes, shown["campaign"] + comma + words.levels("arm", shown["arm"]))
    guides.values(axes, "x", words("rate"), form=guides.PER_CENT, low=0)
    guides.key(figure, columns=2)
    return figure


@drawing("fig-past-offers", of="offers")
def offers(found: Finding, words: Words) -> Figure | None:
    """Response by product and channel, one panel a campaign; contacted customers only."""
    table = found.of("offers")
    shown = table[(table["arm"] != CONTROL) & table["rate"].notna()]
    if len(table) <= len(found.table) or shown.empty:
        return None
    for name in ("product", "channel"):
        shown = shown.assign(**{name: words.levels(f"fig-past-offers.{name}", shown[name])})
    arms = shown.groupby("campaign")["arm"].transform("nunique")
    shown = shown.assign(row=shown["product"].where(arms == 1, shown["arm"]))
    campaigns = {name: part for name, part, _, _ in guides.groups(shown, "campaign")}
    names = [list(dict.fromkeys(part["row"])) for part in campaigns.values()]
    channels = sorted(shown["channel"].unique())
    palette = segment_colours(len(channels))
    figure = new_figure(sum(0.26 * len(rows) + 0.45 for rows in names) + 0.7)
    panels = figure.subplots(
        len(campaigns), 1, sharex=True, squeeze=False,
        height_ratios=[len(rows) + 0.6 for rows in names],
    )[:, 0]  # fmt: skip
    for axes, (campaign, own), rows in zip(panels, campaigns.items(), names, strict=True):
        for i, (channel, colour) in enumerate(zip(channels, palette, strict=True)):
            part = own[own["channel"] == channel]
            shift = 0.5 * ((i + 0.5) / len(channels) - 0.5)
            at = guides.places(part["row"], own["row"]) + shift
            marks.estimates(axes, part, "rate", at, colour=colour, label=channel, width=1.2,
                            cap=2.5)  # fmt: skip
        guides.rows(axes, rows)
        axes.set_title(campaign)
    # At the end: a limit set earlier would stop shared scaling.
    guides.values(panels[-1], "x", words("rate"), form=guides.PER_CENT, low=0)
    guides.key(figure, place="outside right upper", title=words("channel"))
    return figure


@drawing("fig-waste", of="campaigns")
def waste(found: Finding, words: Words) -> Figure:
    """Share of each campaign's contacts that should not have been made, by reason."""
    campaigns = found.of("campaigns")
    names, reasons = (list(dict.fromkeys(campaigns[by])) for by in ("campaign", "reason"))
    figure, axes = guides.panel(0.17 * len(names) * len(reasons) + 1.2)
    step = 0.8 / len(reasons)
    palette = [*segment_colours(max(len(reasons) - 1, 1)), "muted"]
    for i, (reason, part, _, _) in enumerate(guides.groups(campaigns, "reason")):
        bars = part.set_index("campaign").reindex(names)
        at = np.arange(len(names)) - 0.4 + step * (i + 0.5)
        marks.bars(axes, bars, "share", at, thickness=step * 0.9, colour=palette[i],
                   label=words.level("reason", reason), ends=marks.INTERVAL)  # fmt: skip
        _note(axes, at[bars["contacts"] == 0], words("open"))
    guides.rows(axes, names, lines=False)
    guides.values(axes, "x", words("share"), form=guides.PER_CENT, low=0)
    guides.key(figure, columns=2)
    return figure


@drawing("fig-repetition", beside=True)
def repetition(found: Finding, words: Words) -> Figure:
    """Response by number of contacts, one line a series."""
    table = found.table
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
    guides.values(axes, "y", words("rate"), form=guides.PER_CENT, low=0)
    guides.values(axes, "x", words("contact"))
    guides.key_beside(axes)
    return figure


@drawing("fig-drift", beside=True)
def drift(found: Finding, words: Words) -> Figure:
    """Response of each tenth of the contacts, in order of time."""
    tenths = found.table
    figure, axes = guides.panel(2.9)
    marks.estimates(axes, tenths, "rate", np.arange(len(tenths)), colour="main", upright=True,
                    line="-", size=4, cap=3)  # fmt: skip
    guides.sparse_ticks(axes, list(tenths["first"].str[:7]))
    guides.values(axes, "y", words("rate"), form=guides.PER_CENT, low=0)
    guides.values(axes, "x", words("tenth"))
    return figure


def _note(axes: Axes, rows: np.ndarray, word: str) -> None:
    """Write a word where bars would begin."""
    marks.notes(axes, [f" {word}"] * len(rows), 0 * rows, rows, gap=0, colour="muted")
