"""The adapter's switch: its tables and their changes, and what is decided by them of each header."""
