"""What the profile means for the bank: which finding calls for what, and in which chapter."""

from __future__ import annotations

from collections.abc import Iterable

from pmlib.numbers import Number

_NOTHING = (
    "This study has customers, but nothing of what they hold, pay or were offered: it can be "
    "described and segmented, and no more."
)


def implications(numbers: Iterable[Number]) -> str:
    """Turn the chapter's numbers into consequences.

    Parameters
    ----------
    numbers : iterable of Number
        All numbers that the chapter recorded.

    Returns
    -------
    str
        Markdown list; ``{key}`` stands for the number of that key.
    """
    known = {number.key: number for number in numbers if number.value is not None}
    items = []
    if "waste_share" in known and known["waste_share"].value:
        saved = (
            "; in the campaigns on record this would have saved {waste_cost}"
            if "waste_cost" in known
            else ""
        )
        items.append(
            "**Leave out before choosing.** {waste_share} of the past contacts should not "
            "have been made. Holders, customers whom the product does not suit and those who "
            f"object are taken out before a plan is made{saved}."
        )
    if "past_response" in known and "past_response_control" not in known:
        items.append(
            "**Keep a control group.** Without customers left out on purpose, past responses do "
            "not tell what the contacts caused; the next campaign should leave some out."
        )
    elif "past_response_control" in known:
        items.append(
            "**Count what contacts cause, not what follows them.** {past_response_control} buy "
            "without being contacted; strategy and evaluation work with the difference."
        )
    change = known.get("response_change")
    one_campaign = "past_campaigns" in known and known["past_campaigns"].value == 1
    if (
        one_campaign
        and change is not None
        and ((change.low or 0.0) > 0 or (change.high or 0.0) < 0)
    ):
        items.append(
            "**Expect change.** Response moved by {response_change} between the first and the "
            "last tenth of the contacts: models are judged on later contacts only, and refitted."
        )
    top = next((key for key in ("top20_margin", "top20_money_in") if key in known), None)
    if top is not None:
        items.append(
            f"**Treat customers by their value.** {{{top}}} is the {known[top].meaning}: a contact "
            "that is worth its cost for them need not be for the others."
        )
    if "products_per_customer" in known:
        items.append(
            "**Sell to those who are here.** A customer holds {products_per_customer} of "
            "{n_products} products; which goes with which is the question of "
            "@sec-association-analysis."
        )
    if known.get("n_late_attributes") is not None and known["n_late_attributes"].value:
        items.append(
            "**Predict from the past only.** Attributes that are known only after the contact "
            "are barred from every model of this study."
        )
    return "\n".join(f"- {item}" for item in items) if items else _NOTHING
