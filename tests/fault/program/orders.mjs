// What steers faults.c, preloaded into a running penstock: a file of numbers that both have in memory.
import fs from 'node:fs';
import path from 'node:path';
import { build, folder } from '../../e2e/penstock.mjs';

export const library = path.join(build, 'tests/fault/program/faults.so');
const orderNames = ['allocation', 'each', 'write', 'allocations', 'writes', 'failed'];

export class Orders {
  constructor(t) {
    this.path = path.join(folder(t), 'orders');
    fs.writeFileSync(this.path, Buffer.alloc(8 * orderNames.length));
    this.file = fs.openSync(this.path, 'r+');
  }

  set(name, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    fs.writeSync(this.file, bytes, 0, 8, 8 * orderNames.indexOf(name));
  }

  get(name) {
    const bytes = Buffer.alloc(8);
    fs.readSync(this.file, bytes, 0, 8, 8 * orderNames.indexOf(name));
    return Number(bytes.readBigInt64LE());
  }

  // For the server's start.
  get environment() {
    return {
      PENSTOCK_FAULTS: this.path,
      LD_PRELOAD: library,
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0:allocator_may_return_null=1`,
    };
  }
}
