/* Error against training time. */
const TIMES = [
  [0.1, "0.1 s"],
  [1, "1 s"],
  [10, "10 s"],
  [60, "1 min"],
  [600, "10 min"],
  [3600, "1 h"],
  [36000, "10 h"],
];

function costPlot(box, target) {
  const list = visible().filter(
    (i) => arms[i].target === target && isNumber(arms[i].mean) && arms[i].seconds > 0,
  );
  const width = roomIn(box);
  if (list.length < 2) {
    box.hidden = true;
    return;
  }
  const narrow = width < 520;
  const height = narrow ? 300 : 340;
  const [left, right, top, bottom] = [46, width - (narrow ? 20 : 130), 22, height - 40];
  const logs = list.map((i) => Math.log10(arms[i].seconds));
  const across = scale([Math.min(...logs) - 0.1, Math.max(...logs) + 0.1], [left, right]);
  const x = (seconds) => across(Math.log10(seconds));
  const range = limits(list.map((i) => arms[i].mean));
  const y = scale(range, [bottom, top]);
  const svg = figure(width, height, "error against cost");
  gridRows(svg, ticks(range, 5), y, [left, right]);
  const times = TIMES.filter(([seconds]) => x(seconds) >= left - 1 && x(seconds) <= right + 1);
  gridColumns(svg, times, x, [top, bottom]);
  const unit = data.unit === "z" ? ", z-scored" : "";
  svg.append(
    write(left, 10, `test ${data.metric}${unit}${targetWords(target)}`, "start", "title"),
    write(right, height - 4, "training time of one seed", "end", "title"),
  );
  const ordered = [...list].sort((a, b) => arms[a].mean - arms[b].mean);
  const spots = ordered.map((i) => [i, x(arms[i].seconds), clamp(y(arms[i].mean), top, bottom)]);
  if (!narrow) svg.append(...armLabels(spots, range, [width, bottom]));
  svg.append(...spots.map(costMark));
  box.replaceChildren(svg);
}

function costMark([index, x, y]) {
  const arm = arms[index];
  const mark = shape("path", {
    class: `ink k${arm.colour}`,
    d: marker(arm, 5.5),
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
  });
  const numbers = [
    [`test ${data.metric}`, format(arm.mean)],
    ["seconds", format(arm.seconds)],
  ];
  tellOf(mark, arm.label, numbers);
  return mark;
}

nearfar.panel("budget", () => {
  data.targets.forEach((target) => {
    const box = element("div", { class: "plot" });
    $("cost-plots").append(box);
    drawn(() => costPlot(box, target));
  });
});
