// Object stores, by the official client.

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { headers } from "@nats-io/nats-core";
import { Objm } from "@nats-io/obj";
import { connect, talk } from "./talk.mjs";

const nc = await connect();
const objm = new Objm(nc);
const stores = new Map();
let watch;
let job;

/** What the library says of an object; as it is in a list and a watch, which do not wrap it. */
function told(info) {
  const plain = !(typeof info.isLink === "function");
  return {
    name: info.name,
    description: info.description,
    headers: plain ? info.headers : Object.fromEntries([...info.headers]),
    metadata: info.metadata,
    bucket: info.bucket,
    nuid: info.nuid,
    size: info.size,
    chunks: info.chunks,
    digest: info.digest,
    deleted: info.deleted,
    revision: info.revision,
    mtime: info.mtime,
    link: info.options?.link,
    max_chunk_size: info.options?.max_chunk_size,
  };
}

function meta({ header, ...rest }) {
  if (!header) return rest;
  const h = headers();
  for (const [name, value] of header) h.append(name, value);
  return { ...rest, headers: h };
}

const commands = {
  /** Makes a store, which later commands name. */
  async create({ name, options }) {
    stores.set(name, await objm.create(name, options));
  },

  async open({ name }) {
    stores.set(name, await objm.open(name));
  },

  async status({ store }) {
    const status = await stores.get(store).status();
    const { bucket, description, ttl, storage, replicas, sealed, size, compression } = status;
    const config = status.streamInfo.config;
    const metadata = status.metadata;
    return { bucket, description, ttl, storage, replicas, sealed, size, compression, metadata, config };
  },

  async seal({ store }) {
    return (await stores.get(store).seal()).sealed;
  },

  async stores() {
    const names = [];
    for await (const status of objm.list()) names.push(status.bucket);
    return names.sort();
  },

  /** Puts the bytes of a file. */
  async put({ store, info, path, options }) {
    const bytes = Readable.toWeb(createReadStream(path));
    return told(await stores.get(store).put(meta(info), bytes, options));
  },

  /** Puts Base64. */
  async putBytes({ store, info, bytes, options }) {
    const data = Buffer.from(bytes, "base64");
    return told(await stores.get(store).putBlob(meta(info), data, options));
  },

  /** Reads an object into a file; gives what is known of it, and the SHA-256 of its bytes. */
  async get({ store, name, path }) {
    const result = await stores.get(store).get(name);
    if (!result) return null;
    const hash = createHash("sha256");
    const file = Writable.toWeb(createWriteStream(path));
    const writer = file.getWriter();
    for await (const chunk of result.data) {
      hash.update(chunk);
      await writer.write(chunk);
    }
    await writer.close();
    const error = await result.error;
    if (error) throw error;
    return { info: told(result.info), sha256: hash.digest("hex") };
  },

  async getBytes({ store, name }) {
    const bytes = await stores.get(store).getBlob(name);
    return bytes && Buffer.from(bytes).toString("base64");
  },

  async info({ store, name }) {
    const info = await stores.get(store).info(name);
    return info && told(info);
  },

  async list({ store }) {
    return (await stores.get(store).list()).map((info) => told(info));
  },

  async update({ store, name, info }) {
    return (await stores.get(store).update(name, meta(info))).seq;
  },

  async delete({ store, name }) {
    return await stores.get(store).delete(name);
  },

  async link({ store, name, to }) {
    return told(await stores.get(store).link(name, await stores.get(to[0]).info(to[1])));
  },

  async linkStore({ store, name, to }) {
    return told(await stores.get(store).linkStore(name, stores.get(to)));
  },

  /** Begins to watch; `heard` gives what there was. */
  async watch({ store, options }) {
    watch = (await stores.get(store).watch(options))[Symbol.asyncIterator]();
  },

  async heard({ count }) {
    const infos = [];
    while (infos.length < count) infos.push(told((await watch.next()).value));
    return infos;
  },

  /** Begins what takes long; `done` gives its result when it is there. */
  begin({ command, given }) {
    job = commands[command](given).then((result) => ({ result }), (error) => ({ error }));
  },

  async done() {
    const done = await Promise.race([job, sleep(4000, null)]);
    if (done?.error) throw done.error;
    return done;
  },
};

await talk(commands);
await nc.close();
