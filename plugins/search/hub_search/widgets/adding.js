// Recordings to be made searchable. The files are uploaded one by one; then props.value becomes {name, files: [what was
// uploaded], archive}, and "go" is triggered. props.done is what came of them: {archive, running, part, files: [{name,
// state, text}]} with a state of "now", "done" (made searchable), "there" (already was) or "left" (left out, and why).
// props.into is {id, name} of the archive that is added to, null for a new one. "halt" is triggered to stop.
const LIMIT = 500; // files
const called = element.querySelector(".called"), title = called.querySelector("input"), drop = element.querySelector(".drop");
const some = element.querySelector(".some"), every = element.querySelector(".all"), list = element.querySelector(".list");
const total = element.querySelector(".total"), bar = element.querySelector(".bar i"), said = total.querySelector("p");
const problem = element.querySelector(".problem"), go = element.querySelector(".go"), halt = element.querySelector(".stop"), clear = element.querySelector(".clear");
const SOUND = /\.(wav|wave|aif|aiff|flac|ogg|oga|opus|mp3|m4a|mp4|aac|webm|mka|mkv|wma|amr|au|caf)$/i;
const MARKS = { waiting: "·", sending: "↑", sent: "·", now: "…", done: "✓", there: "✓", left: "✕" };
let items = []; // {file, state, text, given}
let busy = ""; // "", "sending" or "indexing"
let stopped = false, made = null; // made: the archive that the list's files went to so far

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
function show() {
  list.hidden = !items.length;
  list.replaceChildren(...items.map((one) => make("li", { "data-state": one.state },
    make("span", { class: "state", "aria-hidden": "true" }, MARKS[one.state]), make("b", {}, one.file.name),
    make("span", { class: "about" }, one.state === "left" ? "left out" : one.text || size(one.file.size)),
    one.state === "left" ? make("span", { class: "why" }, one.text) : null)));
  const waits = items.some((one) => !["done", "there", "left"].includes(one.state));
  go.disabled = !!busy || !waits;
  go.textContent = stopped && waits ? "Go on" : props.into || made ? "Add them" : "Make them searchable";
  halt.hidden = !busy;
  clear.hidden = !!busy || !items.length;
  called.hidden = !!props.into;
  drop.querySelector(".muted").textContent = props.into ? `They are added to “${props.into.name}”.`
    : "WAV, FLAC, MP3, Ogg, Opus, M4A or WebM, at most an hour each.";
}
function progress(part, text) {
  total.hidden = !text;
  bar.style.width = `${100 * part}%`;
  said.textContent = text;
}
function take(files) {
  const known = new Set(items.map((one) => `${one.file.webkitRelativePath || one.file.name}/${one.file.size}`));
  const fresh = [...files].filter((file) => !file.name.startsWith(".") && !known.has(`${file.webkitRelativePath || file.name}/${file.size}`));
  items.push(...fresh.map((file) => ({ file, state: "waiting", text: "" })));
  problem.hidden = items.length <= LIMIT;
  problem.textContent = `${items.length} files at once are too many: the first ${LIMIT} are taken.`;
  items = items.slice(0, LIMIT);
  if (!title.value && !props.into && files[0]) title.value = ((files[0].webkitRelativePath || "").split("/")[0] || files[0].name.replace(/\.[^.]+$/, "")).slice(0, 60);
  show();
}
async function entries(entry) { // of a folder that was dropped
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    for (const one of some) found.push(...(await entries(one)));
  }
  return found.filter((file) => SOUND.test(file.name));
}
async function begin() {
  if (busy) return;
  problem.hidden = true;
  stopped = false;
  busy = "sending";
  const waiting = items.filter((one) => ["waiting", "sending", "sent", "now"].includes(one.state));
  for (const [i, one] of waiting.entries()) {
    if (stopped) break;
    if (one.given) continue;
    one.state = "sending";
    show();
    progress((0.3 * i) / waiting.length, `Uploading ${one.file.name}, ${i + 1} of ${waiting.length}`);
    try {
      const { path } = await upload(one.file);
      one.given = { path, orig_name: one.file.name, size: one.file.size, meta: { _type: "gradio.FileData" } };
      one.state = "sent";
    } catch {
      one.state = "left";
      one.text = "It could not be uploaded: it is too large for this hub, or the connection broke.";
    }
  }
  const ready = waiting.filter((one) => one.given);
  if (stopped || !ready.length) {
    busy = "";
    progress(0, "");
    return show();
  }
  busy = "indexing";
  progress(0.3, "Uploaded; listening …");
  show();
  props.value = { name: title.value.trim(), archive: props.into ? props.into.id : made, files: ready.map((one) => one.given) };
  setTimeout(() => trigger("go", {}), 50); // when the value has arrived
}
function follow() {
  const done = props.done;
  if (!done) return;
  if (done.archive) made = done.archive;
  if (done.error) {
    problem.hidden = false;
    problem.textContent = done.error;
  }
  for (const told of done.files || []) {
    const one = items.find((item) => item.given && item.given.path === told.path);
    if (one) Object.assign(one, { state: told.state, text: told.text });
  }
  if (done.running) {
    busy = "indexing";
    progress(0.3 + 0.7 * done.part, done.text || "Listening …");
  } else {
    busy = "";
    progress(0, "");
  }
  show();
}

element.querySelector(".files").onclick = () => some.click();
element.querySelector(".folder").onclick = () => every.click();
some.onchange = () => { take(some.files); some.value = ""; };
every.onchange = () => { take([...every.files].filter((file) => SOUND.test(file.name))); every.value = ""; };
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  const dropped = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry && one.webkitGetAsEntry());
  const plain = [...event.dataTransfer.files];
  if (dropped.some((one) => one && one.isDirectory)) take((await Promise.all(dropped.filter(Boolean).map(entries))).flat());
  else take(plain);
});
go.onclick = begin;
halt.onclick = () => {
  stopped = true;
  if (busy === "indexing") trigger("halt", {});
  for (const one of items) if (one.state === "now" || one.state === "sending") one.state = one.given ? "sent" : "waiting";
  busy = "";
  progress(0, "");
  show();
};
clear.onclick = () => { items = []; made = null; problem.hidden = true; stopped = false; progress(0, ""); show(); };
watch("done", follow);
watch("into", () => { made = null; if (!busy) { items = items.filter((one) => !["done", "there", "left"].includes(one.state)); show(); } });
show();
