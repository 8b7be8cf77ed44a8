/*
 * Sends an answer and shows the next trial in its place, through any network.
 *
 * An answer is kept in this browser from the moment of "Next" until the server has said
 * that it holds it (the header Attune-Stored names the trial). Lost connections, lost
 * replies, restarts and a login page that a hotel's network puts in between are all the
 * same to it: nothing was heard, so the answer is sent again, later and later apart. The
 * server stores the first answer to a trial once, however often it comes. A page closed
 * meanwhile sends what was kept when it is opened again.
 *
 * localStorage, because it is written before the request leaves: a queue that is written
 * in its own time could lose the answer of a tab that is closed at once. Where storage
 * is forbidden the answer is kept in memory, for as long as the page stands.
 *
 * The next page comes in the answer itself, and only its <main> is put in place: one
 * request less, and no white page between two trials. Scripts of a trial start again
 * at "attune:shown". Without this script the form works as forms do.
 */
"use strict";
document.currentScript?.setAttribute("data-ran", "");

(() => {
  if (!window.fetch || !window.AbortController || !window.DOMParser) return;

  const KEPT = "attune.kept.";
  const PATIENCE_MS = 20000; // for one request
  const FIRST_PAUSE_MS = 800;
  const LONGEST_PAUSE_MS = 15000;
  const SAY_SENDING_AFTER_MS = 1500;
  const SAY_HOW_TO_BE_PAID_AFTER_MS = 120000;

  /* --- What is kept until the server has it ---------------------------------------- */

  const stored = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null; // storage is forbidden or full: memory has to do
    }
  };
  const keep = (answer) =>
    stored((storage) => storage.setItem(KEPT + answer.trialId, JSON.stringify(answer)));
  const forget = (answer) =>
    stored((storage) => storage.removeItem(KEPT + answer.trialId));
  const keptHere = () =>
    stored((storage) =>
      Object.keys(storage)
        .filter((key) => key.startsWith(KEPT))
        .map((key) => JSON.parse(storage.getItem(key)))
        .find((answer) => answer.address === location.pathname)
    );

  /* --- Telling ----------------------------------------------------------------------- */

  let saying = null;
  const tell = (what) => {
    const box = document.querySelector("[data-waiting]");
    if (!box) return;
    box.hidden = what === null;
    for (const line of box.querySelectorAll("[data-waiting-for]"))
      line.hidden = !(what || []).includes(line.dataset.waitingFor);
  };
  const hold = (held) => {
    const form = document.querySelector("form[data-trial-id]");
    if (!form) return;
    form.setAttribute("aria-busy", String(held));
    for (const button of form.querySelectorAll("button[type=submit]"))
      button.disabled = held;
  };

  /* --- Sending ----------------------------------------------------------------------- */

  let sending = null; // the answer that is on its way
  let inFlight = false;
  let tries = 0;
  let since = 0;
  let timer = null;

  const send = (answer) => {
    sending = answer;
    tries = 0;
    since = performance.now();
    hold(true);
    clearTimeout(saying);
    saying = setTimeout(() => sending && tell(["sending"]), SAY_SENDING_AFTER_MS);
    attempt();
  };

  const later = (response) => {
    tries += 1;
    const asked = Number(response?.headers.get("Retry-After")) * 1000 || 0;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
    // Not all at once: everybody's connection may have come back at the same moment.
    const wait = Math.max(asked, pause) * (0.75 + Math.random() / 2);
    const long = performance.now() - since > SAY_HOW_TO_BE_PAID_AFTER_MS;
    if (tries > 1) {
      clearTimeout(saying);
      tell(long ? ["kept", "paid"] : ["kept"]);
    }
    timer = setTimeout(attempt, wait);
  };

  const done = () => {
    forget(sending);
    sending = null;
    clearTimeout(saying);
    clearTimeout(timer);
  };

  // The form's secret changes when cookies were cleared; the page's own is the right one.
  const body = (answer) => {
    const fields = new URLSearchParams(answer.body);
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    if (token) fields.set("csrfmiddlewaretoken", token.value);
    return fields;
  };

  const attempt = async () => {
    if (!sending || inFlight) return;
    clearTimeout(timer);
    inFlight = true;
    const giveUp = new AbortController();
    const limit = setTimeout(() => giveUp.abort(), PATIENCE_MS);
    let response = null;
    let html = null;
    try {
      response = await fetch(sending.address, {
        method: "POST",
        body: body(sending),
        headers: { "Attune-In-Place": "1", Accept: "text/html" },
        credentials: "same-origin",
        keepalive: true,
        signal: giveUp.signal,
      });
      html = await response.text();
    } catch {
      html = null;
    }
    clearTimeout(limit);
    inFlight = false;
    if (sending) await heard(response, html);
  };

  const heard = async (response, html) => {
    if (html === null || response.status >= 500 || [408, 429].includes(response.status))
      return later(response);
    const elsewhere = new URL(response.url, location.href);
    if (response.redirected && elsewhere.pathname !== sending.address) {
      if (elsewhere.origin !== location.origin) return later(response);
      done(); // the session is over, or was left in another tab: the server knows where
      location.assign(elsewhere.href);
      return;
    }
    if (response.status === 403 && !sending.reloaded) {
      sending.reloaded = true; // cookies were lost: a fresh page brings new ones
      keep(sending);
      location.reload();
      return;
    }
    const named = response.headers.get("Attune-Stored");
    // "OK" without the trial's name is somebody else's page, not the server's word.
    if (response.ok && named !== sending.trialId) return later(response);
    done();
    await show(html);
  };

  /* --- Putting the next page in place ------------------------------------------------ */

  const assets = (page, selector, attribute) =>
    [...page.querySelectorAll(selector)].filter(
      (asset) =>
        !document.querySelector(`${selector}[${attribute}="${asset.getAttribute(attribute)}"]`)
    );

  const loaded = (name, from) =>
    new Promise((go) => {
      const asset = document.createElement(name);
      for (const { name: key, value } of from.attributes) asset.setAttribute(key, value);
      asset.async = false;
      asset.onload = asset.onerror = go;
      document.head.append(asset);
    });

  const show = async (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("main");
    if (!main) {
      location.reload();
      return;
    }
    // A script that a lost connection kept from loading is asked for once more.
    const failed = [...document.querySelectorAll("script[src]:not([data-ran])")];
    for (const script of failed) script.remove();
    await Promise.all([
      ...failed.map((from) => loaded("script", from)),
      ...assets(page, "link[rel=stylesheet]", "href").map((from) => loaded("link", from)),
      ...assets(page, "script[src]", "src").map((from) => loaded("script", from)),
    ]);
    document.title = page.title;
    document.body.className = page.body.className;
    for (const name of ["header.site-header", "footer.site-footer"]) {
      const [old, fresh] = [document, page].map((where) => where.querySelector(name));
      if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    }
    document.querySelector("main").replaceWith(document.adoptNode(main));
    window.scrollTo(0, 0);
    document.dispatchEvent(new CustomEvent("attune:shown"));
    // Where the reading starts: at why nothing was stored, or at the new question.
    const first = main.querySelector("[autofocus]") || main.querySelector("h1") || main;
    if (!first.hasAttribute("tabindex")) first.tabIndex = -1;
    first.focus({ preventScroll: true });
  };

  /* --- What sets it off -------------------------------------------------------------- */

  // After the trial's own script, which refuses an empty answer and takes the time.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.dataset.trialId) return;
    event.preventDefault();
    if (sending) return; // a double click
    const fields = new URLSearchParams(new FormData(form));
    if (event.submitter?.name) fields.set(event.submitter.name, event.submitter.value);
    const answer = {
      trialId: form.dataset.trialId,
      address: new URL(form.action, location.href).pathname,
      body: fields.toString(),
    };
    keep(answer);
    send(answer);
  });

  const now = () => {
    if (sending && !inFlight) attempt();
  };
  window.addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  window.addEventListener("pagehide", () => {
    if (sending && !inFlight) navigator.sendBeacon?.(sending.address, body(sending));
  });

  const left = keptHere();
  if (left && document.querySelector("form[data-trial-id]")) {
    send(left);
    tell(["kept"]);
  }
})();
