"""Rules and constants of the standards that the closed form and the simulated machine share, with their sources.

What stands here is in both: an error would be too. So each value is tested against a published table
(`tests/test_rules_*.py`). All else the two have apart.
"""
