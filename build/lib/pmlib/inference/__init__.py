"""Statistics, each defined once: what every chapter computes intervals, tests and models with.

`normal` has the quantile behind every normal interval; `proportions` and `means` the intervals of
one share or mean and of a difference; `many_tests` the corrections; `ranking` the area under the
ROC curve; `power` what a test can show; `learners` the boosted model. Functions take counts,
moments and arrays; what a table of a study means is not known here.
"""
