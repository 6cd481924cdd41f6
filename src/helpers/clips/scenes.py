"""Which clips show the same scene, and the recordings that this suggests.

Clips of one scene need not be copies of each other (`helpers.clips.duplicates`): they have the
background and the light in common. A model that meets one scene in training and in the test may
recognise the scene in place of the action, so where nobody says which clips are of one recording,
those that look as if they were are kept together.

The colours of a clip's median picture stand for its scene, whatever part of it the picture shows:
cameras turn, and clips may be cut out around their actors. Two clips are as far apart as their
colour histograms, by the Hellinger distance, the root of 1 - Σ √(p q) (Bhattacharyya's coefficient,
as in Comaniciu, Ramesh, Meer, Kernel-based object tracking, IEEE TPAMI 25, 2003); scenes are the
clusters of average linkage. Held against what is known:

- yard, 3600 clips of 120 cameras that turn: 126 scenes; 95 % of the pairs that a scene puts
  together are of one camera, and 99 % of the pairs of one camera are put together (adjusted Rand
  index 0.97);
- yard, 480 clips of motions, 24 cameras: 24 scenes, the cameras (1.00);
- yard with weather, lamps and times of day, 360 clips of 12 cameras: 121 scenes, 66 %, 15 % (0.22);
- UT-Interaction, 120 clips of 20 recordings at two places: 8 scenes, 17 %, 98 % (0.24).

So in steady light the limit errs on the safe side: recordings of one place become one scene, but
next to none is divided. Light it does not see through: a camera by day, by night and in fog is
three scenes, which may fall on different sides. Who knows the cameras should say so.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import pair_confusion_matrix

from helpers.clips.fingerprints import FILE, Fingerprints, load_or_make_fingerprints
from helpers.clips.folder import GROUPS_FILE
from helpers.clips.frames import FrameStore
from helpers.clips.groups import undivided
from helpers.files import write_table

log = logging.getLogger(__name__)

SUGGESTED = "groups-suggested.csv"

SCENE_APART = 0.5
"""Mean distance up to which clusters are one scene."""

CUTS = (SCENE_APART, 0.45, 0.4, 0.35, 0.3, 0.25)
"""Tried in turn, until the scenes can be divided into training, validation and test part."""

FEWEST_SCENES, LARGEST_SHARE = 5, 0.7
"""Scenes there have to be, and the most of the clips that one of them may hold."""


def suggest_by_looks(
    folder: Path | str,
    about: Path,
    manifest: pd.DataFrame,
    workers: int | None = None,
    store: FrameStore | None = None,
) -> dict[str, str]:
    """Suggest the groups of a folder's clips: see `suggest_groups`.

    Args:
        folder: what the manifest's paths are relative to.
        about: folder of the run, which keeps fingerprints.npz and groups-suggested.csv.
        manifest: columns path and frames.
        workers: processes; None for one per core.
        store: kept frames, which save decoding.

    Raises:
        VideoError: a clip cannot be read, or is shorter than the manifest says.
        ValueError: groups-suggested.csv lacks a column.
    """
    prints = load_or_make_fingerprints(folder, manifest, about / FILE, workers, store)
    return suggest_groups(prints, about / SUGGESTED)


def scene_distances(prints: Fingerprints) -> np.ndarray:
    """Hellinger distance of the colours of each two clips: float32 [N, N], 0 to 1."""
    rows = prints.colour_rows()
    distances = np.sqrt(np.maximum(1 - rows @ rows.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def find_scenes(distances: np.ndarray, apart: float = SCENE_APART) -> np.ndarray:
    """Cluster clips by average linkage.

    Takes 12 bytes of memory per pair of clips: 1.2 GB for ten thousand.

    Args:
        distances: from `scene_distances`.
        apart: mean distance up to which clusters are joined.

    Returns:
        int [N], scenes numbered from 0 in the order of their first clips.
    """
    if len(distances) < 2:
        return np.zeros(len(distances), int)
    tree = linkage(squareform(distances, checks=False), "average")
    _, first, of = np.unique(
        fcluster(tree, apart, "distance"), return_index=True, return_inverse=True
    )
    return np.argsort(np.argsort(first))[of]


def suggest_groups(prints: Fingerprints, file: Path) -> dict[str, str]:
    """Suggest a group for each clip by its scene, and write the suggestion where it can be checked.

    The suggestion is used at once. Not to use it before somebody has agreed would leave scenes on
    both sides of the split until then, and the scores too good without a sign of it; to use a wrong
    one costs a coarser split and, at worst, scores that are too modest. A warning says that it is
    used, and how to correct it.

    What the file says of a clip holds from then on: corrections made there are kept, and later
    clips join the group of the clip that they are nearest to, or make up new ones. Scenes that
    could not be divided into three parts with every class are made smaller (`CUTS`); if nothing
    helps, each clip counts as a group of its own. Either is said.

    Args:
        prints: of all clips.
        file: groups-suggested.csv of the run, columns path and group; read if it is there.

    Returns:
        path → group.

    Raises:
        ValueError: the file lacks a column.
    """
    kept = _load(file)
    distances = scene_distances(prints)
    groups = {path: kept[path] for path in prints.paths if path in kept}
    if groups:
        _add(groups, prints.paths, distances)
    else:
        groups = _first_groups(prints.paths, distances, taken=set(kept.values()))
    table = pd.DataFrame((kept | groups).items(), columns=["path", "group"])
    if kept != kept | groups:
        write_table(file, table.sort_values("path"))
    scenes = len(set(groups.values()))
    if scenes < len(groups):
        log.warning(
            "Nothing says which clips are of one recording. By their looks %d clips are of %d "
            "scenes, which the split keeps together. Look at %s, correct it where it is wrong, and "
            "copy it to the data folder as %s to settle the matter.",
            len(groups),
            scenes,
            file,
            GROUPS_FILE,
        )
    return groups


def agreement(groups: Sequence[str], scenes: Sequence) -> dict[str, float]:
    """How well two groupings of the same clips agree.

    Returns:
        precision: share of the pairs of one scene that are of one group, recall: share of the pairs
        of one group that are of one scene (both NaN without such pairs), adjusted_rand (Hubert and
        Arabie, Journal of Classification 2, 1985): 1 for the same grouping, about 0 by chance.
    """
    (_, only_scene), (only_group, both) = pair_confusion_matrix(groups, scenes)
    in_scene, in_group = both + only_scene, both + only_group
    return {
        "precision": float(both / in_scene) if in_scene else float("nan"),
        "recall": float(both / in_group) if in_group else float("nan"),
        "adjusted_rand": float(adjusted_rand_score(groups, scenes)),
    }


def _load(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if not {"path", "group"} <= set(table):
        raise ValueError(f"{file}: needs the columns path and group, has {list(table)}; repair it")
    return dict(zip(table["path"], table["group"], strict=True))


def _first_groups(paths: Sequence[str], distances: np.ndarray, taken: set[str]) -> dict[str, str]:
    reason = ""
    for cut in CUTS:
        scenes = find_scenes(distances, cut)
        against = _indivisible(paths, scenes)
        if not against:
            if reason:
                log.warning(
                    "Scenes were made smaller, apart by %.2f in place of %.2f, since they could "
                    "not be divided well: %s. What looks alike may now stand in training and in "
                    "test.",
                    cut,
                    SCENE_APART,
                    reason,
                )
            return _named(paths, scenes, taken)
        reason = reason or against
    log.warning(
        "The clips look too much alike to tell scenes apart (%s): each of %d clips counts as a "
        "recording of its own. If several come from one recording, the test measures memory of "
        "scenes, and its figures are too good; %s in the data folder says what belongs together.",
        reason,
        len(paths),
        GROUPS_FILE,
    )
    return {path: path for path in paths}


def _indivisible(paths: Sequence[str], scenes: np.ndarray) -> str:
    """Why scenes do not make a good split; "" where they do."""
    sizes = np.bincount(scenes)
    if len(sizes) < min(FEWEST_SCENES, len(paths)):
        return f"there are only {len(sizes)}"
    if sizes.max() > LARGEST_SHARE * len(paths):
        return f"one holds {sizes.max()} of {len(paths)} clips"
    return undivided(paths, scenes)


def _add(groups: dict[str, str], paths: Sequence[str], distances: np.ndarray) -> None:
    """Put clips that are new into the group of the clip they are nearest to, or into new ones."""
    known = [place for place, path in enumerate(paths) if path in groups]
    new = [place for place, path in enumerate(paths) if path not in groups]
    apart = distances[np.ix_(new, known)]
    near = apart.min(axis=1, initial=np.inf) <= SCENE_APART
    for place, joins, nearest in zip(new, near, apart.argmin(axis=1), strict=True):
        if joins:
            groups[paths[place]] = groups[paths[known[nearest]]]
    far = [place for place, joins in zip(new, near, strict=True) if not joins]
    scenes = find_scenes(distances[np.ix_(far, far)])
    groups.update(_named([paths[place] for place in far], scenes, taken=set(groups.values())))


def _named(paths: Sequence[str], scenes: np.ndarray, taken: set[str]) -> dict[str, str]:
    """Names such as "scene03" for numbered scenes, none of them `taken`."""
    names, number = [], 0
    for _ in range(int(scenes.max(initial=-1)) + 1):
        number += 1
        while f"scene{number:03d}" in taken:
            number += 1
        names.append(f"scene{number:03d}")
    return {path: names[scene] for path, scene in zip(paths, scenes, strict=True)}
