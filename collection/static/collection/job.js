/* Keeps a running job's page fresh. Without JavaScript its "Reload" link does the same. */
"use strict";

const EVERY_MS = 2000;

async function refresh() {
  const shown = document.getElementById("job");
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("job");
    // A button that somebody is about to press stays where it is.
    if (fresh && !(shown.contains(document.activeElement) && "working" in fresh.dataset)) {
      shown.replaceWith(document.adoptNode(fresh));
    }
  } catch {
    // The connection was lost: the next time may do better.
  }
  if ("working" in document.getElementById("job").dataset) setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
