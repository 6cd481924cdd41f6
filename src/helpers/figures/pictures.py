"""Frames on plotly figures: grids of pictures with boxes, and heat laid over a frame."""

import base64
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from helpers.figures.style import (
    FAINT,
    HEAT,
    INK,
    PAGE,
    TYPE,
    box_colour,
    dress,
    escape,
    legend_entry,
)

Box = Sequence[float] | None
LINE = 22
"""Height of a line of type in a grid, pixels."""
LETTER = 8.6
"""Mean width of a letter, pixels."""


@dataclass(frozen=True)
class Picture:
    """One cell of a grid."""

    frame: np.ndarray  # uint8 [H, W, 3], RGB
    title: str = ""  # below the frame; lines are parted by <br>
    boxes: Mapping[str, Box] = field(default_factory=dict)  # name → x0, y0, x1, y1 in pixels


def jpeg(frame: np.ndarray, quality: int = 90) -> bytes:
    """Encode a frame, uint8 [H, W, 3] RGB, as JPEG.

    Raises:
        ValueError: the array is no frame.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"A frame is uint8 [H, W, 3], this is {frame.dtype} {list(frame.shape)}.")
    bgr = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def shrink(frame: np.ndarray, width: int, height: int | None = None) -> np.ndarray:
    """Scale a frame down to fit into `width` (× `height`) pixels; smaller ones stay as they are."""
    h, w = frame.shape[:2]
    ratio = min(width / w, (height or h) / h)
    if ratio >= 1:
        return frame
    size = (max(1, round(w * ratio)), max(1, round(h * ratio)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def scale_boxes(boxes: Mapping[str, Box], ratio: float) -> dict[str, Box]:
    """Boxes of a frame that was scaled by `ratio`."""
    return {name: None if box is None else [v * ratio for v in box] for name, box in boxes.items()}


def draw_boxes(frame: np.ndarray, boxes: Mapping[str, Box]) -> np.ndarray:
    """A copy of a frame with boxes drawn into its pixels, in the colours of the figures."""
    drawn = np.ascontiguousarray(frame).copy()
    thick = max(1, round(drawn.shape[1] / 200))
    for name, box in boxes.items():
        if box is None:
            continue
        x0, y0, x1, y1 = (round(v) for v in box)
        colour = tuple(int(box_colour(name)[i : i + 2], 16) for i in (1, 3, 5))
        cv2.rectangle(drawn, (x0, y0), (x1, y1), (0, 0, 0), thick + 2)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick)
    return drawn


def picture_grid(
    pictures: Sequence[Picture | None],
    columns: int,
    title: str,
    width: int = PAGE,
    row_titles: Sequence[str] = (),
    tallest: float = 1.0,
    gap: int = 8,
    right: int = 0,
) -> go.Figure:
    """Pictures in rows, each with its title below; a None leaves its cell empty.

    Args:
        row_titles: names of the rows, at their left, read upwards.
        tallest: largest height of a cell per its width; taller frames are fitted into it.
        gap: pixels between cells.
        right: pixels kept free at the right, for a scale.

    Raises:
        ValueError: there is no picture.
    """
    shown = [picture for picture in pictures if picture is not None]
    if not shown:
        raise ValueError(f"No picture to show in {title!r}: the selection holds no clip.")
    left = 28 if any(row_titles) else 0
    if any(
        len(name) * LETTER > _cell(width - 20 - 28 - right, columns, gap) for name in row_titles
    ):
        left += LINE  # for a second line
    inner = width - 20 - left - right
    cell = _cell(inner, columns, gap)
    rows = -(-len(pictures) // columns)
    names = sorted({_kind(n) for p in shown for n, box in p.boxes.items() if box is not None})
    fig = go.Figure()
    top = 0.0
    for row in range(rows):
        members = pictures[row * columns : (row + 1) * columns]
        if not any(p is not None for p in members):
            continue
        aspect = max(p.frame.shape[0] / p.frame.shape[1] for p in members if p)
        tall = cell * min(tallest, aspect)
        if row < len(row_titles) and row_titles[row]:
            name = _in_lines(row_titles[row], tall + LINE / 2, left // LINE)
            # shifted from within the axis: what is placed outside of it is not drawn
            fig.add_annotation(x=0, xshift=-left / 2, y=top + tall / 2, text=name, textangle=-90)
        for column, picture in enumerate(members):
            if picture is not None:
                _place(fig, picture, column * (cell + gap), top, cell, tall)
        lines = max((p.title.count("<br>") + 1 for p in members if p and p.title), default=0)
        top += tall + gap + lines * LINE
    for name in names:
        fig.add_trace(
            legend_entry(
                name,
                {
                    "symbol": "square-open",
                    "size": 13,
                    "color": INK if box_colour(name) == "#FFFFFF" else box_colour(name),
                    "line": {"width": 3},
                },
            )
        )
    head = 46 + (28 if names else 0)
    dress(fig, title, width, round(head + top + 8))
    fig.update_layout(
        margin={"l": 10 + left, "r": 10 + right, "t": head, "b": 8},
        showlegend=bool(names),
        legend={"y": 1.0, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False},
        hovermode=False,
    )
    # data units are pixels of the layout, y down, so that nothing is stretched
    hidden = {"visible": False, "fixedrange": True, "automargin": False}
    fig.update_xaxes(range=[0, inner], **hidden)
    fig.update_yaxes(range=[top, 0], **hidden)
    return fig


def _cell(inner: float, columns: int, gap: int) -> float:
    """Width of a cell, pixels."""
    return (inner - gap * (columns - 1)) / columns


def _in_lines(text: str, pixels: float, most: int) -> str:
    """A text in at most so many lines of so many pixels; of what is longer the end."""
    lines = textwrap.wrap(text, max(2, int(pixels / LETTER)))
    if len(lines) > most or most < 2:
        lines = [shortened(text, pixels)]
    return "<br>".join(escape(line) for line in lines)


def add_picture(
    fig: go.Figure,
    frame: np.ndarray,
    x: float,
    y: float,
    width: float,
    height: float | None = None,
    yref: str = "paper",
) -> None:
    """Lay a frame into a plot, its upper left corner at x (data) and y (`yref`).

    Args:
        width, height: in the units of x and y; without a height up to the plot's foot.
        yref: "paper" (0 to 1 over the plot's height) or "y" (data).
    """
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg(shrink(frame, 400))).decode()
    fig.add_layout_image(
        source=source, xref="x", yref=yref, x=x, y=y, sizex=width,
        sizey=y if height is None else height, sizing="contain", layer="above",
    )  # fmt: skip


def shortened(text: str, pixels: float) -> str:
    """A text that takes at most so many pixels: of longer ones the end, where names differ."""
    letters = max(2, int(pixels / LETTER))
    return text if len(text) <= letters else "…" + text[1 - letters :]


def _kind(name: str) -> str:
    """Name of a box without its number: further workers share the worker's legend entry."""
    return name.rstrip("0123456789_") or name


def _place(
    fig: go.Figure, picture: Picture, x: float, y: float, width: float, height: float
) -> None:
    """Put a picture into the cell whose upper left corner is x, y: at its foot, unstretched."""
    h, w = picture.frame.shape[:2]
    ratio = min(width / w, height / h)
    x0, y0 = x + (width - w * ratio) / 2, y + height - h * ratio
    small = shrink(picture.frame, round(2.5 * w * ratio))
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg(small)).decode()
    fig.add_layout_image(
        source=source, xref="x", yref="y", x=x0, y=y0, sizex=w * ratio, sizey=h * ratio,
        sizing="stretch", layer="below",
    )  # fmt: skip
    for name, box in picture.boxes.items():
        if box is None:
            continue
        corners = dict(zip(("x0", "y0", "x1", "y1"), (v * ratio for v in box), strict=True))
        corners = {key: v + (x0 if key[0] == "x" else y0) for key, v in corners.items()}
        for colour, thick in (("black", 3.5), (box_colour(name), 1.8)):
            fig.add_shape(type="rect", line={"color": colour, "width": thick}, **corners)
    if picture.title:
        fig.add_annotation(
            x=x + width / 2, y=y + height, yanchor="top", text=picture.title, yshift=2
        )


def heat_limit(maps: np.ndarray) -> float:
    """Upper end of the scale that all maps of a clip share: their 99.5th percentile."""
    return float(max(np.quantile(maps, 0.995), np.finfo(np.float32).tiny))


def overlay(frame: np.ndarray, heat: np.ndarray, limit: float, opacity: float = 0.75) -> np.ndarray:
    """Lay a map over a frame: the colour shows the weight, and so does how much it covers.

    Args:
        frame: uint8 [H, W, 3].
        heat: [h, w], at least 0; resized smoothly (bicubic) to the frame.
        limit: the value that gets the scale's last colour; larger ones get it too.
        opacity: cover at the limit, 0 to 1; a weight of 0 leaves the frame as it is.

    Returns:
        uint8 [H, W, 3].
    """
    size = (frame.shape[1], frame.shape[0])
    smooth = cv2.resize(heat.astype(np.float32) / limit, size, interpolation=cv2.INTER_CUBIC)
    weight = np.clip(smooth, 0, 1)
    colours = heat_table()[(weight * 255).round().astype(int)]
    cover = (opacity * np.sqrt(weight))[..., None]
    return (frame * (1 - cover) + colours * cover).round().astype(np.uint8)


def heat_table() -> np.ndarray:
    """The 256 colours of the heat scale, float [256, 3]."""
    colours = sample_colorscale(HEAT, np.linspace(0, 1, 256).tolist())
    return np.array([unlabel_rgb(c) for c in colours], dtype=np.float32)


def heat_scale(fig: go.Figure, limit: float, label: str, x: float = 1.01) -> go.Figure:
    """Add the colour bar of heat to a figure of pictures."""
    fig.add_trace(
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            showlegend=False,
            marker={
                "colorscale": HEAT,
                "cmin": 0,
                "cmax": limit,
                "color": [0],
                "showscale": True,
                "colorbar": {
                    "title": {"text": label, "side": "right", "font": {"size": TYPE}},
                    "thickness": 14,
                    "outlinecolor": FAINT,
                    "x": x,
                    "xpad": 0,
                    "ypad": 4,
                    "nticks": 5,
                },
            },
        )
    )
    return fig
