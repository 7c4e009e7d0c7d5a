// Vercel's `ai` with both of its providers, against upstreams of either kind: text, streams, tools over several steps,
// objects, vectors.
import assert from 'node:assert/strict';
import test from 'node:test';
import { start } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { sentence } from './upstream.mjs';

const schema = () =>
  judges.jsonSchema({
    type: 'object',
    properties: { city: { type: 'string' }, people: { type: 'integer' } },
    required: ['city'],
    additionalProperties: false,
  });

const providers = {
  'chat completions': (base) => judges.createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).chat,
  responses: (base) => judges.createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).responses,
  messages: (base) => judges.createAnthropic({ baseURL: `${base}/v1`, apiKey: 'none' }),
};

globalThis.AI_SDK_LOG_WARNINGS = false;

for (const kind of ['openai', 'anthropic'])
  test(`the ai package, upstream ${kind}`, { skip, timeout: 300_000 }, async (t) => {
    const { up, server } = await start(t, { kind, fails: { broken: 'error500', torn: 'cut' } });
    for (const [name, provide] of Object.entries(providers))
      await t.test(name, async (t) => {
        const provider = provide(`http://127.0.0.1:${server.port}`);
        const model = provider('assistant');
        await t.test('text, with its usage', async () => {
          const { text, usage, finishReason } = await judges.generateText({ model, system: 'Be brief.', prompt: 'Hello?', maxOutputTokens: 50 });
          assert.deepEqual([text, finishReason, usage.inputTokens, usage.outputTokens], [sentence, 'stop', 12, 3]);
          assert.match(JSON.stringify(up.asked.at(-1).body), /Be brief\./);
        });
        await t.test('a stream, word by word', async () => {
          const result = judges.streamText({ model, prompt: 'Hello?' });
          const parts = [];
          for await (const part of result.textStream) parts.push(part);
          assert.deepEqual([parts.join(''), await result.finishReason, (await result.usage).outputTokens], [sentence, 'stop', 3]);
          assert.ok(parts.length > 1);
        });
        await t.test('a tool is called, its result goes back, the answer comes', async () => {
          const cities = [];
          const weather = judges.tool({
            description: 'the weather',
            inputSchema: judges.jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
            execute: async ({ city }) => (cities.push(city), { sky: 'clear' }),
          });
          // store: false, or the package refers to what it was answered instead of sending it, which only the provider knows.
          const ask = { model, prompt: 'Weather?', tools: { weather }, stopWhen: judges.stepCountIs(3), providerOptions: { openai: { store: false } } };
          assert.equal((await judges.generateText(ask)).text, sentence);
          assert.match(JSON.stringify(up.asked.at(-1).body), /clear/, 'the upstream sees what the tool said');
          const streamed = judges.streamText(ask);
          await streamed.consumeStream();
          assert.equal(await streamed.text, sentence);
          assert.deepEqual(cities, ['Ulm', 'Ulm']);
        });
        await t.test('an object', async () => {
          const { object } = await judges.generateObject({ model, schema: schema(), prompt: 'A city?' });
          assert.equal(object.city, 'Ulm');
        });
        await t.test('failures are errors, not empty texts', async () => {
          await assert.rejects(judges.generateText({ model: provider('broken'), prompt: '?', maxRetries: 0 }), (error) => error.statusCode === 502 && error.isRetryable);
          await assert.rejects(judges.generateText({ model: provider('nobody'), prompt: '?', maxRetries: 0 }), (error) => error.statusCode === 404 && !error.isRetryable);
          const seen = [];
          const torn = judges.streamText({ model: provider('torn'), prompt: '?', maxRetries: 0, onError: ({ error }) => seen.push(error) });
          await torn.consumeStream();
          assert.equal(seen.length, 1, 'a stream that is cut off says so');
        });
      });
    await server.healthy();
  });

test('vectors by the ai package', { skip, timeout: 300_000 }, async (t) => {
  const { server } = await start(t, { more: { vectors: { kind: 'embed', rollout: [{ upstream: 'main', model: 'ok' }] } } });
  const model = judges.createOpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none' }).embedding('vectors');
  assert.deepEqual((await judges.embed({ model, value: 'a' })).embedding, [0.25, -0.5, 1]);
  assert.equal((await judges.embedMany({ model, values: ['a', 'b', 'c'] })).embeddings.length, 3);
});
