// Archives to choose from. props.archives is [{id, name, about}]; props.value is the id of the chosen one; props.heading
// says what for.
const box = element.querySelector(".picker");
const KEYS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
const list = () => props.archives || [];

element.querySelector(".heading").textContent = props.heading;
box.setAttribute("aria-label", props.heading);
function show() {
  const held = box.contains(document.activeElement);
  box.replaceChildren(...list().map((one) => {
    const on = one.id === props.value;
    return make("button", { type: "button", role: "radio", "aria-checked": String(on), tabindex: on ? "0" : "-1",
      "data-id": one.id, onclick: () => { props.value = one.id; show(); } },
      make("i", { "aria-hidden": "true" }), make("b", {}, one.name), make("span", {}, one.about || ""));
  }));
  const on = box.querySelector("[aria-checked=true]") || box.firstChild;
  if (on) on.setAttribute("tabindex", "0");
  if (held && on) on.focus();
}
box.addEventListener("keydown", (event) => {
  const step = KEYS[event.key], many = list().length;
  if (!step || !many) return;
  event.preventDefault();
  const at = list().findIndex((one) => one.id === props.value);
  props.value = list()[(at + step + many) % many].id;
  show();
});
watch(["value", "archives"], show);
show();
