// Before anything is drawn: light or dark, as the visitor chose or the system says.
(() => {
  const KEY = "latenthub-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URLSearchParams(location.search).get("__theme"); // Gradio's own way to ask
  const stored = () => {
    try { return localStorage.getItem(KEY); } catch { return null; } // storage may be forbidden
  };
  const wanted = () => stored() || (asked === "dark" || asked === "light" ? asked : system.matches ? "dark" : "light");

  function apply() {
    const dark = wanted() === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (document.body && document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
  }

  window.latenthubTheme = {
    toggle() {
      const next = wanted() === "dark" ? "light" : "dark";
      try { localStorage.setItem(KEY, next); } catch { /* it holds for this page only */ }
      document.documentElement.dataset.theme = next;
      document.body.classList.toggle("dark", next === "dark");
    },
  };

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    // Gradio sets the class by the system alone, after its start
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
