// One anonymous client inside every documented limit: 20 messages a second of as many bad names as fit into each, on one
// connection, which it opens again whenever it is closed. `node flooding-client.mjs ws://…`; goes on until it is killed.
import { WebSocket } from "ws";

const url = process.argv[2];
const names = Array.from({ length: 1_000 }, (_, at) => `${String(at)}${"\u0001".repeat(8)}`);
const requests = [
  { op: "subscribe", id: 1, channels: names },
  { op: "unsubscribe", id: 2, channels: names },
  { op: "subscribe", id: 3, channels: Array.from({ length: 15_000 }, () => "") },
].map((request) => JSON.stringify(request));

function flood() {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let at = 0;
  const send = () => socket.send(requests[at++ % requests.length]);
  let timer;
  socket.on("open", () => {
    // a second's worth at once, then at the rate
    for (let count = 0; count < 19; count++) send();
    timer = setInterval(send, 50);
  });
  socket.on("message", () => {});
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(timer);
    setTimeout(flood, 20);
  });
}

flood();
