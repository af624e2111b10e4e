const field = byId("user");

function complain(sentence) {
  byId("user-error").textContent = sentence;
  field.ariaInvalid = String(sentence !== "");
  if (sentence) field.focus();
}

async function request() {
  const response = await post("generate", { user: field.value.trim() });
  if (response.ok) return show("submitted");
  if (response.status !== 400) return explain(response);
  complain(words.userWrong);
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  complain(field.value.trim() ? "" : words.userMissing);
  if (field.ariaInvalid === "false") alone(byId("send"), byId("status"), request);
});
