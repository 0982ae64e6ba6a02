// Shows the exact surface of a case over cap and TTL: a map, two curves, and the numbers of a point beside today's.
// `mount` puts it into a page; the default export is an anywidget, whose kernel replays points that are not on the map.

const CELL = { width: 14, height: 10 };
const [LEFT, BOTTOM, APART] = [62, 40, 5];
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
// By name of the unit, its size and the smallest value written in it.
const TIMES = { d: [864e11, 3], h: [36e11, 1], min: [6e10, 1], s: [1e9, 1], ms: [1e6, 1], µs: [1e3, 1], ns: [1, 0] };
const MEMORY = { GiB: [1024, 1], MiB: [1, 1], KiB: [1 / 1024, 0] };
// The unit in which the target of each kind is typed, and its size.
const TYPED = { share: ["%", 0.01], mib: ["MiB", 1], ns: ["µs", 1e3] };

const [plain, grouped] = [false, true].map(
  (useGrouping) => new Intl.NumberFormat("en", { maximumFractionDigits: 9, useGrouping }),
);
// Thousands are separated from 10,000 on.
const count = (value) => (Math.abs(value) < 1e4 ? plain : grouped).format(value);
const three = (value) => count(Number(value.toPrecision(3)));
const inUnit = (value, units) => {
  const rounded = (size) => Math.abs(Number((value / size).toPrecision(3)));
  const [name, [size]] = Object.entries(units).find(([, [each, least]]) => rounded(each) >= least);
  return `${three(value / size)} ${name}`;
};
// What is less is not written in digits.
const LEAST_SHARE = 1e-5;
const TEXT = {
  share: (value) => (value && Math.abs(value) < LEAST_SHARE ? "under 0.001 %" : `${three(100 * value)} %`),
  mib: (value) => (value ? inUnit(value, MEMORY) : "0 MiB"),
  ns: (value) => (value ? inUnit(value, TIMES) : "0 s"),
};
const written = (kind, value) => (value === null ? "not known" : TEXT[kind](value));
const capText = (cap) => (cap ? `${count(cap)} entries` : "no cap");
const ttlText = (ttl) => (ttl ? TEXT.ns(ttl * 1e9) : "no TTL");
const trafficText = (times) => (times === 1 ? "as today" : `${three(times)} times`);
// A half goes to the even number, as in the commands that this is for.
const whole = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

// The place of a value among ascending ones, of which the last is none; beside them that of the next smaller.
function placeOf(values, value) {
  const at = values.indexOf(value);
  return at < 0
    ? Math.max(
        values.findLastIndex((each) => each && each < value),
        0,
      )
    : at;
}

// A negative number repeats the value before it that number of times.
function unpacked(packed) {
  const values = [];
  for (const each of packed)
    if (each !== null && each < 0) for (let n = each; n < 0; n++) values.push(values.at(-1));
    else values.push(each);
  return values;
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const html = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

class Explorer {
  constructor(root, data, hooks = {}) {
    Object.assign(this, { root, data, hooks, cache: new Map(), exact: null });
    this.state = structuredClone(hooks.state ?? data.start);
    [this.columns, this.rows] = [data.caps.length, data.ttls.length];
    this.width = LEFT + this.columns * CELL.width + APART + 14;
    this.height = this.rows * CELL.height + APART + BOTTOM;
    this.build();
    this.paint();
    this.point();
  }

  // --- Numbers

  get measure() {
    return this.data.measures.find(({ key }) => key === this.state.measure);
  }

  values(design, traffic, key) {
    const name = `${design} ${traffic} ${key}`;
    if (!this.cache.has(name)) this.cache.set(name, unpacked(this.data.surfaces[design][traffic][key]));
    return this.cache.get(name);
  }

  at({ design, traffic, cap, ttl }) {
    const [column, row] = [this.data.caps.indexOf(cap), this.data.ttls.indexOf(ttl)];
    if (column < 0 || row < 0) return null;
    const place = column * this.rows + row;
    return Object.fromEntries(this.data.measures.map(({ key }) => [key, this.values(design, traffic, key)[place]]));
  }

  misses(found, cap, ttl) {
    const { measures, most_cap: most, least_ttl: least } = this.data;
    const { targets } = this.state;
    const over = measures.filter(
      ({ key }) => targets[key] !== null && !(found[key] !== null && found[key] <= targets[key]),
    );
    const names = over.map(({ label }) => label);
    if (!cap) names.push("no cap limits the size");
    if (most && cap > most) names.push("more entries than the limit");
    if (ttl && ttl < least) names.push("a TTL shorter than the quiet gap of a live session");
    return names;
  }

  // --- What stands on the page, made once

  build() {
    const { data } = this;
    // The cells without a bound are the last, and stand apart.
    const x = (column) => LEFT + column * CELL.width + (column < this.columns - 1 ? 0 : APART);
    const y = (row) => (this.rows - 1 - row) * CELL.height + (row < this.rows - 1 ? APART : 0);
    Object.assign(this, { x, y });
    const size = { width: CELL.width + 0.3, height: CELL.height + 0.3 };
    this.cells = data.caps.flatMap((_, column) =>
      data.ttls.map((__, row) => svg("rect", { x: x(column), y: y(row), ...size })),
    );
    this.region = svg("path", { class: "region" });
    this.marks = svg("g");
    this.map = svg(
      "svg",
      { viewBox: `0 -2 ${this.width} ${this.height + 2}`, class: "map", tabindex: 0, role: "application" },
      ...this.cells,
      this.region,
      this.marks,
      ...this.axes(),
    );
    this.map.setAttribute("aria-label", `Map of cap and TTL of ${data.case}. Arrow keys move the point.`);
    this.map.onkeydown = (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      this.move(...KEYS[event.key]);
    };
    this.map.onpointerdown = (event) => this.follow(event);
    this.map.onpointermove = (event) => event.buttons && this.follow(event);
    this.legend = html("p", { class: "legend" });
    this.verdict = html("p", { class: "verdict", "aria-live": "polite" });
    [this.where, this.lines] = [html("caption", { "aria-live": "polite" }), html("tbody")];
    const titles = ["measure", "here", "today", "difference"].map((text) => html("th", { scope: "col" }, text));
    this.table = html("table", {}, this.where, html("thead", {}, html("tr", {}, ...titles)), this.lines);
    this.curves = ["cap", "ttl"].map((along) => {
      const [picture, caption] = [svg("svg", { viewBox: "0 0 330 140", role: "img" }), html("figcaption")];
      return { along, picture, caption, figure: html("figure", {}, picture, caption) };
    });
    this.command = html("code");
    this.root.replaceChildren(
      html("div", { class: "controls" }, ...this.controls()),
      html("div", { class: "map-side" }, this.map, this.legend),
      html("div", { class: "numbers-side" }, this.verdict, this.table),
      html("div", { class: "curves" }, ...this.curves.map(({ figure }) => figure)),
      html("p", { class: "soft" }, "To replay this point: ", this.command),
    );
  }

  axes() {
    const { caps, ttls } = this.data;
    const [across, up] = [Math.ceil(this.columns / 7), Math.ceil(this.rows / 9)];
    const under = (at, text, anchor = "middle") => svg("text", { ...at, "text-anchor": anchor }, text);
    const named = (values, every) =>
      values.flatMap((value, n) => (!value || (n % every === 0 && n < values.length - 3) ? [[value, n]] : []));
    return [
      ...named(caps, across).map(([cap, n]) =>
        under({ x: this.x(n) + CELL.width / 2, y: this.height - BOTTOM + 13 }, cap ? count(cap) : "none"),
      ),
      ...named(ttls, up).map(([ttl, n]) =>
        under({ x: LEFT - 5, y: this.y(n) + CELL.height - 1 }, ttl ? ttlText(ttl) : "none", "end"),
      ),
      under({ x: LEFT + (this.columns * CELL.width) / 2, y: this.height - 8 }, "cap, entries (TTL upwards)"),
    ];
  }

  controls() {
    const { data, hooks } = this;
    const labels = Object.fromEntries(data.measures.map(({ key, label }) => [key, label]));
    const targets = data.measures.flatMap((each) => this.target(each));
    this.movers = [
      this.slider("Cap", "cap", data.caps, capText),
      this.slider("TTL", "ttl", data.ttls, ttlText),
      this.slider("Traffic", "traffic", data.traffic, trafficText),
    ];
    const made = [
      this.choice("Colour", "measure", Object.keys(labels), (key) => labels[key]),
      this.choice("Design", "design", data.designs, (name) => name),
      ...this.movers.map(({ label }) => label),
      html("details", {}, html("summary", {}, "Targets"), ...targets),
    ];
    if (!hooks.replay) return made;
    const typed = [this.number("Cap exactly, entries", "cap", 1), this.number("TTL exactly, s", "ttl", "any")];
    this.movers.push(...typed);
    this.keep = html("button", { type: "button" }, "Keep this as a figure");
    this.keep.onclick = () => hooks.keep(this.state);
    this.kept = html("p", { class: "soft", role: "status" });
    return [...made, ...typed.map(({ label }) => label), this.keep, this.kept];
  }

  number(text, name, step) {
    const input = html("input", { type: "number", min: 0, step });
    input.onchange = () => input.validity.valid && this.change({ [name]: input.valueAsNumber || 0 });
    const show = () => {
      if (document.activeElement !== input) input.value = this.state[name];
    };
    return { show, label: html("label", {}, html("span", {}, text), input) };
  }

  choice(text, name, options, label) {
    const control = html("select", {}, ...options.map((each) => html("option", { value: each }, label(each))));
    control.value = this.state[name];
    control.onchange = () => this.change({ [name]: control.value });
    return html("label", {}, html("span", {}, text), control);
  }

  slider(text, name, values, write) {
    const input = html("input", { type: "range", min: 0, max: values.length - 1 });
    const output = html("output");
    input.oninput = () => this.change({ [name]: values[input.valueAsNumber] });
    const show = () => {
      const value = this.state[name];
      input.value = placeOf(values, value);
      output.textContent = write(value);
      input.setAttribute("aria-valuetext", write(value));
    };
    return { show, label: html("label", {}, html("span", {}, text), input, output) };
  }

  target({ key, label, kind, parameter }) {
    if (!parameter) return [];
    const [unit, by] = TYPED[kind];
    // What the parameters of the notebook take.
    const range = kind === "share" ? { min: 0, max: 100 } : { min: 0.001 };
    const input = html("input", { type: "number", step: "any", placeholder: "none", ...range });
    const show = () => {
      const limit = this.state.targets[key];
      input.value = limit === null ? "" : Number((limit / by).toPrecision(6));
    };
    show();
    // What was typed and is no target gives way to the one that holds.
    input.onblur = show;
    input.oninput = () => {
      if (input.value === "" || !input.validity.valid) return;
      this.change({ targets: { ...this.state.targets, [key]: input.valueAsNumber * by } });
    };
    return [html("label", {}, html("span", {}, `${label}, at most`), input, unit)];
  }

  // --- What changes

  paint() {
    const { data, state } = this;
    const { bounds, kind, key } = this.measure;
    const values = this.values(state.design, state.traffic, key);
    const step = (value) => bounds.filter((bound) => value >= bound).length;
    this.cells.forEach((cell, place) => {
      const colour = values[place] === null ? "" : data.colours[step(values[place])];
      if (cell.colour !== colour) cell.style.fill = cell.colour = colour;
    });
    const names = [`under ${written(kind, bounds[0])}`, ...bounds.map((bound) => written(kind, bound))];
    const swatch = (n) => html("i", { style: `background: ${data.colours[n]}` });
    const outlined = html("span", {}, html("i", { class: "outlined" }), "every target is met");
    this.legend.replaceChildren(...names.map((name, n) => html("span", {}, swatch(n), name)), outlined);
    this.region.setAttribute("d", this.outline());
  }

  outline() {
    const { caps, ttls, measures, most_cap: most, least_ttl: least } = this.data;
    const { design, traffic, targets } = this.state;
    const limited = measures
      .filter(({ key }) => targets[key] !== null)
      .map(({ key }) => [this.values(design, traffic, key), targets[key]]);
    const allowed = (cap, ttl) => cap && !(most && cap > most) && !(ttl && ttl < least);
    const good = this.cells.map((_, place) => {
      if (!allowed(caps[Math.floor(place / this.rows)], ttls[place % this.rows])) return false;
      return limited.every(([values, limit]) => values[place] !== null && values[place] <= limit);
    });
    // The gap before the cells without a bound is an edge.
    const inside = (column, row, fromNone) =>
      !fromNone && caps[column] !== undefined && ttls[row] !== undefined && good[column * this.rows + row];
    let path = "";
    good.forEach((is, place) => {
      if (!is) return;
      const [column, row] = [Math.floor(place / this.rows), place % this.rows];
      const [left, top, none] = [this.x(column), this.y(row), ttls[row] === 0];
      if (!inside(column, row + 1, ttls[row + 1] === 0)) path += `M${left} ${top}h${CELL.width}`;
      if (!inside(column, row - 1, none)) path += `M${left} ${top + CELL.height}h${CELL.width}`;
      if (!inside(column - 1, row)) path += `M${left} ${top}v${CELL.height}`;
      if (!inside(column + 1, row, caps[column + 1] === 0)) path += `M${left + CELL.width} ${top}v${CELL.height}`;
    });
    return path;
  }

  mark({ cap, ttl }, name, shape) {
    // Beside the map a point stands between two cells.
    const place = (known, value) => placeOf(known, value) + (known.includes(value) ? 0 : 0.5);
    const [column, row] = [place(this.data.caps, cap), place(this.data.ttls, ttl)];
    const [x, y] = [this.x(column) + CELL.width / 2, this.y(row) + CELL.height / 2];
    const isLeft = column < this.columns * 0.6;
    const text = { x: x + (isLeft ? 10 : -10), y: y + 4, "text-anchor": isLeft ? "start" : "end", class: "label" };
    return [svg("circle", { cx: x, cy: y, r: shape === "chosen" ? 7 : 5, class: shape }), svg("text", text, name)];
  }

  point() {
    const { data, state } = this;
    const here = this.at(state) ?? this.exact;
    const today = this.at({ ...data.points.today, traffic: 1 });
    const [[, first], ...others] = Object.entries(data.points);
    const differ = others.filter(([, { cap, ttl }]) => cap !== first.cap || ttl !== first.ttl);
    this.marks.replaceChildren(
      ...this.mark(first, "today", "today"),
      ...differ.flatMap(([name, at]) =>
        this.mark(at, at.design === first.design ? name : `${name}: ${at.design}`, "advised"),
      ),
      ...this.mark(state, "", "chosen"),
    );
    const where = [state.design, capText(state.cap), ttlText(state.ttl), `traffic ${trafficText(state.traffic)}`];
    this.where.textContent = where.join(", ");
    this.lines.replaceChildren(...data.measures.map((measure) => this.line(measure, here, today)));
    this.judge(here);
    this.command.textContent = [...data.commands.slice(0, -1), `${data.commands.at(-1)} ${this.options()}`].join("\n");
    for (const { show } of this.movers) show();
    for (const each of this.curves) this.curve(each);
  }

  judge(here) {
    const { state } = this;
    // Nothing is known of a miniature that is too small.
    const known = here && here[this.data.measures[0].key] !== null;
    const missed = known ? this.misses(here, state.cap, state.ttl) : [];
    let text = missed.length === 1 ? "Misses a target" : `Misses ${missed.length} targets`;
    if (!here) text = "The kernel replays this point …";
    else if (!known) text = "Too few entries to simulate that traffic.";
    else text = missed.length ? `${text}: ${missed.join("; ")}.` : "Meets every target.";
    this.verdict.textContent = text;
    this.verdict.className = `verdict ${known ? (missed.length ? "bad" : "good") : ""}`;
  }

  options() {
    // More traffic is a smaller store under the stream itself.
    const { design, cap, ttl, traffic } = this.state;
    const small = (value) => Math.max(whole(value / traffic), 1);
    const bounds = `--max-entries ${cap ? small(cap) : 0} --ttl ${ttl}s`;
    return `--design ${design} ${bounds} --prune-every ${small(this.data.prune_every)}`;
  }

  line({ key, label, kind }, here, today) {
    const [mine, other, limit] = [here?.[key] ?? null, today[key], this.state.targets[key]];
    const by = mine === null || other === null ? null : mine - other;
    // A share of a share would read the same as a difference of two.
    const size = kind === "share" ? `${three(100 * Math.abs(by))} points` : written(kind, Math.abs(by));
    let differs = by ? `${by > 0 ? "+" : "−"}${size}` : "same";
    if (by === null) differs = "";
    else if (by && kind === "share" && Math.abs(by) < LEAST_SHARE) differs = "nearly the same";
    const verdict = limit === null || mine === null ? "" : mine <= limit ? "good" : "bad";
    const cells = [here ? written(kind, mine) : "…", written(kind, other), differs].map((text) => html("td", {}, text));
    cells[0].className = verdict;
    if (verdict) cells[0].append(html("span", { class: "sign" }, verdict === "good" ? " ✓" : " ✗"));
    return html("tr", {}, html("th", { scope: "row" }, label), ...cells);
  }

  curve({ along, picture, caption, figure }) {
    const { data, state } = this;
    const { label, kind, key } = this.measure;
    const [known, text] = along === "cap" ? [data.caps, capText] : [data.ttls, ttlText];
    const all = known.map((value) => this.at({ ...state, [along]: value })?.[key] ?? null);
    const title = `${label} by ${along === "cap" ? `cap, at ${ttlText(state.ttl)}` : `TTL, at ${capText(state.cap)}`}`;
    picture.setAttribute("aria-label", title);
    caption.textContent = title;
    const most = Math.max(...all);
    const dots = all.flatMap((value, n) =>
      value === null ? [] : [[n, 20 + (n * 290) / (known.length - 1), 118 - (100 * value) / (most || 1)]],
    );
    // Off the map there is nothing to draw along the other way.
    figure.hidden = !dots.length;
    const here = dots.filter(([n]) => known[n] === state[along]);
    const end = (at, value, anchor) => svg("text", { x: at, y: 134, "text-anchor": anchor }, text(value));
    picture.replaceChildren(
      svg("path", { d: "M20 118H310", class: "axis" }),
      svg("path", {
        d: dots.map(([, x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
        class: "curve",
      }),
      ...here.map(([, x, y]) => svg("circle", { cx: x, cy: y, r: 5, class: "chosen" })),
      svg("text", { x: 20, y: 11 }, written(kind, most)),
      end(20, known[0], "start"),
      end(310, known.at(-1), "end"),
    );
  }

  // --- What moves it

  change(changes) {
    Object.assign(this.state, changes);
    if (Object.keys(changes).some((name) => name !== "cap" && name !== "ttl")) this.paint();
    this.exact = null;
    if (!this.at(this.state)) this.hooks.replay?.(this.state);
    this.point();
    this.hooks.changed?.(this.state);
  }

  move(across, up) {
    const moved = (values, value, by) => values[Math.min(Math.max(placeOf(values, value) + by, 0), values.length - 1)];
    const { caps, ttls } = this.data;
    this.change({ cap: moved(caps, this.state.cap, across), ttl: moved(ttls, this.state.ttl, up) });
  }

  follow(event) {
    const place = this.cells.indexOf(document.elementFromPoint(event.clientX, event.clientY));
    if (place < 0) return;
    this.change({ cap: this.data.caps[Math.floor(place / this.rows)], ttl: this.data.ttls[place % this.rows] });
  }
}

export const mount = (root, data, hooks) => new Explorer(root, data, hooks);

function render({ model, el }) {
  // JupyterLab would take the arrow keys for its shortcuts, and with any key the focus for its active cell.
  const root = html("div", { class: "explorer", "data-lm-suppress-shortcuts": "true" });
  root.onkeydown = (event) => event.stopPropagation();
  el.append(root);
  const shown = mount(root, model.get("data"), {
    state: model.get("state"),
    replay: (state) => model.send({ replay: state }),
    keep: (state) => model.send({ keep: state }),
    changed: (state) => {
      model.set("state", structuredClone(state));
      model.save_changes();
    },
  });
  model.on("msg:custom", ({ exact, state, said }) => {
    if (said) shown.kept.textContent = said;
    // An answer to an earlier question comes too late.
    if (!exact || JSON.stringify(state) !== JSON.stringify(shown.state)) return;
    shown.exact = exact;
    shown.point();
  });
}

export default { render };
