/* One encoder's space at several points of its training, side by side. */
function trainingPanel(stage, [place, number]) {
  const [index] = stage.arms;
  const title = `${stage.unit} ${place === null ? "at the end" : place.toLocaleString("en-US")}`;
  const tell = (event, row) => rowTip(event, row, index, stage.seed, stage.stage);
  const svg = mapFigure(number, index, stage.seed, `${stage.stage}, ${title}`, tell);
  return element("div", { class: "panel" }, element("h3", {}, element("span", {}, title)), svg);
}

nearfar.panel("training", (root, stages) => {
  root.hidden = !stages.length;
  stages.forEach((stage) => {
    const used = element("small");
    const head = element("h3", {}, `${stage.stage}, seed ${stage.seed} `, used);
    const box = element("div", { class: "grid wide" });
    $("training-stages").append(head, box);
    drawnMap(() => {
      forget(box);
      const users = stage.arms.filter(shown);
      head.hidden = box.hidden = !users.length;
      used.textContent = `for ${users.map((index) => arms[index].label).join(", ")}`;
      box.replaceChildren(...(users.length ? stage.at.map((one) => trainingPanel(stage, one)) : []));
    });
  });
});
