"""The words that a person reads: how figures are written, and the sentences of warnings, notes and events.

Functions take figures; no module here knows a record, whose text stands beside it, or computes a figure.
"""
