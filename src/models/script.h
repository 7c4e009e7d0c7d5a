/* Scripts: operators' Lua files (business rules, rules as a model) run inside a sandbox. A script sees
 * its argument and parts of Lua's base, string, table, math and utf8 libraries; no files, no clock, no
 * randomness, no metatables, no coroutines, no way to load code. It is bounded in instructions (work
 * done inside library functions counts too), memory and CPU time; what goes over gets an error that
 * pcall cannot swallow. The file runs from its top for every call, with a fresh set of globals, so
 * nothing survives from one request to the next.
 *
 * A struct script belongs to one thread (each loop has its own). script_check may be called anywhere. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct script;
struct lua_State;

/* Zeros: the defaults. */
struct script_limits {
    uint64_t instructions; /* of one call, the file's top level included; 500,000 */
    size_t memory;         /* of the whole state, about 30 KB before anything is loaded; 4 MB */
    int64_t cpu_time;      /* ns of one call, looked at every 100 instructions; 50 ms */
};

enum { SCRIPT_SOURCE_MAX = 256 * 1024 };

/* Does it compile, run from its top, and define `function` (NULL: none needed)? ERR_CONFIG with
 * "NAME:LINE: …" otherwise. */
bool script_check(struct str source, const char *name, const char *function, struct error *err) MUST_USE;

/* The same, and keeps it. NULL and *err on failure. `name` is what messages call it, usually the file. */
struct script *script_new(struct str source, const char *name, const char *function,
                          const struct script_limits *limits, struct error *err) MUST_USE;
void script_free(struct script *s); /* NULL is fine */

/* Reads the file (at most SCRIPT_SOURCE_MAX), then script_new. */
struct script *script_open(const char *path, const char *function, const struct script_limits *limits,
                           struct error *err) MUST_USE;

/* How a caller talks to the script's function. Both run inside Lua's protection: they may raise Lua
 * errors and must hold nothing that would need freeing. */
struct script_exchange {
    int (*arguments)(struct lua_State *L, void *ctx); /* pushes, returns how many */
    void (*results)(struct lua_State *L, int at,
                    void *ctx); /* reads `result_count` values from index `at` on */
    int result_count;
    void *ctx;
};

/* ERR_MODEL with "NAME:LINE: …" when the script failed. The script stays usable. */
bool script_call(struct script *s, const struct script_exchange *exchange, struct error *err) MUST_USE;

/* What its messages call it. */
const char *script_name(const struct script *s);
/* In use now, for metrics and tests. */
size_t script_memory(const struct script *s);

/* For C functions that scripts call. Counts `work` (about as much as an instruction each) against the
 * call's budget; raises a Lua error when that is used up. */
void script_charge(struct lua_State *L, uint64_t work);
/* What is left of the budget. */
uint64_t script_left(struct lua_State *L);
