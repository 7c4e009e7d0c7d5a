// What the figures were measured on, and which core does what.
import { readFileSync } from 'node:fs';

function allowedCores() {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
    return list.split(',').flatMap((part) => {
        const [from, to = from] = part.split('-').map(Number);
        return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
}

// The server's and the generator's. On one core they share it, which costs the rates, not the CPU per request.
export function cores() {
    const all = allowedCores();
    return { server: all[0], load: all[all.length > 1 ? 1 : 0], all };
}

export function machine() {
    const cpu = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch;
    const name = /^PRETTY_NAME="(.+)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
    const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('-')[0].trim();
    const memory = /^MemTotal:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1] / 1048576;
    return `${cores().all.length} cores, ${cpu}, ${memory.toFixed(0)} GiB, ${name}, Linux ${kernel}`;
}
