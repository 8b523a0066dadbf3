// Sends events with the official SDK, whose folder is the first argument, and prints what became of it as JSON.
//   node sdk_send.mjs FOLDER single|batch|oversized|huge|wrong
import { createRequire } from "node:module";
import path from "node:path";

const [folder, what, token] = process.argv.slice(2);
const require = createRequire(path.join(folder, "package.json"));
const { Inngest } = require("inngest");
const client = new Inngest({ id: "chronos" });
const one = (n) => ({ name: "test/echo", data: { n: `${token}-${n}`, text: "grün \u2028 😀", creatorId: "sdk" } });
const what_to_send = {
  single: () => one(0),
  batch: () => Array.from({ length: 100 }, (_, n) => one(n)),
  oversized: () => ({ ...one(0), data: { text: "x".repeat(600000) } }),
  huge: () => ({ ...one(0), data: { text: "x".repeat(12000000) } }),
};

try {
  const { ids } = await client.send(what_to_send[what]());
  console.log(JSON.stringify({ ids }));
} catch (e) {
  console.log(JSON.stringify({ error: String(e.message ?? e) }));
}
