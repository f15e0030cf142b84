"""The guests' cores and their drivers."""
