"""From counts to results: the figures of a window, how sure they are, what limits them."""
