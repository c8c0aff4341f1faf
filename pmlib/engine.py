"""The engine that scans raw tables: DuckDB on one machine, Apache Spark on many.

Methods see only narwhals lazy frames, so that one expression runs on both. What leaves the
engine through `collect` is small: counts, samples, distinct baskets, cells.

Two things engines disagree on are settled here once: the difference of dates (`day_number`)
and seeded random numbers (`uniform`).
"""

from __future__ import annotations

import atexit
import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import narwhals as nw

from pmlib.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

# A prime below 2**31: hash * multiplier stays below 2**63, where the remainder is exact in both
# engines (floor division is not: Spark divides in double precision).
_PRIME = 2_147_483_629

_PATIENCE = 10.0  # seconds, to hear from a master


class Engine(Protocol):
    """What a chapter may ask of an engine.

    Attributes
    ----------
    home : pathlib.Path or None
        Folder for what it keeps on disk while it works; its owner removes it when the process is
        gone, however it ended. None takes the system's folder for temporary files.
    """

    name: str
    home: Path | None

    def scan(self, source: str | Path) -> nw.LazyFrame:
        """Open a Parquet file (or a warehouse table, on Spark) without reading it."""

    def from_pandas(self, frame: pd.DataFrame) -> nw.LazyFrame:
        """Hand a small frame to the engine, e.g. to join it to a large table."""

    def write(self, frame: nw.LazyFrame, path: Path) -> None:
        """Write a lazy frame as one Parquet file without bringing it into memory."""

    def close(self) -> None:
        """Release the engine's memory and processes."""


class DuckDBEngine:
    """DuckDB in this process: the default, and enough for tens of millions of rows."""

    name = "duckdb"

    def __init__(self, home: Path | None = None) -> None:
        import duckdb

        self.home = home
        self._connection = duckdb.connect()
        # By itself it spills into the folder that it runs in, which is that of the notebooks.
        spill = (home or Path(tempfile.gettempdir())) / f"pmlib-spill-{os.getpid()}"
        self._connection.execute("SET temp_directory = ?", [str(spill)])
        # In a notebook without ipywidgets it is off already, and DuckDB refuses to be told so.
        shown = self._connection.execute("SELECT current_setting('enable_progress_bar')")
        if shown.fetchall()[0][0]:
            self._connection.execute("SET enable_progress_bar = false")

    def scan(self, source: str | Path) -> nw.LazyFrame:
        """Open a Parquet file."""
        return nw.from_native(self._connection.read_parquet(glob.escape(str(source))))

    def from_pandas(self, frame: pd.DataFrame) -> nw.LazyFrame:
        """Hand a small frame to DuckDB."""
        return nw.from_native(self._connection.from_df(frame))

    def write(self, frame: nw.LazyFrame, path: Path) -> None:
        """Write one Parquet file."""
        frame.to_native().write_parquet(str(path), compression="zstd")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SparkEngine:
    """Apache Spark: a local session, or a cluster given by its master address."""

    name = "spark"

    def __init__(self, master: str = "local[2]", home: Path | None = None) -> None:
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise StudyError(
                "Apache Spark is not installed.",
                where="engine",
                found="no package pyspark",
                remedy="Install the extra with: pip install '.[spark]' (Java 17 is needed too), "
                "or use the engine duckdb.",
            ) from None
        self.home = home
        _require_reachable(master)
        builder = (
            SparkSession.builder.master(master)
            .appName("pmlib")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "8")
            .config("spark.log.level", "ERROR")
        )
        if home is not None and master.startswith("local"):  # workers have folders of their own
            builder = builder.config("spark.local.dir", str(home))
        try:
            self._session = builder.getOrCreate()
        except Exception as error:  # of Java, of py4j, of PySpark: each has its own
            raise StudyError(
                "Apache Spark does not start.",
                where=f"engine {master}",
                rule="Java 17 or later is there, and Spark as recent as that of the cluster",
                found=(str(error).strip().splitlines() or [type(error).__name__])[0],
                remedy="java -version tells of Java, the master's page of its version; "
                "or use the engine duckdb.",
            ) from error

    def scan(self, source: str | Path) -> nw.LazyFrame:
        """Open Parquet files or a table of the warehouse."""
        reader = self._session.read
        is_file = isinstance(source, Path) or "/" in source
        return nw.from_native(reader.parquet(str(source)) if is_file else reader.table(str(source)))

    def from_pandas(self, frame: pd.DataFrame) -> nw.LazyFrame:
        """Send a small frame to the cluster."""
        import pyarrow as pa

        # By way of Arrow, a frame without rows keeps its types; text without rows has none there.
        table = pa.Table.from_pandas(frame, preserve_index=False)
        fields = [
            pa.field(field.name, pa.string() if pa.types.is_null(field.type) else field.type)
            for field in table.schema
        ]
        return nw.from_native(self._session.createDataFrame(table.cast(pa.schema(fields))))

    def write(self, frame: nw.LazyFrame, path: Path) -> None:
        """Write one Parquet file."""
        # Spark writes a folder of parts; one part moved up gives the same file as DuckDB's.
        parts = path.with_name(path.name + ".parts")
        frame.to_native().coalesce(1).write.mode("overwrite").parquet(str(parts))
        next(parts.glob("part-*.parquet")).replace(path)
        shutil.rmtree(parts)

    def close(self) -> None:
        """Stop the session."""
        self._session.stop()


def _require_reachable(master: str) -> None:
    """StudyError where nobody answers at ``spark://HOST:PORT``; Spark would try for a minute."""
    if not master.startswith("spark://"):
        return
    why = ""
    for place in master.removeprefix("spark://").split(","):  # of several masters one leads
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
        else:
            return
    raise StudyError(
        "The Spark master cannot be reached.",
        where=f"engine {master}",
        rule="spark://HOST:PORT of a running master",
        found=why,
        remedy="Start the cluster, or mend the address; the master's page shows it.",
    )


def open_engine(name: str = "duckdb", home: Path | None = None) -> Engine:
    """Start an engine: ``duckdb``, ``spark`` (a local session) or a Spark master address.

    Addresses are such as ``spark://host:7077`` or ``local[4]``. The `home` of what the engine keeps
    on disk is made, for its owner only. StudyError where the name is no engine, Spark is not
    installed or does not start, or the master cannot be reached.
    """
    for folder in (*reversed(home.parents), home) if home else ():
        folder.mkdir(0o700, exist_ok=True)
    if name == "duckdb":
        return DuckDBEngine(home)
    if name == "spark":
        return SparkEngine(home=home)
    if name.startswith(("spark://", "local[", "yarn", "k8s://")):
        return SparkEngine(name, home)
    raise StudyError(
        "There is no such engine.",
        where="engine",
        rule="duckdb, spark, or a Spark master address such as spark://host:7077",
        found=repr(name),
        remedy="Choose one of these.",
    )


def scratch_folder(engine: Engine) -> Path:
    """Make an empty folder that goes when the process ends, for what an engine computes once."""
    folder = Path(tempfile.mkdtemp(prefix="pmlib-", dir=engine.home))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def collect(frame: nw.LazyFrame, *, sort_by: Sequence[str]) -> pd.DataFrame:
    """Bring a small result out of the engine, in a row order that does not vary.

    `sort_by` are columns that determine the order (engines return groups in any order); empty for a
    result of one row. The result has a default index, decimals as float, text as object dtype.
    """
    from pandas import to_datetime  # which a run with nothing to do need not wait for

    schema = frame.collect_schema()
    # DuckDB sums whole numbers in 128 bits, which pandas could only hold as floats.
    exact = [
        nw.col(name).cast(nw.Int64 if kind == nw.Int128 else nw.Float64)
        for name, kind in schema.items()
        if kind in (nw.Int128, nw.Decimal)
    ]
    native: Any = (frame.with_columns(*exact) if exact else frame).to_native()
    table = native.toPandas() if hasattr(native, "toPandas") else native.df()
    for column, kind in schema.items():
        if kind == nw.Date:
            table[column] = to_datetime(table[column]).astype("datetime64[us]")
        table[column] = _plain(table[column])
    if sort_by:
        table = table.sort_values(list(sort_by), kind="stable")
    return table.reset_index(drop=True)


def _plain(values: pd.Series) -> pd.Series:
    """Turn pandas' nullable and string types into numpy's, so that both engines give one type."""
    import pandas as pd

    if not pd.api.types.is_extension_array_dtype(values.dtype):
        return values
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return values.astype(float if values.isna().any() else values.dtype.numpy_dtype)
    if pd.api.types.is_bool_dtype(values.dtype) and not values.isna().any():
        return values.astype(bool)
    return values.astype(object).where(values.notna(), None)


def day_number(date: str | nw.Expr) -> nw.Expr:
    """Days since 1 January of the year 1, as `datetime.date.toordinal` counts them.

    Engines subtract dates in different ways; day numbers subtract alike everywhere. Int64, null
    where the date, a column or an expression, is null. Of the first or last date of many rows it is
    far cheaper than the first or last number.
    """
    date = nw.col(date) if isinstance(date, str) else date
    past = date.dt.year().cast(nw.Int64) - 1
    # Each summand is small, so floor division is exact in both engines.
    leap_days = past // 4 - past // 100 + past // 400
    return past * 365 + leap_days.cast(nw.Int64) + date.dt.ordinal_day().cast(nw.Int64)


def least(*expressions: nw.Expr) -> nw.Expr:
    """Smallest of one or more expressions, row by row (Spark's own wants two at least)."""
    return nw.min_horizontal(*expressions) if len(expressions) > 1 else expressions[0]


def greatest(*expressions: nw.Expr) -> nw.Expr:
    """Largest of one or more expressions, row by row."""
    return nw.max_horizontal(*expressions) if len(expressions) > 1 else expressions[0]


def flag(condition: nw.Expr) -> nw.Expr:
    """1 where a condition holds, else 0, also where it is not known."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def add_up(
    frame: nw.LazyFrame, by: Sequence[str], values: Mapping[str, nw.Expr] | None = None
) -> pd.DataFrame:
    """Count the rows of each group, and add up expressions over them, in one pass.

    Gives `by`, at least one column, ``customers`` (rows) and a column a sum, sorted by `by`.
    """
    values = values or {}
    totals = [nw.len().alias("customers"), *(nw.col(name).sum() for name in values)]
    return collect(frame.select(*by, **values).group_by(*by).agg(*totals), sort_by=by)


def uniform(hash_column: str, *, seed: int) -> nw.Expr:
    """A uniform number in [0, 1) for each customer, the same in every engine and session.

    The md5 hash stored at ingest, an integer in [0, 2**32), is already uniform; a multiplier drawn
    from the seed and a remainder modulo a prime give an independent-looking permutation for each
    seed: two purposes (a sample, a split) need two seeds.
    """
    multiplier = 1 + (seed * 1_103_515_245 + 742_938_285) % (2**31 - 2)
    return (nw.col(hash_column).cast(nw.Int64) * multiplier % _PRIME).cast(nw.Float64) / _PRIME
