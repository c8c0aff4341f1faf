"""Figures of the customers' profile: each takes the tables of `pmlib.profiling`, and only draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pmlib.figures import guides, marks
from pmlib.figures.style import COLOURS, SEQUENTIAL, drawing, new_figure, styled
from pmlib.numbers import Finding
from pmlib.texts import Words

_PANELS = 8


@styled
def structure(levels: pd.DataFrame) -> Figure:
    """Share of the customers at each level, one panel a dimension (the first eight).

    Parameters
    ----------
    levels : pandas.DataFrame
        ``Structure.levels``.
    """
    panels = [panel for _, panel, _, _ in guides.groups(levels, "dimension")][:_PANELS]
    pairs = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    heights = [max(len(panel) for panel in pair) for pair in pairs]
    figure = new_figure(sum(0.17 * height + 0.65 for height in heights) + 0.1)
    grid = figure.add_gridspec(len(pairs), 2, height_ratios=[h + 2.5 for h in heights])
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(grid[divmod(i, 2)])
        at = np.arange(len(panel))
        marks.bars(axes, panel, "share", at, ends=marks.INTERVAL)
        hidden = at[panel["suppressed"]]
        marks.notes(axes, [" not shown"] * len(hidden), 0 * hidden, hidden, gap=0, colour="muted")
        axes.set_yticks(at, [guides.shortened(level, 28) for level in panel["level"]])
        # Panels of a row share the scale, so that bars are equally thick.
        axes.set_ylim(heights[i // 2] - 0.5, -0.5)
        axes.set_title(guides.wrapped(panel["dimension"].iloc[0], 36))
        guides.values(axes, "x", form=guides.PER_CENT, low=0, ticks=MaxNLocator(4))
        axes.grid(visible=False, axis="y")
        if i >= len(panels) - 2:
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
    axes.set_yticks(at, bands)
    guides.values(axes, "y", "age (years)")
    guides.values(axes, "x", "customers", form=guides.SIZES)
    axes.grid(visible=False, axis="y")
    guides.key_beside(axes, title="gender", gap=0)
    return figure


@drawing("fig-activity")
def activity(found: Finding, words: Words) -> Figure:
    """Share of active customers and money in and out, by month; open: covered in part."""
    months = found.table
    figure = new_figure(4.0)
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


@styled
def penetration(products: pd.DataFrame) -> Figure:
    """Share of the customers who hold each product, with intervals.

    Parameters
    ----------
    products : pandas.DataFrame
        ``Penetration.products``.
    """
    figure, axes = guides.panel(0.22 * len(products) + 0.9)
    families = list(guides.groups(products, "family"))
    for family, part, colour, _ in families:
        marks.estimates(axes, part, "share", part.index, colour=colour, label=family, width=1.2,
                        cap=2.5)  # fmt: skip
    guides.rows(axes, products["name"])
    label = "share of customers who hold the product"
    guides.values(axes, "x", label, form=guides.PER_CENT, low=0)
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
    figure, axes = guides.panel(2.5)
    marks.bars(axes, per_customer, "share", per_customer["products"], thickness=0.75, upright=True,
               ends=marks.INTERVAL)  # fmt: skip
    guides.values(axes, "x", "products held", ticks=MaxNLocator(integer=True))
    guides.values(axes, "y", "share of customers", form=guides.PER_CENT)
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
    bands, names = (list(dict.fromkeys(table[column])) for column in ("age_band", "name"))
    wide = table.pivot_table(index="name", columns="age_band", values="share", dropna=False)
    wide = 100 * wide.loc[names, bands]
    figure, axes = guides.panel(0.24 * len(names) + 1.0)
    marks.heat(axes, wide.set_axis([guides.wrapped(band, 7) for band in bands], axis=1), low=0,
               cells=wide.map("{:.0f}".format), cmap=SEQUENTIAL,
               bar="per cent of the age band")  # fmt: skip
    axes.set_xlabel("age (years)")
    return figure


@styled
def lorenz(curve: pd.DataFrame) -> Figure:
    """Lorenz curves beside the line of equality.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``Concentration.curve``.
    """
    figure, axes = guides.panel(3.6)
    axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=1, linestyle="--", label="equality")
    marks.reference(axes, x=0.8, colour="muted", style=":")
    axes.annotate(
        "top 20 %", (0.81, 0.02), color=COLOURS["muted"], fontsize=8, va="bottom", ha="left"
    )
    styles = ("-", "-.", (0, (5, 1)))
    for i, (measure, part, colour, _) in enumerate(guides.groups(curve, "measure")):
        marks.line(axes, part, "customers", "value", colour=colour, style=styles[i % 3],
                   label=guides.wrapped(measure, 26))  # fmt: skip
    axes.set_aspect("equal")
    label = "customers, least valuable first"
    guides.values(axes, "x", label, form=guides.PER_CENT, low=0, high=1)
    guides.values(axes, "y", "their share of the total", form=guides.PER_CENT, low=0, high=1)
    guides.key(figure, place="outside right center")
    return figure
