// Shows the exact surface of a case over cap and TTL: a map, two curves, and the numbers of a point beside today's.
// `mount` puts it into a page; the default export is an anywidget, whose kernel replays points that are not on the map.

// A cell, the room for names beside and below the map, and the gap before the cells without a bound.
const [WIDE, HIGH, LEFT, BOTTOM, APART] = [14, 10, 62, 40, 5];
const KEYS = { ArrowLeft: ["cap", -1], ArrowRight: ["cap", 1], ArrowUp: ["ttl", 1], ArrowDown: ["ttl", -1] };
// By name of the unit, its size and the smallest value written in it.
const TIMES = { d: [864e11, 3], h: [36e11, 1], min: [6e10, 1], s: [1e9, 1], ms: [1e6, 1], µs: [1e3, 1], ns: [1, 0] };
const MEMORY = { GiB: [1024, 1], MiB: [1, 1], KiB: [1 / 1024, 0] };
// The unit in which the target of each kind is typed, and how many of it make up one.
// Milliseconds: a replay of the longest logs takes some seconds.
const PATIENCE = 20_000;

const TYPED = { share: ["%", 100], mib: ["MiB", 1], ns: ["µs", 1e-3] };
const SIGNS = { good: " ✓", bad: " ✗", "": "" };
// Shares that are less are not written in digits.
const LEAST_SHARE = 1e-5;

// Thousands are separated from 10,000 on.
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 9, useGrouping: "min2" });
const count = (value) => numbers.format(value);
const three = (value) => count(Number(value.toPrecision(3)));
const inUnit = (value, units) => {
  const rounded = (size) => Math.abs(Number((value / size).toPrecision(3)));
  const [name, [size]] = Object.entries(units).find(([, [each, least]]) => rounded(each) >= least);
  return `${three(value / size)} ${name}`;
};
const TEXT = {
  share: (value) => (value && Math.abs(value) < LEAST_SHARE ? "under 0.001 %" : `${three(100 * value)} %`),
  mib: (value) => (value ? inUnit(value, MEMORY) : "0 MiB"),
  ns: (value) => (value ? inUnit(value, TIMES) : "0 s"),
};
const written = (kind, value) => (value === null ? "not known" : TEXT[kind](value));
const capText = (cap) => (cap ? `${count(cap)} entries` : "no cap");
const ttlText = (ttl) => (ttl ? TEXT.ns(ttl * 1e9) : "no TTL");
const trafficText = (times) => (times === 1 ? "as today" : `${three(times)} times`);
const pointText = ({ design, cap, ttl, traffic }) =>
  `${design}, ${capText(cap)}, ${ttlText(ttl)}, traffic ${trafficText(traffic)}`;
// What moves along a slider: its name, the name of its values, and how these are written.
const MOVES = {
  cap: ["Cap", "caps", capText],
  ttl: ["TTL", "ttls", ttlText],
  traffic: ["Traffic", "traffic", trafficText],
};

function difference(kind, value, other) {
  if (value === null || other === null) return "";
  const size = Math.abs(value - other);
  if (!size) return "same";
  if (kind === "share" && size < LEAST_SHARE) return "nearly the same";
  // A share of a share would read the same as a difference of two.
  return `${value > other ? "+" : "−"}${kind === "share" ? `${three(100 * size)} points` : TEXT[kind](size)}`;
}

// A half goes to the even number, as in the commands that this is for.
const whole = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

// The place of a value among ascending ones, of which the last may be 0 for none; beside them that of the next smaller.
function placeOf(values, value) {
  const isUpTo = (each) => (value ? each && each <= value : !each);
  return Math.max(values.findLastIndex(isUpTo), 0);
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, each]) => [name, change(each)]));

// A negative number repeats the value before it that number of times.
function unpacked(packed) {
  const values = [];
  for (const each of packed)
    if (each !== null && each < 0) for (let n = each; n < 0; n++) values.push(values.at(-1));
    else values.push(each);
  return values;
}

// Sets the text and the attributes of an element. What stays the same is neither laid out nor announced again.
function put(element, { text = element.textContent, ...attributes }) {
  for (const [name, value] of Object.entries(attributes))
    if (element.getAttribute(name) !== `${value}`) element.setAttribute(name, value);
  if (element.textContent !== text) element.textContent = text;
  return element;
}

const maker =
  (namespace) =>
  (name, attributes = {}, ...children) => {
    const made = put(document.createElementNS(namespace, name), attributes);
    made.append(...children);
    return made;
  };
const [html, svg] = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"].map(maker);

class Explorer {
  constructor(root, data, hooks = {}) {
    // Each of `shows` brings a part of the page up to the state, given the numbers of its point.
    Object.assign(this, { data, hooks, shows: [] });
    this.state = structuredClone(hooks.state ?? data.start);
    this.surfaces = mapped(data.surfaces, (design) => mapped(design, (traffic) => mapped(traffic, unpacked)));
    this.today = this.at({ ...data.points.today, traffic: 1 });
    [this.columns, this.rows] = [data.caps.length, data.ttls.length];
    // The cells without a bound are the last, and stand apart.
    this.x = (column) => LEFT + column * WIDE + (column < this.columns - 1 ? 0 : APART);
    this.y = (row) => (this.rows - 1 - row) * HIGH + (row < this.rows - 1 ? APART : 0);
    this.bottom = this.rows * HIGH + APART;
    root.replaceChildren(...this.build());
    this.draw();
  }

  // --- Numbers

  get measure() {
    return this.data.measures.find(({ key }) => key === this.state.measure);
  }

  // The numbers of a point; null off the map.
  at({ design, traffic, cap, ttl }, measures = this.data.measures) {
    const [column, row] = [this.data.caps.indexOf(cap), this.data.ttls.indexOf(ttl)];
    if (column < 0 || row < 0) return null;
    const [surface, place] = [this.surfaces[design][traffic], column * this.data.ttls.length + row];
    return Object.fromEntries(measures.map(({ key }) => [key, surface[key][place]]));
  }

  misses({ cap, ttl, targets }, found) {
    const { measures, most_cap: most, least_ttl: least } = this.data;
    const isOver = ({ key }) => (found[key] ?? Infinity) > (targets[key] ?? Infinity);
    const names = measures.filter(isOver).map(({ label }) => label);
    if (!cap) names.push("no cap limits the size");
    if (most && cap > most) names.push("more entries than the limit");
    if (ttl && ttl < least) names.push("a TTL shorter than the quiet gap of a live session");
    return names;
  }

  // Beside the map a point stands between two cells.
  centre({ cap, ttl }) {
    const place = (known, value) => placeOf(known, value) + (known.includes(value) ? 0 : 0.5);
    const [column, row] = [place(this.data.caps, cap), place(this.data.ttls, ttl)];
    return { cx: this.x(column) + WIDE / 2, cy: this.y(row) + HIGH / 2 };
  }

  // --- What stands on the page, made once

  // An element that the state changes: `of` returns its attributes and its text.
  shown(element, of) {
    this.shows.push((here) => put(element, of(here)));
    return element;
  }

  build() {
    const { data } = this;
    const titles = ["measure", "here", "today", "difference"].map((text) => html("th", { scope: "col", text }));
    const table = html(
      "table",
      {},
      this.shown(html("caption", { "aria-live": "polite" }), () => ({ text: pointText(this.state) })),
      html("thead", {}, html("tr", {}, ...titles)),
      html("tbody", {}, ...data.measures.map((measure) => this.line(measure))),
    );
    const verdict = this.shown(html("p", { "aria-live": "polite" }), (here) => this.verdict(here));
    const command = this.shown(html("code"), () => ({ text: this.command() }));
    this.legend = html("p", { class: "legend" });
    return [
      html("div", { class: "controls" }, ...this.controls()),
      html("div", {}, this.map(), this.legend),
      html("div", {}, verdict, table),
      html("div", { class: "curves" }, this.curve("cap", "ttl"), this.curve("ttl", "cap")),
      html("p", { class: "soft" }, "To replay this point: ", command),
    ];
  }

  map() {
    const [width, height] = [this.x(this.columns) + 14, this.bottom + BOTTOM + 2];
    this.areas = [...this.data.colours, "#8a8a8a"].map((fill) => svg("path", { fill, class: "area" }));
    this.region = svg("path", { class: "region" });
    const chosen = this.shown(svg("circle", { r: 7, class: "chosen" }), () => this.centre(this.state));
    const parts = [...this.areas, this.region, ...this.axes(), ...this.marks(), chosen];
    const label = `Map of cap and TTL of ${this.data.case}. Arrow keys move the point.`;
    const control = { class: "map", tabindex: 0, role: "application", "aria-label": label };
    const made = svg("svg", { viewBox: `0 -2 ${width} ${height}`, ...control }, ...parts);
    made.onkeydown = (event) => {
      const [name, by] = KEYS[event.key] ?? [];
      if (!name) return;
      event.preventDefault();
      const values = this.data[MOVES[name][1]];
      this.change({ [name]: values[placeOf(values, this.state[name]) + by] ?? this.state[name] });
    };
    made.onpointerdown = made.onpointermove = ({ buttons, clientX, clientY }) => {
      if (!buttons) return;
      const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(made.getScreenCTM().inverse());
      const cap = this.data.caps.findLast((_, column) => this.x(column) <= x);
      const ttl = this.data.ttls.find((_, row) => this.y(row) <= y);
      if (cap !== undefined && y < this.bottom) this.change({ cap, ttl: ttl ?? this.state.ttl });
    };
    return made;
  }

  axes() {
    const named = (values, most, text, place) =>
      values.flatMap((value, n) => {
        const isNamed = n % Math.ceil(values.length / most) === 0 && n < values.length - 3;
        return isNamed || !value ? [svg("text", { text: value ? text(value) : "none", ...place(n) })] : [];
      });
    const under = (x, y) => ({ x, y: this.bottom + y, "text-anchor": "middle" });
    const beside = (row) => ({ x: LEFT - 5, y: this.y(row) + HIGH - 1, "text-anchor": "end" });
    return [
      ...named(this.data.caps, 7, count, (column) => under(this.x(column) + WIDE / 2, 13)),
      ...named(this.data.ttls, 9, ttlText, beside),
      svg("text", { text: "cap, entries (TTL upwards)", ...under(this.x(this.columns / 2), 32) }),
    ];
  }

  marks() {
    const { today, ...others } = this.data.points;
    const differ = Object.entries(others).filter(([, { cap, ttl }]) => cap !== today.cap || ttl !== today.ttl);
    return [["today", today], ...differ].flatMap(([name, point]) => {
      const { cx, cy } = this.centre(point);
      const [by, anchor] = cx < this.x(this.columns * 0.6) ? [10, "start"] : [-10, "end"];
      const text = point.design === today.design ? name : `${name}: ${point.design}`;
      return [
        svg("circle", { cx, cy, r: 5, class: point === today ? "today" : "advised" }),
        svg("text", { x: cx + by, y: cy + 4, "text-anchor": anchor, class: "label", text }),
      ];
    });
  }

  controls() {
    const { data, hooks } = this;
    // What the parameters of the notebook take.
    const range = (kind) => (kind === "share" ? { min: 0, max: 100 } : { min: 0.001 });
    const targets = data.measures
      .filter(({ parameter }) => parameter)
      .map(({ key, label, kind }) => this.number(`${label}, at most`, key, range(kind), TYPED[kind]));
    const made = [
      this.choice("Colour", "measure", Object.fromEntries(data.measures.map(({ key, label }) => [key, label]))),
      this.choice("Design", "design", Object.fromEntries(Object.keys(data.designs).map((name) => [name, name]))),
      ...Object.keys(MOVES).map((name) => this.slider(name)),
      html("details", {}, html("summary", { text: "Targets" }), ...targets),
    ];
    if (!hooks.replay) return made;
    const keep = html("button", { type: "button", text: "Keep this as a figure" });
    keep.onclick = () => hooks.keep(this.state);
    this.kept = html("p", { class: "soft", role: "status" });
    const typed = [
      this.number("Cap exactly, entries", "cap", { min: 0, step: 1 }),
      this.number("TTL exactly, s", "ttl", { min: 0, max: 1e9 }),
    ];
    return [...made, ...typed, keep, this.kept];
  }

  choice(text, name, options) {
    const made = Object.entries(options).map(([value, label]) => html("option", { value, text: label }));
    const control = html("select", {}, ...made);
    control.value = this.state[name];
    control.onchange = () => this.change({ [name]: control.value });
    return html("label", {}, html("span", { text }), control);
  }

  slider(name) {
    const [text, list, write] = MOVES[name];
    const values = this.data[list];
    const input = html("input", { type: "range", min: 0, max: values.length - 1 });
    input.oninput = () => this.change({ [name]: values[input.valueAsNumber] });
    this.shows.push(() => (input.value = placeOf(values, this.state[name])));
    this.shown(input, () => ({ "aria-valuetext": write(this.state[name]) }));
    // The slider itself is announced.
    const output = this.shown(html("output", { "aria-live": "off" }), () => ({ text: write(this.state[name]) }));
    return html("label", {}, html("span", { text }), input, output);
  }

  // A number to type, of the state or of its targets. What is none gives way to the one that holds.
  number(text, name, range, [unit, per] = ["", 1]) {
    const isTarget = name in this.state.targets;
    const input = html("input", { type: "number", step: "any", placeholder: "none", ...range });
    input.onblur = () => {
      const value = (isTarget ? this.state.targets : this.state)[name];
      input.value = value === null ? "" : Number((value * per).toPrecision(12));
    };
    this.shows.push(() => document.activeElement === input || input.onblur());
    input.oninput = () => {
      if (!input.value || !input.validity.valid) return;
      const value = input.valueAsNumber / per;
      this.change(isTarget ? { targets: { ...this.state.targets, [name]: value } } : { [name]: value });
    };
    return html("label", {}, html("span", { text }), input, unit);
  }

  line({ key, label, kind }) {
    const today = this.today[key];
    const mine = (here) => {
      const [value, limit] = [here?.[key] ?? null, this.state.targets[key]];
      const judged = limit === null || value === null ? "" : value <= limit ? "good" : "bad";
      return { class: judged, text: `${here ? written(kind, value) : "…"}${SIGNS[judged]}` };
    };
    const by = (here) => ({ text: difference(kind, here?.[key] ?? null, today) });
    const [first, last] = [this.shown(html("td"), mine), this.shown(html("td"), by)];
    const head = html("th", { scope: "row", text: label });
    return html("tr", {}, head, first, html("td", { text: written(kind, today) }), last);
  }

  curve(along, across) {
    const [[, list, write], [, , writeOther]] = [MOVES[along], MOVES[across]];
    const known = this.data[list];
    const last = known.length - 1;
    const [line, chosen] = [svg("polyline", { class: "curve" }), svg("circle", { r: 5, class: "chosen" })];
    const end = (x, value, anchor) => svg("text", { x, y: 134, "text-anchor": anchor, text: write(value) });
    const [top, axis] = [svg("text", { x: 20, y: 11 }), svg("path", { d: "M20 118H310", class: "axis" })];
    const ends = [end(20, known[0], "start"), end(310, known[last], "end")];
    const picture = svg("svg", { viewBox: "0 0 330 140", role: "img" }, axis, line, chosen, top, ...ends);
    const caption = html("figcaption");
    const figure = html("figure", {}, picture, caption);
    this.shows.push(() => {
      const { state, measure } = this;
      const all = known.map((value) => this.at({ ...state, [along]: value }, [measure])?.[measure.key] ?? null);
      const most = Math.max(...all);
      const dots = all.map((y, n) => (y === null ? null : [20 + (n * 290) / last, 118 - (100 * y) / (most || 1)]));
      // Off the map there is nothing to draw along the other way.
      figure.hidden = !dots.some(Boolean);
      put(line, { points: dots.filter(Boolean).join(" ") });
      const [cx, cy] = dots[known.indexOf(state[along])] ?? [0, -99];
      put(chosen, { cx, cy });
      put(top, { text: written(measure.kind, most) });
      put(caption, { text: `${measure.label} by ${along === "cap" ? "cap" : "TTL"}, at ${writeOther(state[across])}` });
      put(picture, { "aria-label": caption.textContent });
    });
    return figure;
  }

  // --- What changes

  verdict(here) {
    // Nothing is known of a miniature that is too small.
    const known = (here?.[this.data.measures[0].key] ?? null) !== null;
    if (!here) return { class: "verdict", text: "The kernel replays this point …" };
    if (!known) return { class: "verdict", text: this.failed ?? "Too few entries to simulate that traffic." };
    const missed = this.misses(this.state, here);
    if (!missed.length) return { class: "verdict good", text: "Meets every target." };
    const targets = missed.length === 1 ? "a target" : `${missed.length} targets`;
    return { class: "verdict bad", text: `Misses ${targets}: ${missed.join("; ")}.` };
  }

  command() {
    // More traffic is a smaller store under the stream itself.
    const { design, cap, ttl, traffic } = this.state;
    const small = (value) => Math.max(whole(value / traffic), 1);
    // JavaScript writes smaller numbers with an exponent.
    const idle = ttl && ttl < 1e-6 ? `${whole(ttl * 1e9)}ns` : `${ttl}s`;
    const settings = { max_entries: cap ? small(cap) : 0, ttl: idle, prune_every: small(this.data.prune_every) };
    const options = Object.entries(this.data.designs[design]).map(([name, option]) => `${option} ${settings[name]}`);
    return `${this.data.commands.join("\n")} --design ${design} ${options.join(" ")}`;
  }

  paint() {
    const { design, traffic } = this.state;
    const { bounds, kind, key } = this.measure;
    const { colours } = this.data;
    const paths = this.areas.map(() => "");
    // Cells overlap, so that no seam shows.
    const shape = `h${WIDE + 0.3}v${HIGH + 0.3}h${-WIDE - 0.3}z`;
    this.surfaces[design][traffic][key].forEach((value, place) => {
      const step = value === null ? colours.length : bounds.filter((bound) => value >= bound).length;
      paths[step] += `M${this.x(Math.floor(place / this.rows))} ${this.y(place % this.rows)}${shape}`;
    });
    this.areas.forEach((area, n) => put(area, { d: paths[n] }));
    put(this.region, { d: this.outline() });
    const names = [`under ${written(kind, bounds[0])}`, ...bounds.map((bound) => written(kind, bound))];
    const swatches = colours.map((colour, n) =>
      html("span", {}, html("i", { style: `background: ${colour}` }), names[n]),
    );
    this.legend.replaceChildren(...swatches, html("span", {}, html("i", { class: "outlined" }), "every target is met"));
  }

  outline() {
    const { caps, ttls } = this.data;
    const isGood = (state) => !this.misses(state, this.at(state)).length;
    const good = caps.map((cap) => ttls.map((ttl) => isGood({ ...this.state, cap, ttl })));
    let path = "";
    for (const column of caps.keys())
      for (const [row, ttl] of ttls.entries()) {
        if (!good[column][row]) continue;
        const [x, y] = [this.x(column), this.y(row)];
        // The gap before the cells without a bound is an edge.
        if (!ttls[row + 1] || !good[column][row + 1]) path += `M${x} ${y}h${WIDE}`;
        if (!ttl || !good[column][row - 1]) path += `M${x} ${y + HIGH}h${WIDE}`;
        if (!good[column - 1]?.[row]) path += `M${x} ${y}v${HIGH}`;
        if (!good[column + 1]?.[row]) path += `M${x + WIDE} ${y}v${HIGH}`;
      }
    return path;
  }

  draw() {
    this.frame = null;
    if (!this.painted) this.paint();
    this.painted = true;
    const here = this.at(this.state) ?? this.exact;
    for (const show of this.shows) show(here);
    if (!here) this.hooks.replay?.(this.state);
    this.hooks.changed?.(this.state);
  }

  // The map is painted anew only where more than its point changes, and all of a frame's changes are drawn at once.
  change(changes) {
    Object.assign(this.state, changes);
    this.exact = this.failed = null;
    this.painted &&= Object.keys(changes).every((name) => name === "cap" || name === "ttl");
    this.frame ??= requestAnimationFrame(() => this.draw());
  }
}

export const mount = (root, data, hooks) => new Explorer(root, data, hooks);

function render({ model, el }) {
  // JupyterLab would take the arrow keys for its shortcuts, and with any key the focus for its active cell.
  const root = html("div", { class: "explorer", "data-lm-suppress-shortcuts": "true" });
  root.onkeydown = (event) => event.stopPropagation();
  el.append(root);
  const answered = (state, exact, failed) => {
    clearTimeout(waiting);
    waiting = null;
    // The state may be another by now.
    if (JSON.stringify(state) === JSON.stringify(shown.state)) Object.assign(shown, { exact, failed });
    shown.draw();
  };
  // One question at a time, as the answers to those of a drag would come long after its end.
  let waiting = null;
  const shown = mount(root, model.get("data"), {
    state: model.get("state"),
    replay: (state) => {
      if (waiting) return;
      model.send({ replay: state });
      waiting = setTimeout(() => answered(state, {}, "The kernel does not answer: run the cells again."), PATIENCE);
    },
    keep: (state) => model.send({ keep: state }),
    changed: (state) => {
      model.set("state", structuredClone(state));
      model.save_changes();
    },
  });
  model.on("msg:custom", ({ said, state, exact = {}, failed }) => {
    if (said) put(shown.kept, { text: said });
    else answered(state, exact, failed);
  });
}

export default { render };
