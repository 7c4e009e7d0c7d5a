#include "chat/prices.h"

#include "base/hash.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTO_PER_DOLLAR 1e18
#define ATTO_PER_NANO   INT64_C(1000000000)
#define TOKENS_MOST     INT64_C(1000000000000) /* of one call: what is said beyond it is taken for this */

struct row {
    struct str model; /* in the table's own copy of all names */
    struct price price;
};

struct price_table {
    atomic_uint refs;
    size_t count, skipped;
    size_t slots;    /* a power of two */
    uint32_t *index; /* slot -> 1 + position in rows, 0: empty */
    struct row *rows;
    char *names;
};

/* ---- reading ---- */

struct reader {
    struct price_table *table;
    const char *file;
    struct error *err;
    size_t names_used;
};

/* A price as written, in atto-dollars. Numbers are read as doubles: the nearest one to a decimal of up to 18
 * places below $0.002 is less than half an atto-dollar off, so the decimal itself comes out; dearer ones are
 * off by 2e-16 of themselves. */
static bool read_price(struct reader *r, struct str model, yyjson_val *row, const char *key, int64_t *out) {
    yyjson_val *value = yyjson_obj_get(row, key);
    *out = PRICE_UNKNOWN;
    if (!value || yyjson_is_null(value))
        return true;
    double dollars = yyjson_is_num(value) ? yyjson_get_num(value) : -1;
    if (!(dollars >= 0 && dollars <= 1))
        return fail(r->err, ERR_CONFIG,
                    "%s: \"%.*s\": %s must be a number of US dollars for one token, from 0 to 1.", r->file,
                    (int)(model.n < PRICE_NAME_MAX ? model.n : PRICE_NAME_MAX), model.p, key);
    *out = (int64_t)llround(dollars * ATTO_PER_DOLLAR);
    return true;
}

/* "input_cost_per_token_above_200k_tokens" -> 200000; 0 when the key is another. */
static int64_t tier_of(struct str key) {
    static const struct str prefix = {"input_cost_per_token_above_", 27}, suffix = {"k_tokens", 8};
    uint64_t thousands;
    if (!str_starts(key, prefix) || !str_ends(key, suffix) || key.n < prefix.n + suffix.n + 1)
        return 0;
    if (!str_to_u64(str_slice(key, prefix.n, key.n - suffix.n), &thousands) || thousands > 1000000)
        return 0;
    return (int64_t)thousands * 1000;
}

static bool read_rates(struct reader *r, struct str model, yyjson_val *row, const char *suffix,
                       struct price_rates *out) {
    const struct {
        const char *name;
        int64_t *to;
    } fields[] = {{"input_cost_per_token", &out->input},
                  {"output_cost_per_token", &out->output},
                  {"cache_read_input_token_cost", &out->cache_read},
                  {"cache_creation_input_token_cost", &out->cache_write},
                  {"cache_creation_input_token_cost_above_1hr", &out->cache_write_hour}};
    char key[96];
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        snprintf(key, sizeof key, "%s%s", fields[i].name, suffix);
        if (!read_price(r, model, row, key, fields[i].to))
            return false;
    }
    return true;
}

/* What a tier leaves out is as in the tier below. */
static void inherit(struct price_rates *to, const struct price_rates *from) {
    int64_t *rates[] = {&to->input, &to->output, &to->cache_read, &to->cache_write, &to->cache_write_hour};
    const int64_t below[] = {from->input, from->output, from->cache_read, from->cache_write,
                             from->cache_write_hour};
    for (size_t i = 0; i < ARRAY_COUNT(rates); i++)
        if (*rates[i] == PRICE_UNKNOWN)
            *rates[i] = below[i];
}

static bool read_tiers(struct reader *r, struct str model, yyjson_val *row, struct price *p) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(row, i, max, key, value) {
        int64_t above = tier_of(json_str_of(key));
        if (above == 0 || p->tier_count == PRICE_TIERS_MAX)
            continue;
        struct price_tier tier = {.above = above};
        char suffix[48];
        snprintf(suffix, sizeof suffix, "_above_%lldk_tokens", (long long)(above / 1000));
        if (!read_rates(r, model, row, suffix, &tier.rates))
            return false;
        unsigned at = p->tier_count++;
        for (; at > 0 && p->tiers[at - 1].above > above; at--)
            p->tiers[at] = p->tiers[at - 1];
        p->tiers[at] = tier;
    }
    for (unsigned k = 0; k < p->tier_count; k++)
        inherit(&p->tiers[k].rates, k ? &p->tiers[k - 1].rates : &p->rates);
    return true;
}

static int64_t read_count(yyjson_val *row, const char *key) {
    yyjson_val *value = yyjson_obj_get(row, key);
    double number = yyjson_is_num(value) ? yyjson_get_num(value) : 0; /* some are written as 1e6 */
    return number > 0 && number <= 1e12 ? (int64_t)number : 0;
}

/* Tokens at no price beside something else that has one (images, seconds, characters): what such a call costs
 * is not told by its tokens. */
static bool is_priced_otherwise(yyjson_val *row) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(row, i, max, key, value) {
        struct str name = json_str_of(key);
        if (str_find(name, STR("_cost_per_")) != SIZE_MAX && str_find(name, STR("token")) == SIZE_MAX &&
            yyjson_is_num(value) && yyjson_get_num(value) > 0)
            return true;
    }
    return false;
}

/* *skip: no price per token. */
static bool read_row(struct reader *r, struct str model, yyjson_val *row, struct price *p, bool *skip) {
    *p = (struct price){0};
    *skip = true;
    if (!yyjson_is_obj(row) || model.n == 0 || model.n > PRICE_NAME_MAX || str_eq(model, STR("sample_spec")))
        return true;
    if (!read_rates(r, model, row, "", &p->rates))
        return false;
    if (p->rates.input == PRICE_UNKNOWN ||
        (p->rates.input == 0 && p->rates.output <= 0 && is_priced_otherwise(row)))
        return true;
    if (p->rates.cache_read == PRICE_UNKNOWN && /* as some rows name it */
        !read_price(r, model, row, "input_cost_per_token_cache_hit", &p->rates.cache_read))
        return false;
    *skip = false;
    p->window = read_count(row, "max_input_tokens");
    p->output_max = read_count(row, "max_output_tokens");
    return read_price(r, model, row, "output_cost_per_reasoning_token", &p->reasoning) &&
           read_price(r, model, row, "input_cost_per_audio_token", &p->input_audio) &&
           read_price(r, model, row, "output_cost_per_audio_token", &p->output_audio) &&
           read_tiers(r, model, row, p);
}

static struct row *slot_of(const struct price_table *t, struct str model, size_t *slot) {
    *slot = hash64(model, (uintptr_t)t) & (t->slots - 1);
    for (; t->index[*slot]; *slot = (*slot + 1) & (t->slots - 1))
        if (str_eq(t->rows[t->index[*slot] - 1].model, model))
            return &t->rows[t->index[*slot] - 1];
    return NULL;
}

static void add_row(struct reader *r, struct str model, const struct price *p) {
    struct price_table *t = r->table;
    size_t slot;
    char *name = t->names + r->names_used;
    memcpy(name, model.p, model.n);
    r->names_used += model.n;
    (void)slot_of(t, model, &slot); /* keys are unique */
    t->rows[t->count] = (struct row){{name, model.n}, *p};
    t->index[slot] = (uint32_t)++t->count;
}

static bool read_rows(struct reader *r, yyjson_val *root) {
    size_t i, max;
    yyjson_val *key, *row;
    yyjson_obj_foreach(root, i, max, key, row) {
        struct price p;
        bool skip;
        if (!read_row(r, json_str_of(key), row, &p, &skip))
            return false;
        if (skip)
            r->table->skipped++;
        else
            add_row(r, json_str_of(key), &p);
    }
    return true;
}

static struct price_table *table_new(size_t rows, size_t names) {
    struct price_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    atomic_store(&t->refs, 1);
    t->slots = 16;
    while (t->slots < rows * 2)
        t->slots *= 2;
    t->index = calloc(t->slots, sizeof *t->index);
    t->rows = calloc(rows ? rows : 1, sizeof *t->rows);
    t->names = malloc(names ? names : 1);
    if (t->index && t->rows && t->names)
        return t;
    price_table_unref(t);
    return NULL;
}

static struct price_table *read_table(yyjson_val *root, const char *file, struct error *err) {
    size_t rows = yyjson_obj_size(root), names = 0, i, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(root) || rows > PRICES_MODELS_MAX) {
        fail(err, ERR_CONFIG, "%s: expected a JSON object of at most %d models, name -> prices.", file,
             PRICES_MODELS_MAX);
        return NULL;
    }
    yyjson_obj_foreach(root, i, max, key, value) names += yyjson_get_len(key);
    struct price_table *t = table_new(rows, names);
    if (!t) {
        fail(err, ERR_NO_MEMORY, "Out of memory while reading %s.", file);
        return NULL;
    }
    struct reader r = {.table = t, .file = file, .err = err};
    if (read_rows(&r, root))
        return t;
    price_table_unref(t);
    return NULL;
}

struct price_table *price_table_parse(struct str json, const char *name, struct error *err) {
    if (json.n > PRICES_FILE_MAX) {
        fail(err, ERR_CONFIG, "%s: larger than %d MiB.", name, PRICES_FILE_MAX >> 20);
        return NULL;
    }
    yyjson_doc *doc = json_parse(json, err);
    if (!doc) {
        fail_within(err, "%s", name);
        return NULL;
    }
    struct price_table *t = read_table(yyjson_doc_get_root(doc), name, err);
    yyjson_doc_free(doc);
    return t;
}

/* All of a file that may be large: NULL and *err otherwise. */
static char *read_all(const char *path, size_t *n, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    char *text = NULL;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        fail(err, ERR_CONFIG, "The price list %s cannot be read: %s.", path, strerror(errno));
    } else if (!S_ISREG(stat.st_mode) || stat.st_size > PRICES_FILE_MAX) {
        fail(err, ERR_CONFIG, "The price list %s must be a file of at most %d MiB.", path,
             PRICES_FILE_MAX >> 20);
    } else if (!(text = malloc((size_t)stat.st_size + 1))) {
        fail(err, ERR_NO_MEMORY, "Out of memory while reading %s.", path);
    } else {
        ssize_t got = 1;
        for (*n = 0; got > 0 && *n < (size_t)stat.st_size; *n += (size_t)(got > 0 ? got : 0))
            got = read(fd, text + *n, (size_t)stat.st_size - *n);
    }
    if (fd >= 0)
        close(fd);
    return text;
}

struct price_table *price_table_load(const char *path, struct error *err) {
    size_t n = 0;
    char *text = read_all(path, &n, err);
    struct price_table *t = text ? price_table_parse((struct str){text, n}, path, err) : NULL;
    free(text);
    return t;
}

struct price_table *price_table_ref(struct price_table *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void price_table_unref(struct price_table *t) {
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(t->index);
    free(t->rows);
    free(t->names);
    free(t);
}

size_t price_table_count(const struct price_table *t) {
    return t->count;
}

size_t price_table_skipped(const struct price_table *t) {
    return t->skipped;
}

const struct price *price_find(const struct price_table *t, struct str model) {
    size_t slot;
    for (; t && model.n > 0; str_split(&model, '/')) {
        struct row *row = slot_of(t, model, &slot);
        if (row)
            return &row->price;
    }
    return NULL;
}

/* ---- reckoning ---- */

static const struct price_rates *rates_for(const struct price *p, int64_t prompt) {
    const struct price_rates *rates = &p->rates;
    for (unsigned i = 0; i < p->tier_count && prompt > p->tiers[i].above; i++)
        rates = &p->tiers[i].rates;
    return rates;
}

static int64_t known(int64_t count) {
    return count > 0 ? count : 0;
}

/* A part of a whole: at most that. */
static int64_t part(int64_t count, int64_t whole) {
    return known(count) < whole ? known(count) : whole;
}

/* Half up, once; sums beyond what 64 bits hold (nine thousand million dollars) stay at that. */
static int64_t to_nano(unsigned __int128 atto) {
    unsigned __int128 nano = (atto + (unsigned)(ATTO_PER_NANO / 2)) / (unsigned)ATTO_PER_NANO;
    return nano > INT64_MAX ? INT64_MAX : (int64_t)nano;
}

/* False: there are tokens, and no price for them. */
static bool charge(unsigned __int128 *sum, int64_t tokens, int64_t rate) {
    if (tokens == 0)
        return true;
    if (rate == PRICE_UNKNOWN)
        return false;
    *sum += (unsigned __int128)(uint64_t)tokens * (uint64_t)rate;
    return true;
}

static int64_t either(int64_t rate, int64_t otherwise) {
    return rate == PRICE_UNKNOWN ? otherwise : rate;
}

int64_t price_cost(const struct price *p, const struct chat_usage *u) {
    if (!p || u->input < 0 || u->output < 0)
        return COST_UNKNOWN;
    int64_t prompt = part(u->input, TOKENS_MOST), output = part(u->output, TOKENS_MOST);
    const struct price_rates *rates = rates_for(p, prompt);
    int64_t read = part(u->cached_input, prompt), write = part(u->cache_write, prompt - read);
    int64_t hour = part(u->cache_write_hour, write), fresh = prompt - read - write;
    int64_t audio_in = part(u->input_audio, fresh), audio_out = part(u->output_audio, output);
    int64_t reasoning = part(u->reasoning, output - audio_out);
    unsigned __int128 sum = 0;
    bool ok = charge(&sum, fresh - audio_in, rates->input) && charge(&sum, audio_in, p->input_audio) &&
              charge(&sum, read, either(rates->cache_read, rates->input)) &&
              charge(&sum, write - hour, either(rates->cache_write, rates->input)) &&
              charge(&sum, hour, either(rates->cache_write_hour, either(rates->cache_write, rates->input))) &&
              charge(&sum, output - audio_out - reasoning, rates->output) &&
              charge(&sum, audio_out, p->output_audio) &&
              charge(&sum, reasoning, either(p->reasoning, rates->output));
    return ok ? to_nano(sum) : COST_UNKNOWN;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t dearest_input(const struct price_rates *r) {
    return most(most(r->input, r->cache_read), most(r->cache_write, r->cache_write_hour));
}

int64_t price_worst(const struct price *p, int64_t prompt_tokens, int64_t output_tokens) {
    if (!p)
        return COST_UNKNOWN;
    int64_t prompt = part(prompt_tokens, TOKENS_MOST), output = part(output_tokens, TOKENS_MOST);
    const struct price_rates *rates = rates_for(p, prompt);
    int64_t in = dearest_input(rates), out = rates->output;
    /* The prompt may turn out a little longer than estimated, and so in the next tier. */
    for (unsigned i = 0; i < p->tier_count && p->tiers[i].above < prompt + prompt / 8; i++) {
        in = most(in, dearest_input(&p->tiers[i].rates));
        out = most(out, p->tiers[i].rates.output);
    }
    if (out != PRICE_UNKNOWN)
        out = most(out, p->reasoning);
    unsigned __int128 sum = 0;
    return charge(&sum, prompt, in) && charge(&sum, output, out) ? to_nano(sum) : COST_UNKNOWN;
}
