-- A row is a client in a campaign; without a customer number each row is a customer of its own,
-- numbered in file order, which is the order of time.
-- 'unknown' is a category of its own in the text columns, as in the published work.
WITH numbered AS (
    SELECT *, calls::VARCHAR AS content, row_number() OVER () AS row
    FROM calls
)

SELECT
    row AS customer_id,
    age::BIGINT AS age,
    job,
    marital,
    education,
    "default" AS credit_default,
    housing AS housing_loan,
    loan AS personal_loan,
    campaign::BIGINT AS campaign_calls,
    pdays <> '999' AS contacted_before,
    nullif(pdays::BIGINT, 999) AS days_since_contact,
    previous::BIGINT AS previous_calls,
    poutcome AS previous_outcome,
    contact AS phone,
    month AS call_month,
    day_of_week AS call_weekday,
    "emp.var.rate"::DOUBLE AS employment_variation,
    "cons.price.idx"::DOUBLE AS consumer_prices,
    "cons.conf.idx"::DOUBLE AS consumer_confidence,
    euribor3m::DOUBLE AS euribor_3m,
    "nr.employed"::DOUBLE AS employees,
    duration::BIGINT AS duration,
    row_number() OVER (PARTITION BY content ORDER BY row) > 1 AS repeats_earlier_row
FROM numbered
ORDER BY customer_id
