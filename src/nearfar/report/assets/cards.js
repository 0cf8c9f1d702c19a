/* Cards of single rows: examples and worst predictions; and the plot of error against cost. */
const MOST = 12;

function card(row, values, extra) {
  const drawing = picture(row, 190, 112, 0.85);
  return element("div", { class: "card", "data-row": row },
    drawing || data.drawings.length ? element("div", { class: "picture" }, drawing || element("span", { class: "faint" }, "no drawing")) : null,
    element("div", { class: "name", title: nameOf(row) }, nameOf(row)),
    ...values.map(([name, value]) => element("div", { class: "values" }, element("span", {}, name), element("b", {}, value))), extra);
}

function buildExamples() {
  if (!data.examples.length) { $("examples").hidden = true; return; }
  const known = data.rows.truth.some(isNumber);
  $("examples-about").textContent = `${data.examples.length} of ${data.rows.total.toLocaleString("en-US")} rows, ${known ? `evenly spread from the lowest ${data.target} to the highest` : "evenly spread"}.`;
  $("examples-cards").append(...data.examples.map((row) => card(row, [[data.target, format(data.rows.truth[row])]])));
}

/* [{row, prediction, error, seeds}] of one arm, over the seeds in whose test part the row is. */
const testCache = new Map();
function testErrors(index) {
  if (!testCache.has(index)) {
    const sums = new Map();
    Object.keys(data.predictions.arms[index] || {}).forEach((seed) => {
      const letters = partsOf(index, seed);
      predictionsOf(index, seed).forEach((value, row) => {
        const truth = data.rows.truth[row];
        if (letters[row] !== "t" || !isNumber(value) || !isNumber(truth)) return;
        const entry = sums.get(row) || { row, prediction: 0, error: 0, seeds: 0 };
        entry.prediction += value;
        entry.error += Math.abs(value - truth);
        entry.seeds += 1;
        sums.set(row, entry);
      });
    });
    sums.forEach((entry) => { entry.prediction /= entry.seeds; entry.error /= entry.seeds; });
    testCache.set(index, sums);
  }
  return testCache.get(index);
}

function hardest(list) {
  const rows = new Map();
  list.forEach((index) => testErrors(index).forEach((entry, row) => {
    const total = rows.get(row) || { row, prediction: 0, error: 0, count: 0 };
    total.prediction += entry.prediction;
    total.error += entry.error;
    total.count += 1;
    rows.set(row, total);
  }));
  return [...rows.values()].filter(({ count }) => count === list.length)
    .map((total) => ({ ...total, prediction: total.prediction / total.count, error: total.error / total.count }))
    .sort((a, b) => b.error - a.error).slice(0, MOST);
}

function strip(row, list) {
  const predictions = list.map((index) => [index, testErrors(index).get(row)]).filter(([, entry]) => entry);
  const truths = data.rows.truth.filter(isNumber);
  const values = predictions.map(([, entry]) => entry.prediction);
  const x = scale([Math.min(...truths, ...values), Math.max(...truths, ...values)], [5, 195]);
  const truth = x(data.rows.truth[row]);
  const svg = shape("svg", { class: "strip", viewBox: "0 0 200 22", role: "img", "aria-label": "truth and predictions" },
    shape("path", { class: "axis", d: "M2 11H198" }),
    shape("path", { d: `M${truth} 2V20`, stroke: "var(--ink)", "stroke-width": 2.5 }));
  predictions.forEach(([index, entry]) => svg.append(shape("path", { class: `ink k${arms[index].colour}`, d: marker(arms[index], 4), opacity: 0.85, transform: `translate(${x(entry.prediction).toFixed(1)} 11)` },
    shape("title", {}, `${arms[index].label}: ${format(entry.prediction)}`))));
  return svg;
}

function buildWorst() {
  const predicted = arms.map((_, index) => index).filter((index) => testErrors(index).size);
  if (!predicted.length) { $("worst").hidden = true; return; }
  let chosen = "shown";
  $("worst-controls").append(choice("of", [["shown", "the arms shown, controls aside"], ...predicted.map((index) => [String(index), arms[index].label])], (value) => { chosen = value; redraw(); }));
  drawn(() => {
    const shownArms = predicted.filter(shown);
    const list = chosen === "shown" ? learned(shownArms) : [Number(chosen)];
    const rows = list.length ? hardest(list) : [];
    $("worst-cards").replaceChildren(...rows.map(({ row, prediction, error }) => card(row, [
      ["true", format(data.rows.truth[row])],
      ["predicted", format(prediction)],
      ["error", format(error)],
    ], strip(row, [...new Set([...shownArms, ...list])]))));
  });
}

// ---- error against cost ---------------------------------------------------------------------
function costPlot(box) {
  const list = visible().filter((i) => isNumber(arms[i].mean) && arms[i].seconds > 0);
  const width = roomIn(box);
  if (list.length < 2) { box.hidden = true; return; }
  const height = width < 520 ? 300 : 340;
  const [left, right, top, bottom] = [46, width - (width < 520 ? 60 : 130), 22, height - 40];
  const seconds = list.map((i) => arms[i].seconds);
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  const x = (value) => scale([Math.log10(least) - 0.1, Math.log10(most) + 0.1], [left, right])(Math.log10(value));
  const range = limits(list.map((i) => arms[i].mean));
  const y = scale(range, [bottom, top]);
  const svg = shape("svg", { class: "figure", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "error against cost" });
  ticks(range, 5).forEach((tick) => svg.append(shape("path", { class: "gridline", d: `M${left} ${y(tick)}H${right}` }), shape("text", { x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, brief(tick))));
  [[0.1, "0.1 s"], [1, "1 s"], [10, "10 s"], [60, "1 min"], [600, "10 min"], [3600, "1 h"], [36000, "10 h"]].filter(([s]) => x(s) >= left - 1 && x(s) <= right + 1).forEach(([s, text]) => svg.append(
    shape("path", { class: "gridline", d: `M${x(s)} ${top}V${bottom}` }), shape("text", { x: x(s), y: bottom + 17, "text-anchor": "middle" }, text)));
  svg.append(shape("text", { class: "title", x: left, y: 10 }, `test ${data.metric}${data.unit === "z" ? ", z-scored" : ""}`),
    shape("text", { class: "title", x: right, y: height - 4, "text-anchor": "end" }, "training time of one seed"));
  const spot = (i) => [x(arms[i].seconds), clamp(y(arms[i].mean), top, bottom)];
  const taken = list.map((i) => spot(i)).map(([px, py]) => [px - 6, py - 6, px + 6, py + 6]);
  const frees = ([a, b, c, d]) => a >= 0 && c <= width && d <= bottom + 4 && taken.every(([e, f, g, h]) => c < e || g < a || d < f || h < b);
  [...list].sort((a, b) => arms[a].mean - arms[b].mean).forEach((i) => {
    const arm = arms[i];
    const [px, py] = spot(i);
    const beyond = arm.mean > range[1] || arm.mean < range[0];
    const text = beyond ? `${arm.label} (${format(arm.mean)})` : arm.label;
    const long = 7 * text.length;
    const places = [0, -15, 15, -30, 30, -45, 45].flatMap((shift) => [[px + 11, py + shift], [px - 11 - long, py + shift]]);
    const box_ = ([a, b]) => [a, b - 6, a + long, b + 6];
    const label = places.find((place) => frees(box_(place))) || places[0];
    taken.push(box_(label));
    if (width >= 520 && label[1] !== py) svg.append(shape("path", { class: "axis", d: `M${px} ${py}L${label[0] > px ? label[0] - 2 : label[0] + long + 2} ${label[1]}` }));
    const spotted = shape("path", { class: `ink k${arm.colour}`, d: marker(arm, 5.5), transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})` });
    const tell = (event) => showTip(event, element("div", { class: "name" }, arm.label), pairs([[`test ${data.metric}`, format(arm.mean)], ["seconds", format(arm.seconds)]]));
    ["pointermove", "pointerdown"].forEach((name) => spotted.addEventListener(name, tell));
    spotted.addEventListener("pointerleave", hideTip);
    svg.append(spotted);
    if (width >= 520) svg.append(label[0] > px ? shape("text", { x: label[0], y: label[1] + 4 }, text) : shape("text", { x: label[0] + long, y: label[1] + 4, "text-anchor": "end" }, text));
  });
  box.replaceChildren(svg);
}
