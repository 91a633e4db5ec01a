// Recordings to be made searchable. The files are uploaded one by one; then props.value becomes {name, files: [what was
// uploaded], archive}, and "go" is triggered. props.done is what came of them: {archive, running, part, files: [{path, name,
// state, text}]} with a state of "now", "done" (made searchable), "there" (already was) or "left" (left out, and why).
// props.into is {id, name} of the archive that is added to, null for a new one. "halt" is triggered to stop; "search", with
// the archive's {id}, when all is done.
const LIMIT = 500; // files
const LONGEST = 100; // characters of a recording's name
const called = element.querySelector(".called"), title = called.querySelector("input"), drop = element.querySelector(".drop");
const some = element.querySelector(".some"), every = element.querySelector(".all"), list = element.querySelector(".list");
const total = element.querySelector(".total"), bar = element.querySelector(".bar i"), said = total.querySelector("p");
const problem = element.querySelector(".problem"), go = element.querySelector(".go"), halt = element.querySelector(".stop"), clear = element.querySelector(".clear");
const SOUND = /\.(wav|wave|aif|aiff|flac|ogg|oga|opus|mp3|m4a|mp4|aac|webm|mka|mkv|wma|amr|au|caf)$/i;
const MARKS = { waiting: "·", sending: "↑", sent: "·", now: "…", done: "✓", there: "✓", left: "✕" };
let items = []; // {file, path, name, state, text, given}
let busy = ""; // "", "sending" or "indexing"
let stopped = false, made = null; // made: the archive that the list's files went to so far

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const waiting = () => items.filter((one) => ["waiting", "sending", "sent", "now"].includes(one.state));
const searchable = () => made && items.some((one) => ["done", "there"].includes(one.state));
function show() {
  list.hidden = !items.length;
  list.replaceChildren(...items.map((one) => make("li", { "data-state": one.state },
    make("span", { class: "state", "aria-hidden": "true" }, MARKS[one.state]), make("b", {}, one.name),
    make("span", { class: "about" }, one.state === "left" ? "left out" : one.text || size(one.file.size)),
    one.state === "left" ? make("span", { class: "why" }, one.text) : null)));
  const waits = waiting().length > 0;
  go.disabled = !!busy || !(waits || searchable());
  go.textContent = searchable() && !waits ? "Search in them" : stopped && waits ? "Go on" : props.into || made ? "Add them" : "Make them searchable";
  halt.hidden = !busy;
  clear.hidden = !!busy || !items.length;
  called.hidden = !!props.into;
  drop.querySelector(".muted").textContent = props.into ? `They are added to “${props.into.name}”.`
    : "WAV, FLAC, MP3, Ogg, Opus, M4A or WebM, at most an hour each.";
}
function complain(text) {
  problem.hidden = !text;
  problem.textContent = text || "";
}
function progress(part, text) {
  total.hidden = !text;
  bar.style.width = `${100 * part}%`;
  said.textContent = text;
}
// What a recording is called: its path in the folder that was chosen, so that two files of one name, in two folders, are told
// apart; the whole path, or a number, where that is taken.
function nameFor(path) {
  const taken = new Set(items.map((one) => one.name)), inside = path.split("/").slice(1).join("/");
  const short = (name) => (name.length > LONGEST ? `…${name.slice(1 - LONGEST)}` : name);
  const numbered = (i) => path.replace(/(\.[^./]*)?$/, ` (${i})$1`);
  let name = short(inside && !props.into ? inside : path);
  if (taken.has(name)) name = short(path);
  for (let i = 2; taken.has(name); i++) name = short(numbered(i));
  return name;
}
const titleFor = (path) => (path.includes("/") ? path.split("/")[0] : path.replace(/\.[^.]+$/, ""));
function take(found) { // [{file, path}]
  const key = ({ file, path }) => [path, file.size, file.lastModified].join("/");
  const known = new Set(items.map(key));
  const hidden = ({ path }) => path.split("/").slice(path.includes("/") ? 1 : 0).some((part) => part.startsWith(".")); // but a folder that was chosen itself
  const fresh = found.filter((one) => !hidden(one) && !known.has(key(one)));
  fresh.sort((one, other) => one.path.localeCompare(other.path, undefined, { numeric: true }));
  for (const one of fresh) items.push({ ...one, name: nameFor(one.path), state: "waiting", text: "" });
  complain(items.length > LIMIT && `${items.length} files at once are too many: the first ${LIMIT} are taken.`);
  items = items.slice(0, LIMIT);
  if (!title.value && !props.into && fresh[0]) title.value = titleFor(fresh[0].path).slice(0, 60);
  show();
}
function takeFolder(found) {
  const sounds = found.filter(({ file }) => SOUND.test(file.name));
  take(sounds);
  if (!sounds.length) complain("There is no sound file in that folder.");
}
async function entries(entry) { // of what was dropped: a file, or a folder with all in it
  if (entry.isFile) return [{ file: await new Promise((done, failed) => entry.file(done, failed)), path: entry.fullPath.slice(1) }];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const one of some) found.push(...(await entries(one)));
  }
}
async function begin() {
  if (busy) return;
  complain("");
  stopped = false;
  busy = "sending";
  const all = waiting();
  for (const [i, one] of all.entries()) {
    if (stopped) break;
    if (one.given) continue;
    one.state = "sending";
    show();
    progress((0.3 * i) / all.length, `Uploading ${one.name}, ${i + 1} of ${all.length}`);
    try {
      const { path } = await upload(one.file);
      one.given = { path, orig_name: one.name, size: one.file.size, meta: { _type: "gradio.FileData" } };
      one.state = "sent";
    } catch {
      one.state = "left";
      one.text = "It could not be uploaded: it is too large for this hub, or the connection broke.";
    }
  }
  const ready = all.filter((one) => one.given);
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
  if (done.error) complain(done.error);
  for (const told of done.files || []) {
    const one = items.find((item) => item.given && item.given.path === told.path && item.name === told.name);
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
const chosen = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
some.onchange = () => { take(chosen(some)); some.value = ""; };
every.onchange = () => { takeFolder(chosen(every)); every.value = ""; };
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  const dropped = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry && one.webkitGetAsEntry()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
  if (dropped.some((one) => one.isDirectory)) takeFolder((await Promise.all(dropped.map(entries))).flat());
  else take(plain);
});
go.onclick = () => (waiting().length ? begin() : trigger("search", { id: made }));
halt.onclick = () => {
  stopped = true;
  if (busy === "indexing") trigger("halt", {});
  for (const one of items) if (one.state === "now" || one.state === "sending") one.state = one.given ? "sent" : "waiting";
  busy = "";
  progress(0, "");
  show();
};
clear.onclick = () => { items = []; made = null; complain(""); stopped = false; progress(0, ""); show(); };
watch("done", follow);
watch("into", () => { made = null; if (!busy) { items = items.filter((one) => !["done", "there", "left"].includes(one.state)); show(); } });
show();
