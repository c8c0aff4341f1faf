-- The bank's margins and risk ratings are not known.
SELECT product_id, name, family, NULL::BIGINT AS risk_rating, NULL::DOUBLE AS annual_margin
FROM (
    VALUES
        ('order_household', 'Permanent order: household', 'payment'),
        ('order_loan', 'Permanent order: loan', 'payment'),
        ('order_insurance', 'Permanent order: insurance', 'payment'),
        ('order_leasing', 'Permanent order: leasing', 'payment'),
        ('order_other', 'Permanent order: other', 'payment'),
        ('loan', 'Loan, running or finished', 'loan'),
        ('card_classic', 'Card: classic', 'card'),
        ('card_junior', 'Card: junior', 'card'),
        ('card_gold', 'Card: gold', 'card'),
        ('second_user', 'Second user of the account', 'service')
) AS catalogue (product_id, name, family)
