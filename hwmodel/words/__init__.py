"""The words that a person reads: the summary's lines, and every sentence of it, of pages, hints and warnings.

They are asked for with figures, or with records that have them, and import no block that computes any.
"""
