"""Plotly figures read back from the html that `save_figure` wrote."""

import json
from pathlib import Path
from typing import Any

from helpers.report.gather import ReportError

CALL = "Plotly.newPlot("
FRAMES = "Plotly.addFrames("


def read_figure(path: Path) -> dict[str, Any]:
    """Data, layout and, where it moves, frames of a figure.

    plotly writes a figure into a page as the arguments of one call, each of them JSON.

    Raises:
        ReportError: the page holds no such call.
    """
    text = path.read_text(encoding="utf-8")
    try:
        _, data, layout, _ = _arguments(text, CALL, 4)
        figure = {"data": data, "layout": layout}
        if FRAMES in text:
            figure["frames"] = _arguments(text, FRAMES, 2)[1]
    except ValueError as error:
        raise ReportError(f"{path} holds no figure: execute its notebook again.") from error
    return figure


def _arguments(text: str, call: str, count: int) -> list[Any]:
    """The first arguments of a call, each of them JSON.

    Raises:
        ValueError: there is no such call, or an argument is no JSON.
    """
    decoder, at, found = json.JSONDecoder(), text.index(call) + len(call), []
    while len(found) < count:
        while text[at] in " \n\t,":
            at += 1
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found
