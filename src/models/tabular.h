/* The schema of tabular features: which columns a version takes, of which type, with which categories,
 * and how their values become rows of the network. A number has a row for its standardised value, one
 * for being missing, and one for each interval between quantiles (so that the model may bend); a
 * category has a row for each known name and one for being missing.
 *
 * In the file: u32 columns, float factor; per column: u32 numeric, u32 may be missing, float mean, float
 * scale, u32 edges and as many floats, u32 categories, u32 bytes of names; names (the column's first, then
 * the categories'), each terminated, padded to 4 bytes. Immutable once read; any thread. */
#pragma once

#include "models/artefact.h"
#include "models/backend.h"

enum { TABULAR_CATEGORIES_MAX = 1000, TABULAR_EDGES_MAX = 64 };

struct tabular_column {
    const char *name;
    bool numeric, may_miss;
    float mean, scale; /* of a number: (value - mean) * scale, kept within +-4 */
    uint32_t edge_count;
    const float *edges; /* rising */
    uint32_t category_count;
    const char **categories;
    uint32_t first_row;
};

struct tabular {
    size_t count;
    struct tabular_column *columns;
    uint32_t rows;
    float factor; /* of every value, so that a row's length is about 1 whatever the number of columns */
};

/* Strings and edges lead into the section. Freed by tabular_free. */
bool tabular_read(struct tabular *out, struct str section, struct error *err) MUST_USE;
void tabular_free(struct tabular *t);
void tabular_write(struct buf *out, const struct tabular *t);

/* What a value adds: at most two rows a column. */
struct tabular_item {
    uint32_t row;
    float value;
};
enum { TABULAR_ITEMS_PER_COLUMN = 2 };
size_t tabular_items(const struct tabular *t, const struct feature_value *values, struct tabular_item *items);

/* Values in the schema's order from JSON; see backend_read_features. */
bool tabular_from_json(const struct tabular *t, yyjson_val *object, struct feature_value *out,
                       struct error *err) MUST_USE;
/* The same from CSV cells. An empty cell, "?", "NA" or "null" is missing. */
bool tabular_from_cells(const struct tabular *t, const struct str *cells, struct feature_value *out,
                        struct error *err) MUST_USE;
bool tabular_cell_missing(struct str cell);
/* Do values made elsewhere fit the schema? */
bool tabular_check(const struct tabular *t, const struct feature_value *values, size_t count,
                   struct error *err) MUST_USE;

void tabular_write_json(const struct tabular *t, struct json_writer *w);
