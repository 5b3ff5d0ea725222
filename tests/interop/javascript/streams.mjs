// Streams, consumers and messages, by the official client.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { connect, talk } from "./talk.mjs";

const nc = await connect();
const js = jetstream(nc);
const jsm = await jetstreamManager(nc);

/** Messages that were read and are not answered, by their consumer sequence. */
const open = new Map();

function told(m, headers, nanos) {
  return {
    subject: m.subject,
    sequence: m.seq,
    headers: Object.fromEntries([...(headers ?? [])]),
    payload: Buffer.from(m.data).toString("base64"),
    nanos,
  };
}

/** A message that was delivered. */
const delivered = (m) => told(m, m.headers, `${m.timestampNanos}`);

/** A message as it is stored, with the headers that the server puts to it in a direct answer. */
function stored(m) {
  if (!m) return null;
  const [seconds, fraction = ""] = m.timestamp.replace("Z", "").split(".");
  return told(m, m.header, `${Date.parse(`${seconds}Z`) / 1000}${fraction.padEnd(9, "0")}`);
}

async function all(messages, read) {
  const list = [];
  for await (const m of messages) list.push(read(m));
  return list;
}

await talk({
  async add({ config }) {
    return (await jsm.streams.add(config)).config;
  },

  async update({ stream, config }) {
    return (await jsm.streams.update(stream, config)).config;
  },

  async info({ stream }) {
    return (await jsm.streams.info(stream)).config;
  },

  async addConsumer({ stream, config }) {
    return (await jsm.consumers.add(stream, config)).config;
  },

  async updateConsumer({ stream, consumer, config }) {
    return (await jsm.consumers.update(stream, consumer, config)).config;
  },

  /** All that is said of a consumer. */
  consumer({ stream, consumer }) {
    return jsm.consumers.info(stream, consumer);
  },

  /** Publishes Base64; gives the acknowledgement. `options` are those of `publish`. */
  publish({ subject, payload, header, options }) {
    const h = headers();
    for (const [name, value] of header ?? []) h.append(name, value);
    return js.publish(subject, Buffer.from(payload, "base64"), { ...options, headers: h });
  },

  /** Publishes texts to one subject, whole or not at all. */
  async batch_of({ subject, payloads }) {
    const [first, ...rest] = payloads;
    const last = rest.pop();
    const batch = await js.startBatch(subject, first);
    for (const payload of rest) batch.add(subject, payload);
    return batch.commit(subject, last);
  },

  /** One message, from the leader. */
  async get({ stream, query }) {
    return stored(await jsm.streams.getMessage(stream, query));
  },

  /** One message, from any server. */
  async direct({ stream, query }) {
    return stored(await jsm.direct.getMessage(stream, query));
  },

  /** Many messages, from any server. */
  async batch({ stream, query }) {
    return all(await jsm.direct.getBatch(stream, query), stored);
  },

  /** The last messages of subjects, from any server. */
  async last({ stream, query }) {
    return all(await jsm.direct.getLastMessagesFor(stream, query), stored);
  },

  /** Reads so many messages with a consumer, and leaves them open. */
  async fetch({ stream, consumer, count }) {
    const reader = await js.consumers.get(stream, consumer);
    const messages = await reader.fetch({ max_messages: count, expires: 5000 });
    return all(messages, (m) => {
      open.set(m.info.deliverySequence, m);
      return delivered(m);
    });
  },

  /** Answers the message with this consumer sequence, and waits until the server has that. */
  async answer({ sequence, how, given }) {
    const message = open.get(sequence);
    if (how === "ack") await message.ackAck();
    else message[how](given);
    await nc.flush();
    return message.info.deliveryCount;
  },

  /** Reads so many messages in order, with a consumer that nobody else knows of. */
  async ordered({ stream, options, count }) {
    const reader = await js.consumers.get(stream, options);
    const list = [];
    for await (const m of await reader.consume()) {
      list.push(delivered(m));
      if (list.length === count) break;
    }
    await reader.delete();
    return list;
  },
});
await nc.close();
