"""Stub."""
from eval.report import Report
from eval.run_info import RunInfo
def render_page(report: Report, info: RunInfo, photos: object) -> str:
    return ""
