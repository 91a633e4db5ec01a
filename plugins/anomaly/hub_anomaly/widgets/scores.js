// Scores of rows, a threshold that one drags, and the most unusual rows. props.value is the threshold, null: where 1 of 20
// usual rows scores as high. props.data is {table, lanes: [{key, name, count, scores}], columns, rows: [{row, score, rarity,
// learned, anomalous, values, shares, odd: [{column, value, restored, share}]}], total, file: {url, orig_name}}, or {error},
// {empty} or {pending}: what was there stays as long. A lane's scores ascend; where there are fewer than its count, each
// stands for as many. "halt" is triggered to stop.
const ALARMS = 0.05; // of usual rows, that the threshold begins with
const TALL = 74, HEAD = 24, FOOT = 24, SIDE = 14; // pixels
const FAINT = 0.04, HOTTEST = 46; // of a row's oddness: a share that is not coloured; per cent of the colour at most
const box = element.querySelector(".scores"), problem = element.querySelector(".problem"), empty = element.querySelector(".empty");
const said = empty.querySelector("p"), halt = element.querySelector(".halt"), shown = element.querySelector(".shown");
const facts = element.querySelector(".facts"), plot = element.querySelector(".plot"), svg = plot.querySelector("svg");
const handle = element.querySelector(".cut"), heading = element.querySelector(".head h4"), save = element.querySelector(".head a");
const head = element.querySelector(".rows thead"), body = element.querySelector(".rows tbody"), detail = element.querySelector(".detail");
let data = null, table = null, cut = 0, low = 0, high = 1, chosen = 0, width = 0, dragged = false;

const lane = (key) => data.lanes.find((one) => one.key === key && one.count);
const reference = () => lane("usual") || lane("learned");
const KINDS = { usual: "usual", learned: "learned", anomalous: "odd", new: "odd" };
const whole = (number) => Math.round(number).toLocaleString("en");
const percent = (part) => {
  const value = 100 * part;
  return `${value > 0 && value < 0.95 ? Math.max(value, 0.01).toPrecision(1) : value.toFixed(value > 99 && value < 100 ? 1 : 0)} %`;
};
const short = (number, digits = 2) => number.toFixed(digits).replace("-", "−");
function above({ count, scores }) { // rows of a lane that score as high as the threshold
  let [first, last] = [0, scores.length];
  while (first < last) {
    const middle = (first + last) >> 1;
    if (scores[middle] >= cut) last = middle;
    else first = middle + 1;
  }
  return Math.round((count * (scores.length - first)) / scores.length);
}
function usualCut() { // where the threshold begins
  const { scores } = reference();
  return scores[Math.min(scores.length - 1, Math.floor((1 - ALARMS) * scores.length))];
}

// The histogram.

const across = (score) => SIDE + ((score - low) / (high - low)) * (width - 2 * SIDE);
function draw() {
  width = plot.clientWidth;
  if (!data || !width) return;
  const bins = Math.max(20, Math.min(70, Math.round(width / 9))), tall = HEAD + TALL;
  const counted = data.lanes.filter((one) => one.count).map(({ key, name, count, scores }) => {
    const heights = new Array(bins).fill(0);
    for (const score of scores) heights[Math.min(bins - 1, Math.floor(((score - low) / (high - low)) * bins))] += 1 / scores.length;
    return { key, name, count, heights, most: Math.max(...heights) };
  });
  const height = counted.length * tall + FOOT, drawn = [];
  const wide = (width - 2 * SIDE) / bins;
  counted.forEach((one, i) => {
    const ground = (i + 1) * tall;
    drawn.push(make("text", { class: "name", x: SIDE, y: ground - TALL - 6 }, `${one.name} (${whole(one.count)})`));
    one.heights.forEach((part, bin) => {
      if (!part) return;
      const size = Math.max(1.5, ((TALL - 4) * part) / one.most);
      drawn.push(make("rect", { class: KINDS[one.key], "data-from": low + (bin / bins) * (high - low), rx: 1.5,
        x: SIDE + bin * wide + 0.5, y: ground - size, width: Math.max(1, wide - 1), height: size }));
    });
    drawn.push(make("line", { x1: SIDE, x2: width - SIDE, y1: ground, y2: ground }));
  });
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((one) => (high - low) / one <= width / 70) || 50;
  for (let at = Math.ceil(low / step) * step; at <= high; at += step)
    drawn.push(make("text", { x: across(at), y: height - 7, "text-anchor": "middle" }, short(at, step < 1 ? 1 : 0)));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", `Histogram of scores: ${counted.map((one) => `${one.name}, ${one.count} rows`).join("; ")}`);
  svg.replaceChildren(...drawn);
  place();
}

// The threshold, and what it comes to.

function fact(value, name, text) {
  return make("div", {}, make("b", {}, value), make("strong", {}, name), make("span", {}, text));
}
function place() {
  if (!data) return;
  handle.style.left = `${across(cut)}px`;
  for (const bar of svg.querySelectorAll("rect")) bar.classList.toggle("under", Number(bar.dataset.from) < cut);
  const usual = reference(), odd = lane("anomalous"), fresh = lane("new"), told = [];
  const alarms = above(usual), found = odd ? above(odd) : 0;
  if (odd && lane("usual")) {
    const all = alarms + found;
    told.push(fact(all ? percent(found / all) : "–", "precision", all ? `${whole(found)} of the ${whole(all)} rows above are anomalies` : "no row is above"));
    told.push(fact(percent(found / odd.count), "recall", `${whole(found)} of ${whole(odd.count)} anomalies are above`));
  } else if (odd) told.push(fact(percent(found / odd.count), "recall", `${whole(found)} of ${whole(odd.count)} anomalies are above`));
  if (fresh) told.push(fact(percent(above(fresh) / fresh.count), "of new rows", `${whole(above(fresh))} of ${whole(fresh.count)} are above`));
  const which = usual.key === "usual" ? "usual rows not learned from" : "rows learned from";
  told.push(fact(percent(alarms / usual.count), "false alarms", `${whole(alarms)} of ${whole(usual.count)} ${which}`));
  facts.replaceChildren(...told);
  handle.setAttribute("aria-valuemin", low.toFixed(2));
  handle.setAttribute("aria-valuemax", high.toFixed(2));
  handle.setAttribute("aria-valuenow", cut.toFixed(2));
  handle.setAttribute("aria-valuetext", `${cut.toFixed(2)}; ${[...facts.children].map((one) => `${one.children[0].textContent} ${one.children[1].textContent}`).join(", ")}`);
  [...body.rows].forEach((line, i) => line.classList.toggle("above", data.rows[i].score >= cut));
}
function move(to) {
  cut = Number(Math.max(low, Math.min(high, to)).toFixed(3));
  place();
}
const keep = () => { if (props.value !== cut) props.value = cut; };
const asked = () => (typeof props.value === "number" ? props.value : null);
const under = (event) => {
  const { left } = plot.getBoundingClientRect();
  return low + ((event.clientX - left - plot.clientLeft - SIDE) / (width - 2 * SIDE)) * (high - low);
};
plot.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  plot.setPointerCapture(event.pointerId);
  handle.focus({ preventScroll: true });
  dragged = true;
  move(under(event));
});
plot.addEventListener("pointermove", (event) => { if (dragged) move(under(event)); });
for (const end of ["pointerup", "pointercancel"]) plot.addEventListener(end, () => {
  if (dragged) keep();
  dragged = false;
});
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
handle.addEventListener("keydown", (event) => {
  if (event.key === "Home") move(low);
  else if (event.key === "End") move(high);
  else if (STEPS[event.key]) move(cut + (STEPS[event.key] * (event.shiftKey ? 10 : 1) * (high - low)) / 200);
  else return;
  event.preventDefault();
});
handle.addEventListener("keyup", ({ key }) => { if (STEPS[key] || key === "Home" || key === "End") keep(); });

// The rows.

function tagOf({ learned, anomalous }) {
  const kind = learned ? "learned" : anomalous ? "odd" : "usual";
  return make("span", { class: `tag ${kind}` }, { learned: "learned from", odd: "anomaly", usual: "usual" }[kind]);
}
const rare = (rarity) => (rarity < 0.001 ? "<0.1 %" : `${(100 * rarity).toPrecision(2)} %`);
function cell(value, share, most) {
  const hot = share >= FAINT ? Math.round((HOTTEST * share) / most) : 0;
  return make("td", { class: hot ? "hot" : null, style: hot ? `--heat: ${hot}` : null,
    title: `${value === null ? "nothing" : value}: ${percent(share)} of what is odd in this row` }, value === null ? "–" : value);
}
function fill() {
  const labelled = data.rows.some((one) => one.learned || one.anomalous !== null);
  const titles = ["Row", "Score", "Rarity", ...(labelled ? ["Label"] : []), ...data.columns];
  head.replaceChildren(make("tr", {}, ...titles.map((one) => make("th", { scope: "col", title: one === "Rarity" ? "Which share of usual rows scores as high" : one }, one))));
  body.replaceChildren(...data.rows.map((one, i) => {
    const most = Math.max(...one.odd.map((each) => each.share), FAINT);
    return make("tr", { "aria-selected": "false", onclick: () => look(i) },
      make("th", { scope: "row" }, make("button", { type: "button", "aria-label": `Row ${one.row + 1}: original against reconstruction` }, whole(one.row + 1))),
      make("td", {}, short(one.score)), make("td", {}, rare(one.rarity)), labelled ? make("td", {}, tagOf(one)) : null,
      ...one.values.map((value, at) => cell(value, one.shares[at], most)));
  }));
  heading.textContent = data.rows.length < data.total ? `The ${data.rows.length} most unusual of ${whole(data.total)} rows` : `All ${whole(data.total)} rows, the most unusual first`;
  save.href = data.file.url;
  save.download = data.file.orig_name;
  look(0);
}
function look(number) {
  chosen = number;
  [...body.rows].forEach((line, i) => line.setAttribute("aria-selected", String(i === chosen)));
  const one = data.rows[chosen];
  detail.replaceChildren(
    make("h4", {}, `Row ${whole(one.row + 1)}: original against reconstruction`),
    make("p", { class: "muted" }, "The reconstruction is the row without what the auto-encoder takes for noise; a column's part is of all that noise."),
    make("table", {}, make("thead", {}, make("tr", {}, ...["Column", "Original", "Reconstruction", "Part"].map((each) => make("th", { scope: "col" }, each)))),
      make("tbody", {}, ...one.odd.map(({ column, value, restored, share }) => make("tr", {},
        make("th", { scope: "row", title: column }, column), make("td", { title: value }, value === null ? "–" : value), make("td", { title: restored }, restored),
        make("td", { class: "part" }, make("i", { style: `--part: ${share}` }), percent(share)))))));
}

function show() {
  const given = props.data || {};
  box.classList.toggle("pending", !!given.pending);
  problem.hidden = !given.error;
  problem.textContent = given.error || "";
  const waits = given.pending || given.empty;
  empty.hidden = !waits;
  said.textContent = waits || "";
  halt.hidden = !given.pending;
  if (given.pending) {
    empty.classList.toggle("over", !!data);
    return;
  }
  data = given.lanes ? given : null;
  shown.hidden = !data;
  if (!data) return;
  const ends = data.lanes.filter((one) => one.count).map(({ scores }) => [scores[0], scores[scores.length - 1]]);
  low = Math.min(...ends.map(([first]) => first));
  high = Math.max(...ends.map(([, last]) => last));
  high += 0.02 * Math.max(high - low, 0.1); // so that the threshold can be above all
  if (table !== null && table !== data.table && asked() !== null) props.value = null; // it was another table's
  table = data.table;
  set();
  fill();
  draw();
}
function set() {
  cut = asked() === null ? usualCut() : Math.max(low, Math.min(high, asked()));
}
halt.onclick = () => trigger("halt", {});
watch("data", show);
watch("value", () => { if (data && !dragged) { set(); place(); } });
new ResizeObserver(draw).observe(plot);
show();
