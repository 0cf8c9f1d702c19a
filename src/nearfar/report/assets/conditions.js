/* The primary metric along an axis of conditions, a line an arm. */
const [WIDTH, HEIGHT] = [320, 220];
const NUDGE = 4; // between the points of two arms at one place, so that their intervals do not hide

/* The colour, line and marker of an arm, whichever of its conditions the page has. */
const look = ({ of }) => arms[of[0]];
const isShown = ({ of }) => of.some(shown);

function conditionPanel({ title, axis, values, series }) {
  const bounds = series.flatMap(({ points }) => points.flat()).filter(isNumber);
  if (!bounds.length) return null;
  const [low, high] = [Math.min(...bounds), Math.max(...bounds)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const range = [low - room, high + room];
  const [left, right, top, bottom] = [46, WIDTH - 12, 12, HEIGHT - 40];
  const y = scale(range, [bottom, top]);
  const step = (right - left) / values.length;
  const svg = figure(WIDTH, HEIGHT, `${title} along ${axis}`.trim());
  gridRows(svg, ticks(range, 4), y, [left, right]);
  svg.append(
    ...values.map((value, k) => write(left + step * (k + 0.5), bottom + 18, value, "middle")),
    write((left + right) / 2, HEIGHT - 5, axis, "middle", "title"),
  );
  series.forEach((one, place) => {
    if (!isShown(one)) return;
    const shift = NUDGE * (place - (series.length - 1) / 2);
    const x = (k) => left + step * (k + 0.5) + shift;
    svg.append(conditionLine(one, values, x, y));
  });
  return element("div", { class: "panel" }, title ? element("h3", {}, title) : null, svg);
}

function conditionLine(one, values, x, y) {
  const arm = look(one);
  const known = one.points.map((point, k) => [k, ...point]).filter(([, mean]) => isNumber(mean));
  const line = known.map(([k, mean], i) => `${i ? "L" : "M"}${x(k).toFixed(1)} ${y(mean).toFixed(1)}`);
  const group = shape(
    "g",
    { class: `k${arm.colour}` },
    shape("path", { class: "stroke", d: line.join(""), "stroke-width": 2, "stroke-dasharray": dash(arm) }),
  );
  known.forEach(([k, mean, low, high]) => {
    const across = x(k).toFixed(1);
    if (isNumber(low) && isNumber(high))
      group.append(shape("path", { class: "stroke interval", d: `M${across} ${y(low)}V${y(high)}` }));
    const mark = shape("path", {
      class: "ink edged",
      d: marker(arm, 4),
      transform: `translate(${across} ${y(mean).toFixed(1)})`,
    });
    const interval = isNumber(low) && isNumber(high) ? [["95% interval", `[${format(low)}, ${format(high)}]`]] : [];
    tellOf(mark, one.arm, [["at", values[k]], [`test ${data.metric}`, format(mean)], ...interval]);
    group.append(mark);
  });
  return group;
}

nearfar.panel("conditions", (root, charts) => {
  const every = new Map(charts.flatMap(({ series }) => series.map((one) => [one.arm, one])));
  drawn(() => {
    const keys = [...every.values()].filter(isShown);
    $("conditions-legend").replaceChildren(
      ...keys.map((one) => element("span", { class: "key" }, swatch(look(one)), one.arm)),
    );
    $("conditions-plots").replaceChildren(...charts.map(conditionPanel).filter(Boolean));
  });
});
