// How a script and the test that runs it talk: JSON lines, a command in, its result out.

import { createInterface } from "node:readline";
import { wsconnect } from "@nats-io/nats-core";
import { connect as tcpconnect } from "@nats-io/transport-node";

/** Connects to where the first argument says, over a WebSocket where that is its scheme. */
export function connect() {
  const servers = process.argv[2];
  const connect = /^wss?:/i.test(servers) ? wsconnect : tcpconnect;
  return connect({ servers });
}

/**
 * Does what each line of stdin says, and answers with a line: `{"ok": …}` with what the function of
 * that name gives, or `{"error": {"name": …, "message": …}}`. It ends with stdin.
 */
export async function talk(commands) {
  say({ ok: "ready" });
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...given } = JSON.parse(line);
    try {
      const known = Object.hasOwn(commands, name);
      if (!known) throw new Error(`no command ${name}`);
      say({ ok: (await commands[name](given)) ?? null });
    } catch (error) {
      say({ error: { name: error.name, message: error.message } });
    }
  }
}

function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
