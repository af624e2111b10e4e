function offer(answer, view) {
  const button = byId(answer);
  const send = async () => conclude(await press("confirm", { answer }, view), view);
  button.addEventListener("click", (event) => alone(event, button, byId("status"), send));
}

offer("yes", "confirmed");
offer("no", "declined");
