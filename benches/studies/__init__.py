"""The studies: shipped sweeps with a page each in docs/studies, which says in a sentence what was found."""
