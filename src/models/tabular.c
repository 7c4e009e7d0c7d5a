#include "models/tabular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The file */

static bool take_name(struct str *rest, const char **out) {
    size_t end = str_find_char(*rest, '\0');
    if (end == SIZE_MAX || !str_is_utf8(str_slice(*rest, 0, end), NULL))
        return false;
    *out = rest->p;
    *rest = str_slice(*rest, end + 1, rest->n);
    return true;
}

static bool take_names(struct artefact_cursor *c, struct tabular_column *column, uint32_t bytes) {
    const void *at = NULL;
    if (!artefact_take(c, "names", (bytes + 3) / 4, 4, &at))
        return false;
    struct str names = {at, bytes};
    column->categories = calloc(column->category_count + 1, sizeof *column->categories);
    if (!column->categories)
        return fail(c->err, ERR_NO_MEMORY, "out of memory");
    bool ok = take_name(&names, &column->name) && column->name[0];
    for (uint32_t i = 0; ok && i < column->category_count; i++)
        ok = take_name(&names, &column->categories[i]);
    return (ok && names.n == 0) ||
           fail(c->err, ERR_ARTEFACT, "The artefact's schema has names that are damaged.");
}

static bool take_column(struct artefact_cursor *c, struct tabular *t, struct tabular_column *column) {
    uint32_t numeric, may_miss, bytes;
    const float *numbers;
    if (!artefact_take_u32(c, "numeric", 0, 1, &numeric) ||
        !artefact_take_u32(c, "may miss", 0, 1, &may_miss) ||
        !artefact_take_floats(c, "mean and scale", 2, &numbers) ||
        !artefact_take_u32(c, "edges", 0, numeric ? TABULAR_EDGES_MAX : 0, &column->edge_count) ||
        !artefact_take_floats(c, "edges", column->edge_count, &column->edges) ||
        !artefact_take_u32(c, "categories", numeric ? 0 : 1, numeric ? 0 : TABULAR_CATEGORIES_MAX,
                           &column->category_count) ||
        !artefact_take_u32(c, "bytes of names", 2, 1 << 24, &bytes) || !take_names(c, column, bytes))
        return false;
    column->numeric = numeric;
    column->may_miss = may_miss;
    column->mean = numbers[0];
    column->scale = numbers[1];
    column->first_row = t->rows;
    t->rows += numeric ? column->edge_count + 3 : column->category_count + 1;
    return true;
}

bool tabular_read(struct tabular *out, struct str section, struct error *err) {
    struct artefact_cursor c = {section, "schema", err};
    struct tabular t = {0};
    uint32_t count;
    const float *factor;
    if (!artefact_take_u32(&c, "columns", 1, MODEL_FEATURES_MAX, &count) ||
        !artefact_take_floats(&c, "factor", 1, &factor))
        return false;
    t.factor = *factor;
    t.columns = calloc(count, sizeof *t.columns);
    if (!t.columns)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    bool ok = true;
    while (ok && t.count < count)
        ok = take_column(&c, &t, &t.columns[t.count++]);
    ok = ok && artefact_done(&c);
    if (ok)
        *out = t;
    else
        tabular_free(&t);
    return ok;
}

void tabular_free(struct tabular *t) {
    for (size_t i = 0; i < t->count; i++)
        free(t->columns[i].categories);
    free(t->columns);
}

void tabular_write(struct buf *out, const struct tabular *t) {
    artefact_u32(out, (uint32_t)t->count);
    artefact_floats(out, &t->factor, 1);
    for (size_t i = 0; i < t->count; i++) {
        const struct tabular_column *c = &t->columns[i];
        size_t bytes = strlen(c->name) + 1;
        for (uint32_t k = 0; k < c->category_count; k++)
            bytes += strlen(c->categories[k]) + 1;
        artefact_u32(out, c->numeric);
        artefact_u32(out, c->may_miss);
        artefact_floats(out, &c->mean, 1);
        artefact_floats(out, &c->scale, 1);
        artefact_u32(out, c->edge_count);
        artefact_floats(out, c->edges, c->edge_count);
        artefact_u32(out, c->category_count);
        artefact_u32(out, (uint32_t)bytes);
        buf_add(out, c->name, strlen(c->name) + 1);
        for (uint32_t k = 0; k < c->category_count; k++)
            buf_add(out, c->categories[k], strlen(c->categories[k]) + 1);
        artefact_zeros(out, (4 - bytes % 4) % 4);
    }
}

/* Values to rows */

static size_t number_items(const struct tabular *t, const struct tabular_column *c, double number,
                           struct tabular_item *items) {
    float value = ((float)number - c->mean) * c->scale;
    uint32_t interval = 0;
    while (interval < c->edge_count && number >= (double)c->edges[interval])
        interval++;
    value = value > 4 ? 4 : value > -4 ? value : -4;
    items[0] = (struct tabular_item){c->first_row, value * t->factor};
    items[1] = (struct tabular_item){c->first_row + 2 + interval, t->factor};
    return 2;
}

size_t tabular_items(const struct tabular *t, const struct feature_value *values,
                     struct tabular_item *items) {
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct tabular_column *c = &t->columns[i];
        if (values[i].kind == FEATURE_NUMBER) {
            count += number_items(t, c, values[i].number, items + count);
            continue;
        }
        uint32_t row = c->first_row + (values[i].kind == FEATURE_CATEGORY ? values[i].category
                                       : c->numeric                       ? 1
                                                                          : c->category_count);
        items[count++] = (struct tabular_item){row, t->factor};
    }
    return count;
}

bool tabular_check(const struct tabular *t, const struct feature_value *values, size_t count,
                   struct error *err) {
    if (count != t->count || !values)
        return fail_at(err, ERR_INVALID_FEATURES, "features",
                       "This model takes %zu features, but there are %zu.", t->count, values ? count : 0);
    for (size_t i = 0; i < count; i++) {
        const struct tabular_column *c = &t->columns[i];
        bool fits = values[i].kind == FEATURE_MISSING  ? c->may_miss
                    : values[i].kind == FEATURE_NUMBER ? c->numeric && isfinite(values[i].number)
                    : values[i].kind == FEATURE_CATEGORY
                        ? !c->numeric && values[i].category < c->category_count
                        : false;
        if (!fits)
            return fail_at(err, ERR_INVALID_FEATURES, c->name,
                           "The value of the feature \"%.80s\" does not fit.", c->name);
    }
    return true;
}

/* Reading */

enum { SHOWN_MAX = 8, SHOWN_BYTES = 240 };

/* "a", "b", … and how many more. */
static void list_names(const char *const *names, size_t count, char text[SHOWN_BYTES]) {
    size_t n = 0, i = 0;
    text[0] = '\0';
    for (; i < count && i < SHOWN_MAX && n + 60 < SHOWN_BYTES; i++)
        n += (size_t)snprintf(text + n, SHOWN_BYTES - n, "%s\"%.30s\"", i ? ", " : "", names[i]);
    if (i < count)
        snprintf(text + n, SHOWN_BYTES - n, " and %zu more", count - i);
}

static bool unseen_category(const struct tabular_column *c, struct str value, struct error *err) {
    char known[SHOWN_BYTES];
    const char *near = str_nearest(value, (const char *const *)c->categories, c->category_count);
    list_names((const char *const *)c->categories, c->category_count, known);
    int shown = value.n > 60 ? 60 : (int)value.n;
    if (near)
        return fail_at(err, ERR_INVALID_FEATURES, c->name,
                       "The feature \"%.60s\" has no category \"%.*s\"; did you mean \"%.60s\"? Known: %s.",
                       c->name, shown, value.p, near, known);
    return fail_at(err, ERR_INVALID_FEATURES, c->name,
                   "The feature \"%.60s\" has no category \"%.*s\", which training never saw. Known: %s.",
                   c->name, shown, value.p, known);
}

static bool find_category(const struct tabular_column *c, struct str value, struct feature_value *out,
                          struct error *err) {
    for (uint32_t i = 0; i < c->category_count; i++)
        if (str_eq(str_from(c->categories[i]), value)) {
            *out = (struct feature_value){.kind = FEATURE_CATEGORY, .category = i};
            return true;
        }
    return unseen_category(c, value, err);
}

static bool missing_value(const struct tabular_column *c, const char *how, struct feature_value *out,
                          struct error *err) {
    if (c->may_miss) {
        *out = (struct feature_value){.kind = FEATURE_MISSING};
        return true;
    }
    char known[SHOWN_BYTES];
    list_names((const char *const *)c->categories, c->category_count, known);
    if (c->numeric)
        return fail_at(err, ERR_INVALID_FEATURES, c->name,
                       "The feature \"%.80s\" is %s; expected a number (training had a value in every row).",
                       c->name, how);
    return fail_at(err, ERR_INVALID_FEATURES, c->name, "The feature \"%.80s\" is %s; expected one of: %s.",
                   c->name, how, known);
}

static bool wrong_type(const struct tabular_column *c, yyjson_val *value, struct error *err) {
    struct str text = json_str_of(value);
    if (c->numeric && yyjson_is_str(value))
        return fail_at(err, ERR_INVALID_FEATURES, c->name,
                       "The feature \"%.80s\" is the text \"%.*s\"; expected a number, without quotes.",
                       c->name, text.n > 60 ? 60 : (int)text.n, text.p);
    return fail_at(err, ERR_INVALID_FEATURES, c->name, "The feature \"%.80s\" is %s %s; expected a %s.",
                   c->name, yyjson_is_obj(value) || yyjson_is_arr(value) ? "an" : "a",
                   yyjson_get_type_desc(value), c->numeric ? "number" : "text");
}

static bool value_from_json(const struct tabular_column *c, yyjson_val *value, struct feature_value *out,
                            struct error *err) {
    if (!value)
        return missing_value(c, "missing", out, err);
    if (yyjson_is_null(value))
        return missing_value(c, "null", out, err);
    if (c->numeric && yyjson_is_num(value)) {
        double number = yyjson_get_num(value);
        if (!isfinite(number) || fabs(number) > 1e30)
            return fail_at(err, ERR_INVALID_FEATURES, c->name,
                           "The feature \"%.80s\" is a number beyond any sense; expected one within +-1e30.",
                           c->name);
        *out = (struct feature_value){.kind = FEATURE_NUMBER, .number = number};
        return true;
    }
    if (!c->numeric && yyjson_is_str(value))
        return find_category(c, json_str_of(value), out, err);
    if (!c->numeric && yyjson_is_bool(value))
        return find_category(c, yyjson_get_bool(value) ? STR("true") : STR("false"), out, err);
    return wrong_type(c, value, err);
}

static bool unknown_feature(const struct tabular *t, yyjson_val *object, struct error *err) {
    const char *names[MODEL_FEATURES_MAX];
    for (size_t i = 0; i < t->count; i++)
        names[i] = t->columns[i].name;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        struct str name = json_str_of(key);
        bool known = false;
        for (size_t i = 0; i < t->count && !known; i++)
            known = str_eq(name, str_from(names[i]));
        if (known)
            continue;
        const char *near = str_nearest(name, names, t->count);
        char list[SHOWN_BYTES], param[ERROR_PARAM_MAX];
        list_names(names, t->count, list);
        int shown = name.n > 60 ? 60 : (int)name.n;
        snprintf(param, sizeof param, "%.*s", shown, name.p);
        if (near)
            return fail_at(err, ERR_INVALID_FEATURES, param,
                           "There is no feature \"%.*s\"; did you mean \"%.80s\"?", shown, name.p, near);
        return fail_at(err, ERR_INVALID_FEATURES, param, "There is no feature \"%.*s\". Expected: %s.", shown,
                       name.p, list);
    }
    return fail_at(err, ERR_INVALID_FEATURES, "features", "A feature is there twice.");
}

bool tabular_from_json(const struct tabular *t, yyjson_val *object, struct feature_value *out,
                       struct error *err) {
    if (!yyjson_is_obj(object))
        return fail_at(err, ERR_INVALID_FEATURES, "features",
                       "\"features\" is %s; expected an object with a value for each of the %zu features.",
                       object ? yyjson_get_type_desc(object) : "missing", t->count);
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(object, &iter);
    size_t used = 0;
    /* A misspelt name is better told as such than as a missing feature. */
    for (size_t i = 0; i < t->count; i++)
        used += yyjson_obj_iter_get(&iter, t->columns[i].name) != NULL;
    if (used < yyjson_obj_size(object))
        return unknown_feature(t, object, err);
    yyjson_obj_iter_init(object, &iter);
    for (size_t i = 0; i < t->count; i++)
        if (!value_from_json(&t->columns[i], yyjson_obj_iter_get(&iter, t->columns[i].name), &out[i], err))
            return false;
    return true;
}

bool tabular_cell_missing(struct str cell) {
    return cell.n == 0 || str_eq(cell, STR("?")) || str_eq(cell, STR("NA")) ||
           str_eq_nocase(cell, STR("null")) || str_eq_nocase(cell, STR("nan"));
}

bool tabular_from_cells(const struct tabular *t, const struct str *cells, struct feature_value *out,
                        struct error *err) {
    for (size_t i = 0; i < t->count; i++) {
        const struct tabular_column *c = &t->columns[i];
        bool ok;
        if (tabular_cell_missing(cells[i])) {
            ok = missing_value(c, "missing", &out[i], err);
        } else if (c->numeric) {
            out[i] = (struct feature_value){.kind = FEATURE_NUMBER};
            ok = str_to_double(cells[i], &out[i].number) && fabs(out[i].number) <= 1e30;
            if (!ok)
                fail_at(err, ERR_INVALID_FEATURES, c->name,
                        "The feature \"%.80s\" is \"%.*s\"; expected a number.", c->name,
                        cells[i].n > 60 ? 60 : (int)cells[i].n, cells[i].p);
        } else {
            ok = find_category(c, cells[i], &out[i], err);
        }
        if (!ok)
            return false;
    }
    return true;
}

void tabular_write_json(const struct tabular *t, struct json_writer *w) {
    json_array(w);
    for (size_t i = 0; i < t->count; i++) {
        const struct tabular_column *c = &t->columns[i];
        json_object(w);
        json_field_text(w, "name", c->name);
        json_field_text(w, "type", c->numeric ? "number" : "category");
        json_field_bool(w, "missing", c->may_miss);
        if (!c->numeric) {
            json_key(w, "categories");
            json_array(w);
            for (uint32_t k = 0; k < c->category_count; k++)
                json_text(w, c->categories[k]);
            json_array_end(w);
        }
        json_object_end(w);
    }
    json_array_end(w);
}
