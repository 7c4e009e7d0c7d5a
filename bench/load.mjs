// http_load as a function: a fixed number of requests, every reply checked, what it measured. `rate`: an open loop.
import { join } from 'node:path';
import { run } from './processes.mjs';

export const CONNECTIONS = 64;

export async function load(context, { port, path, headers = [], bodies, first = 0, requests, connections = CONNECTIONS, expect = [], rate, core = context.cores.load, seconds = 120 }) {
    const args = ['--to', `127.0.0.1:${port}`, '--path', path, '--connections', `${connections}`, '--requests', `${requests}`, '--time-limit', `${seconds}`];
    headers.forEach((header) => args.push('--header', header));
    expect.forEach((text) => args.push('--expect', text));
    if (rate) args.push('--rate', `${Math.round(rate)}`);
    if (bodies) args.push('--bodies', bodies, '--first', `${first}`);
    return JSON.parse(await run(join(context.build, 'bench/http_load'), args, { core: core ?? undefined, seconds: seconds + 60 }));
}
