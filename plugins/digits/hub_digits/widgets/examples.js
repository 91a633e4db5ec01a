// A row of examples. props.names are their names; a click tells which one.
element.addEventListener("click", (event) => {
  const name = event.target.dataset && event.target.dataset.name;
  if (name) trigger("select", { name });
});
