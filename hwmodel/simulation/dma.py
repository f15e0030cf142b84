"""Placeholder."""


def dma(config, sizes):
    raise NotImplementedError
