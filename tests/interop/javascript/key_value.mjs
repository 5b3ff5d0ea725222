// Buckets of keys and values, by the official client.

import { Base64KeyCodec, Kvm, NoopKvCodecs } from "@nats-io/kv";
import { connect, talk } from "./talk.mjs";

const nc = await connect();
const kvm = new Kvm(nc);
let bucket;
let watch;

function told(entry) {
  return {
    key: entry.key,
    operation: entry.operation,
    value: Buffer.from(entry.value).toString("base64"),
    revision: entry.revision,
    millis: entry.created.getTime(),
    delta: entry.delta,
  };
}

function said(status) {
  return {
    bucket: status.bucket,
    description: status.description,
    values: status.values,
    size: status.size,
    history: status.history,
    ttl: status.ttl,
    max_bytes: status.max_bytes,
    maxValueSize: status.maxValueSize,
    markerTTL: status.markerTTL,
    storage: status.storage,
    replicas: status.replicas,
    compression: status.compression,
    metadata: status.metadata,
    republish: status.republish,
  };
}

async function all(list, read = (item) => item) {
  const items = [];
  for await (const item of list) items.push(read(item));
  return items;
}

await talk({
  /** Makes a bucket, and works with it from then on. */
  async create({ name, options }) {
    bucket = await kvm.create(name, options);
  },

  /** Works with a bucket that exists, with Base64 keys where they are asked for. */
  async open({ name, base64, direct }) {
    const codec = { ...NoopKvCodecs(), ...(base64 && { key: Base64KeyCodec() }) };
    bucket = await kvm.open(name, { codec, allow_direct: direct ?? true });
  },

  async status() {
    return said(await bucket.status());
  },

  /** What the stream of the bucket is told to be. */
  async config() {
    return (await bucket.status()).streamInfo.config;
  },

  async list() {
    return all(kvm.list(), (status) => status.bucket);
  },

  put({ key, value, options }) {
    return bucket.put(key, Buffer.from(value, "base64"), options);
  },

  create_key({ key, value, ttl }) {
    return bucket.create(key, Buffer.from(value, "base64"), ttl);
  },

  update({ key, value, revision }) {
    return bucket.update(key, Buffer.from(value, "base64"), revision);
  },

  delete({ key, options }) {
    return bucket.delete(key, options);
  },

  purge({ key, options }) {
    return bucket.purge(key, options);
  },

  async get({ key, revision }) {
    const entry = await bucket.get(key, revision && { revision });
    return entry && told(entry);
  },

  async json({ key }) {
    return (await bucket.get(key)).json();
  },

  async history({ key }) {
    return all(await bucket.history({ key }), told);
  },

  async keys({ filter }) {
    return (await all(await bucket.keys(filter))).sort();
  },

  /** Begins to watch; `heard` gives what there was. */
  async watch({ options }) {
    watch = (await bucket.watch(options))[Symbol.asyncIterator]();
  },

  async heard({ count }) {
    const entries = [];
    while (entries.length < count) entries.push(told((await watch.next()).value));
    return entries;
  },

  destroy() {
    return bucket.destroy();
  },
});
await nc.close();
