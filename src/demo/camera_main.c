/* penstock-demo-camera LIST: photographs pages, and removes the PDFs that it took them from. Each line of
 * LIST is SEED, pixels of the longer side, a PDF and the JPEG to write, separated by tabs. Rendering is
 * poppler's pdftoppm's, a program of its own. For files that `penstock demo prepare` made itself, never for
 * others'. */
#include "base/str.h"
#include "demo/camera.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE_SECONDS = 60 };

struct order {
    uint64_t seed;
    char pixels[16];
    const char *pdf, *jpeg;
};

static bool complain(const struct order *order, const char *what) {
    fprintf(stderr, "penstock-demo-camera: %s: %s\n", order->pdf, what);
    return false;
}

/* pdftoppm adds ".pgm" to the name that it is given. */
static bool render(const struct order *order, const char *prefix) {
    const char *const arguments[] = {"pdftoppm",    "-q",       "-gray", "-singlefile", "-scale-to",
                                     order->pixels, order->pdf, prefix,  NULL};
    pid_t pid;
    int status = posix_spawnp(&pid, "pdftoppm", NULL, NULL, (char *const *)arguments, environ);
    if (status != 0)
        return complain(order, "pdftoppm could not be started (package poppler-utils)");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 || complain(order, "pdftoppm could not render it");
}

static bool photograph(const struct order *order) {
    char pgm[4096];
    snprintf(pgm, sizeof pgm, "%s.pgm", order->jpeg);
    if (!render(order, order->jpeg))
        return false;
    PIX *page = pixRead(pgm);
    unlink(pgm);
    if (!page || pixGetDepth(page) != 8) {
        pixDestroy(&page);
        return complain(order, "its rendering could not be read");
    }
    struct dice d = {order->seed};
    int quality;
    PIX *photo = camera_photograph(page, &d, &quality);
    bool good = photo && pixWriteJpeg(order->jpeg, photo, quality, 0) == 0;
    pixDestroy(&photo);
    pixDestroy(&page);
    if (good)
        unlink(order->pdf);
    return good || complain(order, "its photograph could not be written");
}

static bool read_order(char *line, struct order *out) {
    struct str rest = str_trim(str_from(line));
    if (str_ends(rest, STR("\n")))
        rest.n--;
    struct str seed = str_split(&rest, '\t'), pixels = str_split(&rest, '\t'), pdf = str_split(&rest, '\t');
    uint64_t side;
    if (!str_to_u64(seed, &out->seed) || !str_to_u64(pixels, &side) || side < 16 || side > 10000 ||
        pdf.n == 0 || rest.n == 0 || rest.n > 4000)
        return false;
    snprintf(out->pixels, sizeof out->pixels, "%u", (unsigned)side);
    ((char *)pdf.p)[pdf.n] = ((char *)rest.p)[rest.n] = '\0';
    out->pdf = pdf.p;
    out->jpeg = rest.p;
    return true;
}

int main(int count, char **arguments) {
    FILE *list = count == 2 ? fopen(arguments[1], "re") : NULL;
    if (!list) {
        fprintf(stderr, "usage: penstock-demo-camera LIST\n");
        return 2;
    }
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    setMsgSeverity(L_SEVERITY_ERROR);
    while (good && getline(&line, &room, list) > 0) {
        struct order order;
        /* A page takes a tenth of a second; a program that hangs ends this one. */
        alarm(PAGE_SECONDS);
        good = read_order(line, &order) && photograph(&order);
    }
    free(line);
    fclose(list);
    return good ? 0 : 1;
}
