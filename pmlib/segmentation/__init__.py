"""Who are the bank's customers? Segments that a statistician would sign, or none.

`features` describes customers as of a date in the engine; `transforms` makes a matrix of them;
`homogeneity` asks whether there are segments at all, `criteria` how many, `stability` whether they
would come back; `segment` does all that on a sample and leaves a frozen `scorer`, which assigns
every customer in the engine; `profiles` and `maps` say what the segments are, `names` what to
call them.
"""

from __future__ import annotations

from pmlib.segmentation.agreement import Agreement, cross_tabulate
from pmlib.segmentation.features import FeatureTable, customer_features, draw_sample
from pmlib.segmentation.maps import SegmentMap, map_segments
from pmlib.segmentation.profiles import Profile, profile_segments
from pmlib.segmentation.scorer import Scorer, assign_customers
from pmlib.segmentation.segment import Segmentation, segment
from pmlib.segmentation.transforms import Encoder, Feature, fit_encoder

__all__ = [
    "Agreement",
    "Encoder",
    "Feature",
    "FeatureTable",
    "Profile",
    "Scorer",
    "SegmentMap",
    "Segmentation",
    "assign_customers",
    "cross_tabulate",
    "customer_features",
    "draw_sample",
    "fit_encoder",
    "map_segments",
    "profile_segments",
    "segment",
]
