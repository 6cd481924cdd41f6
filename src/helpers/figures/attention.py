"""Where the model looks: maps laid over frames, their share over time, clips side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from helpers.figures.pictures import (
    LINE,
    Box,
    Picture,
    heat_limit,
    heat_scale,
    overlay,
    picture_grid,
    shrink,
)
from helpers.figures.style import COLUMN, GREY, OKABE_ITO, PAGE, dress, escape, legend_rows

RELATIVE = "× mean attention"


def relative(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Maps [T, h, w] of frames [T, ...] over their mean: 1 is what each patch gets of an even map.

    Raises:
        ValueError: the maps do not belong to the frames, are negative, or all zero.
    """
    if maps.ndim != 3 or len(maps) != len(frames):
        raise ValueError(
            f"{len(frames)} frames need maps [{len(frames)}, h, w], got {list(maps.shape)}: pass "
            "the frames that the model saw."
        )
    if maps.min() < 0 or not maps.sum() > 0:
        raise ValueError(
            f"Maps must not be negative nor all zero, theirs lie in {maps.min():.3g} to "
            f"{maps.max():.3g}: clip them at 0 first."
        )
    return maps / maps.mean()


def spread(count: int, most: int) -> list[int]:
    """At most `most` indices, evenly spaced over `count`, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()


def attention_strip(
    frames: np.ndarray,
    maps: np.ndarray,
    title: str,
    probabilities: Mapping[str, float] | None = None,
    boxes: Mapping[str, Sequence[Box]] | None = None,
    most: int = 8,
) -> go.Figure:
    """Frames of a clip above the same frames under their attention (as figure 7 of the paper).

    All frames share one scale, in multiples of the clip's mean: 1 is even attention. It ends at
    the 99.5th percentile of the clip; what lies above has its last colour.

    Args:
        frames: uint8 [T, H, W, 3], the frames that the model saw.
        maps: [T, h, w], at least 0, on the grid of patches.
        probabilities: class → probability; the three largest are told in the title.
        boxes: name → one box or None per frame, in pixels of the frames; drawn in the upper row.
        most: number of frames shown at most, evenly spaced over the clip.

    Raises:
        ValueError: the maps do not belong to the frames, are negative, or all zero.
    """
    heat = relative(frames, maps)
    limit = heat_limit(heat)
    chosen = spread(len(frames), most)
    above = [
        Picture(frames[t], boxes={name: track[t] for name, track in (boxes or {}).items()})
        for t in chosen
    ]
    below = [Picture(overlay(frames[t], heat[t], limit), f"frame {t + 1}") for t in chosen]
    below_title = ""
    if probabilities:
        best = sorted(probabilities.items(), key=lambda item: -item[1])[:3]
        below_title = ", ".join(f"{escape(name)} {100 * p:.0f} %" for name, p in best)
    fig = picture_grid(above + below, len(chosen), escape(title), PAGE, gap=4, right=76)
    if below_title:
        _add_subtitle(fig, below_title)
    return heat_scale(fig, limit, RELATIVE)


def _add_subtitle(fig: go.Figure, text: str) -> None:
    """Add a line below the title, and room for it."""
    margin = fig.layout.margin.t + LINE
    fig.update_layout(title_subtitle_text=text, margin_t=margin, height=fig.layout.height + LINE)


def time_profile(maps: np.ndarray | Mapping[str, np.ndarray], title: str = "") -> go.Figure:
    """Share of the attention that each frame gets, beside an even share.

    Args:
        maps: [T, h, w], or several of these by name.
    """
    named = maps if isinstance(maps, Mapping) else {"": maps}
    fig = go.Figure()
    longest = 0
    for (name, values), colour, symbol in zip(
        named.items(), OKABE_ITO, ("circle", "square", "diamond", "cross", "x", "star", "hexagon"),
        strict=False,
    ):  # fmt: skip
        share = values.sum(axis=(1, 2)) / values.sum() * 100
        longest = max(longest, len(share))
        fig.add_scatter(
            x=np.arange(1, len(share) + 1),
            y=share,
            mode="lines+markers",
            name=escape(name),
            line_color=colour,
            marker_symbol=symbol,
            showlegend=bool(name),
        )
    fig.add_scatter(
        x=[0.7, longest + 0.3],
        y=[100 / longest] * 2,
        mode="lines",
        name="even share",
        line={"color": GREY, "dash": "dash", "width": 1.5},
    )
    labels = [*named, "even share"]
    dress(fig, title or "Attention over time", COLUMN, 370, legend_rows(labels, COLUMN))
    fig.update_xaxes(title_text="frame of the clip", dtick=1 if longest <= 16 else None)
    fig.update_yaxes(title_text="share of attention (%)", rangemode="tozero")
    return fig


def attention_comparison(
    right: Sequence[Mapping], wrong: Sequence[Mapping], frames_each: int = 4
) -> go.Figure:
    """Clips that were recognised (left) beside clips that were not (right), under attention.

    Each clip has its own scale, up to the 99.5th percentile of its map.

    Args:
        right, wrong: dicts with label, predicted, frames [T, H, W, 3], maps [T, h, w] and
            probability (of the predicted class).
        frames_each: frames shown of each clip, evenly spaced.

    Raises:
        ValueError: no clip is given, or maps do not belong to their frames.
    """
    rows = max(len(right), len(wrong))
    pad = [None] * rows
    cells = []
    for pair in zip((*right, *pad), (*wrong, *pad), range(rows), strict=False):
        cells += [None if clip is None else _strip(clip, frames_each) for clip in pair[:2]]
    title = "Attention where the model is right (left) and where it is wrong (right)"
    return picture_grid(cells, 2, title, PAGE, gap=14)


def _strip(clip: Mapping, frames_each: int) -> Picture:
    """One picture of several frames of a clip under attention, with its classes below."""
    heat = relative(clip["frames"], clip["maps"])
    limit = heat_limit(heat)
    chosen = spread(len(heat), frames_each)
    parts = [shrink(overlay(clip["frames"][t], heat[t], limit), 320) for t in chosen]
    space = np.full((parts[0].shape[0], 4, 3), 255, np.uint8)
    strip = np.concatenate([piece for part in parts for piece in (part, space)][:-1], axis=1)
    label, predicted = escape(clip["label"]), escape(clip["predicted"])
    text = label if label == predicted else f"{label} → {predicted}"
    return Picture(strip, f"{text}, {100 * clip['probability']:.0f} %")
