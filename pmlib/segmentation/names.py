"""What segments are called: Python picks what sets each apart, the texts form the name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from pmlib.errors import StudyError
from pmlib.files import read_json
from pmlib.numbers import Phrase
from pmlib.segmentation.clustering import group_means
from pmlib.segmentation.fit import Segmentation
from pmlib.segmentation.scorer import Scorer
from pmlib.segmentation.stability import overlaps
from pmlib.segmentation.transforms import Encoder

Word = Callable[[Phrase], str]

_SHORT = 60
"""A name of two features is no longer than this, in characters."""

_NOTABLE = 0.35
"""Standard deviations from the mean below which a feature does not enter a name."""


def name_segments(
    result: Segmentation,
    sample: pd.DataFrame,
    word: Word,
    *,
    earlier: str | None = None,
) -> Segmentation:
    """Name the segments; from then on their names are data, and stay what they are.

    A name tells the most telling features: two, or as many as make it unique. A segment that
    matches one of an earlier run keeps that one's name. Names of made segments say that they are.

    Parameters
    ----------
    sample : pandas.DataFrame
        The sample that made `result`.
    word : callable
        Forms the words of a phrase.
    earlier : str, optional
        The ``scorer.json`` of an earlier run.

    Raises
    ------
    StudyError
        The earlier file is no scorer, or needs features that this study lacks.
    """
    means = group_means(result.matrix, result.labels - 1, result.scorer.k)
    names = new_names(result.encoder, means, word)
    mark = word(Phrase("name.made", {"name": ""})).strip()
    made = result.made
    if made:
        names = tuple(word(Phrase("name.made", {"name": name})) for name in names)
    if earlier is not None:
        scorer = _earlier_scorer(earlier, sample)
        before = scorer.clustering.scores(scorer.encoder.encode(sample)).argmin(axis=1) + 1
        kept = matched_names(result.labels, names, before, scorer.names, word)
        # Found segments lend no name to made ones, nor the other way round.
        pairs = zip(names, kept, strict=True)
        names = tuple(old if (mark in old) == made else new for new, old in pairs)
    scorer = replace(result.scorer, names=names)
    quotes, test = {**result.quotes, "names": names}, result.of("made-test")
    if made:
        quotes["lifted_name"] = names[quotes["lifted_segment"] - 1]
        test = test.assign(segment=[names[segment - 1] for segment in test["segment"]])
    return replace(
        result, scorer=scorer, quotes=quotes, tables={**result.tables, "made-test": test}
    )


def _earlier_scorer(path: str, sample: pd.DataFrame) -> Scorer:
    try:
        scorer = Scorer.from_json(read_json(Path(path)))
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            "The file is no scorer of an earlier run.", where="names_from", found=path,
            remedy="Give the scorer.json of a run on the same study.",
        ) from error  # fmt: skip
    lacking = {column.feature for column in scorer.encoder.columns} - set(sample)
    if lacking:
        raise StudyError(
            "The earlier run's segments rest on features that this study lacks.",
            where="names_from", found=", ".join(sorted(lacking)),
            remedy="Give the scorer of a run on the same study.",
        )  # fmt: skip
    return scorer


def new_names(encoder: Encoder, means: np.ndarray, word: Word) -> tuple[str, ...]:
    """Name each segment by its most telling features, uniquely, segment 1 first.

    `means` (k, p) are those of the segments in the encoded features, in standard deviations.
    """
    if len(means) == 1:
        return (word(Phrase("name.all")),)

    def joined(found: list[Phrase], length: int) -> str:
        # A name of one trait takes in a second when both are short.
        name = word(Phrase("name", {"traits": found[: max(length, 2)]}))
        too_long = length == 1 and len(name) > _SHORT
        return word(Phrase("name", {"traits": found[:1]})) if too_long else name

    # Deviations from the mean over segments, so that no segment is named for what all share.
    traits = [_traits(encoder, row) for row in means - means.mean(axis=0)]
    for length in range(1, max(map(len, traits)) + 1):
        names = [joined(found, length) for found in traits]
        if len(set(names)) == len(names):
            return tuple(names)
    names = [joined(found, 1) for found in traits]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    )


def _traits(encoder: Encoder, deviation: np.ndarray) -> list[Phrase]:
    """What a segment is called for, the most telling first; at least one."""
    found = []
    for feature, block in zip(encoder.features, encoder.blocks, strict=True):
        values = deviation[block]
        at = int(np.abs(values).argmax()) if feature.kind == "number" else int(values.argmax())
        level = encoder.columns[block.start + at].level
        size, much = abs(float(values[at])), bool(values[at] > 0)
        # What customers do says more than what they lack.
        found.append((size if much else 0.8 * size, feature.trait(level, much=much)))
    found.sort(key=lambda pair: -pair[0])
    notable = [trait for size, trait in found if size >= _NOTABLE]
    return notable or [found[0][1]]


def matched_names(
    labels: np.ndarray,
    names: Sequence[str],
    earlier_labels: np.ndarray,
    earlier_names: Sequence[str],
    word: Word,
) -> tuple[str, ...]:
    """Let names follow segments from an earlier run.

    `labels` and `earlier_labels` are the segments 1 to k of the same customers, now and by the
    earlier scorer. Segments are matched one to one so that the sum of their Jaccard similarities is
    largest; a match of at least one half keeps the earlier name, all others get their new name.
    """
    jaccard = overlaps(labels - 1, earlier_labels - 1, (len(names), len(earlier_names)))
    rows, columns = linear_sum_assignment(-jaccard)
    pairs = zip(rows, columns, strict=True)
    kept = {row: earlier_names[column] for row, column in pairs if jaccard[row, column] >= 0.5}
    taken = set(kept.values())
    return tuple(
        kept.get(index, word(Phrase("name.new", {"name": name})) if name in taken else name)
        for index, name in enumerate(names)
    )
