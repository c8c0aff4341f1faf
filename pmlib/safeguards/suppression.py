"""Disclosure control of a table: cells of few people blanked, and amounts that few carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pmlib.errors import StudyError

DOMINANT = 0.75
"""No amount is shown of which one or two people may carry more than this share."""


def suppress(
    frame: pd.DataFrame,
    *,
    count: str = "customers",
    minimum: int = 10,
    by: Sequence[str] = (),
    keep: Sequence[str] = (),
    hide: pd.Series | None = None,
    weights: Sequence[pd.Series] = (),
) -> pd.DataFrame:
    """Blank the cells of a table that would show too few people [@hundepool2012sdc].

    Primary suppression blanks cells with 1 to ``minimum - 1`` people. Where totals are known, a
    single blank cell, or blank cells that together hold fewer than `minimum`, could be found by
    subtraction; complementary suppression therefore blanks the next smallest cell of such a
    line, and goes on until no line of the table gives a small cell away, and all lines together
    leave each small cell of a table of two ways a range of at least `minimum` people.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a cell.
    count : str
        Column with the number of people in the cell.
    minimum : int
        Smallest number of people that may be shown.
    by : sequence of str
        The columns that classify the cells. Cells that differ in one of them only form a line
        whose total is taken as known. Empty: the whole frame is one line.
    keep : sequence of str
        Numeric columns that tell nothing of the people counted and stay.
    hide : pandas.Series, optional
        Cells that another table hides, with the totals of lines that hold no other.
    weights : sequence of pandas.Series
        What is known as a sum over all people too, a number a cell: products a customer.

    Returns
    -------
    pandas.DataFrame
        A copy: in suppressed rows `count` and every other numeric column outside `by` and `keep`
        are NaN; the added column ``suppressed`` says which rows these are.

    Raises
    ------
    StudyError
        A column is missing, or `by` does not tell the cells apart.

    Examples
    --------
    >>> table = pd.DataFrame({"region": ["N", "S", "W"], "customers": [4, 40, 12]})
    >>> suppress(table)["suppressed"].tolist()
    [True, False, True]
    """
    absent = [name for name in (count, *by, *keep) if name not in frame.columns]
    if absent:
        raise StudyError(
            "A table to be suppressed lacks a column.",
            where=", ".join(absent),
            found=", ".join(map(str, frame.columns)),
        )
    if by and frame.duplicated(list(by)).any():
        raise StudyError(
            "The classifying columns do not tell the cells of a table apart.",
            where=", ".join(by),
            rule="one row a combination",
            found=f"{int(frame.duplicated(list(by)).sum())} repeated",
        )
    sizes = frame[count].fillna(0).to_numpy(float)
    small = (sizes > 0) & (sizes < minimum)
    hidden = small | (np.zeros(len(frame), bool) if hide is None else hide.to_numpy(bool))
    lines = [line for line in _lines(frame, by) if hide is None or not hide.to_numpy()[line].all()]
    sums = [weight.to_numpy(float) for weight in weights]
    hidden = with_complements(sizes, hidden, small, lines, minimum, sums)
    blank = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name])
        and not pd.api.types.is_bool_dtype(frame[name])
        and name not in (*by, *keep)
    ]
    result = frame.copy()
    # Whether or not a cell is blank, columns are floats: the type must not vary with the data.
    result[blank] = result[blank].astype(float)
    result.loc[hidden, blank] = np.nan
    result["suppressed"] = hidden
    return result


def with_complements(
    sizes: np.ndarray, hidden: np.ndarray, small: np.ndarray, lines: list[np.ndarray],
    minimum: int, sums: Sequence[np.ndarray] = (),
) -> np.ndarray:  # fmt: skip
    """(cells,) hidden cells, with the next smallest of each line of which a total tells too much.

    `lines` are positions of cells whose total is known, `small` the cells that are not to be found,
    `sums` weights of all cells by which the sum of their people is known.
    """
    hidden = hidden.copy()
    while (exposed := _exposed(sizes, hidden, small, lines, minimum, sums)) is not None:
        open_cells = exposed[~hidden[exposed] & (sizes[exposed] > 0)]
        hidden[open_cells[np.argmin(sizes[open_cells])]] = True
    return hidden


def _lines(frame: pd.DataFrame, by: Sequence[str]) -> list[np.ndarray]:
    """Row positions of each set of cells whose total is known."""
    if len(by) < 2:
        return [np.arange(len(frame))]
    positions = pd.Series(np.arange(len(frame)), index=frame.index)
    others = [[frame[other] for other in by if other != name] for name in by]
    groups = [positions.groupby(columns, dropna=False) for columns in others]
    return [line.to_numpy() for grouped in groups for _, line in grouped]


def _exposed(
    sizes: np.ndarray, hidden: np.ndarray, small: np.ndarray, lines: list[np.ndarray],
    minimum: int, sums: Sequence[np.ndarray],
) -> np.ndarray | None:  # fmt: skip
    """Cells of which the next smallest is to be hidden, or None where nothing is given away."""
    for line in lines:
        if _gives_away(sizes, hidden, line, minimum):
            return line
    if len(lines) + len(sums) < 2 or not hidden.any():
        return None
    for cell, width in _ranges(sizes, hidden, small, lines, sums).items():
        through = np.unique(np.concatenate([line for line in lines if cell in line]))
        if width < minimum and (~hidden[through] & (sizes[through] > 0)).any():
            return through
    return None


def _ranges(
    sizes: np.ndarray, hidden: np.ndarray, small: np.ndarray, lines: list[np.ndarray],
    sums: Sequence[np.ndarray],
) -> dict[int, float]:  # fmt: skip
    """Width of what all totals together say of each small cell, by linear programmes."""
    from scipy.optimize import linprog  # slow to import, and seldom needed

    cells = np.flatnonzero(hidden)
    rows = np.array([*(np.isin(cells, line) for line in lines), *(w[cells] for w in sums)], float)
    told = rows @ sizes[cells]
    ranges = {}
    for place in np.flatnonzero(small[cells]):
        aim = np.arange(len(cells)) == place
        ends = [linprog(sign * aim, A_eq=rows, b_eq=told).fun for sign in (1, -1)]
        ranges[int(cells[place])] = float(-ends[1] - ends[0])
    return ranges


def _gives_away(sizes: np.ndarray, hidden: np.ndarray, line: np.ndarray, minimum: int) -> bool:
    """Whether subtraction from the line's total would show fewer than `minimum` people."""
    together = sizes[line][hidden[line]]
    is_open = (~hidden[line] & (sizes[line] > 0)).any()
    return bool(len(together) and is_open and (len(together) == 1 or together.sum() < minimum))


def dominated(total: pd.Series | float, square: pd.Series | float) -> pd.Series | bool:
    r"""Whether one or two people may carry more than `DOMINANT` of an amount.

    .. math:: (\sum |x|)^2 / \sum x^2 < 2 / c^2

    Two people who carry the share c leave no more than that effective number of contributors, so no
    amount that one or two dominate is missed; those that several carry unevenly may be met too.

    Parameters
    ----------
    total, square : float or pandas.Series
        Sum of what each contributes, without signs, and of its squares.

    Examples
    --------
    >>> [dominated(100.0, 60**2 + 20**2 + 20 * 1), dominated(20 * 5.0, 20 * 25.0)]
    [True, False]
    """
    return (square > 0) & (DOMINANT**2 * total**2 < 2 * square)


def carried_by_two(amounts: pd.Series, customers: pd.Series) -> bool:
    """Whether one or two customers carry more than `DOMINANT` of amounts, a row each."""
    each = amounts.astype(float).abs().groupby(customers.to_numpy()).sum()
    return bool(len(each) > 2 and each.nlargest(2).sum() > DOMINANT * each.sum())


def k_anonymity(frame: pd.DataFrame, *, count: str = "customers") -> int:
    """Smallest number of people in a shown cell of a published table [@sweeney2002kanonymity].

    One row a cell; suppressed cells are NaN, empty cells 0. The table is k-anonymous for this k; 0
    if it shows no one.
    """
    shown = frame[count].dropna()
    shown = shown[shown > 0]
    return int(shown.min()) if len(shown) else 0
