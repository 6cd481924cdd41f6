"""Browse the plane of clips: hover over a point to see the frame that it stands for."""

import html
from collections.abc import Callable, Mapping

import cv2
import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from helpers.figures.learnt import feature_plane
from helpers.widgets.player import Player, beside

WIDTH = 300
"""The frame is shown so wide, pixels."""
PLANE = 600
"""And the plane beside it: together they fit beside JupyterLab's list of files."""
COLOURS = {"class": "label", "recording": "group"}


class FeatureBrowser(Player):
    """See `feature_browser`; `layout_name` and `colour` are its controls, `plane` its figure."""

    def __init__(
        self,
        points: Mapping[str, np.ndarray],
        table: pd.DataFrame,
        frame_of: Callable[[str], np.ndarray],
    ) -> None:
        super().__init__()
        self._points, self._table, self._frame_of = points, table, frame_of
        self._seen: dict[int, np.ndarray] = {}
        self.layout_name = widgets.Dropdown(options=list(points), description="plane")
        self.colour = widgets.Dropdown(options=list(COLOURS), description="colour")
        self.plane = go.FigureWidget()
        self._box = widgets.Box([self.plane])
        side = widgets.VBox([self.layout_name, self.colour, self.picture, self.note])
        self.children = [beside(self._box, side)]
        for control in (self.layout_name, self.colour):
            control.observe(self._lay_out, "value")
        self._lay_out()
        self.look(0)

    def _lay_out(self, _change: object = None) -> None:
        """Draw the plane that is chosen, and listen to its points."""
        points = self._points[self.layout_name.value]
        title = f"Clips as the model sees them ({self.layout_name.value})"
        by = COLOURS[self.colour.value]
        self.plane = go.FigureWidget(feature_plane(points, self._table, by, title, PLANE))
        for trace in self.plane.data:
            trace.on_hover(self._hover)
            trace.on_click(self._hover)
        self._box.children = [self.plane]

    def _hover(self, trace: go.Scatter, points: object, _state: object) -> None:
        if points.point_inds:
            self.look(int(trace.customdata[points.point_inds[0]]))

    def look(self, place: int) -> None:
        """Show the frame of the clip in row `place` of the table."""
        row = self._table.iloc[place]
        if place not in self._seen:
            try:
                frame = self._frame_of(row["path"])
            except Exception as error:  # a widget has no caller to raise to
                self.say(f"{row['path']} cannot be shown: {error}")
                return
            height = max(1, round(frame.shape[0] * WIDTH / frame.shape[1]))
            self._seen[place] = cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_CUBIC)
        self.show(self._seen[place])
        lines = [row["path"], f"{row['label']}, predicted {row['predicted']}", str(row["group"])]
        self.note.value = "<br>".join(html.escape(line) for line in lines)


def feature_browser(
    points: Mapping[str, np.ndarray], table: pd.DataFrame, frame_of: Callable[[str], np.ndarray]
) -> FeatureBrowser:
    """A widget of clips on a plane; the frame of the point under the mouse stands beside it.

    Where no kernel runs, the frame that was shown last stands in its place.

    Args:
        points: name of the plane → [n, 2].
        table: path, label, predicted and group of the n clips.
        frame_of: path → uint8 [H, W, 3].

    Raises:
        ValueError: the points are not as many as the clips.
    """
    for name, place in points.items():
        if place.shape != (len(table), 2):
            raise ValueError(f"{name}: {list(place.shape)} points for {len(table)} clips.")
    return FeatureBrowser(points, table, frame_of)
