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
  const { message } = await response.json();
  complain(message || "Please check what you entered.");
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  complain(field.value.trim() ? "" : "Please enter your email address or user name.");
  if (field.ariaInvalid === "false") alone(byId("send"), byId("status"), request);
});
