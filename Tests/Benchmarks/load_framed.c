/* A bounded load in the framed encoding: as fast as it is taken, or at a rate; losing none, or counting
   what it drops.

   usage: load_framed ENDPOINT metrics|features COUNT [--OPTION VALUE …]

     --models N    models, one topic each for every source              100 (metrics), 1 (features)
     --sources N   sources, each with an epoch and numbers of its own   1
     --name TEXT   the source's name; with several, each gets a number  load
     --end TEXT    the model of the last event                          end
     --rate N      events a second, in small bursts; 0 is unpaced       0
     --drop 1      what the socket does not take at once is dropped, and has taken its number
     --heads 1     a head of every source each second, and head and bye at the end; --drop implies it
     --raw 1       writes ZMTP into a plain socket itself, at a fraction of libzmq's cost
     --calm 1      nothing ever alarms but the last event; else one event in a thousand, one batch of the ring
     --hold 1      having sent and told everything, keeps the connection until SIGTERM
     --rows N, --columns N, --type FP64|FP32, --ring N   of the batches: 1000, 100, FP64, 4

   Waits for a subscription first. Messages are prepared beforehand; before each send only epoch, number,
   times and values are written in. Batches lie in a ring and are sent from where they lie.
   `features` sends one baseline for each model and source, then COUNT batches. The last event of all is of
   a source of its own, NAME-end, for the model `end` with an accuracy of 0: its alert tells that all
   before it on this connection was handled. SIGTERM ends the events, and what ends them is sent. Prints one
   line of JSON; ends after 120 s and the time that the rate takes in any case. */

#include <getopt.h>
#include <stdbool.h>

#include "sink.h"

enum {
  METRICS_HIGH_WATER_MARK = 10000,
  FEATURES_HIGH_WATER_MARK = 4, /* a batch is megabytes */
  DIFFERENT_VALUES = 1000,
  EVENTS_BETWEEN_CLOCKS = 64,
  PAUSE_NS = 500000,
  HEADS_NS = 1000000000,
};

typedef struct {
  const char *endpoint, *name, *end;
  bool is_metrics, drops, has_heads, is_raw, is_calm, holds, is_single;
  uint64_t count, models, sources, rate, rows, columns, ring;
} options;

typedef struct {
  options asked;
  sink *to;
  source *sources;
  topic *topics;
  frame descriptor;
  frame *batches; /* of features */
  double values[DIFFERENT_VALUES][2];
  uint8_t header[HEADER_BYTES];
  int64_t time;
  uint64_t numbered, sent, dropped, controls;
} load;

/* MARK: Preparing */

static frame lasting(text of) { return (frame){of.bytes, of.size, true}; }

static frame features_descriptor(const options *asked) {
  text made = {0};
  append(&made, "{\"feature_names\":[");
  for (uint64_t c = 0; c < asked->columns; c++)
    append(&made, "%s\"feature_%llu\"", c ? "," : "", (unsigned long long)c);
  append(&made, "],\"tensors\":[{\"name\":\"rows\",\"datatype\":\"%s\",\"shape\":[%llu,%llu]}]}",
         asked->is_single ? "FP32" : "FP64", (unsigned long long)asked->rows, (unsigned long long)asked->columns);
  return lasting(made);
}

/* Normal values; the first column moved by `shift` deviations. */
static frame batch(const options *asked, double shift) {
  const uint64_t count = asked->rows * asked->columns;
  const size_t size = asked->is_single ? sizeof(float) : sizeof(double);
  void *values = allocate(count, size);
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t column = i % asked->columns;
    const double value = feature(column, column == 0 ? shift : 0);
    if (asked->is_single)
      ((float *)values)[i] = (float)value;
    else
      ((double *)values)[i] = value;
  }
  return (frame){values, count * size, true};
}

/* One baseline and the ring; its last drifts in one column, so an alert opens and resolves once a round. */
static void prepare_batches(load *of) {
  const options *asked = &of->asked;
  of->descriptor = features_descriptor(asked);
  of->batches = allocate(asked->ring + 1, sizeof *of->batches);
  for (uint64_t i = 0; i <= asked->ring; i++)
    of->batches[i] = batch(asked, i == asked->ring && asked->ring > 1 && !asked->is_calm ? 2.5 : 0);
}

/* All healthy (0.855 and 200 ms are the limits) but one in a thousand, whose latency alarms. */
static void prepare_values(load *of) {
  of->descriptor = (frame){METRICS_DESCRIPTOR, strlen(METRICS_DESCRIPTOR), true};
  for (int i = 0; i < DIFFERENT_VALUES; i++) {
    of->values[i][0] = clamp(0.93 + 0.03 * normal(), 0.86, 1);
    of->values[i][1] = i + 1 == DIFFERENT_VALUES && !of->asked.is_calm ? 250 : clamp(120 + 25 * normal(), 20, 199);
  }
}

static void prepare_topics(load *of) {
  const options *asked = &of->asked;
  of->sources = allocate(asked->sources, sizeof *of->sources);
  of->topics = allocate(asked->sources * asked->models, sizeof *of->topics);
  for (uint64_t s = 0; s < asked->sources; s++) {
    of->sources[s] = make_source(asked->name, s, asked->sources == 1);
    for (uint64_t m = 0; m < asked->models; m++) {
      char model[32];
      snprintf(model, sizeof model, asked->is_metrics ? "model-%03llu" : "batches-%llu", (unsigned long long)m);
      /* One model after the other, then the next source. */
      of->topics[s * asked->models + m] =
          make_topic(asked->is_metrics ? "metrics" : "features", model, &of->sources[s]);
    }
  }
}

/* MARK: Sending */

/* Sends the next message of a topic, whose number it takes in any case; whether it was sent. */
static bool send_numbered(load *of, topic *to, const frame *tensor, bool may_drop) {
  put_big_endian(of->header + 16, to->from->epoch, 8);
  take_number(to, of->header, of->time);
  of->numbered++;
  const frame frames[] = {{to->name, to->size, false}, {of->header, HEADER_BYTES, false}, of->descriptor, *tensor};
  if (send_message(of->to, frames, 4, may_drop)) {
    of->sent++;
    return true;
  }
  to->from->dropped++;
  of->dropped++;
  return false;
}

static topic *topic_of(load *of, uint64_t event) {
  return &of->topics[event % (of->asked.models * of->asked.sources)];
}

static bool send_event(load *of, uint64_t event) {
  const options *asked = &of->asked;
  if (!asked->is_metrics) {
    const frame *ring = of->batches + 1;
    return send_numbered(of, topic_of(of, event), &ring[event % asked->ring], asked->drops);
  }
  const frame tensor = {of->values[event % DIFFERENT_VALUES], sizeof of->values[0], false};
  return send_numbered(of, topic_of(of, event), &tensor, asked->drops);
}

/* An event that the publisher was asked for, and drops without asking its socket. */
static void drop_event(load *of, uint64_t event) {
  topic *to = topic_of(of, event);
  to->previous = ++to->from->last;
  to->from->dropped++;
  of->numbered++;
  of->dropped++;
}

static void send_control(load *of, int kind, const source *from, bool may_drop) {
  const bool is_head = kind == HEAD;
  char name[TOPIC_BYTES];
  text descriptor = {0};
  append(&descriptor, "{\"dropped\":%llu%s}", (unsigned long long)from->dropped,
         is_head ? ",\"interval_ms\":1000" : "");
  uint8_t header[HEADER_BYTES];
  begin_header(header, kind, 3, from->epoch);
  number_header(header, from->last, 0, unix_ns());
  const size_t size = (size_t)snprintf(name, sizeof name, "%s/-/-/%s", is_head ? "head" : "bye", from->name);
  const frame frames[] = {
      {name, size, false}, {header, sizeof header, false}, {descriptor.bytes, descriptor.size, false}};
  if (send_message(of->to, frames, 3, may_drop)) of->controls++;
  free(descriptor.bytes);
}

static void send_heads(load *of, bool may_drop) {
  for (uint64_t s = 0; s < of->asked.sources; s++) send_control(of, HEAD, &of->sources[s], may_drop);
}

static void send_baselines(load *of) {
  begin_header(of->header, BASELINE, 4, 0);
  for (uint64_t i = 0; i < of->asked.models * of->asked.sources; i++) {
    /* The numbers are the source's; the topic has a word of its own. */
    topic to = of->topics[i];
    to.size = (size_t)snprintf(to.name, sizeof to.name, "baseline%s", strchr(of->topics[i].name, '/'));
    send_numbered(of, &to, &of->batches[0], false);
  }
}

/* How many events are due; all of them without a rate. */
static uint64_t due(const options *asked, uint64_t elapsed_ns) {
  if (asked->rate == 0) return asked->count;
  const double number = (double)elapsed_ns * 1e-9 * (double)asked->rate;
  return number < (double)asked->count ? (uint64_t)number : asked->count;
}

static void send_events(load *of) {
  const options *asked = &of->asked;
  const uint64_t start = monotonic_ns();
  uint64_t heads_at = start + HEADS_NS;
  if (asked->has_heads) send_heads(of, asked->drops);
  for (uint64_t event = 0; event < asked->count && stops == 0;) {
    const uint64_t now = monotonic_ns();
    of->time = unix_ns();
    if (asked->has_heads && now >= heads_at) {
      send_heads(of, asked->drops);
      heads_at += HEADS_NS;
    }
    const uint64_t ready = due(asked, now - start);
    if (ready == event) {
      flush(of->to);
      pause_ns(PAUSE_NS);
      continue;
    }
    const uint64_t end = ready - event > EVENTS_BETWEEN_CLOCKS ? event + EVENTS_BETWEEN_CLOCKS : ready;
    while (event < end)
      if (!send_event(of, event++) && asked->rate > 0)
        /* Full now is full for all that is due by now. */
        while (event < ready) drop_event(of, event++);
  }
}

/* Nothing of this is dropped: the receiver is to know the last numbers. */
static void send_end(load *of) {
  const options *asked = &of->asked;
  of->time = unix_ns();
  if (asked->has_heads) {
    send_heads(of, false);
    for (uint64_t s = 0; s < asked->sources; s++) send_control(of, BYE, &of->sources[s], false);
  }
  char name[64];
  snprintf(name, sizeof name, "%.40s-end", asked->name);
  source last = make_source(name, 0, true);
  topic to = make_topic("metrics", asked->end, &last);
  const double values[2] = {0, 100};
  of->descriptor = (frame){METRICS_DESCRIPTOR, strlen(METRICS_DESCRIPTOR), true};
  begin_header(of->header, METRICS, 4, 0);
  send_numbered(of, &to, &(frame){values, sizeof values, false}, false);
}

/* MARK: The command line */

static options parse(int count, char **arguments) {
  if (count < 4) fail("usage: load_framed ENDPOINT metrics|features COUNT [--OPTION VALUE ...]");
  const bool is_metrics = strcmp(arguments[2], "metrics") == 0;
  if (!is_metrics && strcmp(arguments[2], "features") != 0) fail("'%s', want metrics or features", arguments[2]);
  options asked = {
      .endpoint = arguments[1], .name = "load", .end = "end", .is_metrics = is_metrics,
      .count = parse_count("COUNT", arguments[3], 0, 1000000000), .models = is_metrics ? 100 : 1,
      .sources = 1, .rows = 1000, .columns = 100, .ring = 4,
  };
  enum { MODELS, SOURCES, NAME, END, RATE, DROP, HEADS, RAW, CALM, HOLD, ROWS, COLUMNS, TYPE, RING };
  static const struct option known[] = {
      {"models", 1, NULL, MODELS}, {"sources", 1, NULL, SOURCES}, {"name", 1, NULL, NAME},
      {"end", 1, NULL, END},       {"rate", 1, NULL, RATE},       {"drop", 1, NULL, DROP},
      {"heads", 1, NULL, HEADS},   {"raw", 1, NULL, RAW},         {"rows", 1, NULL, ROWS},
      {"columns", 1, NULL, COLUMNS}, {"type", 1, NULL, TYPE},     {"ring", 1, NULL, RING},
      {"calm", 1, NULL, CALM},     {"hold", 1, NULL, HOLD},    {NULL, 0, NULL, 0},
  };
  optind = 4;
  for (int found; (found = getopt_long(count, arguments, "", known, NULL)) != -1;) {
    switch (found) {
      case MODELS: asked.models = parse_count("--models", optarg, 1, 1000000); break;
      case SOURCES: asked.sources = parse_count("--sources", optarg, 1, 4096); break;
      case NAME: asked.name = optarg; break;
      case END: asked.end = optarg; break;
      case RATE: asked.rate = parse_count("--rate", optarg, 0, 1000000000); break;
      case DROP: asked.drops = parse_count("--drop", optarg, 0, 1); break;
      case HEADS: asked.has_heads = parse_count("--heads", optarg, 0, 1); break;
      case RAW: asked.is_raw = parse_count("--raw", optarg, 0, 1); break;
      case CALM: asked.is_calm = parse_count("--calm", optarg, 0, 1); break;
      case HOLD: asked.holds = parse_count("--hold", optarg, 0, 1); break;
      case ROWS: asked.rows = parse_count("--rows", optarg, 1, 100000); break;
      case COLUMNS: asked.columns = parse_count("--columns", optarg, 1, 65536); break;
      case RING: asked.ring = parse_count("--ring", optarg, 1, 1000); break;
      case TYPE:
        asked.is_single = strcmp(optarg, "FP32") == 0;
        if (!asked.is_single && strcmp(optarg, "FP64") != 0) fail("--type '%s', want FP64 or FP32", optarg);
        break;
      default: fail("options stand at the head of load_framed.c");
    }
  }
  if (optind != count) fail("'%s' is no option", arguments[optind]);
  if (asked.drops && asked.is_raw) fail("a plain socket refuses nothing: --drop or --raw, not both");
  asked.has_heads |= asked.drops;
  return asked;
}

int main(int count, char **arguments) {
  static load made;
  load *of = &made;
  of->asked = parse(count, arguments);
  const options *asked = &of->asked;
  alarm((unsigned)(PATIENCE_S + (asked->rate > 0 ? asked->count / asked->rate : 0)));
  count_stops();
  if (asked->is_metrics)
    prepare_values(of);
  else
    prepare_batches(of);
  of->to = open_sink(asked->endpoint, asked->is_raw,
                     asked->is_metrics ? METRICS_HIGH_WATER_MARK : FEATURES_HIGH_WATER_MARK);
  prepare_topics(of);

  const uint64_t start_ns = monotonic_ns();
  of->time = unix_ns();
  if (!asked->is_metrics) send_baselines(of);
  begin_header(of->header, asked->is_metrics ? METRICS : FEATURES, 4, 0);
  send_events(of);
  const double paced_seconds = (double)(monotonic_ns() - start_ns) * 1e-9;
  send_end(of);
  flush(of->to);
  const double seconds = (double)(monotonic_ns() - start_ns) * 1e-9;
  const uint64_t bytes = of->to->bytes;
  const double processor_seconds = (double)processor_us() * 1e-6;
  /* Without a receiver that is waited for, what is told is what has gone out. */
  if (!asked->holds) close_sink(of->to);

  /* Whoever reads the line may tell at once. */
  const sig_atomic_t before = stops;
  printf("{\"sent\": %llu, \"numbered\": %llu, \"dropped\": %llu, \"controls\": %llu, \"bytes\": %llu, "
         "\"start_ns\": %llu, \"paced_seconds\": %.6f, \"seconds\": %.6f, \"processor_seconds\": %.6f}\n",
         (unsigned long long)(of->sent + of->controls), (unsigned long long)of->numbered,
         (unsigned long long)of->dropped, (unsigned long long)of->controls, (unsigned long long)bytes,
         (unsigned long long)start_ns, paced_seconds, seconds, processor_seconds);
  if (asked->holds) {
    fflush(stdout);
    hold(before);
    close_sink(of->to);
  }
  return 0;
}
