-- One row for each account and product. Only loans and cards carry an opening date. A finished
-- loan counts as held: when it ended is not recorded.
WITH held AS (
    SELECT
        account_id,
        CASE k_symbol
            WHEN 'SIPO' THEN 'order_household'
            WHEN 'UVER' THEN 'order_loan'
            WHEN 'POJISTNE' THEN 'order_insurance'
            WHEN 'LEASING' THEN 'order_leasing'
            ELSE 'order_other' -- the symbol is empty or a space
        END AS product_id,
        NULL::DATE AS opened_on
    FROM orders
    UNION ALL
    SELECT account_id, 'loan', strptime('19' || date, '%Y%m%d')::DATE
    FROM loan
    UNION ALL
    SELECT disp.account_id, 'card_' || card.type, strptime('19' || card.issued[1:6], '%Y%m%d')::DATE
    FROM card
    JOIN disp USING (disp_id)
    UNION ALL
    SELECT account_id, 'second_user', NULL
    FROM disp
    WHERE type = 'DISPONENT'
)

SELECT
    account_id::BIGINT AS customer_id,
    product_id,
    min(opened_on) AS opened_on,
    NULL::DATE AS closed_on
FROM held
GROUP BY ALL
ORDER BY customer_id, product_id
