// Rollouts over HTTP: begun, promoted, rolled back, by whom and why.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createKey, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const named = (reply) => `${reply.status} ${reply.json?.error?.code ?? ''}`.trim();

test('rollouts over HTTP', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const [client, reviewer, admin] = [
    await createKey(store, 'the-client'),
    await createKey(store, 'rita', 'reviewer'),
    await createKey(store, 'ada', 'admin'),
  ];
  const endpoints = {
    tickets: { rollout: [{ model: 'tickets@1' }] },
    chats: { kind: 'chat', rollout: [{ upstream: 'made-up', model: 'm' }] },
  };
  const upstreams = { 'made-up': { kind: 'simulator' } };
  const server = await serve(t, { auth: { required: true }, endpoints, upstreams }, { store });
  const get = (target, key = reviewer) => server.get(`/v1/admin/${target}`, { key });
  const post = (target, body, key = admin) => server.request('POST', `/v1/admin/${target}`, { key, body });
  const model = async () => (await server.answer('tickets', { text: billingText }, { key: client })).model;
  const wish = { endpoint: 'tickets', candidate: 'tickets@2', steps: '50', pause: '1h', limit: '2h', why: 'to try it' };

  await t.test('administrators only', async () => {
    for (const key of [client, reviewer]) {
      assert.equal(named(await post('rollouts', { ...wish, override: 'x' }, key)), '403 permission_denied');
      for (const act of ['promote', 'rollback', 'stop_shadow'])
        assert.equal(named(await post(`endpoints/tickets/${act}`, { why: 'x' }, key)), '403 permission_denied');
    }
    assert.deepEqual((await get('rollouts')).json, { data: [], has_more: false });
  });

  await t.test('what cannot begin does not, and says why', async () => {
    for (const [change, wanted, message] of [
      [{}, '409 conflict', /no passing evaluation/],
      [{ override: '' }, '400 invalid_field', /reason/],
      [{ endpoint: undefined }, '400 missing_field', /endpoint/],
      [{ candidate: '' }, '400 missing_field', /candidate/],
      [{ endpoint: 'none' }, '404 not_found', /none/],
      [{ candidate: 'tickets@9' }, '404 not_found', /tickets@2/],
      [{ candidate: 'made-up/m' }, '400 invalid_field', /NAME@VERSION/],
      [{ candidate: 'tickets@1', override: 'x' }, '409 conflict', /already/],
      [{ kind: 'sudden' }, '400 invalid_field', /canary/],
      [{ kind: 7 }, '400 invalid_field', /text/],
      [{ steps: '50,20' }, '400 invalid_field', /growing/],
      [{ pause: 'soon' }, '400 invalid_field', /duration/],
      [{ pause: '3h' }, '400 invalid_field', /shorter/],
      [{ least: 0 }, '400 invalid_field', /requests/],
      [{ least: 'many' }, '400 invalid_field', /requests/],
      [{ segment: 'rule=/etc/passwd' }, '400 invalid_field', /penstock deploy/],
      [{ segment: 'client=nobody' }, '404 not_found', /nobody/],
      [{ why: 'x'.repeat(5000) }, '400 invalid_field', /at most/],
      [{ why: 'a\u0000b' }, '400 invalid_field', /control/],
      [{ endpoint: 'chats', candidate: 'nowhere/m', override: 'x' }, '404 not_found', /nowhere/],
    ]) {
      const reply = await post('rollouts', { ...wish, ...change });
      assert.equal(named(reply), wanted, `${JSON.stringify(change).slice(0, 80)}: ${reply.text}`);
      assert.match(reply.json.error.message, message);
    }
    for (const act of ['promote', 'rollback', 'stop_shadow']) {
      assert.equal(named(await post(`endpoints/tickets/${act}`, { why: 'x' })), '404 not_found', act);
      assert.equal(named(await post(`endpoints/tickets/${act}`, {})), '400 missing_field', act);
      assert.equal(named(await post(`endpoints/${'x'.repeat(3000)}/${act}`, { why: 'x' })), '400 invalid_field', act);
    }
    assert.equal((await get('rollouts')).json.data.length, 0);
    assert.equal(await model(), 'tickets@1');
  });

  await t.test('one that somebody answers for begins, is seen everywhere, and is promoted', async () => {
    const begun = await post('rollouts', { ...wish, override: 'tried by hand' });
    assert.equal(begun.status, 200, begun.text);
    const { id } = begun.json;
    assert.deepEqual(
      [begun.json.stable, begun.json.candidate, begun.json.state, begun.json.weight, begun.json.by, begun.json.why],
      ['tickets@1', 'tickets@2', 'running', 0.5, 'ada', 'to try it'],
    );
    assert.equal(named(await post('rollouts', { ...wish, override: 'again' })), '409 conflict');
    await until('both to serve', async () => (await get('endpoints/tickets')).json.serving.length === 2);
    const line = (await get('overview')).json.data[0];
    assert.equal(line.rollout.id, id);
    assert.equal(line.shadow, null);
    let asked = 0;
    const shown = await until('the evidence', async () => {
      await server.predict('tickets', { text: `${billingText} ${asked++}` }, { key: client });
      const { json } = await get(`rollouts/${id}`);
      return json.evidence.stable.requests + json.evidence.candidate.requests >= 5 && json;
    });
    assert.equal(shown.candidate, 'tickets@2');
    const ended = await post('endpoints/tickets/promote', { why: 'it is good' });
    assert.deepEqual([ended.json.state, ended.json.weight], ['promoted', 1]);
    await until('the candidate', async () => (await model()) === 'tickets@2');
    assert.equal(named(await post('endpoints/tickets/promote', { why: 'again' })), '409 conflict');
  });

  await t.test('and rolled back; the history says by whom', async () => {
    const back = await post('endpoints/tickets/rollback', { why: 'it was not' });
    assert.equal(back.json.state, 'rolled back');
    await until('what was before', async () => (await model()) === 'tickets@1');
    const { data } = (await get('history?endpoint=tickets')).json;
    const acts = data.filter((row) => row.what.startsWith('rollout.')).map((row) => [row.what, row.who, row.why]);
    assert.deepEqual(acts, [
      ['rollout.rolled_back', 'ada', 'it was not'],
      ['rollout.promoted', 'ada', 'it is good'],
      ['rollout.started', 'ada', 'to try it'],
      ['rollout.gate_overridden', 'ada', 'tried by hand'],
    ]);
    assert.equal((await get('rollouts?endpoint=chats')).json.data.length, 0);
    assert.equal((await get('rollouts?endpoint=tickets')).json.data.length, 1);
  });

  await t.test('a shadow is begun and stopped', async () => {
    const begun = await post('rollouts', { endpoint: 'tickets', candidate: 'tickets@2', kind: 'shadow', mirror: '50%', why: 'to look' });
    assert.equal(begun.status, 200, begun.text);
    assert.deepEqual([begun.json.kind, begun.json.mirror], ['shadow', 0.5]);
    assert.equal((await get('overview')).json.data[0].shadow.id, begun.json.id);
    const ended = await post('endpoints/tickets/stop_shadow', { why: 'seen enough' });
    assert.equal(ended.json.state, 'stopped');
    assert.equal(await model(), 'tickets@1');
  });
});
