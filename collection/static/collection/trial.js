/*
 * What JavaScript adds to a trial: a response time, the number keys, and being told at
 * once that nothing was chosen. Without it the page works the same and stores no time.
 *
 * Response time runs from paint to commit, apart from the network: from the second
 * animation frame after the page stood (the first one is being painted then) to the
 * moment of submit, on the browser's monotonic clock. A time that cannot be vouched for
 * is left empty and `timing` says why: a wrong time is worse than none.
 */
"use strict";

(() => {
  const form = document.querySelector("form[data-trial-id]");
  if (!form) return;

  const RESEND_AFTER_MS = 8000;
  const MOST_INTERVALS = 40;
  const rtField = form.elements.namedItem("rt_ms");
  const timingField = form.elements.namedItem("timing");
  const missing = document.querySelector("[data-missing]");

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

  /* --- Response time ------------------------------------------------------------- */

  const seenKey = `attune.shown.${form.dataset.trialId}`;
  const [navigation] = performance.getEntriesByType("navigation");
  let unmeasured = null; // why there is no time
  if (form.dataset.shownBefore === "1" || recall(seenKey)) unmeasured = "shown-before";
  else if (navigation && navigation.type === "reload") unmeasured = "reload";
  else if (navigation && navigation.type === "back_forward") unmeasured = "back";
  remember(seenKey, "1");

  let shownAt = null;
  let firstInput = null;
  let lastChange = null;
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
  document.addEventListener("visibilitychange", () =>
    (document.hidden ? beginAway : endAway)("hidden")
  );
  window.addEventListener("blur", () => beginAway("blurred"));
  window.addEventListener("focus", () => endAway("blurred"));

  const noteInput = () => {
    if (shownAt !== null && firstInput === null) firstInput = elapsed();
  };
  form.addEventListener("pointerdown", noteInput);
  form.addEventListener("keydown", noteInput);
  form.addEventListener("input", () => {
    noteInput();
    if (shownAt !== null) lastChange = elapsed();
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
      hidden_ms: intervals.hidden,
      blurred_ms: intervals.blurred,
    });
  };

  /* --- Sending ------------------------------------------------------------------- */

  const answerNow = () => {
    const data = new FormData(form);
    return ["rating", "choice", "text"].map((name) => data.get(name) ?? "").join("\n");
  };
  const answered = () => form.dataset.optional === "1" || answerNow().trim() !== "";

  const buttons = form.querySelectorAll("button[type=submit]");
  const allowSending = (allowed) => {
    for (const button of buttons) button.disabled = !allowed;
  };
  let sent = false;
  let sentAnswer = null;

  form.addEventListener("submit", (event) => {
    const notUnderstood = event.submitter?.name === "not_understood";
    if (sent) {
      event.preventDefault();
      return;
    }
    if (!notUnderstood && !answered()) {
      event.preventDefault();
      if (missing) {
        missing.hidden = false;
        missing.focus();
      }
      return;
    }
    const answer = notUnderstood ? "not understood" : answerNow();
    if (sentAnswer === null) measure();
    else if (answer !== sentAnswer) {
      // Sent, nothing came back, and changed since: the wait is no thinking time.
      unmeasured = "sent-again";
      measure();
    }
    sent = true;
    sentAnswer = answer;
    // Later, because a disabled button would not be sent along; and not for ever,
    // because a connection may fail. The server keeps the first answer either way.
    setTimeout(() => allowSending(false), 0);
    setTimeout(() => {
      sent = false;
      allowSending(true);
    }, RESEND_AFTER_MS);
  });

  // A page taken back from memory may show an answered trial: ask for the current one.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    unmeasured = "back";
    location.reload();
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
  document.addEventListener("keydown", (event) => {
    if (!keysOn || event.ctrlKey || event.altKey || event.metaKey) return;
    const card = ["1", "2", "3"].includes(event.key) ? cards[Number(event.key) - 1] : null;
    if (!card) return;
    card.checked = true;
    card.focus();
    card.dispatchEvent(new Event("input", { bubbles: true }));
  });
  showKeys();
  hint.hidden = false;
})();
