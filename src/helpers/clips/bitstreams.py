"""What a packet's first bytes tell of the frame in it, for each codec that may be skipped in.

A function made by `inspector` is called with the packets of a stream in their order, and gives for
each a `Coded`. Whatever would let a frame depend on packets that are left out raises `Unsure`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import av


class Unsure(Exception):
    """It cannot be shown that skipping gives the frames that decoding in order gives."""


class Coded(NamedTuple):
    """How the frame of a packet depends on others."""

    alone: bool  # decoding can begin here: no frame shown from here on needs an earlier packet
    spare: bool  # no other frame refers to it


class InOrder:
    """VP9 and AV1: one frame per packet, in the order of display; a key frame forgets all."""

    order_is_checked = True

    def __init__(self, extradata: bytes):
        """Begin a stream with the codec's settings in `extradata`."""
        self.latest: int | None = None

    def __call__(self, packet: av.Packet) -> Coded:
        """Look at the next packet."""
        if self.latest is not None and packet.pts <= self.latest:
            raise Unsure("time stamps go back")
        self.latest = packet.pts
        return Coded(packet.is_keyframe, spare=False)


class MotionJpeg(InOrder):
    """Each packet is a picture, and brings the tables with which it is coded.

    AVI may leave out the usual Huffman tables, then in every picture.
    """

    QUANTISATION, HUFFMAN = b"\xff\xdb", b"\xff\xc4"  # markers DQT and DHT (ITU-T T.81, table B.1)

    def __init__(self, extradata: bytes):
        """Begin a stream."""
        super().__init__(extradata)
        self.has_huffman: bool | None = None

    def __call__(self, packet: av.Packet) -> Coded:
        """Look at the next packet."""
        super().__call__(packet)
        head = bytes(memoryview(packet)[:2048])
        has_huffman = self.HUFFMAN in head
        if self.has_huffman is None:
            self.has_huffman = has_huffman
        return Coded(self.QUANTISATION in head and has_huffman == self.has_huffman, spare=False)


class _Units:
    """Packets that consist of network abstraction layer units (NAL units)."""

    def __init__(self, extradata: bytes, length_at: int):
        """Begin a stream; in `extradata` a byte tells how many bytes hold a unit's length."""
        has_lengths = extradata[:1] == b"\x01" and len(extradata) > length_at
        self.prefix = (extradata[length_at] & 3) + 1 if has_lengths else 0
        self.settings = extradata  # that hold throughout, with those of the first packet
        self.is_first = True

    def units(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Start and end of each unit: behind its length, or behind a start code (Annex B)."""
        size = len(data)
        if self.prefix:
            end = 0
            while end < size:
                start = end + self.prefix
                end = start + int.from_bytes(data[end:start])
                if not start < end <= size:
                    raise Unsure("a unit that is cut")
                yield start, end
            return
        start = data.find(b"\0\0\1") + 3
        while start >= 3:
            following = data.find(b"\0\0\1", start) + 3
            yield start, following - 3 if following >= 3 else size
            start = following

    def check_settings(self, unit: bytes) -> None:
        """Take parameter sets with the first packet, and refuse other ones later."""
        unit = unit.rstrip(b"\0")
        if unit not in self.settings:
            if not self.is_first:
                raise Unsure("the codec's settings change")
            self.settings += unit


class H264(_Units):
    """ITU-T H.264: kinds of units in table 7-1, slice types in table 7-6."""

    order_is_checked = True

    def __init__(self, extradata: bytes):
        """Begin a stream."""
        super().__init__(extradata, length_at=4)
        self.latest: int | None = None

    def __call__(self, packet: av.Packet) -> Coded:
        """Look at the next packet."""
        data, kind_of_slice, slice_head, spare = bytes(packet), None, 0, True
        for start, end in self.units(data):
            kind = data[start] & 31
            if kind in (1, 5):
                if kind_of_slice is None:
                    kind_of_slice, slice_head = kind, data[start + 1] if start + 1 < end else 0
                spare &= not data[start] & 0x60  # nal_ref_idc
            elif kind in (2, 3, 4):
                raise Unsure("slices in parts")
            elif kind in (7, 8, 13):
                self.check_settings(data[start:end])
        self.is_first = False
        if not slice_head & 0x80:  # a picture begins with macroblock 0, coded as one bit
            raise Unsure("no whole picture")
        self._check_order(packet.pts, slice_head)
        return Coded(packet.is_keyframe and kind_of_slice == 5, spare)

    def _check_order(self, pts: int, slice_head: int) -> None:
        """Refuse time stamps that do not fit the slice type.

        A B slice is shown before a frame that was decoded earlier, any other behind all of them.
        Behind the first bit stands the type: 1 (as "010") and 6 (as "00111") are B.
        """
        is_b = slice_head >> 4 == 0b1010 or slice_head >> 2 == 0b100111
        if self.latest is not None and is_b != (pts < self.latest):
            raise Unsure("time stamps do not fit the order of decoding")
        self.latest = pts if self.latest is None else max(self.latest, pts)


class Hevc(_Units):
    """ITU-T H.265: kinds of units in table 7-1. Slice types tell nothing of the order."""

    order_is_checked = False

    def __init__(self, extradata: bytes):
        """Begin a stream."""
        super().__init__(extradata, length_at=21)

    def __call__(self, packet: av.Packet) -> Coded:
        """Look at the next packet."""
        data, kind_of_slice = bytes(packet), None
        for start, end in self.units(data):
            kind = data[start] >> 1 & 63
            if kind < 32 and kind_of_slice is None:
                kind_of_slice = kind
            elif kind in (32, 33, 34):
                self.check_settings(data[start:end])
        self.is_first = False
        if kind_of_slice is None:
            raise Unsure("no picture")
        return Coded(packet.is_keyframe and 16 <= kind_of_slice <= 21, spare=False)


INSPECTORS = {"h264": H264, "hevc": Hevc, "mjpeg": MotionJpeg, "vp9": InOrder, "av1": InOrder}
"""By FFmpeg's name of the codec; in other ones nothing is skipped."""
