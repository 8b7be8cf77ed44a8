/* Lets a figure be explored: points tell their names, a panel can be zoomed.

   Each figure stands on the page as a picture, and stays one without this script. When it
   comes into view, its data are fetched and drawn in the picture's place by plotly.js,
   which this site serves itself. */
"use strict";

/* The policy of this site refuses <style> elements and style attributes, and plotly.js
   makes both. What it sets is brought in by the ways that the policy leaves to scripts of
   this site: a constructed sheet, and an element's own style. */
function keepToThePolicy() {
  const { setAttribute } = Element.prototype;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
  const { appendChild } = Node.prototype;
  document.head.appendChild = function (node) {
    if (node.nodeName !== "STYLE") return appendChild.call(this, node);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(node.textContent);
    document.adoptedStyleSheets.push(sheet);
    // plotly.js looks its sheet up again by id, to add rules to it.
    const stands = document.createElement("meta");
    stands.id = node.id;
    for (const each of [node, stands]) {
      Object.defineProperty(each, "sheet", { value: sheet });
    }
    appendChild.call(this, stands);
    return node;
  };
}

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    keepToThePolicy();
    const script = document.createElement("script");
    script.src = document.querySelector("script[data-plotly]").dataset.plotly;
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
}

const CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: true,
  // Nothing that sends a figure anywhere: files are downloaded from below it.
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

async function explore(box) {
  const picture = box.querySelector("picture");
  const button = box.closest("figure").querySelector("[data-still]");
  const place = document.createElement("div");
  place.className = "explored";
  place.hidden = true;
  box.append(place);
  try {
    const [library, answer] = await Promise.all([plotly(), fetch(box.dataset.figure)]);
    if (!answer.ok) throw new Error(answer.status);
    const { data, layout } = await answer.json();
    place.hidden = false;
    picture.hidden = true;
    await library.newPlot(place, data, layout, CONFIG);
  } catch {
    // The picture says the same; a lost connection is no reason to lose it too.
    place.remove();
    picture.hidden = false;
    return;
  }
  // Letters of an axis say nothing in their order: the data are a table below.
  for (const svg of place.querySelectorAll("svg.main-svg")) {
    svg.setAttribute("aria-hidden", "true");
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    const still = !picture.hidden;
    picture.hidden = still;
    place.hidden = !still;
    button.textContent = still ? "Show as a picture" : "Explore";
    if (still) window.Plotly.Plots.resize(place);
  });
  box.dataset.explored = "";
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      explore(target);
    }
  },
  { rootMargin: "400px" },
);
for (const box of document.querySelectorAll("[data-figure]")) seen.observe(box);
