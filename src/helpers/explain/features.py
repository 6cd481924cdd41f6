"""Features of clips in two dimensions, as in figure 8 of the paper."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor, nn

MAPS = ("t-SNE", "PCA")
PERPLEXITY = 30.0


@torch.no_grad()
def clip_features(backbone: nn.Module, clips: Sequence[Tensor], batch: int = 16) -> np.ndarray:
    """What the head is given of each clip, float32 [n, C].

    Args:
        backbone: in evaluation mode; gives [B, C], or [B, C, t, h, w] which is averaged (as the
            heads of CNNs do).
        clips: [1, channels, T, height, width] each.
        batch: clips that go through at a time.
    """
    found = []
    for first in range(0, len(clips), batch):
        features = backbone(torch.cat(list(clips[first : first + batch]))).float()
        found.append(features.flatten(2).mean(2) if features.ndim > 2 else features)
    return torch.cat(found).cpu().numpy()


def in_two_dimensions(features: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Features laid out on a plane: by t-SNE (neighbours stay neighbours) and by PCA (linear).

    van der Maaten and Hinton, JMLR 9, 2008. t-SNE starts from the PCA; its perplexity is 30, or a
    third of the clips where there are few.

    Args:
        features: [n, C].
        seed: of t-SNE.

    Returns:
        "t-SNE" and "PCA", float [n, 2] each.

    Raises:
        ValueError: there are fewer than 4 clips.
    """
    if len(features) < 4:
        raise ValueError(f"{len(features)} clips cannot be laid out: take at least 4.")
    scaled = features - features.mean(0)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    return {
        "t-SNE": tsne.fit_transform(scaled),
        "PCA": PCA(2, random_state=seed).fit_transform(scaled),
    }


def separation(features: np.ndarray, table: pd.DataFrame) -> dict[str, float]:
    """How well classes, and recordings, part the features: mean silhouette, from -1 to 1.

    Rousseeuw, 1987: above 0 a clip is nearer to its own kind than to the nearest other one.

    Args:
        features: [n, C].
        table: columns label and group, one row per clip.

    Returns:
        label, group; NaN where there are not between 2 and n - 1 kinds.
    """
    found = {}
    for name in ("label", "group"):
        kinds = table[name].nunique()
        known = 2 <= kinds < len(table)
        found[name] = float(silhouette_score(features, table[name])) if known else float("nan")
    return found
