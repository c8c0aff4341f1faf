"""What texts may look up once findings were shown, without a chapter to show them."""

from __future__ import annotations

from typing import Any

from pmlib.numbers import Fact, Finding


def known(*findings: Finding) -> dict[str, Any]:
    """Numbers and facts of findings, by key, and what their sentences quote."""
    told: dict[str, Any] = {}
    for found in findings:
        told |= {number.key: number for number in found.numbers}
        told |= {key: Fact(key, value) for key, value in found.facts.items()}
        told |= found.quotes
    return told
