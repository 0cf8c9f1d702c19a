/* Learning curves: one metric for all arms, and one for all stages of pre-training. */
const curveOptions = { split: "validation", metric: data.metricKey, whole: false, log: false };
const FEW_ARMS = 6; // with more, training rows are drawn on demand
const DECADES = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
let clips = 0;

/* Limits set by the sound seeds, once each curve is past its first part ``settle``. */
function curveRange(lines, { log, settle }) {
  const after = (line) => line.mean.filter((_, i) => state.full || i >= line.x.length * settle);
  const sound = lines.flatMap(after);
  const values = sound.length
    ? sound
    : lines.flatMap((line) => line.diverged.flatMap(([, , y]) => y.slice(0, 20)));
  const range = limits(values);
  const positive = values.filter((value) => value > 0);
  if (!log || !positive.length) return range;
  const least = Math.min(...positive);
  return [least * 0.92, Math.max(range[1], least * 1.5)];
}

function epochRange(lines) {
  const ends = lines.flatMap((line) => [line.x, ...line.diverged.map(([, x]) => x)]).filter((x) => x.length);
  const [first, last] = [Math.min(...ends.map((x) => x[0])), Math.max(...ends.map((x) => x[x.length - 1]))];
  return [first > last * 0.3 ? first : 0, last];
}

/* lines: [{index, label, x, mean, low, high, diverged, pale}] */
function curvePlot(box, lines, { title, height, log, settle }) {
  const width = roomIn(box);
  if (!lines.length) {
    box.hidden = true;
    return;
  }
  const range = curveRange(lines, { log, settle });
  const epochs = epochRange(lines);
  const [left, right, top, bottom] = [46, width - 14, 18, height - 40];
  const x = scale(epochs, [left, right]);
  const warp = log && range[0] > 0 ? (value) => Math.log10(Math.max(value, 1e-12)) : (value) => value;
  const plain = scale(range.map(warp), [bottom, top]);
  const y = (value) => clamp(plain(warp(value)), top - 999, bottom + 999);
  const svg = figure(width, height, title);
  const marks = log ? DECADES.filter((mark) => mark >= range[0] && mark <= range[1]) : ticks(range, 5);
  gridRows(svg, marks, y, [left, right]);
  const whole = ticks(epochs, width < 500 ? 4 : 8).filter(
    (mark) => epochs[1] - epochs[0] < 3 || Number.isInteger(mark),
  );
  svg.append(
    ...whole.map((mark) => write(x(mark), bottom + 17, brief(mark), "middle")),
    shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }),
    write(left, 8, title, "start", "title"),
    write(right, height - 4, "epoch", "end", "title"),
  );
  clips += 1;
  const window_ = { x: left - 2, y: top, width: right - left + 4, height: bottom - top + 2 };
  svg.append(shape("clipPath", { id: `clip${clips}` }, shape("rect", window_)));
  const place = { x, y, range, edges: [top, bottom], clip: `url(#clip${clips})` };
  lines.forEach((line) => svg.append(curve(line, place)));
  const cursor = shape("path", { class: "reference", d: "" });
  svg.append(cursor);
  box.replaceChildren(svg);
  readCurves(svg, cursor, lines, { width, left, right, top, bottom, epochs });
}

function curve(line, { x, y, range, edges, clip }) {
  const arm = arms[line.index];
  const group = shape("g", { class: `k${arm.colour}` });
  const path = (xs, ys) =>
    xs.map((at, i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(ys[i]).toFixed(1)}`).join("");
  if (line.x.length > 1) {
    const back = path([...line.x].reverse(), [...line.low].reverse()).replace("M", "L");
    const middle = {
      d: path(line.x, line.mean),
      "stroke-width": line.pale ? 1.5 : 2,
      "stroke-linejoin": "round",
      "stroke-dasharray": dash(arm),
      opacity: line.pale ? 0.45 : null,
    };
    const band = { "clip-path": clip, d: `${path(line.x, line.high)}${back}z` };
    if (!line.pale) group.append(shape("path", { class: "band", ...band }));
    group.append(shape("path", { class: "stroke", "clip-path": clip, ...middle }));
  }
  line.diverged.forEach(([seed, xs, ys]) => {
    const last = ys.findLastIndex((value) => value <= range[1] && value >= range[0]);
    const end = Math.min(last + 1, ys.length - 1);
    const spot = `translate(${x(xs[end]).toFixed(1)} ${clamp(y(ys[end]), ...edges).toFixed(1)})`;
    const d = path(xs.slice(0, end + 1), ys.slice(0, end + 1));
    group.append(
      shape("path", {
        class: "stroke",
        "clip-path": clip,
        d,
        "stroke-width": 1.4,
        "stroke-dasharray": "2 3",
      }),
      shape(
        "path",
        { class: "stroke", d: "M-4.5-4.5L4.5 4.5M-4.5 4.5L4.5-4.5", "stroke-width": 2.2, transform: spot },
        shape("title", {}, `${line.label}: seed ${seed} diverged`),
      ),
    );
  });
  return group;
}

/* The values of all curves at the epoch pointed at, lowest first. */
function readCurves(svg, cursor, lines, { width, left, right, top, bottom, epochs }) {
  const clear = () => {
    cursor.setAttribute("d", "");
    hideTip();
  };
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("pointermove", (event) => {
    const [at] = pointerIn(svg, width, event);
    const epoch = scale([left, right], epochs)(at);
    const reached = lines.filter(({ x }) => x.length && epoch <= x[x.length - 1] * 1.01 && epoch >= x[0] - 1);
    if (at < left - 4 || at > right + 4 || !reached.length) {
      clear();
      return;
    }
    const nearest = (xs) =>
      xs.reduce((best, x, i) => (Math.abs(x - epoch) < Math.abs(xs[best] - epoch) ? i : best), 0);
    const found = reached.map((line) => [line, line.mean[nearest(line.x)]]).sort((a, b) => a[1] - b[1]);
    cursor.setAttribute("d", `M${at} ${top}V${bottom}`);
    const label = (line) => element("span", {}, swatch(arms[line.index]), line.label);
    const fine = epochs[1] - epochs[0] < 10 ? Number(epoch.toFixed(1)) : Math.round(epoch);
    const head = element("div", { class: "name" }, `epoch ${fine.toLocaleString("en-US")}`);
    showTip(event, head, pairs(found.map(([line, value]) => [label(line), format(value)])));
  });
}

const metricTitle = (metric) => data.metricNames[metric] || metric.replaceAll("_", " ");

/* The curves of one metric, by split: of training rows pale where those of validation are beside. */
function splitLines(series, metric, wanted, line) {
  const splits = (wanted === "both" ? ["train", "validation"] : [wanted]).filter(
    (split) => (series[split] || {})[metric],
  );
  return splits.map((split) => ({
    ...line,
    label: splits.length > 1 ? `${line.label}, ${split}` : line.label,
    pale: splits.length > 1 && split === "train",
    ...series[split][metric],
  }));
}

function fitLines(fit) {
  const { split, metric, whole } = curveOptions;
  return visible().flatMap((index) => {
    const { offset, series } = fit[index];
    const moved = (xs) => xs.map((x) => x + (whole ? offset : 0));
    return splitLines(series, metric, split, { index, label: arms[index].label })
      .filter((line) => line.x.length || line.diverged.length)
      .map((line) => ({
        ...line,
        x: moved(line.x),
        diverged: line.diverged.map(([seed, xs, ys]) => [seed, moved(xs), ys]),
      }));
  });
}

/* Map(metric → splits) of what is to be shown, the metric ``first`` before others. */
function offeredCurves(list, first) {
  const found = new Map();
  list.forEach(({ series }) =>
    Object.entries(series).forEach(([split, metrics]) =>
      Object.keys(metrics).forEach((metric) => {
        found.set(metric, (found.get(metric) || new Set()).add(split));
      }),
    ),
  );
  return new Map([...found].sort(([a], [b]) => (b === first) - (a === first)));
}

const SPLITS = [
  ["validation", "validation"],
  ["train", "train"],
  ["both", "both"],
];

function buildFitCurves(fit, offered) {
  const update = (key) => (value) => {
    curveOptions[key] = value;
    again();
  };
  const splitBox = element("span");
  /* Splits that the metric has; the one chosen before stays, if it is among them. */
  const chooseSplit = () => {
    const there = offered.get(curveOptions.metric);
    const options = SPLITS.filter(([key]) => (key === "both" ? there.size > 1 : there.has(key)));
    if (!options.some(([key]) => key === curveOptions.split)) [[curveOptions.split]] = options;
    splitBox.replaceChildren(segment("rows", options, curveOptions.split, update("split")));
  };
  curveOptions.metric = offered.keys().next().value;
  if (arms.length <= FEW_ARMS) curveOptions.split = "both";
  chooseSplit();
  const names = [...offered.keys()].map((metric) => [metric, metricTitle(metric)]);
  const controls = $("curves-controls");
  controls.append(
    choice("show", names, (metric) => {
      curveOptions.metric = metric;
      chooseSplit();
      again();
    }),
    splitBox,
  );
  const spans = [
    [false, "of the last stage"],
    [true, "with pre-training"],
  ];
  const axes = [
    [false, "linear"],
    [true, "log"],
  ];
  if (fit.some(({ offset }) => offset))
    controls.append(segment("epochs", spans, false, update("whole")));
  controls.append(segment("axis", axes, false, update("log")), fullRange());
  const again = drawn(() => {
    const { split, metric, log } = curveOptions;
    const unit = metric === data.metricKey && data.unit === "z" ? ", z-scored" : "";
    const rows = split === "both" ? " (validation; pale: train)" : "";
    const title = `${split === "both" ? "" : `${split} `}${metricTitle(metric)}${unit}${rows}`;
    curvePlot($("curves-plot"), fitLines(fit), {
      title,
      height: innerWidth < 760 ? 300 : 400,
      log,
      settle: 0.15,
    });
  });
}

function buildPretrainCurves(stages) {
  const offered = offeredCurves(stages, "loss");
  let metric = offered.keys().next().value;
  if (offered.size > 1) {
    const names = [...offered.keys()].map((name) => [name, metricTitle(name)]);
    $("pretrain-controls").append(
      choice("of pre-training", names, (value) => {
        metric = value;
        again();
      }),
    );
  }
  const plots = stages.map((stage) => {
    const [used, plot] = [element("p"), element("div")];
    const head = element("h3", {}, element("span", {}, stage.stage.replace(":", ": ")));
    $("pretrain-plots").append(element("div", { class: "panel" }, head, used, plot));
    return [stage, used, plot];
  });
  const again = drawn(() =>
    plots.forEach(([stage, used, plot]) => {
      const users = stage.arms.filter(shown);
      const line = { index: users[0], label: metricTitle(metric) };
      const lines = users.length ? splitLines(stage.series, metric, "both", line) : [];
      plot.parentElement.hidden = !lines.length;
      if (!lines.length) return;
      used.textContent = `for ${users.map((i) => arms[i].label).join(", ")}`;
      const only = Object.keys(stage.series).filter((split) => stage.series[split][metric]);
      const rows = only.length > 1 ? "validation; pale: train" : only[0];
      curvePlot(plot, lines, {
        title: `${metricTitle(metric)} (${rows})`,
        height: 240,
        log: false,
        settle: 0,
      });
    }),
  );
}

nearfar.panel("curves", (root, { fit, pretrain }) => {
  const offered = offeredCurves(fit, data.metricKey);
  if (!offered.size && !pretrain.length) {
    root.hidden = true;
    return;
  }
  if (offered.size) buildFitCurves(fit, offered);
  else $("curves-plot").hidden = true;
  if (pretrain.length) buildPretrainCurves(pretrain);
});
