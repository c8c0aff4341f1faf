-- Each customer was drawn into one of three arms with equal chance. The control group got no
-- e-mail and stands against both, so it has no product.
SELECT
    'e-mail test' AS campaign_id,
    row_number() OVER () AS customer_id,
    DATE '2008-03-06' AS contacted_on,
    CASE segment
        WHEN 'Mens E-Mail' THEN 'mens_email'
        WHEN 'Womens E-Mail' THEN 'womens_email'
        ELSE 'control'
    END AS arm,
    CASE segment WHEN 'Mens E-Mail' THEN 'mens' WHEN 'Womens E-Mail' THEN 'womens' END AS product_id,
    CASE WHEN segment <> 'No E-Mail' THEN 'email' END AS channel,
    NULL::DOUBLE AS cost,
    1.0 / 3.0 AS propensity,
    conversion = '1' AS responded,
    spend::DOUBLE AS value,
    visit = '1' AS visit
FROM emails
ORDER BY customer_id
