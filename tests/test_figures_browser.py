import asyncio
import logging
import os
import signal

import plotly.graph_objects as go
import pytest

from helpers.figures import browser

BARS = go.Figure(go.Bar(x=["a"], y=[1]), {"width": 300, "height": 200})


class Fake:
    """Stands for a browser; answers as the class is told."""

    made = 0
    answer = b"drawn"

    def __init__(self, path):
        type(self).made += 1
        self.was_killed = False
        self.is_alive = True

    def draw(self, spec, options):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def kill(self):
        self.was_killed = True

    def close(self):
        pass


@pytest.fixture
def fake(monkeypatch):
    class Made(Fake):
        pass

    monkeypatch.setattr(browser, "Browser", Made)
    return Made


def test_one_browser_draws_all_figures(fake):
    renderer = browser.Renderer("chrome")
    assert renderer.render(BARS, ("pdf", "png"), 1) == {"pdf": b"drawn", "png": b"drawn"}
    assert renderer.render(BARS, ("svg",), 1) == {"svg": b"drawn"}
    assert fake.made == 1


@pytest.mark.parametrize("error", [TimeoutError(), BrokenPipeError("gone")], ids=["slow", "gone"])
def test_browsers_that_do_not_answer_are_given_up_once_and_for_all(fake, caplog, error):
    renderer = browser.Renderer("chrome")
    fake.answer = error
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(RuntimeError, match="no pdf"):
                renderer.render(BARS, ("pdf", "png"), 1)
    assert fake.made == browser.BROWSERS
    assert len(caplog.records) == 1
    assert f"failed {browser.BROWSERS} times" in caplog.text
    assert "apt-get install chromium" in caplog.text


def test_a_figure_the_browser_refuses_costs_no_browser(fake):
    from kaleido.errors import KaleidoError

    renderer = browser.Renderer("chrome")
    fake.answer = KaleidoError(525, "not a figure")
    with pytest.raises(RuntimeError, match="not a figure"):
        renderer.render(BARS, ("pdf",), 1)
    fake.answer = b"drawn"
    assert renderer.render(BARS, ("pdf",), 1) == {"pdf": b"drawn"}
    assert fake.made == 1


def test_an_error_of_a_browser_that_died_costs_the_browser(fake):
    renderer = browser.Renderer("chrome")
    renderer._browser.is_alive = False
    renderer._browser.answer = RuntimeError("closed")
    assert renderer.render(BARS, ("pdf",), 1) == {"pdf": b"drawn"}
    assert fake.made == 2


def test_what_the_watchdog_of_a_dead_browser_cancels_is_an_error_of_the_browser(patience):
    async def cancelled():
        raise asyncio.CancelledError

    with pytest.raises(ConnectionResetError, match="the browser died"):
        patience._browser._wait(cancelled())


@pytest.fixture
def patience(monkeypatch):
    """A real renderer that waits seconds, not a minute, for its browser."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("no Chrome or Chromium on this machine")
    renderer = browser.Renderer(path)
    renderer.render(BARS, ("svg",), 1)
    monkeypatch.setattr(browser, "SECONDS", 8)
    yield renderer
    monkeypatch.undo()
    renderer.close()


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "dies"])
def test_a_browser_that(patience, end):
    first = patience._browser._kaleido.subprocess
    os.killpg(first.pid, end)
    assert patience.render(BARS, ("svg",), 1)["svg"].startswith(b"<svg")
    assert patience._browser._kaleido.subprocess.pid != first.pid
    assert first.wait(10) is not None
