// Every client in front of an upstream that we did not write: @copilotkit/aimock, which speaks both OpenAI's APIs and
// Anthropic's, and is asked through Penstock.
import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropicClient, openaiClient, user } from './chats.mjs';
import { aimock, skipAimock } from './judges.mjs';
import { atEnd, serve } from './penstock.mjs';

const answer = 'It is the mock that answers, word by word.';
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ type: 'function', function: { name: 'weather', parameters } }];

async function mocked(t) {
  const mock = new aimock.LLMock({ port: 0, logLevel: 'silent' });
  mock.onMessage('Who answers?', { content: answer });
  mock.onMessage('Weather?', { toolCalls: [{ name: 'weather', arguments: '{"city":"Ulm"}' }] });
  mock.onMessage('Too much?', { error: { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' }, status: 429 });
  mock.onEmbedding('a text', { embedding: [0.5, -0.25, 0.125] });
  await mock.start();
  atEnd(t, () => mock.stop());
  const chat = (upstream) => ({ kind: 'chat', rollout: [{ upstream, model: 'gpt-4o' }] });
  const server = await serve(t, {
    upstreams: {
      openai: { kind: 'openai', url: `${mock.url}/v1`, key: '${env:MOCK_KEY}', retry: { attempts: 1 } },
      responses: { kind: 'openai', url: `${mock.url}/v1`, responses: true, retry: { attempts: 1 } },
      anthropic: { kind: 'anthropic', url: `${mock.url}/v1`, key: '${env:MOCK_KEY}', retry: { attempts: 1 } },
    },
    endpoints: {
      openai: chat('openai'),
      responses: chat('responses'),
      anthropic: chat('anthropic'),
      vectors: { kind: 'embed', rollout: [{ upstream: 'openai', model: 'text-embedding-3-small' }] },
    },
  }, { env: { MOCK_KEY: 'sk-mock' } });
  return { mock, server };
}

test('an upstream that others wrote', { skip: skipAimock, timeout: 300_000 }, async (t) => {
  const { server } = await mocked(t);
  const openai = openaiClient(server), anthropic = anthropicClient(server);
  const messages = user('Who answers?');
  const ways = {
    'chat completions': async (model) => (await openai.chat.completions.create({ model, messages })).choices[0].message.content,
    'chat completions, streamed': async (model) => (await openai.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0].message.content,
    responses: async (model) => (await openai.responses.create({ model, input: 'Who answers?' })).output_text,
    'responses, streamed': async (model) => (await openai.responses.stream({ model, input: 'Who answers?' }).finalResponse()).output_text,
    messages: async (model) => (await anthropic.messages.create({ model, max_tokens: 99, messages })).content[0].text,
    'messages, streamed': async (model) => (await anthropic.messages.stream({ model, max_tokens: 99, messages }).finalMessage()).content[0].text,
  };
  for (const [name, ask] of Object.entries(ways))
    await t.test(name, async () => {
      for (const model of ['openai', 'anthropic', ...(name.startsWith('responses') ? ['responses'] : [])]) assert.equal(await ask(model), answer, model);
    });
  await t.test('tools', async () => {
    for (const model of ['openai', 'anthropic']) {
      const ask = { model, messages: user('Weather?'), tools };
      for (const reply of [await openai.chat.completions.create(ask), await openai.chat.completions.stream(ask).finalChatCompletion()]) {
        assert.equal(reply.choices[0].finish_reason, 'tool_calls', model);
        assert.deepEqual(JSON.parse(reply.choices[0].message.tool_calls[0].function.arguments), { city: 'Ulm' }, model);
      }
      const final = await anthropic.messages.stream({ model, max_tokens: 99, messages: user('Weather?'), tools: [{ name: 'weather', input_schema: parameters }] }).finalMessage();
      assert.deepEqual(final.content.find((block) => block.type === 'tool_use').input, { city: 'Ulm' }, model);
    }
  });
  await t.test('vectors (it knows no base64)', async () => {
    const { data } = await openai.embeddings.create({ model: 'vectors', input: 'a text', encoding_format: 'float' });
    assert.deepEqual(data[0].embedding, [0.5, -0.25, 0.125]);
  });
  await t.test('its failures', async () => {
    for (const model of ['openai', 'anthropic'])
      await assert.rejects(openai.chat.completions.create({ model, messages: user('Too much?') }), (error) => error.status === 503 && error.headers.get('retry-after') >= '1');
  });
  await server.healthy();
});
