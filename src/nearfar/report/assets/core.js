const data = JSON.parse(document.getElementById("data").textContent);
const arms = data.arms;
const state = { off: new Set(), seed: data.seeds.length ? data.seeds[0] : null, row: null, full: false, target: 0 };

// ---- panels ---------------------------------------------------------------------------------
const builders = []; // [id, build]
/* A panel's script registers it: ``build(root, own)`` has the element with the id, and its own data. */
const nearfar = { panel: (id, build) => builders.push([id, build]) };

// ---- elements -------------------------------------------------------------------------------
const $ = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function shape(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/* The width inside a box, which is shown for that. */
function roomIn(box) {
  box.hidden = false;
  const style = getComputedStyle(box);
  return Math.max(260, box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
}

// ---- numbers --------------------------------------------------------------------------------
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

const LARGE = 1e7, SMALL = 1e-4, ROUNDING = 1e-14;
const grouped = (digits) => digits.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

/* As `number` of nearfar/numbers.py, to the character: a test holds both to the same cases. */
function format(value, signed) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  const far = size >= LARGE || (size > ROUNDING && size < SMALL);
  const below = size > ROUNDING && size < 0.01;
  const decimals = below ? (size >= 0.001 ? 4 : 5) : size < 10 ? 3 : size < 1000 ? 1 : 0;
  const text = far ? size.toExponential(1).replace("e+", "e") : grouped(size.toFixed(decimals));
  return (value < 0 ? "−" : signed ? "+" : "") + text;
}

function brief(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  const text =
    size >= LARGE
      ? Number(size.toPrecision(3)).toExponential().replace("e+", "e")
      : size >= 1000
        ? size.toLocaleString("en-US")
        : String(Number(size.toPrecision(6)));
  return (value < 0 ? "−" : "") + text;
}

const quantile = (sorted, q) => sorted[Math.round((sorted.length - 1) * q)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// ---- arms -----------------------------------------------------------------------------------
const DASHES = [null, "7 4", "2 3", "9 3 2 3"];
const dash = (arm) => DASHES[arm.repeat % DASHES.length];
const shown = (index) => !state.off.has(index);
/* Without the controls, which may be far off; the controls where there is nothing else. */
function learned(list) {
  const found = list.filter((index) => arms[index].group !== "control");
  return found.length ? found : list;
}
const visible = () => arms.map((_, index) => index).filter(shown);

/* A marker as path data around (0, 0): circle, square, triangle, diamond by repeat of the colour. */
function marker(arm, r) {
  const k = r * 0.9;
  return [
    `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    `M${-k} ${-k}h${2 * k}v${2 * k}h${-2 * k}z`,
    `M0 ${-1.15 * r}L${1.1 * r} ${0.8 * r}H${-1.1 * r}z`,
    `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0z`,
  ][arm.repeat % 4];
}

function swatch(arm) {
  return shape(
    "svg",
    { class: `swatch k${arm.colour}`, viewBox: "0 0 26 12", "aria-hidden": "true" },
    shape("path", { class: "stroke", d: "M0 6h26", "stroke-width": 2, "stroke-dasharray": dash(arm) }),
    shape("path", { class: "ink", d: marker(arm, 4), transform: "translate(13 6)" }),
  );
}

const drawers = [];
/* Register a drawing, made again when arms, scale or width change; returns how to make it again. */
function drawn(draw) {
  drawers.push(draw);
  draw();
  return () => {
    hideTip();
    draw();
  };
}
const redraw = () => {
  hideTip();
  drawers.forEach((draw) => draw());
};

// ---- targets --------------------------------------------------------------------------------
/* Said of a plot where there is more than one target. */
const targetWords = (target) =>
  data.targets.length > 1 ? ` · target ${target.replaceAll("_", " ")}` : "";

const forgetters = [];
/* Register what is kept of the target that plots of rows show, to be dropped when it changes. */
const keptOfTarget = (forget) => forgetters.push(forget);

/* Where a row has several targets, plots of rows show one of them. */
function showTarget(number) {
  const { target, ownUnit, truth, predictions } = data.several[number];
  Object.assign(data, { target, ownUnit, predictions });
  data.rows.truth = truth;
  state.target = number;
  forgetters.forEach((forget) => forget());
}

// ---- controls -------------------------------------------------------------------------------
/* A row of buttons of which one is pressed. */
function segment(title, options, chosen, change) {
  const buttons = options.map(([value, text]) =>
    element(
      "button",
      {
        type: "button",
        "aria-pressed": String(value === chosen),
        onclick: (event) => {
          buttons.forEach((button) =>
            button.setAttribute("aria-pressed", String(button === event.currentTarget)),
          );
          change(value);
        },
      },
      text,
    ),
  );
  return element(
    "span",
    { class: "segment", role: "group", "aria-label": title },
    title ? element("span", {}, title) : null,
    element("div", {}, ...buttons),
  );
}

function choice(title, options, change) {
  const select = element(
    "select",
    { "aria-label": title, onchange: (event) => change(event.target.value) },
    ...options.map(([value, text]) => element("option", { value }, text)),
  );
  return element("label", { class: "segment" }, title, select);
}

const fullRange = () =>
  segment(
    "scale",
    [
      [false, "robust"],
      [true, "everything"],
    ],
    state.full,
    (value) => {
      state.full = value;
      document
        .querySelectorAll('[aria-label="scale"] button')
        .forEach((button, i) => button.setAttribute("aria-pressed", String((i % 2 === 1) === value)));
      redraw();
    },
  );

// ---- tooltip --------------------------------------------------------------------------------
function showTip(event, ...content) {
  const tip = $("tip");
  tip.replaceChildren(...content.filter(Boolean));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const [x, y] = [event.clientX, event.clientY];
  const left = x + 18 + width > innerWidth - 8 ? x - 18 - width : x + 18;
  tip.style.left = `${clamp(left, 8, Math.max(8, innerWidth - width - 8))}px`;
  tip.style.top = `${clamp(y - height / 2, 8, Math.max(8, innerHeight - height - 8))}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

function pairs(rows) {
  return element(
    "table",
    {},
    ...rows.map(([name, value]) =>
      element("tr", {}, element("td", { class: "faint" }, name), element("td", {}, value)),
    ),
  );
}
/* Pointing at a mark of an arm says its name and ``[name, value]`` pairs. */
function tellOf(mark, name, numbers) {
  const tell = (event) => showTip(event, element("div", { class: "name" }, name), pairs(numbers));
  mark.addEventListener("pointermove", tell);
  mark.addEventListener("pointerdown", tell);
  mark.addEventListener("pointerleave", hideTip);
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});
addEventListener("scroll", hideTip, { passive: true });

// ---- drawings -------------------------------------------------------------------------------
const UNIT = 4; // drawing units per pixel at natural size

/* The row's picture as an element no larger than the box; null if it has none. */
function picture(row, width, height, zoom) {
  if (data.thumbnails) return thumbnail(row, 72);
  const number = data.rows.drawing[row];
  if (number === null || number === undefined) return null;
  const [w, h, strokes, fills, words] = data.drawings[number];
  const fit = Math.min(zoom || 1, (width * UNIT) / w, (height * UNIT) / h) / UNIT;
  const svg = shape("svg", {
    class: "molecule",
    viewBox: `0 0 ${w} ${h}`,
    width: (w * fit).toFixed(1),
    height: (h * fit).toFixed(1),
    role: "img",
    "aria-label": `drawing of ${nameOf(row)}`,
  });
  for (const [element_, d] of Object.entries(strokes))
    svg.append(shape("path", { class: `e${element_}`, stroke: `var(--${element_})`, d }));
  for (const [element_, d] of Object.entries(fills)) {
    const path = shape("path", { stroke: `var(--${element_})`, d });
    path.style.fill = `var(--${element_})`;
    svg.append(path);
  }
  for (const [element_, x, y, size, text] of words) {
    const node = shape("text", { x, y }, text);
    node.style.fontSize = `${size}px`;
    node.style.fill = `var(--${element_})`;
    svg.append(node);
  }
  return svg;
}

const nameOf = (row) => data.rows.name[row] || `row ${data.rows.id[row]}`;
/* A true value; of a target that is counted, without decimals. */
const isCounted = () => data.rows.truth.every((value) => !isNumber(value) || Number.isInteger(value));
const formatTruth = (value) => (isNumber(value) && isCounted() ? brief(value) : format(value));
const withUnit = (value, written = format) => written(value) + (isNumber(value) && data.ownUnit ? ` ${data.ownUnit}` : "");
