"""Why a section has nothing to show: a campaign that cannot be read says so in each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from pmlib.numbers import Finding, Phrase

F = TypeVar("F", bound=Callable[..., Any])


def in_section(name: str) -> Callable[[F], F]:
    """Let a function answer with the reason where one of its arguments is an absent finding.

    A reason that quotes a section is told once in each; any other once in the chapter.

    Parameters
    ----------
    name : str
        The section, as the chapter's text file names it.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def answer(*args: Any, **kwargs: Any) -> Any:
            for given in (*args, *kwargs.values()):
                if isinstance(given, Finding) and given.absent:
                    why = given.absent
                    told = {"section": name} if "section" in why.quotes else {}
                    return Finding(absent=Phrase(why.block, {**why.quotes, **told}))
            return function(*args, **kwargs)

        return cast("F", answer)

    return decorate
