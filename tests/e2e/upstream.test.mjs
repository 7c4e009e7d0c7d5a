// The scripted upstream, judged by the official clients themselves: what it says when it works is what they expect, and
// what it does when it fails is the failure that its name promises. Otherwise the tests of Penstock would prove little.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { anthropicClient, openaiClient, user } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { until } from './penstock.mjs';
import { sentence, structure, upstream } from './upstream.mjs';

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const chatTool = { type: 'function', function: { name: 'weather', parameters: city } };

test('the scripted upstream speaks as the official clients expect', { skip, timeout: 300_000 }, async (t) => {
  const up = await upstream(t);
  const { port } = up.server.address();
  const openai = openaiClient({ port }), anthropic = anthropicClient({ port });
  const ask = { model: 'ok', messages: user('Hello?') };

  await t.test('chat completions', async () => {
    const whole = await openai.chat.completions.create({ ...ask, logprobs: true, n: 2 });
    assert.equal(whole.choices[1].message.content, sentence);
    assert.ok(whole.choices[0].logprobs.content[0].logprob < 0);
    const streamed = await openai.chat.completions.stream({ ...ask, tools: [chatTool] }).finalChatCompletion();
    assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, '{"city":"Ulm"}');
    const answered = await openai.chat.completions.create({ ...ask, tools: [chatTool], messages: [...ask.messages, { role: 'tool', tool_call_id: 'call_1', content: 'sunny' }] });
    assert.equal(answered.choices[0].message.content, sentence);
    const format = { type: 'json_schema', json_schema: { name: 'city', schema: city } };
    assert.equal((await openai.chat.completions.create({ ...ask, response_format: format })).choices[0].message.content, structure);
  });
  await t.test('messages', async () => {
    const message = { ...ask, max_tokens: 9 };
    assert.equal((await anthropic.messages.create(message)).content[0].text, sentence);
    assert.equal((await anthropic.messages.stream(message).finalMessage()).content[0].text, sentence);
    const final = await anthropic.messages.stream({ ...message, tools: [{ name: 'weather', input_schema: city }] }).finalMessage();
    assert.deepEqual([final.stop_reason, final.content[1].input, final.usage.output_tokens], ['tool_use', { city: 'Ulm' }, 3]);
    await assert.rejects(anthropic.messages.create({ ...message, model: 'rate' }), judges.Anthropic.RateLimitError);
  });
  await t.test('responses', async () => {
    assert.equal((await openai.responses.create({ model: 'ok', input: 'Hello?' })).output_text, sentence);
    const final = await openai.responses.stream({ model: 'ok', input: 'Hello?' }).finalResponse();
    assert.deepEqual([final.output_text, final.usage.total_tokens], [sentence, 15]);
    const called = await openai.responses.stream({ model: 'ok', input: 'Hello?', tools: [{ type: 'function', name: 'weather', parameters: city, strict: true }] }).finalResponse();
    assert.equal(called.output[0].arguments, '{"city":"Ulm"}');
  });
  await t.test('embeddings and completions', async () => {
    for (const encoding_format of ['float', undefined]) // undefined: base64, which the client undoes
      assert.deepEqual((await openai.embeddings.create({ model: 'ok', input: ['a', 'b'], encoding_format })).data[1].embedding, [0.25, -0.5, 1]);
    assert.equal((await openai.completions.create({ model: 'ok', prompt: 'Hello?' })).choices[0].text, sentence);
  });
  await t.test('odd manners are still whole streams', async () => {
    for (const model of ['usagefirst', 'usagewithend', 'usagealways', 'nousage', 'crlf', 'tight', 'drip']) {
      const final = await openai.chat.completions.stream({ ...ask, model, stream_options: { include_usage: true } }).finalChatCompletion();
      assert.equal(final.choices[0].message.content, sentence, model);
    }
  });
  await t.test('failures come in turn, and as they are called', async () => {
    const turns = { ...ask, model: 'error500+rate7+ok' };
    await assert.rejects(openai.chat.completions.create(turns), judges.OpenAI.InternalServerError);
    await assert.rejects(openai.chat.completions.create(turns), (error) => error instanceof judges.OpenAI.RateLimitError && error.headers.get('retry-after') === '7');
    assert.equal((await openai.chat.completions.create(turns)).choices[0].message.content, sentence);
    for (const model of ['reset', 'hangup', 'garbage', 'short', 'twolengths', 'badchunk'])
      await assert.rejects(openai.chat.completions.create({ ...ask, model }), Error, model);
    for (const model of ['cut', 'errorevent', 'brokenevent'])
      await assert.rejects(openai.chat.completions.stream({ ...ask, model }).finalChatCompletion(), Error, model);
  });
  await t.test('it knows who left', async () => {
    const { left } = up.counts;
    const socket = net.connect(port, '127.0.0.1');
    const body = JSON.stringify({ ...ask, model: 'hang' });
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await until('the request', () => up.asked.at(-1).body.model === 'hang');
    socket.destroy();
    await until('the departure', () => up.counts.left > left);
  });
});
