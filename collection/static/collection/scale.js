/*
 * A line without a handle, in place of the row of buttons, where a study asks for it.
 *
 * Until it is first clicked, tapped or moved by key it shows no handle and holds no
 * value: `rating` stays empty, so that "not answered" is a state and not a place. What
 * people hear and what the keys move is the browser's own range input; pointers are read
 * here, because some touch screens let a range move only by its (unseen) handle. A click
 * on the line is enough: nothing needs to be dragged.
 */
"use strict";

(() => {
  const scale = document.querySelector("[data-slider]");
  if (!scale) return;

  const form = scale.closest("form");
  const row = scale.querySelector(".scale__points");

  const rating = document.createElement("input");
  rating.type = "hidden";
  rating.name = "rating";

  const range = document.createElement("input");
  range.type = "range";
  range.id = "answer";
  range.min = "0";
  range.max = "100";
  range.step = "1";
  range.className = "line line--untouched";
  range.setAttribute("aria-labelledby", "question");
  range.setAttribute("aria-describedby", "anchors");
  range.setAttribute("aria-valuetext", scale.dataset.untouched);
  // The unseen handle waits in the middle: keys start there, whichever way they go.
  range.value = "50";

  row.replaceWith(range, rating);
  scale.querySelector("[data-line-hint]").hidden = false;

  const commit = () => {
    rating.value = range.value;
    range.classList.remove("line--untouched");
    const spoken = scale.dataset.touched.replace("VALUE", range.value);
    range.setAttribute("aria-valuetext", spoken);
  };
  range.addEventListener("input", commit);

  // Enter sends the form from a range by itself; Space takes the place it stands on.
  range.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    commit();
  });

  const HANDLE = 28; // as wide as in the style sheet: the line's ends are its centres
  const place = (event) => {
    const box = range.getBoundingClientRect();
    const share = (event.clientX - box.left - HANDLE / 2) / (box.width - HANDLE);
    const shown = Math.round(100 * Math.min(1, Math.max(0, share)));
    range.value = String(shown);
    range.dispatchEvent(new Event("input", { bubbles: true }));
  };
  let held = null;
  range.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    held = event.pointerId;
    range.setPointerCapture(held);
    place(event);
    range.focus();
    event.preventDefault(); // the browser's own handling would move it a second time
  });
  range.addEventListener("pointermove", (event) => {
    if (event.pointerId === held) place(event);
  });
  for (const end of ["pointerup", "pointercancel"])
    range.addEventListener(end, () => {
      held = null;
    });

  form.addEventListener("reset", () => {
    rating.value = "";
    range.classList.add("line--untouched");
    range.setAttribute("aria-valuetext", scale.dataset.untouched);
  });
})();
