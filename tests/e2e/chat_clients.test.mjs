// Every official client against every kind of upstream: whole, streamed, with tools, with errors.
import assert from 'node:assert/strict';
import test from 'node:test';
import { judges, skip } from './judges.mjs';
import { serve } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const question = [{ role: 'user', content: 'Hello?' }];

const clients = {
  'openai chat': async ({ openai }, model) => (await openai.chat.completions.create({ model, messages: question })).choices[0].message.content,
  'openai chat, streamed': async ({ openai }, model) => (await openai.chat.completions.stream({ model, messages: question }).finalChatCompletion()).choices[0].message.content,
  'openai responses': async ({ openai }, model) => (await openai.responses.create({ model, input: 'Hello?' })).output_text,
  'openai responses, streamed': async ({ openai }, model) => (await openai.responses.stream({ model, input: 'Hello?' }).finalResponse()).output_text,
  'anthropic messages': async ({ anthropic }, model) => (await anthropic.messages.create({ model, max_tokens: 99, messages: question })).content[0].text,
  'anthropic messages, streamed': async ({ anthropic }, model) => (await anthropic.messages.stream({ model, max_tokens: 99, messages: question }).finalMessage()).content[0].text,
  'ai, chat': async ({ provider }, model) => (await judges.generateText({ model: provider.chat(model), prompt: 'Hello?' })).text,
  'ai, responses': async ({ provider }, model) => (await judges.generateText({ model: provider(model), prompt: 'Hello?' })).text,
  'ai, streamed': async ({ provider }, model) => {
    let text = '';
    for await (const part of judges.streamText({ model: provider(model), prompt: 'Hello?' }).textStream) text += part;
    return text;
  },
};

test('every client reaches every upstream', { skip, timeout: 300_000 }, async (t) => {
  const up = await upstream(t);
  const chat = (upstream, more) => ({ kind: 'chat', rollout: [{ upstream, model: 'ok' }], ...more });
  const server = await serve(t, {
    upstreams: { openai: { kind: 'openai', url: up.url }, anthropic: { kind: 'anthropic', url: up.url }, simulator: { kind: 'simulator' }, failing: { kind: 'openai', url: up.url, retry: { attempts: 1 } } },
    endpoints: {
      openai: chat('openai'),
      anthropic: chat('anthropic'),
      simulator: chat('simulator'),
      sorry: { kind: 'chat', rollout: [{ upstream: 'failing', model: 'error500' }], fallbacks: [{ text: 'Sorry, come again later.' }] },
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  const known = {
    openai: new judges.OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 }),
    anthropic: new judges.Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 }),
    provider: judges.createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }),
  };
  const expected = { openai: sentence, anthropic: sentence, simulator: /^\[simulator\] No model wrote this/, sorry: 'Sorry, come again later.' };
  for (const [name, ask] of Object.entries(clients))
    await t.test(name, async () => {
      for (const [endpoint, text] of Object.entries(expected)) {
        const got = await ask(known, endpoint);
        if (text instanceof RegExp) assert.match(got, text);
        else assert.equal(got, text, endpoint);
      }
    });

  await t.test('tools', async () => {
    for (const model of ['openai', 'anthropic']) {
      const tool = { name: 'weather', description: 'the weather', input_schema: parameters };
      const ask = { model, max_tokens: 99, tools: [tool], messages: question };
      for (const message of [await known.anthropic.messages.create(ask), await known.anthropic.messages.stream(ask).finalMessage()]) {
        assert.equal(message.stop_reason, 'tool_use', model);
        const use = message.content.find((block) => block.type === 'tool_use');
        assert.deepEqual([use.name, use.input], ['weather', { city: 'Ulm' }], model);
      }
      const fn = { type: 'function', function: { name: 'weather', parameters } };
      const whole = await known.openai.chat.completions.create({ model, tools: [fn], messages: question });
      assert.deepEqual(JSON.parse(whole.choices[0].message.tool_calls[0].function.arguments), { city: 'Ulm' }, model);
      // The answer to a tool call goes back the way it came.
      const messages = [...question, whole.choices[0].message, { role: 'tool', tool_call_id: whole.choices[0].message.tool_calls[0].id, content: 'sunny' }];
      assert.ok((await known.openai.chat.completions.create({ model, messages })).choices[0].message.content, model);
      const called = await judges.generateText({
        model: known.provider.chat(model),
        prompt: 'Weather?',
        tools: { weather: judges.tool({ description: 'the weather', inputSchema: judges.jsonSchema(parameters) }) },
      });
      assert.deepEqual(called.toolCalls[0].input, { city: 'Ulm' }, model);
    }
  });
  await t.test('errors in each client’s own form', async () => {
    await assert.rejects(known.anthropic.messages.create({ model: 'nobody', max_tokens: 9, messages: question }), judges.Anthropic.NotFoundError);
    await assert.rejects(known.openai.responses.create({ model: 'nobody', input: 'Hello?' }), judges.OpenAI.NotFoundError);
  });
  await t.test('usage is counted in each API’s way', async () => {
    for (const model of ['openai', 'anthropic']) {
      const { usage } = await known.openai.chat.completions.create({ model, messages: question });
      assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens], [12, 3, 4], model);
      const message = await known.anthropic.messages.create({ model, max_tokens: 9, messages: question });
      assert.deepEqual([message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens], [8, 4, 3], model);
    }
  });
  await server.healthy();
});
