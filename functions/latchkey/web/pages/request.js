const field = byId("user");

// What proves who asks; filled in where people sign in first.
const credentials = {};

async function request() {
  // Asked only where a directory is there beside the account.
  const chosen = document.querySelector("input[name=account]:checked")?.value;
  const more = chosen === "unlock" ? { account: "directory", wish: chosen } : { account: chosen };
  const response = await post("generate", { user: field.value.trim(), ...more }, credentials);
  if (response.ok) return show("submitted");
  if (response.status === 401 && byId("sign-in")) return show("sign-in");
  if (response.status !== 400) return explain(response);
  complain("user", words.userWrong);
}

byId("form").addEventListener("submit", (event) => event.preventDefault());
// The click, not the submission: the browser makes one for the Enter key too, and says whether a person was behind it.
byId("send").addEventListener("click", (event) => {
  const given = field.value.trim() !== "";
  complain("user", given ? "" : words.userMissing);
  if (given) alone(event, byId("send"), byId("status"), request);
});
