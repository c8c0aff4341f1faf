"""Who are the bank's customers? Segments that a statistician would sign, or none.

`features` describes customers as of a date in the engine; `transforms` makes a matrix of them;
`homogeneity` asks whether there are segments at all, `criteria` how many, `stability` whether they
would come back; `fit` does all that on a sample and leaves a frozen `scorer`, which assigns every
customer in the engine; `made` makes segments that serve where none are found, judged by `outcomes`
with what `gain` defines; `names` says what segments are called; `profiles` what they are, `maps`
where they lie, `value` what they are worth, `rfm` what the marketer's baseline says, `agreement`
and `drift` how far they depend on choices and on the date.
"""

from __future__ import annotations

from pmlib.segmentation.agreement import cross_tabulate, vary_choices
from pmlib.segmentation.drift import compare_dates
from pmlib.segmentation.features import FeatureTable, customer_features, draw_sample
from pmlib.segmentation.fit import Segmentation, segment
from pmlib.segmentation.made import make_segments
from pmlib.segmentation.maps import map_segments
from pmlib.segmentation.names import name_segments
from pmlib.segmentation.profiles import profile_segments
from pmlib.segmentation.rfm import score_rfm
from pmlib.segmentation.scorer import Scorer, assign_customers
from pmlib.segmentation.transforms import Feature, fit_encoder
from pmlib.segmentation.value import lifetime_value, segment_cards

__all__ = [
    "Feature",
    "FeatureTable",
    "Scorer",
    "Segmentation",
    "assign_customers",
    "compare_dates",
    "cross_tabulate",
    "customer_features",
    "draw_sample",
    "fit_encoder",
    "lifetime_value",
    "make_segments",
    "map_segments",
    "name_segments",
    "profile_segments",
    "score_rfm",
    "segment",
    "segment_cards",
    "vary_choices",
]
