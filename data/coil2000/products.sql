-- The insurer's 21 policies and the caravan policy that the challenge asked for. Margins are not
-- known.
SELECT product_id, name, 'insurance' AS family, NULL::BIGINT AS risk_rating, NULL::DOUBLE AS annual_margin
FROM (
    VALUES
        ('third_party', 'Third party, private'),
        ('third_party_firms', 'Third party, firms'),
        ('third_party_farms', 'Third party, agriculture'),
        ('car', 'Car'),
        ('van', 'Delivery van'),
        ('motorcycle', 'Motorcycle or scooter'),
        ('lorry', 'Lorry'),
        ('trailer', 'Trailer'),
        ('tractor', 'Tractor'),
        ('farm_machines', 'Agricultural machines'),
        ('moped', 'Moped'),
        ('life', 'Life'),
        ('accident', 'Private accident'),
        ('family_accident', 'Family accidents'),
        ('disability', 'Disability'),
        ('fire', 'Fire'),
        ('surfboard', 'Surfboard'),
        ('boat', 'Boat'),
        ('bicycle', 'Bicycle'),
        ('property', 'Property'),
        ('social_security', 'Social security'),
        ('caravan', 'Caravan')
) AS catalogue (product_id, name)
