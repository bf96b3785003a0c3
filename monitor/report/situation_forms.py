"""The forms in which a situation leaves the desk."""

from __future__ import annotations

from typing import Literal

from monitor.report.situation import Situation, as_json
from monitor.report.situation_doc import document
from monitor.report.situation_html import as_html
from monitor.report.situation_md import as_markdown

Form = Literal["md", "html", "json"]


def render(found: Situation, form: Form) -> str:
    """The report in one of its forms; a drill's is marked in each."""
    match form:
        case "md":
            return as_markdown(document(found))
        case "html":
            return as_html(found, document(found))
        case "json":
            return as_json(found)
