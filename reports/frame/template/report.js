// Small services, none needed to read the report: a search, a menu on small screens, tables that sort,
// filter and unfold, what is wide scrolling by keyboard, and the side contents that follow the reader.
"use strict";

// The page's language; a word may have places, {name}, to fill in.
const WORDS = JSON.parse(document.getElementById("words").textContent);

function say(word, filled = {}) {
  return WORDS[word].replace(/\{(\w+)\}/g, (_, name) => filled[name]);
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function sortValue(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function isMissing(row, column) {
  const raw = row.cells[column].dataset.value;
  return raw === "" || row.cells[column].textContent.trim() === "–";
}

function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((one, other) => {
    const missing = isMissing(one, column) - isMissing(other, column);
    if (missing) return missing; // unknown values stay last either way
    const a = sortValue(one, column), b = sortValue(other, column);
    const order = typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), document.documentElement.lang, { numeric: true });
    return direction === "ascending" ? order : -order;
  });
  body.append(...rows);
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const name = head.textContent.trim();
    const button = make("button", { type: "button", className: "pm-sort", ariaLabel: say("sort-by", { name }) });
    head.append(button); // the heading itself stays text: browsers print no buttons in repeated heads
    head.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      sortBy(table, column, direction);
    });
  });
}

function makeFilters(table) {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  const status = make("p", { className: "pm-status" });
  status.setAttribute("role", "status");
  const search = make("input", { type: "search", autocomplete: "off" });
  const choices = heads.flatMap((head, column) => {
    if (!head.dataset.filter) return [];
    const parts = (row) => row.cells[column].textContent.trim()
      .split(head.dataset.filter === "list" ? " + " : "\u0000");
    const values = [...new Set(rows.flatMap(parts))].sort((a, b) =>
      a.localeCompare(b, document.documentElement.lang, { numeric: true }));
    const select = make("select", {}, make("option", { value: "" }, say("all")),
      ...values.map((value) => make("option", { value: "=" + value }, value)));
    return [{ name: head.textContent.trim(), select, parts }];
  });
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const asked = words.length > 0 || choices.some(({ select }) => select.value);
    if (asked) table.unfold?.();
    let shown = 0;
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && choices.every(
        ({ select, parts }) => !select.value || parts(row).includes(select.value.slice(1))));
      shown += !row.hidden;
    });
    status.textContent = asked ? say("rows-shown", { shown, rows: rows.length }) : "";
  };
  const reset = make("button", { type: "button", className: "pm-reset" }, say("show-all"));
  reset.addEventListener("click", () => {
    search.value = "";
    choices.forEach(({ select }) => { select.value = ""; });
    apply();
  });
  search.addEventListener("input", apply);
  choices.forEach(({ select }) => select.addEventListener("change", apply));
  const bar = make("div", { className: "pm-filters" },
    make("label", {}, make("span", {}, say("search")), search),
    ...choices.map(({ name, select }) => make("label", {}, make("span", {}, name), select)),
    reset, status);
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", say("rows-to-show"));
  (table.closest(".pm-frame") || table).before(bar);
  apply();
}

function followReader() {
  const links = new Map([...document.querySelectorAll("nav.side a[href^='#sec'], nav.side li li a")]
    .map((link) => [link.hash.slice(1), link]));
  const places = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    const current = places.filter((place) => place.getBoundingClientRect().top < 160).pop();
    links.forEach((link, id) => {
      const here = current && id === current.id;
      if (here && !link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "location");
        const side = link.closest("nav"), top = link.offsetTop;
        if (top < side.scrollTop + 60 || top > side.scrollTop + side.clientHeight - 80) {
          side.scrollTop = top - side.clientHeight / 3;
        }
      } else if (!here) link.removeAttribute("aria-current");
    });
    document.querySelectorAll("nav.side > ol > li").forEach((item) =>
      item.classList.toggle("open", item.querySelector("[aria-current]") !== null));
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();
}

const SCROLLING = ".pm-scroll, .pm-equation";

function letScroll(frame) {
  const more = frame.scrollWidth - frame.clientWidth;
  if (more > 1) frame.tabIndex = 0;
  else frame.removeAttribute("tabindex");
  frame.parentElement.classList.toggle("pm-more", more - frame.scrollLeft > 2);
}

function letAllScroll() {
  document.querySelectorAll(SCROLLING).forEach(letScroll);
}

// Long tables show their first rows until the reader asks for all, or filters them.
function foldRows(table) {
  const rows = table.tBodies[0].rows.length, first = 20;
  const button = make("button", { type: "button", className: "pm-unfold" });
  const fold = (folded) => {
    table.classList.toggle("pm-folded", folded);
    button.textContent = folded ? say("unfold", { rows }) : say("fold", { rows: first });
    button.setAttribute("aria-expanded", String(!folded));
  };
  button.addEventListener("click", () => fold(!table.classList.contains("pm-folded")));
  table.closest(".pm-frame").after(button);
  table.unfold = () => { fold(false); };
  fold(true);
}

function makeMenu() {
  const bar = document.querySelector(".bar"), side = document.querySelector("nav.side");
  if (!bar) return;
  const button = bar.querySelector("button");
  const show = (open) => {
    side.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  bar.hidden = false;
  button.addEventListener("click", () => show(!side.classList.contains("open")));
  side.addEventListener("click", (event) => { if (event.target.closest("a")) show(false); });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !side.classList.contains("open")) return;
    show(false);
    button.focus();
  });
}

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Everything a reader can see, in pieces that a search can lead to, with the heading above each.
function pieces() {
  const found = [];
  let heading = "";
  const kinds = "h2, h3, h4, p, li, dt, dd, figcaption, tbody tr, .pm-figure svg";
  document.querySelectorAll(`main :is(${kinds})`).forEach((element) => {
    if (element.closest(".contents, .pm-paper, .pm-print-note, .pm-filters") || element.querySelector("p, li")) return;
    const parts = element.matches("tr") ? [...element.cells]
      : element.matches("svg") ? [...element.querySelectorAll("text")] : [element];
    const text = parts.map((part) => part.textContent.trim()).join(" · ").replace(/\s+/g, " ");
    if (element.matches("h2, h3, h4")) heading = text;
    if (text) found.push({ element, text, plain: plain(text), heading });
  });
  return found;
}

function unfold(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}

// A link may lead into what is folded, as to a work in the list of references.
function unfoldTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target?.closest("details:not([open])")) return;
  unfold(target);
  target.scrollIntoView();
}

function goTo(element) {
  unfold(element);
  element.closest("table")?.unfold?.();
  element.scrollIntoView({ block: "center" });
  document.querySelectorAll(".pm-hit").forEach((other) => other.classList.remove("pm-hit"));
  element.classList.add("pm-hit");
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

function snippet(text, words) {
  const near = Math.min(...words.map((word) => plain(text).indexOf(word))) - 40;
  const room = text.indexOf(" ", near); // Chinese has none between words
  const at = near <= 0 ? 0 : room < 0 || room > near + 20 ? near : room + 1;
  const cut = (at ? "… " : "") + text.slice(at, at + 140) + (at + 140 < text.length ? " …" : "");
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return cut.split(new RegExp(`(${escaped.join("|")})`, "i")).map((part, index) =>
    index % 2 ? make("mark", {}, part) : part);
}

function makeSearch() {
  const title = document.querySelector(".side-title"), most = 40;
  if (!title) return;
  let all = null;
  const input = make("input", { type: "search", id: "find", autocomplete: "off" });
  const label = make("label", { htmlFor: "find" }, say("find"));
  const status = make("p"), list = make("ol");
  status.setAttribute("role", "status");
  input.addEventListener("input", () => {
    all ??= pieces();
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    const asked = input.value.trim().length > 1;
    const found = asked ? all.filter((piece) => words.every((word) => piece.plain.includes(word))) : [];
    const counts = { found: found.length, shown: most };
    status.textContent = asked ? say(found.length > most ? "found-first" : "found", counts) : "";
    list.replaceChildren(...found.slice(0, most).map(({ element, text, heading }) => {
      const link = make("a", { href: "#main" }, make("small", {}, heading), ...snippet(text, words));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        setTimeout(() => goTo(element)); // once the menu of a small screen is gone
      });
      return make("li", {}, link);
    }));
  });
  const box = make("div", { className: "find" }, label, input, status, list);
  box.setAttribute("role", "search");
  title.after(box);
}

document.querySelectorAll("table.pm-sortable").forEach((table) => {
  makeFilters(table);
  makeSortable(table);
});
document.querySelectorAll("table.pm-many").forEach(foldRows);
unfoldTarget();
addEventListener("hashchange", unfoldTarget);
makeMenu();
makeSearch();
followReader();
letAllScroll();
addEventListener("resize", letAllScroll);
document.addEventListener("scroll", ({ target }) => {
  if (target.matches?.(SCROLLING)) letScroll(target); // the page itself scrolls far more often
}, { capture: true, passive: true });
document.addEventListener("toggle", letAllScroll, true);
addEventListener("beforeprint", () =>
  document.querySelectorAll(".contents details, .pm-list").forEach((fold) => { fold.open = true; }));
