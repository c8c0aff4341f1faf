"""What a study.yaml may say of columns and offers: attributes, channels, rules, losses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Unknown keys and wrong types are errors, not guesses."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _as_text(value: Any) -> Any:
    """Take a number for its text: words are compared as they are written in the raw file."""
    if isinstance(value, bool) or value is None:
        raise ValueError("put it in quotes, for YAML reads the words no, yes and null as no text")
    return str(value) if isinstance(value, int | float) else value


Word = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Blank = Annotated[str, BeforeValidator(_as_text)]


class AttributeSpec(Strict):
    """A further column of customers (or an outcome of contacts), as `pmlib.studies.Attribute`."""

    label: str
    """Its name as the report writes it."""
    unit: str = ""
    """Its unit, such as EUR or years."""
    role: Literal["feature", "descriptor", "sensitive"] = "feature"
    """A feature may form segments; a descriptor describes and predicts, but forms none; a sensitive
    column checks fairness only."""
    known_before_contact: bool = True
    """False for what is known only after the outcome: to predict with it would be leakage."""
    rfm: Literal["recency", "frequency", "monetary"] | None = None
    """What it measures of past purchases, where it does: made segments are held against these."""
    levels: Annotated[list[Word], Field(min_length=1)] | None = None
    """Of a text whose values have an order: the values in it, as tables and figures show them."""
    optional: bool = False
    """Where the table lacks the column, the study goes without it, and without what rests on it."""


class ChannelSpec(Strict):
    """A channel that a plan may use, as `pmlib.studies.Channel`."""

    name: Text
    """Its name, as contacts have it."""
    cost: Annotated[float, Field(ge=0)]
    """Of one contact, in the study's currency."""
    capacity: Annotated[int, Field(ge=0)] | None = None
    """Contacts that a campaign can make by it; without one, any number."""


class MarketingSpec(Strict):
    """What no program knows of a campaign and its briefs ask for; blank where it is not said."""

    owner: str = ""
    """Who answers for the campaign."""
    staff: str = ""
    """Who carries it out, and when they have time."""
    tone: str = ""
    """How messages speak to customers."""
    price: dict[str, Text] = {}
    """By product_id, the price or the terms that are offered."""
    benefit: dict[str, Text] = {}
    """By product_id, what it does for customers, in their words."""


class EligibilityRule(Strict):
    """A rule of the bank's own: who is not known to meet it is not offered the product."""

    name: Name
    """A short name."""
    label: Text
    """What it asks of a customer, as the report writes it."""
    rule: Text
    """An SQL expression that is true or false, over the columns of customers: those of the
    contract, the declared attributes, and `age` where birthdays are known. Such as
    monthly_income >= 1000 AND age <= 70."""
    products: list[Word] = []
    """The products it is for, by product_id."""
    families: list[Word] = []
    """The families of products it is for; neither: every product."""


class ExpectedLoss(Strict):
    """What a sale is expected to lose by default, which is subtracted from its margin."""

    products: Annotated[list[Word], Field(min_length=1)]
    """By product_id."""
    loss: str = ""
    """An SQL expression over the columns of customers, such as a column's name: currency a sale."""
    by: str = ""
    """In place of `loss`, the column that holds a customer's risk class."""
    rates: dict[Word, Annotated[float, Field(ge=0)]] = {}
    """Currency a sale, by risk class; a class without one counts as the worst."""

    @model_validator(mode="after")
    def _told_once(self) -> ExpectedLoss:
        if bool(self.loss) == bool(self.by) or bool(self.by) != bool(self.rates):
            raise ValueError("an expected loss has either 'loss', or 'by' and 'rates'")
        return self
