-- What was offered: merchandise. Margins are not known.
SELECT product_id, name, 'merchandise' AS family, NULL::BIGINT AS risk_rating, NULL::DOUBLE AS annual_margin
FROM (VALUES ('mens', 'Men''s merchandise'), ('womens', 'Women''s merchandise')) AS catalogue (product_id, name)
