// The registry from the command line: datasets, tags, lineage, archives; and that a version whose artefact was altered is not served.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { binary, command, folder, serve, sleep, storeWithModels } from './penstock.mjs';
import { texts } from './samples.mjs';

const csv = (rows) => rows.map((cells) => cells.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(',') + '\n').join('');
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const blobPath = (store, hash) => path.join(store, 'blobs', hash.slice(0, 2), hash.slice(2));

// penstock's words, with --json what they say parsed.
const tool = (store) => ({
  run: async (...args) => (await command([...args, '--store', store])).stdout,
  json: async (...args) => JSON.parse((await command([...args, '--store', store, '--json'])).stdout),
  refused: async (said, ...args) => assert.match((await command([...args, '--store', store], { code: null })).stderr, said),
});

test('datasets: added once, shown, compared, kept', { timeout: 300_000 }, async (t) => {
  const dir = folder(t), store = path.join(dir, 'store'), { run, json, refused } = tool(store);
  const write = (name, text) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
    return path.join(dir, name);
  };
  const mails = [['text', 'label'], ['Hello', 'ham'], ['Win "money"', 'spam'], ['Lunch?', 'ham']];
  const first = write('mails.csv', csv(mails));
  assert.equal(await run('datasets', 'add', 'mails', '--data', first), 'mails@1: 3 rows, 2 labels, 0 left out\n');
  assert.equal(await run('datasets', 'add', 'mails', '--data', first), 'mails@1: 3 rows, 2 labels, 0 left out (it was there already)\n');
  const second = write('later.csv', csv([mails[0], ['Win "money"', 'ham'], ['Hello', 'ham'], ['New', 'spam'], ['', 'spam']]));
  const added = await json('datasets', 'add', 'mails', '--data', second, '--keep');
  assert.deepEqual([added.version, added.rows, added.rejected, added.added], [2, 3, 1, true]);
  const diff = await json('datasets', 'diff', 'mails@1', 'mails@2');
  assert.deepEqual([diff.same, diff.added, diff.removed, diff.relabelled], [1, 1, 1, 1]);
  assert.deepEqual(diff.changes.map(({ change, a, b }) => [change, a?.label, b?.label]), [['relabelled', 'spam', 'ham'], ['removed', 'ham', undefined], ['added', undefined, 'spam']]);
  assert.match(await run('datasets', 'diff', 'mails@1', 'mails@2'), /^1 the same, 1 added, 1 removed, 1 relabelled, 0 changed\n/);

  const shown = await json('datasets', 'show', 'mails@2', '--rows');
  assert.deepEqual([shown.kind, shown.files, shown.kept], ['table', 1, 1]);
  assert.deepEqual(shown.label_rows, [{ label: 'ham', rows: 2 }, { label: 'spam', rows: 1 }]);
  assert.deepEqual(shown.rows_of.rows.map(([line, label]) => [line, shown.rows_of.labels[label]]), [[2, 'ham'], [3, 'ham'], [4, 'spam']]);
  assert.equal(shown.rows_of.rows[1][3], sha256('Hello').slice(0, 32), 'the hash of the text itself');
  assert.equal(sha256(fs.readFileSync(blobPath(store, shown.manifest))), shown.manifest);
  assert.deepEqual(fs.readFileSync(blobPath(store, sha256(fs.readFileSync(second)))), fs.readFileSync(second));

  write('papers/letter/1.txt', 'one');
  write('papers/letter/again.txt', 'one');
  write('papers/receipt/2.txt', 'two');
  await run('datasets', 'add', 'papers', '--data', path.join(dir, 'papers'), '--keep');
  fs.rmSync(path.join(dir, 'papers/letter/again.txt'));
  write('papers/receipt/2.txt', 'two, and more');
  assert.equal(await run('datasets', 'add', 'papers', '--data', path.join(dir, 'papers')), 'papers@2: 2 rows, 2 labels, 0 left out\n');
  const files = await json('datasets', 'show', 'papers@1');
  assert.deepEqual([files.files, files.kept, files.bytes], [3, 3, 9]);
  const changed = await json('datasets', 'diff', 'papers@1', 'papers@2');
  assert.deepEqual([changed.same, changed.removed, changed.changed], [1, 1, 1]);
  assert.equal((await json('datasets', 'show', 'papers')).kept, 1, 'what nobody kept is not there');
  assert.deepEqual((await json('datasets', 'list')).map(({ name, version }) => `${name}@${version}`), ['mails@2', 'mails@1', 'papers@2', 'papers@1']);

  await refused(/did you mean "papers"/, 'datasets', 'show', 'paper');
  await refused(/no dataset name/, 'datasets', 'add', '../x', '--data', first);
  await refused(/no rows/, 'datasets', 'add', 'empty', '--data', write('empty.csv', 'text,label\n'));
  await refused(/nowhere/, 'datasets', 'add', 'x', '--data', path.join(dir, 'nowhere.csv'));
  await refused(/--data/, 'datasets', 'add', 'x');
  await refused(/expected "add NAME/, 'datasets', 'remove', 'mails');
});

test('tags hold, are superseded and taken away', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), { run, json, refused } = tool(store);
  await run('models', 'tag', 'tickets@1', 'stage=test', 'owner=Ann Lee');
  await run('models', 'tag', 'tickets@1', 'stage=production');
  await run('models', 'tag', 'tickets', 'area=support');
  assert.deepEqual((await json('models', 'show', 'tickets@1')).tags, { owner: 'Ann Lee', stage: 'production' });
  assert.deepEqual((await json('models', 'show', 'tickets@2')).tags, {});
  assert.deepEqual((await json('models', 'tags', 'tickets')).map(({ key, value }) => [key, value]), [['area', 'support']]);
  await run('models', 'untag', 'tickets@1', 'owner');
  const all = await json('models', 'tags', 'tickets@1', '--history');
  assert.deepEqual(all.map(({ key, value, holds }) => [key, value, holds]), [['owner', null, false], ['owner', 'Ann Lee', false], ['stage', 'production', true], ['stage', 'test', false]]);
  await refused(/no tag's key/, 'models', 'tag', 'tickets@1', 'fine=1', 'a b=c');
  assert.equal((await json('models', 'tags', 'tickets@1')).length, 1, 'of several tags all are set or none');
  await refused(/newest version is tickets@2/, 'models', 'tag', 'tickets@9', 'a=b');
  await run('datasets', 'tag', 'tickets@1', 'licence=CC0');
  assert.deepEqual((await json('datasets', 'show', 'tickets@1')).tags, { licence: 'CC0' });
  const prompt = path.join(folder(t), 'prompt.txt');
  fs.writeFileSync(prompt, '---\nname: reply\n---\nuser:\nHello\n');
  await run('prompts', 'add', prompt);
  await run('prompts', 'tag', 'reply@1', 'tone=brief');
  assert.deepEqual((await json('prompts', 'tags', 'reply@1')).map(({ key, value }) => [key, value]), [['tone', 'brief']]);
});

test('from a prediction back to the row', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), { run, json } = tool(store);
  const lineage = await json('models', 'lineage', 'tickets@1');
  assert.equal(lineage.artefact.state, 'whole');
  assert.deepEqual([lineage.dataset.reference, lineage.dataset.state, lineage.dataset.rows], ['tickets@1', 'whole', texts(120, 7).length - 1]);
  assert.deepEqual((await json('datasets', 'show', 'tickets@1')).used_by, ['tickets@1']);
  assert.match(await run('models', 'lineage', 'tickets'), /^tickets@2 \(linear, [^]*dataset +tickets@2: \d+ rows/);

  const server = await serve(t, { endpoints: { tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0 } } }, { store });
  const known = await server.answer('tickets', { text: texts(120, 7)[5][0] });
  const other = await server.answer('tickets', { text: 'Nobody ever wrote this: xyzzy' });
  await server.stop();
  const story = await json('requests', 'show', known.request_id);
  assert.equal(story.lineage.dataset.reference, 'tickets@1');
  assert.equal(story.lineage.dataset.manifest, lineage.dataset.manifest);
  assert.equal(story.lineage.input.label, texts(120, 7)[5][1]);
  assert.match(await run('requests', 'show', known.request_id), /dataset +tickets@1: [^]*input +is a row of that dataset: line \d+, labelled /);
  assert.equal((await json('requests', 'show', other.request_id)).lineage.input, undefined);
});

test('a version whose artefact was altered is not served', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), { json, refused } = tool(store);
  const { artefact } = await json('models', 'show', 'tickets@2');
  const file = blobPath(store, artefact), bytes = fs.readFileSync(file);
  bytes[bytes.length >> 1] ^= 1; // one bit of a weight
  fs.writeFileSync(file, bytes);
  const fallbacks = [{ model: 'tickets@1' }];
  const server = await serve(t, { endpoints: { altered: { rollout: [{ model: 'tickets@2' }] }, rescued: { rollout: [{ model: 'tickets@2' }], fallbacks, accept_threshold: 0 } } }, { store });
  await server.refused('altered', { text: 'Hello' }, 503, 'model_unavailable');
  const rescued = await server.answer('rescued', { text: 'Hello' });
  assert.deepEqual([rescued.model, rescued.decision], ['tickets@1', 'fallback']);
  assert.match((await server.logged('model.load_failed')).message, /tickets@2 .*no longer has the bytes that its name promises/);
  await server.stop();
  assert.equal((await json('models', 'lineage', 'tickets@2')).artefact.state, 'altered');
  await refused(/no longer has the bytes/, 'models', 'export', 'tickets@2', path.join(folder(t), 'x.tar'));
});

test('an archive goes from one store to another', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), dir = folder(t), { run, json, refused } = tool(store);
  const archive = path.join(dir, 'tickets.tar'), prompt = path.join(dir, 'prompt.txt');
  fs.writeFileSync(prompt, '---\nname: reply\n---\nuser:\nHello\n');
  await run('prompts', 'add', prompt);
  await run('models', 'tag', 'tickets@2', 'stage=production');
  await run('models', 'export', 'tickets@2', archive, '--prompt', 'reply');
  await refused(/there already/, 'models', 'export', 'tickets@2', archive);
  await refused(/--keep/, 'models', 'export', 'tickets@2', `${archive}.2`, '--files');
  assert.deepEqual(fs.readdirSync(dir).sort(), ['prompt.txt', 'tickets.tar'], 'what was refused left nothing');

  const there = path.join(dir, 'there'), other = tool(there);
  assert.equal(await other.run('models', 'import', archive), 'dataset  tickets@2\nmodel    tickets@2\nprompt   reply@1\n');
  assert.match(await other.run('models', 'import', archive), /^dataset  tickets@2 \(it was there already\)\nmodel    tickets@2 \(it was/);
  const [a, b] = [await json('models', 'show', 'tickets@2'), await other.json('models', 'show', 'tickets@2')];
  assert.deepEqual(b, a, 'the same with its time, tags and manifest');
  assert.deepEqual(await other.json('models', 'lineage', 'tickets'), await json('models', 'lineage', 'tickets'));
  const server = await serve(t, { endpoints: { tickets: { rollout: [{ model: 'tickets@2' }], accept_threshold: 0 } } }, { store: there });
  assert.equal((await server.answer('tickets', { text: texts(90, 8)[3][0] })).model, 'tickets@2');
  await server.stop();

  await command(['models', 'import', archive, '--store', path.join(dir, 'numbers')]);
  const taken = path.join(dir, 'taken'), third = tool(taken), rules = path.join(dir, 'rules.lua');
  fs.writeFileSync(rules, 'function classify(r) return "a" end\n');
  for (let i = 0; i < 2; i++) await third.run('models', 'add', 'tickets', '--rules', rules, '--label', 'a', '--label', `b${i}`);
  assert.match(await third.run('models', 'import', archive), /model    tickets@3 \(tickets@2 in the archive/);
  assert.deepEqual((await third.json('models', 'list')).map(({ version, backend }) => [version, backend]), [[3, 'linear'], [2, 'rules'], [1, 'rules']]);
  assert.deepEqual((await third.json('models', 'show', 'tickets@3')).tags, { stage: 'production' });
});

test('suites are kept by evaluations and travel with what they judged', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), dir = folder(t), { run, json, refused } = tool(store), archive = path.join(dir, 'x.tar');
  fs.mkdirSync(path.join(dir, 'suite/rows'), { recursive: true });
  const suite = path.join(dir, 'suite', 'routing.yaml'), rows = path.join(dir, 'suite', 'rows', 'tickets.csv');
  fs.writeFileSync(suite, 'name: routing\ncases: 20\ndata: [rows/tickets.csv]\n');
  fs.writeFileSync(rows, csv(texts(40, 11)));
  const judge = async (file, where) => command(['eval', file, '--model', 'tickets@1', '--store', where], { code: null });
  const first = await judge(suite, store);
  assert.equal(first.stderr.includes('not kept'), false, first.stderr);
  const [kept] = await json('suites', 'list');
  assert.deepEqual([kept.name, kept.version, kept.files.map(({ name }) => name)], ['routing', 1, ['routing.yaml', 'rows/tickets.csv']]);
  assert.equal(kept.hash, (await json('evaluations', 'list'))[0].suite_hash);
  assert.equal(await run('suites', 'add', suite), 'routing@1 (it was there already)\n');
  fs.appendFileSync(rows, '"Another one","billing"\n');
  assert.equal(await run('suites', 'add', suite), 'routing@2\n');

  await run('models', 'export', 'tickets@1', archive);
  const there = path.join(dir, 'there'), other = tool(there), written = path.join(dir, 'written');
  assert.match(await other.run('models', 'import', archive), /model    tickets@1\nsuite    routing@1\n$/);
  await other.run('suites', 'write', 'routing', written);
  assert.equal(fs.readFileSync(path.join(written, 'rows/tickets.csv'), 'utf8'), csv(texts(40, 11)));
  const again = await judge(path.join(written, 'routing.yaml'), there);
  assert.equal(again.code, first.code);
  assert.deepEqual((await other.json('suites', 'list')).map(({ version, hash }) => [version, hash]), [[1, kept.hash]], 'judged by the very same suite');
  assert.deepEqual((await other.json('evaluations', 'list')).length, 1, 'evaluations do not travel');

  await refused(/Cannot make the folder/, 'suites', 'write', 'routing', dir);
  await refused(/did you mean "routing"/, 'suites', 'show', 'rooting');
  const outside = path.join(dir, 'suite', 'outside.yaml');
  fs.writeFileSync(path.join(dir, 'elsewhere.csv'), csv(texts(40, 12)));
  fs.writeFileSync(outside, 'cases: 20\ndata: [../elsewhere.csv]\n');
  await refused(/no way out of its folder/, 'suites', 'add', outside);
  assert.match((await judge(outside, store)).stderr, /the suite is not kept in the registry/);
});

test('an archive that is no good is refused, and leaves nothing', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), dir = folder(t), archive = path.join(dir, 'tickets.tar');
  await tool(store).run('models', 'export', 'tickets@1', archive);
  const good = fs.readFileSync(archive), there = path.join(dir, 'there'), { refused, json } = tool(there);
  const cases = [
    ['altered', (b) => (b[b.length - 5000] ^= 1) && b, /other bytes than its name promises/],
    ['altered index', (b) => (b[600] ^= 1) && b, /altered/],
    ['cut short', (b) => b.subarray(0, b.length - 3000), /cut short/],
    ['with more behind it', (b) => Buffer.concat([b, Buffer.from('x')]), /behind its end/],
    ['no archive', () => Buffer.from('hello'), /cut short|no archive/],
    ['empty', () => Buffer.alloc(0), /cut short/],
  ];
  for (const [name, change, said] of cases) {
    const file = path.join(dir, 'bad.tar');
    fs.writeFileSync(file, change(Buffer.from(good)));
    await refused(said, 'models', 'import', file);
    assert.deepEqual(await json('models', 'list'), [], name);
    assert.ok(!fs.existsSync(path.join(there, 'blobs')), `${name}: blobs were written`);
  }
  fs.symlinkSync('/etc/passwd', path.join(dir, 'blobs'));
  await command(['--create', '--format=ustar', '--file', path.join(dir, 'link.tar'), '-C', dir, 'blobs'], { program: 'tar' });
  await refused(/no plain file|does not begin with the index/, 'models', 'import', path.join(dir, 'link.tar'));
  await refused(/not a regular file/, 'models', 'import', dir);
});

test('kill -9 in the middle of an import: before or after', { timeout: 300_000 }, async (t) => {
  // A training table of 24 MB, nearly all of it in a column that nobody reads, so that the archive is large and the training short.
  const dir = folder(t), store = await storeWithModels(t), archive = path.join(dir, 'big.tar'), table = path.join(dir, 'big.csv');
  const [head, ...rows] = texts(60, 9);
  fs.writeFileSync(table, csv([[...head, 'ballast'], ...rows.map((row) => [...row, crypto.randomBytes((12 << 20) / rows.length).toString('hex')])]));
  await tool(store).run('train', 'big', '--data', table, '--folds', '2');
  await tool(store).run('datasets', 'add', 'big', '--data', table, '--keep');
  await tool(store).refused(/--keep/, 'models', 'export', 'big', 'tickets@1', `${archive}.2`, '--files');
  await tool(store).run('models', 'export', 'big', archive, '--files');
  assert.ok(fs.statSync(archive).size > 24e6);
  const whole = Date.now();
  await tool(path.join(dir, 'measured')).run('models', 'import', archive);
  const took = Date.now() - whole;
  const outcomes = new Set();
  for (let round = 0; round < 12; round++) {
    const there = path.join(dir, `there${round}`), { json, run } = tool(there);
    await command(['models', 'import', `${archive}.nowhere`, '--store', there], { code: 1 }); // makes the store
    const child = spawn(binary, ['models', 'import', archive, '--store', there], { stdio: 'ignore' });
    const ended = new Promise((done) => child.on('exit', done));
    await sleep((took * round) / 10);
    child.kill('SIGKILL');
    await ended;
    const versions = (await json('models', 'list')).length, datasets = (await json('datasets', 'list')).length;
    assert.ok((versions === 0 && datasets === 0) || (versions === 1 && datasets === 1), `${versions} versions, ${datasets} datasets`);
    outcomes.add(versions);
    if (versions) assert.equal((await json('models', 'lineage', 'big')).artefact.state, 'whole');
    await run('models', 'import', archive);
    assert.equal((await json('models', 'lineage', 'big')).dataset.state, 'whole');
    assert.equal((await json('datasets', 'show', 'big')).kept, 1);
    fs.rmSync(there, { recursive: true });
  }
  t.diagnostic(`an import takes ${took} ms; seen: ${[...outcomes].map((n) => (n ? 'after' : 'before')).join(', ')}`);
  assert.ok(outcomes.has(0), 'no kill came before the end');
});

test('versions are listed by pages', { timeout: 300_000 }, async (t) => {
  const dir = folder(t), store = path.join(dir, 'store'), { run, json, refused } = tool(store), rules = path.join(dir, 'rules.lua');
  fs.writeFileSync(rules, 'function classify(r) return "a" end\n');
  for (const name of ['b', 'a', 'b', 'c', 'b']) await run('models', 'add', name, '--rules', rules, '--label', 'a', '--label', crypto.randomUUID());
  const page = async (...args) => (await json('models', 'list', ...args)).map(({ name, version }) => `${name}@${version}`);
  assert.deepEqual(await page(), ['a@1', 'b@3', 'b@2', 'b@1', 'c@1']);
  assert.deepEqual(await page('--limit', '2'), ['a@1', 'b@3']);
  assert.deepEqual(await page('--limit', '2', '--after', 'b@3'), ['b@2', 'b@1']);
  assert.deepEqual(await page('--limit', '2', '--after', 'b@1'), ['c@1']);
  assert.deepEqual(await page('--model', 'b', '--after', 'b@3'), ['b@2', 'b@1']);
  assert.deepEqual(await page('--model', 'nobody'), []);
  await refused(/--limit/, 'models', 'list', '--limit', '0');
});
