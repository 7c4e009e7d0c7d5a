// nginx answering every request with one constant reply: the floor that CPU per request is compared with. One worker,
// keep-alive without end, no access log.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, ready, start } from '../processes.mjs';

const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ');

function configuration(port, reply) {
    return `daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 16384; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type application/json; ${paths}
    server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 '${reply}'; } }
}
`;
}

export function nginxCommand(context, port, reply) {
    const folder = join(context.work, 'nginx');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'nginx.conf'), configuration(port, reply.replaceAll("'", '')));
    return ['nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log']];
}

export async function startNginx(context, reply) {
    const port = await freePort();
    const server = start(...nginxCommand(context, port, reply), { core: context.cores.server, log: join(context.work, 'nginx.out') });
    await ready(server, `http://127.0.0.1:${port}/`);
    return { server, port };
}
