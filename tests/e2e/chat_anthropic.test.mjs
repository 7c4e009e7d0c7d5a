// The official `@anthropic-ai/sdk` in front of upstreams of either kind: what it sends arrives, in the upstream's words.
import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropicClient, recordOf, start, user } from './chats.mjs';
import { judges, skip } from './judges.mjs';
import { sentence } from './upstream.mjs';

const base = { model: 'assistant', max_tokens: 99 };
const input_schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const picture = 'iVBORw0KGgo=';

// What an OpenAI upstream must hear for what the client said.
const heard = {
  openai: {
    system: (body) => body.messages[0].content,
    limit: (body) => body.max_completion_tokens ?? body.max_tokens,
    stops: (body) => body.stop,
    image: (body) => body.messages.at(-1).content.find((part) => part.type === 'image_url').image_url.url.split(',')[1],
    tool: (body) => body.tools[0].function.parameters,
    choice: (body) => body.tool_choice,
    result: (body) => body.messages.find((message) => message.role === 'tool').tool_call_id,
    call: (body) => JSON.parse(body.messages.find((message) => message.tool_calls).tool_calls[0].function.arguments),
  },
  anthropic: {
    system: (body) => body.system,
    limit: (body) => body.max_tokens,
    stops: (body) => body.stop_sequences,
    image: (body) => body.messages.at(-1).content.find((part) => part.type === 'image').source.data,
    tool: (body) => body.tools[0].input_schema,
    choice: (body) => body.tool_choice,
    result: (body) => body.messages.at(-1).content[0].tool_use_id,
    call: (body) => body.messages[1].content.find((part) => part.type === 'tool_use').input,
  },
};

for (const kind of ['openai', 'anthropic'])
  test(`the anthropic client, upstream ${kind}`, { skip, timeout: 300_000 }, async (t) => {
    const { up, server } = await start(t, {
      kind,
      fails: { broken: 'error500', busy: 'error503', rate: 'rate60', long: 'length', ...Object.fromEntries(['cut', 'errorevent', 'nodone', 'stall'].map((script) => [script, script])) },
      upstreamMore: { retry: { attempts: 1 } },
    });
    const client = anthropicClient(server);
    const said = heard[kind];
    const last = () => up.asked.at(-1);

    await t.test('system, limits and stop sequences', async () => {
      const message = await client.messages.create({ ...base, system: 'Be brief.', stop_sequences: ['END'], temperature: 0.5, messages: user('Hello?') });
      assert.deepEqual([message.type, message.role, message.stop_reason, message.content], ['message', 'assistant', 'end_turn', [{ type: 'text', text: sentence }]]);
      assert.deepEqual([said.system(last().body), said.limit(last().body), said.stops(last().body), last().body.temperature], ['Be brief.', 99, ['END'], 0.5]);
      assert.equal(last().url, kind === 'openai' ? '/v1/chat/completions' : '/v1/messages');
      if (kind === 'anthropic') assert.ok(last().headers['anthropic-version']);
    });
    await t.test('images', async () => {
      const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } };
      await client.messages.create({ ...base, messages: user([{ type: 'text', text: 'What is it?' }, image]) });
      assert.equal(said.image(last().body), picture);
    });
    await t.test('tools: offered, called, answered', async () => {
      const ask = { ...base, tools: [{ name: 'weather', description: 'the weather', input_schema }], tool_choice: { type: 'any' }, messages: user('Weather?') };
      const called = await client.messages.create(ask);
      assert.equal(called.stop_reason, 'tool_use');
      assert.deepEqual(said.tool(last().body), input_schema);
      assert.deepEqual(said.choice(last().body), kind === 'openai' ? 'required' : { type: 'any' });
      const use = called.content.find((block) => block.type === 'tool_use');
      const result = { type: 'tool_result', tool_use_id: use.id, content: 'clear' };
      const answered = await client.messages.create({ ...ask, messages: [...ask.messages, { role: 'assistant', content: called.content }, { role: 'user', content: [result] }] });
      assert.equal(answered.content[0].text, sentence);
      assert.equal(said.result(last().body), use.id);
      assert.deepEqual(said.call(last().body), { city: 'Ulm' });
    });
    await t.test('a stream has the events in their order', async () => {
      const kinds = [];
      const stream = client.messages.stream({ ...base, tools: [{ name: 'weather', input_schema }], messages: user('Weather?') });
      stream.on('streamEvent', (event) => kinds.push(event.type));
      const final = await stream.finalMessage();
      assert.deepEqual(final.content.find((block) => block.type === 'tool_use').input, { city: 'Ulm' });
      assert.deepEqual([kinds[0], kinds.at(-2), kinds.at(-1)], ['message_start', 'message_delta', 'message_stop']);
      let open = 0;
      for (const name of kinds) {
        open += (name === 'content_block_start') - (name === 'content_block_stop');
        assert.ok(open === 0 || open === 1, kinds.join());
      }
      assert.equal(final.usage.output_tokens, 3);
    });
    await t.test('failures are its own errors', async () => {
      const ask = (model) => client.messages.create({ ...base, model, messages: user('?') });
      await assert.rejects(ask('broken'), (error) => error.status === 502 && error.error.type === 'error' && error.error.error.type === 'api_error');
      await assert.rejects(ask('busy'), (error) => error.status === 503);
      await assert.rejects(ask('rate'), (error) => error.status === 503 && error.headers.get('retry-after') === '60');
      await assert.rejects(ask('nobody'), judges.Anthropic.NotFoundError);
      await assert.rejects(client.messages.create({ ...base, messages: [{ role: 'user', content: 7 }] }), judges.Anthropic.BadRequestError);
    });
    await t.test('a stream that breaks is never taken for a whole one', async () => {
      for (const model of ['cut', 'errorevent', 'nodone', 'stall']) {
        const stream = client.messages.stream({ ...base, model, messages: user('?') });
        let text = '';
        stream.on('text', (piece) => (text += piece));
        await assert.rejects(stream.finalMessage(), judges.Anthropic.APIError, model);
        assert.ok(text.startsWith('Hello'), `${model}: ${text}`);
      }
    });
    await t.test('it is recorded with its tokens', async () => {
      const { response } = await client.messages.create({ ...base, messages: user('Hello?') }).withResponse();
      const record = await recordOf(server, response.headers.get('x-request-id'));
      assert.equal(record.decision, 'accepted');
      assert.match(JSON.stringify(record), /"input_tokens":12/);
    });
    await server.healthy();
  });
