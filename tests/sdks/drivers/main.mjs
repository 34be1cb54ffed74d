// node main.mjs DRIVER BASE_URL: says what the SDK's calls are, then makes one for each line of JSON that comes in, and prints what it
// returned, or how it failed, as a line of JSON.
import { createInterface } from 'node:readline';

const [driver, base] = process.argv.slice(2);
const { version, calls } = await import(`./${driver}.mjs`).then((m) => m.open(base));
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
say({ version, calls: Object.fromEntries(Object.entries(calls).map(([name, c]) => [name, { streamed: c.streamed, wants: c.wants }])) });

const status = (e) => e.status ?? e.statusCode ?? e.status_code ?? null;
for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...given } = JSON.parse(line);
  try {
    say(await calls[call].make(given));
  } catch (e) {
    say({ error: { type: e instanceof Error ? e.constructor.name : 'error event', status: status(e), message: String(e?.message ?? e) } });
  }
}
