-- Rows lie in the order of time from May 2008 to November 2010, but name only the month: a year
-- ends where a month comes before the one above it. Nobody was a control; why a client was called
-- is not known, so there is no propensity.
-- A row is a client, called as often as `campaign` says. Cellular or fixed line is the client's
-- telephone, no choice of the bank's: all of these contacts have one channel. A call costs 2 EUR,
-- an assumption (4.3 minutes on average, at 25 EUR an hour and some overhead).
WITH numbered AS (
    SELECT
        row_number() OVER () AS row,
        list_position(
            ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
            month
        ) AS month,
        campaign,
        y
    FROM calls
),

marked AS (
    SELECT *, coalesce(month < lag(month) OVER (ORDER BY row), FALSE) AS new_year
    FROM numbered
),

dated AS (
    SELECT *, 2008 + count(*) FILTER (new_year) OVER (ORDER BY row) AS year
    FROM marked
)

SELECT
    'telephone campaigns' AS campaign_id,
    row AS customer_id,
    make_date(year, month, 1) AS contacted_on,
    'call' AS arm,
    'term_deposit' AS product_id,
    'calls' AS channel,
    2.0 * campaign::BIGINT AS cost,
    NULL::DOUBLE AS propensity,
    y = 'yes' AS responded,
    NULL::DOUBLE AS value
FROM dated
ORDER BY customer_id
