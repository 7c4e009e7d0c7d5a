#include "models/script.h"

#include "base/buf.h"
#include "base/clock.h"
#include "models/script_library.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    INSTRUCTIONS_STANDARD = 500000,
    MEMORY_STANDARD = 4 << 20,
    CPU_MS_STANDARD = 50,
    WATCH_EVERY = 100, /* instructions */
    BYTES_PER_INSTRUCTION = 64,
};

struct script {
    lua_State *L;
    struct script_limits limits;
    size_t memory;
    int64_t left; /* of the budget; below 0: used up */
    int64_t cpu_deadline;
    int64_t looked;         /* at the CPU clock last, by the monotonic one */
    const char *over;       /* what was used up in this call, or NULL */
    bool full;              /* the memory limit refused an allocation in this call */
    char *function;         /* NULL: none is called */
    char name[61];          /* "@" and what messages call it */
    int chunk, environment; /* references in the registry */
};

/* The system's own clocks: a test that plays days in milliseconds must not stop scripts. */
static int64_t now_by(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static struct script *script_of(lua_State *L) {
    void *s;
    lua_getallocf(L, &s);
    return s;
}

/* Memory is limited, and making it is work: an allocation costs by its size. It cannot raise from here;
 * the next look at the budget does. */
static void *allocate(void *context, void *block, size_t old_size, size_t size) {
    struct script *s = context;
    size_t had = block ? old_size : 0;
    if (size == 0) {
        free(block);
        s->memory -= had;
        return NULL;
    }
    if (size > had) {
        if (size - had > s->limits.memory || s->memory > s->limits.memory - (size - had)) {
            s->full = true;
            return NULL;
        }
        s->left -= (int64_t)((size - had) / BYTES_PER_INSTRUCTION);
    }
    void *made = realloc(block, size);
    if (made)
        s->memory = s->memory - had + size;
    return made;
}

static const char used_up[] = "used more than its instructions; look for a loop that does not end";
static const char out_of_time[] = "used more than its CPU time";

/* Once over, every further instruction raises again, so that pcall cannot go on. */
static void watch(lua_State *L, lua_Debug *at);

static void exhaust(lua_State *L, struct script *s, const char *what) {
    s->over = what;
    lua_sethook(L, watch, LUA_MASKCOUNT, 1);
}

/* The CPU clock is a system call, ten times as dear as the monotonic one, and need not be read before
 * time has passed at all. */
static bool time_is_up(struct script *s) {
    int64_t now = now_by(CLOCK_MONOTONIC);
    if (now - s->looked < NS_PER_MS)
        return false;
    s->looked = now;
    return now_by(CLOCK_THREAD_CPUTIME_ID) > s->cpu_deadline;
}

static void watch(lua_State *L, lua_Debug *at) {
    struct script *s = script_of(L);
    if (!s->over) {
        s->left -= WATCH_EVERY;
        if (s->left < 0)
            exhaust(L, s, used_up);
        else if (time_is_up(s))
            exhaust(L, s, out_of_time);
    }
    if (!s->over)
        return;
    lua_getinfo(L, "Sl", at);
    lua_pushfstring(L, "%s:%d: the script %s", at->short_src, at->currentline, s->over);
    lua_error(L);
}

void script_charge(lua_State *L, uint64_t work) {
    struct script *s = script_of(L);
    if (work > (uint64_t)INT64_MAX / 2)
        work = (uint64_t)INT64_MAX / 2;
    s->left -= (int64_t)work;
    if (s->left >= 0 && !s->over)
        return;
    if (!s->over)
        exhaust(L, s, used_up);
    luaL_error(L, "the script %s", s->over);
}

uint64_t script_left(lua_State *L) {
    const struct script *s = script_of(L);
    return s->left > 0 ? (uint64_t)s->left : 0;
}

const char *script_name(const struct script *s) {
    return s->name + 1;
}

size_t script_memory(const struct script *s) {
    return s->memory;
}

static void begin_budget(struct script *s) {
    s->left = (int64_t)s->limits.instructions;
    s->over = NULL;
    s->full = false;
    s->cpu_deadline = now_by(CLOCK_THREAD_CPUTIME_ID) + s->limits.cpu_time;
    s->looked = now_by(CLOCK_MONOTONIC);
    lua_sethook(s->L, watch, LUA_MASKCOUNT, WATCH_EVERY);
}

/* Scripts may raise any bytes; a message is one line of UTF-8. */
static void fail_with_text(struct script *s, enum error_code code, const char *text, struct error *err) {
    char line[ERROR_MESSAGE_MAX];
    bool named = str_starts(str_from(text), str_from(s->name + 1));
    snprintf(line, sizeof line, "%s%s%s", named ? "" : s->name + 1, named ? "" : ": ", text);
    bool valid = str_is_utf8(str_from(line), NULL);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F || ((unsigned char)*c >= 0x80 && !valid))
            *c = '?';
    fail(err, code, "%s", line);
}

/* What went wrong, from the error value at the top of the stack; pops it. */
static bool explain(struct script *s, int status, enum error_code code, struct error *err) {
    lua_State *L = s->L;
    /* Lua's buffers raise it as an ordinary error. */
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "not enough memory") == 0)
        status = LUA_ERRMEM;
    if (status == LUA_ERRMEM && !s->full)
        fail(err, ERR_NO_MEMORY, "%s: out of memory", s->name + 1);
    else if (status == LUA_ERRMEM)
        fail(err, code, "%s: the script needs more than %zu KB of memory", s->name + 1,
             s->limits.memory / 1024);
    else if (lua_type(L, -1) == LUA_TSTRING)
        fail_with_text(s, code, lua_tostring(L, -1), err);
    else
        fail(err, code, "%s: the script raised a %s as its error; raise a text", s->name + 1,
             luaL_typename(L, -1));
    lua_settop(L, 0);
    if (status == LUA_ERRMEM)
        lua_gc(L, LUA_GCCOLLECT);
    return false;
}

/* Runs a C function under protection and within a fresh budget. It gets `context` as its argument. */
static bool protect(struct script *s, lua_CFunction run, void *context, enum error_code code,
                    struct error *err) {
    begin_budget(s);
    lua_pushcfunction(s->L, run);
    lua_pushlightuserdata(s->L, context);
    int status = lua_pcall(s->L, 1, 0, 0);
    if (status != LUA_OK)
        return explain(s, status, code, err);
    /* pcall was the last thing the script did, and caught it. */
    if (s->over)
        return fail(err, code, "%s: the script %s", s->name + 1, s->over);
    return true;
}

/* Pushes a fresh environment's run of the whole file: the environment alone is left on the stack. */
static void run_chunk(lua_State *L, struct script *s) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->chunk);
    lua_createtable(L, 0, 4);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->environment);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setupvalue(L, -3, 1);
    lua_insert(L, -2);
    lua_call(L, 0, 0);
}

static void push_function(lua_State *L, struct script *s) {
    run_chunk(L, s);
    if (lua_getfield(L, -1, s->function) != LUA_TFUNCTION)
        luaL_error(L, "%s: the script defines no function %s(r)", s->name + 1, s->function);
}

struct loading {
    struct script *script;
    struct str source;
};

static int load(lua_State *L) {
    struct loading *loading = lua_touserdata(L, 1);
    struct script *s = loading->script;
    lua_createtable(L, 0, 1);
    script_library_push(L);
    lua_setfield(L, -2, "__index");
    s->environment = luaL_ref(L, LUA_REGISTRYINDEX);
    /* The libraries' originals live in the table of globals, which no script sees. */
    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (luaL_loadbufferx(L, loading->source.p, loading->source.n, s->name, "t") != LUA_OK)
        lua_error(L);
    s->chunk = luaL_ref(L, LUA_REGISTRYINDEX);
    if (s->function)
        push_function(L, s);
    else
        run_chunk(L, s);
    return 0;
}

/* Long names keep their end, which says more. Lua cuts at 60 bytes. */
static void set_name(struct script *s, const char *name) {
    size_t n = strlen(name), most = sizeof s->name - 2;
    while (n > most || (n > 0 && ((unsigned char)*name & 0xC0) == 0x80)) {
        name++;
        n--;
    }
    snprintf(s->name, sizeof s->name, "@%s", name);
}

static bool fill_limits(struct script_limits *to, const struct script_limits *limits) {
    *to = limits ? *limits : (struct script_limits){0};
    if (to->instructions == 0)
        to->instructions = INSTRUCTIONS_STANDARD;
    if (to->memory == 0)
        to->memory = MEMORY_STANDARD;
    if (to->cpu_time == 0)
        to->cpu_time = CPU_MS_STANDARD * NS_PER_MS;
    return to->instructions <= INT64_MAX / 2;
}

struct script *script_new(struct str source, const char *name, const char *function,
                          const struct script_limits *limits, struct error *err) {
    struct script *s = calloc(1, sizeof *s);
    bool good = s != NULL && (!function || (s->function = str_dup(str_from(function))));
    if (good && !fill_limits(&s->limits, limits))
        good = fail(err, ERR_CONFIG, "%s: too many instructions are allowed", name);
    else if (good && source.n > SCRIPT_SOURCE_MAX)
        good = fail(err, ERR_CONFIG, "%s: the script is larger than %d KB", name, SCRIPT_SOURCE_MAX / 1024);
    else if (!good || !(s->L = lua_newstate(allocate, s)))
        good = fail(err, ERR_NO_MEMORY, "%s: out of memory while loading the script", name);
    if (good) {
        set_name(s, name);
        good = protect(s, load, &(struct loading){s, source}, ERR_CONFIG, err);
    }
    if (good)
        return s;
    script_free(s);
    return NULL;
}

void script_free(struct script *s) {
    if (!s)
        return;
    if (s->L)
        lua_close(s->L);
    free(s->function);
    free(s);
}

bool script_check(struct str source, const char *name, const char *function, struct error *err) {
    struct script *s = script_new(source, name, function, NULL, err);
    script_free(s);
    return s != NULL;
}

static bool read_file(const char *path, struct buf *text, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && text->n <= SCRIPT_SOURCE_MAX && buf_reserve(text, 8192)) {
        n = read(fd, text->p + text->n, 8192);
        if (n > 0)
            text->n += (size_t)n;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return fail(err, ERR_CONFIG, "%s: cannot be read: %s", path, strerror(error));
    return !text->failed || fail(err, ERR_NO_MEMORY, "%s: out of memory while reading the script", path);
}

struct script *script_open(const char *path, const char *function, const struct script_limits *limits,
                           struct error *err) {
    AUTO_BUF text = BUF_INIT(SCRIPT_SOURCE_MAX + 3 * 8192);
    if (!read_file(path, &text, err))
        return NULL;
    return script_new(buf_str(&text), path, function, limits, err);
}

struct calling {
    struct script *script;
    const struct script_exchange *exchange;
};

static int call(lua_State *L) {
    struct calling *calling = lua_touserdata(L, 1);
    const struct script_exchange *exchange = calling->exchange;
    push_function(L, calling->script);
    int at = lua_gettop(L);
    int count = exchange->arguments(L, exchange->ctx);
    lua_call(L, count, exchange->result_count);
    exchange->results(L, at, exchange->ctx);
    return 0;
}

bool script_call(struct script *s, const struct script_exchange *exchange, struct error *err) {
    return protect(s, call, &(struct calling){s, exchange}, ERR_MODEL, err);
}
