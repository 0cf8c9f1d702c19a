/* Maps of features, one panel an arm. */
const STEPS = 16;
const embeddingOptions = { colour: "truth", parts: "all" };

function colourSteps(index, seed) {
  if (embeddingOptions.colour === "part") return null;
  const predictions = predictionsOf(index, seed);
  const values = data.rows.truth.map((truth, row) => {
    if (embeddingOptions.colour === "truth") return truth;
    const value = predictions.get(row);
    if (!isNumber(value) || !isNumber(truth)) return null;
    return data.classes.length ? Number(value !== truth) : Math.abs(value - truth);
  });
  const range = embeddingOptions.colour === "truth" ? truthRange() : errorRange();
  const step = scale(range, [0, STEPS - 1]);
  return values.map((value) => (isNumber(value) ? clamp(Math.round(step(value)), 0, STEPS - 1) : null));
}

function truthRange() {
  if (data.classes.length) return [0, data.classes.length - 1];
  const sorted = data.rows.truth.filter(isNumber).sort((a, b) => a - b);
  return sorted.length ? [quantile(sorted, 0.01), quantile(sorted, 0.99)] : [0, 1];
}

let errorTop = null;
function errorRange() {
  if (data.classes.length) return [0, 1];
  if (errorTop === null) {
    const errors = [];
    arms.forEach((_, index) => {
      const seed = Object.keys(data.predictions.arms[index] || {})[0];
      if (seed !== undefined)
        predictionsOf(index, seed).forEach((value, row) => {
          if (isNumber(value) && isNumber(data.rows.truth[row]))
            errors.push(Math.abs(value - data.rows.truth[row]));
        });
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
  const svg = shape("svg", {
    class: "figure",
    viewBox: `0 0 ${size} ${height}`,
    role: "img",
    "aria-label": `embedding of ${arms[index].label}`,
  });
  const at = new Map();
  const [small, large] = [new Map(), new Map()];
  xs.forEach((value, row) => {
    const part = letters ? letters[row] : "t";
    if (embeddingOptions.parts === "test" && part !== "t") return;
    const spot = [left + value * grain, bottom - ys[row] * grain];
    at.set(row, spot);
    const colour = steps
      ? steps[row] === null
        ? "var(--kg)"
        : `var(--s${steps[row]})`
      : `var(--k${{ r: "g", v: 4, t: 0, "-": "g" }[part]})`;
    const group = part === "t" ? large : small;
    if (!group.has(colour)) group.set(colour, []);
    group.get(colour).push(spot);
  });
  const draw = (groups, width, attributes) =>
    groups.forEach((spots, colour) => {
      svg.append(
        shape("path", {
          class: "dots",
          stroke: colour,
          "stroke-width": width,
          d: dotsPath(spots),
          ...attributes,
        }),
      );
    });
  draw(small, 3.6, { opacity: 0.75 });
  svg.append(
    shape("path", { class: "dots halo", "stroke-width": 9, d: [...large.values()].map(dotsPath).join("") }),
  );
  draw(large, 6.8);
  finish(svg, size, at, index, seed, (row) => !letters || letters[row] === "t");
  return panel(index, `seed ${seed}`, svg);
}

function ramp() {
  const bar = shape("svg", {
    class: "ramp",
    viewBox: `0 0 ${STEPS} 1`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (let i = 0; i < STEPS; i += 1) {
    const cell = shape("rect", { x: i, width: 1.05, height: 1 });
    cell.style.fill = `var(--s${i})`;
    bar.append(cell);
  }
  return bar;
}

function embeddingLegend(box) {
  if (embeddingOptions.colour === "part") {
    box.replaceChildren(
      ...[
        ["g", "train"],
        ["4", "validation"],
        ["0", "test"],
      ].map(([colour, text]) => element("span", { class: "legend" }, swatch({ colour, repeat: 0 }), text)),
    );
    return;
  }
  const [low, high] = embeddingOptions.colour === "truth" ? truthRange() : errorRange();
  if (data.classes.length && embeddingOptions.colour === "truth") {
    box.replaceChildren(
      ...data.classes.map((name, number) => {
        const mark = shape("svg", { class: "ramp dot", viewBox: "0 0 1 1", "aria-hidden": "true" });
        const cell = shape("rect", { width: 1, height: 1 });
        cell.style.fill = `var(--s${Math.round(scale([low, Math.max(high, 1)], [0, STEPS - 1])(number))})`;
        mark.append(cell);
        return element("span", { class: "legend" }, mark, name);
      }),
    );
    return;
  }
  const texts = [
    embeddingOptions.colour === "truth" ? data.target : "error",
    brief(low),
    `${brief(high)} ${data.ownUnit}`,
  ].map((text) => element("span", {}, text));
  box.replaceChildren(texts[0], texts[1], ramp(), texts[2]);
}

function buildEmbedding() {
  const box = $("embedding-plots");
  const chosen = data.embeddings.arms;
  const words = arms
    .map((arm, index) => (typeof chosen[index] === "string" ? `${arm.label}: ${chosen[index]}` : null))
    .filter(Boolean);
  if (words.length === arms.length) {
    $("embedding").hidden = true;
    return;
  }
  if (words.length) $("embedding-missing").textContent = `Not shown: ${words.join("; ")}.`;
  const legend = element("span", { class: "legend" });
  const change = (key) => (value) => {
    embeddingOptions[key] = value;
    again();
  };
  $("embedding-controls").append(
    segment(
      "colour",
      [
        ["truth", "true value"],
        ["error", "error"],
        ["part", "part"],
      ],
      "truth",
      change("colour"),
    ),
    segment(
      "rows",
      [
        ["all", "all"],
        ["test", "test"],
      ],
      "all",
      change("parts"),
    ),
    legend,
  );
  const again = drawn(() => {
    forget(box);
    embeddingLegend(legend);
    box.replaceChildren(
      ...visible()
        .filter((index) => typeof chosen[index] !== "string")
        .map(embeddingPanel),
    );
  });
}
