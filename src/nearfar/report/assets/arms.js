/* Which arms the plots show; where a row has several targets, also which of them. */
function setArms(off) {
  state.off = off;
  document
    .querySelectorAll("#chips .chip")
    .forEach((chip) => chip.setAttribute("aria-pressed", String(!off.has(Number(chip.dataset.arm)))));
  document
    .querySelectorAll("tr[data-arm]")
    .forEach((row) => row.classList.toggle("off", off.has(Number(row.dataset.arm))));
  redraw();
}

function buildChips() {
  arms.forEach((arm, index) => {
    $("chips").append(
      element(
        "button",
        {
          type: "button",
          class: "chip",
          "data-arm": index,
          "aria-pressed": "true",
          title: arm.label,
          onclick: () => {
            const off = new Set(state.off);
            if (!off.delete(index)) off.add(index);
            setArms(off);
          },
        },
        swatch(arm),
        element("span", {}, arm.label),
      ),
    );
  });
  $("arms-all").addEventListener("click", () => setArms(new Set()));
  $("arms-none").addEventListener("click", () => setArms(new Set(arms.keys())));
  document
    .querySelectorAll("tr[data-arm]")
    .forEach((row) => row.querySelector("th").prepend(swatch(arms[Number(row.dataset.arm)])));
}

function buildTargets() {
  if (!data.several.length) return;
  const names = data.several.map(({ target }, number) => [String(number), target]);
  $("chips").after(
    choice("rows show", names, (value) => {
      showTarget(Number(value));
      redraw();
    }),
  );
}

nearfar.panel("arms", () => {
  if (data.several.length) showTarget(0);
  buildChips();
  buildTargets();
});
