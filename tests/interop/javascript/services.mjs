// Services and their discovery, by the official client.

import { Svcm } from "@nats-io/services";
import { connect, talk } from "./talk.mjs";

const nc = await connect();
const running = new Map();

await talk({
  /** Asks `ping`, `info` or `stats`, and gives all that is answered. */
  async discover({ verb, name, id, prefix }) {
    const client = new Svcm(nc).client(undefined, prefix);
    const answers = [];
    for await (const answer of await client[verb](name, id)) answers.push(answer);
    return answers;
  },

  /** Starts a service; gives its id. `config` is what `Svcm.add` takes. */
  async serve({ config, data }) {
    if (data) config.statsHandler = (endpoint) => Promise.resolve({ of: endpoint.name, ...data });
    const service = await new Svcm(nc).add(config);
    service.addEndpoint("echo", {
      handler: (_error, msg) => msg.respond(msg.data),
      metadata: { format: "bytes" },
    });
    service.addGroup("admin", "operators").addEndpoint("fail", {
      subject: "fail.*",
      handler: () => {
        throw new Error("it always fails");
      },
    });
    await nc.flush();
    const { id } = service.info();
    running.set(id, service);
    return id;
  },

  async stop({ id }) {
    await running.get(id).stop();
    running.delete(id);
  },

  /** Asks a subject; gives the reply. */
  async request({ subject, payload }) {
    const reply = await nc.request(subject, payload);
    const headers = Object.fromEntries([...(reply.headers ?? [])]);
    return { payload: reply.string(), headers };
  },
});
await nc.close();
