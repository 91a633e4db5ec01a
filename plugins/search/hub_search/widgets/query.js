// Something said: recorded, a file, an example, or a clip of an archive. props.value is
// {kind: "example", name}, {kind: "clip", archive, recording, start, end, name}, {kind: "sound", audio, name} with a
// data URL, {kind: "file", file, name} with what was uploaded, or null. props.examples are names; props.heard is
// what the service made of it: {picture, seconds, start, end} or {error}; props.invites is the text while it is empty.
const MOST = 10, RATE = 16000; // seconds of a recording; samples a second
const box = element.querySelector(".query"), record = element.querySelector(".record");
const choose = element.querySelector("button.file"), input = element.querySelector("input");
const level = element.querySelector(".level"), say = element.querySelector(".say");
const heard = element.querySelector(".heard"), problem = element.querySelector(".problem");
const examples = element.querySelector(".examples");
let recorder = null, own = null; // own: the address of a sound that this browser has

function tell(error) {
  problem.hidden = !error;
  problem.textContent = error || "";
}
function set(value, address = null) {
  own = address;
  tell("");
  props.value = value;
  show();
}

// Recording.

function idle() {
  recorder = null;
  record.dataset.state = "off";
  record.replaceChildren(icon("mic"), "Record a word");
  level.hidden = true;
}
async function begin() {
  player.stop();
  tell("");
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    tell("This browser gives a page the microphone only over https or on localhost. Upload a file instead.");
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: false } });
  } catch (error) {
    tell(error.name === "NotFoundError"
      ? "There is no microphone on this device. Upload a file instead."
      : "The microphone was not allowed. Allow it beside the address of this page, or upload a file.");
    return;
  }
  const mine = (recorder = new MediaRecorder(stream)), parts = [];
  const context = new AudioContext(), meter = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(meter);
  const started = performance.now(), stops = setTimeout(finish, 1000 * MOST);
  mine.ondataavailable = (event) => parts.push(event.data);
  mine.onstop = async () => {
    clearTimeout(stops);
    stream.getTracks().forEach((track) => track.stop());
    context.close();
    idle();
    try {
      const address = await asWav(new Blob(parts, { type: mine.mimeType }));
      set({ kind: "sound", audio: address, name: "Your recording" }, address);
    } catch {
      tell("The browser could not read what it recorded. Record it again, or upload a file.");
    }
  };
  mine.start();
  record.dataset.state = "on";
  level.hidden = false;
  draw(mine, meter, started, []);
}
function finish() {
  if (recorder && recorder.state !== "inactive") recorder.stop();
}
function draw(mine, meter, started, peaks) {
  if (recorder !== mine || mine.state === "inactive") return;
  const samples = new Float32Array(meter.fftSize), pen = level.getContext("2d");
  meter.getFloatTimeDomainData(samples);
  peaks.push(Math.min(1, 1.6 * samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0)));
  const step = 5, shown = peaks.slice(-Math.floor(level.width / step));
  pen.clearRect(0, 0, level.width, level.height);
  pen.fillStyle = "#4fd1c1";
  shown.forEach((peak, i) => {
    const tall = Math.max(2, peak * (level.height - 8));
    pen.fillRect(level.width - (shown.length - i) * step, (level.height - tall) / 2, 3, tall);
  });
  const time = (performance.now() - started) / 1000;
  const text = `Stop, ${time.toFixed(1)} s`;
  record.replaceChildren(icon("stop"), text);
  setTimeout(() => draw(mine, meter, started, peaks), 50);
}
async function asWav(blob) {
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  context.close();
  const offline = new OfflineAudioContext(1, Math.max(1, Math.round(sound.duration * RATE)), RATE);
  const source = offline.createBufferSource();
  source.buffer = sound;
  source.connect(offline.destination);
  source.start();
  const samples = (await offline.startRendering()).getChannelData(0);
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => bytes.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); bytes.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true); bytes.setUint32(28, 2 * RATE, true); bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true); text(36, "data"); bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((one, i) => bytes.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, one))), true));
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(new Blob([bytes], { type: "audio/wav" }));
  });
}
record.onclick = () => (recorder ? finish() : begin());

// Files.

async function take(file) {
  if (!file) return;
  player.stop();
  tell("");
  say.textContent = `Uploading ${file.name} …`;
  try {
    const { path } = await upload(file);
    const given = { path, orig_name: file.name, meta: { _type: "gradio.FileData" } };
    set({ kind: "file", file: given, name: file.name }, URL.createObjectURL(file));
  } catch {
    show();
    tell(`${file.name} could not be uploaded: it may be too large for this hub. A word takes less than a megabyte.`);
  }
}
choose.append(icon("file"), "Upload a file");
choose.onclick = () => input.click();
input.onchange = () => { take(input.files[0]); input.value = ""; };
for (const name of ["dragenter", "dragover"]) box.addEventListener(name, (event) => {
  event.preventDefault();
  box.classList.add("over");
});
for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("over"));
box.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });

// What it is, and what was heard of it.

const wish = (value) => (value.kind === "example" ? `example:${value.name}` : reference(value));
function title(value) {
  if (value.kind === "example") return `“${value.name}”, said by a voice that is not in the archive`;
  if (value.kind === "clip") return `${value.name || value.recording}, ${clock(value.start, 2)}–${clock(value.end, 2)}`;
  return value.name;
}
function show() {
  const value = props.value, found = props.heard;
  say.textContent = value ? "" : props.invites || "";
  heard.hidden = !value;
  for (const chip of examples.querySelectorAll("button"))
    chip.setAttribute("aria-pressed", String(!!value && value.kind === "example" && value.name === chip.dataset.name));
  if (!value) return;
  const known = value.kind === "example" || value.kind === "clip";
  const cursor = make("i", { class: "cursor", hidden: true });
  const key = known ? wish(value) : own || value.audio || "";
  const load = known ? () => fetched(server, wish(value)) : async () => own || value.audio;
  const button = playButton("what you look for", key, load, (part) => {
    cursor.hidden = part === null;
    cursor.style.left = `${100 * (part || 0)}%`;
  });
  const sound = make("div", { class: "sound" });
  const fits = found && found.picture && found.of === (known ? wish(value) : value.name);
  const facts = make("span", { class: "muted" });
  if (fits) {
    const at = (time) => 100 * Math.min(1, time / found.seconds);
    sound.append(make("img", { src: found.picture, alt: "Its spectrogram" }));
    const before = make("i", { class: "out" }), after = make("i", { class: "out" });
    before.style.cssText = `left:0;width:${at(found.start)}%`;
    after.style.cssText = `right:0;width:${100 - at(found.end)}%`;
    sound.append(before, after);
    facts.textContent = `${(found.end - found.start).toFixed(2)} s of voice`;
  }
  sound.append(cursor);
  heard.replaceChildren(button, sound, make("p", { class: "name" }, make("b", {}, title(value)), facts));
}
function offer() {
  const names = props.examples || [];
  examples.hidden = !names.length;
  examples.replaceChildren(make("span", {}, "Try"), ...names.map((name) =>
    make("button", { type: "button", class: "chip", "data-name": name, "aria-pressed": "false",
      onclick: () => { player.stop(); set({ kind: "example", name }); } }, name)));
  show();
}

idle();
watch("examples", offer);
watch(["value", "invites"], show);
watch("heard", () => { tell((props.heard && props.heard.error) || ""); show(); });
offer();
