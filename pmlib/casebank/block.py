"""The customers of one block of the simulated bank, drawn table by table."""

from __future__ import annotations

import datetime as dt
import hashlib

import numpy as np
import pyarrow as pa

from pmlib.canon.contacts import CONTROL
from pmlib.casebank.levels import KINDS, RISK_CLASSES
from pmlib.casebank.world import CHANNEL_COST, CHANNELS, World, _expit

AS_OF = dt.date(2025, 12, 31)
"""The day as of which the simulated bank is looked at."""

PILOT_CONTROL = 0.3
OUTCOME_DAYS = 60

_REGIONS = ("Centre", "Coast", "Hills", "Lakes", "North", "South")
_REGION_SHARES = (0.30, 0.20, 0.12, 0.10, 0.16, 0.12)
_OCCUPATIONS = ("student", "employee", "manager", "self-employed", "retired", "other")
_OCCUPATION_BY_KIND = np.array(
    [
        [0.55, 0.35, 0.01, 0.02, 0.00, 0.07],
        [0.02, 0.78, 0.05, 0.03, 0.02, 0.10],
        [0.01, 0.72, 0.15, 0.05, 0.00, 0.07],
        [0.01, 0.08, 0.06, 0.82, 0.00, 0.03],
        [0.00, 0.30, 0.42, 0.10, 0.14, 0.04],
        [0.00, 0.03, 0.01, 0.01, 0.92, 0.03],
    ]
)
_MONTH_FACTOR = np.array(
    [0.94, 0.92, 0.98, 0.99, 1.0, 1.02, 1.05, 0.97, 0.99, 1.0, 1.04, 1.26]
)  # payments by calendar month: the Christmas trade, and a summer hump


class Block:
    """The customers of one block, as arrays of length n; each method draws one table."""

    def __init__(
        self, world: World, rng: np.random.Generator, start: int, n: int, n_months: int
    ) -> None:
        self.world, self.rng, self.n, self.n_months = world, rng, n, n_months
        self.number = np.arange(start, start + n)
        self.ids = np.array([f"C{i:08d}" for i in self.number], dtype=object)
        self.last_day = AS_OF.toordinal()
        self.kind = rng.choice(len(KINDS), size=n, p=world.shares)
        self.z = {name: rng.standard_normal(n) for name in ("log_activity", "logit_digital")}
        self.income = np.exp(self._income())
        self.activity = np.exp(self._trait("log_activity"))
        # Mirrored at the age of majority: a bank's customers, none of them a minor.
        self.age = np.minimum(18.1 + np.abs(self._trait("age") - 18.1), 95)
        years = np.minimum(np.abs(self._trait("tenure")), self.age - 16)
        self.joined = self.last_day - np.clip(years * 365.25, 30, None).astype(int)
        self.risk = np.clip(np.rint(self._trait("risk_tolerance")), 1, 5).astype(int)
        self.opted_out = rng.random(n) < 0.12
        self.held = self._take_up()
        self.opened = self._opening_days()
        self.mailings = self._mailings()
        self.credit = self._credit() if world.levels.expected_loss else None

    def _trait(self, name: str) -> np.ndarray:
        mean, spread = self.world.trait(name)
        z = self.z[name] if name in self.z else self.rng.standard_normal(self.n)
        return mean[self.kind] + spread * z

    def _income(self) -> np.ndarray:
        mean, spread = self.world.trait("log_income")
        if not self.world.heavy_tails:
            return mean[self.kind] + spread * self.rng.standard_normal(self.n)
        # Student's t with 4 degrees of freedom, bent: the very active and the idle earn more.
        bend = 0.5 * spread * (self.z["log_activity"] ** 2 - 1)
        return mean[self.kind] + bend + spread * self.rng.standard_t(4, self.n) / np.sqrt(2)

    def _take_up(self) -> np.ndarray:
        held = np.zeros((self.n, len(self.world.product_ids)), dtype=bool)
        for product in range(held.shape[1]):
            p = self.world.holding_probability(product, held, self.kind)
            held[:, product] = self.rng.random(self.n) < p
        return held

    def _opening_days(self) -> np.ndarray:
        """Days on which products were opened, (n, products): a rule's consequent comes after."""
        span = self.last_day - self.joined
        opened = self.joined[:, None] + (
            span[:, None] * self.rng.beta(1.0, 1.6, size=self.held.shape)
        ).astype(int)
        for rule in self.world.rules:
            target = self.world.product_ids.index(rule.consequent)
            sources = [self.world.product_ids.index(product) for product in rule.antecedent]
            later = self.world.antecedents_held(rule, self.held, self.kind)
            begin = opened[:, sources].max(axis=1)
            wait = (self.last_day - begin) * self.rng.beta(1.0, 3.0, size=self.n)
            opened[later, target] = (begin + wait.astype(int))[later]
        return opened

    # --- tables -------------------------------------------------------------------------------

    def customers(self) -> pa.Table:
        """The customers, in canonical form."""
        rng = self.rng
        shares = _OCCUPATION_BY_KIND[self.kind]
        if self.world.trait("age")[0].std() == 0:  # a null world has no kinds to tell apart
            shares = np.broadcast_to(self.world.shares @ _OCCUPATION_BY_KIND, shares.shape)
        occupation = (rng.random(self.n)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
        birth = self.last_day - (self.age * 365.25).astype(int)
        hashes = [int(hashlib.md5(i.encode()).hexdigest()[:8], 16) for i in self.ids]  # noqa: S324
        table = pa.table(
            {
                "customer_id": pa.array(self.ids, pa.string()),
                "birth_date": _dates(birth, null=rng.random(self.n) < 0.01),
                "gender": _pick(("female", "male"), rng.integers(2, size=self.n)),
                "region": _pick(_REGIONS, rng.choice(6, size=self.n, p=_REGION_SHARES)),
                "joined_on": _dates(self.joined),
                "risk_tolerance": pa.array(self.risk, pa.int64()),
                "marketing_opt_out": pa.array(self.opted_out),
                "occupation": _pick(_OCCUPATIONS, occupation.clip(max=5)),
                "household_size": pa.array(1 + rng.poisson(1.3, self.n), pa.int64()),
                "customer_hash": pa.array(hashes, pa.int64()),
            }
        )
        for name, column in (self.credit or {}).items():
            table = table.append_column(name, column)
        return table

    def _credit(self) -> dict[str, pa.Array]:
        """What the bank knows of its customers as borrowers, by column.

        The class is the bank's score of income and missed payments; who defaults depends on both,
        and on what no score sees.
        """
        rng = self.rng
        means = np.log(self.income) - np.log(2_500.0)
        unseen = rng.standard_normal(self.n)
        missed = rng.poisson(np.exp(-2.4 - 0.5 * means + 0.9 * unseen)).clip(max=12)
        score = -4.95 + 0.9 * np.minimum(missed, 4) - 0.7 * means
        self.risk_class = np.searchsorted([-5.4, -4.9, -4.2, -3.2], score)
        defaults = rng.random(self.n) < _expit(score + 0.5 * unseen)
        loans = (self.world.products["family"] == "loan").to_numpy()
        borrows = self.held[:, loans].any(axis=1)
        told = rng.random(self.n) < 0.02
        return {
            "monthly_income": pa.array(np.round(self.income, -1), pa.float64(), mask=told),
            "missed_payments": pa.array(missed, pa.int64()),
            "risk_class": _pick(RISK_CLASSES, self.risk_class),
            "loan_default": pa.array(defaults, pa.bool_(), mask=~borrows),
        }

    def holdings(self) -> pa.Table:
        """What they hold, and what some gave up."""
        rows, columns = np.nonzero(self.held)
        # Some products were held once and given up: they are in no basket.
        gone = ~self.held & (self.rng.random(self.held.shape) < 0.01)
        gone_rows, gone_columns = np.nonzero(gone)
        opened = np.concatenate([self.opened[self.held], self.opened[gone]])
        left = opened + ((self.last_day - opened) * self.rng.random(len(opened))).astype(int)
        is_open = np.arange(len(opened)) < len(rows)
        customer = np.concatenate([rows, gone_rows])
        order = np.argsort(customer, kind="stable")
        products = np.concatenate([columns, gone_columns])[order]
        return pa.table(
            {
                "customer_id": pa.array(self.ids[customer[order]], pa.string()),
                "product_id": _pick(self.world.product_ids, products),
                "opened_on": _dates(opened[order]),
                "closed_on": _dates(left[order], null=is_open[order]),
            }
        )

    def transactions(self) -> pa.Table:
        """Salaries once a month, payments at the customer's own pace, season and channels."""
        rng, months = self.rng, self.n_months
        starts = np.array([_months_before(AS_OF, months - i).toordinal() for i in range(months)])
        lengths = np.diff([*starts, self.last_day + 1])
        season = np.array(
            [_MONTH_FACTOR[dt.date.fromordinal(int(day)).month - 1] for day in starts]
        )
        member = self.joined[:, None] < starts[None, :] + lengths[None, :]
        # A few customers fall silent some months before the end.
        silent = np.where(rng.random(self.n) < 0.03, rng.integers(1, 7, self.n), 0)
        member &= np.arange(months)[None, :] < (months - silent)[:, None]

        paid = member & (rng.random(member.shape) < 0.97)
        count = rng.poisson(self.activity[:, None] * season[None, :] * member)
        customer = np.concatenate(
            [np.nonzero(paid)[0], np.repeat(np.repeat(np.arange(self.n), months), count.ravel())]
        )
        month = np.concatenate(
            [np.nonzero(paid)[1], np.repeat(np.tile(np.arange(months), self.n), count.ravel())]
        )
        total, salaries = len(customer), int(paid.sum())
        is_salary = np.arange(total) < salaries
        digital = _expit(self._trait("logit_digital"))[customer]
        cash = _expit(self._trait("logit_cash"))[customer]
        draw, kind_draw = rng.random(total), rng.random(total)
        channel = np.where(draw < digital, 0, np.where(rng.random(total) < cash, 2, 1))
        channel[is_salary] = 3
        kind = np.where(channel == 2, 1, np.where(kind_draw < 0.62, 0, 2))
        kind[is_salary] = 3
        income = self.income[customer]
        amount = np.where(
            is_salary,
            income * np.exp(0.08 * rng.standard_normal(total) - 0.0032),
            self._per_payment()[customer] * np.exp(0.7 * rng.standard_normal(total) - 0.245),
        )
        day = starts[month] + (rng.random(total) * lengths[month]).astype(int)
        day = np.maximum(day, self.joined[customer])
        order = np.lexsort((day, customer))
        return pa.table(
            {
                "customer_id": pa.array(self.ids, pa.string()).take(pa.array(customer[order])),
                "booked_on": _dates(day[order]),
                "amount": pa.array(np.round(amount[order], 2)),
                "kind": _pick(("card payment", "cash", "transfer", "salary"), kind[order]),
                "channel": _pick(("digital", "branch", "atm", "clearing"), channel[order]),
            }
        )

    def _per_payment(self) -> np.ndarray:
        """Mean amount of a payment, (n,), below 0."""
        saving = self.world.levels.saving
        if saving is None:
            return -0.8 * (self.income / (self.activity + 1.0))
        # A month's payments spend what is not saved of a month's income, which comes in 97 %.
        return -(1 - np.array(saving)[self.kind]) * 0.97 * self.income / self.activity

    def _mailings(self) -> list[tuple[str, int, str, str, np.ndarray]]:
        """Past mass campaigns: (name, day, product, channel, who was contacted), (n,) of bool.

        They pull later purchases into their outcome window, so `opened` changes here: response
        and holdings tell one story.
        """
        campaigns = (
            ("mass-card-1", 420, "credit_card", "letter", 0.35),
            ("mass-fund", 270, "mutual_fund", "phone", 0.20),
            ("mass-card-2", 180, "credit_card", "letter", 0.35),
        )
        mailings = []
        earlier: dict[str, np.ndarray] = {}
        for name, before, product_id, channel, share in campaigns:
            day = self.last_day - before
            product = self.world.product_ids.index(product_id)
            weight = np.ones(self.n)
            if self.world.confounded:  # picked: those whose income says that they would buy anyway
                weight = _expit(2 * (np.log(self.income) - np.log(self.income).mean()))
                weight /= weight.mean()
            sent = (self.rng.random(self.n) < share * weight) & (self.joined < day)
            repeats = earlier.get(product_id, np.zeros(self.n, dtype=int))
            buys_later = self.held[:, product] & (self.opened[:, product] > day)
            pulled = sent & buys_later & (self.rng.random(self.n) < 0.4 * 0.6**repeats)
            window = self.rng.integers(1, OUTCOME_DAYS + 1, self.n)
            self.opened[pulled, product] = (day + window)[pulled]
            earlier[product_id] = repeats + sent
            mailings.append((name, day, product_id, channel, sent))
        return mailings

    def contacts(self) -> pa.Table:
        """The mass mailings and the randomised pilot."""
        parts = [self._mass(*mailing) for mailing in self.mailings]
        return pa.concat_tables([*parts, self._pilot()])

    def _mass(
        self, name: str, day: int, product_id: str, channel: str, sent: np.ndarray
    ) -> pa.Table:
        product = self.world.product_ids.index(product_id)
        who = np.nonzero(sent)[0]
        opened = self.opened[who, product]
        responded = self.held[who, product] & (opened > day) & (opened <= day + OUTCOME_DAYS)
        n = len(who)
        treated, cannot_be_known = np.full(n, fill_value=True), pa.nulls(n, pa.float64())
        return self._sent(
            name, who, np.full(n, day), treated, np.full(n, product),
            np.full(n, CHANNELS.index(channel)), cannot_be_known, responded,
        )  # fmt: skip

    def _pilot(self) -> pa.Table:
        """The randomised pilot: product uniform over what may be offered, then arm and channel.

        Sold products are booked after `AS_OF`, so no holding changes.
        """
        rng, world = self.rng, self.world
        offered = [world.product_ids.index(product) for product in world.offered]
        rating = world.products["risk_rating"].fillna(0).to_numpy(int)[offered]
        eligible = ~self.held[:, offered] & (rating[None, :] <= self.risk[:, None])
        choices = eligible.sum(axis=1)
        chosen = (rng.random(self.n) < world.levels.pilot_share) & ~self.opted_out & (choices > 0)
        # Adding uniform noise below 1 to a 0/1 table makes the largest entry a uniform choice.
        pick = (eligible + rng.random(eligible.shape) * 0.999).argmax(axis=1)
        control = rng.random(self.n) < PILOT_CONTROL
        channel = rng.integers(len(CHANNELS), size=self.n)
        day = self.last_day - OUTCOME_DAYS - rng.integers(0, 20, self.n)
        day = np.maximum(day, self.joined + 1)
        who = np.nonzero(chosen)[0]
        product = np.array(offered)[pick[who]]
        p = np.empty(len(who))
        for index, product_id in enumerate(world.offered):
            for number, name in enumerate((*CHANNELS, None)):
                arm = control[who] if name is None else ~control[who] & (channel[who] == number)
                at = np.nonzero((pick[who] == index) & arm)[0]
                p[at] = world.response_probability(
                    product_id, name, self.held[who[at]], self.kind[who[at]]
                )
        responded = rng.random(len(who)) < p
        arm_share = np.where(control[who], PILOT_CONTROL, (1 - PILOT_CONTROL) / len(CHANNELS))
        propensity = pa.array(arm_share / choices[who])
        return self._sent(
            "pilot", who, day[who], ~control[who], product, channel[who], propensity, responded
        )

    def _sent(
        self,
        campaign: str,
        who: np.ndarray,
        day: np.ndarray,
        treated: np.ndarray,
        product: np.ndarray,
        channel: np.ndarray,
        propensity: pa.Array,
        responded: np.ndarray,
    ) -> pa.Table:
        """Contacts in canonical form; products and channels by index, sales with their margin."""
        margin = self.world.products["annual_margin"].to_numpy()[product]
        value = margin * np.exp(0.3 * self.rng.standard_normal(len(who)) - 0.045)
        if self.credit:  # the loss of the next year is booked with the sale, as IFRS 9 has it
            value = value - self.world.loss_table[self.risk_class[who], product]
        value = np.round(value, 2)
        cost = np.array([CHANNEL_COST[name] for name in CHANNELS])[channel]
        return pa.table(
            {
                "campaign_id": pa.array([campaign] * len(who), pa.string()),
                "customer_id": pa.array(self.ids[who], pa.string()),
                "contacted_on": _dates(day),
                "arm": _pick((CONTROL, "offer"), treated.astype(int)),
                "product_id": _pick(self.world.product_ids, product),
                "channel": _pick(CHANNELS, channel, null=~treated),
                "cost": pa.array(np.where(treated, cost, 0.0)),
                "propensity": propensity,
                "responded": pa.array(responded),
                "value": pa.array(np.where(responded, value, 0.0)),
            }
        )

    def truth(self) -> pa.Table:
        """Each customer's kind and basket."""
        bits = (self.held * (1 << np.arange(self.held.shape[1]))).sum(axis=1)
        graded = {"risk_class": pa.array(self.risk_class, pa.int64())} if self.credit else {}
        return pa.table(
            {
                "customer_id": pa.array(self.ids, pa.string()),
                "customer_no": pa.array(self.number, pa.int64()),
                "segment": pa.array(self.kind + 1, pa.int64()),
                "basket": pa.array(bits, pa.int64()),
                **graded,
            }
        )


def _months_before(day: dt.date, months: int) -> dt.date:
    """First day of the month that begins `months` whole months before the end of `day`'s month."""
    index = day.year * 12 + day.month - months
    return dt.date(index // 12, index % 12 + 1, 1)


def _dates(ordinals: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    epoch = dt.date(1970, 1, 1).toordinal()
    days = pa.array((ordinals - epoch).astype("int32"), pa.int32(), mask=null)
    return days.cast(pa.date32())


def _pick(names: tuple[str, ...], index: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    """Names by index, as text."""
    return pa.array(names, pa.string()).take(pa.array(index, pa.int64(), mask=null))
