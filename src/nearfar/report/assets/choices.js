/* Searches: points as lines across their axes, and what share of the metric each axis explains. */
const MOST_LETTERS = 11;
const shortened = (text) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);

/* From a value to its height, and the words at both ends of the axis. */
function searchScale({ range, log, labels }, [low, high]) {
  if (labels) {
    const known = labels.length > 1 ? [0, labels.length - 1] : [-1, 1];
    const y = scale(known, [low, high]);
    return { y: (label) => y(labels.indexOf(label)), marks: labels.map((label, k) => [y(k), shortened(label)]) };
  }
  const bend = log ? Math.log10 : (value) => value;
  const y = scale(range.map(bend), [low, high]);
  return { y: (value) => clamp(y(bend(value)), high, low), marks: range.map((end) => [y(bend(end)), brief(end)]) };
}

function searchLines({ title, metric, better, axes, points }) {
  const width = Math.max(340, 92 * (axes.length + 1));
  const [left, right, top, bottom] = [34, width - 40, 34, 206];
  const values = limits(points.map(([, , value]) => value));
  const range = better === "lower" ? [values[1], values[0]] : values;
  const scales = axes.map((axis) => searchScale(axis, [bottom, top]));
  scales.push({
    y: (value) => clamp(scale(range, [bottom, top])(value), top, bottom),
    marks: range.map((end) => [scale(range, [bottom, top])(end), format(end)]),
  });
  const x = scale([0, axes.length], [left, right]);
  const svg = figure(width, bottom + 24, `points of the search of ${title}`);
  [...axes.map(({ name }) => name), metric].forEach((name, k) => {
    const [at, anchor] = k === axes.length ? [width - 4, "end"] : [k ? x(k) : 4, k ? "middle" : "start"];
    const word = write(at, 14, shortened(name), anchor, "title");
    word.append(shape("title", {}, name));
    svg.append(word, shape("path", { class: "axis", d: `M${x(k)} ${top}V${bottom}` }));
  });
  const strength = clamp(60 / points.length, 0.25, 1); // so that many lines do not become a surface
  const drawnLast = ([, , , rank, state]) => (state === "chosen" ? 2 : 1 - rank);
  [...points]
    .filter(([, places]) => places.every((place) => place !== null))
    .sort((a, b) => drawnLast(a) - drawnLast(b))
    .forEach((point) => svg.append(searchLine(point, strength, metric, axes, scales, x)));
  scales.forEach(({ marks }, k) => {
    const room = marks.length > 2 ? marks.filter((_, i) => i % Math.ceil(marks.length / 6) === 0) : marks;
    const [shift, anchor] = k === axes.length ? [5, "start"] : [k ? 5 : -4, k ? "start" : "end"];
    room.forEach(([y, text]) => {
      const edge = k && k < axes.length && room.length === 2;
      const height = edge ? (y > top + 1 ? bottom + 15 : top - 6) : y + 4;
      const word = write(edge ? x(k) : x(k) + shift, height, text, edge ? "middle" : anchor, "value");
      svg.append(word);
    });
  });
  return svg;
}

function searchLine([seed, places, value, rank, state], strength, metric, axes, scales, x) {
  const heights = [...places, value].map((place, k) => scales[k].y(place));
  const chosen = state === "chosen";
  const line = shape("path", {
    class: `stroke ${chosen ? "k1" : "k0"}`,
    d: heights.map((y, k) => `${k ? "L" : "M"}${x(k).toFixed(1)} ${y.toFixed(1)}`).join(""),
    "stroke-width": chosen ? 2.2 : 1.2,
    "stroke-opacity": chosen ? 1 : (strength * (0.15 + 0.75 * (1 - rank) ** 2)).toFixed(2),
    "stroke-dasharray": state === "pruned" ? "3 3" : null,
  });
  const words = places.map((place, k) => [axes[k].name, typeof place === "number" ? brief(place) : place]);
  const named = { chosen: "chosen", pruned: "given up early" }[state] || "tried";
  tellOf(line, `${named}, seed ${seed}`, [...words, [`validation ${metric}`, format(value)]]);
  return line;
}

function searchShares({ title, importance }) {
  const width = 340;
  const [left, right, top, row] = [104, width - 44, 8, 28];
  const bottom = top + row * importance.length;
  const x = scale([0, 1], [left, right]);
  const svg = figure(width, bottom + 40, `importance of the axes of ${title}`);
  const marks = [0, 0.5, 1].map((mark) => [mark, `${100 * mark}%`]);
  gridColumns(svg, marks, x, [top, bottom]);
  svg.append(write((left + right) / 2, bottom + 35, "share in the metric’s variance", "middle", "title"));
  importance.forEach(({ axis, mean: share, each }, k) => {
    const y = top + row * (k + 0.5);
    const name = write(left - 8, y + 4, shortened(axis), "end");
    name.append(shape("title", {}, axis));
    const bar = shape("path", { class: "ink k0", d: `M${left} ${y - 6}h${(x(share) - left).toFixed(1)}v12H${left}z` });
    tellOf(bar, axis, [["mean", `${Math.round(100 * share)}%`], ["searches", String(each.length)]]);
    svg.append(name, bar, write(right + 6, y + 4, `${Math.round(100 * share)}%`, "start"));
    if (each.length > 1)
      each.forEach((one) =>
        svg.append(shape("circle", { class: "ink edged k1", cx: x(one).toFixed(1), cy: y, r: 3 })),
      );
  });
  return svg;
}

const searchPanel = (title, svg) => element("div", { class: "panel" }, element("h3", {}, title), svg);

nearfar.panel("chosen", (root, pictures) => {
  pictures.forEach((picture) => {
    const box = $(`chosen-search-${picture.room}`);
    if (!box) return;
    drawn(() =>
      box.replaceChildren(
        searchPanel("Points", searchLines(picture)),
        ...(picture.importance.length ? [searchPanel("Importance", searchShares(picture))] : []),
      ),
    );
  });
});
