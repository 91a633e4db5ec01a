// Lists the texts on the page whose contrast with what is behind them is under 4.5 (WCAG 2.1, AA).
() => {
  const NOT_SEEN = ".hub-skip, .hub-hidden, .hub-toast, [hidden]";

  function luminance(rgb) {
    const [r, g, b] = rgb.map((part) => {
      const v = part / 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function parse(text) {
    const numbers = text.match(/[\d.]+/g).map(Number);
    return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
  }

  function behind(element) {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.alpha > 0.85) return color.rgb;
    }
    return [255, 255, 255];
  }

  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const style = getComputedStyle(element);
    const seen = element.getBoundingClientRect().width && style.visibility !== "hidden" && style.opacity !== "0";
    const color = parse(style.color);
    if (!text || !seen || color.alpha < 1 || element.closest(NOT_SEEN)) continue;
    const [high, low] = [luminance(color.rgb), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) bad.push(`${element.tagName}.${element.className}: ${element.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return bad;
}
