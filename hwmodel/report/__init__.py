"""The pages for readers, and sweeps' results; made from results only."""

from hwmodel.report.configuration import file_labels
from hwmodel.report.finding_page import render_curves_page, render_search_page, render_sizing_page
from hwmodel.report.html import render_page
from hwmodel.report.sweep.answer import SWEEP_SUMMARY_FIGURES, sweep_text
from hwmodel.report.sweep.page import render_sweep_page
from hwmodel.report.sweep.reading import SWEEP_PAGE_FIGURES
