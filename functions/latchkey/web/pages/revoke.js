const button = byId("revoke");
const revoke = async () => conclude(await press("revoke", {}, "revoked"), "revoked");

button.addEventListener("click", (event) => alone(event, button, byId("status"), revoke));
