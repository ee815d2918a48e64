#ifndef TIDEMARK_CKERNELS_H
#define TIDEMARK_CKERNELS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Per-column moments of a row-major matrix, as five arrays of one element a column.

   `count` is how many values are finite; the others speak of those alone. NaN and infinities are
   left out. `m2` is the sum of squared distances from the mean, so population variance is
   m2 / count. An empty column has count 0, mean 0, m2 0, min +inf, max -inf. */
typedef struct {
  double *count;
  double *mean;
  double *m2;
  double *min;
  double *max;
} tidemark_moments;

/* Folds `rows` × `columns` values into `moments`, which holds what came before (or an empty
   state). `values` need not be aligned.

   One pass over memory: tiles of 8 rows, of which each column's mean and m2 are merged into the
   running ones (Chan, Golub, LeVeque 1983), so that neither a large mean nor an outlier in the
   first row costs digits. Column blocks are held in vector registers; on x86-64 Linux the widest
   that the processor has is chosen at run time. */
void tidemark_fold_columns(const void *values, size_t rows, size_t columns,
                           tidemark_moments moments);

/* How values are stored, little-endian. A bool is one byte: 0 counts as 0, all else as 1. */
typedef enum {
  TIDEMARK_FLOAT64,
  TIDEMARK_FLOAT32,
  TIDEMARK_INT64,
  TIDEMARK_INT32,
  TIDEMARK_BOOL
} tidemark_format;

/* Adds each column's finite values, less the column's `origin`, to `sum`, and how many they are to
   `count`: what a mean needs and no more, at the speed of reading memory. Otherwise as
   tidemark_fold_columns. `values` are read where they are, in any of the formats, as the nearest doubles.

   The origin is what the mean is compared with: a column that equals it sums to 0 exactly, where the
   difference of two rounded means would be noise that a small deviation turns into a large score. */
void tidemark_sum_columns(const void *values, tidemark_format format, size_t rows, size_t columns,
                          const double *origin, double *count, double *sum);

/* Writes `count` values of any format as the nearest doubles. */
void tidemark_widen(const void *values, tidemark_format format, size_t count, double *out);

/* The sum of (part · of_part − total · of_total)² over `count` numbers. */
double tidemark_squared_distance(const double *part, const double *total, double of_part, double of_total,
                                 size_t count);

/* The sum of (a − mean) · (b − mean) over `count` numbers. */
double tidemark_centred_product(const double *a, const double *b, const double *mean, size_t count);

/* to += from. */
void tidemark_add(double *to, const double *from, size_t count);

/* scale · cos(frequencies · row + phase) for each feature, whose frequencies are `columns` numbers side by side. */
void tidemark_cosines(const double *frequencies, const double *phases, const double *row, size_t columns,
                      size_t features, double scale, double *out);

/* libm for rooms that know no Foundation; its last digits may be another library's own. */
static inline double tidemark_cos(double x) { return cos(x); }
static inline double tidemark_erfc(double x) { return erfc(x); }

/* Tables of bins. Columns stand in blocks of 8, and in a block bin after bin, the 8 columns of each side
   by side: what a processor adds, compares or takes logarithms of at once lies together. A table whose
   columns are no multiple of 8 has a last block with columns that nothing is asked of.

   Bin 0 is what is missing; the others are a column's own, as many as it uses. */
enum {
  TIDEMARK_BLOCK = 8,
  TIDEMARK_BINS = 22,
  /* Lower bounds of the bins of numbers, bins 1 to 20, ascending: -inf first, +inf where there is none. */
  TIDEMARK_BOUNDS = 20
};

/* Adds the bins of each column's values to `counts`, a block's being 22 x 8. Bin 0 counts NaN and
   infinities, bin j what is at least bound j - 1 and below bound j. `values` are read where they are, in
   any of the formats, as the nearest doubles; the matrix's first column is column `first` of the table,
   of which `bounds` (20 x 8 a block) and `counts` are the whole. */
void tidemark_count_bins(const void *values, tidemark_format format, size_t rows, size_t columns,
                         size_t first, const double *bounds, uint32_t *counts);

/* The natural logarithm of each of `count` positive normal numbers, within 1 ulp, alike on every
   processor. */
void tidemark_log(const double *x, size_t count, double *out);

/* lnΓ of each of `count` numbers from 1e-290 to 1e300: off by less than 1e-14, or than 1e-15 times the
   result where that is more. */
void tidemark_log_gamma(const double *x, size_t count, double *out);

/* ln(e^a + e^b); -inf stands for nothing. */
double tidemark_log_add(double a, double b);

/* Start times and their weights, for detectors that hold "all is as the reference" against "all since
   this start is something else", by Dirichlet-multinomial likelihoods of counts in bins. */
enum {
  /* Starts that a column has at most. */
  TIDEMARK_STARTS = 12,
  /* Where a sum of counts is halved, so that none overflows: 2^30 since a start, 2^31 in all. A start never
     knows more than what is learnt in all, so that the halving alone is no evidence. */
  TIDEMARK_MOST_SINCE_START = 1 << 30
};
#define TIDEMARK_MOST_LEARNT 2147483648.0

/* What is fixed for a column: 1/φ, by which counts are scaled as evidence; how many bins it uses; rows of
   the reference; κ, for how many rows the reference counts at a start. */
enum {
  TIDEMARK_INVERSE,
  TIDEMARK_IN_USE,
  TIDEMARK_REFERENCE_ROWS,
  TIDEMARK_STRENGTH,
  TIDEMARK_SETTINGS
};

/* What a step says of a column: ln Σ of the weights, the heaviest start's number, the rows since it, and
   their population stability index against the reference. */
enum { TIDEMARK_EVIDENCE, TIDEMARK_HEAVIEST, TIDEMARK_ROWS, TIDEMARK_INDEX, TIDEMARK_OUTCOMES };

/* The arrays of such a table, in blocks of 8 columns. */
typedef struct {
  const double *settings;     /* TIDEMARK_SETTINGS a block */
  const uint32_t *reference;  /* 22: counts of the reference */
  const uint32_t *batch;      /* 22: counts of the batch */
  uint32_t *learnt;           /* 22: counts of all batches so far */
  double *learnt_levels;      /* 1: their level, see tidemark_start_levels */
  uint32_t *counts;           /* 12 x 22: counts since each start */
  double *levels;             /* 12: their levels */
  double *weights;            /* 12: logarithms; -inf for a start that is not there */
  const uint32_t *fresh;      /* 1: the start that begins with this batch; beyond 11 for none */
  const uint32_t *learns;     /* 1: all bits set where the batch joins what is learnt, else 0 */
  double *outcomes;           /* TIDEMARK_OUTCOMES */
} tidemark_starts;

/* One batch for `blocks` blocks. Each start's weight is multiplied by how likely the batch is after what
   came since the start (a Dirichlet prior of κ rows around the reference, and the counts since), over
   how likely it is after all that is learnt (a prior of ½ a bin, the reference, and all batches); then
   the batch, of 2^30 rows at most, joins the counts. No column depends on its neighbours, and all processors
   agree to the last bit. */
void tidemark_weigh_starts(tidemark_starts starts, size_t blocks);

/* The same without wide instructions, to hold the other to. */
void tidemark_weigh_starts_narrow(tidemark_starts starts, size_t blocks);

/* The levels of one table of counts (22 a block) under both priors: Σ lnΓ(α + c/φ) − lnΓ(Σα + Σc/φ). The
   logarithm of a Dirichlet-multinomial likelihood is the difference of two levels. */
void tidemark_start_levels(const double *settings, const uint32_t *reference, const uint32_t *counts,
                           size_t blocks, double *start_levels, double *learnt_levels);

/* For one column of such tables, and one block's table of counts: the population stability index of
   the counts against the reference, and their sum. */
double tidemark_stability_index(const double *settings, const uint32_t *reference, size_t column,
                                const uint32_t *counts, double *total);

/* Whether a column's distribution goes on moving away from the reference: of the rows in `later` those
   that are in `latest` too against those that are not, by the mean of ln(q/p), q being the distribution of
   `whole` and p the reference, in its standard errors (√φ wider). 0 without rows in either. */
double tidemark_trend(const double *settings, const uint32_t *reference, size_t column,
                      const uint32_t *whole, const uint32_t *later, const uint32_t *latest);

#endif
