#ifndef TIDEMARK_FUZZ_DRIVER_H
#define TIDEMARK_FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own entry for programs that have a main (llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a
   library"). */
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*callback)(const uint8_t *data, size_t size));

#endif
