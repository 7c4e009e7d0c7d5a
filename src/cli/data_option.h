/* What the commands that read labelled data have in common: --data and which of its columns and rows are
 * meant. */
#pragma once

#include "learn/rows.h"

#include <getopt.h>

enum { DATA_IGNORED_MAX = 200 };

struct data_option {
    const char *path; /* --data; NULL: not given */
    struct csv_rows_options csv;
    const char *ignored[DATA_IGNORED_MAX];
};

/* For getopt_long: these among the long options; --data is -d, too. */
enum {
    OPTION_DATA = 'd',
    OPTION_DATA_LABEL = 0x200,
    OPTION_DATA_TEXT,
    OPTION_DATA_IGNORE,
    OPTION_DATA_ONLY,
    OPTION_DATA_EXCEPT,
    OPTION_DATA_SPLIT
};
#define DATA_LONG_OPTIONS                                                                                    \
    {"data", required_argument, NULL, OPTION_DATA}, {"label", required_argument, NULL, OPTION_DATA_LABEL},   \
        {"text", required_argument, NULL, OPTION_DATA_TEXT},                                                 \
        {"ignore", required_argument, NULL, OPTION_DATA_IGNORE},                                             \
        {"only", required_argument, NULL, OPTION_DATA_ONLY},                                                 \
        {"except", required_argument, NULL, OPTION_DATA_EXCEPT}, {                                           \
        "split", required_argument, NULL, OPTION_DATA_SPLIT                                                  \
    }
#define DATA_OPTIONS_HELP                                                                                    \
    "      --label COLUMN       the column with the answer (label, category, intent, class or target)\n"     \
    "      --text COLUMN        the column with the text (text, message, body or content)\n"                 \
    "      --ignore COLUMN      leave a tabular column out; may be repeated\n"                               \
    "      --only COLUMN=VALUE  only rows that have this value; may be repeated, all must hold\n"            \
    "      --except COLUMN=VALUE  only rows that have another value\n"                                       \
    "      --split VALUE        the same as --only split=VALUE\n"

/* *known false: the option is none of these. `value` is cut in place and must stay. */
bool data_option_take(struct data_option *d, int option, char *value, bool *known,
                      struct error *err) MUST_USE;

/* The rows that it names, as they are read for training; `understand` false: of files only labels, names and
 * hashes. NULL and *err. */
struct row_reader *data_option_open(struct data_option *d, bool understand, struct error *err) MUST_USE;
/* Is it a folder of files? Else it is a table. */
bool data_option_is_folder(const struct data_option *d);
