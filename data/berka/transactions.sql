-- PRIJEM is a credit; VYDAJ and the older VYBER are debits. What a transaction is for stands in
-- k_symbol, how it was made in operation; both may be empty.
SELECT
    account_id::BIGINT AS customer_id,
    strptime('19' || date, '%Y%m%d')::DATE AS booked_on,
    CASE WHEN type = 'PRIJEM' THEN amount::DOUBLE ELSE -amount::DOUBLE END AS amount,
    CASE trim(coalesce(k_symbol, ''))
        WHEN 'SIPO' THEN 'household'
        WHEN 'UVER' THEN 'loan payment'
        WHEN 'POJISTNE' THEN 'insurance'
        WHEN 'LEASING' THEN 'leasing'
        WHEN 'DUCHOD' THEN 'pension'
        WHEN 'UROK' THEN 'interest'
        WHEN 'SLUZBY' THEN 'statement fee'
        WHEN 'SANKC. UROK' THEN 'penalty interest'
        ELSE CASE WHEN type = 'PRIJEM' THEN 'other credit' ELSE 'other debit' END
    END AS kind,
    CASE
        WHEN operation = 'VYBER KARTOU' THEN 'card'
        WHEN operation IN ('PREVOD Z UCTU', 'PREVOD NA UCET') THEN 'transfer'
        WHEN k_symbol IN ('UROK', 'SLUZBY', 'SANKC. UROK') THEN 'booked by the bank'
        ELSE 'cash'
    END AS channel
FROM trans
ORDER BY booked_on, trans_id::BIGINT
