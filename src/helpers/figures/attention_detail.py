"""One clip in detail: several maps in rows, time above the filmstrip, a film."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import plotly.graph_objects as go
from PIL import Image

from helpers.figures.attention import RELATIVE, relative, spread
from helpers.figures.pictures import (
    Picture,
    add_picture,
    heat_limit,
    heat_scale,
    overlay,
    picture_grid,
)
from helpers.figures.style import GREY, OKABE_ITO, PAGE, dress, escape, legend_rows
from helpers.files import whole_file
from helpers.yard.video import write_video

HEADS = 12
"""So many rows are shown at most."""
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "star", "hexagon")
FILM_SIDE = 320
"""Shorter side of a picture of a film, pixels."""


def map_rows(
    frames: np.ndarray, maps: Mapping[str, np.ndarray], title: str, most: int = 8
) -> go.Figure:
    """Several maps of one clip in rows over the same frames, on one scale.

    The scale is in multiples of each map's own mean and ends at the 99.5th percentile of them all.

    Args:
        frames: uint8 [T, H, W, 3], the frames that the model saw.
        maps: name of the row → [T, h, w]; what is negative counts as 0. At most `HEADS` of them.
        title: of the figure.
        most: number of frames shown at most, evenly spaced over the clip.

    Raises:
        ValueError: no map is given, or a map does not belong to the frames or is zero everywhere.
    """
    if not maps:
        raise ValueError(f"No map to show in {title!r}.")
    names = list(maps)[:HEADS]
    heats = [relative(frames, np.clip(maps[name], 0, None)) for name in names]
    limit = heat_limit(np.stack([heat.ravel() for heat in heats]))
    chosen = spread(len(frames), most)
    cells = [
        Picture(overlay(frames[t], heat[t], limit), f"frame {t + 1}" if heat is heats[-1] else "")
        for heat in heats
        for t in chosen
    ]
    fig = picture_grid(cells, len(chosen), escape(title), PAGE, names, gap=4, right=76)
    return heat_scale(fig, limit, RELATIVE)


def time_over_film(
    frames: np.ndarray, maps: Mapping[str, np.ndarray], title: str, most: int = 8
) -> go.Figure:
    """Each frame's share of several maps, each point above its frame on the filmstrip.

    Args:
        frames: uint8 [T, H, W, 3].
        maps: name → [T, h, w]; what is negative counts as 0.
        title: of the figure.
        most: number of frames shown at most; of longer clips the curve still has every frame.

    Raises:
        ValueError: as `map_rows`.
    """
    shares = {
        name: relative(frames, np.clip(values, 0, None)).sum((1, 2))
        for name, values in maps.items()
    }
    count, top = len(frames), 0.0
    fig = go.Figure()
    for (name, share), colour, symbol in zip(shares.items(), OKABE_ITO, SYMBOLS, strict=False):
        share = 100 * share / share.sum()
        top = max(top, float(share.max()))
        fig.add_scatter(
            x=np.arange(1, count + 1),
            y=share,
            mode="lines+markers",
            name=escape(name),
            line_color=colour,
            marker_symbol=symbol,
        )
    fig.add_scatter(
        x=[0.5, count + 0.5],
        y=[100 / count] * 2,
        mode="lines",
        name="even share",
        line={"color": GREY, "dash": "dash", "width": 1.5},
    )
    rows = legend_rows([*shares, "even share"], PAGE)
    chosen = spread(count, most)
    cell = count / len(chosen)  # width of a frame, in frames of the axis
    plot = PAGE - 90  # pixels of the axis, about
    tall = min(220, plot / len(chosen) * frames.shape[1] / frames.shape[2])
    curve = 200
    low = (tall + 12) / (tall + 12 + curve)
    dress(fig, title, PAGE, round(48 + 30 * rows + curve + tall + 12 + 56), rows)
    for place, t in enumerate(chosen):
        middle = t + 1 if len(chosen) == count else 0.5 + cell * (place + 0.5)
        add_picture(fig, frames[t], x=middle - 0.48 * cell, y=low - 0.02, width=0.96 * cell)
    fig.update_xaxes(
        title_text="frame of the clip",
        range=[0.5, count + 0.5],
        dtick=1 if count <= 16 else None,
        showgrid=False,
    )
    fig.update_yaxes(
        title_text="share (%)", domain=[low, 1], range=[0, 1.1 * max(top, 100 / count)]
    )
    fig.update_xaxes(anchor="free", position=0)
    return fig


def film_frames(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Each frame beside the same frame under its map, enlarged: uint8 [T, H, W, 3], even sides.

    Raises:
        ValueError: the map does not belong to the frames or is zero everywhere.
    """
    heat = relative(frames, np.clip(maps, 0, None))
    limit = heat_limit(heat)
    ratio = FILM_SIDE / min(frames.shape[1:3])
    size = tuple(2 * round(side * ratio / 2) for side in (frames.shape[2], frames.shape[1]))
    pairs = []
    for frame, one in zip(frames, heat, strict=True):
        large = cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC)
        bar = np.full((size[1], 4, 3), 255, np.uint8)
        pairs.append(np.concatenate((large, bar, overlay(large, one, limit)), axis=1))
    return np.stack(pairs)


def save_film(path: Path, frames: np.ndarray, maps: np.ndarray, fps: int = 4) -> list[Path]:
    """Write a clip beside its map as mp4 (H.264, as browsers play it) and as gif.

    Args:
        path: without suffix.
        frames: uint8 [T, H, W, 3].
        maps: [T, h, w].
        fps: frames a second.

    Returns:
        the two files.
    """
    shown = film_frames(frames, maps)
    film, moving = path.with_name(path.name + ".mp4"), path.with_name(path.name + ".gif")
    write_video(film, shown, fps, {"preset": "medium", "crf": "20", "movflags": "+faststart"})
    first, *rest = [Image.fromarray(frame) for frame in shown]
    with whole_file(moving) as part:
        first.save(part, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
    return [film, moving]
