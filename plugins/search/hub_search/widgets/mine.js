// The visitor's own archives. props.archives is [{id, name, about, missing, recordings: [{id, name, seconds}]}]. Triggers
// "search", "more", "drop" and "forget" with {id, recording}; what deletes asks once more.
const box = element.querySelector(".mine");
const opened = new Set();

function sure(text, event, detail) {
  let asked = false;
  const button = make("button", { type: "button", class: "link danger", onclick: () => {
    if (asked) return trigger(event, detail);
    asked = true;
    button.textContent = "Really? It cannot be brought back";
    setTimeout(() => { asked = false; button.textContent = text; }, 4000);
  } }, text);
  return button;
}
function one(archive) {
  const head = [make("h4", {}, archive.name), make("span", { class: "muted" }, archive.about)];
  if (archive.missing) return make("div", { class: "one" }, ...head, make("div", { class: "acts" },
    make("button", { type: "button", class: "link", onclick: () => trigger("forget", { id: archive.id }) }, "Take it off this list")));
  const many = archive.recordings.length;
  const details = make("details", {}, make("summary", {}, many === 1 ? "1 recording" : `${many} recordings`),
    make("ul", {}, ...archive.recordings.map((recording) => make("li", {}, make("span", {}, recording.name),
      make("span", { class: "muted" }, clock(recording.seconds, 0)),
      sure("Delete", "drop", { id: archive.id, recording: recording.id })))));
  details.open = opened.has(archive.id);
  details.ontoggle = () => (details.open ? opened.add(archive.id) : opened.delete(archive.id));
  return make("div", { class: "one" }, ...head, make("div", { class: "acts" },
    make("button", { type: "button", class: "plain", onclick: () => trigger("search", { id: archive.id }) }, "Search in it"),
    make("button", { type: "button", class: "link", onclick: () => trigger("more", { id: archive.id, name: archive.name }) }, "Add more recordings"),
    sure("Delete all of it", "drop", { id: archive.id })), many ? details : "");
}
function show() {
  const archives = props.archives || [];
  box.replaceChildren(...(archives.length ? archives.map(one) : [make("div", { class: "empty" },
    "Nothing yet. What you add is listed here, in this browser only; whoever has its link can search in it.")]));
}
watch("archives", show);
show();
