/*
 * A waiting page asks for room again by itself. Without it the button does the same.
 */
"use strict";

(() => {
  const form = document.querySelector("form[data-ask-again-s]");
  if (!form) return;
  // Not all at the same moment: those who came together would ask together for ever.
  const wait = Number(form.dataset.askAgainS) * 1000 * (0.8 + 0.4 * Math.random());
  setTimeout(() => form.requestSubmit(), wait);
})();
