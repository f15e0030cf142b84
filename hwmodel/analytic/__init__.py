"""Closed-form limits of the link and the adapter: the oracle that a designer can check by hand."""

from hwmodel.analytic.closed_form import ceiling_frames_per_s, limits
from hwmodel.analytic.dma import dma_limits
from hwmodel.analytic.limits_record import Limits
from hwmodel.analytic.limits_text import limits_text
from hwmodel.analytic.published import published
