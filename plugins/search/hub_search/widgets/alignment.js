// How two clips lie over each other in time. props.aligned is {score, cost, first, second, matrix, path} or {error}:
// first and second are {name, picture, seconds} of the voiced spans, the first upright on the left with its begin at
// the bottom, the second lying below; matrix is a picture; path is [[i, j]], parts 0 to 1 of the first and the second.
const problem = element.querySelector(".problem"), verdict = element.querySelector(".verdict");
const field = element.querySelector(".field"), legend = element.querySelector(".legend");
const figure = (value, text) => make("div", {}, make("b", {}, value), make("span", {}, text));

function show() {
  const found = props.aligned || {};
  problem.hidden = !found.error;
  problem.textContent = found.error || "";
  field.hidden = legend.hidden = !found.matrix;
  if (!found.matrix) {
    verdict.replaceChildren(...(found.error ? [] : [make("div", { class: "empty" },
      "Choose two sounds: how alike they are, and which moment of one goes with which of the other, is shown here.")]));
    return;
  }
  verdict.replaceChildren(
    figure(found.score.toFixed(2), "similarity of the two vectors, 1 is the same"),
    figure(found.cost.toFixed(3), "DTW: mean unlikeness along the path, 0 is the same"));
  const [left, matrix, below] = [".left img", ".matrix img", ".below img"].map((one) => field.querySelector(one));
  left.src = found.first.picture;
  left.alt = `Spectrogram of ${found.first.name}, upwards`;
  below.src = found.second.picture;
  below.alt = `Spectrogram of ${found.second.name}, to the right`;
  matrix.src = found.matrix;
  const points = found.path.map(([i, j]) => `${(100 * j).toFixed(2)},${(100 * (1 - i)).toFixed(2)}`).join(" ");
  field.querySelectorAll("polyline").forEach((line) => line.setAttribute("points", points));
  legend.textContent = `Upwards: ${found.first.name}, ${found.first.seconds.toFixed(2)} s. To the right: ${found.second.name}, `
    + `${found.second.seconds.toFixed(2)} s. Dark: two moments that sound alike. The line is the cheapest way through; `
    + "a straight one means the same rhythm, a bend that one was said slower there.";
}
watch("aligned", show);
show();
