// Listing a registry of 10,000 versions: the store's query, a page of it, and the whole command.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { median } from '../statistics.mjs';

export const title = 'a registry of 10,000 versions, manifests of 20 KB';

function command(context, folder) {
    const start = performance.now();
    const { stdout, status } = spawnSync(join(context.build, 'penstock'), ['models', 'list', '--store', folder], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const took = performance.now() - start;
    if (status !== 0 || stdout.split('\n').length !== 10_002) throw new Error('penstock models list failed');
    return took;
}

export async function run(context) {
    const folder = mkdtempSync(join(context.work, 'registry-'));
    try {
        const { stdout, stderr, status } = spawnSync(join(context.build, 'bench/bench_registry_list'), [folder], { encoding: 'utf8' });
        if (status !== 0) throw new Error(stderr);
        const ms = Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(' ')).map(([name, value]) => [name, Number(value)]));
        context.add({ figure: 'CPU of the query for all', value: ms.all, unit: 'ms', limit: { of: 'value', most: 50 } });
        context.add({ figure: 'CPU of the same, the store opened first', value: ms.open, unit: 'ms', limit: { of: 'value', most: 50 } });
        context.add({ figure: 'CPU of a page of 100 from the middle', value: ms.page, unit: 'ms' });
        const whole = Array.from({ length: 11 }, () => command(context, folder));
        context.add({ figure: 'penstock models list, from its start to its end, median of 11', value: median(whole), unit: 'ms', limit: { of: 'value', most: 50 } });
    } finally {
        rmSync(folder, { recursive: true });
    }
}
