"""What a person reads: the summary in the terminal and the HTML page, both from results alone."""

from hwmodel.report.finding_page import render_search_page, render_sizing_page
from hwmodel.report.html import render_page, write_page
from hwmodel.report.labels import file_labels
from hwmodel.report.relaxed_text import relaxed_sentence, relaxed_text
from hwmodel.report.search_text import search_sentence, search_text
from hwmodel.report.sizing_text import sizing_sentence, sizing_text
from hwmodel.report.sweep.page import render_sweep_page
from hwmodel.report.sweep.points import SWEEP_PAGE_FIGURES
from hwmodel.report.sweep_text import SWEEP_SUMMARY_FIGURES, sweep_text
from hwmodel.report.text import print_summary, summary

__all__ = [
    "SWEEP_PAGE_FIGURES",
    "SWEEP_SUMMARY_FIGURES",
    "file_labels",
    "print_summary",
    "relaxed_sentence",
    "relaxed_text",
    "render_page",
    "render_search_page",
    "render_sizing_page",
    "render_sweep_page",
    "search_sentence",
    "search_text",
    "sizing_sentence",
    "sizing_text",
    "summary",
    "sweep_text",
    "write_page",
]
