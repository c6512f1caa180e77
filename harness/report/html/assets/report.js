"use strict";

// Sorting: the button in a column's head sorts the bodies of its table, each of which is a row and what belongs to it.
// A cell is sorted by its data-sort, which is empty for what was not measured, or else by the number or text it shows.

const collator = new Intl.Collator("en", { numeric: true });

function keyOf(body, column) {
  const cell = body.rows[0].cells[column];
  if (cell.dataset.sort !== undefined) return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  const text = cell.textContent.trim();
  const number = Number(text.replaceAll(",", ""));
  return Number.isNaN(number) ? text : number;
}

// What was not measured stays at the end either way.
function compare(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  const areNumbers = typeof one === "number" && typeof other === "number";
  return sign * (areNumbers ? one - other : collator.compare(one, other));
}

function sortBy(header) {
  const table = header.closest("table");
  const order = header.ariaSort === "ascending" ? "descending" : "ascending";
  const sign = order === "ascending" ? 1 : -1;
  const column = header.cellIndex;
  for (const each of header.parentNode.cells) each.ariaSort = each === header ? order : "none";
  const keyed = [...table.tBodies].map((body) => ({ body, key: keyOf(body, column) }));
  keyed.sort((one, other) => compare(one.key, other.key, sign));
  table.append(...keyed.map(({ body }) => body));
}

for (const button of document.querySelectorAll("th > button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

// Charts: drawn by Bokeh from the JSON in the page.

const drawing = JSON.parse(document.getElementById("drawing").textContent);
const drawn = drawing.items.map((item) => Bokeh.embed.embed_item(item));

function models() {
  return drawing.items.length ? Bokeh.documents.flatMap((each) => [...each.all_models]) : [];
}

function show(topology, isShown) {
  for (const model of models()) {
    if (model.type === "GlyphRenderer" && model.name === topology) model.visible = isShown;
  }
}

for (const button of document.querySelectorAll("[data-topology]")) {
  button.addEventListener("click", () => {
    const isShown = button.ariaPressed !== "true";
    button.ariaPressed = isShown;
    show(button.dataset.topology, isShown);
  });
}

// Theme: the system's until the button is pressed. Charts are drawn light, and their colours exchanged.

const system = matchMedia("(prefers-color-scheme: dark)");
const toggle = document.getElementById("theme");
let chartsAreDark = false;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

// A colour is a string, or in Bokeh's vectors { value: string }.
function exchanged(value, colours) {
  if (typeof value === "string") return colours.get(value);
  const colour = colours.get(value?.value);
  return colour && { ...value, value: colour };
}

function colourCharts(dark) {
  if (dark === chartsAreDark) return;
  chartsAreDark = dark;
  const colours = new Map(drawing.shades.map(([light, night]) => (dark ? [light, night] : [night, light])));
  for (const model of models()) {
    for (const [name, value] of Object.entries(model.attributes)) {
      const colour = exchanged(value, colours);
      if (colour) model.setv({ [name]: colour });
    }
  }
}

function applyTheme() {
  toggle.textContent = isDark() ? "Light theme" : "Dark theme";
  colourCharts(isDark());
}

toggle.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  applyTheme();
});
system.addEventListener("change", applyTheme);
// Bokeh takes colours over as soon as the first listener has returned, and would paint them too late for the printer.
addEventListener("beforeprint", () => colourCharts(false));
addEventListener("beforeprint", () => {
  for (const model of models()) if (model.type === "Figure") Bokeh.index.find_one(model).paint();
});
addEventListener("afterprint", applyTheme);

Promise.all(drawn).then(() => {
  applyTheme();
  // With a mouse dragging zooms; a finger scrolls the page until a tool is chosen.
  if (matchMedia("(pointer: fine)").matches) {
    for (const model of models()) if (model.type === "BoxZoomTool") model.active = true;
  }
  document.documentElement.dataset.charts = "drawn";
});
