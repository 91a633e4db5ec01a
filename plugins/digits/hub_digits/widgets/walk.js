// A walk through the latent space. props.frames are its pictures as data URLs; props.value is how far
// the slider is, 0 to 100. All pictures are here already, so dragging asks the server for nothing.
const walk = element.querySelector(".walk");
const now = element.querySelector(".now");
const range = element.querySelector("input");
const said = element.querySelector("output");
const strip = element.querySelector(".strip");
const play = element.querySelector(".play");
const STRIP = 12; // pictures in the strip
let timer = null;

const frames = () => props.frames || [];
const last = () => Math.max(1, frames().length - 1);

function show(step) {
  const part = Math.round((100 * step) / last());
  range.value = step;
  range.setAttribute("aria-valuetext", part + " per cent of the way");
  said.textContent = part + " %";
  if (!frames().length) return;
  now.src = frames()[step];
  now.alt = "The digit at " + part + " per cent of the way";
  [...strip.children].forEach((img) => img.classList.remove("here"));
  const nearest = strip.children[Math.round((step / last()) * (strip.children.length - 1))];
  if (nearest) nearest.classList.add("here");
}

// Only where the slider comes to rest becomes the value, and with it part of the link.
const settle = () => { props.value = Math.round((100 * Number(range.value)) / last()); };

function fill() {
  range.max = last();
  walk.classList.toggle("waiting", !frames().length);
  const shown = Math.min(STRIP, frames().length);
  strip.replaceChildren(...Array.from({ length: shown }, (_, i) => {
    const step = Math.round((i * last()) / Math.max(1, shown - 1));
    const img = document.createElement("img");
    img.src = frames()[step];
    img.alt = "";
    img.onclick = () => { stop(); show(step); settle(); };
    return img;
  }));
  show(Math.round((Number(props.value || 0) / 100) * last()));
}

function stop() {
  clearInterval(timer);
  timer = null;
  play.textContent = "▶";
  play.setAttribute("aria-label", "Play the walk");
}
play.onclick = () => {
  if (timer) { stop(); settle(); return; }
  let way = 1;
  play.textContent = "❚❚";
  play.setAttribute("aria-label", "Pause the walk");
  timer = setInterval(() => {
    if (!element.isConnected) return stop();
    const step = Number(range.value);
    if (step + way > last() || step + way < 0) way = -way;
    show(step + way);
  }, 70);
};
range.addEventListener("input", () => { stop(); show(Number(range.value)); });
range.addEventListener("change", settle);
watch("frames", fill);
watch("value", () => show(Math.round((Number(props.value || 0) / 100) * last())));
fill();
