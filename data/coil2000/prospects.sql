-- The 4,000 further customers, numbered on after the others. Whether they hold a caravan policy is
-- known only where the file of the challenge's answers is at hand.
WITH numbered AS (
    SELECT row_number() OVER () AS row, *
    FROM evaluation
),

answers AS (
    SELECT row_number() OVER () AS row, caravan
    FROM targets
)

SELECT
    5822 + numbered.row AS customer_id,
    subtype.name AS mostype,
    main_type.name AS moshoofd,
    COLUMNS(numbered.* EXCLUDE (row, mostype, moshoofd))::BIGINT,
    answers.caravan = '1' AS responded
FROM numbered
LEFT JOIN answers ON answers.row = numbered.row
JOIN types AS subtype ON subtype.list = 'mostype' AND subtype.code = mostype
JOIN types AS main_type ON main_type.list = 'moshoofd' AND main_type.code = moshoofd
ORDER BY customer_id
