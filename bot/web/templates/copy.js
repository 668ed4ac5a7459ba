"use strict";
// Copies a field of the form; where the clipboard is not allowed, the field is selected so that the keyboard can copy it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "\u2713";
  } catch {
    field.focus();
  }
});
