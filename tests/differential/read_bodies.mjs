// Reads bodies as an upstream in Node does; lines in and out as read_bodies.cpp says.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

class Raw {
  constructor(source) {
    this.source = source;
  }
}
const text = (what, string) => `${what}${Buffer.byteLength(string)}:${string}`;
const order = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function write(value) {
  if (value instanceof Raw) return text('n', value.source);
  if (typeof value === 'string') return text('s', value);
  if (value === null) return 'n';
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (Array.isArray(value)) return `[${value.map(write).join('')}]`;
  return `{${Object.keys(value).sort(order).map((k) => text('k', k) + write(value[k])).join('')}}`;
}

const all = readFileSync(0);
const lines = [];
for (let at = 0; at < all.length; ) {
  const size = all.readUInt32LE(at);
  const body = all.subarray(at + 4, at + 4 + size).toString('utf8');
  at += 4 + size;
  try {
    const value = JSON.parse(body, (_, v, context) => (typeof v === 'number' ? new Raw(context.source) : v));
    lines.push(createHash('sha256').update(write(value)).digest('hex'));
  } catch {
    lines.push('-');
  }
}
process.stdout.write(lines.join('\n') + '\n');
