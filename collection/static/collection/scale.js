/*
 * A line without a handle, in place of the row of buttons, where a study asks for it.
 *
 * Until it is first clicked, tapped or moved by key it shows no handle and holds no
 * value: `rating` stays empty, so that "not answered" is a state and not a place. What
 * people hear and what the keys move is the browser's own range input; pointers are read
 * here, because some touch screens let a range move only by its (unseen) handle. A click
 * on the line is enough: nothing needs to be dragged.
 *
 * 0 is where lines of writing start: at the left, and in a right-to-left language at the
 * right. The browser turns its range input and the keys round by itself.
 */
"use strict";
document.currentScript?.setAttribute("data-ran", "");

(() => {
  const start = () => {
    const scale = document.querySelector("[data-slider]");
    const row = scale?.querySelector(".scale__points");
    if (!row) return;
    // Came late to a page that somebody answers already: what they chose is not taken away.
    if (row.querySelector(":checked, :focus")) return;

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
    const announce = () => range.dispatchEvent(new Event("input", { bubbles: true }));

    // Enter sends the form from a range by itself; Space takes the place it stands on.
    range.addEventListener("keydown", (event) => {
      range.classList.remove("line--pointed");
      if (event.key !== " ") return;
      event.preventDefault();
      announce();
    });

    const HANDLE = 28; // as wide as in the style sheet: the line's ends are its centres
    const place = (event) => {
      const box = range.getBoundingClientRect();
      const rtl = getComputedStyle(range).direction === "rtl";
      const fromStart = rtl ? box.right - event.clientX : event.clientX - box.left;
      const share = (fromStart - HANDLE / 2) / (box.width - HANDLE);
      const shown = Math.round(100 * Math.min(1, Math.max(0, share)));
      range.value = String(shown);
      announce();
    };
    const take = (event) => {
      place(event);
      // Keys go on from here; who points sees the handle and needs no frame besides.
      range.classList.add("line--pointed");
      range.focus();
    };
    range.addEventListener("blur", () => range.classList.remove("line--pointed"));

    // A mouse means its place at once. A finger may be scrolling the page: it means a place
    // when it lifts or moves sideways, and none when the browser takes it for scrolling.
    const SIDEWAYS = 8;
    let held = null;
    range.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      held = { id: event.pointerId, x: event.clientX, sure: event.pointerType === "mouse" };
      range.setPointerCapture(held.id);
      if (held.sure) take(event);
      event.preventDefault(); // the browser's own handling would move it a second time
    });
    range.addEventListener("pointermove", (event) => {
      if (held?.id !== event.pointerId) return;
      held.sure ||= Math.abs(event.clientX - held.x) > SIDEWAYS;
      if (held.sure) take(event);
    });
    range.addEventListener("pointerup", (event) => {
      if (held?.id === event.pointerId) take(event);
      held = null;
    });
    range.addEventListener("pointercancel", () => {
      held = null;
    });
  };

  document.addEventListener("attune:shown", start);
  start();
})();
