// A drawing pad. props.value is its strokes as text: x and y of each point in two digits each, 0 to 99
// from the upper left, strokes joined by "-". props.half, "lower" or the like, covers half of it;
// props.guide shows the box that a digit fits into.
const UNITS = 100, PEN = 8.5, MAX_CHARACTERS = 1900;
const canvas = element.querySelector("canvas");
const veil = element.querySelector(".veil");
const hint = element.querySelector(".hint");
const pen = canvas.getContext("2d");
const scale = canvas.width / UNITS;
let strokes = [];
let drawing = null; // the stroke under way
let cursor = null; // where the keyboard's pen is: {x, y, down}

const read = (text) =>
  (text || "").split("-").filter(Boolean).map((part) =>
    part.match(/.{4}/g).map((at) => [Number(at.slice(0, 2)), Number(at.slice(2))]));
const two = (number) => String(Math.max(0, Math.min(99, Math.round(number)))).padStart(2, "0");
const write = (list) => list.map((points) => points.map(([x, y]) => two(x) + two(y)).join("")).join("-");

// Ramer, Douglas and Peucker: leave out points that lie within `slack` of the line without them.
function simplify(points, slack) {
  if (points.length < 3) return points;
  const [a, b] = [points[0], points[points.length - 1]];
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  let farthest = 0, most = -1;
  points.forEach(([x, y], i) => {
    const away = length < 1e-9
      ? Math.hypot(x - a[0], y - a[1])
      : Math.abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / length;
    if (i > 0 && i < points.length - 1 && away > most) [most, farthest] = [away, i];
  });
  if (most <= slack) return [a, b];
  const left = simplify(points.slice(0, farthest + 1), slack);
  return left.concat(simplify(points.slice(farthest), slack).slice(1));
}

function paint() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (props.guide) {
    pen.setLineDash([10, 10]);
    pen.strokeStyle = "#4a5261";
    pen.lineWidth = 2;
    pen.strokeRect(canvas.width / 7, canvas.height / 7, (canvas.width * 5) / 7, (canvas.height * 5) / 7);
    pen.setLineDash([]);
  }
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = PEN * scale;
  pen.lineCap = pen.lineJoin = "round";
  for (const points of drawing ? [...strokes, drawing] : strokes) {
    pen.beginPath();
    points.forEach(([x, y]) => pen.lineTo(x * scale, y * scale));
    if (points.length === 1) pen.lineTo(points[0][0] * scale + 0.1, points[0][1] * scale);
    pen.stroke();
  }
  if (cursor) {
    pen.strokeStyle = cursor.down ? "#ffb000" : "#7cc4ff";
    pen.lineWidth = 4;
    pen.beginPath();
    pen.arc(cursor.x * scale, cursor.y * scale, (PEN * scale) / 2, 0, 7);
    pen.stroke();
  }
  veil.dataset.half = props.half || "";
  hint.textContent = strokes.length || drawing ? "" : props.hint || "";
}

function commit() {
  let text = write(strokes), slack = 0.35;
  while (text.length > MAX_CHARACTERS && slack < 20) {
    slack *= 1.5;
    text = write(strokes.map((points) => simplify(points, slack)));
  }
  props.value = text;
  paint();
}

function lift() {
  if (drawing) strokes.push(simplify(drawing, 0.35));
  drawing = null;
  commit();
}

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * UNITS, ((event.clientY - box.top) / box.height) * UNITS];
};
canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  cursor = null;
  drawing = [place(event)];
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  if (!drawing || cursor) return;
  const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const each of moves.length ? moves : [event]) drawing.push(place(each));
  paint();
});
for (const end of ["pointerup", "pointercancel"])
  canvas.addEventListener(end, () => { if (drawing && !cursor) lift(); });

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (arrow) {
    cursor = cursor || { x: 50, y: 25, down: false };
    const step = event.shiftKey ? 1 : 4;
    cursor.x = Math.max(4, Math.min(95, cursor.x + step * arrow[0]));
    cursor.y = Math.max(4, Math.min(95, cursor.y + step * arrow[1]));
    if (cursor.down) drawing.push([cursor.x, cursor.y]);
  } else if (event.key === " ") {
    cursor = cursor || { x: 50, y: 25, down: false };
    cursor.down = !cursor.down;
    if (cursor.down) drawing = [[cursor.x, cursor.y]];
    else lift();
  } else return;
  event.preventDefault();
  paint();
});
canvas.addEventListener("blur", () => {
  if (cursor && drawing) lift();
  cursor = null;
  paint();
});

element.addEventListener("click", (event) => {
  const wish = event.target.dataset && event.target.dataset.do;
  if (!wish) return;
  strokes = wish === "undo" ? strokes.slice(0, -1) : [];
  commit();
});

watch("value", () => { strokes = read(props.value); drawing = null; paint(); });
watch(["half", "hint"], paint);
strokes = read(props.value);
paint();
