// What the widgets share: elements, times, and one player for all of the page. A clip is fetched when it is
// first played; nothing plays by itself, and what plays stops when something else is played.
const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  stop: "M7 7h10v10H7z",
  mic: "M12 15a3.5 3.5 0 0 0 3.5-3.5v-5a3.5 3.5 0 1 0-7 0v5A3.5 3.5 0 0 0 12 15zm6.5-3.5a6.5 6.5 0 0 1-5.7 6.4V21h-1.6v-3.1a6.5 6.5 0 0 1-5.7-6.4h1.6a4.9 4.9 0 0 0 9.8 0z",
  file: "M11 4h2v9.2l3.3-3.3 1.4 1.4L12 17l-5.7-5.7 1.4-1.4 3.3 3.3zM5 18.5h14v2H5z",
};
const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  if (name === "file") svg.style.transform = "rotate(180deg)";
  svg.append(path);
  return svg;
};
const clock = (time, digits = 1) => {
  const minutes = Math.floor(time / 60), rest = time - 60 * minutes;
  return `${minutes}:${rest.toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
};
const reference = (clip) =>
  ["clip", clip.archive, clip.recording, clip.start.toFixed(2), clip.end.toFixed(2)].join(":");

const player = (window.latenthubPlayer ||= (() => {
  const SILENT = "data:audio/wav;base64,UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==";
  const audio = new Audio(), kept = new Map();
  const MOST = 60; // clips kept
  let now = null, blessed = false;
  function tell(state, part = 0, message = "") {
    if (now) now.told(state, part, message);
  }
  function stop() {
    audio.pause();
    tell("stopped");
    now = null;
  }
  function follow(mine) {
    if (now !== mine || audio.paused) return;
    tell("playing", audio.duration ? audio.currentTime / audio.duration : 0);
    requestAnimationFrame(() => follow(mine));
  }
  audio.addEventListener("ended", stop);
  return {
    stop,
    kept,
    get key() { return now && now.key; },
    async play(key, load, told) {
      stop();
      const mine = (now = { key, told });
      tell("loading");
      if (!blessed) { // Safari lets a sound begin only within the click itself
        blessed = true;
        audio.src = SILENT;
        audio.play().catch(() => {});
      }
      try {
        const source = kept.get(key) || (await load());
        kept.delete(key);
        kept.set(key, source);
        if (kept.size > MOST) kept.delete(kept.keys().next().value);
        if (now !== mine) return;
        audio.src = source;
        await audio.play();
        follow(mine);
      } catch (error) {
        if (now !== mine) return;
        now = null;
        told("failed", 0, String(error.message || error));
      }
    },
  };
})());

// A button that plays what `load` fetches; `moved` is told how far it is, 0 to 1, and null at the end.
function playButton(what, key, load, moved = () => {}) {
  const button = make("button", { type: "button", class: "play", "aria-label": `Play ${what}`, title: "Play" }, icon("play"));
  const told = (state, part, message) => {
    const busy = state === "playing" || state === "loading";
    if (button.dataset.state !== state) {
      button.dataset.state = state;
      button.replaceChildren(icon(busy ? "stop" : "play"));
      button.setAttribute("aria-label", `${busy ? "Stop" : "Play"} ${what}`);
      button.title = state === "failed" ? message : busy ? "Stop" : "Play";
    }
    moved(state === "playing" ? part : null);
  };
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    if (button.dataset.state === "playing" || button.dataset.state === "loading") player.stop();
    else player.play(key, load, told);
  });
  return button;
}

async function fetched(server, wish) {
  const answer = await server.sound(wish);
  if (answer.error) throw new Error(answer.error);
  return answer.audio;
}
