-- The file has no customer number: a row is a customer, numbered in file order.
-- history_segment only repeats history in bands.
SELECT
    row_number() OVER () AS customer_id,
    recency::BIGINT AS recency,
    history::DOUBLE AS history,
    mens = '1' AS bought_mens,
    womens = '1' AS bought_womens,
    newbie = '1' AS newbie,
    replace(zip_code, 'Surburban', 'Suburban') AS area, -- a misspelling of the file
    channel AS purchase_channel
FROM emails
ORDER BY customer_id
