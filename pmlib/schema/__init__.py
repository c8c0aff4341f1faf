"""The contracts of the canonical tables, and the check that a table keeps its contract."""

from pmlib.schema.checking import check
from pmlib.schema.contracts import CONTRACTS, HASH, TABLES, Column, Contract

__all__ = ["CONTRACTS", "HASH", "TABLES", "Column", "Contract", "check"]
