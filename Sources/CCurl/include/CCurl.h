// One HTTP POST after another through the system's libcurl, which is loaded when it is first needed: a daemon
// that notifies nobody neither needs nor maps it, nor the thirty libraries that it brings.
//
// Only functions and numbers that libcurl promises to keep for so.4 are used, all of them in 7.68 or before.
#ifndef TIDEMARK_CCURL_H
#define TIDEMARK_CCURL_H

#include <stddef.h>

// What is kept of an answer's body, for a person; and the most that is taken before the connection is cut.
#define TIDEMARK_HTTP_KEPT_BYTES 256
#define TIDEMARK_HTTP_TAKEN_BYTES (64 << 10)

typedef struct {
  const char *url;
  // `Name: value`, `header_count` of them.
  const char *const *headers;
  size_t header_count;
  const void *body;
  size_t body_size;
  // A file of certificates to trust in place of the system's; NULL for those.
  const char *ca_file;
  // Not by way of a proxy, whatever the environment says.
  int is_direct;
  long connect_milliseconds;
  // For all of it.
  long timeout_milliseconds;
} tidemark_http_request;

typedef struct {
  // Of the last answer; 0 when there was none.
  long status;
  // 1 when an answer came whole, or as much as is taken of one.
  int is_complete;
  // Why there was none.
  char words[256];
  // The value of `Retry-After`; empty when there is none.
  char retry_after[64];
  char body[TIDEMARK_HTTP_KEPT_BYTES];
  size_t body_size;
} tidemark_http_answer;

// A connection that is kept from one request to the next. One thread at a time.
typedef struct tidemark_http tidemark_http;

// Loads libcurl. Returns NULL when it is there, or why not: words that live as long as the process.
const char *tidemark_http_load(void);

// NULL when libcurl is not there, or memory is short.
tidemark_http *tidemark_http_make(void);

void tidemark_http_free(tidemark_http *http);

// Sends a request and waits for its end. Redirects are not followed, and certificates are checked.
void tidemark_http_post(
  tidemark_http *http, const tidemark_http_request *request, tidemark_http_answer *answer);

// From any thread: ends the request under way at once, and every later one.
void tidemark_http_cancel(tidemark_http *http);

#endif
