#include "watch/record_page.h"

#include "base/check.h"

#include <math.h>
#include <string.h>

enum {
    FLAG_OUR_ID = 1, /* 16 characters of noise in 10 bytes */
    FLAG_INPUT = 2,  /* the input's hash */
    FLAG_CONFIDENCE = 4,
    FLAG_COST = 8,
    FLAG_CACHE = 16, /* a byte: the scan's state and the cache's */
    FLAG_OCR = 32,
    /* The rare ones, from the second byte on. */
    FLAG_FALLBACK = 128,
    FLAG_ERROR = 256,
    FLAG_REVIEW = 512,
    FLAG_KEPT = 1024,
    FLAG_LANGUAGE = 2048,
    FLAG_TRACE = 4096,
    FLAG_CALLS = 16384,  /* where they tell more than their number and time */
    FLAG_SUBJECT = 8192, /* whose request it was (store/subject.h) */
};

enum { TIME_DIGITS = 10, NOISE_DIGITS = 16, NOISE_BYTES = 10, VARINT_MAX = 10 };

/* All of an event but its strings: flags, key, ID's time, arrival, latency, status, decision, stages, hash …
 */
enum {
    FIXED_MAX = 24 * VARINT_MAX + EVENT_STAGES_MAX * 2 * VARINT_MAX + SHA256_SIZE + ID_SIZE + TRACE_ID_SIZE +
                SUBJECT_SIZE + EVENT_CALLS_MAX * 8 * VARINT_MAX + 64
};

/* Crockford's base 32, as base/ids.h writes it: the value and 1; 0: no digit. */
static const unsigned char digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
    ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28, ['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32};

int64_t page_id_time(struct str id) {
    int64_t ms = 0;
    if (id.n != ID_LENGTH)
        return -1;
    for (size_t i = 0; i < TIME_DIGITS; i++) {
        int digit = digits[(unsigned char)id.p[i]];
        if (!digit)
            return -1;
        ms = ms << 5 | (digit - 1);
    }
    return ms < INT64_C(1) << 48 ? ms : -1;
}

/* Eight digits are forty bits. False when one is none. */
static bool pack_noise(struct str id, unsigned char out[NOISE_BYTES]) {
    const unsigned char *p = (const unsigned char *)id.p + TIME_DIGITS;
    for (int half = 0; half < 2; half++, p += 8, out += 5) {
        uint64_t bits = 0;
        for (int i = 0; i < 8; i++) {
            if (!digits[p[i]])
                return false;
            bits = bits << 5 | (digits[p[i]] - 1u);
        }
        for (int i = 0; i < 5; i++)
            out[i] = (unsigned char)(bits >> (8 * (4 - i)));
    }
    return true;
}

static void unpack_id(int64_t ms, const unsigned char *noise, char out[ID_SIZE]) {
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = TIME_DIGITS - 1; i >= 0; i--, ms >>= 5)
        out[i] = letters[ms & 31];
    char *p = out + TIME_DIGITS;
    for (int half = 0; half < 2; half++, p += 8, noise += 5) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | noise[i];
        for (int i = 0; i < 8; i++)
            p[i] = letters[bits >> (5 * (7 - i)) & 31];
    }
    out[ID_LENGTH] = '\0';
}

/* Small numbers of either sign become small ones: 0, -1, 1, -2 … are 0, 1, 2, 3 … */
static uint64_t fold(int64_t value) {
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t unfold(uint64_t value) {
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* ---- writing ---- */

void page_writer_init(struct page_writer *w) {
    memset(w, 0, sizeof *w);
    w->bytes = BUF_INIT(SIZE_MAX / 2);
}

void page_writer_free(struct page_writer *w) {
    buf_free(&w->bytes);
}

void page_clear(struct page_writer *w) {
    buf_clear(&w->bytes);
    w->first = w->last = 0;
    w->count = w->string_count = 0;
    memset(w->slots, 0, sizeof w->slots);
    memset(w->recent, 0, sizeof w->recent);
}

static unsigned char *put(unsigned char *p, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

static bool is_string(const struct page_writer *w, unsigned index, struct str s) {
    return w->strings[index].n == s.n && memcmp(w->bytes.p + w->strings[index].at, s.p, s.n) == 0;
}

/* Its index, or where the table has room for it. */
static bool find_string(const struct page_writer *w, struct str s, unsigned *index, size_t *slot) {
    size_t mask = ARRAY_COUNT(w->slots) - 1;
    for (*slot = hash64(s, 0) & mask; w->slots[*slot]; *slot = (*slot + 1) & mask) {
        *index = w->slots[*slot] - 1u;
        if (is_string(w, *index, s))
            return true;
    }
    return false;
}

static unsigned char *put_string(struct page_writer *w, unsigned char *p, enum page_field field,
                                 struct str s) {
    unsigned index;
    size_t slot;
    if (s.n == 0) {
        *p++ = 0;
        return p;
    }
    if (w->recent[field] && is_string(w, w->recent[field] - 1u, s))
        return put(p, w->recent[field] + 1u);
    if (find_string(w, s, &index, &slot)) {
        w->recent[field] = (uint16_t)(index + 1);
        return put(p, index + 2);
    }
    *p++ = 1;
    p = put(p, s.n);
    memcpy(p, s.p, s.n);
    if (w->string_count < PAGE_STRINGS_MAX) {
        index = w->string_count++;
        w->strings[index].at = (uint32_t)((char *)p - w->bytes.p);
        w->strings[index].n = (uint32_t)s.n;
        w->slots[slot] = w->recent[field] = (uint16_t)(index + 1);
    }
    return p + s.n;
}

/* Six digits, so that 0.93 reads as 0.93 and not as the nearest float. */
static unsigned char *put_share(unsigned char *p, float share) {
    return put(p, (uint64_t)lround(fmin((double)share, 1000) * 1e6));
}

static unsigned flags_of(const struct event *e) {
    return (e->has_input ? FLAG_INPUT : 0u) | (e->confidence >= 0 ? FLAG_CONFIDENCE : 0u) |
           (e->cost_nanodollars >= 0 ? FLAG_COST : 0u) | (e->scan || e->cache ? FLAG_CACHE : 0u) |
           (e->ocr_confidence >= 0 ? FLAG_OCR : 0u) | (e->fallback.n ? FLAG_FALLBACK : 0u) |
           (e->error_code.n || e->error_message.n ? FLAG_ERROR : 0u) | (e->review ? FLAG_REVIEW : 0u) |
           (e->input_blob[0] ? FLAG_KEPT : 0u) | (e->has_language ? FLAG_LANGUAGE : 0u) |
           (e->has_trace ? FLAG_TRACE : 0u) | (e->has_subject ? FLAG_SUBJECT : 0u) |
           (event_tells_calls(e) ? FLAG_CALLS : 0u);
}

static unsigned char *put_request_id(unsigned char *p, unsigned flags, const unsigned char *noise,
                                     const struct event *e, int64_t row) {
    if (flags & FLAG_OUR_ID) {
        p = put(p, fold(row / 1000 - page_id_time(e->request_id)));
        return (unsigned char *)mempcpy(p, noise, NOISE_BYTES);
    }
    p = put(p, e->request_id.n);
    if (e->request_id.n)
        p = mempcpy(p, e->request_id.p, e->request_id.n);
    return p;
}

static unsigned char *put_language(unsigned char *p, const struct event_language *l) {
    p = put(p, fold(l->usage.input));
    p = put(p, fold(l->usage.cached_input));
    p = put(p, fold(l->usage.cache_write));
    p = put(p, fold(l->usage.output));
    p = put(p, fold(l->usage.reasoning));
    p = put(p, l->attempts);
    p = put(p, l->upstream_us);
    return put(p, l->first_token_us);
}

static unsigned char *put_calls(struct page_writer *w, unsigned char *p, const struct event *e) {
    p = put(p, e->call_count);
    for (unsigned i = 0; i < e->call_count; i++) {
        const struct event_call *call = &e->calls[i];
        p = put_string(w, p, FIELD_CALL_MODEL, call->model);
        p = put_string(w, p, FIELD_CALL_OUTCOME, call->outcome);
        p = put(p, call->start_us);
        p = put(p, call->us);
        p = put(p, call->status);
        p = put(p, call->attempt);
    }
    return p;
}

static unsigned char *put_sometimes(struct page_writer *w, unsigned char *p, unsigned flags,
                                    const struct event *e) {
    if (flags & FLAG_INPUT)
        p = mempcpy(p, e->input_hash, SHA256_SIZE);
    if (flags & FLAG_CONFIDENCE)
        p = put_share(p, e->confidence);
    if (flags & FLAG_COST)
        p = put(p, (uint64_t)e->cost_nanodollars);
    if (flags & FLAG_CACHE)
        *p++ = (unsigned char)((unsigned)e->scan << 4 | e->cache);
    if (flags & FLAG_OCR)
        p = put_share(p, e->ocr_confidence);
    if (flags & FLAG_FALLBACK)
        p = put_string(w, p, FIELD_FALLBACK, e->fallback);
    if (flags & FLAG_ERROR) {
        p = put_string(w, p, FIELD_ERROR_CODE, e->error_code);
        p = put_string(w, p, FIELD_ERROR_MESSAGE, e->error_message);
    }
    if (flags & FLAG_REVIEW)
        p = mempcpy(p, e->review->id, ID_LENGTH);
    if (flags & FLAG_LANGUAGE)
        p = put_language(p, &e->language);
    if (flags & FLAG_TRACE)
        p = mempcpy(p, e->trace, TRACE_ID_SIZE);
    if (flags & FLAG_SUBJECT)
        p = mempcpy(p, e->subject, SUBJECT_SIZE);
    if (flags & FLAG_CALLS)
        p = put_calls(w, p, e);
    return p;
}

static unsigned char *put_event(struct page_writer *w, unsigned char *p, const struct event *e, int64_t row,
                                const uint32_t *stages) {
    unsigned char noise[NOISE_BYTES];
    unsigned flags = flags_of(e);
    if (page_id_time(e->request_id) >= 0 && pack_noise(e->request_id, noise))
        flags |= FLAG_OUR_ID;
    p = put(p, flags);
    p = put(p, (uint64_t)row - (uint64_t)w->last);
    p = put_request_id(p, flags, noise, e, row);
    p = put(p, fold((int64_t)((uint64_t)row * 1000 - (uint64_t)e->wall_ns)));
    p = put(p, e->total_us);
    p = put(p, fold(e->status));
    p = put(p, e->decision);
    p = put_string(w, p, FIELD_CLIENT, e->client);
    p = put_string(w, p, FIELD_ENDPOINT, e->endpoint);
    p = put_string(w, p, FIELD_MODEL, e->model);
    p = put_string(w, p, FIELD_PREDICTION, e->prediction);
    p = put(p, e->stage_count);
    for (unsigned i = 0; i < e->stage_count; i++) {
        p = put(p, stages[i]);
        p = put(p, e->stages[i].us);
    }
    return put_sometimes(w, p, flags, e);
}

bool page_add(struct page_writer *w, const struct event *e, int64_t row, const uint32_t *stages,
              struct error *err) {
    CHECK(w->count < PAGE_EVENTS_MAX && row > w->last);
    size_t strings = e->request_id.n + e->client.n + e->endpoint.n + e->model.n + e->prediction.n +
                     e->fallback.n + e->error_code.n + e->error_message.n;
    for (unsigned i = 0; i < e->call_count; i++)
        strings += e->calls[i].model.n + e->calls[i].outcome.n;
    if (!buf_reserve(&w->bytes, FIXED_MAX + strings)) {
        w->bytes.failed = false;
        return fail(err, ERR_NO_MEMORY, "Out of memory while recording.");
    }
    if (w->count == 0)
        w->first = w->last = row;
    unsigned char *start = (unsigned char *)w->bytes.p + w->bytes.n;
    w->bytes.n += (size_t)(put_event(w, start, e, row, stages) - start);
    w->last = row;
    w->count++;
    return true;
}

/* ---- reading ---- */

struct cursor {
    const unsigned char *p, *end;
    bool bad;
};

static uint64_t take(struct cursor *c) {
    uint64_t sum = 0;
    for (unsigned shift = 0; c->p < c->end && shift < 64; shift += 7) {
        unsigned char byte = *c->p++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return sum;
    }
    c->bad = true;
    return 0;
}

static struct str take_bytes(struct cursor *c, uint64_t n) {
    if (c->bad || n > (size_t)(c->end - c->p)) {
        c->bad = true;
        return STR("");
    }
    struct str bytes = {(const char *)c->p, (size_t)n};
    c->p += n;
    return bytes;
}

/* `learn`: it is the page's first walk, in which new strings get their indices. */
static struct str take_string(struct page_reader *r, struct cursor *c, bool learn) {
    uint64_t code = take(c);
    if (code == 0)
        return STR("");
    if (code == 1) {
        struct str s = take_bytes(c, take(c));
        if (learn && r->string_count < PAGE_STRINGS_MAX)
            r->strings[r->string_count++] = s;
        return s;
    }
    if (code - 2 < r->string_count)
        return r->strings[code - 2];
    c->bad = true;
    return STR("");
}

static float take_share(struct cursor *c) {
    uint64_t share = take(c);
    return share <= UINT32_MAX ? (float)((double)share / 1e6) : -1;
}

/* A value that this program does not know was written by another one. */
static unsigned known(uint64_t value, unsigned count) {
    return value < count ? (unsigned)value : 0;
}

static void take_request_id(struct page_reader *r, struct cursor *c, uint64_t flags, int64_t row) {
    if (!(flags & FLAG_OUR_ID)) {
        r->event.request_id = take_bytes(c, take(c));
        return;
    }
    int64_t ms = (int64_t)((uint64_t)(row / 1000) - (uint64_t)unfold(take(c)));
    struct str noise = take_bytes(c, NOISE_BYTES);
    if (noise.n == NOISE_BYTES)
        unpack_id(ms, (const unsigned char *)noise.p, r->id);
    r->event.request_id = (struct str){r->id, noise.n ? ID_LENGTH : 0};
}

static void take_stages(struct page_reader *r, struct cursor *c) {
    for (uint64_t left = take(c); left > 0 && !c->bad; left--) {
        uint64_t id = take(c), us = take(c);
        const char *name = id < r->stage_name_count ? r->stage_names[id] : NULL;
        if (r->event.stage_count < EVENT_STAGES_MAX)
            r->stages[r->event.stage_count] = (uint32_t)id;
        event_add_stage(&r->event, name ? name : "other", (uint32_t)us);
    }
}

static void take_language(struct cursor *c, struct event *e) {
    struct event_language *l = &e->language;
    e->has_language = true;
    l->usage = CHAT_USAGE_UNKNOWN;
    l->usage.input = unfold(take(c));
    l->usage.cached_input = unfold(take(c));
    l->usage.cache_write = unfold(take(c));
    l->usage.output = unfold(take(c));
    l->usage.reasoning = unfold(take(c));
    l->attempts = (uint32_t)take(c);
    l->upstream_us = (uint32_t)take(c);
    l->first_token_us = (uint32_t)take(c);
}

static void take_calls(struct page_reader *r, struct cursor *c, bool learn) {
    struct event *e = &r->event;
    for (uint64_t left = take(c); left > 0 && !c->bad; left--) {
        struct event_call call = {.model = take_string(r, c, learn), .outcome = take_string(r, c, learn)};
        call.start_us = (uint32_t)take(c);
        call.us = (uint32_t)take(c);
        call.status = (uint16_t)take(c);
        call.attempt = (uint16_t)take(c);
        if (e->call_count < EVENT_CALLS_MAX)
            e->calls[e->call_count++] = call;
    }
}

static void take_sometimes(struct page_reader *r, struct cursor *c, uint64_t flags, bool learn) {
    struct event *e = &r->event;
    if (flags & FLAG_INPUT) {
        struct str hash = take_bytes(c, SHA256_SIZE);
        e->has_input = hash.n == SHA256_SIZE;
        memcpy(e->input_hash, hash.p, hash.n);
    }
    if (flags & FLAG_CONFIDENCE)
        e->confidence = take_share(c);
    if (flags & FLAG_COST)
        e->cost_nanodollars = (int64_t)(take(c) & INT64_MAX);
    if (flags & FLAG_CACHE) {
        struct str states = take_bytes(c, 1);
        unsigned both = states.n ? (unsigned char)states.p[0] : 0;
        e->scan = (enum scan_state)known(both >> 4, SCAN_FOUND + 1);
        e->cache = (enum cache_state)known(both & 15, CACHE_STATES);
    }
    if (flags & FLAG_OCR)
        e->ocr_confidence = take_share(c);
    if (flags & FLAG_FALLBACK)
        e->fallback = take_string(r, c, learn);
    if (flags & FLAG_ERROR) {
        e->error_code = take_string(r, c, learn);
        e->error_message = take_string(r, c, learn);
    }
    if (flags & FLAG_REVIEW) {
        struct str id = take_bytes(c, ID_LENGTH);
        r->review = (struct review_draft){.reason = STR(""), .detail = STR(""), .labels = STR("[]")};
        memcpy(r->review.id, id.p, id.n);
        e->review = &r->review;
    }
    if (flags & FLAG_LANGUAGE)
        take_language(c, e);
    if (flags & FLAG_TRACE) {
        struct str trace = take_bytes(c, TRACE_ID_SIZE);
        e->has_trace = trace.n == TRACE_ID_SIZE;
        memcpy(e->trace, trace.p, trace.n);
    }
    if (flags & FLAG_SUBJECT) {
        struct str subject = take_bytes(c, SUBJECT_SIZE);
        e->has_subject = subject.n == SUBJECT_SIZE;
        memcpy(e->subject, subject.p, subject.n);
    }
    if (flags & FLAG_CALLS)
        take_calls(r, c, learn);
    r->input_kept = flags & FLAG_KEPT;
}

/* `row` comes in as the key before. */
static bool take_event(struct page_reader *r, struct cursor *c, bool learn, int64_t *row) {
    struct event *e = &r->event;
    event_clear(e);
    uint64_t flags = take(c);
    *row = (int64_t)((uint64_t)*row + take(c));
    take_request_id(r, c, flags, *row);
    e->wall_ns = (int64_t)((uint64_t)*row * 1000 - (uint64_t)unfold(take(c)));
    e->total_us = (uint32_t)take(c);
    e->status = (int)unfold(take(c));
    e->decision = (enum decision)known(take(c), DECISION_COUNT);
    e->client = take_string(r, c, learn);
    e->endpoint = take_string(r, c, learn);
    e->model = take_string(r, c, learn);
    e->prediction = take_string(r, c, learn);
    take_stages(r, c);
    take_sometimes(r, c, flags, learn);
    return !c->bad;
}

static struct cursor cursor_at(const struct page_reader *r, size_t at) {
    const unsigned char *p = (const unsigned char *)r->bytes.p;
    return (struct cursor){p + at, p + r->bytes.n, false};
}

bool page_open(struct page_reader *r, struct str bytes, int64_t first, const char *const *stage_names,
               size_t stage_name_count, struct error *err) {
    r->bytes = bytes;
    r->first = first;
    r->stage_names = stage_names;
    r->stage_name_count = stage_name_count;
    r->count = r->string_count = 0;
    struct cursor c = cursor_at(r, 0);
    int64_t row = first;
    while (c.p < c.end) {
        size_t at = (size_t)(c.p - (const unsigned char *)bytes.p);
        int64_t before = row;
        if (r->count == PAGE_EVENTS_MAX || !take_event(r, &c, true, &row) || row < before ||
            (row == before && r->count > 0))
            return fail(err, ERR_STORE, "The page of records with the key %lld is damaged at byte %zu.",
                        (long long)first, at);
        r->rows[r->count] = row;
        r->at[r->count++] = (uint32_t)at;
    }
    return true;
}

void page_read(struct page_reader *r, unsigned i) {
    CHECK(i < r->count);
    struct cursor c = cursor_at(r, r->at[i]);
    int64_t row = i > 0 ? r->rows[i - 1] : r->first;
    bool good = take_event(r, &c, false, &row);
    CHECK(good);
}
