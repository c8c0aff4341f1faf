-- A bank deposit bears the least risk. Its margin is not known.
SELECT
    'term_deposit' AS product_id,
    'Term deposit' AS name,
    'deposit' AS family,
    1 AS risk_rating,
    NULL::DOUBLE AS annual_margin
