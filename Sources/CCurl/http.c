#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Numbers of libcurl's interface, which never change: curl/curl.h and curl/multi.h.
enum {
  option_writedata = 10001,
  option_url = 10002,
  option_proxy = 10004,
  option_errorbuffer = 10010,
  option_postfields = 10015,
  option_useragent = 10018,
  option_httpheader = 10023,
  option_headerdata = 10029,
  option_cainfo = 10065,
  option_writefunction = 20011,
  option_headerfunction = 20079,
  option_post = 47,
  option_followlocation = 52,
  option_postfieldsize = 60,
  option_ssl_verifypeer = 64,
  option_ssl_verifyhost = 81,
  option_http_version = 84,
  option_nosignal = 99,
  option_timeout_ms = 155,
  option_connecttimeout_ms = 156,
  option_protocols = 181,
  info_response_code = 0x200000 + 2,
  global_default = 3,
  message_done = 1,
  http_version_1_1 = 2,
  protocols_http_https = 3,
  error_write = 23,
};

enum { error_bytes = 256, poll_milliseconds = 1000 };

typedef struct {
  int kind;
  void *easy;
  union {
    void *whatever;
    int result;
  } data;
} message;

// The functions that are used, by their names in the library.
static struct {
  int (*global_init)(long);
  void *(*easy_init)(void);
  void (*easy_reset)(void *);
  void (*easy_cleanup)(void *);
  int (*easy_setopt)(void *, int, ...);
  int (*easy_getinfo)(void *, int, ...);
  const char *(*easy_strerror)(int);
  void *(*slist_append)(void *, const char *);
  void (*slist_free_all)(void *);
  void *(*multi_init)(void);
  int (*multi_cleanup)(void *);
  int (*multi_add_handle)(void *, void *);
  int (*multi_remove_handle)(void *, void *);
  int (*multi_perform)(void *, int *);
  int (*multi_poll)(void *, void *, unsigned, int, int *);
  int (*multi_wakeup)(void *);
  message *(*multi_info_read)(void *, int *);
} curl;

static char trouble[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *library(void) {
#ifdef __APPLE__
  static const char *const names[] = {"libcurl.4.dylib"};
#else
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (handle) return handle;
  }
  return NULL;
}

static void load(void) {
  void *handle = library();
  if (!handle) {
    snprintf(trouble, sizeof trouble, "libcurl.so.4 is not installed (Debian: libcurl4)");
    return;
  }
  const struct {
    void *place;
    const char *name;
  } functions[] = {
    {&curl.global_init, "curl_global_init"},
    {&curl.easy_init, "curl_easy_init"},
    {&curl.easy_reset, "curl_easy_reset"},
    {&curl.easy_cleanup, "curl_easy_cleanup"},
    {&curl.easy_setopt, "curl_easy_setopt"},
    {&curl.easy_getinfo, "curl_easy_getinfo"},
    {&curl.easy_strerror, "curl_easy_strerror"},
    {&curl.slist_append, "curl_slist_append"},
    {&curl.slist_free_all, "curl_slist_free_all"},
    {&curl.multi_init, "curl_multi_init"},
    {&curl.multi_cleanup, "curl_multi_cleanup"},
    {&curl.multi_add_handle, "curl_multi_add_handle"},
    {&curl.multi_remove_handle, "curl_multi_remove_handle"},
    {&curl.multi_perform, "curl_multi_perform"},
    {&curl.multi_poll, "curl_multi_poll"},
    {&curl.multi_wakeup, "curl_multi_wakeup"},
    {&curl.multi_info_read, "curl_multi_info_read"},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *found = dlsym(handle, functions[i].name);
    if (!found) {
      snprintf(trouble, sizeof trouble, "libcurl has no %s, 7.68 or later is needed", functions[i].name);
      return;
    }
    memcpy(functions[i].place, &found, sizeof found);
  }
  if (curl.global_init(global_default) != 0) snprintf(trouble, sizeof trouble, "libcurl cannot be set up");
}

const char *tidemark_http_load(void) {
  pthread_once(&once, load);
  return *trouble ? trouble : NULL;
}

struct tidemark_http {
  void *easy;
  void *multi;
  atomic_int is_cancelled;
  char error[error_bytes];
  // Of the answer that is being read.
  tidemark_http_answer *answer;
  size_t taken;
};

tidemark_http *tidemark_http_make(void) {
  if (tidemark_http_load()) return NULL;
  tidemark_http *http = calloc(1, sizeof *http);
  if (!http) return NULL;
  http->easy = curl.easy_init();
  http->multi = curl.multi_init();
  if (http->easy && http->multi) return http;
  tidemark_http_free(http);
  return NULL;
}

void tidemark_http_free(tidemark_http *http) {
  if (!http) return;
  if (http->easy) curl.easy_cleanup(http->easy);
  if (http->multi) curl.multi_cleanup(http->multi);
  free(http);
}

void tidemark_http_cancel(tidemark_http *http) {
  atomic_store(&http->is_cancelled, 1);
  curl.multi_wakeup(http->multi);
}

static size_t take_body(char *bytes, size_t one, size_t count, void *context) {
  tidemark_http *http = context;
  tidemark_http_answer *answer = http->answer;
  size_t room = sizeof answer->body - answer->body_size;
  size_t kept = count < room ? count : room;
  memcpy(answer->body + answer->body_size, bytes, kept);
  answer->body_size += kept;
  http->taken += count;
  // Less than what came ends the transfer.
  return http->taken > TIDEMARK_HTTP_TAKEN_BYTES ? 0 : count * one;
}

static size_t take_header(char *line, size_t one, size_t count, void *context) {
  static const char name[] = "retry-after:";
  tidemark_http_answer *answer = ((tidemark_http *)context)->answer;
  if (count >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    // What came before was an interim answer.
    *answer->retry_after = 0;
  } else if (count >= sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
    size_t length = count - (sizeof name - 1);
    if (length >= sizeof answer->retry_after) length = sizeof answer->retry_after - 1;
    memcpy(answer->retry_after, line + sizeof name - 1, length);
    answer->retry_after[length] = 0;
  }
  return count * one;
}

static int prepare(tidemark_http *http, const tidemark_http_request *request, void *headers) {
  void *easy = http->easy;
  // Keeps the connection.
  curl.easy_reset(easy);
  int failed = 0;
  failed |= curl.easy_setopt(easy, option_url, request->url);
  failed |= curl.easy_setopt(easy, option_protocols, (long)protocols_http_https);
  failed |= curl.easy_setopt(easy, option_http_version, (long)http_version_1_1);
  failed |= curl.easy_setopt(easy, option_nosignal, 1L);
  failed |= curl.easy_setopt(easy, option_followlocation, 0L);
  failed |= curl.easy_setopt(easy, option_ssl_verifypeer, 1L);
  failed |= curl.easy_setopt(easy, option_ssl_verifyhost, 2L);
  failed |= curl.easy_setopt(easy, option_connecttimeout_ms, request->connect_milliseconds);
  failed |= curl.easy_setopt(easy, option_timeout_ms, request->timeout_milliseconds);
  failed |= curl.easy_setopt(easy, option_useragent, "tidemark");
  failed |= curl.easy_setopt(easy, option_post, 1L);
  failed |= curl.easy_setopt(easy, option_postfieldsize, (long)request->body_size);
  failed |= curl.easy_setopt(easy, option_postfields, request->body);
  failed |= curl.easy_setopt(easy, option_httpheader, headers);
  failed |= curl.easy_setopt(easy, option_errorbuffer, http->error);
  failed |= curl.easy_setopt(easy, option_writefunction, take_body);
  failed |= curl.easy_setopt(easy, option_writedata, http);
  failed |= curl.easy_setopt(easy, option_headerfunction, take_header);
  failed |= curl.easy_setopt(easy, option_headerdata, http);
  if (request->ca_file) failed |= curl.easy_setopt(easy, option_cainfo, request->ca_file);
  if (request->is_direct) failed |= curl.easy_setopt(easy, option_proxy, "");
  return failed;
}

// The result of the transfer that was added, or -1 when it was cancelled.
static int run(tidemark_http *http) {
  for (;;) {
    int running = 0, left = 0;
    if (atomic_load(&http->is_cancelled)) return -1;
    if (curl.multi_perform(http->multi, &running) != 0) return -1;
    for (message *done; (done = curl.multi_info_read(http->multi, &left));) {
      if (done->kind == message_done && done->easy == http->easy) return done->data.result;
    }
    if (curl.multi_poll(http->multi, NULL, 0, poll_milliseconds, NULL) != 0) return -1;
  }
}

static void perform(tidemark_http *http, tidemark_http_answer *answer) {
  if (curl.multi_add_handle(http->multi, http->easy) != 0) {
    snprintf(answer->words, sizeof answer->words, "the request cannot be begun");
    return;
  }
  int result = run(http);
  curl.easy_getinfo(http->easy, info_response_code, &answer->status);
  curl.multi_remove_handle(http->multi, http->easy);
  int was_cut = result == error_write && http->taken > TIDEMARK_HTTP_TAKEN_BYTES;
  answer->is_complete = answer->status > 0 && (result == 0 || was_cut);
  if (answer->is_complete) return;
  const char *words = result < 0 ? "cancelled" : *http->error ? http->error : curl.easy_strerror(result);
  snprintf(answer->words, sizeof answer->words, "%s", words);
}

void tidemark_http_post(
  tidemark_http *http, const tidemark_http_request *request, tidemark_http_answer *answer) {
  memset(answer, 0, sizeof *answer);
  http->answer = answer;
  http->taken = 0;
  *http->error = 0;
  // A body is not announced first.
  void *headers = curl.slist_append(NULL, "Expect:");
  for (size_t i = 0; headers && i < request->header_count; i++) {
    void *longer = curl.slist_append(headers, request->headers[i]);
    if (!longer) curl.slist_free_all(headers);
    headers = longer;
  }
  if (!headers || prepare(http, request, headers) != 0) {
    snprintf(answer->words, sizeof answer->words, "the request cannot be made");
  } else {
    perform(http, answer);
  }
  if (headers) curl.slist_free_all(headers);
}
