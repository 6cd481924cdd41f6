"""Make the simulated yard: clips of a label set, or untrimmed recordings, into a folder.

Sizes are those of a profile; each of them may be given in its place. The same seed and sizes give
the same frames, whatever the number of processes. A folder that was cut is gone on with.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from helpers.profiles import PROFILES, RecordingSize, YardSize
from helpers.yard.make import LABELS, make_yard
from helpers.yard.recordings import make_recordings

EXAMPLES = """examples:
  python -m helpers.yard --folder data/yard-smoke --profile smoke
  python -m helpers.yard --folder data/long --clips 400 --cameras 40 --seconds 2 6 --fps 12 \\
      --width 320 --height 240
  python -m helpers.yard --folder data/motions --labels motions --clips 1600
  python -m helpers.yard --folder data/recordings --recordings 12 --seconds 60 300 --fps 12"""


def main(arguments: list[str] | None = None) -> Path:
    """Make a yard of a profile's size; single sizes may be given beside it.

    Raises:
        SystemExit: an option is unknown, or does not go with the others.
        YardError: see `make_yard` and `make_recordings`.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    size = PROFILES[asked.profile].yard
    names = ("clips", "cameras", "frames", "fps", "width", "height", "pairs")
    given = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    if asked.recordings is None:
        if asked.first_camera is not None:
            parser.error("--first-camera goes with --recordings; clips begin at camera 0.")
        if asked.seconds and asked.frames:
            parser.error("--seconds and --frames both say how long a clip is; give one.")
        size = _last(replace(size, **given), asked.seconds)
        return make_yard(asked.folder, size, asked.seed, asked.workers, asked.labels or "hazards")
    if asked.labels or asked.clips or asked.frames or asked.pairs:
        parser.error("--labels, --clips, --frames and --pairs are of clips, not of recordings.")
    recordings = RecordingSize(
        asked.recordings,
        cameras=asked.cameras or asked.recordings,
        first_camera=size.cameras if asked.first_camera is None else asked.first_camera,
        seconds=tuple(asked.seconds or (60.0, 180.0)),
        fps=asked.fps or size.fps,
        width=asked.width or size.width,
        height=asked.height or size.height,
    )
    return make_recordings(asked.folder, recordings, asked.seed, asked.workers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.yard",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the videos go")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="demo", help="default demo")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--workers", type=int, help="processes; default one a core")
    sizes = parser.add_argument_group("sizes, in place of the profile's")
    sizes.add_argument("--pairs", type=int, help="of motions: the first so many (all)")
    sizes.add_argument("--cameras", type=int, help="sites; each is seen by one camera")
    sizes.add_argument("--fps", type=int, help="frames per second")
    sizes.add_argument("--width", type=int, help="pixels, even")
    sizes.add_argument("--height", type=int, help="pixels, even")
    sizes.add_argument(
        "--seconds",
        type=float,
        nargs=2,
        metavar=("FROM", "TO"),
        help="how long clips or recordings are, drawn evenly; recordings by default 60 180",
    )
    clips = parser.add_argument_group("clips")
    clips.add_argument(
        "--labels",
        choices=sorted(LABELS),
        help="label set: hazards (default), told by distances, or motions, pairs of classes that "
        "only the order of time tells",
    )
    clips.add_argument("--clips", type=int, help="how many, over all classes")
    clips.add_argument("--frames", type=int, help="frames of every clip, in place of --seconds")
    recordings = parser.add_argument_group("recordings, in place of clips")
    recordings.add_argument("--recordings", type=int, help="how many untrimmed recordings")
    recordings.add_argument(
        "--first-camera",
        type=int,
        help="number of the first camera; by default behind those of the profile's clips",
    )
    return parser


def _last(size: YardSize, seconds: list[float] | None) -> YardSize:
    """The size with clips that last so many seconds, from-to."""
    if seconds is None:
        return size
    shortest, longest = (max(round(one * size.fps), 1) for one in seconds)
    return replace(size, frames=shortest, most_frames=longest)


if __name__ == "__main__":
    main()
