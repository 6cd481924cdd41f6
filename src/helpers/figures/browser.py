"""Plotly figures to pdf, png and svg, through one Chrome or Chromium per process.

Kaleido starts a browser for every call unless it is kept open, which costs about a second each
time. It is kept open here, on an event loop of its own, so that a notebook (which runs a loop
itself) can wait for it, and errors of the browser reach the caller. A browser that stops answering
never comes back to life and would cost its patience at every figure, so it is replaced by a new
one, and after a few of them drawing is given up.
"""

import asyncio
import atexit
import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from functools import cache
from typing import Any

import plotly.graph_objects as go

logger = logging.getLogger(__name__)

SECONDS = 40
"""After so long a browser that does not answer is given up."""
BROWSERS = 2
"""So many are started in one process before figures are html only."""
REMEDY = (
    "Figures are written as html only. For pdf, png and svg install a browser: "
    "`apt-get install chromium`, or `kaleido_get_chrome` where there is no root, or name one in "
    "BROWSER_PATH."
)


def find_browser() -> str | None:
    """Path of the Chrome or Chromium that would draw; None where there is none."""
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False)


class Browser:
    """One headless browser and the event loop that speaks with it; starts when made."""

    def __init__(self, path: str) -> None:
        """Start the browser at `path`.

        Raises:
            RuntimeError, OSError, TimeoutError: it does not start.
        """
        import kaleido

        # no web font or formula script: nothing here needs them, and offline they would be
        # waited for; Kaleido itself passes --no-sandbox, which a container's root needs
        self._kaleido = kaleido.Kaleido(n=1, mathjax=False, timeout=SECONDS, path=path)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="figures").start()
        try:
            self._wait(self._kaleido.open())
        except BaseException:
            self.kill()
            raise

    def _wait(self, work: Any, seconds: float | None = None) -> Any:
        """What `work` comes to, on the loop; OSError where the browser dies meanwhile."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds or SECONDS)
        except CancelledError as error:  # Kaleido's watchdog saw it die and gave up all work
            raise ConnectionResetError("the browser died") from error

    @property
    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self._kaleido.subprocess.poll() is None

    def draw(self, spec: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
        """A figure as the bytes of a file; `options` are Kaleido's: format, scale, size."""
        return self._wait(self._kaleido.calc_fig(spec, opts=options))

    def close(self) -> None:
        """End the browser; what does not end in time is killed."""
        try:
            self._wait(self._kaleido.close(), 10)
        except (RuntimeError, OSError, TimeoutError) as error:
            logger.warning("The browser that drew the figures did not end well: %s", error)
            self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def kill(self) -> None:
        """End the browser and all its processes at once, whatever they are doing."""
        process = getattr(self._kaleido, "subprocess", None)
        if process is not None and process.poll() is None:
            if hasattr(os, "killpg"):  # Kaleido starts it as the leader of a group of its own
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


class Renderer:
    """Turns figures into files; replaces a browser that stops answering."""

    def __init__(self, path: str) -> None:
        """Start the browser at `path`.

        Raises:
            RuntimeError, OSError, TimeoutError: it does not start.
        """
        self._path = path
        self._started = 0
        self._browser: Browser | None = self._start()
        atexit.register(self.close)

    def _start(self) -> Browser:
        self._started += 1
        return Browser(self._path)

    def render(self, fig: go.Figure, formats: Sequence[str], scale: float) -> dict[str, bytes]:
        """Draw `fig` in each of the formats; `scale` is pixels of a png per pixel of layout.

        Raises:
            RuntimeError: the figure cannot be drawn, or no browser answers in time.
        """
        spec = fig.to_dict()
        size = {"width": fig.layout.width, "height": fig.layout.height}
        return {
            kind: self._draw(spec, {"format": kind, "scale": scale if kind == "png" else 1, **size})
            for kind in formats
        }

    def _draw(self, spec: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
        """One file, from the browser at hand or, where that fails, from the ones after it."""
        from kaleido.errors import KaleidoError

        reason = f"{BROWSERS} browsers in turn stopped answering"
        while self._browser is not None:
            try:
                return self._browser.draw(spec, options)
            except (KaleidoError, RuntimeError) as error:
                if self._browser.is_alive:  # the figure is at fault
                    raise RuntimeError(f"no {options['format']}: {error}") from error
                reason = f"{type(error).__name__} {error}".strip()
            except (OSError, TimeoutError) as error:
                reason = f"{type(error).__name__} {error}".strip()
            self._replace(reason)
        raise RuntimeError(f"no {options['format']}: {reason}")

    def _replace(self, reason: str) -> None:
        """Kill the browser and start the next; none is left after `BROWSERS` of them."""
        self._browser.kill()
        self._browser = None
        if self._started == BROWSERS:
            logger.warning("%s failed %d times (%s). %s", self._path, BROWSERS, reason, REMEDY)
            return
        logger.info("%s stopped answering (%s) and is started again", self._path, reason)
        try:
            self._browser = self._start()
        except (RuntimeError, OSError, TimeoutError) as error:
            logger.warning("%s does not start again (%s). %s", self._path, error, REMEDY)

    def close(self) -> None:
        """End the browser; done by itself when the process ends."""
        atexit.unregister(self.close)
        if self._browser is not None:
            self._browser.close()
            self._browser = None


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
