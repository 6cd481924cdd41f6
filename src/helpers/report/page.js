"use strict";
// Figures are drawn when they come near the view: a page of eighty opens as fast as one of two.
const sources = new Map(
  [...document.querySelectorAll("script[data-figure]")].map((s) => [s.dataset.figure, s]),
);
const settings = {
  displaylogo: false,
  responsive: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

function draw(place) {
  if (place.classList.contains("drawn")) return Promise.resolve();
  place.classList.add("drawn");
  const figure = JSON.parse(sources.get(place.dataset.key).textContent);
  return Plotly.newPlot(place, figure.data, figure.layout, settings).then(
    () => figure.frames && Plotly.addFrames(place, figure.frames),
  );
}

// A figure keeps its layout and is made smaller where the page is narrow, but no smaller than is
// still legible; then it can be moved sideways.
const SMALLEST = 0.6;
function fit(frame) {
  const place = frame.firstElementChild;
  const width = parseFloat(place.style.width);
  const height = parseFloat(place.style.height);
  const room = frame.parentElement.clientWidth;
  const scale = Math.min(1, Math.max(SMALLEST, room / width));
  place.style.transform = scale < 1 ? `scale(${scale})` : "";
  frame.style.width = `${Math.min(room, width * scale)}px`;
  frame.style.height = `${height * scale + (width * scale > room + 1 ? 14 : 0)}px`;
}
const frames = [...document.querySelectorAll(".fit")];
const fitAll = () => frames.forEach(fit);
fitAll();
addEventListener("resize", fitAll);

const places = [...document.querySelectorAll(".plot")];
const near = new IntersectionObserver(
  (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => draw(e.target)),
  { rootMargin: "500px" },
);
places.forEach((place) => near.observe(place));
addEventListener("beforeprint", () => places.forEach(draw));

// Contents: the section that is read is marked; on a narrow page they are folded.
const links = new Map(
  [...document.querySelectorAll("nav a")].map((a) => [a.getAttribute("href").slice(1), a]),
);
const read = [...links.keys()].map((id) => document.getElementById(id));
function mark() {
  const line = innerHeight * 0.3;
  const passed = read.filter((element) => element.getBoundingClientRect().top <= line);
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const here = atEnd ? read.at(-1) : (passed.at(-1) ?? read[0]);
  links.forEach((link, id) => link.classList.toggle("here", id === here.id));
}
addEventListener("scroll", mark, { passive: true });
mark();
if (innerWidth <= 900) document.querySelector("nav details").open = false;

// A click on a heading sorts a table by it, numbers by their size.
function value(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replace("−", "-"));
  return Number.isNaN(number) ? text : number;
}
document.querySelectorAll(".sortable").forEach((table) => {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      [...table.tHead.rows[0].cells].forEach((cell) => cell.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((first, second) => {
        const [a, b] = [value(first, column), value(second, column)];
        const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
});

const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const word = filter.value.toLowerCase();
  for (const row of document.querySelectorAll("#macros tbody tr")) {
    row.hidden = !row.textContent.toLowerCase().includes(word);
  }
});
