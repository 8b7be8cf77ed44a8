/* Keeps the live view fresh. Without JavaScript its "Refresh" link does the same. */
"use strict";

const EVERY_MS = 5000;

async function refresh() {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const shown of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(shown.id);
      // What somebody reads by keyboard stays where it is, and the same is not said twice.
      const changed = fresh && fresh.innerHTML !== shown.innerHTML;
      if (changed && !shown.contains(document.activeElement)) {
        shown.replaceChildren(...document.adoptNode(fresh).childNodes);
      }
    }
  } catch {
    // The connection was lost: the next time may do better.
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
