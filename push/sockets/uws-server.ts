import type * as uws from "uWebSockets.js";
import { CannotListen } from "../../infra/cannot-listen.js";
import { statusLine } from "../../infra/http-door.js";
import type { GuardedRequest } from "../../infra/http-guard.js";
import {
  answerText,
  firstProtocol,
  type HttpAnswer,
  type OpenSockets,
  plainAddress,
  type ServerSocket,
  type SocketHandlers,
  type SocketListener,
  type SocketOptions,
} from "./socket-server.js";

/** The library, by whichever package brought a binary that runs here. */
export type UwsLibrary = typeof uws;

/** The library's types leave these out as values. */
interface Constants {
  readonly SHARED_COMPRESSOR: number;
  readonly DISABLED: number;
}

interface Session {
  readonly address: string;
  listener: SocketListener;
  open: boolean;
  /** The library says by its answer and by an event that a text was dropped; who sends has the answer. */
  sending: boolean;
}

/** Sockets by uWebSockets.js: what is published is framed once, for however many sockets, in native code. */
export function uwsSockets(library: UwsLibrary): OpenSockets {
  return async (options, handlers) => {
    const app = library.App();
    app.ws<Session>("/*", behavior(library, options, handlers));
    app.any("/*", (response, request) => end(response, handlers.answer(guarded(request))));
    const door = await listen(app, options);
    const port = library.us_socket_local_port(door as unknown as uws.us_socket);
    let isOpen = true;
    const refuseMore = () => {
      if (isOpen) library.us_listen_socket_close(door);
      isOpen = false;
    };
    return {
      port,
      publish: (topic, text) => {
        const copies = app.numSubscribers(topic);
        if (copies > 0) app.publish(topic, text, false, options.deflate);
        return copies;
      },
      refuseMore,
      stop: async () => {
        refuseMore();
        app.close();
      },
    };
  };
}

function listen(app: uws.TemplatedApp, { host, port }: SocketOptions): Promise<uws.us_listen_socket> {
  return new Promise((resolve, reject) => {
    (app as unknown as ListensAlone).listen(host, port, exclusivePort, (door) => {
      if (door === false) reject(new CannotListen("the WebSocket server", host, port, "push.webSocketPort"));
      else resolve(door);
    });
  });
}

/** Without it a second plant would share the port, and each get some of the clients. The types leave this form out. */
const exclusivePort = 1;
interface ListensAlone {
  listen(host: string, port: number, options: number, done: (door: uws.us_listen_socket | false) => void): void;
}

function behavior(
  library: UwsLibrary,
  options: SocketOptions,
  handlers: SocketHandlers,
): uws.WebSocketBehavior<Session> {
  const { SHARED_COMPRESSOR, DISABLED } = library as unknown as Constants;
  return {
    compression: options.deflate ? SHARED_COMPRESSOR : DISABLED,
    maxPayloadLength: options.messageBytes,
    maxBackpressure: options.droppedBytes,
    idleTimeout: options.idleSeconds,
    sendPingsAutomatically: true,
    upgrade: (response, request, context) => {
      const address = plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString());
      const refusal = handlers.admit(guarded(request), address);
      if (refusal !== undefined) {
        end(response, refusal);
        return;
      }
      response.upgrade(
        { address, open: false, sending: false } as Session,
        request.getHeader("sec-websocket-key"),
        firstProtocol(request.getHeader("sec-websocket-protocol")),
        request.getHeader("sec-websocket-extensions"),
        context,
      );
    },
    open: (ws) => {
      const session = ws.getUserData();
      session.open = true;
      session.listener = handlers.opened(socket(ws, session, options.deflate));
    },
    message: (ws, message) => ws.getUserData().listener.message(message),
    drain: (ws) => ws.getUserData().listener.drained(),
    dropped: (ws) => {
      // This may be called from within a publish: leaving topics there would pull the list from under it.
      const session = ws.getUserData();
      if (session.sending) return;
      setImmediate(() => {
        if (session.open) session.listener.overflowed();
      });
    },
    close: (ws) => {
      const session = ws.getUserData();
      session.open = false;
      session.listener.closed();
    },
  };
}

function guarded(request: uws.HttpRequest): GuardedRequest {
  const query = request.getQuery();
  return {
    method: request.getCaseSensitiveMethod(),
    target: query === "" || query === undefined ? request.getUrl() : `${request.getUrl()}?${query}`,
    header: (name) => request.getHeader(name),
  };
}

function end(response: uws.HttpResponse, answer: HttpAnswer): void {
  response.cork(() => {
    response.writeStatus(statusLine(answer.status)).writeHeader("content-type", "application/json; charset=utf-8");
    response.end(answerText(answer), true);
  });
}

function socket(ws: uws.WebSocket<Session>, session: Session, compress: boolean): ServerSocket {
  return {
    address: session.address,
    send: (text) => {
      if (!session.open) return false;
      session.sending = true;
      const status = ws.send(text, false, compress);
      session.sending = false;
      return status !== 2;
    },
    join: (topic) => {
      if (session.open) ws.subscribe(topic);
    },
    leave: (topic) => {
      if (session.open) ws.unsubscribe(topic);
    },
    buffered: () => (session.open ? ws.getBufferedAmount() : 0),
    together: (sends) => {
      if (session.open) ws.cork(sends);
    },
    close: ({ code, text }) => {
      if (session.open) ws.end(code, text);
    },
  };
}
