import kafkajs from "kafkajs";
import { endSilentConnection, Handshakes } from "./handshake.js";
import { soonest } from "./in-time.js";
import {
  type BrokerPool,
  type ConnectionPool,
  destroyConnection,
  type KafkaBroker,
  type KafkaCluster,
  type KafkaConnection,
} from "./kafkajs-internals.js";

const { KafkaJSConnectionError } = kafkajs;
/** Which its types leave out. */
const { KafkaJSConnectionClosedError } = kafkajs as unknown as {
  KafkaJSConnectionClosedError: new (message: string, place: Place) => Error;
};

/** How long a connection that is ended in peace waits for answers. */
const FAREWELL_MS = 2_000;
/** A broker that owes an answer for so long is asked last, where others can be asked. */
const SLOW_MS = 1_500;

const closed = new WeakSet<KafkaCluster>();

/**
 * Mends how kafkajs treats connections, for every request over a cluster. As it comes, a connection whose handshake timed
 * out counts as connected, every call over it fails, and it is never made anew; a connection object goes on with what its
 * former socket left behind; logging in and ending may take for ever; one broker that hangs fails what another could
 * answer. Here a connection is one socket's, a broker is connected when its handshake is through, whatever fails or
 * times out is thrown away whole, and each step has an end.
 */
export function soundCluster(cluster: KafkaCluster): KafkaCluster {
  const { brokerPool } = cluster;
  soundPools(brokerPool);
  const { createBroker } = brokerPool;
  brokerPool.createBroker = (options) =>
    // of each broker its own versions, not those of the first one that was met
    soundBroker(createBroker({ ...options, versions: null }), brokerPool, () => closed.has(cluster));
  soundChoice(brokerPool);
  // a broker makes its own connections anew: it need not be taken out
  cluster.removeBroker = ({ host, port }) => {
    for (const broker of brokersOf(brokerPool)) {
      const { connectionPool } = broker;
      if (connectionPool.host === host && connectionPool.port === port) destroyPool(connectionPool);
    }
    brokerPool.metadataExpireAt = null;
  };
  return cluster;
}

/** Ends a cluster for good: nothing waits any more, and what still tries to connect is refused. */
export function abandonCluster(cluster: KafkaCluster): void {
  closed.add(cluster);
  for (const { connectionPool } of brokersOf(cluster.brokerPool)) destroyPool(connectionPool);
}

function brokersOf({ brokers, seedBroker }: BrokerPool): Set<KafkaBroker> {
  const found = new Set(Object.values(brokers));
  if (seedBroker !== undefined) found.add(seedBroker);
  return found;
}

function destroyPool({ pool, host, port }: ConnectionPool): void {
  const why = new KafkaJSConnectionClosedError("the connection was given up", { host, port });
  for (const connection of pool) destroyConnection(connection, why);
}

/** Each pool that is built makes a connection anew where the last one is over. */
function soundPools({ connectionPoolBuilder: builder }: BrokerPool): void {
  const build = builder.build;
  builder.build = async (place) => {
    const made = await build(place);
    const { host, port, rack } = made;
    const fresh = async (index: number) => (await build({ host, port, rack: rack ?? null })).pool[index]!;
    for (const connection of made.pool) soundConnection(connection);
    const connecting: (Promise<KafkaConnection> | undefined)[] = [];
    const handshakes = new Handshakes();
    const connect = async (index: number): Promise<KafkaConnection> => {
      const former = made.pool[index]!;
      const connection = soundConnection(await fresh(index));
      connection.setVersions(former.versions);
      connection.setSupportAuthenticationProtocol(former.getSupportAuthenticationProtocol());
      // from here on it is ended with the pool
      made.pool[index] = connection;
      await handshakes.wait(connection.connect(), [former], (afterMs) => tookTooLong(connection, afterMs));
      return connection;
    };
    made.getConnection = async (index = 0) => {
      const connection = made.pool[index]!;
      if (connection.isConnected()) return connection;
      connecting[index] ??= connect(index).finally(() => {
        connecting[index] = undefined;
      });
      return connecting[index];
    };
    return made;
  };
}

function soundConnection(connection: KafkaConnection): KafkaConnection {
  connection.isConnected = () => connection.connectionStatus === "connected";
  const { requestQueue } = connection;
  const place = { host: connection.host, port: connection.port };
  connection.disconnect = async () => {
    if (connection.isConnected()) {
      connection.connectionStatus = "disconnecting";
      await soonest(requestQueue.waitForPendingRequests(), FAREWELL_MS);
    }
    destroyConnection(connection, new KafkaJSConnectionClosedError("the connection was ended", place));
    return true;
  };
  const authenticate = connection.authenticate.bind(connection);
  connection.authenticate = async () => {
    if (!connection.sasl || connection.isAuthenticated()) return;
    await new Handshakes().wait(authenticate(), [], (afterMs) => tookTooLong(connection, afterMs));
  };
  const send = connection.send.bind(connection);
  connection.send = async (request) => {
    // kafkajs would log in without an end
    if (connection.isConnected() && !isOfHandshake(request.request.apiKey)) await connection.authenticate();
    try {
      return await send(request);
    } catch (error) {
      // an answer that comes later would be nobody's, and none may come at all
      if ((error as Error).name === "KafkaJSRequestTimeoutError")
        endSilentConnection(connection, new KafkaJSConnectionClosedError("a request got no answer", place));
      throw error;
    }
  };
  return connection;
}

/** ApiVersions, SaslHandshake and SaslAuthenticate come before the login. */
const isOfHandshake = (apiKey: number): boolean => apiKey === 18 || apiKey === 17 || apiKey === 36;

function soundBroker(broker: KafkaBroker, pool: BrokerPool, isClosed: () => boolean): KafkaBroker {
  const connect = broker.connect.bind(broker);
  const isConnected = broker.isConnected.bind(broker);
  /** The connections over which the handshake is through. */
  let shaken: ConnectionPool | undefined;
  let connecting: Promise<void> | undefined;
  const handshakes = new Handshakes();
  broker.isConnected = () => shaken === broker.connectionPool && isConnected();
  const connectAnew = async (): Promise<void> => {
    const { host, port, rack, pool: former } = broker.connectionPool;
    if (isClosed()) throw new KafkaJSConnectionError("the client was closed", { broker: `${host}:${port}` });
    destroyPool(broker.connectionPool);
    const made = await pool.connectionPoolBuilder.build({ host, port, rack: rack ?? null });
    broker.connectionPool = made;
    // it may have come back as another release
    broker.versions = null;
    try {
      await handshakes.wait(connect(), former, (afterMs) => timedOut(made, afterMs));
    } catch (error) {
      destroyPool(made);
      throw error;
    }
    shaken = made;
  };
  broker.connect = () => {
    if (broker.isConnected()) return Promise.resolve();
    connecting ??= connectAnew().finally(() => {
      connecting = undefined;
    });
    return connecting;
  };
  return broker;
}

/** Which broker is asked of what any can answer: those that answer before those that owe one, and no single one decides. */
function soundChoice(pool: BrokerPool): void {
  const find = async (): Promise<KafkaBroker> => {
    const all = shuffled(Object.values(pool.brokers));
    const connected = all.filter((broker) => broker.isConnected());
    const best = connected.find((broker) => !isSlow(broker)) ?? (all.length === 1 ? connected[0] : undefined);
    if (best !== undefined) return best;
    try {
      // who is connected and slow is one of them
      return await Promise.any(
        all.filter((broker) => !broker.isConnected()).map(({ nodeId }) => pool.findBroker({ nodeId })),
      );
    } catch {
      if (connected[0] !== undefined) return connected[0];
    }
    await pool.connect();
    const seed = pool.seedBroker!;
    if (!seed.isConnected()) await seed.connect();
    return seed;
  };
  pool.findConnectedBroker = find;
  pool.withBroker = async (ask) => {
    let last: unknown;
    for (let attempt = Math.max(1, Object.keys(pool.brokers).length); attempt > 0; attempt--) {
      const broker = await find();
      try {
        return await ask({ nodeId: broker.nodeId, broker });
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

/** Whether a broker owes an answer for long; fetches, which wait, are on a connection of their own. */
function isSlow({ connectionPool }: KafkaBroker): boolean {
  const now = Date.now();
  for (const { sentAt } of connectionPool.pool[0]!.requestQueue.inflight.values())
    if (sentAt !== null && now - sentAt > SLOW_MS) return true;
  return false;
}

function shuffled<One>(all: readonly One[]): One[] {
  return all
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

interface Place {
  readonly host: string;
  readonly port: number;
}

const timedOut = ({ host, port }: Place, afterMs: number) =>
  new KafkaJSConnectionError(`no handshake within ${afterMs} ms`, { broker: `${host}:${port}`, code: "ETIMEDOUT" });

function tookTooLong(connection: KafkaConnection, afterMs: number): Error {
  const why = timedOut(connection, afterMs);
  destroyConnection(connection, why);
  return why;
}
