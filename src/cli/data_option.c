#include "cli/data_option.h"

#include "learn/document_rows.h"

#include <string.h>
#include <sys/stat.h>

static bool add_filter(struct data_option *d, const char *column, const char *value, bool except,
                       struct error *err) {
    if (d->csv.filter_count == ROW_FILTERS_MAX)
        return fail(err, ERR_USAGE, "More than %d filters.", ROW_FILTERS_MAX);
    d->csv.filters[d->csv.filter_count++] = (struct row_filter){column, value, except};
    return true;
}

/* "COLUMN=VALUE"; the argument is cut in place. */
static bool filter(struct data_option *d, char *text, bool except, struct error *err) {
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return fail(err, ERR_USAGE, "\"%s\": expected COLUMN=VALUE.", text);
    *equals = '\0';
    return add_filter(d, text, equals + 1, except, err);
}

static bool add_ignored(struct data_option *d, const char *column, struct error *err) {
    if (d->csv.ignore_count == DATA_IGNORED_MAX)
        return fail(err, ERR_USAGE, "More than %d ignored columns.", DATA_IGNORED_MAX);
    d->ignored[d->csv.ignore_count++] = column;
    return true;
}

bool data_option_take(struct data_option *d, int option, char *value, bool *known, struct error *err) {
    *known = true;
    switch (option) {
    case OPTION_DATA: d->path = value; return true;
    case OPTION_DATA_LABEL: d->csv.label = value; return true;
    case OPTION_DATA_TEXT: d->csv.text = value; return true;
    case OPTION_DATA_IGNORE: return add_ignored(d, value, err);
    case OPTION_DATA_ONLY: return filter(d, value, false, err);
    case OPTION_DATA_EXCEPT: return filter(d, value, true, err);
    case OPTION_DATA_SPLIT: return add_filter(d, "split", value, false, err);
    default: *known = false; return true;
    }
}

bool data_option_is_folder(const struct data_option *d) {
    struct stat st;
    return stat(d->path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct row_reader *data_option_open(struct data_option *d, bool understand, struct error *err) {
    d->csv.ignore = d->ignored;
    if (!data_option_is_folder(d))
        return csv_rows_open(d->path, &d->csv, err);
    return understand ? document_rows_open(d->path, err) : document_files_open(d->path, err);
}
