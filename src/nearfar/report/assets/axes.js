/* Scales, axes and the plain parts of every plot. */
/* Axis limits that a few outliers cannot stretch: beyond three interquartile ranges they are
   drawn at the edge instead. */
function limits(values, floor) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  let [low, high] = [sorted[0], sorted[sorted.length - 1]];
  if (!state.full && sorted.length > 3) {
    const [q1, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
    const fence = 3 * Math.max(q3 - q1, 0.02 * Math.abs(q3), 1e-12);
    low = Math.max(low, q1 - fence);
    high = Math.min(high, q3 + fence);
  }
  if (isNumber(floor)) low = Math.min(low, floor);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

function ticks([low, high], count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

const scale =
  ([low, high], [from, to]) =>
  (value) =>
    from + ((value - low) / (high - low || 1)) * (to - from);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const figure = (width, height, label) =>
  shape("svg", { class: "figure", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });

const write = (x, y, text, anchor, kind) => shape("text", { class: kind, x, y, "text-anchor": anchor }, text);

/* Horizontal lines, their values at the left. */
function gridRows(svg, marks, y, [left, right]) {
  marks.forEach((mark) =>
    svg.append(
      shape("path", { class: "gridline", d: `M${left} ${y(mark)}H${right}` }),
      write(left - 6, y(mark) + 4, brief(mark), "end"),
    ),
  );
}

/* Vertical lines, their values (or [value, text]) below. */
function gridColumns(svg, marks, x, [top, bottom]) {
  marks.forEach((mark) => {
    const [value, text] = Array.isArray(mark) ? mark : [mark, brief(mark)];
    svg.append(
      shape("path", { class: "gridline", d: `M${x(value)} ${top}V${bottom}` }),
      write(x(value), bottom + 17, text, "middle"),
    );
  });
}

/* Where the pointer is in the drawing's own units. */
function pointerIn(svg, width, event) {
  const box = svg.getBoundingClientRect();
  const ratio = width / box.width;
  return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, ratio];
}

/* Names beside their marks, moved up or down where they would meet another, or one of ``others``. */
function armLabels(spots, range, [width, bottom], others = []) {
  const taken = [...spots.map(([, x, y]) => [x, y]), ...others].map(([x, y]) => [x - 6, y - 6, x + 6, y + 6]);
  const free = ([a, b, c, d]) =>
    a >= 0 &&
    c <= width &&
    d <= bottom + 4 &&
    taken.every(([e, f, g, h]) => c < e || g < a || d < f || h < b);
  return spots.flatMap(([index, x, y]) => {
    const { label, mean: value } = arms[index];
    const text = value > range[1] || value < range[0] ? `${label} (${format(value)})` : label;
    const long = 7 * text.length;
    const frame = ([at, height]) => [at, height - 6, at + long, height + 6];
    const places = [0, -15, 15, -30, 30, -45, 45].flatMap((shift) => [
      [x + 11, y + shift],
      [x - 11 - long, y + shift],
    ]);
    const [at, height] = places.find((place) => free(frame(place))) || places[0];
    taken.push(frame([at, height]));
    const word = at > x ? write(at, height + 4, text) : write(at + long, height + 4, text, "end");
    const end = at > x ? at - 2 : at + long + 2;
    return height === y ? [word] : [word, shape("path", { class: "axis", d: `M${x} ${y}L${end} ${height}` })];
  });
}
