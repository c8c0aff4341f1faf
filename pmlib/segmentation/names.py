"""Public names of segments, made from what sets them apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pmlib.segmentation.stability import overlaps
from pmlib.segmentation.transforms import Encoder, Feature

ALL_CUSTOMERS = "All customers"
"""The one segment of a bank without segments."""

_SHORT = 60
"""A name of two features is no longer than this, in characters."""

_NOTABLE = 0.35
"""Standard deviations from the mean below which a feature does not enter a name."""


def name_segments(encoder: Encoder, means: np.ndarray) -> tuple[str, ...]:
    """Name each segment by its most telling features: two, or as many as make it unique.

    Parameters
    ----------
    encoder : Encoder
    means : ndarray, shape (k, p)
        Mean of each segment in the encoded features, in standard deviations.

    Returns
    -------
    tuple of str
        Unique, segment 1 first.
    """
    if len(means) == 1:
        return (ALL_CUSTOMERS,)
    # Deviations from the mean over segments, so that no segment is named for what all share.
    traits = [_traits(encoder, row) for row in means - means.mean(axis=0)]
    for length in range(1, max(map(len, traits)) + 1):
        names = [_join(found, length) for found in traits]
        if len(set(names)) == len(names):
            return tuple(names)
    names = [_join(found, 1) for found in traits]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    )


def _traits(encoder: Encoder, deviation: np.ndarray) -> list[str]:
    """Words for a segment, the most telling first; at least one."""
    words = []
    for feature, block in zip(encoder.features, encoder.blocks, strict=True):
        values = deviation[block]
        at = int(np.abs(values).argmax()) if feature.kind == "number" else int(values.argmax())
        level = encoder.columns[block.start + at].level
        size, much = abs(float(values[at])), bool(values[at] > 0)
        # What customers do says more than what they lack.
        words.append((size if much else 0.8 * size, _word(feature, level, much=much)))
    words.sort(key=lambda pair: -pair[0])
    notable = [word for size, word in words if size >= _NOTABLE]
    return notable or [words[0][1]]


def _word(feature: Feature, level: str | None, *, much: bool) -> str:
    label = feature.label[:1].lower() + feature.label[1:]
    if level is not None:
        return {"yes": label, "no": f"not: {label}"}.get(level, f"{label} {level}")
    return (feature.high or f"high {label}") if much else (feature.low or f"low {label}")


def _join(words: list[str], length: int) -> str:
    """At least `length` words, two when they are short."""
    if length == 1 and len(", ".join(words[:2])) <= _SHORT:
        length = 2
    text = ", ".join(words[:length])
    return text[:1].upper() + text[1:]


def matched_names(
    labels: np.ndarray,
    names: Sequence[str],
    earlier_labels: np.ndarray,
    earlier_names: Sequence[str],
) -> tuple[str, ...]:
    """Let names follow segments from an earlier run.

    Segments are matched one to one so that the sum of their Jaccard similarities is largest; a
    match of at least one half keeps the earlier name, all others get their new name.

    Parameters
    ----------
    labels, earlier_labels : ndarray of int, shape (n,)
        Segments 1 to k of the same customers, now and by the earlier scorer.
    names, earlier_names : sequence of str

    Returns
    -------
    tuple of str
        Unique, segment 1 first.
    """
    jaccard = overlaps(labels - 1, earlier_labels - 1, (len(names), len(earlier_names)))
    rows, columns = linear_sum_assignment(-jaccard)
    kept = {
        int(row): earlier_names[column]
        for row, column in zip(rows, columns, strict=True)
        if jaccard[row, column] >= 0.5
    }
    taken = set(kept.values())
    return tuple(
        kept.get(index, f"{name} (new)" if name in taken else name)
        for index, name in enumerate(names)
    )
