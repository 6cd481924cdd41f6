"""The packets of a video, read without decoding: which belong together, which can be left out."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import av
from av.error import FFmpegError

from helpers.clips.bitstreams import INSPECTORS, Unsure

KEEP_BYTES = 64 * 2**20
"""Packets of a file up to this size stay in memory; of a larger one they are read again."""


@dataclass(frozen=True)
class PacketTable:
    """The packets of a stream, one frame each, in the order of decoding."""

    pts: list[int]  # when a frame is shown, in the stream's time base
    dts: list[int]  # when its packet is read
    sizes: list[int]  # bytes
    spare: list[bool]  # whether no other frame refers to it
    shown: list[int]  # packets in the order of display
    begins: list[int]  # packets with which a group begins
    order_is_checked: bool  # else decoding a whole group has to show that `pts` is right
    kept: list[av.Packet] | None  # the packets themselves, where the file is small

    def group_of(self, index: int) -> int:
        """Group that holds a frame; groups are shown one after another."""
        return bisect_right(self.begins, index) - 1

    def span(self, group: int) -> tuple[int, int]:
        """First packet of a group, and the first of the next: its frames' indices too."""
        last = group + 1 == len(self.begins)
        return self.begins[group], len(self.pts) if last else self.begins[group + 1]

    def place_of(self, packet: av.Packet, meant: int) -> int:
        """Place of the first packet behind a jump: the one that was meant, or one before it.

        Raises:
            Unsure: it lies behind.
        """
        if packet.pts == self.pts[meant]:
            return meant
        if packet.pts not in self.pts[:meant]:
            raise Unsure("seeking leads behind the place that was meant")
        return self.pts.index(packet.pts)


def read_table(container, stream, frames: int) -> PacketTable:
    """Read all packets of a stream without decoding them.

    Args:
        container: just opened.
        stream: of it.
        frames: that decode.

    Raises:
        Unsure: a codec that is not known to allow it, time stamps that are missing or do not fit
            the kinds of frames, or another number of packets than frames.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec not in INSPECTORS:
        raise Unsure(codec)
    inspect = INSPECTORS[codec](bytes(stream.codec_context.extradata or b""))
    keeps = container.size <= KEEP_BYTES
    packets, pts, dts, sizes, coded = [], [], [], [], []
    try:
        for packet in container.demux(stream):
            size, stamp = packet.size, packet.pts
            if not size:
                continue
            if stamp is None:
                raise Unsure("a packet without a time stamp")
            if any(data.data_type == "new_extradata" for data in packet.iter_sidedata()):
                raise Unsure("the codec's settings change")
            coded.append(inspect(packet))
            pts.append(stamp)
            dts.append(stamp if packet.dts is None else packet.dts)
            sizes.append(size)
            if keeps:
                packets.append(packet)
    except FFmpegError as error:
        raise Unsure(str(error)) from error
    if len(pts) != frames or len(set(pts)) != frames:
        raise Unsure(f"{len(pts)} packets with {len(set(pts))} times, {frames} frames")
    return PacketTable(
        pts,
        dts,
        sizes,
        spare=[its.spare for its in coded],
        shown=sorted(range(frames), key=pts.__getitem__),
        begins=_begins(pts, [its.alone for its in coded]),
        order_is_checked=inspect.order_is_checked,
        kept=packets if keeps else None,
    )


def _begins(pts: list[int], alone: list[bool]) -> list[int]:
    """Where groups begin: with a frame that is shown behind all before and before all behind."""
    latest = list(accumulate(pts, max))
    earliest = list(accumulate(reversed(pts), min))[::-1]
    inner = range(1, len(pts))
    return [0, *(k for k in inner if alone[k] and latest[k - 1] < pts[k] == earliest[k])]
