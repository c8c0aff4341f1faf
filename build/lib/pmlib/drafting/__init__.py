"""Drafting: a study.yaml and SQL from a bank's files, with guesses marked and questions asked."""

from pmlib.drafting.draft import draft_study

__all__ = ["draft_study"]
