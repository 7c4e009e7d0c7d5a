// The three bands, business rules, and what a person decides.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, sleep, storeWithModels } from './penstock.mjs';
import { billingText } from './samples.mjs';

const rules = `
function verify(r)
  if r.text:find("refuse", 1, true) then return false, "the customer refuses" end
  if r.text:find("break", 1, true) then error("broken on purpose") end
  if r.text:find("maybe", 1, true) then return "maybe" end
  if r.text:find("forever", 1, true) then while true do end end
  if r.text:find("greedy", 1, true) then
    local t = {}
    for i = 1, 1e9 do t[i] = string.rep("x", 1000) .. i end
  end
  return r.prediction == "billing" and r.confidence > 0 and #r.labels >= 2 and r.labels[1].label == "billing", "no bill"
end
`;

const endpoints = (dir) => {
  const rollout = [{ model: 'tickets@1' }];
  return {
    plain: { rollout },
    sure: { rollout, accept_threshold: 0 },
    ruled: { rollout, accept_threshold: '100%', review_threshold: 0, rules: path.join(dir, 'verify.lua') },
    reviewed: { rollout, accept_threshold: '100%', review_threshold: '100%', keep_inputs: 'review' },
    unkept: { rollout, accept_threshold: '100%', review_threshold: '100%' },
  };
};

test('decisions', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  fs.writeFileSync(path.join(dir, 'verify.lua'), rules);
  const server = await serve(t, { endpoints: endpoints(dir) }, { store, dir });

  await t.test("without thresholds of its own an endpoint follows the version's policy: 0.85 and 0.60", async () => {
    const texts = [
      billingText,
      'my parcel has not arrived',
      'hello',
      'the invoice of the parcel crashes',
      'zxqv',
      'again urgent',
    ];
    for (const text of texts) {
      const answer = await server.answer('plain', { text });
      assert.equal(answer.decision, answer.confidence >= 0.85 ? 'accepted' : 'review', JSON.stringify(answer));
      if (answer.decision === 'review') {
        assert.equal(answer.review_reason, 'low_confidence');
        assert.equal(/no rules/.test(answer.review_detail ?? ''), answer.confidence >= 0.6, JSON.stringify(answer));
      }
    }
  });

  await t.test('at or above the accept threshold an answer goes straight out', async () => {
    const answer = await server.answer('sure', { text: 'zxqv' });
    assert.equal(answer.decision, 'accepted');
    assert.equal(answer.review_id, undefined);
  });

  await t.test('between the thresholds it is verified when the rules pass', async () => {
    const answer = await server.answer('ruled', { text: billingText });
    assert.equal(answer.decision, 'verified');
  });

  await t.test('what the rules refuse goes to a person, with their reason', async () => {
    const answer = await server.answer('ruled', { text: `${billingText} and i refuse` });
    assert.deepEqual(
      [answer.decision, answer.review_reason, answer.review_detail],
      ['review', 'rules', 'the customer refuses'],
    );
    assert.match(answer.review_id, /^[0-9A-Z]{26}$/);
  });

  for (const [word, what] of Object.entries({
    break: 'broken on purpose',
    maybe: 'true or false',
    forever: 'instruction|CPU time',
    greedy: 'memory|instruction|CPU time',
  }))
    await t.test(`rules that fail have not passed: "${word}"`, async () => {
      const answer = await server.answer('ruled', { text: `${billingText} ${word}` });
      assert.deepEqual([answer.decision, answer.review_reason], ['review', 'rules_failed']);
      // The file is named, no folder of the server is.
      assert.match(answer.review_detail, new RegExp(`^verify\\.lua:(\\d+:)? .*(${what})`));
      assert.equal(
        (await server.answer('ruled', { text: `${billingText} ${[...word].reverse().join('')}` })).decision,
        'verified',
      );
    });

  await t.test('a review item is there when the reply is, with its input where that is kept', async () => {
    const answer = await server.answer('reviewed', { text: billingText });
    assert.equal(answer.decision, 'review');
    const item = (await server.get(`/v1/review/${answer.review_id}`)).json;
    assert.equal(item.request_id, answer.request_id);
    assert.deepEqual(
      [item.endpoint, item.model, item.prediction, item.status, item.label],
      ['reviewed', 'tickets@1', answer.prediction, 'open', null],
    );
    assert.deepEqual(item.labels, answer.labels);
    assert.deepEqual([item.input.kept, item.input.text, item.input.type], [true, billingText, 'text/plain']);
    const unkept = await server.answer('unkept', { text: billingText });
    assert.equal((await server.get(`/v1/review/${unkept.review_id}`)).json.input.kept, false);
  });

  await t.test('the list pages through open items, oldest first, by endpoint', async () => {
    const made = [];
    for (let i = 0; i < 5; i++) {
      made.push((await server.answer('unkept', { text: `${billingText} page ${i}` })).review_id);
      await sleep(5); // IDs sort by millisecond
    }
    const seen = [];
    let after = '',
      more = true;
    while (more) {
      const page = (await server.get(`/v1/review?endpoint=unkept&limit=2&after=${after}`)).json;
      assert.ok(page.data.length <= 2);
      seen.push(...page.data.map((item) => item.id));
      after = seen.at(-1);
      more = page.has_more;
    }
    assert.deepEqual(seen.slice(-5), made);
    assert.equal(new Set(seen).size, seen.length);
    const all = (await server.get('/v1/review?limit=1000')).json;
    assert.equal(all.open, all.data.length);
  });

  await t.test('resolving takes it off the list; the same label again is fine, another one a conflict', async () => {
    const { review_id: id } = await server.answer('unkept', { text: `${billingText} resolve` });
    const before = (await server.get('/v1/review')).json.open;
    const post = (label) => server.request('POST', `/v1/review/${id}`, { body: { label } });
    const first = await post('delivery');
    assert.equal(first.status, 200);
    assert.deepEqual([first.json.status, first.json.label, first.json.reviewer], ['resolved', 'delivery', 'local']);
    assert.deepEqual((await post('delivery')).json, first.json);
    const other = await post('billing');
    assert.equal(`${other.status} ${other.json.error.code}`, '409 conflict');
    assert.match(other.json.error.message, /delivery/);
    const list = (await server.get('/v1/review')).json;
    assert.equal(list.open, before - 1);
    assert.ok(!list.data.some((item) => item.id === id));
    assert.ok((await server.get('/v1/review?status=resolved')).json.data.some((item) => item.id === id));
  });

  await t.test('what is wrong with a resolution is said', async () => {
    const { review_id: id } = await server.answer('unkept', { text: `${billingText} wrong` });
    const refused = async (body, status, code, target = id) => {
      const reply = await server.request('POST', `/v1/review/${target}`, {
        body,
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(`${reply.status} ${reply.json.error.code}`, `${status} ${code}`, JSON.stringify(body));
    };
    await refused({ label: 'x' }, 404, 'not_found', '01ARZ3NDEKTSV4RRFFQ69G5FAV');
    await refused({}, 400, 'missing_field');
    await refused({ label: '' }, 400, 'missing_field');
    await refused({ label: 7 }, 400, 'missing_field');
    await refused({ label: 'a\u0007b' }, 400, 'invalid_field');
    await refused('{"label":', 400, 'invalid_json');
    await refused('[]', 400, 'missing_field');
    await refused('', 400, 'invalid_json');
    await refused({ label: 'x'.repeat(70_000) }, 413, 'body_too_large');
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'status=done', 'limit=-1'])
      assert.equal((await server.get(`/v1/review?${query}`)).json.error?.code, 'invalid_field', query);
    assert.equal((await server.get('/v1/review/nothing')).status, 404);
    assert.equal((await server.get(`/v1/review/${id}`)).json.status, 'open');
  });

  await t.test('penstock review lists, shows and resolves the same items beside the running server', async () => {
    const { review_id: id } = await server.answer('reviewed', { text: `${billingText} by command` });
    const review = async (...args) => (await command(['review', ...args, '--store', store])).stdout;
    assert.match(await review('list', '--limit', '1000'), new RegExp(id));
    assert.match(await review('show', id), /by command/);
    await review('resolve', id, '--label', 'technical', '--reviewer', 'ann');
    const item = (await server.get(`/v1/review/${id}`)).json;
    assert.deepEqual([item.status, item.label, item.reviewer], ['resolved', 'technical', 'ann']);
    const conflict = await command(
      ['review', 'resolve', id, '--label', 'billing', '--reviewer', 'bob', '--store', store],
      { code: 1 },
    );
    assert.match(conflict.stderr, /technical/);
  });

  await t.test('answers that went to a person are never given again from the cache', async () => {
    const first = await server.answer('unkept', { text: 'the very same text' });
    const second = await server.answer('unkept', { text: 'the very same text' });
    assert.deepEqual([second.decision, second.cached], ['review', false]);
    assert.notEqual(second.review_id, first.review_id);
  });
});
