#include "base/json.h"

#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct str json_str_of(yyjson_val *string) {
    return yyjson_is_str(string) ? (struct str){yyjson_get_str(string), yyjson_get_len(string)}
                                 : (struct str){"", 0};
}

enum { FEW_KEYS = 24 };

static bool duplicate(struct error *err, yyjson_val *key) {
    struct str name = json_str_of(key);
    if (name.n > 80)
        name.n = 80;
    return fail(err, ERR_INVALID_JSON,
                "The JSON has the key \"%.*s\" twice in one object; send each key once.", STR_ARG(name));
}

static bool few_keys_unique(yyjson_val *object, struct error *err) {
    struct str seen[FEW_KEYS];
    size_t count = 0, index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        struct str name = json_str_of(key);
        for (size_t i = 0; i < count; i++)
            if (str_eq(seen[i], name))
                return duplicate(err, key);
        seen[count++] = name;
    }
    return true;
}

/* Open addressing over the keys themselves. Seeded by an address, so that collisions cannot be planned. */
static bool many_keys_unique(yyjson_val *object, struct error *err) {
    size_t slots = 64;
    while (slots < yyjson_obj_size(object) * 2)
        slots *= 2;
    yyjson_val **table = calloc(slots, sizeof(*table));
    if (!table)
        return fail(err, ERR_NO_MEMORY, "Out of memory while reading the JSON.");
    bool unique = true;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        struct str name = json_str_of(key);
        size_t slot = hash64(name, (uintptr_t)table) & (slots - 1);
        while (table[slot] && !str_eq(json_str_of(table[slot]), name))
            slot = (slot + 1) & (slots - 1);
        if (table[slot]) {
            unique = duplicate(err, key);
            break;
        }
        table[slot] = key;
    }
    free(table);
    return unique;
}

static bool acceptable(yyjson_val *value, int depth, struct error *err) {
    if (!yyjson_is_ctn(value))
        return true;
    if (depth >= JSON_DEPTH_MAX)
        return fail(err, ERR_INVALID_JSON, "The JSON is nested deeper than %d levels.", JSON_DEPTH_MAX);
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_obj(value)) {
        if (!(yyjson_obj_size(value) <= FEW_KEYS ? few_keys_unique : many_keys_unique)(value, err))
            return false;
        yyjson_obj_foreach(value, index, max, key, item) if (!acceptable(item, depth + 1, err)) return false;
        return true;
    }
    yyjson_arr_foreach(value, index, max, item) if (!acceptable(item, depth + 1, err)) return false;
    return true;
}

yyjson_doc *json_parse(struct str text, struct error *err) {
    yyjson_read_err why;
    if (text.n == 0) {
        fail(err, ERR_INVALID_JSON, "The JSON is empty; expected one JSON value.");
        return NULL;
    }
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, YYJSON_READ_NOFLAG, NULL, &why);
    if (!doc) {
        enum error_code code =
            why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? ERR_NO_MEMORY : ERR_INVALID_JSON;
        fail(err, code, "The JSON is not valid at byte %zu: %s.", why.pos, why.msg);
        return NULL;
    }
    if (!acceptable(yyjson_doc_get_root(doc), 0, err)) {
        yyjson_doc_free(doc);
        return NULL;
    }
    return doc;
}

static void before_value(struct json_writer *w) {
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

static void open_container(struct json_writer *w, char c) {
    before_value(w);
    buf_add_char(w->out, c);
    w->comma = false;
}

static void close_container(struct json_writer *w, char c) {
    buf_add_char(w->out, c);
    w->comma = true;
}

void json_object(struct json_writer *w) {
    open_container(w, '{');
}

void json_object_end(struct json_writer *w) {
    close_container(w, '}');
}

void json_array(struct json_writer *w) {
    open_container(w, '[');
}

void json_array_end(struct json_writer *w) {
    close_container(w, ']');
}

static void escape(struct buf *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    switch (c) {
    case '"': buf_add(out, "\\\"", 2); return;
    case '\\': buf_add(out, "\\\\", 2); return;
    case '\n': buf_add(out, "\\n", 2); return;
    case '\r': buf_add(out, "\\r", 2); return;
    case '\t': buf_add(out, "\\t", 2); return;
    default: {
        char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        buf_add(out, code, 6);
    }
    }
}

static void add_escaped(struct buf *out, struct str s) {
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, s.p + start, i - start);
        escape(out, c);
        start = i + 1;
    }
    buf_add(out, s.p + start, s.n - start);
}

/* Which of eight bytes is below 0x20, a quote, a backslash or not ASCII: bit 7 of each such byte
 * (Bit Twiddling Hacks, "determine if a word has a byte less than n / equal to n"). A byte behind one that
 * counts may count by a carry: that only costs the slow way. */
static uint64_t special_bytes(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    uint64_t below = word - ones * 0x20, no_quote = quote - ones, no_backslash = backslash - ones;
    return ((below & ~word) | (no_quote & ~quote) | (no_backslash & ~backslash) | word) & tops;
}

/* Most strings need nothing done to them. */
static bool is_plain(struct str s) {
    uint64_t word = UINT64_C(0x2020202020202020), found = 0;
    if (s.n < sizeof word) {
        memcpy(&word, s.p, s.n);
        return special_bytes(word) == 0;
    }
    for (size_t i = 0; i + sizeof word < s.n; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        found |= special_bytes(word);
    }
    memcpy(&word, s.p + s.n - sizeof word, sizeof word);
    return (found | special_bytes(word)) == 0;
}

static void add_special(struct buf *out, struct str s) {
    size_t bad;
    buf_add_char(out, '"');
    while (!str_is_utf8(s, &bad)) {
        add_escaped(out, str_slice(s, 0, bad));
        buf_add(out, "\xEF\xBF\xBD", 3);
        s = str_slice(s, bad + 1, s.n);
    }
    add_escaped(out, s);
    buf_add_char(out, '"');
}

void json_str(struct json_writer *w, struct str s) {
    before_value(w);
    if (s.n > 0 && !is_plain(s)) {
        add_special(w->out, s);
        return;
    }
    if (!buf_reserve(w->out, s.n + 2))
        return;
    char *p = w->out->p + w->out->n;
    *p++ = '"';
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '"';
    w->out->n += s.n + 2;
}

void json_text(struct json_writer *w, const char *terminated) {
    if (terminated)
        json_str(w, str_from(terminated));
    else
        json_null(w);
}

void json_int(struct json_writer *w, int64_t value) {
    before_value(w);
    if (value < 0)
        buf_add_char(w->out, '-');
    buf_add_u64(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_fixed(struct json_writer *w, double value, int decimals) {
    before_value(w);
    buf_add_fixed(w->out, value, decimals);
}

void json_ms(struct json_writer *w, uint64_t us) {
    before_value(w);
    uint64_t ms = us / 1000;
    unsigned rest = (unsigned)(us % 1000);
    if (ms < 10)
        buf_add_char(w->out, (char)('0' + ms));
    else
        buf_add_u64(w->out, ms);
    char tail[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
    buf_add(w->out, tail, sizeof tail);
}

void json_double(struct json_writer *w, double value) {
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    before_value(w);
    buf_printf(w->out, "%.17g", value);
}

void json_bool(struct json_writer *w, bool value) {
    json_raw(w, value ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w) {
    json_raw(w, STR("null"));
}

void json_raw(struct json_writer *w, struct str json) {
    before_value(w);
    buf_add_str(w->out, json);
}

void json_value(struct json_writer *w, yyjson_val *value) {
    size_t n = 0;
    if (yyjson_is_str(value)) {
        json_str(w, json_str_of(value));
        return;
    }
    char *text = value ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &n) : NULL;
    if (text)
        json_raw(w, (struct str){text, n});
    else if (!value)
        json_null(w);
    else
        w->out->failed = true; /* memory */
    free(text);
}
