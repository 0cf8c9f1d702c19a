/* Small panels of points, one an arm, that share the row pointed at. */
const STEPS = 16;
const panels = []; // {svg, at: Map(row → [x, y]), ring}
const embeddingOptions = { colour: "truth", parts: "all" };

const partsOf = (index, seed) => {
  const column = (data.predictions.arms[index] || {})[seed];
  return column ? data.predictions.parts[column[0]] : null;
};

/* Map(row → prediction) of an arm and seed; the test rows alone unless every row is known. */
const predictionCache = new Map();
function predictionsOf(index, seed) {
  const key = `${index} ${seed}`;
  if (!predictionCache.has(key)) {
    const column = (data.predictions.arms[index] || {})[seed];
    const found = new Map();
    if (column) {
      const [number, values] = column;
      const letters = data.predictions.parts[number];
      const every = values.length === letters.length;
      let place = 0;
      for (let row = 0; row < letters.length; row += 1) {
        if (every || letters[row] === "t") { found.set(row, values[place]); place += 1; }
      }
    }
    predictionCache.set(key, found);
  }
  return predictionCache.get(key);
}

const dotsPath = (points) => points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");

function setRow(row) {
  state.row = row;
  panels.forEach(({ at, ring }) => {
    const place = row === null ? null : at.get(row);
    ring.setAttribute("visibility", place ? "visible" : "hidden");
    if (place) { ring.setAttribute("cx", place[0]); ring.setAttribute("cy", place[1]); }
  });
}

const PARTS = { r: "train", v: "validation", t: "test", "-": "unused" };

function rowTip(event, row, index, seed) {
  const letters = partsOf(index, seed);
  const truth = data.rows.truth[row];
  const prediction = predictionsOf(index, seed).get(row);
  const lines = [["true", withUnit(truth)]];
  if (isNumber(prediction)) lines.push(["predicted", withUnit(prediction)], ["error", format(prediction - truth, true)]);
  showTip(event, picture(row, 240, 170, 0.9),
    element("div", { class: "name" }, nameOf(row)),
    element("div", { class: "faint" }, [data.rows.name[row] ? `row ${data.rows.id[row]}` : "", letters ? PARTS[letters[row]] : "", `${arms[index].label}, seed ${seed}`].filter(Boolean).join(" · ")),
    pairs(lines));
}

/* Pointing, touching and arrow keys, on one panel. */
function point(svg, size, at, index, seed, prefer) {
  const rows = [...at.keys()];
  const leave = () => { setRow(null); hideTip(); };
  const find = (event) => {
    const box = svg.getBoundingClientRect();
    const ratio = size / box.width;
    const [px, py] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let [best, gap] = [null, 12 * Math.max(1, ratio)];
    rows.forEach((row) => {
      const [x, y] = at.get(row);
      const distance = Math.hypot(x - px, y - py) - (prefer(row) ? 2 : 0);
      if (distance < gap) [best, gap] = [row, distance];
    });
    if (best === null) { leave(); return; }
    if (best !== state.row) setRow(best);
    rowTip(event, best, index, seed);
  };
  svg.addEventListener("pointermove", find);
  svg.addEventListener("pointerdown", find);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") leave(); });
  svg.addEventListener("blur", leave);
  const ordered = rows.filter(prefer).sort((a, b) => data.rows.truth[a] - data.rows.truth[b]);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !ordered.length) return;
    event.preventDefault();
    const next = ordered[(ordered.indexOf(state.row) + step + ordered.length) % ordered.length];
    setRow(next);
    const box = svg.getBoundingClientRect();
    const [x, y] = at.get(next);
    rowTip({ clientX: box.left + (x * box.width) / size, clientY: box.top + (y * box.width) / size }, next, index, seed);
  });
}

function panel(index, note, svg) {
  const arm = arms[index];
  const title = element("h3", { title: arm.label }, swatch(arm), element("span", {}, arm.label), note ? element("small", {}, note) : null);
  return element("div", { class: "panel", "data-arm": index }, title, svg);
}

function finish(svg, size, at, index, seed, prefer) {
  const ring = shape("circle", { class: "ring", r: size < 220 ? 5 : 6.5, visibility: "hidden" });
  svg.append(ring);
  svg.setAttribute("tabindex", "0");
  panels.push({ svg, at, ring });
  point(svg, size, at, index, seed, prefer);
}

const forget = (box) => {
  for (let i = panels.length - 1; i >= 0; i -= 1) if (box.contains(panels[i].svg)) panels.splice(i, 1);
};

// ---- predicted against true -----------------------------------------------------------------
function predictionPanel(index, seed, range, size) {
  const letters = partsOf(index, seed);
  const small = size < 220;
  const [left, right, top, bottom] = [30, size - 6, 6, size - (small ? 20 : 30)];
  const x = scale(range, [left, right]);
  const y = scale(range, [bottom, top]);
  const svg = shape("svg", { class: "figure", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": `predicted against true, ${arms[index].label}` });
  const marks = ticks(range, small ? 3 : 4);
  marks.forEach((tick) => svg.append(
    shape("path", { class: "gridline", d: `M${left} ${y(tick)}H${right}M${x(tick)} ${top}V${bottom}` }),
    shape("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, brief(tick)),
    shape("text", { x: x(tick), y: bottom + 15, "text-anchor": "middle" }, brief(tick))));
  svg.append(shape("path", { class: "reference", d: `M${left} ${bottom}L${right} ${top}` }));
  if (!small) svg.append(
    shape("text", { x: right, y: bottom + 28, "text-anchor": "end" }, "true"),
    shape("text", { x: 0, y: 3, transform: "rotate(-90)", "text-anchor": "end", dx: -top, dy: 7 }, "predicted"));
  const [at, errors, beyond] = [new Map(), [], []];
  predictionsOf(index, seed).forEach((value, row) => {
    const truth = data.rows.truth[row];
    if (letters[row] !== "t" || !isNumber(value) || !isNumber(truth)) return;
    at.set(row, [x(truth), clamp(y(value), top, bottom)]);
    errors.push(Math.abs(value - truth));
    if (value > range[1] || value < range[0]) beyond.push(row);
  });
  const inside = [...at].filter(([row]) => !beyond.includes(row)).map(([, place]) => place);
  const group = shape("g", { class: `k${arms[index].colour}` },
    shape("path", { class: "dots halo", d: dotsPath(inside), "stroke-width": small ? 5 : 6.4 }),
    shape("path", { class: "dots stroke", d: dotsPath(inside), "stroke-width": small ? 3.8 : 4.8, opacity: 0.8 }));
  beyond.forEach((row) => {
    const [px, py] = at.get(row);
    group.append(shape("path", { class: "ink", d: py <= top ? "M-4 6h8l-4-7z" : "M-4-6h8l-4 7z", transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})` }));
  });
  svg.append(group);
  if (errors.length) svg.append(shape("text", { x: right - 6, y: bottom - 9, "text-anchor": "end" }, `${small ? "error" : "mean error"} ${format(mean(errors))}`));
  finish(svg, size, at, index, seed, () => true);
  return panel(index, "", svg);
}

function buildPredictions() {
  const box = $("predictions-plots");
  const seeds = data.seeds.filter((seed) => arms.some((_, index) => partsOf(index, seed)));
  if (!seeds.length) { $("predictions").hidden = true; return; }
  let seed = seeds[0];
  if (seeds.length > 1) {
    $("predictions-controls").append(segment("seed", seeds.map((s) => [s, String(s)]), seed, (value) => { seed = value; redraw(); }));
  }
  $("predictions-controls").append(fullRange(), element("span", {}, `${data.target}${data.ownUnit ? `, ${data.ownUnit}` : ""}`));
  drawn(() => {
    forget(box);
    const list = visible().filter((index) => partsOf(index, seed));
    const truths = data.rows.truth.filter(isNumber);
    let range = [Math.min(...truths), Math.max(...truths)];
    if (state.full) list.forEach((index) => predictionsOf(index, seed).forEach((value) => { if (isNumber(value)) range = [Math.min(range[0], value), Math.max(range[1], value)]; }));
    const room = (range[1] - range[0] || 1) * 0.05;
    range = [range[0] - room, range[1] + room];
    const size = innerWidth <= 760 ? Math.max(130, (roomIn(box) - 46) / 2) : 260;
    box.replaceChildren(...list.map((index) => predictionPanel(index, seed, range, Math.round(size))));
  });
}

// ---- embedding ------------------------------------------------------------------------------
function colourSteps(index, seed) {
  if (embeddingOptions.colour === "part") return null;
  const predictions = predictionsOf(index, seed);
  const values = data.rows.truth.map((truth, row) => {
    if (embeddingOptions.colour === "truth") return truth;
    const value = predictions.get(row);
    return isNumber(value) && isNumber(truth) ? Math.abs(value - truth) : null;
  });
  const range = embeddingOptions.colour === "truth" ? truthRange() : errorRange();
  const step = scale(range, [0, STEPS - 1]);
  return values.map((value) => (isNumber(value) ? clamp(Math.round(step(value)), 0, STEPS - 1) : null));
}

function truthRange() {
  const sorted = data.rows.truth.filter(isNumber).sort((a, b) => a - b);
  return sorted.length ? [quantile(sorted, 0.01), quantile(sorted, 0.99)] : [0, 1];
}

let errorTop = null;
function errorRange() {
  if (errorTop === null) {
    const errors = [];
    arms.forEach((_, index) => {
      const seed = Object.keys(data.predictions.arms[index] || {})[0];
      if (seed !== undefined) predictionsOf(index, seed).forEach((value, row) => { if (isNumber(value) && isNumber(data.rows.truth[row])) errors.push(Math.abs(value - data.rows.truth[row])); });
    });
    errors.sort((a, b) => a - b);
    errorTop = errors.length ? quantile(errors, 0.97) : 1;
  }
  return [0, errorTop];
}

function embeddingPanel(index) {
  const [number, seed] = data.embeddings.arms[index];
  const [xs, ys] = data.embeddings.maps[number];
  const [size, height] = [340, 280];
  const [wide, tall] = [Math.max(...xs, 1), Math.max(...ys, 1)];
  const grain = Math.min((size - 20) / wide, (height - 20) / tall);
  const [left, bottom] = [(size - wide * grain) / 2, (height + tall * grain) / 2];
  const letters = partsOf(index, seed);
  const steps = colourSteps(index, seed);
  const svg = shape("svg", { class: "figure", viewBox: `0 0 ${size} ${height}`, role: "img", "aria-label": `embedding of ${arms[index].label}` });
  const at = new Map();
  const [small, large] = [new Map(), new Map()];
  xs.forEach((value, row) => {
    const part = letters ? letters[row] : "t";
    if (embeddingOptions.parts === "test" && part !== "t") return;
    const spot = [left + value * grain, bottom - ys[row] * grain];
    at.set(row, spot);
    const colour = steps ? (steps[row] === null ? "var(--kg)" : `var(--s${steps[row]})`) : `var(--k${{ r: "g", v: 4, t: 0, "-": "g" }[part]})`;
    const group = part === "t" ? large : small;
    if (!group.has(colour)) group.set(colour, []);
    group.get(colour).push(spot);
  });
  const draw = (groups, width, attributes) => groups.forEach((spots, colour) => {
    svg.append(shape("path", { class: "dots", stroke: colour, "stroke-width": width, d: dotsPath(spots), ...attributes }));
  });
  draw(small, 3.6, { opacity: 0.75 });
  svg.append(shape("path", { class: "dots halo", "stroke-width": 9, d: [...large.values()].map(dotsPath).join("") }));
  draw(large, 6.8);
  finish(svg, size, at, index, seed, (row) => !letters || letters[row] === "t");
  return panel(index, `seed ${seed}`, svg);
}

function ramp() {
  const bar = shape("svg", { class: "ramp", viewBox: `0 0 ${STEPS} 1`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (let i = 0; i < STEPS; i += 1) {
    const cell = shape("rect", { x: i, width: 1.05, height: 1 });
    cell.style.fill = `var(--s${i})`;
    bar.append(cell);
  }
  return bar;
}

function embeddingLegend(box) {
  if (embeddingOptions.colour === "part") {
    box.replaceChildren(...[["g", "train"], ["4", "validation"], ["0", "test"]].map(([colour, text]) => element("span", { class: "legend" }, swatch({ colour, repeat: 0 }), text)));
    return;
  }
  const [low, high] = embeddingOptions.colour === "truth" ? truthRange() : errorRange();
  const texts = [embeddingOptions.colour === "truth" ? data.target : "error", brief(low), `${brief(high)} ${data.ownUnit}`].map((text) => element("span", {}, text));
  box.replaceChildren(texts[0], texts[1], ramp(), texts[2]);
}

function buildEmbedding() {
  const box = $("embedding-plots");
  const chosen = data.embeddings.arms;
  const words = arms.map((arm, index) => (typeof chosen[index] === "string" ? `${arm.label}: ${chosen[index]}` : null)).filter(Boolean);
  if (words.length === arms.length) { $("embedding").hidden = true; return; }
  if (words.length) $("embedding-missing").textContent = `Not shown: ${words.join("; ")}.`;
  const legend = element("span", { class: "legend" });
  const change = (key) => (value) => { embeddingOptions[key] = value; redraw(); };
  $("embedding-controls").append(
    segment("colour", [["truth", "true value"], ["error", "error"], ["part", "part"]], "truth", change("colour")),
    segment("rows", [["all", "all"], ["test", "test"]], "all", change("parts")), legend);
  drawn(() => {
    forget(box);
    embeddingLegend(legend);
    box.replaceChildren(...visible().filter((index) => typeof chosen[index] !== "string").map(embeddingPanel));
  });
}
