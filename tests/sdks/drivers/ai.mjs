// The npm package ai with its providers for each dialect.
import { readFileSync } from 'node:fs';
import { generateText, jsonSchema, Output, streamText, tool as define } from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';

export function open(base) {
  const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-x' });
  const models = {
    'openai, responses': openai.responses('gpt-4o'),
    'openai, chat': openai.chat('gpt-4o'),
    'openai-compatible': createOpenAICompatible({ name: 'own', baseURL: `${base}/v1`, apiKey: 'sk-x', supportsStructuredOutputs: true })('m'),
    anthropic: createAnthropic({ baseURL: `${base}/v1`, apiKey: 'sk-x' })('claude-opus-4-5'),
    google: createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey: 'k' })('gemini-2.5-flash'),
  };
  const asked = (model, { ask, want, tool, schema }) => ({
    model,
    prompt: ask,
    ...(want === 'call' && { tools: { [tool.name]: define({ description: tool.description, inputSchema: jsonSchema(tool.parameters) }) } }),
    ...(want === 'object' && { output: Output.object({ schema: jsonSchema(schema) }) }),
  });
  const answered = async (want, r) => {
    const ended = await r.finishReason;
    const text = await r.text;
    if (ended === 'content-filter') return { text, ended };
    return { text, call: want === 'call' ? (await r.toolCalls)[0]?.input : undefined, object: want === 'object' ? await r.output : undefined, ended };
  };
  const streamed = async (model, g) => {
    const controller = new AbortController();
    let failed;
    const result = streamText({ ...asked(model, g), abortSignal: controller.signal, onError: ({ error }) => (failed ??= error) });
    for await (const part of result.fullStream) {
      if (!g.abort || part.type !== 'text-delta') continue;
      controller.abort();
      break;
    }
    if (g.abort) return {};
    if (failed) throw failed;
    return answered(g.want, result);
  };
  const wants = ['text', 'call', 'object'];
  const calls = {};
  for (const [name, model] of Object.entries(models)) {
    calls[`${name}: generateText`] = { streamed: false, wants, make: async (g) => answered(g.want, await generateText(asked(model, g))) };
    calls[`${name}: streamText`] = { streamed: true, wants, make: (g) => streamed(model, g) };
  }
  return { version: JSON.parse(readFileSync(new URL('../node_modules/ai/package.json', import.meta.url))).version, calls };
}
