"""A recording beside its timeline: a click seeks, sliders of the rule redraw the events."""

from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

from helpers.detection.events import find_events
from helpers.detection.judging import summarise
from helpers.detection.rules import Rule
from helpers.detection.timeline import Timeline
from helpers.figures.detection import timeline as draw
from helpers.figures.style import INK
from helpers.widgets.video import as_html, video_of

LONGEST = 10.0
"""Seconds to which the sliders of durations reach."""


class RecordingPlayer(widgets.VBox):
    """See `recording_player`; the sliders, the video and the figure are its attributes."""

    def __init__(
        self, video: Path, found: Timeline, rule: Rule, truth: pd.DataFrame | None = None
    ) -> None:
        self._file, self._found, self._given, self._truth = video, found, rule, truth
        self.video = video_of(video)
        self.begin = _slider("begin", rule.begin, 1.0)
        self.end = _slider("end", rule.end, 1.0)
        self.smooth = _slider("smooth (s)", rule.smooth, LONGEST)
        self.shortest = _slider("shortest (s)", rule.shortest, LONGEST)
        self.gap = _slider("gap (s)", rule.gap, LONGEST)
        self.note = widgets.HTML()
        self.figure = go.FigureWidget(self._drawn())
        self._drawn_traces = self.figure.data
        self._make_clickable()
        self._mark()
        sliders = [self.begin, self.end, self.smooth, self.shortest, self.gap]
        self.video.layout.width = "480px"
        beside = widgets.VBox([*sliders, self.note])
        super().__init__([widgets.HBox([self.video, beside]), self.figure])
        for slider in sliders:
            slider.observe(self._redraw, "value")
        self.video.observe(self._mark, "time")

    @property
    def rule(self) -> Rule:
        """The rule that the sliders say; the lower threshold is at most the upper one."""
        return replace(
            self._given,
            begin=self.begin.value,
            end=min(self.end.value, self.begin.value),
            smooth=self.smooth.value,
            shortest=self.shortest.value,
            gap=self.gap.value,
        )

    @property
    def events(self) -> pd.DataFrame:
        """The events by this rule."""
        return find_events(self._found, self.rule)

    def _drawn(self) -> go.Figure:
        events = self.events
        self.note.value = self._told(events)
        return draw(self._found, events, self.rule, Path(self._found.path).name, self._truth)

    def _told(self, events: pd.DataFrame) -> str:
        """How many events, and how many are missed or false where that is known."""
        text = f"{len(events)} events"
        if self._truth is not None:
            name = self._found.path
            tables = [table.assign(path=name) for table in (events, self._truth)]
            told = summarise(*tables, {name: self._found.seconds})
            false = round(told["false alarms an hour"] * self._found.seconds / 3600)
            text += f", {false} of them false; {told['missed']} of {told['events']} missed"
        return f"<b>{text}</b>"

    def _make_clickable(self) -> None:
        """Let a click anywhere above or among the bars give the nearest window.

        Plotly tells clicks on points alone: the score has one for each window, and so has a trace
        among the bars that is not seen. Points of other traces would be nearer at times.
        """
        self.figure.update_layout(hovermode="x", hoverdistance=-1, width=None, autosize=True)
        self.figure.update_traces(selector={"yaxis": "y2"}, hoverinfo="skip")
        (score,) = (trace for trace in self._drawn_traces if trace.name == "score")
        self.figure.add_scatter(
            x=score.x, y=[0.5] * len(score.x), yaxis="y2", mode="markers", marker={"opacity": 0},
            showlegend=False, hoverinfo="none",
        )  # fmt: skip
        for trace in (score, self.figure.data[-1]):
            trace.on_click(self._clicked)

    def _redraw(self, _change: object = None) -> None:
        """Events, lines and thresholds as the sliders say."""
        fresh = self._drawn()
        with self.figure.batch_update():
            for old, new in zip(self._drawn_traces, fresh.data, strict=True):
                old.x, old.y, old.text = new.x, new.y, new.text
            self.figure.layout.annotations = fresh.layout.annotations
            self.figure.layout.shapes = [*fresh.layout.shapes, self._playhead()]

    def _playhead(self) -> dict:
        place = {"x0": self.video.time, "x1": self.video.time, "y0": 0, "y1": 1, "yref": "paper"}
        return {"type": "line", "name": "playhead", "line": {"color": INK, "width": 2}, **place}

    def _mark(self, _change: object = None) -> None:
        """Show on the timeline where the video is."""
        others = [shape for shape in self.figure.layout.shapes if shape.name != "playhead"]
        self.figure.layout.shapes = [*others, self._playhead()]

    def _clicked(self, _trace: object, points: object, _state: object) -> None:
        """Go to the time under the pointer; traces without a point there say nothing."""
        if points.xs:
            self.video.seek(points.xs[0])

    def _repr_mimebundle_(self, **arguments):
        bundle = super()._repr_mimebundle_(**arguments)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/html"] = as_html(self._file)
        return bundle


def _slider(name: str, value: float, most: float) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        value, min=0.0, max=max(most, value), step=most / 200, description=name,
        readout_format=".2f", layout={"width": "380px"},
    )  # fmt: skip


def recording_player(
    video: Path, found: Timeline, rule: Rule, truth: pd.DataFrame | None = None
) -> RecordingPlayer:
    """A widget that plays a recording beside its timeline.

    A click on the timeline seeks the video, a line shows where the video is, and sliders change
    the rule: events are found and drawn anew at once. Where no kernel runs the video remains.

    Args:
        video: an mp4 that browsers play, from `helpers.figures.annotated_video.annotate`.
        found: the timeline of the recording.
        rule: that the sliders begin with.
        truth: columns start, end, label of the true events; None where they are not known.
    """
    return RecordingPlayer(video, found, rule, truth)
