// penstock eval over cases that are files: a version in the process and an endpoint of a running server answer the
// same, files that cannot be read are wrong answers, and the registry keeps what was judged by.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, storeWithModels, train } from './penstock.mjs';
import { pdf, png, scribbles, table, texts } from './samples.mjs';

const evaluate = (code, ...args) => command(['eval', ...args], { code });
const results = (file) => JSON.parse(fs.readFileSync(file, 'utf8')).results;
const brief = (file) => results(file).map(({ id, answer, passed }) => [id, answer, passed]);

function write(dir, name, bytes) {
  fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
  fs.writeFileSync(path.join(dir, name), bytes);
  return path.join(dir, name);
}

test('files as cases', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t), dir = folder(t);
  for (const [i, [text, label]] of texts(24, 5).slice(1).entries())
    write(dir, `pages/${label}/${i}.${i % 3 ? 'pdf' : 'txt'}`, i % 3 ? pdf([text]) : text);
  write(dir, 'cut.pdf', '%PDF-1.7\nthis is no PDF');
  write(dir, 'program', Buffer.from('7f454c4602010100000000000000000002003e0001000000', 'hex'));
  write(dir, 'blank.png', png(200, 200));
  write(dir, 'rows.csv', 'id,file,label\ncut,cut.pdf,billing\nprogram,program,billing\nblank,blank.png,billing\n');
  const suite = write(dir, 'pages.yaml', 'endpoint: papers\ncases: 20\ndata: [pages/, rows.csv]\ntests:\n  - id: text\n    text: i was charged twice\n    label: billing\n');
  const here = path.join(dir, 'here.json'), there = path.join(dir, 'there.json');

  await t.test('a version in the process', async () => {
    const { stdout } = await evaluate(0, suite, '--model', 'tickets@1', '--store', store, '--json', here);
    assert.match(stdout, /^pages: 28 cases$/m);
    const all = results(here), of = (id) => all.find((one) => one.id === id);
    const pages = all.filter((one) => one.id.includes('/'));
    assert.equal(pages.length, 24);
    assert.ok(pages.filter((one) => one.passed).length >= 18, 'most of the pages are read and understood');
    assert.match(of('cut').reason, /PDF/);
    assert.match(of('program').reason, /ELF|program|executable/);
    assert.ok(of('text').passed);
  });

  await t.test('an endpoint of a server says the same', async (t) => {
    const server = await serve(t, { endpoints: { papers: { accepts: ['text', 'file'], rollout: [{ model: 'tickets@1' }], accept_threshold: 0, review_threshold: 0, deadline: '30s' } } }, { store });
    await evaluate(0, suite, '--url', `http://127.0.0.1:${server.port}`, '--no-store', '--json', there);
    assert.deepEqual(brief(there), brief(here));
  });

  await t.test('the registry keeps the files, and the same is judged again from there', async () => {
    const shown = JSON.parse((await command(['suites', 'show', 'pages', '--store', store, '--json'])).stdout);
    assert.equal(shown.files.length, 2 + 24 + 3);
    await command(['suites', 'write', 'pages', path.join(dir, 'again'), '--store', store]);
    await evaluate(0, path.join(dir, 'again/pages.yaml'), '--model', 'tickets@1', '--store', store, '--no-store', '--json', there);
    assert.deepEqual(brief(there), brief(here));
  });

  await t.test('a model of numbers takes no file', async () => {
    await train(store, 'payments', table(100), '--folds', '2');
    const { stderr } = await evaluate(2, suite, '--model', 'payments@1', '--store', store);
    assert.match(stderr, /the case ".*" has no features, which is what the model takes/);
  });
});

test('pictures without a text go by their looks', { timeout: 300_000 }, async (t) => {
  const dir = folder(t), store = path.join(dir, 'store');
  for (let i = 0; i < 12; i++) {
    const part = i < 8 ? 'train' : 'cases';
    write(dir, `${part}/scribbles/${i}.png`, scribbles(240, 320, i));
    write(dir, `${part}/stripes/${i}.png`, png(240 + i, 320));
  }
  await command(['train', 'pictures', '--data', path.join(dir, 'train'), '--store', store, '--folds', '2']);
  const suite = write(dir, 'looks.yaml', 'cases: 8\nminimum: 1\ndata: cases/\n');
  await evaluate(0, suite, '--model', 'pictures@1', '--store', store, '--json', path.join(dir, 'looks.json'));
  assert.ok(results(path.join(dir, 'looks.json')).every((one) => one.latency_ms > 0));
});
