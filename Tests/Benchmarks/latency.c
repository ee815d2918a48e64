/* From an event sent to its alert received: one process that publishes and subscribes, on one clock.

   usage: latency INGEST OUTPUT SAMPLES INTERVAL_US

   Connects an XPUB to INGEST and a SUB to OUTPUT. Sends a framed metrics event of the model `probe` whose
   latency alternates between 250 ms and 100 ms, so that every one opens or resolves an alert; waits for
   the alert that names it as its cause; then waits INTERVAL_US, half more or less at random, and goes on.
   The time runs from before the first frame is handed to libzmq until after the last frame of the alert
   was taken from it. The first alerts, until the connections stand, are not counted.
   Prints one line of JSON with every sample in ns; ends after 120 s in any case. */

#include <stdbool.h>
#include <unistd.h>

#include "framed.h"

enum { WARM_UP_SAMPLES = 50, WARM_UP_PATIENCE_MS = 200, PATIENCE_MS = 20000, MOST_TRIES = 50 };

typedef struct {
  void *publisher, *subscriber;
  source self;
  topic to;
  uint8_t header[HEADER_BYTES];
} prober;

static void send_event(prober *of) {
  const double values[2] = {0.95, of->self.last % 2 == 0 ? 250 : 100};
  take_number(&of->to, of->header, unix_ns());
  require(zmq_send(of->publisher, of->to.name, of->to.size, ZMQ_SNDMORE) >= 0, "zmq_send");
  require(zmq_send(of->publisher, of->header, HEADER_BYTES, ZMQ_SNDMORE) >= 0, "zmq_send");
  require(zmq_send(of->publisher, METRICS_DESCRIPTOR, strlen(METRICS_DESCRIPTOR), ZMQ_SNDMORE) >= 0, "zmq_send");
  require(zmq_send(of->publisher, values, sizeof values, 0) >= 0, "zmq_send");
}

/* Whether the alert that the last event caused came in time. */
static bool await_alert(prober *of, int patience_ms) {
  char cause[64], body[4096];
  const int cause_size = snprintf(cause, sizeof cause, "\"%llu-%llu\"", (unsigned long long)of->self.epoch,
                                  (unsigned long long)of->self.last);
  set_option(of->subscriber, ZMQ_RCVTIMEO, patience_ms);
  for (;;) {
    int more = 1, size = 0;
    size_t more_size = sizeof more;
    while (more) {
      size = zmq_recv(of->subscriber, body, sizeof body, 0);
      if (size < 0) return false;
      require(zmq_getsockopt(of->subscriber, ZMQ_RCVMORE, &more, &more_size) == 0, "zmq_getsockopt");
    }
    const size_t kept = (size_t)size < sizeof body ? (size_t)size : sizeof body;
    if (memmem(body, kept, cause, (size_t)cause_size) != NULL) return true;
  }
}

int main(int count, char **arguments) {
  if (count != 5) fail("usage: latency INGEST OUTPUT SAMPLES INTERVAL_US");
  const uint64_t samples = parse_count("SAMPLES", arguments[3], 1, 1000000);
  const uint64_t interval_ns = 1000 * parse_count("INTERVAL_US", arguments[4], 0, 1000000);
  alarm(PATIENCE_S);
  uint64_t *times = allocate(samples, sizeof *times);

  void *context = zmq_ctx_new();
  require(context != NULL, "zmq_ctx_new");
  prober of = {.publisher = connect_publisher(context, arguments[1], 1000), .self = make_source("prober", 0, 1)};
  of.to = make_topic("metrics", "probe", &of.self);
  begin_header(of.header, METRICS, 4, of.self.epoch);
  of.subscriber = zmq_socket(context, ZMQ_SUB);
  require(of.subscriber != NULL, "zmq_socket");
  set_option(of.subscriber, ZMQ_LINGER, 0);
  require(zmq_setsockopt(of.subscriber, ZMQ_SUBSCRIBE, "alert/probe/", 12) == 0, "subscribe");
  connect_and_await_handshake(context, of.subscriber, arguments[2]);

  int tries = 0;
  do {
    if (++tries > MOST_TRIES) fail("no alert came back");
    send_event(&of);
  } while (!await_alert(&of, WARM_UP_PATIENCE_MS));
  for (uint64_t i = 0; i < WARM_UP_SAMPLES + samples; i++) {
    pause_ns((uint64_t)((0.5 + uniform()) * (double)interval_ns));
    const uint64_t begun = monotonic_ns();
    send_event(&of);
    if (!await_alert(&of, PATIENCE_MS)) fail("no alert within %d ms", PATIENCE_MS);
    if (i >= WARM_UP_SAMPLES) times[i - WARM_UP_SAMPLES] = monotonic_ns() - begun;
  }
  zmq_close(of.publisher);
  zmq_close(of.subscriber);
  zmq_ctx_term(context);

  printf("{\"sent\": %llu, \"latencies_ns\": [", (unsigned long long)of.self.last);
  for (uint64_t i = 0; i < samples; i++) printf("%s%llu", i ? "," : "", (unsigned long long)times[i]);
  printf("]}\n");
  return 0;
}
