/* A bounded load: publishes events in the plain encoding as fast as they are taken, losing none.

   usage: load ENDPOINT metrics COUNT [MODELS [RING]] [hold]
          load ENDPOINT features COUNT [ROWS [COLUMNS [RING]]] [hold]

   Connects an XPUB, waits for the subscription, and sends with ZMQ_XPUB_NODROP, which makes a full
   queue wait instead of drop. A ring of different messages is rendered beforehand; from one round of
   it to the next only id, time and sequence change, in place and at their fixed width.

   `metrics` sends COUNT events. `features` sends one baseline, then COUNT batches. Both end with an
   event for the model `end` whose accuracy is 0, so that its alert tells when all were handled.
   Prints one line of JSON; with `hold`, keeps its connection until SIGTERM then. Ends after 120 s in any
   case. */

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "common.h"

enum {
  METRICS_HIGH_WATER_MARK = 10000,
  FEATURES_HIGH_WATER_MARK = 4, /* a batch is megabytes */
  DIGITS = 10,
  TIME_BYTES = 27, /* 2026-01-01T00:00:00.000000Z */
};

/* The first sequence number: DIGITS wide from the start, so without leading zeros. */
#define FIRST_SEQUENCE 1000000001ull

/* A message whose id, time and sequence are written in place before each send. */
typedef struct {
  char topic[64];
  size_t topic_size;
  text body;
  size_t id_at, time_at, sequence_at;
} event;

/* MARK: Rendering */

/* Begins an event; what follows is its data and a closing brace. */
static event begin(const char *kind, const char *model) {
  event made = {0};
  made.topic_size = (size_t)snprintf(made.topic, sizeof made.topic, "%s/%s/-/load", kind, model);
  text *body = &made.body;
  append(body, "{\"specversion\":\"1.0\",\"id\":\"load-");
  made.id_at = body->size;
  append(body, "%0*d\",\"source\":\"load\",\"type\":\"tidemark.%s.v1\",\"subject\":\"%s\",\"time\":\"", DIGITS, 0,
         kind, model);
  made.time_at = body->size;
  append(body, "%*s\",\"sequence\":\"", TIME_BYTES, "");
  made.sequence_at = body->size;
  append(body, "%0*d\",\"data\":", DIGITS, 0);
  return made;
}

static event metrics_event(const char *model, double accuracy, double latency_ms) {
  event made = begin("metrics", model);
  append(&made.body, "{\"accuracy\":%.4f,\"latency_ms\":%.3f}}", accuracy, latency_ms);
  return made;
}

/* As Python's json writes a float: the fewest digits that read back as the same double. */
static void append_number(text *to, double value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%.16g", value);
  if (strtod(digits, NULL) != value) snprintf(digits, sizeof digits, "%.17g", value);
  append(to, "%s", digits);
}

/* {"feature_names": […], "rows": […]} of normal values; the first column moved by `shift` deviations. */
static void append_matrix(text *to, uint64_t rows, uint64_t columns, double shift) {
  append(to, "{\"feature_names\":[");
  for (uint64_t c = 0; c < columns; c++) append(to, "%s\"feature_%llu\"", c ? "," : "", (unsigned long long)c);
  append(to, "],\"rows\":[");
  for (uint64_t r = 0; r < rows; r++) {
    append(to, r ? ",[" : "[");
    for (uint64_t c = 0; c < columns; c++) {
      if (c) append(to, ",");
      append_number(to, feature(c, c == 0 ? shift : 0));
    }
    append(to, "]");
  }
  append(to, "]}");
}

static event *metrics_ring(uint64_t models, uint64_t size) {
  event *ring = allocate(size, sizeof *ring);
  for (uint64_t i = 0; i < size; i++) {
    char model[32];
    snprintf(model, sizeof model, "model-%03llu", (unsigned long long)(i % models));
    /* All healthy (0.855 and 200 ms are the limits) but one in a thousand, whose latency alarms. */
    const bool spikes = i % 1000 == 999;
    ring[i] = metrics_event(model, clamp(0.93 + 0.03 * normal(), 0.86, 1),
                            spikes ? 250 : clamp(120 + 25 * normal(), 20, 199));
  }
  return ring;
}

static event *features_ring(uint64_t rows, uint64_t columns, uint64_t size) {
  event *ring = allocate(size, sizeof *ring);
  for (uint64_t i = 0; i < size; i++) {
    ring[i] = begin("features", "batches");
    /* The last of the ring drifts in one column: an alert opens and resolves once a round. */
    append_matrix(&ring[i].body, rows, columns, i + 1 == size && size > 1 ? 2.5 : 0);
    append(&ring[i].body, "}");
  }
  return ring;
}

/* MARK: Sending */

static void write_digits(char *at, uint64_t value, int width) {
  while (width-- > 0) {
    at[width] = (char)('0' + value % 10);
    value /= 10;
  }
}

/* The event time: that of the start and a microsecond more for each event. */
static void write_time(char *at, uint64_t number) {
  static time_t start, cached = -1;
  static char seconds[32];
  if (start == 0) start = time(NULL);
  const time_t now = start + (time_t)(number / 1000000);
  if (now != cached) {
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S.", &parts);
    cached = now;
  }
  memcpy(at, seconds, 20);
  write_digits(at + 20, number % 1000000, 6);
  at[26] = 'Z';
}

static uint64_t sent = 0, sent_bytes = 0;

static void send_frame(void *socket, const void *bytes, size_t size, int flags) {
  while (zmq_send(socket, bytes, size, flags) < 0) require(zmq_errno() == EINTR, "zmq_send");
}

static void send_event(void *socket, event *event) {
  char *body = event->body.bytes;
  write_digits(body + event->id_at, FIRST_SEQUENCE + sent, DIGITS);
  write_digits(body + event->sequence_at, FIRST_SEQUENCE + sent, DIGITS);
  write_time(body + event->time_at, sent);
  send_frame(socket, event->topic, event->topic_size, ZMQ_SNDMORE);
  send_frame(socket, body, event->body.size, 0);
  sent++;
  sent_bytes += event->topic_size + event->body.size;
}

int main(int count, char **arguments) {
  const char *usage =
      "usage: load ENDPOINT metrics COUNT [MODELS [RING]] [hold]\n"
      "       load ENDPOINT features COUNT [ROWS [COLUMNS [RING]]] [hold]";
  const bool holds = count > 1 && strcmp(arguments[count - 1], "hold") == 0;
  if (holds) count--;
  count_stops();
  if (count < 4) fail("%s", usage);
  const bool is_metrics = strcmp(arguments[2], "metrics") == 0;
  if ((!is_metrics && strcmp(arguments[2], "features") != 0) || count > (is_metrics ? 6 : 7)) fail("%s", usage);
  alarm(PATIENCE_S);

  const uint64_t events = parse_count("COUNT", arguments[3], 1, 100000000);
  event *ring, baseline = {0}, last = metrics_event("end", 0, 100);
  uint64_t ring_size;
  if (is_metrics) {
    const uint64_t models = count > 4 ? parse_count("MODELS", arguments[4], 1, 1000) : 100;
    ring_size = count > 5 ? parse_count("RING", arguments[5], 1, 1000000) : 1000;
    ring = metrics_ring(models, ring_size);
  } else {
    const uint64_t rows = count > 4 ? parse_count("ROWS", arguments[4], 1, 100000) : 1000;
    const uint64_t columns = count > 5 ? parse_count("COLUMNS", arguments[5], 1, 65536) : 100;
    ring_size = count > 6 ? parse_count("RING", arguments[6], 1, 1000) : 4;
    baseline = begin("baseline", "batches");
    append(&baseline.body, "{\"accuracy\":0.95,\"features\":");
    append_matrix(&baseline.body, rows, columns, 0);
    append(&baseline.body, "}}");
    ring = features_ring(rows, columns, ring_size);
  }

  void *context = zmq_ctx_new();
  require(context != NULL, "zmq_ctx_new");
  void *socket = connect_publisher(
      context, arguments[1], is_metrics ? METRICS_HIGH_WATER_MARK : FEATURES_HIGH_WATER_MARK);

  const uint64_t start_ns = monotonic_ns();
  if (!is_metrics) send_event(socket, &baseline);
  for (uint64_t i = 0, place = 0; i < events; i++, place = place + 1 == ring_size ? 0 : place + 1)
    send_event(socket, &ring[place]);
  send_event(socket, &last);
  const uint64_t end_ns = monotonic_ns();
  const double processor_seconds = (double)processor_us() * 1e-6;
  if (!holds) {
    zmq_close(socket);
    zmq_ctx_term(context);
  }

  /* Whoever reads the line may tell at once. */
  const sig_atomic_t before = stops;
  const double seconds = (double)(end_ns - start_ns) * 1e-9;
  printf("{\"sent\": %llu, \"bytes\": %llu, \"start_ns\": %llu, \"seconds\": %.6f, "
         "\"processor_seconds\": %.6f}\n",
         (unsigned long long)sent, (unsigned long long)sent_bytes,
         (unsigned long long)start_ns, seconds, processor_seconds);
  if (holds) {
    fflush(stdout);
    hold(before);
    zmq_close(socket);
    zmq_ctx_term(context);
  }
  return 0;
}
