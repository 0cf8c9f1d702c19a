/* A section that fails must not take the others with it. */
function attempt(build) {
  try {
    build();
  } catch (error) {
    console.error(error);
  }
}

/* Numbers lie along an axis and have errors; classes do not. */
const ofNumbers = [buildPredictions, buildWorst];
if (ofClasses) ["predictions", "worst"].forEach((id) => ($(id).hidden = true));

if (data.several.length) showTarget(0);
buildChips();
buildTargets();
[
  buildSeeds,
  buildCurves,
  buildEmbedding,
  buildTraining,
  buildRepresentations,
  buildExamples,
  ...(ofClasses ? [] : ofNumbers),
  buildCost,
  ...(data.thumbnails ? [buildThumbnails] : []),
].forEach(attempt);

document.querySelectorAll(".jump a").forEach((link) => {
  link.hidden = document.querySelector(link.hash).hidden;
});

let lastWidth = innerWidth;
let waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return;
  lastWidth = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redraw);
});
addEventListener("beforeprint", () =>
  document.querySelectorAll("details").forEach((part) => {
    part.dataset.was = part.open ? "open" : "";
    part.open = true;
  }),
);
addEventListener("afterprint", () =>
  document.querySelectorAll("details").forEach((part) => {
    part.open = part.dataset.was === "open";
  }),
);
document.documentElement.dataset.ready = "true";
