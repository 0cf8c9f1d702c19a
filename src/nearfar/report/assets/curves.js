/* Learning curves: one metric for all arms, and the losses of pre-training. */
let clips = 0;
const curveOptions = { split: "validation", metric: data.metricKey, whole: false, log: false };

/* lines: [{index, label, x, mean, low, high, diverged, dashed}] */
function curvePlot(box, lines, { title, height, log, settle }) {
  const width = roomIn(box);
  if (!lines.length) { box.hidden = true; return; }
  const sound = lines.filter((line) => line.x.length);
  const settled = sound.flatMap((line) => line.mean.filter((_, i) => i >= line.x.length * settle));
  const source = settled.length ? settled : lines.flatMap((line) => line.diverged.flatMap(([, , y]) => y.slice(0, 20)));
  let range = limits(state.full ? source.concat(sound.flatMap((line) => line.mean)) : source);
  if (log) {
    const positive = source.filter((value) => value > 0);
    range = [Math.min(...positive) * 0.92, Math.max(range[1], Math.min(...positive) * 1.5)];
  }
  const last = Math.max(...lines.flatMap((line) => [line.x[line.x.length - 1] || 0, ...line.diverged.map(([, x]) => x[x.length - 1])]));
  const first = Math.min(...lines.map((line) => line.x[0] ?? (line.diverged[0] ? line.diverged[0][1][0] : 0)));
  const [left, right, top, bottom] = [46, width - 14, 18, height - 40];
  const lower = first > last * 0.3 ? first : 0;
  const x = scale([lower, last], [left, right]);
  const warp = log ? Math.log10 : (value) => value;
  const y0 = scale(range.map(warp), [bottom, top]);
  const y = (value) => clamp(y0(warp(log ? Math.max(value, 1e-12) : value)), top - 999, bottom + 999);
  const svg = shape("svg", { class: "figure", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  const yTicks = log ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 50, 100].filter((t) => t >= range[0] && t <= range[1]) : ticks(range, 5);
  yTicks.forEach((tick) => svg.append(
    shape("path", { class: "gridline", d: `M${left} ${y(tick)}H${right}` }),
    shape("text", { x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, brief(tick))));
  ticks([lower, last], width < 500 ? 4 : 8).filter(Number.isInteger).forEach((tick) => svg.append(
    shape("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle" }, brief(tick))));
  svg.append(shape("path", { class: "axis", d: `M${left} ${bottom}H${right}` }),
    shape("text", { class: "title", x: left, y: 8 }, title),
    shape("text", { class: "title", x: right, y: height - 4, "text-anchor": "end" }, "epoch"));
  clips += 1;
  svg.append(shape("clipPath", { id: `clip${clips}` }, shape("rect", { x: left - 2, y: top, width: right - left + 4, height: bottom - top + 2 })));
  lines.forEach((line) => svg.append(curve(line, x, y, range, [top, bottom], `url(#clip${clips})`)));
  const cursor = shape("path", { class: "reference", d: "" });
  svg.append(cursor);
  box.replaceChildren(svg);
  readCurves(svg, cursor, lines, x, { width, left, right, top, bottom, lower, last });
}

function curve(line, x, y, range, [top, bottom], clip) {
  const arm = arms[line.index];
  const group = shape("g", { class: `k${arm.colour}` });
  const path = (xs, ys) => xs.map((at, i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(ys[i]).toFixed(1)}`).join("");
  if (line.x.length > 1) {
    group.append(
      shape("path", { class: "band", "clip-path": clip, d: `${path(line.x, line.high)}${path([...line.x].reverse(), [...line.low].reverse()).replace("M", "L")}z` }),
      shape("path", { class: "stroke", "clip-path": clip, d: path(line.x, line.mean), "stroke-width": 2, "stroke-linejoin": "round", "stroke-dasharray": line.dashed ? "5 4" : dash(arm) }));
  }
  line.diverged.forEach(([seed, xs, ys]) => {
    const end = Math.min(ys.findLastIndex((value) => value <= range[1] && value >= range[0]) + 1, ys.length - 1);
    group.append(
      shape("path", { class: "stroke", "clip-path": clip, d: path(xs.slice(0, end + 1), ys.slice(0, end + 1)), "stroke-width": 1.4, "stroke-dasharray": "2 3" }),
      shape("path", { class: "stroke", d: "M-4.5-4.5L4.5 4.5M-4.5 4.5L4.5-4.5", "stroke-width": 2.2, transform: `translate(${x(xs[end]).toFixed(1)} ${clamp(y(ys[end]), top, bottom).toFixed(1)})` },
        shape("title", {}, `${line.label}: seed ${seed} diverged`)));
  });
  return group;
}

function readCurves(svg, cursor, lines, x, { width, left, right, top, bottom, lower, last }) {
  const clear = () => { cursor.setAttribute("d", ""); hideTip(); };
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const px = ((event.clientX - box.left) * width) / box.width;
    if (px < left - 4 || px > right + 4) { clear(); return; }
    const epoch = lower + ((px - left) / (right - left)) * (last - lower);
    const found = lines.filter((line) => line.x.length && epoch <= line.x[line.x.length - 1] * 1.01 && epoch >= line.x[0] - 1).map((line) => {
      const near = line.x.reduce((best, at, i) => (Math.abs(at - epoch) < Math.abs(line.x[best] - epoch) ? i : best), 0);
      return [line, line.mean[near]];
    }).sort((a, b) => a[1] - b[1]);
    if (!found.length) { clear(); return; }
    cursor.setAttribute("d", `M${px} ${top}V${bottom}`);
    showTip(event, element("div", { class: "name" }, `epoch ${Math.round(epoch).toLocaleString("en-US")}`), pairs(found.map(([line, value]) => {
      const label = element("span", {}, swatch(arms[line.index]), line.label);
      return [label, format(value)];
    })));
  });
}

function fitLines() {
  return visible().map((index) => {
    const { offset, series } = data.curves.fit[index];
    const found = (series[curveOptions.split] || {})[curveOptions.metric];
    if (!found) return null;
    const shift = curveOptions.whole ? offset : 0;
    return { index, label: arms[index].label, ...found, x: found.x.map((at) => at + shift), diverged: found.diverged.map(([seed, xs, ys]) => [seed, xs.map((at) => at + shift), ys]) };
  }).filter((line) => line && (line.x.length || line.diverged.length));
}

function buildCurves() {
  const { fit, pretrain } = data.curves;
  const offered = new Map();
  fit.forEach(({ series }) => Object.entries(series).forEach(([split, metrics]) => Object.keys(metrics).forEach((metric) => offered.set(`${split} ${metric}`, [split, metric]))));
  if (!offered.size && !pretrain.length) { $("curves").hidden = true; return; }
  if (offered.size && !offered.has(`validation ${data.metricKey}`)) {
    [curveOptions.split, curveOptions.metric] = offered.values().next().value;
  }
  const nameOfMetric = (metric) => (metric === data.metricKey ? data.metric : metric);
  const update = (key) => (value) => { curveOptions[key] = value; redraw(); };
  if (offered.size) {
    const own = [...offered.entries()].sort(([a], [b]) => (b === `validation ${data.metricKey}`) - (a === `validation ${data.metricKey}`));
    $("curves-controls").append(
      choice("show", own.map(([key, [split, metric]]) => [key, `${split} ${nameOfMetric(metric)}`]), (key) => {
        [curveOptions.split, curveOptions.metric] = offered.get(key);
        redraw();
      }));
    if (fit.some(({ offset }) => offset)) $("curves-controls").append(segment("epochs", [[false, "of the last stage"], [true, "with pre-training"]], false, update("whole")));
    $("curves-controls").append(segment("axis", [[false, "linear"], [true, "log"]], false, update("log")), fullRange());
    drawn(() => curvePlot($("curves-plot"), fitLines(), {
      title: `${curveOptions.split} ${nameOfMetric(curveOptions.metric)}${curveOptions.metric === data.metricKey && data.unit === "z" ? ", z-scored" : ""}`,
      height: innerWidth < 760 ? 300 : 400, log: curveOptions.log, settle: 0.15,
    }));
  }
  const plots = pretrain.map((stage) => {
    const [used, plot] = [element("p"), element("div")];
    $("pretrain-plots").append(element("div", { class: "panel" }, element("h3", {}, element("span", {}, stage.stage.replace(":", ": "))), used, plot));
    return [stage, used, plot];
  });
  drawn(() => plots.forEach(([stage, used, plot]) => {
    const users = stage.arms.filter(shown);
    plot.parentElement.hidden = !users.length;
    if (!users.length) return;
    used.textContent = `for ${users.map((i) => arms[i].label).join(", ")}`;
    const lines = Object.entries(stage.series).map(([split, found]) => ({ index: users[0], label: split, dashed: split !== "train", ...found }));
    curvePlot(plot, lines, { title: "loss (solid: train, dashed: validation)", height: 240, log: false, settle: 0 });
  }));
}
