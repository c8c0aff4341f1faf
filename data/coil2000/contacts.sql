-- The challenge's target, read as the response to an offer made to all: nobody was a control.
SELECT
    'caravan policy' AS campaign_id,
    row_number() OVER () AS customer_id,
    DATE '2000-01-01' AS contacted_on,
    'offer' AS arm,
    'caravan' AS product_id,
    NULL::VARCHAR AS channel,
    NULL::DOUBLE AS cost,
    NULL::DOUBLE AS propensity,
    caravan = '1' AS responded,
    NULL::DOUBLE AS value
FROM training
ORDER BY customer_id
