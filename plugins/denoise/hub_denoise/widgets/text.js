// A spoilt text and the restored one, its words marked. props.value is {seen: [part], restored: [part], facts: {value,
// label}, key}, {error}, {empty} or {pending: true}. A part is a text, or a word: {text, mark} of the spoilt one, and of
// the restored one {text, seen, probability, state, alternatives: [[word, probability]], truth}. A word's alternatives
// open under it: on hover, on focus, and on a touch, which keeps them open.
const box = element.querySelector(".text"), panel = element.querySelector(".panel");
const problem = element.querySelector(".problem"), empty = element.querySelector(".empty");
const facts = element.querySelector(".facts"), key = element.querySelector(".key");
const [seen, restored] = [".seen", ".restored"].map((name) => element.querySelector(name));
let open = null, pinned = false;

function close() {
  if (open) open.setAttribute("aria-expanded", "false");
  open = null;
  pinned = false;
  panel.hidden = true;
}
function look(button, word) {
  close();
  open = button;
  button.setAttribute("aria-expanded", "true");
  const was = word.truth ? `“${word.seen}” was “${word.truth}”.` : `Seen: “${word.seen}”.`;
  panel.replaceChildren(
    make("p", {}, was, " It may be:"),
    make("ol", {}, ...word.alternatives.map(([text, part]) =>
      make("li", { class: text === word.truth ? "truth" : "" }, make("span", {}, text), make("span", {}, percent(part)),
        make("i", { style: `--part: ${Math.round(100 * part)}%` })))),
  );
  panel.hidden = false;
  const [mine, all] = [button.getClientRects()[0], box.getBoundingClientRect()];
  panel.style.left = `${Math.max(0, Math.min(mine.left - all.left, all.width - panel.offsetWidth))}px`;
  panel.style.top = `${mine.bottom - all.top + 8}px`;
}
function wordOf(word) {
  const button = make("button", { type: "button", class: "word", "data-state": word.state, "aria-expanded": "false" },
    word.text, make("sup", {}, percent(word.probability)));
  button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && !pinned) look(button, word); });
  button.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !pinned) close(); });
  button.addEventListener("focus", () => { if (button.matches(":focus-visible")) look(button, word); });
  button.addEventListener("blur", () => { if (open === button) close(); });
  button.addEventListener("click", () => {
    if (open === button && pinned) return close();
    look(button, word);
    pinned = true;
  });
  return button;
}
element.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".word, .panel")) close();
});

function show() {
  const value = props.value || {};
  box.classList.toggle("pending", !!value.pending);
  if (value.pending) return;
  close();
  problem.hidden = !value.error;
  problem.textContent = value.error || "";
  empty.hidden = !value.empty;
  empty.textContent = value.empty || "";
  facts.replaceChildren(...(value.facts ? [make("b", {}, value.facts.value), make("span", {}, value.facts.label)] : []));
  key.hidden = !value.key;
  key.textContent = value.key || "";
  seen.parentElement.hidden = !value.seen;
  restored.parentElement.hidden = !value.restored;
  seen.replaceChildren(...(value.seen || []).map((part) => (typeof part === "string" ? part : make("mark", {}, part.text))));
  restored.replaceChildren(...(value.restored || []).map((part) => (typeof part === "string" ? part : wordOf(part))));
}
watch("value", show);
show();
