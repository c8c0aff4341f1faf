"""What the canonical tables mean, each question decided once.

Who holds a product on a day, how old a customer is and whether contact is allowed, which campaigns
are randomised: chapters, safeguards and the simulated bank ask here.
"""
