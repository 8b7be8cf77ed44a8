"use strict";
// Matrices and map name their actions under the mouse, a finger, or the arrow keys.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  root.classList.add("scripted");
  const at = (id) => document.getElementById(id);
  const n = data.order.length;
  const cell = (i, j) => {
    const [a, b] = i < j ? [i, j] : [j, i];
    return a * n - (a * (a + 1)) / 2 + (b - a - 1);
  };
  const said = (rater, i, j) => {
    const found = data.matrices[rater].values[cell(i, j)];
    if (found === null) return "never judged";
    const rank = data.matrices[rater].ranks[cell(i, j)];
    return `${found.toFixed(2)}, more alike than ${rank} % of pairs`;
  };

  // The keys that move within a grid or a list; anything else is left to the browser.
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const within = (number, most) => Math.max(0, Math.min(most, number));

  const matrices = () => {
    const views = [...document.querySelectorAll(".matrix")];
    if (!views.length) return;
    const choice = at("rater");
    const here = { row: 0, column: Math.min(1, n - 1) };
    const shown = (view) => view.dataset.rater || choice.value;
    const tell = () => {
      const i = data.order[here.row], j = data.order[here.column];
      for (const mark of document.querySelectorAll(".mark")) {
        mark.setAttribute("x", here.column);
        mark.setAttribute("y", here.row);
        mark.setAttribute("visibility", "visible");
      }
      const names = `“${data.texts[i]}” with “${data.texts[j]}”`;
      const raters = [...new Set(views.map(shown))];
      at("pair-readout").textContent = i === j
        ? `“${data.texts[i]}” with itself.`
        : `${names}. ${raters.map((r) => `${data.matrices[r].name}: ${said(r, i, j)}`).join("; ")}.`;
    };
    for (const view of views) {
      const point = (event) => {
        const box = view.getBoundingClientRect();
        here.column = within(Math.floor(((event.clientX - box.left) / box.width) * n), n - 1);
        here.row = within(Math.floor(((event.clientY - box.top) / box.height) * n), n - 1);
        tell();
      };
      view.addEventListener("pointermove", point);
      view.addEventListener("pointerdown", point);
      view.addEventListener("focus", tell);
      view.addEventListener("keydown", (event) => {
        const step = steps[event.key];
        if (event.key === "Home") here.column = 0;
        else if (event.key === "End") here.column = n - 1;
        else if (step) {
          here.column = within(here.column + step[0], n - 1);
          here.row = within(here.row + step[1], n - 1);
        } else return;
        event.preventDefault();
        tell();
      });
    }
    if (choice) {
      const show = () => {
        const view = at("chosen-matrix");
        view.querySelector("image").setAttribute("href", data.matrices[choice.value].image);
        const name = data.matrices[choice.value].name;
        view.querySelector("title").textContent = `Similarity matrix of ${name}`;
        view.setAttribute("aria-label", `Similarity matrix of ${name}; arrow keys move over its pairs`);
        at("chosen-name").textContent = name;
        if (at("pair-readout").dataset.used) tell();
      };
      choice.addEventListener("change", () => { at("pair-readout").dataset.used = "1"; show(); });
    }
  };

  const map = () => {
    const view = at("map-view");
    if (!view) return;
    const points = [...view.querySelectorAll(".point")];
    const places = points.map((p) => [Number(p.getAttribute("cx")), Number(p.getAttribute("cy"))]);
    const colours = at("colour");
    let here = 0;
    const value = (dimension, i) => {
      const found = data.values[dimension][i];
      return `${dimension} ${found === null ? "never judged" : found.toFixed(0)}`;
    };
    const tell = () => {
      points.forEach((p, i) => p.classList.toggle("here", i === here));
      const values = Object.keys(data.values).map((d) => value(d, here)).join(", ");
      at("map-readout").textContent = `“${data.texts[here]}”${values ? `. People's values, 0 to 100: ${values}` : ""}.`;
    };
    const nearest = (x, y, allowed) => {
      let best = -1, least = Infinity;
      places.forEach(([px, py], i) => {
        const far = (px - x) ** 2 + (py - y) ** 2;
        if (far < least && allowed(px, py, i)) { best = i; least = far; }
      });
      return best;
    };
    const point = (event) => {
      const spot = new DOMPoint(event.clientX, event.clientY).matrixTransform(view.getScreenCTM().inverse());
      here = nearest(spot.x, spot.y, () => true);
      tell();
    };
    view.addEventListener("pointermove", point);
    view.addEventListener("pointerdown", point);
    view.addEventListener("focus", tell);
    view.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (event.key === "Home") here = 0;
      else if (event.key === "End") here = points.length - 1;
      else if (step) {
        // The nearest point in that quarter of directions; or the next in the list.
        const [x, y] = places[here];
        const found = nearest(x, y, (px, py, i) => {
          const along = (px - x) * step[0] + (py - y) * step[1];
          const aside = Math.abs((px - x) * step[1]) + Math.abs((py - y) * step[0]);
          return i !== here && along > 0 && along >= aside;
        });
        if (found >= 0) here = found;
      } else return;
      event.preventDefault();
      tell();
    });
    if (colours) colours.addEventListener("change", () => {
      points.forEach((p, i) => p.setAttribute("fill", data.colours[colours.value][i]));
      at("colour-name").textContent = colours.value;
      const [low, high] = data.ends[colours.value];
      at("colour-low").textContent = low;
      at("colour-high").textContent = high;
    });
  };

  matrices();
  map();
})();
