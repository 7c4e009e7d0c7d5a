// What the command line administers, over HTTP: keys, registry, tags, prompts, history.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, createKey, folder, serve, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const named = (reply) => `${reply.status} ${reply.json?.error?.code ?? ''}`.trim();
const json = async (...args) => JSON.parse((await command(args)).stdout);
const promptText = '---\nname: support-reply\nvariables:\n  - {name: question, type: string}\n---\nuser:\n{{question}}\n';

test('administration over HTTP', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const [client, reviewer, admin] = await Promise.all(
    ['client', 'reviewer', 'admin'].map((role) => createKey(store, `the-${role}`, role)),
  );
  const endpoints = { tickets: { rollout: [{ model: 'tickets@2' }] } };
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const get = (target, key = reviewer) => server.get(`/v1/admin/${target}`, { key });
  const post = (target, body, key = admin) => server.request('POST', `/v1/admin/${target}`, { key, body });
  const data = async (target, key) => {
    const reply = await get(target, key);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.data;
  };

  await t.test('reviewers read all but keys, change nothing, and clients see none of it', async () => {
    const reads = ['models', 'models/tickets', 'models/tickets@1/lineage', 'models/tickets/tags', 'datasets', 'suites', 'evaluations', 'prompts', 'history?endpoint=tickets', 'at?endpoint=tickets', 'rollouts', 'aliases', 'endpoints/tickets/versions', 'endpoints/tickets/versions/newest', 'endpoints/tickets/versions/1/diff'];
    for (const target of reads) {
      assert.equal(named(await server.get(`/v1/admin/${target}`)), '401 missing_api_key', target);
      assert.equal(named(await get(target, client)), '403 permission_denied', target);
      assert.equal(named(await get(target)), '200', target);
      assert.equal(named(await get(target, admin)), '200', target);
    }
    for (const target of ['keys', 'history']) {
      assert.equal(named(await get(target)), '403 permission_denied', target);
      assert.equal(named(await get(target, admin)), '200', target);
    }
    for (const [target, body] of [
      ['keys', { client: 'x', role: 'admin' }],
      ['prompts', { text: promptText }],
      ['models/tickets/tags', { set: { a: 'b' } }],
      ['aliases', { alias: 'live', version: 'tickets@1' }],
    ])
      for (const key of [client, reviewer])
        assert.equal(named(await post(target, body, key)), '403 permission_denied', target);
    assert.equal((await data('keys', admin)).length, 3);
  });

  await t.test('a key is made, shown once, works, and is revoked', async () => {
    const made = await post('keys', { client: 'made here', role: 'client', rate: 5, burst: 7 });
    assert.equal(made.status, 200, made.text);
    const { key, id } = made.json;
    assert.match(key, /^psk_[A-Za-z0-9_-]{43}$/);
    await until('the new key', async () => (await server.predict('tickets', { text: billingText }, { key })).status === 200);
    const row = (await data('keys', admin)).find((one) => one.id === id);
    assert.deepEqual([row.client, row.role, row.rate, row.burst, row.revoked, row.key], ['made here', 'client', 5, 7, null, undefined]);
    assert.deepEqual((await json('keys', 'list', '--json', '--store', store)).length, 4);
    const gone = await server.request('DELETE', `/v1/admin/keys/${id}`, { key: admin });
    assert.deepEqual(gone.json, { id, revoked: true });
    await until('its end', async () => (await server.predict('tickets', { text: billingText }, { key })).status === 401);
    assert.ok((await data('keys', admin)).find((one) => one.id === id).revoked);
    assert.equal(named(await server.request('DELETE', '/v1/admin/keys/none', { key: admin })), '404 not_found');
    assert.equal(named(await server.request('DELETE', `/v1/admin/keys/${'x'.repeat(4000)}`, { key: admin })), '404 not_found');
    const history = (await get('history?limit=2', admin)).json;
    assert.deepEqual(
      history.data.map((change) => [change.what, change.who]),
      [
        ['key.revoked', 'the-admin'],
        ['key.created', 'the-admin'],
      ],
    );
    assert.ok(history.has_more);
    assert.ok(!JSON.stringify(history).includes(key.slice(4)));
  });

  await t.test('what is no key is refused by name', async () => {
    for (const [body, param] of [
      [{}, 'client'],
      [{ client: 'x' }, 'role'],
      [{ client: 'x', role: 'king' }, 'role'],
      [{ client: 'x\u0000y', role: 'client' }, 'client'],
      [{ client: 'x'.repeat(65), role: 'client' }, 'client'],
      [{ client: 'x', role: 'client', rate: -1 }, 'rate'],
      [{ client: 'x', role: 'client', rate: 'fast' }, 'rate'],
      [{ client: 'x', role: 'client', rate: 1e300 }, 'rate'],
      [{ client: 'x', role: 'client', burst: 1.5 }, 'burst'],
      [{ client: 'x', role: 'client', burst: 2 ** 40 }, 'burst'],
    ]) {
      const reply = await post('keys', body);
      assert.equal(`${reply.status} ${reply.json.error.param}`, `400 ${param}`, JSON.stringify(body));
    }
    for (const body of ['', '[]', 'null', '{', 'x'.repeat(1 << 20)]) {
      const reply = await server.request('POST', '/v1/admin/keys', { key: admin, body });
      assert.ok([400, 413].includes(reply.status), `${reply.status} for ${body.slice(0, 20)}`);
    }
  });

  await t.test('versions, page by page, with lineage', async () => {
    const all = await data('models');
    assert.deepEqual(all.map((one) => one.version), [2, 1]);
    const first = (await get('models?limit=1')).json;
    assert.deepEqual([first.data[0].version, first.has_more], [2, true]);
    const second = (await get('models?limit=1&after=tickets@2')).json;
    assert.deepEqual([second.data[0].version, second.has_more], [1, false]);
    assert.deepEqual(await data('models?name=none'), []);
    const shown = (await get('models/tickets@1')).json;
    const said = await json('models', 'show', 'tickets@1', '--json', '--store', store);
    assert.deepEqual(shown, said, 'as the command line says it');
    assert.deepEqual((await get('models/tickets')).json.version, 2);
    assert.deepEqual((await get('models/tickets@1/lineage')).json.model, 'tickets@1');
    for (const target of ['models/none', 'models/tickets@9', 'models/tickets@9/lineage', 'models/none/tags', 'datasets/none', 'suites/none', 'prompts/none', 'evaluations/none', 'rollouts/none'])
      assert.equal(named(await get(target)), '404 not_found', target);
    for (const target of ['models/a@b', 'models/%2e%2e%2f', 'models?after=%40', 'models?limit=1001', 'history?before=x&endpoint=a', 'at', 'at?endpoint=tickets&time=noon'])
      assert.equal((await get(target)).status, 400, target);
  });

  await t.test('aliases, of the model and of an endpoint', async () => {
    const remove = (target, key = admin) => server.request('DELETE', `/v1/admin/aliases/${target}`, { key });
    const set = await post('aliases', { alias: 'live', version: 'tickets@1', why: 'known' });
    assert.equal(set.status, 200, set.text);
    const { changed, ...rest } = set.json;
    assert.deepEqual(rest, { model: 'tickets', alias: 'live', endpoint: null, version: 'tickets@1' });
    assert.match(changed, /Z$/);
    assert.equal((await post('aliases', { alias: 'live', version: 'tickets', endpoint: 'tickets' })).json.version, 'tickets@2');
    assert.deepEqual(await data('aliases?model=tickets'), await json('models', 'aliases', 'tickets', '--json', '--store', store));
    const first = (await get('aliases?limit=1')).json;
    assert.deepEqual([first.data[0].endpoint, first.has_more], [null, true]);
    assert.deepEqual((await data('aliases?after=tickets@live')).map(({ endpoint, version }) => [endpoint, version]), [['tickets', 'tickets@2']]);
    assert.equal((await data('aliases?endpoint=tickets')).length, 1);
    const [row] = await data('history?endpoint=tickets&what=alias.set&limit=1');
    assert.deepEqual([row.who, row.after.version, row.after.endpoint], ['the-admin', 'tickets@2', 'tickets']);
    assert.equal(named(await remove('tickets@live?endpoint=tickets', reviewer)), '403 permission_denied');
    assert.deepEqual((await remove('tickets@live?endpoint=tickets')).json, { model: 'tickets', alias: 'live', endpoint: 'tickets', removed: true });
    assert.equal(named(await remove('tickets@live?endpoint=tickets')), '404 not_found');
    assert.equal((await remove('tickets@live?why=done')).status, 200);
    assert.deepEqual(await data('aliases'), []);
    for (const [body, status] of [
      [{ alias: 'live', version: 'tickets@9' }, 404],
      [{ alias: 'live', version: 'tickets@lost' }, 404],
      [{ alias: 'live', version: 'none' }, 404],
      [{ alias: 'live', version: 'tickets@1', endpoint: 'none' }, 404],
      [{ alias: 'Live', version: 'tickets@1' }, 400],
      [{ alias: 'live', version: 'a b' }, 400],
      [{ alias: 'live' }, 400],
      [{ version: 'tickets@1' }, 400],
      [{ alias: 7, version: 'tickets@1' }, 400],
      [{ alias: 'live', version: 'tickets@1', endpoint: 'a b' }, 400],
      [{ alias: 'live', version: 'tickets@1', why: 'x'.repeat(401) }, 400],
      ['[]', 400],
    ])
      assert.equal((await post('aliases', body)).status, status, JSON.stringify(body));
    for (const target of ['tickets', 'tickets@', '@live', 'tickets@Live', `${'x'.repeat(500)}@live`]) assert.equal((await remove(target)).status, 400, target);
  });

  await t.test('how an endpoint was configured', async () => {
    const [{ version, hash }] = await data('endpoints/tickets/versions');
    assert.deepEqual(await data('endpoints/tickets/versions'), await json('endpoints', 'list', 'tickets', '--json', '--store', store));
    const one = (await get('endpoints/tickets/versions/newest')).json;
    assert.deepEqual([one.endpoint, one.version, one.hash], ['tickets', version, hash]);
    assert.deepEqual(one.configuration, await json('endpoints', 'show', 'tickets', '--store', store));
    assert.deepEqual((await get(`endpoints/tickets/versions/${version}/diff`)).json, { endpoint: 'tickets', from: 1, to: 1, data: [], has_more: false });
    await server.reload({ ...JSON.parse(fs.readFileSync(server.configPath, 'utf8')), endpoints: { tickets: { ...endpoints.tickets, accept_threshold: 0.7 } } });
    await until('the second', async () => (await data('endpoints/tickets/versions')).length === 2);
    const diff = (await get('endpoints/tickets/versions/newest/diff?from=1')).json;
    assert.deepEqual(diff.data, [{ option: 'options.accept_threshold', before: null, after: 0.7 }]);
    assert.deepEqual((await get('endpoints/tickets/versions/newest/diff')).json, diff);
    assert.equal((await get('endpoints/tickets/versions?limit=1')).json.has_more, true);
    assert.deepEqual((await data('endpoints/tickets/versions?after=tickets@2')).map((row) => row.version), [1]);
    assert.deepEqual(await data('endpoints/none/versions'), []);
    for (const target of ['tickets/versions/9', 'none/versions/1', 'tickets/versions/0', 'tickets/versions/x', 'tickets/versions/1/diff?from=9', 'a%2fb/versions'])
      assert.equal(named(await get(`endpoints/${target}`)), '404 not_found', target);
  });

  await t.test('datasets as the command line has them', async () => {
    const all = await data('datasets');
    assert.deepEqual(all, await json('datasets', 'list', '--json', '--store', store));
    const one = `${all[0].name}@${all[0].version}`;
    assert.deepEqual((await get(`datasets/${one}`)).json, await json('datasets', 'show', one, '--json', '--store', store));
  });

  await t.test('tags: all of a change, or none', async () => {
    const set = await post('models/tickets@1/tags', { set: { stage: 'tried', owner: 'a' } });
    assert.deepEqual(set.json, { tags: { owner: 'a', stage: 'tried' } });
    assert.deepEqual((await post('models/tickets@1/tags', { set: { stage: 'used' }, remove: ['owner'] })).json, { tags: { stage: 'used' } });
    for (const body of [{}, { set: { a: 1 } }, { set: [] }, { remove: {} }, { set: { 'a b': 'x' } }, { set: { a: 'x'.repeat(2000) } }, { set: { good: 'x', 'not good': 'y' } }])
      assert.equal((await post('models/tickets@1/tags', body)).status, 400, JSON.stringify(body).slice(0, 60));
    assert.deepEqual((await get('models/tickets@1/tags')).json, { tags: { stage: 'used' } });
    assert.deepEqual((await get('models/tickets@1')).json.tags, { stage: 'used' });
    assert.equal(named(await post('models/none/tags', { set: { a: 'b' } })), '404 not_found');
  });

  await t.test('prompts are added and read', async () => {
    assert.deepEqual((await post('prompts', { text: promptText })).json, { name: 'support-reply', version: 1, added: true });
    assert.deepEqual((await post('prompts', { text: promptText })).json, { name: 'support-reply', version: 1, added: false });
    assert.equal((await get('prompts/support-reply')).json.text, promptText);
    assert.equal((await data('prompts')).length, 1);
    for (const body of [{}, { text: '' }, { text: 1 }, { text: 'no front matter' }, { text: 'x'.repeat(300_000) }])
      assert.equal((await post('prompts', body)).status, 400, JSON.stringify(body).slice(0, 40));
    assert.equal((await post('prompts', { text: 'x'.repeat(2 << 20) })).status, 413);
    await server.healthy();
  });

  await t.test('suites and evaluations', async () => {
    const dir = folder(t);
    const suite = path.join(dir, 'suite.yaml');
    const rows = Array.from({ length: 20 }, (_, i) => `"${billingText} ${i}",billing\n`).join('');
    fs.writeFileSync(path.join(dir, 'cases.csv'), `text,label\n${rows}`);
    fs.writeFileSync(suite, JSON.stringify({ name: 'smoke', endpoint: 'tickets', data: 'cases.csv', tests: [] }));
    await command(['eval', suite, '--model', 'tickets@1', '--store', store], { code: null });
    const all = await data('evaluations');
    assert.equal(all.length, 1);
    assert.deepEqual(all, await json('evaluations', 'list', '--json', '--store', store));
    assert.deepEqual((await get(`evaluations/${all[0].id}`)).json, await json('evaluations', 'show', all[0].id, '--store', store));
    await command(['suites', 'add', suite, '--store', store]);
    assert.deepEqual(await data('suites'), await json('suites', 'list', '--json', '--store', store));
    assert.equal((await get('suites/smoke')).json.files.length, 2);
    assert.deepEqual(await data('evaluations?name=tickets@2'), []);
    assert.equal((await data('evaluations?name=tickets@1&suite=smoke&endpoint=tickets')).length, 1);
  });

  await t.test('who served, now and before there was a server', async () => {
    const now = (await get('at?endpoint=tickets')).json;
    assert.equal(now.endpoint, 'tickets');
    assert.match(JSON.stringify(now.serving), /tickets@2/);
    assert.equal(named(await get('at?endpoint=tickets&time=2020-01-01')), '404 not_found');
    assert.equal(named(await get('at?endpoint=none')), '404 not_found');
  });
});
