"""A video in the browser that says where it is and goes where it is told."""

import base64
import html
from pathlib import Path

import anywidget
import traitlets

LARGEST = 12 * 2**20
"""Bytes of a video that a saved page carries inside; a larger one it names."""

_SCRIPT = """
function render({ model, el }) {
  const video = document.createElement("video");
  video.controls = true;
  video.muted = true;
  video.playsInline = true;
  video.preload = "auto";
  video.style.width = "100%";
  let address = null;
  const load = () => {
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([model.get("content")], { type: "video/mp4" }));
    video.src = address;
  };
  const tell = () => {
    model.set("seconds", video.duration || 0);
    model.set("time", video.currentTime);
    model.save_changes();
  };
  const seek = () => { video.currentTime = model.get("wanted")[0]; };
  for (const event of ["loadedmetadata", "timeupdate", "seeked"]) {
    video.addEventListener(event, tell);
  }
  model.on("change:content", load);
  model.on("change:wanted", seek);
  load();
  el.appendChild(video);
  return () => {
    model.off("change:content", load);
    model.off("change:wanted", seek);
    video.removeAttribute("src");
    URL.revokeObjectURL(address);
  };
}
export default { render };
"""


class Video(anywidget.AnyWidget):
    """A video with the browser's own controls.

    Its bytes go to the browser once, so it plays wherever the kernel is and whatever the server
    shows of its folders.
    """

    _esm = _SCRIPT
    content = traitlets.Bytes().tag(sync=True)
    time = traitlets.Float().tag(sync=True)  # s; told by the browser some times a second
    seconds = traitlets.Float().tag(sync=True)  # its length, once the browser knows it
    wanted = traitlets.Tuple(traitlets.Float(), traitlets.Int(), default_value=(0.0, 0)).tag(
        sync=True
    )

    def seek(self, time: float) -> None:
        """Go to a time (s); also where that was the last one asked for."""
        _, count = self.wanted
        self.wanted = (max(float(time), 0.0), count + 1)


def video_of(file: Path) -> Video:
    """The widget of an mp4 that browsers play."""
    return Video(content=file.read_bytes())


def as_html(file: Path) -> str:
    """The video for a page without a kernel: inside the page, or its name where it is large."""
    if file.stat().st_size > LARGEST:
        return f"<p>The video: {html.escape(str(file))}</p>"
    source = base64.b64encode(file.read_bytes()).decode()
    return (
        '<video controls muted playsinline style="max-width:640px;width:100%" '
        f'src="data:video/mp4;base64,{source}"></video>'
    )
