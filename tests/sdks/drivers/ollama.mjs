// The npm package ollama.
import { readFileSync } from 'node:fs';
import { Ollama } from 'ollama';

export function open(base) {
  const client = new Ollama({ host: base });
  const asked = ({ ask, want, tool, schema }) => ({
    model: 'm',
    messages: [{ role: 'user', content: ask }],
    ...(want === 'call' && { tools: [{ type: 'function', function: tool }] }),
    ...(want === 'object' && { format: schema }),
  });
  const answered = (want, { text, call, ended }) => {
    if (ended === 'content_filter') return { text, ended };
    return { text, call: want === 'call' ? call : undefined, object: want === 'object' ? JSON.parse(text) : undefined, ended };
  };
  const of = (line) => ({ text: line.message?.content ?? line.response ?? '', call: line.message?.tool_calls?.[0]?.function.arguments, ended: line.done_reason });
  const added = async (want, stream, abort) => {
    const all = { text: '' };
    for await (const line of stream) {
      const { text, call, ended } = of(line);
      all.text += text;
      all.call ??= call;
      all.ended = ended ?? all.ended;
      if (abort && all.text) {
        stream.abort();
        return {};
      }
    }
    return answered(want, all);
  };
  const prompt = (g) => ({ model: 'm', prompt: g.ask, ...(g.want === 'object' && { format: g.schema }) });
  const every = ['text', 'call', 'object'];
  return {
    version: JSON.parse(readFileSync(new URL('../node_modules/ollama/package.json', import.meta.url))).version,
    calls: {
      chat: { streamed: false, wants: every, make: async (g) => answered(g.want, of(await client.chat(asked(g)))) },
      'chat, stream': { streamed: true, wants: every, make: async (g) => added(g.want, await client.chat({ ...asked(g), stream: true }), g.abort) },
      generate: { streamed: false, wants: ['text', 'object'], make: async (g) => answered(g.want, of(await client.generate(prompt(g)))) },
      'generate, stream': { streamed: true, wants: ['text', 'object'], make: async (g) => added(g.want, await client.generate({ ...prompt(g), stream: true }), g.abort) },
    },
  };
}
