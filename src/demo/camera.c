#include "demo/camera.h"

#include <math.h>

struct setting {
    bool scanner;
    bool flatbed;                           /* a slip of paper somewhere on a scanner's white A4 */
    int table;                              /* grey of what lies around the page */
    double tilt;                            /* radians */
    double perspective;                     /* most that a corner moves, as a part of the page's side */
    double ink;                             /* 1: black; less: faded, as thermal paper does */
    double light, slope_x, slope_y;         /* brightness in the middle, and its change from edge to edge */
    double shadow, shadow_at, shadow_angle; /* darkness behind a soft line; 0: none */
    double noise;                           /* deviation, in grey levels */
    int blur;                               /* pixels to each side */
    int quality;
};

/* `slip`: the page is far longer than wide, as a till's. */
static struct setting choose(struct dice *d, int longer_side, bool slip) {
    double ink = dice_chance(d, 35) ? dice_real(d, 0.35, 0.9) : 1;
    if (dice_chance(d, slip ? 50 : 35))
        return (struct setting){.scanner = true,
                                .flatbed = slip && dice_chance(d, 40),
                                .table = dice_chance(d, 80) ? 255 : dice_between(d, 0, 60),
                                .tilt = dice_bell(d) * 0.008,
                                .ink = ink,
                                .light = dice_real(d, 0.85, 1),
                                .slope_x = dice_real(d, -0.06, 0.06),
                                .noise = dice_real(d, 0.5, 5),
                                .blur = dice_chance(d, 25),
                                .quality = dice_between(d, 40, 92)};
    return (struct setting){
        .table = dice_between(d, 20, 200),
        .ink = ink,
        .tilt = dice_bell(d) * 0.022,
        .perspective = dice_real(d, 0, 0.025),
        .light = dice_real(d, 0.72, 1.0),
        .slope_x = dice_real(d, -0.3, 0.3),
        .slope_y = dice_real(d, -0.25, 0.25),
        .shadow = dice_chance(d, 40) ? dice_real(d, 0.1, 0.35) : 0,
        .shadow_at = dice_real(d, -0.3, 0.3),
        .shadow_angle = dice_real(d, 0, 6.28),
        .noise = dice_real(d, 1.5, 8),
        .blur = dice_chance(d, 50)                         ? 1
                : dice_chance(d, 25) && longer_side > 1500 ? 2
                                                           : 0,
        .quality = dice_between(d, 42, 88),
    };
}

/* The corners of the page inside its table, and where they come to lie. */
static void place_corners(struct dice *d, const struct setting *s, PIX *table, int margin, PTA *from,
                          PTA *to) {
    double w = pixGetWidth(table), h = pixGetHeight(table), c = cos(s->tilt), n = sin(s->tilt);
    for (int i = 0; i < 4; i++) {
        double x = i & 1 ? w - margin : margin, y = i & 2 ? h - margin : margin;
        double dx = x - w / 2, dy = y - h / 2;
        ptaAddPt(from, (float)x, (float)y);
        double jitter_x = dice_real(d, -1, 1) * s->perspective * w;
        double jitter_y = dice_real(d, -1, 1) * s->perspective * h;
        ptaAddPt(to, (float)(w / 2 + c * dx - n * dy + jitter_x),
                 (float)(h / 2 + n * dx + c * dy + jitter_y));
    }
}

static PIX *lay_on_table(PIX *page, struct dice *d, const struct setting *s) {
    int w = pixGetWidth(page), h = pixGetHeight(page), shorter = w < h ? w : h;
    int margin = (int)(shorter * (s->scanner ? dice_real(d, 0, 0.03) : dice_real(d, 0.01, 0.09)));
    /* What a slip lacks to the width of A4, shared out to its left and right. */
    int missing = s->flatbed ? (int)(h / 1.414) - w : 0;
    int left = missing > 0 ? (int)(missing * dice_unit(d)) : 0, right = missing > 0 ? missing - left : 0;
    PIX *table = pixAddBorderGeneral(page, margin + left, margin + right, margin, margin, (l_uint32)s->table);
    PIX *laid = NULL;
    PTA *from = ptaCreate(4), *to = ptaCreate(4);
    if (table && from && to) {
        place_corners(d, s, table, margin, from, to);
        laid = pixProjectivePtaGray(table, to, from, (l_uint8)s->table);
    }
    ptaDestroy(&from);
    ptaDestroy(&to);
    pixDestroy(&table);
    return laid;
}

/* `x`, `y`: -0.5 to 0.5. */
static double brightness(const struct setting *s, double x, double y) {
    double b = s->light + s->slope_x * x + s->slope_y * y;
    if (s->shadow > 0) {
        double beyond = x * cos(s->shadow_angle) + y * sin(s->shadow_angle) - s->shadow_at;
        b *= 1 - s->shadow / (1 + exp(-beyond * 30));
    }
    return b;
}

static void light_and_noise(PIX *pix, struct dice *d, const struct setting *s) {
    int w = pixGetWidth(pix), h = pixGetHeight(pix), words = pixGetWpl(pix);
    for (int y = 0; y < h; y++) {
        l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)words;
        double light = 0;
        for (int x = 0; x < w; x++) {
            /* Light changes slowly. */
            if (x % 16 == 0)
                light = brightness(s, (double)x / w - 0.5, (double)y / h - 0.5);
            /* Four uniform draws of 16 bits from one roll: nearly a bell, and fast; deviation 1. */
            uint64_t r = dice_roll(d);
            double sum = (double)(r & 0xffff) + (double)(r >> 16 & 0xffff) + (double)(r >> 32 & 0xffff) +
                         (double)(r >> 48);
            double bell = (sum / 65535 - 2) * 1.7320508;
            double paper = 255 - (255 - GET_DATA_BYTE(line, x)) * s->ink;
            double grey = paper * light + bell * s->noise;
            SET_DATA_BYTE(line, x, grey < 0 ? 0 : grey > 255 ? 255 : (int)grey);
        }
    }
}

PIX *camera_photograph(PIX *page, struct dice *d, int *quality) {
    int longer = pixGetWidth(page) > pixGetHeight(page) ? pixGetWidth(page) : pixGetHeight(page);
    struct setting s = choose(d, longer, pixGetHeight(page) * 10 > pixGetWidth(page) * 16);
    PIX *laid = lay_on_table(page, d, &s);
    if (laid && s.blur) {
        PIX *blurred = pixBlockconv(laid, s.blur, s.blur);
        pixDestroy(&laid);
        laid = blurred;
    }
    if (laid)
        light_and_noise(laid, d, &s);
    *quality = s.quality;
    return laid;
}
