"""Decode wanted frames of a video and little else, where they are surely the right ones.

Packets form groups, each of which can be decoded alone and is shown behind all before it. Groups
without a wanted frame are left out. In a group decoding ends with the last packet that a wanted
frame needs, and frames that nothing refers to are skipped. Each frame that the decoder gives has to
be the one that is due: else `Unsure` is raised, as where the packets do not tell enough. What is
decoded is decoded whole, loop filter and all.
"""

from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path

import av
from av.error import FFmpegError

from helpers.clips.bitstreams import Unsure
from helpers.clips.opening import opened
from helpers.clips.packets import PacketTable, read_table

FORMATS = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), "mov"),
    **dict.fromkeys((".mkv", ".webm"), "matroska"),
    ".avi": "avi",
}
"""FFmpeg's names of formats by the names of files. Their headers tell all that is needed here."""

GLANCE = {"skip_frame": "all", "probesize": "32"}
"""Options with which FFmpeg opens a file without decoding its first frames."""


def picked_frames(
    path: Path | str, wanted: list[int], frames: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Give index and frame for each wanted index.

    Args:
        path: the video.
        wanted: indices that rise, among the frames that decode.
        frames: how many decode.

    Raises:
        Unsure: it cannot go on; the frames given before are right.
        VideoError: the file cannot be opened.
    """
    # A name that is wrong fails at once, and the file is then read in order.
    named = FORMATS.get(Path(path).suffix.lower())
    with opened(path, GLANCE if named else {}, named) as (container, stream):
        if len(container.streams.video) > 1:  # the best of them is told by decoding
            raise Unsure("several video streams")
        table = read_table(container, stream, frames)
        for group, indices in groupby(wanted, key=table.group_of):
            yield from _in_group(container, stream, table, table.span(group), list(indices))


def _in_group(
    container, stream, table: PacketTable, span: tuple[int, int], wanted: list[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode one group and give its wanted frames; every frame that comes is checked."""
    begin, end = span
    index_of = {table.shown[index]: index for index in wanted}
    if table.order_is_checked:
        end = max(index_of) + 1
    needed = [k in index_of or not table.spare[k] for k in range(begin, end)]
    due = (k for k in table.shown[slice(*span)] if k < end and needed[k - begin])
    for frame in _decoded_group(container, stream, table, begin, needed):
        place = next(due, None)
        if place is None or frame.pts != table.pts[place] or frame.is_corrupt:
            raise Unsure("another frame than the one that is due")
        if place in index_of:
            yield index_of[place], frame
    if next(due, None) is not None:
        raise Unsure("a frame is missing")


def _decoded_group(
    container, stream, table: PacketTable, begin: int, needed: list[bool]
) -> Iterator[av.VideoFrame]:
    """Decode packets from `begin` on; of those not needed all but the picture."""
    context = stream.codec_context
    packets = islice(_packets(container, stream, table, begin), len(needed))
    try:
        for is_needed, packet in zip(needed, packets, strict=True):
            context.skip_frame = "DEFAULT" if is_needed else "NONREF"
            yield from context.decode(packet)
        yield from context.decode(None)  # the frames that the decoder still holds
    except FFmpegError as error:
        raise Unsure(str(error)) from error
    context.flush_buffers()


def _packets(container, stream, table: PacketTable, begin: int) -> Iterator[av.Packet]:
    """Give the packets from `begin` on: those kept, or else the file's."""
    if table.kept is not None:
        yield from islice(table.kept, begin, None)
        return
    container.seek(table.dts[begin], stream=stream)
    place = None
    for packet in container.demux(stream):
        if not packet.size:
            continue
        place = table.place_of(packet, begin) if place is None else place + 1
        if (packet.pts, packet.size) != (table.pts[place], table.sizes[place]):
            raise Unsure("seeking leads to other packets")
        if place >= begin:
            yield packet
    raise Unsure("the file has become shorter")
