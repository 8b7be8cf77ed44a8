/*
 * What JavaScript adds to a trial: a response time, the number keys, and being told at
 * once that nothing was chosen. Without it the page works the same and stores no time.
 * It starts again for each trial that sending.js puts in place.
 *
 * Response time runs from paint to commit, apart from the network: from the second
 * animation frame after the page stood (the first one is being painted then) to the
 * moment of submit, on the browser's monotonic clock. A time that cannot be vouched for
 * is left empty and `timing` says why: a wrong time is worse than none.
 */
"use strict";
document.currentScript?.setAttribute("data-ran", "");

(() => {
  const MOST_INTERVALS = 40;
  const MOST_PLACES = 40;
  const DOUBLE_CLICK_MS = 500;

  // Storage can be forbidden; what it remembers is only a second line of defence.
  const recall = (key) => {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const remember = (key, value) => {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      /* nothing is lost */
    }
  };

  // A page that was loaded again, or come back to, says so for its first trial only:
  // the trials that follow are put in its place.
  let [navigation] = performance.getEntriesByType("navigation");
  let previous = null; // ends what the trial before it listened for

  const start = () => {
    previous?.abort();
    previous = new AbortController();
    const { signal } = previous;
    const form = document.querySelector("form[data-trial-id]");
    if (!form) return;

    const rtField = form.elements.namedItem("rt_ms");
    const timingField = form.elements.namedItem("timing");
    const missing = document.querySelector("[data-missing]");

    /* --- Response time ------------------------------------------------------------- */

    const seenKey = `attune.shown.${form.dataset.trialId}`;
    let unmeasured = null; // why there is no time
    if (form.dataset.shownBefore === "1" || recall(seenKey)) unmeasured = "shown-before";
    else if (navigation && navigation.type === "reload") unmeasured = "reload";
    else if (navigation && navigation.type === "back_forward") unmeasured = "back";
    navigation = null;
    remember(seenKey, "1");

    const startedAt = performance.now();
    let shownAt = null;
    let firstInput = null;
    let lastChange = null;
    const path = []; // places that the rating was at, each with its time
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        shownAt = performance.now();
        if (document.hidden) beginAway("hidden");
      })
    );

    const intervals = { hidden: [], blurred: [] };
    const since = { hidden: null, blurred: null };
    const elapsed = () => Math.round(performance.now() - shownAt);
    const beginAway = (kind) => {
      if (shownAt !== null && since[kind] === null) since[kind] = elapsed();
    };
    const endAway = (kind) => {
      if (since[kind] === null) return;
      if (intervals[kind].length < MOST_INTERVALS)
        intervals[kind].push([since[kind], elapsed()]);
      since[kind] = null;
    };
    const away = () => (document.hidden ? beginAway : endAway)("hidden");
    document.addEventListener("visibilitychange", away, { signal });
    window.addEventListener("blur", () => beginAway("blurred"), { signal });
    window.addEventListener("focus", () => endAway("blurred"), { signal });

    const noteInput = () => {
      if (shownAt !== null && firstInput === null) firstInput = elapsed();
    };
    form.addEventListener("pointerdown", noteInput);
    form.addEventListener("keydown", noteInput);
    form.addEventListener("input", () => {
      noteInput();
      if (shownAt === null) return;
      lastChange = elapsed();
      const rating = form.elements.namedItem("rating")?.value;
      if (!rating || rating === path.at(-1)?.[1]) return;
      if (path.length === MOST_PLACES) path.pop(); // the way there, and the last place
      path.push([lastChange, rating]);
    });

    const measure = () => {
      if (shownAt === null) unmeasured ??= "not-painted";
      if (unmeasured) {
        rtField.value = "";
        timingField.value = JSON.stringify({ not_measured: unmeasured });
        return;
      }
      const commit = elapsed();
      endAway("hidden");
      endAway("blurred");
      rtField.value = String(commit);
      timingField.value = JSON.stringify({
        first_input_ms: firstInput,
        last_change_ms: lastChange,
        commit_ms: commit,
        path: path.map(([at, rating]) => [at, Number(rating)]),
        hidden_ms: intervals.hidden,
        blurred_ms: intervals.blurred,
      });
    };

    /* --- An empty answer ------------------------------------------------------------ */

    const answered = () => {
      // An arrangement's grid, where arrange.js did not run, is for the server to check.
      if (form.dataset.optional === "1" || form.querySelector("[data-grid]")) return true;
      const data = new FormData(form);
      const names = ["rating", "choice", "text", "positions"];
      return names.some((name) => (data.get(name) ?? "").trim());
    };

    form.addEventListener("submit", (event) => {
      const notUnderstood = event.submitter?.name === "not_understood";
      if (notUnderstood || answered()) {
        measure(); // sending.js takes it from here; without it, the browser does
        return;
      }
      event.preventDefault();
      // The second click of a double click on the trial before means nothing here.
      if (missing && performance.now() - startedAt > DOUBLE_CLICK_MS) {
        missing.hidden = false;
        missing.focus();
      }
    });

    /* --- Keys 1 2 3 ---------------------------------------------------------------- */

    const hint = document.querySelector("[data-keys]");
    if (!hint) return;
    const cards = form.querySelectorAll("input[name=choice]");
    const toggle = hint.querySelector("button");
    let keysOn = recall("attune.keys") !== "off";
    const showKeys = () => {
      toggle.textContent = keysOn ? toggle.dataset.turnOff : toggle.dataset.turnOn;
    };
    toggle.addEventListener("click", () => {
      keysOn = !keysOn;
      remember("attune.keys", keysOn ? "on" : "off");
      showKeys();
    });
    const choose = (event) => {
      if (!keysOn || event.ctrlKey || event.altKey || event.metaKey) return;
      const card = ["1", "2", "3"].includes(event.key) ? cards[Number(event.key) - 1] : null;
      if (!card) return;
      card.checked = true;
      card.focus();
      card.dispatchEvent(new Event("input", { bubbles: true }));
    };
    document.addEventListener("keydown", choose, { signal });
    showKeys();
    hint.hidden = false;
  };

  // A page taken back from memory may show an answered trial: ask for the current one.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  document.addEventListener("attune:shown", start);
  start();
})();
