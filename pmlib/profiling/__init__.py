"""The bank as it is, and what its marketing wastes.

``quality`` and ``feature_time`` look at the data; ``customers``, ``activity``, ``holdings`` and
``concentration`` at the customers; ``contacts`` and ``course`` at the present marketing.
"""

from __future__ import annotations

from pmlib.profiling.activity import Activity, monthly_activity
from pmlib.profiling.concentration import Concentration, concentration, customer_values
from pmlib.profiling.contacts import (
    Responses,
    Waste,
    contact_responses,
    wasted_contacts,
)
from pmlib.profiling.course import Course, repeated_contacts, response_drift
from pmlib.profiling.customers import (
    AgeByGender,
    Structure,
    age_by_gender,
    customer_structure,
)
from pmlib.profiling.feature_time import FeatureTimeAudit, audit_feature_time
from pmlib.profiling.holdings import (
    HeldByAge,
    Penetration,
    held_products,
    penetration_by_age,
    product_penetration,
)
from pmlib.profiling.implications import implications
from pmlib.profiling.quality import Quality, data_quality

__all__ = [
    "Activity",
    "AgeByGender",
    "Concentration",
    "Course",
    "FeatureTimeAudit",
    "HeldByAge",
    "Penetration",
    "Quality",
    "Responses",
    "Structure",
    "Waste",
    "age_by_gender",
    "audit_feature_time",
    "concentration",
    "contact_responses",
    "customer_structure",
    "customer_values",
    "data_quality",
    "held_products",
    "implications",
    "monthly_activity",
    "penetration_by_age",
    "product_penetration",
    "repeated_contacts",
    "response_drift",
    "wasted_contacts",
]
