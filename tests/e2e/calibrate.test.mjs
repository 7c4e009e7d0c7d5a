// `penstock calibrate`: the score and the thresholds of a version, what they promise, and whether rows that nobody has
// seen keep the promise; and that data which cannot carry it is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, shared } from './penstock.mjs';

const INTENTS = 12;

// The first intents of banking77, some rows with another's label so that there are errors to find; dealt by number.
function rowsOf(csv) {
  const rows = [...fs.readFileSync(csv, 'utf8').matchAll(/^(?:"((?:[^"]|"")*)"|([^",\n]*)),([^,\n]*)$/gm)]
    .slice(1)
    .map((row) => ({ text: (row[1]?.replaceAll('""', '"') ?? row[2]).trim(), label: row[3].trim() }));
  const labels = [...new Set(rows.map((row) => row.label))].slice(0, INTENTS);
  const seen = new Set();
  return rows.filter((row) => labels.includes(row.label) && row.text && !seen.has(row.text) && seen.add(row.text));
}

function write(dir, name, rows) {
  const file = path.join(dir, `${name}.csv`);
  const cell = (text) => `"${text.replaceAll('"', '""')}"`;
  fs.writeFileSync(file, ['text,label', ...rows.map((row) => `${cell(row.text)},${cell(row.label)}`), ''].join('\n'));
  return file;
}

// Vague questions: only their first words. So the model errs, and can know it.
const vague = (row, i) => (i % 3 ? row : { ...row, text: row.text.split(/\s+/).slice(0, 4).join(' ') });

async function prepare(t, csv) {
  const dir = folder(t), store = path.join(dir, 'store');
  const rows = rowsOf(csv).map(vague);
  const part = (from, to) => rows.filter((_, i) => i % 10 >= from && i % 10 < to);
  const files = { train: write(dir, 'train', part(0, 2)), calibrate: write(dir, 'calibrate', part(2, 7)) };
  await command(['train', 'bank', '--data', files.train, '--store', store, '--folds', '3']);
  const config = { endpoints: { bank: { rollout: [{ model: 'bank@1' }], cache: false } } };
  const file = path.join(dir, 'penstock.yaml');
  fs.writeFileSync(file, JSON.stringify({ store: { path: store }, auth: { required: false }, ...config }));
  return { dir, store, rows, files, file, unseen: part(7, 10) };
}

const calibrate = (at, ...more) => command(['calibrate', 'bank', '-c', at.file, '--data', at.files.calibrate, ...more]);

async function ask(server, rows) {
  const replies = [];
  for (let i = 0; i < rows.length; i += 16)
    replies.push(...(await Promise.all(rows.slice(i, i + 16).map((row) => server.answer('bank', { text: row.text })))));
  return replies.map((reply, i) => ({ ...reply, wrong: reply.prediction !== rows[i].label }));
}

test('calibrate', { timeout: 480_000 }, async (t) => {
  const csv = shared('banking77', 'train.csv');
  if (!csv) return t.skip('banking77 is not in the shared test data');
  const at = await prepare(t, csv);

  await t.test('what it promises holds on rows never seen, as they are served', async (t) => {
    const made = JSON.parse((await calibrate(at, '--review', '20%', '--json')).stdout);
    assert.deepEqual([made.model, made.version, made.parent], ['bank', 2, 'bank@1']);
    assert.equal(made.accept, made.review);
    assert.ok(made.caught_least > 0.2, `at least ${made.caught_least} of the errors are caught`);
    const server = await serve(t, { endpoints: { bank: { rollout: [{ model: 'bank@2' }], cache: false, monitors: { samples: 100 } } } }, { store: at.store });
    const replies = await ask(server, at.unseen);
    const reviewed = replies.filter((reply) => reply.decision === 'review');
    for (const reply of replies)
      assert.equal(reply.decision, reply.confidence >= made.accept ? 'accepted' : 'review', JSON.stringify(reply));
    const errors = replies.filter((reply) => reply.wrong).length, caught = reviewed.filter((reply) => reply.wrong).length;
    // Each promise holds with 95 % and the unseen rows are a sample, too: two standard errors of it are allowed.
    const slack = (share, n) => 2 * Math.sqrt((share * (1 - share)) / n);
    assert.ok(errors >= 30, `only ${errors} errors in ${replies.length} rows`);
    assert.ok(reviewed.length / replies.length <= 0.2 + slack(0.2, replies.length), `${reviewed.length} of ${replies.length} reviewed`);
    assert.ok(caught / errors >= made.caught_least - slack(made.caught_least, errors), `${caught} of ${errors} errors caught, promised ${made.caught_least}`);
    const out = replies.length - reviewed.length, share = (errors - caught) / out;
    assert.ok(share <= made.error_most + slack(made.error_most, out), `${share} of what went out is wrong, promised ${made.error_most}`);
    assert.ok(share < errors / replies.length, 'fewer errors go out than without review');
  });

  await t.test("the policy is the new version's, the artefact its parent's", async () => {
    const show = async (name) => JSON.parse((await command(['models', 'show', name, '--store', at.store, '--json'])).stdout);
    const [parent, child] = [await show('bank@1'), await show('bank@2')];
    assert.equal(child.artefact, parent.artefact);
    const { policy, ...rest } = child.manifest, { policy: before, ...same } = parent.manifest;
    assert.deepEqual(rest, same);
    assert.deepEqual(before, { accept: 0.85, review: 0.6 });
    assert.equal(policy.parent, 'bank@1');
    assert.equal(policy.certificate.wanted, 'review');
    assert.ok(policy.certificate.rows_certifying > 100 && policy.certificate.rows_choosing > 100);
    const { edges, shares, mean, rows } = policy.confidence;
    assert.deepEqual([edges.length, shares.length, rows], [19, 20, policy.certificate.rows_certifying]);
    assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-4 && mean > 0.5 && mean < 1, JSON.stringify(policy.confidence));
  });

  await t.test('what it served is compared with how its scores lay', async () => {
    const listed = JSON.parse((await command(['monitors', 'list', 'bank', '--store', at.store, '--json'])).stdout);
    const drift = listed.find(({ monitor }) => monitor === 'confidence_drift'), mean = listed.find(({ monitor }) => monitor === 'confidence_mean');
    assert.deepEqual([drift.state, mean.state], ['good', 'good'], JSON.stringify([drift, mean]));
    assert.ok(drift.samples > 100 && drift.value !== null && mean.expected > 0.5, JSON.stringify(drift));
  });

  await t.test("an endpoint's own thresholds count before the version's", async (t) => {
    const endpoint = { rollout: [{ model: 'bank@2' }], cache: false, accept_threshold: 0, review_threshold: 0 };
    const server = await serve(t, { endpoints: { bank: endpoint } }, { store: at.store });
    const replies = await ask(server, at.unseen.slice(0, 60));
    assert.ok(replies.every((reply) => reply.decision === 'accepted'));
  });

  await t.test('a bound on errors is certified, and costs reviews', async () => {
    const { stdout } = await calibrate(at, '--error', '15%', '--dry-run');
    assert.match(stdout, /nothing was stored/);
    assert.match(stdout, /after a search over \d+ thresholds/);
    assert.match(stdout, /errors among what goes out unseen +at most (\d|1[0-5])\.\d\d %/);
    assert.match(stdout, /What the promise costs/);
  });

  const refused = async (said, ...args) => {
    const { stderr } = await command(['calibrate', ...args], { code: 2 });
    assert.match(stderr, said);
  };
  const data = (file) => ['bank', '-c', at.file, '--data', file];

  await t.test('what the data cannot carry is refused', async () => {
    const few = write(at.dir, 'few', at.unseen.filter((_, i) => i % 9 === 0).slice(0, 40));
    await refused(/\d\d rows that the version was not trained on.*expected 50 of each/, ...data(few), '--review', '12%');
    await refused(/takes \d+ rows without a single error|No threshold certifies/, ...data(at.files.calibrate), '--error', '0.1%');
    await refused(/was trained on all \d+ rows/, ...data(at.files.train), '--review', '12%');
    const labels = [...new Set(at.rows.map((row) => row.label))];
    const blind = write(at.dir, 'blind', at.rows.filter((_, i) => i % 10 > 1).map((row, i) => ({ ...row, label: labels[i % INTENTS] })));
    await refused(/blindly does as well/, ...data(blind), '--review', '12%');
  });

  await t.test('wrong use is refused', async () => {
    await refused(/either --review N% or --error N%/, ...data(at.files.calibrate));
    await refused(/either --review N% or --error N%/, ...data(at.files.calibrate), '--review', '5%', '--error', '5%');
    await refused(/--review is "120%"/, ...data(at.files.calibrate), '--review', '120%');
    await refused(/did you mean "bank"/, 'banks', '-c', at.file, '--data', at.files.calibrate, '--review', '5%');
    await refused(/which configuration has the endpoint/, 'bank', '--data', at.files.calibrate, '--review', '5%');
  });
});
