// Three small services, none needed to read the report: tables that sort and filter, wide tables
// that scroll by keyboard, and the side contents that follow the reader.
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
    let shown = 0;
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && choices.every(
        ({ select, parts }) => !select.value || parts(row).includes(select.value.slice(1))));
      shown += !row.hidden;
    });
    status.textContent = say("rows-shown", { shown, rows: rows.length });
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
  (table.closest(".pm-scroll") || table).before(bar);
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

function letScroll() {
  document.querySelectorAll(".pm-scroll, .pm-equation").forEach((frame) => {
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
    else frame.removeAttribute("tabindex");
  });
}

document.querySelectorAll("table.pm-sortable").forEach((table) => {
  makeFilters(table);
  makeSortable(table);
});
followReader();
letScroll();
addEventListener("resize", letScroll);
document.addEventListener("toggle", letScroll, true);
