"""Plotly figures to pdf, png and svg, through one Chrome or Chromium per process.

Kaleido starts a browser for every call unless it is kept open, which costs about a second each
time. It is kept open here, on an event loop of its own, so that a notebook (which runs a loop
itself) can wait for it, and errors of the browser reach the caller.
"""

import asyncio
import atexit
import logging
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import plotly.graph_objects as go

logger = logging.getLogger(__name__)

SECONDS = 60
"""After so long a browser that does not answer is given up."""
REMEDY = (
    "Figures are written as html only. For pdf, png and svg install a browser: "
    "`apt-get install chromium`, or `kaleido_get_chrome` where there is no root, or name one in "
    "BROWSER_PATH."
)


def find_browser() -> str | None:
    """Path of the Chrome or Chromium that would draw; None where there is none."""
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False)


class Renderer:
    """A headless browser that turns figures into files; starts when made."""

    def __init__(self, browser: str) -> None:
        """Start `browser`.

        Raises:
            RuntimeError, OSError, TimeoutError: it does not start.
        """
        import kaleido

        # no web font or formula script: nothing here needs them, and offline they would be
        # waited for; Kaleido itself passes --no-sandbox, which a container's root needs
        self._kaleido = kaleido.Kaleido(n=1, mathjax=False, timeout=SECONDS, path=browser)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="figures").start()
        self._wait(self._kaleido.open())
        atexit.register(self.close)

    def _wait(self, work: Any, seconds: float = SECONDS) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def render(self, fig: go.Figure, formats: Sequence[str], scale: float) -> dict[str, bytes]:
        """Draw `fig` in each of the formats; `scale` is pixels of a png per pixel of layout.

        Raises:
            RuntimeError: the browser fails or does not answer in time.
        """
        from kaleido.errors import KaleidoError

        spec = fig.to_dict()
        size = {"width": fig.layout.width, "height": fig.layout.height}
        drawn = {}
        for kind in formats:
            options = {"format": kind, "scale": scale if kind == "png" else 1, **size}
            try:
                drawn[kind] = self._wait(self._kaleido.calc_fig(spec, opts=options))
            except (KaleidoError, OSError, TimeoutError) as error:
                raise RuntimeError(f"no {kind}: {type(error).__name__} {error}") from error
        return drawn

    def close(self) -> None:
        """End the browser; done by itself when the process ends."""
        atexit.unregister(self.close)
        try:
            self._wait(self._kaleido.close(), 10)
        except (RuntimeError, OSError, TimeoutError) as error:
            logger.warning("The browser that drew the figures did not end well: %s", error)
        self._loop.call_soon_threadsafe(self._loop.stop)


@cache
def renderer() -> Renderer | None:
    """The process's one renderer, started at first use; None, after one warning, without one."""
    browser = find_browser()
    if browser is None:
        logger.warning("No Chrome or Chromium found. %s", REMEDY)
        return None
    try:
        return Renderer(browser)
    except (RuntimeError, OSError, TimeoutError) as error:
        logger.warning("%s does not start (%s). %s", browser, error, REMEDY)
        return None
