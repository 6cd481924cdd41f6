"""What more views of a clip bring: accuracy by their number, and what they cost."""

import pandas as pd

from helpers.evaluation.compare import Comparison, compare
from helpers.evaluation.draws import clip_draws, share_interval
from helpers.training.views import ViewPredictions


def subsets(predictions: ViewPredictions) -> dict[str, list[int]]:
    """Sets of views to compare, by a name that says what is in them.

    Each crop of the middle clip alone, and then growing grids of clips (evenly spread), with one
    crop and with all, and at last with mirrored ones. The last set is all of them.
    """
    table = predictions.views.table
    crops = list(dict.fromkeys(table["crop"]))
    clips = predictions.views.clips
    plain = ~table["mirrored"]
    (middle,) = _spread(1, clips)
    single = {
        f"{crop}": table.index[plain & table["crop"].eq(crop) & table["clip"].eq(middle)].tolist()
        for crop in crops
    }
    grids = {}
    for some in sorted({1, 2, max(1, clips // 2), clips} & set(range(1, clips + 1))):
        chosen = _spread(some, clips)
        for few in (crops[-1:], crops):
            inside = plain & table["clip"].isin(chosen) & table["crop"].isin(few)
            name = f"{some} × {len(few)}" + (f" ({few[0]})" if len(few) < len(crops) else "")
            grids[name] = table.index[inside].tolist()
    known = list(grids.values())
    found = {name: places for name, places in single.items() if places not in known} | grids
    if predictions.views.mirror:
        found["all, and mirrored"] = table.index.tolist()
    return found


def _spread(some: int, clips: int) -> list[int]:
    """Places of `some` of the clips, evenly spread."""
    return [round((k + 0.5) * clips / some - 0.5) for k in range(some)]


def by_views(
    predictions: ViewPredictions, multiply_adds: int, n: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Top-1 with more and more views, and their cost.

    Args:
        predictions: of every view.
        multiply_adds: of the network for one view.
        n: number of draws of recordings.
        seed: of the draws.

    Returns:
        views, number, top1, low, high, multiply_adds_g (10⁹, of a video), milliseconds (of the
        network for a video, in the batches of the tests).
    """
    draws = clip_draws(predictions.clips["group"], n, seed)
    rows = []
    for name, places in subsets(predictions).items():
        table = predictions.average(places)
        told = share_interval(table["label"].eq(table["predicted"]), draws)
        rows.append(
            {
                "views": name,
                "number": len(places),
                "top1": told["value"],
                "low": told["low"],
                "high": told["high"],
                "multiply_adds_g": len(places) * multiply_adds / 1e9,
                "milliseconds": 1000 * len(places) * predictions.seconds_per_view,
            }
        )
    return pd.DataFrame(rows)


def gain_of_views(predictions: ViewPredictions, **settings: int) -> Comparison | None:
    """All views against a single one, on the same clips; None where there is only one.

    Args:
        predictions: of every view.
        settings: of `helpers.evaluation.compare.compare`.
    """
    table = predictions.views.table
    if len(table) < 2:
        return None
    alone = table.index[
        ~table["mirrored"]
        & table["crop"].eq(table["crop"].iloc[-1])
        & table["clip"].isin(_spread(1, predictions.views.clips))
    ]
    names = (f"the average of {len(table)} views", "one view")
    return compare(predictions.average(), predictions.average(alone), names, **settings)
