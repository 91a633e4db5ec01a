// What the widgets share: elements with their attributes, and icons.
const SVG = "http://www.w3.org/2000/svg", SHAPES = ["svg", "path", "rect", "line", "text", "g"];
const make = (tag, attributes = {}, ...children) => {
  const made = SHAPES.includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};
const ICONS = {
  save: "M11 4h2v9.2l3.3-3.3 1.4 1.4L12 17l-5.7-5.7 1.4-1.4 3.3 3.3zM5 18.5h14v2H5z",
  add: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
};
const icon = (name) => make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d: ICONS[name] }));
