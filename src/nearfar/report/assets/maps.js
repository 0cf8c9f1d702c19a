/* Maps of features: one, whichever panel it stands in. */
const STEPS = 16;
const MAP_SIZE = [340, 280];
const LAYERS = 6; // rows are drawn in so many layers, so that no colour always lies on top
const mapOptions = { colour: "truth", parts: "all", labels: 0, only: null };
const PART_COLOURS = { r: "var(--kg)", v: "var(--k4)", t: "var(--k0)", "-": "var(--kg)" };
const NO_COLOUR = "var(--kg)";

/* Colour of a row; null where the row is not among those picked out in the legend. */
function rowColours(index, seed) {
  const letters = partsOf(index, seed);
  if (mapOptions.colour === "part") return (row) => PART_COLOURS[letters ? letters[row] : "t"];
  if (ofClasses) return mapOptions.colour === "truth" ? colourOfClass() : colourOfHit(index, seed);
  const truths = data.rows.truth;
  const byTruth = mapOptions.colour === "truth";
  const step = scale(byTruth ? truthRange() : errorRange(), [0, STEPS - 1]);
  const predictions = byTruth ? null : predictionsOf(index, seed);
  return (row) => {
    const value = byTruth ? truths[row] : Math.abs(predictions.get(row) - truths[row]);
    return isNumber(value) ? `var(--s${clamp(Math.round(step(value)), 0, STEPS - 1)})` : NO_COLOUR;
  };
}

function colourOfClass() {
  const labels = data.labels[mapOptions.labels];
  return (row) => {
    const number = classUnder(labels, row);
    if (mapOptions.only !== null && number !== mapOptions.only) return null;
    return number === null ? NO_COLOUR : classColour(number, labels.classes.length);
  };
}

const HIT = "var(--k0)";
const MISS = "var(--k1)";
function colourOfHit(index, seed) {
  const [predictions, labels] = [predictionsOf(index, seed), labelsOf(index)];
  return (row) => {
    const [value, truth] = [predictions.get(row), classUnder(labels, row)];
    if (!isNumber(value) || truth === null) return NO_COLOUR;
    return value === truth ? HIT : MISS;
  };
}

function truthRange() {
  const sorted = data.rows.truth.filter(isNumber).sort((a, b) => a - b);
  return sorted.length ? [quantile(sorted, 0.01), quantile(sorted, 0.99)] : [0, 1];
}

let errorTop = null;
keptOfTarget(() => {
  errorTop = null;
});
function errorRange() {
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

/* The figure of one map; ``tell(event, row)`` says what is pointed at. */
function mapFigure(number, index, seed, label, tell) {
  const [xs, ys] = data.maps[number];
  const [size, height] = MAP_SIZE;
  const [wide, tall] = [Math.max(...xs, 1), Math.max(...ys, 1)];
  const grain = Math.min((size - 20) / wide, (height - 20) / tall);
  const [left, bottom] = [(size - wide * grain) / 2, (height + tall * grain) / 2];
  const letters = partsOf(index, seed);
  const colourOf = rowColours(index, seed);
  const svg = figure(size, height, label);
  const at = new Map();
  const [faint, small, large] = [new Map(), new Map(), new Map()];
  const put = (groups, row, colour, spot) => {
    const key = `${row % LAYERS} ${colour}`;
    if (!groups.has(key)) groups.set(key, { colour, spots: [] });
    groups.get(key).spots.push(spot);
  };
  xs.forEach((value, row) => {
    const part = letters ? letters[row] : "t";
    if (mapOptions.parts === "test" && part !== "t") return;
    const spot = [left + value * grain, bottom - ys[row] * grain];
    const colour = colourOf(row);
    if (colour === null) {
      put(faint, row, "var(--line)", spot);
      return;
    }
    at.set(row, spot);
    put(part === "t" ? large : small, row, colour, spot);
  });
  drawRows(svg, { faint, small, large }, Math.min(1, Math.sqrt(1200 / xs.length)));
  if (ofClasses && mapOptions.colour === "truth") svg.append(...classNames(at, size));
  finish(svg, size, at, tell, (row) => !letters || letters[row] === "t");
  return svg;
}

/* Short names where their rows lie together, for classes too many to be told apart by colour. */
function classNames(at, size) {
  const labels = data.labels[mapOptions.labels];
  if (labels.classes.length <= COLOURS_OF_TEN.length) return [];
  const spots = labels.classes.map(() => []);
  at.forEach((spot, row) => {
    const number = classUnder(labels, row);
    if (number !== null) spots[number].push(spot);
  });
  const middle = (values) => quantile([...values].sort((a, b) => a - b), 0.5);
  return spots.flatMap((list, number) => {
    const name = labels.classes[number];
    if (!list.length || name.length > 3) return [];
    const [x, y] = [middle(list.map(([a]) => a)), middle(list.map(([, b]) => b))];
    const spread = middle(list.map(([a, b]) => Math.hypot(a - x, b - y)));
    return spread < size * 0.09 ? [write(x, y + 4.5, name, "middle", "value strong")] : [];
  });
}

function drawRows(svg, { faint, small, large }, factor) {
  const draw = (groups, width, opacity) =>
    groups.forEach(({ colour, spots }) => {
      const look = { stroke: colour, "stroke-width": (width * factor).toFixed(1), opacity };
      svg.append(shape("path", { class: "dots", d: dotsPath(spots), ...look }));
    });
  draw(faint, 3.6, 0.7);
  draw(small, 3.6, 0.75);
  const d = [...large.values()].map(({ spots }) => dotsPath(spots)).join("");
  svg.append(shape("path", { class: "dots halo", "stroke-width": (9 * factor).toFixed(1), d }));
  draw(large, 6.8);
}

/* Maps and legends that follow the controls. */
const mapDrawers = [];
function drawnMap(draw) {
  mapDrawers.push(drawn(draw));
}
const redrawMaps = () => mapDrawers.forEach((draw) => draw());
