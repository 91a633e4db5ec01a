// A map of spoken words. props.points is {archive, x, y, word, voice, recording, name, start, end}, lists of equal length, x
// and y from -1 to 1, a word or voice null where nobody knows it; props.by is "word" or "voice", what colours tell;
// props.value is the number of the chosen point as text, or "". A click plays it.
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
const told = element.querySelector(".told"), legend = element.querySelector(".legend"), look = element.querySelector(".look"), problem = element.querySelector(".problem");
const EDGE = 0.06, NEAR = 26; // part of a side left free; pixels from which a point is meant
const OFTEN = 3, MANY = 36; // a group has a colour that has as many points; of so many groups at most
const COLORS = ["#8ab4ff", "#ff9f5a", "#63d471", "#ff6b6b", "#c39bff", "#d9e04f", "#ff8ad0", "#3fd9e0", "#d2a679", "#b8bfcc",
  "#5f8dff", "#e8b04a", "#2fbf8f", "#ff7f9f", "#9f7bff", "#a6d854", "#e377c2", "#66c2ff"];
const NONE = { x: [], y: [], word: [], voice: [], recording: [], start: [], end: [] };
const points = () => (props.points && props.points.x ? props.points : NONE);
const label = (i) => points()[props.by === "voice" ? "voice" : "word"][i];
const chosen = () => (props.value === "" || props.value == null ? -1 : Number(props.value));
let only = null, over = -1, groups = [];

const across = (x, box) => (EDGE + ((x + 1) / 2) * (1 - 2 * EDGE)) * box.width;
const down = (y, box) => (EDGE + ((1 - y) / 2) * (1 - 2 * EDGE)) * box.height;
const color = (name) => (!groups.includes(name) ? "#566073" : COLORS[groups.indexOf(name) % COLORS.length]);

function name(i) {
  const all = points();
  return all.word[i] == null ? `${clock(all.start[i], 2)}` : all.word[i];
}
function middle(some) { // that of some points which is nearest to all of them: where their name is written
  const { x, y } = points(), away = (i) => some.reduce((sum, j) => sum + Math.hypot(x[i] - x[j], y[i] - y[j]), 0);
  return some.reduce((best, i) => (away(i) < away(best) ? i : best));
}
function paint() {
  const box = canvas.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
  if (!box.width) return;
  canvas.width = box.width * dense;
  canvas.height = box.height * dense;
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  const all = points(), radius = Math.max(3.2, Math.min(6, box.width / 130));
  const labelled = new Map(); // the points of each word whose name is written
  for (let i = 0; i < all.x.length; i++) {
    const mine = label(i), dim = only !== null && only !== mine;
    pen.globalAlpha = dim ? 0.12 : groups.includes(mine) ? 0.92 : 0.6;
    pen.fillStyle = color(mine);
    pen.beginPath();
    pen.arc(across(all.x[i], box), down(all.y[i], box), radius, 0, 7);
    pen.fill();
    if (!dim && props.by !== "voice" && groups.includes(mine)) {
      labelled.set(mine, [...(labelled.get(mine) || []), i]);
    }
  }
  pen.globalAlpha = 1;
  pen.textAlign = "center";
  pen.font = `600 ${box.width > 520 ? 13 : 11}px Inter, system-ui, sans-serif`;
  pen.lineWidth = 3.5;
  pen.strokeStyle = "#0e1320";
  const taken = [];
  for (const [word, own] of [...labelled].sort((a, b) => b[1].length - a[1].length)) {
    const i = middle(own), at = [across(all.x[i], box), down(all.y[i], box) - radius - 5], wide = pen.measureText(word).width + 6;
    if (taken.some(([tx, ty, tw]) => Math.abs(tx - at[0]) < (tw + wide) / 2 && Math.abs(ty - at[1]) < 15)) continue;
    taken.push([...at, wide]);
    pen.strokeText(word, ...at);
    pen.fillStyle = "#e8ecf2";
    pen.fillText(word, ...at);
  }
  for (const [i, tone] of [[over, "#ffffff"], [chosen(), "#ffb454"]]) {
    if (i < 0 || i >= all.x.length) continue;
    pen.lineWidth = 2.5;
    pen.strokeStyle = tone;
    pen.beginPath();
    pen.arc(across(all.x[i], box), down(all.y[i], box), radius + 4, 0, 7);
    pen.stroke();
  }
}
function tell(i, also = "") {
  const all = points();
  look.hidden = chosen() < 0 || chosen() >= all.x.length;
  if (i < 0) {
    told.textContent = !all.x.length ? "The words are being laid out …" : "Click a point to hear it; with the keyboard, the arrow keys move and Enter plays.";
    return;
  }
  const voice = all.voice[i] == null ? "" : `, said by ${all.voice[i]}`;
  const word = all.word[i] == null ? "A stretch of sound" : `“${all.word[i]}”`;
  told.textContent = `${word}${voice}, ${clock(all.start[i], 2)} of ${all.name[i]}${also}`;
}
function play(i) {
  const all = points();
  const wish = reference({ archive: all.archive, recording: all.recording[i], start: all.start[i], end: all.end[i] });
  player.play(wish, () => fetched(server, wish), (state, part, message) => {
    if (state === "failed") tell(i, `: ${message}`);
  });
}
function choose(i, sound = true) {
  if (i < 0) return;
  over = -1;
  props.value = String(i);
  paint();
  tell(i);
  if (sound) play(i);
}
look.onclick = () => {
  const all = points(), i = chosen();
  player.stop();
  trigger("search", { clip: { archive: all.archive, recording: all.recording[i], name: name(i), start: all.start[i], end: all.end[i] } });
};
function nearest(event) {
  const box = canvas.getBoundingClientRect(), all = points();
  let best = -1, least = NEAR;
  for (let i = 0; i < all.x.length; i++) {
    if (only !== null && only !== label(i)) continue;
    const away = Math.hypot(across(all.x[i], box) - (event.clientX - box.left), down(all.y[i], box) - (event.clientY - box.top));
    if (away < least) [least, best] = [away, i];
  }
  return best;
}
canvas.addEventListener("click", (event) => choose(nearest(event)));
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch") return;
  const found = nearest(event);
  if (found === over) return;
  over = found;
  tell(over < 0 ? chosen() : over);
  paint();
});
canvas.addEventListener("pointerleave", () => { over = -1; tell(chosen()); paint(); });
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
canvas.addEventListener("keydown", (event) => {
  const all = points(), arrow = ARROWS[event.key], now = chosen();
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (now >= 0) play(now);
  } else if (arrow && all.x.length) {
    event.preventDefault();
    if (now < 0) return choose(0, false);
    let best = -1, least = Infinity; // the nearest point that lies that way, more ahead than aside
    for (let i = 0; i < all.x.length; i++) {
      const [x, y] = [all.x[i] - all.x[now], all.y[i] - all.y[now]];
      const ahead = x * arrow[0] + y * arrow[1], aside = Math.abs(x * arrow[1]) + Math.abs(y * arrow[0]);
      if (i === now || ahead <= 1e-9 || aside > 1.5 * ahead) continue;
      if (ahead + 2 * aside < least) [least, best] = [ahead + 2 * aside, i];
    }
    if (best >= 0) choose(best, false);
  }
});

function sort() {
  const all = points(), many = new Map();
  for (let i = 0; i < all.x.length; i++) if (label(i) != null) many.set(label(i), (many.get(label(i)) || 0) + 1);
  groups = [...many.keys()].filter((one) => many.get(one) >= OFTEN)
    .sort((a, b) => many.get(b) - many.get(a) || (a < b ? -1 : 1)).slice(0, MANY);
  if (!groups.includes(only)) only = null;
  const alphabetical = [...groups].sort();
  legend.hidden = groups.length < 2;
  legend.replaceChildren(...alphabetical.map((one) => {
    const dot = make("i");
    dot.style.background = color(one);
    return make("button", { type: "button", class: "chip", "aria-pressed": String(one === only), onclick: (event) => {
      only = only === one ? null : one;
      [...legend.children].forEach((each) => each.setAttribute("aria-pressed", "false"));
      event.currentTarget.setAttribute("aria-pressed", String(only === one));
      paint();
    } }, dot, one);
  }));
}
function fill() {
  const wrong = props.points && props.points.error;
  problem.hidden = !wrong;
  problem.textContent = wrong || "";
  canvas.hidden = !!wrong;
  canvas.setAttribute("aria-label", `Map of ${points().x.length} spoken words. The arrow keys move from word to word, Enter plays one.`);
  sort();
  paint();
  tell(chosen());
}
watch(["points", "by"], fill);
watch("value", () => { paint(); tell(chosen()); });
new ResizeObserver(paint).observe(canvas);
fill();
