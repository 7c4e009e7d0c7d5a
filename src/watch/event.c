#include "watch/event.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

const char *decision_name(enum decision decision) {
    static const char *const names[DECISION_COUNT] = {"none",     "accepted", "verified", "review",
                                                      "fallback", "cached",   "rejected"};
    CHECK(decision < DECISION_COUNT);
    return names[decision];
}

const char *scan_state_name(enum scan_state state) {
    static const char *const names[] = {"none", "clean", "not_scanned", "found"};
    CHECK(state < ARRAY_COUNT(names));
    return names[state];
}

const char *cache_state_name(enum cache_state state) {
    static const char *const names[] = {"none", "miss", "hit", "stale", "semantic", "no_vector"};
    CHECK(state < ARRAY_COUNT(names));
    return names[state];
}

bool cache_state_answers(enum cache_state state) {
    return state == CACHE_HIT || state == CACHE_STALE || state == CACHE_SEMANTIC;
}

void event_clear(struct event *e) {
    memset(e, 0, offsetof(struct event, input_blob) + 1);
    e->confidence = e->ocr_confidence = -1;
    e->cost_nanodollars = EVENT_COST_UNKNOWN;
    struct str empty = STR("");
    e->request_id = e->client = e->user = e->endpoint = e->model = e->prediction = empty;
    e->fallback = e->error_code = e->error_message = e->input = e->input_type = e->binned_by = empty;
}

/* Room for the usual event's strings; a review's, an error's or a kept input's are longer. */
enum { SPARES_MAX = 4096, SPARE_ROOM = 256 };

static struct event *prepare(struct event *e, size_t room) {
    if (!e)
        return NULL;
    event_clear(e);
    e->room_left = room;
    e->room_at = (char *)(e + 1);
    return e;
}

struct event *event_new(size_t room) {
    if (room > SIZE_MAX - sizeof(struct event))
        return NULL;
    return prepare(malloc(sizeof(struct event) + room), room);
}

void event_free(struct event *e) {
    free(e);
}

bool event_spares_init(struct event_spares *spares) {
    return ring_init(&spares->ring, SPARES_MAX);
}

void event_spares_free(struct event_spares *spares) {
    while (spares->ring.slots && ring_used(&spares->ring))
        free(ring_pop(&spares->ring));
    ring_free(&spares->ring);
}

void event_take_soon(struct event_spares *spares) {
    enum { LINES = 10 }; /* of which event_clear and a usual event's stages and strings write most */
    const char *next = ring_peek(&spares->ring);
    for (int i = 0; next && i < LINES; i++)
        __builtin_prefetch(next + i * CACHE_LINE, 1);
}

struct event *event_take(struct event_spares *spares, size_t room) {
    if (room > SPARE_ROOM)
        return event_new(room);
    struct event *spare = ring_pop(&spares->ring);
    struct event *e = prepare(spare ? spare : malloc(sizeof(struct event) + SPARE_ROOM), SPARE_ROOM);
    if (e)
        e->spares = spares;
    return e;
}

void event_give_back(struct event *e) {
    if (!e->spares || !ring_push(&e->spares->ring, e))
        free(e);
}

static size_t whole_characters(struct str s, size_t room) {
    if (s.n <= room)
        return s.n;
    while (room > 0 && ((unsigned char)s.p[room] & 0xC0) == 0x80)
        room--;
    return room;
}

struct str event_keep(struct event *e, struct str s) {
    size_t n = whole_characters(s, e->room_left);
    if (n == 0)
        return STR("");
    char *p = e->room_at;
    memcpy(p, s.p, n);
    e->room_at += n;
    e->room_left -= n;
    return (struct str){p, n};
}

struct review_draft *event_add_review(struct event *e) {
    size_t gap = -(uintptr_t)e->room_at & (alignof(struct review_draft) - 1);
    if (e->room_left < gap + sizeof(struct review_draft))
        return NULL;
    struct review_draft *draft = (void *)(e->room_at + gap);
    *draft = (struct review_draft){
        .reason = STR(""), .detail = STR(""), .labels = STR("[]"), .action = STR(""), .text = STR("")};
    e->room_at += gap + sizeof *draft;
    e->room_left -= gap + sizeof *draft;
    e->review = draft;
    return draft;
}

uint16_t *event_add_bins(struct event *e, size_t count) {
    size_t gap = (uintptr_t)e->room_at & 1, size = count * sizeof *e->bins;
    if (e->room_left < gap + size)
        return NULL;
    e->bins = (void *)(e->room_at + gap);
    e->bin_count = (unsigned)count;
    e->room_at += gap + size;
    e->room_left -= gap + size;
    return e->bins;
}

bool event_tells_calls(const struct event *e) {
    unsigned answering = 0;
    for (unsigned i = 0; i < e->call_count; i++) {
        answering += e->calls[i].purpose != CALL_VECTOR;
        if (!str_eq(e->calls[i].outcome, STR("none")))
            return true;
    }
    return answering > 1;
}

void event_add_stage(struct event *e, const char *name, uint32_t us) {
    if (e->stage_count == EVENT_STAGES_MAX) {
        e->stages[EVENT_STAGES_MAX - 1].us += us;
        return;
    }
    e->stages[e->stage_count].name = name;
    e->stages[e->stage_count++].us = us;
}

const char *call_purpose_name(enum call_purpose purpose) {
    static const char *const names[] = {"answer", "hedge", "vector", "summary", "sample", "repair"};
    return names[purpose];
}
