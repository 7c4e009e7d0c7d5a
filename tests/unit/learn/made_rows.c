#include "made_rows.h"

#include "base/check.h"
#include "learn/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const class_names[MADE_CLASSES] = {"billing", "card",     "login",
                                                      "refund",  "transfer", "weather"};
static const char *const own_words[MADE_CLASSES][6] = {
    {"invoice", "charged", "subscription", "fee", "statement", "billed"},
    {"plastic", "contactless", "pin", "swallowed", "expired", "chip"},
    {"password", "signin", "locked", "authenticator", "username", "reset"},
    {"refund", "returned", "merchant", "cancelled", "purchase", "reimburse"},
    {"transfer", "recipient", "iban", "pending", "beneficiary", "wire"},
    {"rain", "forecast", "sunny", "temperature", "umbrella", "storm"},
};
static const char *const shared_words[] = {"please", "help",    "my",    "the", "is",  "why",
                                           "not",    "working", "today", "can", "you", "it",
                                           "with",   "from",    "have",  "a",   "to",  "was"};

static enum row_status next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct made_rows *m = CONTAINER_OF(r, struct made_rows, reader);
    if (m->at == m->count)
        return ROW_END;
    *row = m->rows[m->at++];
    return row->reason.p ? ROW_REJECTED : ROW_GOOD;
}

static void made_rows_free(struct row_reader *r) {
    struct made_rows *m = CONTAINER_OF(r, struct made_rows, reader);
    for (size_t i = 0; m->texts && i < m->count; i++)
        free(m->texts[i]);
    if (m->texts)
        free(m->rows);
    free(m->texts);
    free(m);
}

struct made_rows *made_rows_over(struct training_row *rows, size_t count) {
    struct made_rows *m = calloc(1, sizeof *m);
    CHECK(m);
    m->reader.next = next;
    m->reader.free = made_rows_free;
    m->rows = rows;
    m->count = count;
    return m;
}

static char *make_text(struct random *random, size_t class) {
    char text[256] = "";
    size_t n = 0, words = 4 + random_below(random, 5);
    for (size_t i = 0; i < words; i++) {
        bool own = i == 1 || random_below(random, 5) == 0;
        const char *word = own ? own_words[class][random_below(random, 6)]
                               : shared_words[random_below(random, ARRAY_COUNT(shared_words))];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", word);
    }
    return str_dup(str_from(text));
}

struct made_rows *made_rows_new(size_t per_class, unsigned noise) {
    struct random random = random_from(7);
    size_t count = per_class * MADE_CLASSES;
    struct training_row *rows = calloc(count, sizeof *rows);
    struct made_rows *m = made_rows_over(rows, count);
    m->texts = calloc(count, sizeof *m->texts);
    CHECK(rows && m->texts);
    for (size_t i = 0; i < count; i++) {
        size_t class = i % MADE_CLASSES;
        m->texts[i] = make_text(&random, class);
        bool wrong = random_below(&random, 100) < noise;
        rows[i].text = str_from(m->texts[i]);
        rows[i].label = str_from(class_names[wrong ? (class + 1) % MADE_CLASSES : class]);
        rows[i].source = STR("made");
    }
    return m;
}
