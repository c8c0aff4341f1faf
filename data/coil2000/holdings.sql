-- Held = number of policies above 0. Opening dates are not known.
WITH numbered AS (
    SELECT row_number() OVER () AS customer_id, *
    FROM training
)

SELECT
    customer_id,
    MAP {
        'awapart': 'third_party',
        'awabedr': 'third_party_firms',
        'awaland': 'third_party_farms',
        'apersaut': 'car',
        'abesaut': 'van',
        'amotsco': 'motorcycle',
        'avraaut': 'lorry',
        'aaanhang': 'trailer',
        'atractor': 'tractor',
        'awerkt': 'farm_machines',
        'abrom': 'moped',
        'aleven': 'life',
        'apersong': 'accident',
        'agezong': 'family_accident',
        'awaoreg': 'disability',
        'abrand': 'fire',
        'azeilpl': 'surfboard',
        'aplezier': 'boat',
        'afiets': 'bicycle',
        'ainboed': 'property',
        'abystand': 'social_security',
        'caravan': 'caravan'
    }[policy] AS product_id,
    NULL::DATE AS opened_on,
    NULL::DATE AS closed_on
FROM (UNPIVOT numbered ON COLUMNS('^(a|caravan)') INTO NAME policy VALUE policies)
WHERE policies::INTEGER > 0
ORDER BY customer_id, product_id
