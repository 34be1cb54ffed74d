// The npm package @google/genai.
import { readFileSync } from 'node:fs';
import { GoogleGenAI } from '@google/genai';

export function open(base) {
  const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: base } });
  const asked = ({ ask, want, tool, schema }) => ({
    model: 'm',
    contents: ask,
    config: {
      ...(want === 'call' && { tools: [{ functionDeclarations: [{ name: tool.name, description: tool.description, parametersJsonSchema: tool.parameters }] }] }),
      ...(want === 'object' && { responseMimeType: 'application/json', responseJsonSchema: schema }),
    },
  });
  const answered = (want, { text, functionCalls, ended }) => {
    if (ended === 'SAFETY') return { text: text ?? '', ended };
    return { text: text ?? '', call: want === 'call' ? functionCalls?.[0]?.args : undefined, object: want === 'object' ? JSON.parse(text) : undefined, ended };
  };
  const whole = (want, r) => answered(want, { text: r.text, functionCalls: r.functionCalls, ended: r.candidates?.[0]?.finishReason });
  const added = async (want, stream, abort) => {
    const all = { text: '' };
    for await (const chunk of stream) {
      all.text += chunk.text ?? '';
      all.functionCalls ??= chunk.functionCalls;
      all.ended = chunk.candidates?.[0]?.finishReason ?? all.ended;
      if (abort && all.text) break;
    }
    return answered(want, all);
  };
  // This SDK has no other way to end a request than a signal.
  const signalled = async (g, make) => {
    const controller = new AbortController();
    const config = g.abort ? { ...asked(g).config, abortSignal: controller.signal } : asked(g).config;
    const out = await added(g.want, await make({ ...asked(g), config }), g.abort);
    if (g.abort) controller.abort();
    return out;
  };
  const every = ['text', 'call', 'object'];
  const chat = (g) => client.chats.create({ model: 'm', config: asked(g).config });
  return {
    version: JSON.parse(readFileSync(new URL('../node_modules/@google/genai/package.json', import.meta.url))).version,
    calls: {
      'models.generateContent': { streamed: false, wants: every, make: async (g) => whole(g.want, await client.models.generateContent(asked(g))) },
      'models.generateContentStream': { streamed: true, wants: every, make: (g) => signalled(g, (a) => client.models.generateContentStream(a)) },
      'chats.sendMessage': { streamed: false, wants: every, make: async (g) => whole(g.want, await chat(g).sendMessage({ message: g.ask })) },
      'chats.sendMessageStream': { streamed: true, wants: every, make: (g) => signalled(g, (a) => client.chats.create({ model: 'm', config: a.config }).sendMessageStream({ message: g.ask })) },
    },
  };
}
