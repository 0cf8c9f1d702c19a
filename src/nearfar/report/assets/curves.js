/* Learning curves: one metric for all arms, and the losses of pre-training. */
const curveOptions = { split: "validation", metric: data.metricKey, whole: false, log: false };
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

/* lines: [{index, label, x, mean, low, high, diverged, dashed}] */
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
  const whole = ticks(epochs, width < 500 ? 4 : 8).filter(Number.isInteger);
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
    const dashes = line.dashed ? "5 4" : dash(arm);
    const middle = {
      d: path(line.x, line.mean),
      "stroke-width": 2,
      "stroke-linejoin": "round",
      "stroke-dasharray": dashes,
    };
    group.append(
      shape("path", { class: "band", "clip-path": clip, d: `${path(line.x, line.high)}${back}z` }),
      shape("path", { class: "stroke", "clip-path": clip, ...middle }),
    );
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
    const head = element("div", { class: "name" }, `epoch ${Math.round(epoch).toLocaleString("en-US")}`);
    showTip(event, head, pairs(found.map(([line, value]) => [label(line), format(value)])));
  });
}

function fitLines() {
  const { split, metric, whole } = curveOptions;
  return visible().flatMap((index) => {
    const { offset, series } = data.curves.fit[index];
    const found = (series[split] || {})[metric];
    if (!found || (!found.x.length && !found.diverged.length)) return [];
    const moved = (xs) => xs.map((x) => x + (whole ? offset : 0));
    const diverged = found.diverged.map(([seed, xs, ys]) => [seed, moved(xs), ys]);
    return [{ index, label: arms[index].label, ...found, x: moved(found.x), diverged }];
  });
}

/* What can be shown: Map("split metric" → [split, metric]), the study's metric on validation first. */
function offeredCurves() {
  const found = new Map();
  data.curves.fit.forEach(({ series }) =>
    Object.entries(series).forEach(([split, metrics]) =>
      Object.keys(metrics).forEach((metric) => found.set(`${split} ${metric}`, [split, metric])),
    ),
  );
  const first = `validation ${data.metricKey}`;
  return new Map([...found].sort(([a], [b]) => (b === first) - (a === first)));
}

function buildFitCurves(offered) {
  const nameOfMetric = (metric) => (metric === data.metricKey ? data.metric : metric);
  const update = (key) => (value) => {
    curveOptions[key] = value;
    again();
  };
  [curveOptions.split, curveOptions.metric] = offered.values().next().value;
  const names = [...offered].map(([key, [split, metric]]) => [key, `${split} ${nameOfMetric(metric)}`]);
  const controls = $("curves-controls");
  controls.append(
    choice("show", names, (key) => {
      [curveOptions.split, curveOptions.metric] = offered.get(key);
      again();
    }),
  );
  const spans = [
    [false, "of the last stage"],
    [true, "with pre-training"],
  ];
  const axes = [
    [false, "linear"],
    [true, "log"],
  ];
  if (data.curves.fit.some(({ offset }) => offset))
    controls.append(segment("epochs", spans, false, update("whole")));
  controls.append(segment("axis", axes, false, update("log")), fullRange());
  const again = drawn(() => {
    const { split, metric, log } = curveOptions;
    const unit = metric === data.metricKey && data.unit === "z" ? ", z-scored" : "";
    const title = `${split} ${nameOfMetric(metric)}${unit}`;
    curvePlot($("curves-plot"), fitLines(), {
      title,
      height: innerWidth < 760 ? 300 : 400,
      log,
      settle: 0.15,
    });
  });
}

function buildPretrainCurves() {
  const plots = data.curves.pretrain.map((stage) => {
    const [used, plot] = [element("p"), element("div")];
    const head = element("h3", {}, element("span", {}, stage.stage.replace(":", ": ")));
    $("pretrain-plots").append(element("div", { class: "panel" }, head, used, plot));
    return [stage, used, plot];
  });
  drawn(() =>
    plots.forEach(([stage, used, plot]) => {
      const users = stage.arms.filter(shown);
      plot.parentElement.hidden = !users.length;
      if (!users.length) return;
      used.textContent = `for ${users.map((i) => arms[i].label).join(", ")}`;
      const lines = Object.entries(stage.series).map(([split, found]) => ({
        index: users[0],
        label: split,
        dashed: split !== "train",
        ...found,
      }));
      const title = "loss (solid: train, dashed: validation)";
      curvePlot(plot, lines, { title, height: 240, log: false, settle: 0 });
    }),
  );
}

function buildCurves() {
  const offered = offeredCurves();
  if (!offered.size && !data.curves.pretrain.length) {
    $("curves").hidden = true;
    return;
  }
  if (offered.size) buildFitCurves(offered);
  else $("curves-plot").hidden = true;
  buildPretrainCurves();
}
