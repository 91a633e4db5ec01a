// What was found. props.lanes is the archive: {archive, recordings: [{id, name, seconds, envelope}]}, an envelope a
// text of digits, 0 quiet to 9 loud; props.found is {archive, hits: [{recording, name, start, end, score, from, to,
// picture, said}], summary} or {error}, seconds throughout: the picture shows from .. to, the hit lies in it; or
// {pending} while it is looked for: what was found before stays as long.
const FEW = 14; // lanes shown at first
const problem = element.querySelector(".problem"), summary = element.querySelector(".summary");
const lanes = element.querySelector(".lanes"), rows = element.querySelector(".rows");
let all = false; // whether every lane is shown
let buttons = []; // the play button of each row
let found = {}; // what is shown
const hits = () => found.hits || [];

function light(number) {
  rows.querySelectorAll(".row").forEach((row, i) => row.classList.toggle("on", i === number));
  lanes.querySelectorAll(".hit").forEach((hit) => hit.classList.toggle("on", Number(hit.dataset.hit) === number));
}

// The time line.

function envelope(canvas, digits) {
  const width = (canvas.width = 2 * Math.max(1, canvas.clientWidth)), height = (canvas.height = 2 * canvas.clientHeight);
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(element).getPropertyValue("--hub-line-strong") || "#999";
  const columns = Math.min(width / 2, digits.length || 1);
  for (let x = 0; x < columns; x++) {
    const begin = Math.floor((x * digits.length) / columns), end = Math.max(begin + 1, Math.floor(((x + 1) * digits.length) / columns));
    let most = 0;
    for (let i = begin; i < end; i++) most = Math.max(most, Number(digits[i]));
    const tall = Math.max(2, (most / 9) * height * 0.92);
    pen.fillRect((x * width) / columns, (height - tall) / 2, Math.max(1.2, width / columns - 1), tall);
  }
}
function step(longest) {
  const wanted = longest / (lanes.clientWidth > 500 ? 8 : 4);
  return [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].find((one) => one >= wanted) || 3600;
}
function laneName(name) { // on one line; where it is a path, its end tells more than its beginning
  return make("span", { title: name, class: name.includes("/") ? "path" : null }, make("bdi", {}, name));
}
function drawLanes() {
  const recordings = (props.lanes && props.lanes.recordings) || [];
  const other = found.archive && props.lanes && found.archive !== props.lanes.archive;
  lanes.hidden = !recordings.length || !hits().length || other;
  if (lanes.hidden) return lanes.replaceChildren();
  const first = new Map();
  hits().forEach((hit, i) => { if (!first.has(hit.recording)) first.set(hit.recording, i); });
  const rank = (one) => (first.has(one.id) ? first.get(one.id) : 1e6);
  const ordered = recordings.length > FEW ? [...recordings].sort((a, b) => rank(a) - rank(b)) : recordings;
  const shown = all ? ordered : ordered.slice(0, FEW);
  const longest = Math.max(...shown.map((one) => one.seconds), 0.1);
  const scores = hits().map((hit) => hit.score), best = Math.max(...scores), worst = Math.min(...scores);
  const made = shown.map((one) => {
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.style.width = `${(100 * one.seconds) / longest}%`;
    const track = make("div", { class: "track" }, canvas);
    hits().forEach((hit, i) => {
      if (hit.recording !== one.id) return;
      const mark = make("button", { type: "button", class: "hit", "data-hit": i, tabindex: "-1",
        title: `${i + 1}. ${clock(hit.start, 2)}`, "aria-label": `Play hit ${i + 1}, ${one.name}, ${clock(hit.start)}`,
        onclick: () => buttons[i] && buttons[i].click(),
        onmouseenter: () => light(i), onmouseleave: () => light(-1) });
      mark.style.left = `${(100 * hit.start) / longest}%`;
      mark.style.width = `${(100 * (hit.end - hit.start)) / longest}%`;
      mark.style.opacity = best > worst ? 0.3 + (0.7 * (hit.score - worst)) / (best - worst) : 1;
      track.append(mark);
    });
    return make("div", { class: "lane" }, laneName(one.name), track);
  });
  const every = step(longest), ticks = make("div", { class: "track" });
  for (let time = 0; time <= longest; time += every) {
    const tick = make("i", {}, clock(time, every < 1 ? 1 : 0));
    tick.style.left = `${(100 * time) / longest}%`;
    if (time && time > 0.95 * longest) tick.className = "last";
    ticks.append(tick);
  }
  const more = recordings.length - shown.length;
  lanes.replaceChildren(...made, make("div", { class: "lane axis" }, make("span", {}), ticks));
  if (more > 0) lanes.append(make("button", { type: "button", class: "link more",
    onclick: () => { all = true; drawLanes(); } }, `Show ${more} more recording${more > 1 ? "s" : ""}`));
  made.forEach((lane, i) => envelope(lane.querySelector("canvas"), shown[i].envelope || ""));
}

// The rows.

function row(hit, i) {
  const archive = found.archive, what = `hit ${i + 1}, ${hit.name} at ${clock(hit.start)}`;
  const part = (time) => `${(100 * (time - hit.from)) / (hit.to - hit.from)}%`;
  const cursor = make("i", { class: "cursor", hidden: true }), mark = make("i", { class: "mark" });
  mark.style.left = part(hit.start);
  mark.style.right = `calc(100% - ${part(hit.end)})`;
  const clip = { archive, recording: hit.recording, start: hit.from, end: hit.to };
  const button = playButton(what, reference(clip), () => fetched(server, reference(clip)), (at) => {
    cursor.hidden = at === null;
    cursor.style.left = `${100 * (at || 0)}%`;
    light(at === null ? -1 : i);
  });
  const bar = make("i", { "aria-hidden": "true" });
  bar.style.setProperty("--part", `${100 * Math.max(0, Math.min(1, hit.score))}%`);
  const named = { archive, recording: hit.recording, name: hit.name, start: hit.start, end: hit.end };
  const act = (text, name) => make("button", { type: "button", class: "link",
    onclick: () => { player.stop(); trigger(name, { clip: named }); } }, text);
  const said = hit.said && make("p", { class: "said" }, "… ", hit.said.before, " ", make("b", {}, hit.said.hit), " ", hit.said.after, " …");
  return [button, make("li", { class: "row" },
    make("span", { class: "rank", "aria-hidden": "true" }, String(i + 1)), button,
    make("div", { class: "sound" }, make("img", { src: hit.picture, alt: `Spectrogram around ${what}`, loading: "lazy" }), mark, cursor),
    make("div", { class: "facts" }, make("b", { title: hit.name }, hit.name),
      make("span", { class: "time" }, `${clock(hit.start, 2)} – ${clock(hit.end, 2)}`),
      make("span", { class: "score", title: "Cosine similarity of query and hit" }, bar, hit.score.toFixed(2))),
    said, make("div", { class: "acts" }, act("Compare with the query", "compare"), act("Search for this one", "search")))];
}
function show() {
  const pending = !!(props.found && props.found.pending);
  element.querySelector(".results").classList.toggle("pending", pending);
  if (pending) {
    problem.hidden = true;
    const empty = rows.querySelector(".empty");
    summary.textContent = empty ? "" : "Listening …";
    if (empty) empty.replaceChildren(make("span", {}, "Listening …"), make("span", {}, "the first search after a start takes some seconds."));
    return;
  }
  found = props.found || {};
  problem.hidden = !found.error;
  problem.textContent = found.error || "";
  summary.textContent = found.summary || "";
  if (player.key && !hits().length) player.stop();
  buttons = [];
  if (!hits().length) {
    rows.replaceChildren();
    if (!found.error) rows.append(make("li", { class: "empty" },
      make("span", {}, "What sounds like your word will be listed here,"), make("span", {}, "and can be played, compared and searched for in turn.")));
  } else {
    const made = hits().map(row);
    buttons = made.map(([button]) => button);
    rows.replaceChildren(...made.map(([, line]) => line));
  }
  drawLanes();
}

watch("found", show);
watch("lanes", () => { all = false; drawLanes(); });
new ResizeObserver(() => drawLanes()).observe(element);
new MutationObserver(() => drawLanes()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
show();
