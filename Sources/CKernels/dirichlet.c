#include "CKernels.h"

#include <math.h>
#include <string.h>

#include "lanes.h"

enum { BINS = TIDEMARK_BINS, STARTS = TIDEMARK_STARTS };
_Static_assert(LANES == TIDEMARK_BLOCK, "a block of columns is a vector");

typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t)), aligned(4), may_alias));
#define WORDS(p) (*(const words *)(p))
#define REAL(w) __builtin_convertvector(w, lanes)

INLINE int any(const mask *m) {
  long long found = 0;
  for (int i = 0; i < LANES; i++) found |= (*m)[i];
  return found != 0;
}

/* The natural logarithm of positive normal numbers, within 1 ulp: the reduction and the polynomial of
   fdlibm's e_log.c (Sun Microsystems, 1993: "permission to use, copy, modify, and distribute this
   software is freely granted, provided that this notice is preserved"). */
INLINE void log_lanes(const lanes *x, lanes *out) {
  /* x = 2^k · m with m in [√½, √2). */
  const long long root = 0x3fe6a09e667f3bcdLL;
  mask bits = (mask)*x + (0x3ff0000000000000LL - root);
  /* Logical and not arithmetic shifts, for which AVX2 has no instruction; x is positive. */
  typedef unsigned long long natural __attribute__((vector_size(LANES * sizeof(double))));
  mask exponent = (mask)((natural)bits >> 52);
  lanes k = (lanes)(exponent | 0x4330000000000000LL) - (0x1p52 + 1023);
  lanes f = (lanes)((bits & 0x000fffffffffffffLL) + root) - 1.0;
  lanes s = f / (f + 2.0), z = s * s, w = z * z, half = 0.5 * f * f;
  lanes odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  lanes even = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01
             + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  *out = k * 6.93147180369123816490e-01
       - ((half - (s * (half + (odd + even)) + k * 1.90821492927058770002e-10)) - f);
}

/* e^x for x of at most 0, -inf too; 0 below -700. Within 2 ulp: Taylor's polynomial of degree 13 after
   reduction to |r| ≤ ln 2 / 2. */
INLINE void exp_lanes(const lanes *x, lanes *out) {
  const lanes zero = {0};
  const double magic = 0x1.8p52;
  mask tiny = ~(*x >= zero - 700.0);
  lanes from = SELECT(tiny, zero, *x);
  lanes shifted = from * 1.44269504088896338700e+00 + magic, k = shifted - magic;
  lanes r = (from - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  lanes p = zero + 1.0 / 6227020800;
  const double terms[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                          1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1};
  for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) p = p * r + terms[i];
  *out = SELECT(tiny, zero, (lanes)((mask)p + ((mask)shifted << 52)));
}

/* lnΓ(x) by Stirling's series to z^-13 for z ≥ 8, where what is left out is below 1e-15; a smaller x is
   shifted by 8 and the logarithm of x (x+1) … (x+7) taken off. */
INLINE void log_gamma_lanes(const lanes *x, lanes *out) {
  const lanes zero = {0};
  lanes z = *x, product = zero + 1.0, logarithm, shift = zero;
  const mask small = z < zero + 8.0;
  const int shifts = any(&small);
  if (shifts) {
    for (int i = 0; i < 8; i++) product *= z + (double)i;
    product = SELECT(small, product, zero + 1.0);
    /* The logarithm of 1 is 0 to the last bit: a lane does not depend on its neighbours. */
    log_lanes(&product, &shift);
    z = SELECT(small, z + 8.0, z);
  }
  log_lanes(&z, &logarithm);
  lanes r = 1.0 / z, q = r * r;
  lanes series = r * (1.0 / 12 - q * (1.0 / 360 - q * (1.0 / 1260 - q * (1.0 / 1680
               - q * (1.0 / 1188 - q * (691.0 / 360360 - q * (1.0 / 156)))))));
  /* ½ ln 2π − ½ */
  *out = (z - 0.5) * (logarithm - 1.0) + (0.41893853320467274178 + series) - shift;
}

#define MAP(name, function)                                                  \
  INLINE void name##_body(const double *x, size_t count, double *out) {      \
    for (size_t first = 0; first < count; first += LANES) {                  \
      const size_t width = count - first < LANES ? count - first : LANES;    \
      lanes block = (lanes){0} + 1.0, result;                                \
      memcpy(&block, x + first, width * sizeof(double));                     \
      function(&block, &result);                                             \
      memcpy(out + first, &result, width * sizeof(double));                  \
    }                                                                        \
  }
MAP(log_gamma, log_gamma_lanes)
MAP(logarithm, log_lanes)

WIDEST void tidemark_log_gamma(const double *x, size_t count, double *out) { log_gamma_body(x, count, out); }
WIDEST void tidemark_log(const double *x, size_t count, double *out) { logarithm_body(x, count, out); }

double tidemark_log_add(double a, double b) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  if (low == -INFINITY) return high;
  lanes x = (lanes){0} + (low - high), power, sum;
  exp_lanes(&x, &power);
  power += 1.0;
  log_lanes(&power, &sum);
  return high + sum[0];
}

/* What a block's columns are compared with: weights of bins and their sum. */
typedef struct {
  lanes alpha[BINS], total, inverse, bins;
} prior;

/* The level of counts under a prior: Σ lnΓ(α + c/φ) − lnΓ(Σα + Σc/φ). A bin that a column does not use
   adds 0, whether or not it is computed for a neighbour's sake. */
INLINE void level_of(const prior *p, const uint32_t *counts, size_t bins, lanes *rows, lanes *level) {
  words sum = {0};
  lanes result = {0}, x, value;
  for (size_t j = 0; j < bins; j++) {
    words c = WORDS(counts + j * LANES);
    sum += c;
    x = p->alpha[j] + REAL(c) * p->inverse;
    log_gamma_lanes(&x, &value);
    result += (lanes)((mask)value & ((lanes){0} + (double)j < p->bins));
  }
  *rows = REAL(sum);
  x = p->total + *rows * p->inverse;
  log_gamma_lanes(&x, &value);
  *level = result - value;
}

INLINE void priors_of(const double *settings, const uint32_t *reference, size_t bins,
                      prior *start, prior *learnt) {
  const lanes one = (lanes){0} + 1.0;
  start->inverse = learnt->inverse = LOAD(settings + TIDEMARK_INVERSE * LANES);
  start->bins = learnt->bins = LOAD(settings + TIDEMARK_IN_USE * LANES);
  const lanes rows = LOAD(settings + TIDEMARK_REFERENCE_ROWS * LANES);
  learnt->total = rows * learnt->inverse + 0.5 * learnt->bins;
  start->total = LOAD(settings + TIDEMARK_STRENGTH * LANES);
  const lanes scale = start->total / SELECT(learnt->total > 0 * one, learnt->total, one);
  for (size_t j = 0; j < bins; j++) {
    mask used = one * (double)j < start->bins;
    lanes alpha = REAL(WORDS(reference + j * LANES)) * learnt->inverse + 0.5;
    learnt->alpha[j] = SELECT(used, alpha, one);
    start->alpha[j] = SELECT(used, alpha * scale, one);
  }
}

/* Halves the counts of the columns whose sum is above `most`, and takes their level anew. */
INLINE void halve(const prior *p, uint32_t *counts, size_t bins, double most, lanes *rows, lanes *level) {
  mask large = *rows > (lanes){0} + most;
  if (!any(&large)) return;
  words shift = __builtin_convertvector(large & 1, words);
  for (size_t j = 0; j < bins; j++) *(words *)(counts + j * LANES) = WORDS(counts + j * LANES) >> shift;
  level_of(p, counts, bins, rows, level);
}

/* Bins that at least one of the block's columns uses. */
INLINE size_t bins_of(const double *settings) {
  size_t most = 0;
  for (size_t i = 0; i < LANES; i++) {
    const size_t own = (size_t)settings[TIDEMARK_IN_USE * LANES + i];
    if (own > most) most = own;
  }
  return most < BINS ? most : BINS;
}

/* The population stability index of smoothed counts against the smoothed reference. */
INLINE void stability_index(const double *settings, const uint32_t *reference, const words *counts,
                            const lanes *rows, size_t bins, lanes *index) {
  const lanes used = LOAD(settings + TIDEMARK_IN_USE * LANES), zero = {0};
  const lanes before = LOAD(settings + TIDEMARK_REFERENCE_ROWS * LANES) + 0.5 * used;
  const lanes after = *rows + 0.5 * used;
  const lanes per_before = 1.0 / SELECT(before > zero, before, zero + 1.0);
  const lanes per_after = 1.0 / SELECT(after > zero, after, zero + 1.0);
  lanes result = zero;
  for (size_t j = 0; j < bins; j++) {
    lanes p = (REAL(WORDS(reference + j * LANES)) + 0.5) * per_before;
    lanes q = (REAL(counts[j]) + 0.5) * per_after, ratio = q / p, logarithm;
    log_lanes(&ratio, &logarithm);
    result += (lanes)((mask)((q - p) * logarithm) & (zero + (double)j < used));
  }
  *index = result;
}

INLINE void weigh_block(tidemark_starts t, size_t b) {
  const size_t table = BINS * LANES, column = b * LANES;
  const double *settings = t.settings + b * TIDEMARK_SETTINGS * LANES;
  const uint32_t *reference = t.reference + b * table, *batch = t.batch + b * table;
  uint32_t *learnt = t.learnt + b * table, *counts = t.counts + b * STARTS * table;
  double *levels = t.levels + b * STARTS * LANES, *weights = t.weights + b * STARTS * LANES;
  double *outcome = t.outcomes + b * TIDEMARK_OUTCOMES * LANES;
  const size_t bins = bins_of(settings);
  prior start, all;
  priors_of(settings, reference, bins, &start, &all);

  /* The common denominator: how well all that came before foretold this batch. */
  uint32_t tentative[BINS * LANES];
  for (size_t j = 0; j < bins; j++)
    *(words *)(tentative + j * LANES) = WORDS(learnt + j * LANES) + WORDS(batch + j * LANES);
  lanes rows, level, learnt_level = LOAD(t.learnt_levels + column);
  level_of(&all, tentative, bins, &rows, &level);
  const lanes common = level - learnt_level;
  halve(&all, tentative, bins, TIDEMARK_MOST_LEARNT, &rows, &level);
  const words learns = WORDS(t.learns + column);
  const mask learns_wide = -__builtin_convertvector(learns & 1, mask);
  STORE(t.learnt_levels + column, SELECT(learns_wide, level, learnt_level));
  for (size_t j = 0; j < bins; j++) {
    words now = WORDS(tentative + j * LANES), then = WORDS(learnt + j * LANES);
    *(words *)(learnt + j * LANES) = (now & learns) | (then & ~learns);
  }

  const words fresh = WORDS(t.fresh + column);
  const lanes nothing = (lanes){0} - INFINITY;
  lanes best = nothing, best_rows = {0}, best_start = {0};
  words heaviest[BINS] = {0};
  for (size_t s = 0; s < STARTS; s++) {
    double *weight = weights + s * LANES;
    lanes before = LOAD(weight);
    mask live = before > nothing;
    if (!any(&live)) continue;
    uint32_t *own = counts + s * table;
    const words keep = (words)(fresh != (uint32_t)s);
    for (size_t j = 0; j < bins; j++)
      *(words *)(own + j * LANES) = (WORDS(own + j * LANES) & keep) + WORDS(batch + j * LANES);
    level_of(&start, own, bins, &rows, &level);
    lanes now = before + ((level - LOAD(levels + s * LANES)) - common);
    halve(&start, own, bins, TIDEMARK_MOST_SINCE_START, &rows, &level);
    STORE(levels + s * LANES, level);
    now = SELECT(live, now, nothing);
    STORE(weight, now);
    const mask heavier = now > best;
    best = SELECT(heavier, now, best);
    best_rows = SELECT(heavier, rows, best_rows);
    best_start = SELECT(heavier, (lanes){0} + (double)s, best_start);
    const words chosen = __builtin_convertvector(heavier, words);
    for (size_t j = 0; j < bins; j++)
      heaviest[j] = (WORDS(own + j * LANES) & chosen) | (heaviest[j] & ~chosen);
  }

  lanes sum = {0}, index;
  for (size_t s = 0; s < STARTS; s++) {
    lanes distance = LOAD(weights + s * LANES) - best, power;
    exp_lanes(&distance, &power);
    sum += power;
  }
  sum = SELECT(best > nothing, sum, (lanes){0} + 1.0);
  log_lanes(&sum, &level);
  stability_index(settings, reference, heaviest, &best_rows, bins, &index);
  STORE(outcome + TIDEMARK_EVIDENCE * LANES, best + level);
  STORE(outcome + TIDEMARK_HEAVIEST * LANES, best_start);
  STORE(outcome + TIDEMARK_ROWS * LANES, best_rows);
  STORE(outcome + TIDEMARK_INDEX * LANES, index);
}

WIDEST void tidemark_weigh_starts(tidemark_starts starts, size_t blocks) {
  for (size_t b = 0; b < blocks; b++) weigh_block(starts, b);
}

void tidemark_weigh_starts_narrow(tidemark_starts starts, size_t blocks) {
  for (size_t b = 0; b < blocks; b++) weigh_block(starts, b);
}

WIDEST void tidemark_start_levels(const double *settings, const uint32_t *reference,
                                  const uint32_t *counts, size_t blocks, double *start_levels,
                                  double *learnt_levels) {
  for (size_t b = 0; b < blocks; b++) {
    const double *own = settings + b * TIDEMARK_SETTINGS * LANES;
    const size_t bins = bins_of(own);
    prior start, learnt;
    lanes rows, level;
    priors_of(own, reference + b * BINS * LANES, bins, &start, &learnt);
    level_of(&start, counts + b * BINS * LANES, bins, &rows, &level);
    STORE(start_levels + b * LANES, level);
    level_of(&learnt, counts + b * BINS * LANES, bins, &rows, &level);
    STORE(learnt_levels + b * LANES, level);
  }
}

WIDEST double tidemark_stability_index(const double *settings, const uint32_t *reference, size_t column,
                                       const uint32_t *counts, double *total) {
  const size_t b = column / LANES, lane = column % LANES;
  const double *own = settings + b * TIDEMARK_SETTINGS * LANES;
  const size_t bins = bins_of(own);
  words table[BINS], sum = {0};
  for (size_t j = 0; j < bins; j++) table[j] = WORDS(counts + j * LANES), sum += table[j];
  lanes rows = REAL(sum), index;
  stability_index(own, reference + b * BINS * LANES, table, &rows, bins, &index);
  *total = rows[lane];
  return index[lane];
}

WIDEST double tidemark_trend(const double *settings, const uint32_t *reference, size_t column,
                             const uint32_t *whole, const uint32_t *later, const uint32_t *latest) {
  const size_t b = column / LANES, lane = column % LANES;
  const double *own = settings + b * TIDEMARK_SETTINGS * LANES;
  const size_t bins = (size_t)own[TIDEMARK_IN_USE * LANES + lane];
  const uint32_t *from = reference + b * BINS * LANES;
  double score[BINS], ratio[BINS], sums[2] = {0}, rows[2] = {0}, before = 0, since = 0;
  for (size_t j = 0; j < bins; j++) {
    before += from[j * LANES + lane] + 0.5;
    since += whole[j * LANES + lane] + 0.5;
  }
  for (size_t j = 0; j < bins; j++)
    ratio[j] = (whole[j * LANES + lane] + 0.5) / since / ((from[j * LANES + lane] + 0.5) / before);
  logarithm_body(ratio, bins, score);
  for (size_t j = 0; j < bins; j++) {
    const double second = latest[j * LANES + lane], both = later[j * LANES + lane];
    const double first = both > second ? both - second : 0;
    sums[0] += first * score[j], rows[0] += first;
    sums[1] += second * score[j], rows[1] += second;
  }
  if (rows[0] == 0 || rows[1] == 0) return 0;
  const double means[2] = {sums[0] / rows[0], sums[1] / rows[1]};
  double squares = 0;
  for (size_t j = 0; j < bins; j++) {
    const double second = latest[j * LANES + lane], both = later[j * LANES + lane];
    const double first = both > second ? both - second : 0;
    squares += first * (score[j] - means[0]) * (score[j] - means[0]);
    squares += second * (score[j] - means[1]) * (score[j] - means[1]);
  }
  const double error = squares / (rows[0] + rows[1]) * (1 / rows[0] + 1 / rows[1])
                     / own[TIDEMARK_INVERSE * LANES + lane];
  return error > 0 ? (means[1] - means[0]) / sqrt(error) : 0;
}
