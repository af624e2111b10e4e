const button = byId("revoke");
const send = async () => conclude(await press("revoke", {}, "revoked"), "revoked");

button.addEventListener("click", (event) => alone(event, button, byId("status"), send));
