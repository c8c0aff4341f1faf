"""The words of the case study: facts, numbers and a catalogue become sentences, in one language."""

from __future__ import annotations

from pmlib.texts.language import PAGE, Language, open_language
from pmlib.texts.names import OTHERS
from pmlib.texts.precision import column_decimals
from pmlib.texts.views import Look, Words

__all__ = ["OTHERS", "PAGE", "Language", "Look", "Words", "column_decimals", "open_language"]
