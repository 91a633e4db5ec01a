// A map of codes. props.points is {x, y, digit}, three lists of equal length, x and y from -1 to 1;
// props.value is the chosen place as text, "0.25,-0.5"; props.here is its picture, which a phone shows on
// the map, away from the place. A legend button shows one digit alone.
const COLORS = ["#8ab4ff", "#ff9f5a", "#63d471", "#ff6b6b", "#c39bff", "#d2a679", "#ff8ad0", "#b8bfcc", "#d9e04f", "#3fd9e0"];
const canvas = element.querySelector("canvas");
const legend = element.querySelector(".legend");
const here = element.querySelector(".here");
const pen = canvas.getContext("2d");
const EDGE = 0.06; // of the side left free around the points
const points = () => props.points || { x: [], y: [], digit: [] };
const read = () => (props.value || "0,0").split(",").map(Number);
let only = null; // the digit shown alone
let held = false;
let asked = 0;

const across = (x) => (EDGE + ((x + 1) / 2) * (1 - 2 * EDGE)) * canvas.width;
const down = (y) => (EDGE + ((1 - y) / 2) * (1 - 2 * EDGE)) * canvas.height;

function paint() {
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const dense = window.devicePixelRatio || 1;
  canvas.width = box.width * dense;
  canvas.height = box.height * dense;
  const radius = Math.max(2, box.width / 210) * dense;
  const { x, y, digit } = points();
  for (let i = 0; i < x.length; i++) {
    pen.globalAlpha = only === null || only === digit[i] ? 0.8 : 0.07;
    pen.fillStyle = COLORS[digit[i]];
    pen.beginPath();
    pen.arc(across(x[i]), down(y[i]), radius, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  const [a, b] = read();
  for (const [width, color] of [[6, "#000"], [2.5, "#fff"]]) {
    pen.lineWidth = width * dense;
    pen.strokeStyle = color;
    pen.beginPath();
    pen.arc(across(a), down(b), 11 * dense, 0, 7);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(across(a) + dx * 7 * dense, down(b) + dy * 7 * dense);
      pen.lineTo(across(a) + dx * 18 * dense, down(b) + dy * 18 * dense);
    }
    pen.stroke();
  }
}

function choose(x, y) {
  const within = (number) => Math.max(-1, Math.min(1, number));
  const text = within(x).toFixed(3) + "," + within(y).toFixed(3);
  if (text === props.value) return;
  props.value = text;
  paint();
}
function follow(event) {
  const box = canvas.getBoundingClientRect();
  const part = (at, start, length) => ((at - start) / length - EDGE) / (1 - 2 * EDGE);
  const x = 2 * part(event.clientX, box.left, box.width) - 1;
  const y = 1 - 2 * part(event.clientY, box.top, box.height);
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(() => choose(x, y));
}
canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  held = true;
  follow(event);
});
canvas.addEventListener("pointermove", (event) => { if (held) follow(event); });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = false; });

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
canvas.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow) return;
  event.preventDefault();
  const [x, y] = read(), step = event.shiftKey ? 0.005 : 0.03;
  choose(x + step * arrow[0], y + step * arrow[1]);
});

legend.replaceChildren(...COLORS.map((color, digit) => {
  const button = document.createElement("button"), dot = document.createElement("i");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-label", "Show only the digit " + digit);
  dot.style.background = color;
  button.append(dot, String(digit));
  button.onclick = () => {
    only = only === digit ? null : digit;
    [...legend.children].forEach((each, i) => each.setAttribute("aria-pressed", String(i === only)));
    paint();
  };
  return button;
}));

function inset() {
  if (props.here) here.src = props.here;
  here.classList.toggle("left", read()[0] > 0);
}

watch(["value", "points"], paint);
watch("here", inset);
new ResizeObserver(paint).observe(canvas);
paint();
