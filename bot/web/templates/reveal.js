"use strict";
// Shows the answer to the form in this page, so that nobody waits for another one. Without this script the
// browser sends the form itself. The focus goes to the new heading, so that a screen reader reads it.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-here]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    document.querySelector("main").replaceWith(page.querySelector("main"));
    const heading = document.querySelector("h1");
    heading.tabIndex = -1;
    heading.focus();
  } catch {
    button.disabled = false;
  }
});
