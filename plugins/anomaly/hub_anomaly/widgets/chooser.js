// A table or a picture: an example, or a file. props.value is {kind: "example", name}, {kind: "file", file, name} with what
// was uploaded, {kind: "drawn"} while another widget has it, or null. props.examples are [{name, title, about}], or with
// props.pictures [{name, title, picture, bare}], bare ones without their titles; props.heading is above them; props.invites, [title, about], is on the tile that
// takes a file; where props.optional, what was brought can be left away again.
const box = element.querySelector(".chooser"), tiles = element.querySelector(".tiles"), heading = element.querySelector("h4");
const input = element.querySelector("input"), own = element.querySelector(".own"), named = own.querySelector("span");
const away = own.querySelector("button"), problem = element.querySelector(".problem");

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
  named.textContent = value.kind === "file" ? value.name : "";
  away.hidden = !props.optional;
}
async function take(file) {
  if (!file) return;
  tell("");
  own.hidden = false;
  away.hidden = true;
  named.textContent = `Uploading ${file.name} …`;
  try {
    const { path } = await upload(file);
    props.value = { kind: "file", file: { path, orig_name: file.name, meta: { _type: "gradio.FileData" } }, name: file.name };
  } catch {
    tell(`${file.name} could not be uploaded: it may be too large for this hub.`);
  }
  show();
}
const choose = (value) => { tell(""); props.value = value; show(); };
function fill() {
  const [title, about] = props.invites;
  tiles.classList.toggle("small", props.examples.some((one) => one.bare));
  tiles.replaceChildren(
    ...props.examples.map((one) =>
      make("button", { type: "button", class: "tile", "data-name": one.name, "aria-label": one.bare ? one.title : null, onclick: () => choose({ kind: "example", name: one.name }) },
        one.picture ? make("img", { src: one.picture, alt: "" }) : null, one.bare ? null : make("b", {}, one.title), one.about ? make("span", {}, one.about) : null)),
    make("button", { type: "button", class: "tile add", onclick: () => input.click() }, icon("add"), make("b", {}, title), make("span", {}, about)),
  );
  show();
}
heading.textContent = props.heading;
tiles.setAttribute("aria-label", props.heading);
box.classList.toggle("pictures", !!props.pictures);
if (props.pictures) {
  input.accept = "image/*,.tif,.tiff,.bmp,.ppm";
  input.setAttribute("aria-label", "A picture of your own");
}
away.onclick = () => choose(null);
input.onchange = () => { take(input.files[0]); input.value = ""; };
for (const name of ["dragenter", "dragover"]) box.addEventListener(name, (event) => {
  event.preventDefault();
  box.classList.add("over");
});
for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("over"));
box.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });
watch("value", show);
watch("examples", fill);
fill();
