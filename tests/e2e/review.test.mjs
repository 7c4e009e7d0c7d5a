// People at the queue: who gets which item, for how long, two windows, two people, second opinions, the input itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, createKey, folder, serve, sleep, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const rollout = [{ model: 'tickets@1' }];
const all = { rollout, accept_threshold: '100%', review_threshold: '100%', keep_inputs: 'review', cache: false };

// One reviewer's calls.
const person = (server, key) => ({
  next: async (endpoint, body = {}) =>
    (await server.request('POST', `/v1/review/next?endpoint=${endpoint}`, { key, body })).json.item,
  act: (id, what, body = {}) => server.request('POST', `/v1/review/items/${id}/${what}`, { key, body }),
  item: async (id) => (await server.get(`/v1/review/items/${id}`, { key })).json,
});

test('the queue', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const keys = {};
  for (const name of ['anna', 'bert', 'cora']) keys[name] = await createKey(store, name, 'reviewer');
  keys.client = await createKey(store, 'shop', 'client');
  const server = await serve(
    t,
    {
      auth: { required: true },
      endpoints: {
        plain: all,
        urgent: all,
        short: { ...all, review: { lease: '1s' } },
        twice: { ...all, review: { second_opinion: '100%', deadline: '2h' } },
        files: { ...all, accepts: ['text', 'file'] },
      },
    },
    { store, dir: folder(t) },
  );
  const [anna, bert, cora] = ['anna', 'bert', 'cora'].map((name) => person(server, keys[name]));
  const ask = async (endpoint, text) => (await server.answer(endpoint, { text }, { key: keys.client })).review_id;

  await t.test('two people get two items; the second is told who has it and until when', async () => {
    const ids = [await ask('plain', 'one'), await ask('plain', 'two')];
    const first = await anna.next('plain');
    const second = await bert.next('plain');
    assert.deepEqual([first.id, second.id].sort(), ids.sort());
    assert.equal(first.claim.by, 'anna');
    assert.equal(first.claim.yours, true);
    const left = new Date(first.claim.until) - Date.now();
    assert.ok(left > 500_000 && left <= 600_000, first.claim.until);
    assert.equal(await cora.next('plain'), null);
    for (const what of ['claim', 'label', 'skip']) {
      const refused = await bert.act(first.id, what, what === 'label' ? { label: 'billing' } : {});
      assert.equal(refused.status, 409, refused.text);
      assert.match(refused.json.error.message, /^anna has this item until 20\d\d-.*Z\.$/);
    }
    const labelled = await anna.act(first.id, 'label', { label: 'billing', fields: { total: 12.5 }, note: 'clear' });
    assert.equal(labelled.status, 200, labelled.text);
    assert.deepEqual(
      [labelled.json.status, labelled.json.label, labelled.json.reviewer, labelled.json.fields, labelled.json.note],
      ['resolved', 'billing', 'anna', { total: 12.5 }, 'clear'],
    );
    assert.equal((await anna.act(first.id, 'label', { label: 'billing' })).status, 200, 'the same again');
    const late = await bert.act(first.id, 'label', { label: 'delivery' });
    assert.equal(late.status, 409);
    assert.match(late.json.error.message, /already resolved as "billing" by anna/);
    assert.equal((await bert.act(second.id, 'release')).json.claim, null);
    assert.equal((await cora.next('plain')).id, second.id, 'what was given back is there for others');
    assert.equal((await cora.act(second.id, 'label', { label: 'no label of the model' })).status, 200);
  });

  await t.test("one person's two windows", async () => {
    const ids = [await ask('plain', 'three'), await ask('plain', 'four')].sort();
    const left = await anna.next('plain', { tab: 'left' });
    assert.equal((await anna.next('plain', { tab: 'left' })).id, left.id, 'after a reload it is still there');
    const right = await anna.next('plain', { tab: 'right' });
    assert.deepEqual([left.id, right.id].sort(), ids);
    const refused = await anna.act(left.id, 'claim', { tab: 'right' });
    assert.equal(refused.status, 409);
    assert.match(refused.json.error.message, /^You have this item in another window until /);
    assert.equal((await anna.act(left.id, 'claim', { tab: 'right', take: true })).status, 200);
    assert.equal((await anna.act(left.id, 'label', { label: 'billing', tab: 'right' })).status, 200);
    const stale = await anna.act(left.id, 'label', { label: 'account', tab: 'left' });
    assert.equal(stale.status, 409);
    assert.match(stale.json.error.message, /already resolved as "billing" by anna/);
    assert.equal((await anna.act(right.id, 'label', { label: 'billing' })).status, 200);
  });

  await t.test('the least sure answer comes first', async () => {
    const asked = [];
    for (const text of [billingText, 'zxqv', 'the invoice of the parcel crashes'])
      asked.push(await server.answer('urgent', { text }, { key: keys.client }));
    asked.sort((a, b) => a.confidence - b.confidence);
    for (const { review_id: id, confidence } of asked) {
      const item = await anna.next('urgent');
      assert.equal(item.id, id);
      assert.ok(Math.abs(item.risk - (1 - confidence)) < 1e-3, `${item.risk} and ${confidence}`);
      const hours = (new Date(item.due) - new Date(item.created)) / 3_600_000;
      assert.ok(Math.abs(hours - 24) < 0.01, `due after ${hours} hours`);
      await anna.act(id, 'label', { label: 'billing' });
    }
  });

  await t.test('a skipped item goes to others, with the reason', async () => {
    const id = await ask('plain', 'five');
    assert.equal((await anna.next('plain')).id, id);
    const skipped = await anna.act(id, 'skip', { reason: 'not my field' });
    assert.equal(skipped.json.skips, 1);
    assert.equal(skipped.json.claim, null);
    assert.equal(await anna.next('plain'), null);
    assert.equal((await bert.next('plain')).id, id);
    await bert.act(id, 'label', { label: 'billing' });
  });

  await t.test('a label after the lease ran out is taken unless somebody else has the item', async () => {
    const first = await ask('short', 'six');
    assert.equal((await anna.next('short')).id, first);
    await sleep(1100);
    assert.equal((await anna.item(first)).claim, null);
    assert.equal((await anna.act(first, 'label', { label: 'billing' })).status, 200);
    const second = await ask('short', 'seven');
    assert.equal((await anna.next('short')).id, second);
    await sleep(1100);
    const taken = await bert.next('short');
    assert.equal(taken.id, second);
    const late = await anna.act(second, 'label', { label: 'billing' });
    if (late.status === 409) assert.match(late.json.error.message, /^bert has this item until/);
    else assert.ok(Date.now() > new Date(taken.claim.until), 'taken though bert had it');
  });

  await t.test('second opinions are blind; where they differ a third settles it', async () => {
    const [agreed, disputed] = [await ask('twice', 'eight'), await ask('twice', 'nine')];
    for (const id of [agreed, disputed]) {
      const one = await anna.act(id, 'label', { label: 'billing', note: 'mine' });
      assert.equal(one.json.status, 'open');
      assert.deepEqual(one.json.opinions, { wanted: 2, given: 1, disputed: false });
    }
    assert.equal(await anna.next('twice'), null, 'nobody gives both opinions');
    const seen = await bert.item(agreed);
    assert.ok(!JSON.stringify(seen).includes('anna') && !JSON.stringify(seen).includes('mine'), 'nothing of the first');
    assert.equal((await bert.act(agreed, 'label', { label: 'billing' })).json.status, 'resolved');
    const differ = await bert.act(disputed, 'label', { label: 'delivery' });
    assert.equal(differ.json.status, 'open');
    assert.equal(differ.json.opinions.disputed, true);
    const third = await cora.next('twice');
    assert.equal(third.id, disputed);
    assert.deepEqual(third.opinions.list.map(({ label }) => label).sort(), ['billing', 'delivery']);
    assert.ok(third.opinions.list.every((opinion) => !('reviewer' in opinion)));
    const settled = await cora.act(disputed, 'label', { label: 'delivery' });
    assert.deepEqual([settled.json.status, settled.json.label], ['resolved', 'delivery']);
    assert.equal(settled.json.opinions.list.length, 3);
  });

  await t.test('the input as it was sent, and nothing in it runs', async () => {
    const text = '<script>alert(1)</script>';
    const id = await ask('files', text);
    const input = await server.get(`/v1/review/items/${id}/input`, { key: keys.anna });
    assert.equal(input.status, 200);
    assert.equal(input.text, text);
    assert.equal(input.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(input.headers['x-content-type-options'], 'nosniff');
    assert.match(input.headers['content-security-policy'], /default-src 'none'.*sandbox/);
    assert.match(input.headers['cache-control'], /no-store/);
    const client = await server.get(`/v1/review/items/${id}/input`, { key: keys.client });
    assert.equal(client.status, 403);
    assert.equal((await server.get('/v1/review/items/01K/input', { key: keys.anna })).status, 404);
  });

  await t.test('what is no label, no item, no reviewer is refused', async () => {
    const id = await ask('plain', 'ten');
    const cases = [
      [await anna.act(id, 'label', {}), 400, 'missing_field'],
      [await anna.act(id, 'label', { label: 5 }), 400, 'missing_field'],
      [await anna.act(id, 'label', { label: 'a\nb' }), 400, 'invalid_field'],
      [await anna.act(id, 'label', { label: 'x', fields: [1] }), 400, 'invalid_field'],
      [await anna.act(id, 'claim', { take: 'yes' }), 400, 'invalid_field'],
      [await anna.act(id, 'claim', { tab: 'x'.repeat(65) }), 400, 'invalid_field'],
      [await anna.act(id, 'claim', [1]), 400, 'bad_request'],
      [await anna.act('01KAAAAAAAAAAAAAAAAAAAAAAA', 'claim'), 404, 'not_found'],
      [await anna.act('01KAAAAAAAAAAAAAAAAAAAAAAA', 'label', { label: 'x' }), 404, 'not_found'],
      [await person(server, keys.client).act(id, 'label', { label: 'x' }), 403, 'permission_denied'],
    ];
    for (const [reply, status, code] of cases) {
      assert.equal(reply.status, status, reply.text);
      assert.equal(reply.json.error.code, code, reply.text);
    }
    assert.equal((await anna.item(id)).status, 'open');
  });
});

test('gold, figures and what is learned from labels', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  const keys = {};
  for (const name of ['anna', 'bert']) keys[name] = await createKey(store, name, 'reviewer');
  keys.root = await createKey(store, 'root', 'admin');
  keys.shop = await createKey(store, 'shop', 'client');
  const endpoints = { gilded: { ...all, review: { gold: '100%', second_opinion: '100%' } }, plain: all };
  const server = await serve(t, { auth: { required: true }, endpoints }, { store, dir });
  const [anna, bert] = ['anna', 'bert'].map((name) => person(server, keys[name]));
  const ask = async (endpoint, text) => (await server.answer(endpoint, { text }, { key: keys.shop })).review_id;
  const stats = async (key) => (await server.get('/v1/review/stats?endpoint=gilded', { key })).json;
  const known = new Set();

  await t.test('items on which two agreed become gold', async () => {
    for (let i = 0; i < 3; i++) {
      const id = await ask('gilded', `known ${i}`);
      known.add(id);
      for (const who of [anna, bert])
        assert.equal((await who.act(id, 'label', { label: i === 2 ? 'account' : 'billing' })).status, 200);
    }
    const { stdout } = await command(['review', 'gold', 'gilded', '--store', store]);
    assert.equal(stdout, '3 items became gold\n');
    assert.equal((await command(['review', 'gold', 'gilded', '--store', store])).stdout, '0 items became gold\n');
  });

  const planted = async () =>
    (await server.get('/v1/review?endpoint=gilded', { key: keys.root })).json.data.filter((item) => item.gold);

  await t.test('they are mixed in, given to nobody who knows them, and look like any other', async () => {
    const real = await ask('gilded', 'new one');
    await until('gold in the queue', async () => (await planted()).length > 0);
    const gold = (await planted())[0];
    const seen = (await server.get('/v1/review?endpoint=gilded', { key: keys.anna })).json.data;
    assert.deepEqual(Object.keys(seen[0]), Object.keys(seen[1]), 'the same fields');
    for (const item of seen) {
      assert.ok(!('gold' in item) && !('audit_share' in item));
      assert.equal(item.request_id, null);
      assert.deepEqual(Object.keys(item.input).sort(), ['kept', 'size', 'text', 'type']);
    }
    assert.ok(!known.has(gold.id));
    assert.equal((await anna.next('gilded')).id, real, 'who made it gold does not get it');
    await anna.act(real, 'release');
  });

  await t.test('the error rate is each person\'s own, and who runs the system sees it, and each person the own one in tens', async () => {
    const gold = (await planted())[0];
    const cora = person(server, await createKey(store, 'cora', 'reviewer'));
    const right = gold.input.text === 'known 2' ? 'account' : 'billing';
    await until('the new key', async () => (await cora.act(gold.id, 'label', { label: `not ${right}` })).status === 200);
    const figures = await stats(keys.root);
    const one = figures.reviewers.find(({ reviewer }) => reviewer === 'cora');
    assert.deepEqual([one.gold.judged, one.gold.wrong, one.gold.share], [1, 1, 1]);
    assert.ok(one.gold.low > 0.2 && one.gold.low < 0.21 && one.gold.high === 1, JSON.stringify(one.gold));
    assert.equal(figures.gold, 3);
    assert.equal(figures.reviewers.find(({ reviewer }) => reviewer === 'anna').opinions.judged, 3);
    const own = await stats(keys.anna);
    assert.ok(!('reviewers' in own) && !('gold' in own));
    assert.deepEqual([own.you.last_hour, own.you.last_week, own.you.gold.judged], [3, 3, 0]);
    const { stdout } = await command(['review', 'stats', 'gilded', '--store', store]);
    assert.match(stdout, /cora +1 +0 +1 of 1: 1\.000 \(0\.206 to 1\.000\)/);
    assert.match((await server.get('/metrics')).text, /^penstock_review_overflow\{endpoint="gilded"\} 0$/m);
  });

  await t.test("a client learns what became of its own request's item, and nothing of others'", async () => {
    const id = await ask('plain', 'whose');
    const look = (key) => server.get(`/v1/review/items/${id}`, { key });
    assert.deepEqual((await look(keys.shop)).json.status, 'open');
    await anna.act(id, 'label', { label: 'billing', note: 'seen' });
    const { json } = await look(keys.shop);
    assert.deepEqual([json.status, json.label, json.note], ['resolved', 'billing', 'seen']);
    const other = await createKey(store, 'other', 'client');
    await until('the new key', async () => (await look(other)).status === 404);
  });

  await t.test('labels become a dataset: one row for each input, the same ones held out, gold left out', async () => {
    for (let i = 0; i < 30; i++)
      await anna.act(await ask('plain', `text ${i}, "quoted"\nand more`), 'label', { label: i % 2 ? 'billing' : 'delivery' });
    await bert.act(await ask('plain', 'text 1, "quoted"\nand more'), 'label', { label: 'billing' });
    await bert.act(await ask('plain', 'text 2, "quoted"\nand more'), 'label', { label: 'account' });
    const make = (name, endpoint = 'plain', code = 0) => {
      const args = ['datasets', 'from-labels', endpoint, '--name', name, '--out', path.join(dir, `${name}.csv`)];
      return command([...args, '--store', store], { code });
    };
    const { stdout, stderr } = await make('said');
    assert.match(stdout, /^said@1: 30 rows, 2 labels/);
    assert.match(stderr, /^33 labels: 30 rows, \d+ of them held out$/m);
    assert.match(stderr, /1 more for inputs that have their row already/);
    assert.match(stderr, /1 inputs left out, as many people say one thing as another/);
    const csv = fs.readFileSync(path.join(dir, 'said.csv'), 'utf8');
    assert.ok(csv.startsWith('text,label,split,request_id\n"'));
    assert.ok(csv.includes('""quoted""\nand more","billing",') && !csv.includes('text 2,'));
    const held = (text) => [...text.matchAll(/"text (\d+),[^]*?","\w+",heldout,/g)].map(([, n]) => n).join();
    await anna.act(await ask('plain', 'another text'), 'label', { label: 'billing' });
    assert.match((await make('more')).stdout, /^more@1: 31 rows/);
    const later = fs.readFileSync(path.join(dir, 'more.csv'), 'utf8');
    const before = new Set(held(csv).split(','));
    assert.ok(held(later).split(',').filter((n) => n).every((n) => before.has(n)), `${held(csv)} and ${held(later)}`);
    const { stderr: gilded } = await make('gilded', 'gilded');
    assert.match(gilded, /^3 labels: 3 rows/m, 'what was said of gold is not learned from');
    assert.match((await make('none', 'nobody', 1)).stderr, /no labels whose inputs are kept/);

    // the same over HTTP, and what people typed into fields comes with it
    const post = (body, key = keys.root) => server.request('POST', '/v1/admin/datasets/from-labels', { key, body });
    const made = await post({ endpoint: 'plain', name: 'more' });
    assert.equal(made.status, 200, made.text);
    const [first] = made.json.datasets;
    assert.deepEqual([first.name, first.version, first.rows, first.added], ['more', 1, 31, false], 'the very dataset of before');
    assert.deepEqual([made.json.datasets.length, made.json.ties, made.json.corrected], [1, 1, 0]);
    await anna.act(await ask('plain', 'typed'), 'label', { label: 'billing', fields: { total: 12.5, note: 'a "b"' } });
    const typed = await post({ endpoint: 'plain', name: 'more' });
    assert.deepEqual([typed.json.datasets[0].version, typed.json.datasets[0].rows, typed.json.corrected], [2, 32, 1]);
    const shown = (await server.get('/v1/admin/datasets/more@2', { key: keys.root })).json;
    assert.deepEqual([shown.rows, shown.source], [32, 'labels of plain']);
    const { stderr: again } = await make('typed');
    assert.match(again, /1 with corrected fields[^]*--ignore fields$/m);
    const table = fs.readFileSync(path.join(dir, 'typed.csv'), 'utf8');
    assert.ok(table.startsWith('text,label,split,request_id,fields\n'));
    assert.match(table, /"typed","billing",\w+,"[^"]+","\{""total"":12\.5,""note"":""a \\""b\\""""\}"\n/);
    assert.ok(fs.readdirSync(store).every((name) => !name.startsWith('from-labels')), 'nothing is left behind');
    const { stdout: history } = await command(['history', 'list', '--json', '--store', store]);
    assert.ok(history.split('\n').some((line) => line.includes('dataset.added') && line.includes('more@2') && line.includes('root')), history);
    for (const [reply, status, code] of [
      [await post({ endpoint: 'plain', name: 'x' }, keys.anna), 403, 'permission_denied'],
      [await post({ endpoint: 'plain' }), 400, 'missing_field'],
      [await post({ endpoint: 'plain', name: '../x' }), 400, 'invalid_field'],
      [await post({ endpoint: 'nowhere', name: 'x' }), 404, 'not_found'],
    ])
      assert.deepEqual([reply.status, reply.json.error.code], [status, code], reply.text);
    assert.match((await make('said', 'plain', 1)).stderr, /said\.csv cannot be written/);
  });
});
