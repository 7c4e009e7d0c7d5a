// The exact cache: what it may give again, and to whom never; and the split over versions.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createKey, folder, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const one = [{ model: 'tickets@1' }],
  both = [
    { model: 'tickets@1', weight: '90%' },
    { model: 'tickets@2', weight: '10%' },
  ];
const open = { accept_threshold: 0 };

test('the exact cache', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  const shop = await createKey(store, 'shop'),
    desk = await createKey(store, 'desk'),
    second = await createKey(store, 'shop');
  const rules = path.join(dir, 'verify.lua');
  fs.writeFileSync(rules, 'function verify(r) return true end');
  const ruled = { rollout: one, accept_threshold: '100%', review_threshold: 0, rules };
  const config = {
    auth: { required: true },
    endpoints: {
      tickets: { ...open, rollout: one },
      other: { ...open, rollout: one },
      short: { ...open, rollout: one, cache_ttl: '1s' },
      off: { ...open, rollout: one, cache: false },
      ruled,
    },
  };
  const server = await serve(t, config, { store, dir });
  const ask = (endpoint, text, key = shop) => server.answer(endpoint, { text }, { key });

  await t.test('the same input again is a hit: same answer, new request ID, no model asked', async () => {
    const first = await ask('tickets', billingText);
    const again = await ask('tickets', billingText);
    assert.deepEqual([first.cached, again.cached, again.decision], [false, true, 'cached']);
    assert.deepEqual(
      [again.prediction, again.confidence, again.labels, again.model],
      [first.prediction, first.confidence, first.labels, first.model],
    );
    assert.notEqual(again.request_id, first.request_id);
    assert.ok(!('infer' in again.stages));
  });

  await t.test("a client's second key shares its cache, another client never does", async () => {
    assert.equal((await ask('tickets', billingText, second)).cached, true);
    const stranger = await ask('tickets', billingText, desk);
    assert.equal(stranger.cached, false);
    assert.equal((await ask('tickets', billingText, desk)).cached, true);
  });

  await t.test('another endpoint and a text that differs in one byte are no hit', async () => {
    assert.equal((await ask('other', billingText)).cached, false);
    assert.equal((await ask('tickets', `${billingText} `)).cached, false);
    assert.equal((await ask('tickets', billingText.toUpperCase())).cached, false);
  });

  await t.test('its time passes', async () => {
    let kept;
    const again = async () => {
      const asked = Date.now(),
        { cached } = await ask('short', billingText);
      if (!cached) kept = asked;
      return cached;
    };
    await until('a hit', again);
    const before = kept;
    await until('its end', async () => !(await again()));
    assert.ok(Date.now() - before >= 1000, 'not sooner');
  });

  await t.test('an endpoint may be without it', async () => {
    await ask('off', billingText);
    assert.equal((await ask('off', billingText)).cached, false);
  });

  await t.test('another version is no hit', async () => {
    const whole = structuredClone(server.config);
    whole.endpoints.tickets.rollout = [{ model: 'tickets@2' }];
    await server.reload(whole);
    const answer = await ask('tickets', billingText);
    assert.deepEqual([answer.model, answer.cached], ['tickets@2', false]);
  });

  await t.test('an answer that passed under other thresholds or rules is not given again', async () => {
    assert.equal((await ask('ruled', billingText)).decision, 'verified');
    assert.equal((await ask('ruled', billingText)).decision, 'cached');
    const whole = structuredClone(server.config);
    fs.writeFileSync(rules, 'function verify(r) return false, "nothing passes any more" end');
    whole.endpoints.other = { rollout: one, accept_threshold: '100%', review_threshold: '100%' };
    await server.reload(whole);
    const stricter = await ask('ruled', billingText);
    assert.deepEqual([stricter.decision, stricter.review_detail], ['review', 'nothing passes any more']);
    assert.equal((await ask('other', billingText)).decision, 'review');
  });
});

test('the split over versions', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const keys = [];
  for (let i = 0; i < 6; i++) keys.push(await createKey(store, `client-${i}`, 'client', '--rate', '100000'));
  const split = { ...open, rollout: both };
  const endpoints = { drawn: { ...split, sticky: 'none' }, byuser: { ...split, sticky: 'user' }, bykey: { ...split } };
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const shareOfSecond = (answers) => answers.filter((answer) => answer.model === 'tickets@2').length / answers.length;

  await t.test('90 % and 10 %', async () => {
    const answers = [];
    for (let i = 0; i < 20; i++) {
      const calls = Array.from({ length: 50 }, (_, j) =>
        server.answer('drawn', { text: `${billingText} ${i} ${j}` }, { key: keys[0] }),
      );
      answers.push(...(await Promise.all(calls)));
    }
    const share = shareOfSecond(answers); // 1,000 draws: a standard deviation of 0.0095
    assert.ok(share > 0.055 && share < 0.15, `the second version got ${share}`);
  });

  await t.test('a user stays with its version, users are spread by weight', async () => {
    const of = async (user, text) => (await server.answer('byuser', { text, user }, { key: keys[0] })).model;
    const answers = [];
    for (let i = 0; i < 400; i += 40)
      answers.push(
        ...(await Promise.all(
          Array.from({ length: 40 }, async (_, j) => ({
            user: `user-${i + j}`,
            model: await of(`user-${i + j}`, 'first'),
          })),
        )),
      );
    const share = shareOfSecond(answers); // 400 draws: 0.015
    assert.ok(share > 0.03 && share < 0.19, `the second version got ${share}`);
    for (const { user, model } of answers.slice(0, 100)) assert.equal(await of(user, `${user} again`), model);
  });

  await t.test('a caller stays with its version, also over a reload', async () => {
    const models = [];
    for (const key of keys) {
      const seen = new Set();
      for (let i = 0; i < 8; i++)
        seen.add((await server.answer('bykey', { text: `${billingText} ${i}` }, { key })).model);
      assert.equal(seen.size, 1);
      models.push([...seen][0]);
    }
    await server.reload(server.config);
    for (const [i, key] of keys.entries())
      assert.equal((await server.answer('bykey', { text: 'later' }, { key })).model, models[i]);
  });
});
