#include "api/oip_reply.h"

#include <string.h>

enum { LENGTH_SIZE = 4 };

static size_t row_count(const struct oip_reply *r) {
    return r->request->row_count;
}

/* Likeliest classes that are known of any row. */
static unsigned known_classes(const struct oip_reply *r) {
    unsigned most = 0;
    for (size_t i = 0; i < row_count(r); i++)
        if (!r->rows[i].failed && r->rows[i].label_count > most)
            most = r->rows[i].label_count;
    return most;
}

/* An output's second dimension; 1 where it has none. */
static unsigned width_of(const struct oip_reply *r, const struct oip_wanted *o) {
    if (!oip_output_is_wide(o->output))
        return 1;
    unsigned known = known_classes(r);
    return o->classes && o->classes < known ? o->classes : known;
}

static enum tensor_type type_of(const struct oip_wanted *o) {
    return o->classes ? TENSOR_BYTES : oip_output_type(o->output);
}

/* Rows that failed and places behind a row's last known class are 0, confidences that are not known -1. */
static float number_of(const struct oip_row *row, enum oip_output output, unsigned place) {
    if (output == OIP_CONFIDENCE)
        return row->failed || row->confidence < 0 ? -1 : row->confidence;
    return !row->failed && place < row->label_count ? row->labels[place].confidence : 0;
}

/* "value:index:label" of the classification extension */
static struct str class_text(const struct oip_row *row, unsigned place, struct buf *scratch) {
    buf_clear(scratch);
    if (row->failed || place >= row->label_count)
        return STR("");
    tensor_write_number(&JSON_WRITER(scratch), (double)row->labels[place].confidence, true);
    buf_printf(scratch, ":%d:%.*s", row->classes[place], STR_ARG(row->labels[place].label));
    return buf_str(scratch);
}

static struct str text_of(const struct oip_row *row, const struct oip_wanted *o, unsigned place,
                          struct buf *scratch) {
    struct str none = STR("");
    switch (o->output) {
    case OIP_LABEL: return row->failed ? none : row->label;
    case OIP_PROBABILITIES: return class_text(row, place, scratch);
    case OIP_CLASSES: return row->failed || place >= row->label_count ? none : row->labels[place].label;
    case OIP_DECISION: return str_from(decision_name(row->decision));
    case OIP_MODEL: return row->failed ? none : row->model;
    case OIP_REQUEST_ID: return row->request_id;
    case OIP_REVIEW_ID: return row->failed ? none : row->review_id;
    case OIP_ERROR: return row->failed ? row->error : none;
    default: return none;
    }
}

static void add_u32(struct buf *out, uint32_t value) {
    const unsigned char bytes[LENGTH_SIZE] = {(unsigned char)value, (unsigned char)(value >> 8),
                                              (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    buf_add(out, bytes, sizeof bytes);
}

/* Its elements, row by row, into `binary` or else as JSON's. */
static void write_elements(const struct oip_reply *r, const struct oip_wanted *o, struct json_writer *w,
                           struct buf *binary, struct buf *scratch) {
    unsigned width = width_of(r, o);
    bool text = type_of(o) == TENSOR_BYTES;
    for (size_t i = 0; i < row_count(r); i++)
        for (unsigned k = 0; k < width; k++) {
            float number = text ? 0 : number_of(&r->rows[i], o->output, k);
            struct str s = text ? text_of(&r->rows[i], o, k, scratch) : STR("");
            uint32_t bits;
            memcpy(&bits, &number, sizeof bits);
            if (binary) {
                add_u32(binary, text ? (uint32_t)s.n : bits);
                buf_add_str(binary, s);
            } else if (text) {
                json_str(w, s);
            } else {
                tensor_write_number(w, (double)number, true);
            }
        }
}

static void write_output(const struct oip_reply *r, const struct oip_wanted *o, struct json_writer *w,
                         struct buf *binary, struct buf *scratch) {
    json_object(w);
    json_field_text(w, "name", oip_output_name(o->output));
    json_field_text(w, "datatype", tensor_type_name(type_of(o)));
    json_key(w, "shape");
    json_array(w);
    json_int(w, (int64_t)row_count(r));
    if (oip_output_is_wide(o->output))
        json_int(w, width_of(r, o));
    json_array_end(w);
    if (o->binary) {
        size_t before = binary->n;
        write_elements(r, o, w, binary, scratch);
        json_key(w, "parameters");
        json_object(w);
        json_field_int(w, "binary_data_size", (int64_t)(binary->n - before));
        json_object_end(w);
    } else {
        json_key(w, "data");
        json_array(w);
        write_elements(r, o, w, NULL, scratch);
        json_array_end(w);
    }
    json_object_end(w);
}

/* Of a request of one row what the other surface's reply says, too. */
static void write_parameters(const struct oip_reply *r, struct json_writer *w) {
    const struct oip_row *row = &r->rows[0];
    json_key(w, "parameters");
    json_object(w);
    json_field_str(w, "request_id", r->request_id);
    if (row_count(r) == 1) {
        json_field_text(w, "decision", decision_name(row->decision));
        json_field_str(w, "model", row->model);
        if (row->review_id.n)
            json_field_str(w, "review_id", row->review_id);
    }
    json_object_end(w);
}

void oip_reply_write(const struct oip_reply *r, struct buf *out, size_t *header_length) {
    AUTO_BUF binary = BUF_INIT(out->cap), scratch = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(out);
    bool any = false;
    json_object(&w);
    json_field_str(&w, "model_name", r->model);
    json_field_str(&w, "model_version", r->version);
    if (r->request->id.p)
        json_field_str(&w, "id", r->request->id);
    write_parameters(r, &w);
    json_key(&w, "outputs");
    json_array(&w);
    for (unsigned i = 0; i < r->request->wanted_count; i++) {
        any |= r->request->wanted[i].binary;
        write_output(r, &r->request->wanted[i], &w, &binary, &scratch);
    }
    json_array_end(&w);
    json_object_end(&w);
    *header_length = any ? out->n : 0;
    out->failed |= binary.failed;
    buf_add_str(out, buf_str(&binary));
}
