"""Rules and constants of the standards that the closed form and the simulated machine share, with their sources.

An error here would be in both, so each value is tested against a published table (`tests/test_rules_*.py`). Everything
else the two have apart.
"""
