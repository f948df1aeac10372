// The tests of clients once more, on the other library.
process.env.TICKPLANT_TEST_SOCKETS = "ws";
await import("./websocket.test.js");
await import("./slow-client.test.js");
await import("./flood.test.js");
