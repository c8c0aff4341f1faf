"""Figures of a comparison of runs."""

from __future__ import annotations

from textwrap import fill

from matplotlib.figure import Figure

from pmlib.figures import guides
from pmlib.figures.style import COLOURS, PER_CENT, drawing, new_figure
from pmlib.numbers import Finding
from pmlib.texts import Words

_ACROSS = 3
_LINE = 30


@drawing("fig-curves")
def curves(found: Finding, words: Words) -> Figure:
    """Numbers over a parameter, with their intervals where they have any: one panel a number."""
    table, quotes = found.table, found.quotes
    keys = list(dict.fromkeys(table["key"]))
    across = min(_ACROSS, len(keys))
    down = -(-len(keys) // across)
    figure = new_figure(0.4 + 2.1 * down)
    panels = figure.subplots(down, across, sharex=True, squeeze=False).ravel()
    for axes, key in zip(panels, keys, strict=False):
        rows = table[table["key"] == key]
        axes.fill_between(
            rows["at"], rows["low"], rows["high"], color=COLOURS["main"], alpha=0.18, lw=0
        )
        axes.plot(rows["at"], rows["value"], "o-", color=COLOURS["main"], markersize=4)
        axes.set_title(fill(quotes["meanings"][key], _LINE), fontsize="small", loc="left")
        if quotes["units"].get(key) in ("share", "points"):
            axes.yaxis.set_major_formatter(PER_CENT)
        elif rows["value"].abs().max() >= 1000:
            axes.yaxis.set_major_formatter(guides.THOUSANDS)
        axes.margins(x=0.08)
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(keys) - across) : len(keys)]:
        axes.set_xlabel(words("over"))
        axes.xaxis.set_tick_params(labelbottom=True)
    return figure
