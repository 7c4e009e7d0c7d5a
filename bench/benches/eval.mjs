// penstock eval: 1,000 labelled texts asked of a local linear model, from the command's start to its end. The texts are
// of those that the model learned from: this is about time, not about how good it is.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { binary, trainText } from '../penstock.mjs';
import { median } from '../statistics.mjs';

const CASES = 1000, TIMES = 11;

export const title = `an evaluation of ${CASES} cases against a local model (banking77)`;

function evaluate(context, folder, suite, ...more) {
    const start = performance.now();
    const { stdout, stderr, status } = spawnSync(binary(context), ['eval', join(folder, suite), '--model', 'banking77@1', '--store', join(folder, 'store'), ...more], { encoding: 'utf8' });
    const took = performance.now() - start;
    if (status !== 0 || !stdout.includes(`: ${CASES} cases\n`)) throw new Error(`penstock eval failed: ${stdout}${stderr}`);
    return took;
}

const times = (work) => median(Array.from({ length: TIMES }, work));

export async function run(context) {
    const folder = mkdtempSync(join(context.work, 'eval-'));
    try {
        cpSync(await trainText(context), join(folder, 'store'), { recursive: true });
        const rows = readFileSync(join(context.data, 'banking77/train.csv'), 'utf8').match(/^(?:"(?:[^"]|"")*"|[^",\n]*),[^,\n]*$/gm);
        writeFileSync(join(folder, 'cases.csv'), [rows[0], ...rows.slice(1).filter((_, i) => i % Math.floor((rows.length - 1) / CASES) === 0).slice(0, CASES)].join('\n'));
        const assertions = [{ lua: 'answer.confidence >= 0' }, { regex: '^[A-Za-z_?]+$' }, { latency: 60000 }];
        writeFileSync(join(folder, 'suite.yaml'), JSON.stringify({ data: 'cases.csv', slice_by: 'label', assert: assertions }));
        context.add({ figure: `labels only, median of ${TIMES}`, value: times(() => evaluate(context, folder, 'cases.csv', '--no-store')), unit: 'ms', limit: { of: 'value', most: 1000 } });
        context.add({ figure: 'the same, kept in the store', value: times(() => evaluate(context, folder, 'cases.csv')), unit: 'ms', limit: { of: 'value', most: 1000 } });
        context.add({ figure: 'against a baseline, 77 slices, a Lua expression, a pattern, latency', value: times(() => evaluate(context, folder, 'suite.yaml', '--baseline', 'banking77@1')), unit: 'ms', limit: { of: 'value', most: 1000 } });
    } finally {
        rmSync(folder, { recursive: true });
    }
}
