// The npm package openai: Chat Completions and Responses, plain, streamed, with the helpers for streams and for parsed answers.
import OpenAI, { AzureOpenAI } from 'openai';
import { VERSION } from 'openai/version';

const every = ['text', 'call', 'object'];

export function open(base) {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-x' });
  const azure = new AzureOpenAI({ endpoint: base, apiKey: 'k', apiVersion: '2024-10-21', deployment: 'gpt-4o' });

  const asked = ({ ask, want, tool, schema }) => ({
    model: 'm',
    messages: [{ role: 'user', content: ask }],
    ...(want === 'call' && { tools: [{ type: 'function', function: { ...tool, strict: true } }] }),
    ...(want === 'object' && { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } }),
  });
  const answered = (want, { message, finish_reason }) => {
    // Who parses himself reads the end before.
    if (finish_reason === 'content_filter') return { text: message.content ?? '', ended: finish_reason };
    return {
      text: message.content ?? '',
      call: want === 'call' && message.tool_calls?.[0] ? JSON.parse(message.tool_calls[0].function.arguments) : undefined,
      object: want === 'object' ? (message.parsed ?? JSON.parse(message.content)) : undefined,
      ended: finish_reason,
    };
  };
  const added = async (want, stream, abort) => {
    const message = { content: '', tool_calls: undefined };
    let finish_reason;
    for await (const chunk of stream) {
      const choice = chunk.choices[0];
      message.content += choice?.delta.content ?? '';
      for (const c of choice?.delta.tool_calls ?? []) {
        message.tool_calls ??= [{ function: { arguments: '' } }];
        message.tool_calls[0].function.arguments += c.function?.arguments ?? '';
      }
      finish_reason = choice?.finish_reason ?? finish_reason;
      if (abort && message.content) break;
    }
    return answered(want, { message, finish_reason });
  };

  const input = ({ ask, want, tool, schema }) => ({
    model: 'm',
    input: ask,
    ...(want === 'call' && { tools: [{ type: 'function', ...tool, strict: true }] }),
    ...(want === 'object' && { text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } } }),
  });
  const responded = (want, r) => {
    const call = r.output.find((i) => i.type === 'function_call');
    const ended = r.incomplete_details?.reason ?? r.status;
    if (r.status === 'incomplete') return { text: r.output_text, ended };
    return {
      text: r.output_text,
      call: want === 'call' && call ? JSON.parse(call.arguments) : undefined,
      object: want === 'object' ? (r.output_parsed ?? JSON.parse(r.output_text)) : undefined,
      ended,
    };
  };
  const streamedResponse = async (want, stream, abort) => {
    let last;
    for await (const e of stream) {
      if (e.response) last = e.response;
      if (abort && e.type === 'response.output_text.delta') break;
    }
    // The events carry the text once more, without the SDK's own output_text.
    const text = last.output.flatMap((i) => i.content ?? []).map((c) => c.text ?? '').join('');
    return responded(want, { ...last, output_text: text });
  };

  const plain = (wants, make) => ({ streamed: false, wants, make });
  const streamed = (wants, make) => ({ streamed: true, wants, make });
  const helper = async (stream, abort, final) => {
    if (!abort) return final(stream);
    for await (const _ of stream) break;
    stream.abort();
    return {};
  };
  return {
    version: VERSION,
    calls: {
      'chat.completions.create': plain(every, async (g) => answered(g.want, (await client.chat.completions.create(asked(g))).choices[0])),
      'chat.completions.create, stream': streamed(every, async (g) => added(g.want, await client.chat.completions.create({ ...asked(g), stream: true }), g.abort)),
      'chat.completions.stream': streamed(every, async (g) =>
        helper(client.chat.completions.stream(asked(g)), g.abort, async (s) => answered(g.want, (await s.finalChatCompletion()).choices[0]))),
      'chat.completions.parse': plain(['call', 'object'], async (g) => answered(g.want, (await client.chat.completions.parse(asked(g))).choices[0])),
      'AzureOpenAI: chat.completions.create': plain(every, async (g) => answered(g.want, (await azure.chat.completions.create(asked(g))).choices[0])),
      'AzureOpenAI: chat.completions.create, stream': streamed(every, async (g) => added(g.want, await azure.chat.completions.create({ ...asked(g), stream: true }), g.abort)),
      'responses.create': plain(every, async (g) => responded(g.want, await client.responses.create(input(g)))),
      'responses.create, stream': streamed(every, async (g) => streamedResponse(g.want, await client.responses.create({ ...input(g), stream: true }), g.abort)),
      'responses.stream': streamed(every, async (g) => helper(client.responses.stream(input(g)), g.abort, async (s) => responded(g.want, await s.finalResponse()))),
      'responses.parse': plain(['call', 'object'], async (g) => responded(g.want, await client.responses.parse(input(g)))),
    },
  };
}
