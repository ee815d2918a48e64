#ifndef TIDEMARK_CKERNELS_H
#define TIDEMARK_CKERNELS_H

#include <math.h>
#include <stddef.h>

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

/* libm for rooms that know no Foundation. */
static inline double tidemark_log(double x) { return log(x); }
static inline double tidemark_log1p(double x) { return log1p(x); }
static inline double tidemark_exp(double x) { return exp(x); }
static inline double tidemark_cos(double x) { return cos(x); }
static inline double tidemark_erfc(double x) { return erfc(x); }
static inline double tidemark_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

#endif
