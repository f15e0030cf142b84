"""The page of a sweep: what was found, in one sentence, curves, a map of limits, a trade-off and a table."""
