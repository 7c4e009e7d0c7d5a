#include "store/subject.h"

#include "base/ids.h"
#include "store/sql.h"

static bool read_secret(struct store *s, unsigned char out[SUBJECT_SECRET_SIZE], bool *found,
                        struct error *err) {
    sqlite3_stmt *q = sql_statement(s, "SELECT secret FROM subject_secret", err);
    if (!q || !sql_step(s, q, found, err))
        return false;
    if (!*found)
        return true;
    struct str secret = sql_blob_at(q, 0);
    bool good = secret.n == SUBJECT_SECRET_SIZE;
    if (good)
        memcpy(out, secret.p, SUBJECT_SECRET_SIZE);
    sql_end(q);
    return good ||
           fail(err, ERR_STORE, "The secret for end users' IDs in %s/store.db is damaged.", store_folder(s));
}

/* Two programs may be at it: the first one's counts. */
static bool make_secret(struct store *s, struct error *err) {
    unsigned char made[SUBJECT_SECRET_SIZE];
    sqlite3_stmt *q = sql_statement(s,
                                    "INSERT INTO subject_secret SELECT ?1 WHERE NOT EXISTS"
                                    " (SELECT 1 FROM subject_secret)",
                                    err);
    if (!q)
        return false;
    random_bytes(made, sizeof made);
    sql_bind_blob(q, 1, made, sizeof made);
    return sql_run(s, q, err);
}

bool subject_secret(struct store *s, unsigned char out[SUBJECT_SECRET_SIZE], struct error *err) {
    bool found;
    if (!read_secret(s, out, &found, err))
        return false;
    return found || (make_secret(s, err) && read_secret(s, out, &found, err));
}

void subject_hash(const unsigned char secret[SUBJECT_SECRET_SIZE], struct str id,
                  unsigned char out[SUBJECT_SIZE]) {
    unsigned char bytes[SUBJECT_SECRET_SIZE + SUBJECT_TEXT_MAX], hash[SHA256_SIZE];
    id = str_slice(id, 0, SUBJECT_TEXT_MAX);
    memcpy(bytes, secret, SUBJECT_SECRET_SIZE);
    memcpy(bytes + SUBJECT_SECRET_SIZE, id.p, id.n);
    sha256((struct str){(const char *)bytes, SUBJECT_SECRET_SIZE + id.n}, hash);
    memcpy(out, hash, SUBJECT_SIZE);
}

void subject_hex(const unsigned char hash[SUBJECT_SIZE], char out[SUBJECT_HEX_SIZE]) {
    unsigned char whole[SHA256_SIZE] = {0};
    char hex[SHA256_HEX_SIZE];
    memcpy(whole, hash, SUBJECT_SIZE);
    sha256_hex(whole, hex);
    memcpy(out, hex, SUBJECT_HEX_SIZE - 1);
    out[SUBJECT_HEX_SIZE - 1] = '\0';
}
