-- A customer is an account with its owner: each account has exactly one.
-- birth_number is YYMMDD, in women with 50 added to the month; all births are in 19YY.
SELECT
    account.account_id::BIGINT AS customer_id,
    make_date(
        1900 + birth_number[1:2]::INTEGER,
        birth_number[3:4]::INTEGER % 50,
        birth_number[5:6]::INTEGER
    ) AS birth_date,
    CASE WHEN birth_number[3:4]::INTEGER > 50 THEN 'female' ELSE 'male' END AS gender,
    district.A3 AS region,
    strptime('19' || account.date, '%Y%m%d')::DATE AS joined_on,
    CASE account.frequency
        WHEN 'POPLATEK MESICNE' THEN 'monthly'
        WHEN 'POPLATEK TYDNE' THEN 'weekly'
        WHEN 'POPLATEK PO OBRATU' THEN 'after each transaction'
    END AS statement,
    district.A2 AS district,
    district.A4::BIGINT AS district_inhabitants,
    district.A11::DOUBLE AS district_salary,
    district.A13::DOUBLE AS district_unemployment
FROM account
JOIN disp ON disp.account_id = account.account_id AND disp.type = 'OWNER'
JOIN client USING (client_id)
JOIN district ON district.A1 = client.district_id
ORDER BY customer_id
