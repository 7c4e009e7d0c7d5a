/* A suite: cases that a model version or an endpoint is asked, and what must hold of its answers. Read from a
 * YAML file of our own form, from promptfoo's, or from rows (CSV, JSON lines); docs/evaluation.md describes
 * them. What is wrong with one is said with file and line. Immutable once read; any thread. */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "evals/assertion.h"

enum {
    SUITE_CASES_MAX = 100000,
    SUITE_ASSERTIONS_MAX = 200000,
    SUITE_RUNS_MAX = 100,
    SUITE_VARIABLES_MAX = 64,
    SUITE_FILE_MAX = 256 << 20,    /* rows; YAML: CONFIG_FILE_MAX */
    SUITE_DOCUMENT_MAX = 32 << 20, /* a file that is asked about */
};

struct suite_variable {
    struct str name, value;
};

struct suite_case {
    struct str id;
    struct str text;     /* what is asked; .p NULL: nothing */
    struct str features; /* a JSON object; .p NULL: none */
    struct str messages; /* a JSON array, the prompt with the case's variables; .p NULL: no prompt */
    struct str document; /* path of the file that is asked about; .p NULL: none */
    unsigned char document_hash[SHA256_SIZE]; /* of what was in it when the suite was read */
    struct str label;                         /* the right answer; .p NULL: none */
    struct str slice;                         /* "" none */
    const struct suite_variable *variables;
    size_t variable_count;
    struct assertion *const *assertions; /* the suite's own for every case first */
    size_t assertion_count;
    unsigned line;    /* of the file it stands in */
    const char *file; /* which */
};

struct suite {
    struct arena *arena;
    char hash[SHA256_HEX_SIZE]; /* of the bytes of all its files */
    struct str name, endpoint, baseline, judge;
    double minimum; /* share of the cases that must pass; 0: none asked */
    double margin;  /* the loss against the baseline that must be ruled out */
    size_t cases_minimum;
    unsigned runs;
    size_t left_out;    /* promptfoo's tests without an assertion, of which no answer could be wrong */
    bool chat;          /* asked as a conversation: it has a prompt or says so */
    struct str request; /* further members of a chat request, a JSON object; .p NULL: none */
    struct suite_case *cases;
    size_t case_count, case_room;
    struct assertion **assertions; /* all, for freeing */
    size_t assertion_count, assertion_room;
};

/* *out is the caller's, to be given to suite_free. ERR_DATA with "FILE:LINE: …". */
bool suite_load(const char *path, struct suite **out, struct error *err) MUST_USE;
/* Called for each file that a suite reads, in the order of its hash. `name`: as the suite says it, of the
 * suite's own what follows the last "/" of its path. False and *err end the reading. */
typedef bool suite_file_note(void *ctx, struct str name, struct str bytes, struct error *err);
bool suite_load_noting(const char *path, suite_file_note *note, void *ctx, struct suite **out,
                       struct error *err) MUST_USE;
/* The same from bytes in memory; files that it names are beside `name`. For tests and fuzzing. */
bool suite_parse(struct str text, const char *name, struct suite **out, struct error *err) MUST_USE;
void suite_free(struct suite *s); /* NULL is fine */

/* The file that a case asks about, malloc'ed. NULL and *err when it is not what it was. */
char *suite_case_document(const struct suite_case *c, size_t *n, struct error *err) MUST_USE;
/* Are these the bytes that the suite was read with? ERR_DATA. */
bool suite_case_unchanged(const struct suite_case *c, struct str bytes, struct error *err) MUST_USE;

/* The case's messages, or its text as what the user says: a JSON array. */
void suite_case_messages(const struct suite_case *c, struct buf *out);
