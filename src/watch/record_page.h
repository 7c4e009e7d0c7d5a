/* Events as they lie in the store: some dozens packed one behind the other in a page, which is written and
 * read whole. A row each, with a column for everything, cost ten times the processor time and three times the
 * space. What an event does not have takes no byte, and a string that several have stands there once.
 *
 * The format, all numbers LEB128 (seven bits a byte, lowest first; the high bit: more follow): for each event
 * its FLAG bits; its key's distance from the key before; the request ID; what record_page.c's put_event and
 * take_event list, in that order. A string is 0 when empty, 1 with length and bytes when it is new, else 2
 * and its index among the page's new strings. Bytes read are foreign: any are safe to open. One thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "watch/event.h"

enum { PAGE_EVENTS_MAX = 128, PAGE_STRINGS_MAX = 1024, PAGE_BYTES_ENOUGH = 16384 };

/* ---- writing ---- */

enum page_field {
    FIELD_CLIENT,
    FIELD_ENDPOINT,
    FIELD_MODEL,
    FIELD_PREDICTION,
    FIELD_FALLBACK,
    FIELD_ERROR_CODE,
    FIELD_ERROR_MESSAGE,
    FIELD_CALL_MODEL,
    FIELD_CALL_OUTCOME,
    FIELD_COUNT
};

struct page_writer {
    struct buf bytes;
    int64_t first, last; /* keys */
    unsigned count, string_count;
    struct {
        uint32_t at, n; /* in bytes */
    } strings[PAGE_STRINGS_MAX];
    uint16_t slots[2 * PAGE_STRINGS_MAX]; /* hash table: 1 + index in strings */
    uint16_t recent[FIELD_COUNT];         /* 1 + index of what the field was last */
};

void page_writer_init(struct page_writer *w);
void page_writer_free(struct page_writer *w);
/* Begins the next page. */
void page_clear(struct page_writer *w);
/* `row`: the event's key, above those before it. `stages`: e->stage_count IDs of its stages' names. False
 * when memory is out; the page is as it was. */
bool page_add(struct page_writer *w, const struct event *e, int64_t row, const uint32_t *stages,
              struct error *err) MUST_USE;
static inline bool page_is_full(const struct page_writer *w) {
    return w->count == PAGE_EVENTS_MAX || w->bytes.n >= PAGE_BYTES_ENOUGH;
}

/* ---- reading ---- */

struct page_reader {
    struct str bytes;
    int64_t first;
    const char *const *stage_names; /* by ID; NULL: unknown */
    size_t stage_name_count;
    unsigned count;
    int64_t rows[PAGE_EVENTS_MAX]; /* keys, ascending */
    uint32_t at[PAGE_EVENTS_MAX];
    unsigned string_count;
    struct str strings[PAGE_STRINGS_MAX];
    /* the event read last, whose strings are views into the page and this */
    struct event event;
    struct review_draft review;
    bool input_kept;
    uint32_t stages[EVENT_STAGES_MAX]; /* IDs of its stages' names */
    char id[ID_SIZE];
};

/* `first`: the key under which the page was found. Names and bytes must outlive the reader's use. False
 * (ERR_STORE) when the page is damaged. */
bool page_open(struct page_reader *r, struct str bytes, int64_t first, const char *const *stage_names,
               size_t stage_name_count, struct error *err) MUST_USE;
/* Reads the i-th event into r->event, r->input_kept. */
void page_read(struct page_reader *r, unsigned i);

/* The milliseconds that an ID of base/ids.h carries; -1 when it is no such ID. */
int64_t page_id_time(struct str id);
