/** Runs in the page: everything that a page can send to another origin. @returns what of the answers it could read */
export async function tryEverything({ targets, webSocketUrl }) {
  const read = [];
  const tried = async (what, work) => {
    const answer = await work().catch(() => undefined);
    if (answer !== undefined) read.push(`${what}: ${String(answer).slice(0, 80)}`);
  };
  const text = async (response) => (response.type === "opaque" ? undefined : response.text());
  const loads = (element, url) =>
    new Promise((resolve, reject) => {
      element.onload = () => resolve("loaded");
      element.onerror = () => reject(new Error("not loaded"));
      element.src = url;
      document.body.append(element);
    });
  for (const { url, path, body } of targets) {
    const all = url + path;
    await tried(`GET ${all}`, async () => text(await fetch(all)));
    await tried(`no-cors GET ${all}`, async () => text(await fetch(all, { mode: "no-cors" })));
    await tried(`no-cors POST ${all}`, async () => text(await fetch(all, { method: "POST", mode: "no-cors", body })));
    await tried(`JSON POST ${all}`, async () =>
      text(await fetch(all, { method: "POST", body, headers: { "content-type": "application/json" } })),
    );
    await tried(`with a key ${all}`, async () =>
      text(await fetch(all, { method: "POST", body, headers: { authorization: "Bearer guessed-by-nobody" } })),
    );
    await tried(`image ${all}`, () => loads(new Image(), all));
    await tried(`script ${all}`, () => loads(document.createElement("script"), all));
    navigator.sendBeacon(all, body);
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: all, target: "frame", enctype: "text/plain" });
    const frame = document.createElement("iframe");
    frame.name = "frame";
    document.body.append(form, frame);
    form.submit();
    await new Promise((resolve) => {
      frame.onload = resolve;
      setTimeout(resolve, 2_000);
    });
    await tried(`frame ${all}`, async () => frame.contentDocument?.body.textContent || undefined);
    frame.remove();
  }
  await tried(
    "WebSocket",
    () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(webSocketUrl);
        socket.onmessage = ({ data }) => resolve(data);
        socket.onerror = () => reject(new Error("refused"));
      }),
  );
  return read;
}
