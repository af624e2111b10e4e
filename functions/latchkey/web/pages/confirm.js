function offer(answer, view) {
  const button = byId(answer);
  const give = async () => conclude(await press("confirm", { answer }, view), view);
  button.addEventListener("click", (event) => alone(event, button, byId("status"), give));
}

offer("yes", "confirmed");
offer("no", "declined");
