// Functions that the tests of this folder run in a page.
({
  // Draw a card, and return what leaves its box or is cut off.
  draw([card, theme, width]) {
    document.documentElement.dataset.theme = theme;
    const box = document.createElement("div");
    box.className = "cardbox";
    box.style.width = `${width}px`;
    box.append(window.drawn(card, theme, () => {}));
    document.querySelector("main").replaceChildren(box);
    for (const button of box.querySelectorAll("[aria-expanded=false]")) button.click();
    const edge = box.getBoundingClientRect();
    const out = [];
    for (const node of box.querySelectorAll("*")) {
      const at = node.getBoundingClientRect();
      if (!at.width || !at.height) continue;
      const cut = getComputedStyle(node).overflowX !== "visible"
        && node.scrollWidth > node.clientWidth + 1 && !node.matches("input, textarea, select, select *");
      if (at.right > edge.right + 1 || at.left < edge.left - 1 || cut)
        out.push(`${node.className || node.tagName}: ${node.textContent.slice(0, 60)}`);
    }
    return { out, empty: !box.textContent.trim(), height: edge.height };
  },

  // Press a button of a card with every field empty, and return what is sent.
  pressed([card, title]) {
    const sent = [];
    const box = window.drawn(card, "light", ({ data, inputs }) => sent.push({ data, inputs }));
    document.querySelector("main").replaceChildren(box);
    for (const field of box.querySelectorAll("input")) {
      field.value = "";
      field.dispatchEvent(new Event("input"));
    }
    [...box.querySelectorAll("button")].find((each) => each.textContent === title).click();
    return sent;
  },

  // One card at each width, side by side, alone on the page.
  group([name, card, theme, widths, gap]) {
    document.documentElement.dataset.theme = theme;
    const boxes = document.createElement("div");
    Object.assign(boxes.style, { display: "flex", gap: `${gap}px`, alignItems: "start", width: "max-content", padding: `${gap}px` });
    for (const width of widths) {
      const box = document.createElement("figure"), said = document.createElement("figcaption");
      Object.assign(box.style, { margin: 0, width: `${width}px` });
      Object.assign(said.style, { font: "600 18px/28px sans-serif", whiteSpace: "nowrap", overflow: "hidden" });
      said.textContent = `${name}, ${width}`;
      const shown = document.createElement("div");
      shown.className = "cardbox";
      shown.append(window.drawn(card, theme, () => {}));
      box.append(said, shown);
      boxes.append(box);
    }
    const main = document.querySelector("main");
    Object.assign(main.style, { display: "block", height: "auto", padding: "0" });
    main.replaceChildren(boxes);
    scrollTo(0, 0);
    return [boxes.offsetWidth, boxes.offsetHeight, boxes.querySelectorAll(".cardbox").length];
  },

  // Words of letters that begin on one line and end on another. An address or an id may break, a
  // word may not.
  broken() {
    const found = [], range = document.createRange();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode;
      if (!node.parentElement.checkVisibility() || node.parentElement.closest(".vh")) continue;
      for (const word of node.data.matchAll(/(?<![^\s(„“"'])\p{L}{2,24}(?![^\s),.:;!?“”"'])/gu)) {
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const tops = [...range.getClientRects()].filter((at) => at.width > 0.5).map((at) => at.top);
        if (tops.length && Math.max(...tops) - Math.min(...tops) > 4) found.push(word[0]);
      }
    }
    return found;
  },

  // Every text in sight but portals, words of people, and what stands in a fixed-width font: ids,
  // addresses, commands, and the replies of services.
  texts() {
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const parent = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
      if (!text || parent.closest("#clouds, .words, code, script, style")) continue;
      if (!parent.checkVisibility() || /mono/i.test(getComputedStyle(parent).fontFamily)) continue;
      found.push(text.replace(/\s+/g, " "));
    }
    for (const node of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
      if (node.closest("#clouds") || !node.checkVisibility()) continue;
      for (const name of ["aria-label", "placeholder", "title"]) found.push(node.getAttribute(name) || "");
    }
    return found;
  },
})
