// How many pairs that ask the same the semantic cache's second look finds at 1 % false hits, measured by `penstock
// cache tune` itself on texts that nothing was fitted on, over several random splits; beside it plain cosine on the
// same pairs. And what a lookup costs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { median, spread } from '../statistics.mjs';

export const title = 'questions that ask the same, in other words';

const SETS = [
    { name: 'sts_cc', least: 0.27, extra: [] },
    { name: 'banking77_intent_pairs', least: 0.04, extra: ['--against', 'different_intent_hard'] },
];

function tune(context, set, seed) {
    const file = join(context.data, 'pairs', set.name, 'dev.csv');
    const args = ['cache', 'tune', 'bench', '--pairs', file, '--seed', String(seed), '--dry-run', ...set.extra];
    const { stdout, stderr, status } = spawnSync(join(context.build, 'penstock'), args, { encoding: 'utf8', timeout: 600_000 });
    const observed = /as observed: ([\d.]+) % of the same pairs found; by plain cosine: ([\d.]+) %/.exec(stdout);
    const refused = status === 1 && stderr.includes('stays off');
    if (!observed || (status !== 0 && !refused)) throw new Error(`penstock cache tune ended with ${status}: ${stderr}`);
    const kept = /threshold [\d.]+: ([\d.]+) % hits/.exec(stdout);
    return { hits: Number(observed[1]), cosine: Number(observed[2]), kept: kept ? Number(kept[1]) : 0 };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export async function run(context) {
    for (const set of SETS) {
        const splits = [];
        for (let seed = 1; seed <= context.rounds; seed++) {
            context.say(`${set.name}, split ${seed} of ${context.rounds}`);
            splits.push(tune(context, set, seed));
        }
        const ratios = splits.map(({ hits, cosine }) => hits / cosine);
        const range = (name) => spread(splits.map((split) => split[name])).map((value) => value.toFixed(1)).join('–');
        context.add({ figure: `${set.name}: same pairs found at 1 % false hits, mean of ${splits.length} splits (${range('hits')})`, value: mean(splits.map(({ hits }) => hits)), unit: '%', against: 'plain cosine, the same pairs', ratio: median(ratios), spread: spread(ratios), limit: { of: 'value', least: set.least * 100 } });
        context.add({ figure: `${set.name}: the same by plain cosine (${range('cosine')})`, value: mean(splits.map(({ cosine }) => cosine)), unit: '%' });
        context.add({ figure: `${set.name}: found where 1 % is kept with 95 % confidence, 0 where refused (${range('kept')})`, value: mean(splits.map(({ kept }) => kept)), unit: '%' });
    }
    const { stdout, status } = spawnSync(join(context.build, 'bench/bench_semantic_lookup'), { encoding: 'utf8' });
    if (status !== 0) throw new Error('bench_semantic_lookup failed');
    for (const [, rows, us] of stdout.matchAll(/^(\d+) ([\d.]+)$/gm))
        context.add({ figure: `CPU of a lookup among ${Number(rows).toLocaleString('en')} questions, 8 looked at twice`, value: Number(us), unit: 'µs' });
}
