/*
 * A round arena in place of the grid: actions are dragged, tapped or moved by key to where
 * they belong, and how far apart they lie is how different they are.
 *
 * An action stands in the arena as a numbered chip whose middle is its place; its text
 * stands beside it where there is room, in the list, and, for the chosen one, on the card
 * above. Three ways lead to the same: drag a chip (or, by mouse, a line of the list); tap
 * an action and then a place (WCAG 2.5.7); or choose with Page Up and Page Down and move
 * with the arrow keys while positions are spoken in words. Nothing is placed at the start,
 * and `positions` stays empty until every action is placed or said not to be understood.
 *
 * Places are kept as shares of the arena, so that they mean the same on every screen.
 * Moves go into `path` as [ms since the page was painted, action, x, y], the action by its
 * number in the order shown from 0, x and y in thousandths (-1, -1: not understood).
 * It starts again for each trial that sending.js puts in place.
 */
"use strict";
document.currentScript?.setAttribute("data-ran", "");

(() => {
  const STEP = 0.02; // of the diameter, for an arrow key
  const LEAP = 0.1; // with Shift
  const MIDDLE_BAND = 0.08; // this near to the middle counts as neither left nor right
  const NEAR = [0.12, 0.3, 0.55]; // up to: very close, close, far; beyond: very far
  const DRAG_PX = 5; // less is a tap
  const TWICE_MS = 350; // a double tap places one action, not two
  const SAMPLE_MS = 150; // moves within a drag, and keys in a row
  const MOST_MOVES = 300;
  const SPEAK_MS = 350; // after the last of several keys
  const GAP = 5; // between a chip and its own label
  const CLEAR = 12; // between a chip and the label of another

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const start = (root) => {
    const box = root.querySelector("[data-arrange]");
    if (!box || box.dataset.started) return;
    box.dataset.started = "1";
    const form = box.closest("form");
    const words = box.dataset;
    const grid = box.querySelector("[data-grid]");
    const positionsField = form.elements.namedItem("positions");
    const pathField = form.elements.namedItem("path");
    const draftKey = `attune.arena.${form.dataset.trialId}`;

    const items = [...grid.querySelectorAll("[data-action-id]")].map((line, index) => ({
      index,
      id: line.dataset.actionId,
      text: line.querySelector("[data-text]").textContent.trim(),
      place: null, // [x, y], 0 to 1
      unclear: false,
    }));
    let chosen = items[0];

    /* --- What is on the page ------------------------------------------------------ */

    const button = (className, name) => {
      const made = make("button", className);
      made.type = "button";
      if (name) made.setAttribute("aria-label", name);
      return made;
    };

    const card = make("div", "arrange__card");
    const bar = make("div", "arrange__bar");
    const previous = button("arrange__turn", words.previous);
    const next = button("arrange__turn", words.next);
    previous.append(make("span", "", "\u2039"));
    next.append(make("span", "", "\u203a"));
    const which = make("p", "arrange__which");
    bar.append(previous, which, next);
    const cardText = make("p", "arrange__text");
    const hint = make("p", "arrange__hint");
    const unclear = button("button button--link arrange__unclear");
    unclear.textContent = words.unclear;
    card.append(bar, cardText, hint, unclear);

    const arena = make("div", "arrange__arena");
    arena.id = "answer";
    arena.tabIndex = 0;
    arena.setAttribute("role", "application");
    arena.setAttribute("aria-label", words.arena);
    arena.setAttribute("aria-describedby", "arrange-keys");

    const list = make("ol", "arrange__list");
    list.setAttribute("aria-label", words.list);
    for (const item of items) {
      const number = String(item.index + 1);
      item.chip = make("span", "arrange__chip", number);
      item.chip.setAttribute("aria-hidden", "true");
      item.chip.hidden = true;
      item.label = make("span", "arrange__label", item.text);
      item.label.setAttribute("aria-hidden", "true");
      item.label.hidden = true;
      arena.append(item.label, item.chip);
      item.line = button("arrange__line");
      item.state = make("span", "visually-hidden");
      item.line.append(
        make("span", "arrange__number", number),
        make("span", "", item.text),
        item.state
      );
      item.mark = item.line.firstChild;
      const entry = make("li");
      entry.append(item.line);
      list.append(entry);
    }

    const keys = make("p", "small muted arrange__keys", words.keyHint);
    keys.id = "arrange-keys";
    const spoken = make("p", "visually-hidden");
    spoken.setAttribute("aria-live", "polite");
    const side = make("div", "arrange__side");
    side.append(list, keys);
    const whole = make("div", "arrange__whole");
    whole.append(card, arena, side);
    grid.replaceWith(whole, spoken);

    /* --- What is said ------------------------------------------------------------- */

    let speaking = null;
    const say = (sentence, wait = 0) => {
      clearTimeout(speaking);
      speaking = setTimeout(() => (spoken.textContent = sentence), wait);
    };
    const fill = (pattern, values) =>
      Object.entries(values).reduce((text, [key, value]) => text.replace(key, value), pattern);
    const stateOf = (item) =>
      item.unclear ? words.notUnderstood : item.place ? words.placed : words.unplaced;
    const whichOf = (item) => fill(words.which, { NUMBER: item.index + 1, TOTAL: items.length });
    const sector = (value) => (value < 0.5 - MIDDLE_BAND ? 0 : value > 0.5 + MIDDLE_BAND ? 2 : 1);
    const apart = (a, b) => Math.hypot(a.place[0] - b.place[0], a.place[1] - b.place[1]);

    const whereabouts = (item) => {
      if (!item.place) return "";
      const [x, y] = item.place;
      const where = words.where.split("|")[3 * sector(y) + sector(x)];
      const others = items.filter((other) => other !== item && other.place);
      if (!others.length) return `${where}. ${words.alone}`;
      const nearest = others.reduce((a, b) => (apart(item, a) <= apart(item, b) ? a : b));
      const distance = apart(item, nearest);
      const band = NEAR.findIndex((limit) => distance < limit);
      const how = words.near.split("|").at(band);
      return `${where}. ${fill(words.nearest, { DISTANCE: how, TEXT: nearest.text })}`;
    };
    const sayChosen = () =>
      say(`${whichOf(chosen)}: ${chosen.text} ${stateOf(chosen)}. ${whereabouts(chosen)}`);

    /* --- What is shown ------------------------------------------------------------ */

    const open = (item) => !item.place && !item.unclear;
    const show = () => {
      const left = items.filter(open).length;
      for (const item of items) {
        item.chip.hidden = !item.place;
        if (item.place) {
          item.chip.style.left = `${100 * item.place[0]}%`;
          item.chip.style.top = `${100 * item.place[1]}%`;
        }
        item.chip.classList.toggle("is-chosen", item === chosen);
        item.label.classList.toggle("is-chosen", item === chosen);
        item.line.classList.toggle("is-placed", Boolean(item.place));
        item.line.classList.toggle("is-unclear", item.unclear);
        if (item === chosen) item.line.setAttribute("aria-current", "true");
        else item.line.removeAttribute("aria-current");
        item.state.textContent = ` (${stateOf(item)})`;
      }
      const progress = left ? fill(words.left, { N: left }) : words.done;
      which.textContent = `${whichOf(chosen)} \u00b7 ${progress}`;
      cardText.textContent = chosen.text;
      hint.textContent = !left ? words.hintDone : chosen.place ? words.hintMove : words.hintPlace;
      unclear.setAttribute("aria-pressed", String(chosen.unclear));
    };

    /* Texts stand beside their chips where they cover nothing: first the chosen one's. */
    const labels = () => {
      const size = arena.clientWidth;
      const placed = items.filter((item) => item.place);
      const radius = (items[0].chip.offsetWidth || 34) / 2;
      // Clear of other chips by more than of its own, so that it is plain whose it is.
      const clear = radius + CLEAR;
      const chips = placed.map(({ place: [x, y] }) => ({
        left: x * size - clear,
        right: x * size + clear,
        top: y * size - clear,
        bottom: y * size + clear,
      }));
      const taken = [];
      const within = ([x, y]) => Math.hypot(x - size / 2, y - size / 2) < size / 2;
      const free = (spot, item) =>
        [spot.left, spot.right].every((x) =>
          [spot.top, spot.bottom].every((y) => within([x, y]))
        ) &&
        [...taken, ...chips.filter((_, i) => placed[i] !== item)].every(
          (other) =>
            spot.right <= other.left ||
            spot.left >= other.right ||
            spot.bottom <= other.top ||
            spot.top >= other.bottom
        );
      const order = [...placed].sort((a, b) => (b === chosen) - (a === chosen) || a.index - b.index);
      for (const item of items) item.label.hidden = true;
      for (const item of order) {
        item.label.hidden = false;
        const width = item.label.offsetWidth;
        const height = item.label.offsetHeight;
        const [x, y] = [item.place[0] * size, item.place[1] * size];
        const beside = radius + GAP;
        const spot = [
          [x + beside, y - height / 2],
          [x - beside - width, y - height / 2],
          [x - width / 2, y + beside],
          [x - width / 2, y - beside - height],
        ]
          .map(([left, top]) => ({ left, top, right: left + width, bottom: top + height }))
          .find((one) => free(one, item));
        if (!spot) {
          item.label.hidden = true;
          continue;
        }
        item.label.style.left = `${spot.left}px`;
        item.label.style.top = `${spot.top}px`;
        taken.push(spot);
      }
    };

    /* --- What is stored ----------------------------------------------------------- */

    let paintedAt = null;
    requestAnimationFrame(() =>
      requestAnimationFrame(() => (paintedAt = performance.now()))
    );
    const path = [];
    const note = (item) => {
      if (paintedAt === null) return;
      const at = Math.round(performance.now() - paintedAt);
      const [x, y] = item.place ? item.place.map((share) => Math.round(1000 * share)) : [-1, -1];
      const last = path.at(-1);
      // Steps in a row are one move: only where they lead is kept.
      if (last && last[1] === item.index && at - last[0] < SAMPLE_MS) path.pop();
      if (path.length < MOST_MOVES) path.push([at, item.index, x, y]);
    };

    const answers = () =>
      Object.fromEntries(
        items.filter((item) => !open(item)).map((item) => [item.id, item.place])
      );
    const store = (item) => {
      const said = JSON.stringify(answers());
      positionsField.value = items.some(open) ? "" : said;
      if (item) {
        note(item);
        pathField.value = JSON.stringify(path);
        positionsField.dispatchEvent(new Event("input", { bubbles: true }));
      }
      try {
        sessionStorage.setItem(draftKey, said);
      } catch {
        /* storage can be forbidden: a reload then starts anew */
      }
    };

    /* --- What is done ------------------------------------------------------------- */

    const inside = ([x, y]) => {
      const distance = Math.hypot(x - 0.5, y - 0.5);
      const shrink = distance > 0.5 ? 0.5 / distance : 1;
      return [x, y].map((share) => Number((0.5 + (share - 0.5) * shrink).toFixed(4)));
    };
    const choose = (item) => {
      chosen = item;
      show();
      labels();
      sayChosen();
    };
    const turn = (by) => choose(items.at((chosen.index + by) % items.length));
    const nextOpen = () =>
      items.find((item) => item.index > chosen.index && open(item)) ?? items.find(open);

    /** Place the chosen action; `settled` once it stays there. */
    const put = (place, settled = true) => {
      chosen.place = inside(place);
      chosen.unclear = false;
      store(chosen);
      show();
      if (settled) labels();
    };
    /** After an action was placed by pointer, the next one waits on the card. */
    const goOn = () => {
      const before = chosen;
      const following = nextOpen();
      if (following) {
        chosen = following;
        show();
        labels();
      }
      const told = `${before.text} ${whereabouts(before)}`;
      say(following ? `${told} ${whichOf(chosen)}: ${chosen.text}` : `${told} ${words.done}.`);
    };

    previous.addEventListener("click", () => turn(-1));
    next.addEventListener("click", () => turn(1));
    unclear.addEventListener("click", () => {
      chosen.unclear = !chosen.unclear;
      if (chosen.unclear) chosen.place = null;
      store(chosen);
      show();
      labels();
      sayChosen();
    });

    const shareOf = (event) => {
      const frame = arena.getBoundingClientRect();
      return [
        (event.clientX - frame.left) / frame.width,
        (event.clientY - frame.top) / frame.height,
      ];
    };
    const within = (place) => Math.hypot(place[0] - 0.5, place[1] - 0.5) <= 0.53;

    // Dragging: a chip by anything that points, a line of the list by mouse alone, since a
    // finger on the list scrolls the page.
    let held = null;
    let justDragged = false;
    const grab = (event, item, from) => {
      if (!event.isPrimary || event.button !== 0) return;
      held = { id: event.pointerId, item, from, x: event.clientX, y: event.clientY, was: item.place };
      from.setPointerCapture(event.pointerId);
    };
    const drag = (event) => {
      if (held?.id !== event.pointerId) return;
      const moved = Math.hypot(event.clientX - held.x, event.clientY - held.y);
      if (!justDragged && moved < DRAG_PX) return;
      if (!justDragged) {
        justDragged = true;
        chosen = held.item;
        box.classList.add("is-dragging");
        labels();
        held.item.label.hidden = true;
      }
      const place = shareOf(event);
      if (held.from === arena || within(place)) put(place, false);
    };
    const drop = (event) => {
      if (held?.id !== event.pointerId) return;
      const { item, was } = held;
      held = null;
      box.classList.remove("is-dragging");
      if (!justDragged) return;
      if (event.type === "pointercancel") {
        item.place = was;
        store(item);
      }
      show();
      labels();
      if (item.place && !was) goOn();
      else say(`${item.text} ${whereabouts(item)}`);
    };
    for (const target of [arena, list]) {
      target.addEventListener("pointermove", drag);
      target.addEventListener("pointerup", drop);
      target.addEventListener("pointercancel", drop);
    }
    arena.addEventListener("pointerdown", (event) => {
      justDragged = false; // after a finger's drag no click came to take it back
      const item = items.find((one) => one.chip === event.target);
      if (item) grab(event, item, arena);
    });
    list.addEventListener("pointerdown", (event) => {
      justDragged = false;
      const line = event.target.closest(".arrange__line");
      const item = items.find((one) => one.line === line);
      if (item && event.pointerType === "mouse") grab(event, item, line);
    });

    // Tapping. A click comes after the drag that it ends, and not after a scroll.
    let tapped = { at: -Infinity, x: 0, y: 0 };
    arena.addEventListener("click", (event) => {
      if (justDragged) {
        justDragged = false;
        return;
      }
      // The capture of a pressed chip sends its click to the arena: look where it was.
      const under = document.elementFromPoint(event.clientX, event.clientY);
      const chip = items.find((item) => item.chip === under);
      if (chip) {
        choose(chip);
        return;
      }
      const place = shareOf(event);
      const now = performance.now();
      const again =
        now - tapped.at < TWICE_MS &&
        Math.hypot(event.clientX - tapped.x, event.clientY - tapped.y) < 24;
      tapped = { at: now, x: event.clientX, y: event.clientY };
      if (again || !within(place)) return;
      const isNew = open(chosen);
      put(place);
      if (isNew) goOn();
      else say(whereabouts(chosen));
    });
    list.addEventListener("click", (event) => {
      if (justDragged) {
        justDragged = false;
        return;
      }
      const item = items.find((one) => one.line === event.target.closest(".arrange__line"));
      if (!item) return;
      choose(item);
      if (event.detail === 0) arena.focus({ preventScroll: true }); // by key: move it there
      whole.scrollIntoView({ block: "nearest" });
      card.scrollIntoView({ block: "nearest" });
    });

    const ARROWS = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    arena.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const arrow = ARROWS[event.key];
      if (arrow) {
        const step = event.shiftKey ? LEAP : STEP;
        const [x, y] = chosen.place ?? [0.5, 0.5];
        put([x + step * arrow[0], y + step * arrow[1]]);
        say(whereabouts(chosen), SPEAK_MS);
      } else if (event.key === "PageDown") turn(1);
      else if (event.key === "PageUp") turn(-1);
      else if (event.key === "Enter" || event.key === " ") {
        const following = nextOpen();
        if (open(chosen)) {
          put([0.5, 0.5]);
          say(whereabouts(chosen));
        } else if (following) choose(following);
        else say(`${words.done}.`);
      } else return;
      event.preventDefault();
    });
    arena.addEventListener("focus", sayChosen);

    /* --- Where to begin ----------------------------------------------------------- */

    const begin = () => {
      let draft = positionsField.value;
      try {
        draft = draft || sessionStorage.getItem(draftKey);
      } catch {
        /* nothing is remembered */
      }
      let earlier = null;
      try {
        earlier = JSON.parse(draft || "{}");
      } catch {
        return;
      }
      for (const item of items) {
        const place = earlier[item.id];
        if (place === null) item.unclear = true;
        else if (Array.isArray(place) && place.length === 2 && place.every(Number.isFinite))
          item.place = inside(place);
      }
      chosen = items.find(open) ?? items[0];
    };
    begin();
    store(null);
    show();
    labels();

    // As high as the longest text needs, so that the circle stays where it is.
    const settle = () => {
      cardText.style.minHeight = "0";
      const heights = items.map((item) => {
        cardText.textContent = item.text;
        return cardText.offsetHeight;
      });
      cardText.style.minHeight = `${Math.max(...heights)}px`;
      cardText.textContent = chosen.text;
      labels();
    };
    new ResizeObserver(settle).observe(arena);
  };

  const begin = () => start(document);
  document.addEventListener("attune:shown", begin);
  begin();
})();
