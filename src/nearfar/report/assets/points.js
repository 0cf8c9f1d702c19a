/* Small panels of points, one an arm, that share the row pointed at. */
const panels = []; // {svg, at: Map(row → [x, y]), ring}

const partsOf = (index, seed) => {
  const column = (data.predictions.arms[index] || {})[seed];
  return column ? data.predictions.parts[column[0]] : null;
};

/* Map(row → prediction) of an arm and seed; the test rows alone unless every row is known. */
const predictionCache = new Map();
keptOfTarget(() => predictionCache.clear());
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
        if (every || letters[row] === "t") {
          found.set(row, values[place]);
          place += 1;
        }
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
    if (place) {
      ring.setAttribute("cx", place[0]);
      ring.setAttribute("cy", place[1]);
    }
  });
}

const PARTS = { r: "train", v: "validation", t: "test", "-": "no prediction" };

/* What is true and predicted of a row, in words. */
function rowLines(row, index, prediction) {
  const truth = data.rows.truth[row];
  if (!ofClasses) {
    const lines = [["true", withUnit(truth, formatTruth)]];
    if (isNumber(prediction))
      lines.push(["predicted", withUnit(prediction)], ["error", format(prediction - truth, true)]);
    return lines;
  }
  const [own, labels] = [data.labels[0], labelsOf(index)];
  const lines = [["true", isNumber(truth) ? own.classes[truth] : "–"]];
  const number = classUnder(labels, row);
  if (labels !== own && number !== null) lines.push([labels.name, labels.classes[number]]);
  if (isNumber(prediction)) lines.push(["predicted", labels.classes[prediction]]);
  return lines;
}

/* ``stage``: name what is shown is of, where it is not the arm itself, which then tells nothing. */
function rowTip(event, row, index, seed, stage) {
  const letters = partsOf(index, seed);
  const prediction = stage ? null : predictionsOf(index, seed).get(row);
  showTip(
    event,
    picture(row, 240, 170, 0.9),
    element("div", { class: "name" }, nameOf(row)),
    element(
      "div",
      { class: "faint" },
      [
        data.rows.name[row] ? `row ${data.rows.id[row]}` : "",
        letters ? PARTS[letters[row]] : "",
        `${stage || arms[index].label}, seed ${seed}`,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    pairs(rowLines(row, index, prediction)),
  );
}

/* Pointing, touching and arrow keys, on one panel. */
function point(svg, size, at, tell, prefer) {
  const rows = [...at.keys()];
  const leave = () => {
    setRow(null);
    hideTip();
  };
  const find = (event) => {
    const [px, py, ratio] = pointerIn(svg, size, event);
    let [best, gap] = [null, 12 * Math.max(1, ratio)];
    rows.forEach((row) => {
      const [x, y] = at.get(row);
      const distance = Math.hypot(x - px, y - py) - (prefer(row) ? 2 : 0);
      if (distance < gap) [best, gap] = [row, distance];
    });
    if (best === null) {
      leave();
      return;
    }
    if (best !== state.row) setRow(best);
    tell(event, best);
  };
  svg.addEventListener("pointermove", find);
  svg.addEventListener("pointerdown", find);
  svg.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") leave();
  });
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
    tell({ clientX: box.left + (x * box.width) / size, clientY: box.top + (y * box.width) / size }, next);
  });
}

function panel(index, note, svg) {
  const arm = arms[index];
  const title = element(
    "h3",
    { title: arm.label },
    swatch(arm),
    element("span", {}, arm.label),
    note ? element("small", {}, note) : null,
  );
  return element("div", { class: "panel", "data-arm": index }, title, svg);
}

function finish(svg, size, at, tell, prefer) {
  const ring = shape("circle", { class: "ring", r: size < 220 ? 5 : 6.5, visibility: "hidden" });
  svg.append(ring);
  svg.setAttribute("tabindex", "0");
  panels.push({ svg, at, ring });
  point(svg, size, at, tell, prefer);
}

const forget = (box) => {
  for (let i = panels.length - 1; i >= 0; i -= 1) if (box.contains(panels[i].svg)) panels.splice(i, 1);
};
