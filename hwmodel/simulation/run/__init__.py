"""A run: its machine, warm-up and window, what changes meanwhile, short runs beside it, its time line."""
