/* A load on the reliable socket: framed metrics events, within the credit, until all are acknowledged.

   usage: load_reliable ENDPOINT COUNT [MODELS [SOURCE]]

   Greets with a head, and sends when that is acknowledged. Between two sends it looks for acks, and waits
   for one when the credit is used up. Nothing alarms. It expects no connection to break: what was sent is
   not kept. Prints one line of JSON; ends after 120 s in any case. */

#include <stdbool.h>
#include <unistd.h>

#include "framed.h"

enum { HEAD_DESCRIPTOR_BYTES = 128, EVENTS_BETWEEN_ACKS = 64, PATIENCE_MS = 20000 };
enum { ACK = 35 };

typedef struct {
  void *socket;
  source self;
  uint64_t acked, credit, acks;
} lane;

static void send_frame(const lane *of, const void *bytes, size_t size, int flags) {
  require(zmq_send(of->socket, bytes, size, flags) >= 0, "zmq_send");
}

static void greet(lane *of) {
  char topic[TOPIC_BYTES + 1], descriptor[HEAD_DESCRIPTOR_BYTES];
  uint8_t header[HEADER_BYTES];
  begin_header(header, HEAD, 3, of->self.epoch);
  number_header(header, of->self.last, 0, unix_ns());
  put_big_endian(header + 40, 0, 8);
  const int topic_size = snprintf(topic, sizeof topic, "head/-/-/%s", of->self.name);
  const int size = snprintf(descriptor, sizeof descriptor, "{\"dropped\":0,\"interval_ms\":60000,\"first\":\"%llu\"}",
                            (unsigned long long)of->acked + 1);
  send_frame(of, topic, (size_t)topic_size, ZMQ_SNDMORE);
  send_frame(of, header, HEADER_BYTES, ZMQ_SNDMORE);
  send_frame(of, descriptor, (size_t)size, 0);
}

/* Takes one message; false when there is none within the time. A nack ends the load. */
static bool take_ack(lane *of, int patience_ms) {
  char topic[TOPIC_BYTES + 1], descriptor[1024];
  uint8_t header[HEADER_BYTES];
  set_option(of->socket, ZMQ_RCVTIMEO, patience_ms);
  if (zmq_recv(of->socket, topic, sizeof topic, 0) < 0) return false;
  require(zmq_recv(of->socket, header, sizeof header, 0) == HEADER_BYTES, "a header");
  const int size = zmq_recv(of->socket, descriptor, sizeof descriptor - 1, 0);
  require(size > 0, "a descriptor");
  descriptor[(size_t)size < sizeof descriptor ? (size_t)size : sizeof descriptor - 1] = '\0';
  if (header[6] != ACK) fail("refused: %s", descriptor);
  const char *credit = strstr(descriptor, "\"credit\":");
  if (credit == NULL) fail("an ack without credit: %s", descriptor);
  of->credit = strtoull(credit + strlen("\"credit\":"), NULL, 10);
  of->acked = big_endian(header + 24);
  of->acks++;
  return true;
}

int main(int count, char **arguments) {
  if (count < 3 || count > 5) fail("usage: load_reliable ENDPOINT COUNT [MODELS [SOURCE]]");
  const uint64_t events = parse_count("COUNT", arguments[2], 1, 1000000000);
  const uint64_t models = count > 3 ? parse_count("MODELS", arguments[3], 1, 10000) : 100;
  alarm(PATIENCE_S);
  void *context = zmq_ctx_new();
  lane to = {.socket = zmq_socket(context, ZMQ_DEALER)};
  require(to.socket != NULL, "zmq_socket");
  set_option(to.socket, ZMQ_SNDHWM, 0);
  set_option(to.socket, ZMQ_LINGER, 0);
  require(zmq_connect(to.socket, arguments[1]) == 0, "zmq_connect");
  to.self = make_source(count > 4 ? arguments[4] : "reliable", 0, 1);
  topic *topics = allocate(models, sizeof *topics);
  for (uint64_t i = 0; i < models; i++) {
    char model[32];
    snprintf(model, sizeof model, "model-%llu", (unsigned long long)i);
    topics[i] = make_topic("metrics", model, &to.self);
  }
  uint8_t header[HEADER_BYTES];
  begin_header(header, METRICS, 4, to.self.epoch);
  greet(&to);
  if (!take_ack(&to, PATIENCE_MS)) fail("the head was not acknowledged");

  const uint64_t start = monotonic_ns();
  while (to.self.last < events) {
    const bool is_used_up = to.self.last - to.acked >= to.credit;
    if (is_used_up || to.self.last % EVENTS_BETWEEN_ACKS == 0) {
      if (is_used_up && !take_ack(&to, PATIENCE_MS)) fail("no ack with %llu sent", (unsigned long long)to.self.last);
      while (take_ack(&to, 0)) continue;
      if (to.self.last - to.acked >= to.credit) continue;
    }
    const double values[2] = {clamp(0.93 + 0.03 * normal(), 0.86, 1), clamp(120 + 25 * normal(), 20, 199)};
    topic *on = &topics[to.self.last % models];
    take_number(on, header, unix_ns());
    send_frame(&to, on->name, on->size, ZMQ_SNDMORE);
    send_frame(&to, header, HEADER_BYTES, ZMQ_SNDMORE);
    send_frame(&to, METRICS_DESCRIPTOR, strlen(METRICS_DESCRIPTOR), ZMQ_SNDMORE);
    send_frame(&to, values, sizeof values, 0);
  }
  while (to.acked < events)
    if (!take_ack(&to, PATIENCE_MS)) fail("acknowledged up to %llu only", (unsigned long long)to.acked);
  printf("{\"sent\":%llu,\"acks\":%llu,\"seconds\":%.9f}\n", (unsigned long long)events,
         (unsigned long long)to.acks, (double)(monotonic_ns() - start) * 1e-9);
  zmq_close(to.socket);
  zmq_ctx_term(context);
  return 0;
}
