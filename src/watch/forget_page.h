/* What forgetting a person does to the tables. Private to forget.c; inside its transaction. */
#pragma once

#include "store/keys.h"
#include "watch/forget.h"

struct forget_person {
    bool has_subject;
    unsigned char subject[SUBJECT_SIZE];
    char client[CLIENT_NAME_MAX + 1]; /* "" with has_subject */
    bool only_count;                  /* nothing outside the transaction is touched, which is undone */
};

/* All that this person's responses are built on or that builds on them; the conversations that end in one. */
bool forget_conversations(struct store *s, const struct forget_person *p, struct forget_counts *counts,
                          struct error *err) MUST_USE;
/* Amounts by end user, in whose rows the ID stands as it is: of that person or, of a client, of its users.
 * The client's own amounts by day become nobody's; those of its keys stay. `subject`: the ID while it is
 * known, else "", which does not find IDs so long that budgets shorten them. */
bool forget_spend(struct store *s, const struct forget_person *p, struct str subject,
                  struct forget_counts *counts, struct error *err) MUST_USE;
/* The page of records behind *page, at most `last`; *page moves to it. *any: there was one. */
bool forget_page(struct store *s, const struct forget_person *p, int64_t last, int64_t *page, bool *any,
                 struct forget_counts *counts, struct error *err) MUST_USE;
