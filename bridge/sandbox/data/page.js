// Fetches what changed each second, and shows times in the reader's own zone. The page works without it.
"use strict";

function localise(root) {
  for (const node of root.querySelectorAll("time")) {
    const moment = new Date(node.dateTime);
    const second = node.dataset.form.includes("%S") ? { second: "2-digit" } : {};
    node.textContent = moment.toLocaleTimeString([], { hour: "numeric", minute: "2-digit", ...second });
    node.title = moment.toLocaleString();
  }
}

async function refresh() {
  const board = document.getElementById("board");
  try {
    const answer = await fetch("/?version=" + encodeURIComponent(board.dataset.version));
    document.body.classList.toggle("away", !answer.ok);
    if (answer.status !== 200) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("board");
    const open = [...board.querySelectorAll("details")].map((node) => node.open);
    made.querySelectorAll("details").forEach((node, index) => { node.open = Boolean(open[index]); });
    localise(made);
    board.replaceWith(document.adoptNode(made));
  } catch {
    document.body.classList.add("away");
  }
}

localise(document);
setInterval(refresh, 1000);
