// The pages around the playgrounds: search, links, and the code for the state on the screen.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const base = () => new URL("./", document.baseURI).href;

  // Copying and telling.

  function toast(text) {
    const box = $(".hub-toast");
    box.textContent = text;
    box.classList.add("on");
    clearTimeout(box.timer);
    box.timer = setTimeout(() => box.classList.remove("on"), 2200);
  }

  async function copy(text, done) {
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no permission, or no https: the old way
      const area = Object.assign(document.createElement("textarea"), { value: text });
      area.style.cssText = "position:fixed;opacity:0";
      document.body.append(area);
      area.select();
      copied = document.execCommand("copy");
      area.remove();
    }
    toast(copied ? done : text);
  }

  // The address: what of it is the page's state, and how others reach that.

  // On a Space's page the hub is in a frame, which is opened with parameters of its own (__theme, and __sign, the
  // visitor's key to a private Space): they go along within the frame, and into no link.
  const framed = window.self !== window.top;
  const space = $("meta[name=latenthub-space]")?.content; // the Space's page, "https://huggingface.co/spaces/OWNER/NAME"
  const own = [...new URLSearchParams(location.search)].filter(([key]) => key.startsWith("__"));

  // Returns the page's state, with these before it: "?a=1&b=2", or "".
  function query(...first) {
    const state = [...new URLSearchParams(location.search)].filter(([key]) => !key.startsWith("__"));
    return written([...first, ...state]);
  }

  function written(pairs) {
    const text = new URLSearchParams(pairs).toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    return text ? `?${text}` : "";
  }

  function moveTo(state, hash = location.hash) {
    history.replaceState(history.state, "", location.pathname + written([...own, ...state]) + hash);
    tellSpace();
  }

  // Which page of the hub this is, as the Space's page, which has one address, says it.
  function page() {
    const demo = location.pathname.slice(new URL(base()).pathname.length).replace(/\/$/, "");
    return demo ? [["demo", demo]] : [];
  }

  function link() {
    if (framed && space) return space + query(...page()) + location.hash;
    return location.origin + location.pathname + query() + location.hash;
  }

  // Where the Hub listens for it, the address of the Space's page follows ours.
  function tellSpace() {
    if (!framed || !space) return;
    window.parent.postMessage({ queryString: query(...page()), hash: location.hash }, new URL(space).origin);
  }

  // The gallery: search and tags, kept in the address.

  function gallery(form) {
    const input = form.elements.q;
    const cards = $$(".hub-card");
    const tags = $$(".hub-tag", form);
    const chosen = () => tags.filter((tag) => tag.getAttribute("aria-pressed") === "true").map((tag) => tag.dataset.tag);

    function read() {
      const query = new URLSearchParams(location.search);
      input.value = query.get("q") || "";
      const wanted = query.getAll("tag");
      tags.forEach((tag) => tag.setAttribute("aria-pressed", String(wanted.includes(tag.dataset.tag))));
    }

    function show() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = chosen();
      let seen = 0;
      for (const card of cards) {
        const has = card.dataset.tags.split(" ");
        card.hidden = !(words.every((word) => card.dataset.words.includes(word)) && wanted.every((tag) => has.includes(tag)));
        seen += !card.hidden;
      }
      const none = $(".hub-none");
      if (none && cards.length) none.hidden = seen > 0;
    }

    function changed() {
      const words = input.value.trim();
      moveTo([...(words ? [["q", words]] : []), ...chosen().map((tag) => ["tag", tag])], "");
      show();
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const left = cards.filter((card) => !card.hidden);
      if (left.length === 1) $("a", left[0]).click();
    });
    input.addEventListener("input", changed);
    tags.forEach((tag) => tag.addEventListener("click", () => {
      tag.setAttribute("aria-pressed", String(tag.getAttribute("aria-pressed") !== "true"));
      changed();
    }));
    $("[data-hub=clear]")?.addEventListener("click", () => {
      input.value = "";
      tags.forEach((tag) => tag.setAttribute("aria-pressed", "false"));
      changed();
      input.focus();
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(input|textarea|select)$/i.test(event.target.tagName) || event.target.isContentEditable;
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        input.focus();
      } else if (event.key === "Escape" && event.target === input) {
        input.value = "";
        changed();
      }
    });
    read();
    show();
  }

  // Code for one call: arguments is [[name, value]], a value of Waits standing for a file to hand over.

  class Waits {
    constructor(name, several) {
      this.name = name;
      this.several = several; // a list is taken
    }
    as(one) {
      return this.several ? `[${one}]` : one;
    }
  }
  const handled = (value) => value.as(`handle_file("${value.name}")`);

  function python(value) {
    if (value instanceof Waits) return handled(value);
    if (value === true) return "True";
    if (value === false) return "False";
    if (value === null) return "None";
    if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
    if (typeof value === "object") return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v)}`).join(", ")}}`;
    return JSON.stringify(value);
  }

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const fileNeeded = (given) => given.map(([, value]) => value).find((value) => value instanceof Waits);

  const CODE = {
    python(one, given) {
      const lines = given.map(([name, value]) => `    ${name}=${python(value)},`);
      return [
        `from gradio_client import Client${fileNeeded(given) ? ", handle_file" : ""}`, "",
        `client = Client("${base()}")`,
        "result = client.predict(", ...lines, `    api_name="/${one.api}",`, ")",
        "print(result)",
      ].join("\n");
    },
    javascript(one, given) {
      const lines = given.map(([name, value]) => `  ${name}: ${value instanceof Waits ? handled(value) : JSON.stringify(value)},`);
      const body = lines.length ? `{\n${lines.join("\n")}\n}` : "{}";
      return [
        `import { Client${fileNeeded(given) ? ", handle_file" : ""} } from "@gradio/client";`, "",
        `const client = await Client.connect("${base()}");`,
        `const result = await client.predict("/${one.api}", ${body});`,
        "console.log(result.data);",
      ].join("\n");
    },
    curl(one, given) {
      const file = fileNeeded(given);
      const members = given.map(([name, value]) =>
        `${JSON.stringify(name)}: ${value instanceof Waits ? value.as(`{"path": "'$FILE'", "meta": {"_type": "gradio.FileData"}}`) : JSON.stringify(value)}`);
      const json = `{${members.join(", ")}}`;
      const data = file
        ? `'${json.replace(/'(?!\$FILE')(?<!\$FILE')/g, "'\\''")}'`
        : quoted(json);
      return [
        `HUB=${base()}gradio_api`,
        ...(file ? [`FILE=$(curl -s "$HUB/upload" -F files=@${file.name} | cut -d'"' -f2)`] : []),
        `ID=$(curl -s "$HUB/call/v2/${one.api}" -d ${data} | cut -d'"' -f4)`,
        `curl -sN "$HUB/call/v2/${one.api}/$ID"`,
      ].join("\n");
    },
    shell(one, given) {
      const sets = given.map(([name, value]) => {
        const text = value instanceof Waits ? value.name : plain(value);
        return ` \\\n    --set ${/^[\w.,:@%+=/-]*$/.test(text) ? `${name}=${text}` : quoted(`${name}=${text}`)}`;
      });
      return `latenthub call ${spec.demo} ${one.name}${sets.join("")} \\\n    --out results`;
    },
    mcp(one, given) {
      const config = JSON.stringify({ mcpServers: { latenthub: { url: `${base()}gradio_api/mcp/` } } }, null, 2);
      const shown = Object.fromEntries(given.map(([name, value]) => [name, value instanceof Waits ? (value.several ? [`${base()}…`] : `${base()}…`) : value]));
      return `${config}\n\n// the tool for this, and its arguments\n${one.api} ${JSON.stringify(shown, null, 2)}`;
    },
  };
  const NOTES = {
    python: "pip install gradio_client",
    javascript: "npm install @gradio/client, in Node or a browser",
    curl: "The second request waits for the answer of the first, as server-sent events.",
    shell: "On the machine where the hub is installed; no server is needed.",
    mcp: () => (spec.mcp ? "Put the first part into your MCP client's settings." : "This hub is served without MCP now; start it with: latenthub serve --mcp"),
  };

  let spec = null;
  const state = { endpoint: null, language: "python", values: {} }; // values: by endpoint, its arguments

  function given(one) {
    const values = state.values[one.name] || {};
    const list = [];
    for (const parameter of one.parameters) {
      const value = values[parameter.name];
      if (value !== undefined && value !== null && value !== "") list.push([parameter.name, value]);
      else if (parameter.file && parameter.required) list.push([parameter.name, new Waits(parameter.file, parameter.several)]);
      else if (parameter.required) list.push([parameter.name, "…"]);
    }
    return list;
  }

  function showCode() {
    if (!spec) return;
    const one = spec.endpoints.find((each) => each.name === state.endpoint) || spec.endpoints[0];
    $("#hub-snippet code").textContent = CODE[state.language](one, given(one));
    const note = NOTES[state.language];
    $("[data-hub=note]").textContent = typeof note === "function" ? note() : note;
    $("[data-hub=about]").textContent = one.about;
    const select = $("[data-hub=endpoint]");
    if (select.value !== one.name) select.value = one.name;
    for (const tab of $$("[data-lang]")) {
      const on = tab.dataset.lang === state.language;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      if (on) $("#hub-snippet").setAttribute("aria-labelledby", tab.id);
    }
    const table = $("[data-hub=params]");
    table.hidden = !one.parameters.length;
    $("tbody", table).replaceChildren(...one.parameters.map((parameter) => {
      const row = document.createElement("tr");
      const standard = parameter.required ? "required" : JSON.stringify(parameter.default);
      for (const text of [parameter.name, parameter.takes, standard]) {
        row.append(Object.assign(document.createElement("td"), { textContent: text }));
      }
      return row;
    }));
  }

  function code(section) {
    spec = JSON.parse($("#hub-endpoints").textContent);
    const tab = new URLSearchParams(location.search).get("tab");
    const group = spec.groups.find((each) => tab && each.tab === tab);
    state.endpoint = group?.endpoint || spec.first || spec.endpoints[0].name;
    try { state.language = localStorage.getItem("latenthub-language") || "python"; } catch { /* the default */ }
    if (!CODE[state.language]) state.language = "python";

    const tabs = $$("[data-lang]", section);
    function choose(tab) {
      state.language = tab.dataset.lang;
      try { localStorage.setItem("latenthub-language", state.language); } catch { /* not kept */ }
      showCode();
    }
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = tabs[(i + step + tabs.length) % tabs.length];
        choose(next);
        next.focus();
      });
    });
    $("[data-hub=endpoint]").addEventListener("change", (event) => {
      state.endpoint = event.target.value;
      showCode();
    });
    showCode();
  }

  // The state of a page: called by the events that hub.site.share adds.

  // What a page does by itself while it opens is no reason to change its address.
  let touched = false;
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { touched = true; }, { capture: true });

  let waiting = null; // the state that the address will have
  let timer = null;
  function share(about, keys, values) {
    const pairs = keys.map((key, i) => [key, values[i]]).filter(([, value]) => value !== null && value !== undefined); // "" may be a choice that is not the default
    if (touched) waiting = [...(about.tab ? [["tab", about.tab]] : []), ...pairs];
    clearTimeout(timer); // browsers limit how often the address may change
    timer = setTimeout(settle, 150);
    if (!spec || !about.endpoint) return;
    const group = spec.groups.find((each) => each.endpoint === about.endpoint && each.tab === about.tab);
    const one = spec.endpoints.find((each) => each.name === about.endpoint);
    const mapped = {};
    for (const parameter of one?.parameters || []) {
      const at = keys.indexOf(group?.arguments[parameter.name] || parameter.name);
      if (at >= 0) mapped[parameter.name] = values[at];
    }
    state.endpoint = about.endpoint;
    state.values[about.endpoint] = mapped;
    showCode();
  }
  function settle() {
    if (waiting) moveTo(waiting);
    waiting = null;
  }
  window.latenthub = { share };

  // What is clicked anywhere.

  document.addEventListener("click", (event) => {
    const what = event.target.closest("[data-hub]")?.dataset.hub;
    if (what === "theme") window.latenthubTheme.toggle();
    if (what === "copy-link") {
      settle();
      copy(link(), "Link copied");
    }
    if (what === "copy-code") copy($("#hub-snippet code").textContent, "Code copied");
    const anchor = event.target.closest("a[href]");
    if (!anchor || event.defaultPrevented) return;
    if (anchor.origin !== location.origin) {
      if (framed && !anchor.target) anchor.target = "_blank"; // few sites may be shown in a frame
      return;
    }
    // the page's base is the site's root, and a plain anchor would lose the state in the address
    if (anchor.hash && anchor.pathname === location.pathname) {
      const target = document.getElementById(anchor.hash.slice(1));
      if (!target) return;
      event.preventDefault();
      history.replaceState(history.state, "", location.pathname + location.search + anchor.hash);
      tellSpace();
      target.scrollIntoView();
      target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
      return;
    }
    const plainly = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (own.length && plainly && !anchor.target && !anchor.download) {
      const next = new URL(anchor.href);
      for (const [key, value] of own) next.searchParams.set(key, value);
      event.preventDefault();
      location.assign(next);
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const form = $("[data-hub=find]");
    if (form) gallery(form);
    const section = $("[data-hub=use]");
    if (section) code(section);
    tellSpace();
  });
})();
