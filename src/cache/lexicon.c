#include "cache/lexicon.h"

#include "cache/wording.h"

#include <string.h>

/* Lists of words with a space around each. */
static const char plain[] =
    " a an the this that these those is are was were be been being am it its it's i'm i'd i've i'll you're "
    "i me my mine we us our ours you your yours he him his she her they them their "
    "of and or but if then so as at by in on for with about do does did done have has had having "
    "can could will would shall should may might must please there here just also too very really get got "
    "any some such much many lot kind way what's that's there's how's where's who's hi hello hey thanks ok ";
static const char negations[] = " not no never cannot cant can't dont don't wont won't doesnt doesn't didnt "
                                "didn't isnt isn't arent aren't "
                                "wasnt wasn't werent weren't hasnt hasn't havent haven't hadnt hadn't "
                                "shouldnt shouldn't couldnt couldn't "
                                "wouldnt wouldn't mustnt mustn't neednt needn't without none nobody nothing "
                                "neither nor nowhere unable aint "
                                "ain't impossible nicht kein keine nie ohne pas jamais sans nunca sin ";
static const char directions[] =
    " from to into onto out off before after until since than over under above below "
    "between against via through towards toward versus vs ";
static const char questions[] = " how what why when where who whom whose which ";
static const char exact[] =
    " today tomorrow yesterday tonight monday tuesday wednesday thursday friday saturday sunday january "
    "february april "
    "june july august september october november december jan feb apr jun jul aug sep sept oct nov dec first "
    "second "
    "third fourth fifth except half triple quarter daily weekly monthly yearly annual annually hourly ";

static bool listed(const char *list, struct str word) {
    char padded[WORDING_WORD_BYTES_MAX + 3];
    if (word.n == 0 || word.n > WORDING_WORD_BYTES_MAX)
        return false;
    padded[0] = ' ';
    memcpy(padded + 1, word.p, word.n);
    padded[word.n + 1] = ' ';
    padded[word.n + 2] = '\0';
    return strstr(list, padded) != NULL;
}

unsigned lexicon_flags(struct str word) {
    static const struct {
        const char *list;
        unsigned flags;
    } kinds[] = {
        {plain, WORD_PLAIN},        {negations, WORD_NEGATION}, {directions, WORD_DIRECTION},
        {questions, WORD_QUESTION}, {exact, WORD_EXACT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (listed(kinds[i].list, word))
            return kinds[i].flags;
    return 0;
}

int64_t lexicon_number(struct str word, bool *scale) {
    static const struct {
        const char *word;
        int64_t value;
    } numbers[] = {
        {"zero", 0},        {"one", 1},           {"two", 2},
        {"three", 3},       {"four", 4},          {"five", 5},
        {"six", 6},         {"seven", 7},         {"eight", 8},
        {"nine", 9},        {"ten", 10},          {"eleven", 11},
        {"twelve", 12},     {"thirteen", 13},     {"fourteen", 14},
        {"fifteen", 15},    {"sixteen", 16},      {"seventeen", 17},
        {"eighteen", 18},   {"nineteen", 19},     {"twenty", 20},
        {"thirty", 30},     {"forty", 40},        {"fifty", 50},
        {"sixty", 60},      {"seventy", 70},      {"eighty", 80},
        {"ninety", 90},     {"hundred", 100},     {"dozen", 12},
        {"thousand", 1000}, {"million", 1000000}, {"billion", 1000000000},
    };
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        if (str_eq(word, str_from(numbers[i].word))) {
            *scale = numbers[i].value >= 100 || str_eq(word, STR("dozen"));
            return numbers[i].value;
        }
    return -1;
}

uint32_t lexicon_unit(struct str word) {
    static const char *const units[] = {
        " $ dollar dollars usd bucks ",
        " € euro euros eur ",
        " £ pound pounds gbp quid ",
        " ¥ yen jpy ",
        " % percent pct ",
        " cent cents ",
        " kg kilo kilos kilogram kilograms ",
        " g gram grams ",
        " lb lbs ",
        " oz ounce ounces ",
        " km kilometer kilometers kilometre kilometres ",
        " m meter meters metre metres ",
        " cm centimeter centimeters ",
        " mm millimeter millimeters ",
        " mile miles mi ",
        " inch inches ",
        " ft foot feet ",
        " yard yards ",
        " s sec secs second seconds ",
        " min mins minute minutes ",
        " h hr hrs hour hours ",
        " day days ",
        " week weeks ",
        " month months ",
        " year years ",
        " ms millisecond milliseconds ",
        " l liter liters litre litres ",
        " ml milliliter milliliters ",
        " kb ",
        " mb ",
        " gb ",
        " tb ",
        " am ",
        " pm ",
        " inr rupee rupees ",
        " chf franc francs ",
        " aud ",
        " cad ",
        " celsius ",
        " fahrenheit ",
        " degrees degree ",
    };
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (listed(units[i], word))
            return (uint32_t)i + 1;
    return 0;
}

size_t lexicon_stem_length(struct str word) {
    static const char *const endings[] = {"ing", "ies", "ed", "es", "'s", "ly", "s", "e", "y"};
    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        struct str ending = str_from(endings[i]);
        if (word.n >= ending.n + 3 && str_ends(word, ending))
            return word.n - ending.n;
    }
    return word.n;
}

/* Stems, an opposite pair after the other. */
static const char *const opposites[][2] = {
    {"increas", "decreas"},
    {"increas", "reduc"},
    {"rais", "lower"},
    {"buy", "sell"},
    {"bought", "sold"},
    {"open", "clos"},
    {"enabl", "disabl"},
    {"activat", "deactivat"},
    {"block", "unblock"},
    {"befor", "after"},
    {"send", "receiv"},
    {"sent", "receiv"},
    {"deposit", "withdraw"},
    {"add", "remov"},
    {"add", "delet"},
    {"creat", "delet"},
    {"up", "down"},
    {"on", "off"},
    {"mor", "less"},
    {"more", "less"},
    {"minimum", "maximum"},
    {"min", "max"},
    {"start", "stop"},
    {"begin", "end"},
    {"start", "end"},
    {"accept", "reject"},
    {"accept", "declin"},
    {"approv", "declin"},
    {"approv", "reject"},
    {"lock", "unlock"},
    {"true", "fals"},
    {"cheap", "expensiv"},
    {"high", "low"},
    {"higher", "lower"},
    {"highest", "lowest"},
    {"first", "last"},
    {"left", "right"},
    {"credit", "debit"},
    {"lend", "borrow"},
    {"arriv", "depart"},
    {"arriv", "leav"},
    {"import", "export"},
    {"upload", "download"},
    {"allow", "forbid"},
    {"allow", "deni"},
    {"allow", "prevent"},
    {"includ", "exclud"},
    {"with", "without"},
    {"old", "new"},
    {"best", "worst"},
    {"better", "wors"},
    {"alway", "never"},
    {"incom", "outgo"},
    {"physical", "virtual"},
    {"subscrib", "unsubscrib"},
    {"push", "pull"},
    {"positiv", "negativ"},
    {"win", "los"},
    {"hot", "cold"},
    {"day", "night"},
    {"morn", "even"},
    {"above", "below"},
    {"abov", "below"},
    {"over", "under"},
    {"install", "uninstall"},
    {"connect", "disconnect"},
    {"legal", "illegal"},
    {"possibl", "impossibl"},
    {"yes", "no"},
    {"good", "bad"},
    {"big", "small"},
    {"larg", "small"},
    {"fast", "slow"},
    {"earl", "lat"},
    {"earlier", "later"},
    {"mal", "femal"},
    {"man", "woman"},
    {"men", "women"},
    {"mother", "father"},
    {"son", "daughter"},
    {"husband", "wif"},
    {"public", "privat"},
    {"profit", "loss"},
    {"asset", "liabilit"},
    {"pay", "refund"},
    {"charg", "refund"},
    {"hir", "fir"},
    {"publish", "unpublish"},
    {"show", "hid"},
    {"insid", "outsid"},
    {"north", "south"},
    {"east", "west"},
    {"input", "output"},
    {"read", "writ"},
    {"next", "last"},
    {"next", "previou"},
    {"next", "previous"},
    {"grant", "revok"},
    {"encrypt", "decrypt"},
};

static struct str stem(struct str word) {
    return str_slice(word, 0, lexicon_stem_length(word));
}

/* "un" before the other word, and the like. */
static bool prefixed(struct str longer, struct str word) {
    static const char *const prefixes[] = {"un", "de", "dis", "in", "im", "non", "ir", "mis"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (word.n >= 3 && longer.n == word.n + n && str_starts(longer, str_from(prefixes[i])) &&
            str_ends(longer, word))
            return true;
    }
    return false;
}

bool lexicon_opposites(struct str a, struct str b) {
    struct str s = stem(a), t = stem(b);
    for (size_t i = 0; i < ARRAY_COUNT(opposites); i++) {
        struct str one = str_from(opposites[i][0]), other = str_from(opposites[i][1]);
        if ((str_eq(s, one) && str_eq(t, other)) || (str_eq(s, other) && str_eq(t, one)))
            return true;
    }
    return prefixed(s, t) || prefixed(t, s);
}
