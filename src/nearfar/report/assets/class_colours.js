/* Classes: their names, under the data set's own labels and the study's class maps, and colours. */
const ofClasses = data.labels.length > 0;
const COLOURS_OF_TEN = [
  "#3b7dd8",
  "#e07b1a",
  "#2a9d5c",
  "#d13f3f",
  "#8f63c9",
  "#8a5a44",
  "#d965b4",
  "#e8a78f",
  "#a9a713",
  "#22aebf",
];

/* The labels that an arm predicts. */
const labelsOf = (index) => data.labels.find(({ name }) => name === arms[index].target) || data.labels[0];

/* The row's class under some labels; null where they leave it out. */
function classUnder(labels, row) {
  const own = data.rows.truth[row];
  const number = isNumber(own) ? labels.of[own] : null;
  return isNumber(number) ? number : null;
}

/* Up to ten colours that are easily told apart; beyond that neighbours in number differ in hue. */
function classColour(number, count) {
  if (count <= COLOURS_OF_TEN.length) return COLOURS_OF_TEN[number];
  const lightness = [0.56, 0.67, 0.77][number % 3];
  return `oklch(${lightness} 0.15 ${((number * 137.5) % 360).toFixed(1)})`;
}

function colourMark(colour) {
  const mark = shape("svg", { class: "ramp dot", viewBox: "0 0 1 1", "aria-hidden": "true" });
  mark.append(shape("rect", { width: 1, height: 1, fill: colour }));
  return mark;
}
