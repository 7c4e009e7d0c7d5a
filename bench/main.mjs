// The command line of bench/run: runs the named benchmarks one after the other, prints a table for each, writes
// the rows of all of them to a file. A benchmark that fails is said and makes the exit code 1; so does a wrong
// name. A figure that misses its limit is marked, and is no failure of the benchmark.
import { existsSync, readdirSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cores, machine } from './machine.mjs';
import { endAll } from './processes.mjs';
import { printTable } from './table.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);

function usage(problem, names) {
    console.error(`bench/run: ${problem}\n\nUsage: bench/run [NAME…] [--json FILE] [--rounds N]\n\nNames: ${names.join(', ')}`);
    process.exit(2);
}

function readArguments(names) {
    try {
        const { values, positionals } = parseArgs({
            allowPositionals: true,
            options: {
                json: { type: 'string' },
                build: { type: 'string', default: join(root, 'build-bench') },
                rounds: { type: 'string', default: '5' },
                'no-packages': { type: 'boolean' },
            },
        });
        const wrong = positionals.find((name) => !names.includes(name));
        if (wrong) usage(`there is no benchmark "${wrong}"`, names);
        const rounds = Number(values.rounds);
        if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) usage('--rounds takes a number from 1 to 100', names);
        return { ...values, rounds, names: positionals.length ? positionals : names };
    } catch (problem) {
        return usage(problem.message, names);
    }
}

async function runOne(name, context) {
    const rows = [];
    const { title, run } = await import(`./benches/${name}.mjs`);
    await run({ ...context, add: (row) => rows.push({ bench: name, ...row }) });
    printTable(name, title, rows);
    return rows;
}

async function main() {
    const names = readdirSync(join(here, 'benches')).map((file) => file.replace(/\.mjs$/, '')).sort();
    const options = readArguments(names);
    const build = resolve(options.build), work = join(build, 'bench-data');
    mkdirSync(work, { recursive: true });
    const context = {
        root,
        work,
        build,
        data: resolve(process.env.PENSTOCK_SHARED_DATA ?? join(root, '../shared/data')),
        rounds: options.rounds,
        cores: cores(),
        say: (text) => console.error(`bench: ${text}`),
    };
    if (!existsSync(context.data)) {
        console.error(`bench/run: the test data is not at ${context.data}; say where it is with PENSTOCK_SHARED_DATA`);
        process.exit(1);
    }
    console.log(`${machine()}\nServers on core ${context.cores.server}, load generator on core ${context.cores.load}.`);
    const rows = [];
    let failed = false;
    for (const name of options.names) {
        try {
            rows.push(...(await runOne(name, context)));
        } catch (problem) {
            failed = true;
            console.error(`bench: ${name} FAILED: ${problem.stack ?? problem}`);
        } finally {
            await endAll();
        }
    }
    if (options.json) {
        const kept = ({ bench, figure, value, unit, against = null, ratio = null }) =>
            ({ bench, figure, value, unit, against, ratio });
        writeFileSync(options.json, `${JSON.stringify(rows.map(kept), null, 1)}\n`);
    }
    process.exitCode = failed ? 1 : 0;
}

await main();
