"""The words that a person reads: the summary's lines, and every sentence of it, of pages, hints and warnings.

Functions take figures, or records that hold them; no module here imports one that computes figures.
"""
