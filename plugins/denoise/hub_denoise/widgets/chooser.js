// A picture to begin with: an example, or a file. props.value is {kind: "example", name}, {kind: "file", file, name}
// with what was uploaded, {kind: "drawn"} while another widget has it, or null. props.examples are
// [{name, title, picture}]; props.small makes their tiles small and without names; props.problem is shown.
const box = element.querySelector(".chooser"), tiles = element.querySelector(".tiles");
const input = element.querySelector("input"), own = element.querySelector(".own");
const problem = element.querySelector(".problem");

function tell(text) {
  problem.hidden = !text;
  problem.textContent = text || "";
}
function show() {
  const value = props.value || {};
  for (const tile of tiles.querySelectorAll("[data-name]"))
    tile.setAttribute("aria-pressed", String(value.kind === "example" && value.name === tile.dataset.name));
  tiles.querySelector(".add").setAttribute("aria-pressed", String(value.kind === "file"));
  own.hidden = value.kind !== "file";
  own.textContent = value.kind === "file" ? value.name : "";
}
async function take(file) {
  if (!file) return;
  tell("");
  own.hidden = false;
  own.textContent = `Uploading ${file.name} …`;
  try {
    const { path } = await upload(file);
    props.value = { kind: "file", file: { path, orig_name: file.name, meta: { _type: "gradio.FileData" } }, name: file.name };
  } catch {
    tell(`${file.name} could not be uploaded: it may be too large for this hub.`);
  }
  show();
}
const choose = (name) => { tell(""); props.value = { kind: "example", name }; show(); };
box.classList.toggle("small", !!props.small);
tiles.append(
  ...props.examples.map(({ name, title, picture }) =>
    make("button", { type: "button", class: "tile", "data-name": name, "aria-label": title, onclick: () => choose(name) },
      make("img", { src: picture, alt: "" }), make("span", {}, title))),
  make("button", { type: "button", class: "tile add", onclick: () => input.click() }, icon("add"), make("span", {}, "Your own")),
);
input.onchange = () => { take(input.files[0]); input.value = ""; };
for (const name of ["dragenter", "dragover"]) box.addEventListener(name, (event) => {
  event.preventDefault();
  box.classList.add("over");
});
for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("over"));
box.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });
watch("value", show);
watch("problem", () => tell(props.problem));
show();
