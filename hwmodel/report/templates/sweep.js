// Sorts the table of points by a column; without this, it stands in the order of the sweep's file.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const key = (row, at) => {
    const cell = row.cells[at];
    if (!cell || cell.colSpan > 1) return null;
    const text = cell.dataset.sort ?? cell.textContent.trim().replace(/,/g, "");
    const number = Number.parseFloat(text);
    return /^[-+]?[\d.]/.test(text) && !Number.isNaN(number) ? number : text === "-" || text === "" ? null : text;
  };
  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other
    : typeof one === typeof other ? one.localeCompare(other) : typeof one === "number" ? -1 : 1;
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.ariaSort === "ascending";
      const rows = [...body.rows].map(row => [key(row, at), row]);
      // What is not known stands last, whichever way.
      rows.sort(([one], [other]) => one === null || other === null ? (one === null) - (other === null)
                                    : down ? compare(other, one) : compare(one, other));
      body.append(...rows.map(pair => pair[1]));
      for (const one of heads) one.ariaSort = one === head ? (down ? "descending" : "ascending") : null;
    });
  });
}
