/*
 * The page for a database that is away: asks in the background, and goes on once there is
 * an answer. Nothing moves under who is reading; without this, a link does the same.
 */
"use strict";

(() => {
  const EVERY_MS = 5000;
  const note = document.querySelector("[data-again]");
  if (!note) return;
  note.hidden = false;
  const ask = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.status < 500) {
        location.reload();
        return;
      }
    } catch {
      /* not even the server answers */
    }
    setTimeout(ask, EVERY_MS * (0.8 + 0.4 * Math.random()));
  };
  setTimeout(ask, EVERY_MS);
})();
