"""JupyterLab as a reader has it: a server of its own, and its pages in a headless Chromium."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import psutil
from playwright.sync_api import ConsoleMessage, Error, Locator, Page
from smoke_run import NOTEBOOKS, SmokeRun, code_cells, kill_with_children

STARTS, OPENS, CELL, RUNS, ANSWERS, HANGS = 90, 90, 120, 400, 30, 900
"""Seconds that a server may need to start, a notebook to open, a cell and all cells to run, a
widget to answer, and a notebook for all that comes before its tests. Several times what a loaded
machine was seen to need; what takes longer hangs."""
TOKEN = "reader"
HARMLESS = (
    "favicon",
    "net::ERR_INTERNET_DISCONNECTED",
    "/api/contents/",  # checkpoints and settings that are not there yet
    "WebSocket",  # of a kernel that is shut down at the end
    "GPU stall",
    "WebGL",
)
"""Parts of what the console says without anything being wrong."""

STATE = """() => ({
  prompts: [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputArea-prompt')]
    .map(prompt => prompt.textContent.trim()),
  errors: [...document.querySelectorAll(
    '.jp-Notebook .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]'
  )].map(output => output.textContent.slice(-2000)),
})"""
"""How far the notebook has come."""
OUTPUTS = """async ([place, expected, patience]) => {
  const cell = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')][place];
  const outputs = () => [...cell.querySelectorAll('.jp-OutputArea-output')];
  const drawn = () => outputs().filter(o => o.querySelector('svg.main-svg, .jupyter-widgets img'));
  cell.scrollIntoView();
  const end = Date.now() + patience;
  while (drawn().length < expected && Date.now() < end)
    await new Promise(done => setTimeout(done, 50));
  return outputs().map(output => ({
    text: output.textContent.trim().slice(0, 2000),
    height: output.getBoundingClientRect().height,
    drawn: output.querySelectorAll('img, video, svg, table, canvas').length,
    figures: output.querySelectorAll('svg.main-svg').length,
    widgets: output.querySelectorAll('.jupyter-widgets').length,
  }));
}"""
"""What stands below a cell of code, for the eyes of a reader who scrolls there: figures are drawn
when they come into view."""


class LabError(AssertionError):
    """JupyterLab did not do what a reader expects."""


class Lab:
    """A server on a free port, over copies of the notebooks and of a smoke run."""

    def __init__(self, smoke: SmokeRun, folder: Path) -> None:
        self.folder, self.said = folder, folder / "jupyterlab.log"
        runs, self.notebooks = folder / "runs", folder / "notebooks"
        shutil.copytree(smoke.folder, runs / smoke.folder.name)
        self.notebooks.mkdir()
        for notebook in NOTEBOOKS.glob("*.ipynb"):
            _for_run(notebook, self.notebooks / notebook.name, smoke.folder.name)
        places = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "RUNTIME")}
        places |= {"JUPYTERLAB_SETTINGS_DIR": str(_settings(folder / "settings"))}
        places |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
        places |= {"IPYTHONDIR": str(folder / "ipython"), "RAILYARD_RUNS": str(runs)}
        places |= {"RAILYARD_FIGURES": str(folder / "figures")}
        # Static figures were drawn by the smoke run: here they would cost half of the time.
        places |= {"BROWSER_PATH": "/bin/false", "OMP_NUM_THREADS": "1"}
        self.environment = smoke.environment | places
        self.address = f"http://127.0.0.1:{_free_port()}"
        self.process = self._start()

    def _start(self) -> subprocess.Popen:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.address.rsplit(":", 1)[1],
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.notebooks,
            "IdentityProvider.token": TOKEN,
            "LabApp.extension_manager": "readonly",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with self.said.open("wb") as log:
            return subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        """Until it answers.

        Raises:
            LabError: it ends, or does not answer in time.
        """
        end = time.monotonic() + STARTS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.ask("status")
            except OSError:
                time.sleep(0.5)
            else:
                return
        said = self.said.read_text(errors="replace")[-3000:]
        raise LabError(f"JupyterLab does not answer within {STARTS} s. It said:\n{said}")

    def ask(self, path: str, method: str = "GET") -> object:
        """Its REST interface."""
        headers = {"Authorization": f"token {TOKEN}"}
        request = Request(f"{self.address}/api/{path}", method=method, headers=headers)
        with urlopen(request, timeout=20) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def end_kernels(self) -> None:
        """Shut every kernel down: each holds a gigabyte."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        """End the server and its kernels, whatever they are doing."""
        kill_with_children(self.process.pid)
        self.process.wait(20)


class NotebookPage:
    """A notebook in JupyterLab."""

    def __init__(self, lab: Lab, page: Page, name: str) -> None:
        self.lab, self.page, self.name = lab, page, name
        self.console: list[str] = []
        page.set_default_timeout(1000 * ANSWERS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.goto(f"{lab.address}/lab/tree/{name}.ipynb?token={TOKEN}&reset", timeout=1000 * OPENS)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=1000 * OPENS)
        self._wait_for_kernel()

    def _wait_for_kernel(self) -> None:
        """Until the kernel has started and the page speaks with it: before, a dialog would ask.

        Raises:
            LabError: it does not start in time.
        """
        end, shown = time.monotonic() + OPENS, self.page.locator(".jp-Toolbar-kernelName")
        while time.monotonic() < end:
            kernels = [session["kernel"] for session in self.lab.ask("sessions")]
            ready = any(k["execution_state"] == "idle" and k["connections"] for k in kernels)
            if ready and "Python 3" in (shown.first.text_content() or ""):
                self.page.wait_for_timeout(500)
                return
            self.page.wait_for_timeout(300)
        raise LabError(f"{self.name}: no kernel within {OPENS} s, but {kernels}")

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.console.append(f"{said.text} ({said.location.get('url', '')})")

    @property
    def complaints(self) -> list[str]:
        """What the console says that is not harmless."""
        return [line for line in self.console if not any(part in line for part in HARMLESS)]

    @contextmanager
    def evidence(self) -> Iterator[None]:
        """Say what is seen where the block fails: a picture, and the console's words."""
        try:
            yield
        except (Error, AssertionError) as error:
            picture = self.lab.folder / f"{self.name}.png"
            try:
                self.page.screenshot(path=picture, timeout=10_000)
            except Error as failed:
                picture = f"none, {failed.message.splitlines()[0]}"
            said = "\n".join(self.console[-20:]) or "nothing"
            raise LabError(f"{error}\nscreenshot: {picture}\nconsole: {said}") from error

    def _prompts(self) -> list[str]:
        """Prompts of the cells of code: "[ ]:" before they run, "[*]:" while, "[3]:" behind.

        Raises:
            LabError: a cell has failed.
        """
        state = self.page.evaluate(STATE)
        if state["errors"]:
            raise LabError(f"{self.name}: a cell has failed:\n{state['errors'][0]}")
        return state["prompts"]

    def outputs(self, place: int, expected: int = 0) -> list[dict]:
        """What stands below the cell of code with this place, from 0; see `OUTPUTS`.

        Args:
            place: of the cell.
            expected: so many figures and widgets are waited for, but not for ever.
        """
        return self.page.evaluate(OUTPUTS, [place, expected, 1000 * ANSWERS])

    def run_all(self) -> None:
        """Choose "Run All Cells" in the menu, and wait for the end.

        Raises:
            LabError: a cell fails, or the end does not come in time.
        """
        before = [prompt for prompt in self._prompts() if _number(prompt)]
        self.page.locator(".lm-MenuBar-itemLabel").get_by_text("Run", exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
        end = time.monotonic() + RUNS
        while time.monotonic() < end:
            prompts = self._prompts()
            if all(_number(prompt) and prompt not in before for prompt in prompts):
                return
            if any(map(_number, prompts)) and "[*]:" not in prompts:
                self._look_at_the_last(prompts)
            self.page.wait_for_timeout(300)
        raise LabError(f"{self.name} is not at its end after {RUNS} s: {prompts}")

    def _look_at_the_last(self, prompts: list[str]) -> None:
        """Scroll to the last cell that ran: behind one that failed none runs, and an error is only
        told where it is in view."""
        self.outputs(max(place for place, prompt in enumerate(prompts) if _number(prompt)))
        self._prompts()

    def step(self) -> list[list[dict]]:
        """Go through the notebook with Shift+Enter, each time waiting for the cell.

        Returns:
            The outputs of each cell of code as they stood when it had just run.

        Raises:
            LabError: a cell fails, or does not end in time.
        """
        self.page.locator(".jp-Notebook .jp-Cell").first.click()
        self.page.keyboard.press("Escape")
        count, seen = len(self._prompts()), []
        while len(seen) < count:
            is_code = self.page.locator(".jp-Notebook .jp-CodeCell.jp-mod-active").count()
            last = len(seen) == count - 1  # behind which Shift+Enter would add a cell
            self.page.keyboard.press("Control+Enter" if is_code and last else "Shift+Enter")
            if is_code:
                self._wait_for_cell(len(seen))
                seen.append(self.outputs(len(seen)))
        return seen

    def _wait_for_cell(self, place: int) -> None:
        end = time.monotonic() + CELL
        while time.monotonic() < end:
            if _number(self._prompts()[place]):
                self.page.wait_for_timeout(150)  # outputs may come just behind the number
                self._prompts()
                return
            self.page.wait_for_timeout(50)
        raise LabError(f"{self.name}: code cell {place + 1} is not at its end after {CELL} s.")

    def view(self, label: str) -> Locator:
        """The output with the widget that has a control with this label."""
        beside = self.page.locator(".widget-label").get_by_text(label, exact=True)
        return self.page.locator(".jp-OutputArea-output", has=beside)

    def widget(self, label: str, kind: str = "dropdown") -> Locator:
        """A control by the label that stands beside it."""
        beside = self.page.locator(".widget-label").get_by_text(label, exact=True)
        if kind == "dropdown":
            return self.page.locator(".widget-dropdown", has=beside).locator("select")
        return self.page.locator(".widget-hslider", has=beside).locator(".noUi-handle")


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """End the browser where the block takes longer: the page may hang, and Playwright then waits
    for ever for what it was asked."""
    timer = threading.Timer(seconds, _kill_browsers)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _kill_browsers() -> None:
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "chrom" in process.name():
                process.kill()


def _number(prompt: str) -> bool:
    return prompt.strip("[]:").isdigit()


def _for_run(notebook: Path, copy: Path, run: str) -> None:
    """A copy of a notebook whose parameters name the run, which exists."""
    content = nbformat.read(notebook, as_version=4)
    for cell in code_cells(content):
        if "parameters" in cell.metadata.get("tags", []):
            lines = cell.source.splitlines()
            named = {"NAME": repr(run), "PROFILE": '""'}
            for place, line in enumerate(lines):
                name = line.split(" = ")[0]
                lines[place] = f"{name} = {named[name]}" if name in named else line
            cell.source = "\n".join(lines)
    nbformat.write(content, copy)


def _settings(folder: Path) -> Path:
    """JupyterLab's settings without a look into the network for news."""
    file = folder / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    return folder


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
