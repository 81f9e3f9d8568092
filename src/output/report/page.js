"use strict";
// Sorts a table by the column whose heading is clicked, or has the focus when Enter is pressed.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const key = (row, column) => {
    const cell = row.cells[column];
    const rank = cell.dataset.n;
    return rank === undefined ? cell.textContent : Number(rank);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : typeof a === "number" ? 1
      : typeof b === "number" ? -1
      : a.localeCompare(b);
  const sort = (heading, column) => {
    const first = heading.classList.contains("n") ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    headings.forEach((h) => h.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort((a, b) => sign * compare(a[0], b[0]));
    body.append(...rows.map((row) => row[1]));
  };
  table.classList.add("sorts");
  headings.forEach((heading, column) => {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(heading, column));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort(heading, column);
    });
  });
}
