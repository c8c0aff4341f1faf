"""Findings against the truth of a simulated bank; no chapter imports it.

`segments`, `rules`, `offers` and `campaign` hold what one study's chapter found against what is
true. `coverage` repeats one step many times, `chain` and `validation` all of them.
"""
