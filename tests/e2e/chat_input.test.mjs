// What clients of each API send that is wrong: every documented field with every wrong type gets an answer in that API's own
// form that names the field, or passes, as a field may that nobody here reads. Nothing of it reaches the upstream half.
import assert from 'node:assert/strict';
import test from 'node:test';
import { start, user } from './chats.mjs';

const wrong = [null, true, 7, -1, 1.5, 1e300, '', 'text', [], {}, [null], [[]], [7], [{}], { a: 1 }, [{ type: 'nothing' }], [{ type: 7 }], 'x'.repeat(100_000)];

const apis = {
  '/v1/chat/completions': {
    good: { messages: user('Hello?') },
    fields: 'model messages stream stream_options temperature top_p n max_tokens max_completion_tokens stop seed user logprobs top_logprobs logit_bias presence_penalty frequency_penalty tools tool_choice parallel_tool_calls response_format reasoning_effort modalities audio metadata store service_tier prediction functions',
    inside: (value) => ({ messages: [{ role: 'user', content: value }, { role: value, content: 'x' }, { role: 'assistant', tool_calls: value }, { role: 'tool', tool_call_id: value, content: 'x' }, value] }),
    tools: (value) => ({ tools: [value, { type: 'function', function: value }, { type: 'function', function: { name: value } }, { type: 'function', function: { name: 'f', parameters: value } }] }),
  },
  '/v1/messages': {
    good: { max_tokens: 9, messages: user('Hello?') },
    fields: 'model messages max_tokens system stream temperature top_p top_k stop_sequences tools tool_choice metadata thinking service_tier container',
    inside: (value) => ({ messages: [{ role: 'user', content: value }, { role: value, content: 'x' }, { role: 'assistant', content: [{ type: 'tool_use', id: value, name: value, input: value }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: value, content: value }] }, { role: 'user', content: [{ type: 'image', source: value }] }, value] }),
    tools: (value) => ({ tools: [value, { name: value, input_schema: {} }, { name: 'f', input_schema: value }] }),
  },
  '/v1/responses': {
    good: { input: 'Hello?' },
    fields: 'model input instructions stream temperature top_p max_output_tokens tools tool_choice parallel_tool_calls text reasoning previous_response_id metadata store include truncation user service_tier background prompt conversation',
    inside: (value) => ({ input: [{ role: 'user', content: value }, { role: value, content: 'x' }, { type: value }, { type: 'function_call', call_id: value, name: value, arguments: value }, { type: 'function_call_output', call_id: value, output: value }, { role: 'user', content: [{ type: 'input_image', image_url: value }] }, value] }),
    tools: (value) => ({ tools: [value, { type: 'function', name: value }, { type: 'function', name: 'f', parameters: value }, { type: value }] }),
  },
  '/v1/completions': { good: { prompt: 'Hello?' }, fields: 'model prompt stream temperature top_p n max_tokens stop echo logprobs best_of suffix seed user' },
};

function* bodies({ good, fields, inside, tools }) {
  for (const value of wrong) {
    for (const field of fields.split(' ')) yield { model: 'assistant', ...good, [field]: value };
    for (const make of [inside, tools].filter(Boolean)) {
      const [[name, list]] = Object.entries(make(value));
      for (const item of list) yield { model: 'assistant', ...good, [name]: [item] };
    }
  }
}

for (const kind of ['openai', 'anthropic'])
  test(`every field with every wrong type, upstream ${kind}`, { timeout: 360_000 }, async (t) => {
    const { server, post } = await start(t, { kind, limits: { rate: 1_000_000 } });
    for (const [target, api] of Object.entries(apis))
      await t.test(target, async () => {
        const counts = {};
        for (const body of bodies(api)) {
          const reply = await post(target, body, { agent: server.agent });
          const said = `${JSON.stringify(body).slice(0, 300)}: ${reply.text.slice(0, 300)}`;
          counts[reply.status] = (counts[reply.status] ?? 0) + 1;
          assert.ok([200, 400, 404, 413].includes(reply.status), said);
          if (reply.status === 200) continue;
          const { error, type } = reply.json;
          assert.ok(error.message && error.type, said);
          if (target === '/v1/messages') assert.equal(type, 'error', said);
          else if (reply.status === 400) assert.ok(error.param, said);
        }
        t.diagnostic(`${target}: ${JSON.stringify(counts)}`);
        assert.ok(counts[400] > 100, JSON.stringify(counts));
      });
    await server.healthy();
  });
