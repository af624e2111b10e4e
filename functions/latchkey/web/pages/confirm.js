function offer(answer, view) {
  const button = byId(answer);
  const send = async () => conclude(await post("confirm", { ph, rs, answer }), view);
  button.addEventListener("click", () => alone(button, byId("status"), send));
}

offer("yes", "confirmed");
offer("no", "declined");
