"""A picture of a web page, as a browser without a window shows it."""

import logging
import subprocess
import tempfile
from pathlib import Path

from helpers.figures import browser

logger = logging.getLogger(__name__)

SECONDS = 60
"""After so long a browser that has drawn nothing is given up."""
PATIENCE = 5000
"""Milliseconds of the page's own clock in which its scripts may draw."""


def picture_of(page: Path, width: int = 1300, height: int = 1500) -> bytes | None:
    """The top of a page as png; None, and a warning, where no browser draws it.

    Args:
        width, height: of the browser's window, pixels.
    """
    path = browser.find_browser()
    if path is None:
        logger.warning("No preview without Chrome or Chromium; open %s by hand.", page)
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "page.png"
        command = [
            *(path, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={folder}/profile", f"--virtual-time-budget={PATIENCE}"),
            *(f"--window-size={width},{height}", f"--screenshot={target}", page.as_uri()),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            logger.warning("No preview of %s, the browser gave %s", page, error)
            return None
