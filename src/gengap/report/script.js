// Sorts tables by a column and opens what is folded when the page is printed.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.v ?? cell.firstChild?.textContent ?? "").trim();
  };
  const number = (text) => parseFloat(text.replaceAll(",", "").replaceAll("−", "-"));
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    const text = heading.classList.contains("t");
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      const direction = now ? (now === "ascending" ? -1 : 1) : text ? 1 : -1;
      const rows = [...table.tBodies[0].rows];
      rows.sort((first, second) => {
        const a = value(first, column), b = value(second, column);
        if (text) return direction * a.localeCompare(b, undefined, { numeric: true });
        const x = number(a), y = number(b);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return direction * (x - y);
      });
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  });
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
