const button = byId("revoke");

button.addEventListener("click", () =>
  alone(button, byId("status"), async () => conclude(await post("revoke", { ph, rs }), "revoked")),
);
