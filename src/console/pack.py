#!/usr/bin/env python3
"""Puts the console's files into one, with a table of them in C: pack.py FOLDER [--parts NODE_MODULES] FILE…

FOLDER/assets.bin holds each file as it is, and packed by gzip where that is shorter; FOLDER/assets.h says which lies
where. All assets are served below a name made of their contents, so that a browser may keep them for good. The modules
of --parts are made to import each other by file name, so that no import map (an inline script) is needed. Without
--parts the page is one that says what is missing."""
import gzip
import hashlib
import pathlib
import re
import sys

TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8'}

# name in the page: file of the package
MODULES = {'preact.js': 'preact/dist/preact.mjs', 'hooks.js': 'preact/hooks/dist/hooks.mjs',
           'htm.js': 'htm/dist/htm.module.js', 'uplot.js': 'uplot/dist/uPlot.iife.min.js',
           'uplot.css': 'uplot/dist/uPlot.min.css'}
LICENCES = {'Preact': 'preact/LICENSE', 'htm': 'htm/LICENSE', 'uPlot': 'uplot/LICENSE'}

MISSING = '''<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Penstock</title>
<h1>This Penstock was built without its console</h1>
<p>The console's parts (Preact, htm, uPlot) were not there when it was built. Where npm and a network are, run
<code>scripts/packages</code> and <code>meson compile -C build</code>, and start it again. All else works:
<a href="/openapi.json">openapi.json</a> describes the API, <code>penstock help</code> the command line.</p>
</html>
'''


def module(name, text):
    text = re.sub(r'^//# sourceMappingURL=.*$', '', text, flags=re.M)
    text = text.replace('from"preact"', 'from"./preact.js"')
    if name == 'uplot.js':
        text += '\nexport default uPlot;\n'
    if re.search(r'from ?"[^./]', text):
        sys.exit(f'pack.py: {name} imports a package that is not among the parts')
    return text


def read_parts(folder):
    parts = {name: module(name, (folder / path).read_text()) for name, path in MODULES.items()}
    parts['licences.txt'] = '\n\n'.join(
        f'{name}\n{"=" * len(name)}\n\n{(folder / path).read_text()}' for name, path in LICENCES.items())
    return parts


def collect(page, parts):
    """Names and bytes; the index is the first, with the assets' common name filled in."""
    files = {path.name: path.read_text() for path in page}
    index = files.pop('index.html')
    if not parts:
        return 'none', [('index.html', MISSING.encode())]
    files.update(read_parts(parts))
    assets = sorted((name, text.encode()) for name, text in files.items())
    build = hashlib.sha256(b''.join(name.encode() + b'\0' + content + b'\0' for name, content in assets)).hexdigest()[:16]
    preload = ''.join(f'<link rel="modulepreload" href="/console/assets/{build}/{name}">\n' for name, _ in assets
                      if name.endswith('.js') and name != 'uplot.js')
    index = index.replace('{{build}}', build).replace('{{preload}}\n', preload)
    return build, [('index.html', index.encode())] + assets


def write(folder, build, assets, whole):
    data, rows = bytearray(), []
    for name, content in assets:
        packed = gzip.compress(content, 9, mtime=0)
        if len(packed) >= len(content):
            packed = b''
        tag = hashlib.sha256(content).hexdigest()[:16]
        rows.append(f'    {{"{name}", "{TYPES[pathlib.PurePath(name).suffix]}", "\\"{tag}\\"", '
                    f'{len(data)}, {len(content)}, {len(packed)}}},')
        data += content + packed
    (folder / 'assets.bin').write_bytes(data)
    (folder / 'assets.h').write_text(
        f'/* Written by pack.py. {hashlib.sha256(data).hexdigest()} */\n#pragma once\n\n'
        f'#define CONSOLE_BUILD "{build}"\n'
        f'enum {{ CONSOLE_WHOLE = {int(whole)} }};\n\n'
        '/* name, type, tag, where in assets.bin, bytes there, bytes of the packed form behind them (0: none) */\n'
        'static const struct console_asset assets[] = {\n' + '\n'.join(rows) + '\n};\n')


def main(arguments):
    folder, parts = pathlib.Path(arguments.pop(0)), None
    if arguments[0] == '--parts':
        parts = pathlib.Path(arguments[1])
        arguments = arguments[2:]
    build, assets = collect([pathlib.Path(path) for path in arguments], parts)
    write(folder, build, assets, parts is not None)


if __name__ == '__main__':
    main(sys.argv[1:])
