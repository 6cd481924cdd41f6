"""What colours come to: dirt on what is used, and how a sensor sees them."""

import numpy as np

from helpers.yard.mesh import Solids
from helpers.yard.objects import SILVER

DIRTY = ("body", "cabin", "crawler", "boom", "stick", "bucket", "wagon", "barrel", "crate", "wall")
SPLASHED = 0.6
"""Share of dirt on what is close to the ground; it falls off over a metre or so."""
LUMINANCE = np.array([0.299, 0.587, 0.114])
NEAR_INFRARED = np.array([0.46, 0.40, 0.14])
GLOWS = ("lamp",)


def worn_colours(solids: Solids, soil: np.ndarray) -> np.ndarray:
    """Colours [F, 3] of the faces with dirt on them, and a little different from face to face.

    Args:
        soil: colour of the dirt, RGB 0..255.
    """
    # Over all frames: what a clip begins with must not show in each of them.
    middle = solids.vertices[:, solids.faces[:, :4], 2].mean(axis=(0, 2))
    dirty = np.array([kind in DIRTY for kind in solids.kinds])[solids.face_part]
    jitter = np.random.default_rng(len(middle)).uniform(-1, 1, len(middle))
    dirt = dirty * np.clip(SPLASHED * np.exp(-middle / 0.9) * (1 + 0.4 * jitter) + 0.05, 0, 0.7)
    clean = solids.colours * (1 + 0.035 * jitter[:, None])
    return clean + dirt[:, None] * (0.75 * soil - clean)


def as_seen(colours: np.ndarray, saturation: float) -> np.ndarray:
    """Colours [..., 3] as a sensor of some saturation sees them; 1 leaves them."""
    grey = colours @ LUMINANCE
    return grey[..., None] + saturation * (colours - grey[..., None])


def in_infrared(solids: Solids, colours: np.ndarray) -> np.ndarray:
    """Colours [F, 3] as seen by the light of lamps beside the camera: grey.

    Cloth of bright dyes is light in the near infrared, and reflective bands throw the light back.
    """
    grey = colours @ NEAR_INFRARED
    kinds = [solids.kinds[part] for part in solids.face_part]
    vest = np.array([kind == "vest" for kind in kinds])
    legs = np.array([kind == "legs" for kind in kinds])
    bands = vest & (solids.colours == np.array(SILVER)).all(axis=1)
    grey = np.where(vest, 0.3 * grey + 0.7 * 215, grey)
    grey = np.where(legs, 0.6 * grey + 45, grey)
    grey = np.where(bands, 600.0, grey)
    return np.repeat(grey[:, None], 3, axis=1)


def glowing(solids: Solids) -> np.ndarray:
    """Which faces shine by themselves: bool [F]."""
    return np.array([solids.kinds[part] in GLOWS for part in solids.face_part])
