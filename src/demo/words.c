#include "demo/words.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const first_names[] = {
    "Anna",  "Marcus", "Priya",  "Diego",  "Helen",  "Tom",    "Fatima", "Yusuf", "Mei",     "Olga",
    "Jonas", "Clara",  "Samuel", "Ingrid", "Kwame",  "Lucía",  "Pavel",  "Noor",  "Ethan",   "Grace",
    "Hiro",  "Elena",  "Victor", "Amara",  "Sören",  "Nadia",  "Callum", "Rosa",  "Benoît",  "Irene",
    "Farid", "Wendy",  "Oskar",  "Leila",  "George", "Matteo", "Zoe",    "Ruth",  "Desmond", "Aiko"};
static const char *const surnames[] = {
    "Okafor",  "Lindqvist", "Harper",  "Moreno",  "Novak",    "Fischer",   "Tanaka",   "Doyle",
    "Rahman",  "Castillo",  "Weber",   "Osei",    "Petrov",   "Brandt",    "Nguyen",   "Murray",
    "Silva",   "Kowalski",  "Haddad",  "Eriksen", "Baptiste", "Sharma",    "Whitlock", "Romano",
    "Iversen", "Adeyemi",   "Carver",  "Müller",  "Sandoval", "Pryce",     "Yamamoto", "Dubois",
    "Fairfax", "Gallo",     "Hussain", "Becker",  "Langley",  "Marchetti", "O'Brien",  "Thackeray"};
static const char *const company_first[] = {
    "Alder",      "Northgate", "Blue Harbour", "Kestrel",  "Meridian",  "Oakfield",  "Silverline", "Juniper",
    "Ironbridge", "Lakeview",  "Copperfield",  "Summit",   "Redstone",  "Foxglove",  "Westbrook",  "Granite",
    "Larkspur",   "Beacon",    "Tidewater",    "Hawthorn", "Evergreen", "Pinecrest", "Stonehaven", "Cobalt"};
static const char *const company_second[] = {
    "Supplies",   "Logistics", "Systems",    "Trading",     "Design Studio", "Engineering", "Foods",
    "Consulting", "Printing",  "Electrical", "Catering",    "Software",      "Interiors",   "Machinery",
    "Media",      "Textiles",  "Facilities", "Instruments", "Packaging",     "Holdings"};
static const char *const company_form[] = {"Ltd",   "Inc.", "GmbH", "LLC", "& Sons",
                                           "Group", "Co.",  "S.A.", "plc"};
static const char *const street_names[] = {
    "Mill",  "Church", "Station", "Harbour", "King", "Park",  "Victoria", "Orchard", "Bridge",  "River",
    "Cedar", "Elm",    "Market",  "Garden",  "Hill", "Queen", "Forest",   "Canal",   "Foundry", "Abbey"};
static const char *const street_forms[] = {"Street", "Road",  "Lane",   "Avenue",
                                           "Way",    "Court", "Square", "Drive"};
static const char *const cities[] = {
    "Ashford Bay", "Brackwater",    "Castleton", "Dunmore",   "Eastvale",     "Fernley",   "Greyport",
    "Holmstead",   "Invermore",     "Kingsley",  "Lowick",    "Marlow Cross", "Newbridge", "Oldham Park",
    "Portwick",    "Ravenna Falls", "Saltmarsh", "Thornbury", "Upton Green",  "Westhaven"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const products[] = {
    "wireless keyboard", "coffee grinder", "desk lamp",     "hiking boots",     "bluetooth speaker",
    "office chair",      "running jacket", "router",        "smart thermostat", "electric kettle",
    "tablet case",       "phone charger",  "backpack",      "air fryer",        "headphones",
    "baby monitor",      "garden hose",    "fitness watch", "printer",          "webcam"};

static const struct words_good groceries[] = {
    {"Whole milk 1L", 99, 189},      {"Bread sliced", 120, 320},     {"Eggs free range 12", 240, 560},
    {"Butter unsalted", 180, 420},   {"Bananas", 60, 220},           {"Apples Gala 1kg", 180, 390},
    {"Tomatoes", 110, 350},          {"Chicken breast", 420, 1150},  {"Minced beef 500g", 390, 890},
    {"Pasta fusilli", 80, 260},      {"Basmati rice 2kg", 350, 920}, {"Olive oil 500ml", 420, 1190},
    {"Coffee beans", 450, 1490},     {"Tea bags 80", 210, 480},      {"Orange juice", 150, 380},
    {"Mineral water 6x", 220, 490},  {"Yoghurt natural", 90, 320},   {"Cheddar mature", 270, 650},
    {"Potatoes 2.5kg", 170, 390},    {"Onions 1kg", 80, 190},        {"Carrots", 60, 180},
    {"Toilet paper 9pk", 390, 850},  {"Dish soap", 120, 310},        {"Laundry powder", 480, 1290},
    {"Shampoo", 210, 690},           {"Toothpaste", 130, 420},       {"AA batteries 4", 290, 790},
    {"Chocolate bar", 90, 290},      {"Crisps salted", 110, 290},    {"Cola 1.5L", 130, 290},
    {"Croissant", 90, 240},          {"Cappuccino", 250, 420},       {"Club sandwich", 450, 890},
    {"Soup of the day", 390, 750},   {"Caesar salad", 690, 1290},    {"Grilled salmon", 1290, 2490},
    {"House wine glass", 490, 890},  {"Cheeseburger", 790, 1490},    {"Screws 4x40 100pc", 350, 790},
    {"Paint white 5L", 1890, 3990},  {"LED bulb E27", 290, 890},     {"Notebook A5", 190, 590},
    {"Ballpoint pens 10", 240, 690}, {"Gift card", 1000, 5000},      {"Carrier bag", 10, 30}};
static const struct words_good services[] = {{"Consulting, senior engineer (hour)", 9500, 18500},
                                             {"Project management (day)", 52000, 98000},
                                             {"Office paper A4, box of 5 reams", 1890, 3450},
                                             {"Toner cartridge black", 4990, 12900},
                                             {"Managed hosting, monthly", 4900, 39900},
                                             {"Software licence, per seat", 1200, 9900},
                                             {"Website maintenance", 15000, 60000},
                                             {"Pallet delivery", 3900, 14500},
                                             {"Steel brackets M8, pack of 50", 2290, 5990},
                                             {"Safety gloves, pair", 290, 1290},
                                             {"Electrical inspection", 12000, 34000},
                                             {"Cleaning of premises, weekly", 8000, 26000},
                                             {"Translation, per 1,000 words", 9000, 19000},
                                             {"Graphic design, brochure", 25000, 90000},
                                             {"Forklift rental (day)", 8900, 19900},
                                             {"Catering for 20 persons", 24000, 68000},
                                             {"Network switch 24 ports", 14900, 49900},
                                             {"Office chair, ergonomic", 14900, 38900},
                                             {"Aluminium profile 40x40, 2 m", 1590, 3990},
                                             {"Training course, one participant", 29000, 89000},
                                             {"Annual support contract", 60000, 240000},
                                             {"Corrugated boxes, bundle of 25", 1990, 4590},
                                             {"Data recovery, flat fee", 19000, 49000},
                                             {"Waste disposal, container", 15900, 38900},
                                             {"Photography, half day", 30000, 75000},
                                             {"Air filter replacement", 3500, 9900}};

void words_person(struct dice *d, char out[WORDS_SIZE]) {
    const char *first = DICE_PICK(d, first_names);
    snprintf(out, WORDS_SIZE, "%s %s", first, DICE_PICK(d, surnames));
}

void words_company(struct dice *d, char out[WORDS_SIZE]) {
    const char *first = dice_chance(d, 80) ? DICE_PICK(d, company_first) : DICE_PICK(d, surnames);
    const char *second = DICE_PICK(d, company_second);
    snprintf(out, WORDS_SIZE, "%s %s %s", first, second, DICE_PICK(d, company_form));
}

void words_street(struct dice *d, char out[WORDS_SIZE]) {
    int number = dice_between(d, 1, 240);
    const char *name = DICE_PICK(d, street_names);
    snprintf(out, WORDS_SIZE, "%d %s %s", number, name, DICE_PICK(d, street_forms));
}

void words_city(struct dice *d, char out[WORDS_SIZE]) {
    int code = dice_between(d, 10000, 99999);
    const char *city = DICE_PICK(d, cities);
    if (dice_chance(d, 50))
        snprintf(out, WORDS_SIZE, "%d %s", code, city);
    else
        snprintf(out, WORDS_SIZE, "%s %d", city, code);
}

void words_digits(struct dice *d, unsigned count, char out[WORDS_SIZE]) {
    CHECK(count < WORDS_SIZE);
    for (unsigned i = 0; i < count; i++)
        out[i] = (char)('0' + dice_below(d, 10));
    out[count] = '\0';
}

void words_phone(struct dice *d, char out[WORDS_SIZE]) {
    char a[WORDS_SIZE], b[WORDS_SIZE];
    words_digits(d, 3, a);
    words_digits(d, 4, b);
    switch (dice_below(d, 4)) {
    case 0: snprintf(out, WORDS_SIZE, "555-0%.5s-%.5s", a, b); break;
    case 1: snprintf(out, WORDS_SIZE, "(555) %.5s-%.5s", a, b); break;
    case 2: snprintf(out, WORDS_SIZE, "+1 555 %.5s %.5s", a, b); break;
    default: snprintf(out, WORDS_SIZE, "0555 %.5s%.5s", a, b); break;
    }
}

int words_day(struct dice *d) {
    return dice_between(d, 18993, 20400); /* 2022 to 2025 */
}

void words_date(int day, unsigned style, char out[WORDS_SIZE]) {
    static const char *const forms[DATE_STYLES] = {"%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y",
                                                   "%m/%d/%Y", "%d %B %Y", "%B %d, %Y"};
    time_t seconds = (time_t)day * 86400;
    struct tm tm;
    CHECK(gmtime_r(&seconds, &tm) && style < DATE_STYLES);
    CHECK(strftime(out, WORDS_SIZE, forms[style], &tm) > 0);
}

struct words_currency words_currency(struct dice *d) {
    static const struct words_currency currencies[] = {
        {"$", "", '.', ','},    {"$", "", '.', '\0'},    {"£", "", '.', ','},    {"€", "", '.', ','},
        {"", " EUR", ',', '.'}, {"", " EUR", '.', '\0'}, {"USD ", "", '.', ','}, {"RM ", "", '.', '\0'},
        {"", "", '.', '\0'},    {"CHF ", "", '.', '\''}};
    return currencies[dice_below(d, ARRAY_COUNT(currencies))];
}

void words_figure(const struct words_currency *currency, long cents, char out[WORDS_SIZE]) {
    char digits[24];
    bool negative = cents < 0;
    int n = snprintf(digits, sizeof digits, "%03ld", negative ? -cents : cents);
    size_t at = 0;
    if (negative)
        out[at++] = '-';
    for (int i = 0; i < n; i++) {
        int left = n - 2 - i; /* digits before the point, this one included */
        if (left == 0)
            out[at++] = currency->point;
        else if (i > 0 && left > 0 && left % 3 == 0 && currency->group)
            out[at++] = currency->group;
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void words_amount(const struct words_currency *currency, long cents, char out[WORDS_SIZE]) {
    char figure[WORDS_SIZE];
    words_figure(currency, cents, figure);
    snprintf(out, WORDS_SIZE, "%s%.40s%s", currency->before, figure, currency->after);
}

const struct words_good *words_grocery(struct dice *d) {
    return &groceries[dice_below(d, ARRAY_COUNT(groceries))];
}

const struct words_good *words_service(struct dice *d) {
    return &services[dice_below(d, ARRAY_COUNT(services))];
}

long words_price(struct dice *d, const struct words_good *good) {
    return dice_between(d, (int)good->low, (int)good->high);
}

static void write_amount(struct dice *d, char out[WORDS_SIZE]) {
    struct words_currency currency = words_currency(d);
    words_amount(&currency, dice_chance(d, 30) ? dice_between(d, 5, 200) * 100 : dice_between(d, 499, 90000),
                 out);
}

static void write_date(struct dice *d, char out[WORDS_SIZE]) {
    int day = words_day(d);
    words_date(day, dice_below(d, DATE_STYLES), out);
}

static void write_number(struct dice *d, char out[WORDS_SIZE]) {
    words_digits(d, (unsigned)dice_between(d, 5, 9), out);
    if (out[0] == '0')
        out[0] = '4';
}

static void write_email(struct dice *d, char out[WORDS_SIZE]) {
    const char *first = DICE_PICK(d, surnames);
    snprintf(out, WORDS_SIZE, "%s%d@example.com", first, dice_between(d, 1, 99));
}

static void write_first(struct dice *d, char out[WORDS_SIZE]) {
    snprintf(out, WORDS_SIZE, "%s", DICE_PICK(d, first_names));
}

static void write_surname(struct dice *d, char out[WORDS_SIZE]) {
    snprintf(out, WORDS_SIZE, "%s", DICE_PICK(d, surnames));
}

static void write_product(struct dice *d, char out[WORDS_SIZE]) {
    snprintf(out, WORDS_SIZE, "%s", DICE_PICK(d, products));
}

static void write_month(struct dice *d, char out[WORDS_SIZE]) {
    snprintf(out, WORDS_SIZE, "%s", DICE_PICK(d, months));
}

void words_write(struct buf *out, struct dice *d, struct str kind) {
    static const struct {
        const char *name;
        void (*write)(struct dice *d, char out[WORDS_SIZE]);
    } kinds[] = {{"person", words_person},   {"first", write_first},   {"surname", write_surname},
                 {"company", words_company}, {"street", words_street}, {"city", words_city},
                 {"date", write_date},       {"amount", write_amount}, {"product", write_product},
                 {"number", write_number},   {"email", write_email},   {"phone", words_phone},
                 {"month", write_month}};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_eq(kind, str_from(kinds[i].name))) {
            char word[WORDS_SIZE];
            kinds[i].write(d, word);
            buf_add_str(out, str_from(word));
            return;
        }
    CHECK(!"a word of a known kind");
}
