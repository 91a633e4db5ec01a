// A drawing pad. props.value is its strokes as text: x and y of each point in two digits each, 0 to 99 from the
// upper left, strokes joined by "-"; props.hint stands on the empty pad. "drawn" tells that somebody has drawn.
const MOST = 1900; // characters
const canvas = element.querySelector("canvas"), hint = element.querySelector(".hint"), pen = canvas.getContext("2d");
const scale = canvas.width / 100;
let strokes = [], drawing = null, cursor = null; // cursor: where the keyboard's pen is

const read = (text) => (text || "").split("-").filter(Boolean).map((part) =>
  part.match(/.{4}/g).map((at) => [Number(at.slice(0, 2)), Number(at.slice(2))]));
const two = (number) => String(Math.max(0, Math.min(99, Math.round(number)))).padStart(2, "0");
const write = () => strokes.map((points) => points.map(([x, y]) => two(x) + two(y)).join("")).join("-");

function paint() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = "#fff";
  pen.lineWidth = 8.5 * scale;
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
    pen.arc(cursor.x * scale, cursor.y * scale, 4.25 * scale, 0, 7);
    pen.stroke();
  }
  hint.textContent = strokes.length || drawing ? "" : props.hint || "";
}
function commit() {
  let text = write();
  while (text.length > MOST) { // every second point of each stroke, its last one too
    strokes = strokes.map((points) => points.filter((_, i) => i % 2 === 0 || i === points.length - 1));
    const shorter = write();
    if (shorter.length === text.length) strokes = strokes.slice(0, -1);
    text = write();
  }
  props.value = text;
  paint();
  trigger("drawn");
}
function move(to) {
  const [x, y] = drawing[drawing.length - 1];
  if (Math.hypot(to[0] - x, to[1] - y) >= 2) drawing.push(to);
}
function lift() {
  if (drawing) strokes.push(drawing);
  drawing = null;
  commit();
}
const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * 100, ((event.clientY - box.top) / box.height) * 100];
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
  for (const each of moves.length ? moves : [event]) move(place(each));
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
strokes = read(props.value);
paint();
