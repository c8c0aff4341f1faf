"""The bank as it is, and what its marketing wastes.

``quality`` and ``feature_time`` look at the data; ``customers``, ``activity``, ``holdings`` and
``concentration`` at the customers; ``contacts``, ``course``, ``causes`` at the present marketing.

Functions take the canonical ``tables`` by name and answer with a `Finding`. In all of them `as_of`
is the day to which ages, tenures, holdings and payments are counted, `attributes` are those that
the study declares, by name, ``low`` and ``high`` are ends of intervals (of shares: Wilson's) at
`confidence_level`, and cells of fewer than `minimum` people (or contacts, of a contacts table) are
suppressed, which the column ``suppressed`` tells.
"""

from pmlib.profiling.activity import monthly_activity
from pmlib.profiling.causes import causes
from pmlib.profiling.concentration import concentration, customer_values
from pmlib.profiling.contacts import contact_responses, wasted_contacts
from pmlib.profiling.course import repeated_contacts, response_drift
from pmlib.profiling.customers import age_by_gender, customer_structure
from pmlib.profiling.feature_time import audit_feature_time
from pmlib.profiling.holdings import penetration_by_age, product_penetration
from pmlib.profiling.quality import data_quality, notes

__all__ = [
    "age_by_gender", "audit_feature_time", "causes", "concentration", "contact_responses",
    "customer_structure", "customer_values", "data_quality", "monthly_activity", "notes",
    "penetration_by_age", "product_penetration", "repeated_contacts", "response_drift",
    "wasted_contacts",
]  # fmt: skip
