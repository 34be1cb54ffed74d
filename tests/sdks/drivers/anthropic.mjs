// The npm package @anthropic-ai/sdk.
import Anthropic from '@anthropic-ai/sdk';
import { VERSION } from '@anthropic-ai/sdk/version';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';

export function open(base) {
  const client = new Anthropic({ baseURL: base, apiKey: 'sk-x' });
  const asked = ({ ask, want, tool, schema }) => ({
    model: 'm',
    max_tokens: 99,
    messages: [{ role: 'user', content: ask }],
    ...(want === 'call' && { tools: [{ name: tool.name, description: tool.description, input_schema: tool.parameters }] }),
    ...(want === 'object' && { output_config: { format: jsonSchemaOutputFormat(schema) } }),
  });
  const answered = (want, m) => {
    const text = m.content.map((b) => b.text ?? '').join('');
    if (m.stop_reason === 'refusal') return { text, ended: m.stop_reason };
    return {
      text,
      call: want === 'call' ? m.content.find((b) => b.type === 'tool_use')?.input : undefined,
      object: want === 'object' ? (m.parsed_output ?? JSON.parse(text)) : undefined,
      ended: m.stop_reason,
    };
  };
  const added = async (want, stream, abort) => {
    const message = { content: [] };
    const json = [];
    for await (const e of stream) {
      if (e.type === 'content_block_start') message.content[e.index] = { ...e.content_block };
      if (e.delta?.type === 'text_delta') message.content[e.index].text += e.delta.text;
      if (e.delta?.type === 'input_json_delta') json[e.index] = (json[e.index] ?? '') + e.delta.partial_json;
      if (e.type === 'message_delta') message.stop_reason = e.delta.stop_reason;
      if (abort && e.delta?.text) break;
    }
    if (message.stop_reason !== 'refusal') json.forEach((text, i) => (message.content[i].input = JSON.parse(text)));
    return answered(want, message);
  };
  const helper = async (g) => {
    const stream = client.messages.stream(asked(g));
    if (!g.abort) return answered(g.want, await stream.finalMessage());
    for await (const e of stream) if (e.delta?.text) break;
    stream.abort();
    return {};
  };
  const every = ['text', 'call', 'object'];
  return {
    version: VERSION,
    calls: {
      'messages.create': { streamed: false, wants: every, make: async (g) => answered(g.want, await client.messages.create(asked(g))) },
      'messages.create, stream': { streamed: true, wants: every, make: async (g) => added(g.want, await client.messages.create({ ...asked(g), stream: true }), g.abort) },
      'messages.stream': { streamed: true, wants: every, make: helper },
      'messages.parse': { streamed: false, wants: ['object'], make: async (g) => answered(g.want, await client.messages.parse(asked(g))) },
    },
  };
}
