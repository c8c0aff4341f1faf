-- A row is a customer, numbered in file order. The two lists of customer types get their names;
-- all other columns are the dictionary's classes and counts.
WITH numbered AS (
    SELECT row_number() OVER () AS customer_id, * EXCLUDE caravan
    FROM training
)

SELECT
    customer_id,
    subtype.name AS mostype,
    main_type.name AS moshoofd,
    COLUMNS(numbered.* EXCLUDE (customer_id, mostype, moshoofd))::BIGINT
FROM numbered
JOIN types AS subtype ON subtype.list = 'mostype' AND subtype.code = mostype
JOIN types AS main_type ON main_type.list = 'moshoofd' AND main_type.code = moshoofd
ORDER BY customer_id
