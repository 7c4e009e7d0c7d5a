// penstock export: rules that promtool accepts and that fire when they should, a dashboard whose queries ask for what
// /metrics has; and the runbooks, whose commands exist.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start } from './chats.mjs';
import { command, folder, root } from './penstock.mjs';

const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const exported = async (...args) => (await command(['export', ...args])).stdout;
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const promtool = (...args) => {
  const run = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  return run.stdout + run.stderr;
};
// What a query asks for, as /metrics declares it.
const metricsOf = (text) => new Set([...text.matchAll(/\b(?:penstock|process)_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')));
const ruleNames = () => [...source('src/watch/alerts/alert_rules.c').matchAll(/^    \{"(\w+)", "/gm)].map(([, name]) => name);

test('the files in deploy/ are what the program prints', async () => {
  assert.equal(source('deploy/prometheus-rules.yml'), await exported('prometheus-rules'));
  assert.equal(source('deploy/grafana-dashboard.json'), await exported('grafana'));
});

test('rules and dashboard ask for families that a server has', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, {});
  await ask('assistant');
  const { text } = await server.get('/metrics', { check: false });
  const declared = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
  const dashboard = JSON.parse(await exported('grafana', '-c', server.configPath));
  const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(queries.length > 20);
  const rules = [...(await exported('prometheus-rules', '-c', server.configPath)).matchAll(/expr: (".*")/g)].map(([, expr]) => JSON.parse(expr));
  assert.ok(rules.length > 20);
  const asked = metricsOf([...queries, ...rules].join('\n'));
  assert.ok(asked.size > 20);
  for (const name of asked) assert.ok(declared.has(name), `${name} is not at /metrics`);
  for (const rule of rules.filter((expr) => /requests_total/.test(expr))) assert.match(rule, /endpoint="assistant"/);
  const ids = dashboard.panels.map(({ id }) => id), places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
  assert.deepEqual([new Set(ids).size, new Set(places).size], [ids.length, ids.length], 'panels lie side by side');
});

test('promtool takes the rules, and they fire when they should', { timeout: 300_000, skip: hasPromtool ? false : 'promtool is not here (Debian: prometheus)' }, async (t) => {
  const dir = folder(t), rules = path.join(dir, 'rules.yml'), file = path.join(dir, 'test.yml');
  fs.writeFileSync(rules, await exported('prometheus-rules'));
  assert.match(promtool('check', 'rules', rules), /SUCCESS: \d+ rules found/);
  const fast = (endpoint) => ({
    exp_labels: { severity: 'P1', monitor: 'availability_fast', endpoint },
    exp_annotations: { summary: `${endpoint}: errors use the budget up within days`, description: '2.041% of its requests are bad.', runbook_url: 'docs/runbooks/availability_fast.md' },
  });
  const monitored = {
    exp_labels: { severity: 'P2', monitor: 'latency_p95', endpoint: 'desk' },
    exp_annotations: {
      summary: 'desk: latency, 95th percentile',
      description: ' of desk is over its limit; penstock_monitor_value and penstock_monitor_limit tell by how much.',
      runbook_url: 'docs/runbooks/latency_p95.md',
    },
  };
  const alive = [{ series: 'penstock_build_info', values: '1x400' }, { series: 'penstock_alerting_healthy', values: '1x400' }];
  const at = (eval_time, alertname, exp_alerts) => ({ eval_time, alertname, exp_alerts });
  const tests = {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m', // 2 % of what is asked at the shop fails, 0.1 % at the desk
        input_series: [
          ...alive,
          { series: 'penstock_requests_total{endpoint="shop",status="200"}', values: '0+960x400' },
          { series: 'penstock_requests_total{endpoint="shop",status="502"}', values: '0+20x400' },
          { series: 'penstock_requests_total{endpoint="desk",status="200"}', values: '0+999x400' },
          { series: 'penstock_requests_total{endpoint="desk",status="503"}', values: '0+1x400' },
          { series: 'penstock_monitor_breached{endpoint="desk",monitor="latency_p95",part=""}', values: '0x9 1x90 0x300' },
        ],
        alert_rule_test: [
          at('100m', 'PenstockAvailabilityFast', [fast('shop')]),
          at('11m', 'PenstockLatencyP95', []), // pending
          at('12m', 'PenstockLatencyP95', [monitored]),
          at('120m', 'PenstockLatencyP95', []),
          at('100m', 'PenstockAbsent', []),
          at('100m', 'PenstockAlerting', []),
        ],
      },
      { interval: '1m', input_series: [], alert_rule_test: [at('10m', 'PenstockAbsent', [{ exp_labels: { severity: 'P1', monitor: 'absent' }, exp_annotations: { summary: 'No Penstock is scraped.' } }])] },
    ],
  };
  fs.writeFileSync(file, JSON.stringify(tests)); // JSON is YAML
  promtool('test', 'rules', file);
});

test('every monitor has its runbook, and every command in them exists', { timeout: 300_000 }, async (t) => {
  const named = new Set([...ruleNames(), 'test']);
  assert.ok(named.size > 20);
  for (const [, name] of source('src/watch/monitors/monitor_rules.c').matchAll(/(?:say\w*|compare)\(r, "(\w+)"/g)) named.add(name);
  const pages = fs.readdirSync(path.join(root, 'docs/runbooks')).filter((name) => name !== 'README.md').map((name) => name.replace('.md', ''));
  assert.deepEqual(pages.sort(), [...named].sort());
  const { server } = await start(t, {});
  const commands = new Set();
  for (const name of pages) {
    const page = source(`docs/runbooks/${name}.md`);
    for (const head of ['What it means', 'How to look', 'What to do', 'When to escalate']) assert.match(page, new RegExp(`^## ${head}\n\\S`, 'm'), `${name}: ${head}`);
    const served = await server.get(`/v1/runbooks/${name}`);
    assert.deepEqual([served.status, served.text], [200, page]);
    for (const [, other] of page.matchAll(/\]\((\w+)\.md\)/g)) assert.ok(pages.includes(other), `${name} points at ${other}`);
    for (const [, line] of /```sh\n([^]*?)```/.exec(page)[1].matchAll(/^penstock (.+)$/gm)) commands.add(line);
  }
  assert.equal((await server.get('/v1/runbooks/nothing')).status, 404);
  const words = { ENDPOINT: 'assistant', REQUEST_ID: 'x', ID: 'x', MODEL: 'm', RECEIVER: 'r', FILE: server.configPath };
  for (const line of commands) {
    const args = line.split(' ').map((word) => words[word] ?? word);
    const own = args.includes('-c') ? [] : ['--store', server.config.store.path];
    const { code, stderr } = await command([...args, ...own], { code: null });
    assert.ok(code < 2, `penstock ${line}: ${stderr}`); // 1: there is no such request; 2 would be: no such command
  }
});
