// Shows the picture that was chosen before it is sent.
"use strict";

const input = document.querySelector("input[type=file]");
const preview = document.querySelector(".preview");

input.addEventListener("change", () => {
  const [file] = input.files;
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.style.display = file ? "block" : "none";
  if (file) preview.src = URL.createObjectURL(file);
});
