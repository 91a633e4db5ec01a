// Sounds of one length under each other: played one at a time, and from where the last one was left, so that before
// and after can be told apart in mid-word. props.value is {rows: [{name, about, picture, file: {url, orig_name}}],
// scale: {colours, from, to}}, {error}, {empty} or {pending: true}; nothing is fetched before it is played.
const box = element.querySelector(".sounds"), rows = element.querySelector(".rows");
const problem = element.querySelector(".problem"), empty = element.querySelector(".empty");
const scale = element.querySelector(".scale"), audio = new Audio();
let now = null, at = 0; // the row that plays, and where in the sound, 0 to 1

const rowOf = (number) => rows.children[number];
function mark() {
  [...rows.children].forEach((row, number) => {
    const on = number === now && !audio.paused, button = row.querySelector(".play");
    row.classList.toggle("on", on);
    if (button.dataset.on === String(on)) return;
    button.dataset.on = String(on);
    button.replaceChildren(icon(on ? "stop" : "play"));
    button.setAttribute("aria-label", `${on ? "Stop" : "Play"}: ${row.dataset.name}`);
  });
  for (const cursor of rows.querySelectorAll("i")) {
    cursor.hidden = !at;
    cursor.style.left = `${100 * at}%`;
  }
}
function follow() {
  if (audio.duration && !audio.paused) at = audio.currentTime / audio.duration;
  mark();
  if (!audio.paused) requestAnimationFrame(follow);
}
async function play(number, from) {
  const { file } = props.value.rows[number];
  now = number;
  audio.pause();
  problem.hidden = true;
  audio.src = file.url;
  audio.onloadedmetadata = () => { audio.currentTime = from * audio.duration; };
  try {
    await audio.play();
    follow();
  } catch (error) {
    if (error.name === "AbortError") return; // another row was played
    problem.hidden = false;
    problem.textContent = "This sound cannot be played: it may be too old to be kept. Change a setting to make it anew.";
    mark();
  }
}
function stop() {
  audio.pause();
  mark();
}
audio.addEventListener("ended", () => { at = 0; mark(); });

function show() {
  const value = props.value || {};
  box.classList.toggle("pending", !!value.pending);
  if (value.pending) return;
  stop();
  at = 0;
  problem.hidden = !value.error;
  problem.textContent = value.error || "";
  empty.hidden = !value.empty;
  empty.textContent = value.empty || "";
  scale.hidden = !value.scale;
  if (value.scale) {
    scale.querySelector("i").style.background = value.scale.colours;
    scale.querySelector(".from").textContent = value.scale.from;
    scale.querySelector(".to").textContent = value.scale.to;
  }
  rows.replaceChildren(...(value.rows || []).map(({ name, about, picture, file }, number) => {
    const cursor = make("i", { hidden: true });
    const field = make("div", { class: "picture", title: "Play from here", onclick: (event) => {
      const { left, width } = field.getBoundingClientRect();
      play(number, Math.max(0, Math.min(0.999, (event.clientX - left) / width)));
    } }, make("img", { src: picture, alt: `Spectrogram: ${name}` }), cursor);
    return make("div", { class: "row", "data-name": name },
      make("button", { type: "button", class: "play", onclick: () => (number === now && !audio.paused ? stop() : play(number, at)) }),
      make("h4", {}, name, make("span", {}, about)),
      make("a", { class: "save", href: file.url, download: file.orig_name, title: "Save it", "aria-label": `Save: ${name}` }, icon("save")),
      field);
  }));
  mark();
}
watch("value", show);
show();
