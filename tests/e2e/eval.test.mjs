// penstock eval: versions, endpoints of a running server and recorded answers judged by suites; exit codes and reports.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start } from './chats.mjs';
import { command, createKey, folder, serve, shared, storeWithModels, train } from './penstock.mjs';
import { dice, table, texts } from './samples.mjs';
import { sentence } from './upstream.mjs';

const quoted = (cells) => cells.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(',') + '\n';
const csv = (rows) => rows.map(quoted).join('');

function files(t) {
  const dir = folder(t);
  const write = (name, text) => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text, null, 1)); // JSON is YAML, too
    return file;
  };
  return { dir, write, json: (name) => JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')) };
}

const evaluate = (code, ...args) => command(['eval', ...args], { code });

// Is it XML? Every tag closed in its turn, text and attributes escaped. The names of the elements, in order.
function elementsOf(xml) {
  const open = [], seen = [];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  assert.notEqual(body, xml, 'no XML declaration');
  const rest = body.replace(/<(\/?)([a-z]+)((?: [a-z_]+="[^"<>\x00-\x1f]*")*)(\/?)>/g, (tag, closing, name, attributes, empty) => {
    assert.ok(!/&(?!(amp|lt|gt|quot|#10|#9);)/.test(attributes), tag);
    if (closing) assert.equal(open.pop(), name);
    else seen.push(name), empty || open.push(name);
    return '';
  });
  assert.ok(!/[<\x00-\x08]|&(?!(amp|lt|gt|quot|#10|#9);)/.test(rest), rest);
  assert.deepEqual(open, []);
  return seen;
}

test('versions', { timeout: 480_000 }, async (t) => {
  const store = await storeWithModels(t);
  const { dir, write, json } = files(t);
  const roll = dice(3);
  const confused = texts(90, 8).map(([text, label], i) => [text, i === 0 ? label : ['billing', 'delivery', 'technical'][roll(3)]]);
  assert.equal(await train(store, 'tickets', confused, '--folds', '2'), 'tickets@3');
  write('cases.csv', csv(texts(300, 21)));
  const suite = write('suite.yaml', { name: 'routing', endpoint: 'tickets', minimum: 0.8, slice_by: 'label', data: 'cases.csv', tests: [] });

  await t.test('a good version passes', async () => {
    const { stdout, stderr } = await evaluate(0, suite, '--model', 'tickets@1', '--store', store, '--json', path.join(dir, 'r.json'), '--junit', path.join(dir, 'r.xml'), '--by', 'alice');
    assert.match(stdout, /^routing: 300 cases$/m);
    assert.match(stdout, /^pass: /m);
    assert.match(stdout, /^stored as [0-9A-Z]{26}$/m);
    assert.ok(!stderr.includes('[###'), 'no progress bar where there is no terminal');
    const report = json('r.json');
    assert.deepEqual([report.verdict, report.cases, report.candidate.name, report.candidate.source], ['pass', 300, 'tickets@1', 'version']);
    assert.equal(report.results.length, 300);
    const passed = report.results.filter((one) => one.passed).length;
    assert.equal(report.candidate.passed, passed);
    assert.ok(report.low < report.share && report.share < report.high);
    assert.deepEqual(report.slices.map((slice) => slice.name), ['billing', 'delivery', 'technical']);
    assert.equal(report.slices.reduce((sum, slice) => sum + slice.passed, 0), passed);
    const wrong = report.results.find((one) => !one.passed);
    assert.match(wrong.reason, /^the answer "\w+": expected equals "\w+"$/);
    const xml = fs.readFileSync(path.join(dir, 'r.xml'), 'utf8');
    const elements = elementsOf(xml);
    assert.equal(elements.filter((name) => name === 'testcase').length, 301);
    assert.equal(elements.filter((name) => name === 'skipped').length, 300 - passed);
    assert.ok(!elements.includes('failure'));
  });

  await t.test('one that is worse than the baseline does not', async () => {
    const { stdout } = await evaluate(1, suite, '--model', 'tickets@3', '--baseline', 'tickets@1', '--store', store, '--json', path.join(dir, 'w.json'), '--junit', path.join(dir, 'w.xml'));
    assert.match(stdout, /^worse: worse than tickets@1 by \d+\.\d+ points \(p = [^,]+, McNemar\)$/m);
    const { comparison, baseline, verdict } = json('w.json');
    assert.equal(verdict, 'worse');
    assert.equal(baseline.name, 'tickets@1');
    assert.equal(comparison.pairs, 300);
    assert.ok(comparison.p < 1e-6 && comparison.high < 0 && comparison.worse > comparison.better);
    assert.ok(elementsOf(fs.readFileSync(path.join(dir, 'w.xml'), 'utf8')).includes('failure'));
  });

  await t.test('nor one below the minimum, without any baseline', async () => {
    assert.match((await evaluate(1, suite, '--model', 'tickets@3', '--store', store)).stdout, /and the suite wants 80\.00 %/);
  });

  await t.test('the newest version, and against itself', async () => {
    await evaluate(1, suite, '--model', 'tickets', '--store', store);
    const { stdout } = await evaluate(0, suite, '--model', 'tickets@1', '--baseline', 'tickets@1', '--store', store, '--no-store');
    assert.match(stdout, /\+0\.00 points/);
    assert.ok(!stdout.includes('stored as'));
  });

  await t.test('few cases are not enough data', async () => {
    const few = write('few.csv', csv(texts(60, 22)));
    const { stdout } = await evaluate(2, few, '--model', 'tickets@1', '--store', store);
    assert.match(stdout, /^not enough data: 60 answered cases, and the suite wants 200$/m);
  });

  await t.test('rows of numbers, here and through a server', async (t) => {
    await train(store, 'payments', table(), '--folds', '2');
    const rows = write('payments.csv', csv(table(250, 31)));
    await evaluate(0, rows, '--model', 'payments@1', '--store', store, '--minimum', '0.8', '--json', path.join(dir, 'p.json'));
    const server = await serve(t, { endpoints: { payments: { accepts: 'features', rollout: [{ model: 'payments' }], accept_threshold: 0, review_threshold: 0 } } }, { store });
    await evaluate(0, rows, '--url', `http://127.0.0.1:${server.port}`, '--endpoint', 'payments', '--no-store', '--json', path.join(dir, 'q.json'));
    assert.deepEqual(json('q.json').results.map(({ answer }) => answer), json('p.json').results.map(({ answer }) => answer));
  });

  await t.test('a suite that is wrong, with its line', async () => {
    const bad = write('bad.yaml', 'tests:\n  - text: a\n    asert: []\n');
    const { stderr } = await evaluate(2, bad, '--model', 'tickets@1', '--store', store);
    assert.match(stderr, /bad\.yaml:3: a case has no key "asert"; did you mean "assert"\?/);
    assert.match((await evaluate(2, path.join(dir, 'none.yaml'), '--model', 'tickets@1', '--store', store)).stderr, /none\.yaml/);
    assert.match((await evaluate(2, suite, '--model', 'tickets@9', '--store', store)).stderr, /tickets@9 does not exist; the newest version is tickets@3/);
    assert.match((await evaluate(2, suite, '--store', store)).stderr, /say who is judged/);
    assert.match((await evaluate(2, suite, '--model', 'tickets@1', '--store', path.join(dir, 'nowhere'))).stderr, /no store/);
  });

  await t.test('a case that the model cannot take', async () => {
    const odd = write('odd.yaml', 'tests:\n  - features: {amount: 3}\n    label: x\n');
    assert.match((await evaluate(2, odd, '--model', 'tickets@1', '--store', store)).stderr, /odd\.yaml:2: the case "1" has no text/);
  });

  await t.test('answers kept, and judged again without a model', async () => {
    const kept = path.join(dir, 'kept.jsonl'), spoilt = path.join(dir, 'spoilt.jsonl');
    const first = await evaluate(0, suite, '--model', 'tickets@1', '--store', store, '--save-answers', kept);
    const again = await evaluate(0, suite, '--answers', kept, '--json', path.join(dir, 'a.json'));
    assert.equal(/passed +(.*)\(/.exec(again.stdout)[1], /passed +(.*)\(/.exec(first.stdout)[1]);
    assert.equal(json('a.json').candidate.source, 'recorded');
    assert.ok(!again.stdout.includes('stored as'), 'there is no store here');
    const lines = fs.readFileSync(kept, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    fs.writeFileSync(spoilt, lines.map((line, i) => JSON.stringify(i < 40 ? { ...line, answer: 'none' } : line) + '\n').join(''));
    assert.match((await evaluate(1, suite, '--answers', spoilt, '--baseline-answers', kept)).stdout, /^worse: worse than .*kept\.jsonl by /m);
    fs.writeFileSync(spoilt, lines.slice(50).map((line) => JSON.stringify(line) + '\n').join(''));
    assert.match((await evaluate(2, suite, '--answers', spoilt)).stdout, /50 of 300 cases were not answered/);
    fs.writeFileSync(spoilt, '{"id":"1","answer":"x"}\n{"id":\n');
    assert.match((await evaluate(2, suite, '--answers', spoilt)).stderr, /spoilt\.jsonl:2: /);
  });

  await t.test('a running server with keys', async (t) => {
    const key = await createKey(store, 'ci');
    const server = await serve(t, { auth: { required: true }, endpoints: { tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0, review_threshold: 0 } } }, { store });
    const url = `http://127.0.0.1:${server.port}`;
    assert.match((await evaluate(2, suite, '--url', url, '--no-store')).stderr, /refuses with status 401/);
    assert.match((await evaluate(2, suite, '--url', url, '--key-env', 'PENSTOCK_NO_SUCH_KEY')).stderr, /no PENSTOCK_NO_SUCH_KEY/);
    const ask = (code, ...args) => command(['eval', suite, '--url', url, '--key-env', 'EVAL_KEY', ...args], { code, env: { EVAL_KEY: key } });
    const { stdout } = await ask(0, '--store', store, '--json', path.join(dir, 's.json'));
    assert.match(stdout, /^stored as /m);
    const report = json('s.json');
    assert.deepEqual([report.candidate.source, report.candidate.name, report.candidate.model], ['endpoint', 'tickets', 'tickets@1']);
    assert.equal(report.candidate.passed, json('r.json').candidate.passed);
    assert.match((await ask(2, '--endpoint', 'tickts', '--no-store')).stderr, /status 404/);
  });

  await t.test('what was stored is listed and shown', async () => {
    const list = async (...args) => JSON.parse((await command(['evaluations', 'list', '--json', '--store', store, ...args])).stdout);
    const all = await list();
    const first = all.at(-1);
    assert.deepEqual(
      { model: first.model, version: first.version, verdict: first.verdict, suite: first.suite, endpoint: first.endpoint, source: first.source, by: first.by, cases: first.cases },
      { model: 'tickets', version: 1, verdict: 'pass', suite: 'routing', endpoint: 'tickets', source: 'version', by: 'alice', cases: 300 },
    );
    assert.ok((await list('--model', 'tickets@3')).every(({ verdict, version }) => verdict === 'worse' && version === 3));
    assert.ok((await list('--suite', 'few')).every(({ verdict }) => verdict === 'not enough data'));
    assert.deepEqual(await list('--endpoint', 'other'), []);
    const asked = all.find(({ source }) => source === 'endpoint');
    assert.deepEqual([asked.model, asked.version], ['tickets', 1], 'the version that answered');
    const shown = JSON.parse((await command(['evaluations', 'show', first.id, '--store', store])).stdout);
    assert.equal(shown.report.verdict, 'pass');
    assert.ok(shown.report.failures.every(({ passed }) => !passed));
    assert.match((await command(['evaluations', 'list', '--store', store])).stdout, /tickets@1 +version +routing/);
    assert.match((await command(['evaluations', 'show', 'none', '--store', store], { code: 1 })).stderr, /no evaluation "none"/);
  });

  await t.test('nobody there', async () => {
    const started = Date.now();
    const { stdout } = await evaluate(2, suite, '--url', 'http://127.0.0.1:1', '--no-store');
    assert.match(stdout, /not enough data: 0 answered cases/);
    assert.ok(Date.now() - started < 120_000);
  });
});

// One case for each number, with something of its own.
const many = (count, make) => Array.from({ length: count }, (_, i) => make(i));

test('language models', { timeout: 300_000 }, async (t) => {
  const says = {
    fine: { text: 'Certainly.\n{"reason":"it greets","pass":true,"score":0.9}' },
    harsh: { text: '{"reason":"it is rude","pass":false,"score":0.1}' },
    talks: { text: 'I like it very much.' },
    better: { text: 'Hello from the other model.' },
  };
  const { server, up } = await start(t, { says, fails: { fine: 'fine', harsh: 'harsh', talks: 'talks', better: 'better', flaky: 'error503+ok+', broken: 'error500', invalid: 'invalid' } });
  const url = `http://127.0.0.1:${server.port}`;
  const { dir, write, json } = files(t);
  const report = path.join(dir, 'r.json');
  const ask = (code, suite, ...args) => evaluate(code, suite, '--url', url, '--no-store', '--json', report, ...args);

  await t.test("promptfoo's file, with a judge", async () => {
    const file = write('promptfooconfig.yaml', {
      prompts: ['Greet {{name}}.', [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Greet {{name}}!' }]],
      providers: ['openai:gpt-4o'],
      defaultTest: { assert: [{ type: 'not-contains', value: 'as an AI' }, { type: 'latency', threshold: 60_000 }] },
      tests: many(4, (i) => ({
        description: `person ${i}`,
        vars: { name: `Ada ${i}` },
        assert: [
          { type: 'contains', value: 'from the script' },
          { type: 'icontains', value: 'HELLO' },
          { type: 'regex', value: '^Hello .*\\.$' },
          { type: 'llm-rubric', value: 'greets {{name}}' },
          { type: 'similar', value: sentence, threshold: 0.9 },
        ],
      })),
    });
    up.asked.length = 0;
    await ask(2, file, '--endpoint', 'assistant', '--judge', 'fine');
    const said = json('r.json');
    assert.deepEqual([said.cases, said.candidate.passed, said.verdict], [8, 8, 'not enough data']);
    assert.deepEqual(said.slices.map((slice) => slice.name), ['prompt 1', 'prompt 2']);
    await ask(0, file, '--endpoint', 'assistant', '--judge', 'fine', '--cases', '8', '--minimum', '1');
    up.asked.splice(16);
    assert.ok(Math.abs(said.candidate.mean_score - 0.95) < 1e-6, 'the mean of similarity and rubric');
    const asked = up.asked.map(({ body }) => body);
    assert.equal(asked.length, 16);
    assert.ok(asked.some(({ messages }) => messages.length === 2 && messages[1].content === 'Greet Ada 3!'));
    const judged = asked.filter(({ model }) => model === 'fine').map(({ messages }) => JSON.parse(messages[1].content));
    assert.equal(judged.length, 8);
    assert.ok(judged.some(({ rubric, answer }) => rubric === 'greets Ada 2' && answer === sentence));
  });

  const rubric = (more) => write('rubric.yaml', { endpoint: 'assistant', cases: 5, judge: 'fine', prompt: 'Say {{text}}', assert: [{ rubric: 'is polite' }], tests: many(5, (i) => ({ text: `word ${i}` })), ...more });

  await t.test('verdicts of judges', async () => {
    await ask(0, rubric());
    await ask(1, rubric({ minimum: 0.9 }), '--judge', 'harsh');
    assert.equal(json('r.json').results[0].reason, 'the judge: it is rude');
    await ask(2, rubric(), '--judge', 'talks');
    assert.match(json('r.json').results[0].reason, /no verdict: the judge did not answer with the JSON/);
    assert.match((await ask(2, rubric(), '--judge', 'nobody')).stderr, /cannot be asked \(status 404\)/);
    assert.match((await ask(2, rubric({ judge: '' }))).stderr, /need a judge/);
  });

  await t.test('recorded answers and a judge', async () => {
    const answers = write('answers.jsonl', many(5, (i) => JSON.stringify({ id: String(i + 1), answer: 'Good day.' })).join('\n'));
    await evaluate(0, rubric(), '--answers', answers, '--url', url, '--no-store');
    await evaluate(1, rubric({ minimum: 0.5 }), '--answers', answers, '--url', url, '--judge', 'harsh', '--no-store');
  });

  await t.test('tool calls', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
    const suite = (wanted) => write('tools.yaml', { endpoint: 'assistant', cases: 3, minimum: 1, request: { tools, temperature: 0.5 }, assert: [{ tool: wanted }], tests: many(3, () => ({ text: 'How is the weather in Ulm?' })) });
    await ask(0, suite({ name: 'weather', arguments: { city: 'Ulm' } }));
    assert.equal(up.asked.at(-1).body.temperature, 0.5);
    await ask(1, suite({ name: 'weather', arguments: { city: 'Bonn' } }));
    assert.equal(json('r.json').results[0].reason, 'the tool "weather" was called with other arguments');
  });

  const spoken = (more) => write('spoken.yaml', { endpoint: 'assistant', kind: 'chat', cases: 4, tests: many(4, (i) => ({ text: `word ${i}`, assert: [{ contains: 'Hello' }] })), ...more });

  await t.test('another endpoint as baseline, several runs, scores', async () => {
    const suite = write('scores.yaml', { kind: 'chat', endpoint: 'better', baseline: 'assistant', cases: 20, runs: 2, tests: many(20, (i) => ({ text: `word ${i}`, assert: [{ similar: { to: sentence, at_least: 0.1 } }] })) });
    const { stdout } = await ask(1, suite);
    assert.match(stdout, /worse than assistant by .* paired bootstrap/);
    const said = json('r.json');
    assert.deepEqual([said.comparison.test, said.runs, said.results[0].runs], ['paired bootstrap', 2, 2]);
    assert.equal(said.baseline.mean_score, 1);
  });

  await t.test('servers that fail', async () => {
    await ask(0, spoken(), '--endpoint', 'flaky');
    await ask(2, spoken(), '--endpoint', 'broken', '--timeout', '20');
    assert.match(json('r.json').results[0].reason, /status 50\d/);
    await ask(1, spoken({ minimum: 1 }), '--endpoint', 'invalid');
    assert.match(json('r.json').results[0].reason, /no answer: status 400: /);
    await server.healthy();
  });
});

// Answers of old models to sums, with the word of people on each (data/README.md of the shared test data).
const sums = shared('gsm8k', 'recorded_model_solutions.jsonl');
test('recorded answers of real models', { skip: !sums && 'the shared test data are absent', timeout: 300_000 }, async (t) => {
  const { dir, write, json } = files(t);
  const rows = fs.readFileSync(sums, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const lines = (make) => rows.map((row, i) => JSON.stringify({ id: `sum ${i}`, ...make(row) })).join('\n');
  write('sums.jsonl', lines((row) => ({ text: row.question, truth: row.ground_truth.split('A:').at(-1).trim().replaceAll(',', '') })));
  const suite = write('sums.yaml', { data: 'sums.jsonl', assert: [{ number: '{{truth}}' }] });
  const answersOf = (model) => write(`${model}.jsonl`, lines((row) => ({ answer: row[model].solution })));
  const [small, large] = ['6b_verification', '175b_verification'].map(answersOf);
  await evaluate(1, suite, '--answers', small, '--baseline-answers', large, '--no-store', '--json', path.join(dir, 'r.json'));
  const { results } = json('r.json');
  rows.forEach((row, i) => {
    assert.equal(results[i].passed, row['6b_verification'].is_correct, row['6b_verification'].solution);
    assert.equal(results[i].baseline_passed, row['175b_verification'].is_correct);
  });
  const { stdout } = await evaluate(0, suite, '--answers', large, '--baseline-answers', small, '--no-store');
  assert.match(stdout, /^pass: not worse than .*6b_verification\.jsonl: \+17\.08 points/m);
});
