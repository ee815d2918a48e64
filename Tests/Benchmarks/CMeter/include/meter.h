#pragma once
#include <stddef.h>

/// Bytes of the heap that were asked for and not given back; 0 where the C library does not tell.
size_t heap_in_use(void);

/// Processor time of this process, which does not count what others took.
long long processor_ns(void);
