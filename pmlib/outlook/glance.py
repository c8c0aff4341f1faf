"""A study at a glance: what the outlook counts of it, each thing once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import narwhals as nw
import pandas as pd

from pmlib import association, evaluation, segmentation, strategy
from pmlib.association.baskets import collect_baskets
from pmlib.association.itemsets import TooManyItemsetsError, frequent_itemsets, too_many
from pmlib.engine import Engine, collect
from pmlib.evaluation.campaign import Campaign, recorded_campaign
from pmlib.numbers import Finding, Phrase, lacks
from pmlib.params import Parameters
from pmlib.segmentation.features import FeatureTable
from pmlib.segmentation.fit import untried, untried_words
from pmlib.studies import Study


@dataclass(frozen=True)
class Glance:
    """A study as the outlook sees it; what several sections ask is computed once."""

    study: Study
    engine: Engine
    params: Parameters

    @property
    def as_of(self) -> dt.date:
        """The day as of which the bank is looked at."""
        return self.study.as_of

    @cached_property
    def tables(self) -> Mapping[str, nw.LazyFrame]:
        """The study's tables, opened."""
        return {name: self.study.scan(name, self.engine) for name in self.study.tables}

    @cached_property
    def features(self) -> FeatureTable:
        """What is known of each customer."""
        known = segmentation.customer_features(self.tables, self.study.attributes, as_of=self.as_of)
        return known.choose(self.params.features)

    @cached_property
    def sample(self) -> pd.DataFrame:
        """The sample that segments are found in."""
        size, seed = self.params.sample_size, self.params.seed
        return segmentation.draw_sample(self.features.frame, size=size, seed=seed)

    @cached_property
    def untried(self) -> Phrase | None:
        """Why segments will not be looked for."""
        encoder = segmentation.fit_encoder(
            self.sample, self.features.features, transform=self.params.transform
        )
        reason = untried(len(self.sample), len(encoder.features))
        return untried_words(reason, len(self.sample)) if reason else None

    @property
    def one_segment(self) -> bool:
        """Whether it is certain that there will be one segment only."""
        asked = self.params.n_segments
        return self.untried is not None if asked is None else asked == 1

    @cached_property
    def everybody(self) -> nw.LazyFrame:
        """All customers in one segment."""
        return self.features.frame.with_columns(segment=nw.lit(1).cast(nw.Int64))

    @cached_property
    def mined(self) -> Phrase | None:
        """Whether so many sets of products are frequent that no rules are sought."""
        if reason := lacks(association.held_baskets, self.tables):
            return reason
        products = collect(self.tables["products"].select("product_id"), sort_by=["product_id"])
        params, most = self.params, self.params.max_itemsets
        if sum(math.comb(len(products), k + 1) for k in range(params.max_rule_length)) <= most:
            return None
        baskets = collect_baskets(
            self.tables["customers"], self.tables["holdings"], as_of=self.as_of, seed=params.seed,
            products=list(products["product_id"]), holdout_share=params.holdout_share,
        )  # fmt: skip
        try:
            frequent_itemsets(
                baskets.part(holdout=False), min_support=params.min_support,
                max_length=params.max_rule_length, max_itemsets=most,
            )  # fmt: skip
        except TooManyItemsetsError:
            return too_many(params).absent
        return None if self.one_segment else Phrase("found.itemsets")

    @cached_property
    def case(self) -> strategy.Case | Finding:
        """What a plan would start from, without rules."""
        count = collect(self.everybody.select(customers=nw.len()), sort_by=())
        return strategy.open_case(
            self.study,
            self.engine,
            self.params,
            count.assign(segment=1, name="all"),
            pd.DataFrame(),
            as_of=self.as_of,
            assignments=self.everybody.select("customer_id", "segment"),
        )

    @cached_property
    def campaign(self) -> Campaign:
        """The campaign on record."""
        return recorded_campaign(
            self.study, self.engine, self.params,
            assignments=self.everybody.select("customer_id", "segment"),
            names=pd.Series({1: "all"}),
        )  # fmt: skip

    @cached_property
    def contacts(self) -> pd.DataFrame | Finding:
        """The contacts of a randomised campaign, or why they are not read."""
        drawn = self.campaign.randomised
        return evaluation.readable(drawn, evaluation.check_campaign(drawn))
