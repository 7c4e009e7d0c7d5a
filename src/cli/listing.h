/* A list for people, as a table, or for programs, as a JSON array: what the commands that list have in
 * common. One thread. */
#pragma once

#include "base/json.h"
#include "cli/table.h"

struct listing {
    bool json;
    struct table table;   /* else: a row for each item, */
    struct json_writer w; /* or an object */
    struct buf text;
};

/* `heads` must outlive it. The listing must stay where it is until listing_end. */
void listing_begin(struct listing *l, const char *const *heads, unsigned columns, bool json);
#define LISTING_TIMES_HELP                                                                                   \
    "      --from TIME       from then on, in UTC: 2026-11-20T13:05:00Z, or a day\n"                         \
    "      --to TIME         before then\n"
/* Those options; *until is the last ns before it. */
bool listing_from(const char *text, int64_t *since, struct error *err) MUST_USE;
bool listing_to(const char *text, int64_t *until, struct error *err) MUST_USE;

/* Prints it, when `good`, and frees it; returns `good`, so that it can follow what filled the listing. */
bool listing_end(struct listing *l, bool good);
