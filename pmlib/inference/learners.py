"""The boosted model: gradient boosting of small trees on histograms, set up once; and its thread.

scikit-learn is loaded where a model is made: most of the package needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def boosted_trees(
    outcome: Literal["class", "number"] = "class",
    *,
    learning_rate: float,
    seed: int,
    trees: int = 100,
    leaves: int = 8,
    smallest_leaf: int = 20,
    bins: int = 255,
    categories: Sequence[int] = (),
    stops_early: bool = False,
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    """An untrained boosted model of classes or a number; missing values are a level of their own.

    Parameters
    ----------
    learning_rate : float
        Weight of each tree, 0 to 1.
    trees, leaves, bins : int
        Most trees, leaves of a tree, bins of a column.
    smallest_leaf : int
        Fewest rows in a leaf.
    categories : sequence of int
        Columns whose numbers are codes without order.
    stops_early : bool
        With more than 10,000 rows, a tenth of them is set aside, and trees are added only while
        they help there.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kinds = {"class": HistGradientBoostingClassifier, "number": HistGradientBoostingRegressor}
    return kinds[outcome](
        learning_rate=learning_rate,
        max_iter=trees,
        max_leaf_nodes=leaves,
        min_samples_leaf=smallest_leaf,
        max_bins=bins,
        categorical_features=list(categories) or None,
        early_stopping="auto" if stops_early else False,
        random_state=seed % 2**32,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra and trees to one thread, as a context or a decorator.

    Threads of many small products and small fits only wait for each other; and with one, sums are
    added in one order, which makes equal seeds give equal bytes.
    """
    import sklearn  # noqa: F401 - brings OpenMP, which can be limited only once it is loaded

    with threadpool_limits(1):
        yield


def keep_to_one_thread() -> None:
    """Keep what is loaded by now to one thread for as long as the process lives."""
    threadpool_limits(1)
