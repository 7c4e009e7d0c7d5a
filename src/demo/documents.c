#include "demo/folder.h"

#include "base/buf.h"
#include "demo/papers.h"
#include "demo/studio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PDF_MAX = 4 << 20 };

static bool make_folder(const struct demo_folder *folder, struct error *err, const char *label) {
    char path[PATH_MAX];
    if (!demo_path(folder, path, err, "documents/%s", label))
        return false;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail(err, ERR_IO, "%s cannot be made: %s", path, strerror(errno));
    return true;
}

static bool write_pdf(const struct paper_kind *kind, struct dice *d, const char *path, struct error *err) {
    AUTO_BUF pdf = BUF_INIT(PDF_MAX);
    struct paper paper = {0};
    kind->write(d, &paper);
    sheet_write_pdf(paper.sheets, paper.count, &pdf);
    paper_free(&paper);
    if (pdf.failed)
        return fail(err, ERR_NO_MEMORY, "no memory for %s", path);
    return demo_write_file(path, buf_str(&pdf), err);
}

/* Small prints need more pixels; an A4 page of 1,500 has 128 to the inch, about what a telephone leaves of
 * it. */
static unsigned photograph_pixels(const struct paper_kind *kind, struct dice *d) {
    return (unsigned)(kind->write == paper_write_receipt ? dice_between(d, 1000, 1600)
                                                         : dice_between(d, 1300, 1700));
}

struct collection {
    const struct demo_folder *folder;
    struct studio *studio;
    const char *form; /* of a file's name: label, number */
    unsigned count;
    bool held_out;
};

static bool write_one(const struct collection *c, unsigned kind_number, unsigned number, struct error *err) {
    const struct paper_kind *kind = &paper_kinds[kind_number];
    /* Each document has dice of its own, so that more of them do not change the others. */
    struct dice d = {c->folder->seed * 1000003 + (uint64_t)c->held_out * 500009 + kind_number * 100003 +
                     number};
    bool photograph = dice_chance(&d, kind->photographed);
    if (c->held_out && number == 1)
        photograph = kind->write == paper_write_receipt || (kind->write != paper_write_invoice && photograph);
    char pdf[PATH_MAX], jpeg[PATH_MAX], name[128];
    snprintf(name, sizeof name, c->form, kind->label, number);
    if (!demo_path(c->folder, pdf, err, "%s.pdf", name) || !demo_path(c->folder, jpeg, err, "%s.jpg", name) ||
        !write_pdf(kind, &d, pdf, err))
        return false;
    if (photograph)
        studio_order(c->studio, dice_roll(&d), photograph_pixels(kind, &d), pdf, jpeg);
    return true;
}

static bool write_collection(const struct collection *c, struct error *err) {
    for (unsigned kind = 0; kind < PAPER_KINDS; kind++)
        for (unsigned number = 1; number <= c->count; number++)
            if (!write_one(c, kind, number, err))
                return false;
    return true;
}

bool demo_write_documents(const struct demo_folder *folder, struct error *err) {
    struct studio studio = {0};
    struct collection training = {folder, &studio, "documents/%s/%03u", folder->documents, false};
    struct collection held_out = {folder, &studio, "holdout/%s-%03u", folder->documents_held_out, true};
    for (unsigned kind = 0; kind < PAPER_KINDS; kind++)
        if (!make_folder(folder, err, paper_kinds[kind].label))
            return false;
    if (!studio_begin(&studio, folder->camera_program, folder->path, err))
        return false;
    bool good = write_collection(&training, err) && write_collection(&held_out, err);
    return studio_end(&studio, good, err) && good;
}
