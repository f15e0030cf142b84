"""Searches over the load of one configuration: what it carries without loss, and what becomes of more."""

from hwmodel.explore.search.load_search import search_loads
