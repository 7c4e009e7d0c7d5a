// A model that is late gets company (option `hedge`): the client hears whoever begins first, once, and both are accounted for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { recordOf, start } from './chats.mjs';
import { sentence } from './upstream.mjs';

const chat = (script, rest) => ({ kind: 'chat', cache: false, rollout: [{ upstream: 'main', model: script }], hedge: '50%', ...rest });
const words = (text) => [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('');

test('hedges', { timeout: 300_000 }, async (t) => {
  const { up, server, ask } = await start(t, {
    upstreamMore: { first_byte_timeout: '20s', idle_timeout: '20s' },
    more: {
      whole: chat('hang+ok'),
      streamed: chat('hang+tight'),
      never: chat('hang+crlf', { hedge: 0, deadline: '2s' }),
      both: chat('hang+hang', { deadline: '2s', fallbacks: [{ text: 'nobody' }] }),
      failing: chat('hang+error500', { deadline: '3s' }),
      split: chat('hang', { route: 'cost', rollout: [{ upstream: 'main', model: 'hang' }, { upstream: 'main', model: 'another' }] }),
    },
  });
  const askedFor = (...models) => up.asked.filter(({ body }) => models.includes(body.model)).length;
  // What is late shows only once 20 calls were seen: later than half of them, of which a machine that stops for a moment
  // says little.
  for (let i = 0; i < 25; i++) assert.equal((await ask('assistant')).status, 200);

  await t.test('the second call answers, the first one is let go', async () => {
    const reply = await ask('whole');
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.choices[0].message.content, sentence);
    assert.equal(askedFor('hang+ok'), 2);
    const record = await recordOf(server, reply.headers['x-request-id']);
    assert.equal(record.attempts, 2);
    assert.equal(record.usage.input_tokens, 2 * reply.json.usage.prompt_tokens, 'the one that lost has read the question, too');
    assert.equal(record.usage.output_tokens, reply.json.usage.completion_tokens);
  });
  await t.test('a stream is said once', async () => {
    const reply = await ask('streamed', { stream: true });
    assert.equal(words(reply.text), sentence);
    assert.equal(askedFor('hang+tight'), 2);
  });
  await t.test('off, nobody else is asked', async () => {
    const reply = await ask('never');
    assert.equal(reply.status, 504);
    assert.equal(askedFor('hang+crlf'), 1);
  });
  await t.test('where both hang, the deadline ends both', async () => {
    assert.equal((await ask('both')).status, 504);
    assert.equal(askedFor('hang+hang'), 2);
  });
  await t.test('a hedge that fails leaves the first one alone', async () => {
    const reply = await ask('failing');
    assert.equal(reply.status, 504, reply.text);
    assert.ok(askedFor('hang+error500') >= 2);
  });
  await t.test('another of the rollout is asked, where the route has one', async () => {
    const reply = await ask('split');
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['x-penstock-model'], 'main/another');
    assert.equal(reply.headers['x-penstock-decision'], 'accepted');
  });
  await server.healthy();
});
